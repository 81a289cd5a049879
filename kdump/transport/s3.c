// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests to an object store that speaks the protocol of Amazon S3. */
#include "kdump/transport/s3.h"

#include "kdump/transport/transport.h"

#ifdef HAVE_CURL
#include "kdump/transport/sigv4.h"
#include "lib/err.h"
#include "lib/text.h"
#include "service/conf.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_REGION "us-east-1"
#define PROBE_NAME "probe.txt"

/* ---- one request ---- */

int s3_key(const struct s3 *s, const char *name, char **key)
{
	struct blob b;
	int err = 0;

	blob_init(&b);
	if (*s->prefix) {
		err = sigv4_encode(&b, s->prefix, "/");
		if (!err)
			err = blob_append(&b, "/", 1);
	}
	if (!err)
		err = sigv4_encode(&b, name, "/");
	if (!err && !(*key = strdup((const char *)b.data)))
		err = fail(-ENOMEM, "out of memory");
	blob_deinit(&b);
	return err;
}

/* Fields that are signed, sorted by name; those without a value are left out. */
static int sign(struct s3 *s, const struct s3_request *q, const char *path, struct curl_slist **fields)
{
	const struct sigv4_keys keys = { s->credentials.access_key, s->credentials.secret_key, s->region, "s3" };
	struct sigv4_request r = { .method = q->method, .path = path, .query = q->query ? q->query : "" };
	char time_text[SIGV4_TIME_BYTES], digest_text[SIGV4_HEX_BYTES], *authorization;
	uint8_t digest[SHA256_BYTES];
	struct sigv4_field all[] = {
		{ "host", s->host }, { "range", q->range }, { "x-amz-content-sha256", digest_text },
		{ "x-amz-copy-source", q->copy_source }, { "x-amz-date", time_text },
		{ "x-amz-security-token", s->credentials.token },
	}, used[sizeof(all) / sizeof(*all)];
	int err = 0;

	sha256_of(q->body ? q->body : "", q->body ? q->len : 0, digest);
	text_hex(digest, sizeof(digest), digest_text);
	sigv4_time(time(NULL) + s->clock_s, time_text);
	r.payload_digest = digest_text;
	r.field = used;
	for (size_t i = 0; !err && i < sizeof(all) / sizeof(*all); i++) {
		if (!all[i].value)
			continue;
		used[r.nr_fields++] = all[i];
		err = http_add_field(fields, all[i].name, all[i].value);
	}
	if (!err)
		err = sigv4_sign(&keys, &r, time_text, &authorization);
	if (err)
		return err;
	err = http_add_field(fields, "authorization", authorization);
	free(authorization);
	return err;
}

static int do_once(struct transport *t, const struct s3_request *q, struct http_reply *r)
{
	struct s3 *s = t->state;
	struct http_request h = { .method = q->method,
				  .body = q->body,
				  .len = q->len,
				  .patience = q->patience,
				  .take = q->take,
				  .ctx = q->ctx };
	char *url = NULL, *path;
	int err = 0;

	if (asprintf(&path, "%s/%s", s->path, q->key) < 0)
		return fail(-ENOMEM, "out of memory");
	if (asprintf(&url, "%s%s%s%s", s->root, path, q->query ? "?" : "", q->query ? q->query : "") < 0) {
		url = NULL; /* asprintf() leaves it undefined */
		err = fail(-ENOMEM, "out of memory");
	}
	if (!err)
		err = sign(s, q, path, &h.fields);
	h.url = url;
	if (!err)
		err = http_do(&s->http, &h, r);
	curl_slist_free_all(h.fields);
	free(url);
	free(path);
	return err;
}

/* A capture kernel may not know the time well enough: the store says what it is. */
static bool learn_time(struct s3 *s, const struct http_reply *r)
{
	char *code = s3_element((const char *)r->body.data, r->body.len, "Code"), date[64];
	bool skewed = code && (!strcmp(code, "RequestTimeTooSkewed") || !strcmp(code, "RequestExpired"));
	struct text value;
	time_t there = -1;

	free(code);
	if (!skewed || s->clock_s || !http_field(r, "Date", &value) || value.len >= sizeof(date))
		return false;
	memcpy(date, value.at, value.len);
	date[value.len] = 0;
	there = curl_getdate(date, NULL);
	if (there == -1)
		return false;
	s->clock_s = (int64_t)there - time(NULL);
	warn("the clock differs from that of %s by %" PRId64 " seconds; its time is taken", s->host, s->clock_s);
	return s->clock_s;
}

