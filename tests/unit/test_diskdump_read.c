/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump-compressed dumps as a source. */
#include "kdump/vmcore.h"
#include "tests/unit/make_core.h"
#include "tests/unit/test.h"

#include <elf.h>
#include <errno.h>

static unsigned int warnings;
static char last_warning[512];

static void count_warning(void *ctx, const char *text)
{
	(void)ctx;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", text);
}

static int open_bytes(struct vmcore *v, const struct blob *b)
{
	warnings = 0;
	err_set_warn_sink(count_warning, NULL);
	return vmcore_open_fd(v, core_file(b->data, b->len), "dump");
}

static void open_text(struct vmcore *v, const char *text)
{
	struct blob b;
	int err;

	blob_init(&b);
	core_make(text, &b);
	err = open_bytes(v, &b);
	if (err) {
		printf("%s\n", err_text());
		abort();
	}
	blob_deinit(&b);
}

static bool right(struct vmcore *v, uint64_t paddr, size_t len)
{
	uint8_t buf[3 << 16];

	if (vmcore_read(v, paddr, buf, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != core_byte(paddr + i))
			return false;
	}
	return true;
}

static const char usual[] =
	"dump 6 little 4096 x86_64\n"
	"max 64\n"
	"ram 1 15\n"
	"ram 20 40\n"
	"level 31\n"
	"physbase 0xfffffffff0200000\n"
	"note CORE 1 336\n"
	"vmcoreinfo OSRELEASE=6.1.0|PAGESIZE=4096|\n"
	"page 1 none\npage 3 zlib\npage 4 lzo\npage 5 snappy\npage 6 zstd\npage 7 zero\npage 9 lost\n"
	"page 20 zlib\npage 40 zstd\n";

TEST(facts)
{
	struct vmcore v;

	open_text(&v, usual);
	CHECK_EQ(warnings, 0);
	CHECK_STR(v.ops->name, "kdump-compressed");
	CHECK_EQ(v.machine, EM_X86_64);
	CHECK_EQ(v.width, 8);
	CHECK(!v.big_endian);
	CHECK_EQ(v.page_shift, 12);
	CHECK_EQ(v.ram.nr, 2);
	CHECK_EQ(v.ram.r[0].start, 0x1000);
	CHECK_EQ(v.ram.r[0].last, 0xffff);
	CHECK_EQ(v.ram.r[1].start, 0x14000);
	CHECK_EQ(v.ram.r[1].last, 0x28fff);
	CHECK_EQ(v.max_pfn, 41);
	CHECK_EQ(v.dump_level, 31);
	CHECK(v.has_phys_base);
	CHECK_EQ(v.phys_base, 0xfffffffff0200000);
	CHECK(!v.incomplete);
	CHECK_STR(v.utsname[2], "6.1.0-test");
	CHECK_STR((char *)v.vmcoreinfo.data, "OSRELEASE=6.1.0\nPAGESIZE=4096\n");
	CHECK(v.notes.len > 336);
	CHECK_EQ(v.nr_loads, 0);
	vmcore_close(&v);
	vmcore_close(&v);
}

TEST(pages_of_every_codec)
{
	struct vmcore v;
	uint8_t page[4096], zeros[4096] = { 0 };

	open_text(&v, usual);
	CHECK(right(&v, 0x1000, 4096));
	for (uint64_t pfn = 3; pfn <= 6; pfn++)
		CHECK(right(&v, pfn << 12, 4096));
	CHECK(right(&v, 0x3001, 4 * 4096 - 1));
	CHECK(right(&v, 0x14ffc, 4));
	CHECK(right(&v, 0x28000, 4096));
	CHECK_EQ(vmcore_read(&v, 0x7000, page, 4096), 0);
	CHECK(!memcmp(page, zeros, 4096));
	/* Left out; lost; no RAM; beyond everything; across what is there and what is not. */
	CHECK_EQ(vmcore_read(&v, 0x2000, page, 1), -ENODATA);
	CHECK_EQ(vmcore_read(&v, 0x9000, page, 1), -ENODATA);
	CHECK_EQ(vmcore_read(&v, 0x10000, page, 1), -ENODATA);
	CHECK_EQ(vmcore_read(&v, 0x29000, page, 1), -ENODATA);
	CHECK_EQ(vmcore_read(&v, UINT64_MAX - 3, page, 8), -ENODATA);
	CHECK_EQ(vmcore_read(&v, 0x1fff, page, 2), -ENODATA);
	vmcore_close(&v);
}

