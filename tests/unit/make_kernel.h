/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels of several releases as a few lines of text: VMCOREINFO as that release writes it, memory sections, struct
 * pages. The numbers are those of the releases' page-flags.h and vmcoreinfo.rst, not those of kdump/.
 *
 *     kernel_pages(&k, "16: buddy 3\n"                    order 3: type and private
 *                      "20: lru mapping=ffff888000001000\n"
 *                      "24: head order=2 anon lru\n");    the tails are made too
 *
 * Words: names of flags; buddy N, offline, slab, table, unaccepted (types); anon; mapping=, private=, type=
 * (hexadecimal); ref= N, order= N, hugetlb, tails= N (fewer than the order says), plain (a page without anything).
 */
#ifndef TESTS_UNIT_MAKE_KERNEL_H
#define TESTS_UNIT_MAKE_KERNEL_H

#include "kdump/memmodel.h"
#include "memcore.h"

#define KERNEL_DIRECT  0xffff888000000000ull
#define KERNEL_VMEMMAP 0xffffea0000000000ull
#define KERNEL_VMEMMAP_PADDR 0x40000000ull
#define KERNEL_ROOTS_PADDR 0x1000ull
#define KERNEL_SECTIONS_PADDR 0x2000ull
#define KERNEL_PAGE_BYTES 64

enum kernel_tail_order { TAIL_BYTE_PAGE, TAIL_BYTE_FOLIO, TAIL_FLAGS };

struct kernel_era {
	const char *name;
	const char *vmcoreinfo;
	uint8_t lru, private_, swapcache, swapbacked, head, hwpoison, reserved, slab_flag; /* slab_flag 0: a type */
	uint32_t buddy, offline, table, slab, hugetlb, unaccepted;                         /* 0: no such type */
	enum kernel_tail_order order;
	int hugetlb_dtor, hugetlb_flag; /* -1: no */
	bool mask;                      /* tails hold a mask */
};

#define VI_COMMON \
	"OSRELEASE=test\nPAGESIZE=4096\nSYMBOL(mem_section)=ffff888000001000\nLENGTH(mem_section)=4096\n" \
	"SIZE(mem_section)=32\n" \
	"OFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=27\nNUMBER(MAX_PHYSMEM_BITS)=46\nSIZE(page)=64\n" \
	"OFFSET(page.flags)=0\nOFFSET(page._refcount)=52\nOFFSET(page.mapping)=24\nOFFSET(page.lru)=8\n" \
	"OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nLENGTH(zone.free_area)=11\n"

#define VI_FLAGS_OLD \
	"OFFSET(page.compound_head)=8\nNUMBER(PG_lru)=4\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\n" \
	"NUMBER(PG_swapbacked)=19\nNUMBER(PG_slab)=9\nNUMBER(PG_hwpoison)=23\nNUMBER(PG_head_mask)=65536\n"
#define FLAGS_OLD \
	.lru = 4, .private_ = 13, .swapcache = 10, .swapbacked = 19, .head = 16, .hwpoison = 23, .reserved = 12

#define VI_FLAGS_NEW \
	"NUMBER(PG_lru)=5\nNUMBER(PG_private)=14\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)=17\n" \
	"NUMBER(PG_hwpoison)=20\nNUMBER(PG_head_mask)=64\n"
#define FLAGS_NEW \
	.lru = 5, .private_ = 14, .swapcache = 10, .swapbacked = 17, .head = 6, .hwpoison = 20, .reserved = 13

#define VI_TYPES_612 \
	"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\n" \
	"NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-201326592\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-251658240\n"
#define TYPES_612 \
	.buddy = 0xf0ffffff, .offline = 0xf1ffffff, .table = 0xf2ffffff, .hugetlb = 0xf4000005, .slab = 0xf5000123

