// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/sftp.h"

#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Connecting for the first time: a link may come up late. */
#define FIRST_TRIES 3
/* A server that went away may come back for so many times the timeout: three minutes by default, as a reboot takes. */
#define RECOVERY_TIMEOUTS 6
#define PAUSE_MS_MIN 250
#define PAUSE_MS_MAX 10000
/* A disk with less is what "Failure" means. */
#define FULL_BYTES (256u << 10)

void sftp_progress(struct sftp *s)
{
	s->trouble_ms = 0;
	s->pause_ms = 0;
}

/* -EINTR: a signal came. */
static int pause_ms(struct sftp *s, uint64_t ms)
{
	uint64_t now = clock_now_ms(), left = s->t->deadline_ms > now ? s->t->deadline_ms - now : 0;

	if (poll(NULL, 0, ms < left ? ms : left) < 0 && errno == EINTR)
		return fail(-EINTR, "a signal asked to stop while the server was away");
	return 0;
}

/* Is what went wrong a matter of time? */
static bool may_pass(int err)
{
	return err != -EKEYREJECTED && err != -EACCES && err != -EPROTONOSUPPORT && err != -ENOENT && err != -ENOMEM;
}

static int connect_first(struct sftp *s)
{
	int err = 0;

	for (unsigned int i = 0; i < FIRST_TRIES; i++) {
		if (i) {
			debug("%s; trying again", err_text());
			err = pause_ms(s, i * 1000);
			if (err)
				return err;
		}
		err = sftp_link_open(&s->link);
		if (!err || !may_pass(err) || clock_now_ms() >= s->t->deadline_ms)
			return err;
	}
	return err;
}

static int give_up(struct sftp *s, int err, uint64_t since)
{
	s->gone = true;
	snprintf(s->why, sizeof(s->why), "%s; given up after %llu s", err_text(),
		 (unsigned long long)(clock_now_ms() - since) / 1000);
	return fail(err, "%s", s->why);
}

int sftp_recover(struct sftp *s)
{
	const uint64_t now = clock_now_ms();
	uint64_t limit;
	char why[1024];
	int err;

	if (s->gone)
		return fail(-ECONNRESET, "%s", s->why);
	if (!s->trouble_ms)
		s->trouble_ms = now;
	/* A place that never was one is not waited for as long as one that was: there may be others to try. */
	limit = s->trouble_ms + (s->opened ? RECOVERY_TIMEOUTS : 1) * s->t->timeout_ms;
	snprintf(why, sizeof(why), "%s", err_text());
	if (now >= s->t->deadline_ms || now >= limit)
		return give_up(s, -ECONNRESET, s->trouble_ms);
	warn("%s; connecting again", why);
	for (;;) {
		/* Also when every connection breaks at once. */
		err = s->pause_ms ? pause_ms(s, s->pause_ms) : 0;
		if (err)
			return err;
		s->pause_ms = s->pause_ms ? 2 * s->pause_ms : PAUSE_MS_MIN;
		s->pause_ms = s->pause_ms < PAUSE_MS_MAX ? s->pause_ms : PAUSE_MS_MAX;
		err = sftp_link_open(&s->link);
		if (!err && s->file)
			err = sftp_file_resume(s->file);
		if (!err)
			return 0;
		/* A server that starts may refuse what it will let in later; who is somebody else stays so. */
		if (err == -EKEYREJECTED || err == -ENOMEM || (s->link.up && err))
			return give_up(s, err, s->trouble_ms);
		debug("%s", err_text());
		if (clock_now_ms() + s->pause_ms >= limit || clock_now_ms() >= s->t->deadline_ms)
			return give_up(s, err, s->trouble_ms);
	}
}

/* As sftp_link_ask(), again after every recovery. Frees P. */
static int sftp_ask(struct sftp *s, struct sftp_builder *p, struct sftp_answer *a)
{
	int err = sftp_built(p);

	while (!err) {
		err = sftp_link_ask(&s->link, p, a);
		if (!err)
			break;
		err = sftp_recover(s);
	}
	sftp_builder_deinit(p);
	return err;
}

/* ---- what can be asked ---- */

