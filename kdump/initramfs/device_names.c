// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of devices: the ones that udev makes links of (/dev/disk/by-...), and the kernel's. */
#include "kdump/initramfs/devices.h"

#include "kdump/initramfs/tree.h"
#include "lib/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
	const char *prefix, *folder;
} kinds[] = {
	{ "UUID=", "dev/disk/by-uuid" },
	{ "LABEL=", "dev/disk/by-label" },
	{ "PARTUUID=", "dev/disk/by-partuuid" },
	{ "PARTLABEL=", "dev/disk/by-partlabel" },
};

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What udev makes of a label in a file's name: \xNN for what shells and paths take for something else. */
static char *escaped(const char *label)
{
	char *out = malloc(strlen(label) * 4 + 1), *at = out;

	for (const char *c = label; out && *c; c++) {
		if (isalnum((unsigned char)*c) || strchr("#+-.:=@_", *c) || (unsigned char)*c >= 0x80)
			*at++ = *c;
		else
			at += sprintf(at, "\\x%02x", (unsigned char)*c);
	}
	if (out)
		*at = 0;
	return out;
}

/* The kernel's name of the device that the file PATH (without a leading slash) is, or leads to. */
static int find_node(const struct root *root, const char *path, char **name)
{
	char *real, *class;
	struct stat st;
	bool known;
	int err = tree_walk(NULL, root, path, &real);

	if (err)
		return err;
	if (asprintf(&class, "sys/class/block/%s", last_name(real)) < 0) {
		free(real);
		return no_memory();
	}
	known = root_exists(root, class);
	free(class);
	if (known) {
		*name = strdup(last_name(real));
		free(real);
		return *name ? 0 : no_memory();
	}
	err = root_stat(root, real, &st);
	free(real);
	if (err || !S_ISBLK(st.st_mode))
		return fail(-ENODEV, "/%s: there is no such block device", path);
	if (asprintf(&class, "%u:%u", major(st.st_rdev), minor(st.st_rdev)) < 0)
		return no_memory();
	err = device_find(root, class, name);
	free(class);
	return err;
}

static int find_number(const struct root *root, const char *number, char **name)
{
	char *link, *target;
	int err;

	if (asprintf(&link, "sys/dev/block/%s", number) < 0)
		return no_memory();
	err = root_link(root, link, &target);
	free(link);
	if (err)
		return fail(-ENODEV, "there is no block device with the number %s", number);
	*name = strdup(last_name(target));
	free(target);
	return *name ? 0 : no_memory();
}

static int find_link(const struct root *root, const char *spec, const char *folder, const char *value, char **name)
{
	char *plain = escaped(value), *path;
	int err;

	if (!plain || asprintf(&path, "%s/%s", folder, plain) < 0) {
		free(plain);
		return no_memory();
	}
	/* UUIDs are compared by value; udev writes those of file systems of Linux in small letters. */
	if (!root_exists(root, path) && strstr(folder, "uuid"))
		for (char *c = strrchr(path, '/'); *c; c++)
			*c = (char)tolower((unsigned char)*c);
	free(plain);
	err = find_node(root, path, name);
	if (err && err != -ENOMEM)
		err = fail(-ENODEV, "%s: there is no such device (/%s)", spec, path);
	free(path);
	return err;
}

int device_find(const struct root *root, const char *spec, char **name)
{
	if (spec[0] == '/')
		return find_node(root, spec + 1, name);
	for (size_t i = 0; i < NR_KINDS; i++) {
		size_t n = strlen(kinds[i].prefix);

		if (!strncmp(spec, kinds[i].prefix, n))
			return find_link(root, spec, kinds[i].folder, spec + n, name);
	}
	if (strspn(spec, "0123456789:") == strlen(spec))
		return find_number(root, spec, name);
	return fail(-ENODEV, "%s: no name of a block device", spec);
}

/* The link of FOLDER that leads to NAME, from malloc; NULL (with 0): there is none. Several: the first by name. */
static int link_to(const struct root *root, const char *folder, const char *name, char **link)
{
	struct root_names names;
	int err;

	*link = NULL;
	if (!root_exists(root, folder))
		return 0;
	err = root_list(root, folder, &names);
	if (err)
		return err;
	for (size_t i = 0; !err && !*link && i < names.nr; i++) {
		char *path, *target = NULL;

		if (asprintf(&path, "%s/%s", folder, names.name[i]) < 0) {
			err = no_memory();
			break;
		}
		if (!root_link(root, path, &target) && !strcmp(last_name(target), name))
			*link = strdup(names.name[i]);
		free(target);
		free(path);
	}
	root_names_deinit(&names);
	return err;
}

int device_lasting_name(const struct root *root, const char *name, bool filesystem, char **spec)
{
	static const char *const wanted[] = { "UUID=", "PARTUUID=" };
	char *link = NULL;
	int err = 0, n;

	for (size_t i = filesystem ? 0 : 1; i < 2; i++) {
		for (size_t k = 0; !err && k < NR_KINDS; k++)
			if (!strcmp(kinds[k].prefix, wanted[i]))
				err = link_to(root, kinds[k].folder, name, &link);
		if (err)
			return err;
		if (!link)
			continue;
		n = asprintf(spec, "%s%s", wanted[i], link);
		free(link);
		return n < 0 ? no_memory() : 0;
	}
	return asprintf(spec, "/dev/%s", name) < 0 ? no_memory() : 0;
}
