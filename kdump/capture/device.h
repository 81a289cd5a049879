/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices by what they are called in configurations. There is no udev here, and so no /dev/disk. */
#ifndef KDUMP_CAPTURE_DEVICE_H
#define KDUMP_CAPTURE_DEVICE_H

#include <stdint.h>

/*
 * Wait until the device SPEC (UUID=, LABEL=, PARTUUID=, PARTLABEL=, or a path) is there, LIMIT_MS of capture_now_ms()
 * at the latest. By contents, a device that others are made from is none: a disk behind several paths is the map of
 * them. *PATH is from malloc. -ENODEV (recorded), -ENOTBLK, -ENOTSUP (a name of the first kind without libblkid).
 */
int device_wait(const char *spec, uint64_t limit_ms, char **path);

#endif
