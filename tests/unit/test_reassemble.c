/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps out of streams and out of the parts of split sets. */
#include "include/diskdump_format.h"
#include "kdump/reassemble.h"
#include "kdump/vmcore.h"
#include "tests/unit/make_flat.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static unsigned int warnings;

static void count_warning(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
	warnings++;
}

static struct sink memory_sink(void)
{
	struct sink sink = SINK_INIT;

	sink.fd = memfd_create("sink", MFD_CLOEXEC);
	sink.path = strdup("sink");
	sink.temporary = strdup("sink.writing");
	if (sink.fd < 0 || !sink.path || !sink.temporary)
		abort();
	return sink;
}

static void drop_sink(struct sink *sink)
{
	free(sink->temporary);
	sink->temporary = NULL;
	sink_deinit(sink);
}

static int lay_out(const uint8_t *bytes, size_t len, struct sink *sink, struct reassemble_result *result)
{
	int fd = core_file(bytes, len), err;

	err_set_warn_sink(count_warning, NULL);
	*result = (struct reassemble_result){ 0 };
	*sink = memory_sink();
	lseek(fd, 0, SEEK_SET);
	err = reassemble_records(fd, sink, result, true);
	close(fd);
	return err;
}

/* How many of the pages 0..NR-1 of 1 << SHIFT bytes SINK has right; a page is right or it is not there. */
static unsigned int count_right(const struct sink *sink, uint64_t nr, unsigned int shift, bool incomplete)
{
	uint8_t *buf = malloc(1 << shift);
	unsigned int good = 0;
	struct vmcore v;
	int err = vmcore_open_fd(&v, dup(sink->fd), "result");

	if (err) {
		printf("%s\n", err_text());
		CHECK(!err);
		free(buf);
		return 0;
	}
	CHECK_EQ(v.incomplete, incomplete);
	CHECK_EQ(v.page_shift, shift);
	for (uint64_t pfn = 0; pfn < nr; pfn++) {
		bool right = true, zero = true;

		err = vmcore_read(&v, pfn << shift, buf, 1 << shift);
		if (err) {
			CHECK_EQ(err, -ENODATA);
			continue;
		}
		for (uint64_t i = 0; i < 1u << shift; i++) {
			right &= buf[i] == core_byte((pfn << shift) + i);
			zero &= !buf[i];
		}
		CHECK(right || zero);
		good++;
	}
	vmcore_close(&v);
	free(buf);
	return good;
}

/* ---- streams ---- */

static const char dump_text[] = "dump 6 little 4096 x86_64\nmax 64\nram 0 63\nnote CORE 1 336\n"
				"vmcoreinfo PAGESIZE=4096\n"
				"page 1 none\npage 2 zlib\npage 3 zstd\npage 9 lzo\npage 12 zero\npage 30 none\n"
				"page 31 snappy\npage 63 zlib\n";
#define DUMP_DESCS (4 * 4096)
#define DUMP_PAGES 8

static void make_stream(bool ours, struct blob *dump, struct flat_stream_made *s)
{
	blob_init(dump);
	core_make(dump_text, dump);
	flat_of_dump(dump, ours, DUMP_DESCS, DUMP_PAGES, 2, s);
}

static bool same_file(const struct sink *sink, const struct blob *want)
{
	uint8_t *bytes = malloc(want->len);
	struct stat st;
	bool same = !fstat(sink->fd, &st) && (uint64_t)st.st_size == want->len &&
		    pread(sink->fd, bytes, want->len, 0) == (ssize_t)want->len && !memcmp(bytes, want->data, want->len);

	free(bytes);
	return same;
}

TEST(whole_streams)
{
	for (unsigned int ours = 0; ours < 2; ours++) {
		struct reassemble_result result;
		struct flat_stream_made s;
		struct sink sink;
		struct blob dump;

		make_stream(ours, &dump, &s);
		CHECK_EQ(lay_out(s.bytes.data, s.bytes.len, &sink, &result), 0);
		CHECK(result.complete);
		CHECK_EQ(result.pages, DUMP_PAGES);
		CHECK_EQ(result.lost, 0);
		CHECK(same_file(&sink, &dump));
		CHECK_EQ(count_right(&sink, 64, 12, false), DUMP_PAGES);
		drop_sink(&sink);
		blob_deinit(&s.bytes);
		blob_deinit(&dump);
	}
}

