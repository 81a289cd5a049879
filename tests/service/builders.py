#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What builds an initramfs where kdump mkinitramfs alone cannot, and our part of it.

    tests/service/builders.py STATIC-KDUMP BUSYBOX [DEBIAN-ROOT]...

With fakes of dracut and initramfs-tools in a made-up system that is entered with chroot; with the real ones in each
DEBIAN-ROOT, a Debian in a folder that has them. The folders are changed. Must be root.
"""
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import made_root
from newc import Image, entries, unpack

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STATIC = BUSYBOX = None
DEBIANS = []
OUT = "/var/lib/kdump/initrd.img"
DRACUT_HOOKS = "usr/lib/dracut/modules.d/99parachute"
TOOLS = "usr/share/initramfs-tools"

# They note how they were called and pack what they are given; "fail" in the folder /fake makes them fail.
FAKE_DRACUT = """#!/bin/sh
for word; do echo "$word"; done >/fake/arguments
[ ! -e /fake/fail ] || { echo "no room on the disk"; exit 3; }
for out; do :; done
initdir=/fake/tree; mkdir -p $initdir
systemdsystemunitdir=/usr/lib/systemd/system
moddir=/usr/lib/dracut/modules.d/99parachute
dracut_module_included() { [ -e /fake/systemd ]; }
inst_simple() { mkdir -p "$initdir${1%/*}" && cp -a "$1" "$initdir$1"; }
inst_hook() { mkdir -p "$initdir/hooks" && cp -a "$3" "$initdir/hooks/$1-$2"; }
. $moddir/module-setup.sh
check; [ $? = 255 ] || exit 4
install || exit 5
[ ! -e /fake/lose ] || rm $initdir/etc/kdump/facts
cd $initdir && find . | cpio -o -H newc >"$out"
"""
FAKE_TOOLS = """#!/bin/sh
for word; do echo "$word"; done >/fake/arguments
[ "$1 $3" = "-d -o" ] || exit 2
cp -rL "$2" /fake/settings
DESTDIR=/fake/tree; export DESTDIR
mkdir -p $DESTDIR
/usr/share/initramfs-tools/hooks/parachute || exit 5
cd $DESTDIR && find . | cpio -o -H newc >"$4"
"""

FAKE_FUNCTIONS = """
force_load() { mkdir -p "$DESTDIR/conf" && echo "$@" >>"$DESTDIR/conf/modules"; }
"""


def install_hooks(root):
    for folder, place in (("service/dracut/99parachute", DRACUT_HOOKS), ("service/initramfs-tools/hooks",
                                                                         TOOLS + "/hooks")):
        for name in os.listdir(os.path.join(TOP, folder)):
            with open(os.path.join(TOP, folder, name), "rb") as file:
                made_root.write(os.path.join(root, place, name), file.read(), 0o755)
    with open(os.path.join(TOP, "service/initramfs-tools/scripts/parachute"), "rb") as file:
        made_root.write(os.path.join(root, TOOLS, "scripts/local-premount/parachute"), file.read(), 0o755)


def copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)


class Case(unittest.TestCase):
    def kdump(self, root, *arguments):
        return subprocess.run(["chroot", root, "/usr/lib/parachute/kdump", "mkinitramfs", *arguments],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=600)


class Fakes(Case):
    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="builders-")
        self.addCleanup(shutil.rmtree, self.tmp)
        self.root = made_root.Root(os.path.join(self.tmp, "root"))
        self.root.disk("dm-0", "virtual", {}, major=253)
        self.root.write("sys/devices/virtual/block/dm-0/dm/uuid", "LVM-abc\n")
        self.root.link("../../dm-0", "dev/disk/by-uuid/made")
        self.root.write("etc/kdump.conf", "ext4 UUID=made\n")
        self.root.write("dev/null", "")
        self.root.write("usr/lib/systemd/system/kdump-capture.service", "[Unit]\n")
        self.root.write("etc/initramfs-tools/initramfs.conf", "MODULES=most\n")
        self.root.write("etc/initramfs-tools/conf.d/other", "MODULES=list\n")
        os.makedirs(self.root.at("fake"))
        os.makedirs(self.root.at("var/lib/kdump"))
        copy(STATIC, self.root.at("usr/lib/parachute/kdump"))
        copy(BUSYBOX, self.root.at("usr/bin/busybox"))
        for name in ("sh", "cp", "cpio", "find", "mkdir", "rm", "ln", "chmod"):
            self.root.link("busybox", "usr/bin/" + name)
        install_hooks(self.root.path)

    def dracut(self):
        self.root.write("usr/bin/dracut", FAKE_DRACUT, 0o755)

    def tools(self):
        self.root.write("usr/sbin/mkinitramfs", FAKE_TOOLS, 0o755)
        self.root.write(TOOLS + "/hook-functions", FAKE_FUNCTIONS)

    def build(self, *arguments):
        result = self.kdump(self.root.path, *arguments, OUT)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(os.listdir(self.root.at("var/lib/kdump"))), ["initrd.img", "initrd.img.inputs"])
        self.assertEqual(stat.S_IMODE(os.stat(self.root.at(OUT)).st_mode), 0o600)
        return Image(self.root.at(OUT)), self.root.read("fake/arguments").decode().splitlines()

    def fails(self, text, *arguments):
        result = self.kdump(self.root.path, *arguments, OUT)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(text, result.stderr)
        self.assertEqual(os.listdir(self.root.at("var/lib/kdump")), [])

    def test_dracut(self):
        self.dracut()
        self.root.write("etc/kdump.conf", "ext4 UUID=made\ndracut_args --add 'one two' --x=\"a b\"\ninitramfs auto\n")
        self.root.write("fake/systemd", "")
        image, arguments = self.build()
        for words in (["--add", "parachute"], ["--add-device", "/dev/dm-0"], ["--add", "one two", "--x=a b", "--kver",
                                                                              made_root.RELEASE]):
            at = arguments.index(words[1]) - 1
            self.assertEqual(arguments[at:at + len(words)], words)
        units = "usr/lib/systemd/system/"
        self.assertTrue(image.resolve(units + "initrd.target.wants/kdump-capture.service"))
        self.assertTrue(image.resolve("/usr/lib/parachute/kdump"))
        self.assertEqual(image.facts("filesystem"), [["target0", "UUID=made", "ext4", "-", "/var/crash"]])
        self.assertTrue(all(words[0].startswith("/usr/lib/parachute/modules/") for words in image.facts("module")))
        self.assertIn("ext4", image.modules())
        self.assertNotIn("virtio_blk", image.modules())

    def test_dracut_without_systemd(self):
        self.dracut()
        image, _ = self.build()
        self.assertTrue(image.resolve("hooks/pre-pivot-00"))

    def test_tools(self):
        self.tools()
        image, arguments = self.build()
        self.assertEqual(arguments[-1], made_root.RELEASE)
        self.assertTrue(image.resolve("/etc/kdump/facts"))
        self.assertEqual(self.root.read("fake/settings/initramfs.conf"), b"MODULES=most\n")
        names = sorted(os.listdir(self.root.at("fake/settings/conf.d")))
        self.assertEqual(names, ["other", "zz-parachute"])
        self.assertIn(b"MODULES=dep\n", self.root.read("fake/settings/conf.d/zz-parachute"))

    def below(self, *names):
        """dm-0 is made from dm-1, which is made from the partition of a disk on a driver of its own, and from NAMES."""
        device = "pci0000:00/0000:00:07.0/virtio5"
        self.root.disk("vdb", device, {"vdb1": "below"}, major=8,
                       drivers={"pci0000:00/0000:00:07.0": ("pci", "virtio-pci", "virtio_pci"),
                                device: ("virtio", "virtio_blk", "virtio_blk")})
        self.root.disk("dm-1", "virtual", {}, major=252)
        self.root.link("../../dm-1", "sys/devices/virtual/block/dm-0/slaves/dm-1")
        for name, place in (("vdb1", "../../../../" + device + "/block/vdb/vdb1"),
                            *((name, "../../" + name) for name in names)):
            self.root.link(place, "sys/devices/virtual/block/dm-1/slaves/" + name)

    def test_devices_below(self):
        """The drivers of what a volume is made from are in the image, for the root file system's may be others."""
        self.tools()
        self.assertFalse(self.build()[0].resolve("/conf/modules"))
        shutil.rmtree(self.root.at("fake/tree"))
        shutil.rmtree(self.root.at("fake/settings"))
        self.below("dm-0")     # a circle ends
        self.assertEqual(self.kdump(self.root.path, "--stale", OUT).returncode, 1)
        image, _ = self.build()
        names = self.root.read("fake/tree/conf/modules").decode().split()
        self.assertEqual([name for name in names if name in ("virtio_pci", "virtio_blk")], ["virtio_pci", "virtio_blk"])
        self.assertTrue(image.resolve("/conf/modules"))

    def test_devices_below_a_partition(self):
        """Of a partition on an array: what the array is made from."""
        self.tools()
        self.below()
        self.root.disk("md127", "virtual", {"md127p1": "part"}, major=9)
        self.root.link("../../dm-1", "sys/devices/virtual/block/md127/slaves/dm-1")
        self.root.write("etc/kdump.conf", "ext4 UUID=part\n")
        self.build()
        self.assertIn("virtio_blk", self.root.read("fake/tree/conf/modules").decode().split())

    def test_devices_below_without_their_module(self):
        self.tools()
        self.below()
        os.unlink(self.root.at("sys/devices/pci0000:00/0000:00:07.0/virtio5/driver"))
        self.root.bind("pci0000:00/0000:00:07.0/virtio5", "virtio", "odd", "odd_module")
        result = self.kdump(self.root.path, OUT)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("/dev/dm-0 may be out of the capture kernel's reach", result.stderr)
        self.assertIn("odd_module", result.stderr)

    def test_choice(self):
        self.fails("LVM; that needs dracut or initramfs-tools")
        self.tools()
        self.build("--builder", "auto")
        self.assertEqual(self.root.read("fake/arguments").split()[0], b"-d")
        self.dracut()
        shutil.rmtree(self.root.at("fake/tree"))
        result = self.kdump(self.root.path, "--stale", OUT)
        self.assertEqual(result.returncode, 1)
        self.assertIn("builder: was initramfs-tools", result.stdout)
        self.build()
        # What we can do ourselves we do.
        self.root.write("etc/kdump.conf", "")
        os.unlink(self.root.at("fake/arguments"))
        self.assertEqual(self.kdump(self.root.path, OUT).returncode, 0)
        self.assertFalse(os.path.exists(self.root.at("fake/arguments")))

    def test_stale(self):
        self.dracut()
        self.build()
        self.assertEqual(self.kdump(self.root.path, "--stale", OUT).returncode, 0)
        for name, content, text in (("etc/crypttab", "a b c\n", "/etc/crypttab"), ("etc/dracut.conf.d/x.conf", "y\n",
                                                                                   "/etc/dracut.conf.d/x.conf"),
                                    (DRACUT_HOOKS + "/capture.sh", "#!/bin/sh\n", "capture.sh")):
            shutil.rmtree(self.root.at("fake/tree"))
            self.root.write(name, content)
            result = self.kdump(self.root.path, "--stale", OUT)
            self.assertEqual(result.returncode, 1, name)
            self.assertIn(text, result.stdout)
            self.build()
            self.assertEqual(self.kdump(self.root.path, "--stale", OUT).returncode, 0)

    def test_failures(self):
        self.dracut()
        self.root.write("fake/fail", "")
        self.fails("dracut ended with status 3: no room on the disk")
        os.unlink(self.root.at("fake/fail"))
        self.root.write("fake/lose", "")
        self.fails("what dracut made is no use: /etc/kdump/facts is not in it")
        self.root.write("etc/kdump.conf", "ext4 UUID=made\ndracut_args 'open\n")
        self.fails("dracut_args")

    def test_not_ours(self):
        """Nothing of it gets into an ordinary initramfs."""
        environment = {"PATH": os.environ["PATH"], "DESTDIR": self.tmp + "/none"}
        hook = os.path.join(TOP, "service/initramfs-tools/hooks/parachute")
        self.assertEqual(subprocess.run([hook], env=environment, check=False).returncode, 0)
        self.assertFalse(os.path.exists(self.tmp + "/none"))
        setup = os.path.join(TOP, "service/dracut/99parachute/module-setup.sh")
        self.assertEqual(subprocess.run(["sh", "-c", ". %s; check" % setup], env=environment, check=False).returncode,
                         1)


