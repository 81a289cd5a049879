/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a dump's bytes go: a file that can be written at any offset (created 0600 under a temporary name, renamed when finished), or a stream that gets makedumpfile's
 * flattened records.
 */
#ifndef KDUMP_SINK_H
#define KDUMP_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink {
	int fd;
	bool flattened;
	char *path, *temporary;    /* heap; NULL for a stream */
	uint64_t written;          /* bytes, for --max-size and progress */
	uint64_t max_bytes;        /* --max-size; UINT64_MAX: none */
	bool failed;
};

/* PATH "-": standard output, flattened. -EEXIST without FORCE, -errno recorded. */
int sink_open(struct sink *s, const char *path, bool flattened, bool force);
/* All of BUF at OFF. -ENOSPC (also for EDQUOT, EFBIG and --max-size), -EIO, -EPIPE: recorded. Short writes are continued. */
int sink_write(struct sink *s, uint64_t off, const void *buf, size_t len);
/* fdatasync; for streams nothing. */
int sink_sync(struct sink *s);
/* fsync, rename into place, fsync the directory; the end record for a flattened stream. COMPLETE false: "PATH-incomplete" is the name instead. */
int sink_finish(struct sink *s, bool complete);
void sink_deinit(struct sink *s);

#endif
