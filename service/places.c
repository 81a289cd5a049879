// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/places.h"

#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Undo the \ooo of proc(5), "mountinfo", in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to = (s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0');
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = 0;
}

/* What a link below the root leads to, whole; a copy of PATH when it is none. From malloc. */
static char *follow(const struct ctl *ctl, const char *path)
{
	char *now = strdup(path);

	for (int links = 0; now && links < 8; links++) {
		char *target, *slash, *next;

		if (root_link(&ctl->root, now + 1, &target)) {
			err_clear();
			break;
		}
		if (target[0] == '/') {
			next = target;
		} else {
			/*
			 * "../../vda1" of /dev/disk/by-uuid/X: folders are taken away by hand, as none of /dev is a
			 * link.
			 */
			char *rest = target;

			slash = strrchr(now, '/');
			*slash = 0;
			while (!strncmp(rest, "../", 3)) {
				rest += 3;
				slash = strrchr(now, '/');
				if (slash)
					*slash = 0;
			}
			if (asprintf(&next, "%s/%s", now, rest) < 0)
				next = NULL;
			free(target);
		}
		free(now);
		now = next;
	}
	return now;
}

/* What mountinfo has as the source of a mounted target. From malloc; NULL: no memory. */
static char *source_of(const struct ctl *ctl, const struct conf_target *t)
{
	static const struct {
		const char *tag, *folder;
	} tags[] = {
		{ "UUID=", "/dev/disk/by-uuid/" },
		{ "LABEL=", "/dev/disk/by-label/" },
		{ "PARTUUID=", "/dev/disk/by-partuuid/" },
	};
	char *path = NULL, *source;

	if (t->kind == CONF_NFS || (t->kind == CONF_FS && !strcmp(t->fstype, "virtiofs")))
		return strdup(t->where);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (!strncmp(t->where, tags[i].tag, strlen(tags[i].tag)) &&
		    asprintf(&path, "%s%s", tags[i].folder, t->where + strlen(tags[i].tag)) < 0)
			return NULL;
	source = follow(ctl, path ? path : t->where);
	free(path);
	return source;
}

/* ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS [FIELD]... - FSTYPE SOURCE OPTIONS. MOUNT and SOURCE from malloc. */
static bool mount_line(struct text line, struct text *root, char **mount, char **source)
{
	struct text field[3], word;

	for (int i = 0; i < 3; i++)
		text_until(&line, ' ');
	*root = text_until(&line, ' ');
	field[0] = text_until(&line, ' ');
	do {
		word = text_until(&line, ' ');
	} while (line.len && !text_is(&word, "-"));
	text_until(&line, ' ');
	field[1] = text_until(&line, ' ');
	if (!field[1].len)
		return false;
	*mount = strndup(field[0].at, field[0].len);
	*source = strndup(field[1].at, field[1].len);
	if (*mount && *source) {
		unescape(*mount);
		unescape(*source);
		return true;
	}
	free(*mount);
	free(*source);
	return false;
}

/* Where WANTED is mounted as a whole; NULL: nowhere. From malloc. The last one counts: it covers earlier ones. */
static char *mount_point(const struct ctl *ctl, const struct blob *mounts, const char *wanted)
{
	struct text rest = text_of((const char *)mounts->data, mounts->len), line, root;
	char *found = NULL, *mount, *source;

	while (text_line(&rest, &line)) {
		char *device;

		if (!mount_line(line, &root, &mount, &source))
			continue;
		device = source[0] == '/' ? follow(ctl, source) : strdup(source);
		if (device && !strcmp(device, wanted) && text_is(&root, "/")) {
			free(found);
			found = mount;
			mount = NULL;
		}
		free(mount);
		free(device);
		free(source);
	}
	return found;
}

static int add_place(struct places *p, const struct ctl *ctl, const struct conf_target *t, const char *mount,
		     const char *path)
{
	struct place *more = reallocarray(p->place, p->nr + 1, sizeof(*more));
	char *inside, *whole;

	if (!more)
		return fail(-ENOMEM, "no memory for the places of dumps");
	p->place = more;
	if (asprintf(&inside, "%s%s", strcmp(mount, "/") ? mount : "", path) < 0)
		return fail(-ENOMEM, "no memory for the places of dumps");
	whole = ctl_path(ctl, inside);
	free(inside);
	if (!whole)
		return -ENOMEM;
	/* The target that is the root itself, named by a line. */
	for (size_t i = 0; i < p->nr; i++)
		if (p->place[i].folder && !strcmp(p->place[i].folder, whole)) {
			free(whole);
			return 0;
		}
	p->place[p->nr++] = (struct place){ .target = t, .folder = whole };
	return 0;
}

static int add_unseen(struct places *p, const struct conf_target *t, const char *why)
{
	struct place *more = reallocarray(p->place, p->nr + 1, sizeof(*more));

	if (!more)
		return fail(-ENOMEM, "no memory for the places of dumps");
	p->place = more;
	p->place[p->nr++] = (struct place){ .target = t, .why = why };
	return 0;
}

static int add_target(struct places *p, const struct ctl *ctl, const struct conf *conf, const struct conf_target *t,
		      const struct blob *mounts)
{
	char *source, *mount;
	int err;

	switch (t->kind) {
	case CONF_LOCAL:
		return add_place(p, ctl, t, "/", conf->path);
	case CONF_RAW:
		return add_unseen(p, t, "\"kdump fetch\" takes a dump from a raw partition");
	case CONF_SSH:
	case CONF_HTTPS:
	case CONF_S3:
		return add_unseen(p, t, "dumps lie on the server");
	default:
		break;
	}
	source = source_of(ctl, t);
	if (!source)
		return fail(-ENOMEM, "no memory for the places of dumps");
	mount = mount_point(ctl, mounts, source);
	err = mount ? add_place(p, ctl, t, mount, conf->path) : add_unseen(p, t, "not mounted");
	free(source);
	free(mount);
	return err;
}

int places_read(struct places *p, const struct ctl *ctl, const struct conf *conf)
{
	struct places new = { 0 };
	struct blob mounts;
	int err;

	blob_init(&mounts);
	err = root_read(&ctl->root, "proc/self/mountinfo", ROOT_READ_MAX, &mounts);
	for (size_t i = 0; !err && i < conf->nr_targets; i++)
		err = add_target(&new, ctl, conf, &conf->target[i], &mounts);
	/* Dumps of before another target was named, and of dump_to_rootfs. */
	if (!err)
		err = add_place(&new, ctl, NULL, "/", conf->path);
	blob_deinit(&mounts);
	if (err)
		places_deinit(&new);
	else
		*p = new;
	return err;
}

bool place_is_shared(const struct place *p)
{
	return p->target && p->target->kind == CONF_NFS;
}

void places_deinit(struct places *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->place[i].folder);
	free(p->place);
	*p = (struct places){ 0 };
}
