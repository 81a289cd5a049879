// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/mounts.h"

#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blanks, tabs, newlines and backslashes stand there as \ooo. */
static char *decoded(struct text word)
{
	char *out = malloc(word.len + 1), *at = out;

	for (size_t i = 0; out && i < word.len; i++) {
		const char *c = word.at + i;

		if (*c == '\\' && word.len - i > 3 && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' &&
		    c[3] >= '0' && c[3] <= '7') {
			*at++ = (char)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
			i += 3;
		} else {
			*at++ = *c;
		}
	}
	if (out)
		*at = 0;
	return out;
}

static void mount_deinit(struct mount *m)
{
	free(m->number);
	free(m->subtree);
	free(m->point);
	free(m->fstype);
	free(m->source);
	free(m->options);
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD]... - FSTYPE SOURCE OPTIONS" */
static int parse_line(struct mount *m, struct text line)
{
	struct text word[6], field, tail[3];
	size_t i;

	for (i = 0; i < 6; i++)
		word[i] = text_until(&line, ' ');
	do
		field = text_until(&line, ' ');
	while (field.len && !text_is(&field, "-"));
	if (!text_is(&field, "-"))
		return -EINVAL;
	for (i = 0; i < 3; i++)
		tail[i] = text_until(&line, ' ');
	if (!word[2].len || !word[3].len || !word[4].len || word[4].at[0] != '/' || !tail[0].len)
		return -EINVAL;
	*m = (struct mount){
		.number = decoded(word[2]), .subtree = decoded(word[3]), .point = decoded(word[4]),
		.fstype = decoded(tail[0]), .source = decoded(tail[1]), .options = decoded(tail[2]),
	};
	if (m->number && m->subtree && m->point && m->fstype && m->source && m->options)
		return 0;
	mount_deinit(m);
	return -ENOMEM;
}

int mounts_init(struct mounts *m, const struct root *root)
{
	struct mounts read = { 0 };
	struct text t, line;
	struct blob text;
	int err;

	*m = read;
	blob_init(&text);
	err = root_read(root, "proc/self/mountinfo", ROOT_READ_MAX, &text);
	t = text_of((const char *)text.data, text.len);
	while (!err && text_line(&t, &line)) {
		struct mount *more = reallocarray(read.mount, read.nr + 1, sizeof(*more));

		if (!more) {
			err = fail(-ENOMEM, "out of memory");
			break;
		}
		read.mount = more;
		err = parse_line(&more[read.nr], line);
		if (err)
			err = fail(err, "/proc/self/mountinfo: line %zu is no mount", read.nr + 1);
		else
			read.nr++;
	}
	blob_deinit(&text);
	if (err)
		mounts_deinit(&read);
	else
		*m = read;
	return err;
}

void mounts_deinit(struct mounts *m)
{
	for (size_t i = 0; i < m->nr; i++)
		mount_deinit(&m->mount[i]);
	free(m->mount);
	*m = (struct mounts){ 0 };
}

/* What is left of PATH below POINT ("" or "/..."); NULL: it is not below it. */
static const char *rest_below(const char *path, const char *point)
{
	size_t n = strlen(point);

	if (!strcmp(point, "/"))
		return strcmp(path, "/") ? path : "";
	if (strncmp(path, point, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

int mounts_find(const struct mounts *m, const char *path, const struct mount **found, char **below)
{
	const struct mount *best = NULL;
	const char *rest = NULL;

	/* The longest; of several in one place the last hides the others. */
	for (size_t i = 0; i < m->nr; i++) {
		const char *left = rest_below(path, m->mount[i].point);

		if (left && (!best || strlen(m->mount[i].point) >= strlen(best->point))) {
			best = &m->mount[i];
			rest = left;
		}
	}
	if (!best)
		return fail(-ENOENT, "%s lies on no file system of /proc/self/mountinfo", path);
	if (asprintf(below, "%s%s", strcmp(best->subtree, "/") ? best->subtree : *rest ? "" : "/", rest) < 0)
		return fail(-ENOMEM, "out of memory");
	*found = best;
	return 0;
}
