// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/curl.h"

#ifdef HAVE_CURL
#include "lib/clock.h"
#include "lib/err.h"
#include "service/conf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Who redirects more often goes in circles. */
#define REDIRECTS_MAX 5
#define FIRST_WAIT_MS 250
#define LAST_WAIT_MS 16000
#define SECRET_MAX 65536

/* ---- errors ---- */

static const struct {
	CURLcode code;
	int err;
	bool passes; /* it may be different a little later */
	const char *text;
} errors[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, true, "the server's name is not known" },
	{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH, true, "the proxy's name is not known" },
	{ CURLE_COULDNT_CONNECT, -ECONNREFUSED, true, "the server cannot be reached" },
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, true, "the server does not answer in time" },
	{ CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED, false, "the server's certificate is not accepted" },
	{ CURLE_SSL_CACERT_BADFILE, -EINVAL, false, "the certificates to trust (https_ca) cannot be used" },
	{ CURLE_SSL_CONNECT_ERROR, -EPROTO, true, "no secure connection comes about" },
	{ CURLE_UNSUPPORTED_PROTOCOL, -EPROTO, false, "it leads to an address that is not https" },
	{ CURLE_TOO_MANY_REDIRECTS, -ELOOP, false, "it leads from one address to the next without an end" },
	{ CURLE_SEND_FAIL_REWIND, -EPROTO, false, "the server sends us elsewhere in the middle of a dump" },
	{ CURLE_URL_MALFORMAT, -EINVAL, false, "that is no address" },
	{ CURLE_SEND_ERROR, -ECONNRESET, true, "the connection broke" },
	{ CURLE_RECV_ERROR, -ECONNRESET, true, "the connection broke" },
	{ CURLE_GOT_NOTHING, -ECONNRESET, true, "the server closed the connection without an answer" },
	{ CURLE_PARTIAL_FILE, -ECONNRESET, true, "the server's answer is cut short" },
	{ CURLE_OUT_OF_MEMORY, -ENOMEM, false, "out of memory" },
	{ CURLE_OK, -EPROTO, false, "that does not work" },
};

int http_error(struct http *h, const char *url, CURLcode code)
{
	const char *words = *h->error ? h->error : curl_easy_strerror(code);
	size_t i = 0;

	while (errors[i].code != code && errors[i].code != CURLE_OK)
		i++;
	return fail(errors[i].err, "%s: %s (%s)", url, errors[i].text, words);
}

static const struct {
	long status;
	int err;
} refusals[] = {
	{ 401, -EACCES },     { 403, -EACCES }, { 404, -ENOENT }, { 409, -ENOENT }, { 405, -EOPNOTSUPP },
	{ 501, -EOPNOTSUPP }, { 413, -ENOSPC }, { 507, -ENOSPC }, { 0, -EIO },
};

bool http_is_passing(int err, const struct http_reply *r)
{
	static const long statuses[] = { 408, 425, 429, 500, 502, 503, 504 };

	for (size_t i = 0; err && errors[i].code != CURLE_OK; i++)
		if (errors[i].code == r->code)
			return errors[i].passes;
	for (size_t i = 0; !err && i < sizeof(statuses) / sizeof(*statuses); i++)
		if (r->status == statuses[i])
			return true;
	return false;
}

/* The first words of an answer, which may be made for browsers: what stands in front of the next tag or line. */
static void first_words(const struct blob *body, char *words, size_t size)
{
	bool tag = false;
	size_t n = 0;

	for (size_t i = 0; i < body->len && n + 1 < size; i++) {
		unsigned char c = body->data[i];

		if (n && (c == '<' || c == '\n' || c == '\r'))
			break;
		if (c == '<' || c == '>')
			tag = c == '<';
		else if (!tag && (n || !isspace(c)))
			words[n++] = isprint(c) ? c : '?';
	}
	words[n] = 0;
}

int http_refused(const struct http_reply *r, const char *what, const char *words)
{
	struct text rest = text_of((const char *)r->head.data, r->head.len), phrase = { "", 0 };
	char said[160], number[32];
	size_t i = 0;

	/* HTTP/1.1 403 Forbidden */
	if (text_line(&rest, &phrase)) {
		text_until(&phrase, ' ');
		text_until(&phrase, ' ');
		text_trim(&phrase);
	}
	for (size_t k = 0; k < phrase.len; k++)
		if (!isprint((unsigned char)phrase.at[k]))
			phrase.len = k;
	while (refusals[i].status && refusals[i].status != r->status)
		i++;
	if (!words) {
		first_words(&r->body, said, sizeof(said));
		words = said;
	}
	/* A title that says the same again. */
	snprintf(number, sizeof(number), "%ld ", r->status);
	if (!strncmp(words, number, strlen(number)))
		words = "";
	return fail(refusals[i].err, "%s: the server answers %ld%s%.*s%s%s", what, r->status, phrase.len ? " " : "",
		    TEXT_ARGS(&phrase), *words ? ": " : "", words);
}

