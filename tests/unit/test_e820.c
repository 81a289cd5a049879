// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/x86.h"

#include "kexec/arch/arch.h"
#include "tests/unit/test.h"

#include <errno.h>

/* A BIOS machine with 4 GiB and one crash region of 256 MiB, as QEMU shows it. */
static void setup(struct plan *plan)
{
	static const struct range firmware[] = {
		{ 0, 0x9fbff, MEM_RAM },
		{ 0x9fc00, 0x9ffff, MEM_RESERVED },
		{ 0xf0000, 0xfffff, MEM_RESERVED },
		{ 0x100000, 0xbffdffff, MEM_RAM },
		{ 0xbffe0000, 0xbfffefff, MEM_ACPI },
		{ 0xbffff000, 0xbfffffff, MEM_ACPI_NVS },
		{ 0xfeffc000, 0xfeffffff, MEM_RESERVED },
		{ 0x100000000, 0x13fffffff, MEM_RAM },
		{ 0x140000000, 0x17fffffff, MEM_PMEM },
	};
	static const struct range ram[] = {
		{ 0x1000, 0x9fbff, MEM_RAM }, { 0x100000, 0xbffdffff, MEM_RAM }, { 0x100000000, 0x13fffffff, MEM_RAM },
	};

	plan_init(plan);
	plan->arch = &arch_x86_64;
	for (size_t i = 0; i < sizeof(firmware) / sizeof(firmware[0]); i++)
		CHECK_EQ(ranges_add(&plan->memmap.firmware, firmware[i].start, firmware[i].last, firmware[i].type), 0);
	for (size_t i = 0; i < sizeof(ram) / sizeof(ram[0]); i++)
		CHECK_EQ(ranges_add(&plan->memmap.ram, ram[i].start, ram[i].last, ram[i].type), 0);
	CHECK_EQ(ranges_add(&plan->memmap.crash, 0xa0000000, 0xafffffff, MEM_CRASH), 0);
	plan->backup = (struct core_backup){ .from = 0x1000, .len = 0x9f000, .to = 0xafe00000 };
	plan->elfcorehdr_paddr = 0xafd00000;
	plan->elfcorehdr_memsz = 0x2000;
}

static void check_map(const struct ranges *map, const struct range *want, size_t nr)
{
	CHECK_EQ(map->nr, nr);
	for (size_t i = 0; i < nr && i < map->nr; i++) {
		CHECK_EQ(map->r[i].start, want[i].start);
		CHECK_EQ(map->r[i].last, want[i].last);
		CHECK_EQ(map->r[i].type, want[i].type);
	}
}

TEST(crash_map_of_a_bios_machine)
{
	static const struct range want[] = {
		{ 0x1000, 0x9fbff, E820_RAM },
		{ 0x9fc00, 0x9ffff, E820_RESERVED },
		{ 0xf0000, 0xfffff, E820_RESERVED },
		{ 0xa0000000, 0xafcfffff, E820_RAM },
		{ 0xafd00000, 0xafd01fff, E820_RESERVED },
		{ 0xafd02000, 0xafdfffff, E820_RAM },
		{ 0xafe00000, 0xafe9efff, E820_RESERVED },
		{ 0xafe9f000, 0xafffffff, E820_RAM },
		{ 0xbffe0000, 0xbfffefff, E820_ACPI },
		{ 0xbffff000, 0xbfffffff, E820_NVS },
		{ 0xfeffc000, 0xfeffffff, E820_RESERVED },
		{ 0x140000000, 0x17fffffff, E820_PMEM },
	};
	struct ranges map;
	struct plan plan;

	setup(&plan);
	ranges_init(&map);
	ranges_add(&map, 1, 2, 3); /* what was in it goes */
	CHECK_EQ(x86_e820_build(&plan, &map), 0);
	check_map(&map, want, sizeof(want) / sizeof(want[0]));
	ranges_deinit(&map);
	plan_deinit(&plan);
}

TEST(two_crash_regions_and_no_backup)
{
	static const struct range want[] = {
		{ 0x10000000, 0x1fffffff, E820_RAM },
		{ 0x100000000, 0x10fffffff, E820_RAM },
		{ 0x110000000, 0x110000fff, E820_RESERVED },
		{ 0x110001000, 0x13fffffff, E820_RAM },
	};
	struct ranges map;
	struct plan plan;

	setup(&plan);
	ranges_deinit(&plan.memmap.firmware);
	ranges_deinit(&plan.memmap.crash);
	ranges_add(&plan.memmap.crash, 0x10000000, 0x1fffffff, MEM_CRASH);
	ranges_add(&plan.memmap.crash, 0x100000000, 0x13fffffff, MEM_CRASH);
	plan.backup.len = 0;
	plan.elfcorehdr_paddr = 0x110000000;
	plan.elfcorehdr_memsz = 0x1000;
	ranges_init(&map);
	CHECK_EQ(x86_e820_build(&plan, &map), 0);
	check_map(&map, want, sizeof(want) / sizeof(want[0]));
	ranges_deinit(&map);
	plan_deinit(&plan);
}

