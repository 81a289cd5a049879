// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/text.h"

#include <string.h>

struct text text_of(const char *at, size_t len)
{
	return (struct text){ .at = at, .len = len };
}

struct text text_of_string(const char *s)
{
	return text_of(s, strlen(s));
}

static void advance(struct text *t, size_t n)
{
	t->at += n;
	t->len -= n;
}

struct text text_until(struct text *t, char c)
{
	struct text front = *t;
	const char *hit = t->len ? memchr(t->at, c, t->len) : NULL;

	if (!hit) {
		advance(t, t->len);
		return front;
	}
	front.len = hit - t->at;
	advance(t, front.len + 1);
	return front;
}

bool text_line(struct text *t, struct text *line)
{
	if (!t->len)
		return false;
	*line = text_until(t, '\n');
	return true;
}

size_t text_blanks(struct text *t)
{
	size_t n = 0;

	while (n < t->len && t->at[n] == ' ')
		n++;
	advance(t, n);
	return n;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void text_trim(struct text *t)
{
	while (t->len && is_space(t->at[0]))
		advance(t, 1);
	while (t->len && is_space(t->at[t->len - 1]))
		t->len--;
}

bool text_starts(const struct text *t, const char *word)
{
	size_t n = strlen(word);

	return t->len >= n && !memcmp(t->at, word, n);
}

bool text_stops(const struct text *t, const char *word)
{
	size_t n = strlen(word);

	return t->len >= n && !memcmp(t->at + (t->len - n), word, n);
}

bool text_is(const struct text *t, const char *word)
{
	return t->len == strlen(word) && text_starts(t, word);
}

bool text_take(struct text *t, const char *word)
{
	if (!text_starts(t, word))
		return false;
	advance(t, strlen(word));
	return true;
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *text_hex(const void *bytes, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[b[i] >> 4];
		hex[2 * i + 1] = digits[b[i] & 15];
	}
	hex[2 * len] = 0;
	return hex;
}

bool text_u64(struct text *t, unsigned int base, uint64_t *value)
{
	uint64_t sum = 0;
	size_t n = 0;

	for (; n < t->len; n++) {
		int digit = text_hex_digit(t->at[n]);

		if (digit < 0 || (unsigned int)digit >= base)
			break;
		if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)digit, &sum))
			return false;
	}
	if (!n)
		return false;
	advance(t, n);
	*value = sum;
	return true;
}

bool text_word(struct text *rest, struct text *word)
{
	size_t n = 0;

	text_trim(rest);
	if (!rest->len)
		return false;
	while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\t')
		n++;
	*word = text_of(rest->at, n);
	rest->at += n;
	rest->len -= n;
	return true;
}
