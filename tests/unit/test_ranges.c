/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Range sets against a map with one entry for each address of a small window, low, high and in between. */
#include "lib/ranges.h"
#include "tests/unit/test.h"

#include <errno.h>

#define WINDOW 160

/* Where the window lies: at 0, up to 2^64-1, over 2^32 and over the sign bit. */
static const uint64_t bases[] = { 0, UINT64_MAX - WINDOW + 1, (1ull << 32) - 70, (1ull << 63) - 90 };

/* type + 1 of each address; 0 is no range */
struct model {
	uint64_t base;
	uint32_t at[WINDOW];
};

static unsigned int roll(unsigned int n)
{
	return (unsigned int)(test_random() >> 33) % n;
}

/* Every maximal run of one type must be one range, in order, and nothing else may be there. */
static void check_same(const struct ranges *s, const struct model *m, const char *what)
{
	size_t n = 0;

	for (unsigned int i = 0; i < WINDOW;) {
		unsigned int run = i;
		const struct range *r;

		if (!m->at[i]) {
			i++;
			continue;
		}
		while (run + 1 < WINDOW && m->at[run + 1] == m->at[i])
			run++;
		r = n < s->nr ? &s->r[n] : NULL;
		n++;
		if (!r || r->start != m->base + i || r->last != m->base + run || r->type != m->at[i] - 1) {
			printf("after %s: range %zu is wrong\n", what, n - 1);
			CHECK(!"ranges and model agree");
			return;
		}
		i = run + 1;
	}
	CHECK_EQ(s->nr, n);
}

static void model_set(struct model *m, unsigned int first, unsigned int last, uint32_t value, bool only_gaps)
{
	for (unsigned int i = first; i <= last; i++) {
		if (!only_gaps || !m->at[i])
			m->at[i] = value;
	}
}

/* A random stretch of the window, mostly short, sometimes all of it. */
static void random_span(unsigned int *first, unsigned int *last)
{
	unsigned int len = 1 + (roll(4) ? roll(12) : roll(WINDOW));

	if (!roll(40))
		len = WINDOW;
	*first = roll(WINDOW - len + 1);
	*last = *first + len - 1;
}

static const char *random_edit(struct ranges *s, struct model *m)
{
	unsigned int first, last, type = roll(3), what = roll(10);
	uint64_t base = m->base;

	random_span(&first, &last);
	if (what < 4) {
		CHECK_EQ(ranges_add(s, base + first, base + last, type), 0);
		model_set(m, first, last, type + 1, false);
		return "add";
	}
	if (what < 6) {
		CHECK_EQ(ranges_fill(s, base + first, base + last, type), 0);
		model_set(m, first, last, type + 1, true);
		return "fill";
	}
	CHECK_EQ(ranges_remove(s, base + first, base + last), 0);
	model_set(m, first, last, 0, false);
	return "remove";
}

static void random_set(struct ranges *s, struct model *m, uint64_t base)
{
	unsigned int edits = roll(30);

	ranges_init(s);
	*m = (struct model){ .base = base };
	for (unsigned int i = 0; i < edits; i++)
		random_edit(s, m);
}

TEST(edits_follow_the_model)
{
	for (unsigned int round = 0; round < 200; round++) {
		struct model m = { .base = bases[round % 4] };
		struct ranges s;

		ranges_init(&s);
		for (unsigned int i = 0; i < 60; i++)
			check_same(&s, &m, random_edit(&s, &m));
		ranges_deinit(&s);
	}
}

