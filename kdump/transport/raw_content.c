// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/raw_content.h"

#include "lib/err.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_BLKID
#include <blkid.h>
#endif

#ifdef HAVE_BLKID
static blkid_probe probe_open(const char *path)
{
	blkid_probe probe = blkid_new_probe_from_filename(path);

	if (!probe)
		return NULL;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(probe, 1);
	return probe;
}

int raw_content(const char *path, char **what)
{
	blkid_probe probe = probe_open(path);
	const char *value = NULL;
	char *text = NULL;
	int found;

	if (!probe)
		return fail_sys(errno ? -errno : -EIO, "%s: cannot be looked at", path);
	/* -2: more than one, as old marks that nobody removed. All the more reason to ask. */
	found = blkid_do_safeprobe(probe);
	if (found == -2) {
		text = strdup("signs of several file systems");
	} else if (!found && !blkid_probe_lookup_value(probe, "TYPE", &value, NULL)) {
		text = strdup(value);
	} else if (!found && !blkid_probe_lookup_value(probe, "PTTYPE", &value, NULL)) {
		if (asprintf(&text, "%s partition table", value) < 0)
			text = NULL;
	}
	blkid_free_probe(probe);
	if (found == -1)
		return fail(-EIO, "%s: cannot be read", path);
	if ((value || found == -2) && !text)
		return fail(-ENOMEM, "out of memory");
	*what = text;
	return 0;
}

int raw_content_wipe(const char *path)
{
	int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC), found = 0;
	blkid_probe probe;

	if (fd < 0)
		return errno == EBUSY ? fail(-EBUSY, "%s: is in use", path) : fail_sys(-errno, "%s: cannot open", path);
	probe = blkid_new_probe();
	if (!probe || blkid_probe_set_device(probe, fd, 0, 0)) {
		blkid_free_probe(probe);
		close(fd);
		return fail(-EIO, "%s: cannot be looked at", path);
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC);
	while (!found && !blkid_do_probe(probe))
		found = blkid_do_wipe(probe, 0);
	blkid_free_probe(probe);
	if (fsync(fd) && !found)
		found = -errno;
	close(fd);
	return found ? fail(-EIO, "%s: old marks cannot be removed", path) : 0;
}
#else
int raw_content(const char *path, char **what)
{
	(void)what;
	return fail(-ENOTSUP, "%s: cannot be looked at, libblkid was not built in", path);
}

int raw_content_wipe(const char *path)
{
	return fail(-ENOTSUP, "%s: cannot be wiped, libblkid was not built in", path);
}
#endif