static const struct kernel_era kernel_eras[] = {
	{ "6.1", VI_COMMON VI_FLAGS_OLD
	  "OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
	  "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n",
	  FLAGS_OLD, .slab_flag = 9, .buddy = ~0x80u, .offline = ~0x100u, .table = ~0x200u, .order = TAIL_BYTE_PAGE,
	  .hugetlb_dtor = 2, .hugetlb_flag = -1 },
	{ "6.4", VI_COMMON VI_FLAGS_OLD
	  "OFFSET(folio._folio_dtor)=80\nOFFSET(folio._folio_order)=81\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
	  "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n",
	  FLAGS_OLD, .slab_flag = 9, .buddy = ~0x80u, .offline = ~0x100u, .table = ~0x200u, .order = TAIL_BYTE_FOLIO,
	  .hugetlb_dtor = 2, .hugetlb_flag = -1 },
	{ "6.6", VI_COMMON VI_FLAGS_OLD
	  "NUMBER(PG_hugetlb)=8\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n",
	  FLAGS_OLD, .slab_flag = 9, .buddy = ~0x80u, .offline = ~0x100u, .table = ~0x200u, .order = TAIL_FLAGS,
	  .hugetlb_dtor = -1, .hugetlb_flag = 8 },
	{ "6.10", VI_COMMON "OFFSET(page.compound_head)=8\n" VI_FLAGS_NEW
	  "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-4097\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
	  "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-2049\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n",
	  FLAGS_NEW, .buddy = ~0x80u, .offline = ~0x100u, .table = ~0x200u, .hugetlb = ~0x800u, .slab = ~0x1000u,
	  .order = TAIL_FLAGS, .hugetlb_dtor = -1, .hugetlb_flag = -1 },
	{ "6.11", VI_COMMON "OFFSET(page.compound_head)=8\n" VI_FLAGS_NEW
	  "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-33554433\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-1073741825\n"
	  "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-67108865\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-536870913\n",
	  FLAGS_NEW, .buddy = 0xbfff0001, .offline = ~0x20000000u, .table = ~0x10000000u, .hugetlb = ~0x04000000u,
	  .slab = 0xfdff0007, .order = TAIL_FLAGS, .hugetlb_dtor = -1, .hugetlb_flag = -1 },
	{ "6.12", VI_COMMON "OFFSET(page.compound_head)=8\nSYMBOL(vmemmap)=ffffea0000000000\n" VI_FLAGS_NEW VI_TYPES_612,
	  FLAGS_NEW, TYPES_612, .order = TAIL_FLAGS, .hugetlb_dtor = -1, .hugetlb_flag = -1 },
	{ "6.16", VI_COMMON "OFFSET(page.compound_head)=8\nSYMBOL(vmemmap)=ffffea0000000000\n" VI_FLAGS_NEW VI_TYPES_612
	  "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-150994944\n",
	  FLAGS_NEW, TYPES_612, .unaccepted = 0xf7ffffff, .order = TAIL_FLAGS, .hugetlb_dtor = -1, .hugetlb_flag = -1 },
	{ "7.1", VI_COMMON "OFFSET(page.compound_info)=8\nSYMBOL(vmemmap)=ffffea0000000000\n" VI_FLAGS_NEW VI_TYPES_612
	  "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-150994944\n",
	  FLAGS_NEW, TYPES_612, .unaccepted = 0xf7ffffff, .order = TAIL_FLAGS, .hugetlb_dtor = -1, .hugetlb_flag = -1,
	  .mask = true },
};
#define NR_KERNEL_ERAS (sizeof(kernel_eras) / sizeof(*kernel_eras))

struct kernel {
	const struct kernel_era *era;
	struct memcore mem;
	struct vtop vt;
};

static inline uint64_t kernel_page_paddr(uint64_t pfn)
{
	return KERNEL_VMEMMAP_PADDR + pfn * KERNEL_PAGE_BYTES;
}

/* NR_SECTIONS sections of 128 MiB, all RAM. */
static inline void kernel_init_vi(struct kernel *k, const struct kernel_era *era, unsigned int nr_sections,
				  const char *vmcoreinfo)
{
	k->era = era;
	memcore_init(&k->mem, EM_X86_64, vmcoreinfo);
	memcore_load(&k->mem, 0, (uint64_t)nr_sections << 27, KERNEL_DIRECT);
	k->mem.core.max_pfn = (uint64_t)nr_sections << 15;
	k->vt = (struct vtop){ .core = &k->mem.core, .vi = &k->mem.vi, .arch = &kdump_x86_64 };
	vtop_add_linear(&k->vt, KERNEL_DIRECT, KERNEL_DIRECT + (1ull << 40), -KERNEL_DIRECT);
	vtop_add_linear(&k->vt, KERNEL_VMEMMAP, KERNEL_VMEMMAP + (1ull << 36), KERNEL_VMEMMAP_PADDR - KERNEL_VMEMMAP);
	memcore_u64(&k->mem, KERNEL_ROOTS_PADDR, KERNEL_DIRECT + KERNEL_SECTIONS_PADDR);
	for (unsigned int i = 0; i < nr_sections; i++)
		memcore_u64(&k->mem, KERNEL_SECTIONS_PADDR + i * 32, KERNEL_VMEMMAP | 0xf);
}

static inline void kernel_init(struct kernel *k, const struct kernel_era *era, unsigned int nr_sections)
{
	kernel_init_vi(k, era, nr_sections, era->vmcoreinfo);
}

static inline void kernel_deinit(struct kernel *k)
{
	memcore_deinit(&k->mem);
}

struct kernel_page {
	uint64_t flags, mapping, private_;
	uint32_t type, ref;
	unsigned int order, tails;
	bool hugetlb, has_order;
};

