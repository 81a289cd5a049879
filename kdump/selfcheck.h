/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the kernel's own count of free pages agree with what was found? Who misunderstands struct page is caught
 * here.
 */
#ifndef KDUMP_SELFCHECK_H
#define KDUMP_SELFCHECK_H

#include "kdump/vtop.h"

/* Free pages by the counters of all zones. -ENODATA: they cannot be read or believed; not recorded. */
int selfcheck_free_pages(struct vtop *vt, uint64_t *pages);

/* Are FOUND free pages as many as COUNTED, as far as per-CPU differences and a crash in the middle of things allow? */
bool selfcheck_agrees(uint64_t found, uint64_t counted, uint32_t nr_cpus);

#endif
