# SPDX-License-Identifier: GPL-2.0-or-later
"""A dump and the core it was made from, by the formats' descriptions alone, and what must be true of every dump."""
import ctypes
import ctypes.util
import functools
import itertools
import mmap
import struct
import subprocess
import zlib

try:
    import kdumpfile
except ImportError:
    kdumpfile = None

PAGE = 4096
INCOMPLETE = 8
# The classes of pages in the order in which they are saved. Others never are.
ORDER = ("kernel, first", "slab", "struct pages", "kernel, other", "user", "cache, private", "cache", "free")
ZLIB, ZSTD = 1, 0x20


class Zstd:
    """The library through ctypes: Python has no module of it."""

    def __init__(self):
        self.library = ctypes.CDLL(ctypes.util.find_library("zstd"))
        self.library.ZSTD_decompress.restype = ctypes.c_size_t
        self.library.ZSTD_decompress.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)

    def expand(self, data):
        page = ctypes.create_string_buffer(PAGE)  # of its own: there are threads
        if self.library.ZSTD_decompress(page, PAGE, data, len(data)) != PAGE:
            raise ValueError("damaged zstd frame")
        return page.raw


zstd = Zstd()


def expand(data, flags):
    if flags == ZLIB:
        return zlib.decompress(data)
    if flags == ZSTD:
        return zstd.expand(data)
    if flags:
        raise ValueError("flags %#x" % flags)
    return data


