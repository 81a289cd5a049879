/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pages are found to be the same, and that the marks stay right. */
#include "kdump/twins.h"
#include "tests/unit/test.h"

#include <errno.h>

#define PAGE     4096
#define NR_PAGES 3000

/* A source of pages that may change or go away after they were seen. */
static uint32_t content[NR_PAGES];
static bool lost[NR_PAGES];
static unsigned int nr_read;

static void fill(uint8_t *page, uint32_t what)
{
	uint64_t x = what;

	for (unsigned int i = 0; i < PAGE; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		page[i] = x >> 60;
	}
}

static int read_page(struct vmcore *v, uint64_t paddr, void *buf, size_t len)
{
	(void)v;
	nr_read++;
	if (lost[paddr / PAGE] || len != PAGE)
		return -EIO;
	fill(buf, content[paddr / PAGE]);
	return 0;
}

static const struct source_ops ops = { .name = "test", .read = read_page };
static struct vmcore core = { .ops = &ops, .page_shift = 12 };

static bool find(struct twins *t, uint64_t pfn, uint32_t *mark)
{
	uint8_t page[PAGE];

	fill(page, content[pfn]);
	return twins_find(t, pfn, page, mark);
}

/* As a writer keeps it: what the last page with each mark has. */
static void walk(uint32_t nr, uint32_t different, unsigned int *nr_twins)
{
	uint32_t *place = calloc(nr + 1, sizeof(*place));
	uint64_t x = nr * 1000 + different;
	struct twins t;

	CHECK_EQ(twins_init(&t, &core, nr), 0);
	*nr_twins = 0;
	for (uint64_t pfn = 0; pfn < NR_PAGES; pfn++) {
		uint32_t mark = 0;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		content[pfn] = (x >> 33) % different;
		if (find(&t, pfn, &mark)) {
			++*nr_twins;
			CHECK_EQ(place[mark], content[pfn] + 1);
		}
		CHECK(mark >= 1 && mark <= nr);
		place[mark] = content[pfn] + 1;
	}
	twins_deinit(&t);
	free(place);
}

TEST(marks_are_right)
{
	unsigned int nr_twins;

	for (uint32_t nr = 1; nr <= 4096; nr *= 4) {
		for (uint32_t different = 1; different <= 4096; different *= 8) {
			walk(nr, different, &nr_twins);
			if (different == 1)
				CHECK_EQ(nr_twins, NR_PAGES - 1);
			/* There is room; some meet others at their place in the table, again and again. */
			if (nr >= 16 * different)
				CHECK(nr_twins > NR_PAGES / 2);
		}
	}
}

/* A digest alone proves nothing. */
TEST(what_cannot_be_compared_is_no_twin)
{
	uint32_t mark;
	struct twins t;

	memset(content, 0, sizeof(content));
	CHECK_EQ(twins_init(&t, &core, 64), 0);
	nr_read = 0;
	CHECK(!find(&t, 0, &mark));
	CHECK_EQ(nr_read, 0);
	CHECK(find(&t, 1, &mark));
	CHECK_EQ(nr_read, 1);
	lost[0] = true;
	CHECK(!find(&t, 2, &mark));
	lost[0] = false;
	content[2] = 7; /* changed since */
	CHECK_EQ(mark, 2);
	content[3] = 0;
	CHECK(!find(&t, 3, &mark));
	CHECK_EQ(mark, 3);
	CHECK(find(&t, 4, &mark));
	CHECK_EQ(mark, 3);
	twins_deinit(&t);
	twins_deinit(&t);
}

/* One bit anywhere makes another page. */
TEST(bits_count)
{
	uint8_t page[PAGE];
	struct twins t;
	uint32_t mark;

	memset(content, 0, sizeof(content));
	CHECK_EQ(twins_init(&t, &core, 1 << 15), 0);
	CHECK(!find(&t, 0, &mark));
	nr_read = 0;
	for (unsigned int bit = 0; bit < 8 * PAGE; bit++) {
		fill(page, 0);
		page[bit / 8] ^= 1 << bit % 8;
		if (twins_find(&t, 1, page, &mark))
			CHECK_EQ(bit, UINT64_MAX);
	}
	/* They are told apart without reading: 32 bits of digest beside the place. */
	CHECK_EQ(nr_read, 0);
	twins_deinit(&t);
}

