// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/kcore.h"

#include "tests/unit/kcore_maker.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#define INFO "OSRELEASE=6.1.0\nPAGESIZE=4096\nNUMBER(phys_base)=-41943040\n"

static const struct kcore_load x86_loads[] = {
	{ 0xffffffff9ca00000, 0x1a200000, 0x2920000 },          /* the image */
	{ 0xffffa6b340000000, UINT64_MAX, 0x1fffffffffff },     /* vmalloc */
	{ 0xffff95c680001000, 0x1000, 0x9e000 },
	{ 0xffff95c680100000, 0x100000, 0x7fedc000 },
};

static const struct kcore_maker x86 = {
	.width = 8, .machine = EM_X86_64, .vmcoreinfo = INFO, .loads = x86_loads, .nr_loads = 4,
};

static void write_kcore(const struct tree *t, const struct kcore_maker *maker, uint64_t len)
{
	struct blob bytes;

	blob_init(&bytes);
	kcore_make(maker, &bytes);
	tree_bytes(t, "proc/kcore", bytes.data, len < bytes.len ? len : bytes.len);
	blob_deinit(&bytes);
}

static bool has_info(const struct kcore *k, const char *text)
{
	return k->vmcoreinfo.len == strlen(text) && !memcmp(k->vmcoreinfo.base, text, strlen(text));
}

TEST(both_widths_and_orders)
{
	for (unsigned int i = 0; i < 4; i++) {
		static const struct kcore_load low[] = { { 0xc0000000, 0, 0x30000000 },
							 { 0xf0000000, UINT32_MAX, 0x1000 } };
		struct kcore_maker maker = x86;
		struct tree t = tree_new();
		struct kcore k;

		maker.width = i & 1 ? 4 : 8;
		maker.big_endian = i & 2;
		if (maker.width == 4) {
			maker.loads = low;
			maker.nr_loads = 2;
		}
		kcore_init(&k);
		write_kcore(&t, &maker, UINT64_MAX);
		CHECK_EQ(kcore_read(&k, &t.root), 0);
		CHECK_EQ(k.nr_loads, maker.nr_loads);
		for (size_t j = 0; j < k.nr_loads; j++) {
			CHECK_EQ(k.loads[j].vaddr, maker.loads[j].vaddr);
			CHECK_EQ(k.loads[j].paddr, maker.loads[j].paddr);
			CHECK_EQ(k.loads[j].memsz, maker.loads[j].size);
		}
		CHECK(has_info(&k, INFO));
		kcore_deinit(&k);
		tree_free(&t);
	}
}

/* More headers than any fixed buffer holds, and notes far behind them. */
TEST(sixty_thousand_loads)
{
	struct kcore_load *loads = calloc(60000, sizeof(*loads));
	struct kcore_maker maker = x86;
	struct tree t = tree_new();
	struct ranges ram;
	uint64_t offset;
	struct kcore k;

	ranges_init(&ram);
	for (uint64_t i = 0; i < 60000; i++) {
		loads[i] = (struct kcore_load){ 0xffff888000000000 + (i << 28), i << 28, 1 << 27 };
		ranges_add(&ram, i << 28, (i << 28) + (1 << 27) - 1, 0);
	}
	maker.loads = loads;
	maker.nr_loads = 60000;
	kcore_init(&k);
	write_kcore(&t, &maker, UINT64_MAX);
	CHECK_EQ(kcore_read(&k, &t.root), 0);
	CHECK_EQ(k.nr_loads, 60000);
	CHECK_EQ(k.loads[59999].paddr, 59999ull << 28);
	CHECK(has_info(&k, INFO));
	CHECK(kcore_direct_map(&k, &ram, &offset));
	CHECK_EQ(offset, 0xffff888000000000);
	kcore_deinit(&k);
	ranges_deinit(&ram);
	free(loads);
	tree_free(&t);
}

