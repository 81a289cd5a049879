# SPDX-License-Identifier: GPL-2.0-or-later
"""A small x86_64 kernel's memory, made up: an ELF core as /proc/vmcore or /proc/kcore shows it, with VMCOREINFO, page
descriptors and a log as Linux 6.1 has them. Written from the kernel's documentation, without our own code."""
import random
import struct

PAGE = 4096
DIRECT = 0xFFFF888000000000
IMAGE = 0xFFFFFFFF80000000
NR_PAGES = 4096
ROOTS, SECTIONS, STRUCT_PAGES, PRB, RING, DESCS, INFOS, TEXT, UTS, CLEAR, TABLES = (
    0x2000, 0x2800, 0x100000, 0x3000, 0x3100, 0x4000, 0x5000, 0x8000, 0xA000, 0xB000, 0xC000)
COUNT_BITS, SIZE_BITS = 5, 12
PG_LRU, PG_SLAB, PG_RESERVED, PG_PRIVATE, PG_SWAPBACKED, PG_HWPOISON = 4, 9, 12, 13, 19, 23
BUDDY, OFFLINE = 0xFFFFFF7F, 0xFFFFFEFF

# Page frames by kind, first and last.
KINDS = {
    "kernel_first": (0, 0x3FF), "slab": (0x400, 0x4FF), "kernel_other": (0x500, 0x7FF), "user": (0x800, 0x9FF),
    "cache": (0xA00, 0xBFF), "cache_private": (0xC00, 0xCFD), "poisoned": (0xCFE, 0xCFE), "offline": (0xCFF, 0xCFF),
    "free": (0xD00, 0xFFF),
}
ZERO = (0x600, 0x6FF)  # of the kernel's
LINES = ["Linux version 6.1.0-test", "two\nlines", "cleared until here", "after the clear",
         "Kernel panic - not syncing"]
CLEAR_SEQ = 3

# What VMCOREINFO of Linux 6.1 on x86_64 says of struct page.
PAGES_6_1 = """SIZE(page)=64
OFFSET(page.flags)=0
OFFSET(page._refcount)=52
OFFSET(page.mapping)=24
OFFSET(page.lru)=8
OFFSET(page._mapcount)=48
OFFSET(page.private)=40
OFFSET(page.compound_dtor)=16
OFFSET(page.compound_order)=17
OFFSET(page.compound_head)=8
LENGTH(zone.free_area)=11
NUMBER(PG_lru)=4
NUMBER(PG_private)=13
NUMBER(PG_swapcache)=10
NUMBER(PG_swapbacked)=19
NUMBER(PG_slab)=9
NUMBER(PG_hwpoison)=23
NUMBER(PG_head_mask)=65536
NUMBER(HUGETLB_PAGE_DTOR)=2
NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129
NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257
"""
VMCOREINFO = """OSRELEASE=6.1.0-test
BUILD-ID=0123456789abcdef0123456789abcdef01234567
PAGESIZE=4096
SYMBOL(init_uts_ns)=%(uts)x
OFFSET(uts_namespace.name)=0
SYMBOL(mem_section)=%(roots)x
LENGTH(mem_section)=2048
SIZE(mem_section)=16
OFFSET(mem_section.section_mem_map)=0
NUMBER(SECTION_SIZE_BITS)=27
NUMBER(MAX_PHYSMEM_BITS)=46
%(pages)sNUMBER(phys_base)=0
SYMBOL(init_top_pgt)=%(tables)x
KERNELOFFSET=0
SYMBOL(prb)=%(prb)x
SYMBOL(clear_seq)=%(clear)x
OFFSET(latched_seq.val)=8
OFFSET(printk_ringbuffer.desc_ring)=0
OFFSET(printk_ringbuffer.text_data_ring)=48
OFFSET(prb_desc_ring.count_bits)=0
OFFSET(prb_desc_ring.descs)=8
OFFSET(prb_desc_ring.infos)=16
OFFSET(prb_desc_ring.head_id)=24
OFFSET(prb_desc_ring.tail_id)=32
SIZE(prb_desc)=24
OFFSET(prb_desc.state_var)=0
OFFSET(prb_desc.text_blk_lpos)=8
OFFSET(prb_data_blk_lpos.begin)=0
OFFSET(prb_data_blk_lpos.next)=8
SIZE(printk_info)=88
OFFSET(printk_info.seq)=0
OFFSET(printk_info.ts_nsec)=8
OFFSET(printk_info.text_len)=16
OFFSET(printk_info.caller_id)=20
OFFSET(prb_data_ring.size_bits)=0
OFFSET(prb_data_ring.data)=8
OFFSET(atomic_long_t.counter)=0
CRASHTIME=1700000000
"""
VADDRS = {name: DIRECT + paddr for name, paddr in (("uts", UTS), ("roots", ROOTS), ("prb", PRB), ("clear", CLEAR))}
VADDRS["tables"] = IMAGE + TABLES
VMCOREINFO %= dict(VADDRS, pages=PAGES_6_1)


def log_text(first=0):
    """What dmesg prints from line FIRST on."""
    out = []
    for seq, line in enumerate(LINES):
        if seq >= first:
            prefix = "[%5d.%06d] " % (seq, seq)
            out.append(prefix + line.replace("\n", "\n" + " " * len(prefix)) + "\n")
    return "".join(out)


