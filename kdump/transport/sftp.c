// SPDX-License-Identifier: GPL-2.0-or-later
/* sftp://USER@HOST/FOLDER as a place for dumps. */
#include "kdump/transport/sftp.h"

#include "kdump/transport/sftp_file.h"
#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reading back may take as long as writing did, or so long when that was short. */
#define VERIFY_MS_MIN 30000

static struct sftp *session(const struct transport *t)
{
	return t->state;
}

/* ---- small files ---- */

/* One request about the open file H, over this connection only. Errors of the link; what the server answers is in A. */
static int ask_about(struct sftp *s, uint8_t type, const char *extension, const struct sftp_handle *h,
		     struct sftp_answer *a)
{
	struct sftp_builder p;
	int err;

	sftp_begin(&p, type, sftp_link_id(&s->link));
	if (extension)
		sftp_add_string(&p, extension);
	sftp_add_bytes(&p, h->bytes, h->len);
	err = sftp_link_ask(&s->link, &p, a);
	sftp_builder_deinit(&p);
	return err;
}

static int write_part(struct sftp *s, const struct sftp_handle *h, uint64_t off, const void *bytes, size_t len,
		      struct sftp_answer *a)
{
	struct sftp_builder p;
	int err;

	sftp_begin(&p, SFTP_WRITE, sftp_link_id(&s->link));
	sftp_add_bytes(&p, h->bytes, h->len);
	sftp_add_u64(&p, off);
	sftp_add_bytes(&p, bytes, len);
	err = sftp_link_ask(&s->link, &p, a);
	sftp_builder_deinit(&p);
	return err;
}

/* The contents, over this connection: an error of the link, or 0 with the first refusal in A. */
static int write_small(struct sftp *s, const struct sftp_handle *h, const uint8_t *bytes, size_t len,
		       struct sftp_answer *a)
{
	struct sftp_answer closed;
	int err = 0;

	*a = (struct sftp_answer){ .type = SFTP_STATUS };
	for (size_t off = 0; !err && !a->status && off < len;) {
		size_t part = len - off < SFTP_DATA_BYTES ? len - off : SFTP_DATA_BYTES;

		err = write_part(s, h, off, bytes + off, part, a);
		off += part;
	}
	if (!err && !a->status && s->link.has_fsync)
		err = ask_about(s, SFTP_EXTENDED, "fsync@openssh.com", h, a);
	return err ? err : ask_about(s, SFTP_CLOSE, NULL, h, &closed);
}

/* A file of LEN bytes is no longer than that. */
static int cut_small(struct sftp *s, const struct sftp_handle *h, size_t len, struct sftp_answer *a)
{
	struct sftp_builder p;
	int err;

	sftp_begin(&p, SFTP_FSETSTAT, sftp_link_id(&s->link));
	sftp_add_bytes(&p, h->bytes, h->len);
	sftp_add_u32(&p, 1); /* SSH_FILEXFER_ATTR_SIZE */
	sftp_add_u64(&p, len);
	err = sftp_link_ask(&s->link, &p, a);
	sftp_builder_deinit(&p);
	return err;
}

/* The dump has filled the disk: the blocks that the old text has take the new one. 0: they did. */
static int rewrite(struct sftp *s, const char *path, const void *bytes, size_t len)
{
	struct sftp_handle h;
	struct sftp_answer a, cut = { 0 };

	if (sftp_open_file(s, path, SFTP_OPEN_WRITE, &h, &a))
		return -ENOSPC;
	if (cut_small(s, &h, len, &cut) || write_small(s, &h, bytes, len, &a) || a.type != SFTP_STATUS)
		return -ENOSPC;
	return a.status || cut.status ? -ENOSPC : 0;
}

/* WHAT cannot be done with TEMPORARY, but perhaps without it. */
static int put_refused(struct sftp *s, const char *what, const char *path, const char *temporary,
		       const struct view *text,
		       const struct sftp_answer *a)
{
	int err = sftp_refused(s, what, temporary, a);
	struct sftp_answer removed;
	char why[512];

	snprintf(why, sizeof(why), "%s", err_text());
	/* The little that it has may be what the next file needs. */
	if (s->link.up)
		sftp_remove(s, temporary, &removed);
	if (err == -ENOSPC && s->link.up && !rewrite(s, path, text->base, text->len))
		return 0;
	return fail(err, "%s", why);
}

