/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc, /sys and /dev, below a root directory that --sysroot can move. The only file that opens them.
 * Paths are given without a leading slash ("proc/iomem"). Symbolic links are followed inside the root.
 */
#ifndef LIB_ROOT_H
#define LIB_ROOT_H

#include "lib/blob.h"

#include <sys/stat.h>

struct root {
	int dirfd;
	char *path;            /* as the user gave it, "/" by default; for messages */
};

/* The largest /proc or /sys text we are willing to read; a kallsyms of a large kernel has 12 MB. */
#define ROOT_READ_MAX (64u << 20)

/* DIR NULL means "/". -errno (recorded) when it cannot be opened. */
int root_init(struct root *root, const char *dir);
void root_deinit(struct root *root);

/*
 * Read all of PATH into BLOB (initialised; emptied first), at most MAX bytes. Sizes that stat reports are not
 * trusted. -ENOENT and every other open error, -EFBIG when the file is larger than MAX, -EISDIR: recorded with the
 * path.
 */
int root_read(const struct root *root, const char *path, size_t max, struct blob *blob);

/*
 * A file with one number: BASE 0 (as strtoull), 10 or 16; white space around it. -EINVAL when it is anything else.
 */
int root_read_u64(const struct root *root, const char *path, int base, uint64_t *value);

/* File descriptor of PATH, O_RDONLY | O_CLOEXEC, owned by the caller. -errno (recorded). */
int root_open(const struct root *root, const char *path);

bool root_exists(const struct root *root, const char *path);

/*
 * What a symbolic link says, from malloc; links in front of the last name are followed. -EINVAL (not recorded): PATH is
 * no link. Else -errno (recorded).
 */
int root_link(const struct root *root, const char *path, char **target);

/* fstat(2) of what PATH leads to. -errno (recorded). */
int root_stat(const struct root *root, const char *path, struct stat *st);

/* Names in directory PATH, without "." and "..": numbers in names compare as numbers (cpu2 before cpu10). */
struct root_names {
	char **name;
	size_t nr;
};
int root_list(const struct root *root, const char *path, struct root_names *names);
void root_names_deinit(struct root_names *names);

#endif
