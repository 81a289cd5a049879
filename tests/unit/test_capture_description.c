/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published description: written and read again byte by byte, found in memory, and every way in which it can be
 * wrong.
 */
#include "lib/capture_description.h"

#include "lib/capture_report.h"
#include "tests/unit/test.h"

#include <elf.h>
#include <errno.h>

#define START 0x10000000ull
#define MEMORY 0x40000u        /* of the made-up machine, from START on */
#define WHERE (START + 0x30000)
#define HEADERS (START + 0x20000)

static uint8_t memory[MEMORY];
static uint64_t unreadable;    /* a page that cannot be read; 0: none */

static int read_memory(void *ctx, uint64_t paddr, void *buf, size_t len)
{
	(void)ctx;
	if (paddr < START || paddr - START > MEMORY || len > MEMORY - (paddr - START))
		return -ENODATA;
	if (unreadable && paddr < unreadable + 4096 && unreadable < paddr + len)
		return -EIO;
	memcpy(buf, memory + (paddr - START), len);
	return 0;
}

static struct view page_at(uint64_t paddr)
{
	return view_of(memory + (paddr - START), CAPD_BYTES, "page");
}

static void add_segment(struct capture_description *d, const char *name, uint64_t off, uint64_t len, uint64_t memsz,
			uint64_t flags)
{
	struct capd_segment *seg = &d->segments[d->nr_segments++];

	seg->paddr = START + off;
	seg->len = len;
	seg->memsz = memsz;
	seg->flags = flags;
	strcpy(seg->purpose, name);
	for (uint64_t i = 0; i < len; i++)
		memory[off + i] = test_random();
	memset(memory + off + len, 0, memsz - len);
	if (flags & CAPD_SEGMENT_DIGEST)
		sha256_of(memory + off, len, seg->digest);
}

static void fill(struct capture_description *d)
{
	memset(memory, 0, sizeof(memory));
	memset(d, 0, sizeof(*d));
	unreadable = 0;
	d->paddr = WHERE;
	d->loaded_at = 0x1122334455667788;
	d->machine = EM_X86_64;
	d->page_bytes = 4096;
	d->policy = 0x626f6f74;
	d->flags = CAPD_HOTPLUG;
	d->elfcorehdr_paddr = HEADERS;
	d->elfcorehdr_len = 0x98;
	d->vmcoreinfo_paddr = 0x123456789000;
	d->vmcoreinfo_len = 0x1024;
	d->nr_crash_regions = 2;
	d->crash_regions[0] = (struct capd_crash_region){ 0x1000, 0x2000 };
	d->crash_regions[1] = (struct capd_crash_region){ START, MEMORY };
	add_segment(d, "kernel", 0, 0x5123, 0x8000, CAPD_SEGMENT_DIGEST | CAPD_SEGMENT_PRIMARY | CAPD_SEGMENT_FALLBACK);
	add_segment(d, "initrd", 0x8000, 0x4000, 0x4000, CAPD_SEGMENT_DIGEST | CAPD_SEGMENT_PRIMARY);
	add_segment(d, "backup", 0x10000, 0, 0x1000, CAPD_SEGMENT_PRIMARY | CAPD_SEGMENT_FALLBACK);
}

static void publish(const struct capture_description *d, bool be)
{
	capd_build(d, be, memory + (d->paddr - START));
}

/* The checksum of what stands there now, for what is wrong in spite of it. */
static void sum_again(void)
{
	uint8_t *at = memory + (WHERE - START), digest[32];

	memset(at + 32, 0, 32);
	sha256_of(at, CAPD_BYTES, digest);
	memcpy(at + 32, digest, 32);
}

