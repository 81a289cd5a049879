// SPDX-License-Identifier: GPL-2.0-or-later
/* The stream: bytes, and the records that they are. */
#include "kdump/flattened.h"

#include "include/diskdump_format.h"
#include "include/flattened_format.h"
#include "kdump/diskdump.h"
#include "kdump/flattened_damage.h"
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

#define TYPE_FLAT 1

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

const uint8_t *flat_peek(struct flat_stream *s, uint64_t rel, size_t n)
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

void flat_skip(struct flat_stream *s, uint64_t n)
{
	while (!s->in_place && n) {
		uint64_t have = s->buf_pos + s->have - s->pos;

		if (!have) {
			if (!flat_peek(s, 0, 1))
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

enum look flat_look(struct flat_stream *s, uint64_t rel, struct flat_record *r)
{
	const uint8_t *h = flat_peek(s, rel, FLAT_RECORD_BYTES);

	/* Of a pipe it can still be told that it stops before that. */
	if (!h)
		return !s->in_place && rel > s->cap - FLAT_RECORD_BYTES && flat_peek(s, s->cap - 1, 1) ? LOOK_TOO_FAR
												   : LOOK_NOTHING;
	r->off = get_u64(h + FLAT_RECORD_OFFSET, true);
	r->len = get_u64(h + FLAT_RECORD_SIZE, true);
	if (r->off == UINT64_MAX && r->len == UINT64_MAX)
		return LOOK_CLOSING;
	if (r->off > s->limit || r->len > s->limit - r->off || r->len > FLAT_RECORD_MAX || !r->len)
		return LOOK_NONSENSE;
	return LOOK_RECORD;
}

/* The dump's own header tells how long it can be; it is usually among the first records. */
static void learn_limit(struct flat_stream *s, const struct flat_record *r)
{
	const uint8_t *header;
	uint64_t bound;

	if (r->off || r->len < DD_HEADER_BYTES)
		return;
	header = flat_peek(s, 0, DD_HEADER_BYTES);
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
	const uint8_t *h = flat_peek(s, 0, FLAT_SIGNATURE_BYTES);

	if (!h || !flat_is(h, FLAT_SIGNATURE_BYTES))
		return s->read_error ? fail_sys(-s->read_error, "it cannot be read")
				     : fail(-ENOEXEC, "it is no flattened stream");
	h = flat_peek(s, 0, FLAT_HEADER_BYTES);
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

static void begin_record(struct flat_stream *s, const struct flat_record *r)
{
	flat_skip(s, FLAT_RECORD_BYTES);
	s->left = r->len;
	s->nr_records++;
	s->nr_ahead -= s->nr_ahead > 0;
	if (s->high < r->off + r->len)
		s->high = r->off + r->len;
	learn_limit(s, r);
}

int flat_next(struct flat_stream *s, struct flat_record *r)
{
	struct flat_record new;
	uint64_t past;

	flat_skip(s, s->left);
	s->left = 0;
	for (;;) {
		switch (flat_look(s, 0, &new)) {
		case LOOK_CLOSING:
			s->closed = true;
			return 0;
		case LOOK_RECORD:
			if (flat_believe(s, &new, &past)) {
				begin_record(s, &new);
				new.at = s->pos;
				*r = new;
				return 1;
			}
			if (!flat_resync(s, past))
				return 0;
			continue;
		case LOOK_NONSENSE:
			if (!flat_resync(s, 1))
				return 0;
			continue;
		default:
			return 0;
		}
	}
}

size_t flat_take(struct flat_stream *s, const uint8_t **bytes)
{
	uint64_t have;

	if (!s->left || !flat_peek(s, 0, 1))
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