/* The more is there, the more pages are; all that opens says that it is not whole. */
TEST(cut_at_every_byte)
{
	for (unsigned int ours = 0; ours < 2; ours++) {
		struct flat_stream_made s;
		unsigned int most = 0, opened = 0;
		struct blob dump;

		make_stream(ours, &dump, &s);
		for (size_t len = 0; len < s.bytes.len; len++) {
			struct reassemble_result result;
			struct sink sink;
			unsigned int good;
			int err;

			/* Inside of large records one byte is like the next. */
			if (len > 100 && len < s.bytes.len - 100 && len % 37 && (len + 8) % 4112 > 40)
				continue;
			err = lay_out(s.bytes.data, len, &sink, &result);
			CHECK(!result.complete);
			if (err) {
				CHECK(err == -EINVAL || (err == -ENOEXEC && len < 16));
				CHECK(!opened);
				drop_sink(&sink);
				continue;
			}
			opened++;
			CHECK(strstr(result.why, "cut short") != NULL);
			good = count_right(&sink, 64, 12, true);
			CHECK_EQ(result.pages - result.lost, good);
			CHECK(good >= most);
			most = good;
			drop_sink(&sink);
		}
		CHECK_EQ(most, DUMP_PAGES);
		blob_deinit(&s.bytes);
		blob_deinit(&dump);
	}
}

/* Does what is where R's data now stops look like a header because it is one? */
static bool lands_on_header(const struct flat_stream_made *s, const struct flat_made *r)
{
	uint64_t to = r->header + 16 + get_u64(s->bytes.data + r->header + 8, true);

	for (unsigned int i = 0; i < s->nr; i++)
		if (s->record[i].header == to)
			return true;
	return to + 16 == s->bytes.len;
}

/*
 * Any bit of any record's header: never a page that is wrong, but where a raw page is covered by what belongs
 * elsewhere, which nobody can tell.
 *
 */
TEST(every_record_damaged)
{
	for (unsigned int ours = 0; ours < 2; ours++) {
		struct flat_stream_made s;
		struct blob dump;

		make_stream(ours, &dump, &s);
		for (unsigned int bit = 0; bit < s.nr * 128; bit++) {
			uint8_t *byte = s.bytes.data + s.record[bit / 128].header + bit % 128 / 8;
			struct reassemble_result result;
			struct sink sink;
			struct stat st;
			int err;

			*byte ^= 1 << bit % 8;
			err = lay_out(s.bytes.data, s.bytes.len, &sink, &result);
			CHECK(!err || err == -EINVAL);
			CHECK(err || (!fstat(sink.fd, &st) && st.st_size < 100 << 20));
			if (!err && bit % 128 >= 64 && !lands_on_header(&s, &s.record[bit / 128])) {
				CHECK(!result.complete);
				count_right(&sink, 64, 12, true);
			}
			drop_sink(&sink);
			*byte ^= 1 << bit % 8;
		}
		blob_deinit(&s.bytes);
		blob_deinit(&dump);
	}
}

/* Records lost, one at a time: what they had is not there, the rest is. */
TEST(every_record_missing)
{
	for (unsigned int ours = 0; ours < 2; ours++) {
		struct flat_stream_made s;
		struct blob dump;

		make_stream(ours, &dump, &s);
		for (unsigned int i = 0; i < s.nr; i++) {
			struct reassemble_result result;
			struct sink sink;
			struct blob b;
			size_t after = s.record[i].header + 16 + s.record[i].len;

			blob_init(&b);
			if (blob_append(&b, s.bytes.data, s.record[i].header) ||
			    blob_append(&b, "lost", 4) || blob_append(&b, s.bytes.data + after, s.bytes.len - after))
				abort();
			if (!lay_out(b.data, b.len, &sink, &result)) {
				unsigned int good = count_right(&sink, 64, 12, true);

				CHECK(!result.complete);
				CHECK(strstr(result.why, "damaged") != NULL);
				CHECK(good >= 3 || s.record[i].off < DUMP_DESCS);
				CHECK_EQ(result.pages - result.lost, good);
			} else {
				CHECK(s.record[i].off < DUMP_DESCS);
			}
			drop_sink(&sink);
			blob_deinit(&b);
		}
		blob_deinit(&s.bytes);
		blob_deinit(&dump);
	}
}