/* "List of error codes": what happened on the way, and may not happen again. */
static bool is_passing(int err, const struct http_reply *r)
{
	static const char *const codes[] = { "BadDigest", "XAmzContentSHA256Mismatch", "RequestTimeout",
					     "IncompleteBody" };
	bool passes = http_is_passing(err, r);
	char *code;

	if (err || passes || r->status != 400)
		return passes;
	code = s3_element((const char *)r->body.data, r->body.len, "Code");
	for (size_t i = 0; code && i < sizeof(codes) / sizeof(*codes); i++)
		passes |= !strcmp(code, codes[i]);
	free(code);
	return passes;
}

int s3_do(struct transport *t, const struct s3_request *q, struct http_reply *r)
{
	for (unsigned int number = 1;; number++) {
		int err = do_once(t, q, r);

		if (!err && r->status == 403 && learn_time(t->state, r))
			continue;
		if (!is_passing(err, r) || !http_wait(t, number, q->tries))
			return err;
		debug("%s: again, for the %u. time", q->key, number);
	}
}

int s3_refused(struct transport *t, const char *key, const struct http_reply *r)
{
	struct s3 *s = t->state;
	char *code = s3_element((const char *)r->body.data, r->body.len, "Code");
	char *message = s3_element((const char *)r->body.data, r->body.len, "Message");
	struct text region;
	char *what, *words = NULL;
	int err;

	if (asprintf(&what, "s3://%s/%s", s->bucket, key) < 0)
		what = NULL;
	if (code && http_field(r, "x-amz-bucket-region", &region) && !text_is(&region, s->region)) {
		if (asprintf(&words, "%s: the bucket is in the region %.*s, and s3_region says %s", code,
			     TEXT_ARGS(&region), s->region) < 0)
			words = NULL;
	} else if (code && asprintf(&words, "%.64s: %.160s", code, message ? message : "") < 0) {
		words = NULL;
	}
	err = http_refused(r, what ? what : key, words);
	free(words);
	free(what);
	free(message);
	free(code);
	return err;
}

int s3_demand(struct transport *t, const struct s3_request *q, struct http_reply *r)
{
	int err = s3_do(t, q, r);

	return err || http_good(r) ? err : s3_refused(t, q->key, r);
}

int s3_compare_etag(const struct http_reply *r, const char *etag)
{
	struct text value;

	if (!http_field(r, "ETag", &value))
		return 1;
	text_take(&value, "\"");
	if (text_stops(&value, "\""))
		value.len--;
	/* Where the store encrypts with keys of its own, it is something else: longer, or no number. */
	if (value.len != strlen(etag))
		return 1;
	for (size_t i = 0; i < value.len; i++)
		if (!isxdigit((unsigned char)value.at[i]) && value.at[i] != '-')
			return 1;
	return strncasecmp(value.at, etag, value.len) ? -EBADMSG : 0;
}

/* ---- opening ---- */

static int read_credentials(struct s3 *s, const char *path)
{
	struct blob text;
	int err;

	if (!path)
		return fail(-EINVAL, "s3_credentials is missing: the file with the access key and its secret");
	blob_init(&text);
	err = http_secret("s3_credentials", path, &text);
	if (!err)
		err = s3_credentials_parse(&s->credentials, path, (const char *)text.data, text.len);
	if (text.data)
		explicit_bzero(text.data, text.len);
	blob_deinit(&text);
	return err;
}

/* https://HOST[:PORT][/BASE] as root, host and path. */
static int split_endpoint(struct s3 *s, const char *endpoint)
{
	const char *host = strstr(endpoint, "://") + 3, *base = host + strcspn(host, "/");
	size_t base_len = strlen(base);

	while (base_len && base[base_len - 1] == '/')
		base_len--;
	s->root = strndup(endpoint, base - endpoint);
	s->host = strndup(host, base - host);
	if (asprintf(&s->path, "%.*s/%s", (int)base_len, base, s->bucket) < 0)
		s->path = NULL;
	return 0;
}

/*
 * Amazon's own names: the bucket in front of the host ("virtual-hosted-style"), unless there are dots in it, which its
 * certificate does not cover.
 */
static int amazon_endpoint(struct s3 *s)
{
	bool dots = strchr(s->bucket, '.');

	if (asprintf(&s->host, "%s%ss3.%s.amazonaws.com", dots ? "" : s->bucket, dots ? "" : ".", s->region) < 0)
		s->host = NULL;
	if (s->host && asprintf(&s->root, "https://%s", s->host) < 0)
		s->root = NULL;
	if (asprintf(&s->path, "%s%s", dots ? "/" : "", dots ? s->bucket : "") < 0)
		s->path = NULL;
	return 0;
}

