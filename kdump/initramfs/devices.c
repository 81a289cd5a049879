// SPDX-License-Identifier: GPL-2.0-or-later
/* From a device to the modules behind it: Documentation/admin-guide/sysfs-rules.rst of Linux. */
#include "kdump/initramfs/devices.h"

#include "kdump/initramfs/tree.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Suppliers of suppliers: clocks and power supplies of one board are nested less. */
#define MAX_DEPTH 16

/* One walk over devices. */
struct walk {
	const struct root *root;
	struct modules *m;
	bool own_release;          /* the modules are those of the running kernel, whose drivers /sys shows */
	size_t nr_drivers;
};

static int want_device(struct walk *w, const char *path, unsigned int depth);

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static char *below(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where FOLDER/NAME is when every link in it is followed, from malloc; NULL on failure. Errors of tree_walk(). */
static int resolve(const struct root *root, const char *folder, const char *name, char **real)
{
	char *path = below(folder, name);
	int err;

	*real = NULL;
	err = path ? tree_walk(NULL, root, path, real) : no_memory();
	free(path);
	return err;
}

/* The last name of what the link FOLDER/NAME says, from malloc; NULL (with 0) when there is no such link. */
static int link_name(const struct root *root, const char *folder, const char *name, char **last)
{
	char *path = below(folder, name), *target = NULL;
	int err = path ? root_link(root, path, &target) : no_memory();

	free(path);
	*last = NULL;
	if (err == -ENOMEM)
		return err;
	if (err) {
		err_clear();
		return 0;
	}
	*last = strdup(last_name(target));
	free(target);
	return *last ? 0 : no_memory();
}

/* One line of a small file; NULL (with 0) when there is none. */
static int read_line(const struct root *root, const char *folder, const char *name, char **line)
{
	char *path = below(folder, name);
	struct blob text;
	int err;

	*line = NULL;
	if (!path)
		return no_memory();
	blob_init(&text);
	err = root_read(root, path, 65536, &text);
	free(path);
	if (!err) {
		*line = strndup((const char *)text.data, strcspn((const char *)text.data, "\n"));
		err = *line ? 0 : no_memory();
	} else if (err != -ENOMEM) {
		err_clear();
		err = 0;
	}
	blob_deinit(&text);
	return err;
}

static int running_release(const struct root *root, char **release)
{
	return read_line(root, "proc/sys/kernel", "osrelease", release);
}

static int walk_init(struct walk *w, const struct root *root, struct modules *m)
{
	char *release;
	int err = running_release(root, &release);

	if (err)
		return err;
	*w = (struct walk){ .root = root, .m = m, .own_release = release && !strcmp(release, m->release) };
	free(release);
	return 0;
}

/* Whatever drives a device that calls itself so, in the kernel that will capture. */
static int want_modalias(struct walk *w, const char *path, size_t *found)
{
	char *alias;
	int err = read_line(w->root, path, "modalias", &alias);

	*found = 0;
	if (!err && alias)
		err = modules_want_alias(w->m, alias, found);
	free(alias);
	return err;
}

/*
 * The driver that PATH is bound to. Its module may have another name in another release, or be built into one of
 * them: what the device calls itself leads to it then.
 */
static int want_driver(struct walk *w, const char *path)
{
	char *driver, *folder, *module = NULL;
	size_t found;
	int err = link_name(w->root, path, "driver", &driver);

	if (err || !driver)
		return err;
	w->nr_drivers++;
	folder = below(path, "driver");
	err = folder ? link_name(w->root, folder, "module", &module) : no_memory();
	free(folder);
	if (!err && module && modules_have(w->m, module)) {
		err = modules_want(w->m, module);
	} else if (!err && (module || !w->own_release)) {
		err = want_modalias(w, path, &found);
		if (!err && !found && module)
			err = fail(-ENOENT, "/%s is driven by module %s, which is not below /%s", path, module,
				   w->m->folder);
	}
	free(driver);
	free(module);
	return err;
}

/* What PATH cannot work without: clocks, phys, power (links "supplier:...", Linux 5.10). */
static int want_suppliers(struct walk *w, const char *path, unsigned int depth)
{
	struct root_names names;
	int err = root_list(w->root, path, &names);

	for (size_t i = 0; !err && i < names.nr; i++) {
		char *link, *real = NULL;

		if (strncmp(names.name[i], "supplier:", 9))
			continue;
		if (asprintf(&link, "%s/%s/supplier", path, names.name[i]) < 0) {
			err = no_memory();
			break;
		}
		err = tree_walk(NULL, w->root, link, &real);
		if (!err && root_exists(w->root, real))
			err = want_device(w, real, depth + 1);
		free(real);
		free(link);
	}
	root_names_deinit(&names);
	return err;
}

/* PATH, resolved, and everything above it; parents first. */
static int want_device(struct walk *w, const char *path, unsigned int depth)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int err;

	if (depth > MAX_DEPTH || !slash || !strcmp(path, "sys/devices") || strncmp(path, "sys/devices/", 12))
		return 0;
	parent = strndup(path, slash - path);
	err = parent ? want_device(w, parent, depth) : no_memory();
	free(parent);
	if (!err)
		err = want_driver(w, path);
	return err ? err : want_suppliers(w, path, depth);
}