class Script(Case):
    """What runs in the capture kernel, with everything that it would do noted."""

    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="script-")
        self.addCleanup(shutil.rmtree, self.tmp)
        for name in ("kdump", "lvm", "reboot"):
            made_root.write("%s/%s" % (self.tmp, name),
                            "#!/bin/sh\necho %s \"$@\" >>%s/log\n[ ! -e %s/fail ]\n" % (name, self.tmp, self.tmp),
                            0o755)

    def run_script(self, *present, arguments=()):
        for name in present:
            made_root.write(self.tmp + "/" + name, "")
        environment = {"PATH": self.tmp + ":" + os.environ["PATH"], "PARACHUTE_FACTS": self.tmp + "/facts",
                       "PARACHUTE_VMCORE": self.tmp + "/vmcore",
                       "PARACHUTE_KDUMP": self.tmp + "/kdump", "PARACHUTE_LVM": self.tmp + "/lvm",
                       "PARACHUTE_SYSRQ": self.tmp + "/sysrq"}
        script = os.path.join(TOP, "service/initramfs-tools/scripts/parachute")
        result = subprocess.run(["sh", script, *arguments], env=environment, stdout=subprocess.PIPE, check=False)
        self.assertEqual(result.stdout, b"")
        if not os.path.exists(self.tmp + "/log"):
            return []
        with open(self.tmp + "/log", encoding="utf-8") as log:
            return log.read().splitlines()

    def test_ordinary_boot(self):
        self.assertEqual(self.run_script(), [])
        self.assertEqual(self.run_script("facts"), [])
        self.assertEqual(self.run_script("facts", "vmcore", arguments=["prereqs"]), [])

    def test_no_memory_to_save(self):
        self.assertEqual(self.run_script("vmcore"), [])

    def test_capture(self):
        self.assertEqual(self.run_script("facts", "vmcore"), ["lvm vgchange -aay --sysinit", "kdump capture --no-init",
                                                              "reboot -f"])
        self.assertFalse(os.path.exists(self.tmp + "/sysrq"))

    def test_everything_fails(self):
        self.assertEqual(self.run_script("facts", "vmcore", "fail")[-1], "reboot -f")
        with open(self.tmp + "/sysrq", encoding="utf-8") as sysrq:
            self.assertEqual(sysrq.read(), "b\n")


