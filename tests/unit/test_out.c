// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dump writers: what they write of a made-up machine is read again page by page, complete, in parts, cut short, on
 * a disk that fills up. tests/dumps.py runs this program with DUMPS_DIR set: the dumps stay there, for a reader
 * that is not ours.
 */
#include "include/diskdump_format.h"
#include "kdump/out.h"
#include "kdump/pipe.h"
#include "lib/elf.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096

static char folder[200];
static bool keep;

__attribute__((constructor)) static void make_folder(void)
{
	const char *dir = getenv("DUMPS_DIR");

	signal(SIGXFSZ, SIG_IGN);
	keep = dir;
	snprintf(folder, sizeof(folder), "%s", dir ? dir : "/tmp/test_out.XXXXXX");
	if (!keep && !mkdtemp(folder))
		abort();
}

__attribute__((destructor)) static void remove_folder(void)
{
	if (!keep)
		rmdir(folder);
}

static const char *at(const char *name)
{
	static char path[4][300];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

/* ---- the machine ---- */

enum kind { LEFT_OUT, ZERO, TEXT, NOISE };

/* RAM in pfns: low memory, a stretch over the edge of a window, a little far away that is no multiple of 8 pages. */
static const struct range ram_pfns[] = {
	{ 1, 159, 0 }, { 0x100, 0x8ff, 0 }, { 0xffe00, 0x1004fc, 0 }, { 0x500010, 0x5000c4, 0 }
};

/* Runs of eight pages of a kind, and a long one left out. */
static enum kind kind_of(uint64_t pfn)
{
	if (pfn >= 0x300 && pfn < 0x4c0)
		return LEFT_OUT;
	return ((pfn >> 3) * 2654435761u & 0xffffffff) >> 13 & 3;
}

/* With this not 0, pages of a kind whose numbers differ by a multiple of it are the same. */
static uint64_t same_each;

static void fill(uint8_t *page, uint64_t pfn)
{
	uint64_t x = same_each ? pfn % same_each : pfn;

	for (unsigned int i = 0; i < PAGE; i += 8) {
		switch (kind_of(pfn)) {
		case ZERO: x = 0; break;
		case TEXT: x = (same_each ? pfn % same_each : pfn) + i / 512; break;
		default: x = x * 6364136223846793005ull + 1442695040888963407ull; break;
		}
		put_u64(page + i, x, false);
	}
}

static const char vmcoreinfo[] = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff82a14a40\n";

/* A PRSTATUS that tells nothing, as of a processor that was stopped; with or without VMCOREINFO behind it. */
static void make_notes(struct vmcore *core, bool with_text)
{
	uint8_t header[12], status[336] = { 0 };

	put_u32(header, 5, core->big_endian);
	put_u32(header + 4, sizeof(status), core->big_endian);
	put_u32(header + 8, NT_PRSTATUS, core->big_endian);
	put_u32(status + 32, 4711, core->big_endian);
	blob_append(&core->notes, header, 12);
	blob_append(&core->notes, "CORE\0\0\0", 8);
	blob_append(&core->notes, status, sizeof(status));
	blob_append(&core->vmcoreinfo, vmcoreinfo, sizeof(vmcoreinfo) - 1);
	if (!with_text)
		return;
	put_u32(header, 11, core->big_endian);
	put_u32(header + 4, sizeof(vmcoreinfo) - 1, core->big_endian);
	put_u32(header + 8, 0, core->big_endian);
	blob_append(&core->notes, header, 12);
	blob_append(&core->notes, "VMCOREINFO\0\0", 12);
	blob_append(&core->notes, vmcoreinfo, sizeof(vmcoreinfo) - 1);
	blob_zero(&core->notes, -(sizeof(vmcoreinfo) - 1) & 3);
}

static void make_core(struct vmcore *core, bool big_endian, bool with_text)
{
	static struct vmcore_load alias, loads[sizeof(ram_pfns) / sizeof(*ram_pfns)];
	size_t nr = sizeof(ram_pfns) / sizeof(*ram_pfns);

	*core = (struct vmcore){ .path = (char *)"core", .fd = -1,
				 .machine = big_endian ? EM_S390 : EM_X86_64, .width = 8,
				 .big_endian = big_endian, .page_shift = 12, .loads = loads, .nr_loads = nr };
	ranges_init(&core->ram);
	blob_init(&core->notes);
	blob_init(&core->vmcoreinfo);
	for (size_t i = 0; i < nr; i++) {
		uint64_t first = ram_pfns[i].start << 12, len = range_len(&ram_pfns[i]) << 12;

		CHECK_EQ(ranges_add(&core->ram, first, first + len - 1, 0), 0);
		loads[i] = (struct vmcore_load){ first, len, 0, 0xffff888000000000ull + first };
		core->max_pfn = ram_pfns[i].last + 1;
	}
	/* The kernel's image, seen a second time. */
	alias = (struct vmcore_load){ 0x200000, 0x100000, 0, 0xffffffff81000000ull };
	core->aliases = &alias;
	core->nr_aliases = 1;
	make_notes(core, with_text);
}

static void free_core(struct vmcore *core)
{
	ranges_deinit(&core->ram);
	blob_deinit(&core->notes);
	blob_deinit(&core->vmcoreinfo);
}

static int planned(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	const struct vmcore *core = ctx;

	CHECK_EQ(nr % 8, 0);
	CHECK(nr <= OUT_WINDOW_PFNS);
	memset(bitmap, 0, nr / 8);
	for (size_t r = 0; r < core->ram.nr; r++)
		for (uint64_t pfn = core->ram.r[r].start >> 12; pfn <= core->ram.r[r].last >> 12 &&
		     pfn < first_pfn + nr; pfn++)
			if (pfn >= first_pfn && kind_of(pfn) != LEFT_OUT)
				bitmap[(pfn - first_pfn) / 8] |= 1u << (pfn - first_pfn) % 8;
	return 0;
}

/* ---- writing one ---- */

struct job {
	const char *name;
	const struct out_ops *ops;
	const struct codec *codec;
	bool flattened, big_endian, with_text, split, keep_zero, backwards;
	uint64_t split_first_pfn, split_last_pfn;
	uint32_t marks;            /* twins are found, by so many */
	uint64_t nr_twins;
	unsigned int passes;       /* pages are written in so many, each every so-many-th page */
	uint64_t stop_after;       /* pages; 0: never */
	uint64_t checkpoint_every;
	uint64_t max_bytes;
	uint64_t max_file;         /* RLIMIT_FSIZE */
	void (*checkpointed)(struct job *j);
	/* out */
	struct sink sink;
	struct dump_out out;
	struct vmcore core;
	uint64_t nr_written;       /* pages handed over */
	char *path;
	int err;                   /* what stopped it */
	uint64_t nr_checkpoints;
	bool begun;
};

static int put(void *ctx, const struct out_page *page)
{
	struct job *j = ctx;
	int err = j->ops->page(&j->out, page);

	if (err)
		return err;
	j->nr_written++;
	if (j->checkpoint_every && j->nr_written % j->checkpoint_every == 0) {
		err = j->ops->checkpoint(&j->out);
		j->nr_checkpoints++;
		if (!err && j->checkpointed)
			j->checkpointed(j);
	}
	return err ? err : j->stop_after && j->nr_written == j->stop_after ? -EINTR : 0;
}

static bool wanted(const struct job *j, uint64_t pfn)
{
	return kind_of(pfn) != LEFT_OUT && (!j->split || (pfn >= j->split_first_pfn && pfn <= j->split_last_pfn));
}

/* What PFN holds, so that pages with the same number are the same. */
static uint64_t content_of(uint64_t pfn)
{
	return (pfn % same_each) << 3 | kind_of(pfn);
}

/* A mark is taken from its page when another one with that mark comes. */
static int put_page(struct job *j, struct pipe *p, uint64_t pfn, uint64_t *marked)
{
	uint64_t content = j->marks ? content_of(pfn) : 0;
	uint32_t mark = j->marks ? content * 2654435761u % j->marks + 1 : 0;

	fill(pipe_buffer(p), pfn);
	if ((j->marks || !j->keep_zero) && page_is_zero(pipe_buffer(p), PAGE))
		return pipe_put_zero(p, pfn);
	if (!j->marks)
		return pipe_put(p, pfn, 0);
	if (marked[mark] == content) {
		j->nr_twins++;
		return pipe_put_twin(p, pfn, mark);
	}
	marked[mark] = content;
	return pipe_put(p, pfn, mark);
}

static int write_pages(struct job *j)
{
	uint64_t *marked = calloc(j->marks + 1, sizeof(*marked));
	struct pipe *p;
	int err = pipe_init(&p, j->ops->compresses ? j->codec : codec_by_flag(0), CODEC_DEFAULT_LEVEL, 1, PAGE,
			    put, j);

	for (unsigned int pass = 0; !err && pass < j->passes; pass++)
		for (size_t r = 0; !err && r < j->core.ram.nr; r++)
			for (uint64_t i = 0, nr = range_len(&ram_pfns[r]); !err && i < nr; i++) {
				uint64_t pfn = j->backwards ? ram_pfns[r].last - i : ram_pfns[r].start + i;

				if (!wanted(j, pfn) || pfn % j->passes != pass)
					continue;
				err = put_page(j, p, pfn, marked);
			}
	if (!err)
		err = pipe_flush(p);
	pipe_deinit(p);
	free(marked);
	return err;
}

/* 0, or what the writers said; J->path is the file. */
static int run(struct job *j)
{
	struct rlimit before, limit;
	int err, finish;

	j->passes = j->passes ? j->passes : 1;
	j->codec = j->codec ? j->codec : codecs;
	make_core(&j->core, j->big_endian, j->with_text);
	err = sink_open(&j->sink, at(j->name), j->flattened, true);
	CHECK_EQ(err, 0);
	if (j->max_bytes)
		j->sink.max_bytes = j->max_bytes;
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = j->max_file ? j->max_file : before.rlim_cur;
	setrlimit(RLIMIT_FSIZE, &limit);
	j->out = (struct dump_out){ .ops = j->ops, .sink = &j->sink };
	j->out.facts = (struct out_facts){ .core = &j->core, .phys_base = 0x1000000, .level = 31,
					   .crash_time = 1700000000, .nr_cpus = 3,
					   .codec = j->codec, .nr_marks = j->marks, .split = j->split, .split_first_pfn = j->split_first_pfn,
					   .split_last_pfn = j->split_last_pfn, .planned = planned, .ctx = &j->core };
	strcpy(j->out.facts.utsname[0], "Linux");
	strcpy(j->out.facts.utsname[1], "test");
	strcpy(j->out.facts.utsname[2], "6.1.0-test");
	strcpy(j->out.facts.utsname[3], "#1");
	strcpy(j->out.facts.utsname[4], j->big_endian ? "s390x" : "x86_64");
	err = j->ops->begin(&j->out);
	j->begun = !err;
	if (!err) {
		err = write_pages(j);
		finish = j->ops->finish(&j->out, !err);
		if (!err)
			err = finish;
		else if (!j->flattened)
			CHECK_EQ(finish, 0);
	} else {
		sink_discard(&j->sink); /* not even the tables fit */
	}
	j->ops->deinit(&j->out);
	setrlimit(RLIMIT_FSIZE, &before);
	j->err = err;
	finish = sink_finish(&j->sink, !err);
	CHECK(!finish || j->flattened);
	j->path = strdup(j->sink.path);
	sink_deinit(&j->sink);
	return err;
}

static void done(struct job *j)
{
	free_core(&j->core);
	if (!keep)
		unlink(j->path);
	free(j->path);
}

/* ---- reading ---- */

/* How many pages are right; a wrong one, or one that should not be there, is a failure. */
static uint64_t check_pages(struct vmcore *v, const struct job *j)
{
	uint64_t good = 0;

	for (size_t r = 0; r < sizeof(ram_pfns) / sizeof(*ram_pfns); r++)
		for (uint64_t pfn = ram_pfns[r].start; pfn <= ram_pfns[r].last; pfn++) {
			uint8_t got[PAGE], want[PAGE];
			int err = vmcore_read(v, pfn << 12, got, PAGE);

			CHECK(err == 0 || err == -ENODATA);
			if (err)
				continue;
			if (!wanted(j, pfn))
				memset(want, 0, PAGE); /* an ELF file has no other way */
			else
				fill(want, pfn);
			CHECK(!memcmp(got, want, PAGE));
			if (wanted(j, pfn))
				good++;
			else
				CHECK(j->ops == &out_elf);
		}
	return good;
}

static uint64_t nr_wanted(const struct job *j)
{
	uint64_t nr = 0;

	for (size_t r = 0; r < sizeof(ram_pfns) / sizeof(*ram_pfns); r++)
		for (uint64_t pfn = ram_pfns[r].start; pfn <= ram_pfns[r].last; pfn++)
			nr += wanted(j, pfn);
	return nr;
}

/* Open and count the good pages. */
static uint64_t reread(const struct job *j, const char *path, bool complete)
{
	struct vmcore v;
	uint64_t good;

	CHECK_EQ(vmcore_open(&v, path), 0);
	if (!v.ops) {
		printf("%s: %s\n", path, err_text());
		return 0;
	}
	CHECK_STR(v.ops->name, j->ops->name);
	CHECK_EQ(v.incomplete, !complete);
	CHECK_EQ(v.page_shift, 12);
	CHECK_EQ(v.vmcoreinfo.len, sizeof(vmcoreinfo) - 1);
	CHECK(v.vmcoreinfo.len && !memcmp(v.vmcoreinfo.data, vmcoreinfo, sizeof(vmcoreinfo) - 1));
	CHECK(v.notes.len > 336 && !memcmp(v.notes.data, j->core.notes.data, 12 + 8 + 336));
	CHECK_EQ(v.max_pfn, j->core.max_pfn);
	if (j->ops == &out_elf) {
		CHECK_EQ(v.nr_aliases, 1);
		CHECK(v.nr_aliases && v.aliases->vaddr == j->core.aliases->vaddr && v.aliases->paddr == 0x200000);
		CHECK(v.nr_loads && v.loads[0].vaddr == 0xffff888000000000ull + v.loads[0].paddr);
	}
	good = check_pages(&v, j);
	vmcore_close(&v);
	return good;
}

static void whole(struct job j)
{
	CHECK_EQ(run(&j), 0);
	if (j.flattened) {
		struct vmcore v;

		CHECK(vmcore_open(&v, j.path) < 0);
		vmcore_close(&v);
	} else {
		CHECK_EQ(reread(&j, j.path, true), nr_wanted(&j));
	}
	done(&j);
}

TEST(every_codec)
{
	for (const struct codec *c = codecs; c->name; c++) {
		char name[40];

		snprintf(name, sizeof(name), "diskdump-%s", c->name);
		if (c->built_in)
			whole((struct job){ .name = name, .ops = &out_diskdump, .codec = c, .with_text = true });
	}
}

TEST(orders)
{
	whole((struct job){ .name = "order-passes", .ops = &out_diskdump, .passes = 7 });
	whole((struct job){ .name = "order-backwards", .ops = &out_diskdump, .backwards = true,
			    .checkpoint_every = 50 });
	whole((struct job){ .name = "order-both", .ops = &out_diskdump, .backwards = true, .passes = 3,
			    .checkpoint_every = 333 });
	whole((struct job){ .name = "zeros-kept", .ops = &out_diskdump, .keep_zero = true });
	whole((struct job){ .name = "big-endian", .ops = &out_diskdump, .big_endian = true, .with_text = true });
}

/* Twins share bytes, as long as their mark is theirs; whatever the order, and in a file that is cut short. */
TEST(twins)
{
	struct job without = { .name = "twins-not-found", .ops = &out_diskdump };
	struct stat a, b;

	same_each = 64;
	CHECK_EQ(run(&without), 0);
	CHECK_EQ(stat(without.path, &a), 0);
	done(&without);
	for (uint32_t marks = 1; marks <= 4096; marks *= 16) {
		struct job with = { .name = "twins", .ops = &out_diskdump, .marks = marks, .passes = 3,
				    .checkpoint_every = 100, .with_text = true };

		CHECK_EQ(run(&with), 0);
		CHECK_EQ(reread(&with, with.path, true), nr_wanted(&with));
		CHECK_EQ(stat(with.path, &b), 0);
		CHECK(marks < 4096 || (with.nr_twins > nr_wanted(&with) / 4 && b.st_size < a.st_size / 2));
		done(&with);
	}
	for (uint64_t stop = 1; stop < 700; stop += 97) {
		struct job cut = { .name = "twins-cut", .ops = &out_diskdump, .marks = 512, .stop_after = stop,
				   .with_text = true };

		CHECK_EQ(run(&cut), -EINTR);
		CHECK_EQ(reread(&cut, cut.path, false), stop);
		done(&cut);
	}
	same_each = 0;
}

static int put_raw(struct job *j, struct out_page page)
{
	return j->ops->page(&j->out, &page);
}

TEST(twins_of_none)
{
	struct job j = { .name = "twins-of-none", .ops = &out_diskdump, .codec = codecs };
	uint8_t page[PAGE] = { 1 };
	uint64_t pfn = 0;

	make_core(&j.core, false, true);
	while (kind_of(pfn) == LEFT_OUT)
		pfn++;
	CHECK_EQ(sink_open(&j.sink, at(j.name), false, true), 0);
	j.out = (struct dump_out){ .ops = j.ops, .sink = &j.sink };
	j.out.facts = (struct out_facts){ .core = &j.core, .codec = j.codec, .nr_marks = 2, .planned = planned,
					  .ctx = &j.core };
	CHECK_EQ(j.ops->begin(&j.out), 0);
	CHECK_FAILS(put_raw(&j, (struct out_page){ .pfn = pfn, .twin = true, .mark = 1 }), -EINVAL, "twin of none");
	CHECK_FAILS(put_raw(&j, (struct out_page){ .pfn = pfn, .twin = true }), -EINVAL, "twin of none");
	CHECK_FAILS(put_raw(&j, (struct out_page){ .pfn = pfn, .data = page, .len = PAGE, .mark = 3 }), -EINVAL,
		    "mark 3 of 2");
	CHECK_EQ(put_raw(&j, (struct out_page){ .pfn = pfn, .data = page, .len = PAGE, .mark = 2 }), 0);
	CHECK_EQ(put_raw(&j, (struct out_page){ .pfn = pfn, .twin = true, .mark = 2 }), 0);
	CHECK_FAILS(put_raw(&j, (struct out_page){ .pfn = pfn, .twin = true, .mark = 1 }), -EINVAL, "twin of none");
	j.ops->deinit(&j.out);
	sink_discard(&j.sink);
	sink_deinit(&j.sink);
	free_core(&j.core);
}

TEST(elf)
{
	whole((struct job){ .name = "elf", .ops = &out_elf, .with_text = true });
	whole((struct job){ .name = "elf-passes", .ops = &out_elf, .passes = 5, .backwards = true,
			    .checkpoint_every = 100 });
	whole((struct job){ .name = "elf-big-endian", .ops = &out_elf, .big_endian = true });
}

/* A few pages left out, and so many that they split a segment, both inside the kernel's image. */
static bool thinned(uint64_t pfn)
{
	return (pfn >= 0x210 && pfn < 0x220) || (pfn >= 0x224 && pfn < 0x26c);
}

static int plan_thinned(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	int err = planned(ctx, first_pfn, nr, bitmap);

	for (uint64_t i = 0; i < nr; i++)
		if (thinned(first_pfn + i))
			bitmap[i / 8] &= ~(1u << i % 8);
	return err;
}

/* Page 0x215 must not be read. */
static int all_but_one(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	int err = planned(ctx, first_pfn, nr, bitmap);

	if (first_pfn <= 0x215 && 0x215 - first_pfn < nr)
		bitmap[(0x215 - first_pfn) / 8] &= ~(1u << (0x215 - first_pfn) % 8);
	return err;
}

static void write_thinned(struct vmcore *core, struct sink *s)
{
	struct dump_out o = { .ops = &out_elf, .sink = s };

	o.facts = (struct out_facts){ .core = core, .codec = codecs, .planned = plan_thinned, .readable = all_but_one,
				      .ctx = core };
	CHECK_EQ(sink_open(s, at("thinned"), false, true), 0);
	CHECK_EQ(o.ops->begin(&o), 0);
	for (size_t r = 0; r < sizeof(ram_pfns) / sizeof(*ram_pfns); r++)
		for (uint64_t pfn = ram_pfns[r].start; pfn <= ram_pfns[r].last; pfn++) {
			uint8_t page[PAGE];

			fill(page, pfn);
			if (kind_of(pfn) != LEFT_OUT && !thinned(pfn))
				CHECK_EQ(o.ops->page(&o, &(struct out_page){ .pfn = pfn, .data = page, .len = PAGE }), 0);
		}
	CHECK_EQ(o.ops->finish(&o, true), 0);
	o.ops->deinit(&o);
	CHECK_EQ(sink_finish(s, true), 0);
}

TEST(elf_gaps)
{
	static const uint8_t zeros[PAGE];
	struct job j = { .name = "elf-source", .ops = &out_elf, .with_text = true };
	struct vmcore source, v;
	uint64_t next = 0x26c;
	struct sink s;
	uint8_t got[PAGE], want[PAGE];

	while (kind_of(next) == LEFT_OUT)
		next++;
	CHECK_EQ(run(&j), 0);
	CHECK_EQ(vmcore_open(&source, j.path), 0);
	write_thinned(&source, &s);
	CHECK_EQ(vmcore_open(&v, s.path), 0);
	for (uint64_t pfn = 0x200; pfn < next + 8; pfn++) {
		int err = vmcore_read(&v, pfn << 12, got, PAGE);

		fill(want, pfn);
		if (pfn >= 0x224 && pfn < next)
			CHECK_EQ(err, -ENODATA);
		else
			CHECK(!err && !memcmp(got, pfn == 0x215 || kind_of(pfn) == LEFT_OUT ? zeros : want, PAGE));
	}
	/* The image at its own addresses, on both sides of what is not there. */
	CHECK_EQ(v.nr_aliases, 2);
	CHECK_EQ(v.aliases[0].paddr, 0x200000);
	CHECK_EQ(v.aliases[0].len, 0x24000);
	CHECK_EQ(v.aliases[1].paddr, next << 12);
	CHECK_EQ(v.aliases[1].vaddr, 0xffffffff81000000ull + ((next - 0x200) << 12));
	CHECK_EQ(v.aliases[1].len, (0x300 - next) << 12);
	vmcore_close(&v);
	vmcore_close(&source);
	unlink(s.path);
	sink_deinit(&s);
	done(&j);
}

TEST(split_set)
{
	static const uint64_t firsts[] = { 0, 0x203, 0x100000, 0x100001, 0x400000, 0x5000c4, 0x600000 };

	for (int i = 0; i < 6; i++) {
		char name[40];

		snprintf(name, sizeof(name), "split-%d", i);
		whole((struct job){ .name = name, .ops = &out_diskdump, .split = true, .split_first_pfn = firsts[i],
				    .split_last_pfn = firsts[i + 1] - 1, .passes = 2 });
	}
}

/* Zero pages share one block: 1,500 of them cost their descriptors and nothing else. */
TEST(zero_pages_share)
{
	struct job with = { .name = "zeros", .ops = &out_diskdump, .codec = codec_by_flag(0) }, without = with;
	struct stat a, b;
	uint64_t zeros = 0;

	without.keep_zero = true;
	CHECK_EQ(run(&with), 0);
	CHECK_EQ(stat(with.path, &a), 0);
	for (size_t r = 0; r < sizeof(ram_pfns) / sizeof(*ram_pfns); r++)
		for (uint64_t pfn = ram_pfns[r].start; pfn <= ram_pfns[r].last; pfn++)
			zeros += kind_of(pfn) == ZERO;
	CHECK(zeros > 500);
	done(&with);
	CHECK_EQ(run(&without), 0);
	CHECK_EQ(stat(without.path, &b), 0);
	CHECK_EQ(b.st_size - a.st_size, zeros * PAGE);
	done(&without);
}

/* ---- header ---- */

TEST(header_fields)
{
	struct job j = { .name = "header", .ops = &out_diskdump, .with_text = true };
	uint8_t h[2 * PAGE];
	uint64_t bitmap_bytes = ((0x5000c5 + 7) / 8 + PAGE - 1) / PAGE * PAGE;
	int fd;

	CHECK_EQ(run(&j), 0);
	fd = open(j.path, O_RDONLY);
	CHECK_EQ(read(fd, h, sizeof(h)), sizeof(h));
	close(fd);
	CHECK(!memcmp(h, "KDUMP   ", 8));
	CHECK_EQ(get_u32(h + DD_HEADER_VERSION, false), 6);
	CHECK_STR((char *)h + DD_UTSNAME + 4 * DD_UTSNAME_FIELD, "x86_64");
	CHECK_EQ(get_u64(h + DD_TV_SEC, false), 1700000000);
	CHECK_EQ(get_u64(h + DD_TV_USEC, false), 0);
	CHECK_EQ(get_u32(h + DD_STATUS, false), DD_FLAG_ZSTD);
	CHECK_EQ(get_u32(h + DD_BLOCK_SIZE, false), PAGE);
	CHECK_EQ(get_u32(h + DD_SUB_HDR_BLOCKS, false), 1);
	CHECK_EQ(get_u32(h + DD_BITMAP_BLOCKS, false), 2 * bitmap_bytes / PAGE);
	CHECK_EQ(get_u32(h + DD_MAX_MAPNR, false), 0x5000c5);
	CHECK_EQ(get_u32(h + DD_WRITTEN_BLOCKS, false), nr_wanted(&j));
	CHECK_EQ(get_u32(h + DD_NR_CPUS, false), 3);
	CHECK_EQ(get_u64(h + PAGE + DDS_PHYS_BASE, false), 0x1000000);
	CHECK_EQ(get_u32(h + PAGE + DDS_DUMP_LEVEL, false), 31);
	CHECK_EQ(get_u32(h + PAGE + DDS_SPLIT, false), 0);
	CHECK_EQ(get_u64(h + PAGE + DDS_MAX_MAPNR_64, false), 0x5000c5);
	CHECK_EQ(get_u64(h + PAGE + DDS_OFFSET_ERASEINFO, false), 0);
	CHECK_EQ(get_u64(h + PAGE + DDS_SIZE_VMCOREINFO, false), sizeof(vmcoreinfo) - 1);
	CHECK(!memcmp(h + get_u64(h + PAGE + DDS_OFFSET_VMCOREINFO, false), vmcoreinfo, sizeof(vmcoreinfo) - 1));
	CHECK_EQ(get_u64(h + PAGE + DDS_OFFSET_NOTE, false), PAGE + DDS_BYTES);
	CHECK_EQ(get_u64(h + PAGE + DDS_SIZE_NOTE, false), j.core.notes.len);
	done(&j);
}

/* ---- cut short ---- */

/* The file as a power cut right after the checkpoint would leave it. */
static void copy_dump(struct job *j)
{
	char name[60], buf[65536];
	int in = open(j->sink.temporary, O_RDONLY), out;
	ssize_t n;

	snprintf(name, sizeof(name), "%s-cut-%03u", j->name, (unsigned int)j->nr_checkpoints);
	out = open(at(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, n), n);
	close(in);
	close(out);
	CHECK_EQ(reread(j, at(name), false), j->nr_written);
	if (!keep)
		unlink(at(name));
}

/* ---- power cuts in the middle of a write ---- */

static struct {
	uint64_t nr_slots;         /* 0: nobody looks */
	uint64_t seen;
} across;

/*
 * Of a descriptor that LEN bytes at OFF, about to be written, bring the offset of and that lies across two blocks: the
 * rest is there already, for a disk writes blocks whole, and maybe only the first.
 */
static void check_across(int fd, const uint8_t *bytes, uint64_t len, uint64_t off)
{
	uint8_t head[PAGE], rest[DDP_BYTES - DDP_SIZE];
	uint64_t table;

	if (pread(fd, head, PAGE, 0) != PAGE || memcmp(head, DISKDUMP_SIGNATURE, 8))
		return;
	table = PAGE * (1ull + get_u32(head + DD_SUB_HDR_BLOCKS, false) + get_u32(head + DD_BITMAP_BLOCKS, false));
	for (uint64_t edge = (off / PAGE + 1) * PAGE; edge < off + len; edge += PAGE) {
		if (edge <= table || edge >= table + across.nr_slots * DDP_BYTES || (edge - table) % DDP_BYTES != DDP_SIZE)
			continue;
		CHECK(edge - DDP_SIZE >= off);
		if (!get_u64(bytes + edge - DDP_SIZE - off, false))
			continue;
		across.seen++;
		CHECK_EQ(pread(fd, rest, sizeof(rest), edge), sizeof(rest));
		CHECK(!memcmp(rest, bytes + edge - off, sizeof(rest)));
	}
}

/* What the sink writes with. */
ssize_t pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	if (across.nr_slots && nr == 1)
		check_across(fd, iov->iov_base, iov->iov_len, off);
	return syscall(SYS_pwritev, fd, iov, nr, off, 0);
}

