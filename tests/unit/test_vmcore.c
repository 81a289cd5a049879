/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF cores as a source, and the windows through which files are read. */
#include "kdump/source.h"
#include "kdump/vmcore.h"
#include "tests/unit/make_core.h"
#include "tests/unit/test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>

static unsigned int warnings;
static char last_warning[512];

static void count_warning(void *ctx, const char *text)
{
	(void)ctx;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", text);
}

static int open_bytes(struct vmcore *v, const void *bytes, size_t len)
{
	warnings = 0;
	err_set_warn_sink(count_warning, NULL);
	return vmcore_open_fd(v, core_file(bytes, len), "core");
}

static void open_text(struct vmcore *v, const char *text)
{
	struct blob b;
	int err;

	blob_init(&b);
	core_make(text, &b);
	err = open_bytes(v, b.data, b.len);
	if (err) {
		printf("%s\n", err_text());
		abort();
	}
	blob_deinit(&b);
}

static bool right(struct vmcore *v, uint64_t paddr, size_t len)
{
	uint8_t *buf = malloc(len);
	bool good = !vmcore_read(v, paddr, buf, len);

	for (size_t i = 0; good && i < len; i++)
		good = buf[i] == core_byte(paddr + i);
	free(buf);
	return good;
}

static int read_err(struct vmcore *v, uint64_t paddr, size_t len)
{
	uint8_t *buf = malloc(len);
	int err = vmcore_read(v, paddr, buf, len);

	free(buf);
	return err;
}

/* As the kernel lays out /proc/vmcore: the image of the kernel first, then RAM, the low piece not of whole pages. */
static const char usual[] = "elf 64 little 62\n"
			    "load 0x14000 0x8000 at 0xffffffff81000000\n"
			    "load 0x1000 0x2c00 at 0xffff888000001000\n"
			    "load 0x10000 0x20000 at 0xffff888000010000\n"
			    "load 0x40000 0x10000 at 0xffff888000040000\n"
			    "note CORE 1 336\nnote CORE 1 336\n"
			    "vmcoreinfo OSRELEASE=6.1.0|PAGESIZE=4096|\n";

TEST(facts)
{
	struct vmcore v;
	uint8_t bitmap[2];

	open_text(&v, usual);
	CHECK_EQ(warnings, 0);
	CHECK_STR(v.ops->name, "ELF");
	CHECK_EQ(v.machine, EM_X86_64);
	CHECK_EQ(v.width, 8);
	CHECK_EQ(v.page_shift, 12);
	CHECK_EQ(v.nr_loads, 3);
	CHECK_EQ(v.loads[0].paddr, 0x1000);
	CHECK_EQ(v.loads[0].len, 0x2c00);
	CHECK_EQ(v.loads[1].vaddr, 0xffff888000010000);
	CHECK_EQ(v.nr_aliases, 1);
	CHECK_EQ(v.aliases[0].vaddr, 0xffffffff81000000);
	CHECK_EQ(v.aliases[0].len, 0x8000);
	CHECK_EQ(v.ram.nr, 3);
	CHECK_EQ(v.ram.r[0].last, 0x3fff);
	CHECK_EQ(v.max_pfn, 0x50);
	CHECK_STR((char *)v.vmcoreinfo.data, "OSRELEASE=6.1.0\nPAGESIZE=4096\n");
	CHECK(!v.incomplete);
	CHECK_EQ(v.dump_level, 0);
	/* The page that is RAM in part is there; beyond all memory there is nothing. */
	CHECK_EQ(vmcore_held(&v, 0, 16, bitmap), 0);
	CHECK_EQ(bitmap[0], 0x0e);
	CHECK_EQ(bitmap[1], 0);
	CHECK_EQ(vmcore_held(&v, 1ull << 60, 16, bitmap), 0);
	CHECK_EQ(bitmap[0], 0);
	vmcore_close(&v);
	vmcore_close(&v);
}

