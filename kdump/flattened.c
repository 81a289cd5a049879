// SPDX-License-Identifier: GPL-2.0-or-later
/* The stream: headers of records that can be believed, and what to do about those that cannot. */
#include "kdump/flattened.h"

#include "include/flattened_format.h"
#include "include/diskdump_format.h"
#include "kdump/diskdump.h"
#include "lib/err.h"
#include "lib/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A record of ours has 1 MiB, and half of this is room for a chain of records. */
#define STREAM_BYTES (8u << 20)
/* Where only headers are looked at, reading more costs more than it saves. */
#define HEADER_BYTES 512u
#define INDEX_BYTES  (64u << 10)

/*
 * A record's header has nothing to be known by, and pages with zeros and small numbers look like many. This is believed
 * behind damage: several headers in a chain that name different places in the dump, with so much data, or with the closing
 * record, and the end of the file, behind them.
 */
#define CHAIN_RECORDS     3
#define CHAIN_RECORDS_MAX 64
#define CHAIN_BYTES       4096

#define TYPE_FLAT 1

enum look { LOOK_RECORD, LOOK_CLOSING, LOOK_NONSENSE, LOOK_NOTHING, LOOK_TOO_FAR };

/* ---- bytes ---- */

static bool in_buffer(const struct flat_stream *s, uint64_t pos, size_t n)
{
	return pos >= s->buf_pos && pos - s->buf_pos <= s->have && n <= s->have - (pos - s->buf_pos);
}

static ssize_t read_some(struct flat_stream *s, void *buf, size_t len, uint64_t pos)
{
	ssize_t n;

	if (s->read_error)
		return 0;
	do
		n = s->in_place ? pread(s->fd, buf, len, pos) : read(s->fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		s->read_error = errno;
		return 0;
	}
	return n;
}

/* In place the buffer goes where it is needed; N <= cap. */
static void fill_at(struct flat_stream *s, uint64_t pos, size_t n)
{
	size_t want = n > HEADER_BYTES ? s->cap : HEADER_BYTES;

	s->buf_pos = pos;
	s->have = 0;
	while (s->have < n) {
		ssize_t got = read_some(s, s->buf + s->have, want - s->have, pos + s->have);

		if (!got)
			return;
		s->have += got;
	}
}

/* Small records need little. */
static bool grow(struct flat_stream *s, size_t n)
{
	size_t size = s->size;
	uint8_t *buf;

	while (size < n)
		size = size < s->cap / 2 ? size * 2 : s->cap;
	if (size == s->size)
		return true;
	buf = realloc(s->buf, size);
	if (!buf) {
		s->read_error = ENOMEM;
		return false;
	}
	s->buf = buf;
	s->size = size;
	return true;
}

/* A pipe's bytes can only be dropped in front and added behind. */
static void fill_behind(struct flat_stream *s, uint64_t pos, size_t n)
{
	size_t drop = s->pos - s->buf_pos < s->have ? s->pos - s->buf_pos : s->have;

	if (s->size - s->have < pos + n - (s->buf_pos + s->have)) {
		memmove(s->buf, s->buf + drop, s->have - drop);
		s->buf_pos += drop;
		s->have -= drop;
	}
	if (!grow(s, pos + n - s->buf_pos))
		return;
	while (!in_buffer(s, pos, n)) {
		ssize_t got = read_some(s, s->buf + s->have, s->size - s->have, 0);

		if (!got)
			return;
		s->have += got;
	}
}

/* The N bytes that follow REL bytes behind the next one; NULL: they are not there, or (a pipe) too far ahead. */
static const uint8_t *peek(struct flat_stream *s, uint64_t rel, size_t n)
{
	uint64_t pos = s->pos + rel;

	if (rel > INT64_MAX - s->pos || n > s->cap || (!s->in_place && rel > s->cap - n))
		return NULL;
	if (!in_buffer(s, pos, n)) {
		if (s->in_place)
			fill_at(s, pos, n);
		else
			fill_behind(s, pos, n);
	}
	return in_buffer(s, pos, n) ? s->buf + (pos - s->buf_pos) : NULL;
}

/* Pass over N bytes; a stream may have fewer. */
static void skip(struct flat_stream *s, uint64_t n)
{
	while (!s->in_place && n) {
		uint64_t have = s->buf_pos + s->have - s->pos;

		if (!have) {
			if (!peek(s, 0, 1))
				return;
			continue;
		}
		have = have < n ? have : n;
		s->pos += have;
		n -= have;
	}
	s->pos += n;
}

