/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be known of the crashed kernel's structures to tell its pages apart. Const once read. Taken from VMCOREINFO, and where that lacks something from the dump's own
 * kallsyms and BTF; decided by what is present, never by version numbers.
 */
#ifndef KDUMP_KINFO_H
#define KDUMP_KINFO_H

#include "kdump/vtop.h"

struct kfield {
	bool present;
	uint32_t off;              /* bytes from the start of the structure */
};

struct knumber {
	bool present;
	int64_t value;
};

/* How the type of a page is kept in the word that _mapcount shares. */
enum page_type_scheme {
	PAGE_TYPE_NONE,            /* unknown: nothing is told apart by type */
	PAGE_TYPE_BITS_CLEARED,    /* until 6.11: 0xf0000000 base, a type's bit is cleared; value compared whole */
	PAGE_TYPE_TOP_BYTE,        /* since 6.12: the type is the top byte */
};

struct kinfo {
	uint64_t page_size_bytes;  /* SIZE(page): of struct page */
	struct kfield flags, refcount, mapping, mapcount, lru, private_, compound_head, compound_order, compound_dtor;
	bool compound_info;        /* 7.1: compound_head became compound_info and may hold a mask instead of a pointer */
	struct knumber pg_lru, pg_private, pg_swapcache, pg_swapbacked, pg_slab, pg_hwpoison, pg_head, pg_hugetlb, pg_reserved;
	enum page_type_scheme scheme;
	struct knumber type_buddy, type_offline, type_slab, type_hugetlb, type_unaccepted, type_table; /* as VMCOREINFO encodes them */
	struct knumber hugetlb_dtor; /* number or address */
	uint64_t mem_section_vaddr;
	bool mem_section_is_pointer; /* SPARSEMEM_EXTREME since 4.14 */
	uint64_t mem_section_size, mem_section_length;
	struct kfield section_mem_map;
	uint32_t section_size_bits, max_physmem_bits;
	uint64_t vmemmap_vaddr;    /* 0: unknown */
	uint64_t stext, kernel_last_vaddr; /* of the kernel's image */
	char release[65];
};

/* -ENODATA (recorded): nothing that classification could stand on; the caller keeps every page. */
int kinfo_read(struct kinfo *k, struct vtop *vt);

#endif
