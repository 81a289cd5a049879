/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found out about a loaded capture kernel, for people and for programs. */
#ifndef LIB_CAPTURE_REPORT_H
#define LIB_CAPTURE_REPORT_H

#include "lib/capture_description.h"

#include <stdio.h>

struct capture_report {
	const char *source;        /* "/proc/kcore", a file */
	const struct capd_finder *finder;
	/*
	 * Why nothing can be told, or what is wrong with the description itself; NULL: the segments say it. VERDICT
	 * then holds without them.
	 */
	const char *why;
	enum capd_verdict verdict;
	struct capd_result results[CAPD_MAX_SEGMENTS];  /* where finder->found */
};

/*
 * Verify what FINDER found, or say why that cannot be: fills REPORT but for its source. NONE: the sentence where there
 * is no description at all.
 */
void capture_report_make(struct capture_report *report, const struct capd_finder *finder, const char *none,
			 capd_read *read, void *ctx);

/* -ENOTSUP (recorded): JSON without json-c. */
int capture_report_print(const struct capture_report *report, bool json, FILE *out);

#endif