static const struct {
	const char *prefix;        /* of dm/uuid */
	const char *what;
} mapped[] = {
	{ "LVM-", "a volume of LVM" },
	{ "CRYPT-LUKS", "encrypted (LUKS)" },
	{ "CRYPT-", "encrypted (dm-crypt)" },
	{ "mpath-", "reached over several paths (multipath)" },
	{ "part", "a partition on a mapped device" },
	{ "", "a mapped device (device-mapper)" },
};

/* Devices that software makes: what they are called begins so. */
static const struct {
	const char *prefix, *what;
} made[] = {
	{ "md", "an array of disks (md)" },
	{ "loop", "a file (loop device)" },
	{ "zram", "compressed memory (zram)" },
	{ "nbd", "a network block device (nbd)" },
	{ "bcache", "a cached disk (bcache)" },
	{ "drbd", "a replicated disk (drbd)" },
	{ "rbd", "a Ceph device (rbd)" },
	{ "ram", "memory (ramdisk)" },
	{ "", "made by software, not by a driver" },
};

static int made_by_software(const struct root *root, const char *path)
{
	const char *name = last_name(path);
	char *folder = below(path, "dm"), *uuid = NULL;
	int err = folder ? read_line(root, folder, "uuid", &uuid) : no_memory();
	size_t i = 0;

	free(folder);
	if (err)
		return err;
	if (uuid) {
		while (strncmp(uuid, mapped[i].prefix, strlen(mapped[i].prefix)))
			i++;
		free(uuid);
		return fail(-ENOTSUP, "%s is %s", name, mapped[i].what);
	}
	while (strncmp(name, made[i].prefix, strlen(made[i].prefix)))
		i++;
	return fail(-ENOTSUP, "%s is %s", name, made[i].what);
}

/*
 * With multipathing of its own the kernel shows an NVMe namespace below its subsystem (/sys/devices/virtual/nvme-
 * subsystem/...), which links to the controllers.
 */
static int want_nvme_controllers(struct walk *w, const char *path, const char *name)
{
	struct root_names names;
	char *slash, *folder = strdup(path);
	int err;

	if (!folder)
		return no_memory();
	/* sys/devices/virtual/nvme-subsystem/nvme-subsys0 */
	slash = strchr(folder + strlen("sys/devices/virtual/nvme-subsystem/"), '/');
	if (slash)
		*slash = 0;
	err = root_list(w->root, folder, &names);
	for (size_t i = 0; !err && i < names.nr; i++) {
		char *real, *transport = NULL;

		if (strncmp(names.name[i], "nvme", 4) || strchr(names.name[i] + 4, 'n'))
			continue;
		err = resolve(w->root, folder, names.name[i], &real);
		if (!err)
			err = read_line(w->root, real, "transport", &transport);
		if (!err && transport && strcmp(transport, "pcie"))
			err = fail(-ENOTSUP, "%s is reached over a network (NVMe over %s)", name, transport);
		if (!err)
			err = want_device(w, real, 0);
		free(transport);
		free(real);
	}
	root_names_deinit(&names);
	free(folder);
	return err;
}

int device_want_block(const struct root *root, struct modules *m, const char *name)
{
	static const char subsystem[] = "sys/devices/virtual/nvme-subsystem/";
	char *path;
	struct walk w;
	int err = resolve(root, "sys/class/block", name, &path);

	if (!err)
		err = walk_init(&w, root, m);
	if (err)
		;
	else if (!root_exists(root, path))
		err = fail(-ENODEV, "there is no block device %s", name);
	else if (!strncmp(path, subsystem, strlen(subsystem)))
		err = want_nvme_controllers(&w, path, name);
	else if (!strncmp(path, "sys/devices/virtual/", 20))
		err = strstr(path, "/nvme-fabrics/") ?
		      fail(-ENOTSUP, "%s is reached over a network (NVMe over fabrics)", name) :
		      made_by_software(root, path);
	else if (strstr(path, "/session"))
		err = fail(-ENOTSUP, "%s is reached over a network (iSCSI)", name);
	else
		err = want_device(&w, path, 0);
	if (!err && !w.nr_drivers)
		err = fail(-ENODEV, "%s: no driver is bound to it (/%s)", name, path);
	free(path);
	return err;
}

static int want_below(struct walk *w, const char *path, unsigned int depth);

static int want_slaves(struct walk *w, const char *folder, unsigned int depth)
{
	struct root_names names;
	int err = root_list(w->root, folder, &names);

	for (size_t i = 0; !err && i < names.nr; i++) {
		char *real;

		err = resolve(w->root, folder, names.name[i], &real);
		if (!err)
			err = want_below(w, real, depth + 1);
		free(real);
	}
	root_names_deinit(&names);
	return err;
}