TEST(descriptors_across_blocks)
{
	for (uint64_t every = 0; every <= 700; every += 350) {
		struct job j = { .name = "across", .ops = &out_diskdump, .passes = 3, .checkpoint_every = every,
				 .marks = every ? 0 : 64 };

		same_each = j.marks ? 50 : 0;
		across.nr_slots = nr_wanted(&j);
		CHECK_EQ(run(&j), 0);
		across.nr_slots = 0;
		CHECK(across.seen >= 5);
		across.seen = 0;
		CHECK_EQ(reread(&j, j.path, true), j.nr_written);
		done(&j);
		same_each = 0;
	}
}

TEST(every_checkpoint_opens)
{
	for (const struct codec *c = codecs; c->name; c++) {
		char name[40];
		struct job j = { .name = name, .ops = &out_diskdump, .codec = c, .passes = 4,
				 .checkpoint_every = 250, .checkpointed = copy_dump };

		snprintf(name, sizeof(name), "checkpoints-%s", c->name);
		if (!c->built_in)
			continue;
		CHECK_EQ(run(&j), 0);
		CHECK(j.nr_checkpoints > 5);
		done(&j);
	}
}

TEST(stopped)
{
	for (uint64_t after = 1; after < 3000; after = after * 5 + 2) {
		struct job j = { .name = "stopped", .ops = &out_diskdump, .passes = 2, .stop_after = after };

		CHECK_EQ(run(&j), (uint64_t)-EINTR);
		CHECK_EQ(reread(&j, j.path, false), after);
		done(&j);
		j = (struct job){ .name = "stopped-elf", .ops = &out_elf, .passes = 2, .stop_after = after };
		CHECK_EQ(run(&j), (uint64_t)-EINTR);
		done(&j);
	}
}

