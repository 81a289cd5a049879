/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file system a path lies on: /proc/self/mountinfo (Documentation/filesystems/proc.rst of Linux, section 3.5). */
#ifndef KDUMP_INITRAMFS_MOUNTS_H
#define KDUMP_INITRAMFS_MOUNTS_H

#include "lib/root.h"

#include <stddef.h>

struct mount {
	char *number;              /* MAJOR:MINOR */
	char *subtree;             /* of the file system, that is mounted: "/" but for bind mounts and subvolumes */
	char *point;
	char *fstype;
	char *source;
	char *options;             /* of the file system, not of the mount */
};

struct mounts {
	struct mount *mount;
	size_t nr;
};

/* -EINVAL (recorded, with the line): a line that is not of that form. *M is zeroed on failure. */
int mounts_init(struct mounts *m, const struct root *root);
void mounts_deinit(struct mounts *m);

/*
 * The mount that PATH (absolute, links resolved, need not be there) lies on: the last one over it. *BELOW, from
 * malloc: where PATH is below that file system's own root, beginning with "/". -ENOENT (recorded): none.
 */
int mounts_find(const struct mounts *m, const char *path, const struct mount **found, char **below);

#endif
