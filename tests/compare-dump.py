#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saves one core with our kdump and with makedumpfile and compares what each left out: compare-dump.py KDUMP CORE...

For the levels 0, 1, 2, 4, 8, 16 and 31 the bitmaps of both dumps are read here; a page that one has and the other
lacks is a fault, but for those that Core.partial() and slab_pages() explain. In our dump every page is also compared
with the core, byte for byte. makedumpfile comes from PATH, from the environment (MAKEDUMPFILE), or from build/pkg, with
its libraries.
"""
import argparse
import glob
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

LEVELS = (0, 1, 2, 4, 8, 16, 31)
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Dump:
    """The kdump-compressed format, by its description alone."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.map[:8] != b"KDUMP   ":
            raise ValueError("%s is no kdump-compressed file" % path)
        self.status, self.block, sub, blocks, mapnr = struct.unpack_from("<IiiII", self.map, 424)
        self.max_pfn = struct.unpack_from("<Q", self.map, self.block + 96)[0] or mapnr
        start = (1 + sub) * self.block
        half = blocks * self.block // 2
        self.ram = self.map[start:start + half]
        self.dumped = self.map[start + half:start + 2 * half]
        self.descs = start + 2 * half

    def pages(self):
        """(pfn, bytes or None when lost)"""
        at = self.descs
        for pfn in bits(self.dumped):
            off, size, flags, _ = struct.unpack_from("<QIIQ", self.map, at)
            at += 24
            if not off:
                yield pfn, None
                continue
            data = self.map[off:off + size]
            if flags == 1:
                data = zlib.decompress(data)
            elif flags:
                raise ValueError("page %#x has flags %#x" % (pfn, flags))
            yield pfn, data


def bits(bitmap):
    for index, byte in enumerate(bitmap):
        for bit in range(8) if byte else ():
            if byte >> bit & 1:
                yield index * 8 + bit


class Core:
    """Loads of an ELF core."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        phoff, = struct.unpack_from("<Q", self.map, 32)
        entry, count = struct.unpack_from("<HH", self.map, 54)
        self.loads = []
        for i in range(count):
            kind, _, off, _, paddr, filesz = struct.unpack_from("<IIQQQQ", self.map, phoff + i * entry)
            if kind == 1:
                self.loads.append((paddr, filesz, off))

    def partial(self, size):
        """Pages that are RAM in part: makedumpfile leaves them out, we keep what there is of them."""
        edges = {paddr // size for paddr, _, _ in self.loads if paddr % size}
        return edges | {(paddr + length) // size for paddr, length, _ in self.loads if (paddr + length) % size}

    def page(self, pfn, size):
        paddr = pfn * size
        data = bytearray(size)
        for start, length, off in self.loads:
            first, last = max(paddr, start), min(paddr + size, start + length)
            if first < last:
                data[first - paddr:last - paddr] = self.map[off + first - start:off + last - start]
        return bytes(data)


def makedumpfile():
    program = os.environ.get("MAKEDUMPFILE") or shutil.which("makedumpfile")
    if program:
        return program, os.environ
    for build in (os.path.join(TOP, "build"), os.environ.get("PARACHUTE_BUILD", "")):
        found = os.path.join(build, "pkg/makedumpfile_amd64/usr/bin/makedumpfile")
        if os.path.exists(found):
            # Not the C library: the loader that starts the program is the machine's own.
            libraries = [d for d in glob.glob(os.path.join(build, "pkg/*_amd64/**/x86_64-linux-gnu"), recursive=True)
                         if "/libc6_" not in d]
            return found, dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))
    return None, None


def slab_pages(kdump, core_path):
    """makedumpfile 1.7.2 knows slab by its flag, which 6.10 made a page type; it takes some for user memory."""
    with open(core_path, "rb") as file:
        if b"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=" not in file.read(1 << 20):
            return set()
    found = set()
    listed = subprocess.run([kdump, "info", "--map", core_path], check=True, stdout=subprocess.PIPE, text=True)
    for line in listed.stdout.splitlines():
        pages, name = line.split(" ", 1)
        if name == "slab":
            first, last = (int(word, 0) for word in pages.split("-"))
            found.update(range(first, last + 1))
    return found


def compare(kdump, core_path, level, peer, folder):
    """Number of faults; prints one line."""
    ours, theirs = os.path.join(folder, "ours"), os.path.join(folder, "theirs")
    subprocess.run([kdump, "save", "-q", "--force", "--codec", "zlib", "-d", str(level), core_path, ours], check=True)
    dump, core = Dump(ours), Core(core_path)
    wrong = lost = 0
    for pfn, data in dump.pages():
        if data is None:
            lost += 1
        elif data != core.page(pfn, dump.block):
            wrong += 1
    count = sum(1 for _ in bits(dump.dumped))
    text = "level %2d: %d pages, %d differ from the core, %d lost" % (level, count, wrong, lost)
    faults = wrong + lost
    if peer[0]:
        subprocess.run([peer[0], "-c", "-f", "--message-level", "0", "-d", str(level), core_path, theirs], check=True,
                       env=peer[1], stdout=subprocess.DEVNULL)
        mine, other = set(bits(dump.dumped)), set(bits(Dump(theirs).dumped))
        more, less = sorted(mine - other), sorted(other - mine)
        ram = set(bits(dump.ram)) ^ set(bits(Dump(theirs).ram))
        partial = core.partial(dump.block)
        slab = slab_pages(kdump, core_path) if level & 8 else set()
        explained = len(more)
        more, ram = [pfn for pfn in more if pfn not in partial and pfn not in slab], ram - partial
        explained -= len(more)
        text += "; makedumpfile: %d more, %d fewer, %d explained; RAM differs in %d" % (len(more), len(less), explained,
                                                                                         len(ram))
        for name, pages in (("more", more), ("fewer", less)):
            if pages:
                text += "\n    %s: %s%s" % (name, " ".join("%#x" % pfn for pfn in pages[:16]),
                                            " ..." if len(pages) > 16 else "")
        faults += len(more) + len(less) + len(ram)
    print(text, flush=True)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kdump")
    parser.add_argument("core", nargs="+")
    parser.add_argument("--levels", type=lambda text: [int(word) for word in text.split(",")], default=LEVELS)
    parser.add_argument("--no-peer", action="store_true", help="only compare with the core")
    args = parser.parse_args()
    peer = (None, None) if args.no_peer else makedumpfile()
    if not peer[0] and not args.no_peer:
        print("no makedumpfile here: comparing with the core alone")
    faults = passed = 0
    with tempfile.TemporaryDirectory(prefix="compare-dump-") as folder:
        for core in args.core:
            print(core, flush=True)
            for level in args.levels:
                found = compare(args.kdump, core, level, peer, folder)
                faults, passed = faults + bool(found), passed + (not found)
    print("%d passed, %d failed" % (passed, faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