TEST(every_type)
{
	static const uint32_t want[NR_MEM_TYPES] = {
		[MEM_RESERVED] = 2, [MEM_ACPI] = 3, [MEM_ACPI_NVS] = 4, [MEM_UNUSABLE] = 5,
		[MEM_PMEM] = 7, [MEM_PRAM] = 12, [MEM_SOFT_RESERVED] = 0xefffffff,
	};
	for (uint32_t type = 0; type < NR_MEM_TYPES; type++) {
		struct ranges map;
		struct plan plan;

		plan_init(&plan);
		ranges_init(&map);
		ranges_add(&plan.memmap.firmware, 0x1000, 0x1fff, type);
		CHECK_EQ(x86_e820_build(&plan, &map), 0);
		CHECK_EQ(map.nr, want[type] ? 1 : 0);
		if (map.nr)
			CHECK_EQ(map.r[0].type, want[type]);
		ranges_deinit(&map);
		plan_deinit(&plan);
	}
}

/* The backup is one span from its first byte to its last: what is not RAM in it was only copied along. */
TEST(holes_in_the_backup)
{
	struct ranges map;
	struct plan plan;

	plan_init(&plan);
	ranges_init(&map);
	ranges_add(&plan.memmap.ram, 0x0, 0x7fff, MEM_RAM);
	ranges_add(&plan.memmap.ram, 0x9000, 0x9fbff, MEM_RAM);
	ranges_add(&plan.memmap.ram, 0x100000, 0xffffff, MEM_RAM);
	plan.backup = (struct core_backup){ .from = 0x1000, .len = 0x9f000, .to = 0x800000 };
	CHECK_EQ(x86_e820_build(&plan, &map), 0);
	check_map(&map, (const struct range[]){ { 0x1000, 0x7fff, E820_RAM }, { 0x9000, 0x9fbff, E820_RAM },
						{ 0x800000, 0x89efff, E820_RESERVED } }, 3);
	/* What the firmware calls something else stays that, though the kernel listed it as RAM. */
	ranges_add(&plan.memmap.firmware, 0x9e000, 0x9fbff, MEM_ACPI_NVS);
	CHECK_EQ(x86_e820_build(&plan, &map), 0);
	check_map(&map, (const struct range[]){ { 0x1000, 0x7fff, E820_RAM }, { 0x9000, 0x9dfff, E820_RAM },
						{ 0x9e000, 0x9fbff, E820_NVS },
						{ 0x800000, 0x89efff, E820_RESERVED } }, 4);
	ranges_deinit(&map);
	plan_deinit(&plan);
}

static void read_entry(const uint8_t *at, struct range *r)
{
	uint64_t size = get_u64(at + 8, false);

	CHECK(size != 0);
	r->start = get_u64(at, false);
	r->last = r->start + (size - 1);
	r->type = get_u32(at + 16, false);
}

/*
 * NR reserved ranges, every RAM_EVERY-th one RAM instead, in reverse order into the set; both tables must give
 * them back.
 */
static void check_put(size_t nr, size_t ram_every)
{
	static uint8_t zero_page[X86_ZERO_PAGE_BYTES];
	struct ranges map, got;
	struct blob ext;
	size_t in_zero, nr_ram = 0, ram_in_zero = 0;

	ranges_init(&map);
	ranges_init(&got);
	blob_init(&ext);
	memset(zero_page, 0, sizeof(zero_page));
	for (size_t i = nr; i-- > 0;) {
		bool ram = ram_every && i % ram_every == ram_every - 1;

		nr_ram += ram;
		CHECK_EQ(ranges_add(&map, i << 20, (i << 20) + 0x7ffff, ram ? E820_RAM : E820_RESERVED), 0);
	}
	CHECK_EQ(x86_e820_put(&map, zero_page, &ext), 0);
	in_zero = zero_page[BP_E820_ENTRIES];
	CHECK_EQ(in_zero, nr < 128 ? nr : 128);
	CHECK_EQ(ext.len, (nr - in_zero) * E820_ENTRY_BYTES);
	for (size_t i = 0; i < nr; i++) {
		struct range r, before;
		bool first = i == 0 || i == in_zero;
		const uint8_t *at = i < in_zero ? zero_page + BP_E820_TABLE + i * E820_ENTRY_BYTES
						: ext.data + (i - in_zero) * E820_ENTRY_BYTES;

		read_entry(at, &r);
		if (!first) {
			read_entry(at - E820_ENTRY_BYTES, &before);
			CHECK(before.last < r.start);
		}
		ram_in_zero += i < in_zero && r.type == E820_RAM;
		CHECK_EQ(ranges_add(&got, r.start, r.last, r.type), 0);
	}
	CHECK_EQ(ram_in_zero, nr_ram < 128 ? nr_ram : 128);
	check_map(&got, map.r, map.nr);
	/* the table stops where EDD data starts */
	for (size_t i = BP_E820_TABLE + 128 * E820_ENTRY_BYTES; i < X86_ZERO_PAGE_BYTES; i++)
		CHECK_EQ(zero_page[i], 0);
	blob_deinit(&ext);
	ranges_deinit(&map);
	ranges_deinit(&got);
}