TEST(in_place)
{
	struct vmcore v;
	const uint8_t *at;
	uint64_t len = 0;

	open_text(&v, usual);
	at = vmcore_at(&v, 0x3100, &len);
	CHECK(at != NULL);
	CHECK_EQ(len, 0xf00);
	for (uint64_t i = 0; at && i < len; i++)
		CHECK(at[i] == core_byte(0x3100 + i));
	CHECK(!vmcore_at(&v, 0x2000, &len));
	CHECK(!vmcore_at(&v, UINT64_MAX, &len));
	vmcore_close(&v);
}

TEST(big_endian_and_large_pages)
{
	struct vmcore v;

	open_text(&v,
		  "dump 6 big 65536 s390x\nmax 100\nram 0 99\npage 7 zstd\npage 99 none\nvmcoreinfo PAGESIZE=65536\n");
	CHECK(v.big_endian);
	CHECK_EQ(v.machine, EM_S390);
	CHECK_EQ(v.page_shift, 16);
	CHECK_EQ(v.max_pfn, 100);
	CHECK(right(&v, 7 << 16, 65536));
	CHECK(right(&v, 99 << 16, 65536));
	CHECK_EQ(warnings, 0);
	vmcore_close(&v);
}

/* Fields that a version does not have are not looked at. */
TEST(versions)
{
	for (unsigned int version = 1; version <= 7; version++) {
		char text[512];
		struct vmcore v;

		snprintf(text, sizeof(text),
			 "dump %u little 4096 aarch64\nmax 64\nram 0 63\nlevel 1\npage 9 zlib\nnote CORE 1 392\n"
			 "vmcoreinfo PAGESIZE=4096\n",
			 version);
		open_text(&v, text);
		CHECK_EQ(v.machine, EM_AARCH64);
		CHECK(right(&v, 0x9000, 4096));
		CHECK_EQ(v.dump_level, 1);
		CHECK_EQ(v.vmcoreinfo.len, version >= 3 ? 13 : 0);
		CHECK_EQ(v.notes.len != 0, version >= 4);
		CHECK_EQ(warnings, version > 6);
		vmcore_close(&v);
	}
}

TEST(marked_incomplete)
{
	struct vmcore v;

	open_text(&v, "dump 6 little 4096 x86_64\nmax 64\nstatus 0x28\nram 0 63\npage 1 lost\npage 2 zstd\n");
	CHECK(v.incomplete);
	CHECK(right(&v, 0x2000, 4096));
	CHECK_EQ(vmcore_read(&v, 0x1000, &(char){ 0 }, 1), -ENODATA);
	vmcore_close(&v);
}

TEST(one_bitmap)
{
	struct vmcore v;

	open_text(&v, "dump 6 little 4096 x86_64\nmax 64\nonebitmap\npage 1 none\npage 2 zstd\n");
	CHECK_EQ(v.ram.nr, 1);
	CHECK_EQ(v.ram.r[0].start, 0x1000);
	CHECK_EQ(v.ram.r[0].last, 0x2fff);
	CHECK(right(&v, 0x1000, 8192));
	vmcore_close(&v);
}

TEST(part_of_a_split_set)
{
	struct vmcore v;
	uint8_t bitmap[8];

	open_text(
		&v,
		"dump 6 little 4096 x86_64\nmax 64\nram 0 63\nsplit 11 30\npage 3 none\npage 10 none\npage 11 zlib\npage 29 zstd\npage 30 none\n");
	CHECK_EQ(warnings, 1);
	CHECK(strstr(last_warning, "one part of a split dump"));
	CHECK(right(&v, 0xb000, 4096));
	CHECK(right(&v, 29 << 12, 4096));
	CHECK_EQ(vmcore_held(&v, 0, 64, bitmap), 0);
	for (unsigned int i = 0; i < 64; i++)
		CHECK_EQ(bitmap[i / 8] >> i % 8 & 1, i == 11 || i == 29);
	CHECK_EQ(vmcore_read(&v, 10 << 12, &(char){ 0 }, 1), -ENODATA);
	CHECK_EQ(vmcore_read(&v, 30 << 12, &(char){ 0 }, 1), -ENODATA);
	vmcore_close(&v);
}