static int put_at(struct sftp *s, const char *path, const char *temporary, const void *bytes, size_t len)
{
	struct view text = view_of(bytes, len, path);
	struct sftp_handle h;
	struct sftp_answer a;
	int err;

	for (;;) {
		err = sftp_open_file(s, temporary, SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_TRUNCATE, &h, &a);
		if (err)
			return s->link.up ? put_refused(s, "create", path, temporary, &text, &a) : err;
		err = write_small(s, &h, bytes, len, &a);
		if (!err)
			break;
		err = sftp_recover(s);
		if (err)
			return err;
	}
	if (a.status || a.type != SFTP_STATUS)
		return put_refused(s, "write", path, temporary, &text, &a);
	err = sftp_rename(s, temporary, path, true, &a);
	if (err)
		return s->link.up ? sftp_refused(s, "rename a file to", path, &a) : err;
	sftp_progress(s);
	return 0;
}

static int put(struct transport *t, const char *name, const void *bytes, size_t len)
{
	struct sftp *s = session(t);
	char *path = sftp_path(s, name), *hidden = NULL, *temporary = NULL;
	int err = path && asprintf(&hidden, ".%s.writing", name) >= 0 ? 0 : fail(-ENOMEM, "out of memory");

	if (!err) {
		temporary = sftp_path(s, hidden);
		err = temporary ? put_at(s, path, temporary, bytes, len) : -ENOMEM;
	}
	free(path);
	free(hidden);
	free(temporary);
	return err;
}

static int remove_name(struct transport *t, const char *name)
{
	struct sftp *s = session(t);
	struct sftp_answer a;
	char *path = sftp_path(s, name);
	int err = path ? sftp_remove(s, path, &a) : -ENOMEM;

	if (path && err && s->link.up)
		err = sftp_refused(s, "remove", path, &a);
	free(path);
	return err;
}

static int is_free(struct transport *t, const char *name)
{
	struct sftp *s = session(t);
	struct sftp_attrs attrs;
	struct sftp_answer a;
	char *path = sftp_path(s, name);
	int err = path ? sftp_stat(s, path, &attrs, &a) : -ENOMEM;

	if (!err)
		err = fail(-EEXIST, "%s/%s: exists; --force replaces it", t->url, name);
	else if (err == -ENOENT)
		err = 0;
	else if (path && s->link.up)
		err = sftp_refused(s, "look at", path, &a);
	free(path);
	return err;
}

/* ---- the dump ---- */

static int write_sink(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	return sftp_file_write(s->remote, off, buf, len);
}

static int read_sink(struct sink *s, uint64_t off, void *buf, size_t len)
{
	return sftp_file_read(s->remote, off, buf, len);
}

static int allocate_sink(struct sink *s, uint64_t off, uint64_t len)
{
	return sftp_file_allocate(s->remote, off, len);
}

static int sync_sink(struct sink *s)
{
	return sftp_file_sync(s->remote);
}

/* Read back what is there, for as long as it took to write it, but not all of the time that is left. */
static int verify_file(struct sink *sink, struct sftp_file *f)
{
	struct transport *t = f->s->t;
	uint64_t now = clock_now_ms(), took = now - f->begun_ms,
		left = t->deadline_ms > now ? t->deadline_ms - now : 0;
	uint64_t budget = took > VERIFY_MS_MIN ? took : VERIFY_MS_MIN;
	int err;

	if (budget > left / 2)
		budget = left / 2;
	err = sftp_digests_verify(&f->digests, f, now + budget, &sink->verified);
	debug("%s: on disk after %llu ms; then %llu bytes were read back in %llu ms; %llu bytes were written anew",
	      f->path,
	      (unsigned long long)took, (unsigned long long)sink->verified,
	      (unsigned long long)(clock_now_ms() - now), (unsigned long long)f->rewritten);
	return err ? fail_ctx(err, "%s", t->url) : 0;
}

/* PATH + SUFFIX, from the second name on with "-NUMBER" behind it. Heap. */
static char *name_try(const char *path, const char *suffix, unsigned int number)
{
	char *name;
	int len = number < 2 ? asprintf(&name, "%s%s", path, suffix) : asprintf(&name, "%s%s-%u", path, suffix, number);

	return len < 0 ? NULL : name;
}

