#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdumpctl's commands on configuration, memory and old dumps, on made-up machines: conf.py KDUMPCTL

reset-crashkernel really writes and runs update-grub in a folder that is this program's root for that: needs root.
"""
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KDUMPCTL = None
MIB = 1 << 20
RELEASE = "6.1.0-test"


def kernel(init_size=64 * MIB):
    """As much of a bzImage as is looked at."""
    image = bytearray(4096)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x020f)
    struct.pack_into("<I", image, 0x260, init_size)
    return bytes(image)


def archive(*sizes):
    out = b""
    for name, size in [("file%d" % n, size) for n, size in enumerate(sizes)] + [("TRAILER!!!", 0)]:
        fields = (1, 0o100644, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + b"x" * size + b"\0" * (-size % 4)
    return out


class Case(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="kdumpctl-conf.")
        self.addCleanup(shutil.rmtree, self.root)
        self.write("etc/kdump.conf", "")
        self.write("proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
        self.write("proc/sys/kernel/arch", "x86_64\n")
        self.write("proc/sys/kernel/osrelease", RELEASE + "\n")
        self.write("proc/cmdline", "root=/dev/vda1 crashkernel=192M\n")
        self.write("proc/iomem", "00001000-3fffffff : System RAM\n  20000000-2bffffff : Crash kernel\n")
        self.write("sys/devices/system/cpu/present", "0-7\n")
        self.write("sys/kernel/kexec_crash_size", "%d\n" % (192 * MIB))
        self.write("sys/kernel/kexec_crash_loaded", "0\n")
        self.write("boot/vmlinuz-" + RELEASE, kernel())

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, content, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(self.path(name), mode)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run_it(self, *arguments, answer=""):
        done = subprocess.run([KDUMPCTL, "--sysroot", self.root, *arguments], input=answer, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def works(self, *arguments, answer=""):
        status, words = self.run_it(*arguments, answer=answer)
        self.assertEqual(status, 0, words)
        return words

    def fails(self, pattern, *arguments, answer=""):
        status, words = self.run_it(*arguments, answer=answer)
        self.assertEqual(status, 1, words)
        self.assertRegex(words, pattern)
        return words

    def json(self, *arguments, status=0):
        got, words = self.run_it(*arguments, "--json")
        self.assertEqual(got, status, words)
        return json.loads(words)


class CheckConfig(Case):
    def test_good(self):
        self.write("etc/kdump.conf", "nfs server:/export\next4 UUID=1\n")
        words = self.works("check-config")
        self.assertIn("kdump.conf: no faults\ndump to: server:/export/var/crash (nfs)\nthen:    /var/crash on UUID=1 (ext4)",
                      words)
        self.assertEqual(self.json("check-config")["faults"], [])

    def test_every_fault(self):
        self.write("etc/kdump.conf", "path x\n\nfoo\n")
        self.write("etc/sysconfig/kdump", "X=1\n")
        words = self.fails("kdump.conf:1: .*\n.*kdump.conf:3: unknown keyword \"foo\"\n.*sysconfig/kdump:1: ",
                           "check-config")
        self.assertEqual(len(words.splitlines()), 3)
        report = self.json("check-config", status=1)
        self.assertEqual([fault["line"] for fault in report["faults"]], [1, 3, 1])
        self.assertFalse(report["valid"])

    def test_files_that_are_named(self):
        self.write("etc/kdump.conf", "kdump_pre /pre\nextra_bins /a /b ls\nssh a@b\nhttps https://h/\n"
                   "https_credentials /cred\nhttps_ca /etc\n")
        self.write("pre", "")
        self.write("a", "", 0o755)
        self.write("cred", "", 0o644)
        self.write("root/.ssh/known_hosts", "")
        words = self.fails("kdump_pre", "check-config")
        for piece in ("\"kdump_pre\": /pre may not be executed", "\"extra_bins\": /b: No such file",
                      "\"sshkey\": /root/.ssh/kdump_id_rsa: No such file", "kdumpctl propagate",
                      "\"https_ca\": /etc is no file", "\"https_credentials\": /cred can be read by others"):
            self.assertIn(piece, words)
        self.assertNotIn("known_hosts", words)
        self.assertEqual(len(words.splitlines()), 6)

    def test_no_file(self):
        os.unlink(self.path("etc/kdump.conf"))
        self.fails("etc/kdump.conf: No such file", "check-config")
        self.fails("what is this: x", "check-config", "x")

    def test_another_file(self):
        self.write("other", "path relative\n")
        status, words = self.run_it("check-config")
        self.assertEqual(status, 0, words)
        done = subprocess.run([KDUMPCTL, "--sysroot", self.root, "--conf", self.path("other"), "check-config"],
                              text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/other:1: ", done.stdout)

    def test_the_default_file(self):
        with open(os.path.join(TOP, "service/kdump.conf"), encoding="utf-8") as file:
            text = file.read()
        self.write("etc/kdump.conf", text)
        self.assertIn("dump to: /var/crash\n", self.works("check-config"))
        # What it shows is right, and it shows every keyword that the parser knows.
        self.write("etc/kdump.conf", re.sub(r"(?m)^#(?=[a-z])", "", text))
        words = self.run_it("check-config")[1]
        self.assertNotRegex(words, r"kdump.conf:\d")
        with open(os.path.join(TOP, "service/conf.c"), encoding="utf-8") as file:
            source = file.read()
        table = source[source.index("keywords[] = {"):source.index("GONE(\"net\"")]
        known = set(re.findall(r'(?:FS\(|\{ )"(\w+)"', table))
        self.assertGreater(len(known), 35)
        shown = set(re.findall(r"(?m)^#?([a-z]\w+) ", text))
        self.assertEqual(known - shown, {"ext2", "ext3", "minix", "f2fs", "vfat", "default"})
        with open(os.path.join(TOP, "doc/kdump.conf.5"), encoding="utf-8") as file:
            manual = file.read()
        for keyword in known:
            self.assertRegex(manual, r"\b%s\b" % keyword)


class Dumps(Case):
    def dump(self, name, place="var/crash", core="vmcore", log=True, **more):
        folder = "%s/%s/" % (place, name)
        if core:
            self.write(folder + core, b"x" * 100000)
        if log:
            self.write(folder + "vmcore-dmesg.txt",
                       "[    1.0] a\n[    2.0] Kernel panic - not syncing: why\n[  2.1] z\n")
        for file in more.get("files", ()):
            self.write(folder + file, "text\n")

    def names(self):
        return [dump["name"] for dump in self.json("list")["dumps"]]

    def test_list_and_show(self):
        self.assertEqual(self.works("list"), "no dumps\n")
        self.fails("there is no dump", "show")
        self.dump("a-2026-11-20-10:00:00", files=("README.txt",))
        self.dump("a-2026-11-21-10:00:00", core="vmcore-incomplete")
        self.dump("a-2026-11-19-10:00:00", core=None)
        dumps = self.json("list")["dumps"]
        self.assertEqual([dump["state"] for dump in dumps], ["incomplete", "complete", "log only"])
        self.assertEqual(dumps[1]["reason"], "Kernel panic - not syncing: why")
        self.assertEqual(dumps[1]["time"], "2026-11-20T10:00:00Z")
        self.assertRegex(self.works("list"),
                         r"^incomplete +\d.*a-2026-11-21-10:00:00  Kernel panic - not syncing: why\ncomplete")
        self.assertIn("a-2026-11-21-10:00:00/vmcore-incomplete", self.works("show"))
        words = self.works("show", "11-20")
        self.assertIn("README.txt:\n  text\n", words)
        self.assertIn("  [    2.0] Kernel panic - not syncing: why\n  [  2.1] z\n", words)
        report = self.json("show", "11-20")
        self.assertEqual(report["name"], "a-2026-11-20-10:00:00")
        self.assertEqual(report["note"], ["text"])
        self.assertEqual(report["log_lines"], ["[    1.0] a", "[    2.0] Kernel panic - not syncing: why", "[  2.1] z"])
        self.assertEqual(self.json("show", "11-21")["note"], [])
        self.write("var/crash/a-2026-11-21-10:00:00/vmcore-dmesg.txt",
                   b"".join(b"[%d.0] l\n" % n for n in range(90)) + b"[90.0] Oops: \x1b x\n[91.0] \x1b\xff\n")
        self.assertEqual(self.json("show", "11-21")["reason"], "Oops: ? x")
        lines = self.json("show", "11-21")["log_lines"]
        self.assertEqual((lines[0], lines[-1]), ("[85.0] l", "[91.0] \x1b\ufffd"))
        self.write("var/crash/a-2026-11-21-10:00:00/vmcore-dmesg.txt", "[ 1.0] nothing\n")
        self.assertEqual(self.json("show", "11-21")["log_lines"], [])
        self.fails("3 dumps have \"2026\"", "show", "2026")
        self.fails("no dump is called \"x\"", "show", "x")

    def test_mounted_targets(self):
        self.write("etc/kdump.conf", "ext4 UUID=1-2\nnfs server:/e\nraw /dev/vdc\nssh a@b\nxfs LABEL=x\nvirtiofs tag\n")
        os.makedirs(self.path("dev/disk/by-uuid"))
        os.symlink("../../vdb1", self.path("dev/disk/by-uuid/1-2"))
        self.write("proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                   "23 22 0:3 / /a\\040b rw shared:1 master:2 - ext4 /dev/vdb1 rw\n"
                   "24 22 0:4 / /nfs rw - nfs4 server:/e rw\n25 22 0:5 /sub /share rw - virtiofs tag rw\n")
        self.dump("a-2026-11-20-10:00:00", "a b/var/crash")
        self.dump("a-2026-11-19-10:00:00", "nfs/var/crash")
        self.dump("a-2026-11-18-10:00:00")
        report = self.json("list")
        self.assertEqual([dump["name"][7:12] for dump in report["dumps"]], ["11-20", "11-19", "11-18"])
        self.assertEqual([place["why"] for place in report["not_seen"]],
                         ["\"kdump fetch\" takes a dump from a raw partition", "dumps lie on the server", "not mounted",
                          "not mounted"])

    def test_prune(self):
        for day in range(1, 10):
            self.dump("a-2026-11-0%d-10:00:00" % day)
        self.assertEqual(self.works("prune"), "")
        self.assertEqual(len(self.names()), 9)
        self.write("etc/kdump.conf", "keep count=3\n")
        words = self.works("prune", "--dry-run")
        self.assertEqual(words.count("would remove"), 6)
        self.assertEqual(len(self.names()), 9)
        self.assertRegex(self.works("prune"), r"^removed .*11-01-10:00:00 \(\d+ KiB\): there are newer ones enough\n")
        self.assertEqual([name[7:12] for name in self.names()], ["11-09", "11-08", "11-07"])
        self.write("etc/kdump.conf", "keep age=30d free=900000T\n")
        self.works("prune")
        self.assertEqual(len(self.names()), 1)
        self.assertEqual(sorted(os.listdir(self.path("var/crash"))), ["a-2026-11-09-10:00:00"])

    def test_dumps_of_other_machines_stay(self):
        """An export may be that of a whole fleet."""
        self.write("etc/kdump.conf", "nfs server:/e\nkeep count=1\n")
        self.write("proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
                   "24 22 0:4 / /nfs rw - nfs4 server:/e rw\n")
        self.write("proc/sys/kernel/hostname", "me\n")
        others = ["203.0.113.9-2026-11-0%d-10:00:00" % day for day in range(1, 9)] + ["me-2-2026-11-01-10:00:00"]
        mine = ["127.0.0.1-2026-11-01-10:00:00", "me-2026-11-02-10:00:00-2", "127.0.0.1-2026-11-03-10:00:00"]
        for name in others + mine:
            self.dump(name, "nfs/var/crash")
        words = self.works("prune")
        self.assertEqual((words.count("removed"), words.count("203.0.113.9")), (2, 0))
        self.assertEqual(sorted(os.listdir(self.path("nfs/var/crash"))), sorted(others + mine[2:]))
        self.assertEqual(len(self.json("list")["dumps"]), len(others) + 1)

    def test_what_is_not_ours_stays(self):
        self.dump("a-2026-11-09-10:00:00")
        self.dump("a-2026-11-08-10:00:00", files=("mine.txt",))
        os.makedirs(self.path("var/crash/a-2026-11-07-10:00:00/vmcore"))
        os.makedirs(self.path("elsewhere"))
        self.write("elsewhere/vmcore", "x")
        os.symlink("../../elsewhere", self.path("var/crash/a-2026-11-06-10:00:00"))
        self.dump("a-2026-11-05-10:00:00")
        self.write("var/crash/a-2026-11-05-10:00:00/link", "")
        os.unlink(self.path("var/crash/a-2026-11-05-10:00:00/link"))
        os.symlink("/etc/passwd", self.path("var/crash/a-2026-11-05-10:00:00/link"))
        self.write("etc/kdump.conf", "keep count=1\n")
        self.assertEqual(self.works("prune"), "")
        self.assertEqual(len(os.listdir(self.path("var/crash"))), 5)


class Memory(Case):
    def test_showmem(self):
        self.assertEqual(self.works("showmem"),
                         "Reserved 192M for the capture kernel (201326592 bytes)\n  0x20000000-0x2bffffff\n")
        self.write("sys/kernel/kexec/crash_size", "%d\n" % (64 * MIB))
        self.assertIn("Reserved 64M", self.works("showmem"))
        self.write("sys/kernel/kexec/crash_size", "0\n")
        self.fails("No memory is reserved", "showmem")

    def test_showmem_without_kexec(self):
        os.unlink(self.path("sys/kernel/kexec_crash_size"))
        self.fails("this kernel cannot load capture kernels", "showmem")

    def test_default(self):
        self.assertRegex(self.works("get-default-crashkernel"), r"^960M-4G:\d+M,4G-64G:\d+M,64G-:\d+M\n$")
        self.write("proc/sys/kernel/arch", "vax\n")
        self.fails("vax", "get-default-crashkernel")

    def test_estimate(self):
        self.write("var/lib/kdump/initrd.img-" + RELEASE, archive(MIB, 3 * MIB))
        report = self.json("estimate")
        self.assertTrue(report["enough"] and report["initramfs_built"])
        self.assertEqual(report["parts"]["kernel"], 64 * MIB)
        self.assertAlmostEqual(report["parts"]["initramfs"], 8 * MIB, delta=4096)
        self.assertGreaterEqual(report["needed"], sum(report["parts"].values()))
        self.assertEqual(report["cpus"], 1)
        self.assertIn("That is enough.", self.works("estimate"))

    def test_what_makes_it_more(self):
        small = self.json("estimate")
        self.assertFalse(small["initramfs_built"])
        self.write("boot/vmlinuz-" + RELEASE, kernel(160 * MIB))
        report = self.json("estimate")
        self.assertFalse(report["enough"])
        self.assertRegex(report["crashkernel"], r"^\d+M$")
        self.assertIn("Too little: \"kdumpctl reset-crashkernel\" writes crashkernel=%s" % report["crashkernel"],
                      self.works("estimate"))
        self.write("boot/vmlinuz-" + RELEASE, kernel())
        self.write("etc/kdump.conf", "nfs s:/e\n")
        self.assertGreater(self.json("estimate")["needed"], small["needed"])
        self.write("etc/kdump.conf", "initramfs dracut\n")
        self.assertGreater(self.json("estimate")["needed"], small["needed"])
        self.write("etc/kdump.conf", "")
        self.write("etc/sysconfig/kdump", "KDUMP_COMMANDLINE_APPEND=\"nr_cpus=4\"\n")
        self.assertEqual(self.json("estimate")["cpus"], 4)

    def test_builder_that_was_used(self):
        """"auto" may have taken another one than ours; what it was is known once there is an image."""
        image = "var/lib/kdump/initrd.img-" + RELEASE
        self.write(image, archive(MIB))
        needed = {}
        for builder in ("own", "dracut", "initramfs-tools"):
            self.write(image + ".inputs", "parachute-inputs 1\nbuilder %s\npack zstd\n" % builder)
            needed[builder] = self.json("estimate")["needed"]
        self.assertGreaterEqual(needed["dracut"], needed["own"] + 48 * MIB)
        self.assertEqual(needed["initramfs-tools"], needed["dracut"])
        self.assertIn("48M  systemd and udev", self.works("estimate"))
        self.write("etc/kdump.conf", "initramfs own\n")
        self.assertEqual(self.json("estimate")["needed"], needed["own"])
        self.write("etc/kdump.conf", "")
        os.unlink(self.path(image + ".inputs"))
        self.assertEqual(self.json("estimate")["needed"], needed["own"])

    def test_damaged_initramfs(self):
        self.write("var/lib/kdump/initrd.img-" + RELEASE, archive(100)[:150])
        self.fails("damaged|cut off", "estimate")
        self.write("var/lib/kdump/initrd.img-" + RELEASE, b"nonsense" * 10)
        self.fails("neither an archive nor packed", "estimate")


class Reset(Case):
    SNIPPET = "etc/default/grub.d/kdump.cfg"

    def grub(self):
        self.write("etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n")
        self.write("usr/sbin/update-grub", "", 0o755)

    def entry(self, name="a", version="6.1", options="root=x quiet"):
        self.write("boot/loader/entries/%s.conf" % name, "title x\nlinux /vmlinuz-%s\noptions %s\n" % (version,
                                                                                                       options))

    def test_grub(self):
        self.grub()
        words = self.works("reset-crashkernel", "--value=200M", "--dry-run")
        self.assertIn("+GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=200M\"\n", words)
        self.assertFalse(os.path.exists(self.path(self.SNIPPET)))
        self.fails("Nothing was written", "reset-crashkernel", answer="n\n")
        self.fails("Nothing was written", "reset-crashkernel")
        self.assertFalse(os.path.exists(self.path(self.SNIPPET)))
        self.works("reset-crashkernel", "--value=200M", answer="y\n")
        shell = subprocess.run(["sh", "-c", ". \"$0\"; echo \"$GRUB_CMDLINE_LINUX_DEFAULT\"", self.path(self.SNIPPET)],
                               env={"GRUB_CMDLINE_LINUX_DEFAULT": "quiet"}, stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(shell.stdout, "quiet crashkernel=200M\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path(self.SNIPPET)).st_mode), 0o644)
        self.assertIn("Nothing to change", self.works("reset-crashkernel", "--value=200M", "--yes"))
        words = self.works("reset-crashkernel", "--value=300M", "--yes", "--reboot", "--fadump=off")
        self.assertIn("is not rebooted from here", words)
        self.assertIn("\n-GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=200M\"\n+GRUB", words)

    def test_others_are_told(self):
        self.grub()
        self.write("etc/default/grub", "#crashkernel=1M\nGRUB_CMDLINE_LINUX=\"crashkernel=64M\"\n")
        self.write("etc/default/grub.d/kdump-tools.cfg", "X=\"$X crashkernel=384M-:128M\"\n")
        words = self.works("reset-crashkernel", "--yes")
        self.assertIn("/etc/default/grub:2 has a crashkernel= too", words)
        self.assertIn("/etc/default/grub.d/kdump-tools.cfg:1 has a crashkernel= too", words)
        self.assertEqual(words.count("has a crashkernel= too"), 2)

    def test_entries(self):
        self.entry("a", "6.1", "root=x crashkernel=1M,high crashkernel=2M,low quiet")
        self.entry("b", "6.12", "root=x")
        self.write("boot/loader/entries/windows.conf", "title w\nefi /w.efi\n")
        self.write("etc/kernel/cmdline", "root=x quiet\n")
        os.chmod(self.path("boot/loader/entries/b.conf"), 0o600)
        self.works("reset-crashkernel", "--value=200M", "--kernel=/boot/vmlinuz-6.1", "--yes")
        self.assertIn("options root=x quiet crashkernel=200M\n", self.read("boot/loader/entries/a.conf"))
        self.assertIn("options root=x\n", self.read("boot/loader/entries/b.conf"))
        self.assertEqual(self.read("etc/kernel/cmdline"), "root=x quiet\n")
        self.works("reset-crashkernel", "--value=300M", "--kernel=ALL", "--yes")
        for name in ("a", "b"):
            self.assertEqual(self.read("boot/loader/entries/%s.conf" % name).count("crashkernel="), 1)
            self.assertIn("crashkernel=300M", self.read("boot/loader/entries/%s.conf" % name))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("boot/loader/entries/b.conf")).st_mode), 0o600)
        self.assertEqual(self.read("boot/loader/entries/windows.conf"), "title w\nefi /w.efi\n")
        self.assertEqual(self.read("etc/kernel/cmdline"), "root=x quiet crashkernel=300M\n")
        self.fails("no entry of the boot loader is for /boot/x", "reset-crashkernel", "--kernel=/boot/x", "--yes")

    def test_systemd_boot_on_the_esp(self):
        self.write("efi/loader/entries/0123-6.1.conf", "linux /0123/6.1/linux\noptions a\n")
        self.works("reset-crashkernel", "--value=200M", "--yes", "--kernel=/efi/0123/6.1/linux")
        self.assertIn("options a crashkernel=200M", self.read("efi/loader/entries/0123-6.1.conf"))

    def test_refused(self):
        self.fails("no boot loader is known here", "reset-crashkernel", "--yes")
        self.grub()
        self.fails("for all kernels", "reset-crashkernel", "--kernel=/boot/vmlinuz-6.1", "--yes")
        for value in ("x", "1M\"; reboot", "$(reboot)", "1M x", "auto", "1" * 300 + "M"):
            self.fails("crashkernel=", "reset-crashkernel", "--value=" + value, "--yes")
        self.fails("takes ALL or a kernel's path", "reset-crashkernel", "--kernel=6.1")
        self.fails("what is this", "reset-crashkernel", "--value=")
        self.fails("goes with nothing else", "reset-crashkernel", "--auto", "--dry-run")
        self.fails("firmware-assisted dumps are not supported: on", "reset-crashkernel", "--fadump=on")
        self.write("etc/kdump.conf", "foo\n")
        self.fails("kdump.conf:1", "reset-crashkernel", "--yes")
        self.assertFalse(os.path.exists(self.path(self.SNIPPET)))

    def test_too_little_is_told(self):
        self.grub()
        self.assertRegex(self.works("reset-crashkernel", "--value=64M", "--yes"),
                         r"reserves 64M on this machine, \d+M are needed")

    def test_the_default_or_more(self):
        self.grub()
        self.works("reset-crashkernel", "--yes")
        self.assertIn("crashkernel=" + self.works("get-default-crashkernel").strip() + "\"", self.read(self.SNIPPET))
        self.write("boot/vmlinuz-" + RELEASE, kernel(256 * MIB))
        self.works("reset-crashkernel", "--yes")
        self.assertRegex(self.read(self.SNIPPET), r"crashkernel=[34]\d\dM\"")

    def test_auto(self):
        self.grub()
        self.write("sys/kernel/kexec_crash_size", "1048576\n")
        self.assertEqual(self.works("reset-crashkernel", "--auto"), "")
        self.assertFalse(os.path.exists(self.path(self.SNIPPET)))
        self.write("etc/kdump.conf", "auto_reset_crashkernel yes\n")
        self.write("sys/kernel/kexec_crash_size", "%d\n" % (192 * MIB))
        self.assertEqual(self.works("reset-crashkernel", "--auto"), "")
        self.write("sys/kernel/kexec_crash_size", "1048576\n")
        self.works("reset-crashkernel", "--auto")
        self.assertIn("crashkernel=", self.read(self.SNIPPET))

    def test_as_root_of_its_own(self):
        """update-grub is run, and what it answers is told."""
        libraries = subprocess.run(["ldd", KDUMPCTL], stdout=subprocess.PIPE, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", libraries):
            os.makedirs(os.path.dirname(self.path(library[1:])), exist_ok=True)
            shutil.copy(library, self.path(library[1:]))
        shutil.copy(KDUMPCTL, self.path("kdumpctl"))
        self.grub()
        self.fails_inside("update-grub")
        subprocess.run([os.path.join(TOP, "tests/setup/fetch"), "busybox-static:amd64"], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.copy(os.path.join(TOP, "build/pkg/busybox-static_amd64/bin/busybox"), self.path("busybox"))
        self.write("usr/sbin/update-grub", "#!/busybox sh\n/busybox grep crashkernel /etc/default/grub.d/* >/ran\n",
                   0o755)
        done = self.inside("--value=200M")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("crashkernel=200M", self.read("ran"))
        self.write("usr/sbin/systemctl", "#!/busybox sh\necho \"$@\" >/asked\n", 0o755)
        self.assertEqual(self.inside("--value=205M", "--reboot").returncode, 0)
        self.assertEqual(self.read("asked"), "reboot\n")
        os.remove(self.path("asked"))
        self.assertEqual(self.inside("--value=205M", "--reboot").returncode, 0)
        self.assertFalse(os.path.exists(self.path("asked")), "nothing was changed")
        self.write("usr/sbin/update-grub", "#!/busybox sh\necho no space >&2\nexit 3\n", 0o755)
        done = self.inside("--value=210M")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the setting is written, but GRUB's menu is not: run update-grub: update-grub ended with 3: no space",
                      done.stdout)

    def inside(self, *arguments):
        # Of a sanitizer build: it looks for its options here, and its search for leaks needs more of /proc than this.
        self.write("proc/self/environ", "ASAN_OPTIONS=detect_leaks=0\0")
        return subprocess.run(["chroot", self.root, "/kdumpctl", "reset-crashkernel", "--yes", *arguments], text=True,
                              env={"PATH": "/usr/sbin"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def fails_inside(self, words):
        done = self.inside()
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(words, done.stdout)


def main():
    global KDUMPCTL
    KDUMPCTL = os.path.abspath(sys.argv[1])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - bad, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
