// SPDX-License-Identifier: GPL-2.0-or-later
/* The two bitmaps of a kdump-compressed dump, and ranks in the second. */
#include "kdump/out_slots.h"

#include "lib/err.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES (OUT_WINDOW_PFNS / 8)
#define NR_GROUPS    (OUT_WINDOW_PFNS / SLOTS_GROUP_PFNS)

/* No architecture has more than 52 bits of physical address; pages are 4 KiB or more. */
#define MAX_PFN (1ull << 40)

static uint64_t word_at(const uint8_t *bits, uint64_t word)
{
	uint64_t value;

	memcpy(&value, bits + word * 8, sizeof(value));
	return le64toh(value); /* LSB first, whatever the machine */
}

/* Pfns in window IDX; less than OUT_WINDOW_PFNS in the last. */
static uint64_t window_pfns(const struct out_slots *s, uint64_t idx)
{
	uint64_t left = s->nr_pfn - idx * OUT_WINDOW_PFNS;

	return left < OUT_WINDOW_PFNS ? left : OUT_WINDOW_PFNS;
}

/* A plan is asked for in whole bytes; what it says behind the last pfn means nothing. */
static int ask(struct out_slots *s, uint64_t idx)
{
	uint64_t nr = window_pfns(s, idx);
	int err;

	memset(s->planned, 0, WINDOW_BYTES);
	err = s->facts->planned(s->facts->ctx, idx * OUT_WINDOW_PFNS, (nr + 7) & ~7ull, s->planned);
	if (!err && nr % 8)
		s->planned[nr / 8] &= (1u << nr % 8) - 1;
	return err;
}

