/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that have the same bytes as one before, such as what free memory still holds of files that were read again: a
 * fifth of the pages that are not zero, in the cores that were looked at. They are compressed and stored once.
 */
#ifndef KDUMP_TWINS_H
#define KDUMP_TWINS_H

#include "kdump/vmcore.h"

/* Memory for each page that is remembered. */
#define TWINS_BYTES 16u

struct twin_entry;

struct twins {
	struct vmcore *core;
	struct twin_entry *entries;
	uint32_t nr;               /* of entries; pages that are remembered */
	uint64_t count;            /* pages that were given a mark */
	uint8_t *page;             /* the earlier one, read again */
};

/* NR: a power of two; memory is TWINS_BYTES for each. -ENOMEM, not recorded: do without. */
int twins_init(struct twins *t, struct vmcore *core, uint32_t nr);
/* Accepts a zeroed struct. */
void twins_deinit(struct twins *t);

/*
 * PAGE has the bytes of PFN. True: an earlier page has the same, which was compared byte by byte; *MARK is that one's.
 * Else *MARK is what this one is known by from now on: 1 to NR, and again from 1, which forgets the page that had it.
 * Whoever keeps places of pages by their marks, in the order of these calls, has the right one.
 */
bool twins_find(struct twins *t, uint64_t pfn, const uint8_t *page, uint32_t *mark);

#endif