TEST(reading)
{
	struct vmcore v;
	uint8_t page[4096];

	open_text(&v, usual);
	CHECK(right(&v, 0x1000, 0x2000));
	CHECK(right(&v, 0x14000, 0x8000));
	CHECK(right(&v, 0x10001, 0x1fffe));
	CHECK(right(&v, 0x4fff8, 8));
	CHECK(right(&v, 0x3000, 0xc00));
	/* The rest of a page that is RAM in part. */
	CHECK_EQ(vmcore_read(&v, 0x3000, page, 4096), 0);
	CHECK_EQ(page[0xbff], core_byte(0x3bff));
	CHECK_EQ(page[0xc00], 0);
	CHECK_EQ(page[0xfff], 0);
	CHECK_EQ(vmcore_read(&v, 0x3c00, page, 16), 0);
	CHECK_EQ(page[0], 0);
	CHECK_EQ(read_err(&v, 0x0, 1), -ENODATA);
	CHECK_EQ(read_err(&v, 0x4000, 1), -ENODATA);
	CHECK_EQ(read_err(&v, 0x3fff, 2), -ENODATA);
	CHECK_EQ(read_err(&v, 0x2ffff, 2), -ENODATA);
	CHECK_EQ(read_err(&v, 0x50000, 1), -ENODATA);
	CHECK_EQ(read_err(&v, UINT64_MAX, 1), -ENODATA);
	CHECK_EQ(read_err(&v, UINT64_MAX - 1, 8), -ENODATA);
	CHECK_EQ(vmcore_read(&v, UINT64_MAX, NULL, 0), 0);
	vmcore_close(&v);
}

TEST(in_place)
{
	struct vmcore v;
	const uint8_t *at;
	uint64_t len = 0;

	open_text(&v, usual);
	at = vmcore_at(&v, 0x11234, &len);
	CHECK(at != NULL);
	CHECK(len >= 0xdcc && len <= 0x30000 - 0x11234);
	for (uint64_t i = 0; at && i < len; i++)
		CHECK(at[i] == core_byte(0x11234 + i));
	/* A page that is RAM in part cannot be had in place, what there is not neither. */
	CHECK(!vmcore_at(&v, 0x3000, &len));
	CHECK(!vmcore_at(&v, 0x30000, &len));
	CHECK(!vmcore_at(&v, UINT64_MAX, &len));
	CHECK(vmcore_at(&v, 0x2000, &len) != NULL);
	vmcore_close(&v);
}

/* Stretches are what single pages are, and never more than one piece of the file holds. */
TEST(stretches)
{
	uint8_t buf[16 * 4096];
	struct vmcore v;

	open_text(&v, usual);
	CHECK(v.reads_well);
	for (uint64_t pfn = 0; pfn < 0x60; pfn++) {
		for (uint64_t nr = 1; nr <= 16; nr += 5) {
			uint64_t got = vmcore_read_run(&v, pfn, nr, buf), whole = 0;

			while (whole < nr && ((pfn + whole >= 1 && pfn + whole < 3) ||
					      (pfn + whole >= 0x10 && pfn + whole < 0x30) ||
					      (pfn + whole >= 0x40 && pfn + whole < 0x50)))
				whole++;
			CHECK_EQ(got, whole);
			for (uint64_t i = 0; i < got * 4096; i++)
				if (buf[i] != core_byte((pfn << 12) + i))
					CHECK_EQ(i, UINT64_MAX);
		}
	}
	CHECK_EQ(vmcore_read_run(&v, UINT64_MAX, 1, buf), 0);
	v.reads_well = false;
	CHECK_EQ(vmcore_read_run(&v, 0x10, 1, buf), 0);
	vmcore_close(&v);
}

/* Pages are those of the dumped kernel, whatever this machine has. */
TEST(large_pages)
{
	struct vmcore v;
	uint8_t *page = malloc(65536);

	open_text(&v, "elf 64 little 183\nload 0x40010000 0x18000\nvmcoreinfo PAGESIZE=65536\n");
	CHECK_EQ(v.page_shift, 16);
	CHECK_EQ(v.ram.r[0].last, 0x4002ffff);
	CHECK_EQ(v.max_pfn, 0x4003);
	CHECK(right(&v, 0x40010000, 0x18000));
	CHECK_EQ(vmcore_read(&v, 0x40020000, page, 65536), 0);
	CHECK_EQ(page[0x7fff], core_byte(0x40027fff));
	CHECK_EQ(page[0x8000], 0);
	vmcore_close(&v);
	free(page);
}

