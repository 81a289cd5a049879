// SPDX-License-Identifier: GPL-2.0-or-later
/* Files and streams that a dump is written to. */
#include "kdump/sink.h"

#include "include/flattened_format.h"
#include "lib/err.h"
#include "lib/file.h"
#include "lib/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Names tried beside the wanted one before something is wrong with the folder rather than with the names. */
#define MAX_NAMES 1000

/*
 * Let the kernel begin to write to disk this often, so that fdatasync has little left to wait for and little memory
 * is dirty.
 */
#define WRITEBACK_BYTES (8u << 20)

/* The codes that callers tell apart; the text keeps what really happened. */
static int write_error(struct sink *s, int err)
{
	switch (err) {
	case -ENOSPC:
		return fail(-ENOSPC, "%s: the file system is full", s->path);
	case -EDQUOT:
		return fail(-ENOSPC, "%s: the disk quota is used up", s->path);
	case -EFBIG:
		return fail(-ENOSPC, "%s: the file has reached the largest size allowed", s->path);
	case -EPIPE:
		return fail(-EPIPE, "%s: nobody reads it any more", s->path);
	default:
		return fail_sys(err, "%s: cannot write", s->path);
	}
}

/* ---- opening ---- */

/* PATH + SUFFIX, from the second name on with "-NUMBER" behind it. */
static char *name_try(const char *path, const char *suffix, unsigned int number)
{
	char *name;
	int len = number < 2 ? asprintf(&name, "%s%s", path, suffix) : asprintf(&name, "%s%s-%u", path, suffix, number);

	return len < 0 ? NULL : name;
}

static int make_temporary(struct sink *s)
{
	for (unsigned int number = 1; number <= MAX_NAMES; number++) {
		char *name = name_try(s->path, ".writing", number);
		int err;

		if (!name)
			return fail(-ENOMEM, "out of memory for a file name");
		s->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s->fd >= 0) {
			s->temporary = name;
			return 0;
		}
		err = -errno;
		if (err != -EEXIST) {
			fail_sys(err, "%s: cannot create", name);
			free(name);
			return err;
		}
		/* It may be all that there is of another crash: never touched. */
		free(name);
	}
	return fail(-EEXIST, "%s.writing: %d such files are there already; remove old ones", s->path, MAX_NAMES);
}

static int open_existing(struct sink *s, int flags)
{
	s->fd = open(s->path, flags | O_CLOEXEC | O_NOCTTY);
	return s->fd < 0 ? fail_sys(-errno, "%s: cannot open for writing", s->path) : 0;
}

static int open_path(struct sink *s, bool flattened)
{
	struct stat st;

	s->flattened = flattened;
	if (!strcmp(s->path, "-")) {
		free(s->path);
		s->path = strdup("standard output");
		if (!s->path)
			return fail(-ENOMEM, "out of memory for a file name");
		s->flattened = s->standard_output = true;
		s->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return s->fd < 0 ? fail_sys(-errno, "cannot use standard output") : 0;
	}
	if (stat(s->path, &st)) {
		if (errno != ENOENT)
			return fail_sys(-errno, "%s", s->path);
		return make_temporary(s);
	}
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "%s: is a directory", s->path);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		s->flattened = true;
		return open_existing(s, O_WRONLY);
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(-EINVAL, "%s: is neither a file nor a device nor a pipe", s->path);
	if (!s->force)
		return fail(-EEXIST, "%s: exists; --force replaces it", s->path);
	return S_ISBLK(st.st_mode) ? open_existing(s, O_RDWR) : make_temporary(s);
}

static int write_all(struct sink *s, uint64_t off, struct iovec *iov, int nr);

static int write_flat_header(struct sink *s)
{
	uint8_t header[FLAT_HEADER_BYTES] = FLAT_SIGNATURE;
	struct iovec iov = { header, sizeof(header) };

	put_u64(header + FLAT_TYPE, 1, true);
	put_u64(header + FLAT_VERSION, 1, true);
	return write_all(s, 0, &iov, 1);
}

/* The last step of opening; with ERR what was done comes undone. */
static int begin(struct sink *s, int err)
{
	if (!err && s->flattened)
		err = write_flat_header(s);
	if (err) {
		sink_discard(s);
		sink_deinit(s);
	}
	return err;
}