/* What stands in the file is what opens, however little of it there is, by our limit and by the system's. */
static void limited(const struct codec *codec, bool system_limit, int nr)
{
	struct job j = { .name = "limit", .ops = &out_diskdump, .codec = codec };
	struct stat st;
	uint64_t size, least = 0, last[2] = { UINT64_MAX, UINT64_MAX };

	CHECK_EQ(run(&j), 0);
	CHECK_EQ(stat(j.path, &st), 0);
	size = st.st_size;
	done(&j);
	for (int i = 0; i <= nr; i++) {
		uint64_t limit = size - size / (nr + 2) * i - i % 7;
		struct job k = { .name = "limit", .ops = &out_diskdump, .codec = codec, .passes = 3,
				 .checkpoint_every = i % 3 ? 0 : 100 };

		if (system_limit)
			k.max_file = limit;
		else
			k.max_bytes = limit;
		CHECK_EQ(run(&k), i ? (uint64_t)-ENOSPC : 0);
		if (k.begun) {
			uint64_t good = reread(&k, k.path, !i);

			CHECK(!stat(k.path, &st) && (uint64_t)st.st_size <= limit);
			CHECK(good);
			CHECK(good <= last[i % 3 > 0]); /* by how it is written */
			last[i % 3 > 0] = good;
			least = good;
		}
		done(&k);
	}
	CHECK(least < nr_wanted(&j) / 4);
}