/* A stream that is whole, of a dump that is not: what it says of itself stays; what it points to must be there. */
TEST(dumps_that_are_not_whole)
{
	struct reassemble_result result;
	struct flat_stream_made s;
	struct sink sink;
	struct blob dump;

	blob_init(&dump);
	core_make("dump 6 little 4096 x86_64\nmax 64\nram 0 63\nstatus 8\npage 1 none\npage 2 lost\n", &dump);
	flat_of_dump(&dump, true, DUMP_DESCS, 2, 1, &s);
	CHECK_EQ(lay_out(s.bytes.data, s.bytes.len, &sink, &result), 0);
	CHECK(!result.complete);
	CHECK(strstr(result.why, "marked incomplete") != NULL);
	CHECK_EQ(result.lost, 1);
	CHECK_EQ(count_right(&sink, 64, 12, true), 1);
	drop_sink(&sink);
	blob_deinit(&s.bytes);
	/* A page that could not be read when it was written does not make the dump one that is not whole. */
	dump.len = 0;
	core_make("dump 6 little 4096 x86_64\nmax 64\nram 0 63\npage 1 none\npage 2 lost\n", &dump);
	flat_of_dump(&dump, true, DUMP_DESCS, 2, 1, &s);
	CHECK_EQ(lay_out(s.bytes.data, s.bytes.len, &sink, &result), 0);
	CHECK(result.complete);
	CHECK_EQ(result.lost, 1);
	drop_sink(&sink);
	blob_deinit(&s.bytes);
	/* Descriptors that point anywhere. */
	for (unsigned int i = 0; i < 6; i++) {
		static const uint64_t off[] = { 8, 1ull << 60, UINT64_MAX, DUMP_DESCS, 1 << 30, DUMP_DESCS + 2 * 24 };
		static const uint32_t len[] = { 4096, 4096, 4096, 4096, 4096, 5000 };

		put_u64(dump.data + DUMP_DESCS, off[i], false);
		put_u32(dump.data + DUMP_DESCS + 8, len[i], false);
		flat_of_dump(&dump, true, DUMP_DESCS, 2, 1, &s);
		CHECK_EQ(lay_out(s.bytes.data, s.bytes.len, &sink, &result), 0);
		CHECK(!result.complete);
		CHECK_EQ(result.lost, 2);
		CHECK_EQ(count_right(&sink, 64, 12, true), 0);
		drop_sink(&sink);
		blob_deinit(&s.bytes);
	}
	blob_deinit(&dump);
}

TEST(hostile_streams)
{
	static const char *const texts[] = {
		"of 0 464\nof 4096 8192\nfill 0xffffffffffff 4096 1\nfill 0x1000000000000000 5000 2\nclose\n",
		"of 0 464\nof 4096 8192\nfill 0x800000000000 5000 1\nfill 0x700000000000 5000 2\nclose\n",
		"of 0 464\nof 4096 8192\nheader 0x4000 0x4000000000000000\nfill 9000 5000 1\nclose\n",
	};
	struct blob dump;

	blob_init(&dump);
	core_make(dump_text, &dump);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct reassemble_result result;
		struct flat_stream_made s;
		struct sink sink;
		struct stat st;

		flat_make(texts[i], &dump, &s);
		lay_out(s.bytes.data, s.bytes.len, &sink, &result);
		CHECK(!result.complete);
		CHECK(!fstat(sink.fd, &st) && st.st_size < 100 << 20);
		drop_sink(&sink);
		blob_deinit(&s.bytes);
	}
	blob_deinit(&dump);
}

