/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A root directory made up for one test: files below a fresh temporary directory. Broken file systems stop
 * the program.
 */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include "lib/root.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
	char dir[64];
	struct root root;
};

static inline void tree_check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static inline struct tree tree_new(void)
{
	struct tree t = { .dir = "/tmp/parachute-test-XXXXXX" };

	tree_check(mkdtemp(t.dir) != NULL, "mkdtemp");
	tree_check(!root_init(&t.root, t.dir), "root_init");
	return t;
}

static inline int tree_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline void tree_free(struct tree *t)
{
	root_deinit(&t->root);
	tree_check(!nftw(t->dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), t->dir);
}

static inline void tree_bytes(const struct tree *t, const char *path, const void *bytes, size_t len)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", t->dir, path);
	for (char *slash = strchr(full + strlen(t->dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		tree_check(!mkdir(full, 0755) || errno == EEXIST, full);
		*slash = '/';
	}
	f = fopen(full, "w");
	tree_check(f && (!len || fwrite(bytes, len, 1, f) == 1) && !fclose(f), full);
}

static inline void tree_text(const struct tree *t, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);
static inline void tree_text(const struct tree *t, const char *path, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	tree_check(len >= 0, "vasprintf");
	tree_bytes(t, path, text, len);
	free(text);
}

/* A file, or a directory with all below it, which must be there. */
static inline void tree_remove(const struct tree *t, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", t->dir, path);
	tree_check(!nftw(full, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), full);
}

/* A synthetic machine, written by tests/root/make-synthetic with these ARGUMENTS. */
static inline struct tree tree_synthetic(const char *arguments)
{
	const char *tests = getenv("TESTS_SRCDIR");
	struct tree t = tree_new();
	char command[1024];

	snprintf(command, sizeof(command), "/usr/bin/python3 %s/root/make-synthetic %s %s",
		 tests ? tests : "../../tests", arguments,
		 t.dir);
	tree_check(!system(command), command);
	return t;
}

#endif