TEST(byte_by_byte)
{
	struct capture_description d;
	const uint8_t *at = memory + (WHERE - START), *seg = at + 264;

	fill(&d);
	publish(&d, false);
	CHECK(!memcmp(at, "Parachute capture\0\0\0\0\0\0\0", 24));
	CHECK_EQ(get_u32(at + 24, false), 1);
	CHECK_EQ(get_u32(at + 28, false), 4096);
	CHECK_EQ(get_u64(at + 64, false), WHERE);
	CHECK_EQ(get_u64(at + 72, false), 0x1122334455667788);
	CHECK_EQ(get_u32(at + 80, false), EM_X86_64);
	CHECK_EQ(get_u32(at + 84, false), 4096);
	CHECK_EQ(get_u32(at + 88, false), 0x626f6f74);
	CHECK_EQ(get_u32(at + 92, false), CAPD_HOTPLUG);
	CHECK_EQ(get_u64(at + 96, false), HEADERS);
	CHECK_EQ(get_u64(at + 104, false), 0x98);
	CHECK_EQ(get_u64(at + 112, false), 0x123456789000);
	CHECK_EQ(get_u64(at + 120, false), 0x1024);
	CHECK_EQ(get_u32(at + 128, false), 2);
	CHECK_EQ(get_u32(at + 132, false), 3);
	CHECK_EQ(get_u64(at + 152, false), START);
	CHECK_EQ(get_u64(at + 160, false), MEMORY);
	CHECK_EQ(get_u64(seg, false), START);
	CHECK_EQ(get_u64(seg + 8, false), 0x5123);
	CHECK_EQ(get_u64(seg + 16, false), 0x8000);
	CHECK_EQ(get_u64(seg + 24, false), 7);
	CHECK(!memcmp(seg + 32, "kernel\0", 7));
	CHECK(!memcmp(seg + 56, d.segments[0].digest, 32));
	CHECK_EQ(get_u64(seg + 88, false), START + 0x8000);
}

TEST(read_again_in_both_byte_orders)
{
	for (unsigned int be = 0; be < 2; be++) {
		struct capture_description d, back;
		struct view page;

		fill(&d);
		publish(&d, be);
		page = page_at(WHERE);
		CHECK_EQ(capd_parse(&page, &back), 0);
		CHECK_EQ(back.version, CAPD_VERSION);
		CHECK_EQ(back.size, CAPD_BYTES);
		CHECK(!memcmp(&back.paddr, &d.paddr, sizeof(d) - offsetof(struct capture_description, paddr)));
	}
}

TEST(every_flipped_bit_is_seen)
{
	struct capture_description d, back;
	struct view page;

	fill(&d);
	publish(&d, false);
	page = page_at(WHERE);
	memset(&back, 0x77, sizeof(back));
	for (unsigned int bit = 0; bit < 8 * CAPD_BYTES; bit++) {
		int err;

		memory[WHERE - START + bit / 8] ^= 1 << bit % 8;
		err = capd_parse(&page, &back);
		if (err != (bit < 8 * CAPD_MAGIC_BYTES ? -ENOEXEC : -EINVAL))
			CHECK_EQ(bit, 8 * CAPD_BYTES);
		memory[WHERE - START + bit / 8] ^= 1 << bit % 8;
	}
	CHECK_EQ(back.paddr, 0x7777777777777777);
	CHECK_EQ(capd_parse(&page, &back), 0);
	page.len--;
	CHECK_FAILS(capd_parse(&page, &back), -EINVAL, "cut off");
}

static void check_nonsense(void (*change)(struct capture_description *d), int err, const char *text)
{
	struct capture_description d;
	struct view page = page_at(WHERE);

	fill(&d);
	change(&d);
	capd_build(&d, false, memory + (WHERE - START));
	/* What capd_build() sees to itself. */
	put_u32(memory + (WHERE - START) + 128, d.nr_crash_regions, false);
	put_u32(memory + (WHERE - START) + 132, d.nr_segments, false);
	if (d.version)
		put_u32(memory + (WHERE - START) + 24, d.version, false);
	sum_again();
	CHECK_FAILS(capd_parse(&page, &d), err, text);
}

static void too_many_segments(struct capture_description *d) { d->nr_segments = 17; }
static void too_many_regions(struct capture_description *d) { d->nr_crash_regions = UINT32_MAX; }
static void empty_region(struct capture_description *d) { d->crash_regions[0].len = 0; }
static void region_wraps(struct capture_description *d) { d->crash_regions[0].len = UINT64_MAX; }
static void segment_wraps(struct capture_description *d) { d->segments[0].memsz = UINT64_MAX; }
static void segment_empty(struct capture_description *d) { d->segments[0].memsz = d->segments[0].len = 0; }
static void longer_than_memory(struct capture_description *d) { d->segments[0].len = 0x8001; }
static void nameless(struct capture_description *d) { memset(d->segments[0].purpose, 'x', CAPD_PURPOSE_BYTES); }
static void outside(struct capture_description *d) { d->segments[2].paddr = START + MEMORY - 0xfff; }
static void overlap(struct capture_description *d) { d->segments[1].paddr = START + 0x7000; }
static void disorder(struct capture_description *d) { d->segments[1].paddr = START + 0x20000; }
static void not_a_page(struct capture_description *d) { d->paddr++; }
static void newer(struct capture_description *d) { d->version = 2; }