class Debian(made_root.Root):
    """A system in a folder, with the /proc, /sys and /dev of a machine whose dumps go to a logical volume."""

    def __init__(self, path):
        self.path = path
        for folder in ("proc", "sys", "dev"):
            shutil.rmtree(self.at(folder))
            os.mkdir(self.at(folder))
        made_root.RELEASE = os.listdir(self.at("usr/lib/modules"))[0]
        self.write("proc/sys/kernel/osrelease", made_root.RELEASE + "\n")
        self.write("proc/sys/kernel/hostname", "crasher\n")
        self.disk("vda", "pci0000:00/0000:00:04.0/virtio1", {"vda1": made_root.UUID}, major=254,
                  drivers={"pci0000:00/0000:00:04.0": ("pci", "virtio-pci", "virtio_pci"),
                           "pci0000:00/0000:00:04.0/virtio1": ("virtio", "virtio_blk", "virtio_blk")})
        self.disk("dm-0", "virtual", {}, major=253)
        self.write("sys/devices/virtual/block/dm-0/dm/uuid", "LVM-abc\n")
        scsi = "pci0000:00/0000:00:07.0/virtio5"
        self.disk("sda", scsi + "/host0/target0:0:0/0:0:0:0", {}, major=8,
                  drivers={"pci0000:00/0000:00:07.0": ("pci", "virtio-pci", "virtio_pci"),
                           scsi: ("virtio", "virtio_scsi", "virtio_scsi"),
                           scsi + "/host0/target0:0:0/0:0:0:0": ("scsi", "sd", "sd_mod")})
        self.link("../../../../%s/host0/target0:0:0/0:0:0:0/block/sda" % scsi,
                  "sys/devices/virtual/block/dm-0/slaves/sda")
        self.link("../../dm-0", "dev/disk/by-uuid/made")
        self.mounts("254:1 / / ext4 /dev/vda1 rw")
        for name, text in (("mounts", "/dev/vda1 / ext4 rw 0 0\n"), ("cmdline", "root=/dev/vda1\n"), ("modules", ""),
                           ("filesystems", "\text4\n"),
                           ("cpuinfo", "")):
            self.write("proc/" + name, text)
        os.unlink(self.at("dev/vda1"))
        os.mknod(self.at("dev/vda1"), 0o60600, os.makedev(254, 1))
        os.mknod(self.at("dev/null"), 0o20666, os.makedev(1, 3))
        os.symlink("/proc/self/fd", self.at("dev/fd"))
        os.makedirs(self.at("var/lib/kdump"), exist_ok=True)
        self.write("etc/kdump.conf", "ext4 UUID=made\n")
        copy(STATIC, self.at("usr/lib/parachute/kdump"))
        self.write("usr/lib/systemd/system/kdump-capture.service", "[Unit]\n")
        install_hooks(self.path)