/* The file gets its name; *NAME is that, on the server. */
static int rename_file(struct sftp_file *f, bool own_name, char **name)
{
	struct sftp *s = f->s;
	int err = -EEXIST;

	for (unsigned int number = 1; err == -EEXIST && number <= SFTP_NAMES_MAX; number++) {
		char *new = name_try(f->name, own_name ? "" : "-incomplete", number);
		struct sftp_answer a;

		if (!new)
			return fail(-ENOMEM, "out of memory");
		err = sftp_rename(s, f->path, new, own_name && f->force, &a);
		if (!err) {
			*name = new;
			return 0;
		}
		if (err != -EEXIST && s->link.up)
			err = sftp_refused(s, "rename the dump to", new, &a);
		free(new);
		if (own_name && err == -EEXIST)
			return fail(-EEXIST, "%s: %s exists; --force replaces it", s->t->url, f->name);
	}
	return err;
}

/* What the last name leads to has the size of what was written. */
static int check_size(struct sftp_file *f, const char *name)
{
	struct sftp_attrs attrs = { 0 };
	struct sftp_answer a;
	int err = sftp_stat(f->s, name, &attrs, &a);

	if (err)
		return f->s->link.up ? sftp_refused(f->s, "look at", name, &a) : err;
	if (attrs.has_size && attrs.size != f->size)
		return fail(-EBADMSG, "%s: %s has %llu bytes on the server, not %llu", f->s->t->url, name,
			    (unsigned long long)attrs.size, (unsigned long long)f->size);
	return 0;
}

static int finish_sink(struct sink *sink, bool complete)
{
	struct sftp_file *f = sink->remote;
	int err = sftp_file_sync(f);
	char *name = NULL, *url;

	if (!err && complete)
		err = verify_file(sink, f);
	/* What is not complete gets its name even when the disk refuses to say that all is well. */
	if (err && (complete || f->s->gone))
		return fail_ctx(err, "the dump stays in %s", f->path);
	sftp_file_forget(f);
	err = rename_file(f, complete || sink->same_name, &name);
	if (err)
		return fail_ctx(err, "the dump stays in %s", f->path);
	if (complete)
		err = check_size(f, name);
	if (asprintf(&url, "%s%s", f->s->t->url, strrchr(name, '/')) >= 0) {
		free(sink->path);
		sink->path = url;
	}
	free(f->path);
	f->path = name;
	sftp_progress(f->s);
	return err;
}

static void discard_sink(struct sink *sink)
{
	struct sftp_file *f = sink->remote;
	struct sftp_answer a;

	sftp_file_forget(f);
	if (f->s->link.up && sftp_remove(f->s, f->path, &a))
		warn("%s: cannot remove %s", f->s->t->url, f->path);
}

static void deinit_sink(struct sink *sink)
{
	sftp_file_close(sink->remote);
}

const struct sink_ops sftp_sink_ops = {
	.seekable = true,
	.write = write_sink,
	.read = read_sink,
	.allocate = allocate_sink,
	.sync = sync_sink,
	.finish = finish_sink,
	.discard = discard_sink,
	.deinit = deinit_sink,
};

static int open_sink(struct transport *t, const char *name, enum sink_form form, bool force, struct sink *sink)
{
	struct sftp_file *f;
	char *url;
	int err = sftp_file_open(session(t), name, force, &f);

	if (err)
		return err;
	if (asprintf(&url, "%s/%s", t->url, name) < 0) {
		sftp_file_close(f);
		return fail(-ENOMEM, "out of memory");
	}
	err = sink_attach(sink, &sftp_sink_ops, f, url, form);
	free(url);
	return err;
}

/* ---- the place ---- */

static int open_place(struct transport *t)
{
	static const char name[] = ".kdump-probe", text[] = "Is this folder one that can be written to?\n";
	struct sftp *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return fail(-ENOMEM, "out of memory");
	t->state = s;
	s->t = t;
	err = sftp_place_parse(&s->place, t->conf, t->url);
	if (!err)
		err = sftp_session_open(s);
	/* Before the time that it takes to look at a machine's memory. */
	if (!err)
		err = put(t, name, text, strlen(text));
	if (!err)
		err = remove_name(t, name);
	s->opened = !err;
	return err;
}

static uint64_t room(struct transport *t)
{
	return sftp_room(session(t));
}

static void close_place(struct transport *t)
{
	struct sftp *s = session(t);

	if (s)
		sftp_session_close(s);
	free(s);
	t->state = NULL;
}

const struct transport_ops transport_sftp = {
	.scheme = "sftp://",
	.built_in = true,
	.open = open_place,
	.put = put,
	.remove = remove_name,
	.is_free = is_free,
	.sink_open = open_sink,
	.room = room,
	.close = close_place,
	.random_access = true,
};