TEST(subtract_intersect_copy_follow_the_model)
{
	for (unsigned int round = 0; round < 1500; round++) {
		struct ranges a, b, both, copy;
		struct model ma, mb, mboth;

		random_set(&a, &ma, bases[round % 4]);
		random_set(&b, &mb, bases[round % 4]);
		ranges_init(&both);
		ranges_init(&copy);
		CHECK_EQ(ranges_add(&both, 5, 6, 7), 0);
		CHECK_EQ(ranges_copy(&copy, &a), 0);
		check_same(&copy, &ma, "copy");
		CHECK_EQ(ranges_intersect(&both, &a, &b), 0);
		mboth = ma;
		for (unsigned int i = 0; i < WINDOW; i++)
			mboth.at[i] = mb.at[i] ? ma.at[i] : 0;
		check_same(&both, &mboth, "intersect");
		CHECK_EQ(ranges_intersect(&copy, &copy, &b), 0);
		check_same(&copy, &mboth, "intersect in place");
		CHECK_EQ(ranges_subtract(&a, &b), 0);
		for (unsigned int i = 0; i < WINDOW; i++)
			ma.at[i] = mb.at[i] ? 0 : ma.at[i];
		check_same(&a, &ma, "subtract");
		check_same(&b, &mb, "nothing");
		CHECK_EQ(ranges_subtract(&b, &b), 0);
		CHECK_EQ(b.nr, 0);
		ranges_deinit(&a);
		ranges_deinit(&b);
		ranges_deinit(&both);
		ranges_deinit(&copy);
	}
}

TEST(clip_find_cover_bytes_follow_the_model)
{
	for (unsigned int round = 0; round < 800; round++) {
		unsigned int first, last, bytes = 0;
		bool covered = true;
		struct ranges s;
		struct model m;

		random_set(&s, &m, bases[round % 4]);
		random_span(&first, &last);
		for (unsigned int i = 0; i < WINDOW; i++) {
			const struct range *r = ranges_find(&s, m.base + i);

			bytes += m.at[i] != 0;
			CHECK_EQ(r ? r->type + 1 : 0, m.at[i]);
			CHECK(!r || (r->start <= m.base + i && m.base + i <= r->last));
		}
		CHECK_EQ(ranges_bytes(&s), bytes);
		for (unsigned int i = first; i <= last; i++)
			covered = covered && m.at[i];
		CHECK_EQ(ranges_cover(&s, m.base + first, m.base + last), covered);

		CHECK_EQ(ranges_clip(&s, m.base + first, m.base + last), 0);
		for (unsigned int i = 0; i < WINDOW; i++) {
			if (i < first || i > last)
				m.at[i] = 0;
		}
		check_same(&s, &m, "clip");
		ranges_deinit(&s);
	}
}

/* An address stays when its whole aligned block belongs to the same range. */
TEST(align_follows_the_model)
{
	for (unsigned int round = 0; round < 800; round++) {
		uint64_t align = 1ull << roll(7);
		struct model m, want;
		struct ranges s;

		random_set(&s, &m, bases[round % 4]);
		want = m;
		for (unsigned int i = 0; i < WINDOW; i++) {
			uint64_t block = (m.base + i) & ~(align - 1);

			for (uint64_t k = 0; k < align; k++) {
				uint64_t idx = block + k - m.base;

				if (idx >= WINDOW || m.at[idx] != m.at[i])
					want.at[i] = 0;
			}
		}
		CHECK_EQ(ranges_align_inward(&s, align), 0);
		check_same(&s, &want, "align");
		ranges_deinit(&s);
	}
}

/* Is there one run of one type at OFF, SIZE long, inside FIRST..LAST? */
static bool fits(const struct model *m, unsigned int off, unsigned int size, unsigned int first, unsigned int last)
{
	if (off < first || off > last || last - off < size - 1)
		return false;
	for (unsigned int i = off; i < off + size; i++) {
		if (!m->at[i] || m->at[i] != m->at[off])
			return false;
	}
	return true;
}