TEST(full_disk)
{
	limited(codecs, true, 50);
	limited(codecs, false, 20);
	limited(codec_by_flag(0), true, 20);
}

static uint8_t *file_bytes(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st = { 0 };
	uint8_t *bytes;

	CHECK(fd >= 0 && !fstat(fd, &st));
	bytes = malloc(st.st_size + 1);
	*len = st.st_size;
	CHECK_EQ(read(fd, bytes, *len), *len);
	close(fd);
	return bytes;
}

/* A page in an ELF dump is there or zeros, also where the disk took half of it. */
TEST(no_half_pages_in_elf)
{
	static const uint8_t zeros[PAGE];
	struct job j = { .name = "halves", .ops = &out_elf };
	size_t len, got_len;
	uint8_t *whole_dump;

	CHECK_EQ(run(&j), 0);
	whole_dump = file_bytes(j.path, &len);
	done(&j);
	for (uint64_t limit = len / 3 * 2; limit < len / 3 * 2 + 2 * PAGE; limit += 777) {
		struct job k = { .name = "halves", .ops = &out_elf, .max_bytes = limit };
		uint64_t good = 0, missing = 0;
		uint8_t *got;

		CHECK_EQ(run(&k), (uint64_t)-ENOSPC);
		got = file_bytes(k.path, &got_len);
		for (size_t off = PAGE; off + PAGE <= len && off + PAGE <= got_len; off += PAGE) {
			bool same = !memcmp(got + off, whole_dump + off, PAGE);

			CHECK(same || !memcmp(got + off, zeros, PAGE));
			good += same;
			missing += !same;
		}
		CHECK(good > len / PAGE / 3 && missing);
		free(got);
		done(&k);
	}
	free(whole_dump);
}

