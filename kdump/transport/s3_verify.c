// SPDX-License-Identifier: GPL-2.0-or-later
/* What an object store has, held against what it was sent. */
#include "kdump/transport/s3.h"

#ifdef HAVE_CURL
#include "kdump/transport/sigv4.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* So much of a large object is read back, when the store's ETag does not tell about the contents. */
#define READ_BACK_BYTES (256ull << 20)

static int take_bytes(void *ctx, const void *bytes, size_t len)
{
	md5_update(ctx, bytes, len);
	return 0;
}

static int compare_part(struct s3_sink *k, const struct s3_part *p)
{
	struct s3_request q = { .method = "GET", .key = k->key, .take = take_bytes };
	uint8_t got[MD5_BYTES];
	struct http_reply r;
	char range[64];
	struct md5 md5;
	uint64_t len;
	int err;

	if (!p->len)
		return 0;
	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, p->off, p->off + p->len - 1);
	q.range = range;
	q.ctx = &md5;
	http_reply_init(&r);
	for (unsigned int number = 1;; number++) {
		md5_init(&md5);
		err = s3_do(k->t, &q, &r);
		if (!http_is_passing(err, &r) || !http_wait(k->t, number, S3_TRIES))
			break;
	}
	if (!err && !http_good(&r))
		err = s3_refused(k->t, k->key, &r);
	http_reply_deinit(&r);
	if (err)
		return err;
	len = md5.len;
	md5_final(&md5, got);
	if (len != p->len || memcmp(got, p->md5, sizeof(got)))
		return fail(-EBADMSG,
			    "%s: what arrived is not what was sent, in the %" PRIu64 " bytes from %" PRIu64 " on",
			    k->key, p->len, p->off);
	return 0;
}

/* The tables, which are parts of the front, and of the others as many as fit, spread over all. */
static int compare_parts(struct s3_sink *k)
{
	uint64_t budget = READ_BACK_BYTES / S3_PART_BYTES, others = k->nr_parts - k->nr_front;
	uint64_t step = others > budget ? (others + budget - 1) / budget : 1;
	int err = 0;

	for (size_t i = 0; !err && i < k->nr_parts; i++)
		if (i < k->nr_front || (i - k->nr_front) % step == 0 || i + 1 == k->nr_parts)
			err = compare_part(k, &k->parts[i]);
	return err;
}

/* The ETag of an object of parts: the MD5 of the MD5s of its parts, and their number. */
static void make_etag(const struct s3_sink *k, char etag[64])
{
	uint8_t digest[MD5_BYTES];
	struct md5 md5;

	if (k->whole) {
		text_hex(k->parts[0].md5, MD5_BYTES, etag);
		return;
	}
	md5_init(&md5);
	for (size_t i = 0; i < k->nr_parts; i++)
		md5_update(&md5, k->parts[i].md5, MD5_BYTES);
	md5_final(&md5, digest);
	text_hex(digest, sizeof(digest), etag);
	snprintf(etag + 2 * MD5_BYTES, 64 - 2 * MD5_BYTES, "-%zu", k->nr_parts);
}

int s3_verify(struct transport *t, const struct sink *sink)
{
	struct s3_sink *k = sink->remote;
	struct http_reply r;
	char etag[64];
	int err, differs;

	(void)t;
	http_reply_init(&r);
	err = s3_look(k, &r);
	if (!err) {
		make_etag(k, etag);
		differs = s3_compare_etag(&r, etag);
		/* Some stores make their ETags in other ways: only reading decides. */
		err = differs ? compare_parts(k) : 0;
	}
	http_reply_deinit(&r);
	return err;
}
#endif
