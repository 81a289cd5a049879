/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump save: what was asked for, and the spine that does it. */
#ifndef KDUMP_SAVE_H
#define KDUMP_SAVE_H

#include "kdump/codec.h"

/* Seconds; who waits longer has no network. */
#define SAVE_NETWORK_TIMEOUT_MAX 3600
/* There are no more than 32 levels. */
#define SAVE_LEVELS_MAX 32
/* Threads that compress. The kernel runs on no more CPUs than 8,192; nobody gives so many to a capture kernel. */
#define SAVE_WORKERS_MAX 1024

struct save_report;

/* What the user gets to see. */
enum { SHOW_PROGRESS = 1, SHOW_PREDICTION = 2, SHOW_REPORT = 4, SHOW_ALL = 7 };

struct save_options {
	/* target "-": standard output; a directory or URL gets vmcore, dmesg.txt and README.txt */
	const char *source, *target;
	char *const *targets;      /* the files of a split set, each with a part of the pages; TARGET is NULL then */
	unsigned int nr_targets;   /* two or more; 0: TARGET is the one file */
	int levels[SAVE_LEVELS_MAX]; /* tried in this order until the size predicted for one fits */
	unsigned int nr_levels;
	const struct codec *codec;
	int codec_level;           /* CODEC_DEFAULT_LEVEL */
	bool elf, flattened, force;
	bool dry_run;              /* everything but the writing; TARGET may be NULL */
	bool no_mmap;              /* read SOURCE, never map it */
	bool same_name;            /* a dump that is not complete gets the name of TARGET too */
	unsigned int show;         /* SHOW_... */
	int workers;               /* -1: by CPUs and memory; 0: none beside the main thread */
	uint64_t max_bytes;        /* UINT64_MAX: none */
	uint64_t memory_bytes;     /* 0: by what is free */
	uint64_t deadline_s;       /* 0: none */
	const char *conf;          /* --conf: where keys and certificates of URLs are told; NULL: the defaults */
	const char *log_name;      /* in a folder; NULL: dmesg.txt */
	uint64_t network_timeout_s; /* a server silent for so long is gone; 0: the default */
	bool probe;                /* only try whether TARGET can be written to; SOURCE is NULL */
};

/* The defaults: level 31, the best codec that is built in. */
void save_options_init(struct save_options *o);
/* -EINVAL (recorded: which argument, what it should be). argv[0] is the command's name. */
int save_options_parse(struct save_options *o, int argc, char **argv);
/*
 * Values of options; OPTION is its name, for the message. -EINVAL (recorded). A size is at least 1 and may have K, M, G
 * or T behind it; numbers are decimal; levels go to O.
 */
int save_parse_size(const char *option, const char *value, uint64_t *bytes);
int save_parse_number(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *number);
int save_parse_levels(struct save_options *o, const char *value);
/* A file's name, without a folder. */
int save_parse_log_name(const char *value, const char **name);
/* What is wrong when getopt_long() has answered '?' or, as its LETTERS begin with ':', ':'. -EINVAL (recorded). */
int save_option_error(int answer, const char *letters, char **argv);

/* 0 also for a dump that is not complete: REPORT->complete tells. REPORT is filled in all cases. */
int save_run(const struct save_options *o, struct save_report *report);

#endif
