/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading makedumpfile's flattened format: as a stream, record by record, or as an index of a file, through which the
 * dump in it is read in place. A stream that was cut or damaged gives what arrived: where a record's header cannot be
 * believed, the next place that looks like a chain of records is searched.
 */
#ifndef KDUMP_FLATTENED_H
#define KDUMP_FLATTENED_H

#include "lib/ranges.h"

/* No machine has as much memory, so no dump of one is as long. */
#define FLAT_DUMP_MAX (1ull << 48)
/* ELF notes are the longest record, data comes in pieces of 16 MiB at most (makedumpfile -b 8, pages of 64 KiB). */
#define FLAT_RECORD_MAX (64ull << 20)

/* What a stream carries: LEN bytes of the dump, at OFF. */
struct flat_record {
	uint64_t off, len;
	uint64_t at;               /* where they are in the stream */
};

struct flat_stream {
	int fd;
	bool in_place;             /* records are looked up, their data stays where it is */
	uint64_t pos;              /* in the stream: the next byte that was not taken */
	uint64_t left;             /* of these, how many are the record's data */
	uint64_t limit;            /* no record reaches beyond */
	uint64_t high;             /* of the dump, what came so far stops there */
	uint8_t *buf;              /* HAVE bytes of it are the stream's from BUF_POS on */
	size_t cap, size, have;    /* SIZE is what it has, CAP what it may grow to */
	uint64_t buf_pos;
	uint64_t ahead_pos;        /* NR_AHEAD records follow the one that is next, up to there */
	unsigned int nr_ahead;
	int read_error;            /* what read() said, else 0 */
	bool closed;               /* the closing record was met */
	uint64_t nr_records;
	uint64_t skipped;          /* bytes that were passed over as damaged */
	uint64_t first_damage;     /* where; valid when SKIPPED */
};

/*
 * FD, which stays the caller's, is at its first byte; IN_PLACE: it can be read at any offset. -ENOEXEC (recorded): it
 * does not begin like a stream. -EINVAL: it is of another type. -ENOMEM.
 */
int flat_open(struct flat_stream *s, int fd, bool in_place);
void flat_close(struct flat_stream *s);
/* Is this how a stream begins? */
bool flat_is(const uint8_t *bytes, size_t len);

/* 1: a record. 0: no more; flat_whole() tells whether all came. What was not taken of the last one is passed over. */
int flat_next(struct flat_stream *s, struct flat_record *r);
/* The next bytes of the record's data, in place until the next call; 0: that was all of it, or the stream is cut. */
size_t flat_take(struct flat_stream *s, const uint8_t **bytes);
/* The closing record came and nothing was passed over. */
bool flat_whole(const struct flat_stream *s);
/* Why it is not whole: a sentence for WHY, of LEN bytes. */
void flat_why(const struct flat_stream *s, char *why, size_t len);

/* ---- a file of records, read as the dump that it stands for ---- */

struct flattened;

/*
 * FD, of FILE_LEN bytes, stays open and the caller's. Errors as flat_open(), and -EINVAL when there is no record at
 * all. A file that is not whole is a warn() about NAME.
 *
 */
int flattened_open(struct flattened **f, int fd, uint64_t file_len, const char *name);
void flattened_close(struct flattened *f);
uint64_t flattened_len(const struct flattened *f);
bool flattened_whole(const struct flattened *f);
/*
 * Where byte OFF of the dump is in the file; false: it did not arrive. *LEN: for how many bytes that holds (> 0;
 * UINT64_MAX behind all records).
 */
bool flattened_find(const struct flattened *f, uint64_t off, uint64_t *at, uint64_t *len);
/* Did all LEN bytes at OFF arrive? */
bool flattened_has(const struct flattened *f, uint64_t off, uint64_t len);

/* ---- which bytes of a dump have arrived ---- */

struct flat_batch {
	uint64_t start, last;
};

/* Records come in any order; memory is bounded by the number of gaps between them. */
struct flat_arrived {
	struct ranges ranges;      /* right after flat_arrived_settle() */
	struct flat_batch *batch;
	size_t nr_batch;
};

int flat_arrived_init(struct flat_arrived *a);
void flat_arrived_deinit(struct flat_arrived *a);
int flat_arrived_add(struct flat_arrived *a, uint64_t off, uint64_t len);
int flat_arrived_settle(struct flat_arrived *a);

#endif
