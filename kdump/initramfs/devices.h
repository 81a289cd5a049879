/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices as /sys shows them: which one a name means, and the modules of the drivers that it and everything it hangs on
 * are bound to. What needs more than drivers (a volume manager, a passphrase, a session) is -ENOTSUP, with a sentence.
 */
#ifndef KDUMP_INITRAMFS_DEVICES_H
#define KDUMP_INITRAMFS_DEVICES_H

#include "kdump/initramfs/modules.h"

#include "lib/root.h"

/*
 * The kernel's name ("vda1") of what is called SPEC: /dev/..., UUID=, LABEL=, PARTUUID=, PARTLABEL= or MAJOR:MINOR.
 * From malloc. -ENODEV (recorded).
 */
int device_find(const struct root *root, const char *spec, char **name);

/*
 * What it can be found by in another kernel, from malloc: UUID=... where FILESYSTEM, else PARTUUID=..., else
 * /dev/NAME.
 */
int device_lasting_name(const struct root *root, const char *name, bool filesystem, char **spec);

/*
 * Want all modules of the block device NAME. -ENOTSUP: it needs more than modules; -ENODEV: no driver is bound to it.
 */
int device_want_block(const struct root *root, struct modules *m, const char *name);
/*
 * Want the modules of all devices that NAME is made from, however many lie between: disks below volumes, arrays and
 * paths. What makes one of them is somebody else's business. 0 also where no driver is bound to any of them.
 */
int device_want_below(const struct root *root, struct modules *m, const char *name);
/* The same as device_want_block() of a network interface: -ENOTSUP for those made by software and for wireless ones. */
int device_want_link(const struct root *root, struct modules *m, const char *name);
/* Every device that the bus BUS's driver DRIVER is bound to. *FOUND: how many. */
int device_want_driver(const struct root *root, struct modules *m, const char *bus, const char *driver, size_t *found);

/*
 * The module of the machine's watchdog, from malloc: what /dev/watchdog is now, softdog where there is none; "-" when
 * it is built in, NULL when there is none at all. It is wanted.
 */
int device_want_watchdog(const struct root *root, struct modules *m, char **module);

#endif
