// SPDX-License-Identifier: GPL-2.0-or-later
/* Which transport a URL names. */
#include "kdump/transport/transport.h"

#include "lib/clock.h"
#include "lib/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct transport_ops *const transports[] = {
	&transport_sftp, &transport_https, &transport_http, &transport_s3, &transport_raw,
	NULL,
};

/*
 * RFC 3986: a scheme is a letter, then letters, digits, "+", "-" and "."; a file of such a name can be written as
 * "./...".
 */
bool transport_is_url(const char *path)
{
	const char *colon = strstr(path, "://");

	if (!colon || colon == path || !isalpha((unsigned char)*path))
		return false;
	for (const char *c = path; c < colon; c++)
		if (!isalnum((unsigned char)*c) && !strchr("+-.", *c))
			return false;
	return true;
}

static int no_such_scheme(const char *url)
{
	char known[128] = "";

	for (size_t i = 0; transports[i]; i++) {
		size_t len = strlen(known);

		snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "", transports[i]->scheme);
	}
	return fail(-EPROTONOSUPPORT, "%s: such places are not known; a URL begins with one of %s", url, known);
}

uint64_t transport_wait_ms(const struct transport *t)
{
	uint64_t now = clock_now_ms(), left = t->deadline_ms > now ? t->deadline_ms - now : 0;

	return left < t->timeout_ms ? left : t->timeout_ms;
}

static char *without_slashes(const char *url, const char *scheme)
{
	size_t len = strlen(url);

	while (len > strlen(scheme) && url[len - 1] == '/')
		len--;
	return strndup(url, len);
}

int transport_open(struct transport *t, const struct conf *conf, const char *url, uint64_t timeout_ms,
		   uint64_t deadline_ms)
{
	size_t i = 0;
	int err;

	memset(t, 0, sizeof(*t));
	while (transports[i] && strncmp(url, transports[i]->scheme, strlen(transports[i]->scheme)))
		i++;
	if (!transports[i])
		return no_such_scheme(url);
	if (!transports[i]->built_in)
		return fail(-EPROTONOSUPPORT, "%s: this program was built without %s", url, transports[i]->needs);
	t->url = without_slashes(url, transports[i]->scheme);
	if (!t->url)
		return fail(-ENOMEM, "out of memory");
	t->ops = transports[i];
	t->conf = conf;
	t->timeout_ms = timeout_ms ? timeout_ms : TRANSPORT_TIMEOUT_MS;
	t->deadline_ms = deadline_ms;
	err = t->ops->open(t);
	if (err)
		transport_close(t);
	return err;
}

void transport_close(struct transport *t)
{
	if (t->ops)
		t->ops->close(t);
	free(t->url);
	memset(t, 0, sizeof(*t));
}
