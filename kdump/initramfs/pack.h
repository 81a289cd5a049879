/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An archive made smaller in a form that kernels unpack, and an image taken apart again. */
#ifndef KDUMP_INITRAMFS_PACK_H
#define KDUMP_INITRAMFS_PACK_H

#include "kdump/initramfs/tree.h"

#include "lib/blob.h"
#include "lib/root.h"
#include "lib/view.h"

struct packing {
	const char *name;          /* "zstd"... */
	const char *config;        /* the kernel's option without which it does not unpack it; NULL: it always does */
	/* NULL: not built in. Always the same bytes for the same input. */
	int (*pack)(const struct blob *in, struct blob *out);
};

/* The one called NAME. -EINVAL (recorded): there is none, or it was not built in. */
int packing_find(const char *name, const struct packing **p);
/* The best that kernel RELEASE unpacks, by /boot/config-RELEASE (without one: xz and gzip are believed to). */
int packing_choose(const struct root *root, const char *release, const struct packing **p);

/*
 * All archives of IMAGE, packed or not, one behind the other as kernels take them: *T gets the files. *UNPACKED:
 * bytes of the archives. -EINVAL (recorded): damaged.
 */
int image_read(const struct view *image, struct tree *t, uint64_t *unpacked);

#endif
