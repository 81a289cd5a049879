/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What modules.c and the reader of the lists share. */
#ifndef KDUMP_INITRAMFS_MODULES_READ_H
#define KDUMP_INITRAMFS_MODULES_READ_H

#include "kdump/initramfs/modules.h"

/* The module's name in "kernel/fs/ext4/ext4.ko.xz", and in a name: from malloc, NULL without memory. */
char *module_name_of(const char *path, size_t len);
/* An alias with '_' for '-' outside of brackets, as modprobe compares them. */
char *module_alias_of(const char *text, size_t len);
/* NULL: none of that name. */
struct module *module_find(const struct modules *m, const char *name);

#endif
