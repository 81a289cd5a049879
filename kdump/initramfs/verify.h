/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image that was built, looked at again: is all in it that its configuration needs? */
#ifndef KDUMP_INITRAMFS_VERIFY_H
#define KDUMP_INITRAMFS_VERIFY_H

#include "kdump/initramfs/tree.h"

#include "lib/blob.h"
#include "lib/view.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct image_sizes {
	uint64_t packed;           /* bytes of the file */
	uint64_t unpacked;         /* of the archives in it */
	uint64_t memory;           /* of the files, each in whole pages, once the kernel has unpacked it */
	uint64_t files;
};

struct initramfs {
	struct tree tree;
	struct image_sizes sizes;
};

/* -EINVAL (recorded): damaged, or no initramfs. *I is emptied on failure. */
int initramfs_open(struct initramfs *i, const struct view *v);
void initramfs_close(struct initramfs *i);

struct problems {
	char **text;               /* sentences */
	size_t nr;
};

/*
 * What is wrong with it: missing programs, libraries, modules, keys, facts of targets; a configuration that is not
 * CONF_TEXT (NULL: not compared); modules of another kernel than RELEASE (NULL: of whichever). -ENOMEM (recorded).
 */
int initramfs_verify(struct initramfs *i, const struct blob *conf_text, const char *release, struct problems *p);
void problems_deinit(struct problems *p);

#endif
