/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded text and the few ways in which kernel texts are taken apart: lines, words, numbers. The sibling of
 * view.h for what is written in characters. A text owns nothing; NUL bytes have no meaning in it.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	const char *at;
	size_t len;
};

struct text text_of(const char *at, size_t len);
struct text text_of_string(const char *s);

/* Take the next line off T, without its newline; the last one may lack it. False when nothing is left. */
bool text_line(struct text *t, struct text *line);

/* Take everything in front of the first C, and C itself; all of T when there is none. */
struct text text_until(struct text *t, char c);

/* Take leading blanks; how many there were. */
size_t text_blanks(struct text *t);

/* Take the next word between blanks and tabs; false when there is none. */
bool text_word(struct text *t, struct text *word);

/* Drop white space at both ends. */
void text_trim(struct text *t);

/* Take WORD when T starts with it. */
bool text_take(struct text *t, const char *word);

/*
 * Take an unsigned number of BASE 10 or 16, digits only. False, with T and VALUE untouched, when there is no digit
 * or the number needs more than 64 bits.
 */
bool text_u64(struct text *t, unsigned int base, uint64_t *value);

/* Is T exactly WORD? */
bool text_is(const struct text *t, const char *word);
bool text_starts(const struct text *t, const char *word);
bool text_stops(const struct text *t, const char *word);

/* The value of a hexadecimal digit in either case; -1: it is none. */
int text_hex_digit(char c);
/* BYTES as hexadecimal digits in small letters and a NUL: HEX has room for 2 * LEN + 1 characters, and is returned. */
char *text_hex(const void *bytes, size_t len, char *hex);

/* For messages: printf("%.*s", TEXT_ARGS(&t)), at most 80 characters of it. */
#define TEXT_ARGS(t) ((int)((t)->len < 80 ? (t)->len : 80)), (t)->at

#endif