/* More pages than descriptors may wait, and a window that is left and entered again. */
static int all_planned(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	(void)ctx, (void)first_pfn;
	memset(bitmap, 0xff, nr / 8);
	return 0;
}

TEST(many_pages)
{
	struct vmcore core, v;
	struct sink s;
	struct dump_out o = { .ops = &out_diskdump, .sink = &s };
	const uint64_t nr = 2 * OUT_WINDOW_PFNS + 77777;
	uint8_t page[PAGE], got[PAGE];

	make_core(&core, false, true);
	CHECK_EQ(ranges_add(&core.ram, 0, (nr << 12) - 1, 0), 0);
	CHECK_EQ(ranges_clip(&core.ram, 0, (nr << 12) - 1), 0);
	core.max_pfn = nr;
	o.facts = (struct out_facts){ .core = &core, .codec = codecs, .planned = all_planned };
	CHECK_EQ(sink_open(&s, at("many"), false, true), 0);
	CHECK_EQ(o.ops->begin(&o), 0);
	for (uint64_t i = 0; i < 200000; i++) {
		uint64_t pfn = i / 10000 % 2 ? nr - 1 - i * 5 : i * 5;
		struct out_page p = { .pfn = pfn, .zero = i % 100, .data = page, .len = PAGE };

		memset(page, pfn, PAGE);
		if (o.ops->page(&o, &p))
			CHECK(false);
	}
	CHECK_FAILS(o.ops->page(&o, &(struct out_page){ .pfn = nr, .zero = true }), -EINVAL, "beyond");
	CHECK_FAILS(o.ops->page(&o, &(struct out_page){ .pfn = 1, .len = PAGE + 1, .flags = 1 }), -EINVAL,
		    "4097 bytes");
	CHECK_FAILS(o.ops->page(&o, &(struct out_page){ .pfn = 1, .len = 5 }), -EINVAL, "5 bytes");
	CHECK_EQ(o.ops->finish(&o, true), 0);
	o.ops->deinit(&o);
	CHECK_EQ(sink_finish(&s, true), 0);
	CHECK_EQ(vmcore_open(&v, s.path), 0);
	for (uint64_t i = 0; i < 200000; i += 25) {
		uint64_t pfn = i / 10000 % 2 ? nr - 1 - i * 5 : i * 5;

		CHECK_EQ(vmcore_read(&v, pfn << 12, got, PAGE), 0);
		memset(page, i % 100 ? 0 : pfn, PAGE);
		CHECK(!memcmp(got, page, PAGE));
		CHECK_EQ(vmcore_read(&v, (pfn + 1) << 12, got, PAGE), (uint64_t)-ENODATA);
	}
	vmcore_close(&v);
	unlink(s.path);
	sink_deinit(&s);
	free_core(&core);
}

