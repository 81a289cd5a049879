/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel command lines as words. Words are separated by white space outside double quotes, as the kernel's own
 * parser does (Documentation/admin-guide/kernel-parameters.rst). A parameter is NAME or NAME=VALUE; in names '-' and '_' are
 * the same. Everything behind a bare "--" belongs to init and is left alone.
 */
#ifndef LIB_CMDLINE_H
#define LIB_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

struct cmdline {
	char *text;            /* NUL-terminated, never NULL after cmdline_init */
	size_t len;
};

/* TEXT may be NULL (empty). Surrounding white space and a trailing newline go. -ENOMEM. */
int cmdline_init(struct cmdline *c, const char *text);
void cmdline_deinit(struct cmdline *c);

/* Add WORDS at the end (before a bare "--" when there is one), with a blank between. -ENOMEM. */
int cmdline_add(struct cmdline *c, const char *words);

/* Remove every word that is NAME or NAME=...; never a part of another word. Returns how many, or -ENOMEM. */
int cmdline_remove(struct cmdline *c, const char *name);

/*
 * Is there a word NAME or NAME=VALUE? The last one counts. VALUE (may be NULL) points into the text, *VALUE_LEN bytes, quotes
 * taken off when they enclose the whole value; NULL for a word without '='.
 */
bool cmdline_find(const struct cmdline *c, const char *name, const char **value, size_t *value_len);

/* -E2BIG (recorded: has, may have, by how much it is over) when the text has more than MAX bytes without the NUL. */
int cmdline_check_len(const struct cmdline *c, size_t max, const char *who_says);

#endif
