#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Opens a saved dump with libkdumpfile, which is not ours, and compares it with the core that it was saved from. Prints
JSON.
saved.py [--core CORE --map MAP] [--level N] DUMP; MAP: what "kdump info --map CORE" printed.
"""
import argparse
import collections
import json
import mmap
import os
import re
import struct
import sys

import kdumpfile
from kdumpfile import exceptions

import vmcore

# The dump levels by which pages of a class are left out; makedumpfile(8) has the numbers.
LEVELS = {"user": 8, "cache": 2 | 4, "cache, private": 4, "free": 16, "poisoned": -1, "offline": -1}
INCOMPLETE = 8


class Core:
    """The core that was copied in the guest, page by page; where a page is RAM only in part, the rest is zeros."""

    def __init__(self, path, page):
        core = vmcore.Vmcore(path, os.path.getsize(path))
        self.page, self.loads, self.ranges = page, core.loads, core.ranges()
        self.map = mmap.mmap(core.file.fileno(), 0, access=mmap.ACCESS_READ)

    def frames(self):
        seen = -1
        for first, past in self.ranges:
            for pfn in range(max(first // self.page, seen + 1), -(-past // self.page)):
                yield pfn
                seen = pfn

    def read(self, pfn):
        paddr, data = pfn * self.page, None
        for load in self.loads:
            first, past = max(paddr, load.paddr), min(paddr + self.page, load.paddr + load.size)
            if first < past:
                part = self.map[load.offset + first - load.paddr:load.offset + past - load.paddr]
                if len(part) == self.page:
                    return part
                data = data or bytearray(self.page)
                data[first - paddr:past - paddr] = part
        return bytes(data) if data is not None else None


class Dump:
    """What libkdumpfile says; which pages are there is read here, from the format's description alone."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.dump = kdumpfile.kdumpfile(path)
        self.page = self.attribute("arch.page_size")
        self.format = self.attribute("file.format")
        self.incomplete, self.torn = None, []
        if self.format == "diskdump":
            self._read_tables()
        else:
            head = self.file.read(1 << 22)
            self.incomplete = bool(int.from_bytes(head[48:52], "little") & 1)     # e_flags: makedumpfile's mark
            self.held = {pfn for kind, _, _, paddr, filesz, _ in vmcore.parse_headers(head)[1] if kind == vmcore.PT_LOAD
                         for pfn in range(paddr // self.page, -(-(paddr + filesz) // self.page))}
            self.planned = len(self.held)

    def _read_tables(self):
        self.file.seek(0)
        header = self.file.read(464)
        status, block, sub, blocks = struct.unpack_from("<IiiI", header, 424)
        self.incomplete = bool(status & INCOMPLETE)
        self.file.seek((1 + sub) * block + blocks * block // 2)
        bitmap = self.file.read(blocks * block // 2)
        planned = [index * 8 + bit for index, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]
        self.file.seek((1 + sub) * block + blocks * block)
        table = self.file.read(24 * len(planned))
        table += bytes(24 * len(planned) - len(table))
        self.planned = len(planned)             # for the dump, whether they got there or not
        rows = list(zip(planned, struct.iter_unpack("<QIIQ", table)))
        self.held = {pfn for pfn, row in rows if row[0]}
        # Descriptors that have an offset and no size, the one in one block of 4096 bytes and the other in the next.
        self.torn = [pfn for index, (pfn, row) in enumerate(rows) if row[0] and not row[1]
                     and index * 24 % 4096 == 4088]

    def attribute(self, name):
        value = self.dump.attr
        for part in name.split("."):
            value = value[part]
        return value

    def read(self, pfn):
        return bytes(self.dump.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * self.page, self.page))

    def registers(self):
        """Of each CPU: pid, program counter."""
        cpus = []
        for cpu in range(self.attribute("cpu.number")):
            pc = next((self.attribute(f"cpu.{cpu}.reg.{name}") for name in ("rip", "pc")
                       if name in self.dump.attr["cpu"][str(cpu)]["reg"]), 0)
            cpus.append({"pid": self.attribute(f"cpu.{cpu}.pid"), "pc": pc})
        return cpus


def read_map(path):
    """Class of each page frame."""
    classes = {}
    with open(path, encoding="ascii") as file:
        for first, last, name in re.findall(r"^(0x[0-9a-f]+)-(0x[0-9a-f]+) (.*)$", file.read(), re.M):
            classes.update(dict.fromkeys(range(int(first, 16), int(last, 16) + 1), name))
    return classes


def compare(dump, core, classes, level, facts):
    """Each page of the core: equal in the dump, or left out because of its class."""
    wrong, unread, left_out, filled = [], [], [], []
    counts = collections.Counter()
    for pfn in core.frames():
        name = classes.get(pfn, "unknown")
        if pfn not in dump.held:
            counts[name] += 1
            zero = dump.format == "elf" and level & 1 and not any(core.read(pfn))
            if not level & LEVELS.get(name, 0) and not zero:
                left_out.append(pfn)
            continue
        try:
            data = dump.read(pfn)
            if data != core.read(pfn):
                # An ELF file has few segments: short runs of pages that are left out are zeros in it.
                fill = dump.format == "elf" and not any(data) and level & LEVELS.get(name, 0)
                (filled if fill else wrong).append(pfn)
        except (exceptions.NoDataException, exceptions.CorruptException):
            unread.append(pfn)
    facts["wrong"], facts["unread"], facts["left_out_wrongly"] = wrong, unread, left_out
    facts["left_out"], facts["filled"] = dict(counts), filled
    facts["not_in_core"] = len(dump.held - set(core.frames()))


def read_all(dump, facts):
    bad = []
    for pfn in sorted(dump.held):
        try:
            dump.read(pfn)
        except exceptions.KDumpBaseException:
            bad.append(pfn)
    facts["unread"] = bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core")
    parser.add_argument("--map")
    parser.add_argument("--level", type=int, default=31)
    parser.add_argument("--page", type=lambda text: int(text, 0), action="append", default=[],
                        help="physical address; is it there?")
    parser.add_argument("dump")
    options = parser.parse_args()
    facts = {}
    try:
        dump = Dump(options.dump)
        facts = {"format": dump.format, "incomplete": dump.incomplete, "page": dump.page, "kept": len(dump.held),
                 "planned": dump.planned, "torn": dump.torn,
                 "release": dump.attribute("linux.uts.release"), "registers": dump.registers(),
                 "vmcoreinfo": len(bytes(dump.attribute("linux.vmcoreinfo.raw")))}
        if options.core:
            compare(dump, Core(options.core, dump.page), read_map(options.map) if options.map else {}, options.level,
                    facts)
        else:
            read_all(dump, facts)
        facts["held"] = [paddr for paddr in options.page
                         if paddr // dump.page in dump.held - set(facts.get("filled", []))]
    except (exceptions.KDumpBaseException, KeyError, OSError, vmcore.CoreError, struct.error) as error:
        facts["error"] = f"{type(error).__name__}: {error}"
    json.dump(facts, sys.stdout)
    print()
    return 1 if "error" in facts else 0


if __name__ == "__main__":
    sys.exit(main())
