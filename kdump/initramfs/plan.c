// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/plan.h"

#include "kdump/capture/facts.h"
#include "kdump/initramfs/devices.h"
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int one_word(struct blob *facts, const char *keyword, const char *word)
{
	const char *const words[] = { word, NULL };

	return facts_add(facts, keyword, words);
}

static int hostname_fact(const struct root *root, struct blob *facts)
{
	struct blob name;
	int err;

	blob_init(&name);
	err = root_read(root, "proc/sys/kernel/hostname", 4096, &name);
	if (!err) {
		name.data[strcspn((char *)name.data, "\n")] = 0;
		if (*name.data)
			err = one_word(facts, "hostname", (char *)name.data);
	} else if (err != -ENOMEM) {
		err_clear();
		err = 0;
	}
	blob_deinit(&name);
	return err;
}

static int want_extra(struct plan *p)
{
	int err = 0;

	for (size_t i = 0; !err && i < p->r.conf->extra_modules.nr; i++) {
		err = modules_want(&p->modules, p->r.conf->extra_modules.word[i]);
		if (err)
			err = fail_ctx(err, "%s: extra_modules", p->r.conf_name);
	}
	return err;
}

/*
 * Who builds for us may bring the modules of the root file system's devices alone: the names of those that the targets'
 * devices need, in the order in which they are loaded, a line each.
 */
static int add_device_modules(struct plan *p)
{
	struct modules m;
	struct blob names;
	int err = modules_init(&m, p->r.root, p->r.release);

	blob_init(&names);
	for (size_t i = 0; !err && i < p->nr_devices; i++) {
		err = device_want_below(p->r.root, &m, p->device[i] + strlen("/dev/"));
		if (err && err != -ENOMEM) {
			warn("%s may be out of the capture kernel's reach: %s", p->device[i], err_text());
			err_clear();
			err = 0;
		}
	}
	for (size_t i = 0; !err && i < m.nr_list; i++) {
		err = blob_append(&names, m.list[i]->name, strlen(m.list[i]->name));
		if (!err)
			err = blob_append(&names, "\n", 1);
	}
	if (!err && names.len)
		err = tree_add_bytes(&p->tree, DEVICE_MODULES_PATH, 0600, names.data, names.len, NULL);
	blob_deinit(&names);
	modules_deinit(&m);
	return err;
}

/* The links that merged folders are must be there before anything is put behind them. */
static int add_skeleton(struct plan *p)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} folders[] = {
		{ "dev", 0755 }, { "proc", 0555 }, { "sys", 0555 }, { "run", 0755 }, { "tmp", 01777 }, { "root", 0700 },
		{ "etc", 0755 }, { "etc/kdump", 0700 }, { "var", 0755 },
	};
	static const char *const merged[] = { "bin", "sbin", "lib", "lib64" };
	char *target;
	int err = 0;

	for (size_t i = 0; !err && !p->r.guest && i < sizeof(folders) / sizeof(folders[0]); i++)
		err = tree_add_dir(&p->tree, folders[i].path, folders[i].mode);
	for (size_t i = 0; !err && i < sizeof(merged) / sizeof(merged[0]); i++) {
		if (root_link(p->r.root, merged[i], &target)) {
			err_clear();
			continue;
		}
		err = tree_add_link(&p->tree, merged[i], target);
		free(target);
	}
	return err;
}

static int make_facts(struct plan *p)
{
	struct blob modules = p->facts;
	int err;

	/* plan_modules() has put its lines there; the names come first. */
	blob_init(&p->facts);
	err = hostname_fact(p->r.root, &p->facts);
	if (!err)
		err = one_word(&p->facts, "release", p->r.release);
	if (!err)
		err = blob_append(&p->facts, modules.data, modules.len);
	blob_deinit(&modules);
	if (!err)
		err = blob_append(&p->facts, p->places.data, p->places.len);
	if (!err)
		err = blob_append(&p->facts, p->network.data, p->network.len);
	if (!err && p->watchdog)
		err = one_word(&p->facts, "watchdog", p->watchdog);
	if (!err)
		err = tree_add_bytes(&p->tree, FACTS_PATH, 0600, p->facts.data, p->facts.len, NULL);
	return err ? err : tree_add_bytes(&p->tree, CONF_PATH, 0600, p->r.conf_text->data, p->r.conf_text->len,
					  p->r.conf_name);
}

int plan_init(struct plan *p, const struct plan_request *r)
{
	int err;

	*p = (struct plan){ .r = *r };
	tree_init(&p->tree);
	blob_init(&p->places);
	blob_init(&p->network);
	blob_init(&p->facts);
	err = linker_init(&p->linker, r->root, &p->tree);
	if (!err)
		err = modules_init(&p->modules, r->root, r->release);
	if (!err)
		err = mounts_init(&p->mounts, r->root);
	if (!err)
		err = add_skeleton(p);
	if (!err)
		err = plan_targets(p);
	if (!err && p->r.guest)
		err = add_device_modules(p);
	if (!err)
		err = device_want_watchdog(r->root, &p->modules, &p->watchdog);
	if (!err)
		err = want_extra(p);
	if (!err)
		err = plan_programs(p);
	if (!err)
		err = plan_modules(p);
	if (!err)
		err = make_facts(p);
	if (err)
		plan_deinit(p);
	return err;
}

void plan_deinit(struct plan *p)
{
	modules_deinit(&p->modules);
	mounts_deinit(&p->mounts);
	tree_deinit(&p->tree);
	linker_deinit(&p->linker);
	blob_deinit(&p->places);
	blob_deinit(&p->network);
	blob_deinit(&p->facts);
	for (size_t i = 0; i < p->nr_devices; i++)
		free(p->device[i]);
	free(p->device);
	free(p->watchdog);
	*p = (struct plan){ 0 };
	tree_init(&p->tree);
	blob_init(&p->places);
	blob_init(&p->network);
	blob_init(&p->facts);
}
