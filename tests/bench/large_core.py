#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the core that saving is measured on, unless it is there: large_core.py [--force]. Prints its path.

A guest with 4 GiB runs Debian's kernel and fills itself with what this machine's files are: some 650 MB of page cache,
200 MB of anonymous memory of programs that sort, index and compress text, slab of tens of thousands of small files.
All files are read once before and given back, so that free memory has leftovers. It panics, and the capture kernel
copies /proc/vmcore. The file is sparse: most of free memory is zero.
"""
import os
import shutil
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "e2e"))
import cases  # noqa: E402
import checks  # noqa: E402
import initramfs  # noqa: E402
import paths  # noqa: E402
from machines import Machine  # noqa: E402
from qemu import Guest  # noqa: E402

MIB = 1 << 20
CORE = f"{paths.BUILD}/cores/large"
# Where files are taken from, what their names end in, and how much of them.
TEXT = ("/usr/include", "/usr/lib/python3.11", "/usr/share/perl", "/usr/share/doc", "/usr/lib/python3/dist-packages")
BINARY = (f"{paths.PKG}/linux-6.1_amd64/", "/usr/lib/x86_64-linux-gnu")
PACKED = ("/usr/share/man", "/usr/share/doc")
KINDS = (("text", TEXT, (".h", ".py", ".pm", ".pl", ".txt", ".html", "copyright"), 150 * MIB),
         ("binary", BINARY, (".so", ".ko", ".a", "amd64") + tuple(".%d" % digit for digit in range(7)), 650 * MIB),
         ("packed", PACKED, (".gz", ".xz", ".png", ".jpg"), 100 * MIB))
SMALL_FILES = 30000

# What runs in the guest: (command, seconds). Sizes are in pages of 4 KiB where dd counts.
FILLING = (
    ("mkdir /files /small && mount -t ext4 -o noatime /dev/vdb /files", 60),
    (f"i=0; while [ $i -lt {SMALL_FILES} ]; do echo \"$i some small file\" > /files/small/$i; i=$((i + 1)); done",
     900),
    # cache that is given back: its bytes stay in free memory
    ("find /files/binary /files/packed -type f | xargs cat > /dev/null && sync && echo 1 > /proc/sys/vm/drop_caches",
     900),
    # anonymous memory: an index of words, lines in order, lines kept; each process stays
    ("find /files/text -type f | sort | xargs cat | head -c 48000000 > /tmp/words", 300),
    ("awk '{ for (i = 1; i <= NF; i++) count[$i]++ } "
     "END { print \"ready\" > \"/tmp/1\"; system(\"sleep 100000\") }' /tmp/words "
     "</dev/null >/dev/null 2>&1 & while [ ! -s /tmp/1 ]; do sleep 1; done", 1800),
    ("awk '{ line[NR] = $0 } END { print \"ready\" > \"/tmp/2\"; system(\"sleep 100000\") }' /tmp/words "
     "</dev/null >/dev/null 2>&1 & while [ ! -s /tmp/2 ]; do sleep 1; done", 1800),
    ("head -c 16000000 /tmp/words | sort > /tmp/sorted; gzip -c /tmp/sorted > /tmp/sorted.gz", 900),
    # cache that stays
    ("find /files/text /files/packed -type f | xargs cat > /dev/null", 600),
    ("find /files/binary -type f | sort | head -n $(($(find /files/binary -type f | wc -l) * 6 / 10)) | "
     "xargs cat > /dev/null", 900),
    ("find /files -type f | xargs ls -l | wc -l", 900),
    ("cat /proc/meminfo", 60),
)


class FilledGuest(Guest):
    """A guest with a second disk, of files."""

    def _devices(self):
        return super()._devices() + ["-drive", f"if=none,id=files,format=raw,cache=unsafe,file={self.folder}/files",
                                     "-device", "virtio-blk-pci,drive=files"]


def collect(folder):
    """Files of each kind into FOLDER/KIND/NUMBER, in the order of their names."""
    for kind, tops, suffixes, limit in KINDS:
        os.makedirs(f"{folder}/{kind}")
        number = taken = 0
        for top in tops:
            for place, folders, names in os.walk(top):
                folders.sort()
                for name in sorted(names):
                    path = f"{place}/{name}"
                    if not name.endswith(suffixes) or os.path.islink(path) or not os.path.isfile(path):
                        continue
                    size = os.path.getsize(path)
                    if not size or taken + size > limit:
                        continue
                    shutil.copyfile(path, f"{folder}/{kind}/{number:05}")
                    number, taken = number + 1, taken + size
    os.makedirs(f"{folder}/small")


def make_disk(path):
    """A file system with the files."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        collect(folder)
        with open(path, "wb") as file:
            file.truncate(1400 * MIB)
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-N", str(4 * SMALL_FILES), "-d", folder, path],
                       check=True)


def image(machine):
    modules = initramfs.Archive()
    initramfs.add_modules(modules, machine.kernel_root, initramfs.MODULES + ("crc32c_generic", "ext4"))
    return cases.image_of(machine, "ours") + modules.bytes()


def make(core=CORE):
    """Returns its path; made unless there."""
    if os.path.exists(core):
        return core
    folder = f"{core}.making"
    initramfs.remove_tree(folder)
    os.makedirs(folder)
    make_disk(f"{folder}/files")
    machine = Machine(memory="4G", crashkernel="crashkernel=256M")
    context = cases.Context(folder, "ours", checks.Results(), {})
    with FilledGuest(machine, folder, image(machine), disk_bytes=cases.memory_bytes(machine) + 64 * MIB,
                     stop_at_reset=True) as guest:
        guest.wait_hello("first", cases.BOOT_SECONDS)
        cases.load_capture(guest, context)
        for command, seconds in FILLING:
            cases.save(folder, "meminfo", guest.output(command, seconds))
        cases.panic_guest(guest, "sysrq", None)
        guest.wait_hello("capture", cases.BOOT_SECONDS)
        cases.copy_out(guest, context).close()
    os.rename(f"{folder}/vmcore", core)
    os.rename(f"{folder}/meminfo", f"{core}.meminfo")
    initramfs.remove_tree(folder)
    return core


def main():
    if "--force" in sys.argv[1:] and os.path.exists(CORE):
        os.unlink(CORE)
    print(make())


if __name__ == "__main__":
    main()
