// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/x86.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* 0: the capture kernel does not hear of it. */
static uint32_t e820_type(uint32_t type)
{
	switch (type) {
	case MEM_RESERVED: return E820_RESERVED;
	case MEM_ACPI: return E820_ACPI;
	case MEM_ACPI_NVS: return E820_NVS;
	case MEM_UNUSABLE: return E820_UNUSABLE;
	case MEM_PMEM: return E820_PMEM;
	case MEM_PRAM: return E820_PRAM;
	case MEM_SOFT_RESERVED: return E820_SOFT_RESERVED;
	default: return 0;
	}
}

static int add_firmware(const struct memmap *m, struct ranges *map)
{
	int err = 0;

	for (size_t i = 0; i < m->firmware.nr && !err; i++) {
		const struct range *r = &m->firmware.r[i];

		if (e820_type(r->type))
			err = ranges_add(map, r->start, r->last, e820_type(r->type));
	}
	return err;
}

/*
 * The backup is one span and may hold holes; only the RAM in it becomes RAM. What the firmware says about the
 * rest stands.
 */
static int add_low_ram(const struct plan *plan, struct ranges *map)
{
	const struct core_backup *b = &plan->backup;
	const struct ranges *ram = &plan->memmap.ram;
	int err = 0;

	for (size_t i = 0; i < ram->nr && b->len && !err; i++) {
		uint64_t start = ram->r[i].start, last = ram->r[i].last;

		if (start < b->from)
			start = b->from;
		if (last > b->from + (b->len - 1))
			last = b->from + (b->len - 1);
		if (start <= last)
			err = ranges_fill(map, start, last, E820_RAM);
	}
	return err;
}

static int add_reserved(struct ranges *map, uint64_t start, uint64_t len)
{
	return len ? ranges_add(map, start, start + (len - 1), E820_RESERVED) : 0;
}

int x86_e820_build(const struct plan *plan, struct ranges *out)
{
	const struct ranges *crash = &plan->memmap.crash;
	struct ranges map;
	int err;

	ranges_init(&map);
	err = add_firmware(&plan->memmap, &map);
	if (!err)
		err = add_low_ram(plan, &map);
	/* The kernel took its crash regions from RAM: they are, whatever the firmware's map says. */
	for (size_t i = 0; i < crash->nr && !err; i++)
		err = ranges_add(&map, crash->r[i].start, crash->r[i].last, E820_RAM);
	/*
	 * Both are read through /proc/vmcore, by ioremap, which refuses RAM. Listed as reserved rather than
	 * left out, so that no device gets these addresses and KASLR does not put the kernel there.
	 */
	if (!err)
		err = add_reserved(&map, plan->elfcorehdr_paddr, plan->elfcorehdr_memsz);
	if (!err)
		err = add_reserved(&map, plan->backup.to, plan->backup.len);
	if (err) {
		ranges_deinit(&map);
		return err;
	}
	ranges_deinit(out);
	*out = map;
	return 0;
}

/*
 * The decompressor sees only the entries in the zero page, and a kernel whose own table is full (128 entries
 * and three for each NUMA node it was built for, include/asm/e820/types.h) ignores the last ones: so RAM never
 * waits behind the rest.
 */
int x86_e820_put(const struct ranges *map, uint8_t *zero_page, struct blob *ext)
{
	size_t nr_ram = 0, nr_zero = 0, others;
	uint8_t entry[E820_ENTRY_BYTES];
	int err = 0;

	for (size_t i = 0; i < map->nr; i++)
		nr_ram += map->r[i].type == E820_RAM;
	others = nr_ram < E820_ZERO_PAGE_ENTRIES ? E820_ZERO_PAGE_ENTRIES - nr_ram : 0;

	blob_deinit(ext);
	for (size_t i = 0; i < map->nr && !err; i++) {
		const struct range *r = &map->r[i];
		bool in_zero = nr_zero < E820_ZERO_PAGE_ENTRIES && (r->type == E820_RAM || others);

		if (!range_len(r))
			return fail(-EINVAL, "the memory map has one range of all 64 bits of addresses, type %" PRIu32,
				    r->type);
		put_u64(entry, r->start, false);
		put_u64(entry + 8, range_len(r), false);
		put_u32(entry + 16, r->type, false);
		if (!in_zero) {
			err = blob_append(ext, entry, sizeof(entry));
			continue;
		}
		others -= r->type != E820_RAM;
		memcpy(zero_page + BP_E820_TABLE + nr_zero * sizeof(entry), entry, sizeof(entry));
		nr_zero++;
	}
	if (!err)
		zero_page[BP_E820_ENTRIES] = nr_zero;
	return err;
}
