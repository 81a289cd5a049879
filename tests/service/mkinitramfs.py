#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump mkinitramfs on made-up machines: what is in the image, what is wrong with a machine, what makes an image stale.

    tests/service/mkinitramfs.py KDUMP [TEST]...
"""
import json
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import made_root
from made_root import MODULES, RELEASE, UUID, elf, module
from newc import Image

KDUMP = None


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix="mkinitramfs-")
        self.addCleanup(shutil.rmtree, self.tmp)
        os.mkdir(self.tmp + "/out")
        self.out = self.tmp + "/out/initrd.img"
        self.root = made_root.Root(os.path.join(self.tmp, "root"))

    def conf(self, *lines):
        self.root.write("etc/kdump.conf", "".join(line + "\n" for line in lines))

    def run_kdump(self, *arguments, sysroot=True, **more):
        command = [KDUMP, "mkinitramfs"] + (["--sysroot", self.root.path] if sysroot else []) + list(arguments)
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                                timeout=120, **more)
        self.assertNotRegex(result.stderr, "Sanitizer|runtime error")
        return result

    def build(self, *arguments):
        result = self.run_kdump(*arguments, self.out)
        self.assertEqual(result.returncode, 0, result.stderr)
        return Image(self.out)

    def fails(self, *texts, arguments=(), status=1):
        result = self.run_kdump(*arguments, self.out)
        self.assertEqual(result.returncode, status, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)
        self.assertFalse(os.path.exists(self.out))
        self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)

    def stale(self, *texts):
        """Says what changed; afterwards a new image is up to date."""
        result = self.run_kdump("--stale", self.out)
        self.assertEqual(result.returncode, 1 if texts else 0, result.stdout + result.stderr)
        for text in texts:
            self.assertIn(text, result.stdout)
        if texts:
            self.build()
            again = self.run_kdump("--stale", self.out)
            self.assertEqual((again.returncode, again.stdout), (0, ""), again.stderr)
        else:
            self.assertEqual(result.stdout, "")

    def check(self, *texts):
        result = self.run_kdump("--check", self.out)
        self.assertEqual(result.returncode, 1 if texts else 0, result.stdout + result.stderr)
        for text in texts:
            self.assertIn(text, result.stdout)
        return result


class Contents(Case):
    def test_local(self):
        image = self.build()
        self.assertEqual(os.stat(self.out).st_mode & 0o7777, 0o600)
        self.assertEqual(os.stat(self.out + ".inputs").st_mode & 0o7777, 0o600)
        self.assertEqual(sorted(os.listdir(self.tmp + "/out")), ["initrd.img", "initrd.img.inputs"])
        self.assertEqual(image.entries["init"][0], stat.S_IFREG | 0o755)
        self.assertEqual(image.entries["init"][3], self.root.read("usr/lib/parachute/kdump"))
        self.assertEqual(image.resolve("/usr/sbin/makedumpfile"), image.entries["init"])
        self.assertEqual(image.entries["etc/kdump.conf"][0], stat.S_IFREG | 0o600)
        self.assertTrue(all(uid == 0 and mtime == 0 for _, uid, mtime, _ in image.entries.values()))
        self.assertNotIn("usr/bin/busybox", image.entries)
        self.assertEqual(image.facts("hostname"), [["crasher"]])
        self.assertEqual(image.facts("release"), [[RELEASE]])
        self.assertEqual(image.facts("filesystem"), [["target0", "UUID=" + UUID, "ext4", "-", "/var/crash"]])
        self.assertEqual(image.facts("watchdog"), [["softdog"]])
        self.assertEqual(image.facts("link"), [])
        self.check()

    def test_module_order(self):
        image = self.build()
        names = image.modules()
        self.assertEqual(sorted(names), ["crc16", "crc32c-intel", "crc32c_generic", "ext4", "jbd2", "mbcache",
                                         "softdog", "virtio",
                                         "virtio_blk", "virtio_pci", "virtio_ring"])
        for first, then in (("virtio", "virtio_ring"), ("virtio_ring", "virtio_blk"), ("virtio_ring", "virtio_pci"),
                            ("jbd2", "ext4"), ("crc16", "ext4"), ("crc32c_generic", "ext4"), ("crc32c-intel", "ext4")):
            self.assertLess(names.index(first), names.index(then))
        for words in image.facts("module"):
            self.assertTrue(image.resolve(words[0])[3].startswith(b"\x7fELF"), words)

    def test_cpio_reads_it(self):
        self.build("--compress", "none")
        folder = self.tmp + "/unpacked"
        os.mkdir(folder)
        with open(self.out, "rb") as archive:
            subprocess.run(["cpio", "-idm", "--quiet"], stdin=archive, cwd=folder, check=True)
        with open(folder + "/init", "rb") as init:
            self.assertEqual(init.read(), self.root.read("usr/lib/parachute/kdump"))
        self.assertEqual(os.readlink(folder + "/lib"), "usr/lib")
        listed = subprocess.run(["cpio", "-t", "--quiet"], input=open(self.out, "rb").read(), stdout=subprocess.PIPE,
                                check=True)
        self.assertEqual(listed.stdout.decode().splitlines(), list(Image(self.out).entries))

    def test_packings(self):
        plain = self.build("--compress", "none").archive
        for name in ("zstd", "xz", "gzip"):
            image = self.build("--compress", name)
            self.assertEqual(image.archive, plain, name)
            self.assertLess(len(image.packed), len(plain))
            self.check()
        self.fails_usage("--compress", "bzip2")

    def fails_usage(self, *arguments):
        result = self.run_kdump(*arguments, self.out)
        self.assertIn(result.returncode, (1, 2))
        self.assertIn(arguments[-1], result.stderr)

    def test_packing_by_kernel(self):
        for config, magic in (("CONFIG_RD_ZSTD=y\n", b"\x28\xb5"), ("# CONFIG_RD_ZSTD is not set\nCONFIG_RD_XZ=y\n",
                                                                    b"\xfd7"),
                              ("CONFIG_RD_GZIP=y\n", b"\x1f\x8b"), ("", b"07")):
            self.root.write("boot/config-" + RELEASE, config)
            self.assertTrue(self.build().packed.startswith(magic), config)
        os.unlink(self.root.at("boot/config-" + RELEASE))
        self.assertTrue(self.build().packed.startswith(b"\xfd7"))

    def test_xz_as_kernels_read_it(self):
        image = self.build("--compress", "xz")
        # The kernel's reader knows CRC32 alone; the second byte behind the magic says which check there is.
        self.assertEqual(image.packed[7], 1)

    def test_same_bytes(self):
        first = self.build().packed
        os.utime(self.root.at("usr/lib/parachute/kdump"), (1, 1))
        shutil.copytree(self.root.path, self.tmp + "/copy", symlinks=True)
        self.root.path = self.tmp + "/copy"
        self.assertEqual(self.build().packed, first)

    def test_packed_modules(self):
        path = MODULES + "/kernel/fs/jbd2/jbd2.ko"
        for suffix, command in ((".xz", ["xz", "--check=crc32"]), (".zst", ["zstd", "-q"]), (".gz", ["gzip", "-n"])):
            subprocess.run(command + [self.root.at(path)], check=True)
            if os.path.exists(self.root.at(path)):
                os.unlink(self.root.at(path))
            text = self.root.read(MODULES + "/modules.dep").decode().replace("jbd2/jbd2.ko", "jbd2/jbd2.ko" + suffix)
            self.root.write(MODULES + "/modules.dep", text)
            image = self.build()
            self.assertEqual(image.resolve("/" + path)[3], module("jbd2.ko"))
            self.root.write(path, module("jbd2.ko"))
            self.root.write(MODULES + "/modules.dep", text.replace(suffix, ""))

    def test_options_and_firmware(self):
        self.root.write("etc/modprobe.d/a.conf", "# no\noptions virtio-blk queue_depth=8\toption2\nblacklist x\n")
        self.root.write("usr/lib/modprobe.d/a.conf", "options virtio_blk hidden=1\n")
        self.root.write("usr/lib/modprobe.d/b.conf", "options virtio_blk num=2\n")
        self.root.write(MODULES + "/kernel/drivers/block/virtio_blk.ko", module("virtio_blk.ko", "chip/a.bin",
                                                                                "chip/gone.bin", "../../etc/shadow"))
        self.root.write("usr/lib/firmware/chip/a.bin", "code")
        self.root.write("etc/shadow", "secret")
        image = self.build()
        blk = [words for words in image.facts("module") if "virtio_blk" in words[0]]
        self.assertEqual(blk[0][1:], ["queue_depth=8", "option2", "num=2"])
        self.assertEqual(image.text("/lib/firmware/chip/a.bin"), "code")
        self.assertFalse([path for path in image.entries if "shadow" in path or "gone" in path])

    def test_builtin(self):
        self.root.mounts("254:1 / / vfat /dev/vda1 rw")
        image = self.build()
        self.assertEqual(image.facts("filesystem")[0][2], "vfat")
        self.assertNotIn("vfat", image.modules())
        self.root.mounts("254:1 / / ext2 /dev/vda1 rw")
        self.assertEqual(self.build().facts("filesystem")[0][2], "ext2")

    def test_extra(self):
        self.conf("extra_modules xfs tg3", "shell yes", "extra_bins /usr/bin/tool", "kdump_pre /usr/bin/pre",
                  "kdump_post /usr/bin/post")
        self.root.dynamic_program("usr/bin/tool")
        self.root.dynamic_program("usr/bin/dash")
        self.root.link("dash", "usr/bin/sh")
        self.root.write("usr/bin/pre", "#!/bin/sh -e\n", 0o755)
        self.root.write("usr/bin/env", elf(), 0o755)
        self.root.write("usr/bin/python3", elf(), 0o755)
        self.root.write("usr/bin/post", "#!/usr/bin/env python3\n", 0o755)
        self.root.write("usr/bin/busybox", elf(tail=b"busybox"), 0o755)
        image = self.build()
        for path in ("/bin/sh", "/usr/bin/pre", "/usr/bin/post", "/usr/bin/env", "/usr/bin/python3", "/bin/busybox",
                     "/usr/bin/tool",
                     "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
            self.assertTrue(image.resolve(path), path)
        self.assertIn("xfs", image.modules())
        self.assertIn("tg3", image.modules())
        self.check()
        self.root.write("usr/bin/pre", "#!/bin/zsh\n", 0o755)
        os.unlink(self.out)
        self.fails("kdump_pre", "/usr/bin/pre", "bin/zsh")

    def test_blanks_and_tabs(self):
        """What the configuration takes for words is taken for words here, too."""
        self.conf("core_collector\tmakedumpfile\t-l  -d 31")
        self.build()
        self.check()
        self.conf("core_collector /usr/bin/tool\t--option")
        self.root.dynamic_program("usr/bin/tool")
        self.assertTrue(self.build().resolve("/usr/bin/tool"))
        self.check()

    def test_programs_in_folders(self):
        self.root.write("etc/kdump/pre.d/10-first", "#!/bin/sh\n", 0o755)
        self.root.write("etc/kdump/post.d/last", elf(), 0o700)
        self.root.write("etc/kdump/post.d/README", "text", 0o644)
        self.root.dynamic_program("usr/bin/dash")
        self.root.link("dash", "usr/bin/sh")
        image = self.build()
        for path in ("/etc/kdump/pre.d/10-first", "/etc/kdump/post.d/last", "/bin/sh"):
            self.assertTrue(image.resolve(path)[0] & 0o100, path)
        self.assertNotIn("etc/kdump/post.d/README", image.entries)
        self.root.write("etc/kdump/pre.d/10-first", "#!/bin/sh -e\n", 0o755)
        self.stale("/etc/kdump/pre.d/10-first: changed")

    def test_no_such_program(self):
        for line in ("extra_bins tool", "core_collector tool", "extra_bins /x/tool"):
            self.conf(line)
            self.fails(line.split()[0], "tool")

    def test_shell_alone(self):
        self.conf("shell yes")
        self.root.write("usr/bin/busybox", elf(tail=b"busybox"), 0o755)
        self.assertEqual(self.build().resolve("/bin/sh")[3], elf(tail=b"busybox"))

    def test_group_and_others_cannot_write(self):
        self.conf("extra_bins /usr/bin/tool")
        self.root.write("usr/bin/tool", elf(), 0o4777)
        self.assertEqual(self.build().entries["usr/bin/tool"][0] & 0o7777, 0o755)

    def test_watchdog(self):
        wdt = "platform/iTCO_wdt.1"
        self.root.write("sys/devices/%s/watchdog/watchdog0/identity" % wdt, "iTCO_wdt\n")
        self.root.link("../../../iTCO_wdt.1", "sys/devices/%s/watchdog/watchdog0/device" % wdt)
        self.root.link("../../devices/%s/watchdog/watchdog0" % wdt, "sys/class/watchdog/watchdog0")
        self.root.bind(wdt, "platform", "iTCO_wdt", "iTCO_wdt")
        image = self.build()
        self.assertEqual(image.facts("watchdog"), [["iTCO_wdt"]])
        self.assertIn("iTCO_vendor_support", image.modules())
        self.assertNotIn("softdog", image.modules())

    def test_empty_configuration_lines(self):
        self.conf("# nothing", "")
        self.build()


class Places(Case):
    def place(self, image, key="target0"):
        return [words[1:] for words in image.facts("filesystem") if words[0] == key][0]

    def test_bind_mount(self):
        self.root.mounts("254:1 / / ext4 /dev/vda1 rw", "254:1 /data/dumps /var/crash ext4 /dev/vda1 rw")
        self.assertEqual(self.place(self.build()), ["UUID=" + UUID, "ext4", "-", "/data/dumps"])

    def test_blanks_in_names(self):
        self.root.mounts("254:1 / / ext4 /dev/vda1 rw", "254:1 /my\\040own /var/crash ext4 /dev/vda1 rw")
        self.assertEqual(self.place(self.build())[3], "/my%20own")

    def test_link_in_path(self):
        os.rmdir(self.root.at("var/crash"))
        self.root.link("../srv/crash", "var/crash")
        self.root.mounts("254:1 / / ext4 /dev/vda1 rw", "254:1 /sub /srv ext4 /dev/vda1 rw")
        self.assertEqual(self.place(self.build())[3], "/sub/crash")

    def test_subvolume(self):
        self.root.mounts("0:31 /@ / btrfs /dev/vda1 rw,subvol=/@")
        self.assertEqual(self.place(self.build()), ["UUID=" + UUID, "btrfs", "subvolid=5", "/@/var/crash"])

    def test_btrfs_on_two(self):
        for name in ("vda1", "vdb"):
            os.makedirs(self.root.at("sys/fs/btrfs", UUID, "devices", name))
        self.root.mounts("0:31 /@ / btrfs /dev/vda1 rw")
        self.fails("lies on 2 devices")

    def test_own_file_system(self):
        self.root.disk("vdb", "pci0000:00/0000:00:05.0/virtio2", {"vdb1": "beef-1"}, major=259,
                       drivers={"pci0000:00/0000:00:05.0": ("pci", "virtio-pci", "virtio_pci"),
                                "pci0000:00/0000:00:05.0/virtio2": ("virtio", "virtio_blk", "virtio_blk")})
        for spec, expected in (("UUID=beef-1", "UUID=beef-1"), ("UUID=BEEF-1", "UUID=BEEF-1"), ("/dev/vdb1",
                                                                                                "UUID=beef-1")):
            self.conf("xfs " + spec, "path /dumps")
            image = self.build()
            self.assertEqual(self.place(image), [expected, "xfs", "-", "/dumps"])
            self.assertIn("xfs", image.modules())
        self.root.link("../../vdb1", "dev/disk/by-label/a\\x20b")
        self.conf("xfs LABEL=a b")
        result = self.run_kdump(self.out)
        if result.returncode == 0:
            self.assertEqual(self.place(Image(self.out))[0], "LABEL=a%20b")

    def test_raw(self):
        self.root.link("../../vda1", "dev/disk/by-partuuid/1234-01")
        self.conf("raw /dev/vda1")
        self.assertEqual(self.build().facts("raw"), [["target0", "PARTUUID=1234-01"]])
        self.check()

    def test_several_targets_and_root(self):
        self.root.disk("vdb", "pci0000:00/0000:00:05.0/virtio2", {"vdb1": "beef-1"}, major=259,
                       drivers={"pci0000:00/0000:00:05.0/virtio2": ("virtio", "virtio_blk", "virtio_blk")})
        self.conf("xfs UUID=beef-1", "raw /dev/vda1", "failure_action dump_to_rootfs", "path /dumps")
        image = self.build()
        self.assertEqual([words[0] for words in image.facts("filesystem")], ["target0", "root"])
        self.assertEqual(self.place(image, "root")[3], "/dumps")
        self.assertEqual(image.facts("raw")[0][0], "target1")
        self.check()

    def test_no_uuid_is_said(self):
        shutil.rmtree(self.root.at("dev/disk"))
        result = self.run_kdump(self.out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("/dev/vda1 has no UUID", result.stderr)
        self.assertEqual(self.place(Image(self.out))[0], "/dev/vda1")

    def test_virtiofs(self):
        self.conf("virtiofs dumps")
        self.fails("no virtiofs device")
        device = "pci0000:00/0000:00:09.0/virtio9"
        os.makedirs(self.root.at("sys/devices", device))
        self.root.bind("pci0000:00/0000:00:09.0", "pci", "virtio-pci", "virtio_pci")
        self.root.bind(device, "virtio", "virtiofs", "virtiofs")
        image = self.build()
        self.assertEqual(self.place(image), ["dumps", "virtiofs", "-", "/var/crash"])
        self.assertEqual(sorted(set(image.modules()) & {"fuse", "virtiofs", "virtio_pci"}), ["fuse", "virtio_pci",
                                                                                             "virtiofs"])

    def test_nvme_with_multipath(self):
        subsystem = "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
        controller = "pci0000:00/0000:00:06.0/nvme/nvme0"
        self.root.write("sys/devices/%s/transport" % controller, "pcie\n")
        self.root.bind("pci0000:00/0000:00:06.0", "pci", "nvme", "nvme")
        self.root.disk("nvme0n1", "virtual/nvme-subsystem/nvme-subsys0", {"nvme0n1p1": "nvme-uuid"}, major=260)
        self.root.link("../../../" + controller, subsystem + "/nvme0")
        self.conf("ext4 UUID=nvme-uuid")
        self.assertIn("nvme-core", self.build().modules())
        self.root.write("sys/devices/%s/transport" % controller, "tcp\n")
        os.unlink(self.out)
        self.fails("NVMe over tcp", "kdump.conf:1")

    def test_supplier(self):
        device = "pci0000:00/0000:00:04.0/virtio1"
        os.makedirs(self.root.at("sys/devices/platform/clk"))
        self.root.bind("platform/clk", "platform", "clk-board", "clk_board")
        self.root.link("../../../platform/clk", "sys/devices/virtual/devlink/x/supplier")
        self.root.link("../../../virtual/devlink/x", "sys/devices/%s/supplier:platform:clk" % device)
        self.assertIn("clk-board", self.build().modules())

    def test_driver_of_another_release(self):
        other = "9.9.9"
        shutil.copytree(self.root.at(MODULES), self.root.at("lib/modules", other))
        text = self.root.read("lib/modules/%s/modules.dep" % other).decode().replace("virtio_blk.ko",
                                                                                     "virtio_block_new.ko")
        self.root.write("lib/modules/%s/modules.dep" % other, text)
        self.root.write("lib/modules/%s/kernel/drivers/block/virtio_block_new.ko" % other, module("new"))
        self.fails("virtio_blk", arguments=("--kernel", other))
        self.root.write("sys/devices/pci0000:00/0000:00:04.0/virtio1/modalias", "virtio:d00000002v00001AF4\n")
        self.root.write("lib/modules/%s/modules.alias" % other, made_root.ALIASES.replace("v* virtio_blk",
                                                                                          "v* virtio_block_new"))
        image = self.build("--kernel", other)
        self.assertIn("virtio_block_new", image.modules())
        self.assertEqual(image.facts("release"), [[other]])


class Unreachable(Case):
    """What our own initramfs cannot do: a sentence, and no image."""

    def made(self, name, uuid=None):
        self.root.disk(name, "virtual", {}, major=253)
        self.root.link("../../" + name, "dev/disk/by-uuid/made")
        if uuid:
            self.root.write("sys/devices/virtual/block/%s/dm/uuid" % name, uuid + "\n")
        self.conf("ext4 UUID=made")

    def test_mapped(self):
        for i, (uuid, text) in enumerate((("LVM-abc", "LVM"), ("CRYPT-LUKS2-abc", "LUKS"), ("mpath-360", "multipath"),
                                          ("other", "device-mapper"))):
            with self.subTest(uuid):
                self.root = made_root.Root(os.path.join(self.tmp, "root%d" % i))
                self.made("dm-0", uuid)
                self.fails(text, "kdump.conf:1: target UUID=made", "dracut or initramfs-tools")
                self.fails(text, arguments=("--builder", "own"))

    def test_made(self):
        for i, (name, text) in enumerate((("md127", "array"), ("loop0", "loop"), ("zram0", "zram"), ("xyz",
                                                                                                     "software"))):
            with self.subTest(name):
                self.root = made_root.Root(os.path.join(self.tmp, "root%d" % i))
                self.made(name)
                self.fails(text)

    def test_iscsi(self):
        self.root.disk("sda", "platform/host2/session1/target2:0:0/2:0:0:0", {"sda1": "iscsi"}, major=8)
        self.conf("ext4 UUID=iscsi")
        self.fails("iSCSI")

    def test_file_systems(self):
        for fstype, text in (("tmpfs", "memory"), ("overlay", "overlay"), ("zfs", "ZFS"), ("fuse.sshfs",
                                                                                           "run by a program"),
                                                                                           ("autofs", "mounted when")):
            self.root.mounts("254:1 / / ext4 /dev/vda1 rw", "0:40 / /var/crash %s none rw" % fstype)
            self.fails(text, "/var/crash")

    def test_interfaces(self):
        for i, (name, extra, text) in enumerate((("bond0", ("bonding",), "bond"), ("br0", ("bridge",), "bridge"),
                                                 ("tun0", (), "software"), ("wlan0", ("phy80211",), "wireless"))):
            with self.subTest(name):
                self.root = made_root.Root(os.path.join(self.tmp, "root%d" % i))
                self.root.network(name, "virtual" if name != "wlan0" else "pci0000:00/0000:00:03.0/virtio0", extra)
                self.conf("nfs 10.0.2.2:/export")
                self.fails(name, text)

    def test_chosen_builder_is_not_there(self):
        self.fails("initramfs dracut", "module-setup.sh", arguments=("--builder", "dracut"))
        self.fails("initramfs initramfs-tools", "mkinitramfs", arguments=("--builder", "initramfs-tools"))
        self.fails("\"xyz\"", arguments=("--builder", "xyz"))

    def test_builder_of_another_root(self):
        for path in ("usr/bin/dracut", "usr/lib/dracut/modules.d/99parachute/module-setup.sh"):
            self.root.write(path, "", 0o755)
        self.made("dm-0", "LVM-abc")
        self.fails("only for the running system")


class Network(Case):
    def setUp(self):
        super().setUp()
        self.root.network()

    def test_nfs(self):
        self.conf("nfs dumps:/export", "path /crash")
        image = self.build()
        self.assertEqual(image.facts("filesystem"), [["target0", "dumps:/export", "nfs", "-", "/crash"]])
        self.assertEqual(image.facts("host"), [["dumps", "10.0.2.2"]])
        self.assertEqual(image.facts("link"), [["eth0", "52:54:00:12:34:56", "1500"]])
        self.assertEqual(image.facts("address"), [["eth0", "10.0.2.15/24"], ["eth0", "fd00::15/64"]])
        self.assertEqual(image.facts("route"), [["eth0", "default", "10.0.2.2"], ["eth0", "default", "fd00::1"]])
        self.assertEqual(image.facts("nameserver"), [["10.0.2.3"]])
        for name in ("virtio_net", "virtio_pci", "nfs", "nfsv4", "nfsv3", "sunrpc"):
            self.assertIn(name, image.modules())
        self.assertNotIn("virtio_blk", image.modules())
        self.check()

    def test_local_path_on_nfs(self):
        self.root.mounts("254:1 / / ext4 /dev/vda1 rw", "0:44 / /var nfs4 dumps:/export rw,vers=4.2,addr=10.0.2.2")
        image = self.build()
        self.assertEqual(image.facts("filesystem"), [["target0", "dumps:/export", "nfs", "vers=4.2", "/crash"]])
        self.assertEqual(image.facts("host"), [["dumps", "10.0.2.2"]])

    def test_ssh(self):
        self.conf("ssh kdump@dumps.example.org")
        self.fails("OpenSSH", "usr/bin/ssh")
        self.root.dynamic_program("usr/bin/ssh", ["libcrypto.so.3", "libc.so.6"])
        self.fails("ssh needs the library libcrypto.so.3")
        self.root.write("usr/lib/x86_64-linux-gnu/libcrypto.so.3", elf(["libc.so.6"]))
        self.root.write("usr/lib/x86_64-linux-gnu/libnss_dns.so.2", elf(["libc.so.6"]))
        self.fails("sshkey /root/.ssh/kdump_id_rsa", "kdumpctl propagate")
        self.root.write("root/.ssh/kdump_id_rsa", "key", 0o644)
        self.fails("ssh_known_hosts /root/.ssh/known_hosts", "kdumpctl propagate")
        self.root.write("root/.ssh/known_hosts", "hosts")
        image = self.build()
        self.assertEqual(image.entries["root/.ssh/kdump_id_rsa"][0], stat.S_IFREG | 0o600)
        self.assertTrue(image.resolve("/lib/x86_64-linux-gnu/libcrypto.so.3"))
        self.assertTrue(image.resolve("/usr/lib/x86_64-linux-gnu/libnss_dns.so.2"))
        self.assertIn("root:x:0:0", image.text("/etc/passwd"))
        self.check()
        self.stale()
        self.root.write("root/.ssh/known_hosts", "other")
        self.stale("/root/.ssh/known_hosts: changed")

    def test_https(self):
        self.conf("https https://dumps:8443/crash", "https_credentials /etc/kdump/web")
        self.fails("usr/sbin/kdump")
        self.root.dynamic_program("usr/sbin/kdump", ["libcurl.so.4", "libc.so.6"], tail=b"dynamic")
        self.root.write("usr/lib/x86_64-linux-gnu/libcurl.so.4", elf(["libc.so.6"]))
        self.fails("certificates", "https_ca")
        self.root.write("etc/ssl/certs/ca-certificates.crt", "CA")
        self.fails("https_credentials /etc/kdump/web")
        self.root.write("etc/kdump/web", "user:secret")
        image = self.build()
        self.assertTrue(image.entries["init"][3].endswith(b"dynamic"))
        self.assertTrue(image.resolve("/lib/x86_64-linux-gnu/libcurl.so.4"))
        self.assertEqual(image.entries["etc/kdump/web"][0], stat.S_IFREG | 0o600)
        self.assertEqual(image.text("/etc/ssl/certs/ca-certificates.crt"), "CA")
        self.assertEqual(image.facts("host"), [["dumps", "10.0.2.2"]])
        self.check()

    def test_server_without_address(self):
        self.conf("nfs nowhere:/export")
        self.fails("nowhere has no address", "kdump.conf:1")

    def test_one_of_several_is_out_of_reach(self):
        """A capture kernel for the others is better than none; an image that knows more is better than a new one."""
        self.conf("nfs dumps:/export", "ext4 /dev/vda1", "nfs nowhere:/export", "ext4 UUID=0-0")
        result = self.run_kdump(self.out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"kdump.conf:3: target nowhere:/export: .* has no address.* is left out")
        self.assertRegex(result.stderr, r"kdump.conf:4: target UUID=0-0: .* is left out")
        image = Image(self.out)
        self.assertEqual([words[0] for words in image.facts("filesystem")], ["target0", "target1"])
        self.assertEqual(image.facts("host"), [["dumps", "10.0.2.2"]])
        self.check("target 3", "target 4")
        hosts = self.root.read("etc/hosts")
        self.root.write("etc/hosts", "127.0.0.1 localhost\n")
        self.stale()
        self.root.write("etc/hosts", hosts + b"10.0.2.9 nowhere\n")
        self.root.write("etc/kdump.conf", self.root.read("etc/kdump.conf") + b"# more\n")
        result = self.run_kdump("--stale", self.out)
        self.assertEqual((result.returncode, result.stdout), (1, "/etc/kdump.conf: changed\n"))
        self.conf("nfs dumps:/export", "ext4 /dev/vda1", "nfs nowhere:/export")
        self.stale("new: host nowhere 10.0.2.9")
        self.assertEqual(len(Image(self.out).facts("filesystem")), 3)

    def test_none_of_several_is_in_reach(self):
        self.conf("nfs nowhere:/export", "ext4 UUID=0-0")
        self.fails("nowhere has no address", "kdump.conf:1")

    def test_no_route(self):
        self.root.write("proc/net/route", "Iface\tDestination\n")
        self.conf("nfs dumps:/export")
        self.fails("no route to 10.0.2.2")

    def test_ipv6(self):
        self.conf("nfs [fd00::2]:/export")
        image = self.build()
        self.assertEqual(image.facts("host"), [])
        self.assertEqual(image.facts("link")[0][0], "eth0")

    def test_damaged_routes(self):
        self.conf("nfs dumps:/export")
        for name in ("route", "ipv6_route", "if_inet6", "fib_trie"):
            old = self.root.read("proc/net/" + name)
            self.root.write("proc/net/" + name, old + b"|-- xyz 1 2\n")
            self.fails("/proc/net/%s: line" % name)
            self.root.write("proc/net/" + name, old)

    def test_interface_once(self):
        self.conf("nfs dumps:/export")
        self.root.dynamic_program("usr/bin/ssh")
        self.root.write("root/.ssh/kdump_id_rsa", "key")
        self.root.write("root/.ssh/known_hosts", "hosts")
        self.conf("nfs dumps:/export", "ssh kdump@dumps")
        result = self.run_kdump(self.out)
        self.assertEqual(result.returncode, 0, result.stderr)
        image = Image(self.out)
        self.assertEqual(len(image.facts("link")), 1)
        self.assertEqual(len(image.facts("host")), 1)


class Libraries(Case):
    def tool(self, **more):
        self.conf("extra_bins /usr/bin/tool")
        self.root.dynamic_program("usr/bin/tool", **more)

    def test_runpath_and_origin(self):
        self.tool(needed=["liba.so", "libc.so.6"], runpath="/opt/none:$ORIGIN/../lib/tool")
        self.root.write("usr/lib/tool/liba.so", elf(["libb.so"], runpath="${ORIGIN}/deep"))
        self.root.write("usr/lib/tool/deep/libb.so", elf(["libc.so.6", "liba.so"]))
        image = self.build()
        self.assertTrue(image.resolve("/usr/lib/tool/liba.so"))
        self.assertTrue(image.resolve("/usr/lib/tool/deep/libb.so"))
        self.check()

    def test_rpath_is_inherited_and_runpath_is_not(self):
        self.tool(needed=["liba.so"], rpath="/opt/tool")
        self.root.write("opt/tool/liba.so", elf(["libb.so"]))
        self.root.write("opt/tool/libb.so", elf())
        self.assertTrue(self.build().resolve("/opt/tool/libb.so"))
        os.unlink(self.out)
        self.tool(needed=["liba.so"], runpath="/opt/tool")
        self.fails("/opt/tool/liba.so needs the library libb.so")

    def test_folder_of_ld_so_conf(self):
        self.tool(needed=["liba.so"])
        self.root.write("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
        self.root.write("etc/ld.so.conf.d/tool.conf", "# own\n/opt/tool\n")
        self.root.write("etc/ld.so.conf.d/other.txt", "/opt/wrong\n")
        self.root.write("opt/tool/liba.so.1", elf(tail=b"a"))
        self.root.link("liba.so.1", "opt/tool/liba.so")
        image = self.build()
        # There is no cache of ld.so in the image: the library is found beside the dynamic linker.
        self.assertEqual(image.resolve("/usr/lib/x86_64-linux-gnu/liba.so")[3], elf(tail=b"a"))
        self.check()

    def test_wrong_machine_is_passed_over(self):
        self.tool(needed=["liba.so"])
        self.root.write("usr/lib/x86_64-linux-gnu/liba.so", elf(machine=3))
        self.root.write("usr/lib/liba.so", elf(tail=b"right"))
        image = self.build()
        self.assertEqual(image.resolve("/usr/lib/liba.so")[3], elf(tail=b"right"))

    def test_missing(self):
        self.tool(needed=["libc.so.6", "libgone.so.3"])
        self.fails("extra_bins", "/usr/bin/tool needs the library libgone.so.3")
        self.conf("extra_bins /usr/bin/none")
        self.fails("usr/bin/none")

    def test_damaged_programs(self):
        self.tool()
        whole = self.root.read("usr/bin/tool")
        for content in (whole[:40], whole[:64] + bytes(56) + whole[120:], whole[:-8] + b"\xff" * 8,
                        whole[:len(whole) - 40]):
            self.root.write("usr/bin/tool", content, 0o755)
            result = self.run_kdump("-f", self.out)
            self.assertIn(result.returncode, (0, 1), result.stderr)

    def test_loop_of_links(self):
        self.conf("extra_bins /usr/bin/loop")
        self.root.link("loop2", "usr/bin/loop")
        self.root.link("loop", "usr/bin/loop2")
        self.fails("usr/bin/loop", "ymbolic links")


class Faults(Case):
    def test_configuration(self):
        self.conf("path /var/crash", "no_such_keyword 1", "also_none")
        result = self.run_kdump(self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("kdump.conf:2: ", result.stderr)
        self.assertIn("kdump.conf:3: ", result.stderr)
        self.assertFalse(os.path.exists(self.out))

    def test_no_configuration(self):
        os.unlink(self.root.at("etc/kdump.conf"))
        self.fails("etc/kdump.conf")

    def test_no_init(self):
        os.unlink(self.root.at("usr/lib/parachute/kdump"))
        self.fails("usr/sbin/kdump", "program for the initramfs")
        result = self.run_kdump("--init", self.root.at("usr/none"), self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("usr/none", result.stderr)

    def test_init_given(self):
        self.root.write("tmp/init", elf(tail=b"given"))
        image = self.build("--init", self.root.at("tmp/init"))
        self.assertTrue(image.entries["init"][3].endswith(b"given"))

    def test_module_missing(self):
        os.unlink(self.root.at(MODULES, "kernel/fs/jbd2/jbd2.ko"))
        self.fails("module jbd2", "kernel/fs/jbd2/jbd2.ko")

    def test_modules_missing(self):
        shutil.rmtree(self.root.at(MODULES))
        self.fails("modules.dep")
        self.fails("modules.dep", arguments=("--kernel", "1.2.3"))
        self.fails("no release", arguments=("--kernel", "../etc"))

    def test_dependency_not_listed(self):
        text = self.root.read(MODULES + "/modules.dep").decode()
        self.root.write(MODULES + "/modules.dep", text.replace("kernel/fs/jbd2/jbd2.ko:\n", ""))
        self.fails("ext4 needs kernel/fs/jbd2/jbd2.ko", "depmod")

    def test_damaged_modules_dep(self):
        text = self.root.read(MODULES + "/modules.dep").decode()
        for damage, expected in ((text + "no colon here\n", "without a colon"), (text + "/abs/x.ko:\n",
                                                                                 "leads elsewhere"),
                                 (text + "a/../../x.ko:\n", "leads elsewhere"), (text + ":\n", "leads elsewhere"),
                                 (text + "k/x.ko: ../y.ko\n", "leads elsewhere"), (text + "k/.ko:\n",
                                                                                   "without a name")):
            self.root.write(MODULES + "/modules.dep", damage)
            self.fails("modules.dep:", expected, "depmod")
        self.root.write(MODULES + "/modules.dep", text.replace("kernel/fs/jbd2/jbd2.ko:",
                                                               "kernel/fs/jbd2/jbd2.ko: kernel/fs/ext4/ext4.ko"))
        self.fails("goes in circles")

    def test_no_driver(self):
        for device in ("pci0000:00/0000:00:04.0", "pci0000:00/0000:00:04.0/virtio1"):
            os.unlink(self.root.at("sys/devices", device, "driver"))
        self.fails("vda1: no driver is bound to it")

    def test_driver_without_module(self):
        self.root.write(MODULES + "/modules.dep", "kernel/fs/ext4/ext4.ko:\n")
        self.fails("driven by module")

    def test_builtin_driver(self):
        os.unlink(self.root.at("sys/bus/virtio/drivers/virtio_blk/module"))
        self.assertNotIn("virtio_blk", self.build().modules())

    def test_unknown_file_system(self):
        self.root.mounts("254:1 / / strangefs /dev/vda1 rw")
        self.fails("no file system strangefs", RELEASE)

    def test_no_such_device(self):
        self.conf("ext4 UUID=none")
        self.fails("UUID=none: there is no such device", "kdump.conf:1")
        self.conf("ext4 /dev/none")
        self.fails("/dev/none")

    def test_damaged_mountinfo(self):
        for text in ("1 2 3\n", "1 2 254:1 / / rw ext4 /dev/vda1 rw\n", "garbage\n"):
            self.root.write("proc/self/mountinfo", text)
            self.fails("mountinfo: line 1")

    def test_module_that_is_none(self):
        self.root.write(MODULES + "/kernel/fs/ext4/ext4.ko", "text")
        self.fails("ext4.ko is no module")
        self.root.write(MODULES + "/kernel/fs/ext4/ext4.ko", lzma.compress(module("x"))[:-30])
        self.fails("ext4.ko", "truncated")

    def test_extra_module_unknown(self):
        self.conf("extra_modules none_such")
        self.fails("extra_modules", "none_such")

    def test_output(self):
        self.out = self.tmp + "/none/initrd"
        self.fails(self.tmp + "/none")
        self.out = self.tmp + "/out/folder"
        os.mkdir(self.out)
        result = self.run_kdump("-f", self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("folder", result.stderr)
        self.assertEqual(os.listdir(self.tmp + "/out"), ["folder"])

    def test_output_of_somebody_else(self):
        made_root.write(self.out, "precious")
        result = self.run_kdump(self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("-f replaces it", result.stderr)
        self.build("-f")
        self.build()

    def test_no_space(self):
        """A file size limit stands for a full disk: both are an error of write(2)."""
        self.build()
        with open(self.out, "rb") as file:
            before = file.read()
        self.root.write("usr/lib/parachute/kdump", elf(tail=os.urandom(100000)), 0o755)
        result = self.run_kdump(self.out, preexec_fn=limit_files)
        self.assertEqual(result.returncode, 1)
        self.assertIn("initrd.img", result.stderr)
        with open(self.out, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(sorted(os.listdir(self.tmp + "/out")), ["initrd.img", "initrd.img.inputs"])

    def test_usage(self):
        for arguments in ((), ("a", "b"), ("--stale", "--check", "a"), ("--facts", "a"), ("--json", "a"), ("--nope",
                                                                                                           "a"),
                                                                                                           ("--conf",)):
            result = self.run_kdump(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("kdump mkinitramfs --help", result.stderr)
        result = self.run_kdump("--help", sysroot=False)
        self.assertEqual(result.returncode, 0)
        self.assertIn("--builder auto|own|dracut|initramfs-tools", result.stdout)

    def test_facts(self):
        result = self.run_kdump("--facts")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.build()
        self.assertEqual(result.stdout, Image(self.out).text("etc/kdump/facts"))


def limit_files():
    import resource
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


class Stale(Case):
    def setUp(self):
        super().setUp()
        self.conf("extra_bins /usr/bin/tool")
        self.root.dynamic_program("usr/bin/tool")
        self.build()

    def test_nothing_changed(self):
        self.stale()
        for where, _, names in os.walk(self.root.path):
            for name in names:
                os.utime(os.path.join(where, name), (5, 5), follow_symlinks=False)
        self.stale()

    def test_each_kind(self):
        root = self.root
        root.write("etc/kdump.conf", "extra_bins /usr/bin/tool\n# more\n")
        self.stale("/etc/kdump.conf: changed")
        root.write("usr/lib/parachute/kdump", elf(tail=b"newer"), 0o755)
        self.stale("/init: changed")
        root.write("usr/lib/x86_64-linux-gnu/libc.so.6", elf(tail=b"newer"))
        self.stale("/usr/lib/x86_64-linux-gnu/libc.so.6: changed")
        root.dynamic_program("usr/bin/tool", needed=["libc.so.6", "libnew.so"])
        root.write("usr/lib/x86_64-linux-gnu/libnew.so", elf())
        self.stale("/usr/lib/x86_64-linux-gnu/libnew.so: not in it yet")
        root.write(MODULES + "/kernel/fs/ext4/ext4.ko", module("newer"))
        self.stale("ext4.ko: changed")
        root.mounts("254:1 /other / ext4 /dev/vda1 rw")
        self.stale("filesystem target0", "/other/var/crash", "no longer so")
        root.mounts("254:1 /other / xfs /dev/vda1 rw")
        self.stale("xfs.ko: not in it yet", "ext4.ko: no longer needed")
        root.write("proc/sys/kernel/hostname", "renamed\n")
        self.stale("hostname renamed")
        root.write("etc/modprobe.d/x.conf", "options xfs a=1\n")
        self.stale("a=1")
        os.chmod(root.at("usr/bin/tool"), 0o700)
        self.stale("/usr/bin/tool: changed")
        root.write("boot/config-" + RELEASE, "CONFIG_RD_GZIP=y\n")
        self.stale("pack: was")

    def test_same_size(self):
        self.root.write(MODULES + "/kernel/fs/jbd2/jbd2.ko", module("jbdX.ko"))
        self.stale("jbd2.ko: changed")

    def test_other_modules_do_not_count(self):
        text = self.root.read(MODULES + "/modules.dep").decode()
        self.root.write(MODULES + "/modules.dep", text + "updates/dkms/unrelated.ko:\n")
        self.root.write(MODULES + "/updates/dkms/unrelated.ko", module("unrelated"))
        self.stale()

    def test_image(self):
        with open(self.out, "r+b") as image:
            image.seek(100)
            image.write(b"?")
        self.stale("it is not the file that was made")
        os.unlink(self.out)
        self.stale("not there yet")
        os.unlink(self.out + ".inputs")
        result = self.run_kdump("--stale", self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn(".inputs: it is not there yet", result.stdout)

    def test_damaged_inputs(self):
        for content in ("", "text\n", "parachute-inputs 2\nimage x 1\n", "parachute-inputs 1\n", "\0\xff" * 40):
            made_root.write(self.out + ".inputs", content)
            result = self.run_kdump("--stale", self.out)
            self.assertEqual(result.returncode, 1, content)
            self.assertTrue(result.stderr or result.stdout)

    def test_machine_that_cannot_be_planned(self):
        self.root.mounts("0:50 / / tmpfs none rw")
        result = self.run_kdump("--stale", self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("memory", result.stderr)


class Check(Case):
    def rewrite(self, change):
        """The image with its entries changed by CHANGE."""
        image = Image(self.out)
        entries = dict(image.entries)
        change(entries)
        out = b""
        for number, (path, (mode, uid, mtime, content)) in enumerate(list(entries.items()) + [("TRAILER!!!", (0, 0, 0,
                                                                                                              b""))]):
            name = path.encode() + b"\0"
            fields = (number, mode, uid, 0, 1, mtime, len(content), 0, 0, 0, 0, len(name), 0)
            out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
            out += bytes(-len(out) % 4) + content
            out += bytes(-len(out) % 4)
        made_root.write(self.out, out)

    def test_missing_parts(self):
        self.conf("extra_bins /usr/bin/tool", "kdump_pre /usr/bin/pre")
        self.root.dynamic_program("usr/bin/tool")
        self.root.write("usr/bin/pre", "#!/usr/bin/tool\n", 0o755)
        self.build()
        libc = "usr/lib/x86_64-linux-gnu/libc.so.6"
        for path, expected in (("init", "no /init"), ("etc/kdump/facts", "/etc/kdump/facts is not in it"),
                               ("etc/kdump.conf", "kdump.conf is not in it"),
                               ("usr/bin/tool", "/usr/bin/tool is not in it"), ("usr/bin/pre",
                                                                                "kdump_pre: /usr/bin/pre"),
                               (libc, "needs the library libc.so.6"), (MODULES.replace("lib/", "usr/lib/",
                                                                                       1) + "/kernel/fs/ext4/ext4.ko",
                                                                                       "ext4.ko is not in it")):
            with self.subTest(path):
                self.build("-f")
                self.rewrite(lambda entries: entries.pop(path))
                self.check(expected)

    def test_changed_parts(self):
        self.build()
        for path, content, expected in (("etc/kdump.conf", b"no_such 1\n", "kdump.conf:1"), ("etc/kdump/facts",
                                                                                             b"nonsense\n", "facts"),
                                        ("init", b"text", "/init is no program"),
                                        ("etc/kdump/facts", b"release 1.2.3\n", "it is for kernel 1.2.3")):
            with self.subTest(path):
                self.build("-f")
                self.rewrite(lambda entries: entries.update({path: entries[path][:3] + (content,)}))
                self.check(expected)

    def test_other_configuration(self):
        self.build()
        self.conf("path /var/crash")
        self.check("made for another /etc/kdump.conf")

    def test_damaged(self):
        self.build()
        with open(self.out, "rb") as file:
            packed = file.read()
        archive = Image(self.out).archive
        for content in (packed[:len(packed) // 2], packed[:100], b"text", b"\0" * 512, archive[:500], archive[:-200],
                        archive[:60],
                        archive.replace(b"070701", b"070709", 3)):
            made_root.write(self.out, content)
            result = self.run_kdump("--check", self.out)
            self.assertEqual(result.returncode, 1)
            self.assertIn(self.out, result.stderr)
        os.unlink(self.out)
        self.assertEqual(self.run_kdump("--check", self.out).returncode, 1)

    def test_archives_in_a_row(self):
        """Early microcode in an archive of its own, zeros, and the packed main one, as other builders write them."""
        image = self.build("--compress", "xz")
        early = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"etc\nvar\n", cwd=self.root.path,
                               stdout=subprocess.PIPE, check=True)
        made_root.write(self.out, early.stdout + bytes(1024) + image.packed)
        self.check()
        sizes = json.loads(self.run_kdump("--sizes", "--json", self.out, sysroot=False).stdout)
        self.assertGreater(sizes["unpacked"], len(image.archive))
        self.assertEqual(sizes["packed"], os.path.getsize(self.out))

    def test_json(self):
        self.build()
        result = json.loads(self.run_kdump("--check", "--json", self.out).stdout)
        image = Image(self.out)
        self.assertEqual((result["complete"], result["problems"], result["packed"], result["unpacked"],
                          result["files"]),
                         (True, [], len(image.packed), len(image.archive), len(image.entries)))
        pages = sum(-(-len(content) // 4096) * 4096 for mode, _, _,
                    content in image.entries.values() if stat.S_ISREG(mode))
        self.assertEqual(result["memory"], pages)
        self.conf("# other")
        result = self.run_kdump("--check", "--json", self.out)
        self.assertEqual((result.returncode, json.loads(result.stdout)["complete"]), (1, False))


def main():
    global KDUMP
    KDUMP = os.path.abspath(sys.argv[1])
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[2:], sys.modules[__name__]) if sys.argv[2:] else \
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    print("mkinitramfs.py: %d passed, %d failed" % (result.testsRun - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
