/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a block device holds, asked before it is written to. */
#ifndef KDUMP_TRANSPORT_RAW_CONTENT_H
#define KDUMP_TRANSPORT_RAW_CONTENT_H

/*
 * What libblkid recognises at the beginning (or where else such things have their mark) of PATH: "ext4", "crypto_LUKS",
 * "LVM2_member", "dos partition table"..., from malloc. NULL: nothing. -EIO, -ENOMEM (recorded); -ENOTSUP without
 * libblkid.
 */
int raw_content(const char *path, char **what);

/* Remove what raw_content() recognises, as wipefs(8) does. Recorded. */
int raw_content_wipe(const char *path);

#endif
