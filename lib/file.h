/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that the user names: kernels, initrds, device trees. Mapped, not copied; pipes and such are read.
 *
 * The size is asked for once. A file that another program cuts shorter while it is mapped raises SIGBUS at the
 * first byte that is gone, as for every program that maps files: replace kernels by rename, never in place.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include "lib/view.h"

#include <stdbool.h>

/* What a file was when it was opened. */
struct file_identity {
	bool known;            /* false: no regular file */
	uint64_t dev, ino, size;
	uint64_t mtime_ns, ctime_ns;
};

struct file {
	struct view view;      /* named after the path */
	void *map;             /* what file_close() gives back */
	size_t map_len;
	bool allocated;        /* map is heap memory (the file could not be mapped) */
	char *path;
	struct file_identity identity;
};

/* The largest file we load: more than any initrd, and far less than what a crashkernel reservation holds. */
#define FILE_MAX_BYTES (16ull << 30)

/* -errno (recorded with the path); -EISDIR, -ENODATA for an empty file, -EFBIG. *FILE untouched on failure. */
int file_open(struct file *file, const char *path);
/* A zeroed struct is accepted; the struct is zeroed afterwards. */
void file_close(struct file *file);
/* Was A opened when nothing had been written to it since it was opened as B? False where that is not known. */
bool file_same(const struct file_identity *a, const struct file_identity *b);

/* Are LEN bytes at AT in what is mapped of it? *OFF: where in the file. */
bool file_offset(const struct file *file, const void *at, uint64_t len, uint64_t *off);

/*
 * The name under which PATH is to be written, from malloc: what a link leads to instead of the link, which would be
 * replaced itself (/dev/stdout is one); "-" when that is what standard output goes to. -ENOENT: a link that leads
 * nowhere; -ENOMEM. Recorded.
 */
int file_output_name(const char *path, char **name);

/* All LEN bytes to FD, continuing short writes. -errno, not recorded; -EIO when nothing is taken. */
int file_write_all(int fd, const void *bytes, size_t len);

/*
 * Make PATH hold these bytes, with MODE, on disk when this returns: written beside it (".NAME.writing"), fsync, rename,
 * fsync of the folder. There is the old one or the new one, nothing between. Symbolic links at PATH are replaced.
 * -errno, recorded with the path.
 */
int file_replace(const char *path, const void *bytes, size_t len, unsigned int mode);

#endif
