/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, times and texts of the capture: what can be said without touching anything. */
#ifndef KDUMP_CAPTURE_NAMES_H
#define KDUMP_CAPTURE_NAMES_H

#include "lib/blob.h"
#include "lib/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * "127.0.0.1-2026-11-21-10:00:00", with "-2"... behind it from the second NUMBER on: malloc, NULL without memory. What
 * a name cannot have in ADDRESS becomes "_".
 */
char *name_of_dump(const char *address, const struct tm *when, unsigned int number);

/* A + "/" + B without slashes that are too many: malloc, NULL. */
char *name_join(const char *a, const char *b);

/* What a target that has NR_LEFT - 1 others behind it may take of LEFT_MS. UINT64_MAX stays that. */
uint64_t share_ms(uint64_t left_ms, unsigned int nr_left);

/*
 * The words of core_collector, ended by NULL, one malloc for all of them; NULL without memory. *OURS: it is
 * makedumpfile or kdump, which this program is itself: then the first words are /proc/self/exe and "makedumpfile" or
 * what followed "kdump". ROOM: for so many more words behind them.
 */
const char **collector_words(const char *line, unsigned int room, bool *ours);
/* Does it write a stream (-F)? */
bool collector_flattens(const char *const *words);
/* Is what PROGRAM writes a dump that `kdump check` knows? */
bool collector_checkable(const char *const *words, bool ours);

/*
 * One record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg) as dmesg prints it, with its newline, appended to TEXT.
 * What is no record is left out. -ENOMEM.
 */
int klog_append(struct text record, struct blob *text);

#endif
