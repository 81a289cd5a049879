// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/kinfo.h"

#include "make_kernel.h"
#include "test.h"

#include <errno.h>

static char warned[4096];

static void keep_warning(void *ctx, const char *text)
{
	(void)ctx;
	strncat(warned, text, sizeof(warned) - strlen(warned) - 2);
	strcat(warned, "\n");
}

static int read_vi(const char *vmcoreinfo, struct kinfo *k)
{
	struct kernel kernel;
	int err;

	warned[0] = 0;
	err_set_warn_sink(keep_warning, NULL);
	kernel_init_vi(&kernel, &kernel_eras[0], 2, vmcoreinfo);
	err = kinfo_read(k, &kernel.vt);
	kernel_deinit(&kernel);
	err_set_warn_sink(NULL, NULL);
	return err;
}

/* VMCOREINFO without the line KEY=..., from malloc. */
static char *without(const char *vmcoreinfo, const char *key)
{
	char *copy = strdup(vmcoreinfo), *at = strstr(copy, key), *next;

	if (!at || !(next = strchr(at, '\n')))
		abort();
	memmove(at, next + 1, strlen(next + 1) + 1);
	return copy;
}

static const struct kernel_era *era(const char *name)
{
	for (size_t i = 0; i < NR_KERNEL_ERAS; i++)
		if (!strcmp(kernel_eras[i].name, name))
			return &kernel_eras[i];
	abort();
}

TEST(every_era_is_understood)
{
	for (size_t i = 0; i < NR_KERNEL_ERAS; i++) {
		const struct kernel_era *e = &kernel_eras[i];
		struct kinfo k;

		CHECK_EQ(read_vi(e->vmcoreinfo, &k), 0);
		CHECK_STR(warned, "");
		CHECK_EQ(k.page_size_bytes, 64);
		CHECK_EQ(k.pg_lru.value, e->lru);
		CHECK_EQ(k.pg_head.value, e->head);
		CHECK_EQ(k.pg_reserved.value, e->reserved);
		CHECK_EQ(k.max_buddy_order, 10);
		CHECK_EQ(k.compound_info, e->mask);
		CHECK_EQ(k.section_size_bits, 27);
		CHECK(k.type_buddy.present && k.type_offline.present && k.type_table.present);
		CHECK_EQ(k.type_slab.present, !e->slab_flag);
		CHECK_EQ(k.pg_slab.present, e->slab_flag != 0);
		CHECK_EQ(k.type_unaccepted.present, e->unaccepted != 0);
		CHECK_STR(k.release, "test");
	}
}

TEST(types_are_told_by_their_values)
{
	struct kinfo k;

	read_vi(era("6.1")->vmcoreinfo, &k);
	CHECK_EQ(k.scheme, PAGE_TYPE_BITS_CLEARED);
	CHECK_EQ(k.type_table.value, 0xfffffdff);
	CHECK_EQ(k.hugetlb_scheme, HUGETLB_DTOR);
	CHECK_EQ(k.order_scheme, PAGE_ORDER_BYTE);
	CHECK_EQ(k.order.off, 64 + 17);
	read_vi(era("6.4")->vmcoreinfo, &k);
	CHECK_EQ(k.hugetlb_scheme, HUGETLB_DTOR);
	CHECK_EQ(k.order.off, 81);
	CHECK_EQ(k.dtor.off, 80);
	read_vi(era("6.6")->vmcoreinfo, &k);
	CHECK_EQ(k.hugetlb_scheme, HUGETLB_FLAG);
	CHECK_EQ(k.order_scheme, PAGE_ORDER_FLAGS);
	read_vi(era("6.11")->vmcoreinfo, &k);
	CHECK_EQ(k.scheme, PAGE_TYPE_BITS_CLEARED);
	CHECK_EQ(k.type_table.value, 0xefffffff);
	CHECK_EQ(k.hugetlb_scheme, HUGETLB_TYPE);
	read_vi(era("6.12")->vmcoreinfo, &k);
	CHECK_EQ(k.scheme, PAGE_TYPE_TOP_BYTE);
	CHECK_EQ(k.type_buddy.value, 0xf0000000);
	CHECK_EQ(k.type_table.value, 0xf2000000);
	CHECK_EQ(k.vmemmap_vaddr, KERNEL_VMEMMAP);
}