TEST(holes_follow_the_model)
{
	for (unsigned int round = 0; round < 4000; round++) {
		unsigned int first, last, size = 1 + roll(roll(3) ? 10 : WINDOW);
		uint64_t align = 1ull << roll(6), addr = 0x1234;
		int want_low = -1, want_high = -1;
		struct ranges s;
		struct model m;

		random_set(&s, &m, bases[round % 4]);
		random_span(&first, &last);
		for (unsigned int off = 0; off < WINDOW; off++) {
			if (((m.base + off) & (align - 1)) || !fits(&m, off, size, first, last))
				continue;
			want_high = (int)off;
			if (want_low < 0)
				want_low = (int)off;
		}
		for (int top_down = 0; top_down < 2; top_down++) {
			int want = top_down ? want_high : want_low;
			int err = ranges_find_hole(&s, size, align, m.base + first, m.base + last, top_down, &addr);

			CHECK_EQ(err, want < 0 ? -ENOSPC : 0);
			CHECK_EQ(addr, want < 0 ? 0x1234 : m.base + (unsigned int)want);
			addr = 0x1234;
		}
		ranges_deinit(&s);
	}
}

TEST(the_whole_address_space)
{
	struct ranges s;
	uint64_t addr;

	ranges_init(&s);
	CHECK_EQ(ranges_add(&s, 0, UINT64_MAX, 1), 0);
	CHECK_EQ(s.nr, 1);
	CHECK_EQ(ranges_bytes(&s), UINT64_MAX);
	CHECK(ranges_cover(&s, 0, UINT64_MAX));
	CHECK_EQ(ranges_find_hole(&s, UINT64_MAX, 1, 0, UINT64_MAX, false, &addr), 0);
	CHECK_EQ(addr, 0);
	CHECK_EQ(ranges_find_hole(&s, UINT64_MAX, 1, 0, UINT64_MAX, true, &addr), 0);
	CHECK_EQ(addr, 1);
	CHECK_EQ(ranges_find_hole(&s, 1, 1ull << 63, 1, UINT64_MAX, false, &addr), 0);
	CHECK_EQ(addr, 1ull << 63);
	CHECK_EQ(ranges_find_hole(&s, 1, 1ull << 63, (1ull << 63) + 1, UINT64_MAX, false, &addr), -ENOSPC);
	CHECK_EQ(ranges_align_inward(&s, 1ull << 63), 0);
	CHECK_EQ(s.nr, 1);
	CHECK_EQ(s.r[0].last, UINT64_MAX);
	CHECK_EQ(ranges_fill(&s, 0, UINT64_MAX, 2), 0);
	CHECK_EQ(s.r[0].type, 1);
	CHECK_EQ(ranges_remove(&s, 1, UINT64_MAX - 1), 0);
	CHECK_EQ(s.nr, 2);
	CHECK_EQ(s.r[0].last, 0);
	CHECK_EQ(s.r[1].start, UINT64_MAX);
	CHECK(!ranges_cover(&s, 0, UINT64_MAX));
	CHECK_EQ(ranges_add(&s, UINT64_MAX, UINT64_MAX, 3), 0);
	CHECK_EQ(ranges_add(&s, 0, 0, 3), 0);
	CHECK_EQ(s.nr, 2);
	CHECK_EQ(ranges_fill(&s, 0, UINT64_MAX, 3), 0);
	CHECK_EQ(s.nr, 1);
	CHECK_EQ(ranges_remove(&s, 0, UINT64_MAX), 0);
	CHECK_EQ(s.nr, 0);
	ranges_deinit(&s);
}

