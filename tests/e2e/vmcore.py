# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reads a copied-out /proc/vmcore (ELF64 or ELF32, little endian): loads, notes, registers, vmcoreinfo, memory by physical or virtual address.
Written for the tests alone; shares nothing with what it checks.
"""
import dataclasses
import re
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS = 1
EM_X86_64, EM_AARCH64 = 62, 183
PAGE = 4096


class CoreError(Exception):
    """The file is not what a vmcore should be."""


@dataclasses.dataclass
class Load:
    paddr: int
    size: int
    vaddr: int
    offset: int


@dataclasses.dataclass
class Registers:
    """From NT_PRSTATUS: struct elf_prstatus of the architecture; the general registers start at byte 112."""
    pid: int
    pc: int
    sp: int
    user: bool


def parse_notes(data):
    """[(name, type, description)] of an ELF note segment."""
    notes, at = [], 0
    while at + 12 <= len(data):
        namesz, descsz, kind = struct.unpack_from("<III", data, at)
        if not namesz:
            break
        name_at = at + 12
        desc_at = name_at + (namesz + 3) // 4 * 4
        if desc_at + descsz > len(data):
            raise CoreError(f"a note at {at:#x} is longer than its segment")
        notes.append((data[name_at:name_at + namesz].rstrip(b"\0").decode(errors="replace"), kind, data[desc_at:desc_at + descsz]))
        at = desc_at + (descsz + 3) // 4 * 4
    return notes


def parse_headers(data):
    """(machine, [(type, offset, vaddr, paddr, filesz, memsz)]) from the start of a little endian ELF file."""
    if data[:4] != b"\x7fELF" or data[4] not in (1, 2) or data[5] != 1:
        raise CoreError("not a little endian ELF file")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if kind != 4:
        raise CoreError(f"not a core file: type {kind}")
    wide = data[4] == 2
    phoff, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
    phentsize, phnum = struct.unpack_from("<HH", data, 54 if wide else 42)
    if phentsize != (56 if wide else 32):
        raise CoreError(f"program headers of {phentsize} bytes")
    headers = []
    for index in range(phnum):
        at = phoff + index * phentsize
        if wide:
            ptype, _, offset, vaddr, paddr, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", data, at)
        else:
            ptype, offset, vaddr, paddr, filesz, memsz, _, _ = struct.unpack_from("<IIIIIIII", data, at)
        headers.append((ptype, offset, vaddr, paddr, filesz, memsz))
    return machine, headers


class Vmcore:
    """The file at PATH, SIZE bytes of it (a disk that it was copied to may be larger)."""

    def __init__(self, path, size):
        self.file = open(path, "rb")
        self.size = size
        self.machine, headers = parse_headers(self.file.read(1 << 20))
        self.loads, self.notes = [], []
        for ptype, offset, vaddr, paddr, filesz, memsz in headers:
            if offset + filesz > size:
                raise CoreError(f"a program header reaches past the size of the file: {offset:#x} + {filesz:#x}")
            if ptype == PT_LOAD:
                if filesz != memsz:
                    raise CoreError(f"load at {paddr:#x}: {filesz:#x} bytes in the file, {memsz:#x} in memory")
                self.loads.append(Load(paddr, memsz, vaddr, offset))
            elif ptype == PT_NOTE:
                self.file.seek(offset)
                self.notes += parse_notes(self.file.read(filesz))
        texts = [desc for name, _, desc in self.notes if name == "VMCOREINFO"]
        if len(texts) != 1:
            raise CoreError(f"{len(texts)} VMCOREINFO notes")
        self.vmcoreinfo_text = texts[0].decode(errors="replace").rstrip("\0")
        self.vmcoreinfo = dict(line.split("=", 1) for line in self.vmcoreinfo_text.splitlines() if "=" in line)

    def close(self):
        self.file.close()

    def registers(self):
        """Of each CPU that has saved them, in the order of the notes."""
        result = []
        for name, kind, desc in self.notes:
            if name != "CORE" or kind != NT_PRSTATUS:
                continue
            pid, = struct.unpack_from("<i", desc, 32)
            if self.machine == EM_X86_64:
                regs = struct.unpack_from("<27Q", desc, 112)
                result.append(Registers(pid, regs[16], regs[19], regs[17] & 3 == 3))
            else:
                regs = struct.unpack_from("<34Q", desc, 112)
                result.append(Registers(pid, regs[32], regs[31], regs[33] & 15 == 0))
        return result

    def ranges(self):
        """Physical memory in the dump: merged [(first, past)]."""
        return merge((load.paddr, load.paddr + load.size) for load in self.loads)

    def read(self, paddr, length):
        out = b""
        while len(out) < length:
            at = paddr + len(out)
            load = next((load for load in self.loads if load.paddr <= at < load.paddr + load.size), None)
            if not load:
                raise CoreError(f"physical address {at:#x} is not in the dump")
            count = min(length - len(out), load.paddr + load.size - at)
            self.file.seek(load.offset + at - load.paddr)
            data = self.file.read(count)
            if len(data) != count:
                raise CoreError(f"the file stops within the load at {load.paddr:#x}")
            out += data
        return out

    # Virtual addresses

    def number(self, key, base=10):
        if key not in self.vmcoreinfo:
            raise CoreError(f"no {key} in the vmcoreinfo")
        return int(self.vmcoreinfo[key], base)

    def symbol(self, name):
        return self.number(f"SYMBOL({name})", 16)

    def translate(self, vaddr):
        if self.machine == EM_X86_64:
            if vaddr >= 0xffffffff80000000:
                return vaddr - 0xffffffff80000000 + self.number("NUMBER(phys_base)")
            return self._walk_x86(vaddr)
        # Documentation/arm64/memory.rst: the direct map is the lower half of the kernel's addresses.
        va_bits = self.number("NUMBER(VA_BITS)")
        offset = (1 << 64) - (1 << va_bits)
        if vaddr & (1 << (self.number("NUMBER(TCR_EL1_T1SZ)", 0) and va_bits - 1)):
            return vaddr - self.number("NUMBER(kimage_voffset)", 0) & (1 << 64) - 1
        return vaddr - offset + self.number("NUMBER(PHYS_OFFSET)", 0) & (1 << 64) - 1    # a randomised PHYS_OFFSET may be negative

    def _walk_x86(self, vaddr):
        """Intel SDM volume 3, chapter 4: tables of 512 entries, bit 7 in the lower levels means a large page."""
        levels = 5 if self.vmcoreinfo.get("NUMBER(pgtable_l5_enabled)") == "1" else 4
        table = self.translate(self.symbol("init_top_pgt"))
        for level in range(levels - 1, -1, -1):
            shift = 12 + 9 * level
            entry, = struct.unpack("<Q", self.read(table + (vaddr >> shift & 511) * 8, 8))
            if not entry & 1:
                raise CoreError(f"{vaddr:#x} is not mapped")
            address = entry & 0x000ffffffffff000
            if level == 0 or (level <= 2 and entry & 0x80):
                return (address & ~((1 << shift) - 1)) + (vaddr & (1 << shift) - 1)
            table = address
        raise CoreError("unreachable")

    def read_virtual(self, vaddr, length):
        out = b""
        while len(out) < length:
            at = vaddr + len(out)
            count = min(length - len(out), PAGE - at % PAGE)
            out += self.read(self.translate(at), count)
        return out

    def read_number(self, vaddr, size=8):
        return int.from_bytes(self.read_virtual(vaddr, size), "little")


def merge(ranges):
    """Sorted, disjoint [(first, past)]."""
    merged = []
    for first, past in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(past, merged[-1][1]))
        else:
            merged.append((first, past))
    return merged


def subtract(ranges, holes):
    result = []
    for first, past in ranges:
        for hole_first, hole_past in sorted(holes):
            if hole_past <= first or hole_first >= past:
                continue
            if hole_first > first:
                result.append((first, hole_first))
            first = max(first, hole_past)
        if first < past:
            result.append((first, past))
    return result


def to_pages(ranges):
    """Rounded outward, as the capture kernel does with what it exports."""
    return merge((first // PAGE * PAGE, -(-past // PAGE) * PAGE) for first, past in ranges)


def parse_iomem(text):
    """[(depth, first, past, name)] of /proc/iomem."""
    result = []
    for line in text.splitlines():
        match = re.match(r"( *)([0-9a-f]+)-([0-9a-f]+) : (.*)", line)
        if match:
            result.append((len(match[1]) // 2, int(match[2], 16), int(match[3], 16) + 1, match[4]))
    return result


def iomem_ranges(text, *names):
    return merge((first, past) for _, first, past, name in parse_iomem(text) if name in names or any(
        prefix.endswith("*") and name.startswith(prefix[:-1]) for prefix in names))
