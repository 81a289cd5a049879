// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/plan.h"

#include "kexec/arch/arch.h"
#include "tests/unit/test.h"

#include <errno.h>

static const struct load_request anywhere = { .mem_max = UINT64_MAX };

static void setup(struct plan *plan, const struct arch *arch, const struct load_request *req, uint64_t start,
		  uint64_t len)
{
	struct range window = { start, start + len - 1, MEM_CRASH };

	plan_init(plan);
	plan->arch = arch;
	plan->req = req;
	CHECK(!plan_restart(plan, &window));
}

static int put(struct plan *plan, const char *what, uint64_t bufsz, uint64_t memsz, uint64_t align, bool top_down,
	       uint64_t *at)
{
	struct place place = { .memsz = memsz, .align = align, .last = UINT64_MAX, .top_down = top_down };

	return plan_place(plan, what, "", bufsz, &place, at);
}

TEST(bottom_up_and_top_down)
{
	struct plan plan;
	uint64_t at = 0;

	setup(&plan, &arch_x86_64, &anywhere, 0x10000000, 0x1000000);
	CHECK(!put(&plan, "kernel", 1, 0x2345, 0x200000, false, &at));
	CHECK_EQ(at, 0x10000000);
	CHECK_EQ(plan_find(&plan, "kernel")->memsz, 0x3000);
	CHECK(!put(&plan, "initrd", 5, 5, 1, true, &at));
	CHECK_EQ(at, 0x10fff000);
	CHECK(!put(&plan, "more", 5, 0x1000, 0x200000, false, &at));
	CHECK_EQ(at, 0x10200000);
	plan.entry = 0x10000000;
	CHECK(!plan_check(&plan));
	CHECK_STR(plan.seg[0].what, "kernel");
	CHECK_STR(plan.seg[2].what, "initrd");
	plan_deinit(&plan);
}

TEST(offset_from_alignment)
{
	struct place place = { .memsz = 0x100000, .align = 0x200000, .align_offset = 0x80000, .last = UINT64_MAX };
	struct plan plan;
	uint64_t at = 0;

	setup(&plan, &arch_arm64, &anywhere, 0x40100000, 0x1000000);
	CHECK(!plan_place(&plan, "kernel", "", 1, &place, &at));
	CHECK_EQ(at, 0x40280000);
	place.align_offset = 0x123;
	CHECK_FAILS(plan_place(&plan, "kernel", "", 1, &place, &at), -EINVAL, "inside a page");
	plan_deinit(&plan);
}

TEST(mem_min_and_mem_max)
{
	struct load_request req = { .mem_min = 0x10100000, .mem_max = 0x101fffff };
	struct plan plan;
	uint64_t at = 0;

	setup(&plan, &arch_x86_64, &req, 0x10000000, 0x1000000);
	CHECK(!put(&plan, "a", 1, 0x1000, 0x1000, false, &at));
	CHECK_EQ(at, 0x10100000);
	CHECK(!put(&plan, "b", 1, 0x1000, 0x1000, true, &at));
	CHECK_EQ(at, 0x101ff000);
	CHECK_FAILS(put(&plan, "c", 1, 0x100000, 0x1000, true, &at), -ENOSPC, "no room for the c");
	plan_deinit(&plan);
}

TEST(no_room_says_how_much)
{
	struct plan plan;
	uint64_t at = 0x77;

	setup(&plan, &arch_x86_64, &anywhere, 0x10000000, 0x100000);
	CHECK_FAILS(put(&plan, "initrd", 1, 0x200000, 0x1000, true, &at), -ENOSPC, "no room for the initrd: 2048 KiB");
	CHECK_FAILS(put(&plan, "initrd", 1, 0x200000, 0x1000, true, &at), -ENOSPC, "largest piece 1024 KiB");
	CHECK_EQ(at, 0x77);
	plan_deinit(&plan);
}