TEST(widths_and_orders)
{
	static const char *const heads[] = { "elf 32 little 3", "elf 32 big 8", "elf 64 big 22",
			"elf 64 little 243" };

	for (size_t i = 0; i < 4; i++) {
		char text[256];
		struct vmcore v;

		snprintf(text, sizeof(text),
			 "%s\nload 0x1000 0x3000 at 0xc0001000\nnote CORE 1 144\nvmcoreinfo PAGESIZE=4096\n", heads[i]);
		open_text(&v, text);
		CHECK_EQ(warnings, 0);
		CHECK_EQ(v.width, i < 2 ? 4 : 8);
		CHECK_EQ(v.big_endian, i == 1 || i == 2);
		CHECK_EQ(v.vmcoreinfo.len, 13);
		CHECK(right(&v, 0x1000, 0x3000));
		vmcore_close(&v);
	}
}

TEST(program_headers_counted_in_a_section)
{
	struct vmcore v;

	open_text(&v, "elf 64 little 62\nxnum\nload 0x1000 0x3000\nload 0x8000 0x1000\nvmcoreinfo PAGESIZE=4096\n");
	CHECK_EQ(v.nr_loads, 2);
	CHECK(right(&v, 0x8000, 0x1000));
	vmcore_close(&v);
	open_text(&v, "elf 32 big 8\nxnum\nload 0x1000 0x3000\n");
	CHECK_EQ(v.nr_loads, 1);
	vmcore_close(&v);
}

/* What makedumpfile -E leaves out has memory but no bytes. */
TEST(left_out)
{
	struct vmcore v;

	open_text(
		&v,
		"elf 64 little 62\nflags 1\nload 0x1000 0x3000\nload 0x4000 0 mem 0x8000\nload 0xc000 0x1000 mem 0x4000\n");
	CHECK(v.incomplete);
	CHECK_EQ(v.ram.nr, 1);
	CHECK_EQ(v.max_pfn, 0x10);
	CHECK(right(&v, 0x1000, 0x3000));
	CHECK(right(&v, 0xc000, 0x1000));
	CHECK_EQ(read_err(&v, 0x4000, 1), -ENODATA);
	CHECK_EQ(read_err(&v, 0xd000, 1), -ENODATA);
	vmcore_close(&v);
	/* The bit means something else on ppc64. */
	open_text(&v, "elf 64 big 21\nflags 1\nload 0x1000 0x3000\n");
	CHECK(!v.incomplete);
	vmcore_close(&v);
}

/*
 * makedumpfile -E cuts the kernel's image into other pieces than the RAM. The largest load tells
 * how RAM is mapped.
 */
TEST(aliases_in_pieces)
{
	struct vmcore v;

	open_text(&v, "elf 64 little 62\n"
		      "load 0x10000 0x8000 at 0xffffffff81000000\nload 0x18000 0x8000 at 0xffffffff81008000\n"
		      "load 0xc000 0x8000 at 0xffff88800000c000\nload 0x14000 0x2000 at 0xffff888000014000\n"
		      "load 0x18000 0x8000 at 0xffff888000018000\nload 0x40000 0x10000 at 0xffff888000040000\n");
	CHECK_EQ(v.nr_aliases, 2);
	CHECK_EQ(v.aliases[0].vaddr, 0xffffffff81000000);
	CHECK_EQ(v.aliases[1].vaddr, 0xffffffff81008000);
	/* 0x16000 to 0x17fff is in the first alias only. */
	CHECK_EQ(v.nr_loads, 5);
	CHECK_EQ(v.loads[2].paddr, 0x16000);
	CHECK_EQ(v.loads[2].len, 0x2000);
	CHECK_EQ(v.loads[2].vaddr, VMCORE_NO_VADDR);
	CHECK(right(&v, 0xc000, 0x14000));
	vmcore_close(&v);
}

/* What is said to be held, asked for in windows of every size, is what can be read. */
static void check_held(struct vmcore *v, const bool *have)
{
	for (uint64_t first = 0; first < 64; first += 8) {
		for (uint64_t nr = 8; first + nr <= 64; nr += 8) {
			uint8_t bitmap[9];

			memset(bitmap, 0xa5, sizeof(bitmap));
			CHECK_EQ(vmcore_held(v, first, nr, bitmap), 0);
			CHECK_EQ(bitmap[nr / 8], 0xa5);
			for (uint64_t i = 0; i < nr; i++)
				CHECK_EQ(bitmap[i / 8] >> i % 8 & 1, have[first + i]);
		}
	}
}

