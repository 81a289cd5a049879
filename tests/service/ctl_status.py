#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdumpctl status, verify and test: what they find, in text and JSON, and the crash that only a confirmation brings.

    tests/service/ctl_status.py KDUMPCTL [TEST]...
"""
import json
import os
import unittest

import ctl_case

GOOD_PROBE = "/x: can be written to; 5368709120 bytes are free\n"
CRASH = "[  12.5] sysrq: Trigger a crash\n[  12.6] Kernel panic - not syncing: sysrq triggered crash\n"


class Status(ctl_case.System):
    def setUp(self):
        super().setUp()
        self.fake("kdump--probe.says", GOOD_PROBE)

    def json(self, *options, status=0):
        result = self.run_ctl("status", "--json", *options)
        if "json-c" in result.stderr:
            raise unittest.SkipTest("built without json-c")
        self.assertEqual(result.returncode, status, result.stderr)
        return json.loads(result.stdout)

    def text(self, *options, status=0):
        result = self.run_ctl("status", *options)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertLess(len(result.stdout.splitlines()), 25)
        return result.stdout

    def dump(self, name, core="vmcore", log=CRASH):
        self.put("var/crash/%s/%s" % (name, core), "x" * 5000)
        if log:
            self.put("var/crash/%s/vmcore-dmesg.txt" % name, log)


class Image(Status):
    def test_not_loaded(self):
        text = self.text(status=3)
        self.assertIn("NOT OPERATIONAL", text)
        self.assertIn("NOT LOADED", text)
        status = self.json(status=3)
        self.assertEqual((status["operational"], status["image"]["loaded"]), (False, False))
        self.assertEqual(status["image"]["state"], "none")
        self.assertEqual(self.calls("--verify"), [])

    def test_no_reservation(self):
        self.put("sys/kernel/kexec_crash_size", "0\n")
        self.assertIn("kdumpctl reset-crashkernel", self.text(status=3))
        self.assertEqual(self.json(status=3)["reserved"], 0)

    def test_good(self):
        self.start()
        text = self.text()
        for part in ("operational", "loaded and intact", "256 MiB", "up to date       yes", "0 events",
                     "/var/crash: not tried yet",
                     "no dump is here", "/boot/vmlinuz-" + self.release):
            self.assertIn(part, text)
        self.assertNotIn("NOT", text)
        status = self.json()
        self.assertEqual(status["reserved"], 256 << 20)
        image = status["image"]
        self.assertEqual((image["state"], image["ours"], image["up_to_date"], image["outdated"], image["loads"]),
                         ("intact", True, True, [], 1))
        self.assertRegex(image["loaded_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("panic=10", image["command_line"])
        self.assertEqual(status["configuration"], {"path": self.at("etc/kdump.conf"), "good": True})
        self.assertEqual(status["targets"], [{"name": "/var/crash", "probed": False}])

    def test_damaged(self):
        self.start()
        self.fake("kexec--verify.fail", 3)
        self.fake("kexec--verify.says", "initrd: damaged\n")
        text = self.text(status=3)
        self.assertIn("NOT OPERATIONAL", text)
        self.assertIn("initrd: damaged", text)
        image = self.json(status=3)["image"]
        self.assertEqual((image["state"], image["text"]), ("damaged", "initrd: damaged"))

    def test_cannot_tell(self):
        self.start()
        self.fake("kexec--verify.fail", 1)
        self.fake("kexec--verify.says", "/proc/kcore does not show that memory\n")
        self.assertIn("/proc/kcore does not show", self.text())
        self.assertEqual(self.json()["image"]["state"], "unknown")
        self.fake("kexec--verify.fail", 139)
        self.assertEqual(self.json()["image"]["state"], "unknown")

    def test_another_program_loaded_it(self):
        self.put("sys/kernel/kexec_crash_loaded", "1\n")
        self.assertIn("another program loaded it", self.text())
        self.assertNotIn("kernel", self.json()["image"])

    def test_new_sysfs_places(self):
        """Linux 6.19 has them below /sys/kernel/kexec."""
        os.unlink(self.at("sys/kernel/kexec_crash_size"))
        os.unlink(self.at("sys/kernel/kexec_crash_loaded"))
        self.put("sys/kernel/kexec/crash_size", "%d\n" % (1 << 30))
        self.put("sys/kernel/kexec/crash_loaded", "1\n")
        self.assertIn("1.0 GiB", self.text())

    def test_outdated(self):
        changes = (("CPUs", lambda: self.machine("0-1", 0x7fffffff)),
                   ("memory", lambda: self.machine("0-3", 0x8fffffff)),
                   ("kernel", lambda: os.unlink(self.at("boot/vmlinuz-" + self.release))),
                   ("initramfs", lambda: self.put("var/lib/kdump/initrd.img-" + self.release, "other")),
                   ("configuration", lambda: self.put("etc/default/kdump", 'KDUMP_COMMANDLINE_APPEND="x"\n')))
        for what, change in changes:
            self.put("boot/vmlinuz-" + self.release, "kernel")
            self.machine("0-3", 0x7fffffff)
            if os.path.exists(self.at("etc/default/kdump")):
                os.unlink(self.at("etc/default/kdump"))
            self.good("restart")
            change()
            self.assertEqual(self.json()["image"]["outdated"], [what])
            self.assertIn("NO: changed since then: %s;" % what, self.text())

    def test_events(self):
        self.start()
        self.good("hotplug-event")
        self.assertIn("1 events, not all of them looked at yet", self.text())
        image = self.json()["image"]
        self.assertEqual((image["events"], image["events_covered"]), (1, 0))
        self.good("hotplug-reload", "--quiet=0")
        self.assertEqual(self.json()["image"]["events_covered"], 1)

    def test_kernel_updates(self):
        self.put("sys/devices/system/cpu/crash_hotplug", "1\n")
        self.start()
        self.machine("0-9", 0xffffffff)
        self.assertIn("the kernel itself follows", self.text())
        self.assertTrue(self.json()["image"]["up_to_date"])

    def test_configuration(self):
        self.start()
        self.put("etc/kdump.conf", "nonsense\n")
        self.assertIn("kdump.conf:1:", self.text())
        status = self.json()
        self.assertFalse(status["configuration"]["good"])
        self.assertIn("kdump.conf:1:", status["configuration"]["error"])
        self.assertNotIn("targets", status)


class Targets(Status):
    def test_verify_then_status(self):
        self.start()
        self.assertIn("/var/crash: can be written to, room: 5.0 GiB", self.good("verify").stdout)
        self.assertEqual(self.calls("--probe"), [["kdump", "save", "--probe", "--conf", self.at("etc/kdump.conf"),
                                                  self.at("var/crash")]])
        self.forget()
        self.assertIn("/var/crash: can be written to, room: 5.0 GiB", self.text())
        target = self.json()["targets"][0]
        self.assertEqual((target["ok"], target["room"], target["text"]), (True, 5 << 30, "can be written to"))
        self.assertEqual(self.calls("--probe"), [])
        self.fake("kdump--probe.fail", 1)
        self.fake("kdump--probe.says", "kdump: /var/crash: Read-only file system\n")
        self.assertIn("FAILS: kdump: /var/crash: Read-only file system", self.text("--probe"))
        self.assertIn("can be written to", self.text())
        self.assertIn("NOT OK", self.fails("verify").stdout)
        target = self.json()["targets"][0]
        self.assertEqual((target["ok"], "room" in target), (False, False))
        self.put("etc/kdump.conf", "path /elsewhere\n")
        self.assertFalse(self.json()["targets"][0]["probed"])

    def test_unknown_room(self):
        self.start()
        self.fake("kdump--probe.says", "https://x: can be written to; how much room there is it does not tell\n")
        self.good("verify")
        target = self.json()["targets"][0]
        self.assertEqual((target["ok"], "room" in target), (True, False))

    def test_every_kind(self):
        disk = self.at("dev/vdr")
        self.put("dev/vdr", "x" * 4096)
        self.put("dev/disk/by-uuid/1234-ABCD", "x")
        self.put("secret", "x\ny\n")
        ctl_case.write(os.path.join(self.fakes, "mount"), ctl_case.FAKE)
        ctl_case.write(os.path.join(self.fakes, "umount"), ctl_case.FAKE)
        for name in ("mount", "umount"):
            os.chmod(os.path.join(self.fakes, name), 0o755)
        self.put("etc/kdump.conf", "path /dumps\nraw /dev/vdr\nssh u@server\nhttps https://web/x\nxfs /dev/vdb1\next4 "
                 "UUID=1234-ABCD\n"
                 "nfs srv:/export\n")
        self.good("rebuild")
        self.forget()
        probes = {target["name"]: target for target in self.json("--probe", status=3)["targets"]}
        self.assertEqual(len(probes), 6)
        self.assertEqual([name for name, target in probes.items() if not target["ok"]], [])
        asked = [call[-1] for call in self.calls("--probe")]
        place = self.at("run/kdump/probe/dumps")
        self.assertEqual(asked, ["sftp://u@server/dumps", "https://web/x", self.at("data/dumps"), place, place])
        self.assertEqual(probes["raw partition /dev/vdr"]["room"], 4096)
        self.assertEqual(os.path.getsize(disk), 4096)
        mounts = [call for call in self.calls() if call[0] == "mount"]
        self.assertEqual(mounts[0], ["mount", "-t", "ext4", "UUID=1234-ABCD", self.at("run/kdump/probe")])
        self.assertEqual(mounts[1][:3] + mounts[1][5:], ["mount", "-t", "nfs", "srv:/export",
                                                         self.at("run/kdump/probe")])
        self.assertEqual(len([call for call in self.calls() if call[0] == "umount"]), 2)
        self.assertIn("mounted for the while", probes["/dumps on UUID=1234-ABCD (ext4)"]["text"])

    def test_failing_kinds(self):
        ctl_case.write(os.path.join(self.fakes, "mount"), ctl_case.FAKE)
        os.chmod(os.path.join(self.fakes, "mount"), 0o755)
        self.fake("mount.fail", 32)
        self.fake("mount.says", "mount.nfs: Connection timed out\n")
        self.put("etc/kdump.conf", "raw /dev/gone\nnfs srv:/export\n")
        texts = [target["text"] for target in self.json("--probe", status=3)["targets"]]
        self.assertIn("No such file", texts[0])
        self.assertIn("cannot be mounted: mount.nfs: Connection timed out", texts[1])
        self.put("dev/gone", "")
        self.assertIn("has no size", self.json("--probe", status=3)["targets"][0]["text"])

    def test_path_that_cannot_be_made(self):
        self.put("var", "a file\n")
        self.assertIn("FAILS: cannot make the folder", self.text("--probe", status=3))


class LastCrash(Status):
    def test_newest(self):
        self.start()
        self.dump("127.0.0.1-2026-11-20-10:00:00")
        self.dump("127.0.0.1-2026-11-21-10:00:00")
        text = self.text()
        self.assertIn("dump complete", text)
        self.assertIn("127.0.0.1-2026-11-21-10:00:00", text)
        self.assertIn("sysrq", text)
        status = self.json()
        crash = status["last_crash"]
        self.assertEqual(status["dumps"], 2)
        self.assertEqual((crash["time"], crash["complete"], crash["has_dump"]), ("2026-11-21T10:00:00Z", True, True))
        self.assertIn("Kernel panic - not syncing: sysrq triggered crash", crash["reason"])

    def test_incomplete_and_missing(self):
        self.start()
        self.dump("127.0.0.1-2026-11-21-10:00:00", core="vmcore-incomplete", log=None)
        self.assertIn("dump INCOMPLETE", self.text())
        self.assertNotIn("reason", self.json()["last_crash"])
        self.put("var/crash/127.0.0.1-2026-11-22-10:00:00/vmcore-dmesg.txt", CRASH)
        self.assertIn("dump MISSING", self.text())


class Verify(Status):
    def test_damaged_is_loaded_again(self):
        self.start()
        self.fake("kexec--verify.fail", 3)
        self.fake("kexec--verify.times", 1)
        self.assertIn("loading it again", self.good("verify").stderr)
        self.assertEqual(len(self.loads()), 1)
        self.assertEqual(self.record("verified")["image"], "intact")

    def test_damaged_for_good(self):
        self.start()
        self.fake("kexec--verify.fail", 3)
        self.fake("kexec-p.fail", 1)
        self.assertIn("NOT OK", self.fails("verify", says="stays loaded").stdout)
        self.assertEqual(self.record("verified")["image"], "damaged")

    def test_not_loaded(self):
        self.assertIn("NOT OK", self.fails("verify").stdout)
        self.assertEqual(self.loads(), [])

    def test_configuration(self):
        self.start()
        self.put("etc/kdump.conf", "nonsense\n")
        self.assertIn("kdump.conf:1:", self.fails("verify").stdout)
        self.assertEqual(self.calls("--probe"), [])
        self.assertIn("kdump.conf:1:", self.record("verified")["configuration-error"])

    def test_prunes(self):
        self.put("etc/kdump.conf", "keep count=1\n")
        self.start()
        self.dump("127.0.0.1-2026-11-20-10:00:00")
        self.dump("127.0.0.1-2026-11-21-10:00:00")
        self.good("verify")
        self.assertEqual(os.listdir(self.at("var/crash")), ["127.0.0.1-2026-11-21-10:00:00"])


class Test(Status):
    def setUp(self):
        super().setUp()
        self.start()
        self.trigger = self.at("proc/sysrq-trigger")

    def rows(self, *options, status=0, **more):
        result = self.run_ctl("test", *options, **more)
        self.assertEqual(result.returncode, status, (result.stdout, result.stderr))
        rows = {line[9:27].strip(): (line[:8].strip(), line[28:]) for line in result.stdout.splitlines()}
        self.assertEqual([name for name, row in rows.items() if row[0] not in ("ok", "FAILED")], [])
        return rows, result.stderr

    def failed(self, name, *says):
        rows, _ = self.rows(status=1)
        self.assertEqual(rows[name][0], "FAILED", rows)
        for text in says:
            self.assertIn(text, rows[name][1])

    def test_good(self):
        rows, _ = self.rows()
        self.assertEqual(set(rows), {"configuration", "reservation", "kernel", "initramfs fresh",
                                     "initramfs complete", "size",
                                     "capture kernel", "up to date", "target"})
        self.assertEqual(ctl_case.read(self.trigger), "")
        self.assertEqual(self.loads() + self.calls("-f"), [])

    def test_little_room(self):
        self.fake("kdump--probe.says", "/var/crash: can be written to; 104857600 bytes are free\n")
        self.put("proc/meminfo", "MemTotal: 1048576 kB\nMemFree: 524288 kB\nCached: 204800 kB\nAnonPages: 204800 kB\n")
        target = self.rows()[0]["target"]
        self.assertEqual(target, ("ok", "/var/crash: can be written to, room: 100 MiB; the kernel uses 112 MiB, "
                                  "a dump of that may not fit"))
        self.fake("kdump--probe.says", "/var/crash: can be written to; 204857600 bytes are free\n")
        self.assertNotIn("fit", self.rows()[0]["target"][1])

    def test_each_failure(self):
        self.fake("kdumpmkinitramfs--check.fail", 1)
        self.fake("kdumpmkinitramfs--check.says", "kdump: virtio_blk.ko is missing\n")
        self.failed("initramfs complete", "virtio_blk.ko is missing")
        self.unfake("kdumpmkinitramfs--check.fail")
        self.fake("kdumpmkinitramfs--stale.fail", 1)
        self.failed("initramfs fresh")
        self.unfake("kdumpmkinitramfs--stale.fail")
        self.fake("kexec--verify.fail", 3)
        self.failed("capture kernel", "DAMAGED")
        self.unfake("kexec--verify.fail")
        self.fake("kdump--probe.fail", 1)
        self.failed("target")
        self.unfake("kdump--probe.fail")
        self.put("sys/kernel/kexec_crash_size", "%d\n" % (16 << 20))
        self.failed("size")
        self.put("sys/kernel/kexec_crash_size", "0\n")
        self.failed("reservation", "reset-crashkernel")
        self.put("sys/kernel/kexec_crash_size", "%d\n" % (256 << 20))
        self.machine("0-8", 0x7fffffff)
        self.failed("up to date", "CPUs")
        self.put("sys/kernel/kexec_crash_loaded", "0\n")
        self.failed("capture kernel", "kdumpctl start")
        os.unlink(self.at("boot/vmlinuz-" + self.release))
        self.failed("kernel", "not there")
        self.put("etc/kdump.conf", "nonsense\n")
        self.failed("configuration", "kdump.conf:1:")

    def test_crash(self):
        for answer in ("", "yes\n", "crash!\n", "CRASH\n"):
            self.assertIn("not confirmed", self.rows("--crash", status=1, stdin=answer)[1])
            self.assertEqual(ctl_case.read(self.trigger), "")
        self.assertIn('Type "crash"', self.rows("--crash", stdin="crash\n")[1])
        self.assertEqual(ctl_case.read(self.trigger), "c")

    def test_crash_without_question(self):
        self.rows("--crash", "--yes")
        self.assertEqual(ctl_case.read(self.trigger), "c")

    def test_no_crash_when_it_would_be_for_nothing(self):
        self.fake("kdump--probe.fail", 1)
        self.assertIn("not all is well", self.rows("--crash", "--yes", status=1)[1])
        self.unfake("kdump--probe.fail")
        self.put("sys/kernel/kexec_crash_loaded", "0\n")
        self.assertIn("would not capture it", self.rows("--crash", "--yes", status=1)[1])
        self.assertEqual(ctl_case.read(self.trigger), "")

    def test_through_no_link(self):
        os.unlink(self.trigger)
        self.put("elsewhere", "")
        os.symlink(self.at("elsewhere"), self.trigger)
        self.assertIn("sysrq-trigger", self.rows("--crash", "--yes", status=1)[1])
        self.assertEqual(ctl_case.read(self.at("elsewhere")), "")

    def test_yes_alone(self):
        self.fails("test", "--yes", says="--crash")


if __name__ == "__main__":
    ctl_case.main()
