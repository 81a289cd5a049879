// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dump as an object of many parts ("multipart upload"). An object cannot be changed, but its parts may come in any
 * order: so the dump's tables, which change until the last page is written, are held in memory and sent last, as the
 * first parts; the pages behind them go as soon as they fill a part. Nothing is to be seen of an upload that is not
 * completed: what is saved when time runs out is completed like a whole one, and the dump's own header says that it is
 * not.
 */
#include "kdump/transport/s3.h"

#ifdef HAVE_CURL
#include "kdump/transport/sigv4.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of free memory, the tables get one part in so many; and never more than that. */
#define FRONT_PART 4
#define FRONT_MAX (256ull << 20)
/* CopyObject copies no more at once (Amazon S3 API reference). */
#define COPY_MAX (5ull << 30)
/* Times that a part which arrived damaged is sent again. */
#define DAMAGED_MAX 3

/* ---- the upload ---- */

static int begin_upload(struct s3_sink *k)
{
	struct s3_request q = {
		.method = "POST", .key = k->key, .query = "uploads=", .body = "", .tries = S3_TRIES_PART
	};
	struct http_reply r;
	int err;

	if (k->upload_id)
		return 0;
	http_reply_init(&r);
	err = s3_demand(k->t, &q, &r);
	if (!err) {
		k->upload_id = s3_element((const char *)r.body.data, r.body.len, "UploadId");
		if (!k->upload_id || !*k->upload_id)
			err = fail(-EPROTO, "%s: the server began an upload and gave it no name", k->key);
	}
	http_reply_deinit(&r);
	return err;
}

/* "NAME=VALUE&uploadId=...", or without the first. */
static int make_query(const struct s3_sink *k, unsigned int number, char **query)
{
	struct blob b;
	char text[40] = "";
	int err;

	blob_init(&b);
	if (number)
		snprintf(text, sizeof(text), "partNumber=%u&", number);
	err = blob_append(&b, text, strlen(text));
	if (!err)
		err = blob_append(&b, "uploadId=", 9);
	if (!err)
		err = sigv4_encode(&b, k->upload_id, "");
	if (!err && !(*query = strdup((const char *)b.data)))
		err = fail(-ENOMEM, "out of memory");
	blob_deinit(&b);
	return err;
}

static int keep_etag(struct s3_part *p, const struct http_reply *r, const char *key)
{
	struct text value;

	if (!http_field(r, "ETag", &value) || !value.len)
		return fail(-EPROTO, "%s: the server took a part and gave no ETag for it", key);
	free(p->etag);
	p->etag = strndup(value.at, value.len);
	return p->etag ? 0 : fail(-ENOMEM, "out of memory");
}

/* BYTES as the object that Q names, or a part of it; P gets what came of it. */
static int send_bytes(struct s3_sink *k, struct s3_request *q, struct s3_part *p)
{
	char etag[2 * MD5_BYTES + 1];
	struct http_reply r;
	int err = 0, differs = -EBADMSG;

	md5_of(q->body, q->len, p->md5);
	text_hex(p->md5, MD5_BYTES, etag);
	p->len = q->len;
	http_reply_init(&r);
	for (unsigned int number = 1; !err && differs < 0 && number <= DAMAGED_MAX; number++) {
		err = s3_demand(k->t, q, &r);
		differs = err ? 0 : s3_compare_etag(&r, etag);
	}
	if (!err && differs < 0)
		err = fail(-EBADMSG, "%s: what arrives is not what was sent, %d times", k->key, DAMAGED_MAX);
	if (!err && !k->whole)
		err = keep_etag(p, &r, k->key);
	http_reply_deinit(&r);
	return err;
}

static int send_part(struct s3_sink *k, unsigned int number, const void *bytes, uint64_t len)
{
	struct s3_request q = { .method = "PUT", .key = k->key, .body = bytes, .len = len, .tries = S3_TRIES_PART };
	char *query;
	int err = begin_upload(k);

	if (!err)
		err = make_query(k, number, &query);
	if (err)
		return err;
	q.query = query;
	err = send_bytes(k, &q, &k->parts[number - 1]);
	free(query);
	return err;
}

/* A place for part NR_PARTS + 1, and a buffer of its size, or as large as there is memory for. */
static int next_part(struct s3_sink *k, uint64_t off)
{
	uint64_t bytes = s3_part_bytes(k->nr_parts + 1);
	struct s3_part *parts;

	if (k->nr_parts == S3_PARTS_MAX)
		return fail(-ENOSPC, "%s: an object has no more than %u parts", k->key, S3_PARTS_MAX);
	parts = realloc(k->parts, (k->nr_parts + 1) * sizeof(*parts));
	if (!parts)
		return fail(-ENOMEM, "out of memory for the list of parts");
	k->parts = parts;
	parts[k->nr_parts] = (struct s3_part){ .off = off };
	if (bytes > k->part_cap) {
		uint8_t *larger = realloc(k->part, bytes);

		if (!larger && !k->part)
			return fail(-ENOMEM, "out of memory for a part of %" PRIu64 " bytes", bytes);
		if (larger) {
			k->part = larger;
			k->part_cap = bytes;
		}
	}
	k->nr_parts++;
	k->part_off = off;
	k->part_len = 0;
	return 0;
}