/* Bit counting across the stretches of the index: random sets of pages, all found and nothing else. */
TEST(random_sets_of_pages)
{
	for (unsigned int round = 0; round < 20; round++) {
		bool there[40000] = { 0 };
		unsigned int nr = 1 + test_random() % 200;
		static uint8_t bitmap[40016 / 8];
		char text[8192];
		size_t len = sprintf(text, "dump 6 little 4096 x86_64\nmax 40000\nram 0 39999\n");
		struct vmcore v;

		for (unsigned int i = 0; i < nr; i++) {
			unsigned int pfn = test_random() % 40000;

			/* around the edges, too */
			pfn = i % 4 ? pfn : 8192 * (1 + pfn % 4) - 1 + i % 3;
			if (!there[pfn])
				len += sprintf(text + len, "page %u zlib\n", pfn);
			there[pfn] = true;
		}
		open_text(&v, text);
		for (uint64_t pfn = 0; pfn < 40000; pfn++) {
			if (there[pfn])
				CHECK(right(&v, pfn << 12, 64));
			else
				CHECK_EQ(vmcore_read(&v, pfn << 12, &(char){ 0 }, 1), -ENODATA);
		}
		CHECK_EQ(vmcore_held(&v, 8, 39992 + 16, bitmap), 0);
		for (uint64_t pfn = 8; pfn < 40016; pfn++)
			CHECK_EQ(bitmap[(pfn - 8) / 8] >> pfn % 8 & 1, pfn < 40000 && there[pfn]);
		vmcore_close(&v);
	}
}

/* Cut off anywhere: what is told to be there is right, and nothing is read beyond. */
TEST(cut_short)
{
	struct blob b;
	unsigned int opened = 0, whole = 0;

	blob_init(&b);
	core_make(usual, &b);
	for (size_t len = 0; len <= b.len; len += len < 600 ? 1 : 61) {
		struct blob cut = { .data = b.data, .len = len };
		struct vmcore v;
		int err = open_bytes(&v, &cut);

		CHECK(!err || err == -ENOEXEC || err == -EINVAL || err == -EIO);
		if (err)
			continue;
		opened++;
		for (uint64_t pfn = 0; pfn < 41; pfn++) {
			uint8_t page[4096];
			int got = vmcore_read(&v, pfn << 12, page, 4096);

			CHECK(!got || got == -ENODATA);
			if (!got && pfn != 7) {
				CHECK_EQ(page[0], core_byte(pfn << 12));
				CHECK_EQ(page[4095], core_byte((pfn << 12) + 4095));
				whole++;
			}
		}
		if (len < b.len - 64)
			CHECK(v.incomplete && warnings);
		vmcore_close(&v);
	}
	CHECK(opened > 20);
	CHECK(whole > 20);
	blob_deinit(&b);
}

static int open_patched(const char *text, size_t off, uint64_t value, unsigned int bytes)
{
	struct blob b;
	struct vmcore v;
	int err;

	blob_init(&b);
	core_make(text, &b);
	put_word(b.data + off, value, bytes, false);
	err = open_bytes(&v, &b);
	if (!err)
		vmcore_close(&v);
	blob_deinit(&b);
	return err;
}

TEST(headers_that_lie)
{
	/* block size; version; bitmap blocks; sub header blocks; max_mapnr of both widths */
	CHECK_FAILS(open_patched(usual, 428, 4095, 4), -EINVAL, "neither version nor block size");
	CHECK_FAILS(open_patched(usual, 428, 1u << 31, 4), -EINVAL, "neither version nor block size");
	CHECK_FAILS(open_patched(usual, 8, 1000, 4), -EINVAL, "neither version nor block size");
	CHECK_FAILS(open_patched(usual, 436, 0, 4), -EINVAL, "too few");
	CHECK_FAILS(open_patched(usual, 436, 0xffffffff, 4), -EINVAL, "cut off before its first page");
	CHECK_FAILS(open_patched(usual, 432, 0xffffffff, 4), -EINVAL, "cut off before its first page");
	CHECK_FAILS(open_patched(usual, 4096 + 96, 0, 8), -EINVAL, "claims 0 pages");
	CHECK_FAILS(open_patched(usual, 4096 + 96, UINT64_MAX, 8), -EINVAL, "claims 18446744073709551615 pages");
	CHECK_FAILS(open_patched(usual, 4096 + 96, 1ull << 38, 8), -EINVAL, "too few");
	/* the place of vmcoreinfo, of the notes: a warning */
	CHECK_EQ(open_patched(usual, 4096 + 32, UINT64_MAX, 8), 0);
	CHECK_EQ(warnings, 1);
	CHECK_EQ(open_patched(usual, 4096 + 40, 1ull << 40, 8), 0);
	CHECK_EQ(warnings, 1);
	CHECK_EQ(open_patched(usual, 4096 + 48, UINT64_MAX, 8), 0);
	CHECK(warnings);
	CHECK_EQ(open_patched(usual, 4096 + 56, UINT64_MAX, 8), 0);
	CHECK(warnings);
	CHECK_FAILS(open_patched("dump 6 little 4096 x86_64\nmax 64\nram 0 63\nsplit 11 30\npage 12 none\n",
			4096 + 88, 65, 8), -EINVAL,
		    "claims to be the part");
	CHECK_FAILS(open_patched("dump 6 little 4096 x86_64\nmax 64\n", 0, 0x2020504d55444b, 8), -ENOEXEC, "");
	CHECK_FAILS(open_patched("dump 6 little 4096 x86_64\nmax 64\n", 8, 6, 4), -EINVAL, "holds no memory");
}

