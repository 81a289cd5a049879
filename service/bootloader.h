/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of boot loaders that hold the kernel's command line: what would have to change in them for another
 * crashkernel=.
 */
#ifndef SERVICE_BOOTLOADER_H
#define SERVICE_BOOTLOADER_H

#include "lib/blob.h"
#include "service/command.h"

#include <stdbool.h>
#include <stddef.h>

/* A file before and after. */
struct boot_change {
	char *path;                /* as programs open it */
	struct blob before, after; /* BEFORE is empty for a new file */
	bool is_new;
};

struct boot_changes {
	struct boot_change *change;
	size_t nr;
	size_t nr_seen;            /* files that hold command lines, whether they change or not */
	bool grub;                 /* one of them is GRUB's: its menu has to be made again */
	char **warning;            /* crashkernel= where we do not write */
	size_t nr_warnings;
};

/*
 * What writing crashkernel=VALUE takes. KERNEL: only for this kernel (its path, as "/boot/vmlinuz-6.1.0"); NULL: for
 * all. -ENOENT (recorded): no boot loader that is known, or none with such a kernel; -ENOTSUP: GRUB's settings are for
 * all kernels. B is empty on failure.
 */
int boot_changes_plan(struct boot_changes *b, const struct ctl *ctl, const char *value, const char *kernel);
/* The lines that differ, on standard output. */
void boot_changes_print(const struct boot_changes *b);
/* Write the files. -errno, recorded with the file; those before it are written. */
int boot_changes_write(const struct boot_changes *b);
void boot_changes_deinit(struct boot_changes *b);

/*
 * ---- their texts, for tests: the new contents from the old ones. -ENOMEM, -EINVAL (recorded). AFTER is initialised
 * and empty ----
 */

/* An entry of the Boot Loader Specification: its lines "options". */
int boot_entry_edit(const struct blob *before, const char *value, struct blob *after);
/* /etc/kernel/cmdline. */
int boot_cmdline_edit(const struct blob *before, const char *value, struct blob *after);
/* Is the entry for this kernel? NULL: for any, which those of other systems are not. */
bool boot_entry_is_for(const struct blob *entry, const char *kernel);

#endif
