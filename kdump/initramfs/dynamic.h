/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an ELF file says to the dynamic linker: its interpreter and its dynamic section (System V ABI, "Dynamic
 * Linking").
 */
#ifndef KDUMP_INITRAMFS_DYNAMIC_H
#define KDUMP_INITRAMFS_DYNAMIC_H

#include "lib/elf.h"
#include "lib/view.h"

struct dynamic {
	uint16_t machine;
	unsigned int width;
	char *interpreter;         /* NULL: none */
	char **needed;
	size_t nr_needed;
	char *rpath, *runpath;     /* NULL: none */
};

/* -ENOEXEC (not recorded): no ELF file. -EINVAL (recorded): damaged. *D is zeroed on failure. */
int dynamic_parse(const struct view *v, struct dynamic *d);
void dynamic_deinit(struct dynamic *d);

#endif
