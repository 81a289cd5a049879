/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far the work is: on a terminal a line that changes, elsewhere (a serial console, a log) a line each five seconds.
 * Standard error.
 */
#ifndef KDUMP_PROGRESS_H
#define KDUMP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool quiet, terminal, shown;
	uint64_t begun_ms, last_ms;
	uint64_t total;            /* pages */
	unsigned int page_shift;
};

void progress_init(struct progress *p, bool quiet, uint64_t total, unsigned int page_shift);
/* WHAT is being done, DONE pages so far, WRITTEN bytes. Cheap: to be called often. */
void progress_step(struct progress *p, const char *what, uint64_t done, uint64_t written);
/* The line is finished. */
void progress_stop(struct progress *p);

#endif
