/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a page frame number to the bytes of its struct page: SPARSEMEM's sections (with and without EXTREME), each
 * validated by itself.
 */
#ifndef KDUMP_MEMMODEL_H
#define KDUMP_MEMMODEL_H

#include "kdump/kinfo.h"

struct section {
	uint64_t first_pfn;
	uint64_t nr_pfn;
	uint64_t map_vaddr;        /* of struct page of first_pfn; 0: none, or implausible: its pages are kept */
};

struct memmodel {
	const struct kinfo *k;
	struct vtop *vt;
	struct section *sections;  /* ascending; only those that overlap RAM */
	size_t nr_sections;
	size_t nr_bad;             /* sections that could not be believed */
	size_t nr_repaired;        /* of these: where the other sections tell the address */
};

/* -ENODATA (recorded): no section can be found at all; the caller keeps every page. -ENOMEM. */
int memmodel_init(struct memmodel *m, struct vtop *vt, const struct kinfo *k);
void memmodel_deinit(struct memmodel *m);

/*
 * Read the struct pages of FIRST_PFN..FIRST_PFN+NR-1 (inside one section) into BUF of NR * k->page_size_bytes bytes.
 * -ENODATA, -EIO: not recorded; those pages are kept.
 */
int memmodel_read(struct memmodel *m, uint64_t first_pfn, uint64_t nr, uint8_t *buf);
const struct section *memmodel_section(const struct memmodel *m, uint64_t pfn);
/* Address of PFN's struct page; 0 when unknown. */
uint64_t memmodel_vaddr(const struct memmodel *m, uint64_t pfn);

/* Add the page frames that hold the struct pages to PFNS, with TYPE. What cannot be translated is left out. -ENOMEM. */
int memmodel_own_pfns(struct memmodel *m, struct ranges *pfns, uint32_t type);

#endif
