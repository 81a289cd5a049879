// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/classify.h"

#include "make_kernel.h"
#include "test.h"

#define NR 512

struct walk {
	struct kernel kernel;
	struct kinfo k;
	struct memmodel m;
	struct classifier c;
	struct class_counts counts;
	uint8_t class[NR];
};

/* A kernel whose pages 0..NR-1 are plain but for those of TEXT. */
static void walk_make(struct walk *t, const struct kernel_era *era, const char *text)
{
	memset(t, 0, sizeof(*t));
	kernel_init(&t->kernel, era, 1);
	kernel_plain(&t->kernel, 0, NR - 1);
	kernel_pages(&t->kernel, text);
	CHECK_EQ(kinfo_read(&t->k, &t->kernel.vt), 0);
	CHECK_EQ(memmodel_init(&t->m, &t->kernel.vt, &t->k), 0);
	classifier_init(&t->c, &t->kernel.mem.core);
	t->c.k = &t->k;
	t->c.m = &t->m;
}

static void walk_run(struct walk *t, uint64_t first, uint64_t nr)
{
	memset(t->class, 0xee, sizeof(t->class));
	memset(&t->counts, 0, sizeof(t->counts));
	CHECK_EQ(classify_window(&t->c, first, nr, t->class, &t->counts), 0);
}

static void walk_drop(struct walk *t)
{
	classifier_deinit(&t->c);
	memmodel_deinit(&t->m);
	kernel_deinit(&t->kernel);
}

static char letter(uint8_t class)
{
	return class < NR_CLASSES ? "CSMKUPcFHOAn"[class] : '?';
}

/*
 * The classes of FIRST.. as letters: kernel Critical, Slab, struct pages (Memmap), Kernel, User, cache Private, cache,
 * Free, Hwpoison, Offline, Absent, no RAM.
 */
static void expect(struct walk *t, const char *where, uint64_t first, const char *want)
{
	char got[NR + 1];

	for (size_t i = 0; want[i]; i++) {
		got[i] = letter(t->class[first + i]);
		got[i + 1] = 0;
	}
	if (strcmp(got, want)) {
		test_failures++;
		printf("%s, from page %" PRIu64 " on: %s, want %s\n", where, first, got, want);
	}
}

static void check_text(const struct kernel_era *era, const char *text, uint64_t first, const char *want,
		       uint64_t doubtful)
{
	struct walk t;

	walk_make(&t, era, text);
	walk_run(&t, 0, NR);
	expect(&t, era->name, first, want);
	if (t.counts.doubtful != doubtful) {
		test_failures++;
		printf("%s: \"%s\": %" PRIu64 " in doubt, want %" PRIu64 "\n", era->name, text, t.counts.doubtful,
		       doubtful);
	}
	walk_drop(&t);
}

struct rule_case {
	const char *text;
	uint64_t first;
	const char *want;
	uint64_t doubtful;
};

