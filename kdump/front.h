/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * makedumpfile's command lines: what scripts and kdump.conf's core_collector lines ask for is done by the commands of
 * kdump(8). doc/makedumpfile.8 tells the options and the differences.
 */
#ifndef KDUMP_FRONT_H
#define KDUMP_FRONT_H

#include "kdump/save.h"
#include "lib/ranges.h"
#include "lib/text.h"

#include <stdio.h>

enum front_action {
	FRONT_SAVE,
	FRONT_REARRANGE,           /* -R */
	FRONT_REASSEMBLE,
	FRONT_DMESG,
	FRONT_MEM_USAGE,
	FRONT_HELP,
	FRONT_VERSION,
};

/* --message-level's bits. */
enum {
	MESSAGE_PROGRESS = 1,
	MESSAGE_COMMON = 2,
	MESSAGE_ERROR = 4,
	MESSAGE_DEBUG = 8,
	MESSAGE_REPORT = 16,
	MESSAGE_DEFAULT = 7,
	MESSAGE_ALL = 31,
};

struct front {
	enum front_action action;
	struct save_options save;
	unsigned int messages;     /* MESSAGE_... */
	bool check_params;         /* nothing is done after parsing */
	bool partial_dmesg;
	bool split;
	bool has_vtop;
	uint64_t vtop_vaddr;
	uint64_t seen;             /* options given, by their row in front_options.c */
	char **files;              /* of argv */
	int nr_files;
	FILE *out;                 /* common messages; not closed */
};

/* -EINVAL, -ENOTSUP (recorded). F->messages and F->check_params hold what was found until then. */
int front_parse(struct front *f, int argc, char **argv);
/* What was accepted and changes nothing, a line each. */
void front_print_notes(const struct front *f);
void front_print_help(FILE *out);
void front_print_version(FILE *out);

/* --dump-dmesg VMCORE LOGFILE. -EEXIST without -f; -ENOSPC: LOGFILE has what the size limit allows. Recorded. */
int front_dmesg(const struct front *f);

/* --mem-usage FILE: the table on standard output. */
int front_mem_usage(const struct front *f);
/* What /proc/iomem calls "Crash kernel", as bytes; added to RANGES. -ENOMEM. */
int front_crash_kernel(struct text iomem, struct ranges *ranges);

#endif
