// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/source_claims.h"

#include "kdump/source.h"
#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A dump that leaves pages out claims more memory than it holds; more than so many times the file is no claim of a
 * writer, as long as it is not small. And no machine has its memory so many times further up than all the rest of it.
 */
#define CLAIM_FACTOR 4096u
#define CLAIM_MIN (64ull << 30)
#define OUTLIER_FACTOR 16u
#define OUTLIER_PADDR (1ull << 40)

int claims_add(struct claims *s, const struct claim *claim)
{
	if (s->nr == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct claim *c = reallocarray(s->c, cap, sizeof(*c));

		if (!c)
			return fail(-ENOMEM, "out of memory for %zu program headers", cap);
		s->c = c;
		s->cap = cap;
	}
	s->c[s->nr++] = *claim;
	return 0;
}

/*
 * Memory that is claimed is looked at page by page, and each has its bit in a dump: a damaged size must not cost
 * that.
 */
uint64_t claims_clip(struct claims *s, uint64_t file_len)
{
	uint64_t most = file_len < SOURCE_PADDR_LAST / CLAIM_FACTOR ? file_len * CLAIM_FACTOR : SOURCE_PADDR_LAST,
		 nr = 0;

	if (most < CLAIM_MIN)
		most = CLAIM_MIN;
	for (size_t i = s->nr; i--;) {
		struct claim *c = &s->c[i];
		uint64_t have = c->load.off < file_len ? file_len - c->load.off : 0;

		if (have > c->load.len)
			have = c->load.len;
		if (c->memsz - have <= most) {
			most -= c->memsz - have;
			continue;
		}
		nr++;
		c->load.len = c->memsz = have;
		if (!have)
			*c = s->c[--s->nr];
	}
	return nr;
}

static uint64_t claim_offset(const struct claim *c)
{
	return c->load.vaddr - c->load.paddr;
}

/* The kernel sees all RAM by one offset: what most of the claims say. False: no two agree. */
static bool common_offset(const struct claims *s, uint64_t *offset)
{
	size_t most = 1;

	for (size_t i = 0; i < s->nr; i++) {
		size_t agree = 0;

		/* With many claims one of the first will do. */
		if (i == 64)
			break;
		for (size_t k = 0; k < s->nr; k++)
			agree += claim_offset(&s->c[k]) == claim_offset(&s->c[i]);
		if (agree <= most)
			continue;
		most = agree;
		*offset = claim_offset(&s->c[i]);
	}
	return most > 1;
}

/*
 * A damaged physical address far beyond all others would make a dump that no reader has the memory for. The virtual
 * address still tells the right one, but for the kernel's image, which lies among the RAM anyway.
 */
uint64_t claims_mend(struct claims *s)
{
	uint64_t offset, highest = 0, nr = 0;

	if (!common_offset(s, &offset))
		return 0;
	for (size_t i = 0; i < s->nr; i++)
		if (claim_offset(&s->c[i]) == offset && claim_last(&s->c[i]) > highest)
			highest = claim_last(&s->c[i]);
	for (size_t i = s->nr; i--;) {
		struct claim *c = &s->c[i];
		uint64_t paddr = c->load.vaddr - offset;

		if (claim_offset(c) == offset || c->load.paddr < OUTLIER_PADDR ||
		    c->load.paddr / OUTLIER_FACTOR <= highest)
			continue;
		nr++;
		if (c->load.vaddr != UINT64_MAX && c->load.vaddr && paddr / OUTLIER_FACTOR <= highest)
			c->load.paddr = paddr;
		else
			*c = s->c[--s->nr];
	}
	return nr;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->load.paddr != y->load.paddr)
		return x->load.paddr < y->load.paddr ? -1 : 1;
	if (x->memsz != y->memsz)
		return x->memsz > y->memsz ? -1 : 1;
	/* Kernels map their image above all else. */
	if (x->load.vaddr != y->load.vaddr)
		return x->load.vaddr < y->load.vaddr ? -1 : 1;
	return (x->load.off > y->load.off) - (x->load.off < y->load.off);
}

/*
 * The kernel's image is said twice: among the RAM, and by a load with the virtual address it runs
 * at. Which is which? RAM is mapped all by the same offset, which the largest load tells; where
 * that does not decide, the larger is RAM.
 */
static bool is_alias_of(const struct claim *a, const struct claim *ram, uint64_t ram_offset)
{
	bool a_is_ram = a->load.vaddr - a->load.paddr == ram_offset;
	bool ram_is_ram = ram->load.vaddr - ram->load.paddr == ram_offset;

	return a_is_ram == ram_is_ram ? a->memsz <= ram->memsz : ram_is_ram;
}

int claims_split_aliases(struct claims *s, struct claims *aliases)
{
	uint64_t largest = 0, ram_offset = 0;
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < s->nr; i++) {
		if (s->c[i].memsz <= largest)
			continue;
		largest = s->c[i].memsz;
		ram_offset = s->c[i].load.vaddr - s->c[i].load.paddr;
	}
	if (s->nr)
		qsort(s->c, s->nr, sizeof(*s->c), compare_claims);
	for (size_t i = 0; !err && i < s->nr; i++) {
		struct claim *last = kept ? &s->c[kept - 1] : NULL;

		if (!last || claim_last(last) < s->c[i].load.paddr) {
			s->c[kept++] = s->c[i];
		} else if (is_alias_of(&s->c[i], last, ram_offset)) {
			err = claims_add(aliases, &s->c[i]);
		} else {
			err = claims_add(aliases, last);
			*last = s->c[i];
		}
	}
	s->nr = kept;
	if (aliases->nr)
		qsort(aliases->c, aliases->nr, sizeof(*aliases->c), compare_claims);
	return err;
}
