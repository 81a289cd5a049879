/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One target, from the search for its device to the verified dump. Runs in a child of the worker, which ends it when it
 * takes too long.
 */
#ifndef KDUMP_CAPTURE_ATTEMPT_H
#define KDUMP_CAPTURE_ATTEMPT_H

#include "kdump/capture/capture.h"

struct attempt {
	unsigned int target;       /* as capture_key() counts */
	uint64_t limit_ms;         /* it is killed then; the collector is asked to conclude somewhat earlier */
};

/* For supervise(): enum capture_result. What went wrong was said. */
int attempt_run(struct capture *c, void *attempt);

/* For messages: malloc, NULL without memory. */
char *attempt_name(const struct capture *c, unsigned int target);

#endif
