/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where paging and caches come off, a digest takes minutes. The loader's page tables end that, once they are verified:
 * damaged ones, or some that lack what is about to be touched, are told of and not used. Slow is better than lost.
 */
#include "purgatory/purgatory.h"

static bool on;

/* The index of the region with the tables; nr_regions: there is none. */
static uint32_t find_tables(const struct purg_params *p)
{
	static const char name[] = PURG_MAP_REGION;
	uint32_t idx;

	for (idx = 0; idx < p->nr_regions; idx++) {
		size_t i = 0;

		while (i < sizeof(name) && p->regions[idx].name[i] == name[i])
			i++;
		if (i == sizeof(name))
			break;
	}
	return idx;
}

static bool mapped(const struct purg_params *p, uint64_t start, uint64_t len)
{
	return !len || (len <= UINT64_MAX - start && arch_mapped(p->map_root_paddr, p->map_bits, start, len));
}

/* Everything but the consoles: one of those that faults is not used again. */
static bool maps_everything(const struct purg_params *p)
{
	bool all = mapped(p, (uintptr_t)p, p->self_memsz);

	for (uint32_t i = 0; all && i < p->nr_regions; i++)
		all = mapped(p, p->regions[i].start, p->regions[i].memsz);
	for (uint32_t i = 0; all && i < p->nr_copies; i++)
		all = mapped(p, p->copies[i].from, p->copies[i].len) && mapped(p, p->copies[i].to, p->copies[i].len);
	return all;
}

static const char *try_on(const struct self *self)
{
	const struct purg_params *p = self->params;
	uint32_t tables = find_tables(p);

	if (tables == p->nr_regions)
		return "there is no segment " PURG_MAP_REGION;
	if (p->self_memsz < self->image_len || p->map_root_paddr < p->regions[tables].start ||
	    p->map_root_paddr - p->regions[tables].start >= p->regions[tables].len)
		return "the root of the page tables is not in their segment";
	if (!verify_region(p, tables))
		return "the page tables are damaged";
	if (!maps_everything(p))
		return "the page tables lack memory that is needed";
	/*
	 * What a stray write left in a cache is damage that the capture kernel would meet as soon as it turns caches
	 * on. In memory it is seen with and without.
	 */
	for (uint32_t i = 0; i < p->nr_regions; i++)
		arch_flush(p->regions[i].start, p->regions[i].memsz);
	on = arch_map_on(p->map_root_paddr, p->map_bits, (uintptr_t)p, p->self_memsz);
	return on ? NULL : "this CPU cannot use the page tables";
}

void map_on(const struct self *self)
{
	const char *why;

	if (!self->params->map_root_paddr)
		return;
	why = try_on(self);
	if (!why)
		return;
	print("purgatory: caches stay off, this takes longer: ");
	print(why);
	print("\n");
}

void map_off(const struct self *self)
{
	const struct purg_params *p = self->params;

	if (!on)
		return;
	for (uint32_t i = 0; i < p->nr_copies; i++)
		arch_flush(p->copies[i].to, p->copies[i].len);
	for (uint32_t i = 0; i < p->nr_images; i++)
		arch_flush(p->images[i].verdict_paddr, p->images[i].verdict_len);
	arch_map_off((uintptr_t)p, p->self_memsz);
	on = false;
}