int sink_open(struct sink *s, const char *path, bool flattened, bool force)
{
	int err;

	*s = (struct sink)SINK_INIT;
	s->force = force;
	if (!*path)
		return fail(-EINVAL, "the name of the file to write is empty");
	err = file_output_name(path, &s->path);
	if (!err)
		err = open_path(s, flattened);
	return begin(s, err);
}

int sink_attach(struct sink *s, const struct sink_ops *ops, void *remote, const char *path, enum sink_form form)
{
	int err = 0;

	*s = (struct sink)SINK_INIT;
	s->ops = ops;
	s->remote = remote;
	s->path = strdup(path);
	s->flattened = form == SINK_FLATTENED;
	if (!s->path)
		err = fail(-ENOMEM, "out of memory for a file name");
	if (!err && form == SINK_PLAIN && !ops->seekable)
		err = fail(-EINVAL, "%s: is a stream", path);
	return begin(s, err);
}

/* ---- writing ---- */

bool sink_seekable(const struct sink *s)
{
	return !s->flattened && (!s->ops || s->ops->seekable);
}

/* Of LEN bytes at OFF, how many --max-size allows. */
static uint64_t allowed(const struct sink *s, uint64_t off, uint64_t len)
{
	uint64_t limit = s->max_bytes > s->reserved ? s->max_bytes - s->reserved : 0;

	if (limit < s->size)
		limit = s->size; /* what is there already may be written again */
	if (off >= limit)
		return 0;
	return len < limit - off ? len : limit - off;
}

static int max_error(const struct sink *s)
{
	return fail(-ENOSPC, "%s: has reached the size limit of %llu bytes", s->path, (unsigned long long)s->max_bytes);
}

static void grown(struct sink *s, uint64_t off, uint64_t len)
{
	s->written += len;
	s->partial += len;
	if (s->size < off + len)
		s->size = off + len;
	if (s->ops)
		return;
	s->unsent += len;
	if (s->unsent >= WRITEBACK_BYTES) {
		s->unsent = 0;
		/* A hint; file systems without it lose nothing. */
		if (sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE))
			debug("%s: no early writeback: %m", s->path);
	}
}

static int write_ops(struct sink *s, uint64_t off, const struct iovec *iov, int nr)
{
	for (int i = 0; i < nr; i++) {
		uint64_t at = s->flattened ? s->size : off, partial;
		int err;

		if (!iov[i].iov_len)
			continue;
		partial = s->partial;
		s->partial = 0;
		err = s->ops->write(s, at, iov[i].iov_base, iov[i].iov_len);
		off += iov[i].iov_len;
		if (err) {
			uint64_t done = s->partial;

			s->partial = partial;
			grown(s, at, done);
			return err;
		}
		s->partial = partial;
		grown(s, at, iov[i].iov_len);
	}
	return 0;
}