/* ---- headers ---- */

static enum look look(struct flat_stream *s, uint64_t rel, struct flat_record *r)
{
	const uint8_t *h = peek(s, rel, FLAT_RECORD_BYTES);

	/* Of a pipe it can still be told that it stops before that. */
	if (!h)
		return !s->in_place && rel > s->cap - FLAT_RECORD_BYTES && peek(s, s->cap - 1, 1) ? LOOK_TOO_FAR
												   : LOOK_NOTHING;
	r->off = get_u64(h + FLAT_RECORD_OFFSET, true);
	r->len = get_u64(h + FLAT_RECORD_SIZE, true);
	if (r->off == UINT64_MAX && r->len == UINT64_MAX)
		return LOOK_CLOSING;
	if (r->off > s->limit || r->len > s->limit - r->off || r->len > FLAT_RECORD_MAX || !r->len)
		return LOOK_NONSENSE;
	return LOOK_RECORD;
}

static bool overlap(const struct flat_record *a, const struct flat_record *b)
{
	return a->off < b->off + b->len && b->off < a->off + a->len;
}

/* Does a chain of records begin at REL? */
static bool chain_at(struct flat_stream *s, uint64_t rel)
{
	struct flat_record r, before = { 0 };
	uint64_t bytes = 0;

	for (unsigned int nr = 0; nr < CHAIN_RECORDS_MAX; nr++) {
		switch (look(s, rel, &r)) {
		case LOOK_CLOSING:
			return nr && !peek(s, rel + FLAT_RECORD_BYTES, 1);
		case LOOK_TOO_FAR:
			return nr + 1 >= CHAIN_RECORDS;
		case LOOK_NOTHING:
		case LOOK_NONSENSE:
			return false;
		case LOOK_RECORD:
			break;
		}
		if (nr && overlap(&r, &before))
			return false;
		before = r;
		bytes += r.len;
		rel += FLAT_RECORD_BYTES + r.len;
		if (nr + 1 >= CHAIN_RECORDS && bytes >= CHAIN_BYTES)
			return true;
	}
	return false;
}

/* Could a record's header begin with this? Sizes and, by limit, offsets have zeros in front. */
static bool may_begin(const uint8_t *h)
{
	return !h[0] && !h[1] && !h[8] && !h[9] && !h[10] && !h[11];
}

/* The first chain of records from FROM on and in front of TO. */
static bool find_chain(struct flat_stream *s, uint64_t from, uint64_t to, uint64_t *rel)
{
	for (uint64_t at = from; at < to; at++) {
		const uint8_t *h = peek(s, at, FLAT_RECORD_BYTES);

		if (!h)
			return false;
		if (may_begin(h) && chain_at(s, at)) {
			*rel = at;
			return true;
		}
	}
	return false;
}

static void note_damage(struct flat_stream *s, uint64_t pos, uint64_t len)
{
	if (!s->skipped)
		s->first_damage = pos;
	s->skipped += len;
}

/* What is next is no record: go to where there is one again. False: nowhere. */
static bool resync(struct flat_stream *s)
{
	uint64_t from = 1, rel;

	while (peek(s, from, 1)) {
		uint64_t step = s->cap / 2;

		if (find_chain(s, from, from + step, &rel)) {
			note_damage(s, s->pos, rel);
			skip(s, rel);
			return true;
		}
		note_damage(s, s->pos, step);
		skip(s, step);
		from = 0;
	}
	note_damage(s, s->pos, 1);
	return false;
}

/* Do two more headers follow, or the closing record? One byte too much or too little makes one look like another. */
static bool goes_on(struct flat_stream *s, uint64_t rel)
{
	struct flat_record next;
	enum look what = look(s, rel, &next);

	if (what == LOOK_RECORD)
		what = look(s, rel + FLAT_RECORD_BYTES + next.len, &next);
	return what == LOOK_RECORD || what == LOOK_CLOSING;
}

/*
 * A header that can be believed may be damaged all the same: then no header follows its data, or the stream stops before
 * that. When a chain of records is found inside of what it claims, that is where its data stops.
 */
