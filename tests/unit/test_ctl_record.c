/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/ctl.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#include <string.h>

TEST(set_and_get)
{
	struct record r;

	record_init(&r);
	CHECK_STR(record_get(&r, "a"), "");
	CHECK_EQ(record_u64(&r, "a"), 0);
	CHECK_EQ(record_set(&r, "a", "%d", 7), 0);
	CHECK_EQ(record_set(&r, "b", "two\nlines\r"), 0);
	CHECK_EQ(record_set(&r, "a", "%s", "18446744073709551615"), 0);
	CHECK_EQ(r.nr, 2);
	CHECK_EQ(record_u64(&r, "a"), UINT64_MAX);
	CHECK_STR(record_get(&r, "b"), "two lines ");
	CHECK_EQ(record_u64(&r, "b"), 0);
	CHECK_EQ(record_set(&r, "a", "12x"), 0);
	CHECK_EQ(record_u64(&r, "a"), 0);
	record_deinit(&r);
	record_deinit(&r);
}

TEST(parse)
{
	static const char text[] = "one 1\n\n two\nthree\nfour a b  c\none again\nx\0y z\nlast 9";
	struct record r;

	record_init(&r);
	CHECK_EQ(record_parse(&r, text, sizeof(text) - 1), 0);
	CHECK_EQ(r.nr, 4);
	CHECK_STR(record_get(&r, "one"), "again");
	CHECK_STR(record_get(&r, "three"), "");
	CHECK_STR(record_get(&r, "four"), "a b  c");
	CHECK_EQ(record_u64(&r, "last"), 9);
	record_deinit(&r);
}

TEST(files)
{
	struct tree t = tree_new();
	struct ctl ctl = { .sysroot = t.dir, .root = t.root };
	struct record r, back;

	record_init(&r);
	record_init(&back);
	CHECK_EQ(record_read(&back, &ctl, CTL_LOADED), -ENOENT);
	CHECK_EQ(record_set(&r, "kernel", "/boot/a b"), 0);
	CHECK_EQ(record_set(&r, "empty", "%s", ""), 0);
	CHECK_EQ(record_write(&r, &ctl, CTL_LOADED), 0);
	CHECK_EQ(record_set(&back, "old", "gone"), 0);
	CHECK_EQ(record_read(&back, &ctl, CTL_LOADED), 0);
	CHECK_EQ(back.nr, 2);
	CHECK_STR(record_get(&back, "kernel"), "/boot/a b");
	CHECK_STR(record_get(&back, "empty"), "");
	record_deinit(&r);
	record_deinit(&back);
	tree_free(&t);
}

TEST(probes)
{
	struct probe made[] = {
		{ true, true, UINT64_MAX, (char *)"/var/crash", (char *)"can be written to" },
		{ false, false, 0, (char *)"u@s:/x y", (char *)"no route" },
		{ true, false, 0, (char *)"z", (char *)"" },
	};
	struct probes p = { made, 3 }, back = { 0 };
	struct record r;

	record_init(&r);
	CHECK_EQ(probes_to_record(&p, &r), 0);
	CHECK_EQ(probes_from_record(&back, &r), 0);
	CHECK_EQ(back.nr, 3);
	for (size_t i = 0; i < back.nr; i++) {
		CHECK_EQ(back.probe[i].ok, made[i].ok);
		CHECK_EQ(back.probe[i].room_known, made[i].room_known);
		CHECK_EQ(back.probe[i].room, made[i].room);
		CHECK_STR(back.probe[i].name, made[i].name);
		CHECK_STR(back.probe[i].text, made[i].text);
	}
	probes_deinit(&back);
	/* More than the record has. */
	CHECK_EQ(record_set(&r, "targets", "18446744073709551615"), 0);
	CHECK_EQ(probes_from_record(&back, &r), 0);
	CHECK_EQ(back.nr, r.nr);
	probes_deinit(&back);
	record_deinit(&r);
}

TEST(sizes)
{
	static const struct { uint64_t bytes; const char *text; } cases[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 256 << 20, "256 MiB" }, { 5ull << 30,
												  "5.0 GiB" },
		{ UINT64_MAX, "16 EiB" },
	};
	char text[40];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ctl_size_text(cases[i].bytes, text);
		CHECK_STR(text, cases[i].text);
	}
	ctl_time_text(0, true, text);
	CHECK_STR(text, "1970-01-01T00:00:00Z");
}
