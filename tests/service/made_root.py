# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine as kdump mkinitramfs sees it: /proc, /sys, /dev's links, modules, programs and libraries, in a folder."""
import os
import struct

RELEASE = "6.1.0-test"
MODULES = "lib/modules/" + RELEASE
UUID = "9f3c6a6e-8f5a-4b1e-9d0e-1c2d3e4f5a6b"


def write(path, content, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)


def elf(needed=(), interpreter=None, rpath=None, runpath=None, machine=62, tail=b""):
    """An ELF64 file with nothing in it but what the dynamic linker reads."""
    strings = b"\0"
    tags = []

    def string(text):
        nonlocal strings
        at = len(strings)
        strings += text.encode() + b"\0"
        return at

    for name in needed:
        tags.append((1, string(name)))
    if rpath:
        tags.append((15, string(rpath)))
    if runpath:
        tags.append((29, string(runpath)))
    interp = interpreter.encode() + b"\0" if interpreter else b""
    nr_phdrs = 1 + bool(tags) + bool(interp)
    interp_at = 64 + 56 * nr_phdrs
    strings_at = interp_at + len(interp)
    dynamic_at = -(-(strings_at + len(strings)) // 8) * 8
    dynamic = b""
    if tags:
        base = 0x10000
        dynamic = b"".join(struct.pack("<QQ", *tag) for tag in [(5, base + strings_at)] + tags + [(0, 0)])
    size = dynamic_at + len(dynamic)
    phdrs = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x10000, 0x10000, size, size, 4096)
    if interp:
        phdrs += struct.pack("<IIQQQQQQ", 3, 4, interp_at, 0, 0, len(interp), len(interp), 1)
    if tags:
        phdrs += struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, 0, 0, len(dynamic), len(dynamic), 8)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56,
                                                             nr_phdrs, 64, 0, 0)
    body = (header + phdrs + interp + strings).ljust(dynamic_at, b"\0") + dynamic
    return body + tail


def module(name, *firmware):
    return elf(tail=b"name=" + name.encode() + b"\0" + b"".join(b"firmware=" + f.encode() + b"\0" for f in firmware))


# Names, what they depend on (all of it, as depmod lists it).
FAKE_MODULES = {
    "kernel/drivers/virtio/virtio.ko": [],
    "kernel/drivers/virtio/virtio_ring.ko": ["virtio"],
    "kernel/drivers/virtio/virtio_pci.ko": ["virtio_ring", "virtio"],
    "kernel/drivers/block/virtio_blk.ko": ["virtio_ring", "virtio"],
    "kernel/drivers/net/virtio_net.ko": ["virtio_ring", "virtio"],
    "kernel/drivers/net/tg3.ko": [],
    "kernel/drivers/nvme/host/nvme-core.ko": [],
    "kernel/drivers/nvme/host/nvme.ko": ["nvme-core"],
    "kernel/fs/ext4/ext4.ko": ["jbd2", "mbcache", "crc16"],
    "kernel/fs/jbd2/jbd2.ko": [],
    "kernel/fs/mbcache.ko": [],
    "kernel/fs/xfs/xfs.ko": [],
    "kernel/fs/btrfs/btrfs.ko": [],
    "kernel/fs/fuse/virtiofs.ko": ["fuse"],
    "kernel/fs/fuse/fuse.ko": [],
    "kernel/fs/nfs/nfs.ko": ["sunrpc"],
    "kernel/fs/nfs/nfsv4.ko": ["nfs", "sunrpc"],
    "kernel/fs/nfs/nfsv3.ko": ["nfs", "sunrpc"],
    "kernel/net/sunrpc/sunrpc.ko": [],
    "kernel/lib/crc16.ko": [],
    "kernel/crypto/crc32c_generic.ko": [],
    "kernel/arch/x86/crypto/crc32c-intel.ko": [],
    "kernel/drivers/watchdog/softdog.ko": [],
    "kernel/drivers/watchdog/iTCO_wdt.ko": ["iTCO_vendor_support"],
    "kernel/drivers/watchdog/iTCO_vendor_support.ko": [],
    "kernel/drivers/clk/clk-board.ko": [],
}
ALIASES = """# Aliases extracted from modules themselves.
alias fs-ext4 ext4
alias fs-ext3 ext4
alias fs-xfs xfs
alias fs-btrfs btrfs
alias fs-virtiofs virtiofs
alias fs-nfs nfs
alias fs-nfs4 nfs
alias crc32c crc32c_generic
alias crc32c crc32c_intel
alias crypto-crc32c crc32c_generic
alias virtio:d00000002v* virtio_blk
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
"""
SOFTDEPS = "# Soft dependencies\nsoftdep ext4 pre: crc32c\nsoftdep xfs pre: no_such_module crc32c\nsoftdep nfs tg3\n"


