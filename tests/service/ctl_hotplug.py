#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdumpctl hotplug-event, hotplug-reload: no event is lost, whatever the order of steps; a burst costs few loads.

    tests/service/ctl_hotplug.py KDUMPCTL AT_CALL.so [TEST]...

What systemd does of it (kdump-hotplug.path: start the service whenever the file is there and the service is not
running) is done here by a loop; the units themselves are tested in guests.
"""
import os
import shutil
import subprocess
import sys
import threading
import time

import ctl_case

AT_CALL = None
QUICK = ["hotplug-reload", "--quiet=0", "--at-most=20"]


class Hotplug(ctl_case.System):
    def setUp(self):
        super().setUp()
        self.start()
        self.present = self.at("sys/devices/system/cpu/present")
        self.pending = self.at("run/kdump/hotplug.pending")

    def cpus(self, last):
        """The file is replaced: the kernel never shows half of it."""
        ctl_case.write(self.present + ".new", "0-%d\n" % last)
        os.rename(self.present + ".new", self.present)

    def loaded(self):
        return ctl_case.read(os.path.join(self.fakes, "loaded")).strip()

    def events(self):
        return os.path.getsize(self.at("run/kdump/hotplug"))

    def path_unit(self, *worker):
        """Until there is nothing pending any more; how often the service was started."""
        starts = 0
        while os.path.exists(self.pending):
            self.good(*(worker or QUICK))
            starts += 1
            self.assertLess(starts, 20)
        return starts

    def covered(self, last):
        self.assertEqual(self.loaded(), "0-%d" % last)
        self.assertEqual(self.record()["cpus"], "0-%d" % last)
        self.assertEqual(int(self.record()["events"]), self.events())


class Events(Hotplug):
    def test_one(self):
        self.cpus(4)
        self.good("hotplug-event")
        self.assertEqual(self.events(), 1)
        self.assertEqual(self.path_unit(), 1)
        self.covered(4)
        self.assertEqual(len(self.loads()), 1)
        self.assertEqual(self.calls("-u") + self.calls("kdump"), [])

    def test_memory(self):
        self.machine("0-3", 0xffffffff)
        self.good("hotplug-event")
        self.path_unit()
        self.assertEqual(len(self.loads()), 1)

    def test_nothing_changed(self):
        for _ in range(3):
            self.good("hotplug-event")
        self.path_unit()
        self.assertEqual(self.loads(), [])
        self.covered(3)

    def test_nothing_loaded(self):
        self.good("stop")
        self.forget()
        self.good("hotplug-event")
        self.assertIn("nothing to do", self.good(*QUICK).stdout)
        self.assertEqual(self.calls(), [])
        self.assertFalse(os.path.exists(self.pending))

    def test_before_anything(self):
        for name in ("loaded", "digests", "hotplug"):
            if os.path.exists(self.at("run/kdump/" + name)):
                os.unlink(self.at("run/kdump/" + name))
        shutil.rmtree(self.at("run/kdump"))
        self.good("hotplug-event")
        self.assertEqual(self.events(), 1)

    def test_loaded_by_another(self):
        os.unlink(self.at("run/kdump/loaded"))
        self.good("hotplug-event")
        self.fails(*QUICK, says=["another program", "kdumpctl start"])
        self.assertEqual(self.loads(), [])

    def test_configuration_is_being_edited(self):
        """Following the machine needs no configuration: the record has all."""
        self.put("etc/kdump.conf", "half a li")
        self.cpus(5)
        self.good("hotplug-event")
        self.path_unit()
        self.covered(5)

    def test_kexec_is_busy_for_a_while(self):
        self.fake("kexec-p.fail", 1)
        self.fake("kexec-p.times", 2)
        self.fake("kexec-p.says", "kexec: another program is loading a kernel\n")
        self.cpus(6)
        self.good("hotplug-event")
        self.path_unit()
        self.covered(6)
        self.assertEqual(len(self.loads()), 3)

    def test_kexec_fails(self):
        before = ctl_case.read(self.at("run/kdump/loaded"))
        self.fake("kexec-p.fail", 1)
        self.cpus(6)
        self.good("hotplug-event")
        self.fails(*QUICK, says=["trying again", "stays loaded"])
        self.assertEqual(ctl_case.read(self.at("run/kdump/loaded")), before)
        self.assertEqual(self.loaded(), "0-3")
        self.unfake("kexec-p.fail")
        self.good("verify")
        self.assertEqual(self.loaded(), "0-6")

    def test_start_covers(self):
        """Events while "start" builds and loads are looked at by the worker afterwards, and found covered."""
        self.cpus(7)
        self.good("hotplug-event")
        self.good("start")
        self.assertEqual(len(self.loads()), 1)
        self.path_unit()
        self.assertEqual(len(self.loads()), 1)
        self.covered(7)

    def test_waits_for_quiet(self):
        """Events that come while it waits are loaded for together."""
        self.cpus(4)
        self.good("hotplug-event")
        worker = subprocess.Popen(self.command("hotplug-reload", "--quiet=1500", "--at-most=60000"),
                                  env=self.environment(),
                                  stdout=subprocess.DEVNULL)
        for last in range(5, 10):
            while os.path.exists(self.pending):
                time.sleep(0.005)
            self.cpus(last)
            self.good("hotplug-event")
            os.unlink(self.pending)
        self.assertEqual(worker.wait(timeout=60), 0)
        self.covered(9)
        self.assertEqual(len(self.loads()), 1)

    def test_unchanged_files_are_not_read_again(self):
        record = self.record()
        self.cpus(4)
        self.good("hotplug-event")
        self.path_unit()
        for key in ("kernel-digest", "initramfs-digest", "kernel-identity", "initramfs-identity"):
            self.assertTrue(record[key])
            self.assertEqual(self.record()[key], record[key])
        # In place of the file, with the same size: it must be noticed.
        self.put("boot/vmlinuz-" + self.release, "KERNEL")
        self.cpus(5)
        self.good("hotplug-event")
        self.path_unit()
        self.assertNotEqual(self.record()["kernel-digest"], record["kernel-digest"])


class Burst(Hotplug):
    def test_thousand(self):
        """From parallel processes, the machine changing with every one, while kexec takes its time."""
        workers, each = 8, 125
        self.fake("kexec-p.sleep", "0.2")
        number, lock = [3], threading.Lock()
        done, failed, starts = threading.Event(), [], [0]

        def udev():
            for _ in range(each):
                with lock:
                    number[0] += 1
                    self.cpus(number[0])
                if subprocess.run(self.command("hotplug-event"), env=self.environment(), check=False).returncode:
                    failed.append("event")

        def systemd():
            while not done.is_set() or os.path.exists(self.pending):
                if os.path.exists(self.pending):
                    starts[0] += 1
                    if self.run_ctl("hotplug-reload", "--quiet=200", "--at-most=1000").returncode:
                        failed.append("worker")
                else:
                    time.sleep(0.002)

        threads = [threading.Thread(target=udev) for _ in range(workers)]
        unit = threading.Thread(target=systemd)
        unit.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        unit.join()
        self.assertEqual(failed, [])
        self.assertEqual(self.events(), workers * each)
        self.covered(3 + workers * each)
        # How many a burst costs depends on how long it lasts: one for each second that "at most" is, and the last one.
        self.assertLess(len(self.loads()), 40)
        print("1,000 events: %d loads, %d starts of the service" % (len(self.loads()), starts[0]))


class Orders(Hotplug):
    """The last event comes between any two steps of the worker; the worker runs between any two steps of an event."""

    def shell(self, *arguments):
        return "exec " + " ".join("'%s'" % word for word in self.command(*arguments))

    def with_step(self, number, what, *arguments):
        count = os.path.join(self.tmp, "count")
        more = {"LD_PRELOAD": AT_CALL, "AT_CALL": str(number), "AT_CALL_COMMAND": what, "AT_CALL_COUNT": count,
                "AT_CALL_PROGRAM": "kdumpctl"}
        result = subprocess.run(self.command(*arguments), env=dict(self.environment(), **more), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        return int(ctl_case.read(count))

    def every_step(self, what, *arguments):
        number, calls = 1, 1
        while number <= calls:
            self.cpus(1000)
            self.good("hotplug-event")
            if arguments[0] == "hotplug-event":
                self.good(*QUICK)
                self.cpus(2000 + number)
            change = "{ echo 0-%d >'%s'; %s; } >/dev/null" % (2000 + number, self.present, what)
            calls = self.with_step(number, change, *arguments)
            # How often it waits is not the same every time: that was one call too many.
            if calls < number:
                break
            self.path_unit()
            self.covered(2000 + number)
            number += 1
        return number - 1

    def test_event_between_steps_of_the_worker(self):
        steps = self.every_step(self.shell("hotplug-event"), *QUICK)
        self.assertGreater(steps, 40)
        print("an event in front of each of %d calls of the worker" % steps)

    def test_worker_between_steps_of_an_event(self):
        steps = self.every_step(self.shell(*QUICK), "hotplug-event")
        self.assertGreater(steps, 4)
        print("a worker in front of each of %d calls of an event" % steps)

    def test_event_between_steps_of_a_start(self):
        steps = self.every_step(self.shell("hotplug-event"), "restart")
        self.assertGreater(steps, 40)
        print("an event in front of each of %d calls of a start" % steps)


if __name__ == "__main__":
    AT_CALL = os.path.abspath(sys.argv.pop(2))
    ctl_case.main()
