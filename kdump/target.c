// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/target.h"

#include "kdump/dmesg.h"
#include "lib/err.h"
#include "lib/file.h"
#include "service/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The table of all classes has some 2,000. */
#define NOTE_BYTES_MAX 8192

static const char *dump_name(const struct target *t)
{
	if (t->encrypted)
		return "vmcore.flat" CRYPT_SUFFIX;
	return t->stream ? "vmcore.flat" : "vmcore";
}

static int open_remote(struct target *t, const char *url, const struct target_options *o)
{
	int err = transport_open(&t->remote, o->conf, url, o->timeout_ms, o->deadline_ms);

	if (err)
		return err;
	t->stream = o->flattened || !t->remote.ops->random_access || (o->elf && t->remote.ops->tables_only);
	t->dump_name = dump_name(t);
	return asprintf(&t->dump_path, "%s/%s", t->remote.url, t->dump_name) < 0 ? -ENOMEM : 0;
}

static int open_directory(struct target *t, const char *path)
{
	t->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dirfd < 0)
		return fail_sys(-errno, "cannot open the directory %s", path);
	t->dump_name = dump_name(t);
	return asprintf(&t->dump_path, "%s/%s", path, t->dump_name) < 0 ? -ENOMEM : 0;
}

/* The key, and names that say that it was used. */
static int open_names(struct target *t, const struct target_options *o)
{
	const char *log = o->log_name ? o->log_name : TARGET_LOG_NAME;

	if (o->conf && o->conf->encrypt) {
		int err = crypt_public_parse(o->conf->encrypt, t->public_key);

		if (err)
			return err;
		t->encrypted = true;
	}
	if (asprintf(&t->log_name, "%s%s", log, t->encrypted ? CRYPT_SUFFIX : "") < 0) {
		t->log_name = NULL; /* asprintf() leaves it undefined */
		return fail(-ENOMEM, "out of memory");
	}
	return 0;
}

int target_open(struct target *t, const char *path, const struct target_options *o)
{
	struct stat st;
	int err;

	*t = (struct target){ .dirfd = -1 };
	err = open_names(t, o);
	if (err)
		return err;
	if (transport_is_url(path)) {
		err = open_remote(t, path, o);
	} else if (!strcmp(path, "-") || stat(path, &st) || !S_ISDIR(st.st_mode)) {
		t->dump_path = strdup(path);
		err = t->dump_path ? 0 : -ENOMEM;
	} else {
		err = open_directory(t, path);
	}
	if (!err)
		return 0;
	if (err == -ENOMEM) {
		t->dump_path = NULL; /* asprintf() leaves it undefined */
		fail(-ENOMEM, "out of memory");
	}
	target_close(t);
	return err;
}

void target_close(struct target *t)
{
	if (t->dirfd >= 0)
		close(t->dirfd);
	transport_close(&t->remote);
	free(t->dump_path);
	free(t->log_name);
	*t = (struct target){ .dirfd = -1 };
}

bool target_is_folder(const struct target *t)
{
	return t->dirfd >= 0 || t->remote.ops;
}

/* Encryption takes a stream and gives one. */
static int encrypted_open(struct target *t, struct sink *s, bool force)
{
	struct transport *r = &t->remote;
	struct sink below = SINK_INIT;
	int err;

	if (!strcmp(t->dump_path, "-"))
		return fail(-EINVAL, "standard output: what is encrypted needs a file, a folder or a URL");
	err = r->ops ? r->ops->sink_open(r, t->dump_name, SINK_RAW, force, &below)
		     : sink_open(&below, t->dump_path, false, force);
	if (err)
		return err;
	/* A pipe. */
	if (below.flattened) {
		sink_deinit(&below);
		return fail(-EINVAL, "%s: what is encrypted needs a file, a folder or a URL", t->dump_path);
	}
	return crypt_sink_open(s, t->public_key, &below, SINK_FLATTENED);
}

int target_sink_open(struct target *t, struct sink *s, bool flattened, bool force)
{
	struct transport *r = &t->remote;

	if (t->encrypted)
		return encrypted_open(t, s, force);
	if (!r->ops)
		return sink_open(s, t->dump_path, flattened, force);
	return r->ops->sink_open(r, t->dump_name, t->stream || flattened ? SINK_FLATTENED : SINK_PLAIN, force, s);
}

bool target_make_stream(struct target *t)
{
	char *path;

	if (!t->remote.ops || t->stream || t->encrypted)
		return false;
	if (asprintf(&path, "%s/vmcore.flat", t->remote.url) < 0)
		return false;
	free(t->dump_path);
	t->dump_path = path;
	t->stream = true;
	t->dump_name = dump_name(t);
	return true;
}

int target_verify(struct target *t, const struct sink *s)
{
	if (!t->remote.ops || !t->remote.ops->verify)
		return 0;
	return t->remote.ops->verify(&t->remote, t->encrypted ? crypt_sink_below(s) : s);
}

