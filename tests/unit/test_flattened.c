/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flattened streams: read record by record and through the index, cut at every byte, damaged in every record. */
#include "kdump/flattened.h"
#include "kdump/vmcore.h"
#include "tests/unit/make_flat.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/wait.h>

static unsigned int warnings;
static char last_warning[512];

static void count_warning(void *ctx, const char *text)
{
	(void)ctx;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", text);
}

/* What the records of a stream add up to. */
struct model {
	uint8_t *bytes;
	bool *there;
	uint64_t len, cap;
};

static void model_init(struct model *m, uint64_t cap)
{
	*m = (struct model){ .bytes = calloc(1, cap), .there = calloc(cap, sizeof(bool)), .cap = cap };
	if (!m->bytes || !m->there)
		abort();
}

static void model_deinit(struct model *m)
{
	free(m->bytes);
	free(m->there);
}

static void model_add(struct model *m, uint64_t off, const uint8_t *bytes, uint64_t len)
{
	if (off > m->cap || len > m->cap - off)
		abort();
	memcpy(m->bytes + off, bytes, len);
	memset(m->there + off, true, len);
	if (m->len < off + len)
		m->len = off + len;
}

/* FD as a stream. False: it is none. */
static bool replay(int fd, struct model *m, bool *whole)
{
	struct flat_stream s;
	struct flat_record r;

	if (flat_open(&s, fd, false))
		return false;
	while (flat_next(&s, &r)) {
		uint64_t off = r.off;
		const uint8_t *bytes;
		size_t len;

		for (; (len = flat_take(&s, &bytes)); off += len)
			model_add(m, off, bytes, len);
		CHECK(off <= r.off + r.len);
	}
	*whole = flat_whole(&s);
	CHECK(!flat_next(&s, &r));
	flat_close(&s);
	return true;
}

/* The index of the same file says the same. */
static void check_index(int fd, uint64_t file_len, const struct model *m, bool whole)
{
	struct flattened *f;
	uint64_t off = 0;
	int err;

	err_set_warn_sink(count_warning, NULL);
	warnings = 0;
	err = flattened_open(&f, fd, file_len, "stream");
	if (err) {
		CHECK_EQ(m->len, 0);
		return;
	}
	CHECK_EQ(flattened_len(f), m->len);
	CHECK_EQ(flattened_whole(f), whole);
	CHECK_EQ(warnings, !whole);
	while (off < m->len) {
		uint8_t bytes[4096];
		uint64_t at, len, n;
		bool there = flattened_find(f, off, &at, &len);

		CHECK(len > 0);
		CHECK_EQ(there, m->there[off]);
		n = len < m->len - off ? len : m->len - off;
		CHECK_EQ(flattened_has(f, off, n), there);
		CHECK(!flattened_has(f, off, n + 1) || (off + n < m->len && m->there[off + n]));
		for (uint64_t i = 0; i < n; i++)
			CHECK_EQ(m->there[off + i], there);
		for (uint64_t i = 0; there && i < n; i += sizeof(bytes)) {
			size_t part = n - i < sizeof(bytes) ? n - i : sizeof(bytes);

			CHECK_EQ(pread(fd, bytes, part, at + i), part);
			CHECK(!memcmp(bytes, m->bytes + off + i, part));
		}
		off += n;
	}
	CHECK(!flattened_has(f, m->len, 1));
	flattened_close(f);
}

/* Replays LEN bytes both ways into M. */
static bool read_both(const uint8_t *bytes, size_t len, struct model *m, bool *whole)
{
	int fd = core_file(bytes, len);
	bool is;

	lseek(fd, 0, SEEK_SET);
	is = replay(fd, m, whole);
	if (is)
		check_index(fd, len, m, *whole);
	close(fd);
	return is;
}

static void model_of(const struct flat_stream_made *s, unsigned int nr, struct model *m)
{
	for (unsigned int i = 0; i < nr; i++)
		model_add(m, s->record[i].off, s->bytes.data + s->record[i].header + 16, s->record[i].len);
}

