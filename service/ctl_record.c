// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/ctl.h"

#include "lib/err.h"
#include "lib/file.h"
#include "lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX (1u << 20)

void record_init(struct record *r)
{
	*r = (struct record){ 0 };
}

void record_deinit(struct record *r)
{
	for (size_t i = 0; i < r->nr; i++) {
		free(r->entry[i].key);
		free(r->entry[i].value);
	}
	free(r->entry);
	record_init(r);
}

static struct record_entry *find(const struct record *r, const char *key)
{
	for (size_t i = 0; i < r->nr; i++)
		if (!strcmp(r->entry[i].key, key))
			return &r->entry[i];
	return NULL;
}

/* Takes VALUE over. */
static int set(struct record *r, const char *key, char *value)
{
	struct record_entry *entry = find(r, key), *more;
	char *copy;

	if (!value)
		return fail(-ENOMEM, "no memory for a record");
	if (entry) {
		free(entry->value);
		entry->value = value;
		return 0;
	}
	copy = strdup(key);
	more = copy ? reallocarray(r->entry, r->nr + 1, sizeof(*more)) : NULL;
	if (!more) {
		free(copy);
		free(value);
		return fail(-ENOMEM, "no memory for a record");
	}
	r->entry = more;
	more[r->nr++] = (struct record_entry){ copy, value };
	return 0;
}

int record_set(struct record *r, const char *key, const char *fmt, ...)
{
	char *value;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&value, fmt, args);
	va_end(args);
	if (n < 0)
		return fail(-ENOMEM, "no memory for a record");
	for (char *c = value; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	return set(r, key, value);
}

int record_parse(struct record *r, const char *text, size_t len)
{
	struct text rest = text_of(text, len), line;

	while (text_line(&rest, &line)) {
		struct text key = text_until(&line, ' ');
		char *name;
		int err;

		if (!key.len || memchr(key.at, '\0', key.len) || memchr(line.at, '\0', line.len))
			continue;
		name = strndup(key.at, key.len);
		if (name)
			err = set(r, name, line.len ? strndup(line.at, line.len) : strdup(""));
		else
			err = fail(-ENOMEM, "no memory for a record");
		free(name);
		if (err)
			return err;
	}
	return 0;
}

int record_read(struct record *r, const struct ctl *ctl, const char *path)
{
	struct blob text;
	int err;

	record_deinit(r);
	blob_init(&text);
	err = root_read(&ctl->root, path + 1, RECORD_MAX, &text);
	if (!err)
		err = record_parse(r, (const char *)text.data, text.len);
	blob_deinit(&text);
	return err;
}

int record_write(const struct record *r, const struct ctl *ctl, const char *path)
{
	char *whole = ctl_path(ctl, path);
	struct blob text;
	int err = whole ? 0 : -ENOMEM;

	blob_init(&text);
	for (size_t i = 0; !err && i < r->nr; i++) {
		char *line;

		if (asprintf(&line, "%s %s\n", r->entry[i].key, r->entry[i].value) < 0) {
			err = fail(-ENOMEM, "no memory for a record");
			break;
		}
		err = blob_append(&text, line, strlen(line));
		free(line);
	}
	if (!err)
		err = ctl_state_dir(ctl);
	if (!err)
		err = file_replace(whole, text.data, text.len, 0600);
	blob_deinit(&text);
	free(whole);
	return err;
}

const char *record_get(const struct record *r, const char *key)
{
	const struct record_entry *entry = find(r, key);

	return entry ? entry->value : "";
}

uint64_t record_u64(const struct record *r, const char *key)
{
	struct text t = text_of_string(record_get(r, key));
	uint64_t value;

	return text_u64(&t, 10, &value) && !t.len ? value : 0;
}
