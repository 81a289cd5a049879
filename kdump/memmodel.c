// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/memmodel.h"

#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Low bits of section_mem_map (include/linux/mmzone.h): what is above the flags is aligned to a page. */
#define SECTION_PRESENT  1u
#define SECTION_HAS_MAP  2u
#define SECTION_FLAGS    0xfffull

/* Half a petabyte of RAM in sections of 128 MiB. */
#define SECTIONS_MAX (1u << 22)

/* How the symbol mem_section is to be read. */
enum layout {
	LAYOUT_ROOTS,              /* an array of pointers to arrays: EXTREME */
	LAYOUT_POINTER,            /* a pointer to that array: EXTREME in 4.14 to 4.16 */
	LAYOUT_FLAT,               /* the array itself */
};

struct walk {
	struct memmodel *m;
	enum layout layout;
	uint64_t roots_vaddr;
	uint64_t per_root;
	uint64_t root;             /* the one that is cached; UINT64_MAX: none */
	uint64_t root_vaddr;       /* 0: it cannot be read */
};

/* 5-level paging leaves 7 bits of sign; everything of the kernel has them set. */
static bool is_kernel_vaddr(uint64_t vaddr)
{
	return vaddr >> 56 == 0xff;
}

static uint64_t section_pages(const struct memmodel *m)
{
	return 1ull << (m->k->section_size_bits - m->vt->core->page_shift);
}

static int walk_init(struct walk *w, struct memmodel *m, enum layout layout)
{
	const struct kinfo *k = m->k;

	*w = (struct walk){
		.m = m, .layout = layout, .roots_vaddr = k->mem_section_vaddr, .per_root = 1, .root = UINT64_MAX
	};
	if (layout != LAYOUT_FLAT)
		w->per_root = (1ull << m->vt->core->page_shift) / k->mem_section_size;
	if (layout == LAYOUT_POINTER && (vtop_read_word(m->vt, k->mem_section_vaddr, &w->roots_vaddr) ||
					 !is_kernel_vaddr(w->roots_vaddr)))
		return -ENODATA;
	return 0;
}

/* section_mem_map of section NR; 0 when there is none. -ENODATA when it cannot be told. */
static int walk_read(struct walk *w, uint64_t nr, uint64_t *map)
{
	const struct kinfo *k = w->m->k;
	uint64_t vaddr, root = nr / w->per_root;

	if (root >= k->mem_section_length)
		return -ENODATA;
	if (w->layout == LAYOUT_FLAT) {
		vaddr = k->mem_section_vaddr + nr * k->mem_section_size;
	} else {
		if (root != w->root) {
			w->root = root;
			if (vtop_read_word(w->m->vt, w->roots_vaddr + root * 8, &w->root_vaddr) ||
			    !is_kernel_vaddr(w->root_vaddr))
				w->root_vaddr = 0;
		}
		if (!w->root_vaddr)
			return -ENODATA;
		vaddr = w->root_vaddr + nr % w->per_root * k->mem_section_size;
	}
	return vtop_read_word(w->m->vt, vaddr + k->section_mem_map.off, map);
}

/* Can the struct pages of the section's RAM be reached, the first and the last of it? */
static bool map_plausible(const struct memmodel *m, const struct section *s, uint64_t map_vaddr)
{
	uint64_t paddr, size = m->k->page_size_bytes, span = s->nr_pfn * size;

	if (!is_kernel_vaddr(map_vaddr) || map_vaddr % 8 || map_vaddr > UINT64_MAX - span)
		return false;
	return !vtop(m->vt, map_vaddr, &paddr, NULL) && !vtop(m->vt, map_vaddr + span - size, &paddr, NULL);
}

static int add_section(struct memmodel *m, size_t *room, uint64_t first_pfn, uint64_t nr_pfn)
{
	if (m->nr_sections == *room) {
		size_t want = *room ? *room * 2 : 64;
		struct section *grown;

		if (want > SECTIONS_MAX)
			return fail(-ENODATA, "the source claims more memory than there can be");
		grown = realloc(m->sections, want * sizeof(*grown));
		if (!grown)
			return fail(-ENOMEM, "no memory for a table of %zu memory sections", want);
		m->sections = grown;
		*room = want;
	}
	m->sections[m->nr_sections++] = (struct section){ .first_pfn = first_pfn, .nr_pfn = nr_pfn };
	return 0;
}

/* A section for each stretch that has RAM, from its first page of RAM to its last. */
static int list_sections(struct memmodel *m)
{
	unsigned int shift = m->vt->core->page_shift;
	const struct ranges *ram = &m->vt->core->ram;
	uint64_t pages = section_pages(m);
	size_t room = 0;

	for (size_t i = 0; i < ram->nr; i++) {
		uint64_t pfn = ram->r[i].start >> shift, last = ram->r[i].last >> shift;

		while (pfn <= last) {
			uint64_t stop = (pfn | (pages - 1)) < last ? (pfn | (pages - 1)) : last;
			struct section *before = m->nr_sections ? &m->sections[m->nr_sections - 1] : NULL;
			int err;

			if (before && before->first_pfn / pages == pfn / pages) {
				before->nr_pfn = stop - before->first_pfn + 1;
			} else {
				err = add_section(m, &room, pfn, stop - pfn + 1);
				if (err)
					return err;
			}
			pfn = stop + 1;
		}
	}
	return 0;
}

/* Address that pfn 0's struct page would have by section NR's own entry; 0 when the entry cannot be believed. */
static uint64_t section_base(struct walk *w, const struct section *s)
{
	uint64_t map, base;

	if (walk_read(w, s->first_pfn / section_pages(w->m), &map) || (map & SECTION_PRESENT) == 0 ||
	    (map & SECTION_HAS_MAP) == 0)
		return 0;
	base = map & ~SECTION_FLAGS;
	return map_plausible(w->m, s, base + s->first_pfn * w->m->k->page_size_bytes) ? base : 0;
}