TEST(elf_streams)
{
	struct reassemble_result result;
	struct flat_stream_made s;
	struct blob core;
	struct sink sink;

	blob_init(&core);
	core_make("elf 64 big 22\nload 0x1000 0x3000\nload 0x8000 0x2000\nnote CORE 1 336\n", &core);
	flat_begin(&s);
	flat_add(&s, 64, core.data + 64, 500);
	flat_add(&s, 0, core.data, 64);
	flat_add(&s, 564, core.data + 564, core.len - 564);
	flat_close_made(&s);
	CHECK_EQ(lay_out(s.bytes.data, s.bytes.len, &sink, &result), 0);
	CHECK(result.complete);
	CHECK(same_file(&sink, &core));
	CHECK_EQ(count_right(&sink, 16, 12, false), 5);
	drop_sink(&sink);
	CHECK_EQ(lay_out(s.bytes.data, s.bytes.len - 6000, &sink, &result), 0);
	CHECK(!result.complete);
	CHECK_EQ(count_right(&sink, 16, 12, true), 3);
	drop_sink(&sink);
	CHECK_FAILS(lay_out(s.bytes.data, s.record[1].header, &sink, &result), -EINVAL, "no dump in it");
	drop_sink(&sink);
	CHECK_FAILS(lay_out(s.bytes.data, s.record[1].header + 70, &sink, &result), -EINVAL, "no dump in it");
	drop_sink(&sink);
	blob_deinit(&s.bytes);
	blob_deinit(&core);
}

/* ---- parts ---- */

#define NR_PARTS 3

static const char *const set_text[] = {
	"dump %u %s %u x86_64\nmax 64\nram 0 63\nlevel 31\nnote CORE 1 336\nvmcoreinfo PAGESIZE=4096\nsplit %u %u\n",
	"page 1 none\npage 2 zlib\npage 3 zstd\npage 9 lzo\npage 12 zero\npage 30 none\npage 31 zlib\npage 63 zlib\n",
};

/* Where parts begin; one more than the last. */
static const unsigned int usual_firsts[NR_PARTS + 1] = { 0, 9, 31, 64 };

struct set {
	struct dump_part p[8];
	struct blob bytes[8];
	size_t nr;
};

static void add_bytes(struct set *set, const struct blob *b)
{
	struct blob *mine = &set->bytes[set->nr];
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

	blob_init(mine);
	if (blob_append(mine, b->data, b->len))
		abort();
	set->p[set->nr] = (struct dump_part){
		.fd = core_file(mine->data, mine->len), .path = names[set->nr], .file_len = mine->len,
	};
	set->nr++;
}

static void make_part(struct blob *b, unsigned int version, const char *order, unsigned int block, unsigned int first,
		      unsigned int behind)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), set_text[0], version, order, block, first, behind);

	snprintf(text + len, sizeof(text) - len, "%s", set_text[1]);
	blob_init(b);
	core_make(text, b);
}

static void make_set(struct set *set, unsigned int version, const char *order, unsigned int block,
		     const unsigned int *firsts, unsigned int nr)
{
	*set = (struct set){ .nr = 0 };
	for (unsigned int i = 0; i < nr; i++) {
		struct blob b;

		make_part(&b, version, order, block, firsts[i], firsts[i + 1]);
		add_bytes(set, &b);
		blob_deinit(&b);
	}
}

static void free_set(struct set *set)
{
	for (size_t i = 0; i < set->nr; i++)
		close(set->p[i].fd);
	for (size_t i = 0; i < set->nr; i++)
		blob_deinit(&set->bytes[i]);
}

/* 0, and the dump in SINK, to be dropped; else the error of the step that failed. */
static int join(struct set *set, bool partial, struct sink *sink, struct reassemble_result *result)
{
	int err = 0;

	err_set_warn_sink(count_warning, NULL);
	*result = (struct reassemble_result){ .complete = true };
	for (size_t i = 0; !err && i < set->nr; i++)
		err = dump_part_read(&set->p[i]);
	if (!err)
		err = dump_parts_match(set->p, set->nr, partial, result);
	if (err)
		return err;
	*sink = memory_sink();
	err = dump_parts_join(set->p, set->nr, sink, result, true);
	if (err)
		drop_sink(sink);
	return err;
}

