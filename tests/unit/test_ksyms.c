/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/ksyms.h"
#include "tests/unit/make_btf.h"
#include "tests/unit/make_kallsyms.h"
#include "tests/unit/test.h"

#define RELATIVE_INFO KALLSYMS_INFO "SYMBOL(_stext)=ffffffff81000000\nSYMBOL(prb)=ffffffff81800010\n"   \
	"SYMBOL(kallsyms_offsets)=ffffffff80010000\n"
#define BASE_INFO RELATIVE_INFO "SYMBOL(kallsyms_relative_base)=ffffffff80001008\n"
#define WORDS_INFO KALLSYMS_INFO "SYMBOL(_stext)=ffffffff81000000\nSYMBOL(kallsyms_addresses)=ffffffff80010000\n"

#define LONG_NAME                                                                                       \
	"_RNvXs3_NtCs1234567890abcdef_6kernel5print_a_name_as_long_as_those_of_Rust_are_with_all_"      \
	"their_types_in_them_and_then_some_more_so_that_two_bytes_are_needed_for_its_length_and_it_"    \
	"does_not_stop_there_yet"

#define SYMS                                                                                            \
	"ffffffff81000000 T _stext\n"                                                                   \
	"ffffffff81000010 t init_top_pgt\n"                                                             \
	"ffffffff81200000 T " LONG_NAME "\n"                                                            \
	"ffffffff81400000 D log_buf\n"                                                                  \
	"ffffffff81400008 D log_buf_len\n"                                                              \
	"ffffffff81800010 D prb\n"                                                                      \
	"ffffffff81900000 R __start_BTF\n"                                                              \
	"ffffffff81900100 R __stop_BTF\n"                                                               \
	"ffffffff81a00000 B mem_section\n"                                                              \
	"ffffffff81b00000 B init\n"

static const struct {
	const char *info;
	enum kallsyms_form form;
} kinds[] = {
	{ BASE_INFO, KALLSYMS_FROM_BASE },
	{ BASE_INFO, KALLSYMS_SIGNED },
	{ RELATIVE_INFO, KALLSYMS_FROM_PLACE },
	{ WORDS_INFO, KALLSYMS_WORDS },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void start(struct memcore *m, struct vtop *vt, const char *info, const char *syms, enum kallsyms_form form)
{
	memcore_init(m, EM_X86_64, info);
	make_kallsyms(m, syms, form);
	CHECK_EQ(vtop_init(vt, &m->core, &m->vi), 0);
}

static void check_is(struct ksyms *s, const char *name, uint64_t want)
{
	uint64_t vaddr = 0x77;

	CHECK_EQ(ksyms_find(s, name, &vaddr), 0);
	CHECK_EQ(vaddr, want);
}

TEST(every_form)
{
	static const char *const missing[] = { "", "T", "_stex", "_stextt", "stext", "T_stext", "nit", "xlog_buf" };

	for (size_t i = 0; i < NR_KINDS; i++) {
		struct ksyms *s = NULL;
		struct memcore m;
		struct vtop vt;
		uint64_t vaddr = 0x77;

		start(&m, &vt, kinds[i].info, SYMS, kinds[i].form);
		CHECK_EQ(ksyms_open(&s, &vt), 0);
		check_is(s, "_stext", 0xffffffff81000000);
		check_is(s, "init_top_pgt", 0xffffffff81000010);
		check_is(s, LONG_NAME, 0xffffffff81200000);
		check_is(s, "log_buf", 0xffffffff81400000);
		check_is(s, "log_buf_len", 0xffffffff81400008);
		check_is(s, "__stop_BTF", 0xffffffff81900100);
		check_is(s, "init", 0xffffffff81b00000);
		for (size_t j = 0; j < sizeof(missing) / sizeof(missing[0]); j++)
			CHECK_EQ(ksyms_find(s, missing[j], &vaddr), -ENOENT);
		CHECK_EQ(vaddr, 0x77);
		ksyms_close(s);
		memcore_deinit(&m);
	}
	ksyms_close(NULL);
}

TEST(per_cpu_symbols_are_absolute)
{
	struct ksyms *s = NULL;
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, BASE_INFO, "0 A fixed_percpu_data\n31c40 A runqueues\n" SYMS, KALLSYMS_SIGNED);
	CHECK_EQ(ksyms_open(&s, &vt), 0);
	check_is(s, "runqueues", 0x31c40);
	check_is(s, "prb", 0xffffffff81800010);
	ksyms_close(s);
	memcore_deinit(&m);
}

