/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dump writers: begin, pages in any order, finish. */
#ifndef KDUMP_OUT_H
#define KDUMP_OUT_H

#include "kdump/codec.h"
#include "kdump/sink.h"
#include "kdump/vmcore.h"

struct dump_out;

struct out_facts {
	struct vmcore *core;
	uint64_t phys_base;
	int level;
	char utsname[6][65];
	uint64_t crash_time;       /* seconds; 0: unknown */
	uint32_t nr_cpus;
	const struct codec *codec;
	/* Is this pfn going to be saved? Walked once, ascending, by begin() to write the bitmaps: fills BITMAP (LSB first, NR pfns a multiple of 8) for FIRST_PFN.. */
	int (*planned)(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap);
	void *ctx;
};

/* A page as the pipe delivers it. */
struct out_page {
	uint64_t pfn;
	const uint8_t *data;
	uint32_t len;
	uint32_t flags;            /* of the codec that was used; 0: raw */
	bool zero;                 /* all zero: data is not looked at */
};

struct out_ops {
	const char *name;
	int (*begin)(struct dump_out *o);
	int (*page)(struct dump_out *o, const struct out_page *page);
	/* Make what was handed over so far readable on disk. */
	int (*checkpoint)(struct dump_out *o);
	/* COMPLETE: everything planned was handed over. */
	int (*finish)(struct dump_out *o, bool complete);
	void (*deinit)(struct dump_out *o);
};

struct dump_out {
	const struct out_ops *ops;
	struct sink *sink;
	struct out_facts facts;
	void *priv;
};

extern const struct out_ops out_diskdump, out_elf;

#endif
