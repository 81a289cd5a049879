// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A body that is made while it is sent: libcurl asks for bytes, and is told to wait when there are none yet. Whether
 * the server takes them is watched here, because the time in which there are none is not its fault.
 */
#include "kdump/transport/curl.h"

#ifdef HAVE_CURL
#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long one look for news may take. */
#define POLL_MS 1000
/*
 * Servers say that they want the body (100) and in the next moment that somebody else is to have it. So much is kept,
 * to be sent again, and before more is sent they get this time to say so.
 */
#define KEEP_MAX (1u << 20)
#define SETTLE_MS 1000
#define SETTLE_POLL_MS 50
/*
 * How long a server may think about the head of the request before the body is sent (RFC 9110, 10.1.1). Where it sends
 * us elsewhere later than that, the dump has to begin again; and one that never says anything costs this time once.
 */
#define EXPECT_MS 10000

struct http_upload {
	struct http *h;
	CURLM *multi;
	char *url;
	const uint8_t *at; /* LEN bytes that are to be sent */
	size_t len;
	struct blob kept;  /* the first bytes of the body, up to KEEP_MAX */
	size_t again;      /* of them, how many are sent, when they are sent again */
	uint64_t given;    /* bytes of the body so far, those that were sent again counted once */
	uint64_t settle_ms; /* when KEEP_MAX bytes had been given; 0: not yet */
	bool paused; /* libcurl waits for bytes */
	bool settled; /* nobody else was to have it */
	bool closed; /* there are no more */
	bool done;
	struct http_reply reply;
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What is kept must be all from the beginning. */
static void keep(struct http_upload *u, const void *bytes, size_t len)
{
	if (u->given == u->kept.len && len <= KEEP_MAX - u->kept.len && blob_append(&u->kept, bytes, len))
		err_clear();
	u->again = u->kept.len;
	u->given += len;
}

/* How much of LEN bytes may be given now. */
static size_t settle(struct http_upload *u, size_t len)
{
	uint64_t now = clock_now_ms();

	if (u->settled || u->given < KEEP_MAX)
		return u->settled ? len : least(len, KEEP_MAX - u->given);
	if (!u->settle_ms)
		u->settle_ms = now;
	u->settled = now - u->settle_ms >= SETTLE_MS;
	return u->settled ? len : 0;
}

static size_t give(char *bytes, size_t size, size_t nr, void *ctx)
{
	struct http_upload *u = ctx;
	size_t len = least(size * nr, u->len);

	if (u->again < u->kept.len) {
		len = least(size * nr, u->kept.len - u->again);
		memcpy(bytes, u->kept.data + u->again, len);
		u->again += len;
		return len;
	}
	if (!u->len && u->closed)
		return 0;
	len = settle(u, len);
	if (!len) {
		u->paused = true;
		return CURL_READFUNC_PAUSE;
	}
	memcpy(bytes, u->at, len);
	keep(u, bytes, len);
	u->at += len;
	u->len -= len;
	return len;
}

static size_t take(char *bytes, size_t size, size_t nr, void *ctx)
{
	struct http_upload *u = ctx;
	size_t len = size * nr;

	if (len > HTTP_BODY_MAX - u->reply.body.len)
		return len;
	return blob_append(&u->reply.body, bytes, len) ? 0 : len;
}

/* After more than is kept what was sent is gone. */
static int rewind_kept(void *ctx, curl_off_t off, int origin)
{
	struct http_upload *u = ctx;

	if (off || origin != SEEK_SET || u->given != u->kept.len)
		return CURL_SEEKFUNC_FAIL;
	u->again = 0;
	return CURL_SEEKFUNC_OK;
}

static void look_for_answer(struct http_upload *u)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(u->multi, &left)))
		if (m->msg == CURLMSG_DONE) {
			u->done = true;
			u->reply.code = m->data.result;
			curl_easy_getinfo(u->h->easy, CURLINFO_RESPONSE_CODE, &u->reply.status);
		}
}

