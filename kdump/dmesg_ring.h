/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between dmesg.c and the readers of the formats. */
#ifndef KDUMP_DMESG_RING_H
#define KDUMP_DMESG_RING_H

#include "kdump/dmesg.h"

/* Larger than any log: log_buf_len= takes up to 2 GiB, but what is read at once has to fit a capture kernel. */
#define DMESG_BUFFER_MAX (64u << 20)

struct dmesg_walk {
	struct vtop *vt;
	dmesg_emit *emit;
	void *ctx;
	struct dmesg_result *result;
};

/* Count the line and hand it to the caller. */
int dmesg_line(struct dmesg_walk *w, const struct dmesg_line *line);

/* Read LEN bytes at VADDR into BUF, page by page; what cannot be read is zeros. */
void dmesg_read_holes(struct vtop *vt, uint64_t vaddr, void *buf, size_t len);

/*
 * The same into *BUF, to be freed, for at most DMESG_BUFFER_MAX bytes. *THERE (may be NULL) is where the last byte
 * that could be read stops; behind it all is zeros, which costs no memory. -ENODATA: there is none; -ENOMEM
 * (recorded).
 */
int dmesg_load(struct vtop *vt, uint64_t vaddr, size_t len, uint8_t **buf, size_t *there);

/* The word or u32 that SYMBOL(NAME) is the address of. */
bool dmesg_word_at(struct vtop *vt, const char *name, uint64_t *value);
bool dmesg_u32_at(struct vtop *vt, const char *name, uint32_t *value);

/*
 * A reader returns -ENODATA (not recorded) when this is not its format, or when no record of it could be believed:
 * nothing was emitted then.
 */
typedef int dmesg_reader(struct dmesg_walk *w);
dmesg_reader dmesg_lockless, dmesg_records, dmesg_bytes, dmesg_scan;

/* Where the lockless ring keeps its text, as far as that can be told. */
bool dmesg_lockless_text(struct vtop *vt, uint64_t *vaddr, uint64_t *len);

#endif
