// SPDX-License-Identifier: GPL-2.0-or-later
/* Folders with dumps: which are, what is in them, and which go. */
#include "service/dumps.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400ull
#define GIB (1ull << 30)

TEST(names)
{
	static const struct {
		const char *name;
		uint64_t time_s;
		unsigned int number;
	} good[] = {
		{ "127.0.0.1-2026-11-21-10:00:00", 1795255200, 1 },
		{ "127.0.0.1-2026-11-21-10:00:00-2", 1795255200, 2 },
		{ "host-name.example-1970-01-01-00:00:00", 0, 1 },
		{ "fe80::1-2026-11-21-10:00:00-12", 1795255200, 12 },
		{ "a-b-2026-11-21-10:00:00", 1795255200, 1 },
	};
	static const char *const bad[] = {
		"", "-", "vmcore", "2026-11-21-10:00:00", "-2026-11-21-10:00:00", "x2026-11-21-10:00:00",
		"x-2026-13-21-10:00:00",
		"x-2026-11-00-10:00:00", "x-2026-11-21-24:00:00", "x-2026-11-21-10:60:00", "x-26-11-21-10:00:00",
		"x-2026-11-21-10:00:00-1", "x-2026-11-21-10:00:00-", "x-2026-11-21-10:00:00-x",
		"x-2026-11-21-10:00:00.bak",
		"x-2026-11-21-10:00", "x-2026-11-21 10:00:00", "x-2026-11-21-1a:00:00",
		"x-2026-11-21-10:00:00-99999999999999999999",
		"x-1969-11-21-10:00:00", "x-2026-11-21-10:00:+1",
	};
	unsigned int number;
	uint64_t time_s;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(dump_name_parse(good[i].name, &time_s, &number));
		CHECK_EQ(time_s, good[i].time_s);
		CHECK_EQ(number, good[i].number);
		CHECK(dump_name_parse(good[i].name, NULL, NULL));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (dump_name_parse(bad[i], &time_s, &number)) {
			printf("\"%s\" is taken for a dump\n", bad[i]);
			CHECK(!"a wrong name");
		}
}

/*
 * Dumps of one byte less than a GiB, each a day older than the one in front of it. FLAGS: 'c' complete, 'i' not, 'f'
 * foreign.
 */
static void make(struct dumps *d, struct dump_folder *folders, const char *flags)
{
	*d = (struct dumps){ .dump = folders, .nr = strlen(flags) };
	for (size_t i = 0; i < d->nr; i++)
		folders[i] = (struct dump_folder){
			.time_s = 1000 * DAY - i * DAY, .number = 1, .bytes = GIB - 1, .complete = flags[i] != 'i',
			.foreign = flags[i] == 'f',
		};
}

/* "k" for each that is kept, "n", "a", "f" for those that go by number, age, free space. */
static const char *choose(const char *flags, uint64_t count, uint64_t age_s, uint64_t want_free, uint64_t free_bytes)
{
	struct conf_keep keep = { .count = count, .age_s = age_s, .free_bytes = want_free };
	static char text[32];
	struct dump_folder folders[31];
	const char *remove[31];
	struct dumps d;

	make(&d, folders, flags);
	retain_choose(&d, &keep, 1000 * DAY + 10, free_bytes, remove);
	for (size_t i = 0; i < d.nr; i++)
		text[i] = !remove[i] ? 'k' : strstr(remove[i], "newer") ? 'n' : strstr(remove[i], "old") ? 'a' : 'f';
	text[d.nr] = 0;
	return text;
}

TEST(what_goes)
{
	CHECK_STR(choose("", 1, 1, 1, 0), "");
	CHECK_STR(choose("ccccc", 0, 0, 0, 0), "kkkkk");
	CHECK_STR(choose("ccccc", 3, 0, 0, 0), "kkknn");
	CHECK_STR(choose("ccccc", 9, 0, 0, 0), "kkkkk");
	CHECK_STR(choose("ccccc", 0, 2 * DAY, 0, 0), "kkaaa");
	CHECK_STR(choose("ccccc", 4, 2 * DAY, 0, 0), "kkaaa");
	CHECK_STR(choose("ccccc", 2, 9 * DAY, 0, 0), "kknnn");
	/* The oldest first, as few as needed. */
	CHECK_STR(choose("ccccc", 0, 0, 10 * GIB, 9 * GIB), "kkkff");
	CHECK_STR(choose("ccccc", 0, 0, 10 * GIB, 9 * GIB + 1), "kkkkf");
	CHECK_STR(choose("ccccc", 0, 0, 10 * GIB, 10 * GIB), "kkkkk");
	/* What goes for another reason makes room, too. */
	CHECK_STR(choose("ccccc", 4, 0, 10 * GIB, 9 * GIB + 1), "kkkkn");
	CHECK_STR(choose("ccccc", 4, 0, 10 * GIB, 8 * GIB + 2), "kkkfn");
}

