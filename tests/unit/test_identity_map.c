/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The purgatory's page tables, walked here by the architecture manuals' rules and not by the builder's. */
#include "kexec/identity_map.h"

#include "kexec/arch/arch.h"
#include "tests/unit/test.h"

#include <errno.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static const struct load_request anywhere = { .mem_max = UINT64_MAX };

/* What a walk of all tables finds: pages with the leaf's bits besides its address as their type, folded to 32 bits. */
struct walk {
	const uint8_t *bytes;
	uint64_t len, root;
	bool be;
	unsigned int shift;        /* of the address in an entry */
	uint64_t address_mask;     /* of an entry */
	bool (*is_table)(uint64_t entry, unsigned int level);
	bool (*is_leaf)(uint64_t entry, unsigned int level);
	struct ranges found[2];    /* by attributes: normal, device */
	uint64_t attributes[2];
	unsigned int nr_attributes;
	unsigned int tables, largest;
};

static void take_leaf(struct walk *w, uint64_t entry, unsigned int level, uint64_t vaddr)
{
	uint64_t size = 4096ull << 9 * level, attributes = entry & ~w->address_mask;
	uint64_t paddr = (entry & w->address_mask) << w->shift;
	unsigned int kind = 0;

	if (w->shift == 0)
		attributes &= ~3ull;               /* a page's differ from a block's */
	while (kind < w->nr_attributes && w->attributes[kind] != attributes)
		kind++;
	CHECK(kind < 2);
	if (kind > 1)
		return;
	if (kind == w->nr_attributes)
		w->attributes[w->nr_attributes++] = attributes;
	CHECK_EQ(paddr, vaddr);
	CHECK_EQ(paddr % size, 0);
	CHECK(!ranges_add(&w->found[kind], vaddr, vaddr + size - 1, 0));
	if (level > w->largest)
		w->largest = level;
}

static void walk_table(struct walk *w, uint64_t table, unsigned int level, uint64_t vaddr)
{
	CHECK(table >= w->root && table - w->root < w->len && !(table % 4096));
	if (table < w->root || table - w->root >= w->len)
		return;
	w->tables++;
	for (unsigned int i = 0; i < 512; i++) {
		uint64_t entry = get_u64(w->bytes + (table - w->root) + 8 * i, w->be);
		uint64_t at = vaddr + ((uint64_t)i << (12 + 9 * level));

		if (!entry)
			continue;
		if (level && w->is_table(entry, level))
			walk_table(w, (entry & w->address_mask) << w->shift, level - 1, at);
		else if (w->is_leaf(entry, level))
			take_leaf(w, entry, level, at);
		else
			CHECK(!"an entry is neither table nor leaf");
	}
}

static bool arm64_table(uint64_t entry, unsigned int level)
{
	return level && (entry & 3) == 3;
}

/* Level 1 and 2 of the manual have blocks, that is 2 and 1 here; of these the loader uses the smaller. */
static bool arm64_leaf(uint64_t entry, unsigned int level)
{
	return level == 0 ? (entry & 3) == 3 : level == 1 && (entry & 3) == 1;
}

static void walk_init(struct walk *w, const void *bytes, uint64_t len, uint64_t root)
{
	*w = (struct walk){ .bytes = bytes, .len = len, .root = root, .address_mask = 0x0000fffffffff000,
			    .is_table = arm64_table, .is_leaf = arm64_leaf };
	ranges_init(&w->found[0]);
	ranges_init(&w->found[1]);
}

static void walk_deinit(struct walk *w)
{
	ranges_deinit(&w->found[0]);
	ranges_deinit(&w->found[1]);
}

static void check_same(const struct ranges *got, const struct ranges *want)
{
	CHECK_EQ(got->nr, want->nr);
	for (size_t i = 0; i < got->nr && i < want->nr; i++) {
		CHECK_EQ(got->r[i].start, want->r[i].start);
		CHECK_EQ(got->r[i].last, want->r[i].last);
	}
}

static void plan_setup(struct plan *plan, const struct arch *arch, const struct range *crash, size_t nr)
{
	plan_init(plan);
	plan->arch = arch;
	plan->req = &anywhere;
	for (size_t i = 0; i < nr; i++)
		CHECK(!ranges_add(&plan->memmap.crash, crash[i].start, crash[i].last, MEM_CRASH));
	plan->window = crash[nr - 1];
	CHECK(!ranges_add(&plan->free, plan->window.start, plan->window.last, 0));
}