static uint64_t digest(const uint8_t *bits)
{
	uint64_t h = 0;

	for (uint64_t i = 0; i < WINDOW_BYTES / 8; i++) {
		h = (h ^ word_at(bits, i)) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

/* The rank of each group of the window in memory; how many pages are planned in it. */
static uint64_t rank_groups(struct out_slots *s)
{
	uint32_t sum = 0;

	for (uint64_t g = 0; g < NR_GROUPS; g++) {
		s->rank[g] = sum;
		for (uint64_t i = 0; i < SLOTS_GROUP_PFNS / 64; i++)
			sum += __builtin_popcountll(word_at(s->planned, g * (SLOTS_GROUP_PFNS / 64) + i));
	}
	return sum;
}

/* Planned pages of the window in memory in front of its bit BIT, which may be one more than the last. */
static uint64_t rank_in_window(const struct out_slots *s, uint64_t idx, uint64_t bit)
{
	uint64_t rank, word;

	if (bit >= OUT_WINDOW_PFNS)
		return s->windows[idx + 1].before - s->windows[idx].before;
	rank = s->rank[bit / SLOTS_GROUP_PFNS];
	for (word = bit / SLOTS_GROUP_PFNS * (SLOTS_GROUP_PFNS / 64); word < bit / 64; word++)
		rank += __builtin_popcountll(word_at(s->planned, word));
	if (bit % 64)
		rank += __builtin_popcountll(word_at(s->planned, word) & ((1ull << bit % 64) - 1));
	return rank;
}

/* ---- building ---- */

static void set_bits(uint8_t *bits, uint64_t first, uint64_t last)
{
	while (first <= last) {
		if (first % 8 == 0 && last - first >= 7) {
			uint64_t whole = (last - first + 1) / 8;

			memset(bits + first / 8, 0xff, whole);
			first += whole * 8;
			continue;
		}
		bits[first / 8] |= 1u << first % 8;
		first++;
	}
}

/* The RAM of window IDX. *AT is the first range that may reach into it; windows come ascending. False: none. */
static bool ram_window(struct out_slots *s, uint64_t idx, size_t *at)
{
	const struct ranges *ram = &s->facts->core->ram;
	unsigned int shift = s->facts->core->page_shift;
	uint64_t first = idx * OUT_WINDOW_PFNS, last = first + window_pfns(s, idx) - 1;
	bool any = false;

	while (*at < ram->nr && ram->r[*at].last >> shift < first)
		++*at;
	for (size_t i = *at; i < ram->nr && ram->r[i].start >> shift <= last; i++) {
		uint64_t from = ram->r[i].start >> shift, to = ram->r[i].last >> shift;

		if (!any)
			memset(s->ram, 0, WINDOW_BYTES);
		any = true;
		set_bits(s->ram, from < first ? 0 : from - first, (to > last ? last : to) - first);
	}
	return any;
}

static int build_window(struct out_slots *s, uint64_t idx, uint64_t ram_off, uint64_t *nr_planned)
{
	uint64_t len = (window_pfns(s, idx) + 7) / 8, at = idx * WINDOW_BYTES;
	int err = ask(s, idx);

	if (err)
		return err;
	for (uint64_t i = 0; i < WINDOW_BYTES; i++)
		s->ram[i] |= s->planned[i];
	for (uint64_t i = 0; i < WINDOW_BYTES / 8; i++)
		s->nr_ram += __builtin_popcountll(word_at(s->ram, i));
	s->windows[idx].digest = digest(s->planned);
	*nr_planned = rank_groups(s);
	err = sink_write(s->sink, ram_off + at, s->ram, len);
	if (!err && *nr_planned)
		err = sink_write(s->sink, s->planned_off + at, s->planned, len);
	return err;
}

/* The rank of PFN when it lies in window IDX (just built), or on its far edge when that is the last. */
static void note_rank(const struct out_slots *s, uint64_t idx, uint64_t pfn, uint64_t *rank)
{
	if (pfn / OUT_WINDOW_PFNS == idx)
		*rank = s->windows[idx].before + rank_in_window(s, idx, pfn % OUT_WINDOW_PFNS);
}

static int build(struct out_slots *s, uint64_t ram_off)
{
	const struct out_facts *f = s->facts;
	uint64_t first = f->split ? f->split_first_pfn : 0, behind = UINT64_MAX, base = 0, limit = UINT64_MAX;
	size_t at = 0;

	if (f->split && f->split_last_pfn < s->nr_pfn)
		behind = f->split_last_pfn + 1;
	for (uint64_t idx = 0; idx < s->nr_windows; idx++) {
		uint64_t planned = 0;

		if (ram_window(s, idx, &at)) {
			int err = build_window(s, idx, ram_off, &planned);

			if (err)
				return err;
		} else {
			memset(s->rank, 0, NR_GROUPS * sizeof(*s->rank));
			memset(s->planned, 0, WINDOW_BYTES);
		}
		s->windows[idx + 1].before = s->windows[idx].before + planned;
		note_rank(s, idx, first, &base);
		note_rank(s, idx, behind, &limit);
	}
	if (limit > s->windows[s->nr_windows].before)
		limit = s->windows[s->nr_windows].before;
	if (first >= s->nr_pfn || base > limit)
		base = limit;
	s->base = base;
	s->nr_slots = limit - base;
	s->nr_planned = s->windows[s->nr_windows].before;
	return 0;
}

int slots_init(struct out_slots *s, const struct out_facts *facts, struct sink *sink, uint64_t ram_off,
	       uint64_t planned_off)
{
	*s = (struct out_slots){ .facts = facts, .sink = sink, .planned_off = planned_off, .loaded = UINT64_MAX };
	s->nr_pfn = facts->core->max_pfn;
	if (s->nr_pfn > MAX_PFN)
		return fail(-EINVAL, "the core claims RAM at page %#" PRIx64 ", where no machine has any",
			    s->nr_pfn - 1);
	s->nr_windows = (s->nr_pfn + OUT_WINDOW_PFNS - 1) / OUT_WINDOW_PFNS;
	s->windows = calloc(s->nr_windows + 1, sizeof(*s->windows));
	s->ram = malloc(WINDOW_BYTES);
	s->planned = malloc(WINDOW_BYTES);
	s->rank = malloc(NR_GROUPS * sizeof(*s->rank));
	if (!s->windows || !s->ram || !s->planned || !s->rank)
		return fail(-ENOMEM, "out of memory for the plan of the dump");
	return build(s, ram_off);
}

void slots_deinit(struct out_slots *s)
{
	free(s->windows);
	free(s->ram);
	free(s->planned);
	free(s->rank);
	*s = (struct out_slots){ .loaded = UINT64_MAX };
}

/* ---- finding ---- */

static int load(struct out_slots *s, uint64_t idx)
{
	uint64_t len = (window_pfns(s, idx) + 7) / 8;
	int err = 0;

	if (s->loaded == idx)
		return 0;
	s->loaded = UINT64_MAX;
	if (s->windows[idx].before == s->windows[idx + 1].before) {
		memset(s->planned, 0, WINDOW_BYTES);
	} else if (sink_seekable(s->sink)) {
		memset(s->planned, 0, WINDOW_BYTES);
		err = sink_read(s->sink, s->planned_off + idx * WINDOW_BYTES, s->planned, len);
	} else {
		err = ask(s, idx);
	}
	if (err)
		return err;
	if (rank_groups(s) != s->windows[idx + 1].before - s->windows[idx].before ||
	    (s->windows[idx].digest && s->windows[idx].digest != digest(s->planned)))
		return fail(-EIO, "what is to be saved of pages %#" PRIx64 "... has changed since the dump began",
			    idx * OUT_WINDOW_PFNS);
	s->loaded = idx;
	return 0;
}

int slots_find(struct out_slots *s, uint64_t pfn, uint64_t *slot)
{
	uint64_t idx = pfn / OUT_WINDOW_PFNS, bit = pfn % OUT_WINDOW_PFNS, rank;
	int err;

	if (pfn >= s->nr_pfn)
		return fail(-EINVAL, "page %#" PRIx64 " is beyond the machine's last", pfn);
	err = load(s, idx);
	if (err)
		return err;
	rank = s->windows[idx].before + rank_in_window(s, idx, bit);
	if (!(s->planned[bit / 8] >> bit % 8 & 1) || rank < s->base || rank - s->base >= s->nr_slots)
		return fail(-EINVAL, "page %#" PRIx64 " was not planned to be in this dump", pfn);
	*slot = rank - s->base;
	return 0;
}