static void joins(struct set *set, unsigned int shift, unsigned int pages)
{
	struct reassemble_result result;
	struct sink sink;
	int err = join(set, false, &sink, &result);

	if (err) {
		printf("%s\n", err_text());
		CHECK(!err);
		return;
	}
	CHECK(result.complete);
	CHECK_EQ(result.pages, pages);
	CHECK_EQ(result.lost, 0);
	CHECK_EQ(count_right(&sink, 64, shift, false), pages);
	drop_sink(&sink);
}

TEST(every_order_of_parts)
{
	static const unsigned char orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	for (unsigned int i = 0; i < 6; i++) {
		struct set set;
		struct dump_part p[3];

		make_set(&set, 6, "little", 4096, usual_firsts, 3);
		memcpy(p, set.p, sizeof(p));
		for (unsigned int j = 0; j < 3; j++)
			set.p[j] = p[orders[i][j]];
		joins(&set, 12, 8);
		free_set(&set);
	}
}

TEST(versions_orders_and_sizes)
{
	static const unsigned int empty[] = { 0, 20, 64, 64, 64 }, one[] = { 0, 64 };
	struct set set;

	for (unsigned int version = 2; version <= 6; version++) {
		make_set(&set, version, "little", 4096, usual_firsts, 3);
		joins(&set, 12, 8);
		free_set(&set);
	}
	make_set(&set, 6, "big", 65536, usual_firsts, 3);
	joins(&set, 16, 8);
	free_set(&set);
	make_set(&set, 6, "little", 4096, empty, 4);
	joins(&set, 12, 8);
	free_set(&set);
	make_set(&set, 6, "little", 4096, one, 1);
	joins(&set, 12, 8);
	free_set(&set);
}

/* What becomes of the set's first header: no part any more. */
TEST(the_result_is_a_whole_dump)
{
	struct reassemble_result result;
	uint8_t sub[DDS_BYTES], zeros[16] = { 0 };
	struct sink sink;
	struct set set;

	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	CHECK_EQ(join(&set, false, &sink, &result), 0);
	CHECK_EQ(sink_read(&sink, 4096, sub, sizeof(sub)), 0);
	CHECK_EQ(get_u32(sub + DDS_SPLIT, false), 0);
	CHECK(!memcmp(sub + DDS_START_PFN, zeros, 16));
	CHECK(!memcmp(sub + DDS_START_PFN_64, zeros, 16));
	CHECK_EQ(get_u64(sub + DDS_MAX_MAPNR_64, false), 64);
	CHECK_EQ(get_u32(sub + DDS_DUMP_LEVEL, false), 31);
	drop_sink(&sink);
	free_set(&set);
}

TEST(missing_parts)
{
	static const unsigned int pages[] = { 5, 5, 6 };

	for (unsigned int i = 0; i < 3; i++) {
		struct reassemble_result result;
		struct sink sink;
		struct set set;

		make_set(&set, 6, "little", 4096, usual_firsts, 3);
		close(set.p[i].fd);
		set.p[i] = set.p[2];
		set.nr = 2;
		CHECK_FAILS(join(&set, false, &sink, &result), -EINVAL, "is missing; --partial");
		CHECK_EQ(join(&set, true, &sink, &result), 0);
		CHECK(!result.complete);
		CHECK(strstr(result.why, "is missing") != NULL);
		CHECK_EQ(result.lost, 8 - pages[i]);
		CHECK_EQ(count_right(&sink, 64, 12, true), pages[i]);
		drop_sink(&sink);
		set.nr = 3;
		set.p[2].fd = -1;
		free_set(&set);
	}
}