static int is_free(const char *path)
{
	struct stat st, out;

	if (!strcmp(path, "-") || stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	/* /dev/stdout */
	if (!fstat(STDOUT_FILENO, &out) && st.st_dev == out.st_dev && st.st_ino == out.st_ino)
		return 0;
	return fail(-EEXIST, "%s: exists; --force replaces it", path);
}

int target_is_free(struct target *t, char *const *files, unsigned int nr_files)
{
	struct transport *r = &t->remote;
	int err = r->ops ? 0 : is_free(t->dump_path);

	if (r->ops && r->ops->is_free)
		err = r->ops->is_free(r, t->dump_name);

	for (unsigned int i = 0; !err && i < nr_files; i++)
		err = is_free(files[i]);
	return err;
}

/* A new file NAME, written by another name first, so that there is the old one or the new one and nothing between. */
static int replace_begin(struct target *t, const char *temporary)
{
	int fd;

	unlinkat(t->dirfd, temporary, 0);
	fd = openat(t->dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static int replace_finish(struct target *t, int fd, const char *temporary, const char *name, int err)
{
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(t->dirfd, temporary, t->dirfd, name))
		err = -errno;
	if (!err && fsync(t->dirfd))
		err = -errno;
	if (err)
		unlinkat(t->dirfd, temporary, 0);
	return err;
}

/* The dump has filled the disk: the blocks that the old text has take the new one. */
static int rewrite(struct target *t, const char *name, const char *text)
{
	int fd = openat(t->dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), err;

	if (fd < 0)
		return -errno;
	err = file_write_all(fd, text, strlen(text));
	if (!err && (ftruncate(fd, strlen(text)) || fsync(fd)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

/*
 * Bytes as NAME, on disk. ROOM: so many are kept for it, and it is there as a whole or not at all; 0: what fits of it
 * is
 * worth keeping.
 */
static int put_local(struct target *t, const char *name, const void *bytes, size_t len, size_t room)
{
	char *temporary;
	int fd, err;

	if (asprintf(&temporary, ".%s.writing", name) < 0)
		return -ENOMEM;
	fd = replace_begin(t, temporary);
	/* What cannot keep room does without. */
	if (fd >= 0 && room && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, room))
		debug("no room is kept for %s: %m", name);
	err = fd < 0 ? fd : file_write_all(fd, bytes, len);
	if (fd >= 0 && err && !room && lseek(fd, 0, SEEK_CUR) > 0) {
		warn("%s is cut short: %s", name, strerror(-err));
		err = 0;
	}
	err = fd < 0 ? fd : replace_finish(t, fd, temporary, name, err);
	free(temporary);
	return err;
}

void target_note(struct target *t, const char *text)
{
	int err;

	if (t->remote.ops) {
		if (t->remote.ops->put(&t->remote, "README.txt", text, strlen(text)))
			warn("README.txt cannot be written: %s", err_text());
		return;
	}
	if (t->dirfd < 0)
		return;
	/* Blocks may be as small as 1 KiB: room is kept for the text that is longest. */
	err = put_local(t, "README.txt", text, strlen(text), NOTE_BYTES_MAX);
	if (err)
		err = rewrite(t, "README.txt", text);
	if (err)
		warn("README.txt cannot be written: %s", strerror(-err));
}

static int log_text(void *ctx, const struct dmesg_line *line)
{
	return dmesg_format(line, 0, ctx);
}

static int put_bytes(struct target *t, const struct blob *log)
{
	int err;

	if (t->remote.ops)
		return t->remote.ops->put(&t->remote, t->log_name, log->data, log->len);
	err = put_local(t, t->log_name, log->data, log->len, 0);
	return err ? fail_sys(err, "%s", t->log_name) : 0;
}

static int put_log(struct target *t, const struct blob *log)
{
	struct blob secret;
	int err;

	if (!t->encrypted)
		return put_bytes(t, log);
	blob_init(&secret);
	err = crypt_whole(t->public_key, log->data, log->len, &secret);
	if (!err)
		err = put_bytes(t, &secret);
	blob_deinit(&secret);
	return err;
}

void target_log(struct target *t, struct vtop *vt)
{
	struct dmesg_result result;
	struct blob log;

	if (!target_is_folder(t))
		return;
	blob_init(&log);
	if (dmesg_read(vt, log_text, &log, &result))
		warn("the log is not saved%s: %s", log.len ? " as a whole" : "", err_text());
	/* What there is of it is worth keeping, unless it is nothing. */
	if (log.len && put_log(t, &log))
		warn("the log cannot be written: %s", err_text());
	err_clear();
	blob_deinit(&log);
}

int target_probe(struct target *t)
{
	static const char name[] = "probe.txt", text[] = "kdump has tried whether this place can be written to.\n";
	struct transport *r = &t->remote;
	int err;

	if (!target_is_folder(t))
		return fail(-ENOTDIR, "%s: is neither a folder nor a URL", t->dump_path);
	if (!r->ops) {
		err = put_local(t, name, text, strlen(text), sizeof(text));
		if (!err && unlinkat(t->dirfd, name, 0))
			err = -errno;
		return err ? fail_sys(err, "%s: cannot be written to", t->dump_path) : 0;
	}
	err = r->ops->put(r, name, text, strlen(text));
	return err || !r->ops->remove ? err : r->ops->remove(r, name);
}

/* What the file system of PATH has left. False: unknown. */
static bool room_at(const char *path, struct statvfs *fs)
{
	struct stat st;
	char *dir, *slash;
	bool known;

	if (!strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode)))
		return false;
	dir = strdup(path);
	if (!dir)
		return false;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	known = !statvfs(slash ? dir : ".", fs);
	free(dir);
	return known;
}

uint64_t target_room(struct target *t, char *const *paths, unsigned int nr)
{
	struct statvfs fs, other;
	uint64_t sum;

	if (t->remote.ops)
		return t->remote.ops->room ? t->remote.ops->room(&t->remote) : UINT64_MAX;
	if (!room_at(t->dump_path, &fs))
		return UINT64_MAX;
	sum = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* Files on one file system share its room. */
	for (unsigned int i = 1; i < nr; i++) {
		bool seen = false;

		if (!room_at(paths[i], &fs))
			return UINT64_MAX;
		for (unsigned int j = 0; j < i && !seen; j++)
			seen = room_at(paths[j], &other) && other.f_fsid == fs.f_fsid;
		sum += seen ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
	}
	return sum;
}