class Real(Case):
    """dracut and initramfs-tools as Debian has them, each in a folder of its own."""

    def test_build(self):
        for folder in DEBIANS:
            with self.subTest(folder):
                root = Debian(folder)
                result = self.kdump(folder, "-f", OUT)
                self.assertEqual(result.returncode, 0, result.stderr)
                print(result.stdout.strip().splitlines()[-1])
                checked = self.kdump(folder, "--check", OUT)
                self.assertEqual(checked.returncode, 0, checked.stdout)
                self.assertEqual(self.kdump(folder, "--stale", OUT).returncode, 0)
                found = entries(unpack(root.read(OUT)))
                self.assertIn("usr/lib/parachute/kdump", found)
                where = "scripts/local-premount/parachute"
                if os.path.exists(root.at("usr/bin/dracut")):
                    where = "usr/lib/systemd/system/initrd.target.wants/kdump-capture.service"
                self.assertIn(where, found)
                # The volume lies on a disk that the root file system has no driver for.
                modules = {os.path.basename(name).split(".")[0] for name in found}
                self.assertLessEqual({"virtio_scsi", "sd_mod"}, modules)


def main():
    global STATIC, BUSYBOX
    STATIC, BUSYBOX = sys.argv[1:3]
    DEBIANS.extend(sys.argv[3:])
    suite = unittest.TestSuite()
    for case in (Fakes, Script) + ((Real,) if DEBIANS else ()):
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(case))
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    print("builders.py: %d passed, %d failed" % (result.testsRun - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
