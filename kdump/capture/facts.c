// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/facts.h"

#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a line may say. A machine has some dozens of modules and addresses; a file of more lines than this was not
 * written by us.
 */
#define FACTS_MAX 65536

static const struct {
	const char *keyword;
	size_t min, max;           /* words behind it */
} forms[] = {
	{ "hostname", 1, 1 },
	{ "release", 1, 1 },
	{ "module", 1, SIZE_MAX },
	{ "filesystem", 5, 5 },
	{ "raw", 2, 2 },
	{ "link", 3, 3 },
	{ "address", 2, 2 },
	{ "route", 3, 3 },
	{ "host", 2, 2 },
	{ "nameserver", 1, 1 },
	{ "watchdog", 1, 1 },
};

#define NR_FORMS (sizeof(forms) / sizeof(forms[0]))

static size_t form_find(const struct text *keyword)
{
	size_t i = 0;

	while (i < NR_FORMS && !text_is(keyword, forms[i].keyword))
		i++;
	return i;
}

/* WORD without its escapes, from malloc. -EINVAL, not recorded: a bad one; %00 is bad, because words are strings. */
static int word_decode(const struct text *word, char **decoded)
{
	char *out = malloc(word->len + 1);
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < word->len; i++) {
		int high, low;

		if (word->at[i] != '%') {
			out[n++] = word->at[i];
			continue;
		}
		high = word->len - i > 2 ? text_hex_digit(word->at[i + 1]) : -1;
		low = high < 0 ? -1 : text_hex_digit(word->at[i + 2]);
		if (low < 0 || !(high | low)) {
			free(out);
			return -EINVAL;
		}
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = 0;
	*decoded = out;
	return 0;
}

static void fact_deinit(struct fact *fact)
{
	for (size_t i = 0; i < fact->nr_words; i++)
		free(fact->word[i]);
	free(fact->word);
	*fact = (struct fact){ 0 };
}

static int fact_add_word(struct fact *fact, const struct text *word)
{
	char **grown = reallocarray(fact->word, fact->nr_words + 1, sizeof(*grown)), *decoded;
	int err;

	if (!grown)
		return -ENOMEM;
	fact->word = grown;
	err = word_decode(word, &decoded);
	if (err)
		return err;
	fact->word[fact->nr_words++] = decoded;
	return 0;
}

/* A byte that no word has unless it is escaped. */
static bool is_special(unsigned char c)
{
	return c <= ' ' || c == '%' || c == 0x7f;
}

/* The words of LINE behind its keyword. FACT may be half filled on failure. */
static int fact_parse_words(struct fact *fact, struct text line, const char *name, size_t number)
{
	while (text_blanks(&line), line.len) {
		struct text word = text_until(&line, ' ');
		int err;

		for (size_t i = 0; i < word.len; i++)
			if (word.at[i] != '%' && is_special((unsigned char)word.at[i]))
				return fail(-EINVAL, "%s:%zu: byte 0x%02x in a word; it would be written as %%%02X",
					    name, number, (unsigned char)word.at[i], (unsigned char)word.at[i]);
		err = fact_add_word(fact, &word);
		if (err == -ENOMEM)
			return fail(err, "%s: out of memory", name);
		if (err)
			return fail(err, "%s:%zu: \"%.*s\": \"%%\" needs two hexadecimal digits behind it, not 00",
				    name, number, TEXT_ARGS(&word));
	}
	return 0;
}

static int fact_parse(struct fact *fact, struct text line, const char *name, size_t number)
{
	struct text keyword = text_until(&line, ' ');
	size_t form = form_find(&keyword);
	int err;

	if (form == NR_FORMS)
		return fail(-EINVAL, "%s:%zu: unknown keyword \"%.*s\"", name, number, TEXT_ARGS(&keyword));
	fact->keyword = forms[form].keyword;
	err = fact_parse_words(fact, line, name, number);
	if (err)
		return err;
	if (fact->nr_words >= forms[form].min && fact->nr_words <= forms[form].max)
		return 0;
	return fail(-EINVAL, "%s:%zu: \"%s\" has %zu words behind it; it needs %zu%s", name, number, fact->keyword,
		    fact->nr_words, forms[form].min, forms[form].max > forms[form].min ? " or more" : "");
}

static int facts_grow(struct facts *f, const char *name)
{
	struct fact *grown;

	if (f->nr >= FACTS_MAX)
		return fail(-EINVAL, "%s: more than %d lines", name, FACTS_MAX);
	grown = reallocarray(f->fact, f->nr + 1, sizeof(*grown));
	if (!grown)
		return fail(-ENOMEM, "%s: out of memory", name);
	f->fact = grown;
	return 0;
}

int facts_parse(struct facts *f, const char *name, const char *text, size_t len)
{
	struct text rest = text_of(text, len), line;
	size_t number = 0;
	int err = 0;

	*f = (struct facts){ 0 };
	while (!err && text_line(&rest, &line)) {
		struct fact fact = { 0 };

		number++;
		text_blanks(&line);
		if (!line.len)
			continue;
		err = facts_grow(f, name);
		if (!err)
			err = fact_parse(&fact, line, name, number);
		if (err)
			fact_deinit(&fact);
		else
			f->fact[f->nr++] = fact;
	}
	if (err)
		facts_deinit(f);
	return err;
}

void facts_deinit(struct facts *f)
{
	for (size_t i = 0; i < f->nr; i++)
		fact_deinit(&f->fact[i]);
	free(f->fact);
	*f = (struct facts){ 0 };
}

const struct fact *facts_next(const struct facts *f, const char *keyword, const struct fact *after)
{
	for (size_t i = after ? (size_t)(after - f->fact) + 1 : 0; i < f->nr; i++)
		if (!strcmp(f->fact[i].keyword, keyword))
			return &f->fact[i];
	return NULL;
}

const struct fact *facts_find(const struct facts *f, const char *keyword, const char *key)
{
	const struct fact *fact = NULL;

	do
		fact = facts_next(f, keyword, fact);
	while (fact && strcmp(fact->word[0], key));
	return fact;
}

static int append_word(struct blob *text, const char *word)
{
	static const char digits[] = "0123456789ABCDEF";
	int err = blob_append(text, " ", 1);

	for (; !err && *word; word++) {
		unsigned char c = (unsigned char)*word;
		char escaped[3] = { '%', digits[c >> 4], digits[c & 15] };

		err = is_special(c) ? blob_append(text, escaped, sizeof(escaped)) : blob_append(text, word, 1);
	}
	return err;
}

/* Leave TEXT as it was. */
static int add_failed(struct blob *text, size_t len, int err)
{
	text->len = len;
	if (text->cap)
		text->data[len] = 0;
	return err;
}

int facts_add(struct blob *text, const char *keyword, const char *const *words)
{
	struct text name = text_of_string(keyword);
	size_t form = form_find(&name), nr = 0, len = text->len;
	int err;

	if (form == NR_FORMS)
		return fail(-EINVAL, "capture facts: unknown keyword \"%s\"", keyword);
	while (words[nr])
		nr++;
	if (nr < forms[form].min || nr > forms[form].max)
		return fail(-EINVAL, "capture facts: \"%s\" with %zu words", keyword, nr);
	err = blob_append(text, keyword, strlen(keyword));
	for (size_t i = 0; !err && i < nr; i++)
		err = *words[i] ? append_word(text, words[i]) :
				  fail(-EINVAL, "capture facts: word %zu of \"%s\" is empty", i + 1, keyword);
	if (!err)
		err = blob_append(text, "\n", 1);
	return err ? add_failed(text, len, err) : 0;
}
