/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/vtop.h"
#include "tests/unit/memcore.h"
#include "tests/unit/test.h"

#define X86_INFO                                                \
	"NUMBER(phys_base)=16777216\n"                          \
	"SYMBOL(init_top_pgt)=ffffffff80002000\n"               \
	"NUMBER(KERNEL_IMAGE_SIZE)=1073741824\n"                \
	"KERNELOFFSET=1000000\n"

/* Image at 16 MiB; the table at 0x1002000 maps from 0xffffc90000000000 on (index 402 of 511, then 0). */
#define X86_4_LEVELS                                            \
	"1002c90: 1003067\n"                                    \
	"1003000: 1004067 c00000e3 1004066\n"                   \
	"1004000: 1005067 2000e3\n"                             \
	"1005000: 8000000000007163 0 9163\n"

static void start(struct memcore *m, struct vtop *vt, uint16_t machine, const char *info, const char *memory)
{
	memcore_init(m, machine, info);
	memcore_text(m, memory);
	CHECK_EQ(vtop_init(vt, &m->core, &m->vi), 0);
}

static void check_maps(struct vtop *vt, uint64_t vaddr, uint64_t want, uint64_t want_len)
{
	uint64_t paddr = 0, len = 0;

	CHECK_EQ(vtop(vt, vaddr, &paddr, &len), 0);
	CHECK_EQ(paddr, want);
	CHECK_EQ(len, want_len);
}

static void check_not(struct vtop *vt, uint64_t vaddr)
{
	uint64_t paddr = 0x77, len = 0x78;

	CHECK_EQ(vtop(vt, vaddr, &paddr, &len), -ENODATA);
	CHECK_EQ(paddr, 0x77);
	CHECK_EQ(len, 0x78);
}

TEST(x86_64_four_levels)
{
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, EM_X86_64, X86_INFO, X86_4_LEVELS);
	CHECK_EQ(vt.kernel_offset, 0x1000000);
	CHECK_EQ(vt.phys_base, 0x1000000);
	CHECK_STR(vt.arch->name, "x86_64");
	/* The image, to its last byte. */
	check_maps(&vt, 0xffffffff80000000, 0x1000000, 1 << 30);
	check_maps(&vt, 0xffffffffbfffffff, 0x40ffffff, 1);
	check_not(&vt, 0xffffffffc0000000);
	/* 4 KiB with the no-execute bit, 2 MiB, 1 GiB. */
	check_maps(&vt, 0xffffc90000000000, 0x7000, 0x1000);
	check_maps(&vt, 0xffffc90000000ffe, 0x7ffe, 2);
	check_not(&vt, 0xffffc90000001000);
	check_maps(&vt, 0xffffc90000002004, 0x9004, 0xffc);
	check_maps(&vt, 0xffffc90000212345, 0x212345, 0x200000 - 0x12345);
	check_maps(&vt, 0xffffc90040000001, 0xc0000001, 0x3fffffff);
	/* Not present, no such entry, a table that the dump lacks, another half, no address at all. */
	check_not(&vt, 0xffffc90080000000);
	check_not(&vt, 0xffffc90100000000);
	check_not(&vt, 0x0000490000000000);
	check_not(&vt, 0xff00c90000000000);
	check_not(&vt, 0);
	memcore_deinit(&m);
}

TEST(x86_64_large_page_ignores_pat_bit_and_refuses_giants)
{
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, EM_X86_64, X86_INFO, X86_4_LEVELS "1004010: 6010e3\n1002c98: e3\n");
	check_maps(&vt, 0xffffc90000400010, 0x600010, 0x1ffff0);
	check_not(&vt, 0xffffc98000000000);
	memcore_deinit(&m);
}

TEST(x86_64_five_levels)
{
	struct memcore m;
	struct vtop vt;

	/* 0xffa0000000000000: index 416 of the top level, then 0. */
	start(&m, &vt, EM_X86_64, X86_INFO "NUMBER(pgtable_l5_enabled)=1\n",
	      "1002d00: 1003067\n1003000: 1004067 e3\n1004000: 1005067\n1005000: 1006067 4000e3\n1006000: 12345163\n");
	CHECK_EQ(vt.form.levels, 5);
	check_maps(&vt, 0xffa0000000000000, 0x12345000, 0x1000);
	check_maps(&vt, 0xffa0000000200abc, 0x400abc, 0x1ff544);
	/* A 512 GiB page does not exist. */
	check_not(&vt, 0xffa0008000000000);
	check_not(&vt, 0x01a0000000000000);
	memcore_deinit(&m);
}