class Root:
    def __init__(self, path):
        self.path = path
        for folder in ("usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu", "usr/lib64", "dev", "etc", "tmp", "root",
                       "var/crash"):
            os.makedirs(self.at(folder))
        for name in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + name, self.at(name))
        self.write("proc/sys/kernel/osrelease", RELEASE + "\n")
        self.write("proc/sys/kernel/hostname", "crasher\n")
        self.write("etc/kdump.conf", "")
        self.write("usr/lib/parachute/kdump", elf(tail=b"static"), 0o755)
        self.modules()
        self.disk("vda", "pci0000:00/0000:00:04.0/virtio1", {"vda1": UUID}, major=254,
                  drivers={"pci0000:00/0000:00:04.0": ("pci", "virtio-pci", "virtio_pci"),
                           "pci0000:00/0000:00:04.0/virtio1": ("virtio", "virtio_blk", "virtio_blk")})
        self.mounts("254:1 / / ext4 /dev/vda1 rw")

    def at(self, *names):
        return os.path.join(self.path, *[name.lstrip("/") for name in names])

    def write(self, name, content, mode=0o644):
        write(self.at(name), content, mode)

    def link(self, target, name):
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        os.symlink(target, self.at(name))

    def read(self, name):
        with open(self.at(name), "rb") as file:
            return file.read()

    def modules(self):
        short = {os.path.basename(path)[:-3].replace("-", "_"): path for path in FAKE_MODULES}
        lines = []
        for path, deps in FAKE_MODULES.items():
            self.write(os.path.join(MODULES, path), module(os.path.basename(path)))
            lines.append("%s:%s\n" % (path, "".join(" " + short[dep.replace("-", "_")] for dep in deps)))
        self.write(os.path.join(MODULES, "modules.dep"), "".join(lines))
        self.write(os.path.join(MODULES, "modules.alias"), ALIASES)
        self.write(os.path.join(MODULES, "modules.softdep"), SOFTDEPS)
        self.write(os.path.join(MODULES, "modules.builtin"),
                   "kernel/drivers/scsi/scsi_mod.ko\nkernel/fs/vfat/vfat.ko\n")
        self.write(os.path.join(MODULES, "modules.builtin.modinfo"),
                   "vfat.alias=fs-vfat\0vfat.license=GPL\0ext2.alias=fs-ext2\0")

    def bind(self, device, bus, driver, name):
        """DEVICE, below sys/devices, to a driver; NAME: of its module, None when it is built in."""
        folder = "sys/bus/%s/drivers/%s" % (bus, driver)
        os.makedirs(self.at(folder), exist_ok=True)
        if name and not os.path.lexists(self.at(folder, "module")):
            os.makedirs(self.at("sys/module", name), exist_ok=True)
            self.link("../../../../module/" + name, folder + "/module")
        depth = device.count("/") + 2
        self.link("../" * depth + "bus/%s/drivers/%s" % (bus, driver), "sys/devices/%s/driver" % device)
        self.link("../../../../devices/" + device, folder + "/" + os.path.basename(device))

    def disk(self, name, parent, partitions, major, drivers=None, virtual=False):
        folder = "sys/devices/%s/block/%s" % (parent, name)
        names = {name: (folder, None)}
        names.update({part: (folder + "/" + part, uuid) for part, uuid in partitions.items()})
        for minor, (each, (place, uuid)) in enumerate(names.items()):
            self.write(place + "/uevent", "MAJOR=%d\nMINOR=%d\nDEVNAME=%s\n" % (major, minor, each))
            self.write(place + "/dev", "%d:%d\n" % (major, minor))
            self.link("../../" + place[4:], "sys/class/block/" + each)
            self.link("../../" + place[4:], "sys/dev/block/%d:%d" % (major, minor))
            self.write("dev/" + each, "")
            if uuid:
                self.link("../../" + each, "dev/disk/by-uuid/" + uuid)
        for device, (bus, driver, mod) in (drivers or {}).items():
            self.write("sys/devices/%s/modalias" % device, "")
            self.bind(device, bus, driver, mod)

    def mounts(self, *lines):
        """NUMBER SUBTREE POINT FSTYPE SOURCE OPTIONS"""
        out = "21 1 0:20 / /proc rw,nosuid - proc proc rw\n"
        for i, line in enumerate(lines):
            number, subtree, point, fstype, source, options = line.split(" ")
            out += "%d 1 %s %s %s rw,relatime shared:%d - %s %s %s\n" % (30 + i, number, subtree, point, i, fstype,
                                                                         source, options)
        self.write("proc/self/mountinfo", out)

    def network(self, name="eth0", device="pci0000:00/0000:00:03.0/virtio0", extra=()):
        folder = "sys/devices/%s/net/%s" % (device, name)
        self.write(folder + "/address", "52:54:00:12:34:56\n")
        self.write(folder + "/mtu", "1500\n")
        self.write(folder + "/uevent", "INTERFACE=%s\n" % name)
        for each in extra:
            os.makedirs(self.at(folder, each))
        self.link("../../devices/%s/net/%s" % (device, name), "sys/class/net/" + name)
        if not device.startswith("virtual"):
            self.bind(os.path.dirname(device), "pci", "virtio-pci", "virtio_pci")
            self.bind(device, "virtio", "virtio_net", "virtio_net")
        head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        self.write("proc/net/route", head +
                   "%s\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" % name +
                   "%s\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n" % name)
        self.write("proc/net/fib_trie", "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
                   "Local:\n     |-- 10.0.2.15\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n")
        self.write("proc/net/if_inet6", "fd000000000000000000000000000015 02 40 00 80     %s\n" % name +
                   "fe800000000000005054000012345600 02 40 20 80     %s\n" % name)
        zeros = "0" * 32
        self.write("proc/net/ipv6_route",
                   "fd000000000000000000000000000000 40 %s 00 %s 00000100 00000001 00000000 00000001     %s\n" %
                   (zeros, zeros, name) +
                   "%s 00 %s 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     %s\n" %
                   (zeros, zeros, name))
        self.write("etc/hosts", "127.0.0.1\tlocalhost\n10.0.2.2 dumps dumps.example.org # the server\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.53\n")
        self.write("run/systemd/resolve/resolv.conf", "nameserver 10.0.2.3\nsearch example.org\n")

    def dynamic_program(self, name, needed=("libc.so.6",), mode=0o755, **more):
        """A program with libraries; those that are not there yet are made."""
        loader = "/lib64/ld-linux-x86-64.so.2"
        self.write(name, elf(needed, interpreter=loader, **more), mode)
        if not os.path.lexists(self.at("usr/lib/x86_64-linux-gnu/libc.so.6")):
            self.write("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", elf(), 0o755)
            self.link("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2")
            self.write("usr/lib/x86_64-linux-gnu/libc.so.6", elf(["ld-linux-x86-64.so.2"], tail=b"libc"), 0o755)