TEST(what_makes_no_sense)
{
	check_nonsense(too_many_segments, -EINVAL, "count");
	check_nonsense(too_many_regions, -EINVAL, "count");
	check_nonsense(empty_region, -EINVAL, "crash region is empty");
	check_nonsense(region_wraps, -EINVAL, "wraps");
	check_nonsense(segment_wraps, -EINVAL, "wraps");
	check_nonsense(segment_empty, -EINVAL, "segment is empty");
	check_nonsense(longer_than_memory, -EINVAL, "longer than its memory");
	check_nonsense(nameless, -EINVAL, "name");
	check_nonsense(outside, -EINVAL, "lies in no crash region");
	check_nonsense(overlap, -EINVAL, "overlap");
	check_nonsense(disorder, -EINVAL, "order");
	check_nonsense(not_a_page, -EINVAL, "not a page's");
	check_nonsense(newer, -ENOTSUP, "version 2");
}

TEST(segments_verified)
{
	struct capd_result r[CAPD_MAX_SEGMENTS];
	struct capture_description d;

	fill(&d);
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_INTACT);
	CHECK_EQ(r[0].verdict, CAPD_INTACT);
	CHECK_EQ(r[2].verdict, CAPD_UNKNOWN);
	CHECK_EQ(r[2].err, 0);

	memory[0x5122] ^= 4;
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_DAMAGED);
	CHECK_EQ(r[0].verdict, CAPD_DAMAGED);
	CHECK(!r[0].padding && memcmp(r[0].found, d.segments[0].digest, 32));
	CHECK_EQ(r[1].verdict, CAPD_INTACT);
	memory[0x5122] ^= 4;

	memory[0x7fff] = 1;
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_DAMAGED);
	CHECK(r[0].padding);
	CHECK_EQ(r[0].paddr, START + 0x7fff);
	memory[0x7fff] = 0;

	memory[0x10000] = 1;           /* nobody verifies it */
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_INTACT);

	unreadable = START + 0x9000;
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_UNKNOWN);
	CHECK_EQ(r[1].err, -EIO);
	CHECK_EQ(r[0].verdict, CAPD_INTACT);
	memory[0] ^= 1;                /* damage counts more than what cannot be read */
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_DAMAGED);
	memory[0] ^= 1;
	unreadable = START + 0x6000;   /* in the padding */
	CHECK_EQ(capd_verify(&d, read_memory, NULL, r), CAPD_UNKNOWN);
	CHECK_EQ(r[0].err, -EIO);
}

/* Core headers of so many program headers at HEADERS, with the pointer behind them. */
static void put_headers(uint8_t class, uint16_t nr, uint64_t target)
{
	unsigned int ehdr = class == ELFCLASS64 ? 64 : 52, phdr = class == ELFCLASS64 ? 56 : 32;
	uint8_t *at = memory + (HEADERS - START);

	memset(at, 0, 4096);
	memcpy(at, ELFMAG, SELFMAG);
	at[EI_CLASS] = class;
	at[EI_DATA] = ELFDATA2LSB;
	at[EI_VERSION] = 1;
	put_u16(at + 16, ET_CORE, false);
	put_u16(at + 18, EM_X86_64, false);
	put_u32(at + 20, 1, false);
	put_word(at + (class == ELFCLASS64 ? 32 : 28), ehdr, class == ELFCLASS64 ? 8 : 4, false);
	put_u16(at + (class == ELFCLASS64 ? 52 : 40), ehdr, false);
	put_u16(at + (class == ELFCLASS64 ? 54 : 42), phdr, false);
	put_u16(at + (class == ELFCLASS64 ? 56 : 44), nr, false);
	capd_pointer_build(target, false, at + ((ehdr + nr * phdr + 7) & ~7u));
}

TEST(pointer_behind_the_core_headers)
{
	static const uint8_t classes[] = { ELFCLASS64, ELFCLASS32 };

	for (size_t i = 0; i < 2; i++) {
		struct view page = page_at(HEADERS);
		uint64_t place = 0, target = 0;

		put_headers(classes[i], 3, WHERE);
		CHECK(capd_pointer_place(&page, HEADERS, &place));
		CHECK_EQ(place, HEADERS + (i ? 152 : 232));
		CHECK(capd_pointer_read(read_memory, NULL, place, &target));
		CHECK_EQ(target, WHERE);
		memory[place - START] ^= 1;
		CHECK(!capd_pointer_read(read_memory, NULL, place, &target));
		CHECK(!capd_pointer_read(read_memory, NULL, START + MEMORY - 8, &target));
		memory[HEADERS - START + 16] = ET_EXEC;
		CHECK(!capd_pointer_place(&page, HEADERS, &place));
		memory[HEADERS - START]++;
		CHECK(!capd_pointer_place(&page, HEADERS, &place));
		CHECK_STR(err_text(), "");
	}
}