TEST(what_is_missing_costs_only_its_class)
{
	static const struct { const char *key, *says; } cases[] = {
		{ "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "free pages" },
		{ "OFFSET(page.private)", "free pages" },
		{ "NUMBER(PG_lru)", "page cache" },
		{ "OFFSET(page.mapping)", "user pages" },
		{ "NUMBER(PG_slab)", "user pages" },
		{ "NUMBER(PG_head_mask)", "compound pages" },
		{ "OFFSET(page.compound_head)", "compound pages" },
		{ "NUMBER(PG_hwpoison)", "" },
		{ "NUMBER(HUGETLB_PAGE_DTOR)", "" },
		{ "LENGTH(zone.free_area)", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *vi = without(era("6.1")->vmcoreinfo, cases[i].key);
		struct kinfo k;

		CHECK_EQ(read_vi(vi, &k), 0);
		CHECK(strstr(warned, cases[i].says));
		CHECK(*cases[i].says || !*warned);
		free(vi);
	}
}

TEST(without_these_nothing_can_be_told)
{
	static const struct { const char *key, *says; } cases[] = {
		{ "SIZE(page)", "size of struct page" },
		{ "OFFSET(page.flags)", "layout of struct page" },
		{ "SYMBOL(mem_section)", "mem_section" },
		{ "LENGTH(mem_section)", "mem_section" },
		{ "SIZE(mem_section)", "struct mem_section" },
		{ "OFFSET(mem_section.section_mem_map)", "struct mem_section" },
		{ "NUMBER(SECTION_SIZE_BITS)", "mem_section" },
		{ "NUMBER(MAX_PHYSMEM_BITS)", "mem_section" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *vi = without(era("6.1")->vmcoreinfo, cases[i].key);
		struct kinfo k = { .page_size_bytes = 7 };

		CHECK_FAILS(read_vi(vi, &k), -ENODATA, cases[i].says);
		CHECK_EQ(k.page_size_bytes, 7);
		free(vi);
	}
}

/* In front of the era's own line: the first counts. */
static int read_with(const char *line, struct kinfo *k)
{
	char *vi;
	int err;

	if (asprintf(&vi, "%s\n%s", line, era("6.1")->vmcoreinfo) < 0)
		abort();
	err = read_vi(vi, k);
	free(vi);
	return err;
}

TEST(values_that_cannot_be_are_not_believed)
{
	struct kinfo k;

	CHECK_FAILS(read_with("SIZE(page)=0", &k), -ENODATA, "size of struct page");
	CHECK_FAILS(read_with("SIZE(page)=65", &k), -ENODATA, "size of struct page");
	CHECK_FAILS(read_with("SIZE(page)=1000000", &k), -ENODATA, "size of struct page");
	CHECK_FAILS(read_with("OFFSET(page.flags)=60", &k), -ENODATA, "cannot be");
	CHECK_FAILS(read_with("NUMBER(SECTION_SIZE_BITS)=64", &k), -ENODATA, "cannot be");
	CHECK_FAILS(read_with("NUMBER(SECTION_SIZE_BITS)=-1", &k), -ENODATA, "cannot be");
	CHECK_FAILS(read_with("NUMBER(MAX_PHYSMEM_BITS)=200", &k), -ENODATA, "cannot be");
	CHECK_FAILS(read_with("SIZE(mem_section)=4", &k), -ENODATA, "cannot be");
	CHECK_FAILS(read_with("LENGTH(mem_section)=0", &k), -ENODATA, "cannot be");
	CHECK_EQ(read_with("OFFSET(page.mapping)=4000", &k), 0);
	CHECK(!k.mapping.present);
	CHECK_EQ(read_with("OFFSET(page._mapcount)=60", &k), 0);
	CHECK(k.mapcount.present);
	CHECK_EQ(read_with("OFFSET(page._mapcount)=61", &k), 0);
	CHECK(!k.mapcount.present);
	CHECK_EQ(read_with("NUMBER(PG_lru)=64", &k), 0);
	CHECK(!k.pg_lru.present);
	CHECK_EQ(read_with("NUMBER(PG_hwpoison)=-3", &k), 0);
	CHECK(!k.pg_hwpoison.present);
	CHECK_EQ(read_with("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=77", &k), 0);
	CHECK_EQ(k.scheme, PAGE_TYPE_NONE);
	CHECK_EQ(read_with("LENGTH(zone.free_area)=1000", &k), 0);
	CHECK_EQ(k.max_buddy_order, 10);
}
