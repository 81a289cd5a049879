/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dump writers: begin, pages in any order, finish. From begin() on the file opens, marked incomplete; a page counts
 * as saved from the checkpoint after it. Memory does not grow with the machine.
 */
#ifndef KDUMP_OUT_H
#define KDUMP_OUT_H

#include "kdump/codec.h"
#include "kdump/sink.h"
#include "kdump/vmcore.h"

struct dump_out;
struct out_split_files;

/* Pfns that planned() is asked for at once, at most. */
#define OUT_WINDOW_PFNS (1u << 20)

struct out_facts {
	struct vmcore *core;
	uint64_t phys_base;
	int level;
	char utsname[6][65];
	uint64_t crash_time;       /* seconds; 0: unknown */
	uint32_t nr_cpus;
	uint32_t current_cpu;      /* that crashed; 0 when unknown */
	const struct codec *codec;
	uint32_t nr_marks;         /* of pages with twins; 0, and where the writer takes none, there are no twins */
	/*
	 * One file of a split set: only these pages are handed over; both inclusive. planned() answers for the
	 * whole machine all the same.
	 */
	bool split;
	uint64_t split_first_pfn, split_last_pfn;
	/*
	 * Which pfns are going to be saved? Fills BITMAP (LSB first, NR pfns, a multiple of 8) for FIRST_PFN...
	 * begin() asks ascending, for what holds RAM, at most OUT_WINDOW_PFNS at once (once for kdump-compressed,
	 * twice for ELF; of a split set once for each file, and twice, at any place, to divide it). Writing
	 * kdump-compressed to a stream asks again for the windows that pages come from, with the same FIRST_PFN and
	 * NR: the answer must be the same then.
	 */
	int (*planned)(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap);
	/*
	 * The same: which pfns may be saved though they are left out? ELF keeps the few that lie between others.
	 * NULL: none; they read as zeros.
	 */
	int (*readable)(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap);
	void *ctx;
	const struct out_split_files *files; /* of a split set; else NULL */
};

/* A page as the pipe delivers it. */
struct out_page {
	uint64_t pfn;
	const uint8_t *data;
	uint32_t len;
	uint32_t flags;            /* of the codec that was used; 0: raw */
	bool zero;                 /* all zero: data is not looked at */
	/*
	 * With TWIN the page has the bytes of the last one that came with this mark before: data is not looked at. Else
	 * it may be a twin's from now on, until another one comes with its mark; 0: it will not.
	 */
	bool twin;
	uint32_t mark;             /* 0...out_facts.nr_marks */
};

struct out_ops {
	const char *name;
	bool compresses;           /* false: pages must come raw */
	/* -ENOSPC before any page: there is not even room for the tables. */
	int (*begin)(struct dump_out *o);
	/*
	 * The page must have been planned. An error is final: go on with finish(o, false), which saves what can be.
	 * 1: this page is lost, others need not be.
	 */
	int (*page)(struct dump_out *o, const struct out_page *page);
	/* Make what was handed over so far readable on disk. */
	int (*checkpoint)(struct dump_out *o);
	/*
	 * COMPLETE: everything planned was handed over or cannot be read; the mark goes. Then comes sink_finish(). When
	 * either fails, finish(o, false) puts the mark back; when that fails, a second time gives up what could not be
	 * written.
	 */
	int (*finish)(struct dump_out *o, bool complete);
	/* Accepts what begin() did not or not wholly build. */
	void (*deinit)(struct dump_out *o);
	bool takes_twins;          /* pages may share their bytes */
};

struct dump_out {
	const struct out_ops *ops;
	struct sink *sink;
	struct out_facts facts;
	void *priv;
};

extern const struct out_ops out_diskdump, out_elf;

#endif