/* What holds in every release. The page in front and the one behind show that nothing else is touched. */
static const struct rule_case rules[] = {
	{ "17: buddy 0\n", 16, "KFK", 0 },
	{ "16: buddy 3\n", 15, "KFFFFFFFFK", 0 },
	{ "256: buddy 8\n", 255, "KF", 0 },
	{ "17: lru mapping=ffff888000001000\n", 16, "KcK", 0 },
	{ "17: lru\n", 16, "KcK", 0 },
	{ "17: lru private mapping=ffff888000001000\n", 16, "KPK", 0 },
	{ "17: lru anon swapbacked\n", 16, "KUK", 0 },
	{ "17: lru anon private\n", 16, "KUK", 0 },
	{ "17: anon\n", 16, "KUK", 0 },
	{ "17: mapping=ffff888012345603\n", 16, "KUK", 0 },
	{ "17: mapping=ffff888012345602\n", 16, "KKK", 0 },
	{ "17: swapcache swapbacked\n", 16, "KcK", 0 },
	{ "17: swapcache\n", 16, "KKK", 0 },
	{ "17: swapbacked\n", 16, "KKK", 0 },
	{ "17: slab\n", 16, "KSK", 0 },
	{ "17: slab mapping=ffff888012345601\n", 16, "KSK", 0 },
	{ "17: offline\n", 16, "KOK", 0 },
	{ "17: table\n", 16, "KCK", 0 },
	{ "17: reserved\n", 16, "KCK", 0 },
	{ "17: hwpoison\n", 16, "KHK", 0 },
	{ "17: hwpoison lru\n", 16, "KHK", 0 },
	{ "17: private=3\n", 16, "KKK", 0 },
	/* blocks are judged by their first page */
	{ "16: head order=2 lru anon\n", 15, "KUUUUK", 0 },
	{ "16: head order=2 lru mapping=ffff888000001000\n", 15, "KccccK", 0 },
	{ "16: head order=3 slab\n", 15, "KSSSSSSSSK", 0 },
	{ "16: head order=2\n", 15, "KKKKKK", 0 },
	{ "16: head order=2 hugetlb ref=0\n", 15, "KUUUUK", 0 },
	{ "16: head order=2 hugetlb anon\n", 15, "KUUUUK", 0 },
	{ "16: head order=2 hwpoison anon\n", 15, "KHUUUK", 0 },
	{ "16: head order=2 hwpoison\n", 15, "KHKKKK", 0 },
	{ "16: head order=2 hwpoison slab\n", 15, "KHSSSK", 0 },
	{ "16: head order=2 hwpoison hugetlb\n", 15, "KHHHHK", 0 },
	{ "16: buddy 2 hwpoison\n", 15, "KHFFFK", 0 },
	{ "16: buddy 2\n18: hwpoison\n", 15, "KFFHFK", 0 },
	{ "16: buddy 2\n20: buddy 2\n24: head order=1 anon lru\n", 15, "KFFFFFFFFUUK", 0 },
	/* what does not fit together is kept */
	{ "17: buddy 1\n", 16, "KKK", 1 },
	{ "16: buddy 11\n", 15, "KKK", 1 },
	{ "16: buddy 3 ref=1\n", 15, "KKK", 1 },
	{ "16: buddy 99999999999999\n", 15, "KKK", 1 },
	{ "17: lru mapping=1234\n", 16, "KKK", 1 },
	{ "17: anon mapping=1235\n", 16, "KKK", 1 },
	{ "17: anon ref=0x80000005\n", 16, "KKK", 1 },
	{ "17: hwpoison ref=0xffffffff\n", 16, "KKK", 1 },
	{ "17: offline ref=0xa5a5a5a5\n", 16, "KKK", 1 },
	{ "16: buddy 2\n18: hwpoison ref=0xffffffff\n", 15, "KFFFFK", 0 },
	{ "16: head order=2 anon tails=2\n", 15, "KUUUKK", 0 },
	{ "16: head order=200 anon tails=3\n", 15, "KUUUUK", 0 },
};

/*
 * With hugetlb_free_vmemmap=on (since 5.14) the struct pages of a huge page's tails are one page, mapped again and
 * again: the first of each 64 looks like the head.
 */
TEST(hugetlb_with_shared_struct_pages)
{
	for (size_t i = 0; i < NR_KERNEL_ERAS; i++) {
		struct walk t;

		walk_make(&t, &kernel_eras[i], "256: head order=8 hugetlb anon\n");
		for (uint64_t pfn = 256 + 64; pfn < 512; pfn++) {
			uint8_t bytes[KERNEL_PAGE_BYTES];

			CHECK_EQ(memmodel_read(&t.m, 256 + pfn % 64, 1, bytes), 0);
			memcore_write(&t.kernel.mem, kernel_page_paddr(pfn), bytes, sizeof(bytes));
		}
		walk_run(&t, 0, NR);
		CHECK_EQ(t.counts.pages[CLASS_USER], 256);
		CHECK_EQ(t.counts.pages[CLASS_KERNEL], 256);
		CHECK_EQ(t.counts.doubtful, 0);
		walk_drop(&t);
	}
}

