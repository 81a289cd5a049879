/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crashed kernel's log: the lockless ring (since Linux 5.10), the record ring (3.5 to 5.9), the byte ring
 * (before), and when none can be believed, whatever printable text the buffer holds. Every walk is bounded by the
 * size of its ring.
 */
#ifndef KDUMP_DMESG_H
#define KDUMP_DMESG_H

#include "kdump/vtop.h"
#include "lib/blob.h"

#define DMESG_NO_TIME UINT64_MAX
#define DMESG_NO_CALLER UINT32_MAX
#define DMESG_CALLER_CPU 0x80000000u
#define DMESG_NO_LEVEL 255

struct dmesg_line {
	uint64_t seq;
	uint64_t ns;               /* since boot; DMESG_NO_TIME: not told */
	uint32_t caller;           /* DMESG_CALLER_CPU + CPU, else thread; DMESG_NO_CALLER: not told */
	uint8_t facility, level;   /* level DMESG_NO_LEVEL: neither is told */
	const char *text;          /* not NUL-terminated, may hold newlines and any byte */
	size_t len;
};

typedef int dmesg_emit(void *ctx, const struct dmesg_line *line);

struct dmesg_result {
	const char *format;        /* "lockless ring", "record ring", "byte ring", "text scan" */
	uint64_t nr_lines;
	uint64_t nr_skipped;       /* records that could not be believed */
};

/*
 * Oldest first. -ENODATA (recorded): there is nothing that looks like a log. -ENOMEM. What EMIT returns other than
 * 0 stops the walk and is returned. RESULT is filled in all cases.
 */
int dmesg_read(struct vtop *vt, dmesg_emit *emit, void *ctx, struct dmesg_result *result);

enum {
	DMESG_CALLERS = 1,         /* "[    1.234567][    T1] text", as kernels with CONFIG_PRINTK_CALLER do */
	DMESG_LEVELS = 2,          /* "<6>" in front, as in dmesg --raw */
};

/*
 * Append LINE as dmesg(1) shows it: "[    1.234567] text", further lines of a record indented, bytes that are not
 * printable as \xNN. FLAGS of DMESG_... -ENOMEM.
 */
int dmesg_format(const struct dmesg_line *line, unsigned int flags, struct blob *out);

/* Write all of it so. Errors as dmesg_read(); of write(2), recorded. */
int dmesg_print(struct vtop *vt, int fd, unsigned int flags, struct dmesg_result *result);

#endif
