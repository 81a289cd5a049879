/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "newc" form of cpio archives, as the kernel unpacks them: Documentation/driver-api/early-userspace/buffer-
 * format.rst of Linux.
 */
#ifndef KDUMP_INITRAMFS_CPIO_H
#define KDUMP_INITRAMFS_CPIO_H

#include "kdump/initramfs/tree.h"

#include "lib/blob.h"
#include "lib/view.h"

/*
 * Append T as an archive to OUT. The same tree gives the same bytes: no times, no owners, inodes by order. -EFBIG: a
 * file of 4 GiB; -ENOMEM.
 */
int cpio_write(const struct tree *t, struct blob *out);

/*
 * Take one archive off C, from its first member to its trailer; files go to T (later members replace earlier ones, as
 * in the kernel). Devices, sockets and pipes are counted as empty files. -EINVAL (recorded): damaged or cut.
 */
int cpio_read(struct cursor *c, struct tree *t);
bool cpio_is(const struct view *v, uint64_t off);

#endif
