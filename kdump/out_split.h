/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A split set: several kdump-compressed files, each with about as many of the pages as the others, written all at once,
 * so that the order of the pages is that of importance over the whole set. Each file has a range of page frames.
 */
#ifndef KDUMP_OUT_SPLIT_H
#define KDUMP_OUT_SPLIT_H

#include "kdump/out.h"

/* The files beside the one that dump_out.sink is. */
struct out_split_files {
	char *const *paths;
	unsigned int nr;           /* > 0 */
	bool force, same_name;
	uint64_t max_bytes;        /* of each file; UINT64_MAX: none */
};

/*
 * Needs out_facts.files. A file that cannot be written any more costs the pages of its range: page() says 1 of each
 * then, and fails when no file is left. finish() gives the files their names, but for dump_out.sink's.
 */
extern const struct out_ops out_split;

/* Bytes that went out, and sizes of the files, without dump_out.sink's. 0 when O is of another kind. */
uint64_t out_split_written(const struct dump_out *o);
uint64_t out_split_size(const struct dump_out *o);

#endif