/* Pages far apart in more places than an ELF file has segments for: the smaller gaps become holes. */
static bool scattered(uint64_t pfn)
{
	return pfn < 5000000 ? pfn % 100 == 1 : pfn % 1000 == 3;
}

static int plan_scattered(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	(void)ctx;
	memset(bitmap, 0, nr / 8);
	for (uint64_t i = 0; i < nr; i++)
		if (scattered(first_pfn + i))
			bitmap[i / 8] |= 1u << i % 8;
	return 0;
}

TEST(elf_of_too_many_pieces)
{
	struct vmcore core, v;
	struct sink s;
	struct dump_out o = { .ops = &out_elf, .sink = &s };
	const uint64_t nr = 5500000;
	uint8_t page[PAGE], got[PAGE];

	make_core(&core, false, true);
	CHECK_EQ(ranges_add(&core.ram, 0, (nr << 12) - 1, 0), 0);
	CHECK_EQ(ranges_clip(&core.ram, 0, (nr << 12) - 1), 0);
	core.max_pfn = nr;
	core.nr_aliases = core.nr_loads = 0;
	o.facts = (struct out_facts){ .core = &core, .codec = codecs, .planned = plan_scattered };
	CHECK_EQ(sink_open(&s, at("scattered"), false, true), 0);
	CHECK_EQ(o.ops->begin(&o), 0);
	for (uint64_t pfn = 1; pfn < nr; pfn += 998) {
		memset(page, pfn, PAGE);
		if (scattered(pfn))
			CHECK_EQ(o.ops->page(&o, &(struct out_page){ .pfn = pfn, .data = page, .len = PAGE }), 0);
	}
	CHECK_EQ(o.ops->finish(&o, true), 0);
	o.ops->deinit(&o);
	CHECK_EQ(sink_finish(&s, true), 0);
	CHECK_EQ(vmcore_open(&v, s.path), 0);
	/* One piece up to 5,000,000, then one each. */
	CHECK(v.nr_loads > 450 && v.nr_loads < 550);
	for (uint64_t pfn = 1; pfn < nr; pfn += 998) {
		memset(page, pfn, PAGE);
		if (scattered(pfn))
			CHECK(!vmcore_read(&v, pfn << 12, got, PAGE) && !memcmp(got, page, PAGE));
	}
	CHECK_EQ(vmcore_read(&v, 5000004ull << 12, got, PAGE), (uint64_t)-ENODATA);
	vmcore_close(&v);
	unlink(s.path);
	sink_deinit(&s);
	free_core(&core);
}

