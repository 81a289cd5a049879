/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/cmdline.h"

#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * One word as the kernel sees it. A quote in front of the word, and a quote in front of the value, are not part of
 * it; neither is the quote that ends the word then.
 */
struct word {
	const char *start;     /* in the text, quotes and all */
	const char *behind;    /* first byte that is not part of it */
	const char *name;
	size_t name_len;
	const char *value;     /* NULL: no '=' */
	size_t value_len;
	bool open;             /* a quote in it is never closed */
};

/* The kernel's isspace(): ASCII white space, and 0xa0, the no-break space of Latin-1. */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* Take the next word at *POS. False at the end of the text. */
static bool next_word(const char **pos, struct word *word)
{
	const char *start = skip_blanks(*pos), *p, *equals = NULL, *behind;
	bool quoted = *start == '"';
	struct word w = { .start = start, .name = start + quoted };

	if (!*start)
		return false;
	for (p = start; *p && (w.open || !is_blank(*p)); p++) {
		if (*p == '"')
			w.open = !w.open;
		else if (*p == '=' && !equals && p > w.name)
			equals = p;
	}
	w.behind = behind = p;

	if (equals) {
		w.value = equals + 1;
		if (w.value < behind && *w.value == '"') {
			w.value++;
			quoted = true;
		}
	}
	if (quoted && behind > (equals ? w.value : w.name) && behind[-1] == '"')
		behind--;
	w.name_len = (equals ? equals : behind) - w.name;
	if (equals)
		w.value_len = behind - w.value;
	*word = w;
	*pos = w.behind;
	return true;
}

static bool is_bare_dashes(const struct word *w)
{
	return !w->value && w->name_len == 2 && !memcmp(w->name, "--", 2);
}

static char underscored(char c)
{
	return c == '-' ? '_' : c;
}

static bool has_name(const struct word *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->name_len && name[i]; i++) {
		if (underscored(w->name[i]) != underscored(name[i]))
			return false;
	}
	return i == w->name_len && !name[i];
}

/*
 * Divide TEXT at a bare "--": the kernel's words are the first *OWN_LEN bytes (without blanks behind them), init's
 * words are *REST, NULL without "--". *OPEN: the kernel's words end in an open quote, and what is put behind would
 * become part of it.
 */
static void divide(const char *text, size_t *own_len, const char **rest, bool *open)
{
	const char *pos = text;
	struct word w;

	*own_len = 0;
	*rest = NULL;
	*open = false;
	while (next_word(&pos, &w)) {
		if (is_bare_dashes(&w)) {
			*rest = skip_blanks(w.behind);
			break;
		}
		*own_len = w.behind - text;
		*open = w.open;
	}
}

/* Does TEXT end inside a quote? */
static bool ends_open(const char *text)
{
	struct word w = { .open = false };

	while (next_word(&text, &w))
		;
	return w.open;
}

int cmdline_init(struct cmdline *c, const char *text)
{
	const char *start = skip_blanks(text ? text : "");
	size_t len = strlen(start);
	char *copy;

	while (len && is_blank(start[len - 1]))
		len--;
	copy = strndup(start, len);
	if (!copy)
		return fail(-ENOMEM, "out of memory for a command line");
	c->text = copy;
	c->len = len;
	return 0;
}

void cmdline_deinit(struct cmdline *c)
{
	free(c->text);
	*c = (struct cmdline){ 0 };
}

static void put_char(char **to, char c)
{
	*(*to)++ = c;
}

/* Copy N bytes behind what is at START..*TO, with a blank between. A quote left OPEN would swallow what follows. */
static void put_words(const char *start, char **to, const char *words, size_t n, bool open)
{
	if (!n)
		return;
	if (*to > start)
		put_char(to, ' ');
	memcpy(*to, words, n);
	*to += n;
	if (open)
		put_char(to, '"');
}

int cmdline_add(struct cmdline *c, const char *words)
{
	const char *rest, *new_rest;
	size_t own_len, new_len, room;
	bool open, new_open;
	struct cmdline text;
	char *to;

	words = skip_blanks(words);
	if (!*words)
		return 0;
	divide(c->text, &own_len, &rest, &open);
	divide(words, &new_len, &new_rest, &new_open);

	/* Besides the bytes of both: three closing quotes, four blanks, "--" and the NUL. */
	if (__builtin_add_overflow(c->len, strlen(words), &room) || __builtin_add_overflow(room, (size_t)16, &room))
		return fail(-ENOMEM, "a command line is too long");
	to = malloc(room);
	if (!to)
		return fail(-ENOMEM, "out of memory for a command line");
	text.text = to;
	put_words(text.text, &to, c->text, own_len, open && (new_len || new_rest));
	put_words(text.text, &to, words, new_len, new_open && (rest || new_rest));
	if (rest || new_rest) {
		put_words(text.text, &to, "--", 2, false);
		if (rest)
			put_words(text.text, &to, rest, strlen(rest), new_rest && ends_open(rest));
		if (new_rest)
			put_words(text.text, &to, new_rest, strlen(new_rest), false);
	}
	while (to > text.text && is_blank(to[-1]))
		to--;
	*to = 0;
	text.len = to - text.text;
	cmdline_deinit(c);
	*c = text;
	return 0;
}

int cmdline_add_room(struct cmdline *c, const char *word, size_t room, size_t *off)
{
	size_t len = strlen(word), more = room > len ? room - len : 0, own_len, start;
	const char *rest;
	char *text;
	bool open;
	int err = cmdline_add(c, word);

	if (err)
		return err;
	divide(c->text, &own_len, &rest, &open);
	start = own_len - len;
	if (__builtin_add_overflow(more, c->len + 1, &more) || !(text = malloc(more)))
		return fail(-ENOMEM, "out of memory for a command line");
	more -= c->len + 1;
	memcpy(text, c->text, own_len);
	memset(text + own_len, ' ', more);
	strcpy(text + own_len + more, c->text + own_len);
	free(c->text);
	c->text = text;
	c->len += more;
	*off = start;
	return 0;
}

int cmdline_remove(struct cmdline *c, const char *name)
{
	const char *pos = c->text, *kept = c->text;
	char *copy, *to;
	struct word w;
	int nr = 0;

	copy = to = malloc(c->len + 1);
	if (!copy)
		return fail(-ENOMEM, "out of memory for a command line");

	/* Each word goes with the blanks in front of it; what stays keeps its own blanks. */
	while (next_word(&pos, &w) && !is_bare_dashes(&w)) {
		if (has_name(&w, name)) {
			nr++;
		} else {
			memcpy(to, kept, w.behind - kept);
			to += w.behind - kept;
		}
		kept = w.behind;
	}
	strcpy(to, kept);
	if (nr) {
		struct cmdline text;
		int err = cmdline_init(&text, copy);

		if (err) {
			free(copy);
			return err;
		}
		cmdline_deinit(c);
		*c = text;
	}
	free(copy);
	return nr;
}

bool cmdline_find(const struct cmdline *c, const char *name, const char **value, size_t *value_len)
{
	const char *pos = c->text;
	bool found = false;
	struct word w;

	while (next_word(&pos, &w) && !is_bare_dashes(&w)) {
		if (!has_name(&w, name))
			continue;
		found = true;
		if (value)
			*value = w.value;
		if (value_len)
			*value_len = w.value_len;
	}
	return found;
}

int cmdline_check_len(const struct cmdline *c, size_t max, const char *who_says)
{
	if (c->len <= max)
		return 0;
	return fail(-E2BIG, "the command line has %zu bytes, but %s takes %zu at most: shorten it by %zu", c->len,
		    who_says, max, c->len - max);
}
