/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of an initramfs, in memory: what is to be packed, or what an image holds. Paths have no leading slash and
 * no "." or ".." in them. Everything belongs to root.
 */
#ifndef KDUMP_INITRAMFS_TREE_H
#define KDUMP_INITRAMFS_TREE_H

#include "lib/blob.h"
#include "lib/root.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The largest file that is packed, and the largest image that is read: far more than a crashkernel reservation holds.
 */
#define TREE_FILE_MAX (1u << 30)

struct tree_entry {
	char *path;
	uint32_t mode;             /* type and permissions, as in stat */
	struct blob content;       /* of a file; of a link: where it leads */
	char *source;              /* the file that it was read from, below the root; NULL: made here */
};

/* Always by path, folders in front of what is in them. */
struct tree {
	struct tree_entry *entry;
	size_t nr, cap;
};

void tree_init(struct tree *t);
void tree_deinit(struct tree *t);

/*
 * Add one. Folders above it are made (0755); where one of them is a link in the tree, it goes to where that leads. 0
 * also when it is there already, just so. -EEXIST (recorded): there is another of that path. -ENOTDIR, -ENOMEM.
 */
int tree_add_dir(struct tree *t, const char *path, uint32_t mode);
int tree_add_link(struct tree *t, const char *path, const char *target);
/* SOURCE may be NULL. */
int tree_add_bytes(struct tree *t, const char *path, uint32_t mode, const void *bytes, size_t len, const char *source);
/* Takes what C holds. */
int tree_add_blob(struct tree *t, const char *path, uint32_t mode, struct blob *c, const char *source);

/*
 * The file PATH below ROOT under its own path. Symbolic links on the way, of folders too, are added as links, so that
 * whoever looks for the file in the image finds it by the same names as on the machine. PERMISSIONS 0: those it has,
 * without what only its owner's group and others could write. -EISDIR, -ELOOP, -ENOENT..., recorded.
 */
int tree_add_file(struct tree *t, const struct root *root, const char *path, uint32_t permissions);
/* The same of PATH of the machine's own tree whatever ROOT is, under the name AS. */
int tree_add_file_as(struct tree *t, const char *path, const char *as, uint32_t permissions);

/* NULL: there is none. Links are not followed by the first, but by the second, as in a root of its own. */
const struct tree_entry *tree_find(const struct tree *t, const char *path);
const struct tree_entry *tree_resolve(const struct tree *t, const char *path);

/*
 * Where PATH leads below ROOT, from malloc, without a leading slash; the last name need not be there. With T every
 * link on the way is added to it. -ELOOP, -ENAMETOOLONG, recorded.
 */
int tree_walk(struct tree *t, const struct root *root, const char *path, char **real);

#endif
