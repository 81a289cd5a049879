/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a partition a place for dumps: a mark in its last 4 KiB. The dump itself begins at the partition's first
 * byte, so that every reader opens it in place; the small files beside it lie between. doc/formats.md has the bytes.
 */
#ifndef KDUMP_TRANSPORT_RAW_MARK_H
#define KDUMP_TRANSPORT_RAW_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_MARK_BYTES 4096
#define RAW_HEAD_BYTES 4096
#define RAW_FILES_MAX 16
#define RAW_NAME_BYTES 64
#define RAW_DIGEST_BYTES 32
/* Less is no place for a dump. */
#define RAW_SIZE_MIN (1u << 20)

enum raw_state { RAW_EMPTY, RAW_WRITING, RAW_INCOMPLETE, RAW_COMPLETE, RAW_FETCHED };

struct raw_file {
	char name[RAW_NAME_BYTES];
	uint64_t off, len;
	uint8_t digest[RAW_DIGEST_BYTES]; /* SHA-256; of the dump, whose bytes are written in any order: zeros */
};

struct raw_mark {
	enum raw_state state;
	uint64_t size;             /* of the partition */
	uint64_t time;             /* of the dump, seconds since 1970 */
	uint8_t head[RAW_DIGEST_BYTES]; /* of the partition's first RAW_HEAD_BYTES when this was written */
	unsigned int nr;
	struct raw_file file[RAW_FILES_MAX]; /* the dump is the one at 0 */
};

void raw_mark_encode(const struct raw_mark *m, uint8_t bytes[RAW_MARK_BYTES]);
/* False: it is none, or damaged, or of a partition of another SIZE; M is untouched then. */
bool raw_mark_decode(const uint8_t bytes[RAW_MARK_BYTES], uint64_t size, struct raw_mark *m);

/* Where small files begin: the dump has room up to there. */
uint64_t raw_files_off(uint64_t size);
/* The entry of NAME; NULL. */
struct raw_file *raw_find(struct raw_mark *m, const char *name);
/* The dump's entry; NULL: there is none yet. */
struct raw_file *raw_dump(struct raw_mark *m);
/*
 * An entry for NAME with LEN bytes: its old place if that is large enough, else behind the others. -ENOSPC,
 * -ENAMETOOLONG (recorded).
 */
int raw_place(struct raw_mark *m, const char *name, uint64_t len, struct raw_file **file);
void raw_remove(struct raw_mark *m, const char *name);

/* ---- the partition ---- */

struct raw_device {
	int fd;
	char *path;                /* heap */
	struct raw_mark mark;
	bool marked;               /* mark was there */
};

/*
 * PATH, a block device or a regular file, which nobody else uses. WRITABLE: for us alone. MARK is read; without one it
 * is that of an empty partition. Recorded.
 */
int raw_device_open(struct raw_device *d, const char *path, bool writable);
void raw_device_close(struct raw_device *d);
/* -EEXIST (recorded): it holds what is recognised as somebody's, and what to do about it. */
int raw_device_is_ours(const struct raw_device *d);
/* Write MARK, on disk when this returns. Recorded. */
int raw_device_mark(struct raw_device *d);
int raw_device_read(const struct raw_device *d, uint64_t off, void *buf, size_t len);
int raw_device_write(const struct raw_device *d, uint64_t off, const void *buf, size_t len);
/* The bytes of a small file, from malloc, its digest compared: -EBADMSG. Recorded. */
int raw_device_file(const struct raw_device *d, const struct raw_file *f, uint8_t **bytes);

#endif
