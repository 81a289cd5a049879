/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is up to three texts with NUL bytes between: a command line, words to add, a name to remove. */
#include "lib/cmdline.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>

static void require(bool good)
{
	if (!good)
		abort();
}

static bool has(const struct cmdline *c, const char *name)
{
	const char *value = NULL;
	size_t len = 0;

	if (!cmdline_find(c, name, &value, &len))
		return false;
	if (value)
		require(value >= c->text && value + len <= c->text + c->len);
	return true;
}

/* TEXT into a command line and out again: trimming does not depend on what was trimmed. */
static void check_init(const struct cmdline *c)
{
	struct cmdline again;

	require(c->len == strlen(c->text));
	require(!cmdline_init(&again, c->text));
	require(!strcmp(again.text, c->text) && again.len == c->len);
	cmdline_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text, *words, *name;
	char *copy = malloc(size + 3);
	bool had;
	struct cmdline c;
	int nr;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	memset(copy + size, 0, 3);
	text = copy;
	words = text + strlen(text) + 1;
	name = words < copy + size ? words + strlen(words) + 1 : "";
	if (words > copy + size)
		words = "";
	if (name > copy + size)
		name = "";

	require(!cmdline_init(&c, text));
	check_init(&c);
	had = has(&c, name);
	require(!cmdline_add(&c, words));
	check_init(&c);
	/*
	 * Nothing is lost by adding, and our own word goes in whole. Only a name like x"y becomes x"y" by being
	 * closed.
	 */
	require(!had || has(&c, name) || strchr(name, '"'));
	require(!cmdline_add(&c, "elfcorehdr=0x1000"));
	require(has(&c, "elfcorehdr"));
	had = has(&c, name);
	nr = cmdline_remove(&c, name);
	require(nr >= 0 && (nr > 0) == had && !has(&c, name));
	check_init(&c);
	require(cmdline_remove(&c, "elfcorehdr") >= (had ? 0 : 1) && !has(&c, "elfcorehdr"));
	require(!cmdline_check_len(&c, c.len, "the fuzzer"));
	cmdline_deinit(&c);
	free(copy);
	return 0;
}
