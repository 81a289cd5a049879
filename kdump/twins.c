// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/twins.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct twin_entry {
	uint32_t digest;           /* what the place in the table does not tell */
	uint32_t number;           /* of the page among those with a mark, modulo 2^32 */
	uint64_t pfn;              /* one more; 0: unused */
};

_Static_assert(sizeof(struct twin_entry) == TWINS_BYTES, "what callers reckon with");

int twins_init(struct twins *t, struct vmcore *core, uint32_t nr)
{
	*t = (struct twins){ .core = core, .nr = nr };
	t->entries = calloc(nr, sizeof(*t->entries));
	t->page = malloc(vmcore_page_bytes(core));
	if (t->entries && t->page)
		return 0;
	twins_deinit(t);
	return -ENOMEM;
}

void twins_deinit(struct twins *t)
{
	free(t->entries);
	free(t->page);
	*t = (struct twins){ 0 };
}

static uint64_t stir(uint64_t sum, const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	sum = (sum ^ le64toh(word)) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 32; /* a product's low bits know nothing of its factors' high ones */
}

/* Four sums side by side, because each waits for its own multiplications only. The same on every machine. */
static uint64_t digest(const uint8_t *page, size_t len)
{
	uint64_t a = 1, b = 2, c = 3, d = 4;

	for (const uint8_t *at = page; at < page + len; at += 32) {
		a = stir(a, at);
		b = stir(b, at + 8);
		c = stir(c, at + 16);
		d = stir(d, at + 24);
	}
	a ^= b << 13 | b >> 51;
	c ^= d << 17 | d >> 47;
	a = (a ^ (c << 31 | c >> 33)) * 0x9e3779b97f4a7c15ull;
	return a ^ a >> 32;
}

static bool is_same(struct twins *t, uint64_t pfn, const uint8_t *page, size_t bytes)
{
	if (!vmcore_read_run(t->core, pfn, 1, t->page) &&
	    vmcore_read(t->core, pfn << t->core->page_shift, t->page, bytes))
		return false;
	return !memcmp(t->page, page, bytes);
}

bool twins_find(struct twins *t, uint64_t pfn, const uint8_t *page, uint32_t *mark)
{
	size_t bytes = vmcore_page_bytes(t->core);
	uint64_t d = digest(page, bytes);
	struct twin_entry *e = &t->entries[d & (t->nr - 1)];
	uint32_t number = t->count;

	/* An entry whose mark has another page by now is of no use. */
	if (e->pfn && e->digest == d >> 32 && number - e->number <= t->nr &&
	    is_same(t, e->pfn - 1, page, bytes)) {
		*mark = (e->number & (t->nr - 1)) + 1;
		return true;
	}
	*e = (struct twin_entry){ d >> 32, number, pfn + 1 };
	*mark = (number & (t->nr - 1)) + 1;
	t->count++;
	return false;
}
