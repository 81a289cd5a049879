/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs and what they cannot run without: the interpreter of a script, the dynamic linker and the shared libraries
 * of an ELF program, found as ld.so(8) finds them, but for its cache, which is not in the image: a library of a
 * folder that only ld.so.conf names gets a link beside the dynamic linker.
 */
#ifndef KDUMP_INITRAMFS_LIBRARIES_H
#define KDUMP_INITRAMFS_LIBRARIES_H

#include "kdump/initramfs/tree.h"

#include "lib/root.h"

/* What a search goes by. */
struct linker {
	/* NULL: the tree itself is the root, and nothing is added: what is missing is found. */
	const struct root *root;
	struct tree *tree;
	char **folder;             /* of ld.so.conf */
	size_t nr_folders;
	char **seen;               /* libraries of the program at hand */
	size_t nr_seen;
};

/* Reads /etc/ld.so.conf; it need not be there. -errno, recorded. */
int linker_init(struct linker *l, const struct root *root, struct tree *tree);
void linker_deinit(struct linker *l);

/*
 * Add the program PATH ("/usr/bin/ssh"; a name without a slash is looked for where programs are) and all that it
 * needs. -ENOENT (recorded, with what is missing and who needs it), -EINVAL: a damaged ELF file.
 */
int linker_add_program(struct linker *l, const char *path);
/* What the file AS of the tree needs: it was added before. */
int linker_add_needs(struct linker *l, const char *as);
/* Libraries that glibc opens only when it runs: added where they are. ALIKE: a program in the tree, for the folders. */
int linker_add_opened(struct linker *l, const char *alike, const char *const *names);

#endif
