# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up cores of machines with terabytes: an ELF core of a few MiB that claims any amount of RAM, as a sparse file.

All sections share one 2 MiB block of struct pages through the page tables: 16 pages of the kernel, the rest free in
buddy blocks. The numbers are those of Linux 6.1 on x86_64, as in tests/unit/make_kernel.h.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import made_core  # noqa: E402

MIB = 1 << 20
SECTION = 128 * MIB
PAGE = 4096
IMAGE, DIRECT, VMEMMAP = 0xffffffff80000000, 0xffff888000000000, 0xffffea0000000000
# Physical addresses of what the kernel has.
PGD, PUD, PMD, ROOTS, SECTIONS, STRUCT_PAGES = 0x1000, 0x2000, 0x3000, 0x10000, 0x4000, 2 * MIB
KERNEL_PAGES = 16          # of each section
PRESENT, LARGE = 0x63, 0xe3

VMCOREINFO = """OSRELEASE=6.1.0
PAGESIZE=4096
SYMBOL(mem_section)=%x
LENGTH(mem_section)=262144
SIZE(mem_section)=32
OFFSET(mem_section.section_mem_map)=0
NUMBER(SECTION_SIZE_BITS)=27
NUMBER(MAX_PHYSMEM_BITS)=52
%sLENGTH(free_area.free_list)=5
NUMBER(NR_FREE_PAGES)=0
NUMBER(phys_base)=0
NUMBER(pgtable_l5_enabled)=0
NUMBER(KERNEL_IMAGE_SIZE)=1073741824
NUMBER(sme_mask)=0
KERNELOFFSET=0
SYMBOL(init_top_pgt)=%x
SYMBOL(swapper_pg_dir)=%x
SYMBOL(_stext)=%x
SYMBOL(init_uts_ns)=%x
OFFSET(uts_namespace.name)=0
""" % (DIRECT + ROOTS, made_core.PAGES_6_1, IMAGE + PGD, IMAGE + PGD, IMAGE, IMAGE + 0x8000)


def struct_pages():
    """Of a section: KERNEL_PAGES that are used, and blocks of free pages up to order 10."""
    pages, pfn = [], 0
    while pfn < SECTION // PAGE:
        order = 0 if pfn < KERNEL_PAGES else min(10, (pfn & -pfn).bit_length() - 1)
        if pfn < KERNEL_PAGES:
            pages.append(struct.pack("<QQQQQQiiQ", 0, 0, 0, 0, 0, 0, -1, 1, 0))
        else:
            pages.append(struct.pack("<QQQQQQiiQ", 0, 0, 0, 0, 0, order, -129, 0, 0))
            pages += [struct.pack("<QQQQQQiiQ", 0, 0, 0, 0, 0, 0, -1, 0, 0)] * ((1 << order) - 1)
        pfn += 1 << order
    return b"".join(pages)


def note(name, kind, data):
    name = name.encode() + b"\0"
    head = struct.pack("<III", len(name), len(data), kind)
    return head + name + b"\0" * (-len(name) % 4) + data + b"\0" * (-len(data) % 4)


def make(path, ram_bytes):
    """RAM_BYTES: a multiple of the size of a section."""
    sections = ram_bytes // SECTION
    notes = note("CORE", 1, b"\0" * 336) + note("VMCOREINFO", 0, VMCOREINFO.encode())
    start = 8192
    with open(path, "wb") as file:
        file.write(struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0))
        file.write(struct.pack("<IIQQQQQQ", 4, 0, 4096, 0, 0, len(notes), len(notes), 0))
        file.write(struct.pack("<IIQQQQQQ", 1, 7, start, DIRECT, 0, ram_bytes, ram_bytes, 0))
        file.seek(4096)
        file.write(notes)

        def put(paddr, data):
            file.seek(start + paddr)
            file.write(data)
        put(PGD + (VMEMMAP >> 39 & 511) * 8, struct.pack("<Q", PUD | PRESENT))
        put(PUD, struct.pack("<Q", PMD | PRESENT) * min(512, -(-sections // 512)))
        put(PMD, struct.pack("<Q", STRUCT_PAGES | LARGE) * 512)
        put(ROOTS, struct.pack("<Q", DIRECT + SECTIONS) * -(-sections // (PAGE // 32)))
        put(SECTIONS, struct.pack("<QQQQ", VMEMMAP | 0xf, 0, 0, 0) * (PAGE // 32))
        put(STRUCT_PAGES, struct_pages())
        utsname = [b"Linux", b"huge", b"6.1.0", b"#1 SMP", b"x86_64", b""]
        put(0x8000, b"".join(word.ljust(65, b"\0") for word in utsname))
        file.truncate(start + ram_bytes)
