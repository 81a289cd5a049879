/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables for a purgatory that is entered without paging, and so without caches: crash regions as normal memory,
 * console registers as device memory, every address to itself, nothing else. The form of the tables is data, one row
 * for an architecture. What the tables must map: PURG_MAP_REGION in include/purgatory_params.h.
 */
#ifndef KEXEC_IDENTITY_MAP_H
#define KEXEC_IDENTITY_MAP_H

#include "kexec/plan.h"

/*
 * A tree of tables: each is a page of 64-bit entries in the architecture's byte order, an entry either a table of the
 * next level, or a leaf, or zero. Bits of a leaf: memory that is a page (LEAF_PAGE) or what an entry of a higher level
 * maps as one (LEAF_BLOCK).
 */
struct map_form {
	unsigned int address_bits; /* that the tree translates: 48 */
	unsigned int page_shift;   /* of a page, and of a table: 12 */
	/* levels above the pages that may have leaves; 1: blocks of 2 MiB, 2: also of 1 GiB */
	unsigned int block_levels;
	unsigned int entry_shift;  /* an entry holds the address shifted right by this */
	uint64_t table;            /* bits beside the address: of a table's entry, */
	uint64_t page[2];          /* of a page, by PURG_MAP_NORMAL and PURG_MAP_DEVICE, */
	uint64_t block[2];         /* of a larger leaf */
};

/*
 * The tables that map RANGES (types PURG_MAP_), whole pages, into OUT (initialised, emptied first), as they stand at
 * physical ROOT, the first of them the root. -ERANGE (recorded): a range lies above what the form translates. -EINVAL:
 * it is not whole pages. -ENOMEM.
 */
int identity_map_build(const struct map_form *form, bool big_endian, const struct ranges *ranges, uint64_t root,
		       struct blob *out);

/*
 * Where the architecture has a form: place and fill the segment "page-tables" for PLAN's crash regions and consoles. An
 * address that the form cannot translate leaves the plan without tables: the purgatory is slow then. Errors of
 * plan_place(), -ENOMEM.
 */
int identity_map_place(struct plan *plan);

#endif