class Core:
    """An ELF core: its loads, and the order in which kdump saves its pages."""

    def __init__(self, kdump, path):
        self.path = path
        with open(path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.machine, = struct.unpack_from("<H", self.map, 18)
        self.loads, self.notes = loads_of(self.map)
        self.headers = 64 + 56 * struct.unpack_from("<H", self.map, 56)[0]
        listed = subprocess.run([kdump, "info", "--map", path], check=True, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True).stdout
        self.classes = {}
        for line in listed.splitlines():
            pages, name = line.split(" ", 1)
            first, last = (int(word, 0) for word in pages.split("-"))
            self.classes.setdefault(name, []).append((first, last))
        self.pages = [pfn for name, runs in self.classes.items() if name in ORDER for first, last in runs
                      for pfn in range(first, last + 1)]
        self.class_of = {pfn: name for name, runs in self.classes.items() for first, last in runs
                         for pfn in range(first, last + 1)}

    def offsets(self, paddr):
        """The kernel's image stands twice in a core."""
        return [off + paddr - start for start, size, off, _ in self.loads if start <= paddr < start + size]

    def offset(self, paddr):
        """The one that is read."""
        return (self.offsets(paddr) or [None])[-1]

    def lone_pages(self):
        """Pages that lie wholly in the core: others are RAM in part."""
        return {pfn for pfn in self.pages if self.page(pfn) is not None}

    def page(self, pfn):
        """None for pages that no load holds alone."""
        for start, size, off, _ in self.loads:
            if start <= pfn * PAGE and pfn * PAGE + PAGE <= start + size:
                return self.map[off + pfn * PAGE - start:off + pfn * PAGE - start + PAGE]
        return None


@functools.lru_cache(maxsize=4)  # many dumps of one core have the same plan
def bits(bitmap):
    return [index * 8 + bit for index, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]


def loads_of(data):
    """(paddr, bytes in the file, offset, vaddr) of an ELF core, and where its notes are."""
    phoff, = struct.unpack_from("<Q", data, 32)
    entry, count = struct.unpack_from("<HH", data, 54)
    loads, notes = [], None
    for i in range(count):
        kind, _, off, vaddr, paddr, size = struct.unpack_from("<IIQQQQ", data, phoff + i * entry)
        if kind == 1 and size:
            loads.append((paddr, size, off, vaddr))
        elif kind == 4:
            notes = (off, size)
    return loads, notes


class Dump:
    """The kdump-compressed format."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.bytes[:8] != b"KDUMP   ":
            raise ValueError("%s is no kdump-compressed file" % path)
        self.status, self.block, sub, blocks = struct.unpack_from("<IiiI", self.bytes, 424)
        start, half = (1 + sub) * self.block, blocks * self.block // 2
        bitmap = self.bytes[start + half:start + 2 * half]
        self.planned = bits(bitmap)
        self.descriptors = start + 2 * half
        self.zeros = self.descriptors + 24 * len(self.planned)

    def descriptors_of(self):
        """(pfn, offset, bytes, flags); offset 0 when it is not there."""
        table = self.bytes[self.descriptors:self.descriptors + 24 * len(self.planned)]
        for pfn, (off, size, flags, _) in zip(self.planned, struct.iter_unpack("<QIIQ", table)):
            if off + size > len(self.bytes):
                raise ValueError("page %#x lies beyond the end of the file" % pfn)
            yield pfn, off, size, flags

    def page(self, off, size, flags):
        return expand(self.bytes[off:off + size], flags)

    def missing(self):
        return [pfn for pfn, off, _, _ in self.descriptors_of() if not off]


def content_fault(dump, core, complete=False, lost=(), part=8):
    """
    None, or what is wrong: the pages that are there equal the core's (one of PART is looked at), nothing is there while
    something more important is not, and a complete dump has everything. Pages that share their bytes with another, or
    are zeros, cost nothing: they may be there all the same.
    """
    rank = {name: i for i, name in enumerate(ORDER)}
    by_offset, missing = {}, []
    for pfn, off, size, flags in dump.descriptors_of():
        place = (rank.get(core.class_of[pfn], len(ORDER)), pfn)
        if not off:
            missing.append(place)
            continue
        by_offset[off] = min(place, by_offset.get(off, place))
        want = core.page(pfn) if off != dump.zeros and (pfn * 2654435761 >> 16) % part == 0 else None
        if want is not None and dump.page(off, size, flags) != want:
            return "page %#x is not the core's" % pfn
    by_offset.pop(dump.zeros, None)
    missing = sorted(place for place in missing if place[1] not in lost)
    if complete and missing:
        return "%d pages are missing, %#x among them" % (len(missing), missing[0][1])
    if missing and by_offset and max(by_offset.values()) > missing[0]:
        later = max(by_offset.values())
        return "page %#x (%s) is there, %#x (%s) is not" % (
            later[1], ORDER[later[0]], missing[0][1], ORDER[missing[0][0]])
    return None


def elf_fault(path, core, complete, broken=False):
    """
    The same for an ELF dump, whose format has no way to say that a page is missing: it reads as zeros. A disk that is
    broken may have taken half a page last.
    """
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if (struct.unpack_from("<I", data, 48)[0] & 1) == complete:
        return "its mark of incomplete dumps is wrong"
    zeros = bytes(PAGE)
    for paddr, size, off, _ in loads_of(data)[0]:
        for at in range(0, size - size % PAGE, PAGE):
            page, want = data[off + at:off + at + PAGE], core.page((paddr + at) // PAGE)
            never = core.class_of.get((paddr + at) // PAGE) not in ORDER
            if want not in (None, page) and ((complete and not never) or page != zeros):
                if broken and want.startswith(page.rstrip(b"\0")):
                    continue
                return "page %#x is not the core's" % ((paddr + at) // PAGE)
    return None


def opens(kdump, path, seconds):
    """None, or what is wrong: kdump check and libkdumpfile open it."""
    run = subprocess.run([kdump, "check", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=seconds)
    if run.returncode not in (0, 3):
        return "check: status %d: %s" % (run.returncode, run.stderr[-300:])
    if not kdumpfile:
        return None
    try:
        context = kdumpfile.kdumpfile(path)
        form = context.attr["file"]["format"]
        if form not in ("diskdump", "elf"):
            return "libkdumpfile takes it for %s" % form
        if form == "diskdump" and not read_somewhere(context, path):
            return "libkdumpfile reads other bytes"
    except Exception as error:  # whatever it raises
        return "libkdumpfile: %r" % error
    return None


def read_somewhere(context, path):
    """Some of the pages that are there, as libkdumpfile has them."""
    dump = Dump(path)
    there = [page for page in itertools.islice(dump.descriptors_of(), 2000) if page[1]]
    return all(bytes(context.read(kdumpfile.KDUMP_MACHPHYSADDR, pfn * PAGE, PAGE)) == dump.page(*where)
               for pfn, *where in there[::97])