TEST(rules_of_every_release)
{
	for (size_t e = 0; e < NR_KERNEL_ERAS; e++)
		for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
			/* With masks an order that cannot be leaves tails that point nowhere. */
			if (kernel_eras[e].mask && (strstr(rules[i].text, "order=200")))
				continue;
			check_text(&kernel_eras[e], rules[i].text, rules[i].first, rules[i].want, rules[i].doubtful);
		}
}

TEST(unaccepted_memory_is_free_in_largest_blocks)
{
	for (size_t e = 0; e < NR_KERNEL_ERAS; e++) {
		struct walk t;

		if (!kernel_eras[e].unaccepted)
			continue;
		memset(&t, 0, sizeof(t));
		walk_make(&t, &kernel_eras[e], "0: unaccepted\n");
		walk_run(&t, 0, NR);
		CHECK_EQ(t.counts.pages[CLASS_FREE], NR);
		walk_drop(&t);
	}
}

/* A count of mappings is no type, whatever the release. */
TEST(counts_of_mappings_are_no_types)
{
	static const uint32_t counts[] = { 0, 1, 0x80, 0x7fffffff, 0xffffffff, 0xffffff80, 0xfffffffe };

	for (size_t e = 0; e < NR_KERNEL_ERAS; e++)
		for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
			char text[64];

			snprintf(text, sizeof(text), "17: type=%x private=0 ref=0\n", counts[i]);
			check_text(&kernel_eras[e], text, 16, "KKK", 0);
		}
}

/* Struct pages that read as heads again, where hugetlb keeps one page of them for all (until 7.0). */
TEST(fake_heads_of_hugetlb_are_inside)
{
	struct walk t;

	walk_make(&t, &kernel_eras[0], "0: head order=8 hugetlb ref=1\n64: head\n128: head\n192: head\n");
	walk_run(&t, 0, NR);
	CHECK_EQ(t.counts.pages[CLASS_USER], 256);
	CHECK_EQ(t.counts.pages[CLASS_KERNEL], NR - 256);
	walk_drop(&t);
}

TEST(tails_tell_their_head)
{
	struct kinfo k = { .page_size_bytes = 64 };
	const uint64_t head = 0xffffea0000040000, tail = head + 3 * 64;

	CHECK(page_is_tail_of(&k, head | 1, tail, head));
	CHECK(!page_is_tail_of(&k, head, tail, head));
	CHECK(!page_is_tail_of(&k, (head + 64) | 1, tail, head));
	CHECK(!page_is_tail_of(&k, ~0xffull | 1, tail, head));
	k.compound_info = true;
	CHECK(page_is_tail_of(&k, head | 1, tail, head));
	CHECK(page_is_tail_of(&k, ~0xffull | 1, tail, head));
	CHECK(!page_is_tail_of(&k, ~0x7full | 1, tail, head));
	CHECK(!page_is_tail_of(&k, ~0xffull | 1, head, head));
	CHECK(!page_is_tail_of(&k, ~0xffull, tail, head));
	CHECK(!page_is_tail_of(&k, ~0ull, tail, head));
}

/* Whatever window is asked for, the answer for a page is the same. */
TEST(windows_do_not_matter)
{
	static const char text[] = "0: buddy 4\n16: head order=4 anon lru\n32: head order=5 slab\n64: buddy 6\n"
				   "128: head order=7 hugetlb\n256: head order=200 anon tails=9\n300: lru\n"
				   "301: lru private\n302: anon\n304: buddy 3\n305: hwpoison\n";

	for (size_t e = 0; e < NR_KERNEL_ERAS; e++) {
		uint8_t whole[NR];
		struct walk t;

		if (kernel_eras[e].mask)
			continue;
		walk_make(&t, &kernel_eras[e], text);
		walk_run(&t, 0, NR);
		memcpy(whole, t.class, NR);
		for (unsigned int i = 0; i < 300; i++) {
			uint64_t first = test_random() % NR & ~1ull, nr = (test_random() % (NR - first) + 1) & ~1ull;

			walk_run(&t, first, nr);
			if (memcmp(whole + first, t.class, nr)) {
				test_failures++;
				printf("%s: %" PRIu64 "+%" PRIu64 " differs\n", kernel_eras[e].name, first, nr);
			}
		}
		walk_drop(&t);
	}
}