static inline void kernel_word(const struct kernel_era *e, struct kernel_page *p, const char *word, char **rest)
{
	const char *value = strchr(word, '=') ? strchr(word, '=') + 1 : "";
	const struct { const char *name; uint8_t bit; } flags[] = {
		{ "lru", e->lru }, { "private", e->private_ }, { "swapcache", e->swapcache },
		{ "swapbacked", e->swapbacked }, { "head", e->head }, { "hwpoison", e->hwpoison },
		{ "reserved", e->reserved }, { NULL, 0 },
	};

	for (int i = 0; flags[i].name; i++)
		if (!strcmp(word, flags[i].name)) {
			p->flags |= 1ull << flags[i].bit;
			return;
		}
	if (!strcmp(word, "buddy")) {
		p->type = e->buddy;
		p->private_ = strtoul(strtok_r(NULL, " ", rest), NULL, 0);
		p->ref = 0;
	} else if (!strcmp(word, "offline")) {
		p->type = e->offline;
	} else if (!strcmp(word, "table")) {
		p->type = e->table;
	} else if (!strcmp(word, "unaccepted")) {
		p->type = e->unaccepted;
	} else if (!strcmp(word, "slab")) {
		if (e->slab_flag)
			p->flags |= 1ull << e->slab_flag;
		else
			p->type = e->slab;
	} else if (!strcmp(word, "hugetlb")) {
		p->hugetlb = true;
		if (e->hugetlb)
			p->type = e->hugetlb;
	} else if (!strcmp(word, "anon")) {
		p->mapping = 0xffff888012345601ull;
	} else if (!strncmp(word, "mapping=", 8)) {
		p->mapping = strtoull(value, NULL, 16);
	} else if (!strncmp(word, "private=", 8)) {
		p->private_ = strtoull(value, NULL, 16);
	} else if (!strncmp(word, "type=", 5)) {
		p->type = strtoull(value, NULL, 16);
	} else if (!strncmp(word, "ref=", 4)) {
		p->ref = strtoul(value, NULL, 0);
	} else if (!strncmp(word, "order=", 6)) {
		p->order = strtoul(value, NULL, 0);
		p->has_order = true;
	} else if (!strncmp(word, "tails=", 6)) {
		p->tails = strtoul(value, NULL, 0);
	} else if (strcmp(word, "plain")) {
		fprintf(stderr, "make_kernel.h: what is %s?\n", word);
		abort();
	}
}

static inline void kernel_tails(struct kernel *k, uint64_t pfn, const struct kernel_page *p)
{
	uint64_t head = KERNEL_VMEMMAP + pfn * KERNEL_PAGE_BYTES, second = kernel_page_paddr(pfn + 1);
	unsigned int nr = p->tails ? p->tails : (1u << p->order) - 1;

	for (unsigned int i = 1; i <= nr; i++) {
		uint64_t info = head | 1;

		/* include/linux/page-flags.h of 7.1: ones from the size of all the compound page's struct pages on. */
		if (k->era->mask)
			info = ~((uint64_t)KERNEL_PAGE_BYTES * (1ull << p->order) - 1) | 1;
		memcore_u64(&k->mem, kernel_page_paddr(pfn + i) + 8, info);
		memcore_u32(&k->mem, kernel_page_paddr(pfn + i) + 48, 0xffffffff);
		memcore_u64(&k->mem, kernel_page_paddr(pfn + i) + 24, 0xdead000000000400ull);
	}
	if (k->era->order == TAIL_FLAGS)
		memcore_u64(&k->mem, second,
			    p->order | (p->hugetlb && k->era->hugetlb_flag > 0 ? 1ull << k->era->hugetlb_flag : 0));
	else
		memcore_write(&k->mem, second + 17, &(uint8_t){ p->order }, 1);
	if (k->era->hugetlb_dtor > 0)
		memcore_write(&k->mem, second + 16, &(uint8_t){ p->hugetlb ? k->era->hugetlb_dtor : 1 }, 1);
}

static inline void kernel_pages(struct kernel *k, const char *text)
{
	char *copy = strdup(text), *lines;

	for (char *line = strtok_r(copy, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		struct kernel_page p = { .type = 0xffffffff, .ref = 1 };
		char *words;
		uint64_t pfn = strtoull(strtok_r(line, ": ", &words), NULL, 0), at;

		for (char *word = strtok_r(NULL, ": ", &words); word; word = strtok_r(NULL, " ", &words))
			kernel_word(k->era, &p, word, &words);
		at = kernel_page_paddr(pfn);
		memcore_u64(&k->mem, at, p.flags);
		memcore_u64(&k->mem, at + 24, p.mapping);
		memcore_u64(&k->mem, at + 40, p.private_);
		memcore_u32(&k->mem, at + 48, p.type);
		memcore_u32(&k->mem, at + 52, p.ref);
		if (p.has_order)
			kernel_tails(k, pfn, &p);
	}
	free(copy);
}

/* Struct pages of FIRST..LAST that say nothing: in use by the kernel. */
static inline void kernel_plain(struct kernel *k, uint64_t first, uint64_t last)
{
	for (uint64_t pfn = first; pfn <= last; pfn++) {
		memcore_u32(&k->mem, kernel_page_paddr(pfn) + 48, 0xffffffff);
		memcore_u32(&k->mem, kernel_page_paddr(pfn) + 52, 1);
	}
}

#endif