/* Loads stay disjoint and sorted, and read right, however the headers overlap. */
TEST(random_overlaps)
{
	for (unsigned int round = 0; round < 300; round++) {
		size_t len = (size_t)0;
		bool have[64] = { 0 }, claimed[64] = { 0 };
		unsigned int nr = 1 + test_random() % 12;
		char text[2048];
		struct vmcore v;

		len += sprintf(text, "elf 64 little 62\n");
		for (unsigned int i = 0; i < nr; i++) {
			unsigned int first = 1 + test_random() % 60, pages = test_random() % (64 - first),
					there = test_random() % (pages + 1);

			there = test_random() % 2 ? pages : there;
			len += sprintf(text + len, "load %#x %#x mem %#x at %#" PRIx64 "\n", first << 12,
					there << 12, pages << 12,
				       test_random() << 12);
			for (unsigned int p = first; p < first + pages; p++) {
				claimed[p] = true;
				have[p] |= p < first + there;
			}
		}
		len += sprintf(text + len, "load 0x100000 0x1000\n");
		open_text(&v, text);
		for (size_t i = 1; i < v.nr_loads; i++)
			CHECK(v.loads[i - 1].paddr + v.loads[i - 1].len <= v.loads[i].paddr);
		for (uint64_t p = 0; p < 64; p++) {
			if (have[p])
				CHECK(right(&v, p << 12, 4096));
			else
				CHECK_EQ(read_err(&v, p << 12, 4096), -ENODATA);
			CHECK_EQ(ranges_find(&v.ram, p << 12) != NULL, claimed[p]);
		}
		check_held(&v, have);
		vmcore_close(&v);
	}
}

/* Cut off anywhere. The image stands first in the file: what RAM lacks is read from there. */
TEST(cut_short)
{
	struct blob b;
	unsigned int opened = 0, rescued = 0;

	blob_init(&b);
	core_make(usual, &b);
	for (size_t len = 0; len < b.len; len += len < 1200 ? 1 : 511) {
		struct vmcore v;
		int err = open_bytes(&v, b.data, len);

		CHECK(!err || err == -ENOEXEC || err == -EINVAL || err == -EIO);
		if (err)
			continue;
		opened++;
		CHECK(v.incomplete);
		CHECK(warnings);
		for (uint64_t pfn = 0; pfn < 0x50; pfn++) {
			int got = pfn == 3 ? 0 : read_err(&v, pfn << 12, 4096);

			CHECK(!got || got == -ENODATA);
			if (!got && pfn != 3)
				CHECK(right(&v, pfn << 12, 4096));
			/* Pages 0x10 up of RAM lie behind the image and the low piece. */
			rescued += !got && pfn >= 0x14 && pfn < 0x1c && len < b.len - 0x30000;
		}
		vmcore_close(&v);
	}
	CHECK(opened > 100);
	CHECK(rescued > 8);
	blob_deinit(&b);
}

static int open_patched(const char *text, size_t off, uint64_t value, unsigned int bytes, struct vmcore *v)
{
	struct blob b;
	int err;

	blob_init(&b);
	core_make(text, &b);
	put_word(b.data + off, value, bytes, false);
	err = open_bytes(v, b.data, b.len);
	blob_deinit(&b);
	return err;
}

static int err_patched(const char *text, size_t off, uint64_t value, unsigned int bytes)
{
	struct vmcore v;
	int err = open_patched(text, off, value, bytes, &v);

	if (!err)
		vmcore_close(&v);
	return err;
}

