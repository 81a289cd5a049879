/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/file.h"

#include "lib/blob.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int too_large(void)
{
	return fail(-EFBIG, "it has more than %" PRIu64 " MiB", (uint64_t)FILE_MAX_BYTES >> 20);
}

/* Pipes, devices and the files of /proc and /sys: all of it, whatever stat said. */
static int read_to_heap(struct file *file, int fd)
{
	struct blob blob;
	int err = 0;

	blob_init(&blob);
	for (;;) {
		ssize_t n;

		err = blob_reserve(&blob, 1);
		if (err)
			break;
		n = read(fd, blob.data + blob.len, blob.cap - 1 - blob.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = fail_sys(-errno, "cannot read it");
		else
			blob.len += n;
		if (!err && blob.len > FILE_MAX_BYTES)
			err = too_large();
		if (err || !n)
			break;
	}
	if (!err && !blob.len)
		err = fail(-ENODATA, "it is empty");
	if (err) {
		blob_deinit(&blob);
		return err;
	}
	file->map = blob.data;
	file->map_len = blob.len;
	file->allocated = true;
	return 0;
}

static uint64_t in_ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ull + t->tv_nsec;
}

bool file_same(const struct file_identity *a, const struct file_identity *b)
{
	return a->known && b->known && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static int map_or_read(struct file *file, int fd)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st))
		return fail_sys(-errno, "cannot stat it");
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "it is a directory");
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return read_to_heap(file, fd);
	if ((uint64_t)st.st_size > FILE_MAX_BYTES)
		return too_large();
	if ((uint64_t)st.st_size > SIZE_MAX)
		return fail(-EFBIG, "its %" PRIu64 " bytes do not fit the address space", (uint64_t)st.st_size);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return read_to_heap(file, fd);
	file->map = map;
	file->map_len = (size_t)st.st_size;
	file->identity = (struct file_identity){ true,       st.st_dev,          st.st_ino,
						 st.st_size, in_ns(&st.st_mtim), in_ns(&st.st_ctim) };
	return 0;
}

int file_open(struct file *file, const char *path)
{
	struct file opened = { .path = strdup(path) };
	int fd, err;

	if (!opened.path)
		return fail(-ENOMEM, "out of memory");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		err = fail_sys(-errno, "cannot open it");
	} else {
		err = map_or_read(&opened, fd);
		close(fd);
	}
	if (err) {
		free(opened.path);
		return fail_ctx(err, "%s", path);
	}
	opened.view = view_of(opened.map, opened.map_len, opened.path);
	*file = opened;
	return 0;
}

void file_close(struct file *file)
{
	if (file->allocated)
		free(file->map);
	else if (file->map)
		munmap(file->map, file->map_len);
	free(file->path);
	*file = (struct file){ 0 };
}

bool file_offset(const struct file *file, const void *at, uint64_t len, uint64_t *off)
{
	uint64_t distance = (uintptr_t)at - (uintptr_t)file->map;

	if (!file->map || (uintptr_t)at < (uintptr_t)file->map || distance > file->map_len ||
	    len > file->map_len - distance)
		return false;
	*off = distance;
	return true;
}

static bool is_standard_output(const struct stat *st)
{
	struct stat out;

	return !fstat(STDOUT_FILENO, &out) && st->st_dev == out.st_dev && st->st_ino == out.st_ino;
}

int file_output_name(const char *path, char **name)
{
	struct stat st, link;
	char *found;

	if (lstat(path, &link) || !S_ISLNK(link.st_mode))
		found = strdup(path);
	else if (stat(path, &st))
		return fail_sys(-errno, "%s: is a link that leads nowhere", path);
	else
		found = is_standard_output(&st) ? strdup("-") : realpath(path, NULL);
	if (!found)
		return fail_sys(errno == ENOMEM ? -ENOMEM : -errno, "%s: cannot tell where the link leads", path);
	*name = found;
	return 0;
}

int file_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= n;
	}
	return 0;
}

/* A file that is there under that name may be a leftover, or a trap. */
static int write_new(int dirfd, const char *name, const void *bytes, size_t len, unsigned int mode)
{
	int fd, err;

	unlinkat(dirfd, name, 0);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = file_write_all(fd, bytes, len);
	/* The mask of the process has no say. */
	if (!err && (fchmod(fd, mode) || fsync(fd)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int replace_at(int dirfd, const char *name, const void *bytes, size_t len, unsigned int mode)
{
	char *temporary;
	int err;

	if (asprintf(&temporary, ".%s.writing", name) < 0)
		return -ENOMEM;
	err = write_new(dirfd, temporary, bytes, len, mode);
	if (!err && renameat(dirfd, temporary, dirfd, name))
		err = -errno;
	if (err)
		unlinkat(dirfd, temporary, 0);
	else if (fsync(dirfd))
		err = -errno;
	free(temporary);
	return err;
}

int file_replace(const char *path, const void *bytes, size_t len, unsigned int mode)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int dirfd, err;

	if (!folder)
		return fail(-ENOMEM, "out of memory");
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		err = fail_sys(-errno, "cannot open the folder %s", folder);
	} else {
		err = replace_at(dirfd, slash ? slash + 1 : path, bytes, len, mode);
		if (err)
			fail_sys(err, "%s: cannot write", path);
		close(dirfd);
	}
	free(folder);
	return err;
}
