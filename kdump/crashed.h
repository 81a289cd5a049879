/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crashed kernel as every command needs it: its memory, what its VMCOREINFO says, its addresses; and on request its
 * page classes.
 */
#ifndef KDUMP_CRASHED_H
#define KDUMP_CRASHED_H

#include "kdump/classify.h"

struct crashed {
	struct vmcore core;
	struct vmcoreinfo vi;
	struct vtop vt;
	bool has_vtop;             /* else nothing of the kernel can be looked at */
	struct kinfo k;
	struct memmodel m;
	struct classifier c;
	bool classified;           /* page classes can be told apart */
	char utsname[6][65];       /* sysname nodename release version machine domain; empty when unknown */
	uint64_t crash_time;       /* seconds since 1970; 0: unknown */
	uint32_t nr_cpus;          /* CPU notes */
};

/* -errno of vmcore_open(); FLAGS are its. What else cannot be found out is a warning. */
int crashed_open(struct crashed *cr, const char *source, unsigned int flags);
/* Make CR->c ready: with all that is needed to tell pages apart, or (a warning) with nothing of it: all are kept. */
void crashed_classify(struct crashed *cr);
/* Undo that: CR->c keeps every page, and needs next to no memory. */
void crashed_forget_classes(struct crashed *cr);
/* Accepts a zeroed struct. */
void crashed_close(struct crashed *cr);

#endif