TEST(holes_are_no_ram_and_unreadable_struct_pages_are_kept)
{
	struct walk t;

	walk_make(&t, &kernel_eras[0], "16: buddy 3\n");
	ranges_remove(&t.kernel.mem.core.ram, 20 << 12, (30 << 12) - 1);
	walk_run(&t, 0, NR);
	expect(&t, "hole", 15, "KFFFFnnnnnnnnnnK");
	CHECK_EQ(t.counts.pages[CLASS_NO_RAM], 10);
	/* Behind NR nothing was written: no struct pages. */
	walk_run(&t, NR, 128);
	CHECK_EQ(t.counts.pages[CLASS_KERNEL], 128);
	CHECK_EQ(t.counts.doubtful, 128);
	/* One page of struct pages is missing: 64 of them. */
	walk_run(&t, NR - 64, 128);
	CHECK_EQ(t.counts.doubtful, 64);
	walk_drop(&t);
}

TEST(without_facts_everything_is_kept)
{
	struct walk t;

	walk_make(&t, &kernel_eras[0], "16: buddy 3\n17: offline\n");
	t.c.k = NULL;
	t.c.m = NULL;
	walk_run(&t, 0, NR);
	CHECK_EQ(t.counts.pages[CLASS_KERNEL], NR);
	CHECK_EQ(t.counts.doubtful, 0);
	walk_drop(&t);
}

TEST(special_ranges_order_only_what_is_kernel)
{
	struct walk t;

	walk_make(&t, &kernel_eras[0], "16: buddy 1\n18: slab\n19: hwpoison\n20: anon\n");
	CHECK_EQ(ranges_add(&t.c.special, 10, 22, CLASS_STRUCT_PAGES), 0);
	walk_run(&t, 0, NR);
	expect(&t, "special", 9, "KMMMMMMFFMHUMMK");
	t.c.keep_free = true;
	walk_run(&t, 12, 20);
	expect(&t, "kept free", 0, "MMMMMMMHUMMK");
	walk_drop(&t);
}

/* As makedumpfile's manual has it. */
/* Who finds too much of it does not believe it. */
TEST(poison_is_kept_on_request)
{
	struct walk t;

	walk_make(&t, &kernel_eras[0], "17: hwpoison\n20: buddy 2\n22: hwpoison\n");
	t.c.keep_poisoned = true;
	walk_run(&t, 0, NR);
	expect(&t, "kept", 16, "KKKKFFFFK");
	walk_drop(&t);
}

TEST(levels_leave_out_classes)
{
	static const struct { int level; const char *out; } cases[] = {
		{ 0, "HOAn" }, { 1, "HOAn" }, { 2, "cHOAn" }, { 4, "PcHOAn" }, { 6, "PcHOAn" }, { 8, "UHOAn" },
		{ 16, "FHOAn" }, { 31, "UPcFHOAn" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (unsigned int class = 0; class < NR_CLASSES; class++)
			CHECK_EQ(class_excluded(class, cases[i].level), strchr(cases[i].out, letter(class)) != NULL);
}

/* Noise in the struct pages: no crash, every page has a class, nothing outside of the window is written. */
TEST(noise_is_survived)
{
	for (unsigned int round = 0; round < 60; round++) {
		const struct kernel_era *era = &kernel_eras[round % NR_KERNEL_ERAS];
		struct walk t;

		walk_make(&t, era, "0: buddy 4\n16: head order=4 anon lru\n");
		for (unsigned int i = 0; i < 2000; i++)
			memcore_flip(&t.kernel.mem, kernel_page_paddr(test_random() % NR), test_random() % 512);
		walk_run(&t, 0, NR - 2);
		for (unsigned int i = 0; i < NR - 2; i++)
			CHECK(t.class[i] < CLASS_NO_RAM);
		CHECK_EQ(t.class[NR - 2], 0xee);
		walk_drop(&t);
	}
}