/* What lies behind the notes is not read: it may be missing, or gigabytes. */
TEST(truncated)
{
	struct tree t = tree_new();
	struct blob whole;

	blob_init(&whole);
	kcore_make(&x86, &whole);
	for (uint64_t len = 0; len < whole.len; len++) {
		struct kcore k;

		kcore_init(&k);
		write_kcore(&t, &x86, len);
		CHECK_FAILS(kcore_read(&k, &t.root), -EINVAL, "kcore");
		kcore_deinit(&k);
	}
	blob_deinit(&whole);
	tree_free(&t);
}

TEST(memory_contents_behind)
{
	struct tree t = tree_new();
	struct blob bytes;
	struct kcore k;

	blob_init(&bytes);
	kcore_make(&x86, &bytes);
	blob_zero(&bytes, 1 << 20);
	tree_bytes(&t, "proc/kcore", bytes.data, bytes.len);
	kcore_init(&k);
	CHECK_EQ(kcore_read(&k, &t.root), 0);
	CHECK(has_info(&k, INFO));
	CHECK(k.bytes.len <= 4096);
	kcore_deinit(&k);
	blob_deinit(&bytes);
	tree_free(&t);
}

TEST(no_vmcoreinfo_note)
{
	struct kcore_maker maker = x86;
	struct tree t = tree_new();
	struct kcore k;

	maker.vmcoreinfo = NULL;
	kcore_init(&k);
	write_kcore(&t, &maker, UINT64_MAX);
	CHECK_EQ(kcore_read(&k, &t.root), 0);
	CHECK_EQ(k.vmcoreinfo.len, 0);
	CHECK_EQ(k.nr_loads, 4);
	kcore_deinit(&k);
	tree_free(&t);
}

TEST(missing_and_no_elf)
{
	struct tree t = tree_new();
	struct kcore k;

	kcore_init(&k);
	CHECK_FAILS(kcore_read(&k, &t.root), -ENOENT, "proc/kcore");
	tree_text(&t, "proc/kcore", "%080d", 0);
	CHECK_FAILS(kcore_read(&k, &t.root), -EINVAL, "ELF header");
	kcore_deinit(&k);
	tree_free(&t);
}

/* One field each: a table or notes far away, an executable, classes and orders that do not exist. */
TEST(nonsense_fields)
{
	static const struct {
		unsigned int off, bytes;
		uint64_t value;
	} cases[] = {
		{ 4, 1, 0 }, { 4, 1, 3 }, { 5, 1, 0 }, { 5, 1, 3 }, { 16, 2, ET_EXEC },
		{ 32, 8, UINT64_MAX - 63 }, { 32, 8, 1u << 30 },
		{ 54, 2, 31 }, { 54, 2, 0 }, { 64 + 8, 8, UINT64_MAX }, { 64 + 8, 8, 1ull << 40 },
		{ 64 + 32, 8, UINT64_MAX },
		{ 64 + 32, 8, 1u << 28 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree t = tree_new();
		struct blob bytes;
		struct kcore k;

		blob_init(&bytes);
		kcore_make(&x86, &bytes);
		for (unsigned int j = 0; j < cases[i].bytes; j++)
			bytes.data[cases[i].off + j] = cases[i].value >> (8 * j);
		tree_bytes(&t, "proc/kcore", bytes.data, bytes.len);
		kcore_init(&k);
		err_clear();
		CHECK_EQ(kcore_read(&k, &t.root), -EINVAL);
		CHECK(err_text()[0]);
		kcore_deinit(&k);
		blob_deinit(&bytes);
		tree_free(&t);
	}
}

/* The direct map of these loads in RAM 0x1000-0x9fbff, 0x100000-0x7ffdbfff and 4 GiB to 8 GiB. */
static bool direct_map(const struct kcore_load *loads, size_t nr, uint64_t *offset)
{
	struct elf_phdr ph[8] = { 0 };
	struct kcore k = { .loads = ph, .nr_loads = nr };
	struct ranges ram;
	bool known;

	for (size_t i = 0; i < nr; i++)
		ph[i] = (struct elf_phdr){ .type = PT_LOAD, .vaddr = loads[i].vaddr, .paddr = loads[i].paddr,
					   .memsz = loads[i].size };
	ranges_init(&ram);
	ranges_add(&ram, 0, 0xfff, 0);
	ranges_add(&ram, 0x1000, 0x9fbff, 1);
	ranges_add(&ram, 0x100000, 0x7ffdbfff, 0);
	ranges_add(&ram, 0x100000000, 0x1ffffffff, 0);
	known = kcore_direct_map(&k, &ram, offset);
	ranges_deinit(&ram);
	return known;
}

#define DIRECT_MAP(offset, ...) ({                                    \
	const struct kcore_load loads_[] = { __VA_ARGS__ };           \
	direct_map(loads_, sizeof(loads_) / sizeof(loads_[0]), offset); \
})