TEST(headers_that_lie)
{
	static const char two[] =
		"elf 64 little 62\nload 0x1000 0x1000\nload 0x4000 0x1000\nvmcoreinfo PAGESIZE=4096\n";
	static const char xnum[] = "elf 64 little 62\nxnum\nload 0x1000 0x1000\n";
	const size_t load = 64 + 56; /* the first load's program header */
	struct vmcore v;

	CHECK_FAILS(err_patched(two, 16, ET_EXEC, 2), -EINVAL, "no core");
	CHECK_FAILS(err_patched(two, 4, 3, 1), -EINVAL, "class");
	CHECK_FAILS(err_patched(two, 54, 57, 2), -EINVAL, "57");
	CHECK_FAILS(err_patched(two, 32, UINT64_MAX, 8), -EINVAL, "damaged");
	CHECK_FAILS(err_patched(two, 32, 1ull << 50, 8), -EINVAL, "holds no memory");
	CHECK_FAILS(err_patched(two, 56, 0, 2), -EINVAL, "holds no memory");
	CHECK_FAILS(err_patched(two, 56, 0xffff, 2), -EINVAL, "missing");
	/* More than there are: what follows is no PT_LOAD or nonsense, and the file is over soon. */
	CHECK_EQ(err_patched(two, 56, 0xfffe, 2), 0);
	CHECK(warnings);
	/* XNUM: shoff, and the count in the section header behind two program headers */
	CHECK_FAILS(err_patched(xnum, 40, 1ull << 40, 8), -EINVAL, "missing");
	CHECK_FAILS(err_patched(xnum, 64 + 2 * 56 + 44, UINT32_MAX, 4), -EINVAL, "4294967295");
	/* Addresses that no machine has: that load is left out. */
	CHECK_EQ(open_patched(two, load + 24, 1ull << 60, 8, &v), 0);
	CHECK(warnings);
	CHECK_EQ(v.nr_loads, 1);
	CHECK(right(&v, 0x4000, 0x1000));
	vmcore_close(&v);
	CHECK_EQ(open_patched(two, load + 40, UINT64_MAX, 8, &v), 0);
	CHECK_EQ(v.nr_loads, 1);
	vmcore_close(&v);
	CHECK_EQ(open_patched(two, load + 8, UINT64_MAX, 8, &v), 0);
	CHECK_EQ(v.nr_loads, 1);
	vmcore_close(&v);
	/* More bytes than the file has: those there are. */
	CHECK_EQ(open_patched(two, load + 56 + 32, 1ull << 40, 8, &v), 0);
	CHECK(v.incomplete);
	CHECK(right(&v, 0x4000, 0x1000));
	CHECK_EQ(read_err(&v, 0x5000, 1), -ENODATA);
	vmcore_close(&v);
}

/*
 * A bit of an address or a size must not make a machine of petabytes, which no reader of the dump has the memory
 * for.
 */
TEST(claims_far_beyond_all_others)
{
	const char *three =
		"elf 64 little 62\nload 0x1000 0x1000 at 0xffffffff81001000\nload 0x1000 0x3000 at 0xffff888000001000\n"
		"load 0x8000 0x2000 at 0xffff888000008000\nload 0x10000 0x1000 at 0xffff888000010000\n";
	const size_t load = 64 + 56, next = 56;
	struct vmcore v;

	/* RAM: the virtual address tells. */
	CHECK_EQ(open_patched(three, load + 2 * next + 24, 0x8000 | 1ull << 47, 8, &v), 0);
	CHECK_EQ(warnings, 1);
	CHECK_EQ(v.max_pfn, 0x11);
	CHECK(right(&v, 0x8000, 0x2000));
	vmcore_close(&v);
	/* The kernel's image: it is there once more. */
	CHECK_EQ(open_patched(three, load + 24, 0x1000 | 1ull << 44, 8, &v), 0);
	CHECK_EQ(warnings, 1);
	CHECK_EQ(v.max_pfn, 0x11);
	CHECK_EQ(v.nr_aliases, 0);
	CHECK(right(&v, 0x1000, 0x3000));
	vmcore_close(&v);
	/* Without the damage it is the image. */
	open_text(&v, three);
	CHECK_EQ(warnings, 0);
	CHECK_EQ(v.nr_aliases, 1);
	vmcore_close(&v);
	/* More memory than a file so small stands for. */
	CHECK_EQ(open_patched(three, load + 3 * next + 40, 0x1000 | 1ull << 48, 8, &v), 0);
	CHECK_EQ(v.max_pfn, 0x11);
	CHECK(right(&v, 0x10000, 0x1000));
	vmcore_close(&v);
}

