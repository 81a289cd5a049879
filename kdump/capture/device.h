/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices by what they are called in configurations. There is no udev here, and so no /dev/disk. */
#ifndef KDUMP_CAPTURE_DEVICE_H
#define KDUMP_CAPTURE_DEVICE_H

#include <stdint.h>

/*
 * Wait until the device SPEC (UUID=, LABEL=, PARTUUID=, PARTLABEL=, or a path) is there, LIMIT_MS of capture_now_ms() at the latest. *PATH is from malloc. -ENODEV (recorded),
 * -ENOTBLK, -ENOTSUP (a name of the first kind without libblkid).
 */
int device_wait(const char *spec, uint64_t limit_ms, char **path);

/*
 * What libblkid recognises at the beginning (or where else such things have their mark) of PATH: "ext4", "crypto_LUKS", "LVM2_member", "dos partition table"..., from malloc.
 * NULL: nothing. -EIO, -ENOMEM (recorded); -ENOTSUP without libblkid.
 */
int device_content(const char *path, char **what);

/* Remove what device_content() recognises, as wipefs(8) does. Recorded. */
int device_wipe(const char *path);

#endif