static void same(const struct model *got, const struct model *want)
{
	CHECK_EQ(got->len, want->len);
	CHECK(!memcmp(got->there, want->there, got->cap * sizeof(bool)));
	CHECK(!memcmp(got->bytes, want->bytes, got->cap));
}

TEST(later_records_win)
{
	struct flat_stream_made s;
	struct model m;
	bool whole;

	flat_make("fill 0 100 1\nfill 200 50 2\nfill 90 120 3\nfill 95 1 4\nfill 0 1 5\nfill 249 10 6\nclose\n", NULL,
		  &s);
	model_init(&m, 4096);
	CHECK(read_both(s.bytes.data, s.bytes.len, &m, &whole));
	CHECK(whole);
	CHECK_EQ(m.len, 259);
	CHECK_EQ(m.bytes[0], 5);
	CHECK_EQ(m.bytes[1], 1);
	CHECK_EQ(m.bytes[89], 1);
	CHECK_EQ(m.bytes[90], 3);
	CHECK_EQ(m.bytes[95], 4);
	CHECK_EQ(m.bytes[209], 3);
	CHECK_EQ(m.bytes[210], 2);
	CHECK_EQ(m.bytes[249], 6);
	model_deinit(&m);
	blob_deinit(&s.bytes);
}

TEST(random_records)
{
	for (unsigned int round = 0; round < 60; round++) {
		struct flat_stream_made s;
		struct model got, want;
		unsigned int nr = 1 + test_random() % 200;
		bool whole;

		flat_begin(&s);
		for (unsigned int i = 0; i < nr; i++) {
			uint8_t bytes[300];
			uint64_t len = 1 + test_random() % sizeof(bytes);
			uint64_t off = test_random() % (round % 2 ? 3000 : 60000);

			for (unsigned int j = 0; j < len; j++)
				bytes[j] = 0x80 | test_random();
			flat_add(&s, off, bytes, len);
		}
		flat_close_made(&s);
		model_init(&got, 65536);
		model_init(&want, 65536);
		model_of(&s, nr, &want);
		CHECK(read_both(s.bytes.data, s.bytes.len, &got, &whole));
		CHECK(whole);
		same(&got, &want);
		model_deinit(&got);
		model_deinit(&want);
		blob_deinit(&s.bytes);
	}
}

/* Behind the closing record may be anything: a stream on a disk that is larger. */
TEST(what_follows_the_closing_record)
{
	struct flat_stream_made s;
	struct model m;
	bool whole;

	flat_make("fill 10 100 1\nclose\ntext more\nfill 10 100 2\nzeros 5000\n", NULL, &s);
	model_init(&m, 4096);
	CHECK(read_both(s.bytes.data, s.bytes.len, &m, &whole));
	CHECK(whole);
	CHECK_EQ(m.len, 110);
	CHECK_EQ(m.bytes[10], 1);
	model_deinit(&m);
	blob_deinit(&s.bytes);
}

/* Everything in front of the cut arrives, and nothing else. */
TEST(cut_at_every_byte)
{
	static const char text[] = "fill 0 40 1\nfill 100 30 2\nfill 35 70 3\nfill 0 8 4\nfill 300 1 5\nclose\n";
	struct flat_stream_made s;

	flat_make(text, NULL, &s);
	for (size_t len = 0; len <= s.bytes.len; len++) {
		struct model got, want;
		bool whole = false, is;

		model_init(&got, 512);
		model_init(&want, 512);
		is = read_both(s.bytes.data, len, &got, &whole);
		CHECK_EQ(is, len >= 4096);
		CHECK_EQ(whole, len == s.bytes.len);
		for (unsigned int i = 0; is && i < s.nr; i++) {
			uint64_t at = s.record[i].header + 16, have = len > at ? len - at : 0;

			if (have > s.record[i].len)
				have = s.record[i].len;
			if (have)
				model_add(&want, s.record[i].off, s.bytes.data + at, have);
		}
		same(&got, &want);
		model_deinit(&got);
		model_deinit(&want);
	}
	blob_deinit(&s.bytes);
}