char *sftp_path(const struct sftp *s, const char *name)
{
	const char *folder = s->place.path;
	char *path;

	if (asprintf(&path, "%s%s%s", folder, strcmp(folder, "/") ? "/" : "", name) >= 0)
		return path;
	fail(-ENOMEM, "out of memory");
	return NULL;
}

/* One request with a path. 0 and errors of the link; the server's word is in A. */
static int ask_path(struct sftp *s, uint8_t type, const char *path, struct sftp_answer *a)
{
	struct sftp_builder p;

	sftp_begin(&p, type, sftp_link_id(&s->link));
	sftp_add_string(&p, path);
	if (type == SFTP_MKDIR)
		sftp_add_mode(&p, 0700);
	return sftp_ask(s, &p, a);
}

/* What an answer that is to be a status, or of TYPE, comes to. */
static int answer_errno(struct sftp *s, const struct sftp_answer *a, uint8_t type)
{
	if (a->type == SFTP_STATUS && (a->status || type == SFTP_STATUS))
		return sftp_errno(a->status);
	if (a->type == type)
		return 0;
	return fail(-EPROTO, "%s: the server answers something else than what was asked", s->t->url);
}

int sftp_stat(struct sftp *s, const char *path, struct sftp_attrs *attrs, struct sftp_answer *a)
{
	int err = ask_path(s, SFTP_STAT, path, a);

	if (!err)
		err = answer_errno(s, a, SFTP_ATTRS);
	if (!err)
		*attrs = a->attrs;
	return err;
}

int sftp_remove(struct sftp *s, const char *path, struct sftp_answer *a)
{
	int err = ask_path(s, SFTP_REMOVE, path, a);

	return err ? err : answer_errno(s, a, SFTP_STATUS);
}

int sftp_open_file(struct sftp *s, const char *path, uint32_t flags, struct sftp_handle *h, struct sftp_answer *a)
{
	struct sftp_builder p;
	int err;

	sftp_begin(&p, SFTP_OPEN, sftp_link_id(&s->link));
	sftp_add_string(&p, path);
	sftp_add_u32(&p, flags);
	sftp_add_mode(&p, 0600);
	err = sftp_ask(s, &p, a);
	if (!err)
		err = answer_errno(s, a, SFTP_HANDLE);
	if (!err)
		*h = a->handle;
	return err;
}

static int rename_once(struct sftp *s, const char *old, const char *new, bool replace, struct sftp_answer *a)
{
	struct sftp_builder p;
	int err;

	sftp_begin(&p, replace ? SFTP_EXTENDED : SFTP_RENAME, sftp_link_id(&s->link));
	if (replace)
		sftp_add_string(&p, "posix-rename@openssh.com");
	sftp_add_string(&p, old);
	sftp_add_string(&p, new);
	err = sftp_ask(s, &p, a);
	return err ? err : answer_errno(s, a, SFTP_STATUS);
}

int sftp_rename(struct sftp *s, const char *old, const char *new, bool replace, struct sftp_answer *a)
{
	struct sftp_attrs attrs;
	struct sftp_answer other;
	int err;

	if (replace && !s->link.has_posix_rename) {
		err = sftp_remove(s, new, a);
		if (err && err != -ENOENT)
			return err;
		replace = false;
	}
	err = rename_once(s, old, new, replace, a);
	if (!err || s->gone)
		return err;
	/* Done before a connection broke that took the answer along? */
	if (sftp_stat(s, old, &attrs, &other) == -ENOENT && !sftp_stat(s, new, &attrs, &other))
		return 0;
	/* The protocol has no word for it. */
	return !replace && !sftp_stat(s, new, &attrs, &other) ? -EEXIST : err;
}

/* ---- how full it is, and why not ---- */

/* False: it does not tell. */
static bool ask_file_system(struct sftp *s, struct sftp_answer *a)
{
	struct sftp_builder p;

	if (!s->link.has_statvfs)
		return false;
	sftp_begin(&p, SFTP_EXTENDED, sftp_link_id(&s->link));
	sftp_add_string(&p, "statvfs@openssh.com");
	sftp_add_string(&p, s->place.path);
	if (sftp_ask(s, &p, a)) {
		debug("%s", err_text());
		return false;
	}
	return a->type == SFTP_EXTENDED_REPLY && a->nr_numbers == 11;
}