TEST(x86_64_encryption_bit_is_no_address)
{
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, EM_X86_64, X86_INFO "NUMBER(sme_mask)=140737488355328\n",
	      "1002c90: 800001003067\n1003000: 800001004067\n1004000: 800001005067 8000002000e3\n1005000: 8000800000007163\n");
	check_maps(&vt, 0xffffc90000000010, 0x7010, 0xff0);
	check_maps(&vt, 0xffffc90000200000, 0x200000, 0x200000);
	memcore_deinit(&m);
}

TEST(x86_64_direct_map_from_the_loads)
{
	struct memcore m;
	struct vtop vt;

	memcore_init(&m, EM_X86_64, X86_INFO);
	memcore_load(&m, 0x1000, 0x9f000, 0xff11000000001000);
	memcore_load(&m, 0x100000, 0x7ff00000, 0xff11000000100000);
	/* One that is wrong, and some that say nothing. */
	memcore_load(&m, 0x100000000, 0x10000000, 0xffff888100000000);
	memcore_load(&m, 0x110000000, 0x100000000, UINT64_MAX);
	memcore_load(&m, 0x210000000, 0x100000000, 0x210000000);
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	check_maps(&vt, 0xff11000000001000, 0x1000, 0x30ffff000);
	check_maps(&vt, 0xff1100010fffffff, 0x10fffffff, 0x200000001);
	check_not(&vt, 0xff11000000000fff);
	check_not(&vt, 0xff11000310000000);
	memcore_deinit(&m);
}

TEST(x86_64_phys_base_from_elsewhere)
{
	struct memcore m;
	struct vtop vt;

	memcore_init(&m, EM_X86_64, "");
	m.core.has_phys_base = true;
	m.core.phys_base = -0x200000ull;
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	check_maps(&vt, 0xffffffff81000000, 0xe00000, (512 << 20) - 0x1000000);
	m.core.has_phys_base = false;
	m.core.aliases = malloc(sizeof(*m.core.aliases));
	m.core.aliases[0] = (struct vmcore_load){ .paddr = 0x11a00000, .len = 0x3400000, .vaddr = 0xffffffff8ee00000 };
	m.core.nr_aliases = 1;
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	CHECK_EQ(vt.phys_base, 0x2c00000);
	check_maps(&vt, 0xffffffff8ee00010, 0x11a00010, (512 << 20) - 0xee00010);
	memcore_deinit(&m);
}

TEST(nothing_known)
{
	struct memcore m;
	struct vtop vt;

	memcore_init(&m, EM_X86_64, "NUMBER(pgtable_l5_enabled)=1\nSYMBOL(init_top_pgt)=ffffffff80002000\n");
	CHECK_FAILS(vtop_init(&vt, &m.core, &m.vi), -ENODATA, "does not tell where its kernel lies");
	m.core.machine = EM_AARCH64;
	CHECK_FAILS(vtop_init(&vt, &m.core, &m.vi), -ENODATA, "does not tell where its kernel lies");
	m.core.machine = EM_S390;
	CHECK_FAILS(vtop_init(&vt, &m.core, &m.vi), -ENOTSUP, "machine 22");
	memcore_deinit(&m);
}

#define ARM_INFO(page, va, t1sz)                                        \
	"SYMBOL(_stext)=ffffa00010010000\nSYMBOL(swapper_pg_dir)=ffffa00011000000\n" \
	"SYMBOL(mem_section)=ffff00001fece380\n"                        \
	"SYMBOL(prb)=ffffa00011001234\nNUMBER(kimage_voffset)=0xffff9fffd0000000\nNUMBER(PHYS_OFFSET)=0x40000000\n" \
	"PAGESIZE=" page "\nNUMBER(VA_BITS)=" va "\nNUMBER(TCR_EL1_T1SZ)=" t1sz "\n"

