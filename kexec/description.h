/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The published description of a plan (include/capture_description.h), in a segment of its own. */
#ifndef KEXEC_DESCRIPTION_H
#define KEXEC_DESCRIPTION_H

#include "kexec/plan.h"

/* Place its segment; the contents follow with description_seal(). Errors of plan_place(). */
int description_place(struct plan *plan);

/* Append to the core headers, before they are placed, the pointer to it. */
int description_point(struct plan *plan);

/*
 * Fill it in, when everything else is sealed. NOW: nanoseconds since 1970. -E2BIG: more crash regions than it can tell.
 */
int description_seal(struct plan *plan, uint64_t now);

#endif