TEST(direct_map_of_x86)
{
	uint64_t offset = 0;

	CHECK(direct_map(x86_loads, 4, &offset));
	CHECK_EQ(offset, 0xffff95c680000000);
}

/* arm64: RAM does not start at 0 and the offset is below 2^64 by wrapping. */
TEST(direct_map_that_wraps)
{
	uint64_t offset = 0;

	CHECK(DIRECT_MAP(&offset, { 0xffff000000000000, 0x100000000, 0x100000000 },
			 { 0xffffc2b7d9c00000, UINT64_MAX, 0x8000000 }));
	CHECK_EQ(offset, 0xfffeffff00000000);
}

TEST(direct_map_unknown)
{
	uint64_t offset = 7;

	CHECK(!DIRECT_MAP(&offset, { 0, 0, 0 }));
	/* Before Linux 4.11: no physical addresses. */
	CHECK(!DIRECT_MAP(&offset, { 0xffff888000001000, 0, 0x1000 }, { 0xffff888000100000, 0, 0x1000 }));
	/* Outside RAM, or reaching out of it. */
	CHECK(!DIRECT_MAP(&offset, { 0xffff888080000000, 0x80000000, 0x1000 }));
	CHECK(!DIRECT_MAP(&offset, { 0xffff888000100000, 0x100000, 0x80000000 }));
	CHECK(!DIRECT_MAP(&offset, { 0xffff888000100000, 0x100000, UINT64_MAX }));
	/* Neither more than half. */
	CHECK(!DIRECT_MAP(&offset, { 0xffff888000100000, 0x100000, 0x1000 }, { 0xffff999000101000, 0x101000, 0x1000 }));
	CHECK(!DIRECT_MAP(&offset, { 0xffff888000100000, 0x100000, 0x1000 }, { 0xffff999000101000, 0x101000, 0x1000 },
			  { 0xffffaaa000102000, 0x102000, 0x1000 }));
	/* Not by whole pages. */
	CHECK(!DIRECT_MAP(&offset, { 0xffff888000100010, 0x100000, 0x1000 }));
	CHECK_EQ(offset, 7);
}

/* RAM may start at 0, as on a Raspberry Pi: one load there is believed. */
TEST(direct_map_at_zero)
{
	uint64_t offset = 7;

	CHECK(DIRECT_MAP(&offset, { 0xffff000000000000, 0, 0x1000 }));
	CHECK_EQ(offset, 0xffff000000000000);
}

TEST(direct_map_majority)
{
	uint64_t offset = 7;

	CHECK(DIRECT_MAP(&offset, { 0xffffffff81000000, 0x1000000, 0x2000000 }, { 0xffff888000001000, 0x1000, 0x9e000 },
			 { 0xffffffff83000000, 0x4000000, 0x1000000 }, { 0xffff888000100000, 0x100000, 0x7fedc000 }));
	CHECK_EQ(offset, 0xffff888000000000);
}
