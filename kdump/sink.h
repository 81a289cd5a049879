/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a dump's bytes go: a file that can be written at any offset (created 0600 under a temporary name, renamed
 * when finished), or a stream that gets makedumpfile's flattened records. doc/formats.md describes them.
 *
 * The program must ignore SIGPIPE and SIGXFSZ: a reader that went away and a file size limit are ordinary errors
 * here.
 */
#ifndef KDUMP_SINK_H
#define KDUMP_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink;

/* Of the text of an error that is told more than once. */
#define SINK_WHY_BYTES 512

/*
 * A sink that is no file: what transports and encryption bring. The functions of this header call these and keep the
 * counters and limits; of a flattened sink they make the records, too.
 */
struct sink_ops {
	/*
	 * Any offset can be written, at any time, and read back. False: a stream. OFF is how much it has got so far,
	 * and the sink is flattened unless whoever attached it writes in order himself.
	 */
	bool seekable;
	/*
	 * All of BUF, which may be used again on return. An error of an earlier write may come later; see sync. On
	 * failure S->partial is how much was written all the same. Errors of sink_write(), recorded.
	 */
	int (*write)(struct sink *s, uint64_t off, const void *buf, size_t len);
	int (*read)(struct sink *s, uint64_t off, void *buf, size_t len);   /* holes are zeros; NULL: cannot */
	int (*allocate)(struct sink *s, uint64_t off, uint64_t len);        /* NULL: zeros are written */
	void (*shorten)(struct sink *s, uint64_t len);                      /* NULL: cannot */
	/* NULL: nothing to do. What failed since the last time is told once. */
	int (*sync)(struct sink *s);
	/*
	 * All that was written is there, under its last name; S->path becomes that name. COMPLETE as in sink_finish().
	 */
	int (*finish)(struct sink *s, bool complete);
	void (*discard)(struct sink *s); /* NULL: nothing stays of what is not finished */
	void (*deinit)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops; /* NULL: a file or a stream to a descriptor */
	void *remote;              /* of the ops */
	bool finished;             /* by the ops */
	int fd;
	bool flattened, force;
	bool standard_output;      /* what the dump goes to; so no messages may */
	bool same_name;            /* what is not complete gets PATH's name too; the caller may set it */
	char *path, *temporary;    /* heap; temporary is NULL for streams and block devices, and when finished */
	uint64_t written;          /* bytes that went out, for progress */
	uint64_t size;             /* of the file so far; bytes in the stream */
	uint64_t max_bytes;        /* --max-size; UINT64_MAX: none */
	uint64_t reserved;         /* of those, kept back from what grows the size; the writer adjusts it */
	uint64_t partial;          /* after a failed sink_write(): bytes of it that were written all the same */
	uint64_t verified;         /* bytes that were read back before it was finished, and were right */
	uint64_t unsent;           /* bytes since the kernel was last told to begin writing to disk */
	int failed;                /* a stream broke inside a record: every later write fails so, and says WHY */
	char why[SINK_WHY_BYTES];
};

#define SINK_INIT { .fd = -1, .max_bytes = UINT64_MAX }

/*
 * PATH "-", or a link to standard output: that, flattened; so is a pipe or character device. A block device is written
 * in place, with FORCE only. Otherwise a new file is made beside PATH ("PATH.writing", or with a number when a dump
 * that was cut
 * short has that name). -EEXIST without FORCE, -EISDIR, -errno; recorded.
 */
int sink_open(struct sink *s, const char *path, bool flattened, bool force);

enum sink_form {
	SINK_PLAIN,                /* seekable ops only */
	SINK_FLATTENED,            /* what is written becomes records of a stream */
	SINK_RAW,                  /* a stream that gets the bytes as they are: OFF must be where it is */
};

/* A sink of these OPS. PATH is copied, for messages. On failure, recorded, ops->deinit() has been called. */
int sink_attach(struct sink *s, const struct sink_ops *ops, void *remote, const char *path, enum sink_form form);

/*
 * All of BUF at OFF. -ENOSPC (also for EDQUOT, EFBIG and max_bytes), -EIO, -EPIPE...: recorded. Short writes are
 * continued. A file can still be written where it has bytes already after -ENOSPC.
 */
int sink_write(struct sink *s, uint64_t off, const void *buf, size_t len);

/* Can what was written be read back and allocated ahead? True for files, false for streams. */
bool sink_seekable(const struct sink *s);
/* All of LEN bytes at OFF; holes are zeros. -EIO recorded. Seekable sinks only. */
int sink_read(struct sink *s, uint64_t off, void *buf, size_t len);
/*
 * Make sure that LEN bytes at OFF, all beyond the size so far, can be written later whatever happens; they read as
 * zeros. Nothing for streams. Errors as sink_write.
 */
int sink_allocate(struct sink *s, uint64_t off, uint64_t len);
/* Give the file at least LEN bytes, the new ones a hole. What cannot be done is not an error. */
void sink_extend(struct sink *s, uint64_t len);

/* Cut it to LEN bytes. What cannot be done is not an error. Seekable sinks only. */
void sink_shorten(struct sink *s, uint64_t len);

/* fdatasync; for streams nothing. -ENOSPC, -EIO recorded: what was written since the last time may be lost. */
int sink_sync(struct sink *s);

/*
 * fsync, rename into place, fsync the directory; the closing record of a flattened stream. COMPLETE false:
 * "PATH-incomplete" is the name instead (unless SAME_NAME), numbered rather than replacing another. S->path is the name
 * that it got.
 * An error leaves the file under its temporary name, which the message tells.
 */
int sink_finish(struct sink *s, bool complete);
/* Remove the unfinished file, to begin anew. */
void sink_discard(struct sink *s);
/* Close. An unfinished file stays under its temporary name when it holds anything. Zeroed structs are accepted. */
void sink_deinit(struct sink *s);

#endif