/* What the device PATH, resolved, is made from; of a partition, what the whole is made from. */
static int want_below(struct walk *w, const char *path, unsigned int depth)
{
	static const char made_here[] = "sys/devices/virtual/block/";
	char *slaves, *whole;
	int err = 0;

	if (depth > MAX_DEPTH)
		return 0;
	if (strncmp(path, made_here, strlen(made_here)))
		return want_device(w, path, 0);
	slaves = below(path, "slaves");
	whole = strndup(path, strrchr(path, '/') - path);
	if (!slaves || !whole)
		err = no_memory();
	else if (root_exists(w->root, slaves))
		err = want_slaves(w, slaves, depth);
	else if (!strncmp(whole, made_here, strlen(made_here)))
		err = want_below(w, whole, depth + 1);
	free(whole);
	free(slaves);
	return err;
}

int device_want_below(const struct root *root, struct modules *m, const char *name)
{
	char *path;
	struct walk w;
	int err = resolve(root, "sys/class/block", name, &path);

	if (!err)
		err = walk_init(&w, root, m);
	if (!err)
		err = want_below(&w, path, 0);
	free(path);
	return err;
}

static int link_kind_fault(const struct root *root, const char *name, const char *path)
{
	static const struct {
		const char *file, *what;
	} kinds[] = {
		{ "bonding", "a bond" }, { "bridge", "a bridge" }, { "tun_flags", "a tunnel" },
		{ "phy80211", "wireless" }, { "wireless", "wireless" },
	};
	struct blob text;
	char *file;
	int err;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool there;

		file = below(path, kinds[i].file);
		if (!file)
			return no_memory();
		there = root_exists(root, file);
		free(file);
		if (there)
			return fail(-ENOTSUP, "the network interface %s is %s", name, kinds[i].what);
	}
	if (strncmp(path, "sys/devices/virtual/", 20))
		return 0;
	file = below(path, "uevent");
	if (!file)
		return no_memory();
	blob_init(&text);
	err = root_read(root, file, 65536, &text);
	err_clear();
	err = fail(-ENOTSUP, "the network interface %s is %s", name,
		   !err && strstr((const char *)text.data, "DEVTYPE=vlan") ? "a VLAN" : "made by software");
	blob_deinit(&text);
	free(file);
	return err;
}

/* The chip that drives the cable is a device of its own (link "phydev"). */
static int want_phy(struct walk *w, const char *path)
{
	char *real;
	int err = resolve(w->root, path, "phydev", &real);

	if (!err && root_exists(w->root, real))
		err = want_device(w, real, 0);
	free(real);
	return err;
}

int device_want_link(const struct root *root, struct modules *m, const char *name)
{
	char *path;
	struct walk w;
	int err = resolve(root, "sys/class/net", name, &path);

	if (!err)
		err = walk_init(&w, root, m);
	if (!err && !root_exists(root, path))
		err = fail(-ENODEV, "there is no network interface %s", name);
	if (!err)
		err = link_kind_fault(root, name, path);
	if (!err)
		err = want_device(&w, path, 0);
	if (!err)
		err = want_phy(&w, path);
	if (!err && !w.nr_drivers)
		err = fail(-ENODEV, "%s: no driver is bound to it (/%s)", name, path);
	free(path);
	return err;
}

int device_want_driver(const struct root *root, struct modules *m, const char *bus, const char *driver, size_t *found)
{
	struct root_names names;
	struct walk w;
	char *folder;
	int err = walk_init(&w, root, m);

	*found = 0;
	if (err)
		return err;
	if (asprintf(&folder, "sys/bus/%s/drivers/%s", bus, driver) < 0)
		return no_memory();
	if (!root_exists(root, folder)) {
		free(folder);
		return 0;
	}
	err = root_list(root, folder, &names);
	for (size_t i = 0; !err && i < names.nr; i++) {
		char *real;

		err = resolve(root, folder, names.name[i], &real);
		if (!err && !strncmp(real, "sys/devices/", 12)) {
			++*found;
			err = want_device(&w, real, 0);
		}
		free(real);
	}
	root_names_deinit(&names);
	free(folder);
	return err;
}

static int want_softdog(struct modules *m, char **module)
{
	if (modules_is_builtin(m, "softdog")) {
		*module = strdup("-");
		return *module ? 0 : no_memory();
	}
	*module = NULL;
	if (!modules_have(m, "softdog"))
		return 0;
	*module = strdup("softdog");
	return *module ? modules_want(m, "softdog") : no_memory();
}

int device_want_watchdog(const struct root *root, struct modules *m, char **module)
{
	char *path = NULL, *driver = NULL, *name = NULL;
	struct walk w;
	int err = walk_init(&w, root, m);

	if (!err)
		err = tree_walk(NULL, root, "sys/class/watchdog/watchdog0/device", &path);
	if (!err)
		err = link_name(root, path, "driver", &driver);
	if (err || !driver || strncmp(path, "sys/devices/", 12)) {
		free(driver);
		free(path);
		return err ? err : want_softdog(m, module);
	}
	free(driver);
	driver = below(path, "driver");
	err = driver ? link_name(root, driver, "module", &name) : no_memory();
	if (!err)
		err = want_device(&w, path, 0);
	if (!err && !name)
		name = strdup("-");
	if (!err && !name)
		err = no_memory();
	free(driver);
	free(path);
	if (err)
		free(name);
	else
		*module = name;
	return err;
}