TEST(bad_segments_are_refused)
{
	struct plan plan;
	uint64_t at;

	setup(&plan, &arch_x86_64, &anywhere, 0x10000000, 0x100000);
	CHECK_FAILS(put(&plan, "kernel", 2, 1, 1, false, &at), -EINVAL, "claims only 1");
	CHECK_FAILS(put(&plan, "kernel", 0, 0, 1, false, &at), -EINVAL, "claims 0 bytes");
	CHECK_FAILS(put(&plan, "kernel", 0, UINT64_MAX, 1, false, &at), -EINVAL, "claims");
	for (int i = 0; i < KEXEC_ABI_SEGMENT_MAX; i++)
		CHECK(!put(&plan, "x", 1, 1, 1, false, &at));
	CHECK_FAILS(put(&plan, "one more", 1, 1, 1, false, &at), -E2BIG,
		    "the one more would be one segment more than the 16");
	plan_deinit(&plan);
}

TEST(check_names_the_segment)
{
	struct plan plan;
	uint64_t at;

	setup(&plan, &arch_x86_64, &anywhere, 0x10000000, 0x100000);
	CHECK_FAILS(plan_check(&plan), -EINVAL, "0 segments");
	CHECK(!put(&plan, "kernel", 16, 0x4000, 1, false, &at));
	CHECK(!put(&plan, "initrd", 16, 0x4000, 1, false, &at));
	plan.entry = 0;
	CHECK_FAILS(plan_check(&plan), -EINVAL, "lies in no segment");
	plan.entry = plan.seg[0].mem + 16;
	CHECK_FAILS(plan_check(&plan), -EINVAL, "lies in no segment");
	plan.entry = plan.seg[0].mem + 15;
	CHECK(!plan_check(&plan));
	plan.seg[1].mem = plan.seg[0].mem + 0x3000;
	CHECK_FAILS(plan_check(&plan), -EINVAL, "kernel and initrd overlap");
	plan.seg[1].mem = 0x10100000;
	CHECK_FAILS(plan_check(&plan), -EINVAL, "initrd at 0x10100000-0x10103fff lies outside");
	plan.seg[1].mem = 0x100f0001;
	CHECK_FAILS(plan_check(&plan), -EINVAL, "not whole pages");
	plan.seg[1].mem = 0xfffffffffffff000;
	CHECK_FAILS(plan_check(&plan), -EINVAL, "wrap around");
	plan_deinit(&plan);
}

TEST(restart_forgets_segments_and_takes_the_window_again)
{
	struct range wide = { 0x10000000, 0x1fffffff, MEM_CRASH };
	struct plan plan;
	uint64_t at;

	setup(&plan, &arch_x86_64, &anywhere, 0x10000000, 0x100000);
	CHECK(!put(&plan, "kernel", 1, 0x100000, 1, false, &at));
	CHECK(!plan_restart(&plan, &wide));
	CHECK_EQ(plan.nr_seg, 0);
	CHECK_EQ(ranges_bytes(&plan.free), 0x10000000);
	plan_deinit(&plan);
}

/* Random requests: whatever is placed is inside, aligned and disjoint, and free + placed is always the window. */
TEST(random_plans_hold_together)
{
	for (int round = 0; round < 2000; round++) {
		const struct arch *arch = round & 1 ? &arch_arm64 : &arch_x86_64;
		const uint64_t page = 1ull << arch->page_shift, len = 0x4000000;
		struct plan plan;

		setup(&plan, arch, &anywhere, (test_random() % 0x1000) << 20, len);
		plan.entry = UINT64_MAX;
		for (int i = 0; i < 20; i++) {
			uint64_t size = 1 + test_random() % 0x900000, align = 1ull << test_random() % 24, at = 1;
			int err = put(&plan, "x", size / 2, size, align, test_random() & 1, &at);

			if (err) {
				CHECK(err == -ENOSPC || err == -E2BIG);
				continue;
			}
			CHECK(!(at & (align - 1)) && !(at & (page - 1)));
			plan.entry = at;
			plan.seg[plan.nr_seg - 1].bufsz = size;
		}
		CHECK_EQ(plan_bytes(&plan) + ranges_bytes(&plan.free), len);
		CHECK(!plan_check(&plan));
		plan_deinit(&plan);
	}
}
