/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of kexec. One table says for every option which modes and architectures it holds for; an option
 * that cannot be honoured is refused with its reason, never ignored.
 */
#ifndef KEXEC_OPTIONS_H
#define KEXEC_OPTIONS_H

#include "kexec/plan.h"

enum action {
	ACTION_NONE,
	ACTION_LOAD,           /* -p KERNEL */
	ACTION_UNLOAD,         /* -u, with -p the capture kernel */
	ACTION_STATUS,         /* -S */
	ACTION_CKR_SIZE,       /* --print-ckr-size */
	ACTION_RANGES,         /* --print-ranges */
	ACTION_VERIFY,         /* --verify */
	ACTION_HELP,
	ACTION_VERSION,
};

struct options {
	enum action action;
	bool panic;            /* -p */
	bool normal;           /* -l */
	bool dry_run;
	bool json;
	bool debug;
	bool mem_min_given;
	bool mem_max_given;
	const char *sysroot;   /* NULL: the running system */
	const char *digests_path; /* NULL: nothing is remembered */
	const char *arch_name; /* NULL: the running machine's */
	const struct arch *arch; /* set by options_parse */
	struct load_request req;
	struct cmdline append; /* owns req.cmdline, */
	struct cmdline fallback_append; /* req.fallback_cmdline */
};

/*
 * Parse ARGV into OPT; strings stay argv's. -EINVAL (recorded: the option, why, and what to do) for unknown,
 * misplaced, repeated or unsupported options and malformed values.
 */
int options_parse(struct options *opt, int argc, char **argv);
void options_deinit(struct options *opt);

/* Usage, made from the table, on OUT. */
void options_help(FILE *out);

#endif
