// SPDX-License-Identifier: GPL-2.0-or-later
/* What a capture kernel left on raw partitions becomes dump folders, once the machine is back. */
#include "service/ctl.h"

#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Terabytes from a slow disk. The capture kernel is loaded by then. */
#define FETCH_MS (4ull * 3600 * 1000)
#define PREPARE_MS (120 * 1000)
/* Of kdump fetch: what there is was fetched, but it is not all of the dump. */
#define FETCHED_INCOMPLETE 3

/* kdump fetch with these words; *SAID is its last line, from malloc. */
static int run_fetch(const char *first, const char *second, uint64_t limit_ms, int *status, char **said)
{
	struct argv a = { 0 };
	struct blob out;
	char *line = NULL;
	int err;

	blob_init(&out);
	argv_add(&a, "kdump");
	argv_add(&a, "fetch");
	argv_add(&a, "%s", first);
	argv_add(&a, "%s", second);
	err = argv_run(&a, limit_ms, &out, status);
	if (!err)
		line = ctl_last_line(&out);
	if (!err && !line)
		err = fail(-ENOMEM, "no memory");
	if (!err)
		*said = line;
	argv_deinit(&a);
	blob_deinit(&out);
	return err;
}

/* A partition without our mark gets it, unless something else is on it; better told now than at the next panic. */
static int prepare(const char *device, const char *why)
{
	char *said = NULL;
	int status, err = run_fetch("--prepare", device, PREPARE_MS, &status, &said);

	if (!err && !status)
		printf("%s\n", said);
	else if (!err)
		warn("%s; %s", why, said);
	free(said);
	return err;
}

static int fetch_one(const struct ctl *ctl, const struct conf *conf, const char *device)
{
	char *folder = ctl_path(ctl, conf->path), *said = NULL;
	int status, err = folder ? ctl_make_folder(ctl, conf->path, 0700) : fail(-ENOMEM, "no memory");

	if (!err)
		err = run_fetch(device, folder, FETCH_MS, &status, &said);
	if (!err && (!status || status == FETCHED_INCOMPLETE))
		printf("%s\n", said);
	else if (!err)
		err = prepare(device, said);
	free(said);
	free(folder);
	return err;
}

void ctl_fetch_dumps(const struct ctl *ctl, const struct conf *conf)
{
	for (size_t i = 0; i < conf->nr_targets; i++) {
		if (conf->target[i].kind != CONF_RAW || !fetch_one(ctl, conf, conf->target[i].where))
			continue;
		warn("%s: what is on it is not fetched: %s", conf->target[i].where, err_text());
		err_clear();
	}
}