TEST(doubled_parts)
{
	static const unsigned int overlap[] = { 0, 9, 31 };
	struct reassemble_result result;
	struct sink sink;
	struct set set;
	struct blob b;

	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	add_bytes(&set, &set.bytes[1]);
	CHECK_FAILS(join(&set, false, &sink, &result), -EINVAL, "are in another part, too");
	CHECK_FAILS(join(&set, true, &sink, &result), -EINVAL, "are in another part, too");
	free_set(&set);
	make_set(&set, 6, "little", 4096, overlap, 2);
	make_part(&b, 6, "little", 4096, 30, 64);
	add_bytes(&set, &b);
	blob_deinit(&b);
	CHECK_FAILS(join(&set, false, &sink, &result), -EINVAL, "are in another part, too");
	free_set(&set);
}

/* One byte of the last part's tables at a time, and what it is called. */
TEST(foreign_parts)
{
	static const struct {
		uint64_t off;
		const char *what;
	} cases[] = {
		{ DD_UTSNAME + 2 * DD_UTSNAME_FIELD, "of another kernel or machine" },
		{ DD_TV_SEC + 1, "of another time" },
		{ 4096 + DDS_DUMP_LEVEL, "of another dump level" },
		{ 4096 + DDS_PHYS_BASE, "of another dump" },
		{ 4096 + DDS_MAX_MAPNR_64, "" },
		{ 3 * 4096, "of another dump" },
	};
	struct reassemble_result result;
	struct sink sink;
	struct set set;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t byte;

		make_set(&set, 6, "little", 4096, usual_firsts, 3);
		CHECK_EQ(pread(set.p[2].fd, &byte, 1, cases[i].off), 1);
		byte ^= 1;
		CHECK_EQ(pwrite(set.p[2].fd, &byte, 1, cases[i].off), 1);
		CHECK_FAILS(join(&set, true, &sink, &result), -EINVAL, cases[i].what);
		free_set(&set);
	}
	/* The same build, another crash. */
	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	for (size_t i = 0; i + 13 < set.bytes[2].len; i++)
		if (!memcmp(set.bytes[2].data + i, "PAGESIZE=4096", 13))
			CHECK_EQ(pwrite(set.p[2].fd, "7", 1, i + 12), 1);
	CHECK_FAILS(join(&set, true, &sink, &result), -EINVAL, "of another dump");
	free_set(&set);
}

TEST(not_a_part)
{
	struct reassemble_result result;
	struct sink sink;
	struct set set;
	struct blob b;

	make_set(&set, 6, "little", 4096, usual_firsts, 2);
	blob_init(&b);
	core_make(dump_text, &b);
	add_bytes(&set, &b);
	CHECK_FAILS(join(&set, true, &sink, &result), -EINVAL, "c: it is a whole dump");
	free_set(&set);
	make_set(&set, 6, "little", 4096, usual_firsts, 2);
	b.len = 0;
	blob_append(&b, "something else", 14);
	add_bytes(&set, &b);
	CHECK_FAILS(join(&set, true, &sink, &result), -ENOEXEC, "c: ");
	free_set(&set);
	blob_deinit(&b);
}

/* A part that is cut costs its own pages only. */
TEST(parts_cut_at_every_byte)
{
	unsigned int least = 8, opened = 0;
	struct set set;
	size_t whole;

	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	whole = set.bytes[1].len;
	free_set(&set);
	for (size_t len = whole - 1; len > 4000; len--) {
		struct reassemble_result result;
		unsigned int good;
		struct sink sink;
		int err;

		if (len < 4 * 4096 && len % 41)
			continue;
		make_set(&set, 6, "little", 4096, usual_firsts, 3);
		CHECK(!ftruncate(set.p[1].fd, len));
		set.p[1].file_len = len;
		err = join(&set, false, &sink, &result);
		if (err) {
			CHECK(err == -EINVAL || err == -EIO);
			free_set(&set);
			continue;
		}
		opened++;
		CHECK(!result.complete);
		good = count_right(&sink, 64, 12, true);
		CHECK_EQ(good, 8 - result.lost);
		CHECK(good <= least);
		CHECK(good >= 5);
		least = good;
		drop_sink(&sink);
		free_set(&set);
	}
	CHECK_EQ(least, 5);
	CHECK(opened > 100);
}

