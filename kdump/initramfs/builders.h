/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dracut and initramfs-tools: they know volume managers, passphrases and sessions; our hooks in them bring kdump and
 * run it.
 */
#ifndef KDUMP_INITRAMFS_BUILDERS_H
#define KDUMP_INITRAMFS_BUILDERS_H

#include "kdump/initramfs/plan.h"

/* What the hooks find our files by: the folder that holds them as they are to lie in the image. */
#define BUILDERS_PARTS "PARACHUTE_PARTS"

struct builder {
	const char *name;          /* "dracut", "initramfs-tools": as kdump.conf has it */
	const char *program;
	const char *hook;          /* our part of it */
	int (*build)(const struct plan *p, const char *parts, const char *output);
};

/* The last has a null name. */
extern const struct builder builders[];

/* Is it there, with our part of it? */
bool builder_present(const struct builder *b, const struct root *root);
/*
 * Let B build OUTPUT from what P (for a guest) says. Beside OUTPUT is a folder with our files meanwhile. Only of the
 * running system: -ENOTSUP with another root. Recorded, with what the program said last.
 */
int builder_build(const struct builder *b, const struct plan *p, const char *output);

#endif