TEST(bad_arguments)
{
	struct ranges s;
	uint64_t addr = 7;

	ranges_init(&s);
	CHECK_EQ(ranges_add(&s, 10, 20, 0), 0);
	CHECK_FAILS(ranges_add(&s, 5, 4, 0), -EINVAL, "0x5-0x4");
	CHECK_FAILS(ranges_fill(&s, 5, 4, 0), -EINVAL, "0x5-0x4");
	CHECK_FAILS(ranges_remove(&s, 5, 4), -EINVAL, "0x5-0x4");
	CHECK_FAILS(ranges_clip(&s, 5, 4), -EINVAL, "0x5-0x4");
	CHECK_FAILS(ranges_align_inward(&s, 0), -EINVAL, "power of two");
	CHECK_FAILS(ranges_align_inward(&s, 12), -EINVAL, "power of two");
	CHECK_FAILS(ranges_find_hole(&s, 1, 0, 0, 100, false, &addr), -EINVAL, "power of two");
	CHECK_FAILS(ranges_find_hole(&s, 0, 1, 0, 100, false, &addr), -EINVAL, "0 bytes");
	CHECK_EQ(ranges_find_hole(&s, 1, 1, 100, 0, false, &addr), -ENOSPC);
	CHECK(!ranges_cover(&s, 12, 11));
	CHECK_EQ(addr, 7);
	CHECK_EQ(s.nr, 1);
	CHECK_EQ(s.r[0].start, 10);
	CHECK_EQ(s.r[0].last, 20);
	ranges_deinit(&s);
}

TEST(empty_sets)
{
	struct ranges a, b, out;
	uint64_t addr;

	ranges_init(&a);
	ranges_init(&b);
	ranges_init(&out);
	CHECK_EQ(ranges_remove(&a, 0, UINT64_MAX), 0);
	CHECK_EQ(ranges_clip(&a, 0, 5), 0);
	CHECK_EQ(ranges_subtract(&a, &b), 0);
	CHECK_EQ(ranges_intersect(&out, &a, &b), 0);
	CHECK_EQ(ranges_copy(&out, &a), 0);
	CHECK_EQ(ranges_align_inward(&a, 4096), 0);
	CHECK(!ranges_find(&a, 0));
	CHECK(!ranges_cover(&a, 0, 0));
	CHECK_EQ(ranges_bytes(&a), 0);
	CHECK_EQ(ranges_find_hole(&a, 1, 1, 0, UINT64_MAX, true, &addr), -ENOSPC);
	CHECK_EQ(a.nr + b.nr + out.nr, 0);
	ranges_deinit(&a);
	ranges_deinit(&a);
}

/* No fixed capacity; in ascending order, which is how memory maps come. */
TEST(many_ranges)
{
	const unsigned int n = 60000;
	struct ranges s, gaps;

	ranges_init(&s);
	ranges_init(&gaps);
	for (unsigned int i = 0; i < n; i++) {
		CHECK_EQ(ranges_add(&s, i * 0x4000ull, i * 0x4000ull + 0xfff, i % 5), 0);
		CHECK_EQ(ranges_add(&gaps, i * 0x4000ull + 0x800, i * 0x4000ull + 0x27ff, 9), 0);
	}
	CHECK_EQ(s.nr, n);
	CHECK_EQ(ranges_bytes(&s), n * 0x1000ull);
	CHECK_EQ(ranges_subtract(&s, &gaps), 0);
	CHECK_EQ(s.nr, n);
	CHECK_EQ(ranges_bytes(&s), n * 0x800ull);
	ranges_deinit(&s);
	ranges_deinit(&gaps);
}

TEST(descending_and_scattered_order)
{
	const unsigned int n = 6000;
	struct ranges s;

	ranges_init(&s);
	for (unsigned int i = n; i-- > 0;)
		CHECK_EQ(ranges_add(&s, i * 0x4000ull, i * 0x4000ull + 0xfff, 9), 0);
	CHECK_EQ(s.nr, n);
	/* 4051 has no divisor in common with the count: every place is taken once, and in the end all are one. */
	for (unsigned int i = 0; i < n; i++) {
		uint64_t at = (uint64_t)i * 4051 % n * 0x4000;

		CHECK_EQ(ranges_add(&s, at, at + 0x3fff, 1), 0);
	}
	CHECK_EQ(s.nr, 1);
	CHECK_EQ(s.r[0].last, n * 0x4000ull - 1);
	ranges_deinit(&s);
}
