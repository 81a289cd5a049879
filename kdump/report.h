/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What save says: the size it expects, the table at the end, the note beside the dump. */
#ifndef KDUMP_REPORT_H
#define KDUMP_REPORT_H

#include "kdump/classify.h"

#include <stdio.h>

struct class_report {
	uint64_t pages;            /* found */
	uint64_t saved, zero, lost; /* saved: the zero ones among them */
	uint64_t twins;            /* saved: stored with another one's bytes */
	uint64_t bytes;            /* in the dump */
	uint64_t seen, sampled, sampled_bytes;
};

struct save_report {
	struct class_report class[NR_CLASSES];
	int level;
	uint64_t page_bytes, max_pfn, predicted_bytes, room_bytes, file_bytes, doubtful, counted_free, took_ms;
	uint64_t verified_bytes;   /* read back from another machine; 0: none */
	bool has_counted_free, complete;
	unsigned int workers;
	char release[65];
	char why[512];             /* it is not complete */
};

/* To standard error. */
void report_prediction(const struct save_report *r, bool fits);
void report_final(const struct save_report *r, const char *path, FILE *out);
/* Text of README.txt, from malloc; NULL: no memory. NAME is the dump's; NULL: there is none. LOG is the log's. */
char *report_note(const struct save_report *r, const char *state, const char *name, const char *log);

#endif
