/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/vmcoreinfo.h"
#include "tests/unit/test.h"

#include <errno.h>

static const char text[] = "OSRELEASE=6.1.0-56-amd64\n"
			   "BUILD-ID=0123456789abcdef\n"
			   "PAGESIZE=4096\n"
			   "SYMBOL(init_uts_ns)=ffffffff8c41c6a0\n"
			   "SYMBOL(prb)=0xffffffff8bc54d38\n"
			   "OFFSET(page.flags)=0\n"
			   "OFFSET(page._refcount)=52\n"
			   "SIZE(page)=64\n"
			   "LENGTH(mem_section)=2048\n"
			   "NUMBER(phys_base)=-265289728\n"
			   "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
			   "NUMBER(kimage_voffset)=0xffff7ffeb8000000\n"
			   "NUMBER(sme_mask)=140737488355328\n"
			   "NUMBER(all)=18446744073709551615\n"
			   "KERNELOFFSET=a000000\n"
			   "CRASHTIME=1700000000\n"
			   "this is no line of it\n"
			   "=no key\n"
			   "EMPTY=\n"
			   "EQUALS=a=b\n"
			   "SIZE(page)=128\n"
			   "PAGESIZE(x)=1\n"
			   "LAST=1";

static struct vmcoreinfo open_text(const char *t, size_t len)
{
	struct view v = view_of(t, len, "test");
	struct vmcoreinfo vi;

	CHECK_EQ(vmcoreinfo_init(&vi, &v), 0);
	return vi;
}

static bool is(const struct vmcoreinfo *vi, const char *key, const char *want)
{
	const char *value;
	size_t len;

	return vmcoreinfo_string(vi, key, &value, &len) && len == strlen(want) && !memcmp(value, want, len);
}

TEST(kinds_of_values)
{
	struct vmcoreinfo vi = open_text(text, strlen(text));
	uint64_t u = 0;
	int64_t i = 0;

	CHECK(is(&vi, "OSRELEASE", "6.1.0-56-amd64"));
	CHECK(vmcoreinfo_symbol(&vi, "init_uts_ns", &u));
	CHECK_EQ(u, 0xffffffff8c41c6a0);
	CHECK(vmcoreinfo_symbol(&vi, "prb", &u));
	CHECK_EQ(u, 0xffffffff8bc54d38);
	CHECK(vmcoreinfo_offset(&vi, "page.flags", &u));
	CHECK_EQ(u, 0);
	CHECK(vmcoreinfo_offset(&vi, "page._refcount", &u));
	CHECK_EQ(u, 52);
	CHECK(vmcoreinfo_length(&vi, "mem_section", &u));
	CHECK_EQ(u, 2048);
	CHECK(vmcoreinfo_number(&vi, "phys_base", &i));
	CHECK_EQ(i, (int64_t)-265289728);
	CHECK(vmcoreinfo_number(&vi, "PAGE_BUDDY_MAPCOUNT_VALUE", &i));
	CHECK_EQ(i, -129);
	CHECK(vmcoreinfo_number(&vi, "kimage_voffset", &i));
	CHECK_EQ(i, 0xffff7ffeb8000000);
	CHECK(vmcoreinfo_number(&vi, "sme_mask", &i));
	CHECK_EQ(i, 1ull << 47);
	CHECK(vmcoreinfo_number(&vi, "all", &i));
	CHECK_EQ(i, -1);
	CHECK(vmcoreinfo_hex(&vi, "KERNELOFFSET", &u));
	CHECK_EQ(u, 0xa000000);
	CHECK(vmcoreinfo_decimal(&vi, "PAGESIZE", &u));
	CHECK_EQ(u, 4096);
	CHECK(vmcoreinfo_decimal(&vi, "CRASHTIME", &u));
	CHECK_EQ(u, 1700000000);
	vmcoreinfo_deinit(&vi);
	CHECK_EQ(vi.nr, 0);
}

