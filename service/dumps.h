/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders with dumps, as the capture side names and fills them: what is there, and which of them may go. */
#ifndef SERVICE_DUMPS_H
#define SERVICE_DUMPS_H

#include "service/command.h"
#include "service/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump_folder {
	/* ADDRESS-DATE, "127.0.0.1-2026-11-21-10:00:00", with -2, -3... when there were more in a second */
	char *name;
	char *path;                /* as programs open it */
	uint64_t time_s;           /* what the name says; the capture kernel's clock is in UTC */
	unsigned int number;       /* behind the date; 1 without one */
	char *core;                /* the dump's file name; NULL: there is none */
	char *log;                 /* the crashed kernel's log's; NULL */
	bool complete;
	bool others;               /* on a server's export, and not named after an address or name of this machine */
	bool foreign;              /* holds something that no capture wrote: never removed */
	uint64_t bytes;            /* on the disk, all files together */
};

/* Newest first once dumps_sort() was called. Zeroed before the first use. */
struct dumps {
	struct dump_folder *dump;
	size_t nr;
};

/* Is NAME a dump's folder? TIME_S and NUMBER may be NULL. */
bool dump_name_parse(const char *name, uint64_t *time_s, unsigned int *number);
/* Add those in FOLDER (as programs open it), which may be missing. Links are not followed. -errno, recorded. */
int dumps_add(struct dumps *d, const char *folder);
/*
 * Many machines may write to one export: mark those of D from the one with the number FROM on that are others'. When
 * this machine's addresses cannot be told, all of them are.
 */
void dumps_mark_others(struct dumps *d, size_t from, const struct ctl *ctl);
void dumps_leave_out_others(struct dumps *d);
void dumps_sort(struct dumps *d);
void dumps_deinit(struct dumps *d);
/* Of all places that a configuration names and that are mounted; sorted. */
int dumps_read(struct dumps *d, const struct ctl *ctl, const struct conf *conf);
/* The line of the log that says why the kernel stopped, without its time; from malloc. NULL: there is no such line. */
char *dump_reason(const struct dump_folder *dump);

/* ---- retention (retain.c) ---- */

/*
 * Which of the dumps of one file system may not stay: REMOVE[i] becomes the reason, or NULL. D is sorted; FREE_BYTES is
 * what is free now. Neither the newest nor the newest complete one is chosen, nor a folder with something else in it.
 */
void retain_choose(const struct dumps *d, const struct conf_keep *keep, uint64_t now_s, uint64_t free_bytes,
		   const char **remove);
/*
 * Do it everywhere, saying on standard output what was removed and why. DRY_RUN: only say it. -errno recorded: of what
 * could not be removed.
 */
int prune_now(const struct ctl *ctl, const struct conf *conf, bool dry_run);

#endif
