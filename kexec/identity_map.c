// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/identity_map.h"

#include "kexec/arch/arch.h"
#include "kexec/purgatory.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>

#define ENTRY_BYTES 8
#define ENTRY_SHIFT 3

struct builder {
	const struct map_form *form;
	const struct ranges *ranges;
	bool big_endian;
	uint64_t root;
	struct blob *out;
};

static unsigned int index_bits(const struct map_form *form)
{
	return form->page_shift - ENTRY_SHIFT;
}

/* Shift of what one entry maps, LEVEL tables above a page. */
static unsigned int span_shift(const struct map_form *form, unsigned int level)
{
	return form->page_shift + level * index_bits(form);
}

static unsigned int top_level(const struct map_form *form)
{
	unsigned int level = 0;

	while (span_shift(form, level) + index_bits(form) < form->address_bits)
		level++;
	return level;
}

/* The first range that has something of START..LAST. */
static const struct range *overlapping(const struct ranges *ranges, uint64_t start, uint64_t last)
{
	for (size_t i = 0; i < ranges->nr; i++)
		if (ranges->r[i].start <= last && ranges->r[i].last >= start)
			return &ranges->r[i];
	return NULL;
}

static int add_table(struct builder *b, size_t *off)
{
	*off = b->out->len;
	return blob_zero(b->out, 1ull << b->form->page_shift);
}

/* Fill the table at OFF, whose first entry maps START. At most five levels deep, as many as address_bits need. */
static int fill(struct builder *b, unsigned int level, size_t off, uint64_t start)
{
	const struct map_form *form = b->form;
	const uint64_t span = 1ull << span_shift(form, level);

	for (unsigned int i = 0; i < 1u << index_bits(form); i++, start += span) {
		const struct range *r = overlapping(b->ranges, start, start + (span - 1));
		uint64_t entry;
		int err;

		if (!r)
			continue;
		if (level <= form->block_levels && r->start <= start && r->last >= start + (span - 1)) {
			entry = start >> form->entry_shift | (level ? form->block : form->page)[r->type];
		} else {
			size_t next = 0;

			err = add_table(b, &next);
			if (!err)
				err = fill(b, level - 1, next, start);
			if (err)
				return err;
			entry = (b->root + next) >> form->entry_shift | form->table;
		}
		put_u64(b->out->data + off + i * ENTRY_BYTES, entry, b->big_endian);
	}
	return 0;
}

int identity_map_build(const struct map_form *form, bool big_endian, const struct ranges *ranges, uint64_t root,
		       struct blob *out)
{
	struct builder b = { form, ranges, big_endian, root, out };
	const uint64_t page = 1ull << form->page_shift, top = (1ull << form->address_bits) - 1;
	size_t off = 0;
	int err;

	for (size_t i = 0; i < ranges->nr; i++) {
		const struct range *r = &ranges->r[i];

		if (r->last > top)
			return fail(-ERANGE, "page tables of %u bits do not reach %#" PRIx64, form->address_bits,
				    r->last);
		if (r->start & (page - 1) || ~r->last & (page - 1) || r->type > PURG_MAP_DEVICE)
			return fail(-EINVAL, "%#" PRIx64 "-%#" PRIx64 " cannot be mapped: it is not whole pages",
				    r->start, r->last);
	}
	blob_deinit(out);
	err = add_table(&b, &off);
	return err ? err : fill(&b, top_level(form), off, 0);
}

/*
 * Pages in which one range lies, or (INSIDE) that lie in it. The consoles' come first and stay: a page is never both.
 */
static int add_pages(const struct map_form *form, struct ranges *map, uint64_t start, uint64_t last, uint32_t type)
{
	const uint64_t mask = (1ull << form->page_shift) - 1;

	if (type == PURG_MAP_DEVICE)
		return ranges_add(map, start & ~mask, last | mask, type);
	if (start > UINT64_MAX - mask)
		return 0;
	start = (start + mask) & ~mask;
	if (last != UINT64_MAX)
		last = ((last + 1) & ~mask) - 1;
	return start <= last && last != UINT64_MAX ? ranges_fill(map, start, last, type) : 0;
}

static int wanted(const struct plan *plan, struct ranges *map)
{
	const struct map_form *form = plan->arch->identity_map;
	const struct ranges *crash = &plan->memmap.crash;
	int err = 0;

	for (uint32_t i = 0; i < plan->nr_consoles && !err; i++) {
		const struct purg_console *con = &plan->consoles[i];
		uint64_t bytes = purgatory_console_bytes(con);

		/* Registers in memory that is ours to use would be a mistake of whoever told of them. */
		if (!bytes || bytes - 1 > UINT64_MAX - con->base || ranges_find(crash, con->base) ||
		    ranges_find(crash, con->base + (bytes - 1)))
			continue;
		err = add_pages(form, map, con->base, con->base + (bytes - 1), PURG_MAP_DEVICE);
	}
	for (size_t i = 0; i < crash->nr && !err; i++)
		err = add_pages(form, map, crash->r[i].start, crash->r[i].last, PURG_MAP_NORMAL);
	return err;
}

static int place_tables(struct plan *plan, const struct ranges *map)
{
	const struct map_form *form = plan->arch->identity_map;
	struct place place = { .last = UINT64_MAX, .top_down = true };
	int err = identity_map_build(form, plan->arch->big_endian, map, 0, &plan->tables);

	/* The tables are the same wherever they stand but for their own addresses: their size is known now. */
	if (!err) {
		place.memsz = plan->tables.len;
		place.last = (1ull << form->address_bits) - 1;
		err = plan_place(plan, PURG_MAP_REGION, plan->tables.data, plan->tables.len, &place,
				 &plan->tables_paddr);
	}
	if (!err)
		err = identity_map_build(form, plan->arch->big_endian, map, plan->tables_paddr, &plan->tables);
	if (!err)
		plan_find(plan, PURG_MAP_REGION)->buf = plan->tables.data;
	return err;
}

int identity_map_place(struct plan *plan)
{
	struct ranges map;
	int err;

	if (!plan->arch->identity_map)
		return 0;
	ranges_init(&map);
	err = wanted(plan, &map);
	if (!err)
		err = place_tables(plan, &map);
	ranges_deinit(&map);
	if (err == -ERANGE) {
		debug("the purgatory runs without caches: %s", err_text());
		err_clear();
		blob_deinit(&plan->tables);
		err = 0;
	}
	return err;
}