TEST(zero_page_table_and_extension)
{
	static const size_t counts[] = { 0, 1, 2, 127, 128, 129, 130, 500, 20000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		check_put(counts[i], 0);
		check_put(counts[i], 1);
		check_put(counts[i], 2);
		check_put(counts[i], 100);
	}
}

TEST(a_range_of_everything)
{
	static uint8_t zero_page[X86_ZERO_PAGE_BYTES];
	struct ranges map;
	struct blob ext;

	ranges_init(&map);
	blob_init(&ext);
	ranges_add(&map, 0, UINT64_MAX, E820_RESERVED);
	CHECK_FAILS(x86_e820_put(&map, zero_page, &ext), -EINVAL, "all 64 bits");
	ranges_deinit(&map);
	ranges_add(&map, 1, UINT64_MAX, E820_RESERVED);
	CHECK_EQ(x86_e820_put(&map, zero_page, &ext), 0);
	CHECK_EQ(get_u64(zero_page + BP_E820_TABLE + 8, false), UINT64_MAX);
	ranges_deinit(&map);
	blob_deinit(&ext);
}

/*
 * Whatever the firmware says: RAM of the map lies in RAM we own, headers and backup are reserved, non-RAM keeps
 * its type.
 */
TEST(random_maps)
{
	for (unsigned int round = 0; round < 300; round++) {
		struct ranges map;
		struct plan plan;

		plan_init(&plan);
		ranges_init(&map);
		for (unsigned int i = test_random() % 200; i; i--) {
			uint64_t start = test_random() % (1ull << 36) & ~0xfffull;
			uint64_t len = (1 + test_random() % 5000) << 12;

			ranges_add(&plan.memmap.firmware, start, start + len - 1, test_random() % MEM_CRASH);
		}
		uint64_t crash = test_random() % (1ull << 36) & ~0xfffffull, crash_len = 0x10000000;

		ranges_add(&plan.memmap.ram, 0, 0x9efff, MEM_RAM);
		ranges_add(&plan.memmap.crash, crash, crash + crash_len - 1, MEM_CRASH);
		plan.elfcorehdr_paddr = crash + (test_random() % 0x100 << 20);
		plan.elfcorehdr_memsz = (1 + test_random() % 16) << 12;
		plan.backup = (struct core_backup){ .from = 0, .len = 0xa0000, .to = crash + crash_len - 0xa0000 };
		CHECK_EQ(x86_e820_build(&plan, &map), 0);
		for (size_t i = 0; i < map.nr; i++) {
			const struct range *r = &map.r[i];
			bool low = r->last <= 0x9efff, high = r->start >= crash && r->last < crash + crash_len;

			if (i)
				CHECK(map.r[i - 1].last < r->start);
			if (i && map.r[i - 1].last + 1 == r->start)
				CHECK(map.r[i - 1].type != r->type);
			if (r->type == E820_RAM)
				CHECK(low || high);
		}
		CHECK_EQ(ranges_find(&map, plan.elfcorehdr_paddr)->type, E820_RESERVED);
		CHECK_EQ(ranges_find(&map, plan.backup.to)->type, E820_RESERVED);
		for (size_t i = 0; i < plan.memmap.firmware.nr; i++) {
			const struct range *r = &plan.memmap.firmware.r[i];

			if (r->type == MEM_ACPI && (r->start < crash || r->start >= crash + crash_len))
				CHECK(ranges_find(&map, r->start) && ranges_find(&map, r->start)->type == E820_ACPI);
		}
		ranges_deinit(&map);
		plan_deinit(&plan);
	}
}
