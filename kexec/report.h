/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loader sees (--print-ranges) and what it would do (--dry-run), as tables for people or as JSON. */
#ifndef KEXEC_REPORT_H
#define KEXEC_REPORT_H

#include "kexec/plan.h"

#include <stdio.h>

/*
 * Memory, crash regions, dumped ranges, CPU notes and vmcoreinfo of PLAN, whose memmap and crash members are
 * filled. -ENOTSUP: JSON without json-c.
 */
int report_ranges(const struct plan *plan, bool json, FILE *out);

/* The sealed plan: segments with digests, core headers, command line. Errors as above. */
int report_plan(const struct plan *plan, bool json, FILE *out);

#endif
