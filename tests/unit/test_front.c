// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/front.h"
#include "tests/unit/test.h"

#include <errno.h>

TEST(crash_kernel_in_iomem)
{
	static const char iomem[] = "00001000-0009ffff : System RAM\n"
				    "  2b000000-3affffff : Crash kernel\n"
				    "3b000000-3bffffff : Crash kernels\n"
				    "nonsense : Crash kernel\n"
				    "5-4 : Crash kernel\n"
				    "100000000-23fffffff : System RAM\n"
				    "    210000000-22fffffff : Crash kernel";
	struct ranges r;

	ranges_init(&r);
	CHECK_EQ(front_crash_kernel(text_of_string(iomem), &r), 0);
	CHECK_EQ(r.nr, 2);
	CHECK_EQ(r.r[0].start, 0x2b000000);
	CHECK_EQ(r.r[0].last, 0x3affffff);
	CHECK_EQ(r.r[1].start, 0x210000000);
	CHECK_EQ(r.r[1].last, 0x22fffffff);
	ranges_deinit(&r);
	/* What a user who is not root sees. */
	ranges_init(&r);
	CHECK_EQ(front_crash_kernel(text_of_string("  00000000-00000000 : Crash kernel\n"), &r), 0);
	CHECK_EQ(r.nr, 0);
	CHECK_EQ(front_crash_kernel(text_of_string(""), &r), 0);
	CHECK_EQ(r.nr, 0);
	ranges_deinit(&r);
}

static int parse(struct front *f, const char *line)
{
	static char words[16][64];
	static char *argv[17];
	int argc = 0;

	for (struct text rest = text_of_string(line), word; rest.len && argc < 16; argc++) {
		word = text_until(&rest, ' ');
		snprintf(words[argc], sizeof(words[argc]), "%.*s", TEXT_ARGS(&word));
		argv[argc] = words[argc];
	}
	argv[argc] = NULL;
	return front_parse(f, argc, argv);
}

TEST(what_options_become)
{
	struct front f;

	CHECK_EQ(
		parse(&f,
		      "makedumpfile -c --message-level 7 -d 1,31 --num-threads 3 --cyclic-buffer 4096 -L 5M vmcore dump"),
		0);
	CHECK_EQ(f.action, FRONT_SAVE);
	CHECK_EQ(f.messages, 7);
	CHECK_EQ(f.save.nr_levels, 2);
	CHECK_EQ(f.save.levels[0], 1);
	CHECK_EQ(f.save.levels[1], 31);
	CHECK_EQ(f.save.workers, 3);
	CHECK_EQ(f.save.memory_bytes, 4096 << 10);
	CHECK_EQ(f.save.max_bytes, 5 << 20);
	CHECK(f.save.same_name && !f.save.force && !f.save.elf && !f.save.flattened);
	CHECK_EQ(f.nr_files, 2);
	CHECK_STR(f.files[1], "dump");

	CHECK_EQ(parse(&f, "makedumpfile vmcore dump"), 0);
	CHECK_EQ(f.save.levels[0], 0);
	CHECK_EQ(f.save.nr_levels, 1);
	CHECK_STR(f.save.codec->name, "none");
	CHECK_EQ(f.save.workers, -1);
	CHECK_EQ(f.save.max_bytes, UINT64_MAX);

	CHECK_EQ(parse(&f, "makedumpfile -D --show-stats --message-level 4 --show-stats --non-mmap -F vmcore"), 0);
	CHECK_EQ(f.messages, 4 | 16);
	CHECK(f.save.no_mmap && f.save.flattened && f.out == stderr);

	CHECK_EQ(parse(&f, "makedumpfile --reassemble a b c"), 0);
	CHECK_EQ(f.action, FRONT_REASSEMBLE);
	CHECK_EQ(parse(&f, "makedumpfile -R a"), 0);
	CHECK_EQ(f.action, FRONT_REARRANGE);
	CHECK_EQ(parse(&f, "makedumpfile --me /proc/kcore"), -EINVAL);
	CHECK_EQ(parse(&f, "makedumpfile --mem-usage /proc/kcore"), 0);
	CHECK_EQ(f.action, FRONT_MEM_USAGE);
	CHECK_EQ(parse(&f, "makedumpfile --mem-u /proc/kcore"), 0);
	CHECK_FAILS(parse(&f, "makedumpfile -x vmlinux vmcore dump"), -ENOTSUP, "-x: no vmlinux");
	CHECK_FAILS(parse(&f, "makedumpfile --message-level 0 -d 77 vmcore dump"), -EINVAL, "-d 77");
	CHECK_EQ(f.messages, 0);
}
