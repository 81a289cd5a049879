// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/cpio.h"

#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_LEN 110 /* "070701" and 13 fields of 8 hexadecimal digits */
#define TRAILER "TRAILER!!!"

/* Fields by their place behind the magic number. */
enum { INO, MODE, UID, GID, NLINK, MTIME, FILESIZE, DEVMAJOR, DEVMINOR, RDEVMAJOR, RDEVMINOR, NAMESIZE, CHECK,
	NR_FIELDS };

static int put_padding(struct blob *out, size_t start)
{
	return blob_zero(out, -(out->len - start) & 3);
}

static int put_member(struct blob *out, size_t start, const char *path, uint32_t ino, const struct tree_entry *e)
{
	uint32_t field[NR_FIELDS] = { [INO] = ino, [NLINK] = 1, [NAMESIZE] = (uint32_t)strlen(path) + 1 };
	char header[HEADER_LEN + 1] = "070701";
	int err;

	if (e) {
		field[MODE] = e->mode;
		field[NLINK] = S_ISDIR(e->mode) ? 2 : 1;
		if (e->content.len > UINT32_MAX)
			return fail(-EFBIG, "/%s: %zu bytes are more than an initramfs can hold", path, e->content.len);
		field[FILESIZE] = (uint32_t)e->content.len;
	}
	for (size_t i = 0; i < NR_FIELDS; i++)
		snprintf(header + 6 + 8 * i, 9, "%08" PRIX32, field[i]);
	err = blob_append(out, header, HEADER_LEN);
	if (!err)
		err = blob_append(out, path, field[NAMESIZE]);
	if (!err)
		err = put_padding(out, start);
	if (!err && field[FILESIZE])
		err = blob_append(out, e->content.data, e->content.len);
	return err ? err : put_padding(out, start);
}

int cpio_write(const struct tree *t, struct blob *out)
{
	size_t start = out->len;
	int err = 0;

	for (size_t i = 0; !err && i < t->nr; i++)
		err = put_member(out, start, t->entry[i].path, (uint32_t)i + 1, &t->entry[i]);
	return err ? err : put_member(out, start, TRAILER, 0, NULL);
}

bool cpio_is(const struct view *v, uint64_t off)
{
	return view_has(v, off, "070701", 6) || view_has(v, off, "070702", 6);
}

static bool hex_u32(const uint8_t *at, uint32_t *value)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 8; i++) {
		int digit = text_hex_digit((char)at[i]);

		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*value = v;
	return true;
}

static int damaged(const struct cursor *c, const char *what)
{
	return fail(-EINVAL, "%s is damaged: %s at byte %" PRIu64 " of the unpacked archive", c->view.name,
		    what, c->pos);
}

/* Is every name of PATH an ordinary one? "." alone is the root. */
static bool path_is_plain(const char *path)
{
	for (const char *name = path; name; name = strchr(name, '/')) {
		size_t n;

		name += strspn(name, "/");
		n = strcspn(name, "/");
		if ((n == 1 && name[0] == '.') || (n == 2 && !memcmp(name, "..", 2)))
			return false;
	}
	return true;
}

/* Put the member into T. What is there already under its name is replaced. */
static int take_member(struct tree *t, const char *path, uint32_t mode, const uint8_t *bytes, uint32_t len)
{
	struct tree_entry *old;

	path += !strncmp(path, "./", 2) ? 2 : 0;
	path += strspn(path, "/");
	if (!*path || !strcmp(path, "."))
		return 0;
	if (!path_is_plain(path))
		return fail(-EINVAL, "it has a member called \"%s\"", path);
	if (S_ISDIR(mode))
		return tree_add_dir(t, path, mode);
	old = (struct tree_entry *)tree_find(t, path);
	if (old && !S_ISDIR(old->mode)) {
		blob_deinit(&old->content);
		old->mode = S_ISLNK(mode) ? mode : S_IFREG | (mode & 07777);
		return blob_append(&old->content, bytes, len);
	}
	return tree_add_bytes(t, path, mode, bytes, len, NULL);
}

/* 1: a member was taken; 0: the trailer was. */
static int read_member(struct cursor *c, uint64_t start, struct tree *t)
{
	const uint8_t *header = cursor_bytes(c, HEADER_LEN);
	uint32_t field[NR_FIELDS];
	const char *path;
	const uint8_t *bytes;
	uint64_t padding;
	int err;

	if (!header)
		return damaged(c, "a member's header is cut off");
	if (memcmp(header, "070701", 6) && memcmp(header, "070702", 6))
		return damaged(c, "no member of a cpio archive");
	for (size_t i = 0; i < NR_FIELDS; i++)
		if (!hex_u32(header + 6 + 8 * i, &field[i]))
			return damaged(c, "a member's header that holds no numbers");
	if (!field[NAMESIZE] || field[NAMESIZE] > PATH_MAX)
		return damaged(c, "a member's name that is too long or empty");
	path = (const char *)cursor_bytes(c, field[NAMESIZE]);
	if (!path || path[field[NAMESIZE] - 1])
		return damaged(c, "a member's name is cut off");
	cursor_skip(c, -(c->pos - start) & 3);
	bytes = cursor_bytes(c, field[FILESIZE]);
	if (c->bad || (!bytes && field[FILESIZE]))
		return damaged(c, "a member's contents are cut off");
	/* The last padding may be missing: nothing needs it. */
	padding = -(c->pos - start) & 3;
	cursor_skip(c, padding < cursor_left(c) ? padding : cursor_left(c));
	if (!strcmp(path, TRAILER))
		return 0;
	err = take_member(t, path, field[MODE], bytes, field[FILESIZE]);
	return err ? fail_ctx(err, "%s", c->view.name) : 1;
}

int cpio_read(struct cursor *c, struct tree *t)
{
	uint64_t start = c->pos;
	int more;

	do
		more = read_member(c, start, t);
	while (more > 0);
	return more;
}
