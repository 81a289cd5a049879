// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/target.h"

#include "kdump/dmesg.h"
#include "lib/err.h"

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

int target_open(struct target *t, const char *path)
{
	struct stat st;

	*t = (struct target){ .dirfd = -1 };
	if (!strcmp(path, "-") || stat(path, &st) || !S_ISDIR(st.st_mode)) {
		t->dump_path = strdup(path);
	} else {
		t->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (t->dirfd < 0)
			return fail_sys(-errno, "cannot open the directory %s", path);
		if (asprintf(&t->dump_path, "%s/vmcore", path) < 0)
			t->dump_path = NULL;
	}
	if (!t->dump_path) {
		target_close(t);
		return fail(-ENOMEM, "out of memory");
	}
	return 0;
}

void target_close(struct target *t)
{
	if (t->dirfd >= 0)
		close(t->dirfd);
	free(t->dump_path);
	*t = (struct target){ .dirfd = -1 };
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

int target_is_free(const struct target *t, char *const *files, unsigned int nr_files)
{
	int err = is_free(t->dump_path);

	for (unsigned int i = 0; !err && i < nr_files; i++)
		err = is_free(files[i]);
	return err;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= n;
	}
	return 0;
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
	err = write_all(fd, text, strlen(text));
	if (!err && (ftruncate(fd, strlen(text)) || fsync(fd)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

void target_note(struct target *t, const char *text)
{
	int fd, err;

	if (t->dirfd < 0)
		return;
	fd = replace_begin(t, ".README.txt.writing");
	/* Blocks may be as small as 1 KiB: room is kept for the text that is longest. What cannot do that does without. */
	if (fd >= 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, NOTE_BYTES_MAX))
		debug("no room is kept for README.txt: %m");
	err = fd < 0 ? fd : replace_finish(t, fd, ".README.txt.writing", "README.txt", write_all(fd, text, strlen(text)));
	if (err)
		err = rewrite(t, "README.txt", text);
	if (err)
		warn("README.txt cannot be written: %s", strerror(-err));
}

void target_log(struct target *t, struct vtop *vt)
{
	struct dmesg_result result;
	int fd, err;

	if (t->dirfd < 0)
		return;
	fd = replace_begin(t, ".dmesg.txt.writing");
	if (fd < 0) {
		warn("dmesg.txt cannot be written: %s", strerror(-fd));
		return;
	}
	err = dmesg_print(vt, fd, 0, &result);
	if (err) {
		warn("the log is not saved: %s", err_text());
		err_clear();
	}
	/* What there is of it is worth keeping, unless it is nothing. */
	if (err && lseek(fd, 0, SEEK_CUR) > 0)
		err = 0;
	if (replace_finish(t, fd, ".dmesg.txt.writing", "dmesg.txt", err) && !err)
		warn("dmesg.txt cannot be written to disk");
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

uint64_t target_room(const struct target *t, char *const *paths, unsigned int nr)
{
	struct statvfs fs, other;
	uint64_t sum;

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