/* Everything in IOV, at OFF of a file or next in the stream. */
static int write_all(struct sink *s, uint64_t off, struct iovec *iov, int nr)
{
	if (s->ops)
		return write_ops(s, off, iov, nr);
	while (nr) {
		ssize_t n;

		if (!iov->iov_len) {
			iov++, nr--;
			continue;
		}
		n = s->flattened ? writev(s->fd, iov, nr) : pwritev(s->fd, iov, nr, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return write_error(s, n ? -errno : -EIO);
		grown(s, s->flattened ? s->size : off, n);
		off += n;
		for (size_t left = n; left;) {
			size_t part = left < iov->iov_len ? left : iov->iov_len;

			iov->iov_base = (uint8_t *)iov->iov_base + part;
			iov->iov_len -= part;
			left -= part;
			if (left)
				iov++, nr--;
		}
	}
	return 0;
}

/* What follows in a stream that broke would be taken for something else. */
static int broken(const struct sink *s)
{
	return s->failed ? fail(s->failed, "%s", s->why) : 0;
}

static int break_stream(struct sink *s, int err)
{
	s->failed = err;
	snprintf(s->why, sizeof(s->why), "%s", err_text());
	return err;
}

static int write_record(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	uint8_t record[FLAT_RECORD_BYTES];
	struct iovec iov[2] = { { record, sizeof(record) }, { (void *)buf, len } };
	int err = broken(s);

	if (err)
		return err;
	if (len > UINT64_MAX - FLAT_RECORD_BYTES || allowed(s, s->size,
							    len + FLAT_RECORD_BYTES) < len + FLAT_RECORD_BYTES)
		return max_error(s);
	put_u64(record + FLAT_RECORD_OFFSET, off, true);
	put_u64(record + FLAT_RECORD_SIZE, len, true);
	err = write_all(s, 0, iov, 2);
	if (err)
		break_stream(s, err);
	s->partial = err ? 0 : len;
	return err;
}

int sink_write(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	struct iovec iov = { (void *)buf, 0 };
	int err;

	s->partial = 0;
	if (!len)
		return 0;
	if (len > INT64_MAX || off > INT64_MAX - len)
		return fail(-ENOSPC, "%s: offset %#llx is beyond what files can hold", s->path,
			    (unsigned long long)off);
	if (s->flattened)
		return write_record(s, off, buf, len);
	iov.iov_len = allowed(s, off, len);
	if (iov.iov_len == len)
		return write_all(s, off, &iov, 1);
	err = write_all(s, off, &iov, 1);
	return err ? err : max_error(s);
}

int sink_read(struct sink *s, uint64_t off, void *buf, size_t len)
{
	uint8_t *at = buf;

	if (s->ops)
		return s->ops->read ? s->ops->read(s, off, buf, len) : fail(-EIO, "%s: cannot be read back", s->path);
	while (len) {
		ssize_t n = pread(s->fd, at, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_sys(-EIO, "%s: cannot read back", s->path);
		if (!n) {
			memset(at, 0, len); /* not written yet */
			break;
		}
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* For file systems and transports that cannot allocate ahead. */
static int write_zeros(struct sink *s, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[64 << 10];

	while (len) {
		size_t part = len < sizeof(zeros) ? len : sizeof(zeros);
		int err = sink_write(s, off, zeros, part);

		if (err)
			return err;
		off += part;
		len -= part;
	}
	return 0;
}

static int allocate_ops(struct sink *s, uint64_t off, uint64_t len)
{
	int err = s->ops->allocate ? s->ops->allocate(s, off, len) : write_zeros(s, off, len);

	if (!err && s->size < off + len)
		s->size = off + len;
	return err;
}

int sink_allocate(struct sink *s, uint64_t off, uint64_t len)
{
	if (!sink_seekable(s) || !len)
		return 0;
	if (off > INT64_MAX || len > INT64_MAX - off)
		return fail(-ENOSPC, "%s: offset %#llx is beyond what files can hold", s->path,
			    (unsigned long long)off);
	if (allowed(s, off, len) < len)
		return max_error(s);
	if (s->ops)
		return allocate_ops(s, off, len);
	while (fallocate(s->fd, 0, off, len)) {
		if (errno == EINTR)
			continue;
		if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
			return write_error(s, -errno);
		return write_zeros(s, off, len); /* EOPNOTSUPP, ENODEV... */
	}
	if (s->size < off + len)
		s->size = off + len;
	return 0;
}

void sink_extend(struct sink *s, uint64_t len)
{
	struct stat st;

	if (s->ops || s->flattened || !s->temporary || len > INT64_MAX || fstat(s->fd, &st) || (uint64_t)st.st_size >= len)
		return;
	if (ftruncate(s->fd, len))
		debug("%s: cannot extend to %llu bytes: %m", s->path, (unsigned long long)len);
}

void sink_shorten(struct sink *s, uint64_t len)
{
	if (!sink_seekable(s) || s->size <= len)
		return;
	if (s->ops) {
		if (s->ops->shorten) {
			s->ops->shorten(s, len);
			s->size = len;
		}
		return;
	}
	if (s->temporary && ftruncate(s->fd, len))
		debug("%s: cannot shorten to %llu bytes: %m", s->path, (unsigned long long)len);
	else
		s->size = len;
}

/* ---- finishing ---- */

/*
 * What can be synced is a matter of what is behind the descriptor: pipes say EINVAL, which is as good as it gets
 * for them.
 */
static int sync_fd(struct sink *s, int (*sync)(int fd))
{
	int err;

	do
		err = sync(s->fd) ? -errno : 0;
	while (err == -EINTR);
	return !err || err == -EINVAL || err == -EROFS || err == -ENOTSUP ? 0 : write_error(s, err);
}

int sink_sync(struct sink *s)
{
	s->partial = 0;
	s->unsent = 0;
	if (s->ops)
		return s->ops->sync ? s->ops->sync(s) : 0;
	return s->flattened ? 0 : sync_fd(s, fdatasync);
}

static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : slash - path) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0 || fsync(fd))
		warn("%s: cannot sync the folder, the name of the dump may not survive a power cut: %m",
		     folder ? folder : path);
	if (fd >= 0)
		close(fd);
	free(folder);
}

/* Rename to NAME unless that is taken: -EEXIST then. */
static int rename_new(const char *from, const char *name)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system without that flag. Links are as good, where there are any; else look first. */
	if (!link(from, name)) {
		if (unlink(from))
			warn("%s: cannot remove the second name of %s: %m", from, name);
		return 0;
	}
	if (errno == EEXIST || !access(name, F_OK))
		return -EEXIST;
	return rename(from, name) ? -errno : 0;
}