TEST(lines)
{
	struct vmcoreinfo vi = open_text(text, strlen(text));
	uint64_t u;

	/* Of duplicates the first; the last line lacks its newline. */
	CHECK(vmcoreinfo_size(&vi, "page", &u));
	CHECK_EQ(u, 64);
	CHECK(is(&vi, "LAST", "1"));
	CHECK(is(&vi, "EMPTY", ""));
	CHECK(is(&vi, "EQUALS", "a=b"));
	CHECK(is(&vi, "PAGESIZE(x)", "1"));
	/* 24 lines with a '=', less the duplicate, less the one without a key. */
	CHECK_EQ(vi.nr, 20);
	for (size_t i = 1; i < vi.nr; i++) {
		const struct vmcoreinfo_entry *a = &vi.e[i - 1], *b = &vi.e[i];
		int order = memcmp(a->key, b->key, a->key_len < b->key_len ? a->key_len : b->key_len);

		CHECK(order < 0 || (!order && a->key_len < b->key_len));
	}
	vmcoreinfo_deinit(&vi);
}

TEST(nothing)
{
	struct vmcoreinfo vi = open_text(NULL, 0);
	const char *value;
	uint64_t u;
	size_t len;

	CHECK_EQ(vi.nr, 0);
	CHECK(!vmcoreinfo_size(&vi, "page", &u));
	CHECK(!vmcoreinfo_string(&vi, "", &value, &len));
	vmcoreinfo_deinit(&vi);
}

TEST(absent_or_wrong)
{
	static const char bad[] = "SIZE(a)=-1\nSIZE(b)=12x\nSIZE(c)=\nNUMBER(d)=-9223372036854775808\n"
				  "NUMBER(e)=-9223372036854775809\nNUMBER(f)=18446744073709551616\nNUMBER(g)=0x\n"
				  "NUMBER(h)=--1\nSYMBOL(i)=fffffffffffffffff\nSYMBOL(j)=-1\nNUMBER(k)= 1\n";

	struct vmcoreinfo vi = open_text(bad, strlen(bad));
	uint64_t u = 77;
	int64_t i = 77;

	CHECK(!vmcoreinfo_size(&vi, "a", &u));
	CHECK(!vmcoreinfo_size(&vi, "b", &u));
	CHECK(!vmcoreinfo_size(&vi, "c", &u));
	CHECK(!vmcoreinfo_size(&vi, "no", &u));
	CHECK(!vmcoreinfo_size(&vi, "", &u));
	CHECK(!vmcoreinfo_length(&vi, "a", &u));
	CHECK(!vmcoreinfo_symbol(&vi, "i", &u));
	CHECK(!vmcoreinfo_symbol(&vi, "j", &u));
	CHECK_EQ(u, 77);
	CHECK(!vmcoreinfo_number(&vi, "e", &i));
	CHECK(!vmcoreinfo_number(&vi, "f", &i));
	CHECK(!vmcoreinfo_number(&vi, "g", &i));
	CHECK(!vmcoreinfo_number(&vi, "h", &i));
	CHECK(!vmcoreinfo_number(&vi, "k", &i));
	CHECK_EQ(i, 77);
	CHECK(vmcoreinfo_number(&vi, "d", &i));
	CHECK_EQ(i, INT64_MIN);
	vmcoreinfo_deinit(&vi);
}

TEST(a_nul_is_the_last)
{
	struct vmcoreinfo vi = open_text("A=1\nB=2\0\nC=3\n", 14);

	CHECK_EQ(vi.nr, 2);
	CHECK(is(&vi, "B", "2"));
	CHECK(!is(&vi, "C", "3"));
	vmcoreinfo_deinit(&vi);
}

/* Whatever the order of the lines, every key is found with the value of its first line. */
TEST(random_tables)
{
	char lines[64 * 32];

	for (unsigned int round = 0; round < 200; round++) {
		uint64_t first[32];
		bool there[32] = { 0 };
		unsigned int nr = test_random() % 64;
		size_t len = 0;
		struct vmcoreinfo vi;

		for (unsigned int i = 0; i < nr; i++) {
			unsigned int key = test_random() % 32;
			uint64_t value = test_random();

			len += sprintf(lines + len, "SIZE(%.*s)=%" PRIu64 "\n", (int)key + 1,
					"abababababababababababababababababab", value % 1000);
			if (!there[key])
				first[key] = value % 1000;
			there[key] = true;
			if (len > sizeof(lines) - 80)
				break;
		}
		vi = open_text(lines, len);
		for (unsigned int key = 0; key < 32; key++) {
			char name[40];
			uint64_t u;

			sprintf(name, "%.*s", (int)key + 1, "abababababababababababababababababab");
			CHECK_EQ(vmcoreinfo_size(&vi, name, &u), there[key]);
			if (there[key])
				CHECK_EQ(u, first[key]);
		}
		vmcoreinfo_deinit(&vi);
	}
}
