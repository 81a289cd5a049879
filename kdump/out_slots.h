/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a page frame number to its place among the page descriptors: the number of planned pages before it. The
 * second bitmap of the dump is the only table; a window of it is in memory, with the number of pages before each
 * window.
 */
#ifndef KDUMP_OUT_SLOTS_H
#define KDUMP_OUT_SLOTS_H

#include "kdump/out.h"

/* Pfns whose first one's rank is in memory while their window is. */
#define SLOTS_GROUP_PFNS 512

struct slots_window {
	uint64_t before;           /* planned pages before it */
	uint64_t digest;           /* of its bits: a plan that changes is noticed */
};

struct out_slots {
	const struct out_facts *facts;
	struct sink *sink;
	uint64_t nr_pfn;
	uint64_t planned_off;      /* of the second bitmap in the file */
	struct slots_window *windows; /* one more than there are: the last tells the sum */
	uint64_t nr_windows;
	uint64_t nr_ram;           /* pfns in the first bitmap */
	uint64_t base;             /* planned pages before the split's first */
	uint64_t nr_slots;         /* descriptors in this file */
	uint64_t nr_planned;       /* in all files of a split set */
	/* the window in memory */
	uint64_t loaded;           /* UINT64_MAX: none */
	uint8_t *ram, *planned;
	uint32_t *rank;            /* of each group in it */
};

/*
 * Ask for the plan, write both bitmaps (all zero stretches are left as holes), count. FACTS and SINK must outlive
 * S. What is planned and not in the core's RAM counts as RAM. -ENOMEM, -EINVAL, what planned() and sink_write()
 * give.
 */
int slots_init(struct out_slots *s, const struct out_facts *facts, struct sink *sink, uint64_t ram_off,
	       uint64_t planned_off);
void slots_deinit(struct out_slots *s);
/* -EINVAL (recorded): PFN was not planned, or is not of this file of the split set. */
int slots_find(struct out_slots *s, uint64_t pfn, uint64_t *slot);

#endif