/* Records of 3,000 bytes that do not look like headers. */
static void make_usual(struct flat_stream_made *s, unsigned int nr)
{
	flat_begin(s);
	for (unsigned int i = 0; i < nr; i++) {
		uint8_t bytes[3000];

		for (unsigned int j = 0; j < sizeof(bytes); j++)
			bytes[j] = 0x80 | test_random();
		flat_add(s, i * sizeof(bytes), bytes, sizeof(bytes));
	}
	flat_close_made(s);
}

/*
 * Every bit of every header: what is damaged does not arrive where it should, nor perhaps what is in front of it; all
 * else does.
 *
 */
TEST(every_header_damaged)
{
	const unsigned int nr = 8;
	struct flat_stream_made s;
	struct model want;

	make_usual(&s, nr);
	model_init(&want, 1 << 17);
	model_of(&s, nr, &want);
	for (unsigned int bit = 0; bit < nr * 128; bit++) {
		const unsigned int hit = bit / 128;
		uint8_t *header = s.bytes.data + s.record[hit].header;
		struct model got;
		bool whole = false;
		uint64_t off;

		header[bit % 128 / 8] ^= 0x80 >> bit % 8;
		off = get_u64(header, true);
		/* Nobody can tell that a place in the dump is not the right one; terabytes away is not tried here. */
		if (off < 1u << 16 || off >= 1ull << 48) {
			model_init(&got, 1 << 17);
			CHECK(read_both(s.bytes.data, s.bytes.len, &got, &whole));
			/* A wrong place that is possible is only seen when others have the same. */
			CHECK(!whole || (bit % 128 < 64 && off < 1u << 16));
			for (uint64_t i = 0; i < nr; i++) {
				if (i == hit)
					continue;
				if (off != s.record[hit].off && off < (i + 1) * 3000 && off + 3000 > i * 3000)
					continue;
				CHECK(!memcmp(got.bytes + i * 3000, want.bytes + i * 3000, 3000) || i + 1 == hit);
				for (uint64_t j = i * 3000; j < i * 3000 + 3000; j++)
					CHECK(!got.there[j] || got.bytes[j] == want.bytes[j]);
			}
			model_deinit(&got);
		}
		header[bit % 128 / 8] ^= 0x80 >> bit % 8;
	}
	model_deinit(&want);
	blob_deinit(&s.bytes);
}

/* S with LEN bytes at AT replaced by TEXT. */
static void replace(const struct flat_stream_made *s, size_t at, size_t len, const char *text, struct blob *b)
{
	blob_init(b);
	if (blob_append(b, s->bytes.data, at) || blob_append(b, text, strlen(text)) ||
	    blob_append(b, s->bytes.data + at + len, s->bytes.len - at - len))
		abort();
}

static unsigned int record_at(const struct flat_stream_made *s, size_t at)
{
	unsigned int i = s->nr - 1;

	while (i && s->record[i].header > at)
		i--;
	return i;
}

/*
 * A message of another program anywhere in the stream, or some bytes that are not there any more: the records behind
 * are found again, and what is not in its place any more is not believed.
 *
 */
TEST(text_between_and_bytes_lost)
{
	const unsigned int nr = 8;
	struct flat_stream_made s;
	struct model want;

	make_usual(&s, nr);
	model_init(&want, 65536);
	model_of(&s, nr, &want);
	for (size_t at = 4096; at < s.bytes.len - 80; at += at % 3 ? 1 : 151) {
		for (unsigned int lost = 0; lost < 2; lost++) {
			const unsigned int hit = record_at(&s, at), last = record_at(&s, at + (lost ? 36 : 0));
			struct model got;
			struct blob b;
			bool whole;

			replace(&s, at, lost ? 37 : 0, lost ? "" : "ssh: something happened\n", &b);
			model_init(&got, 65536);
			CHECK(read_both(b.data, b.len, &got, &whole));
			CHECK(!whole);
			for (unsigned int i = 0; i < nr; i++) {
				bool right = !memcmp(got.bytes + i * 3000, want.bytes + i * 3000, 3000);

				CHECK(right || (i >= hit && i <= last) || i + 1 == hit);
				if (right)
					continue;
				/* Not one byte that is wrong; what is in front of a torn header may be missing. */
				for (unsigned int j = i * 3000; j < i * 3000 + 3000; j++)
					CHECK(!got.there[j] || got.bytes[j] == want.bytes[j]);
			}
			model_deinit(&got);
			blob_deinit(&b);
		}
	}
	model_deinit(&want);
	blob_deinit(&s.bytes);
}

