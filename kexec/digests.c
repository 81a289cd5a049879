// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/digests.h"

#include "lib/blob.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_LINE "digests 1"
#define DIGITS (2 * SHA256_BYTES)

/*
 * Clocks of file systems tick each 10 ms at worst, some (FAT) each 2 s: a file that was changed so recently may change
 * again and keep its times.
 */
#define SETTLED_NS (3ull * 1000000000)

static bool parse_digest(struct text *t, uint8_t digest[SHA256_BYTES])
{
	if (t->len != DIGITS)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = text_hex_digit(t->at[2 * i]), low = text_hex_digit(t->at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = high << 4 | low;
	}
	return true;
}

static bool parse_line(struct text *line, struct digest_entry *e)
{
	uint64_t *number[] = { &e->file.dev,      &e->file.ino, &e->file.size, &e->file.mtime_ns,
			       &e->file.ctime_ns, &e->off,      &e->len };

	for (size_t i = 0; i < sizeof(number) / sizeof(*number); i++)
		if (!text_u64(line, 10, number[i]) || text_blanks(line) != 1)
			return false;
	e->file.known = true;
	return e->off <= e->file.size && e->len <= e->file.size - e->off && parse_digest(line, e->digest);
}

static int add(struct digests *d, const struct digest_entry *e)
{
	struct digest_entry *entry = reallocarray(d->entry, d->nr + 1, sizeof(*entry));

	if (!entry)
		return fail(-ENOMEM, "out of memory");
	d->entry = entry;
	entry[d->nr++] = *e;
	return 0;
}

static int parse(struct digests *d, const struct view *view)
{
	struct text rest = text_of((const char *)view->base, view->len), line;

	if (!text_line(&rest, &line) || !text_is(&line, FIRST_LINE))
		return fail(-EINVAL, "it does not begin with \"" FIRST_LINE "\"");
	for (unsigned int number = 2; text_line(&rest, &line); number++) {
		struct digest_entry e = { .used = false };
		int err = parse_line(&line, &e) ? add(d, &e) : fail(-EINVAL, "line %u is damaged", number);

		if (err)
			return err;
	}
	return 0;
}

/* Who can write to it can make us load what does not fit its digest. */
static int check_owner(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return fail_sys(-errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
		return fail(-EPERM, "%s: others may write to it, or it is not a file", path);
	return 0;
}

static int read_file(struct digests *d)
{
	struct file file;
	int err = check_owner(d->path);

	if (!err)
		err = file_open(&file, d->path);
	if (err)
		return err;
	err = parse(d, &file.view);
	file_close(&file);
	return err ? fail_ctx(err, "%s", d->path) : 0;
}

int digests_read(struct digests *d, const char *path)
{
	int err;

	*d = (struct digests){ .path = strdup(path) };
	if (!d->path)
		return fail(-ENOMEM, "out of memory");
	err = read_file(d);
	if (!err)
		return 0;
	free(d->entry);
	d->entry = NULL;
	d->nr = 0;
	if (err == -ENOMEM) {
		digests_deinit(d);
		return err;
	}
	if (err != -ENOENT)
		warn("%s; it is made anew", err_text());
	err_clear();
	return 0;
}

void digests_deinit(struct digests *d)
{
	free(d->path);
	free(d->entry);
	*d = (struct digests){ 0 };
}

static struct digest_entry *find(struct digests *d, const struct file_identity *id, uint64_t off, uint64_t len)
{
	for (size_t i = 0; i < d->nr; i++)
		if (file_same(&d->entry[i].file, id) && d->entry[i].off == off && d->entry[i].len == len)
			return &d->entry[i];
	return NULL;
}

static bool settled(const struct file_identity *id)
{
	struct timespec t;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &t);
	now = t.tv_sec * 1000000000ull + t.tv_nsec;
	return id->known && id->ctime_ns < now && now - id->ctime_ns > SETTLED_NS && id->mtime_ns < now &&
	       now - id->mtime_ns > SETTLED_NS;
}

int digests_get(struct digests *d, const struct file *file, uint64_t off, uint64_t len, uint8_t digest[SHA256_BYTES])
{
	struct digest_entry e = { .file = file->identity, .off = off, .len = len, .used = true };
	struct digest_entry *known = find(d, &e.file, off, len);

	if (known) {
		debug("%s: its digest is remembered", file->path);
		known->used = true;
		memcpy(digest, known->digest, SHA256_BYTES);
		return 0;
	}
	sha256_of((const uint8_t *)file->map + off, len, e.digest);
	memcpy(digest, e.digest, SHA256_BYTES);
	return settled(&e.file) ? add(d, &e) : 0;
}

static int print(struct blob *text, const struct digest_entry *e)
{
	char line[8 * 21 + DIGITS + 2];
	int n = snprintf(line, sizeof(line),
			 "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ",
			 e->file.dev, e->file.ino, e->file.size, e->file.mtime_ns, e->file.ctime_ns, e->off, e->len);

	text_hex(e->digest, SHA256_BYTES, line + n);
	n += DIGITS;
	line[n++] = '\n';
	return blob_append(text, line, n);
}

void digests_write(const struct digests *d)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = blob_append(&text, FIRST_LINE "\n", strlen(FIRST_LINE) + 1);
	for (size_t i = 0; !err && i < d->nr; i++)
		if (d->entry[i].used)
			err = print(&text, &d->entry[i]);
	if (!err)
		err = file_replace(d->path, text.data, text.len, 0600);
	if (err) {
		warn("digests are not remembered: %s", err_text());
		err_clear();
	}
	blob_deinit(&text);
}