static struct capd_finder search(void)
{
	struct capd_finder f = { .found = false };

	CHECK_EQ(capd_scan(&f, START, START + MEMORY - 1, read_memory, NULL), 0);
	return f;
}

TEST(found_in_memory)
{
	struct capture_description d, older;
	struct capd_finder f;

	fill(&d);
	f = search();
	CHECK(!f.found && !f.damaged && !f.astray && !f.shifted);
	CHECK_EQ(f.nr_pages, MEMORY / 4096);
	CHECK(f.nr_zero > 20 && f.nr_zero < f.nr_pages);
	publish(&d, false);
	put_headers(ELFCLASS64, 4, WHERE);
	f = search();
	CHECK(f.found && !f.damaged && !f.astray);
	CHECK_EQ(f.d.paddr, WHERE);

	/* One of an earlier load; in either order. */
	older = d;
	older.loaded_at--;
	older.paddr = WHERE - 0x3000;
	publish(&older, false);
	f = search();
	CHECK_EQ(f.d.paddr, WHERE);
	older.loaded_at += 2;
	publish(&older, true);
	f = search();
	CHECK_EQ(f.d.paddr, WHERE - 0x3000);
	memset(memory + (WHERE - 0x3000 - START), 0, CAPD_BYTES);

	/* A copy elsewhere is none, but tells by how much everything is shifted. */
	memcpy(memory + (WHERE - START) - 0x2000, memory + (WHERE - START), CAPD_BYTES);
	memset(memory + (WHERE - START), 0, CAPD_BYTES);
	f = search();
	CHECK(!f.found && f.shifted);
	CHECK_EQ(f.shift, 0x2000);

	unreadable = WHERE;
	f = search();
	CHECK_EQ(f.nr_pages, MEMORY / 4096 - 1);
}

static void check_report(enum capd_verdict verdict, const char *text)
{
	struct capture_report report = { .source = "memory" };
	struct capd_finder f = search();
	char *out = NULL;
	size_t len;
	FILE *stream = open_memstream(&out, &len);

	capture_report_make(&report, &f, "nothing is there", read_memory, NULL);
	CHECK_EQ(report.verdict, verdict);
	CHECK_EQ(capture_report_print(&report, false, stream), 0);
	fclose(stream);
	if (!strstr(out, text)) {
		CHECK(!"the report says something else");
		puts(out);
	}
	free(out);
}

TEST(reports)
{
	struct capture_description d;

	fill(&d);
	check_report(CAPD_UNKNOWN, "memory: cannot tell: nothing is there");
	put_headers(ELFCLASS64, 2, WHERE);
	check_report(CAPD_DAMAGED, "memory: damaged: the core headers point to a description that is not there");
	publish(&d, false);
	check_report(CAPD_INTACT, "Primary image: intact\nFallback image: intact\nmemory: intact\n");
	check_report(CAPD_INTACT, "When damaged: boot; the kernel rewrites the core headers\n");
	check_report(CAPD_INTACT, "backup                not verified: it has no digest");
	memory[0x8000] ^= 1;
	check_report(CAPD_DAMAGED, "Primary image: damaged\nFallback image: intact\nmemory: damaged\n");
	check_report(CAPD_DAMAGED, "initrd                damaged: expected ");
	memory[0x8000] ^= 1;
	memory[0x7000] = 1;
	check_report(CAPD_DAMAGED, "damaged: not zero at 0x10007000");
	memory[0x7000] = 0;
	unreadable = START + 0x8000;
	check_report(CAPD_UNKNOWN, "cannot be read at 0x10008000: Input/output error");
	unreadable = 0;
	memory[WHERE - START + 100] ^= 1;
	check_report(CAPD_DAMAGED, "memory: damaged: the description of the capture kernel is damaged");
	memory[WHERE - START + 100] ^= 1;
	memory[WHERE - START] ^= 1;    /* a bit of its magic */
	check_report(CAPD_DAMAGED, "memory: damaged: the description of the capture kernel is damaged");
	memset(memory + (WHERE - START), 0, 8);    /* too much of it: only the pointer tells */
	check_report(CAPD_DAMAGED, "the core headers point to a description that is not there");
	/* Names are shown as what they may be. */
	strcpy(d.segments[0].purpose, "a\033[31mb");
	publish(&d, false);
	check_report(CAPD_INTACT, "a?[31mb ");
}
