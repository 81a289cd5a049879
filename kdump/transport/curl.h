/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP by libcurl for the transports https and s3: certificates always verified, every wait bounded, every failure one
 * sentence. Without libcurl nothing here is compiled, and the transports say that they are not built in.
 */
#ifndef KDUMP_TRANSPORT_CURL_H
#define KDUMP_TRANSPORT_CURL_H

#include "config.h"

#ifdef HAVE_CURL
#include "kdump/transport/transport.h"
#include "lib/blob.h"
#include "lib/text.h"

#include <curl/curl.h>

/* Of what a server answers no more is kept. */
#define HTTP_BODY_MAX (1u << 20)

struct http {
	CURL *easy;
	const struct transport *transport;
	char error[CURL_ERROR_SIZE];
};

struct http_request {
	const char *method, *url;
	struct curl_slist *fields; /* of the header */
	const char *user;          /* "USER:PASSWORD"; NULL: none */
	const char *bearer;        /* a token; NULL: none */
	const void *body;          /* NULL: none */
	size_t len;
	bool follow;           /* redirects, to https only */
	unsigned int patience; /* the answer may take so many times the usual; 0: once */
	/* Where the body of a good answer goes; NULL: to the reply. An error of it (recorded) stops the request. */
	int (*take)(void *ctx, const void *bytes, size_t len);
	void *ctx;
};

struct http_reply {
	long status;
	struct blob head, body; /* the last answer's fields, a line each; its body */
	CURLcode code;          /* why there is none */
};

/* -ENOMEM, -EIO; recorded. */
int http_init(struct http *h, const struct transport *t);
void http_deinit(struct http *h);

void http_reply_init(struct http_reply *r);
void http_reply_deinit(struct http_reply *r);

/*
 * One request. 0: there is an answer, whatever its status. -EHOSTUNREACH, -ECONNREFUSED, -ETIMEDOUT, -EKEYREJECTED (its
 * certificate), -EPROTO, -ECONNRESET...: recorded, with the server's name.
 */
int http_do(struct http *h, const struct http_request *q, struct http_reply *r);
/* What http_do() sets up, for requests that are not done at once. */
int http_prepare(struct http *h, const struct http_request *q, struct http_reply *r);
/* What CODE means; recorded. */
int http_error(struct http *h, const char *url, CURLcode code);

/* May the same work a little later, after http_do() gave ERR or this answer? */
bool http_is_passing(int err, const struct http_reply *r);
/*
 * Wait before attempt NUMBER (1, 2...) after the first: a quarter of a second, doubled each time up to 16 seconds.
 * False: that were NUMBER > MAX, or the deadline would pass.
 */
bool http_wait(const struct transport *t, unsigned int number, unsigned int max);
/* http_do() as long as what goes wrong may pass, MAX times more. */
int http_try(struct http *h, const struct http_request *q, struct http_reply *r, unsigned int max);

bool http_good(const struct http_reply *r);
/* The value of the last answer's field NAME; false: it has none. */
bool http_field(const struct http_reply *r, const char *name, struct text *value);
/* "Content-Length", or UINT64_MAX. */
uint64_t http_length(const struct http_reply *r);
/* For an answer that is not good: "WHAT: the server answers 403 Forbidden: WORDS", and the errno for it. WORDS NULL:
 * its own. */
int http_refused(const struct http_reply *r, const char *what, const char *words);
/* Append "NAME: VALUE". -ENOMEM, recorded. */
int http_add_field(struct curl_slist **fields, const char *name, const char *value);

/* Not the URL's own matter: is its scheme allowed, and are there no passwords in it? -EINVAL, recorded. */
int http_url_check(const struct transport *t, const char *url);
/* All of a file that only its owner may read, without its last line break; heap. OPTION is the configuration's. */
int http_secret(const char *option, const char *path, struct blob *text);

/* ---- bodies whose length is not known: chunked ---- */

struct http_upload;

/* Q has no body. H is busy with it until http_upload_finish(). */
int http_upload_begin(struct http_upload **u, struct http *h, const struct http_request *q);
/* Send all of it. An error is final; an answer before all was sent is one. */
int http_upload_send(struct http_upload *u, const void *bytes, size_t len);
/* That was all: wait for the answer. Anything but a good one is an error. Frees U. */
int http_upload_finish(struct http_upload *u);
/* Break the connection off. NULL is accepted. */
void http_upload_cancel(struct http_upload *u);
#endif

#endif