/* Which set of what was found is the normal memory? Attributes by the manual: D8.3 of the Arm ARM. */
static const struct ranges *of_kind(const struct walk *w, bool device)
{
	const uint64_t normal = 1ull << 10 | 3ull << 8;                            /* AF, inner shareable, AttrIndx 0 */
	const uint64_t io = 1ull << 10 | 1ull << 2 | 1ull << 53 | 1ull << 54;      /* AF, AttrIndx 1, PXN, UXN */
	static const struct ranges none;

	for (unsigned int i = 0; i < w->nr_attributes; i++)
		if (w->attributes[i] == (device ? io : normal))
			return &w->found[i];
	CHECK(!"the attributes are others");
	return &none;
}

TEST(all_that_is_needed_and_nothing_else)
{
	/* Edges that are pages but no blocks, and a region above 4 GiB, as crashkernel=,high gives. */
	const struct range crash[] = { { 0x50003000, 0x50003000 + 130 * MIB - 1, 0 },
				       { 0x880001000, 0x880001000 + 700 * MIB - 1, 0 } };
	const struct purg_console consoles[] = {
		{ .base = 0x9000000, .type = PURG_CONSOLE_PL011 },
		{ .base = 0x12300000ff0, .type = PURG_CONSOLE_8250_MMIO32, .reg_shift = 2 },   /* crosses a page */
		{ .base = 0x12300001100, .type = PURG_CONSOLE_8250_MMIO },                     /* in the same page */
	};
	struct place place = { .memsz = 0x30000, .last = UINT64_MAX };
	struct ranges want, pages;
	struct segment *seg;
	struct plan plan;
	struct walk w;
	uint64_t paddr;

	plan_setup(&plan, &arch_arm64, crash, 2);
	memcpy(plan.consoles, consoles, sizeof(consoles));
	plan.nr_consoles = 3;
	CHECK_EQ(plan_place(&plan, "initrd", NULL, 0, &place, &paddr), 0);
	CHECK_EQ(identity_map_place(&plan), 0);
	seg = plan_find(&plan, PURG_MAP_REGION);
	CHECK(seg && seg->buf == plan.tables.data && seg->bufsz == plan.tables.len && seg->mem == plan.tables_paddr);
	CHECK_EQ(seg->images, 0);
	CHECK(!seg->no_digest);

	walk_init(&w, plan.tables.data, plan.tables.len, plan.tables_paddr);
	walk_table(&w, plan.tables_paddr, 3, 0);
	CHECK_EQ((uint64_t)w.tables * 4096, w.len);
	CHECK_EQ(w.largest, 1);
	ranges_init(&want);
	CHECK(!ranges_add(&want, crash[0].start, crash[0].last, 0) &&
	      !ranges_add(&want, crash[1].start, crash[1].last, 0));
	check_same(of_kind(&w, false), &want);
	ranges_init(&pages);
	CHECK(!ranges_add(&pages, 0x9000000, 0x9000fff, 0) && !ranges_add(&pages, 0x12300000000, 0x12300001fff, 0));
	check_same(of_kind(&w, true), &pages);
	for (size_t i = 0; i < plan.nr_seg; i++)
		CHECK(ranges_cover(of_kind(&w, false), plan.seg[i].mem, plan.seg[i].mem + plan.seg[i].memsz - 1));
	ranges_deinit(&want);
	ranges_deinit(&pages);
	walk_deinit(&w);
	plan_deinit(&plan);
}

TEST(machines_that_need_or_get_no_tables)
{
	const struct range low = { 0x10000000, 0x1fffffff, 0 }, far = { 1ull << 48, (1ull << 48) + 256 * MIB - 1, 0 };
	struct plan plan;

	plan_setup(&plan, &arch_x86_64, &low, 1);
	CHECK_EQ(identity_map_place(&plan), 0);
	CHECK(!plan.tables.len && !plan.nr_seg);
	plan_deinit(&plan);

	/* Above what the tables translate: without, not wrong. */
	plan_setup(&plan, &arch_arm64, &far, 1);
	CHECK_EQ(identity_map_place(&plan), 0);
	CHECK(!plan.tables.len && !plan.nr_seg);
	CHECK_STR(err_text(), "");
	plan_deinit(&plan);

	/* A console in port space, one without registers, and one that would lie in our own memory. */
	plan_setup(&plan, &arch_arm64, &low, 1);
	plan.consoles[0] = (struct purg_console){ .base = 0x3f8, .type = PURG_CONSOLE_8250_PORT };
	plan.consoles[1] = (struct purg_console){ .base = 0x10000000, .type = PURG_CONSOLE_PL011 };
	plan.consoles[2] = (struct purg_console){ .base = UINT64_MAX - 5, .type = PURG_CONSOLE_PL011 };
	plan.nr_consoles = 3;
	CHECK_EQ(identity_map_place(&plan), 0);
	struct walk w;

	walk_init(&w, plan.tables.data, plan.tables.len, plan.tables_paddr);
	walk_table(&w, plan.tables_paddr, 3, 0);
	CHECK_EQ(w.nr_attributes, 1);
	CHECK_EQ(ranges_bytes(of_kind(&w, false)), 0x10000000);
	walk_deinit(&w);
	plan_deinit(&plan);
}

