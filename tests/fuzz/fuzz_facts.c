/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is accepted is the same again when it is written and read once more. */
#include "kdump/capture/facts.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>

static void require(bool good)
{
	if (!good)
		abort();
}

static void write_all(const struct facts *f, struct blob *text)
{
	for (size_t i = 0; i < f->nr; i++) {
		const struct fact *fact = &f->fact[i];
		const char **words = calloc(fact->nr_words + 1, sizeof(*words));

		require(words);
		for (size_t j = 0; j < fact->nr_words; j++)
			words[j] = fact->word[j];
		require(!facts_add(text, fact->keyword, words));
		free(words);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facts f, again;
	struct blob text;

	if (facts_parse(&f, "facts", (const char *)data, size)) {
		require(!f.nr && !f.fact);
		return 0;
	}
	blob_init(&text);
	write_all(&f, &text);
	require(!facts_parse(&again, "again", (const char *)text.data, text.len));
	require(again.nr == f.nr);
	for (size_t i = 0; i < f.nr; i++) {
		require(!strcmp(f.fact[i].keyword, again.fact[i].keyword));
		require(f.fact[i].nr_words == again.fact[i].nr_words);
		for (size_t j = 0; j < f.fact[i].nr_words; j++)
			require(!strcmp(f.fact[i].word[j], again.fact[i].word[j]));
	}
	facts_deinit(&again);
	facts_deinit(&f);
	blob_deinit(&text);
	return 0;
}
