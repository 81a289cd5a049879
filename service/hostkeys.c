// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/hostkeys.h"

#include <string.h>

static struct text word(struct text *line)
{
	struct text w;

	text_trim(line);
	w = text_until(line, ' ');
	text_trim(line);
	return w;
}

bool host_key_line(struct text line, struct text *kind, struct text *key)
{
	struct text names;

	text_trim(&line);
	if (!line.len || line.at[0] == '#' || line.at[0] == '@')
		return false;
	names = word(&line);
	*kind = word(&line);
	*key = word(&line);
	return names.len && kind->len && key->len;
}

static bool same(struct text a, struct text b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

size_t host_keys_count(struct text keys)
{
	struct text line, kind, key;
	size_t n = 0;

	while (text_line(&keys, &line))
		n += host_key_line(line, &kind, &key);
	return n;
}

/* KIND's key in KEYS. A server has one of a kind, but a list may have several: any that is right is. */
static void look_up(struct text keys, struct text kind, struct text key, bool *right, bool *wrong)
{
	struct text line, k, v;

	*right = *wrong = false;
	while (text_line(&keys, &line)) {
		if (!host_key_line(line, &k, &v) || !same(k, kind))
			continue;
		if (same(v, key))
			*right = true;
		else
			*wrong = true;
	}
}

enum host_keys host_keys_compare(struct text known, struct text shown)
{
	struct text rest = shown, line, kind, key;
	bool some = false;

	if (!host_keys_count(known))
		return HOST_KEYS_NEW;
	while (text_line(&rest, &line)) {
		bool right, wrong;

		if (!host_key_line(line, &kind, &key))
			continue;
		look_up(known, kind, key, &right, &wrong);
		if (wrong && !right)
			return HOST_KEYS_DIFFER;
		some |= right;
	}
	return some ? HOST_KEYS_KNOWN : HOST_KEYS_DIFFER;
}

void login_parse(const char *where, struct login *l)
{
	struct text rest = text_of_string(where);
	const char *colon;

	l->user = text_until(&rest, '@');
	l->port = text_of("", 0);
	if (text_take(&rest, "[")) {
		l->host = text_until(&rest, ']');
		if (text_take(&rest, ":"))
			l->port = rest;
		return;
	}
	colon = rest.len ? memchr(rest.at, ':', rest.len) : NULL;
	l->host = colon ? text_of(rest.at, colon - rest.at) : rest;
	if (colon)
		l->port = text_of(colon + 1, rest.at + rest.len - (colon + 1));
}