/* Every bit of every descriptor of one part: its page may be lost or wrong, no other one is. */
TEST(descriptors_damaged)
{
	for (unsigned int bit = 0; bit < 3 * 128; bit++) {
		const uint64_t at = 4 * 4096 + bit / 128 * 24 + bit % 128 / 8;
		struct reassemble_result result;
		struct sink sink;
		struct vmcore v;
		struct set set;
		uint8_t page[4096];
		unsigned int good = 0;

		make_set(&set, 6, "little", 4096, usual_firsts, 3);
		set.bytes[1].data[at] ^= 1 << bit % 8;
		CHECK_EQ(pwrite(set.p[1].fd, set.bytes[1].data + at, 1, at), 1);
		CHECK_EQ(join(&set, false, &sink, &result), 0);
		CHECK_EQ(vmcore_open_fd(&v, dup(sink.fd), "result"), 0);
		CHECK_EQ(v.incomplete, !result.complete);
		for (uint64_t pfn = 0; pfn < 64; pfn++)
			good += !vmcore_read(&v, pfn << 12, page, 4096);
		CHECK(good >= 7);
		vmcore_close(&v);
		drop_sink(&sink);
		free_set(&set);
	}
}

TEST(parts_that_are_incomplete)
{
	struct reassemble_result result;
	struct sink sink;
	struct set set;
	uint8_t status[4];

	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	put_u32(status, DD_STATUS_INCOMPLETE, false);
	CHECK_EQ(pwrite(set.p[1].fd, status, 4, DD_STATUS), 4);
	CHECK_EQ(join(&set, false, &sink, &result), 0);
	CHECK(!result.complete);
	CHECK(strstr(result.why, "marked incomplete") != NULL);
	CHECK_EQ(count_right(&sink, 64, 12, true), 8);
	drop_sink(&sink);
	free_set(&set);
}

/* Text on what was erased stands behind the pages of each part. */
TEST(erased_data)
{
	static const char *const texts[] = { "erase key 16\n", "erase key 16\n", "erase other 8\n" };
	struct reassemble_result result;
	uint8_t sub[DDS_BYTES];
	char text[64] = "";
	struct sink sink;
	struct set set;

	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	for (unsigned int i = 0; i < 3; i++) {
		uint8_t where[16];

		put_u64(where, set.p[i].file_len, false);
		put_u64(where + 8, strlen(texts[i]), false);
		CHECK_EQ(pwrite(set.p[i].fd, where, 16, 4096 + DDS_OFFSET_ERASEINFO), 16);
		CHECK_EQ(pwrite(set.p[i].fd, texts[i], strlen(texts[i]), set.p[i].file_len), strlen(texts[i]));
		set.p[i].file_len += strlen(texts[i]);
	}
	CHECK_EQ(join(&set, false, &sink, &result), 0);
	CHECK(result.complete);
	CHECK_EQ(sink_read(&sink, 4096, sub, sizeof(sub)), 0);
	CHECK_EQ(get_u64(sub + DDS_SIZE_ERASEINFO, false), 27);
	CHECK_EQ(sink_read(&sink, get_u64(sub + DDS_OFFSET_ERASEINFO, false), text, 27), 0);
	CHECK_STR(text, "erase key 16\nerase other 8\n");
	CHECK_EQ(count_right(&sink, 64, 12, false), 8);
	drop_sink(&sink);
	free_set(&set);
}

/* ---- names ---- */

static char folder[100];

static const char *at(const char *name)
{
	static char path[4][200];
	static unsigned int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
	return path[i];
}

static void write_file(const char *name, const uint8_t *bytes, size_t len)
{
	int fd = open(at(name), O_CREAT | O_TRUNC | O_WRONLY, 0644);

	CHECK_EQ(write(fd, bytes, len), len);
	close(fd);
}

static bool is_file(const char *name, mode_t mode)
{
	struct stat st;

	return !stat(at(name), &st) && S_ISREG(st.st_mode) && (st.st_mode & 07777) == mode;
}

