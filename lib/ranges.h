/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of address ranges with a type each.
 *
 * Invariant: always sorted by start, disjoint, and neighbours of one type merged. START and LAST are both
 * inclusive, so that a range may reach 2^64-1. There is no fixed capacity.
 */
#ifndef LIB_RANGES_H
#define LIB_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t start;
	uint64_t last;     /* inclusive */
	uint32_t type;     /* meaning belongs to the user of the set */
};

struct ranges {
	struct range *r;
	size_t nr;
	size_t cap;
};

void ranges_init(struct ranges *s);
void ranges_deinit(struct ranges *s);

/*
 * Add START..LAST with TYPE. Where it overlaps what is there, the new type wins. Appending in ascending order is
 * constant time. -EINVAL when LAST < START, -ENOMEM.
 */
int ranges_add(struct ranges *s, uint64_t start, uint64_t last, uint32_t type);

/* Like ranges_add, but what is there already keeps its type: only gaps are filled. */
int ranges_fill(struct ranges *s, uint64_t start, uint64_t last, uint32_t type);

/* Take START..LAST out of the set, splitting what reaches over its edges. -EINVAL, -ENOMEM. */
int ranges_remove(struct ranges *s, uint64_t start, uint64_t last);

/* Take every range of B, of whatever type, out of A. Linear in A + B. -ENOMEM (A untouched). */
int ranges_subtract(struct ranges *a, const struct ranges *b);

/* OUT (initialised by the caller, emptied first) = parts of A that lie in B; types are A's. -ENOMEM. */
int ranges_intersect(struct ranges *out, const struct ranges *a, const struct ranges *b);

/* Keep only what lies in START..LAST. */
int ranges_clip(struct ranges *s, uint64_t start, uint64_t last);

/* DST (emptied first) = SRC. -ENOMEM. */
int ranges_copy(struct ranges *dst, const struct ranges *src);

/* Shrink every range inward to multiples of ALIGN (a power of two); what becomes empty goes. */
int ranges_align_inward(struct ranges *s, uint64_t align);

/* The range that holds ADDR, or NULL. Logarithmic. */
const struct range *ranges_find(const struct ranges *s, uint64_t addr);

/* Does the set hold every address of START..LAST (in one or several adjoining ranges)? */
bool ranges_cover(const struct ranges *s, uint64_t start, uint64_t last);

/* Sum of the lengths in bytes; saturates at UINT64_MAX. */
uint64_t ranges_bytes(const struct ranges *s);

/*
 * Find SIZE bytes (> 0) inside one range of S, starting at a multiple of ALIGN (a power of two), all between MIN
 * and LAST inclusive: the highest such place when TOP_DOWN, otherwise the lowest. -ENOSPC (not recorded: the
 * caller knows for what) when there is none; *ADDR is untouched then.
 */
int ranges_find_hole(const struct ranges *s, uint64_t size, uint64_t align, uint64_t min, uint64_t last, bool top_down,
		     uint64_t *addr);

/* Bytes in R, for a range that is not all of 2^64. */
static inline uint64_t range_len(const struct range *r)
{
	return r->last - r->start + 1;
}

#endif
