// SPDX-License-Identifier: GPL-2.0-or-later
/* Encryption between a writer and whatever it writes to: bytes in order in, whole chunks out. */
#include "kdump/transport/crypt.h"

#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct crypt_sink {
	struct sink below;
	struct crypt_writer *writer;
	uint8_t header[CRYPT_HEADER_BYTES];
	bool begun;         /* the header is written */
	int failed;         /* BELOW took a part of a chunk: nothing can follow it */
	char why[SINK_WHY_BYTES];
	uint64_t max_bytes; /* the limit of S that BELOW's was worked out from */
	size_t len;         /* bytes in PLAIN */
	uint8_t plain[CRYPT_PLAIN_LEN], chunk[CRYPT_CHUNK_LEN];
};

static int remember(struct crypt_sink *c, int err)
{
	c->failed = err;
	if (err)
		snprintf(c->why, sizeof(c->why), "%s", err_text());
	return err;
}

static int send_chunk(struct crypt_sink *c, bool last)
{
	int err = crypt_writer_chunk(c->writer, c->plain, c->len, last, c->chunk);

	if (!err)
		err = sink_write(&c->below, c->below.size, c->chunk, c->len + CRYPT_ADDED_LEN);
	c->len = 0;
	return remember(c, err);
}

static int send_header(struct crypt_sink *c)
{
	if (c->failed)
		return fail(c->failed, "%s", c->why);
	if (!c->begun)
		remember(c, sink_write(&c->below, 0, c->header, sizeof(c->header)));
	c->begun = true;
	return c->failed;
}

/*
 * The caller's limit is one of the file, so what encryption adds comes off it: a header, and 17 bytes for each chunk,
 * the last of which may be short.
 */
static void adjust_limit(struct sink *s, struct crypt_sink *c)
{
	uint64_t max = s->max_bytes;

	if (max == c->max_bytes)
		return;
	max -= max < CRYPT_HEADER_BYTES + CRYPT_ADDED_LEN ? max : CRYPT_HEADER_BYTES + CRYPT_ADDED_LEN;
	max -= max / CRYPT_CHUNK_LEN * CRYPT_ADDED_LEN;
	s->max_bytes = c->max_bytes = max;
}

static int crypt_write(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	struct crypt_sink *c = s->remote;
	const uint8_t *at = buf;
	int err = send_header(c);

	(void)off;
	adjust_limit(s, c);
	while (!err && len) {
		size_t part = CRYPT_PLAIN_LEN - c->len;

		part = part < len ? part : len;
		memcpy(c->plain + c->len, at, part);
		c->len += part;
		at += part;
		len -= part;
		/* A chunk that is full waits: the last one must be known to be the last. */
		if (c->len == CRYPT_PLAIN_LEN && len)
			err = send_chunk(c, false);
	}
	return err;
}

static int crypt_sync(struct sink *s)
{
	struct crypt_sink *c = s->remote;

	return sink_sync(&c->below);
}

static int crypt_finish(struct sink *s, bool complete)
{
	struct crypt_sink *c = s->remote;
	int err = send_header(c), finished;
	char *path;

	if (!err)
		err = send_chunk(c, true);
	if (err && complete)
		return err;
	/* Without its last chunk it is a file that was cut short: that can still be read up to there. */
	c->below.same_name = s->same_name;
	finished = sink_finish(&c->below, complete);
	path = finished ? NULL : strdup(c->below.path);
	if (path) {
		free(s->path);
		s->path = path;
	}
	return finished;
}

static void crypt_discard(struct sink *s)
{
	struct crypt_sink *c = s->remote;

	sink_discard(&c->below);
}

static void crypt_deinit(struct sink *s)
{
	struct crypt_sink *c = s->remote;

	crypt_writer_deinit(c->writer);
	sink_deinit(&c->below);
	/* Pages of memory that were not to be read by others; the compiler keeps a store that it cannot look into. */
	explicit_bzero(c, sizeof(*c));
	free(c);
}

static const struct sink_ops crypt_ops = {
	.write = crypt_write,
	.sync = crypt_sync,
	.finish = crypt_finish,
	.discard = crypt_discard,
	.deinit = crypt_deinit,
};

int crypt_sink_open(struct sink *s, const uint8_t public_key[CRYPT_KEY_LEN], struct sink *below, enum sink_form form)
{
	struct crypt_sink *c = calloc(1, sizeof(*c));
	int err = c ? crypt_writer_init(&c->writer, public_key, c->header)
		    : fail(-ENOMEM, "out of memory for encryption");

	if (err) {
		free(c);
		sink_discard(below);
		sink_deinit(below);
		return err;
	}
	c->below = *below;
	c->max_bytes = UINT64_MAX;
	*below = (struct sink)SINK_INIT;
	return sink_attach(s, &crypt_ops, c, c->below.path, form);
}

const struct sink *crypt_sink_below(const struct sink *s)
{
	const struct crypt_sink *c = s->remote;

	return &c->below;
}
