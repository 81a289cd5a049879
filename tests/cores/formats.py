# SPDX-License-Identifier: GPL-2.0-or-later
"""Cores and dumps read here, by the descriptions of their formats alone, sharing nothing with what is tested."""
import mmap
import struct
import zlib


def _map(path):
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def bits(bitmap):
    """Numbers of the bits that are set."""
    return [index * 8 + bit for index, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]


class Dump:
    """A kdump-compressed file; pages of zlib and uncompressed ones can be read."""

    def __init__(self, path):
        self.map = _map(path)
        if self.map[:8] != b"KDUMP   ":
            raise ValueError(f"{path} is no kdump-compressed file")
        self.status, self.block, sub, blocks, mapnr = struct.unpack_from("<IiiII", self.map, 424)
        self.max_pfn = struct.unpack_from("<Q", self.map, self.block + 96)[0] or mapnr
        start = (1 + sub) * self.block
        half = blocks * self.block // 2
        self.ram = set(bits(self.map[start:start + half]))
        self.dumped = bits(self.map[start + half:start + 2 * half])
        self.descs = start + 2 * half

    def pages(self):
        """(pfn, bytes; None when lost)"""
        at = self.descs
        for pfn in self.dumped:
            off, size, flags, _ = struct.unpack_from("<QIIQ", self.map, at)
            at += 24
            if not off:
                yield pfn, None
                continue
            data = self.map[off:off + size]
            if flags == 1:
                data = zlib.decompress(data)
            elif flags:
                raise ValueError(f"page {pfn:#x} has flags {flags:#x}")
            yield pfn, data


class Core:
    """Loads of an ELF core, 64 bits, little endian."""

    def __init__(self, path):
        self.path = path
        self.map = _map(path)
        phoff, = struct.unpack_from("<Q", self.map, 32)
        entry, count = struct.unpack_from("<HH", self.map, 54)
        self.loads, self.vmcoreinfo = [], {}
        for i in range(count):
            kind, _, off, _, paddr, filesz = struct.unpack_from("<IIQQQQ", self.map, phoff + i * entry)
            if kind == 1:
                self.loads.append((paddr, filesz, off))
            elif kind == 4:
                notes = self.map[off:off + filesz]
                text = notes[max(notes.find(b"OSRELEASE="), 0):].split(b"\0")[0].decode(errors="replace")
                self.vmcoreinfo = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        self.page_size = int(self.vmcoreinfo["PAGESIZE"])

    def partial(self):
        """Pages that are RAM in part."""
        size = self.page_size
        edges = {paddr // size for paddr, _, _ in self.loads if paddr % size}
        return edges | {(paddr + length) // size for paddr, length, _ in self.loads if (paddr + length) % size}

    def page(self, pfn):
        """Its bytes; zeros where it is no RAM."""
        size = self.page_size
        paddr = pfn * size
        for start, length, off in self.loads:
            if start <= paddr and paddr + size <= start + length:
                return self.map[off + paddr - start:off + paddr - start + size]
        data = bytearray(size)
        for start, length, off in self.loads:
            first, last = max(paddr, start), min(paddr + size, start + length)
            if first < last:
                data[first - paddr:last - paddr] = self.map[off + first - start:off + last - start]
        return bytes(data)