static void remove_folder(void)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	CHECK_EQ(system(command), 0);
}

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test_reassemble.XXXXXX");
	if (!mkdtemp(folder))
		abort();
}

TEST(files_that_are_written)
{
	struct reassemble_options o = { .quiet = true };
	struct reassemble_result result;
	struct flat_stream_made s;
	struct blob dump;

	make_folder();
	make_stream(true, &dump, &s);
	write_file("stream", s.bytes.data, s.bytes.len);
	write_file("cut", s.bytes.data, s.bytes.len - 3000);
	write_file("none", s.bytes.data, 5000);
	CHECK_EQ(reassemble_stream(at("stream"), at("dump"), &o, &result), 0);
	CHECK(result.complete);
	CHECK_STR(result.path, at("dump"));
	free(result.path);
	CHECK(is_file("dump", 0600));
	CHECK_FAILS(reassemble_stream(at("stream"), at("dump"), &o, &result), -EEXIST, "--force");
	o.force = true;
	CHECK_EQ(reassemble_stream(at("stream"), at("dump"), &o, &result), 0);
	free(result.path);
	o.force = false;
	CHECK_EQ(reassemble_stream(at("cut"), at("other"), &o, &result), 0);
	CHECK(!result.complete);
	CHECK_STR(result.path, at("other-incomplete"));
	free(result.path);
	CHECK(is_file("other-incomplete", 0600));
	CHECK(access(at("other"), F_OK));
	o.same_name = true;
	CHECK_EQ(reassemble_stream(at("cut"), at("other"), &o, &result), 0);
	CHECK_STR(result.path, at("other"));
	free(result.path);
	o.same_name = false;
	/* Nothing is left of what came to nothing. */
	CHECK_FAILS(reassemble_stream(at("none"), at("new"), &o, &result), -EINVAL, "no dump in it");
	CHECK_FAILS(reassemble_stream(at("absent"), at("new"), &o, &result), -ENOENT, "absent");
	CHECK_FAILS(reassemble_stream(at("stream"), "-", &o, &result), -EINVAL, "needs a file");
	CHECK_FAILS(reassemble_stream(at("stream"), "/dev/null", &o, &result), -EINVAL, "needs a file");
	CHECK_FAILS(reassemble_stream(at("stream"), folder, &o, &result), -EISDIR, "directory");
	CHECK(access(at("new"), F_OK) && access(at("new.writing"), F_OK) && access(at("new-incomplete"), F_OK));
	blob_deinit(&s.bytes);
	blob_deinit(&dump);
	remove_folder();
}

TEST(parts_that_are_files)
{
	struct reassemble_options o = { .quiet = true };
	struct reassemble_result result;
	struct set set;
	char *paths[3];

	make_folder();
	make_set(&set, 6, "little", 4096, usual_firsts, 3);
	write_file("c", set.bytes[0].data, set.bytes[0].len);
	write_file("a", set.bytes[1].data, set.bytes[1].len);
	write_file("b", set.bytes[2].data, set.bytes[2].len);
	paths[0] = (char *)at("a");
	paths[1] = (char *)at("b");
	paths[2] = (char *)at("c");
	CHECK_EQ(reassemble_parts(paths, 3, at("dump"), &o, &result), 0);
	CHECK(result.complete);
	free(result.path);
	CHECK(is_file("dump", 0600));
	paths[0] = (char *)at("a");
	paths[1] = (char *)at("b");
	CHECK_FAILS(reassemble_parts(paths, 2, at("less"), &o, &result), -EINVAL,
		    "the part with pages 0 to 0x8 is missing");
	o.partial = true;
	paths[0] = (char *)at("a");
	paths[1] = (char *)at("b");
	CHECK_EQ(reassemble_parts(paths, 2, at("less"), &o, &result), 0);
	CHECK(!result.complete);
	free(result.path);
	CHECK(is_file("less-incomplete", 0600));
	paths[0] = (char *)at("a");
	paths[1] = folder;
	CHECK_FAILS(reassemble_parts(paths, 2, at("x"), &o, &result), -EINVAL, "no file");
	free_set(&set);
	remove_folder();
}