/* In the reply of statvfs@openssh.com. */
enum { VFS_FRSIZE = 1, VFS_BAVAIL = 4, VFS_FFREE = 6, VFS_FILES = 5, VFS_FLAG = 9 };

static uint64_t room_of(const struct sftp_answer *a)
{
	uint64_t bytes;

	return __builtin_mul_overflow(a->number[VFS_FRSIZE], a->number[VFS_BAVAIL], &bytes) ? UINT64_MAX : bytes;
}

uint64_t sftp_room(struct sftp *s)
{
	struct sftp_answer a;

	return ask_file_system(s, &a) ? room_of(&a) : UINT64_MAX;
}

int sftp_refused(struct sftp *s, const char *what, const char *path, const struct sftp_answer *a)
{
	const char *said = *a->message ? a->message : "nothing";
	struct sftp_answer vfs;

	if (a->type != SFTP_STATUS)
		return fail(-EPROTO, "%s: cannot %s %s: the server answers something else than what was asked",
			    s->t->url,
			    what, path);
	if (a->status == SFTP_PERMISSION_DENIED)
		return fail(-EACCES, "%s: cannot %s %s: the server does not permit it", s->t->url, what, path);
	if (a->status == SFTP_NO_SUCH_FILE)
		return fail(-ENOENT, "%s: cannot %s %s: the server has no such file or folder", s->t->url, what, path);
	/* The protocol has no code for a full disk. */
	if (a->status == SFTP_FAILURE && ask_file_system(s, &vfs)) {
		if (vfs.number[VFS_FLAG] & 1)
			return fail(-EROFS, "%s: cannot %s %s: the server's file system is read-only", s->t->url, what,
				    path);
		if (room_of(&vfs) < FULL_BYTES || (vfs.number[VFS_FILES] && !vfs.number[VFS_FFREE]))
			return fail(-ENOSPC, "%s: cannot %s %s: the server's file system is full", s->t->url, what,
				    path);
		return fail(-EIO, "%s: cannot %s %s: the server says \"%s\" and has room: a quota, a broken disk?",
			    s->t->url,
			    what, path, said);
	}
	return fail(-EIO, "%s: cannot %s %s: the server says \"%s\"", s->t->url, what, path, said);
}

/* ---- opening ---- */

static int make_folder(struct sftp *s, const char *path)
{
	struct sftp_attrs attrs;
	struct sftp_answer a, other;
	int err = ask_path(s, SFTP_MKDIR, path, &a);

	if (!err)
		err = answer_errno(s, &a, SFTP_STATUS);
	/* Another one may have been faster. */
	if (!err || (!s->gone && !sftp_stat(s, path, &attrs, &other)))
		return 0;
	return s->gone ? err : sftp_refused(s, "make the folder", path, &a);
}

/* PATH with all that is above it; what is there is not touched. */
static int make_folders(struct sftp *s)
{
	struct sftp_attrs attrs;
	struct sftp_answer a;
	char *path = strdup(s->place.path), *slash = path;
	int err = path ? sftp_stat(s, path, &attrs, &a) : fail(-ENOMEM, "out of memory");

	if (err && err != -ENOENT) {
		err = s->link.up ? sftp_refused(s, "look at", path, &a) : err;
		goto out;
	}
	if (!err) {
		if (attrs.has_mode && !S_ISDIR(attrs.mode))
			err = fail(-ENOTDIR, "%s: %s is there, but no folder", s->t->url, path);
		goto out;
	}
	for (err = 0; !err && slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = 0;
		err = sftp_stat(s, path, &attrs, &a);
		if (!err && attrs.has_mode && !S_ISDIR(attrs.mode))
			err = fail(-ENOTDIR, "%s: %s is there, but no folder", s->t->url, path);
		else if (err == -ENOENT)
			err = make_folder(s, path);
		else if (err && s->link.up)
			err = sftp_refused(s, "look at", path, &a);
		if (slash)
			*slash = '/';
	}
out:
	free(path);
	return err;
}

int sftp_session_open(struct sftp *s)
{
	int err;

	sftp_link_init(&s->link, s->t, &s->place);
	err = connect_first(s);
	return err ? err : make_folders(s);
}

void sftp_session_close(struct sftp *s)
{
	sftp_link_deinit(&s->link);
	sftp_place_deinit(&s->place);
}