static int rename_complete(struct sink *s)
{
	if (!s->force)
		return rename_new(s->temporary, s->path);
	return rename(s->temporary, s->path) ? -errno : 0;
}

static int rename_incomplete(struct sink *s)
{
	for (unsigned int number = 1; number <= MAX_NAMES; number++) {
		char *name = name_try(s->path, "-incomplete", number);
		int err;

		if (!name)
			return -ENOMEM;
		err = rename_new(s->temporary, name);
		if (!err) {
			free(s->path);
			s->path = name;
			return 0;
		}
		free(name);
		if (err != -EEXIST)
			return err;
	}
	return -EEXIST;
}

static int close_stream(struct sink *s)
{
	uint8_t record[FLAT_RECORD_BYTES];
	struct iovec iov = { record, sizeof(record) };
	int err = broken(s);

	if (err)
		return err;
	memset(record, 0xff, sizeof(record)); /* offset and size -1 */
	err = write_all(s, 0, &iov, 1);
	return err ? break_stream(s, err) : 0;
}

static int finish_ops(struct sink *s, bool complete)
{
	int err;

	if (s->finished)
		return fail(-EINVAL, "%s: is finished already", s->path);
	err = s->ops->finish(s, complete);
	s->finished = !err;
	return err;
}

int sink_finish(struct sink *s, bool complete)
{
	int err = s->flattened ? close_stream(s) : 0;

	/* A stream whose last record is missing is one that was cut short: that can still be kept. */
	if (s->ops)
		return err && complete ? err : finish_ops(s, complete);
	/* An incomplete file gets its name even when the disk refuses to say that all is well. */
	if (!err)
		err = sync_fd(s, fsync);
	if (err && complete)
		return s->temporary ? fail_ctx(err, "the dump stays in %s", s->temporary) : err;
	if (s->temporary) {
		int renamed = complete || s->same_name ? rename_complete(s) : rename_incomplete(s);

		if (renamed)
			return fail_sys(renamed, "the dump stays in %s: cannot rename it", s->temporary);
		sync_directory(s->path);
		free(s->temporary);
		s->temporary = NULL;
	}
	return err;
}

void sink_discard(struct sink *s)
{
	if (s->ops) {
		if (s->ops->discard && !s->finished)
			s->ops->discard(s);
		s->finished = true;
		return;
	}
	if (s->temporary && unlink(s->temporary))
		warn("%s: cannot remove: %m", s->temporary);
	free(s->temporary);
	s->temporary = NULL;
}

void sink_deinit(struct sink *s)
{
	if (s->ops) {
		if (!s->finished && !s->written)
			sink_discard(s);
		s->ops->deinit(s);
		s->ops = NULL;
	}
	if (s->temporary && !s->written)
		sink_discard(s);
	if (s->path && s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s->temporary);
	*s = (struct sink)SINK_INIT;
}
