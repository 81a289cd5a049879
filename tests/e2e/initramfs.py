# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the guests' initial file systems: newc cpio archives, written here, so that no root and no nodes are needed."""
import gzip
import lzma
import os
import re
import shutil
import stat
import subprocess
import tempfile

import paths

MODULES = ("virtio_pci", "virtio_console", "virtio_blk")


class Archive:
    """A cpio archive of the format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.entries = {}

    def directory(self, path):
        path = path.strip("/")
        if path and path not in self.entries:
            self.directory(os.path.dirname(path))
            self.entries[path] = (stat.S_IFDIR | 0o755, b"", 0)

    def data(self, path, data, mode=0o644):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFREG | mode, data, 0)

    def file(self, path, source, mode=None):
        with open(source, "rb") as file:
            data = file.read()
        self.data(path, data, os.stat(source).st_mode & 0o755 if mode is None else mode)

    def symlink(self, path, target):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def character_device(self, path, major, minor):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def bytes(self):
        out = []
        for number, (path, (mode, data, device)) in enumerate(self.entries.items(), 1):
            out.append(self._entry(number, path, mode, data, device))
        out.append(self._entry(0, "TRAILER!!!", 0, b"", 0))
        image = b"".join(out)
        return image + b"\0" * (-len(image) % 512)

    @staticmethod
    def _entry(inode, path, mode, data, device):
        name = path.encode() + b"\0"
        major, minor = device or (0, 0)
        fields = (inode, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, 0, len(data), 0, 0, major, minor, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def add_modules(archive, kernel_root, names=MODULES):
    """The modules and what they depend on, unpacked, and their list in the order of loading. Not what is built in."""
    release = os.listdir(f"{kernel_root}/lib/modules")[0]
    tree = f"{kernel_root}/lib/modules/{release}"
    depends, path_of = {}, {}
    with open(f"{tree}/modules.dep", encoding="ascii") as file:
        for line in file:
            path, _, needs = line.partition(":")
            depends[path] = needs.split()
            path_of[re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_")] = path
    order = []

    def visit(path):
        for need in depends[path]:
            visit(need)
        if path not in order:
            order.append(path)

    with open(f"{tree}/modules.builtin", encoding="ascii") as file:
        builtin = {os.path.basename(line.strip())[:-3].replace("-", "_") for line in file}
    for name in names:
        if name in path_of:
            visit(path_of[name])
        elif name not in builtin:
            raise FileNotFoundError(f"{kernel_root} has no module {name}")
    for path in order:
        with open(f"{tree}/{path}", "rb") as file:
            data = file.read()
        archive.data("modules/" + re.sub(r"\.xz$", "", os.path.basename(path)),
                     lzma.decompress(data) if path.endswith(".xz") else data)
    archive.data("modules/list",
                 "".join(re.sub(r"\.xz$", "", os.path.basename(path)) + "\n" for path in order).encode())


def _needed(path):
    text = subprocess.run(["readelf", "-dl", path], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
    interpreter = re.findall(r"program interpreter: (.*)\]", text)
    return libraries, interpreter


def add_program(archive, path, source, debian_arch):
    """A dynamically linked program of a Debian package, with its libraries out of the packages in build/pkg."""
    archive.file(path, source, 0o755)
    have = {}
    for package in sorted(os.listdir(paths.PKG)):
        if not package.endswith("_" + debian_arch):
            continue
        for folder, _, files in os.walk(f"{paths.PKG}/{package}/", followlinks=False):
            for name in files:
                if ".so" in name and "/gconv" not in folder:
                    have.setdefault(name, f"{folder}/{name}")
    libraries, interpreter = _needed(source)
    queue = libraries + [os.path.basename(name) for name in interpreter]
    if interpreter:
        loader = os.path.basename(interpreter[0])
        if interpreter[0] != f"/lib/{loader}":
            archive.symlink(interpreter[0], f"/lib/{loader}")
    seen = set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in have:
            raise FileNotFoundError(f"{source} needs {name}, which is in no package in {paths.PKG}")
        archive.file(f"lib/{name}", os.path.realpath(have[name]), 0o755)
        queue += _needed(have[name])[0]


def guest_program(arch, name):
    """Compile tests/e2e/guest/NAME.c for the guest, statically; cached by time stamps."""
    compiler = {"x86_64": "gcc", "arm64": "aarch64-linux-gnu-gcc"}[arch]
    sources = [f"{paths.TOP}/tests/e2e/guest/{name}.c", f"{paths.TOP}/tests/e2e/guest/pattern.h"]
    output = f"{paths.BUILD}/guest/{name}-{arch}"
    if not os.path.exists(output) or any(os.path.getmtime(source) > os.path.getmtime(output) for source in sources):
        os.makedirs(os.path.dirname(output), exist_ok=True)
        subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-static", "-I", paths.TOP,
                        "-o", f"{output}.{os.getpid()}", sources[0]], check=True)
        os.rename(f"{output}.{os.getpid()}", output)
    return output


def stripped(arch, program):
    """The bytes of a program without its symbols."""
    strip = {"x86_64": "strip", "arm64": "aarch64-linux-gnu-strip"}[arch]
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([strip, "-o", file.name, program], check=True)
        with open(file.name, "rb") as output:  # strip may have replaced the file
            return output.read()


def base_image(machine, modules=MODULES):
    """What a kernel needs to be talked to: busybox, init, modules."""
    archive = Archive()
    for directory in ("proc", "sys", "tmp", "root", "dev", "bin", "sbin"):
        archive.directory(directory)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.file("init", f"{paths.TOP}/tests/e2e/guest/init", 0o755)
    archive.file("bin/busybox", f"{paths.PKG}/busybox-static_{machine.debian_arch}/bin/busybox", 0o755)
    add_modules(archive, machine.kernel_root, modules)
    return archive


def add_loader(archive, machine, loader):
    if loader == "debian":
        add_program(archive, "sbin/kexec", f"{paths.PKG}/kexec-tools_{machine.debian_arch}/sbin/kexec",
                    machine.debian_arch)
    else:
        archive.data("sbin/kexec", stripped(machine.arch, f"{paths.BUILD}/static-{machine.arch}/sbin/kexec"), 0o755)


def capture_image(machine, loader):
    """What both kernels boot with: the base, helpers and, for the first kernel, the loader."""
    archive = base_image(machine)
    for name in ("pattern", "vmcore"):
        archive.file(f"sbin/{name}", guest_program(machine.arch, name), 0o755)
    add_loader(archive, machine, loader)
    return archive.bytes()


def has_module(machine, name):
    release = os.listdir(f"{machine.kernel_root}/lib/modules")[0]
    with open(f"{machine.kernel_root}/lib/modules/{release}/modules.dep", encoding="ascii") as file:
        return re.search(rf"/{name}\.ko", file.read()) is not None


def saving_image(machine, helpers=("vmcore",)):
    """What a capture kernel needs to save a dump to a disk, no more: the base, ext4, kdump. HELPERS: for the tests."""
    modules = MODULES + tuple(name for name in ("crc32c_generic", "ext4") if has_module(machine, name))
    archive = base_image(machine, modules)
    for name in helpers:
        archive.file(f"sbin/{name}", guest_program(machine.arch, name), 0o755)
    archive.data("sbin/kdump", stripped(machine.arch, f"{paths.BUILD}/static-{machine.arch}/sbin/kdump"), 0o755)
    # As every initramfs is: while it is unpacked, both take memory.
    image = gzip.compress(archive.bytes(), 9, mtime=0)
    return image + b"\0" * (-len(image) % 512)


def loader_image(machine, loader):
    """What the first kernel needs besides saving_image(): the loader and a program that holds memory."""
    archive = Archive()
    archive.file("sbin/pattern", guest_program(machine.arch, "pattern"), 0o755)
    add_loader(archive, machine, loader)
    return archive.bytes()


def first_image(machine, capture, extra=None):
    """The first kernel's: the capture image, and on top of it /boot with the files that are to be loaded."""
    archive = Archive()
    archive.file("boot/vmlinuz", machine.vmlinuz, 0o644)
    archive.data("boot/initrd.img", capture)
    for path, data in (extra or {}).items():
        archive.data(path, data, 0o755)
    return capture + archive.bytes()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def remove_tree(path):
    shutil.rmtree(path, ignore_errors=True)
