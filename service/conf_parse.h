/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parsers of the two files share. */
#ifndef SERVICE_CONF_PARSE_H
#define SERVICE_CONF_PARSE_H

#include "lib/text.h"
#include "service/conf.h"

/* Note what was recorded last as a fault of LINE of FILE. -ENOMEM (recorded). */
int conf_fault(struct conf_faults *faults, const char *file, unsigned int line);
/*
 * The verdict on a file with these faults behind the first NR_BEFORE, put into order: 0, or -EINVAL with the first of
 * them recorded as "NAME:LINE: SENTENCE".
 */
int conf_verdict(struct conf_faults *faults, size_t nr_before);
/* -EINVAL (recorded): LINE holds what no line of text holds. */
int conf_check_line(struct text line);
/* Put a copy of VALUE where AT points, in place of what is there. -ENOMEM (recorded). */
int conf_copy(char **at, struct text value);
/*
 * Contradictions between the lines of the file NAME; each goes to FAULTS with the line it is about. What one line says
 * about the field of another is settled here.
 * -ENOMEM (recorded).
 */
int conf_check_whole(struct conf *c, const char *name, const unsigned int *line_of, struct conf_faults *faults);

/*
 * Keywords whose lines conf_check_whole() has to name: indexes of LINE_OF, 0 there when the keyword was not in the
 * file.
 */
enum conf_line {
	CONF_LINE_CORE_COLLECTOR, CONF_LINE_FORCE_REBUILD, CONF_LINE_FORCE_NO_REBUILD, CONF_LINE_ENCRYPT,
	CONF_LINE_FENCE_ARGS, CONF_LINE_S3_ENDPOINT, CONF_LINE_FAILURE_ACTION, CONF_LINE_SHELL, CONF_LINE_BUILDER,
	CONF_LINE_DRACUT_ARGS, CONF_LINES
};

#endif
