#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdumpctl start, stop, restart, reload, rebuild: what is run, what is kept when something fails, every exit status.

    tests/service/ctl.py KDUMPCTL [TEST]...
"""
import fcntl
import os
import shutil
import subprocess
import time

import ctl_case


class Usage(ctl_case.System):
    def test_help_and_version(self):
        self.assertIn("kdumpctl start", self.good("--help").stdout)
        self.assertIn("--early", self.good("start", "--help").stdout)
        self.assertRegex(self.good("--version").stdout, r"^kdumpctl \(parachute\) [0-9.]+\n$")

    def test_wrong_arguments(self):
        for arguments in (["nonsense"], ["start", "now"], ["stop", "-x"], ["restart", "x"], ["reload", "x"],
                          ["rebuild", "x"], ["status", "--xml"], ["hotplug-event", "x"], ["verify", "x"],
                          ["hotplug-reload", "--quiet=soon"],
                          ["hotplug-reload", "--at-most=99999999"], ["test", "--burn"], ["status", "--json", "x"]):
            result = self.fails(*arguments)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertEqual(self.calls(), [])
        for options in (["--conf"], ["--wait", "soon", "status"], ["--wait=99999999", "status"],
                        ["--nonsense", "status"], []):
            result = subprocess.run([ctl_case.KDUMPCTL, *options], env=self.environment(), stderr=subprocess.PIPE,
                                    timeout=60)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1))


class Fetch(ctl_case.System):
    """Dumps on raw partitions become folders when the service starts."""

    def setUp(self):
        super().setUp()
        self.put("etc/kdump.conf", "raw /dev/vdx\nraw /dev/vdy\n")

    def test_each_partition_is_asked_after_loading(self):
        self.fake("kdumpfetch.says", "/dev/vdx: fetched to /var/crash/127.0.0.1-2026-01-01-00:00:00\n")
        self.assertIn("fetched to /var/crash", self.good("start").stdout)
        self.assertEqual(self.calls("fetch"), [["kdump", "fetch", "/dev/vd" + x, self.at("var/crash")] for x in "xy"])
        names = [call[0] + call[1] for call in self.calls()]
        self.assertLess(names.index("kexec--sysroot=" + self.root), names.index("kdumpfetch"), names)

    def test_nobody_waits_for_it(self):
        """It takes hours; CPUs and memory come and go meanwhile, and what follows them must not be kept waiting."""
        self.fake("kdumpfetch.sleep", 3)
        slow = subprocess.Popen(self.command("start"), env=self.environment(), stdout=subprocess.DEVNULL)
        while not self.calls("fetch"):
            time.sleep(0.02)
        self.good("--wait", "0", "reload")
        self.assertEqual(slow.wait(), 0)

    def test_an_incomplete_dump_is_fetched_too(self):
        self.fake("kdumpfetch.fail", 3)
        self.fake("kdumpfetch.says", "/dev/vdx: fetched to /var/crash/x\n")
        self.assertIn("fetched to /var/crash/x", self.good("start").stdout)
        self.assertEqual(self.calls("--prepare"), [])

    def test_what_has_no_mark_gets_one_or_is_told(self):
        self.fake("kdumpfetch.fail", 1)
        self.fake("kdumpfetch.says", "kdump: /dev/vdx: is no place for dumps\n")
        self.assertEqual(self.good("start").stderr.count("is no place"), 0)
        self.forget()
        self.fake("kdumpfetch--prepare.fail", 1)
        self.fake("kdumpfetch--prepare.says", "kdump: /dev/vdx: holds an ext4 file system\n")
        result = self.good("restart")
        self.assertEqual(self.calls("--prepare"), [["kdump", "fetch", "--prepare", "/dev/vd" + x] for x in "xy"])
        self.assertEqual(result.stderr.count("is no place for dumps; kdump: /dev/vdx: holds an ext4"), 2)
        self.assertEqual(len(self.loads()), 1)

    def test_not_early(self):
        self.start()
        self.forget()
        self.good("start", "--early")
        self.assertEqual(self.calls("fetch"), [])


class Start(ctl_case.System):
    def test_builds_and_loads(self):
        result = self.good("start")
        self.assertIn("loaded: ", result.stdout)
        initramfs = self.at("var/lib/kdump/initrd.img-" + self.release)
        build = self.calls("kdump", "mkinitramfs", "-f")
        self.assertEqual(build, [["kdump", "mkinitramfs", "--sysroot", self.root, "--conf", self.at("etc/kdump.conf"),
                                  "--kernel",
                                  self.release, "-f", initramfs]])
        self.assertEqual(len(self.loads()), 1)
        load = self.loads()[0]
        self.assertEqual(load[-1], self.at("boot/vmlinuz-" + self.release))
        self.assertIn("--initrd=" + initramfs, load)
        self.assertIn("--sysroot=" + self.root, load)
        self.assertNotIn("--hotplug", load)
        self.assertEqual(os.stat(os.path.dirname(initramfs)).st_mode & 0o777, 0o700)
        record = self.record()
        self.assertEqual((record["cpus"], record["loads"], record["events"]), ("0-3", "1", "0"))
        self.assertEqual(os.stat(self.at("run/kdump/loaded")).st_mode & 0o777, 0o600)

    def test_again_is_quiet(self):
        self.start()
        self.assertIn("already loaded and up to date", self.good("start").stdout)
        self.assertEqual(self.loads(), [])
        self.assertEqual(self.calls("-f"), [])
        self.assertEqual(len(self.calls("--stale")), 1)

    def test_restart_loads_over(self):
        self.start()
        self.good("restart")
        self.assertEqual(len(self.loads()), 1)
        self.assertEqual(self.calls("-u"), [])
        self.assertEqual(self.record()["loads"], "2")

    def test_loads_again_when_something_changed(self):
        changes = {
            "CPUs": lambda: self.machine("0-5", 0x7fffffff),
            "memory": lambda: self.machine("0-5", 0xbfffffff),
            "kernel": lambda: self.put("boot/vmlinuz-" + self.release, "another kernel"),
            "configuration": lambda: self.put("etc/kdump.conf", "path /var/crashes\n"),
            "command line": lambda: self.put("proc/cmdline", "root=/dev/vdb crashkernel=256M\n"),
            "initramfs": lambda: self.put("var/lib/kdump/initrd.img-" + self.release, "another"),
        }
        self.start()
        for what, change in changes.items():
            change()
            self.good("start")
            self.assertEqual(len(self.loads()), 1, what)
            self.forget()

    def test_one_that_another_program_loaded(self):
        self.put("sys/kernel/kexec_crash_loaded", "1\n")
        self.good("start")
        self.assertEqual(len(self.loads()), 1)

    def test_stale_initramfs(self):
        self.start()
        self.fake("kdumpmkinitramfs--stale.fail", 1)
        self.fake("kdumpmkinitramfs--stale.says", "/etc/kdump.conf has changed\n")
        result = self.good("start")
        self.assertIn("building", result.stderr)
        self.assertIn("/etc/kdump.conf has changed", result.stderr)
        self.assertEqual(len(self.calls("-f")), 1)

    def test_force(self):
        self.start()
        self.put("etc/kdump.conf", "force_rebuild 1\n")
        self.good("start")
        self.assertEqual((len(self.calls("-f")), self.calls("--stale")), (1, []))
        self.forget()
        self.put("etc/kdump.conf", "force_no_rebuild 1\n")
        self.fake("kdumpmkinitramfs--stale.fail", 1)
        self.good("start")
        self.assertEqual((self.calls("-f"), self.calls("--stale"), len(self.loads())), ([], [], 1))

    def test_early(self):
        self.assertIn("kdump.service builds", self.good("start", "--early").stdout)
        self.assertEqual(self.calls(), [])
        self.start()
        self.put("sys/kernel/kexec_crash_loaded", "0\n")
        self.fake("kdumpmkinitramfs--stale.fail", 1)
        self.good("start", "--early")
        self.assertEqual((len(self.loads()), self.calls("kdump")), (1, []))

    def test_hotplug_that_the_kernel_does(self):
        self.put("sys/devices/system/cpu/crash_hotplug", "0\n")
        self.good("start")
        self.assertIn("--hotplug", self.loads()[0])
        self.put("proc/sys/kernel/arch", "aarch64\n")
        self.good("restart")
        self.assertNotIn("--hotplug", self.loads()[1])

    def test_command_line(self):
        self.good("start")
        words = self.appended()
        for gone in ("quiet", "crashkernel=256M", "hugepages=64", "BOOT_IMAGE=/boot/vmlinuz", "disable_cpu_apicid=7"):
            self.assertNotIn(gone, words)
        for there in ("root=/dev/vda1", "ro", "console=ttyS0", "nr_cpus=1", "irqpoll", "reset_devices", "panic=10",
                      "nokaslr"):
            self.assertIn(there, words)
        self.put("etc/default/kdump", 'KDUMP_COMMANDLINE_REMOVE="ro console"\n'
                 'KDUMP_COMMANDLINE_APPEND="nr_cpus=4 a=b"\n'
                 'KEXEC_ARGS="-s --console-vga  --debug"\n')
        self.good("start")
        words = self.appended()
        self.assertEqual(words, ["root=/dev/vda1", "quiet", "hugepages=64", "nr_cpus=4", "a=b", "disable_cpu_apicid=7"])
        self.assertIn("--console-vga", self.loads()[-1])
        self.assertIn("--debug", self.loads()[-1])
        self.assertNotIn("-s", self.loads()[-1])
        self.put("etc/default/kdump", 'KDUMP_COMMANDLINE="one two crashkernel=1G"\n'
                 'KDUMP_COMMANDLINE_APPEND="nr_cpus=1"\n')
        self.good("start")
        self.assertEqual(self.appended(), ["one", "two", "nr_cpus=1"])

    def test_another_kernel(self):
        self.put("boot/vmlinuz-other", "other")
        self.put("etc/default/kdump", 'KDUMP_KERNELVER="other"\n')
        self.good("start")
        self.assertEqual(self.loads()[0][-1], self.at("boot/vmlinuz-other"))
        self.assertIn("--initrd=" + self.at("var/lib/kdump/initrd.img-other"), self.loads()[0])
        os.unlink(self.at("boot/vmlinuz-other"))
        self.fails("start", says=["other is not there", "KDUMP_KERNELVER"])
        self.put("lib/modules/other/vmlinuz", "other")
        self.good("start")
        self.assertEqual(self.loads()[-1][-1], self.at("lib/modules/other/vmlinuz"))


class StartFails(ctl_case.System):
    """Whatever goes wrong: status 1, one sentence, nothing is unloaded, and the state of the old image is told."""

    def kept(self, *says, command="start", **more):
        result = self.fails(command, says=says, **more)
        self.assertEqual(self.calls("-u"), [])
        return result

    def test_configuration(self):
        self.start()
        before = ctl_case.read(self.at("run/kdump/loaded"))
        self.put("etc/kdump.conf", "path /var/crash\nnonsense 1\nalso wrong\n")
        for command in ("start", "restart", "reload", "rebuild"):
            result = self.kept("kdump.conf:2:", "kdump.conf:3:", command=command)
            self.assertEqual(len(result.stderr.splitlines()), 2)
        self.assertIn("loaded stays", self.good("start", "--early").stdout)
        self.assertEqual(self.calls(), [])
        self.assertEqual(ctl_case.read(self.at("run/kdump/loaded")), before)
        os.unlink(self.at("etc/kdump.conf"))
        self.kept("kdump.conf")
        self.assertEqual(self.calls(), [])

    def test_configuration_damaged_since_the_last_boot(self):
        self.put("etc/kdump.conf", "nonsense 1\n")
        self.fails("start", "--early", says="kdump.conf:1:")
        self.assertEqual(self.calls(), [])
        self.put("etc/kdump.conf", "path /var/crash\n")
        self.put("etc/default/kdump", 'KDUMP_COMMANDLINE_APPEND="a=b"\n')
        self.start()

        def boot():
            self.put("sys/kernel/kexec_crash_loaded", "0\n")
            shutil.rmtree(self.at("run/kdump"))

        boot()
        self.put("etc/kdump.conf", "nonsense 1\n")
        self.put("etc/default/kdump", 'KDUMP_COMMANDLINE_APPEND="c=d"\n')
        self.assertIn("kdump.conf:1:", self.good("start", "--early").stderr)
        self.assertIn("a=b", self.appended())
        self.assertNotIn("c=d", self.appended())
        self.assertEqual((len(self.loads()), self.calls("kdump")), (1, []))
        self.fails("start", says="kdump.conf:1:")
        boot()
        os.unlink(self.at("boot/vmlinuz-" + self.release))
        self.fails("start", "--early", says="vmlinuz-" + self.release)

    def test_no_reservation(self):
        self.put("sys/kernel/kexec_crash_size", "0\n")
        self.kept("kdumpctl reset-crashkernel", "did not fit")
        self.put("proc/cmdline", "root=/dev/vda1\n")
        result = self.kept("kdumpctl reset-crashkernel", "reboot")
        self.assertNotIn("did not fit", result.stderr)
        self.assertEqual(self.calls(), [])

    def test_no_kernel(self):
        os.unlink(self.at("boot/vmlinuz-" + self.release))
        self.kept("boot/vmlinuz-" + self.release, "lib/modules/%s/vmlinuz" % self.release)
        self.assertEqual(self.calls(), [])

    def test_build(self):
        self.start()
        before = ctl_case.read(self.at("run/kdump/loaded"))
        self.fake("kdumpmkinitramfs--stale.fail", 1)
        self.fake("kdumpmkinitramfs-f.fail", 1)
        self.fake("kdumpmkinitramfs-f.says", "kdump: /dev/vdz: no such device\n")
        self.kept("/dev/vdz: no such device", "the capture kernel that is loaded stays")
        self.assertEqual(self.loads(), [])
        self.assertEqual(ctl_case.read(self.at("run/kdump/loaded")), before)
        self.put("sys/kernel/kexec_crash_loaded", "0\n")
        self.kept("no capture kernel is loaded")

    def test_kexec(self):
        self.fake("kexec-p.fail", 1)
        self.fake("kexec-p.says", "kexec: another program is loading a kernel; try again\n")
        self.kept("another program is loading a kernel", "no capture kernel is loaded")
        self.assertFalse(os.path.exists(self.at("run/kdump/loaded")))
        self.put("sys/kernel/kexec_crash_loaded", "1\n")
        self.kept("the one that was loaded before stays loaded")
        self.unfake("kexec-p.says")
        self.kept("kexec failed and said nothing")
        self.fake("kexec-p.fail", 139)
        self.kept("kexec failed")
        self.unfake("kexec-p.fail")
        self.start()
        before = ctl_case.read(self.at("run/kdump/loaded"))
        for command in ("restart", "reload"):
            self.fake("kexec-p.fail", 1)
            self.kept("the one that was loaded before stays loaded", command=command)
            self.assertEqual(ctl_case.read(self.at("run/kdump/loaded")), before)

    def test_no_programs(self):
        self.start()
        for name, says in (("kexec", "kexec"), ("kdump", "mkinitramfs")):
            path = os.path.join(self.fakes, name)
            os.rename(path, path + ".gone")
            self.put("boot/vmlinuz-" + self.release, "kernel without " + name)
            environment = dict(self.environment(), PATH=self.fakes)
            os.symlink(shutil.which("sh"), os.path.join(self.fakes, "sh")) if name == "kexec" else None
            result = subprocess.run(self.command("restart" if name == "kexec" else "rebuild"), env=environment,
                                    stderr=subprocess.PIPE,
                                    universal_newlines=True, timeout=60)
            self.assertEqual(result.returncode, 1)
            self.assertIn(name, result.stderr)
            os.rename(path + ".gone", path)

    def test_nowhere_to_write(self):
        self.put("run/kdump", "a file\n")
        self.kept("run/kdump")
        self.assertEqual(self.loads(), [])

    def test_unknown_architecture(self):
        self.put("proc/sys/kernel/arch", "pdp11\n")
        self.kept("pdp11")

    def test_remove_with_value(self):
        self.put("etc/default/kdump", 'KDUMP_COMMANDLINE_REMOVE="console=ttyS0"\n')
        self.kept("KDUMP_COMMANDLINE_REMOVE", "console=ttyS0")

    def test_reload_without_initramfs(self):
        self.kept("kdumpctl start", command="reload")


class Stop(ctl_case.System):
    def test_stop(self):
        self.start()
        self.good("stop")
        self.assertEqual(self.calls("kexec", "-p", "-u"), [["kexec", "--sysroot=" + self.root, "-p", "-u"]])
        self.assertFalse(os.path.exists(self.at("run/kdump/loaded")))
        self.forget()
        self.assertIn("no capture kernel is loaded", self.good("stop").stdout)
        self.assertEqual(self.calls(), [])

    def test_fails(self):
        self.start()
        self.fake("kexec-p-u.fail", 1)
        self.fake("kexec-p-u.says", "kexec: no permission\n")
        self.fails("stop", says="no permission")
        self.assertTrue(os.path.exists(self.at("run/kdump/loaded")))

    def test_for_systemd(self):
        self.start()
        self.fake("systemctllist-jobs.says", "77 kdump.service restart running\n")
        self.good("stop", "--service")
        self.unfake("systemctllist-jobs.says")
        self.fake("systemctlis-system-running.says", "stopping\n")
        self.fake("systemctlis-system-running.fail", 1)
        self.good("stop", "--service")
        self.assertEqual(self.calls("kexec"), [])
        self.fake("systemctlis-system-running.says", "running\n")
        self.fake("systemctllist-jobs.says", "77 kdump.service stop running\n")
        self.good("stop", "--service")
        self.assertEqual(len(self.calls("kexec")), 1)


class Lock(ctl_case.System):
    def test_waits_and_tells(self):
        self.start()
        self.fake("kexec-p.sleep", 3)
        slow = subprocess.Popen(self.command("restart"), env=self.environment(), stdout=subprocess.DEVNULL)
        while not self.loads():
            time.sleep(0.02)
        self.fails("--wait", "0", "restart", says=["process %d kdumpctl restart holds" % slow.pid,
                                                   "nothing was changed"])
        self.assertEqual(len(self.loads()), 1)
        result = self.good("restart")
        self.assertIn("waiting for process %d kdumpctl restart" % slow.pid, result.stderr)
        self.assertEqual(slow.wait(), 0)
        self.assertEqual(self.record()["loads"], "3")

    def test_where_nobody_else_may_write(self):
        """/run/lock is everybody's: whoever had the file there first could hold it for ever."""
        os.makedirs(self.at("run/lock"), exist_ok=True)
        os.chmod(self.at("run/lock"), 0o1777)
        self.put("run/lock/kdump", "")
        with open(self.at("run/lock/kdump"), "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.good("--wait", "0", "start")

    def test_one_that_died(self):
        """A lock dies with its holder."""
        self.put("run/kdump/lock", "1 kdumpctl start\n")
        self.good("--wait", "0", "start")


class Rebuild(ctl_case.System):
    def test_rebuild(self):
        self.put("sys/kernel/kexec_crash_size", "0\n")
        self.good("rebuild")
        self.assertEqual((len(self.calls("-f")), self.loads()), (1, []))
        self.put("sys/kernel/kexec_crash_size", "1000000\n")
        self.start()
        self.assertIn("kdumpctl reload", self.good("rebuild").stdout)

    def test_fails(self):
        self.fake("kdumpmkinitramfs-f.fail", 3)
        self.fails("rebuild", says=["was not built", "3"])


if __name__ == "__main__":
    ctl_case.main()
