// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/text.h"

#include "tests/unit/test.h"

#include <limits.h>

/* As a string for comparisons; from malloc'ed memory of just its size, so that ASan sees a read beyond it. */
static struct text exact(const char *s)
{
	size_t len = strlen(s);
	char *copy = malloc(len ? len : 1);

	memcpy(copy, s, len);
	return text_of(copy, len);
}

static const char *shown(const struct text *t)
{
	static char buf[100];

	snprintf(buf, sizeof(buf), "%.*s", (int)t->len, t->at);
	return buf;
}

TEST(lines)
{
	struct text t = exact("one\n\nthree"), line;
	char *memory = (char *)t.at;

	CHECK(text_line(&t, &line));
	CHECK_STR(shown(&line), "one");
	CHECK(text_line(&t, &line));
	CHECK_STR(shown(&line), "");
	CHECK(text_line(&t, &line));
	CHECK_STR(shown(&line), "three");
	CHECK(!text_line(&t, &line));
	free(memory);
}

TEST(nothing_has_no_lines)
{
	struct text t = text_of(NULL, 0), line;
	uint64_t value = 7;

	CHECK(!text_line(&t, &line));
	CHECK_EQ(text_blanks(&t), 0);
	text_trim(&t);
	CHECK(!text_u64(&t, 10, &value));
	CHECK(!text_take(&t, "x"));
	CHECK(!text_is(&t, "x"));
	CHECK_EQ(value, 7);
}

TEST(until)
{
	struct text t = text_of_string("a=b=c"), front = text_until(&t, '=');

	CHECK_STR(shown(&front), "a");
	CHECK_STR(shown(&t), "b=c");
	front = text_until(&t, ';');
	CHECK_STR(shown(&front), "b=c");
	CHECK_EQ(t.len, 0);
}

TEST(words)
{
	struct text t = text_of_string("System RAM (kmem)");

	CHECK(text_starts(&t, "System RAM"));
	CHECK(text_stops(&t, "(kmem)"));
	CHECK(!text_is(&t, "System RAM"));
	CHECK(!text_take(&t, "system"));
	CHECK(text_take(&t, "System "));
	CHECK(text_is(&t, "RAM (kmem)"));
	CHECK(!text_starts(&t, "RAM (kmem) and more"));
	CHECK(!text_stops(&t, "longer RAM (kmem)"));
}

TEST(trim)
{
	struct text t = exact(" \t\nword with blanks\r\n ");
	char *memory = (char *)t.at;

	text_trim(&t);
	CHECK_STR(shown(&t), "word with blanks");
	free(memory);
	t = exact(" \n ");
	memory = (char *)t.at;
	text_trim(&t);
	CHECK_EQ(t.len, 0);
	free(memory);
}

TEST(numbers)
{
	static const struct {
		const char *text;
		unsigned int base;
		bool good;
		uint64_t value;
		const char *rest;
	} cases[] = {
		{ "0", 10, true, 0, "" },
		{ "18446744073709551615", 10, true, UINT64_MAX, "" },
		{ "18446744073709551616", 10, false, 0, "18446744073709551616" },
		{ "18446744073709551620", 10, false, 0, "18446744073709551620" },
		{ "ffffffffffffffff", 16, true, UINT64_MAX, "" },
		{ "10000000000000000", 16, false, 0, "10000000000000000" },
		{ "00000000000000000000000000001", 16, true, 1, "" },
		{ "1a-2b", 16, true, 0x1a, "-2b" },
		{ "1a-2b", 10, true, 1, "a-2b" },
		{ "ABCdef rest", 16, true, 0xabcdef, " rest" },
		{ "0x10", 16, true, 0, "x10" },
		{ "-1", 10, false, 0, "-1" },
		{ "+1", 10, false, 0, "+1" },
		{ " 1", 10, false, 0, " 1" },
		{ "g", 16, false, 0, "g" },
		{ "", 16, false, 0, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text t = exact(cases[i].text);
		char *memory = (char *)t.at;
		uint64_t value = 99;

		CHECK_EQ(text_u64(&t, cases[i].base, &value), cases[i].good);
		CHECK_EQ(value, cases[i].good ? cases[i].value : 99);
		CHECK_STR(shown(&t), cases[i].rest);
		free(memory);
	}
}

TEST(hexadecimal)
{
	static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
	static const uint8_t bytes[] = { 0x00, 0x01, 0x7f, 0x80, 0xa9, 0xff };
	char hex[2 * sizeof(bytes) + 2];

	memset(hex, '#', sizeof(hex));
	CHECK(text_hex(bytes, sizeof(bytes), hex) == hex);
	CHECK_STR(hex, "00017f80a9ff");
	CHECK_EQ(hex[sizeof(hex) - 1], '#');
	CHECK_STR(text_hex(bytes, 0, hex), "");
	for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
		const char *hit = c ? strchr(digits, c) : NULL;

		CHECK_EQ(text_hex_digit((char)c), hit ? (hit - digits) / 2 : -1);
	}
}