/* ---- answers ---- */

void http_reply_init(struct http_reply *r)
{
	memset(r, 0, sizeof(*r));
	blob_init(&r->head);
	blob_init(&r->body);
}

void http_reply_deinit(struct http_reply *r)
{
	blob_deinit(&r->head);
	blob_deinit(&r->body);
}

bool http_good(const struct http_reply *r)
{
	return r->status >= 200 && r->status < 300;
}

bool http_field(const struct http_reply *r, const char *name, struct text *value)
{
	struct text rest = text_of((const char *)r->head.data, r->head.len), line;

	while (text_line(&rest, &line)) {
		struct text key = text_until(&line, ':');

		text_trim(&key);
		if (key.len != strlen(name) || strncasecmp(key.at, name, key.len))
			continue;
		text_trim(&line);
		*value = line;
		return true;
	}
	return false;
}

uint64_t http_length(const struct http_reply *r)
{
	struct text value;
	uint64_t len;

	return http_field(r, "Content-Length", &value) && text_u64(&value, 10, &len) && !value.len ? len : UINT64_MAX;
}

/* Each answer of a row of redirects begins anew. */
static size_t take_head(char *bytes, size_t size, size_t nr, void *ctx)
{
	struct http_reply *r = ctx;
	size_t len = size * nr;

	if (len > 5 && !memcmp(bytes, "HTTP/", 5)) {
		r->head.len = 0;
		r->body.len = 0;
	}
	if (len > HTTP_BODY_MAX - r->head.len)
		return len;
	return blob_append(&r->head, bytes, len) ? 0 : len;
}

/* ---- requests ---- */

struct exchange {
	struct http *h;
	const struct http_request *q;
	struct http_reply *r;
	size_t sent;
	int err; /* of take() */
};

static size_t take_body(char *bytes, size_t size, size_t nr, void *ctx)
{
	struct exchange *x = ctx;
	size_t len = size * nr;
	long status = 0;

	curl_easy_getinfo(x->h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (x->q->take && status >= 200 && status < 300) {
		x->err = x->q->take(x->q->ctx, bytes, len);
		return x->err ? 0 : len;
	}
	if (len > HTTP_BODY_MAX - x->r->body.len)
		return len;
	return blob_append(&x->r->body, bytes, len) ? 0 : len;
}

static size_t give_body(char *bytes, size_t size, size_t nr, void *ctx)
{
	struct exchange *x = ctx;
	size_t len = size * nr;

	if (len > x->q->len - x->sent)
		len = x->q->len - x->sent;
	if (len)
		memcpy(bytes, (const uint8_t *)x->q->body + x->sent, len);
	x->sent += len;
	return len;
}

/* After a redirect, and for a connection that had died while it was idle. */
static int rewind_body(void *ctx, curl_off_t off, int origin)
{
	struct exchange *x = ctx;

	if (origin != SEEK_SET || off < 0 || (uint64_t)off > x->q->len)
		return CURL_SEEKFUNC_FAIL;
	x->sent = off;
	return CURL_SEEKFUNC_OK;
}

static long clamp(uint64_t value, long max)
{
	return value > (uint64_t)max ? max : (long)value;
}

static void bound_waits(struct http *h, const struct http_request *q)
{
	const struct transport *t = h->transport;
	uint64_t wait = transport_wait_ms(t), now = clock_now_ms();
	long seconds = clamp((wait + 999) / 1000 * (q->patience ? q->patience : 1), 86400);

	curl_easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT_MS, clamp(wait ? wait : 1, 86400000));
	curl_easy_setopt(h->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(h->easy, CURLOPT_LOW_SPEED_TIME, seconds ? seconds : 1L);
	if (t->deadline_ms != UINT64_MAX)
		curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS,
				 t->deadline_ms > now ? clamp(t->deadline_ms - now, 0x7fffffff) : 1L);
}

int http_prepare(struct http *h, const struct http_request *q, struct http_reply *r)
{
	const bool plain = h->transport->conf->https_insecure;
	CURL *c = h->easy;

	curl_easy_reset(c);
	*h->error = 0;
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_URL, q->url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, plain ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, plain ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, (long)q->follow);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	if (h->transport->conf->https_ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, h->transport->conf->https_ca);
	if (q->user) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c, CURLOPT_USERPWD, q->user);
	} else if (q->bearer) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, q->bearer);
	}
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, q->fields);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(c, CURLOPT_NOBODY, (long)!strcmp(q->method, "HEAD"));
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_head);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
	r->head.len = r->body.len = 0;
	r->status = 0;
	bound_waits(h, q);
	return 0;
}

