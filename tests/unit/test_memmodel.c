// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/memmodel.h"

#include "make_kernel.h"
#include "test.h"

#include <errno.h>

struct model {
	struct kernel kernel;
	struct kinfo k;
	struct memmodel m;
};

static char warned[1024];

static void keep_warning(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(warned, sizeof(warned), "%s", text);
}

static void model_make(struct model *t, const struct kernel_era *era, unsigned int nr_sections)
{
	kernel_init(&t->kernel, era, nr_sections);
	warned[0] = 0;
	err_set_warn_sink(keep_warning, NULL);
	CHECK_EQ(kinfo_read(&t->k, &t->kernel.vt), 0);
}

static void model_drop(struct model *t)
{
	memmodel_deinit(&t->m);
	kernel_deinit(&t->kernel);
	err_set_warn_sink(NULL, NULL);
}

static void section(struct model *t, unsigned int nr, uint64_t map)
{
	memcore_u64(&t->kernel.mem, KERNEL_SECTIONS_PADDR + nr * 32, map);
}

TEST(sections_lead_to_struct_pages)
{
	uint8_t page[128];
	struct model t;

	model_make(&t, &kernel_eras[0], 4);
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	CHECK_EQ(t.m.nr_sections, 4);
	CHECK_EQ(t.m.nr_bad, 0);
	CHECK_EQ(memmodel_vaddr(&t.m, 0), KERNEL_VMEMMAP);
	CHECK_EQ(memmodel_vaddr(&t.m, 0x8001), KERNEL_VMEMMAP + 0x8001 * 64);
	CHECK_EQ(memmodel_vaddr(&t.m, 4 << 15), 0);
	CHECK(memmodel_section(&t.m, 0x1ffff) == &t.m.sections[3]);
	CHECK(!memmodel_section(&t.m, 0x20000));
	kernel_pages(&t.kernel, "0x8000: lru private=1234567\n0x8001: plain\n");
	CHECK_EQ(memmodel_read(&t.m, 0x8000, 2, page), 0);
	CHECK_EQ(get_u64(page + 40, false), 0x1234567);
	/* Not written: not there. Over the section's edge. No RAM. */
	CHECK_EQ(memmodel_read(&t.m, 0x9000, 1, page), -ENODATA);
	CHECK_EQ(memmodel_read(&t.m, 0x7fff, 2, page), -ENODATA);
	CHECK_EQ(memmodel_read(&t.m, 0x20000, 1, page), -ENODATA);
	model_drop(&t);
}

/* Since 6.12 VMCOREINFO says where the struct pages are; before, the sections vote. */
TEST(a_damaged_section_is_repaired_by_the_others)
{
	static const uint64_t damage[] = {
		0, KERNEL_VMEMMAP, KERNEL_VMEMMAP | 1, (KERNEL_VMEMMAP ^ (1ull << 45)) | 3, 0x12345003,
		(KERNEL_VMEMMAP + 0x40000000) | 3, ~0ull,
	};

	for (size_t e = 0; e < NR_KERNEL_ERAS; e++)
		for (size_t i = 0; i < sizeof(damage) / sizeof(*damage); i++) {
			struct model t;

			model_make(&t, &kernel_eras[e], 4);
			section(&t, 2, damage[i]);
			CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
			CHECK_EQ(t.m.nr_bad, 1);
			CHECK_EQ(t.m.nr_repaired, 1);
			CHECK_EQ(memmodel_vaddr(&t.m, 0x10000), KERNEL_VMEMMAP + 0x10000 * 64);
			CHECK(strstr(warned, "1 of 4 memory sections"));
			model_drop(&t);
		}
}

/* Without a common place each section stands for itself. */
TEST(a_damaged_section_alone_costs_its_pages)
{
	struct model t;

	model_make(&t, &kernel_eras[0], 3);
	section(&t, 0, KERNEL_VMEMMAP | 3);
	section(&t, 1, (KERNEL_VMEMMAP + 0x10000000) | 3);
	section(&t, 2, 0xff3);
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	CHECK_EQ(t.m.nr_bad, 1);
	CHECK_EQ(t.m.nr_repaired, 0);
	CHECK_EQ(memmodel_vaddr(&t.m, 1), KERNEL_VMEMMAP + 64);
	CHECK_EQ(memmodel_vaddr(&t.m, 0x8000), KERNEL_VMEMMAP + 0x10000000 + 0x8000 * 64);
	CHECK_EQ(memmodel_vaddr(&t.m, 0x10000), 0);
	model_drop(&t);
}

