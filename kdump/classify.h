/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each page of the crashed kernel is, and so when it is saved and at which dump level it is left out. Facts are
 * decoded from struct page; the rules are a table; the first that claims the facts names the class.
 */
#ifndef KDUMP_CLASSIFY_H
#define KDUMP_CLASSIFY_H

#include "kdump/memmodel.h"

/* In the order in which they are saved. */
enum page_class {
	/* kernel image, reserved at boot (per-CPU areas, memblock), page tables, stacks in use */
	CLASS_KERNEL_CRITICAL,
	CLASS_SLAB,
	CLASS_STRUCT_PAGES,
	CLASS_KERNEL,              /* other kernel memory; whatever is not known */
	CLASS_USER,                /* anonymous and hugetlb: level 8 */
	CLASS_CACHE_PRIVATE,       /* page cache with private data: level 4 */
	CLASS_CACHE,               /* page cache without: level 2 (and 4) */
	CLASS_FREE,                /* level 16 */
	CLASS_HWPOISON,            /* never read */
	CLASS_OFFLINE,             /* balloon, virtio-mem: never read */
	CLASS_ABSENT,              /* RAM, but the source does not hold it: a dump that was filtered */
	CLASS_NO_RAM,
	NR_CLASSES
};

/* makedumpfile's -d bits. */
enum {
	LEVEL_ZERO = 1,
	LEVEL_CACHE = 2,
	LEVEL_CACHE_PRIVATE = 4,
	LEVEL_USER = 8,
	LEVEL_FREE = 16,
	LEVEL_ALL = 31,
};

struct page_facts {
	uint64_t flags;
	uint64_t mapping;
	uint64_t private_;
	uint64_t compound_head;    /* bit 0: a tail */
	uint32_t mapcount;         /* or the page's type */
	uint32_t refcount;
	uint32_t order;            /* of a compound head, a buddy or an unaccepted block; 0 else */
	bool order_known;          /* false: a compound head whose order cannot be told or is out of bounds */
	bool head, tail, buddy, offline, slab, hugetlb, unaccepted, table, hwpoison;
};

struct class_rule {
	const char *name;
	enum page_class class;
	bool (*claims)(const struct page_facts *f, const struct kinfo *k);
	/* Do the facts fit together? Otherwise the page is kept. NULL: nothing to test. */
	bool (*believable)(const struct page_facts *f, const struct kinfo *k);
};
/* First match wins; ends with a null name. */
extern const struct class_rule class_rules[];

const char *page_class_name(enum page_class class);
/* Is CLASS left out at LEVEL (zero pages aside)? */
bool class_excluded(enum page_class class, int level);

/*
 * Decode one struct page of k->page_size_bytes at BYTES. LEN: bytes that are there, two struct pages for the order of a
 * compound page to be found. Pure.
 */
void page_decode(const struct kinfo *k, const uint8_t *bytes, size_t len, bool big_endian, struct page_facts *f);

/* Does the struct page at BYTES say, so that it can be believed, that its page is poisoned? */
bool page_is_poisoned(const struct kinfo *k, const uint8_t *bytes, bool big_endian);

/* Is a page whose compound_head holds INFO, and whose struct page is at VADDR, a tail of the compound page at HEAD? */
bool page_is_tail_of(const struct kinfo *k, uint64_t info, uint64_t vaddr, uint64_t head_vaddr);

struct class_counts {
	uint64_t pages[NR_CLASSES];
	uint64_t doubtful;         /* kept because their struct page could not be read or believed */
};

struct classifier {
	const struct kinfo *k;     /* NULL: everything is CLASS_KERNEL */
	struct memmodel *m;
	struct vmcore *core;
	/* pfn ranges: what would be CLASS_KERNEL or before it gets their type as its class */
	struct ranges special;
	struct blob pages;         /* scratch: struct pages of a stretch */
	bool keep_free;            /* what looks free is not believed (see selfcheck.h): CLASS_KERNEL */
	bool keep_poisoned;        /* nor what looks poisoned */
};

void classifier_init(struct classifier *c, struct vmcore *core);
void classifier_deinit(struct classifier *c);

/*
 * Fill CLASS[i] (enum page_class, a byte each) for pfn FIRST_PFN+i, i < NR. A buddy or compound head before the window
 * that reaches into it counts. Adds to COUNTS (may be NULL). -ENOMEM only: anything else is doubt, and doubt keeps the
 * page.
 */
int classify_window(struct classifier *c, uint64_t first_pfn, uint64_t nr, uint8_t *class, struct class_counts *counts);

#endif
