// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/raw_mark.h"

#include "kdump/transport/raw_content.h"
#include "lib/err.h"
#include "lib/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int size_of(const struct raw_device *d, uint64_t *size)
{
	struct stat st;

	if (fstat(d->fd, &st))
		return fail_sys(-errno, "%s: cannot be looked at", d->path);
	if (S_ISREG(st.st_mode))
		*size = st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return fail(-ENOTBLK, "%s: is no block device", d->path);
	else if (ioctl(d->fd, BLKGETSIZE64, size))
		return fail_sys(-errno, "%s: does not tell its size", d->path);
	if (*size < RAW_SIZE_MIN)
		return fail(-ENOSPC, "%s: %llu bytes are too few for a dump", d->path, (unsigned long long)*size);
	return 0;
}

int raw_device_read(const struct raw_device *d, uint64_t off, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len) {
		ssize_t n = pread(d->fd, at, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_sys(n ? -errno : -EIO, "%s: cannot be read", d->path);
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

int raw_device_write(const struct raw_device *d, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *at = buf;

	while (len) {
		ssize_t n = pwrite(d->fd, at, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_sys(n ? -errno : -EIO, "%s: cannot be written", d->path);
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int read_mark(struct raw_device *d, uint64_t size)
{
	uint8_t bytes[RAW_MARK_BYTES];
	int err = raw_device_read(d, size - RAW_MARK_BYTES, bytes, sizeof(bytes));

	if (err)
		return err;
	d->marked = raw_mark_decode(bytes, size, &d->mark);
	if (!d->marked)
		d->mark = (struct raw_mark){ .size = size };
	return 0;
}

int raw_device_open(struct raw_device *d, const char *path, bool writable)
{
	/* O_EXCL of a block device: it fails when that is mounted, or part of something that is. */
	int flags = writable ? O_RDWR | O_EXCL : O_RDONLY, err;
	uint64_t size;

	*d = (struct raw_device){ .fd = open(path, flags | O_CLOEXEC) };
	if (d->fd < 0)
		return errno == EBUSY ? fail(-EBUSY, "%s: is in use", path) :
			fail_sys(-errno, "%s: cannot be opened", path);
	d->path = strdup(path);
	err = d->path ? size_of(d, &size) : fail(-ENOMEM, "out of memory");
	if (!err)
		err = read_mark(d, size);
	if (err)
		raw_device_close(d);
	return err;
}

void raw_device_close(struct raw_device *d)
{
	if (d->path && d->fd >= 0)
		close(d->fd);
	free(d->path);
	*d = (struct raw_device){ .fd = -1 };
}

static int digest_head(const struct raw_device *d, uint8_t digest[RAW_DIGEST_BYTES])
{
	uint8_t head[RAW_HEAD_BYTES];
	int err = raw_device_read(d, 0, head, sizeof(head));

	if (!err)
		sha256_of(head, sizeof(head), digest);
	return err;
}

int raw_device_is_ours(const struct raw_device *d)
{
	uint8_t digest[RAW_DIGEST_BYTES];
	char *what = NULL;
	int err;

	/* Who made a file system over a place for dumps has left the mark at its other side as it was. */
	if (d->marked) {
		err = digest_head(d, digest);
		if (err || !memcmp(digest, d->mark.head, sizeof(digest)))
			return err;
	}
	err = raw_content(d->path, &what);
	if (err == -ENOTSUP && d->marked)
		return 0;
	if (err)
		return err;
	if (what)
		err = fail(-EEXIST,
			   "%s: holds %s, which a dump would destroy; if it may go: kdump fetch --prepare --force %s",
				d->path, what,
			   d->path);
	free(what);
	return err;
}

int raw_device_mark(struct raw_device *d)
{
	uint8_t bytes[RAW_MARK_BYTES];
	int err = digest_head(d, d->mark.head);

	/* What the mark tells of is on the disk before it. */
	if (!err && fdatasync(d->fd))
		err = fail_sys(-errno, "%s: cannot be written", d->path);
	if (err)
		return err;
	raw_mark_encode(&d->mark, bytes);
	err = raw_device_write(d, d->mark.size - RAW_MARK_BYTES, bytes, sizeof(bytes));
	if (!err && fdatasync(d->fd))
		err = fail_sys(-errno, "%s: cannot be written", d->path);
	d->marked |= !err;
	return err;
}

int raw_device_file(const struct raw_device *d, const struct raw_file *f, uint8_t **bytes)
{
	uint8_t digest[RAW_DIGEST_BYTES], *read = malloc(f->len ? f->len : 1);
	int err = read ? raw_device_read(d, f->off, read, f->len) : fail(-ENOMEM, "out of memory for %s", f->name);

	if (!err) {
		sha256_of(read, f->len, digest);
		if (memcmp(digest, f->digest, sizeof(digest)))
			err = fail(-EBADMSG, "%s: %s on it is damaged", d->path, f->name);
	}
	if (err)
		free(read);
	else
		*bytes = read;
	return err;
}
