// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/sigv4.h"

#include "lib/err.h"
#include "lib/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

void sigv4_time(time_t now, char text[SIGV4_TIME_BYTES])
{
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, SIGV4_TIME_BYTES, "%Y%m%dT%H%M%SZ", &tm))
		memcpy(text, "19700101T000000Z", SIGV4_TIME_BYTES);
}

void hmac_sha256(const void *key, size_t key_len, const void *text, size_t len, uint8_t mac[SHA256_BYTES])
{
	uint8_t block[64] = { 0 }, inner[64], outer[64];
	struct sha256 s;

	if (key_len > sizeof(block))
		sha256_of(key, key_len, block);
	else
		memcpy(block, key, key_len);
	for (size_t i = 0; i < sizeof(block); i++) {
		inner[i] = block[i] ^ 0x36;
		outer[i] = block[i] ^ 0x5c;
	}
	sha256_init(&s);
	sha256_update(&s, inner, sizeof(inner));
	sha256_update(&s, text, len);
	sha256_final(&s, mac);
	sha256_init(&s);
	sha256_update(&s, outer, sizeof(outer));
	sha256_update(&s, mac, SHA256_BYTES);
	sha256_final(&s, mac);
}

static int add(struct blob *b, const char *text)
{
	return blob_append(b, text, strlen(text));
}

int sigv4_encode(struct blob *out, const char *text, const char *keep)
{
	int err = 0;

	for (const unsigned char *at = (const unsigned char *)text; !err && *at; at++) {
		char hex[4];

		if ((isascii(*at) && isalnum(*at)) || strchr("-._~", *at) || strchr(keep, *at)) {
			err = blob_append(out, at, 1);
		} else {
			sprintf(hex, "%%%02X", *at);
			err = blob_append(out, hex, 3);
		}
	}
	return err;
}

/* Blanks at both ends go, rows of them inside become one. */
static int add_value(struct blob *b, const char *value)
{
	bool begun = false, blank = false;
	int err = 0;

	for (; !err && *value; value++) {
		if (*value == ' ' || *value == '\t') {
			blank = begun;
			continue;
		}
		if (blank)
			err = blob_append(b, " ", 1);
		if (!err)
			err = blob_append(b, value, 1);
		begun = true;
		blank = false;
	}
	return err;
}

static int add_names(struct blob *b, const struct sigv4_request *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < r->nr_fields; i++) {
		err = i ? add(b, ";") : 0;
		if (!err)
			err = add(b, r->field[i].name);
	}
	return err;
}

/* "Task 1": the request in a form that both sides agree on. */
static int add_request(struct blob *b, const struct sigv4_request *r)
{
	const char *head[] = { r->method, "\n", r->path, "\n", r->query, "\n" };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(head) / sizeof(*head); i++)
		err = add(b, head[i]);
	for (size_t i = 0; !err && i < r->nr_fields; i++) {
		err = add(b, r->field[i].name);
		if (!err)
			err = add(b, ":");
		if (!err)
			err = add_value(b, r->field[i].value);
		if (!err)
			err = add(b, "\n");
	}
	if (!err)
		err = add(b, "\n");
	if (!err)
		err = add_names(b, r);
	if (!err)
		err = add(b, "\n");
	return err ? err : add(b, r->payload_digest);
}

/* "Task 2": what is signed. "Task 3": with what. */
static int sign_text(const struct sigv4_keys *k, const char *time, const char *scope, const struct blob *request,
		     char signature[SIGV4_HEX_BYTES])
{
	uint8_t digest[SHA256_BYTES], key[SHA256_BYTES];
	const char *const steps[] = { k->region, k->service, "aws4_request" };
	char hex[SIGV4_HEX_BYTES], *text, *first;

	sha256_of(request->data, request->len, digest);
	text_hex(digest, sizeof(digest), hex);
	if (asprintf(&text, ALGORITHM "\n%s\n%s\n%s", time, scope, hex) < 0)
		return fail(-ENOMEM, "out of memory");
	if (asprintf(&first, "AWS4%s", k->secret_key) < 0) {
		free(text);
		return fail(-ENOMEM, "out of memory");
	}
	hmac_sha256(first, strlen(first), time, 8, key);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		hmac_sha256(key, sizeof(key), steps[i], strlen(steps[i]), key);
	hmac_sha256(key, sizeof(key), text, strlen(text), digest);
	text_hex(digest, sizeof(digest), signature);
	explicit_bzero(first, strlen(first));
	explicit_bzero(key, sizeof(key));
	free(first);
	free(text);
	return 0;
}

int sigv4_sign(const struct sigv4_keys *k, const struct sigv4_request *r, const char *time, char **authorization)
{
	char signature[SIGV4_HEX_BYTES], *scope = NULL, *made;
	struct blob request, names;
	int err;

	blob_init(&request);
	blob_init(&names);
	err = add_request(&request, r);
	if (!err)
		err = add_names(&names, r);
	if (!err && asprintf(&scope, "%.8s/%s/%s/aws4_request", time, k->region, k->service) < 0)
		err = fail(-ENOMEM, "out of memory");
	if (!err)
		err = sign_text(k, time, scope, &request, signature);
	if (!err && asprintf(&made, ALGORITHM " Credential=%s/%s,SignedHeaders=%s,Signature=%s", k->access_key, scope,
			     (const char *)names.data, signature) < 0)
		err = fail(-ENOMEM, "out of memory");
	if (!err)
		*authorization = made;
	free(scope);
	blob_deinit(&request);
	blob_deinit(&names);
	return err;
}
