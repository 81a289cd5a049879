/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crashed kernel's log: the lockless ring (since 5.10), the record ring (3.5 to 5.9), the byte ring (before), and when none can be believed, whatever printable text the
 * buffer holds. Every walk is bounded by the size of its ring.
 */
#ifndef KDUMP_DMESG_H
#define KDUMP_DMESG_H

#include "kdump/vtop.h"

struct dmesg_line {
	uint64_t seq;
	uint64_t ns;
	uint32_t caller;           /* bit 31: CPU, else thread; UINT32_MAX: not told */
	uint8_t facility, level;   /* level 255: not told */
	const char *text;
	size_t len;                /* may hold newlines */
};

typedef int dmesg_emit(void *ctx, const struct dmesg_line *line);

struct dmesg_result {
	const char *format;        /* "lockless ring", "record ring", "byte ring", "text scan" */
	uint64_t nr_lines;
	uint64_t nr_skipped;       /* records that could not be believed */
};

/* -ENODATA (recorded): there is nothing that looks like a log. What EMIT returns stops the walk and is returned. */
int dmesg_read(struct vtop *vt, dmesg_emit *emit, void *ctx, struct dmesg_result *result);

/* Write it as dmesg(1) does: "[    1.234567] text", further lines of a record indented, bytes that are not printable as \xNN. */
int dmesg_print(struct vtop *vt, int fd, struct dmesg_result *result);

#endif
