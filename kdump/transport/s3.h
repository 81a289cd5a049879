/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An object store: requests (s3.c) and the dump that is made of parts (s3_sink.c). */
#ifndef KDUMP_TRANSPORT_S3_H
#define KDUMP_TRANSPORT_S3_H

#include "kdump/transport/curl.h"

#ifdef HAVE_CURL
#include "kdump/transport/md5.h"
#include "kdump/transport/s3_text.h"

/* Attempts after the first: quick ones where nothing is lost yet, half a minute of them and more for parts. */
#define S3_TRIES_OPEN 3
#define S3_TRIES 5
#define S3_TRIES_PART 8
/* Completing and copying are work for the store: answers may take so many times the usual. */
#define S3_PATIENCE 10

struct s3 {
	struct http http;
	struct s3_credentials credentials;
	char *bucket, *prefix;
	char *root; /* "https://HOST[:PORT]" */
	char *host; /* "HOST[:PORT]" */
	char *path; /* in front of "/KEY", encoded: "", "/BUCKET" or "/BASE/BUCKET" */
	const char *region;
	int64_t clock_s; /* what the store's clock is ahead of ours */
};

struct s3_request {
	const char *method;
	const char *key;         /* encoded, without a slash in front */
	const char *query;       /* encoded and sorted, or NULL */
	const char *range;       /* "bytes=0-9", or NULL */
	const char *copy_source; /* encoded, or NULL */
	const void *body;
	size_t len;
	unsigned int patience, tries;
	int (*take)(void *ctx, const void *bytes, size_t len);
	void *ctx;
};

/* The key of NAME below the prefix, encoded; heap. -ENOMEM, recorded. */
int s3_key(const struct s3 *s, const char *name, char **key);
/* As http_try(), signed. */
int s3_do(struct transport *t, const struct s3_request *q, struct http_reply *r);
/* An answer that is not good: with the code and the message of the store. */
int s3_refused(struct transport *t, const char *key, const struct http_reply *r);
/* s3_do(), and anything but a good answer is an error. */
int s3_demand(struct transport *t, const struct s3_request *q, struct http_reply *r);
/* Does the answer name an ETag, and is it this one? 1: it names none that can be compared. */
int s3_compare_etag(const struct http_reply *r, const char *etag);

struct s3_part {
	char *etag; /* as the store gave it; heap. NULL: not sent yet */
	uint8_t md5[MD5_BYTES];
	uint64_t off, len;
};

struct s3_sink {
	struct transport *t;
	char *key, *upload_id;     /* the latter NULL: none has begun */
	struct s3_part *parts;     /* [0] is number 1 */
	size_t nr_parts, nr_front; /* the first of them are FRONT's */
	uint8_t *front;            /* bytes 0...FRONT_LEN - 1 of the dump */
	uint64_t front_len, front_cap, front_max;
	bool settled;  /* how long the front gets is known: FRONT_CAP */
	uint8_t *part; /* what is being filled: PART_LEN bytes from PART_OFF on */
	uint64_t part_off, part_len, part_cap;
	bool whole;    /* it was sent as one object, not in parts */
	uint64_t size; /* of what was sent at last */
};

/* What HEAD says. 0: an object of K's size is there. -EBADMSG, recorded. */
int s3_look(struct s3_sink *k, struct http_reply *r);
int s3_sink_open(struct transport *t, const char *name, enum sink_form form, bool force, struct sink *sink);
int s3_verify(struct transport *t, const struct sink *sink);
#endif

#endif