TEST(arm64_4k_48)
{
	struct memcore m;
	struct vtop vt;

	memcore_init(&m, EM_AARCH64, ARM_INFO("4096", "48", "0x10") "NUMBER(KERNELPACMASK)=0xffff000000000000\n");
	memcore_load(&m, 0x40000000, 0x20000000, 0xdead000000000000);
	/* Root at 0x41000000. 0xffff800008000000: 256, 0, 64, 0. */
	memcore_text(&m, "41000800: 41001003\n41001000: 41002003 80000701\n41002200: 41003003 50200701\n"
			 "41003000: 78000050001703 50002701\n");
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	CHECK_EQ(vt.phys_base, 0x40000000);
	/* The direct map by PHYS_OFFSET, whatever the loads say. */
	check_maps(&vt, 0xffff000000000000, 0x40000000, 0x20000000);
	check_maps(&vt, 0xffff00001fece380, 0x5fece380, 0x131c80);
	check_not(&vt, 0xffff000020000000);
	/* The image, as far as VMCOREINFO's symbols go. */
	check_maps(&vt, 0xffffa00010010000, 0x40010000, 0xff2000);
	check_maps(&vt, 0xffffa00011001fff, 0x41001fff, 1);
	check_not(&vt, 0xffffa00011002000);
	/* Pages and blocks. */
	check_maps(&vt, 0xffff800008000000, 0x50001000, 0x1000);
	check_maps(&vt, 0xffff800008200004, 0x50200004, 0x1ffffc);
	check_maps(&vt, 0xffff800040000000, 0x80000000, 1 << 30);
	/* A pointer with a tag, and one with a signature. */
	check_maps(&vt, 0xf4ff000000001000, 0x40001000, 0x1ffff000);
	check_maps(&vt, 0x12b4800008000010, 0x50001010, 0xff0);
	check_not(&vt, 0x0000000000001000);
	memcore_deinit(&m);
}

TEST(arm64_64k_52_on_a_machine_with_48)
{
	struct memcore m;
	struct vtop vt;

	memcore_init(&m, EM_AARCH64, ARM_INFO("65536", "52", "0x10"));
	m.core.page_shift = 16;
	memcore_load(&m, 0x40000000, 0x20000000, UINT64_MAX);
	/* 1024 entries at the top: 0xffff800010000000 is 0x3e0, 0, 0x1000. */
	memcore_text(&m, "41001f00: 41010003\n41010000: 41020003 12345\n41028000: 71235003\n41028008: 50210701\n");
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	CHECK_EQ(vt.form.levels, 3);
	CHECK_EQ(vt.form.bits[0], 10);
	/* Address bits 48 to 51 stand in bits 12 to 15. */
	check_maps(&vt, 0xffff800010000000, 0x5000071230000, 0x10000);
	check_maps(&vt, 0xffff800010010000, 0x50210000, 0x10000);
	/* The second-level entry's low bits 01 are a block of 512 MiB. */
	check_maps(&vt, 0xffff800020000000, 0x2000000000000, 1 << 29);
	/* -2^52 is what PHYS_OFFSET stands for. */
	check_maps(&vt, 0xfff0000000000000, 0x40000000, 0x20000000);
	memcore_deinit(&m);
}

