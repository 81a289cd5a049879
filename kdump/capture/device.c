// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/device.h"

#include "kdump/capture/capture.h"
#include "lib/err.h"

#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_BLKID
#include <blkid.h>
#endif

/* Between two looks for a device that is not there. */
#define LOOK_MS 200

static const struct {
	const char *prefix;        /* of SPEC */
	const char *value;         /* libblkid's name of what stands behind it */
} tags[] = {
	{ "UUID=", "UUID" },
	{ "LABEL=", "LABEL" },
	{ "PARTUUID=", "PART_ENTRY_UUID" },
	{ "PARTLABEL=", "PART_ENTRY_NAME" },
};

#define NR_TAGS (sizeof(tags) / sizeof(tags[0]))

#ifdef HAVE_BLKID
/* NULL with errno set. */
static blkid_probe probe_open(const char *path)
{
	blkid_probe probe = blkid_new_probe_from_filename(path);

	if (!probe)
		return NULL;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	return probe;
}

/* Does the device PATH call itself so? What cannot be read does not. */
static bool has_tag(const char *path, const char *name, const char *want)
{
	blkid_probe probe = probe_open(path);
	const char *value;
	bool has;

	if (!probe)
		return false;
	has = blkid_do_fullprobe(probe) >= 0 && !blkid_probe_lookup_value(probe, name, &value, NULL) &&
	      !strcasecmp(value, want);
	blkid_free_probe(probe);
	return has;
}
#else
static bool has_tag(const char *path, const char *name, const char *want)
{
	(void)path;
	(void)name;
	(void)want;
	return false;
}
#endif

/* Another device is made from it: it cannot be used itself, and may show what is on that one. */
static bool is_part(const char *name)
{
	struct dirent *d = NULL;
	DIR *dir = NULL;
	char *path;

	if (asprintf(&path, "/sys/class/block/%s/holders", name) >= 0) {
		dir = opendir(path);
		free(path);
	}

	do {
		d = dir ? readdir(dir) : NULL;
	} while (d && d->d_name[0] == '.');
	if (dir)
		closedir(dir);
	return d != NULL;
}

/* The device whose tag NAME is WANT, from malloc; NULL: none so far. The paths to a disk have its tags as well. */
static char *search(const char *name, const char *want)
{
	DIR *dir = opendir("/sys/class/block");
	char *path = NULL;
	struct dirent *d;

	while (dir && !path && (d = readdir(dir))) {
		if (d->d_name[0] == '.' || is_part(d->d_name) || asprintf(&path, "/dev/%s", d->d_name) < 0) {
			path = NULL;
			continue;
		}
		/* cciss!c0d0 is /dev/cciss/c0d0. */
		for (char *c = path; *c; c++)
			if (*c == '!')
				*c = '/';
		if (!has_tag(path, name, want)) {
			free(path);
			path = NULL;
		}
	}
	if (dir)
		closedir(dir);
	return path;
}

static int path_of(const char *spec, char **path)
{
	struct stat st;

	if (stat(spec, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return fail(-ENOTBLK, "%s: is no block device", spec);
	*path = strdup(spec);
	return *path ? 0 : fail(-ENOMEM, "out of memory");
}

int device_wait(const char *spec, uint64_t limit_ms, char **path)
{
	size_t tag = 0;
	char *found;
	int err;

	while (tag < NR_TAGS && strncmp(spec, tags[tag].prefix, strlen(tags[tag].prefix)))
		tag++;
#ifndef HAVE_BLKID
	if (tag < NR_TAGS)
		return fail(-ENOTSUP, "%s: cannot be found, libblkid was not built in; name the device", spec);
#endif
	for (;;) {
		if (tag == NR_TAGS) {
			err = path_of(spec, path);
			if (err != -ENOENT)
				return err;
		} else {
			found = search(tags[tag].value, spec + strlen(tags[tag].prefix));
			if (found) {
				*path = found;
				return 0;
			}
		}
		if (capture_now_ms() >= limit_ms)
			return fail(-ENODEV, "%s: there is no such device", spec);
		poll(NULL, 0, LOOK_MS);
	}
}
