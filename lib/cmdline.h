/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel command lines as words. Words are separated by white space outside double quotes, as the kernel's own
 * parser does (Documentation/admin-guide/kernel-parameters.rst); there are no escapes, and a quote that is never
 * closed reaches to the end of the text. A parameter is NAME or NAME=VALUE; in names '-' and '_' are the same.
 * Everything behind a bare "--" belongs to init: it is neither found nor removed.
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

/*
 * Add WORDS at the end of the kernel's own words, with a blank between: before a bare "--" when there is one. Where
 * WORDS has a bare "--" itself, what stands behind it goes to the end, for init. A quote left open is closed before
 * anything is put behind it, so that no word is swallowed. -ENOMEM.
 */
int cmdline_add(struct cmdline *c, const char *words);

/*
 * Add WORD, without blanks or quotes in it, as cmdline_add() does, and blanks behind it until both have ROOM bytes.
 * *OFF: of the word in the text. Later additions take the blanks away. -ENOMEM.
 */
int cmdline_add_room(struct cmdline *c, const char *word, size_t room, size_t *off);

/* Remove every word that is NAME or NAME=...; never a part of another word. Returns how many, or -ENOMEM. */
int cmdline_remove(struct cmdline *c, const char *name);

/*
 * Is there a word NAME or NAME=VALUE? The last one counts. VALUE and VALUE_LEN may be NULL. *VALUE points into the
 * text, *VALUE_LEN bytes, without the quotes that the kernel takes off: those around the whole value or the whole
 * word. It is NULL for a word without '='. Both are untouched when there is no such word.
 */
bool cmdline_find(const struct cmdline *c, const char *name, const char **value, size_t *value_len);

/*
 * -E2BIG (recorded: has, may have, by how much it is over) when the text has more than MAX bytes without the NUL.
 */
int cmdline_check_len(const struct cmdline *c, size_t max, const char *who_says);

#endif