static void go_on(struct http_upload *u)
{
	if (!u->paused)
		return;
	u->paused = false;
	curl_easy_pause(u->h->easy, CURLPAUSE_CONT);
}

/* Until all bytes are taken, or, when there are no more, until the answer is there. */
static int drive(struct http_upload *u)
{
	uint64_t since = clock_now_ms(), patience = u->closed ? 10 : 1;
	size_t left = u->len;

	go_on(u);
	for (;;) {
		uint64_t now, wait = transport_wait_ms(u->h->transport);
		int running, err = curl_multi_perform(u->multi, &running);

		look_for_answer(u);
		if (err)
			return fail(-EIO, "%s: %s", u->url, curl_multi_strerror(err));
		if (u->done || (!u->closed && !u->len))
			return 0;
		now = clock_now_ms();
		if (u->len != left || u->paused)
			since = now;
		left = u->len;
		if (!wait || now - since > wait * patience)
			return fail(-ETIMEDOUT, "%s: the server %s", u->url,
				    u->closed ? "does not answer in time" : "takes no more of the dump");
		curl_multi_poll(u->multi, NULL, 0, least(wait, u->paused ? SETTLE_POLL_MS : POLL_MS), NULL);
		go_on(u);
	}
}

static int outcome(struct http_upload *u)
{
	struct http_reply *r = &u->reply;

	if (r->code && r->status < 400)
		return http_error(u->h, u->url, r->code);
	if (!http_good(r))
		return http_refused(r, u->url, NULL);
	return u->closed && !u->len ? 0 : fail(-EPROTO, "%s: the server answers before all was sent", u->url);
}

int http_upload_begin(struct http_upload **upload, struct http *h, const struct http_request *q)
{
	struct http_upload *u = calloc(1, sizeof(*u));
	int err = 0;

	if (!u)
		return fail(-ENOMEM, "out of memory");
	http_reply_init(&u->reply);
	blob_init(&u->kept);
	u->h = h;
	u->url = strdup(q->url);
	u->multi = curl_multi_init();
	if (!u->url || !u->multi)
		err = fail(-ENOMEM, "out of memory");
	if (!err)
		err = http_prepare(h, q, &u->reply);
	if (!err) {
		curl_easy_setopt(h->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(h->easy, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(h->easy, CURLOPT_READDATA, u);
		curl_easy_setopt(h->easy, CURLOPT_SEEKFUNCTION, rewind_kept);
		curl_easy_setopt(h->easy, CURLOPT_SEEKDATA, u);
		curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take);
		curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, u);
		curl_easy_setopt(h->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)EXPECT_MS);
		/* drive() looks after that. */
		curl_easy_setopt(h->easy, CURLOPT_LOW_SPEED_LIMIT, 0L);
		if (curl_multi_add_handle(u->multi, h->easy))
			err = fail(-EIO, "%s: libcurl does not take the request", q->url);
	}
	if (err)
		http_upload_cancel(u);
	else
		*upload = u;
	return err;
}

int http_upload_send(struct http_upload *u, const void *bytes, size_t len)
{
	int err;

	u->at = bytes;
	u->len = len;
	err = u->done ? 0 : drive(u);
	if (!err && u->done)
		err = outcome(u);
	u->len = 0;
	return err;
}

int http_upload_finish(struct http_upload *u)
{
	int err;

	u->closed = true;
	err = u->done ? 0 : drive(u);
	if (!err)
		err = outcome(u);
	http_upload_cancel(u);
	return err;
}

void http_upload_cancel(struct http_upload *u)
{
	if (!u)
		return;
	if (u->multi) {
		curl_multi_remove_handle(u->multi, u->h->easy);
		curl_multi_cleanup(u->multi);
	}
	curl_easy_setopt(u->h->easy, CURLOPT_HTTPHEADER, NULL);
	http_reply_deinit(&u->reply);
	blob_deinit(&u->kept);
	free(u->url);
	free(u);
}
#endif
