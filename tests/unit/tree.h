/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A made-up /proc and /sys in a temporary directory, for tests of what reads them. */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include "lib/root.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
	char dir[64];
	struct root root;
};

static inline void tree_init(struct tree *t)
{
	strcpy(t->dir, "/tmp/parachute-tree-XXXXXX");
	if (!mkdtemp(t->dir) || root_init(&t->root, t->dir)) {
		perror(t->dir);
		exit(1);
	}
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void tree_deinit(struct tree *t)
{
	root_deinit(&t->root);
	nftw(t->dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file below the tree, for what takes paths of the machine; valid until the next call. */
static inline const char *tree_path(const struct tree *t, const char *path)
{
	static char full[1024];

	snprintf(full, sizeof(full), "%s/%s", t->dir, path);
	return full;
}

/* Write a file, with the directories above it. */
static inline void tree_write(struct tree *t, const char *path, const void *bytes, size_t len)
{
	char full[1024];
	FILE *f;

	snprintf(full, sizeof(full), "%s", tree_path(t, path));
	for (char *p = full + strlen(t->dir) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "wb");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f)) {
		perror(full);
		exit(1);
	}
}

static inline void tree_text(struct tree *t, const char *path, const char *text)
{
	tree_write(t, path, text, strlen(text));
}

static inline void tree_remove(struct tree *t, const char *path)
{
	nftw(tree_path(t, path), tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