TEST(all_damaged_is_told)
{
	struct model t;

	model_make(&t, &kernel_eras[0], 2);
	section(&t, 0, 0);
	section(&t, 1, 0);
	CHECK_FAILS(memmodel_init(&t.m, &t.kernel.vt, &t.k), -ENODATA, "no section");
	CHECK_EQ(t.m.nr_sections, 0);
	model_drop(&t);
	/* The root is unreadable: nothing is there. */
	model_make(&t, &kernel_eras[0], 2);
	memcore_u64(&t.kernel.mem, KERNEL_ROOTS_PADDR, 0x1234);
	CHECK_FAILS(memmodel_init(&t.m, &t.kernel.vt, &t.k), -ENODATA, "no section");
	model_drop(&t);
	/* But a kernel that tells where the struct pages are needs no sections. */
	model_make(&t, &kernel_eras[NR_KERNEL_ERAS - 1], 2);
	memcore_u64(&t.kernel.mem, KERNEL_ROOTS_PADDR, 0x1234);
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	CHECK_EQ(t.m.nr_repaired, 2);
	model_drop(&t);
}

/* 4.14 to 4.16 exported the address of the pointer. */
TEST(a_pointer_to_the_roots_is_followed)
{
	struct model t;

	model_make(&t, &kernel_eras[0], 2);
	memcore_u64(&t.kernel.mem, 0x3000, KERNEL_DIRECT + KERNEL_ROOTS_PADDR);
	t.k.mem_section_vaddr = KERNEL_DIRECT + 0x3000;
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	CHECK_EQ(t.m.nr_bad, 0);
	CHECK_EQ(memmodel_vaddr(&t.m, 0x8000), KERNEL_VMEMMAP + 0x8000 * 64);
	model_drop(&t);
}

TEST(without_extreme_the_array_is_flat)
{
	struct model t;

	model_make(&t, &kernel_eras[0], 2);
	t.k.mem_section_vaddr = KERNEL_DIRECT + KERNEL_SECTIONS_PADDR;
	t.k.mem_section_length = 1u << (46 - 27);
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	CHECK_EQ(t.m.nr_bad, 0);
	CHECK_EQ(memmodel_vaddr(&t.m, 0x8000), KERNEL_VMEMMAP + 0x8000 * 64);
	model_drop(&t);
}

TEST(stretches_of_ram_in_one_section_are_one)
{
	struct model t;

	model_make(&t, &kernel_eras[0], 2);
	ranges_remove(&t.kernel.mem.core.ram, 0xa0000, 0xfffff);
	ranges_remove(&t.kernel.mem.core.ram, 0x7000000, 0x9ffffff);
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	CHECK_EQ(t.m.nr_sections, 2);
	CHECK_EQ(t.m.sections[0].first_pfn, 0);
	CHECK_EQ(t.m.sections[0].nr_pfn, 0x7000);
	CHECK_EQ(t.m.sections[1].first_pfn, 0xa000);
	CHECK_EQ(memmodel_vaddr(&t.m, 0xa001), KERNEL_VMEMMAP + 0xa001 * 64);
	CHECK_EQ(memmodel_vaddr(&t.m, 0x7000), 0);
	model_drop(&t);
}

TEST(struct_pages_are_found_in_memory)
{
	struct ranges pfns;
	struct model t;

	model_make(&t, &kernel_eras[0], 2);
	CHECK_EQ(memmodel_init(&t.m, &t.kernel.vt, &t.k), 0);
	ranges_init(&pfns);
	CHECK_EQ(memmodel_own_pfns(&t.m, &pfns, 5), 0);
	CHECK_EQ(pfns.nr, 1);
	CHECK_EQ(pfns.r[0].start, KERNEL_VMEMMAP_PADDR >> 12);
	CHECK_EQ(range_len(&pfns.r[0]), 2 * 32768 * 64 / 4096);
	CHECK_EQ(pfns.r[0].type, 5);
	ranges_deinit(&pfns);
	model_drop(&t);
}

/* A header that claims more RAM than there can be must neither hang nor exhaust memory. */
TEST(absurd_ram_is_refused)
{
	struct model t;

	model_make(&t, &kernel_eras[0], 2);
	CHECK_EQ(ranges_add(&t.kernel.mem.core.ram, 0, (1ull << 60) - 1, 0), 0);
	CHECK_FAILS(memmodel_init(&t.m, &t.kernel.vt, &t.k), -ENODATA, "more memory than there can be");
	model_drop(&t);
}