/* Fill in map_vaddr by one reading of mem_section; how many sections make sense. */
static size_t try_layout(struct memmodel *m, enum layout layout)
{
	struct walk w;
	size_t good = 0;

	if (walk_init(&w, m, layout))
		return 0;
	for (size_t i = 0; i < m->nr_sections; i++) {
		struct section *s = &m->sections[i];
		uint64_t base = section_base(&w, s);

		s->map_vaddr = base ? base + s->first_pfn * m->k->page_size_bytes : 0;
		good += base != 0;
	}
	return good;
}

/*
 * With SPARSEMEM_VMEMMAP, which x86_64 and arm64 always have, one address of pfn 0 holds for all sections. So a damaged
 * entry shows, and can be put right. 0: the sections do not agree, each has to be taken as it is.
 */
static uint64_t common_base(const struct memmodel *m)
{
	uint64_t size = m->k->page_size_bytes, base = 0;
	size_t votes = 0, agree = 0;

	if (m->k->vmemmap_vaddr)
		return m->k->vmemmap_vaddr;
	for (size_t i = 0; i < m->nr_sections; i++) {
		const struct section *s = &m->sections[i];
		uint64_t own = s->map_vaddr - s->first_pfn * size;

		if (!s->map_vaddr)
			continue;
		if (!votes)
			base = own;
		votes += own == base ? 1 : -1;
	}
	for (size_t i = 0; i < m->nr_sections; i++) {
		const struct section *s = &m->sections[i];

		agree += s->map_vaddr && s->map_vaddr - s->first_pfn * size == base;
	}
	return agree >= 2 && agree > m->nr_sections / 2 ? base : 0;
}

static void repair(struct memmodel *m)
{
	uint64_t base = common_base(m);

	for (size_t i = 0; i < m->nr_sections; i++) {
		struct section *s = &m->sections[i];
		uint64_t want = base + s->first_pfn * m->k->page_size_bytes;

		if (s->map_vaddr && (!base || s->map_vaddr == want))
			continue;
		m->nr_bad++;
		s->map_vaddr = 0;
		if (base && map_plausible(m, s, want)) {
			s->map_vaddr = want;
			m->nr_repaired++;
		}
	}
}

int memmodel_init(struct memmodel *m, struct vtop *vt, const struct kinfo *k)
{
	size_t good = 0;
	int err;

	*m = (struct memmodel){ .k = k, .vt = vt };
	if (vt->core->width != 8 || k->section_size_bits <= vt->core->page_shift)
		return fail(-ENODATA, "memory sections of this kernel are not understood");
	err = list_sections(m);
	if (err) {
		memmodel_deinit(m);
		return err;
	}
	if (k->mem_section_length >= 1ull << (k->max_physmem_bits - k->section_size_bits))
		good = try_layout(m, LAYOUT_FLAT);
	if (!good)
		good = try_layout(m, LAYOUT_ROOTS);
	if (!good)
		good = try_layout(m, LAYOUT_POINTER);
	repair(m);
	if (m->nr_bad == m->nr_sections && !m->nr_repaired) {
		memmodel_deinit(m);
		return fail(-ENODATA, "no section of memory leads to its struct pages");
	}
	if (m->nr_bad)
		warn("%zu of %zu memory sections are damaged; %zu could be put right, the pages of the others are kept",
		     m->nr_bad, m->nr_sections, m->nr_repaired);
	return 0;
}

void memmodel_deinit(struct memmodel *m)
{
	free(m->sections);
	*m = (struct memmodel){ 0 };
}

const struct section *memmodel_section(const struct memmodel *m, uint64_t pfn)
{
	size_t low = 0, high = m->nr_sections;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct section *s = &m->sections[middle];

		if (pfn < s->first_pfn)
			high = middle;
		else if (pfn - s->first_pfn >= s->nr_pfn)
			low = middle + 1;
		else
			return s;
	}
	return NULL;
}

uint64_t memmodel_vaddr(const struct memmodel *m, uint64_t pfn)
{
	const struct section *s = memmodel_section(m, pfn);

	return s && s->map_vaddr ? s->map_vaddr + (pfn - s->first_pfn) * m->k->page_size_bytes : 0;
}

int memmodel_read(struct memmodel *m, uint64_t first_pfn, uint64_t nr, uint8_t *buf)
{
	const struct section *s = memmodel_section(m, first_pfn);

	if (!s || !s->map_vaddr || nr > s->nr_pfn - (first_pfn - s->first_pfn))
		return -ENODATA;
	return vtop_read(m->vt, s->map_vaddr + (first_pfn - s->first_pfn) * m->k->page_size_bytes, buf,
			 nr * m->k->page_size_bytes);
}

int memmodel_own_pfns(struct memmodel *m, struct ranges *pfns, uint32_t type)
{
	unsigned int shift = m->vt->core->page_shift;
	uint64_t page = 1ull << shift;

	for (size_t i = 0; i < m->nr_sections; i++) {
		const struct section *s = &m->sections[i];
		uint64_t vaddr = s->map_vaddr, left = s->nr_pfn * m->k->page_size_bytes;

		while (s->map_vaddr && left) {
			uint64_t paddr, len, rest = page - (vaddr & (page - 1));
			int err;

			if (vtop(m->vt, vaddr, &paddr, &len) || !len)
				len = rest;
			else if ((err = ranges_add(pfns, paddr >> shift,
						   (paddr + (len < left ? len : left) - 1) >> shift, type)))
				return err;
			len = len < left ? len : left;
			vaddr += len;
			left -= len;
		}
	}
	return 0;
}
