/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/ranges.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_RANGES 16

void ranges_init(struct ranges *s)
{
	*s = (struct ranges){ 0 };
}

void ranges_deinit(struct ranges *s)
{
	free(s->r);
	ranges_init(s);
}

/* Room for N ranges in all. */
static int reserve(struct ranges *s, size_t n)
{
	struct range *r;
	size_t cap;

	if (n <= s->cap)
		return 0;
	if (__builtin_mul_overflow(s->cap, (size_t)2, &cap) || cap < n)
		cap = n;
	if (cap < FIRST_RANGES)
		cap = FIRST_RANGES;
	r = reallocarray(s->r, cap, sizeof(*r));
	if (!r)
		return fail(-ENOMEM, "out of memory for a list of %zu memory ranges", cap);
	s->r = r;
	s->cap = cap;
	return 0;
}

static int check_order(uint64_t start, uint64_t last)
{
	if (last < start)
		return fail(-EINVAL, "range %#" PRIx64 "-%#" PRIx64 " ends before it starts", start, last);
	return 0;
}

/* -EINVAL unless ALIGN is a power of two. */
static int check_align(uint64_t align)
{
	if (!align || (align & (align - 1)))
		return fail(-EINVAL, "alignment %#" PRIx64 " is not a power of two", align);
	return 0;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Index of the first range that reaches ADDR or lies above it; nr when there is none. */
static size_t first_reaching(const struct ranges *s, uint64_t addr)
{
	size_t low = 0, high = s->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->r[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Index of the first range that starts above ADDR; nr when there is none. */
static size_t first_above(const struct ranges *s, uint64_t addr)
{
	size_t low = 0, high = s->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->r[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Put a range that lies above all of S at its end. S has room. Each range adds at most one, so the callers can tell
 * beforehand how much room a merge needs.
 */
static void push(struct ranges *s, uint64_t start, uint64_t last, uint32_t type)
{
	struct range *top = s->nr ? &s->r[s->nr - 1] : NULL;

	if (top && top->type == type && top->last + 1 == start)
		top->last = last;
	else
		s->r[s->nr++] = (struct range){ .start = start, .last = last, .type = type };
}

/* Replace the ranges LOW <= index < HIGH by the N at R, which is no part of S. */
static int splice(struct ranges *s, size_t low, size_t high, const struct range *r, size_t n)
{
	int err = reserve(s, s->nr - (high - low) + n);

	if (err)
		return err;
	if (n != high - low)
		memmove(s->r + low + n, s->r + high, (s->nr - high) * sizeof(*r));
	if (n)
		memcpy(s->r + low, r, n * sizeof(*r));
	s->nr = s->nr - (high - low) + n;
	return 0;
}

/* Is R the neighbour of the address START from below, or of LAST from above, and of this type? */
static bool joins_below(const struct range *r, uint64_t start, uint32_t type)
{
	return r->type == type && start && r->last == start - 1;
}

static bool joins_above(const struct range *r, uint64_t last, uint32_t type)
{
	return r->type == type && last != UINT64_MAX && r->start == last + 1;
}

int ranges_add(struct ranges *s, uint64_t start, uint64_t last, uint32_t type)
{
	struct range piece[3], *r = s->r;
	size_t low, high, n = 0;
	int err = check_order(start, last);

	if (err)
		return err;
	if (!s->nr || start > r[s->nr - 1].last) {
		err = reserve(s, s->nr + 1);
		if (!err)
			push(s, start, last, type);
		return err;
	}

	/* The ranges from low to high overlap; what they have outside START..LAST stays. */
	low = first_reaching(s, start);
	high = first_above(s, last);
	if (low < high && r[low].start < start) {
		if (r[low].type == type)
			start = r[low].start;
		else
			piece[n++] = (struct range){ r[low].start, start - 1, r[low].type };
	}
	if (low > 0 && joins_below(&r[low - 1], start, type) && !n)
		start = r[--low].start;
	piece[n++] = (struct range){ start, last, type };
	if (low < high && r[high - 1].last > last) {
		if (r[high - 1].type == type)
			piece[n - 1].last = r[high - 1].last;
		else
			piece[n++] = (struct range){ last + 1, r[high - 1].last, r[high - 1].type };
	} else if (high < s->nr && joins_above(&r[high], last, type)) {
		piece[n - 1].last = r[high++].last;
	}
	return splice(s, low, high, piece, n);
}

int ranges_fill(struct ranges *s, uint64_t start, uint64_t last, uint32_t type)
{
	struct ranges window = { 0 };
	size_t low, high;
	uint64_t pos = start;
	bool done = false;
	int err = check_order(start, last);

	if (err)
		return err;
	low = first_reaching(s, start);
	high = first_above(s, last);
	if (low >= high)
		return ranges_add(s, start, last, type);

	/* A new list for the overlapping part and one neighbour on each side, with which the new pieces may merge. */
	err = reserve(&window, 2 * (high - low) + 3);
	if (err)
		return err;
	low -= low > 0;
	high += high < s->nr;
	for (size_t i = low; i < high; i++) {
		const struct range *r = &s->r[i];

		if (!done && r->start > pos)
			push(&window, pos, min_of(r->start - 1, last), type);
		push(&window, r->start, r->last, r->type);
		if (r->last >= last)
			done = true;
		else if (r->last >= pos)
			pos = r->last + 1;
	}
	if (!done)
		push(&window, pos, last, type);
	err = splice(s, low, high, window.r, window.nr);
	ranges_deinit(&window);
	return err;
}

int ranges_remove(struct ranges *s, uint64_t start, uint64_t last)
{
	struct range piece[2];
	size_t low, high, n = 0;
	int err = check_order(start, last);

	if (err)
		return err;
	low = first_reaching(s, start);
	high = first_above(s, last);
	if (low >= high)
		return 0;
	if (s->r[low].start < start)
		piece[n++] = (struct range){ s->r[low].start, start - 1, s->r[low].type };
	if (s->r[high - 1].last > last)
		piece[n++] = (struct range){ last + 1, s->r[high - 1].last, s->r[high - 1].type };
	return splice(s, low, high, piece, n);
}

/* S becomes WITH, which becomes empty. */
static void take_over(struct ranges *s, struct ranges *with)
{
	free(s->r);
	*s = *with;
	ranges_init(with);
}

int ranges_subtract(struct ranges *a, const struct ranges *b)
{
	struct ranges rest = { 0 };
	size_t j = 0;
	int err;

	if (!a->nr || !b->nr)
		return 0;
	/* Every range of B can split one of A once. */
	err = reserve(&rest, a->nr + b->nr);
	if (err)
		return err;
	for (size_t i = 0; i < a->nr; i++) {
		const struct range *r = &a->r[i];
		uint64_t pos = r->start;
		bool gone = false;

		while (j < b->nr && b->r[j].last < pos)
			j++;
		/* A range of B that reaches over r stays for the next one. */
		while (!gone && j < b->nr && b->r[j].start <= r->last) {
			if (b->r[j].start > pos)
				push(&rest, pos, b->r[j].start - 1, r->type);
			if (b->r[j].last >= r->last)
				gone = true;
			else
				pos = b->r[j++].last + 1;
		}
		if (!gone)
			push(&rest, pos, r->last, r->type);
	}
	take_over(a, &rest);
	return 0;
}

int ranges_intersect(struct ranges *out, const struct ranges *a, const struct ranges *b)
{
	struct ranges both = { 0 };
	size_t i = 0, j = 0;
	int err;

	if (a->nr && b->nr) {
		err = reserve(&both, a->nr + b->nr);
		if (err)
			return err;
	}
	while (i < a->nr && j < b->nr) {
		uint64_t start = max_of(a->r[i].start, b->r[j].start);
		uint64_t last = min_of(a->r[i].last, b->r[j].last);

		if (start <= last)
			push(&both, start, last, a->r[i].type);
		if (a->r[i].last <= b->r[j].last)
			i++;
		else
			j++;
	}
	take_over(out, &both);
	return 0;
}

int ranges_clip(struct ranges *s, uint64_t start, uint64_t last)
{
	size_t low, high;
	int err = check_order(start, last);

	if (err)
		return err;
	low = first_reaching(s, start);
	high = first_above(s, last);
	if (low >= high) {
		s->nr = 0;
		return 0;
	}
	if (low)
		memmove(s->r, s->r + low, (high - low) * sizeof(*s->r));
	s->nr = high - low;
	s->r[0].start = max_of(s->r[0].start, start);
	s->r[s->nr - 1].last = min_of(s->r[s->nr - 1].last, last);
	return 0;
}

int ranges_copy(struct ranges *dst, const struct ranges *src)
{
	int err;

	if (dst == src)
		return 0;
	err = reserve(dst, src->nr);
	if (err)
		return err;
	if (src->nr)
		memcpy(dst->r, src->r, src->nr * sizeof(*src->r));
	dst->nr = src->nr;
	return 0;
}

int ranges_align_inward(struct ranges *s, uint64_t align)
{
	uint64_t mask = align - 1;
	size_t kept = 0;
	int err = check_align(align);

	if (err)
		return err;
	for (size_t i = 0; i < s->nr; i++) {
		struct range r = s->r[i];
		/* The address behind the range, rounded down; 0 stands for 2^64, a multiple of every power of two. */
		uint64_t behind = (r.last + 1) & ~mask;

		if (r.last != UINT64_MAX && !behind)
			continue;
		if (r.start > UINT64_MAX - mask)
			continue;
		r.start = (r.start + mask) & ~mask;
		r.last = behind - 1;
		if (r.start <= r.last)
			s->r[kept++] = r;
	}
	s->nr = kept;
	return 0;
}

const struct range *ranges_find(const struct ranges *s, uint64_t addr)
{
	size_t i = first_reaching(s, addr);

	return i < s->nr && s->r[i].start <= addr ? &s->r[i] : NULL;
}

bool ranges_cover(const struct ranges *s, uint64_t start, uint64_t last)
{
	size_t i = first_reaching(s, start);

	if (last < start || i == s->nr || s->r[i].start > start)
		return false;
	while (s->r[i].last < last) {
		if (i + 1 == s->nr || s->r[i + 1].start != s->r[i].last + 1)
			return false;
		i++;
	}
	return true;
}

uint64_t ranges_bytes(const struct ranges *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->nr; i++) {
		if (__builtin_add_overflow(sum, s->r[i].last - s->r[i].start, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)1, &sum))
			return UINT64_MAX;
	}
	return sum;
}

/* The hole in LOW..HIGH (one range, clipped), if it is large enough. */
static bool hole_in(uint64_t low, uint64_t high, uint64_t size, uint64_t align, bool top_down, uint64_t *addr)
{
	uint64_t mask = align - 1, at;

	if (low > high || high - low < size - 1)
		return false;
	if (top_down) {
		at = (high - (size - 1)) & ~mask;
		if (at < low)
			return false;
	} else {
		if (low > UINT64_MAX - mask)
			return false;
		at = (low + mask) & ~mask;
		if (at > high || high - at < size - 1)
			return false;
	}
	*addr = at;
	return true;
}

int ranges_find_hole(const struct ranges *s, uint64_t size, uint64_t align, uint64_t min, uint64_t last, bool top_down,
		     uint64_t *addr)
{
	size_t low, high;
	int err = check_align(align);

	if (err)
		return err;
	if (!size)
		return fail(-EINVAL, "a place of 0 bytes was asked for");
	low = first_reaching(s, min);
	high = first_above(s, last);
	for (size_t n = 0; low + n < high; n++) {
		const struct range *r = &s->r[top_down ? high - 1 - n : low + n];

		if (hole_in(max_of(r->start, min), min_of(r->last, last), size, align, top_down, addr))
			return 0;
	}
	return -ENOSPC;
}