TEST(what_stays)
{
	/* The newest, whatever is said. */
	CHECK_STR(choose("c", 1, 1, 100 * GIB, 0), "k");
	CHECK_STR(choose("ccc", 1, 1, 100 * GIB, 0), "knn");
	CHECK_STR(choose("ccc", 0, 0, 100 * GIB, 0), "kff");
	/* A newest one that is not complete does not take the last good one with it. */
	CHECK_STR(choose("icc", 1, 0, 0, 0), "kkn");
	CHECK_STR(choose("iicc", 1, 1, 100 * GIB, 0), "knkn");
	CHECK_STR(choose("iii", 1, 1, 100 * GIB, 0), "knn");
	/* What somebody has put something into. */
	CHECK_STR(choose("cfcf", 1, 1, 100 * GIB, 0), "kknk");
}

/* From a clock that was wrong: a dump of the future is not old. */
TEST(clock)
{
	struct dump_folder folders[2];
	const char *remove[2];
	struct dumps d;

	make(&d, folders, "cc");
	retain_choose(&d, &(struct conf_keep){ .age_s = 1 }, 5, 0, remove);
	CHECK(!remove[0] && !remove[1]);
}

/* Whatever is asked for: the newest stays, and the newest complete one, and the foreign ones. */
TEST(random_dumps)
{
	for (int round = 0; round < 2000; round++) {
		struct conf_keep keep = { test_random() % 6, test_random() % 12 * DAY, test_random() % 12 * GIB };
		struct dump_folder folders[12];
		const char *remove[12];
		char flags[13] = "";
		size_t nr = test_random() % 12, first = nr;
		struct dumps d;

		for (size_t i = 0; i < nr; i++)
			flags[i] = "ccif"[test_random() % 4];
		flags[nr] = 0;
		make(&d, folders, flags);
		retain_choose(&d, &keep, 1003 * DAY, test_random() % 12 * GIB, remove);
		for (size_t i = 0; i < nr; i++) {
			if (first == nr && folders[i].complete)
				first = i;
			CHECK(!remove[i] || (i && i != first && !folders[i].foreign));
		}
	}
}

static void touch(const char *folder, const char *name, const char *text)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

static void folder(const char *in, const char *name, char path[500])
{
	snprintf(path, 500, "%s/%s", in, name);
	CHECK(!mkdir(path, 0700));
}

TEST(folders)
{
	char top[] = "/tmp/test_retain.XXXXXX", path[500], link[600], command[600];
	struct dumps d = { 0 };
	char *reason;

	CHECK(mkdtemp(top));
	folder(top, "a-2026-11-21-10:00:00", path);
	touch(path, "vmcore", "x");
	touch(path, "README.txt", "x");
	touch(path, "kexec-dmesg.log", "x");
	touch(path, "vmcore-dmesg.txt", "[    1.5] BUG: one\n[    2.5] Kernel panic - not syncing: \x1b[1mtwo\nlast\n");
	folder(top, "a-2026-11-21-10:00:00-2", path);
	touch(path, "vmcore-incomplete", "x");
	touch(path, "vmcore-dmesg-incomplete.txt", "nothing special\n");
	folder(top, "a-2026-11-19-10:00:00", path);
	touch(path, "vmcore.flat.enc", "x");
	touch(path, "vmcore-dmesg.txt.enc", "Kernel panic - not syncing: x\n");
	touch(path, "notes of mine", "x");
	folder(top, "a-2026-11-18-10:00:00", path);
	touch(path, "vmcore-dmesg.txt", "[1] Oops: x");
	folder(top, "a-2026-11-17-10:00:00", path);
	touch(path, "README.txt", "no dump, no log");
	folder(top, "a-2026-11-16-10:00:00", path);
	folder(top, "not-a-dump", path);
	touch(path, "vmcore", "x");
	snprintf(link, sizeof(link), "%s/a-2026-11-15-10:00:00", top);
	CHECK(!symlink(path, link));
	touch(top, "a-2026-11-14-10:00:00", "a file");

	CHECK_EQ(dumps_add(&d, top), 0);
	dumps_sort(&d);
	CHECK_EQ(d.nr, 4);
	if (d.nr == 4) {
		CHECK_STR(d.dump[0].name, "a-2026-11-21-10:00:00-2");
		CHECK(!d.dump[0].complete && !d.dump[0].foreign);
		CHECK_STR(d.dump[0].core, "vmcore-incomplete");
		CHECK(!dump_reason(&d.dump[0]));
		CHECK_STR(d.dump[1].name, "a-2026-11-21-10:00:00");
		CHECK(d.dump[1].complete && !d.dump[1].foreign && d.dump[1].bytes);
		reason = dump_reason(&d.dump[1]);
		CHECK_STR(reason, "Kernel panic - not syncing: ?[1mtwo");
		free(reason);
		CHECK_STR(d.dump[2].core, "vmcore.flat.enc");
		CHECK(d.dump[2].complete && d.dump[2].foreign);
		CHECK(!dump_reason(&d.dump[2]));
		CHECK(!d.dump[3].core && !d.dump[3].complete);
		reason = dump_reason(&d.dump[3]);
		CHECK_STR(reason, "Oops: x");
		free(reason);
	}
	dumps_deinit(&d);
	snprintf(command, sizeof(command), "rm -r %s", top);
	CHECK(!system(command));
	CHECK_EQ(dumps_add(&d, top), 0);
	CHECK_EQ(d.nr, 0);
}
