/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be known of the crashed kernel's structures to tell its pages apart. Const once read. Taken from
 * VMCOREINFO, and where that lacks something from the dump's own kallsyms and BTF; decided by what is present, never by
 * version.
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

/* How the type of a page is kept in the word that _mapcount shares. The values that VMCOREINFO has tell which. */
enum page_type_scheme {
	PAGE_TYPE_NONE,            /* unknown: nothing is told apart by type */
	/* until 6.11: all ones but the type's bit; since 6.11 the low 16 bits are the owner's */
	PAGE_TYPE_BITS_CLEARED,
	PAGE_TYPE_TOP_BYTE,        /* since 6.12: the type is the top byte, the rest is the owner's */
};

/* Where the order of a compound page is kept. */
enum page_order_scheme {
	PAGE_ORDER_NONE,           /* unknown: tails are counted */
	PAGE_ORDER_BYTE,           /* a byte of its own: compound_order (until 6.2), _folio_order (6.3 to 6.5) */
	PAGE_ORDER_FLAGS,          /* since 6.6: the low byte of the first tail's flags */
};

/* What marks a hugetlb page. */
enum hugetlb_scheme {
	HUGETLB_NONE,
	HUGETLB_DTOR,              /* the number of its destructor, a byte (until 6.5) */
	HUGETLB_FLAG,              /* 6.6 to 6.8: a bit in the first tail's flags */
	HUGETLB_TYPE,              /* since 6.9: a page type */
};

struct kinfo {
	uint64_t page_size_bytes;  /* SIZE(page): of struct page */
	struct kfield flags, refcount, mapping, mapcount, private_;
	/* or compound_info, which replaced it in 7.1 and may hold a mask instead of a pointer */
	struct kfield compound_head;
	bool compound_info;
	enum page_order_scheme order_scheme;
	struct kfield order, dtor; /* bytes from the start of the HEAD's struct page: they lie in the first tail */
	enum hugetlb_scheme hugetlb_scheme;
	struct knumber hugetlb_dtor;
	/* bit numbers */
	struct knumber pg_lru, pg_private, pg_swapcache, pg_swapbacked, pg_slab, pg_hwpoison, pg_head, pg_hugetlb;
	struct knumber pg_reserved;
	enum page_type_scheme scheme;
	/* as VMCOREINFO encodes them, 32 bits */
	struct knumber type_buddy, type_offline, type_slab, type_hugetlb, type_unaccepted, type_table;
	uint64_t mem_section_vaddr;
	uint64_t mem_section_size, mem_section_length;
	struct kfield section_mem_map;
	uint32_t section_size_bits, max_physmem_bits;
	uint32_t max_buddy_order;  /* of a block of free pages */
	uint64_t vmemmap_vaddr;    /* of the struct page of pfn 0; 0: unknown */
	uint64_t stext_vaddr, kernel_last_vaddr; /* of the kernel's image; 0: unknown */
	char release[65];
};

/*
 * -ENODATA (recorded): nothing that classification could stand on; the caller keeps every page. Warns of classes that
 * cannot be told.
 */
int kinfo_read(struct kinfo *k, struct vtop *vt);

#endif
