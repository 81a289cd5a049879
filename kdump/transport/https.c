// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A web server that takes PUT. The dump is one file, a flattened stream, sent in one request as it is made: what users
 * expect to find, and what every server can do. That request cannot be resumed: PUT with a Content-Range would be the
 * way, which RFC 9110 (14.5) leaves to special agreements, which nginx refuses and others take for the whole file. When
 * it breaks, the dump has to be begun again, there or at the next target; log and note are there already.
 */
#include "kdump/transport/curl.h"
#include "kdump/transport/transport.h"

#ifdef HAVE_CURL
#include "kdump/transport/sigv4.h"
#include "lib/err.h"
#include "lib/sha256.h"
#include "service/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Attempts after the first, of what can be sent again. */
#define TRIES_OPEN 4
#define TRIES_PUT 5
/* What answers that need the server's disk, such as renaming, may take more. */
#define PATIENCE 4
#define PROBE_NAME "probe.txt"
#define KEEP "/:@!$&'()*+,;="

struct https {
	struct http http;
	char *user, *bearer;
};

struct https_sink {
	struct transport *t;
	struct http_upload *upload;
	char *url;
	struct sha256 sha;
	uint64_t len;
	int failed;                /* the request is over: nothing can follow, and a new one would begin a new file */
	char why[SINK_WHY_BYTES];
};

static int make_url(const struct transport *t, const char *name, char **url)
{
	struct blob b;
	int err;

	blob_init(&b);
	err = blob_append(&b, t->url, strlen(t->url));
	if (!err)
		err = blob_append(&b, "/", 1);
	if (!err)
		err = sigv4_encode(&b, name, KEEP);
	if (!err && !(*url = strdup((const char *)b.data)))
		err = fail(-ENOMEM, "out of memory");
	blob_deinit(&b);
	return err;
}

static struct http_request request(const struct https *w, const char *method, const char *url)
{
	return (struct http_request){
		.method = method, .url = url, .user = w->user, .bearer = w->bearer, .follow = true, .patience = PATIENCE
	};
}

static int simple(struct transport *t, const char *method, const char *url, unsigned int tries, struct http_reply *r)
{
	struct https *w = t->state;
	struct http_request q = request(w, method, url);

	return http_try(&w->http, &q, r, tries);
}

/* ---- folders and small files ---- */

/*
 * WebDAV (RFC 4918, 9.3): the folders above a file, one by one. Those that exist say so, those that are not ours say
 * something else: whether it helped, the next PUT tells.
 */
static void make_folders(struct transport *t)
{
	char *url, *at;
	struct http_reply r;

	if (asprintf(&url, "%s/", t->url) < 0)
		return;
	http_reply_init(&r);
	at = strchr(strstr(url, "://") + 3, '/');
	while ((at = strchr(at + 1, '/'))) {
		char behind = at[1];

		at[1] = 0;
		if (simple(t, "MKCOL", url, 0, &r))
			debug("%s", err_text());
		at[1] = behind;
	}
	err_clear();
	http_reply_deinit(&r);
	free(url);
}

/* Without the folder RFC 4918 (9.7.1) wants 409; nginx says 500, as for anything, others 404 or 403. */
static bool may_lack_folder(const struct http_reply *r)
{
	return r->status == 409 || r->status == 500 || r->status == 404 || r->status == 403;
}

static int put(struct transport *t, const char *name, const void *bytes, size_t len, unsigned int tries)
{
	struct https *w = t->state;
	struct http_request q;
	struct http_reply r;
	bool made = false;
	char *url;
	int err = make_url(t, name, &url);

	if (err)
		return err;
	q = request(w, "PUT", url);
	q.body = bytes ? bytes : "";
	q.len = len;
	http_reply_init(&r);
	for (unsigned int number = 1;; number++) {
		err = http_do(&w->http, &q, &r);
		if (!err && !made && may_lack_folder(&r)) {
			make_folders(t);
			made = true;
			err = http_do(&w->http, &q, &r);
		}
		if (!http_is_passing(err, &r) || !http_wait(t, number, tries))
			break;
	}
	if (!err && !http_good(&r))
		err = http_refused(&r, url, NULL);
	http_reply_deinit(&r);
	free(url);
	return err;
}

