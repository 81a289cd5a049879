/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File systems of targets: mount(2) without mount(8). */
#ifndef KDUMP_CAPTURE_MOUNTS_H
#define KDUMP_CAPTURE_MOUNTS_H

#include "kdump/capture/capture.h"

/* Below it are the mount points of targets, in every initramfs. */
#define CAPTURE_MOUNTS "/run/kdump/targets"

/* What mount(2) takes of options as fstab has them. */
struct mount_options {
	unsigned long flags;
	char *data;                /* heap; "" without any */
};

/*
 * OPTIONS "-": none. Always writable; words that only mount(8) and systemd know are dropped. -ENOMEM (recorded).
 */
int mount_options_parse(const char *options, struct mount_options *m);
void mount_options_deinit(struct mount_options *m);
/* Does DATA have the option NAME, with or without a value? */
bool mount_data_has(const char *data, const char *name);
/*
 * Options of an NFS mount: those of DATA, ADDRESS, and bounds of time in place of waiting for ever, wherever DATA has
 * none of its own. From malloc; NULL without memory.
 */
char *mount_nfs_data(const char *data, const char *address, const char *version);
/* The version that DATA asks for; false: it does not. */
bool mount_nfs_version(const char *data, char *version, size_t size);

/*
 * Of /proc/self/mountinfo: where the device MAJOR:MINOR is mounted with its root, from malloc; NULL: nowhere. The last
 * one counts.
 */
char *mount_find(const char *mountinfo, size_t len, unsigned int major, unsigned int minor);

/*
 * Mount what the fact "filesystem" tells, waiting for its device until LIMIT_MS. A device that is mounted already, by
 * somebody else, is used where it is, made writable. *PLACE is the mount point, from malloc; *MOUNTED: by us. Recorded.
 */
int mount_target(struct capture *c, const struct fact *fact, uint64_t limit_ms, char **place, bool *mounted);
/* Everything on disk. Recorded. */
int mount_leave(const char *place, bool mounted);
/* At last: everything below CAPTURE_MOUNTS, with the last resort of a lazy unmount. */
void mount_leave_all(void);

#endif