TEST(what_was_not_planned)
{
	struct job j = { .name = "unplanned" };
	const struct out_ops *both[] = { &out_diskdump, &out_elf };

	for (int i = 0; i < 2; i++) {
		struct sink s;
		struct dump_out o = { .ops = both[i], .sink = &s };
		struct out_page page = { .zero = true };
		struct vmcore core;

		make_core(&core, false, true);
		o.facts = (struct out_facts){ .core = &core, .codec = codecs, .planned = planned, .ctx = &core };
		CHECK_EQ(sink_open(&s, at(j.name), false, true), 0);
		CHECK_EQ(o.ops->begin(&o), 0);
		for (page.pfn = 0x300; kind_of(page.pfn) == LEFT_OUT && page.pfn < 0x3c0; page.pfn++)
			CHECK_FAILS(o.ops->page(&o, &page), -EINVAL, "not planned");
		page.pfn = 0xa00;
		CHECK_FAILS(o.ops->page(&o, &page), -EINVAL, "not planned");
		page.pfn = UINT64_MAX;
		CHECK(o.ops->page(&o, &page) == -EINVAL);
		o.ops->deinit(&o);
		o.ops->deinit(&o);
		sink_discard(&s);
		sink_deinit(&s);
		free_core(&core);
	}
}

/* A core whose claims make no sense is refused, not believed. */
TEST(refusals)
{
	struct sink s;
	struct vmcore core;
	struct dump_out o = { .ops = &out_diskdump, .sink = &s };

	make_core(&core, false, true);
	o.facts = (struct out_facts){ .core = &core, .codec = codecs, .planned = planned, .ctx = &core };
	CHECK_EQ(sink_open(&s, at("refused"), false, true), 0);
	core.width = 4;
	CHECK_FAILS(o.ops->begin(&o), -ENOTSUP, "64-bit");
	o.ops->deinit(&o);
	core.width = 8;
	core.page_shift = 40;
	CHECK_FAILS(o.ops->begin(&o), -EINVAL, "2^40");
	o.ops->deinit(&o);
	core.page_shift = 12;
	core.max_pfn = 1ull << 50;
	CHECK_FAILS(o.ops->begin(&o), -EINVAL, "no machine");
	o.ops->deinit(&o);
	o.facts.split = true;
	o.facts.split_first_pfn = 1;
	CHECK_FAILS(o.ops->begin(&o), -EINVAL, "split set");
	o.ops->deinit(&o);
	sink_discard(&s);
	sink_deinit(&s);
	free_core(&core);
}

