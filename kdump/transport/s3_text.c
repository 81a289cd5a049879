// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/s3_text.h"

#include "lib/err.h"
#include "lib/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* After so many parts of one size the next are twice as large: 10 steps, of which the first 8 hold 2 TiB. */
#define PARTS_PER_SIZE 1000

/* ---- credentials ---- */

static char **field_of(struct s3_credentials *c, const struct text *key)
{
	if (text_is(key, "aws_access_key_id"))
		return &c->access_key;
	if (text_is(key, "aws_secret_access_key"))
		return &c->secret_key;
	return text_is(key, "aws_session_token") ? &c->token : NULL;
}

static int set(char **field, const struct text *value)
{
	/* It becomes a part of a header line. */
	for (size_t i = 0; i < value->len; i++)
		if (!isgraph((unsigned char)value->at[i]))
			return -EINVAL;
	if (!value->len || *field)
		return -EINVAL;
	*field = strndup(value->at, value->len);
	return *field ? 0 : -ENOMEM;
}

static bool next_line(struct text *rest, struct text *line)
{
	while (text_line(rest, line)) {
		text_trim(line);
		if (line->len && *line->at != '#' && *line->at != ';')
			return true;
	}
	return false;
}

/* One profile of the file; its other keys (region, output) are other tools' business. */
static int take_profile(struct s3_credentials *c, struct text rest)
{
	struct text line;
	int err = 0;

	while (!err && next_line(&rest, &line) && *line.at != '[') {
		struct text key = text_until(&line, '=');
		char **field;

		text_trim(&key);
		text_trim(&line);
		field = field_of(c, &key);
		if (field)
			err = set(field, &line);
	}
	return err;
}

static bool find_profile(struct text *rest, const char *name)
{
	struct text at = *rest, line;

	while (next_line(&at, &line))
		if (text_is(&line, name)) {
			*rest = at;
			return true;
		}
	return false;
}

static int take_lines(struct s3_credentials *c, struct text rest)
{
	char **const fields[] = { &c->access_key, &c->secret_key, &c->token };
	struct text line;
	size_t i = 0;
	int err = 0;

	while (!err && next_line(&rest, &line))
		err = i < sizeof(fields) / sizeof(*fields) ? set(fields[i++], &line) : -EINVAL;
	return err;
}

int s3_credentials_parse(struct s3_credentials *c, const char *name, const char *text, size_t len)
{
	struct text rest = text_of(text, len), all = rest, line;
	struct s3_credentials made = { 0 };
	int err;

	if (!next_line(&all, &line))
		return fail(-EINVAL, "%s: there are no credentials in it", name);
	if (*line.at == '[') {
		if (!find_profile(&rest, "[kdump]") && !find_profile(&rest, "[default]"))
			rest = all;
		err = take_profile(&made, rest);
	} else if (text_starts(&line, "aws_")) {
		err = take_profile(&made, rest);
	} else {
		err = take_lines(&made, rest);
	}
	if (!err && (!made.access_key || !made.secret_key))
		err = -EINVAL;
	if (!err) {
		*c = made;
		return 0;
	}
	s3_credentials_deinit(&made);
	if (err == -ENOMEM)
		return fail(-ENOMEM, "out of memory");
	return fail(-EINVAL,
		    "%s: it needs aws_access_key_id and aws_secret_access_key, once each, or two lines of them", name);
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void s3_credentials_deinit(struct s3_credentials *c)
{
	wipe(&c->access_key);
	wipe(&c->secret_key);
	wipe(&c->token);
}

/* ---- XML ---- */

static const struct {
	const char *name;
	char is;
} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' } };

static char take_char(struct text *t)
{
	char c = *t->at;

	for (size_t i = 0; c == '&' && i < sizeof(entities) / sizeof(*entities); i++)
		if (text_take(t, entities[i].name))
			return entities[i].is;
	t->at++;
	t->len--;
	return isprint((unsigned char)c) ? c : '?';
}

/* Just behind the first TAG of T. */
static bool find(struct text *t, const char *tag)
{
	for (; t->len; t->at++, t->len--)
		if (text_take(t, tag))
			return true;
	return false;
}

char *s3_element(const char *xml, size_t len, const char *name)
{
	struct text rest = text_of(xml, len), value, close;
	char opening[64], closing[64], *out;
	size_t n = 0;

	if (strlen(name) > sizeof(opening) - 4)
		return NULL;
	stpcpy(stpcpy(stpcpy(opening, "<"), name), ">");
	stpcpy(stpcpy(stpcpy(closing, "</"), name), ">");
	if (!find(&rest, opening))
		return NULL;
	value = close = rest;
	if (!find(&close, closing))
		return NULL;
	value.len = close.at - strlen(closing) - value.at;
	out = malloc(value.len + 1);
	if (!out)
		return NULL;
	while (value.len)
		out[n++] = take_char(&value);
	out[n] = 0;
	return out;
}

/* ---- names and sizes ---- */

int s3_url_parse(const char *url, char **bucket, char **prefix)
{
	const char *at = url, *slash, *stop;
	char *b, *p;

	if (!strncmp(at, "s3://", 5))
		at += 5;
	slash = strchrnul(at, '/');
	/* Names are made of small letters, digits, dots and hyphens ("Bucket naming rules"); old ones had more. */
	for (const char *c = at; c < slash; c++)
		if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && !strchr(".-_", *c)))
			return fail(-EINVAL, "%s: a bucket has no such name", url);
	if (slash == at)
		return fail(-EINVAL, "%s: the bucket's name is missing; s3://BUCKET/PREFIX", url);
	b = strndup(at, slash - at);
	while (*slash == '/')
		slash++;
	stop = slash + strlen(slash);
	while (stop > slash && stop[-1] == '/')
		stop--;
	p = strndup(slash, stop - slash);
	if (!b || !p) {
		free(b);
		free(p);
		return fail(-ENOMEM, "out of memory");
	}
	*bucket = b;
	*prefix = p;
	return 0;
}

uint64_t s3_part_bytes(unsigned int number)
{
	unsigned int step = (number - 1) / PARTS_PER_SIZE;

	/* Beyond the last part there is none, whatever its size. */
	return S3_PART_BYTES << (step < S3_PARTS_MAX / PARTS_PER_SIZE ? step : S3_PARTS_MAX / PARTS_PER_SIZE - 1);
}