static int https_put(struct transport *t, const char *name, const void *bytes, size_t len)
{
	return put(t, name, bytes, len, TRIES_PUT);
}

static int https_remove(struct transport *t, const char *name)
{
	struct http_reply r;
	char *url;
	int err = make_url(t, name, &url);

	if (err)
		return err;
	http_reply_init(&r);
	err = simple(t, "DELETE", url, TRIES_PUT, &r);
	/* A place that takes files and gives none back, and lets none be removed, is a good one for dumps. */
	if (!err && !http_good(&r))
		debug("%s: stays there: the server answers %ld", url, r.status);
	http_reply_deinit(&r);
	free(url);
	return err;
}

static int https_is_free(struct transport *t, const char *name)
{
	struct http_reply r;
	char *url;
	int err = make_url(t, name, &url);

	if (err)
		return err;
	http_reply_init(&r);
	err = simple(t, "HEAD", url, TRIES_PUT, &r);
	if (!err && http_good(&r))
		err = fail(-EEXIST, "%s: exists; --force replaces it", url);
	http_reply_deinit(&r);
	free(url);
	return err;
}

/* ---- opening ---- */

/* "USER:PASSWORD", or a bearer token, which has no colon (RFC 6750, 2.1). */
static int read_credentials(struct https *w, const char *path)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = http_secret("https_credentials", path, &text);
	for (size_t i = 0; !err && i < text.len; i++)
		if (iscntrl(text.data[i]))
			err = fail(-EINVAL, "https_credentials %s: it needs one line: USER:PASSWORD, or a token", path);
	if (!err && !text.len)
		err = fail(-EINVAL, "https_credentials %s: it is empty", path);
	if (!err) {
		char *copy = strdup((const char *)text.data);

		*(strchr((const char *)text.data, ':') ? &w->user : &w->bearer) = copy;
		err = copy ? 0 : fail(-ENOMEM, "out of memory");
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	blob_deinit(&text);
	return err;
}