/* ---- streams ---- */

/* Records laid out into a file: what every reader of flattened dumps does. */
static bool unflatten(const char *from, const char *to)
{
	static uint8_t data[2 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	uint8_t record[16];
	bool closed = false;

	CHECK_EQ(read(in, data, PAGE), PAGE);
	while (!closed && read(in, record, 16) == 16) {
		uint64_t off = get_u64(record, true), len = get_u64(record + 8, true);

		closed = off == UINT64_MAX && len == UINT64_MAX;
		if (closed)
			break;
		CHECK(len <= sizeof(data));
		CHECK_EQ(read(in, data, len), len);
		CHECK_EQ(pwrite(out, data, len, off), len);
	}
	CHECK_EQ(read(in, record, 1), 0);
	close(in);
	close(out);
	return closed;
}

static uint64_t through_stream(struct job j, bool complete)
{
	char name[60];
	uint64_t good;

	snprintf(name, sizeof(name), "%s-laid-out", j.name);
	j.flattened = true;
	CHECK_EQ(run(&j), complete ? 0 : (uint64_t)-ENOSPC);
	CHECK(unflatten(j.path, at(name)));
	good = reread(&j, at(name), complete);
	if (!keep)
		unlink(at(name));
	done(&j);
	return good;
}

TEST(flattened)
{
	struct job j = { .name = "flat-size", .ops = &out_diskdump, .flattened = true, .passes = 2 };
	uint64_t all = nr_wanted(&j), last = 0, max;
	struct stat st;

	CHECK_EQ(through_stream((struct job){ .name = "flat", .ops = &out_diskdump }, true), all);
	CHECK_EQ(through_stream((struct job){ .name = "flat-passes", .ops = &out_diskdump, .passes = 3,
					      .checkpoint_every = 70 }, true), all);
	CHECK_EQ(through_stream((struct job){ .name = "flat-elf", .ops = &out_elf }, true), all);
	/* Limited streams end well, too, with the more pages the more room there is. */
	CHECK_EQ(run(&j), 0);
	CHECK_EQ(stat(j.path, &st), 0);
	done(&j);
	for (max = st.st_size / 3; max < (uint64_t)st.st_size; max += st.st_size / 9) {
		uint64_t good = through_stream((struct job){ .name = "flat-limit", .ops = &out_diskdump, .passes = 2,
							     .max_bytes = max }, false);

		CHECK(good >= last && good < all);
		last = good;
	}
}
