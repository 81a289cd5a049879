// SPDX-License-Identifier: GPL-2.0-or-later
/* What is needed of them, in the order of loading. */
#include "kdump/initramfs/modules.h"

#include "kdump/initramfs/modules_read.h"
#include "lib/err.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Soft dependencies of soft dependencies...: real ones are three deep. */
#define MAX_DEPTH 64

static int want(struct modules *m, struct module *mod, unsigned int depth);

static int append(struct modules *m, struct module *mod)
{
	struct module **list = reallocarray(m->list, m->nr_list + 1, sizeof(*list));

	if (!list)
		return fail(-ENOMEM, "out of memory");
	m->list = list;
	m->list[m->nr_list++] = mod;
	mod->listed = true;
	return 0;
}

static int want_matching(struct modules *m, const char *alias, unsigned int depth, size_t *found)
{
	char *plain = module_alias_of(alias, strlen(alias));
	int err = plain ? 0 : fail(-ENOMEM, "out of memory");

	*found = 0;
	for (size_t i = 0; !err && i < m->nr_aliases; i++) {
		struct module *mod;

		if (fnmatch(m->alias[i].pattern, plain, 0))
			continue;
		mod = module_find(m, m->alias[i].name);
		/* depmod may have listed one that was removed afterwards: then another one has to do. */
		if (!mod)
			continue;
		++*found;
		err = want(m, mod, depth + 1);
	}
	for (size_t i = 0; !err && i < m->nr_builtin_aliases; i++)
		*found += !fnmatch(m->builtin_alias[i].pattern, plain, 0);
	free(plain);
	return err;
}

/*
 * What a module would ask modprobe for while it loads, could it: nobody answers that in the capture kernel. Names stand
 * for modules or for what they call themselves; "crc32c" is that of an algorithm, "crypto-crc32c" of its drivers.
 * None of it has to be there.
 */
static int want_soft(struct modules *m, const char *words, unsigned int depth)
{
	char *copy = strdup(words ? words : ""), *save = NULL;
	int err = copy ? 0 : fail(-ENOMEM, "out of memory");

	for (char *word = copy ? strtok_r(copy, " ", &save) : NULL; word && !err; word = strtok_r(NULL, " ", &save)) {
		char *name = module_name_of(word, strlen(word));
		struct module *mod = name ? module_find(m, name) : NULL;
		size_t found;

		free(name);
		err = mod ? want(m, mod, depth + 1) : want_matching(m, word, depth, &found);
		if (err && err != -ENOMEM) {
			debug("module %s, which would be useful, is left out: %s", word, err_text());
			err_clear();
			err = 0;
		}
	}
	free(copy);
	return err;
}

static int in_circles(const struct modules *m, const struct module *mod)
{
	return fail(-ELOOP, "module %s: /%s/modules.dep goes in circles; run depmod", mod->name, m->folder);
}

static int want_deps(struct modules *m, struct module *mod, unsigned int depth)
{
	int err = 0;

	/* depmod writes what must be loaded first last. */
	for (size_t i = mod->nr_deps; !err && i--;) {
		char *name = module_name_of(mod->dep[i], strlen(mod->dep[i]));
		struct module *dep = name ? module_find(m, name) : NULL;

		free(name);
		if (!name)
			return fail(-ENOMEM, "out of memory");
		if (!dep)
			err = fail(-ENOENT, "module %s needs %s, which /%s/modules.dep does not have; run depmod",
				   mod->name, mod->dep[i], m->folder);
		else
			err = dep->busy ? in_circles(m, mod) : want(m, dep, depth + 1);
	}
	return err;
}

static int want(struct modules *m, struct module *mod, unsigned int depth)
{
	int err;

	if (mod->listed)
		return 0;
	if (depth > MAX_DEPTH)
		return in_circles(m, mod);
	/* Soft dependencies may be mutual: the second one met is loaded first. */
	if (mod->busy)
		return 0;
	mod->busy = true;
	err = want_soft(m, mod->soft_pre, depth);
	if (!err)
		err = want_deps(m, mod, depth);
	if (!err && !mod->listed)
		err = append(m, mod);
	if (!err)
		err = want_soft(m, mod->soft_post, depth);
	mod->busy = false;
	return err;
}

bool modules_have(const struct modules *m, const char *name)
{
	char *key = module_name_of(name, strlen(name));
	bool found = key && module_find(m, key);

	free(key);
	return found || modules_is_builtin(m, name);
}

int modules_want(struct modules *m, const char *name)
{
	char *key = module_name_of(name, strlen(name));
	struct module *mod;
	size_t found;
	int err;

	if (!key)
		return fail(-ENOMEM, "out of memory");
	mod = module_find(m, key);
	free(key);
	if (mod)
		return want(m, mod, 0);
	if (modules_is_builtin(m, name))
		return 0;
	err = want_matching(m, name, 0, &found);
	if (err || found)
		return err;
	return fail(-ENOENT, "kernel %s has no module %s, neither below /%s nor built in", m->release, name, m->folder);
}

int modules_want_alias(struct modules *m, const char *alias, size_t *found)
{
	return want_matching(m, alias, 0, found);
}
