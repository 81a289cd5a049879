#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Open dumps that our writers made with a reader that is not ours, libkdumpfile: dumps.py TEST_OUT

TEST_OUT is tests/unit/test_out, which writes the dumps of a made-up machine into DUMPS_DIR; the machine's pages are
made up here a second time. Every page of every dump is compared: whole dumps of all codecs, both formats, split sets,
streams that were laid out, and copies of the file taken at checkpoints.
"""
import os
import re
import subprocess
import sys
import tempfile

import kdumpfile
from kdumpfile import exceptions

PAGE = 4096
RAM = [(1, 159), (0x100, 0x8FF), (0xFFE00, 0x1004FC), (0x500010, 0x5000C4)]
LEFT_OUT, ZERO, TEXT, NOISE = range(4)
CHECKPOINT_PAGES = 250
SPLIT_FIRSTS = [0, 0x203, 0x100000, 0x100001, 0x400000, 0x5000C4, 0x600000]
VMCOREINFO = b"OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff82a14a40\n"
MASK = (1 << 64) - 1


def kind_of(pfn):
    if 0x300 <= pfn < 0x4C0:
        return LEFT_OUT
    return ((pfn >> 3) * 2654435761 & 0xFFFFFFFF) >> 13 & 3


def content(pfn):
    kind = kind_of(pfn)
    if kind == ZERO:
        return bytes(PAGE)
    if kind == TEXT:
        return b"".join((pfn + i // 512).to_bytes(8, "little") for i in range(0, PAGE, 8))
    words, x = [], pfn
    for _ in range(PAGE // 8):
        x = (x * 6364136223846793005 + 1442695040888963407) & MASK
        words.append(x.to_bytes(8, "little"))
    return b"".join(words)


PFNS = [pfn for first, last in RAM for pfn in range(first, last + 1)]
PAGES = {pfn: content(pfn) for pfn in PFNS if kind_of(pfn) != LEFT_OUT}


class Result:
    """What of a dump reads right, what is not there, and what is wrong."""

    def __init__(self, dump, elf):
        self.good, self.missing, self.extra, self.wrong = set(), set(), set(), set()
        for pfn in PFNS:
            try:
                got = dump.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE)
            except (exceptions.NoDataException, exceptions.CorruptException):
                # A descriptor that was never written is, to this version, a damaged one.
                self.missing.add(pfn)
                continue
            if elf and bytes(got) == bytes(PAGE) and PAGES.get(pfn) != bytes(PAGE):
                self.missing.add(pfn)  # the format's only way to say so
            elif pfn not in PAGES:
                (self.extra if bytes(got) == bytes(PAGE) else self.wrong).add(pfn)
            else:
                (self.good if bytes(got) == PAGES[pfn] else self.wrong).add(pfn)


def attribute(dump, name):
    value = dump.attr
    for part in name.split("."):
        value = value[part]
    return value


def faults(name, path):
    """What is wrong with the dump NAME, as sentences."""
    try:
        dump = kdumpfile.kdumpfile(path)
        elf = name.startswith(("elf", "flat-elf", "stopped-elf"))
        if attribute(dump, "file.format") != ("elf" if elf else "diskdump"):
            yield "its format is %s" % attribute(dump, "file.format")
        if attribute(dump, "arch.page_size") != PAGE:
            yield "pages have %d bytes" % attribute(dump, "arch.page_size")
        if bytes(attribute(dump, "linux.vmcoreinfo.raw")) != VMCOREINFO:
            yield "vmcoreinfo is %r" % bytes(attribute(dump, "linux.vmcoreinfo.raw"))
        if attribute(dump, "cpu.0.pid") != 4711:
            yield "the notes tell pid %r" % attribute(dump, "cpu.0.pid")
        if not elf and attribute(dump, "linux.phys_base") != 0x1000000:
            yield "phys_base is %r" % attribute(dump, "linux.phys_base")
        if not elf and attribute(dump, "max_pfn") != RAM[-1][1] + 1:
            yield "max_pfn is %r" % attribute(dump, "max_pfn")
        result = Result(dump, elf)
    except (exceptions.KDumpBaseException, OSError) as error:
        yield "%s: %s" % (type(error).__name__, error)
        return
    wanted = set(PAGES)
    split = re.fullmatch(r"split-(\d)", name)
    if split:
        part = int(split[1])
        wanted = {pfn for pfn in PAGES if SPLIT_FIRSTS[part] <= pfn < SPLIT_FIRSTS[part + 1]}
    cut = re.search(r"-cut-(\d+)$", name)
    if result.wrong:
        yield "%d pages are wrong, %#x among them" % (len(result.wrong), min(result.wrong))
    if result.extra:
        yield "%d pages were left out and are there" % len(result.extra)
    if cut:
        if len(result.good) != int(cut[1]) * CHECKPOINT_PAGES:
            yield "%d pages are there after %s checkpoints of %d" % (len(result.good), cut[1], CHECKPOINT_PAGES)
    elif name.startswith(("stopped", "limit", "flat-limit")):
        if not result.good:
            yield "no page is there"
    elif result.good != wanted:
        yield "%d pages are there, %d are wanted" % (len(result.good), len(wanted))


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="dumps.") as folder:
        run = subprocess.run([os.path.abspath(sys.argv[1])], env=dict(os.environ, DUMPS_DIR=folder),
                             capture_output=True, text=True)
        if run.returncode:
            print(run.stdout, run.stderr)
        names = sorted(os.listdir(folder))
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                flattened = file.read(16).startswith(b"makedumpfile")
            if flattened or "big-endian" in name:
                continue  # streams are read when laid out; no such machine has big endian pages
            found = list(faults(name, os.path.join(folder, name)))
            for fault in found:
                print("FAIL %s: %s" % (name, fault))
            passed, failed = passed + (not found), failed + bool(found)
    if not any("-cut-" in name for name in names):
        print("FAIL no dump was made")
        failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or run.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
