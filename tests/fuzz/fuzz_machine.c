/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lists that a machine is known by: mounts, routes, addresses, modules, folders of libraries. First byte: which of
 * them the rest is; the others are empty.
 */
#include "kdump/initramfs/libraries.h"
#include "kdump/initramfs/modules.h"
#include "kdump/initramfs/mounts.h"
#include "kdump/initramfs/routes.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#define LISTS "lib/modules/1/"

static const char *const folders[] = { "proc", "proc/self", "proc/net", "etc", "lib", "lib/modules", "lib/modules/1" };
static const char *const files[] = {
	"proc/self/mountinfo", "proc/net/route", "proc/net/fib_trie", "proc/net/if_inet6", "proc/net/ipv6_route",
	"etc/ld.so.conf", LISTS "modules.dep", LISTS "modules.alias", LISTS "modules.softdep", LISTS "modules.builtin",
	LISTS "modules.builtin.modinfo",
};

#define NR_FILES (sizeof(files) / sizeof(files[0]))

static char top[] = "/tmp/fuzz-machine-XXXXXX";

static void put(const char *name, const void *bytes, size_t len)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	out = fopen(path, "wb");
	if (!out || fwrite(bytes, 1, len, out) != len || fclose(out))
		abort();
}

static void leave(void)
{
	char path[4096];

	for (size_t i = 0; i < NR_FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, files[i]);
		unlink(path);
	}
	for (size_t i = sizeof(folders) / sizeof(folders[0]); i--;) {
		snprintf(path, sizeof(path), "%s/%s", top, folders[i]);
		rmdir(path);
	}
	rmdir(top);
}

static void prepare(struct root *root)
{
	char path[4096];

	if (!mkdtemp(top))
		abort();
	atexit(leave);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, folders[i]);
		if (mkdir(path, 0700))
			abort();
	}
	for (size_t i = 0; i < NR_FILES; i++)
		put(files[i], "", 0);
	if (root_init(root, top))
		abort();
}

static void look_at_modules(const struct root *root)
{
	struct modules m;
	size_t found;

	if (modules_init(&m, root, "1"))
		return;
	for (size_t i = 0; i < m.nr_modules && i < 16; i++)
		modules_want(&m, m.module[i].name);
	modules_want_alias(&m, "pci:v1", &found);
	/* What is to be loaded is there once, behind all that it depends on. */
	for (size_t i = 0; i < m.nr_list; i++)
		for (size_t k = 0; k < i; k++)
			if (m.list[i] == m.list[k])
				abort();
	modules_deinit(&m);
}

static void look_at_network(const struct root *root)
{
	const struct net_route *route;
	struct routes r;

	if (routes_init(&r, root))
		return;
	if (!routes_find(&r, "10.0.2.2", &route) && route->bits > 32)
		abort();
	routes_find(&r, "fd00::2", &route);
	for (size_t i = 0; i < r.nr_routes; i++)
		routes_is_connected(&r, &r.route[i]);
	routes_deinit(&r);
}

static void look_at_mounts(const struct root *root)
{
	const struct mount *found;
	struct mounts m;
	char *below;

	if (mounts_init(&m, root))
		return;
	if (!mounts_find(&m, "/var/crash", &found, &below))
		free(below);
	mounts_deinit(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct root root;
	struct linker l;
	struct tree t;
	const char *name;

	if (!root.path)
		prepare(&root);
	if (!size)
		return 0;
	name = files[data[0] % NR_FILES];
	put(name, data + 1, size - 1);
	look_at_mounts(&root);
	look_at_network(&root);
	look_at_modules(&root);
	tree_init(&t);
	if (!linker_init(&l, &root, &t))
		linker_deinit(&l);
	tree_deinit(&t);
	put(name, "", 0);
	return 0;
}
