// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/facts.h"

#include "lib/err.h"
#include "tests/unit/test.h"

#include <errno.h>

/* From malloc'ed memory of just its size, so that ASan sees a read beyond it. */
static int parse(struct facts *f, const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, text, len);
	err = facts_parse(f, "facts", copy, len);
	free(copy);
	return err;
}

TEST(what_a_machine_says)
{
	struct facts f;
	const struct fact *fact;

	CHECK_EQ(parse(&f, "hostname box\n\nrelease 6.1.0-56-amd64\nmodule kernel/fs/jbd2/jbd2.ko\n"
			   "  module kernel/fs/ext4/ext4.ko  debug=1 name=a%20b\n"
			   "filesystem target0 UUID=12-34 ext4 noatime /var/crash\nraw target1 /dev/vdb\n"
			   "link eth0 52:54:00:12:34:56 1500\naddress eth0 10.0.2.15/24\naddress eth0 fe80::1/64\n"
			   "route eth0 default 10.0.2.2\nhost dumps 10.0.2.2\nnameserver 10.0.2.3\nwatchdog -"), 0);
	CHECK_EQ(f.nr, 13);
	fact = facts_next(&f, "module", NULL);
	CHECK(fact && fact->nr_words == 1);
	fact = facts_next(&f, "module", fact);
	CHECK(fact && fact->nr_words == 3);
	CHECK_STR(fact->word[1], "debug=1");
	CHECK_STR(fact->word[2], "name=a b");
	CHECK(!facts_next(&f, "module", fact));
	fact = facts_find(&f, "filesystem", "target0");
	CHECK(fact);
	CHECK_STR(fact->word[4], "/var/crash");
	CHECK(!facts_find(&f, "filesystem", "target1"));
	CHECK(facts_find(&f, "raw", "target1"));
	fact = facts_find(&f, "watchdog", "-");
	CHECK(fact);
	facts_deinit(&f);
	CHECK_EQ(f.nr, 0);
	facts_deinit(&f);
}

TEST(nothing)
{
	struct facts f;

	CHECK_EQ(parse(&f, ""), 0);
	CHECK_EQ(f.nr, 0);
	CHECK(!facts_next(&f, "module", NULL));
	CHECK(!facts_find(&f, "raw", "target0"));
	facts_deinit(&f);
}

static void refused(const char *text, const char *says)
{
	struct facts f = { (void *)1, 1 };

	CHECK_EQ(parse(&f, text), -EINVAL);
	CHECK_STR(err_text(), says);
	CHECK(!f.fact && !f.nr);
}

TEST(damage)
{
	refused("hostname a\nhostnam b", "facts:2: unknown keyword \"hostnam\"");
	refused("hostname", "facts:1: \"hostname\" has 0 words behind it; it needs 1");
	refused("hostname a b", "facts:1: \"hostname\" has 2 words behind it; it needs 1");
	refused("module", "facts:1: \"module\" has 0 words behind it; it needs 1 or more");
	refused("module a%", "facts:1: \"a%\": \"%\" needs two hexadecimal digits behind it, not 00");
	refused("module a%2", "facts:1: \"a%2\": \"%\" needs two hexadecimal digits behind it, not 00");
	refused("module a%2g", "facts:1: \"a%2g\": \"%\" needs two hexadecimal digits behind it, not 00");
	refused("module a%00", "facts:1: \"a%00\": \"%\" needs two hexadecimal digits behind it, not 00");
	refused("module a\tb", "facts:1: byte 0x09 in a word; it would be written as %09");
	refused("module a\r\n", "facts:1: byte 0x0d in a word; it would be written as %0D");
}

TEST(what_is_written_is_read)
{
	struct blob text;
	struct facts f;
	const char *odd[] = { "kernel/a b.ko", "100%", "a\tb\nc\x7f", "\xc3\xa4", NULL };

	blob_init(&text);
	CHECK_EQ(facts_add(&text, "module", odd), 0);
	CHECK_EQ(facts_add(&text, "watchdog", (const char *[]){ "-", NULL }), 0);
	CHECK_STR((char *)text.data, "module kernel/a%20b.ko 100%25 a%09b%0Ac%7F \xc3\xa4\nwatchdog -\n");
	CHECK_EQ(facts_parse(&f, "facts", (char *)text.data, text.len), 0);
	CHECK_EQ(f.nr, 2);
	for (size_t i = 0; odd[i]; i++)
		CHECK_STR(f.fact[0].word[i], odd[i]);
	facts_deinit(&f);
	blob_deinit(&text);
}

TEST(mistakes_of_the_caller)
{
	struct blob text;

	blob_init(&text);
	CHECK_EQ(facts_add(&text, "raw", (const char *[]){ "target0", NULL }), -EINVAL);
	CHECK_EQ(facts_add(&text, "modules", (const char *[]){ "a", NULL }), -EINVAL);
	CHECK_EQ(facts_add(&text, "hostname", (const char *[]){ "box", NULL }), 0);
	CHECK_EQ(facts_add(&text, "raw", (const char *[]){ "target0", "", NULL }), -EINVAL);
	CHECK_STR((char *)text.data, "hostname box\n");
	blob_deinit(&text);
}