static int https_open(struct transport *t)
{
	static const char probe[] = "kdump has tried whether this place can be written to.\n";
	struct https *w;
	int err = http_url_check(t, t->url);

	if (err)
		return err;
	w = t->state = calloc(1, sizeof(*w));
	if (!w)
		return fail(-ENOMEM, "out of memory");
	if (t->conf->https_ca && access(t->conf->https_ca, R_OK))
		return fail_sys(-errno, "https_ca %s", t->conf->https_ca);
	if (t->conf->https_credentials)
		err = read_credentials(w, t->conf->https_credentials);
	if (!err)
		err = http_init(&w->http, t);
	if (!err)
		err = put(t, PROBE_NAME, probe, strlen(probe), TRIES_OPEN);
	if (!err && https_remove(t, PROBE_NAME))
		debug("%s", err_text());
	sha256_use_cpu(true);
	return err;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void https_close(struct transport *t)
{
	struct https *w = t->state;

	if (!w)
		return;
	http_deinit(&w->http);
	wipe(w->user);
	wipe(w->bearer);
	free(w);
	t->state = NULL;
}

/* ---- the dump ---- */

static int remember(struct https_sink *k, int err)
{
	k->failed = err;
	if (err)
		snprintf(k->why, sizeof(k->why), "%s", err_text());
	return err;
}

static int sink_put(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	struct https_sink *k = s->remote;
	struct https *w = k->t->state;
	int err = 0;

	(void)off;
	if (k->failed)
		return fail(k->failed, "%s", k->why);
	if (!k->upload) {
		struct http_request q = request(w, "PUT", k->url);

		err = http_upload_begin(&k->upload, &w->http, &q);
	}
	if (!err)
		err = http_upload_send(k->upload, buf, len);
	if (err)
		return remember(k, err);
	sha256_update(&k->sha, buf, len);
	k->len += len;
	return 0;
}

/* "-incomplete" behind its name, where the server can rename (RFC 4918, 9.9). */
static void rename_incomplete(struct sink *s)
{
	struct https_sink *k = s->remote;
	struct https *w = k->t->state;
	struct http_request q = request(w, "MOVE", k->url);
	struct http_reply r;
	char *url;

	if (asprintf(&url, "%s-incomplete", k->url) < 0)
		return;
	http_reply_init(&r);
	if (http_add_field(&q.fields, "Destination", url) || http_add_field(&q.fields, "Overwrite", "F") ||
	    http_try(&w->http, &q, &r, TRIES_PUT) || !http_good(&r)) {
		debug("%s: keeps its name: %ld %s", k->url, r.status, err_text());
	} else {
		char *path = strdup(url);

		if (path) {
			free(s->path);
			s->path = path;
		}
		free(k->url);
		k->url = url;
		url = NULL;
	}
	err_clear();
	curl_slist_free_all(q.fields);
	http_reply_deinit(&r);
	free(url);
}

static int sink_finish_put(struct sink *s, bool complete)
{
	struct https_sink *k = s->remote;
	struct http_upload *upload = k->upload;
	int err;

	k->upload = NULL;
	if (k->failed) {
		http_upload_cancel(upload);
		return fail(k->failed, "%s", k->why);
	}
	if (!upload)
		return fail(-EIO, "%s: nothing of it arrived", k->url);
	err = remember(k, http_upload_finish(upload));
	if (!err && !complete && !s->same_name)
		rename_incomplete(s);
	return err;
}

/* Servers drop what breaks off. */
static void sink_drop(struct sink *s)
{
	struct https_sink *k = s->remote;

	http_upload_cancel(k->upload);
	k->upload = NULL;
}

static void sink_free(struct sink *s)
{
	struct https_sink *k = s->remote;

	sink_drop(s);
	free(k->url);
	free(k);
}

static const struct sink_ops https_sink_ops = {
	.write = sink_put,
	.finish = sink_finish_put,
	.discard = sink_drop,
	.deinit = sink_free,
};

static int https_sink_open(struct transport *t, const char *name, enum sink_form form, bool force, struct sink *sink)
{
	struct https_sink *k;
	int err = force ? 0 : https_is_free(t, name);

	if (err)
		return err;
	if (form == SINK_PLAIN)
		return fail(-EINVAL, "%s: a web server takes streams only", t->url);
	k = calloc(1, sizeof(*k));
	if (!k)
		return fail(-ENOMEM, "out of memory");
	k->t = t;
	sha256_init(&k->sha);
	err = make_url(t, name, &k->url);
	if (err) {
		free(k);
		return err;
	}
	return sink_attach(sink, &https_sink_ops, k, k->url, form);
}

/* ---- reading back ---- */

static void base64(const uint8_t *bytes, size_t len, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		if (i + 1 < len)
			three |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			three |= bytes[i + 2];
		*text++ = digits[three >> 18];
		*text++ = digits[three >> 12 & 63];
		*text++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
		*text++ = i + 2 < len ? digits[three & 63] : '=';
	}
	*text = 0;
}

/* Repr-Digest (RFC 9530) has colons around it, the older Digest (RFC 3230) has not. 1: the server offers none. */
static int compare_offered(const struct http_reply *r, const char *url, const uint8_t digest[SHA256_BYTES])
{
	static const char *const names[] = { "Repr-Digest", "Digest" };
	char want[4 * ((SHA256_BYTES + 2) / 3) + 1];
	struct text value;

	base64(digest, SHA256_BYTES, want);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		bool has = http_field(r, names[i], &value);

		while (has && value.len) {
			struct text one = text_until(&value, ',');

			text_trim(&one);
			if (!text_take(&one, "sha-256=") && !text_take(&one, "SHA-256="))
				continue;
			text_take(&one, ":");
			if (text_starts(&one, want))
				return 0;
			return fail(-EBADMSG, "%s: what arrived is not what was sent: the server's digest differs",
				    url);
		}
	}
	return 1;
}

