/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes that cannot be there by chance: a page of 64-bit numbers made from a seed and the page's index (splitmix64). */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t pattern_word(uint64_t seed, uint64_t number)
{
	uint64_t z = seed + (number + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline void pattern_fill(uint64_t *page, size_t page_size, uint64_t seed, uint64_t index)
{
	size_t words = page_size / sizeof(*page);

	for (size_t i = 0; i < words; i++)
		page[i] = pattern_word(seed, index * words + i);
}

#endif
