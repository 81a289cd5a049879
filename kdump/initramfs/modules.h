/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel modules of one release, as depmod(8) lists them in /lib/modules/RELEASE: modules.dep, .alias, .softdep,
 * .builtin and .builtin.modinfo. All of it text; the binary indexes hold the same.
 */
#ifndef KDUMP_INITRAMFS_MODULES_H
#define KDUMP_INITRAMFS_MODULES_H

#include "lib/root.h"

#include <stdbool.h>
#include <stddef.h>

struct module {
	char *name;                /* with '_' for '-', as the kernel shows it */
	char *path;                /* below the folder of the release */
	char **dep;                /* paths */
	size_t nr_deps;
	char *soft_pre, *soft_post; /* words of modules.softdep; NULL: none */
	bool listed, busy;         /* in the list; being added to it */
};

struct module_alias {
	char *pattern;             /* fnmatch(3), '_' for '-' outside of brackets */
	char *name;
};

struct modules {
	char *release, *folder;    /* "lib/modules/RELEASE" */
	struct module *module;     /* by name */
	size_t nr_modules;
	struct module_alias *alias;
	size_t nr_aliases;
	char **builtin;            /* names, sorted */
	size_t nr_builtin;
	struct module_alias *builtin_alias;
	size_t nr_builtin_aliases;
	struct module **list;      /* what is wanted, in the order in which it must be loaded */
	size_t nr_list;
};

/*
 * -ENOENT: no modules.dep of that release; -EINVAL: a damaged list, with file and line; recorded. *M is zeroed on
 * failure.
 */
int modules_init(struct modules *m, const struct root *root, const char *release);
void modules_deinit(struct modules *m);

/* One is there: as a module, or built into the kernel. */
bool modules_have(const struct modules *m, const char *name);
bool modules_is_builtin(const struct modules *m, const char *name);

/*
 * Put NAME (a module's name or alias) on the list, behind what it depends on, softly too. 0 also when it is built in.
 * -ENOENT (recorded): there is no such module, or one that it depends on is missing. -ELOOP: modules.dep goes in
 * circles.
 */
int modules_want(struct modules *m, const char *name);

/* Every module that says it drives devices called ALIAS. *FOUND: how many, the kernel's own among them. */
int modules_want_alias(struct modules *m, const char *alias, size_t *found);

#endif