/* Between two records it costs nothing. */
TEST(text_between_records)
{
	struct flat_stream_made s;
	struct model want;

	make_usual(&s, 8);
	model_init(&want, 65536);
	model_of(&s, 8, &want);
	for (unsigned int i = 0; i < 6; i++) {
		struct model got;
		struct blob b;
		bool whole;

		replace(&s, s.record[i].header, 0, "makedumpfile: something\n", &b);
		model_init(&got, 65536);
		CHECK(read_both(b.data, b.len, &got, &whole));
		CHECK(!whole);
		same(&got, &want);
		model_deinit(&got);
		blob_deinit(&b);
	}
	model_deinit(&want);
	blob_deinit(&s.bytes);
}

/* Memory holds small numbers, between zeros, everywhere: none of it may be taken for records. */
TEST(data_that_looks_like_records)
{
	const uint64_t base = 1 << 17, each = 20000;

	for (unsigned int round = 0; round < 6; round++) {
		struct flat_stream_made s;
		struct model want;

		flat_begin(&s);
		for (unsigned int i = 0; i < 12; i++) {
			uint8_t bytes[20000] = { 0 };

			for (unsigned int j = 0; j + 8 <= sizeof(bytes); j += 8) {
				unsigned int shift = round % 2 ? 50 + test_random() % 14 : 56;

				if (test_random() % 3)
					put_u64(bytes + j, test_random() >> shift, false);
			}
			flat_add(&s, base + i * each, bytes, each);
		}
		flat_close_made(&s);
		model_init(&want, 1 << 19);
		model_of(&s, 12, &want);
		for (unsigned int i = 0; i < 16; i++) {
			size_t at = 4096 + test_random() % (s.bytes.len - 4096);
			struct model got;
			struct blob b;
			bool whole;

			/* Cut, or torn. */
			replace(&s, at, i % 2 ? s.bytes.len - at : 0, i % 2 ? "" : "oops: 0\n", &b);
			model_init(&got, 1 << 19);
			CHECK(read_both(b.data, b.len, &got, &whole));
			for (uint64_t j = 0; j < base + 12 * each; j++)
				CHECK(!got.there[j] || got.bytes[j] == want.bytes[j]);
			CHECK(got.len <= want.len);
			model_deinit(&got);
			blob_deinit(&b);
		}
		model_deinit(&want);
		blob_deinit(&s.bytes);
	}
}

TEST(what_is_no_stream)
{
	static const struct {
		const char *text;
		int err;
		const char *why;
	} cases[] = {
		{ "", -EINVAL, "without a record" },
		{ "close\n", -EINVAL, "without a record" },
		{ "header 0x1000000000000000 16\nzeros 5000\n", -EINVAL, "without a record" },
		{ "header 0 0x1000000000000000\nzeros 5000\n", -EINVAL, "without a record" },
		{ "header 0xfffffffffffffff0 32\nzeros 5000\n", -EINVAL, "without a record" },
		{ "header 0x7fffffffffffffff 0x7fffffffffffffff\n", -EINVAL, "without a record" },
		{ "zeros 100000\n", -EINVAL, "without a record" },
	};
	struct flat_stream_made s;
	struct flattened *f;
	struct model m;
	bool whole;
	int fd;

	err_set_warn_sink(count_warning, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		flat_make(cases[i].text, NULL, &s);
		fd = core_file(s.bytes.data, s.bytes.len);
		CHECK_FAILS(flattened_open(&f, fd, s.bytes.len, "stream"), cases[i].err, cases[i].why);
		close(fd);
		model_init(&m, 65536);
		read_both(s.bytes.data, s.bytes.len, &m, &whole);
		CHECK_EQ(m.len, 0);
		model_deinit(&m);
		blob_deinit(&s.bytes);
	}
	flat_make("fill 0 8 1\nclose\n", NULL, &s);
	s.bytes.data[23] = 2;
	fd = core_file(s.bytes.data, s.bytes.len);
	CHECK_FAILS(flattened_open(&f, fd, s.bytes.len, "stream"), -ENOTSUP, "type 2");
	close(fd);
	fd = core_file("makedumpfilex", 13);
	CHECK_FAILS(flattened_open(&f, fd, 13, "stream"), -ENOEXEC, "no flattened stream");
	close(fd);
	blob_deinit(&s.bytes);
}