TEST(btf_of_the_dump)
{
	struct ksyms *s = NULL;
	struct btf *b = NULL;
	struct memcore m;
	struct vtop vt;
	struct blob bytes;
	uint64_t off = 0;
	char syms[1024];

	make_btf(BTF_PAGE, false, &bytes);
	snprintf(syms, sizeof(syms), "ffffffff81000000 T _stext\nffffffff81900000 R __start_BTF\n%llx R __stop_BTF\n",
		 0xffffffff81900000 + (unsigned long long)bytes.len);
	start(&m, &vt, BASE_INFO, syms, KALLSYMS_SIGNED);
	CHECK_EQ(ksyms_open(&s, &vt), 0);
	CHECK_FAILS(btf_read(&b, &vt, s), -ENODATA, "cannot be read");
	memcore_write(&m, 0x1900000, bytes.data, bytes.len);
	CHECK_EQ(btf_read(&b, &vt, s), 0);
	CHECK_EQ(btf_member(b, "page", "_refcount", &off, NULL), 0);
	CHECK_EQ(off, 52);
	btf_close(b);
	b = NULL;
	memcore_flip(&m, 0x1900000, 0);
	CHECK_FAILS(btf_read(&b, &vt, s), -EINVAL, "damaged BTF");
	CHECK(!b);
	ksyms_close(s);
	memcore_deinit(&m);
	blob_deinit(&bytes);

	start(&m, &vt, BASE_INFO,
	      "ffffffff81000000 T _stext\nffffffff81900000 R __start_BTF\nffffffff81900000 R __stop_BTF\n",
	      KALLSYMS_SIGNED);
	CHECK_EQ(ksyms_open(&s, &vt), 0);
	CHECK_FAILS(btf_read(&b, &vt, s), -EINVAL, "not in order");
	ksyms_close(s);
	memcore_deinit(&m);
}

static void check_refused(struct memcore *m, struct vtop *vt, int err, const char *why)
{
	struct ksyms *s = NULL;
	uint64_t before = m->reads;

	CHECK_FAILS(ksyms_open(&s, vt), err, why);
	CHECK(!s);
	CHECK(m->reads - before < 100000);
}

TEST(refused)
{
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, "NUMBER(phys_base)=0\n", SYMS, KALLSYMS_SIGNED);
	check_refused(&m, &vt, -ENODATA, "does not tell where");
	memcore_deinit(&m);
	start(&m, &vt, KALLSYMS_INFO, SYMS, KALLSYMS_SIGNED);
	check_refused(&m, &vt, -ENODATA, "does not tell where");
	memcore_deinit(&m);

	start(&m, &vt, BASE_INFO, SYMS, KALLSYMS_SIGNED);
	memcore_u32(&m, KALLSYMS_NUM, 0);
	check_refused(&m, &vt, -EINVAL, "their number cannot be");
	memcore_u32(&m, KALLSYMS_NUM, UINT32_MAX);
	check_refused(&m, &vt, -EINVAL, "their number cannot be");
	/* More names than there are: on through what lies behind them, then nothing. */
	memcore_u32(&m, KALLSYMS_NUM, 8000000);
	check_refused(&m, &vt, -EINVAL, "names");
	memcore_u32(&m, KALLSYMS_NUM, 10);
	memcore_u64(&m, KALLSYMS_BASE, 0xffffffff80000000);
	check_refused(&m, &vt, -EINVAL, "not those of VMCOREINFO");
	memcore_u64(&m, KALLSYMS_BASE, KALLSYMS_IMAGE_BASE);
	memcore_u32(&m, KALLSYMS_NUM, 1);
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	memcore_flip(&m, KALLSYMS_NAMES, 17);
	check_refused(&m, &vt, -EINVAL, "none of the names");
	memcore_deinit(&m);

	start(&m, &vt, BASE_INFO, SYMS, KALLSYMS_SIGNED);
	memcore_page(&m, KALLSYMS_INDEX, false)->paddr = 0x7000000;
	check_refused(&m, &vt, -EINVAL, "tokens cannot be read");
	memcore_page(&m, 0x7000000, false)->paddr = KALLSYMS_INDEX;
	memcore_page(&m, KALLSYMS_NAMES, false)->paddr = 0x7000000;
	check_refused(&m, &vt, -EINVAL, "names cannot be read");
	memcore_deinit(&m);
}

/* A last token that goes on and on. */
TEST(token_without_an_end)
{
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, BASE_INFO, SYMS, KALLSYMS_SIGNED);
	for (unsigned int i = 0; i < 4000; i++)
		memcore_write(&m, KALLSYMS_TOKENS + 500 + i, "a", 1);
	check_refused(&m, &vt, -EINVAL, "a token without an end");
	memcore_deinit(&m);
}

/* Every bit of the tables: refused, or a symbol table in which a symbol may be missing, in bounded time. */
TEST(every_flipped_bit)
{
	static const struct {
		uint64_t paddr;
		unsigned int bytes;
	} zones[] = { { KALLSYMS_NUM, 16 }, { KALLSYMS_INDEX, 512 }, { KALLSYMS_TOKENS, 560 }, { KALLSYMS_OFFSETS, 40 },
		      { KALLSYMS_NAMES, 300 } };
	struct memcore m;
	struct vtop vt;

	start(&m, &vt, BASE_INFO, SYMS, KALLSYMS_SIGNED);
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
		for (unsigned int bit = 0; bit < zones[z].bytes * 8; bit++) {
			struct ksyms *s = NULL;
			uint64_t before = m.reads, vaddr;
			int err;

			memcore_flip(&m, zones[z].paddr, bit);
			err = ksyms_open(&s, &vt);
			CHECK(!err || err == -EINVAL);
			if (!err) {
				ksyms_find(s, "log_buf", &vaddr);
				ksyms_find(s, "none", &vaddr);
				ksyms_close(s);
			}
			CHECK(m.reads - before < 20000);
			memcore_flip(&m, zones[z].paddr, bit);
		}
	}
	memcore_deinit(&m);
}