struct read_back {
	struct sha256 sha;
	uint64_t len;
	int failed;                /* the request is over: nothing can follow, and a new one would begin a new file */
	char why[SINK_WHY_BYTES];
};

static int take_bytes(void *ctx, const void *bytes, size_t len)
{
	struct read_back *b = ctx;

	sha256_update(&b->sha, bytes, len);
	b->len += len;
	return 0;
}

static int compare_content(struct https_sink *k, const uint8_t digest[SHA256_BYTES], struct http_reply *r)
{
	struct https *w = k->t->state;
	struct http_request q = request(w, "GET", k->url);
	uint8_t got[SHA256_BYTES];
	struct read_back b = { 0 };
	int err;

	q.take = take_bytes;
	q.ctx = &b;
	for (unsigned int number = 1;; number++) {
		sha256_init(&b.sha);
		b.len = 0;
		err = http_do(&w->http, &q, r);
		if (!http_is_passing(err, r) || !http_wait(k->t, number, TRIES_PUT))
			break;
	}
	if (err)
		return err;
	if (!http_good(r)) {
		warn("%s: what it holds cannot be read back (%ld); only its length was compared", k->url, r->status);
		return 0;
	}
	sha256_final(&b.sha, got);
	if (b.len != k->len || memcmp(got, digest, sizeof(got)))
		return fail(-EBADMSG, "%s: what arrived is not what was sent: its contents differ", k->url);
	return 0;
}

static int verify(struct https_sink *k, struct http_reply *r)
{
	struct https *w = k->t->state;
	struct http_request q = request(w, "HEAD", k->url);
	uint8_t digest[SHA256_BYTES];
	struct sha256 sha = k->sha;
	uint64_t len;
	int err = http_add_field(&q.fields, "Want-Repr-Digest", "sha-256=10");

	sha256_final(&sha, digest);
	if (!err)
		err = http_add_field(&q.fields, "Want-Digest", "sha-256");
	if (!err)
		err = http_try(&w->http, &q, r, TRIES_PUT);
	curl_slist_free_all(q.fields);
	if (err)
		return err;
	if (r->status == 404 || r->status == 410)
		return fail(-EBADMSG, "%s: the server took it, and now has no such file", k->url);
	if (!http_good(r)) {
		warn("%s: what arrived cannot be looked at (%ld); the server has only said that it took it", k->url,
		     r->status);
		return 0;
	}
	len = http_length(r);
	if (len != UINT64_MAX && len != k->len)
		return fail(-EBADMSG, "%s: %llu bytes arrived of %llu", k->url, (unsigned long long)len,
			    (unsigned long long)k->len);
	err = compare_offered(r, k->url, digest);
	return err > 0 ? compare_content(k, digest, r) : err;
}

static int https_verify(struct transport *t, const struct sink *sink)
{
	struct http_reply r;
	int err;

	(void)t;
	http_reply_init(&r);
	err = verify(sink->remote, &r);
	http_reply_deinit(&r);
	return err;
}

#define HTTPS_OPS                                                                                                      \
	.built_in = true, .needs = "libcurl", .open = https_open, .put = https_put, .remove = https_remove,            \
	.is_free = https_is_free, .sink_open = https_sink_open, .verify = https_verify, .close = https_close

const struct transport_ops transport_https = { .scheme = "https://", HTTPS_OPS };
const struct transport_ops transport_http = { .scheme = "http://", HTTPS_OPS };

#else
const struct transport_ops transport_https = { .scheme = "https://", .needs = "libcurl" };
const struct transport_ops transport_http = { .scheme = "http://", .needs = "libcurl" };
#endif