/* A pipe gives what it has, and records are larger than any buffer. */
TEST(through_a_pipe)
{
	struct flat_stream_made s;
	struct model got, want;
	uint8_t *large = malloc(20 << 20);
	int ends[2];
	bool whole = false;
	pid_t pid;

	for (size_t i = 0; i < 20 << 20; i++)
		large[i] = i * 31 >> 7;
	flat_begin(&s);
	flat_add(&s, 0, large, 7);
	flat_add(&s, 1000, large, 20 << 20);
	flat_add(&s, 5, large + 100, 1 << 20);
	flat_close_made(&s);
	if (pipe(ends))
		abort();
	pid = fork();
	if (!pid) {
		size_t done = 0;

		close(ends[0]);
		while (done < s.bytes.len) {
			size_t n = done < 9000 ? 7 : 65536 - 13, left = s.bytes.len - done;
			ssize_t put = write(ends[1], s.bytes.data + done, n < left ? n : left);

			if (put <= 0)
				_exit(1);
			done += put;
		}
		_exit(0);
	}
	close(ends[1]);
	model_init(&got, 32 << 20);
	model_init(&want, 32 << 20);
	CHECK(replay(ends[0], &got, &whole));
	CHECK(whole);
	model_of(&s, s.nr, &want);
	same(&got, &want);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	model_deinit(&got);
	model_deinit(&want);
	blob_deinit(&s.bytes);
	free(large);
}

TEST(what_has_arrived)
{
	for (unsigned int round = 0; round < 20; round++) {
		static bool there[200000];
		struct flat_arrived a;

		memset(there, 0, sizeof(there));
		if (flat_arrived_init(&a))
			abort();
		for (unsigned int i = 0; i < 9000; i++) {
			uint64_t off = test_random() % 199000, len = test_random() % (round % 3 ? 8 : 900);

			CHECK_EQ(flat_arrived_add(&a, off, len), 0);
			memset(there + off, true, len);
		}
		CHECK_EQ(flat_arrived_settle(&a), 0);
		for (uint64_t i = 0; i < 200000; i++)
			CHECK_EQ(ranges_find(&a.ranges, i) != NULL, there[i]);
		for (size_t i = 1; i < a.ranges.nr; i++)
			CHECK(a.ranges.r[i - 1].last + 1 < a.ranges.r[i].start);
		flat_arrived_deinit(&a);
	}
}

/* ---- as a source ---- */

static bool right(struct vmcore *v, uint64_t pfn)
{
	uint8_t buf[4096];

	if (vmcore_read(v, pfn << 12, buf, sizeof(buf)))
		return false;
	for (size_t i = 0; i < sizeof(buf); i++)
		if (buf[i] != core_byte((pfn << 12) + i))
			return false;
	return true;
}

static const char dump_text[] = "dump 6 little 4096 x86_64\nmax 64\nram 0 63\nnote CORE 1 336\n"
				"vmcoreinfo PAGESIZE=4096\n"
				"page 1 none\npage 2 zlib\npage 3 zstd\npage 9 lzo\npage 30 none\npage 31 snappy\n"
				"page 63 zlib\n";
static const uint64_t dump_pfns[] = { 1, 2, 3, 9, 30, 31, 63 };

