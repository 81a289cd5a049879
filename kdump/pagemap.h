/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The class of every page, a window of memory at a time: as many pages as the memory budget has bytes. With one window
 * it is worked out once, with more whenever another window is asked for.
 */
#ifndef KDUMP_PAGEMAP_H
#define KDUMP_PAGEMAP_H

#include "kdump/classify.h"

/* Windows are multiples of this, so that no question of the writers straddles two. */
#define PAGEMAP_STEP_PFNS (1u << 20)

struct pagemap_window {
	uint64_t first_pfn, nr;    /* nr: a multiple of 8 */
	uint64_t pages[NR_CLASSES];
};

struct pagemap {
	struct classifier *c;
	struct pagemap_window *windows; /* ascending; only those with RAM */
	size_t nr_windows;
	uint64_t window_pfns;
	size_t loaded;             /* the window that CLASS is of; SIZE_MAX: none */
	uint8_t *class;
	struct class_counts total;
};

/* Called for each window of pagemap_init() once its classes are known. Non-zero stops. */
typedef int pagemap_visit(void *ctx, const struct pagemap_window *w, const uint8_t *class);

/*
 * Classify everything once, BUDGET bytes at a time at most (if that is enough at all). -ENOMEM (recorded), or what
 * VISIT returned.
 */
int pagemap_init(struct pagemap *p, struct classifier *c, uint64_t budget, pagemap_visit *visit, void *ctx);
void pagemap_deinit(struct pagemap *p);

/* The classes of window IDX, valid until the next call; NULL: no memory. */
const uint8_t *pagemap_load(struct pagemap *p, size_t idx);
/* What out_facts.planned() has to tell at LEVEL: NR pages from FIRST_PFN on, all inside one step. -ENOMEM. */
int pagemap_planned(struct pagemap *p, int level, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap);

#endif