int http_do(struct http *h, const struct http_request *q, struct http_reply *r)
{
	struct exchange x = { .h = h, .q = q, .r = r };
	int err = http_prepare(h, q, r);

	if (err)
		return err;
	if (q->body) {
		curl_easy_setopt(h->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(h->easy, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(h->easy, CURLOPT_READDATA, &x);
		curl_easy_setopt(h->easy, CURLOPT_SEEKFUNCTION, rewind_body);
		curl_easy_setopt(h->easy, CURLOPT_SEEKDATA, &x);
		curl_easy_setopt(h->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->len);
		curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, q->method); /* UPLOAD has made it PUT */
	}
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, &x);
	r->code = curl_easy_perform(h->easy);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &r->status);
	/* The fields are the caller's. */
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	debug("%s %s: %ld (%s)", q->method, q->url, r->status, curl_easy_strerror(r->code));
	if (x.err)
		return x.err;
	/* Who refuses a body may close without reading it: what it said counts. */
	if ((r->code == CURLE_SEND_ERROR || r->code == CURLE_RECV_ERROR) && r->status >= 400)
		r->code = CURLE_OK;
	return r->code ? http_error(h, q->url, r->code) : 0;
}

bool http_wait(const struct transport *t, unsigned int number, unsigned int max)
{
	uint64_t ms = FIRST_WAIT_MS, now = clock_now_ms();
	struct timespec pause;

	for (unsigned int i = 1; i < number && ms < LAST_WAIT_MS; i++)
		ms *= 2;
	/* What has to be said at the end, and the tidying up, need some time too. */
	if (number > max || now >= t->deadline_ms || t->deadline_ms - now < ms + t->timeout_ms)
		return false;
	pause = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
	return true;
}

int http_try(struct http *h, const struct http_request *q, struct http_reply *r, unsigned int max)
{
	for (unsigned int number = 1;; number++) {
		int err = http_do(h, q, r);

		if (!http_is_passing(err, r) || !http_wait(h->transport, number, max))
			return err;
	}
}

int http_init(struct http *h, const struct transport *t)
{
	memset(h, 0, sizeof(*h));
	h->transport = t;
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return fail(-EIO, "libcurl cannot be used");
	h->easy = curl_easy_init();
	return h->easy ? 0 : fail(-ENOMEM, "out of memory for libcurl");
}

void http_deinit(struct http *h)
{
	curl_easy_cleanup(h->easy);
	memset(h, 0, sizeof(*h));
}

/* ---- configuration ---- */

int http_add_field(struct curl_slist **fields, const char *name, const char *value)
{
	struct curl_slist *more;
	char *line;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		return fail(-ENOMEM, "out of memory");
	more = curl_slist_append(*fields, line);
	explicit_bzero(line, strlen(line));
	free(line);
	if (!more)
		return fail(-ENOMEM, "out of memory");
	*fields = more;
	return 0;
}

int http_url_check(const struct transport *t, const char *url)
{
	const char *at = strstr(url, "://");
	size_t host = at ? strcspn(at + 3, "/?#") : 0;

	if (!host)
		return fail(-EINVAL, "%s: that is no address of a server", url);
	if (memchr(at + 3, '@', host))
		return fail(-EINVAL,
			    "an address may hold no password; user and password belong into https_credentials");
	if (strpbrk(url, "?#"))
		return fail(-EINVAL, "%s: there can be no \"?\" and no \"#\" in it", url);
	if (strncmp(url, "https://", 8) && strncmp(url, "http://", 7))
		return fail(-EINVAL, "%s: it begins neither with https:// nor with http://", url);
	if (!strncmp(url, "http://", 7) && !t->conf->https_insecure)
		return fail(-EINVAL,
			    "%s: without encryption on the way anybody could read along; \"https_insecure yes\" "
			    "allows it",
			    url);
	return 0;
}

static int read_secret(int fd, const char *option, const char *path, struct blob *text)
{
	struct stat st;
	int err = blob_reserve(text, SECRET_MAX);

	if (err)
		return err;
	if (fstat(fd, &st))
		return fail_sys(-errno, "%s %s", option, path);
	if (S_ISREG(st.st_mode) && st.st_mode & 077)
		return fail(-EPERM, "%s %s: others than its owner have access to it (mode %04o); chmod 600 it", option,
			    path, (unsigned int)st.st_mode & 07777);
	for (;;) {
		ssize_t n = read(fd, text->data + text->len, SECRET_MAX - text->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_sys(-errno, "%s %s: cannot read", option, path);
		if (!n)
			break;
		text->len += n;
	}
	if (text->len == SECRET_MAX)
		return fail(-EINVAL, "%s %s: it is too long for credentials", option, path);
	while (text->len && strchr("\r\n", text->data[text->len - 1]))
		text->len--;
	text->data[text->len] = 0;
	return 0;
}

int http_secret(const char *option, const char *path, struct blob *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err;

	if (fd < 0)
		return fail_sys(-errno, "%s %s: cannot open", option, path);
	err = read_secret(fd, option, path, text);
	close(fd);
	return err;
}
#endif
