# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the metadata of a crashed kernel lies in its core: name -> [(offset, bytes)], by the core's own VMCOREINFO."""
import struct

PAGE = 4096
IMAGE_BYTES_MAX = 64 << 20
BTF_HEADER = bytes.fromhex("9feb010018000000")
TABLE_ENTRIES = 512
PRESENT = 1


class Places:
    def __init__(self, core):
        self.core = core
        off, size = core.notes
        notes = core.map[off:off + size]
        at = notes.find(b"OSRELEASE=")
        self.info_off, text = off + at, notes[at:].split(b"\0")[0]
        self.info_len = len(text)
        self.info = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)

    def number(self, key, base=10):
        return int(self.info[key], base) if key in self.info else None

    def paddr(self, vaddr):
        image = self.info.get("NUMBER(kimage_voffset)")
        for start, size, _, load in self.core.loads:
            if load != 2 ** 64 - 1 and load <= vaddr < load + size:
                return start + vaddr - load
        return vaddr - int(image, 0) & 2 ** 64 - 1 if image else None

    def at(self, vaddr, size):
        """[(offset, bytes)] of memory, or nothing when it is not in the core."""
        paddr = self.paddr(vaddr)
        off = None if paddr is None else self.core.offset(paddr)
        return [(off, size)] if off is not None else []

    def word(self, vaddr, size=8):
        place = self.at(vaddr, size)
        return int.from_bytes(self.core.map[place[0][0]:place[0][0] + size], "little") if place else None

    def symbol(self, name):
        return self.number("SYMBOL(%s)" % name, 16)

    def offset(self, name):
        return self.number("OFFSET(%s)" % name)

    def sections(self):
        roots = self.symbol("mem_section")
        first = self.word(roots)
        return self.at(roots, 8 * 4) + (self.at(first, PAGE // 4) if first else [])

    def struct_pages(self):
        return [(self.core.offset(first * PAGE), (last - first + 1) * PAGE) for first, last in
                self.core.classes.get("struct pages", ()) if self.core.offset(first * PAGE) is not None]

    def page_tables(self):
        """The top level, and what its entries lead to, two levels down."""
        root = self.symbol("init_top_pgt") or self.symbol("swapper_pg_dir")
        found, level = self.at(root, PAGE), self.at(root, PAGE)
        for _ in range(2):
            below = []
            for off, _ in level[:8]:
                for entry in struct.unpack_from("<%dQ" % TABLE_ENTRIES, self.core.map, off):
                    table = self.core.offset(entry & 0xFFFFFFFFF000) if entry & PRESENT else None
                    if table is not None and not entry & 0x80:
                        below.append((table, PAGE))
            found += below
            level = below
        return found

    def ring(self):
        prb = self.word(self.symbol("prb"))
        desc = prb + self.offset("printk_ringbuffer.desc_ring")
        text = prb + self.offset("printk_ringbuffer.text_data_ring")
        descs = self.word(desc + self.offset("prb_desc_ring.descs"))
        infos = self.word(desc + self.offset("prb_desc_ring.infos"))
        data = self.word(text + self.offset("prb_data_ring.data"))
        count = 1 << self.word(desc + self.offset("prb_desc_ring.count_bits"), 4)
        head = self.at(self.symbol("prb"), 8) + self.at(prb, self.number("SIZE(printk_ringbuffer)"))
        used = min(count, 1024)
        # The head is small and means most: as likely as the others.
        return head * 2 + self.at(descs, used * self.number("SIZE(prb_desc)")) + \
            self.at(infos, used * self.number("SIZE(printk_info)")) + self.at(data, 1 << 15)

    def kallsyms(self):
        found = []
        for name, size in (("names", 1 << 18), ("num_syms", 4), ("markers", 1 << 12), ("token_table", 1 << 10),
                           ("token_index", 512), ("offsets", 1 << 16), ("relative_base", 8)):
            vaddr = self.symbol("kallsyms_" + name)
            found += self.at(vaddr, size) if vaddr else []
        return found

    def btf(self):
        start = self.symbol("_stext")
        for off, size in self.at(start, IMAGE_BYTES_MAX) if start else []:
            at = self.core.map.find(BTF_HEADER, off, off + size)
            if at >= 0:
                return [(at, 64), (at, 64), (at + 24, 4 << 20)]
        return []

    def all(self):
        found = {
            "vmcoreinfo": [(self.info_off, self.info_len)],
            "notes": [self.core.notes],
            "headers": [(0, self.core.headers)],
            "mem_section": self.sections(),
            "struct pages": self.struct_pages(),
            "page tables": self.page_tables(),
            "log": self.ring(),
            "kallsyms": self.kallsyms(),
            "BTF": self.btf(),
        }
        whole = len(self.core.map)
        return {name: [(off, size) for off, size in places if off is not None and size and off + size <= whole]
                for name, places in found.items()}