TEST(arm64_forms)
{
	static const struct {
		const char *info;
		unsigned int shift, levels, top;
		uint64_t mask, high;
	} rows[] = {
		{ ARM_INFO("4096", "48", "0x10"), 12, 4, 9, 0x0000fffffffff000, 0 },
		{ ARM_INFO("4096", "39", "0x19"), 12, 3, 9, 0x0000fffffffff000, 0 },
		{ ARM_INFO("16384", "48", "0x10"), 14, 4, 1, 0x0000ffffffffc000, 0 },
		{ ARM_INFO("16384", "47", "0x11"), 14, 3, 11, 0x0000ffffffffc000, 0 },
		{ ARM_INFO("16384", "52", "0x11"), 14, 3, 11, 0x0000ffffffffc000, 0 },
		{ ARM_INFO("16384", "52", "0xc"), 14, 4, 5, 0x0003ffffffffc000, 0x300 },
		{ ARM_INFO("65536", "48", "0x10"), 16, 3, 6, 0x0000ffffffff0000, 0xf000 },
		{ ARM_INFO("65536", "52", "0xc"), 16, 3, 10, 0x0000ffffffff0000, 0xf000 },
		{ ARM_INFO("65536", "42", "0x16"), 16, 2, 13, 0x0000ffffffff0000, 0xf000 },
		{ ARM_INFO("4096", "52", "0xc"), 12, 5, 4, 0x0003fffffffff000, 0x300 },
		{ ARM_INFO("4096", "52", "0x10"), 12, 4, 9, 0x0000fffffffff000, 0 },
		/* Nonsense in the register: as built. */
		{ ARM_INFO("4096", "48", "0xc"), 12, 4, 9, 0x0000fffffffff000, 0 },
		{ ARM_INFO("4096", "48", "0x3f"), 12, 4, 9, 0x0000fffffffff000, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int bits = 0;
		struct memcore m;
		struct vtop vt;

		memcore_init(&m, EM_AARCH64, rows[i].info);
		m.core.page_shift = rows[i].shift;
		CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
		CHECK(vt.has_tables);
		CHECK_EQ(vt.form.levels, rows[i].levels);
		CHECK_EQ(vt.form.bits[0], rows[i].top);
		CHECK_EQ(vt.form.paddr_mask, rows[i].mask);
		CHECK_EQ(vt.form.high_mask, rows[i].high);
		for (unsigned int l = 0; l <= vt.form.levels; l++)
			bits += vt.form.bits[l];
		CHECK(bits >= 39 && bits <= 52);
		memcore_deinit(&m);
	}
}

TEST(arm64_without_numbers_takes_the_loads)
{
	struct memcore m;
	struct vtop vt;

	memcore_init(&m, EM_AARCH64, "");
	memcore_load(&m, 0x40000000, 0x20000000, 0xffff000000000000);
	m.core.aliases = malloc(sizeof(*m.core.aliases));
	m.core.aliases[0] = (struct vmcore_load){ .paddr = 0x40210000, .len = 0x2000000, .vaddr = 0xffffbcefff610000 };
	m.core.nr_aliases = 1;
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	check_maps(&vt, 0xffff000000001000, 0x40001000, 0x1ffff000);
	check_maps(&vt, 0xffffbcefff610010, 0x40210010, 0x1fffff0);
	CHECK(!vt.has_tables);
	memcore_deinit(&m);
}

TEST(read_crosses_mappings)
{
	struct memcore m;
	struct vtop vt;
	uint8_t buf[0x3100];
	uint64_t word = 0;
	uint32_t half = 0;

	start(&m, &vt, EM_X86_64, X86_INFO,
	      X86_4_LEVELS "1005000: 7163 a163 9163\n7ff8: 1122334455667788\na000: 99aabbccddeeff00\n9000: 1\n");
	CHECK_EQ(vtop_read(&vt, 0xffffc90000000ffe, buf, 0x1006), 0);
	CHECK_EQ(buf[0], 0x22);
	CHECK_EQ(buf[1], 0x11);
	CHECK_EQ(buf[2], 0x00);
	CHECK_EQ(buf[3], 0xff);
	CHECK_EQ(buf[0x1002], 1);
	CHECK_EQ(vtop_read_word(&vt, 0xffffc90000000ffc, &word), 0);
	CHECK_EQ(word, 0xddeeff0011223344);
	CHECK_EQ(vtop_read_u32(&vt, 0xffffc90000000ffc, &half), 0);
	CHECK_EQ(half, 0x11223344);
	m.core.width = 4;
	CHECK_EQ(vtop_read_word(&vt, 0xffffc90000000ff8, &word), 0);
	CHECK_EQ(word, 0x55667788);
	m.core.big_endian = true;
	CHECK_EQ(vtop_read_u32(&vt, 0xffffc90000000ffc, &half), -ENODATA);
	m.core.big_endian = false;
	/* Nothing there; around the top of the address space. */
	CHECK_EQ(vtop_read(&vt, 0xffffc90000000000, buf, 0x3001), -ENODATA);
	CHECK_EQ(vtop_read(&vt, UINT64_MAX, buf, 2), -ENODATA);
	CHECK_EQ(vtop_read(&vt, 0, buf, 0), 0);
	memcore_deinit(&m);
}

/* Damage in page tables may give a wrong answer or none, never a long search or one that reaches past its page. */
TEST(every_flipped_bit_of_the_tables)
{
	static const uint64_t tables[] = { 0x1002c90, 0x1003000, 0x1004000, 0x1005000 };
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, EM_X86_64, X86_INFO, X86_4_LEVELS);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (unsigned int bit = 0; bit < 64; bit++) {
			uint64_t paddr, len, before = m.reads;

			memcore_flip(&m, tables[t], bit);
			if (!vtop(&vt, 0xffffc90000000123, &paddr, &len)) {
				CHECK(len && len <= 1 << 30);
				CHECK(paddr < 1ull << 52);
			}
			CHECK(m.reads - before <= 5);
			memcore_flip(&m, tables[t], bit);
		}
	}
	check_maps(&vt, 0xffffc90000000123, 0x7123, 0xedd);
	memcore_deinit(&m);
}