def put_log(memory):
    struct.pack_into("<Q", memory, PRB, DIRECT + RING)
    lpos = -(1 << SIZE_BITS) & 0xFFFFFFFFFFFFFFFF
    first_id = -(1 << COUNT_BITS) & 0x3FFFFFFFFFFFFFFF
    for seq, line in enumerate(LINES):
        data, ident = line.encode(), (first_id + seq) & 0x3FFFFFFFFFFFFFFF
        length = (len(data) + 8 + 7) & ~7
        at, index = lpos & ((1 << SIZE_BITS) - 1), ident & ((1 << COUNT_BITS) - 1)
        struct.pack_into("<Q", memory, TEXT + at, ident)
        memory[TEXT + at + 8:TEXT + at + 8 + len(data)] = data
        struct.pack_into("<QQQ", memory, DESCS + 24 * index, ident | 2 << 62, lpos, lpos + length)
        struct.pack_into("<QQHBBI", memory, INFOS + 88 * index, seq, seq * 1000001000, len(data), 0, 6 << 5, 1)
        lpos += length
    struct.pack_into("<I4xQQQQ", memory, RING, COUNT_BITS, DIRECT + DESCS, DIRECT + INFOS, ident, first_id)
    struct.pack_into("<I4xQQQ", memory, RING + 48, SIZE_BITS, DIRECT + TEXT, lpos, 0)
    struct.pack_into("<QQQ", memory, CLEAR, 0, CLEAR_SEQ, CLEAR_SEQ)


def descriptor(pfn, kind, first):
    flags, mapping, private, mapcount, refcount = 0, 0, 0, 0xFFFFFFFF, 1
    if kind == "kernel_first":
        flags = 1 << PG_RESERVED
    elif kind == "slab":
        flags = 1 << PG_SLAB
    elif kind == "user":
        flags, mapping, mapcount = 1 << PG_LRU | 1 << PG_SWAPBACKED, DIRECT + 0x123001, 0
    elif kind.startswith("cache"):
        flags, mapping = 1 << PG_LRU, DIRECT + 0x456000
        flags |= 1 << PG_PRIVATE if kind == "cache_private" else 0
    elif kind == "poisoned":
        flags = 1 << PG_HWPOISON
    elif kind == "offline":
        mapcount = OFFLINE
    elif kind == "free":
        refcount = 0
        if (pfn - first) % 256 == 0:  # blocks of order 8
            mapcount, private = BUDDY, 8
    return struct.pack("<QQQQQQIIQ", flags, 0, 0, mapping, 0, private, mapcount, refcount, 0)


def memory_bytes():
    noise = random.Random(1)
    memory = bytearray(NR_PAGES * PAGE)
    for pfn in range(NR_PAGES):
        if not ZERO[0] <= pfn <= ZERO[1]:
            memory[pfn * PAGE:(pfn + 1) * PAGE] = (noise.randbytes(PAGE // 4) + b"kernel  " * (PAGE // 8))[:PAGE]
    memory[0x2000:0xE000] = bytes(0xC000)
    # The direct map: one page of 1 GiB.
    struct.pack_into("<Q", memory, TABLES + 8 * (DIRECT >> 39 & 511), TABLES + PAGE | 3)
    struct.pack_into("<Q", memory, TABLES + PAGE + 8 * (DIRECT >> 30 & 511), 0x83)
    struct.pack_into("<Q", memory, ROOTS, DIRECT + SECTIONS)
    struct.pack_into("<Q", memory, SECTIONS, DIRECT + STRUCT_PAGES | 3)
    for kind, (first, last) in KINDS.items():
        for pfn in range(first, last + 1):
            memory[STRUCT_PAGES + 64 * pfn:STRUCT_PAGES + 64 * pfn + 64] = descriptor(pfn, kind, first)
    for field, text in enumerate((b"Linux", b"made-up", b"6.1.0-test", b"#1 SMP", b"x86_64", b"(none)")):
        memory[UTS + 65 * field:UTS + 65 * field + len(text)] = text
    put_log(memory)
    return memory


def note(name, kind, data):
    name = name.encode() + b"\0"
    return struct.pack("<III", len(name), len(data), kind) + name + bytes(-len(name) % 4) + data + bytes(-len(data) % 4)


def core_bytes(kcore=False, memory=None, vmcoreinfo=VMCOREINFO):
    """KCORE: with the segments that have no physical address, and the offsets that /proc/kcore has."""
    memory = memory_bytes() if memory is None else memory
    notes = note("CORE", 1, bytes(336)) + (note("VMCOREINFO", 0, vmcoreinfo.encode()) if vmcoreinfo else b"")
    start = 2 * PAGE
    segments = [(4, 0, 0, 0x1000, len(notes), 0), (1, IMAGE + 0x200000, 0x200000, start + 0x200000, 0x100000, 0)]
    if kcore:
        none = 0xFFFFFFFFFFFFFFFF
        segments += [(1, 0xFFFFC90000000000, none, 0x490000001000, 0x1FFFFFFFFFFF, 0),
                     (1, 0xFFFFEA0000000000, none, 0x6A0000001000, 0x40000, 0)]
    segments += [(1, DIRECT, 0, start, len(memory), 0)]
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    for kind, vaddr, paddr, offset, size, _ in segments:
        head += struct.pack("<IIQQQQQQ", kind, 7, offset, vaddr, paddr, size, 0 if kind == 4 else size, 0)
    assert len(head) <= 0x1000 and len(notes) <= PAGE
    return head.ljust(0x1000, b"\0") + notes.ljust(start - 0x1000, b"\0") + bytes(memory)