static void believe(struct flat_stream *s, struct flat_record *r)
{
	uint64_t rel;

	if (goes_on(s, FLAT_RECORD_BYTES + r->len) ||
	    !find_chain(s, FLAT_RECORD_BYTES + 1, FLAT_RECORD_BYTES + r->len, &rel))
		return;
	note_damage(s, s->pos, FLAT_RECORD_BYTES);
	r->len = rel - FLAT_RECORD_BYTES;
}

/* The dump's own header tells how long it can be; it is usually among the first records. */
static void learn_limit(struct flat_stream *s, const struct flat_record *r)
{
	const uint8_t *header;
	uint64_t bound;

	if (r->off || r->len < DD_HEADER_BYTES)
		return;
	header = peek(s, 0, DD_HEADER_BYTES);
	bound = header ? diskdump_bound(header, DD_HEADER_BYTES) : UINT64_MAX;
	s->limit = bound < FLAT_DUMP_MAX ? bound : FLAT_DUMP_MAX;
}

bool flat_is(const uint8_t *bytes, size_t len)
{
	static const uint8_t signature[FLAT_SIGNATURE_BYTES] = FLAT_SIGNATURE;

	return len >= sizeof(signature) && !memcmp(bytes, signature, sizeof(signature));
}

static int read_header(struct flat_stream *s)
{
	const uint8_t *h = peek(s, 0, FLAT_SIGNATURE_BYTES);

	if (!h || !flat_is(h, FLAT_SIGNATURE_BYTES))
		return s->read_error ? fail_sys(-s->read_error, "it cannot be read")
				     : fail(-ENOEXEC, "it is no flattened stream");
	h = peek(s, 0, FLAT_HEADER_BYTES);
	if (!h)
		return fail(-EINVAL, "it is a flattened stream, cut off inside its header: there is no dump in it");
	if (get_u64(h + FLAT_TYPE, true) != TYPE_FLAT)
		return fail(-ENOTSUP, "it is a flattened stream of type %" PRIu64 ", which is not known",
			    get_u64(h + FLAT_TYPE, true));
	s->pos = FLAT_HEADER_BYTES;
	return 0;
}

int flat_open(struct flat_stream *s, int fd, bool in_place)
{
	int err;

	*s = (struct flat_stream){ .fd = fd, .in_place = in_place, .limit = FLAT_DUMP_MAX };
	s->cap = in_place ? INDEX_BYTES : STREAM_BYTES;
	s->size = INDEX_BYTES;
	s->buf = malloc(s->size);
	if (!s->buf)
		return fail(-ENOMEM, "out of memory for a buffer of %zu bytes", s->size);
	err = read_header(s);
	if (err)
		flat_close(s);
	return err;
}

void flat_close(struct flat_stream *s)
{
	free(s->buf);
	*s = (struct flat_stream){ .fd = -1 };
}

int flat_next(struct flat_stream *s, struct flat_record *r)
{
	struct flat_record new;

	skip(s, s->left);
	s->left = 0;
	for (;;) {
		switch (look(s, 0, &new)) {
		case LOOK_CLOSING:
			s->closed = true;
			return 0;
		case LOOK_RECORD:
			believe(s, &new);
			skip(s, FLAT_RECORD_BYTES);
			new.at = s->pos;
			s->left = new.len;
			s->nr_records++;
			learn_limit(s, &new);
			*r = new;
			return 1;
		case LOOK_NONSENSE:
			if (resync(s))
				continue;
			return 0;
		default:
			return 0;
		}
	}
}

size_t flat_take(struct flat_stream *s, const uint8_t **bytes)
{
	uint64_t have;

	if (!s->left || !peek(s, 0, 1))
		return 0;
	have = s->buf_pos + s->have - s->pos;
	have = have < s->left ? have : s->left;
	*bytes = s->buf + (s->pos - s->buf_pos);
	s->pos += have;
	s->left -= have;
	return have;
}

bool flat_whole(const struct flat_stream *s)
{
	return s->closed && !s->skipped;
}

void flat_why(const struct flat_stream *s, char *why, size_t len)
{
	if (s->read_error)
		snprintf(why, len, "the stream cannot be read beyond byte %" PRIu64 ": %s", s->buf_pos + s->have,
			 strerror(s->read_error));
	else if (s->skipped)
		snprintf(why, len, "the stream is damaged from byte %" PRIu64 " on%s", s->first_damage,
			 s->closed ? "; what follows the damage was found again" : "");
	else
		snprintf(why, len, "the stream is cut short: it has no closing record");
}
