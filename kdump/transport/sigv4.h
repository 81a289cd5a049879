/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AWS signature version 4, as "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference
 * describes it. Pure: nothing is read, nothing is sent.
 */
#ifndef KDUMP_TRANSPORT_SIGV4_H
#define KDUMP_TRANSPORT_SIGV4_H

#include "lib/blob.h"
#include "lib/sha256.h"

#include <stddef.h>
#include <time.h>

struct sigv4_keys {
	const char *access_key, *secret_key;
	const char *region, *service;
};

struct sigv4_field {
	const char *name, *value; /* NAME in small letters */
};

struct sigv4_request {
	const char *method;
	const char *path;  /* encoded as it is sent */
	const char *query; /* "NAME=VALUE&...", encoded and sorted by name, "=" also behind a bare name; or "" */
	const struct sigv4_field *field; /* of the header, "host" and "x-amz-date" among them, sorted by name */
	size_t nr_fields;
	const char *payload_digest; /* in hexadecimal */
};

#define SIGV4_TIME_BYTES 17 /* 20150830T123600Z */
#define SIGV4_HEX_BYTES (2 * SHA256_BYTES + 1)

/* NOW as "x-amz-date" has it. */
void sigv4_time(time_t now, char text[SIGV4_TIME_BYTES]);
/* RFC 2104. */
void hmac_sha256(const void *key, size_t key_len, const void *text, size_t len, uint8_t mac[SHA256_BYTES]);

/* The value of the field "authorization", for TIME as sigv4_time() gave it. AUTHORIZATION is from malloc. -ENOMEM,
 * recorded. */
int sigv4_sign(const struct sigv4_keys *keys, const struct sigv4_request *request, const char *time,
	       char **authorization);

/* Append TEXT with everything but letters, digits, "-._~" and what is in KEEP as %XX. -ENOMEM, recorded. */
int sigv4_encode(struct blob *out, const char *text, const char *keep);

#endif
