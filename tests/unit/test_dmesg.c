/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/dmesg.h"
#include "tests/unit/make_log.h"
#include "tests/unit/test.h"

#include <unistd.h>

/* The log as text: one string, to be freed. */
struct collected {
	struct blob text;
	unsigned int flags;
	struct dmesg_result result;
	int err;
	unsigned int stop_after;   /* lines; 0: never */
};

static int collect_line(void *ctx, const struct dmesg_line *line)
{
	struct collected *c = ctx;

	if (c->stop_after && !--c->stop_after)
		return -EPIPE;
	return dmesg_format(line, c->flags, &c->text);
}

static const char *collect(struct memcore *m, struct collected *c)
{
	struct vtop vt;

	blob_deinit(&c->text);
	blob_init(&c->text);
	CHECK_EQ(vtop_init(&vt, &m->core, &m->vi), 0);
	c->err = dmesg_read(&vt, collect_line, c, &c->result);
	return c->text.data ? (const char *)c->text.data : "";
}

TEST(format)
{
	static const struct {
		struct dmesg_line line;
		unsigned int flags;
		const char *want;
	} rows[] = {
		{ { .ns = 1234567890, .text = "hello", .len = 5, .level = 6 }, 0, "[    1.234567] hello\n" },
		{ { .ns = 123456123456789, .text = "a\nb", .len = 3 }, 0, "[123456.123456] a\n                b\n" },
		{ { .ns = 0, .text = "a\n", .len = 2 }, 0, "[    0.000000] a\n" },
		{ { .ns = 0, .text = "", .len = 0 }, 0, "[    0.000000] \n" },
		{ { .ns = 0, .text = "\n\n", .len = 2 }, 0, "[    0.000000] \n               \n" },
		{ { .ns = DMESG_NO_TIME, .text = "a\nb", .len = 3, .caller = 7 }, 0, "a\nb\n" },
		{ { .text = "\x1b[1m\0\t\\\x7f\xc3", .len = 9 }, 0, "[    0.000000] \\x1b[1m\\x00\t\\\\x7f\\xc3\n" },
		{ { .ns = 0, .text = "a", .len = 1, .caller = 12 }, DMESG_CALLERS, "[    0.000000][   T12] a\n" },
		{ { .text = "a", .len = 1, .caller = 0x80000003 }, DMESG_CALLERS, "[    0.000000][    C3] a\n" },
		{ { .ns = 0, .text = "a", .len = 1, .caller = DMESG_NO_CALLER }, DMESG_CALLERS, "[    0.000000] a\n" },
		{ { .text = "a", .len = 1, .level = 4, .facility = 3 }, DMESG_LEVELS, "<28>[    0.000000] a\n" },
		{ { .ns = 0, .text = "a", .len = 1, .level = DMESG_NO_LEVEL }, DMESG_LEVELS, "[    0.000000] a\n" },
		{ { .ns = UINT64_MAX - 1, .text = "a", .len = 1 }, 0, "[18446744073.709551] a\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob out;

		blob_init(&out);
		CHECK_EQ(dmesg_format(&rows[i].line, rows[i].flags, &out), 0);
		CHECK_STR((const char *)out.data, rows[i].want);
		blob_deinit(&out);
	}
}

static void start_lockless(struct memcore *m, struct lockless *l, unsigned int count_bits, unsigned int size_bits)
{
	memcore_init(m, EM_X86_64, LOCKLESS_INFO);
	lockless_start(l, m, count_bits, size_bits);
}

TEST(lockless_short)
{
	struct collected c = { .flags = DMESG_CALLERS | DMESG_LEVELS };
	struct memcore m;
	struct lockless l;

	start_lockless(&m, &l, 6, 12);
	lockless_put(&l, 0, 5, 0, "Linux version 6.1.0", LOG_FINALIZED);
	lockless_put(&l, 1500000000, 30, 1, "two\nlines", LOG_FINALIZED);
	lockless_put(&l, 1500001000, 6, 1, "", LOG_FINALIZED);
	lockless_put(&l, 1600000000, 2, 0x80000001, "not yet written", LOG_RESERVED);
	lockless_put(&l, 2000000000, 0, 0x80000001, "panic: 100%", LOG_COMMITTED);
	CHECK_STR(collect(&m, &c), "<5>[    0.000000][    T0] Linux version 6.1.0\n"
				   "<30>[    1.500000][    T1] two\n                           lines\n"
				   "<6>[    1.500001][    T1] \n"
				   "<0>[    2.000000][    C1] panic: 100%\n");
	CHECK_EQ(c.err, 0);
	CHECK_STR(c.result.format, "lockless ring");
	CHECK_EQ(c.result.nr_lines, 4);
	CHECK_EQ(c.result.nr_skipped, 0);
	/* The caller's own word stops it. */
	c.stop_after = 2;
	collect(&m, &c);
	CHECK_EQ(c.err, -EPIPE);
	CHECK_EQ(c.result.nr_lines, 2);
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

TEST(lockless_empty)
{
	struct collected c = { 0 };
	struct memcore m;
	struct lockless l;
	struct vtop vt;

	start_lockless(&m, &l, 6, 12);
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	CHECK_FAILS(dmesg_read(&vt, collect_line, &c, &c.result), -ENODATA, "no kernel log can be found");
	CHECK_EQ(c.result.nr_lines, 0);
	CHECK(!c.result.format);
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

/* A log of NR records, and in WANT what should come out of it: those the ring still holds. */
static void fill(struct lockless *l, unsigned int nr, struct blob *want)
{
	char text[64];

	for (unsigned int i = 0; i < nr; i++) {
		snprintf(text, sizeof(text), "record %u %.*s", i, i * 7 % 40,
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
		lockless_put(l, i * 1000000ull, i % 8, i, text, LOG_FINALIZED);
	}
	blob_init(want);
	for (unsigned int i = l->tail_seq; i < nr; i++) {
		struct dmesg_line line = { .ns = i * 1000000ull, .text = text };

		line.len = snprintf(text, sizeof(text), "record %u %.*s", i, i * 7 % 40,
				    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
		CHECK_EQ(dmesg_format(&line, 0, want), 0);
	}
}

/* Around descriptors, around text, over the top of ids and positions, which both happen early in a kernel's life. */
TEST(lockless_wraps)
{
	for (unsigned int nr = 1; nr < 200; nr++) {
		struct collected c = { 0 };
		struct memcore m;
		struct lockless l;
		struct blob want;

		start_lockless(&m, &l, 5, nr % 2 ? 9 : 12);
		fill(&l, nr, &want);
		CHECK_STR(collect(&m, &c), (const char *)want.data);
		CHECK_EQ(c.result.nr_skipped, 0);
		CHECK_EQ(c.result.nr_lines, nr - l.tail_seq);
		blob_deinit(&want);
		blob_deinit(&c.text);
		memcore_deinit(&m);
	}
}

TEST(lockless_needs_no_head_and_tail)
{
	static const uint64_t heads[] = { 0, UINT64_MAX, 1, 0x4000000000000000, 0x123456789 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct collected c = { 0 };
		struct memcore m;
		struct lockless l;
		struct blob want;

		start_lockless(&m, &l, 5, 10);
		fill(&l, 50, &want);
		memcore_u64(&m, LOCKLESS_RING + 24, heads[i]);
		memcore_u64(&m, LOCKLESS_RING + 32, heads[sizeof(heads) / sizeof(heads[0]) - 1 - i]);
		CHECK_STR(collect(&m, &c), (const char *)want.data);
		blob_deinit(&want);
		blob_deinit(&c.text);
		memcore_deinit(&m);
	}
}

/* How many lines of A stand in B, in this order. */
static unsigned int common_lines(const char *a, const char *b)
{
	unsigned int nr = 0;

	while (*a) {
		size_t len = strchr(a, '\n') + 1 - a;
		const char *found = memmem(b, strlen(b), a, len);

		if (found) {
			nr++;
			b = found + len;
		}
		a += len;
	}
	return nr;
}

struct flip_zone {
	uint64_t paddr;
	unsigned int bytes;
	unsigned int stride;       /* flip bytes 0 to 23 of each STRIDE bytes */
	unsigned int may_lose;     /* lines */
};

/* Every bit of the ring, the descriptors and what of the info records is read, in a short and in a wrapped log. */
TEST(lockless_every_flipped_bit)
{
	static const struct flip_zone zones[] = {
		{ LOCKLESS_RING, 8, 24, 0 },           /* count_bits */
		{ LOCKLESS_RING + 24, 24, 24, 0 },     /* head, tail */
		{ LOCKLESS_RING + 48, 8, 24, 0 },      /* size_bits */
		{ LOCKLESS_PRB, 8, 24, 0 },            /* the static ring is the ring */
		{ LOCKLESS_DESCS, 32 * 24, 24, 1 },
		{ LOCKLESS_INFOS, 32 * 88, 88, 1 },
		{ LOCKLESS_RING + 8, 16, 24, UINT32_MAX },
		{ LOCKLESS_RING + 56, 8, 24, UINT32_MAX },
	};

	for (unsigned int nr = 20; nr <= 100; nr += 80) {
		struct collected c = { 0 };
		struct memcore m;
		struct lockless l;
		struct blob want;

		start_lockless(&m, &l, 5, 12);
		fill(&l, nr, &want);
		for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
			for (unsigned int bit = 0; bit < zones[z].bytes * 8; bit++) {
				uint64_t before = m.reads;
				unsigned int common;

				if (bit / 8 % zones[z].stride >= 24)
					continue;
				memcore_flip(&m, zones[z].paddr, bit);
				common = common_lines((const char *)want.data, collect(&m, &c));
				CHECK(c.err == 0 || (c.err == -ENODATA && zones[z].may_lose == UINT32_MAX));
				CHECK(m.reads - before < 50000);
				if (zones[z].may_lose != UINT32_MAX && common + zones[z].may_lose < nr - l.tail_seq) {
					printf("bit %u of %#" PRIx64 ": %u of %u\n", bit, zones[z].paddr, common,
					       (unsigned int)(nr - l.tail_seq));
					CHECK(false);
				}
				memcore_flip(&m, zones[z].paddr, bit);
			}
		}
		CHECK_STR(collect(&m, &c), (const char *)want.data);
		blob_deinit(&want);
		blob_deinit(&c.text);
		memcore_deinit(&m);
	}
}

TEST(lockless_pages_missing)
{
	struct collected c = { 0 };
	struct memcore m;
	struct lockless l;
	struct blob want;

	/* Of the text: some lines are gone. Of the info records: texts without times. */
	start_lockless(&m, &l, 8, 13);
	fill(&l, 200, &want);
	memcore_page(&m, LOCKLESS_DATA, false)->paddr = 0x7000000;
	collect(&m, &c);
	CHECK_EQ(c.err, 0);
	CHECK(c.result.nr_lines > 50 && c.result.nr_lines + c.result.nr_skipped == 200 - l.tail_seq);
	CHECK_EQ(common_lines((const char *)c.text.data, (const char *)want.data), c.result.nr_lines);
	memcore_page(&m, 0x7000000, false)->paddr = LOCKLESS_DATA;
	memcore_page(&m, LOCKLESS_INFOS, false)->paddr = 0x7000000;
	CHECK(strstr(collect(&m, &c), "\nrecord 40 "));
	CHECK_EQ(c.result.nr_lines, 200 - l.tail_seq);
	blob_deinit(&want);
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

TEST(lockless_unbelievable_falls_back_to_text)
{
	struct collected c = { 0 };
	struct memcore m;
	struct lockless l;

	start_lockless(&m, &l, 5, 10);
	lockless_put(&l, 0, 5, 0, "Linux version 6.1.0", LOG_FINALIZED);
	lockless_put(&l, 0, 5, 0, "Kernel panic - not syncing", LOG_FINALIZED);
	for (unsigned int i = 0; i < 32; i++)
		memcore_u64(&m, LOCKLESS_DESCS + i * 24, test_random());
	CHECK_STR(collect(&m, &c), "Linux version 6.1.0\nKernel panic - not syncing\n");
	CHECK_STR(c.result.format, "text scan");
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

/* Nothing but noise where the ring should be: an answer or none, in bounded time. */
TEST(lockless_noise)
{
	for (unsigned int round = 0; round < 200; round++) {
		struct collected c = { 0 };
		struct memcore m;
		struct lockless l;
		uint64_t before;

		start_lockless(&m, &l, 5, 10);
		for (unsigned int i = 0; i < 32; i++)
			lockless_put(&l, i, 5, 0, "some text that is there", LOG_FINALIZED);
		before = m.reads;
		for (unsigned int i = 0; i < 1 + round; i++) {
			static const struct {
				uint64_t paddr, bytes;
			} zones[] = {
				{ LOCKLESS_RING, 88 }, { LOCKLESS_DESCS, 768 },
				{ LOCKLESS_INFOS, 2816 }, { LOCKLESS_DATA, 1024 },
			};
			unsigned int z = test_random() % 4;

			memcore_flip(&m, zones[z].paddr, test_random() % (zones[z].bytes * 8));
		}
		collect(&m, &c);
		CHECK(c.err == 0 || c.err == -ENODATA);
		CHECK(m.reads - before < 50000);
		blob_deinit(&c.text);
		memcore_deinit(&m);
	}
}

static const char *record_text(unsigned int i)
{
	static char text[64];

	snprintf(text, sizeof(text), "record %u %.*s", i, i * 5 % 30, "zyxwvutsrqponmlkjihgfedcbazyxw");
	return text;
}

TEST(records)
{
	struct collected c = { .flags = DMESG_LEVELS | DMESG_CALLERS };
	struct memcore m;
	struct record_ring r;

	memcore_init(&m, EM_X86_64, RECORDS_INFO);
	records_start(&r, &m, 4096, 16);
	records_put(&r, 0, 5, "Linux version 4.19", "");
	records_put(&r, 1500000000, 30, "two\nlines", "SUBSYSTEM=pci");
	records_put(&r, 1600000000, 6, "", "");
	CHECK_STR(collect(&m, &c), "<5>[    0.000000] Linux version 4.19\n"
				   "<30>[    1.500000] two\n                   lines\n"
				   "<6>[    1.600000] \n");
	CHECK_STR(c.result.format, "record ring");
	CHECK_EQ(c.result.nr_skipped, 0);
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

/* struct log before 3.11, and a header with the caller's id (CONFIG_PRINTK_CALLER, 5.1). */
TEST(records_other_headers)
{
	struct collected c = { .flags = DMESG_CALLERS };
	struct memcore m;
	struct record_ring r;

	memcore_init(&m, EM_X86_64,
		     "NUMBER(phys_base)=0\nSYMBOL(log_buf)=ffffffff80001000\nSYMBOL(log_buf_len)=ffffffff80001008\n"
		     "SYMBOL(log_first_idx)=ffffffff8000100c\nSYMBOL(log_next_idx)=ffffffff80001010\nSIZE(log)=24\n"
		     "OFFSET(log.ts_nsec)=0\nOFFSET(log.len)=8\nOFFSET(log.text_len)=10\nOFFSET(log.dict_len)=12\n"
		     "OFFSET(log.caller_id)=16\n");
	records_start(&r, &m, 4096, 24);
	records_put(&r, 7000000000, 5, "hello", "");
	CHECK_STR(collect(&m, &c), "[    7.000000][    C1] hello\n");
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

static void fill_records(struct memcore *m, struct record_ring *r, unsigned int nr)
{
	memcore_init(m, EM_X86_64, RECORDS_INFO);
	records_start(r, m, 1024, 16);
	for (unsigned int i = 0; i < nr; i++)
		records_put(r, i * 1000000ull, i % 8, record_text(i), "");
}

/* All that are there are the newest NR_LINES of them. */
static void check_newest(struct collected *c, unsigned int nr)
{
	struct blob want;

	blob_init(&want);
	for (unsigned int i = nr - c->result.nr_lines; i < nr; i++) {
		struct dmesg_line line = { .ns = i * 1000000ull, .text = record_text(i) };

		line.len = strlen(line.text);
		CHECK_EQ(dmesg_format(&line, 0, &want), 0);
	}
	CHECK_STR((const char *)c->text.data, (const char *)want.data);
	blob_deinit(&want);
}

TEST(records_wrap)
{
	for (unsigned int nr = 1; nr < 150; nr++) {
		struct collected c = { 0 };
		struct memcore m;
		struct record_ring r;

		fill_records(&m, &r, nr);
		collect(&m, &c);
		CHECK_EQ(c.err, 0);
		CHECK_EQ(c.result.nr_skipped, 0);
		CHECK(c.result.nr_lines == nr || c.result.nr_lines > 15);
		check_newest(&c, nr);
		blob_deinit(&c.text);
		memcore_deinit(&m);
	}
}

/* Damage to the buffer costs the records it hits; to the indexes, none, though older ones may come along. */
TEST(records_every_flipped_bit)
{
	for (unsigned int nr = 15; nr <= 115; nr += 50) {
		struct collected good = { 0 }, c = { 0 };
		struct memcore m;
		struct record_ring r;

		fill_records(&m, &r, nr);
		collect(&m, &good);
		for (unsigned int bit = 0; bit < 1024 * 8; bit++) {
			uint64_t before = m.reads;

			memcore_flip(&m, RECORDS_BUF, bit);
			collect(&m, &c);
			CHECK_EQ(c.err, 0);
			CHECK(common_lines((const char *)good.text.data, (const char *)c.text.data) + 2 >=
			      good.result.nr_lines);
			CHECK(m.reads - before < 5000);
			memcore_flip(&m, RECORDS_BUF, bit);
		}
		for (unsigned int bit = 96; bit < 160; bit++) {
			uint64_t before = m.reads;

			memcore_flip(&m, RECORDS_VARS, bit);
			collect(&m, &c);
			CHECK(c.err == 0);
			CHECK(m.reads - before < 5000);
			memcore_flip(&m, RECORDS_VARS, bit);
		}
		for (unsigned int bit = 0; bit < 96; bit++) {
			uint64_t before = m.reads;

			memcore_flip(&m, RECORDS_VARS, bit);
			collect(&m, &c);
			CHECK(c.err == 0 || c.err == -ENODATA);
			CHECK(m.reads - before < 100000);
			memcore_flip(&m, RECORDS_VARS, bit);
		}
		blob_deinit(&good.text);
		blob_deinit(&c.text);
		memcore_deinit(&m);
	}
}

#define OLD_LOG "<5>[    0.000000] Linux version 2.6.32\n<6>[   12.345678] two\n<30>no time\nbare\n<7>[x] odd\n"

TEST(bytes)
{
	struct collected c = { .flags = DMESG_LEVELS };
	struct memcore m;

	memcore_init(&m, EM_X86_64, BYTES_INFO);
	bytes_put(&m, 4096, OLD_LOG "<6>cut");
	CHECK_STR(collect(&m, &c), OLD_LOG "<6>cut\n");
	CHECK_STR(c.result.format, "byte ring");
	CHECK_EQ(c.result.nr_lines, 6);
	/* The ring holds the last 32 bytes. */
	bytes_put(&m, 32, "<5>[    0.000000] first\n<5>[    1.000000] second\n");
	CHECK_STR(collect(&m, &c), " first\n<5>[    1.000000] second\n");
	/* More characters than it can hold. */
	memcore_u32(&m, RECORDS_VARS + 16, UINT32_MAX);
	CHECK_STR(collect(&m, &c), " first\n<5>[    1.000000] second\n");
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

TEST(bytes_every_flipped_bit)
{
	struct collected c = { 0 };
	struct memcore m;

	memcore_init(&m, EM_X86_64, BYTES_INFO);
	bytes_put(&m, 256, OLD_LOG "<6>cut");
	for (unsigned int bit = 0; bit < 160; bit++) {
		uint64_t before = m.reads;

		memcore_flip(&m, RECORDS_VARS, bit);
		collect(&m, &c);
		CHECK(c.err == 0 || c.err == -ENODATA);
		CHECK(m.reads - before < 200000);
		memcore_flip(&m, RECORDS_VARS, bit);
	}
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

/* Nothing of the log is exported: no log; never another format's symbols taken for it. */
TEST(nothing_exported)
{
	struct collected c = { 0 };
	struct memcore m;

	memcore_init(&m, EM_X86_64, "NUMBER(phys_base)=0\n");
	collect(&m, &c);
	CHECK_EQ(c.err, -ENODATA);
	blob_deinit(&c.text);
	memcore_deinit(&m);
}

TEST(print)
{
	struct dmesg_result result;
	struct memcore m;
	struct lockless l;
	struct vtop vt;
	char text[128] = "";
	int fds[2];

	start_lockless(&m, &l, 5, 10);
	lockless_put(&l, 1000000, 5, 0, "one", LOG_FINALIZED);
	lockless_put(&l, 2000000, 5, 0, "two", LOG_FINALIZED);
	CHECK_EQ(vtop_init(&vt, &m.core, &m.vi), 0);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(dmesg_print(&vt, fds[1], 0, &result), 0);
	CHECK_EQ(result.nr_lines, 2);
	CHECK(read(fds[0], text, sizeof(text) - 1) > 0);
	CHECK_STR(text, "[    0.001000] one\n[    0.002000] two\n");
	CHECK_FAILS(dmesg_print(&vt, fds[0], 0, &result), -EBADF, "cannot write the log");
	close(fds[0]);
	close(fds[1]);
	memcore_deinit(&m);
}