/* Where vmcoreinfo cannot be had directly, the notes have it too. */
TEST(vmcoreinfo_from_the_notes)
{
	struct blob b;
	struct vmcore v;

	blob_init(&b);
	core_make(usual, &b);
	put_u64(b.data + 4096 + 32, UINT64_MAX, false);
	CHECK_EQ(open_bytes(&v, &b), 0);
	CHECK_STR((char *)v.vmcoreinfo.data, "OSRELEASE=6.1.0\nPAGESIZE=4096\n");
	vmcore_close(&v);
	blob_deinit(&b);
}

/* Descriptors: headers 2 blocks, bitmaps 2 blocks; page 1 raw, 3 zlib. */
TEST(descriptors_that_lie)
{
	static const struct {
		size_t off;
		uint64_t value;
		unsigned int bytes;
		int err;
	} cases[] = {
		{ 0, UINT64_MAX, 8, -ENODATA }, { 0, 1ull << 40, 8, -ENODATA }, { 0, 0, 8, -ENODATA },
		{ 8, 0, 4, -EIO }, { 8, 4097, 4, -EIO }, { 8, UINT32_MAX, 4, -EIO }, { 8, 4095, 4, -EIO },
		{ 12, 0x40, 4, -EIO }, { 12, 0xffffffff, 4, -EIO }, { 12, 3, 4, -EIO }, { 12, 1, 4, -EIO },
				{ 12, 2, 4, -EIO },
		{ 12, 4, 4, -EIO }, { 12, 0x20, 4, -EIO }, { 24 + 8, 5, 4, -EIO }, { 24 + 12, 0, 4, -EIO },
				{ 24 + 12, 0x20, 4, -EIO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vmcore v;
		struct blob b;
		uint8_t page[4096];
		uint64_t bad = cases[i].off < 24 ? 1 : 3;

		blob_init(&b);
		core_make(usual, &b);
		put_word(b.data + 4 * 4096 + cases[i].off, cases[i].value, cases[i].bytes, false);
		CHECK_EQ(open_bytes(&v, &b), 0);
		CHECK_EQ(vmcore_read(&v, bad << 12, page, 4096), cases[i].err);
		CHECK(!vmcore_at(&v, bad << 12, &(uint64_t){ 0 }));
		/* The others do not suffer. */
		CHECK(right(&v, 6 << 12, 4096));
		vmcore_close(&v);
		blob_deinit(&b);
	}
}

/* A bitmap of noise must not become millions of ranges. */
TEST(noise_for_a_bitmap)
{
	struct blob b;
	struct vmcore v;

	blob_init(&b);
	core_make("dump 6 little 4096 x86_64\nmax 1048576\nram 0 1\npage 0 none\n", &b);
	memset(b.data + 2 * 4096, 0x55, 1048576 / 8);
	CHECK_EQ(open_bytes(&v, &b), 0);
	CHECK_EQ(warnings, 1);
	CHECK(v.ram.nr <= 65536);
	CHECK_EQ(v.max_pfn, 1048575);
	CHECK(right(&v, 0, 4096));
	vmcore_close(&v);
	blob_deinit(&b);
}

TEST(other_formats)
{
	struct vmcore v;
	struct blob b;

	blob_init(&b);
	blob_append(&b, "makedumpfile\0\0\0\0", 16);
	blob_zero(&b, 8192);
	CHECK_FAILS(open_bytes(&v, &b), -ENOTSUP, "flattened");
	memcpy(b.data, "DISKDUMP", 8);
	CHECK_FAILS(open_bytes(&v, &b), -ENOTSUP, "diskdump");
	/* 32-bit: the block size stands 12 bytes earlier. */
	memcpy(b.data, "KDUMP   ", 8);
	put_u32(b.data + 8, 6, false);
	put_u32(b.data + 416, 4096, false);
	CHECK_FAILS(open_bytes(&v, &b), -ENOTSUP, "32-bit");
	memcpy(b.data, "nothing ", 8);
	CHECK_FAILS(open_bytes(&v, &b), -ENOEXEC, "no ELF file; no kdump-compressed dump");
	blob_deinit(&b);
}