/* Memory far up is memory as long as its virtual address agrees with the rest. */
TEST(second_socket_far_up)
{
	struct vmcore v;

	open_text(
		&v,
		"elf 64 little 183\nload 0x80000000 0x1000 at 0xffff000080000000\nload 0x400000000000 0x1000 at 0xffff400000000000\n");
	CHECK_EQ(warnings, 0);
	CHECK_EQ(v.nr_loads, 2);
	CHECK(right(&v, 0x400000000000, 0x1000));
	vmcore_close(&v);
}

TEST(of_a_process)
{
	CHECK_FAILS(err_patched("elf 64 little 62\nload 0 0x1000 at 0x400000\nload 0 0x2000 at 0x500000\n",
			0, 0x7f, 1), -EINVAL, "process");
}

/* /proc/kcore has loads that are no memory. */
TEST(loads_without_address)
{
	struct vmcore v;

	open_text(&v, "elf 64 little 62\nload 0xffffffffffffffff 0x1000 at 0xffffc90000000000\nload 0x1000 0x1000\n");
	CHECK_EQ(v.nr_loads, 1);
	CHECK_EQ(warnings, 0);
	vmcore_close(&v);
}

TEST(notes_that_are_damaged)
{
	struct vmcore v;

	open_text(
		&v,
		"elf 64 little 62\nload 0x1000 0x1000\nnote CORE 1 336\nbadnote\nnote CORE 1 336\nvmcoreinfo PAGESIZE=16384\n");
	CHECK_EQ(warnings, 1);
	CHECK(strstr(last_warning, "notes are damaged"));
	CHECK_EQ(v.page_shift, 14);
	CHECK_EQ(v.notes.len, 2 * (12 + 8 + 336) + 12 + 12 + 16);
	vmcore_close(&v);
	open_text(&v, "elf 64 little 62\nload 0x1000 0x1000\nbadnote\n");
	CHECK_EQ(v.notes.len, 0);
	CHECK_EQ(v.page_shift, 12);
	vmcore_close(&v);
	/* a note of registers that are not this machine's: readers refuse such a dump */
	open_text(
		&v,
		"elf 64 little 62\nload 0x1000 0x1000\nnote CORE 1 0\nnote CORE 1 336\nnote CORE 1 392\nnote CORE 3 8\n"
		"vmcoreinfo PAGESIZE=4096\n");
	CHECK_EQ(warnings, 1);
	CHECK_EQ(v.notes.len, 12 + 8 + 336 + 12 + 8 + 8 + 12 + 12 + 16);
	CHECK(v.vmcoreinfo.len);
	vmcore_close(&v);
	/* an absurd page size */
	open_text(&v, "elf 64 little 62\nload 0x1000 0x1000\nvmcoreinfo PAGESIZE=4097\n");
	CHECK_EQ(warnings, 1);
	CHECK_EQ(v.page_shift, 12);
	/* ... is put right, in both places, for readers that are stricter */
	CHECK_STR((const char *)v.vmcoreinfo.data, "PAGESIZE=4096");
	CHECK(!memcmp(v.notes.data + 24, "PAGESIZE=4096", 13));
	vmcore_close(&v);
	open_text(&v, "elf 64 little 62\nload 0x1000 0x1000\nvmcoreinfo PAGESIZE=77\n");
	CHECK_EQ(v.page_shift, 12);
	CHECK_STR((const char *)v.vmcoreinfo.data, "XAGESIZE=77");
	vmcore_close(&v);
}

/* An absurd note segment: neither memory for it nor an error. The PT_NOTE is the first program header. */
TEST(note_segments_that_lie)
{
	struct vmcore v;

	CHECK_EQ(open_patched(usual, 64 + 32, 1ull << 62, 8, &v), 0);
	CHECK(warnings);
	CHECK(v.vmcoreinfo.len != 0);
	vmcore_close(&v);
	CHECK_EQ(open_patched(usual, 64 + 8, UINT64_MAX, 8, &v), 0);
	CHECK(warnings);
	CHECK_EQ(v.notes.len, 0);
	vmcore_close(&v);
}