static int find_endpoint(struct transport *t)
{
	const struct conf *c = t->conf;
	struct s3 *s = t->state;
	int err = c->s3_endpoint ? http_url_check(t, c->s3_endpoint) : 0;

	if (err)
		return fail_ctx(err, "s3_endpoint");
	s->region = c->s3_region ? c->s3_region : DEFAULT_REGION;
	err = c->s3_endpoint ? split_endpoint(s, c->s3_endpoint) : amazon_endpoint(s);
	return err || (s->root && s->host && s->path) ? err : fail(-ENOMEM, "out of memory");
}

static int put(struct transport *t, const char *name, const void *bytes, size_t len, unsigned int tries)
{
	struct s3_request q = { .method = "PUT", .body = bytes ? bytes : "", .len = len, .tries = tries };
	char etag[2 * MD5_BYTES + 1], *key;
	uint8_t md5[MD5_BYTES];
	struct http_reply r;
	int err = s3_key(t->state, name, &key);

	if (err)
		return err;
	md5_of(q.body, len, md5);
	text_hex(md5, sizeof(md5), etag);
	q.key = key;
	http_reply_init(&r);
	err = s3_demand(t, &q, &r);
	if (!err && s3_compare_etag(&r, etag) < 0)
		err = fail(-EBADMSG, "%s: what arrived is not what was sent", key);
	http_reply_deinit(&r);
	free(key);
	return err;
}

static int s3_put(struct transport *t, const char *name, const void *bytes, size_t len)
{
	return put(t, name, bytes, len, S3_TRIES);
}

static int s3_remove(struct transport *t, const char *name)
{
	struct s3_request q = { .method = "DELETE", .tries = S3_TRIES };
	struct http_reply r;
	char *key;
	int err = s3_key(t->state, name, &key);

	if (err)
		return err;
	q.key = key;
	http_reply_init(&r);
	err = s3_do(t, &q, &r);
	/* Credentials that may write and not delete are the right ones for dumps. */
	if (!err && !http_good(&r))
		debug("%s: stays there: the server answers %ld", key, r.status);
	http_reply_deinit(&r);
	free(key);
	return err;
}

static int s3_is_free(struct transport *t, const char *name)
{
	struct s3_request q = { .method = "HEAD", .tries = S3_TRIES };
	struct s3 *s = t->state;
	struct http_reply r;
	char *key;
	int err = s3_key(s, name, &key);

	if (err)
		return err;
	q.key = key;
	http_reply_init(&r);
	err = s3_do(t, &q, &r);
	if (!err && http_good(&r))
		err = fail(-EEXIST, "s3://%s/%s: exists; --force replaces it", s->bucket, key);
	http_reply_deinit(&r);
	free(key);
	return err;
}

static int s3_open(struct transport *t)
{
	static const char probe[] = "kdump has tried whether this place can be written to.\n";
	struct s3 *s = t->state = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return fail(-ENOMEM, "out of memory");
	err = s3_url_parse(t->url, &s->bucket, &s->prefix);
	if (!err && t->conf->https_ca && access(t->conf->https_ca, R_OK))
		err = fail_sys(-errno, "https_ca %s", t->conf->https_ca);
	if (!err)
		err = read_credentials(s, t->conf->s3_credentials);
	if (!err)
		err = find_endpoint(t);
	if (!err)
		err = http_init(&s->http, t);
	sha256_use_cpu(true);
	if (!err)
		err = put(t, PROBE_NAME, probe, strlen(probe), S3_TRIES_OPEN);
	if (!err && s3_remove(t, PROBE_NAME))
		debug("%s", err_text());
	return err;
}

static void s3_close(struct transport *t)
{
	struct s3 *s = t->state;

	if (!s)
		return;
	http_deinit(&s->http);
	s3_credentials_deinit(&s->credentials);
	free(s->bucket);
	free(s->prefix);
	free(s->root);
	free(s->host);
	free(s->path);
	free(s);
	t->state = NULL;
}

const struct transport_ops transport_s3 = {
	.scheme = "s3://",
	.built_in = true,
	.needs = "libcurl",
	.open = s3_open,
	.put = s3_put,
	.remove = s3_remove,
	.is_free = s3_is_free,
	.sink_open = s3_sink_open,
	.verify = s3_verify,
	.close = s3_close,
	.random_access = true,
	.tables_only = true,
};

#else
const struct transport_ops transport_s3 = { .scheme = "s3://", .needs = "libcurl" };
#endif
