/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/cmdline.h"
#include "tests/unit/test.h"

#include <errno.h>

static struct cmdline line_of(const char *text)
{
	struct cmdline c;

	CHECK_EQ(cmdline_init(&c, text), 0);
	return c;
}

static void check_text(const struct cmdline *c, const char *want)
{
	CHECK_STR(c->text, want);
	CHECK_EQ(c->len, strlen(c->text));
}

TEST(init_trims)
{
	static const char *const cases[][2] = {
		{ "", "" }, { " \t\r\n", "" }, { "quiet\n", "quiet" }, { "  a  b \n", "a  b" }, { "a", "a" },
	};
	struct cmdline c;

	c = line_of(NULL);
	check_text(&c, "");
	cmdline_deinit(&c);
	cmdline_deinit(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = line_of(cases[i][0]);
		check_text(&c, cases[i][1]);
		cmdline_deinit(&c);
	}
}

TEST(add)
{
	static const char *const cases[][3] = {
		{ "", "a", "a" },
		{ "a", "", "a" },
		{ "a", "  \n", "a" },
		{ "a", " b  c \n", "a b  c" },
		{ "a -- x y", "b", "a b -- x y" },
		{ "-- x", "b", "b -- x" },
		{ "a --", "b", "a b --" },
		{ "a", "b -- y", "a b -- y" },
		{ "a -- x", "b -- y", "a b -- x y" },
		{ "a -- x", "-- y", "a -- x y" },
		{ "--x=1 --", "b", "--x=1 b --" },
		{ "a=\"-- b\"", "c", "a=\"-- b\" c" },
		/* An open quote would swallow what follows. */
		{ "a=\"b c", "d", "a=\"b c\" d" },
		{ "a -- x", "b=\"c d", "a b=\"c d\" -- x" },
		{ "a", "b=\"c d", "a b=\"c d" },
		{ "a -- x=\"y", "b -- z", "a b -- x=\"y\" z" },
		{ "a=\"x", "-- z", "a=\"x\" -- z" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cmdline c = line_of(cases[i][0]);

		CHECK_EQ(cmdline_add(&c, cases[i][1]), 0);
		check_text(&c, cases[i][2]);
		cmdline_deinit(&c);
	}
}

TEST(remove_whole_words)
{
	static const struct {
		const char *text, *name;
		int nr;
		const char *want;
	} cases[] = {
		{ "", "a", 0, "" },
		{ "a", "a", 1, "" },
		{ "a  b", "c", 0, "a  b" },
		{ "crashkernel=256M", "crashkernel", 1, "" },
		{ "ro crashkernel=256M quiet", "crashkernel", 1, "ro quiet" },
		{ "crashkernel=1G,high ro crashkernel=72M,low", "crashkernel", 2, "ro" },
		{ "crashkernel=512M-2G:64M,2G-:128M@16M  ro", "crashkernel", 1, "ro" },
		{ "xcrashkernel=1 crashkernel_foo crashkernel2=3 crash crashkernel.x=1", "crashkernel", 0,
		  "xcrashkernel=1 crashkernel_foo crashkernel2=3 crash crashkernel.x=1" },
		{ "crashkernel crashkernel= crashkernel==", "crashkernel", 3, "" },
		{ "a=crashkernel b=\"x crashkernel=1 y\"", "crashkernel", 0, "a=crashkernel b=\"x crashkernel=1 y\"" },
		{ "\"crashkernel=1 M\" b", "crashkernel", 1, "b" },
		{ "crashkernel=\"1 M\" b", "crashkernel", 1, "b" },
		{ "b crashkernel=\"1 M", "crashkernel", 1, "b" },
		{ "a crash-kernel=1 crash_kernel=2 b", "crash-kernel", 2, "a b" },
		{ "a crash-kernel=1 crash_kernel=2 b", "crash_kernel", 2, "a b" },
		{ "a -- crashkernel=1", "crashkernel", 0, "a -- crashkernel=1" },
		{ "crashkernel=1 -- crashkernel=1", "crashkernel", 1, "-- crashkernel=1" },
		{ "a\tcrashkernel=1\tb", "crashkernel", 1, "a\tb" },
		{ "a crashkernel=1\xa0" "b", "crashkernel", 1, "a\xa0" "b" },
		{ "CRASHKERNEL=1", "crashkernel", 0, "CRASHKERNEL=1" },
		{ "BOOT_IMAGE=/vmlinuz root=/dev/sda1", "BOOT_IMAGE", 1, "root=/dev/sda1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cmdline c = line_of(cases[i].text);

		CHECK_EQ(cmdline_remove(&c, cases[i].name), cases[i].nr);
		check_text(&c, cases[i].want);
		cmdline_deinit(&c);
	}
}

TEST(find)
{
	static const struct {
		const char *text, *name;
		bool found;
		const char *value;     /* NULL: none */
	} cases[] = {
		{ "", "a", false, NULL },
		{ "a", "a", true, NULL },
		{ "a=", "a", true, "" },
		{ "a=1 a=2", "a", true, "2" },
		{ "a=1 a", "a", true, NULL },
		{ "a=b=c", "a", true, "b=c" },
		{ "a=\"b c\"", "a", true, "b c" },
		{ "a=\"b c", "a", true, "b c" },
		{ "\"a=b c\" d", "a", true, "b c" },
		{ "\"a b\" c", "a b", true, NULL },
		{ "a=b\"c d\"", "a", true, "b\"c d\"" },
		{ "a=\"\"", "a", true, "" },
		{ "a=\"", "a", true, "" },
		{ "a=1 -- a=2", "a", true, "1" },
		{ "-- a=2", "a", false, NULL },
		{ "\"--\" a=2", "a", false, NULL },
		{ "--=1 a=2", "a", true, "2" },
		{ "aa=1 ba=1 a.b=1", "a", false, NULL },
		{ "a-b=1 a_b=2", "a-b", true, "2" },
		{ "acpi_rsdp=0x7ff", "acpi_rsdp", true, "0x7ff" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cmdline c = line_of(cases[i].text);
		const char *value = "untouched";
		size_t len = 77;

		CHECK_EQ(cmdline_find(&c, cases[i].name, &value, &len), cases[i].found);
		CHECK_EQ(cmdline_find(&c, cases[i].name, NULL, NULL), cases[i].found);
		if (!cases[i].found)
			CHECK(len == 77 && !strcmp(value, "untouched"));
		else if (!cases[i].value)
			CHECK(!value);
		else
			CHECK(value && len == strlen(cases[i].value) && !memcmp(value, cases[i].value, len));
		cmdline_deinit(&c);
	}
}

TEST(length_limit)
{
	struct cmdline c = line_of("0123456789");

	CHECK_EQ(cmdline_check_len(&c, 10, "the kernel"), 0);
	CHECK_FAILS(cmdline_check_len(&c, 9, "the kernel"), -E2BIG, "has 10 bytes, but the kernel takes 9 at most: ");
	CHECK_FAILS(cmdline_check_len(&c, 3, "it"), -E2BIG, "shorten it by 7");
	cmdline_deinit(&c);
}

/*
 * A second reading of the same rules, in another way: cut the text into raw words first, then take each apart. One
 * line for each word: NAME, or NAME|VALUE.
 */
#define LISTING 4096

static void describe_word(const char *raw, size_t n, char *out)
{
	char body[256];
	bool quoted = raw[0] == '"', value_quoted;
	char *equals;

	memcpy(body, raw + quoted, n - quoted);
	body[n - quoted] = 0;
	equals = body[0] ? strchr(body + 1, '=') : NULL;
	value_quoted = equals && equals[1] == '"';
	if (quoted || value_quoted) {
		size_t len = strlen(body);

		/* The quote in front of a value is not also the one behind it. */
		if (len && body[len - 1] == '"' && !(value_quoted && body + len - 2 == equals))
			body[len - 1] = 0;
	}
	if (equals)
		*equals = 0;
	sprintf(out + strlen(out), "%s", body);
	if (equals)
		sprintf(out + strlen(out), "|%s", equals + 1 + value_quoted);
	strcat(out, "\n");
}

/* The lines of TEXT that the kernel keeps to KERNEL, those for init to INIT; words called SKIP are left out. */
static void describe(const char *text, const char *skip, char *kernel, char *init)
{
	char *out = kernel;

	kernel[0] = init[0] = 0;
	for (size_t i = 0; text[i];) {
		size_t start = i;
		bool open = false;
		char line[600] = "";

		if (text[i] == ' ') {
			i++;
			continue;
		}
		for (; text[i] && (open || text[i] != ' '); i++)
			open ^= text[i] == '"';
		describe_word(text + start, i - start, line);
		if (out == kernel && !strcmp(line, "--\n")) {
			out = init;
			continue;
		}
		if (skip && out == kernel && !strncmp(line, skip, strlen(skip)) && strchr("|\n", line[strlen(skip)]))
			continue;
		strcat(out, line);
	}
}

/*
 * A quote that cmdline_add() closes where the word does not begin with one stays part of the word, as the kernel
 * reads it (x"y becomes x"y"): quotes at the end of a word are not compared.
 */
static void drop_last_quotes(char *listing)
{
	char *to = listing;

	for (const char *p = listing; *p; p++) {
		while (*p == '\n' && to > listing && to[-1] == '"')
			to--;
		*to++ = *p;
	}
	*to = 0;
}

static void random_text(char *text, unsigned int max)
{
	static const char letters[] = "aab==\"\"   --";
	unsigned int len = (unsigned int)(test_random() >> 20) % max;

	for (unsigned int i = 0; i < len; i++)
		text[i] = letters[(test_random() >> 33) % (sizeof(letters) - 1)];
	text[len] = 0;
	/* cmdline_init() trims even inside an open quote; keep out of its way. */
	while (len && text[len - 1] == ' ')
		text[--len] = 0;
}

TEST(no_word_is_lost_by_add)
{
	for (unsigned int round = 0; round < 40000; round++) {
		char text[40], words[20], kernel[LISTING], init[LISTING], kernel2[LISTING], init2[LISTING];
		char got_kernel[LISTING], got_init[LISTING];
		unsigned int before = test_failures;
		struct cmdline c;

		random_text(text, sizeof(text));
		random_text(words, sizeof(words));
		c = line_of(text);
		describe(text, NULL, kernel, init);
		describe(words, NULL, kernel2, init2);
		strcat(kernel, kernel2);
		strcat(init, init2);
		CHECK_EQ(cmdline_add(&c, words), 0);
		CHECK_EQ(c.len, strlen(c.text));
		describe(c.text, NULL, got_kernel, got_init);
		drop_last_quotes(kernel);
		drop_last_quotes(init);
		drop_last_quotes(got_kernel);
		drop_last_quotes(got_init);
		CHECK_STR(got_kernel, kernel);
		CHECK_STR(got_init, init);
		cmdline_deinit(&c);
		if (test_failures != before) {
			printf("text [%s] words [%s]\n", text, words);
			break;
		}
	}
}

TEST(only_its_words_are_lost_by_remove)
{
	unsigned int removed = 0;

	for (unsigned int round = 0; round < 40000; round++) {
		char text[40], kernel[LISTING], init[LISTING], got_kernel[LISTING], got_init[LISTING];
		unsigned int before = test_failures;
		struct cmdline c;
		int nr;

		random_text(text, sizeof(text));
		c = line_of(text);
		describe(text, "a", kernel, init);
		nr = cmdline_remove(&c, "a");
		CHECK(nr >= 0);
		removed += (unsigned int)nr;
		CHECK_EQ(c.len, strlen(c.text));
		describe(c.text, NULL, got_kernel, got_init);
		CHECK_STR(got_kernel, kernel);
		CHECK_STR(got_init, init);
		CHECK(!cmdline_find(&c, "a", NULL, NULL));
		CHECK_EQ(cmdline_remove(&c, "a"), 0);
		cmdline_deinit(&c);
		if (test_failures != before) {
			printf("text [%s]\n", text);
			break;
		}
	}
	CHECK(removed > 1000);
}

static void check_room(const char *text, const char *word, size_t room, const char *want, size_t want_off)
{
	struct cmdline c;
	size_t off = 999;

	CHECK_EQ(cmdline_init(&c, text), 0);
	CHECK_EQ(cmdline_add_room(&c, word, room, &off), 0);
	CHECK_STR(c.text, want);
	CHECK_EQ(c.len, strlen(want));
	CHECK_EQ(off, want_off);
	cmdline_deinit(&c);
}

TEST(room_behind_a_word)
{
	struct cmdline c;
	size_t off;

	check_room("", "v=1", 6, "v=1   ", 0);
	check_room("a b", "v=1", 3, "a b v=1", 4);
	check_room("a b", "v=1", 0, "a b v=1", 4);
	check_room("a -- v=2", "v=1", 5, "a v=1   -- v=2", 2);
	check_room("-- x", "v=1", 4, "v=1  -- x", 0);
	check_room("a \"b c", "v=1", 4, "a \"b c\" v=1 ", 8);
	/* What is added later takes the blanks away, and leaves none doubled. */
	CHECK_EQ(cmdline_init(&c, "a"), 0);
	CHECK_EQ(cmdline_add_room(&c, "v=1", 9, &off), 0);
	CHECK_EQ(cmdline_add(&c, "b"), 0);
	CHECK_STR(c.text, "a v=1 b");
	cmdline_deinit(&c);
}