TEST(no_room_for_tables)
{
	const struct range tiny = { 0x10000000, 0x1000ffff, 0 };
	struct place place = { .memsz = 0x10000, .last = UINT64_MAX };
	struct plan plan;
	uint64_t paddr;

	plan_setup(&plan, &arch_arm64, &tiny, 1);
	CHECK_EQ(plan_place(&plan, "initrd", NULL, 0, &place, &paddr), 0);
	CHECK_FAILS(identity_map_place(&plan), -ENOSPC, "page-tables");
	plan_deinit(&plan);
}

/*
 * RISC-V, Sv39 (privileged architecture 1.12, 4.4): the entry holds page numbers; R, W and X tell a leaf from a
 * table.
 */
static bool riscv_table(uint64_t entry, unsigned int level)
{
	return level && (entry & 0xf) == 1;
}

static bool riscv_leaf(uint64_t entry, unsigned int level)
{
	return level <= 2 && entry & 1 && entry & 0xe;
}

TEST(another_form)
{
	const struct map_form sv39 = { .address_bits = 39, .page_shift = 12, .block_levels = 2, .entry_shift = 2, .table = 1,
				       .page = { 0xcf, 0xc7 }, .block = { 0xcf, 0xc7 } };
	struct ranges ranges;
	struct blob out;
	struct walk w;

	ranges_init(&ranges);
	blob_init(&out);
	CHECK(!ranges_add(&ranges, 0x10000000, 0x10000fff, PURG_MAP_DEVICE));
	CHECK(!ranges_add(&ranges, 0x80200000, 0x80200000 + 3 * GIB - 1, PURG_MAP_NORMAL));
	CHECK_EQ(identity_map_build(&sv39, true, &ranges, 0x80400000, &out), 0);
	walk_init(&w, out.data, out.len, 0x80400000);
	w.be = true;
	w.shift = 2;
	w.address_mask = 0x003ffffffffffc00;
	w.is_table = riscv_table;
	w.is_leaf = riscv_leaf;
	walk_table(&w, 0x80400000, 2, 0);
	CHECK_EQ(w.largest, 2);
	CHECK_EQ(w.nr_attributes, 2);
	CHECK_EQ(ranges_bytes(&w.found[0]), 4096);
	CHECK_EQ(w.attributes[0], 0xc7);
	CHECK_EQ(ranges_bytes(&w.found[1]), 3 * GIB);
	CHECK_EQ(w.found[1].nr, 1);
	CHECK_EQ((uint64_t)w.tables * 4096, out.len);
	walk_deinit(&w);

	CHECK(!ranges_add(&ranges, 1ull << 39, (1ull << 39) + 4095, PURG_MAP_NORMAL));
	CHECK_FAILS(identity_map_build(&sv39, false, &ranges, 0, &out), -ERANGE, "0x8000000fff");
	ranges_deinit(&ranges);
	CHECK(!ranges_add(&ranges, 0x1000, 0x17ff, PURG_MAP_NORMAL));
	CHECK_FAILS(identity_map_build(&sv39, false, &ranges, 0, &out), -EINVAL, "whole pages");
	ranges_deinit(&ranges);
	blob_deinit(&out);
}

TEST(random_regions)
{
	for (unsigned int round = 0; round < 50; round++) {
		struct ranges want;
		struct blob out;
		struct walk w;

		ranges_init(&want);
		blob_init(&out);
		for (unsigned int i = 0; i < 4; i++) {
			uint64_t start = test_random() % (1ull << (32 + test_random() % 15)) & ~0xfffull;
			uint64_t pages = 1 + test_random() % (1 << test_random() % 17);

			CHECK(!ranges_add(&want, start, start + pages * 4096 - 1, PURG_MAP_NORMAL));
		}
		CHECK_EQ(identity_map_build(arch_arm64.identity_map, false, &want, 0x7000, &out), 0);
		walk_init(&w, out.data, out.len, 0x7000);
		walk_table(&w, 0x7000, 3, 0);
		check_same(of_kind(&w, false), &want);
		walk_deinit(&w);
		ranges_deinit(&want);
		blob_deinit(&out);
	}
}