/* ---- writing ---- */

static uint64_t front_limit(void)
{
	long pages = sysconf(_SC_AVPHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
	uint64_t limit = pages > 0 && bytes > 0 ? (uint64_t)pages * bytes / FRONT_PART : 0;

	if (limit > FRONT_MAX)
		limit = FRONT_MAX;
	return limit < S3_PART_BYTES ? S3_PART_BYTES : limit / S3_PART_BYTES * S3_PART_BYTES;
}

/* Room for LEN bytes in front, zeros where nothing was written. */
static int grow_front(struct s3_sink *k, uint64_t len)
{
	uint64_t cap = k->front_cap ? k->front_cap : S3_PART_BYTES;
	uint8_t *front;

	if (len <= k->front_cap)
		return 0;
	if (len > k->front_max)
		return fail(-EFBIG, "%s: the tables of this dump are more than the %" PRIu64 " bytes that can be kept",
			    k->key, k->front_max);
	while (cap < len)
		cap *= 2;
	if (cap > k->front_max)
		cap = k->front_max;
	front = realloc(k->front, cap);
	if (!front)
		return fail(-EFBIG, "%s: out of memory for the tables of this dump", k->key);
	memset(front + k->front_cap, 0, cap - k->front_cap);
	k->front = front;
	k->front_cap = cap;
	return 0;
}

/* From here on the front is a whole number of parts; what is written behind it comes in order. */
static int settle(struct s3_sink *k)
{
	uint64_t cap = (k->front_len + S3_PART_BYTES - 1) / S3_PART_BYTES * S3_PART_BYTES;
	int err;

	if (k->settled)
		return 0;
	err = grow_front(k, cap);
	if (err)
		return err;
	k->nr_front = k->nr_parts = cap / S3_PART_BYTES;
	if (k->nr_parts) {
		k->parts = calloc(k->nr_parts, sizeof(*k->parts));
		if (!k->parts)
			return fail(-ENOMEM, "out of memory for the list of parts");
	}
	k->front_cap = cap;
	k->part_off = cap;
	k->settled = true;
	return 0;
}

static int flush_part(struct s3_sink *k)
{
	uint64_t off = k->part_off + k->part_len;
	int err = send_part(k, k->nr_parts, k->part, k->part_len);

	if (err)
		return err;
	k->part_off = off;
	k->part_len = 0;
	return 0;
}

/* Behind the front: parts are sent when there is more than one's worth. */
static int append(struct s3_sink *k, uint64_t off, const uint8_t *at, size_t len, uint64_t *done)
{
	int err = 0;

	if (off != k->part_off + k->part_len)
		return fail(-EINVAL, "%s: an object cannot be written at %" PRIu64 " after %" PRIu64, k->key, off,
			    k->part_off + k->part_len);
	while (!err && len) {
		size_t n;

		if (k->part_len && k->part_len == k->part_cap)
			err = flush_part(k);
		if (!err && !k->part_len)
			err = next_part(k, k->part_off);
		if (err)
			break;
		n = k->part_cap - k->part_len < len ? k->part_cap - k->part_len : len;
		memcpy(k->part + k->part_len, at, n);
		k->part_len += n;
		at += n;
		len -= n;
		*done += n;
	}
	return err;
}

static int s3_write(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	struct s3_sink *k = s->remote;
	const uint8_t *at = buf;
	uint64_t n = 0;
	int err = k->settled ? 0 : grow_front(k, off + len);

	if (err)
		return err;
	if (off < k->front_cap) {
		n = k->front_cap - off < len ? k->front_cap - off : len;
		memcpy(k->front + off, at, n);
		if (k->front_len < off + n)
			k->front_len = off + n;
	}
	if (n < len) {
		uint64_t done = 0;

		err = append(k, off + n, at + n, len - n, &done);
		n += done;
	}
	s->partial = err ? n : 0;
	return err;
}

static int s3_read(struct sink *s, uint64_t off, void *buf, size_t len)
{
	struct s3_sink *k = s->remote;
	uint64_t n;

	if (off > s->size || len > s->size - off)
		return fail(-EIO, "%s: there is nothing to be read at %" PRIu64, k->key, off);
	n = off < k->front_cap ? k->front_cap - off : 0;
	n = n < len ? n : len;
	if (n)
		memcpy(buf, k->front + off, n);
	if (n < len)
		return fail(-EIO, "%s: pages cannot be read back before the object is complete", k->key);
	return 0;
}

static int s3_allocate(struct sink *s, uint64_t off, uint64_t len)
{
	struct s3_sink *k = s->remote;
	int err = k->settled ? -EINVAL : grow_front(k, off + len);

	if (err)
		return err == -EINVAL ? fail(err, "%s: nothing can be allocated behind the tables", k->key) : err;
	if (k->front_len < off + len)
		k->front_len = off + len;
	return 0;
}

static int s3_sync(struct sink *s)
{
	return settle(s->remote);
}

/* ---- finishing ---- */

static int send_front(struct s3_sink *k)
{
	int err = 0;

	for (size_t i = 0; !err && i < k->nr_front; i++) {
		k->parts[i].off = i * S3_PART_BYTES;
		err = send_part(k, i + 1, k->front + i * S3_PART_BYTES, S3_PART_BYTES);
	}
	return err;
}

static int make_list(const struct s3_sink *k, struct blob *list)
{
	static const char head[] = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
			  tail[] = "</CompleteMultipartUpload>";
	int err = blob_append(list, head, strlen(head));

	for (size_t i = 0; !err && i < k->nr_parts; i++) {
		char *text;
		int len = asprintf(&text, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>", i + 1,
				   k->parts[i].etag);

		if (len < 0)
			return fail(-ENOMEM, "out of memory");
		err = blob_append(list, text, len);
		free(text);
	}
	return err ? err : blob_append(list, tail, strlen(tail));
}

int s3_look(struct s3_sink *k, struct http_reply *r)
{
	struct s3_request q = { .method = "HEAD", .key = k->key, .tries = S3_TRIES };
	int err = s3_demand(k->t, &q, r);

	if (err)
		return err;
	if (http_length(r) != k->size)
		return fail(-EBADMSG, "%s: %" PRIu64 " bytes arrived of %" PRIu64, k->key, http_length(r), k->size);
	return 0;
}

static bool is_there(struct s3_sink *k)
{
	char *why = strdup(err_text());
	struct http_reply r;
	bool there;

	http_reply_init(&r);
	there = !s3_look(k, &r);
	http_reply_deinit(&r);
	if (!there && why)
		fail(-EIO, "%s", why);
	free(why);
	return there;
}

/*
 * The answer may begin with 200 and hold an error all the same ("CompleteMultipartUpload"). And an answer that got lost
 * makes the second attempt fail, because the upload is gone: what is there then, HEAD tells.
 */
static int complete_upload(struct s3_sink *k)
{
	struct s3_request q = { .method = "POST", .key = k->key, .patience = S3_PATIENCE };
	struct blob list;
	struct http_reply r;
	char *query = NULL;
	int err;

	blob_init(&list);
	http_reply_init(&r);
	err = make_list(k, &list);
	if (!err)
		err = make_query(k, 0, &query);
	q.query = query;
	q.body = list.data;
	q.len = list.len;
	for (unsigned int number = 1; !err; number++) {
		char *code = NULL;
		bool again;

		err = s3_do(k->t, &q, &r);
		if (!err)
			code = s3_element((const char *)r.body.data, r.body.len, "Code");
		again = http_is_passing(err, &r) || (code && !strcmp(code, "InternalError"));
		if (!err && !code && http_good(&r))
			break;
		free(code);
		if (!err)
			err = s3_refused(k->t, k->key, &r);
		/* Whose answer was lost: the next attempt is told that there is no such upload, or less. */
		if (number > 1 && is_there(k)) {
			err = 0;
			break;
		}
		if (again && http_wait(k->t, number, S3_TRIES_PART))
			err = 0;
	}
	free(query);
	http_reply_deinit(&r);
	blob_deinit(&list);
	return err;
}

/* Less than there would be two parts of: an object like any other. */
static int send_whole(struct s3_sink *k)
{
	struct s3_request q = { .method = "PUT", .key = k->key, .tries = S3_TRIES_PART };

	k->whole = true;
	q.body = k->nr_front ? k->front : k->part;
	q.len = k->nr_front ? k->front_len : k->part_len;
	if (!q.body)
		q.body = "";
	k->size = q.len;
	if (!k->nr_parts) {
		k->parts = calloc(1, sizeof(*k->parts));
		if (!k->parts)
			return fail(-ENOMEM, "out of memory");
		k->nr_parts = 1;
	}
	return send_bytes(k, &q, &k->parts[0]);
}

static int send_rest(struct s3_sink *k)
{
	int err = 0;

	k->size = k->part_off + k->part_len;
	if (!k->upload_id && (!k->part_len || k->nr_parts == 1))
		return send_whole(k);
	if (k->part_len)
		err = flush_part(k);
	if (!err)
		err = send_front(k);
	return err ? err : complete_upload(k);
}

/* Objects have no other name than theirs: a copy gets it, made where the object is, and the first one goes. */
static void rename_incomplete(struct sink *s)
{
	struct s3_sink *k = s->remote;
	struct s3 *store = k->t->state;
	struct s3_request q = { .method = "PUT", .body = "", .tries = S3_TRIES, .patience = S3_PATIENCE };
	char *key, *source = NULL, *path = NULL, *code = NULL;
	struct http_reply r;
	bool copied;

	if (k->size > COPY_MAX || asprintf(&key, "%s-incomplete", k->key) < 0)
		return;
	http_reply_init(&r);
	q.key = key;
	if (asprintf(&source, "/%s/%s", store->bucket, k->key) < 0)
		source = NULL;
	if (asprintf(&path, "%s-incomplete", s->path) < 0)
		path = NULL;
	q.copy_source = source;
	copied = source && path && !s3_demand(k->t, &q, &r);
	/* As with completing, 200 is no promise. */
	code = s3_element((const char *)r.body.data, r.body.len, "Code");
	if (copied && !code) {
		struct s3_request old = { .method = "DELETE", .key = k->key, .tries = S3_TRIES };

		if (s3_demand(k->t, &old, &r))
			warn("%s: is there twice: %s", s->path, err_text());
		free(s->path);
		s->path = path;
		free(k->key);
		k->key = key;
		path = key = NULL;
	} else {
		debug("%s: keeps its name: %s", s->path, err_text());
	}
	err_clear();
	http_reply_deinit(&r);
	free(code);
	free(source);
	free(path);
	free(key);
}

/* Called when something went wrong, which is what has to be told. */
static void abort_upload(struct s3_sink *k)
{
	struct s3_request q = { .method = "DELETE", .key = k->key, .tries = S3_TRIES_OPEN };
	struct http_reply r;
	char *query, *why;

	if (!k->upload_id || make_query(k, 0, &query))
		return;
	why = strdup(err_text());
	q.query = query;
	http_reply_init(&r);
	if (s3_demand(k->t, &q, &r))
		warn("an upload stays unfinished: %s; a lifecycle rule of the bucket can remove such", err_text());
	http_reply_deinit(&r);
	free(query);
	free(k->upload_id);
	k->upload_id = NULL;
	err_clear();
	if (why && *why)
		fail(-EIO, "%s", why);
	free(why);
}

static int s3_finish(struct sink *s, bool complete)
{
	struct s3_sink *k = s->remote;
	int err = settle(k);

	/* A part that could not be sent is tried once more by this: without it there is no object. */
	if (!err)
		err = send_rest(k);
	if (err)
		return err;
	free(k->upload_id);
	k->upload_id = NULL;
	if (!complete && !s->same_name)
		rename_incomplete(s);
	return 0;
}

static void s3_discard(struct sink *s)
{
	abort_upload(s->remote);
}

static void s3_deinit(struct sink *s)
{
	struct s3_sink *k = s->remote;

	if (!s->finished)
		abort_upload(k);
	for (size_t i = 0; i < k->nr_parts; i++)
		free(k->parts[i].etag);
	free(k->parts);
	free(k->front);
	free(k->part);
	free(k->upload_id);
	free(k->key);
	free(k);
}

static const struct sink_ops in_place = {
	.seekable = true,
	.write = s3_write,
	.read = s3_read,
	.allocate = s3_allocate,
	.sync = s3_sync,
	.finish = s3_finish,
	.discard = s3_discard,
	.deinit = s3_deinit,
};

static const struct sink_ops in_order = {
	.write = s3_write,
	.finish = s3_finish,
	.discard = s3_discard,
	.deinit = s3_deinit,
};

int s3_sink_open(struct transport *t, const char *name, enum sink_form form, bool force, struct sink *sink)
{
	struct s3_sink *k;
	char *path;
	int err = force ? 0 : t->ops->is_free(t, name);

	if (err)
		return err;
	k = calloc(1, sizeof(*k));
	if (!k)
		return fail(-ENOMEM, "out of memory");
	k->t = t;
	k->front_max = front_limit();
	k->settled = form != SINK_PLAIN;
	err = s3_key(t->state, name, &k->key);
	if (!err && asprintf(&path, "%s/%s", t->url, name) < 0)
		err = fail(-ENOMEM, "out of memory");
	if (err) {
		free(k->key);
		free(k);
		return err;
	}
	err = sink_attach(sink, form == SINK_PLAIN ? &in_place : &in_order, k, path, form);
	free(path);
	return err;
}
#endif