TEST(what_cannot_be_opened)
{
	struct vmcore v;
	int fds[2];

	CHECK_FAILS(vmcore_open(&v, "/no/such/file"), -ENOENT, "/no/such/file");
	CHECK_FAILS(vmcore_open(&v, "/"), -EISDIR, "directory");
	CHECK_FAILS(vmcore_open(&v, "/dev/null"), -ESPIPE, "write it to a file first");
	CHECK_FAILS(open_bytes(&v, "", 0), -ENOEXEC, "no dump");
	CHECK_FAILS(open_bytes(&v, "\177ELF", 4), -ENOEXEC, "too short");
	CHECK_EQ(pipe(fds), 0);
	CHECK_FAILS(vmcore_open_fd(&v, fds[0], "pipe"), -ESPIPE, "pipe: ");
	close(fds[1]);
}

/* All ways of reading give the same: windows of every size, files that cannot be mapped, sequential and wild. */
TEST(windows)
{
	const size_t len = 3 * 1000 * 1000 + 17;
	uint8_t *bytes = malloc(len), *buf = malloc(70000);
	struct vmcore v = { .file_len = len };
	struct source_map m;
	uint64_t avail, off = 0;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)test_random();
	v.fd = core_file(bytes, len);
	for (unsigned int pass = 0; pass < 2; pass++) {
		source_map_init(&m, &v);
		m.can_map = pass == 0;
		for (unsigned int i = 0; i < 3000; i++) {
			size_t n = 1 + test_random() % 66000;

			off = i < 2000 && off + n < len ? off + n * (i % 7 != 0) : test_random() % len;
			if (n > len - off) {
				CHECK_EQ(source_map_read(&m, off, buf, n), -ENODATA);
				CHECK(!source_map_at(&m, off, n, &avail));
				n = len - off;
			}
			CHECK_EQ(source_map_read(&m, off, buf, n), 0);
			CHECK(!memcmp(buf, bytes + off, n));
			const uint8_t *at = source_map_at(&m, off, n, &avail);

			CHECK_EQ(at != NULL, pass == 0);
			if (at) {
				CHECK(avail >= n && avail <= len - off);
				CHECK(!memcmp(at, bytes + off, avail));
			}
		}
		CHECK_EQ(source_map_read(&m, UINT64_MAX, buf, 16), -ENODATA);
		source_map_deinit(&m);
	}
	close(v.fd);
	free(bytes);
	free(buf);
}

/* A reader that goes through the file maps ever more at once. */
TEST(windows_grow)
{
	const size_t len = 40u << 20;
	struct vmcore v = { .fd = memfd_create("large", MFD_CLOEXEC), .file_len = len };
	unsigned int maps = 0;
	uint64_t before = 0;
	struct source_map m;

	CHECK_EQ(ftruncate(v.fd, len), 0);
	source_map_init(&m, &v);
	for (uint64_t off = 0; off < len; off += 4096) {
		uint64_t avail = 0;
		const uint8_t *at = source_map_at(&m, off, 4096, &avail);

		CHECK(at && avail >= 4096);
		maps += avail > before;
		before = avail;
	}
	/* 256 KiB, 512 KiB, 1 MiB, 2 MiB; 4 MiB nine times; the rest */
	CHECK_EQ(maps, 14);
	source_map_deinit(&m);
	close(v.fd);
}

/* A page that the disk does not deliver is an error, not a signal: here a file that is shorter than it was. */
TEST(windows_onto_pages_that_are_gone)
{
	struct vmcore v = { .fd = memfd_create("short", MFD_CLOEXEC), .file_len = 1u << 20 };
	struct source_map m;
	uint8_t buf[4096];
	uint64_t avail;

	CHECK_EQ(ftruncate(v.fd, 64 << 10), 0);
	source_map_init(&m, &v);
	CHECK_EQ(source_map_read(&m, 4096, buf, 4096), 0);
	CHECK_EQ(source_map_read(&m, 512 << 10, buf, 4096), -ENODATA);
	CHECK(!source_map_at(&m, 4096, 4096, &avail));
	source_map_deinit(&m);
	close(v.fd);
}

TEST(what_cannot_be_read)
{
	struct vmcore v;
	uint64_t len;
	int fd;

	open_text(&v, usual);
	/* The descriptor now is one that may not be read. */
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK(dup2(fd, v.fd) == v.fd);
	CHECK_EQ(read_err(&v, 0x10000, 4096), -EIO);
	CHECK_EQ(read_err(&v, 0x3000, 4096), -EIO);
	CHECK(!vmcore_at(&v, 0x10000, &len));
	close(fd);
	vmcore_close(&v);
}