static int open_stream(struct vmcore *v, const uint8_t *bytes, size_t len)
{
	warnings = 0;
	err_set_warn_sink(count_warning, NULL);
	return vmcore_open_fd(v, core_file(bytes, len), "stream");
}

TEST(a_dump_read_in_place)
{
	for (unsigned int ours = 0; ours < 2; ours++) {
		struct flat_stream_made s;
		struct blob dump;
		struct vmcore v;

		blob_init(&dump);
		core_make(dump_text, &dump);
		flat_of_dump(&dump, ours, 4 * 4096, 7, 2, &s);
		CHECK_EQ(open_stream(&v, s.bytes.data, s.bytes.len), 0);
		CHECK_EQ(warnings, 0);
		CHECK(!v.incomplete);
		CHECK_EQ(v.vmcoreinfo.len, 13);
		CHECK_EQ(v.file_len, dump.len);
		for (uint64_t pfn = 0; pfn < 64; pfn++) {
			bool listed = false;

			for (size_t i = 0; i < 7; i++)
				listed |= dump_pfns[i] == pfn;
			CHECK_EQ(right(&v, pfn), listed);
		}
		vmcore_close(&v);
		blob_deinit(&dump);
		blob_deinit(&s.bytes);
	}
}

/* Whatever is cut off: a page is right or it is not there, and fewer are there the more is missing. */
TEST(a_dump_cut_at_every_byte)
{
	for (unsigned int ours = 0; ours < 2; ours++) {
		struct flat_stream_made s;
		unsigned int most = 0;
		struct blob dump;

		blob_init(&dump);
		core_make(dump_text, &dump);
		flat_of_dump(&dump, ours, 4 * 4096, 7, 2, &s);
		for (size_t len = 4000; len < s.bytes.len; len++) {
			unsigned int nr = 0;
			struct vmcore v;

			if (len > 5000 && len < 16000 && len % 61)
				continue;
			if (open_stream(&v, s.bytes.data, len))
				continue;
			CHECK(v.incomplete);
			for (size_t i = 0; i < 7; i++) {
				uint8_t buf[4096];
				int err = vmcore_read(&v, dump_pfns[i] << 12, buf, sizeof(buf));

				CHECK(!err || err == -ENODATA);
				if (err)
					continue;
				CHECK(right(&v, dump_pfns[i]));
				nr++;
			}
			CHECK(nr >= most);
			most = nr;
			vmcore_close(&v);
		}
		CHECK_EQ(most, 7);
		blob_deinit(&dump);
		blob_deinit(&s.bytes);
	}
}

TEST(an_elf_core_in_a_stream)
{
	static const char text[] = "elf 64 little 62\nload 0x1000 0x3000\nload 0x8000 0x2000\nnote CORE 1 336\n"
				   "vmcoreinfo PAGESIZE=4096\n";
	struct flat_stream_made s;
	struct blob core;
	struct vmcore v;

	blob_init(&core);
	core_make(text, &core);
	flat_begin(&s);
	flat_add(&s, 64, core.data + 64, 1000);
	flat_add(&s, 0, core.data, 64);
	for (uint64_t off = 1064; off < core.len; off += 5000)
		flat_add(&s, off, core.data + off, core.len - off < 5000 ? core.len - off : 5000);
	flat_close_made(&s);
	CHECK_EQ(open_stream(&v, s.bytes.data, s.bytes.len), 0);
	CHECK_EQ(warnings, 0);
	CHECK(!v.incomplete);
	for (uint64_t pfn = 1; pfn < 10; pfn++)
		CHECK_EQ(right(&v, pfn), pfn < 4 || pfn > 7);
	vmcore_close(&v);
	CHECK_EQ(open_stream(&v, s.bytes.data, s.bytes.len - 4096), 0);
	CHECK(v.incomplete);
	CHECK(right(&v, 1));
	CHECK(!right(&v, 9));
	vmcore_close(&v);
	blob_deinit(&core);
	blob_deinit(&s.bytes);
}
