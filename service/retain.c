// SPDX-License-Identifier: GPL-2.0-or-later
/* Dumps that are not to be kept any longer: "keep" of kdump.conf(5). */
#include "lib/err.h"
#include "service/ctl.h"
#include "service/dumps.h"
#include "service/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

void retain_choose(const struct dumps *d, const struct conf_keep *keep, uint64_t now_s, uint64_t free_bytes,
		   const char **remove)
{
	size_t complete = d->nr, nr_kept = 0;

	for (size_t i = d->nr; i-- > 0;)
		if (d->dump[i].complete)
			complete = i;
	for (size_t i = 0; i < d->nr; i++) {
		const struct dump_folder *dump = &d->dump[i];
		bool safe = !i || i == complete || dump->foreign;

		remove[i] = NULL;
		if (!safe && keep->count && nr_kept >= keep->count)
			remove[i] = "there are newer ones enough";
		else if (!safe && keep->age_s && dump->time_s < now_s && now_s - dump->time_s > keep->age_s)
			remove[i] = "it is old";
		if (remove[i])
			free_bytes += dump->bytes;
		else
			nr_kept++;
	}
	for (size_t i = d->nr; i-- > 1 && keep->free_bytes && free_bytes < keep->free_bytes;) {
		if (remove[i] || i == complete || d->dump[i].foreign)
			continue;
		remove[i] = "the disk is full";
		free_bytes += d->dump[i].bytes;
	}
}

/*
 * The files first, so that a folder that is there is never without a dump for another reason than this. Nothing below a
 * folder in it.
 */
static int remove_dump(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return fail_sys(err, "%s", path);
	}
	while (!err && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && unlinkat(fd, entry->d_name, 0))
			err = fail_sys(-errno, "cannot remove %s/%s", path, entry->d_name);
	closedir(dir);
	if (!err && rmdir(path))
		err = fail_sys(-errno, "cannot remove %s", path);
	return err;
}

static int prune_place(const struct ctl *ctl, const struct place *p, const struct conf_keep *keep, bool dry_run)
{
	struct dumps d = { 0 };
	const char **remove;
	struct statvfs fs;
	int err = dumps_add(&d, p->folder), failed = 0;

	if (!err && place_is_shared(p)) {
		dumps_mark_others(&d, 0, ctl);
		dumps_leave_out_others(&d);
	}
	dumps_sort(&d);
	remove = err || !d.nr ? NULL : calloc(d.nr, sizeof(*remove));
	if (!err && d.nr && !remove)
		err = fail(-ENOMEM, "no memory for the dumps in %s", p->folder);
	if (!err && remove && statvfs(p->folder, &fs))
		err = fail_sys(-errno, "%s", p->folder);
	if (!err && remove)
		retain_choose(&d, keep, time(NULL), (uint64_t)fs.f_bavail * fs.f_frsize, remove);
	for (size_t i = d.nr; !err && i-- > 0;) {
		char size[16];

		if (!remove[i])
			continue;
		if (!dry_run && remove_dump(d.dump[i].path)) {
			/* The others go all the same. */
			warn("%s", err_text());
			failed = -EIO;
			continue;
		}
		ctl_size_text(d.dump[i].bytes, size);
		printf("%s %s (%s): %s\n", dry_run ? "would remove" : "removed", d.dump[i].path, size, remove[i]);
	}
	free(remove);
	dumps_deinit(&d);
	return err || !failed ? err : fail(failed, "not every dump could be removed from %s that is not to be kept",
					   p->folder);
}

int command_prune(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct conf conf = { 0 };
	bool dry_run = false;
	int err;

	(void)status;
	for (int i = 1; i < argc; i++) {
		if (!ctl_is(argv[i], "--dry-run"))
			return ctl_usage(argv[0], "what is this", argv[i]);
		dry_run = true;
	}
	err = ctl_conf_read(ctl, &conf);
	if (!err)
		err = prune_now(ctl, &conf, dry_run);
	conf_deinit(&conf);
	return err;
}

int prune_now(const struct ctl *ctl, const struct conf *conf, bool dry_run)
{
	const struct conf_keep *keep = &conf->keep;
	struct places p = { 0 };
	int err;

	if (!keep->count && !keep->age_s && !keep->free_bytes)
		return 0;
	err = places_read(&p, ctl, conf);
	for (size_t i = 0; !err && i < p.nr; i++)
		if (p.place[i].folder)
			err = prune_place(ctl, &p.place[i], keep, dry_run);
	places_deinit(&p);
	return err;
}
