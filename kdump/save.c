// SPDX-License-Identifier: GPL-2.0-or-later
/* The spine of `kdump save`: what is most needed is saved first, and whatever happens, what is on disk opens. */
#include "kdump/save.h"

#include "kdump/command.h"
#include "kdump/crashed.h"
#include "kdump/guard.h"
#include "kdump/out_split.h"
#include "kdump/pagemap.h"
#include "kdump/pipe.h"
#include "kdump/progress.h"
#include "kdump/report.h"
#include "kdump/selfcheck.h"
#include "kdump/target.h"
#include "kdump/twins.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Readable on disk at least this often. */
#define CHECKPOINT_MS 1000
/* One page in this many is compressed beforehand, to predict the size. */
#define SAMPLE_STRIDE 512
/* Memory of one worker: two jobs before and after compression, and the codec's own. */
#define WORKER_BYTES (2ull << 20)
/* Classes of pages: this part of the memory budget. */
#define PAGEMAP_BYTES_MAX (12ull << 20)
/* Poisoned pages are not believed when they are so many, and one in so many of all. */
#define POISONED_MIN 64
#define POISONED_PART 16
/* Pages that are remembered because others may be the same: this part of the memory budget, and so many. */
#define TWINS_PART 16
#define TWINS_MAX  (1u << 18)
#define MEMORY_BYTES_MIN  (8ull << 20)
#define MEMORY_BYTES_MAX  (256ull << 20)

struct save {
	const struct save_options *o;
	struct crashed cr;
	struct pagemap map;
	struct target target;
	struct sink sink;
	struct dump_out out;
	struct out_split_files files;
	struct pipe *pipe;
	struct twins twins;
	struct progress progress;
	struct save_report report;
	uint8_t *sample;           /* two pages: one read, one compressed */
	void *sample_codec;
	uint64_t memory_bytes;
	enum page_class now;       /* what the pipe delivers */
	uint64_t begun_ms, checkpoint_ms, done;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
	stop_signal = number;
}

static void catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal };

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaction(ends[i], &act, NULL);
	/* A reader that went away and a file size limit are ordinary errors of write(2). */
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
	sigaction(SIGXFSZ, &act, NULL);
}

static bool compresses(const struct save *s)
{
	return !s->o->elf && s->o->codec->flag;
}

/* How much of one page is left of it in the dump; negative when it cannot be read. */
static int64_t sample_page(struct save *s, uint64_t pfn)
{
	struct vmcore *core = &s->cr.core;
	uint64_t bytes = vmcore_page_bytes(core);
	size_t len = 0;

	if (!vmcore_read_run(core, pfn, 1, s->sample) &&
	    vmcore_read(core, pfn << core->page_shift, s->sample, bytes))
		return -1;
	if (page_is_zero(s->sample, bytes))
		return 0;
	if (s->sample_codec)
		len = s->o->codec->compress(s->sample_codec, s->sample, bytes, s->sample + bytes, bytes);
	return len ? len : bytes;
}

static int sample_window(void *ctx, const struct pagemap_window *w, const uint8_t *class)
{
	bool wanted[NR_CLASSES] = { false };
	struct save *s = ctx;

	/* What is left out at every level that was asked for is not read. */
	for (unsigned int k = 0; k < NR_CLASSES; k++)
		for (unsigned int i = 0; i < s->o->nr_levels; i++)
			wanted[k] |= !class_excluded(k, s->o->levels[i]);
	for (uint64_t i = 0; i < w->nr && s->sample; i++) {
		struct class_report *r = &s->report.class[class[i]];
		int64_t len;

		if (!wanted[class[i]] || r->seen++ % SAMPLE_STRIDE != SAMPLE_STRIDE / 4)
			continue;
		len = sample_page(s, w->first_pfn + i);
		if (len < 0)
			continue;
		r->sampled++;
		r->sampled_bytes += len;
	}
	return 0;
}

static void begin_sampling(struct save *s)
{
	s->sample = malloc(2 * vmcore_page_bytes(&s->cr.core));
	if (compresses(s))
		s->sample_codec = s->o->codec->open(s->o->codec_level);
}

static void stop_sampling(struct save *s)
{
	if (s->sample_codec)
		s->o->codec->close(s->sample_codec);
	free(s->sample);
	s->sample_codec = s->sample = NULL;
}

/* What the dump will be large at LEVEL. */
static uint64_t predict(const struct save *s, int level)
{
	uint64_t page = vmcore_page_bytes(&s->cr.core), sum = s->cr.core.max_pfn / 4 + s->cr.core.notes.len + 2 * page;

	for (unsigned int class = 0; class < NR_CLASSES; class++) {
		const struct class_report *r = &s->report.class[class];
		uint64_t each = r->sampled ? r->sampled_bytes / r->sampled : page;

		if (!class_excluded(class, level))
			sum += s->map.total.pages[class] * (each + (s->o->elf ? 0 : 24));
	}
	return sum;
}

/* The first level whose dump will fit; when none will, the one that is smallest: the end of that is cut off. */
static void choose_level(struct save *s)
{
	uint64_t room = target_room(&s->target, s->o->targets, s->o->nr_targets), least = UINT64_MAX, size = 0;
	bool fits = false;

	if (s->o->max_bytes < room)
		room = s->o->max_bytes;
	for (unsigned int i = 0; !fits && i < s->o->nr_levels; i++) {
		size = predict(s, s->o->levels[i]);
		fits = size <= room - room / 16;
		if (!fits && size >= least)
			continue;
		least = size;
		s->report.level = s->o->levels[i];
	}
	s->report.predicted_bytes = least;
	s->report.room_bytes = room;
	if (s->o->show & SHOW_PREDICTION)
		report_prediction(&s->report, fits);
}

/* The kernel's own counters know how many pages are free: finding far more means that struct page was misunderstood. */
static bool free_is_doubtful(struct save *s)
{
	uint64_t counted, found = s->map.total.pages[CLASS_FREE];

	/* A source that was filtered has no free pages left to be found. */
	if (!s->cr.classified || s->cr.core.dump_level || s->map.total.pages[CLASS_ABSENT] ||
	    selfcheck_free_pages(&s->cr.vt, &counted))
		return false;
	s->report.counted_free = counted;
	s->report.has_counted_free = true;
	if (selfcheck_agrees(found, counted, s->cr.nr_cpus))
		return false;
	if (found < counted) {
		warn("%" PRIu64 " pages are free by the kernel's counters, only %" PRIu64 " were found: the others are kept",
		     counted, found);
		return false;
	}
	warn("%" PRIu64 " pages look free, but by the kernel's counters %" PRIu64 " are: all are kept", found, counted);
	return true;
}

/* Memory breaks by the page. Who finds much of it broken has misunderstood struct page. */
static bool poison_is_doubtful(const struct save *s)
{
	uint64_t found = s->map.total.pages[CLASS_HWPOISON], ram = 0;

	for (unsigned int class = 0; class < CLASS_NO_RAM; class++)
		ram += s->map.total.pages[class];
	if (found < POISONED_MIN || found < ram / POISONED_PART)
		return false;
	warn("%" PRIu64 " pages look poisoned, which cannot be true: they are kept", found);
	return true;
}

static void choose_memory(struct save *s)
{
	long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	s->memory_bytes = s->o->memory_bytes;
	if (!s->memory_bytes) {
		s->memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * page / 2 : MEMORY_BYTES_MIN;
		if (s->memory_bytes > MEMORY_BYTES_MAX)
			s->memory_bytes = MEMORY_BYTES_MAX;
	}
	if (s->memory_bytes < MEMORY_BYTES_MIN)
		s->memory_bytes = MEMORY_BYTES_MIN;
}

static int map_pages(struct save *s)
{
	uint64_t budget = s->memory_bytes / 4 < PAGEMAP_BYTES_MAX ? s->memory_bytes / 4 : PAGEMAP_BYTES_MAX;
	int err;

	memset(s->report.class, 0, sizeof(s->report.class));
	err = pagemap_init(&s->map, &s->cr.c, budget, sample_window, s);
	if (err == -ENOMEM) {
		memset(s->report.class, 0, sizeof(s->report.class));
		err = pagemap_init(&s->map, &s->cr.c, 0, sample_window, s);
	}
	return err;
}

static int classify_all(struct save *s)
{
	int err;

	crashed_classify(&s->cr);
	begin_sampling(s);
	err = map_pages(s);
	if (err == -ENOMEM && s->cr.classified) {
		warn("there is no memory to tell pages apart: all are kept");
		crashed_forget_classes(&s->cr);
		err = map_pages(s);
	}
	if (!err) {
		s->cr.c.keep_free = free_is_doubtful(s);
		s->cr.c.keep_poisoned = poison_is_doubtful(s);
	}
	if (!err && (s->cr.c.keep_free || s->cr.c.keep_poisoned)) {
		pagemap_deinit(&s->map);
		err = map_pages(s);
	}
	stop_sampling(s);
	for (unsigned int class = 0; !err && class < NR_CLASSES; class++)
		s->report.class[class].pages = s->map.total.pages[class];
	s->report.doubtful = s->map.total.doubtful;
	return err;
}

static int planned(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	struct save *s = ctx;

	return pagemap_planned(&s->map, s->report.level, first_pfn, nr, bitmap);
}

static int readable(void *ctx, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	struct save *s = ctx;

	/* Who leaves out user memory may do so because it is nobody's business. */
	return pagemap_planned(&s->map, s->report.level & LEVEL_USER, first_pfn, nr, bitmap);
}

static int on_page(void *ctx, const struct out_page *page)
{
	struct save *s = ctx;
	struct class_report *r = &s->report.class[s->now];
	int err = s->out.ops->page(&s->out, page);

	if (err < 0)
		return err;
	if (err) {
		r->lost++;
		return 0;
	}
	r->saved++;
	r->zero += page->zero;
	r->twins += page->twin;
	r->bytes += page->zero || page->twin ? 0 : page->len;
	return 0;
}

static unsigned int default_workers(const struct save *s)
{
	uint64_t room = s->memory_bytes / 2 / WORKER_BYTES;
	cpu_set_t cpus;
	int nr = 1;

	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		nr = CPU_COUNT(&cpus);
	/* The main thread compresses too when it has nothing else to do. */
	return (uint64_t)(nr - 1) < room ? (unsigned int)(nr - 1) : (unsigned int)room;
}

/* Memory that is short costs workers, not the dump. */
static int open_pipe(struct save *s, unsigned int workers)
{
	const struct codec *codec = compresses(s) ? s->o->codec : codec_by_name("none");
	int err;

	for (;;) {
		err = pipe_init(&s->pipe, codec, s->o->codec_level, workers, vmcore_page_bytes(&s->cr.core), false, on_page, s);
		if (err != -ENOMEM || !workers)
			return err;
		workers /= 2;
	}
}

static void begin_split(struct save *s)
{
	const struct save_options *o = s->o;

	if (o->max_bytes != UINT64_MAX)
		s->sink.max_bytes = o->max_bytes / o->nr_targets;
	s->files = (struct out_split_files){
		.paths = o->targets + 1, .nr = o->nr_targets - 1, .force = o->force, .same_name = o->same_name,
		.max_bytes = s->sink.max_bytes,
	};
	s->out.ops = &out_split;
}

static uint64_t pages_planned(const struct save *s)
{
	uint64_t sum = 0;

	for (unsigned int class = 0; class < NR_CLASSES; class++)
		sum += class_excluded(class, s->report.level) ? 0 : s->map.total.pages[class];
	return sum;
}

/*
 * How many pages are remembered for their twins; not more than there are. Each costs as many bytes again where the
 * writer keeps its place.
 */
static void choose_twins(struct save *s)
{
	uint64_t room = s->memory_bytes / TWINS_PART / (2 * TWINS_BYTES), pages = pages_planned(s);
	uint32_t nr = TWINS_MAX;

	while (nr > 1 && (nr > room || nr / 2 >= pages))
		nr /= 2;
	if (s->out.ops->takes_twins && !twins_init(&s->twins, &s->cr.core, nr))
		s->out.facts.nr_marks = nr;
}

static int open_out(struct save *s)
{
	struct out_facts *f = &s->out.facts;
	int err;

	/* A stream that nobody reads: all the work is done, nothing is kept. */
	if (s->o->dry_run)
		err = sink_open(&s->sink, "/dev/null", true, true);
	else
		err = sink_open(&s->sink, s->target.dump_path, s->o->flattened, s->o->force);
	if (err)
		return err;
	s->sink.same_name = s->o->same_name;
	s->sink.max_bytes = s->o->max_bytes;
	s->out.ops = s->o->elf ? &out_elf : &out_diskdump;
	if (s->o->nr_targets > 1 && !s->o->dry_run)
		begin_split(s);
	s->out.sink = &s->sink;
	*f = (struct out_facts){
		.core = &s->cr.core,
		.phys_base = s->cr.has_vtop ? s->cr.vt.phys_base : s->cr.core.phys_base,
		.level = s->report.level,
		.crash_time = s->cr.crash_time,
		.nr_cpus = s->cr.nr_cpus ? s->cr.nr_cpus : 1,
		.codec = s->o->codec,
		.planned = planned,
		.readable = readable,
		.ctx = s,
		.files = &s->files,
	};
	memcpy(f->utsname, s->cr.utsname, sizeof(f->utsname));
	choose_twins(s);
	return s->out.ops->begin(&s->out);
}

/* -EINTR (recorded): it is time to stop. */
static int time_to_stop(struct save *s)
{
	if (stop_signal)
		return fail(-EINTR, "a signal (%s) asked to stop", strsignal(stop_signal));
	if (s->o->deadline_s && progress_now_ms() - s->begun_ms >= s->o->deadline_s * 1000)
		return fail(-EINTR, "the deadline of %" PRIu64 " seconds has passed", s->o->deadline_s);
	return 0;
}

static int now_and_then(struct save *s)
{
	int err = time_to_stop(s);

	progress_step(&s->progress, page_class_name(s->now), s->done, s->sink.written + out_split_written(&s->out));
	if (!err && progress_now_ms() - s->checkpoint_ms >= CHECKPOINT_MS) {
		err = pipe_flush(s->pipe);
		if (!err)
			err = s->out.ops->checkpoint(&s->out);
		s->checkpoint_ms = progress_now_ms();
	}
	return err;
}

/* PFN's bytes are at PAGE, which may be the pipe's BUF already. */
static int put_bytes(struct save *s, uint64_t pfn, const uint8_t *page, uint8_t *buf)
{
	uint32_t mark = 0;

	if (s->twins.nr && twins_find(&s->twins, pfn, page, &mark))
		return pipe_put_twin(s->pipe, pfn, mark);
	if (page != buf)
		memcpy(buf, page, vmcore_page_bytes(&s->cr.core));
	return pipe_put_marked(s->pipe, pfn, mark);
}

static int save_page(struct save *s, uint64_t pfn)
{
	struct vmcore *core = &s->cr.core;
	uint64_t bytes = vmcore_page_bytes(core), len = 0;
	uint8_t *buf = pipe_buffer(s->pipe);
	const uint8_t *at = vmcore_at(core, pfn << core->page_shift, &len);
	const unsigned int hits = guard_hits();
	bool zero = false;

	if (at && len >= bytes) {
		zero = page_is_zero(at, bytes);
		if (!zero)
			memcpy(buf, at, bytes);
	}
	if (!at || len < bytes || guard_hits() != hits) {
		if (vmcore_read(core, pfn << core->page_shift, buf, bytes)) {
			s->report.class[s->now].lost++;
			return 0;
		}
		zero = page_is_zero(buf, bytes);
	}
	return zero ? pipe_put_zero(s->pipe, pfn) : put_bytes(s, pfn, buf, buf);
}

/* Some of the NR pages from PFN on, all of one class; how many is *DONE. */
static int save_stretch(struct save *s, uint64_t pfn, uint64_t nr, uint64_t *done)
{
	uint64_t bytes = vmcore_page_bytes(&s->cr.core), room = pipe_room(s->pipe), got;
	const uint8_t *page = pipe_buffer(s->pipe);
	int err = 0;

	got = vmcore_read_run(&s->cr.core, pfn, nr < room ? nr : room, pipe_buffer(s->pipe));
	*done = got ? got : 1;
	if (!got)
		return save_page(s, pfn);
	for (uint64_t i = 0; !err && i < got; i++, page += bytes) {
		/* Those that take no room let the others move up. */
		if (page_is_zero(page, bytes))
			err = pipe_put_zero(s->pipe, pfn + i);
		else
			err = put_bytes(s, pfn + i, page, pipe_buffer(s->pipe));
	}
	return err;
}

static int save_window(struct save *s, size_t idx)
{
	const struct pagemap_window *w = &s->map.windows[idx];
	uint64_t done;
	int err = 0;

	for (uint64_t i = 0; !err && i < w->nr; i += done) {
		/* A writer's question may have replaced the window. */
		const uint8_t *class = pagemap_load(&s->map, idx), *next;
		uint64_t nr = 1;

		if (!class)
			return fail(-ENOMEM, "out of memory");
		next = memchr(class + i, s->now, w->nr - i);
		if (!next)
			break;
		i = next - class;
		while (nr < PIPE_JOB_PAGES && i + nr < w->nr && class[i + nr] == s->now)
			nr++;
		err = save_stretch(s, w->first_pfn + i, nr, &done);
		s->done += done;
		if (!err && s->done / 64 != (s->done - done) / 64)
			err = now_and_then(s);
	}
	return err;
}

/* The most needed class first. */
static int save_passes(struct save *s)
{
	int err = 0;

	for (unsigned int class = 0; !err && class < NR_CLASSES; class++) {
		s->now = class;
		if (class_excluded(class, s->report.level) || !s->map.total.pages[class])
			continue;
		for (size_t i = 0; !err && i < s->map.nr_windows; i++)
			if (s->map.windows[i].pages[class])
				err = save_window(s, i);
		/* What the pipe delivers from now on is counted for the next class. */
		if (!err)
			err = pipe_flush(s->pipe);
	}
	return err;
}

/* What is saved is made to open. A file that has its name is a dump, whatever the disk said at last. */
static int finish_incomplete(struct save *s)
{
	bool file = s->sink.temporary;
	int err;

	if (s->out.ops->finish(&s->out, false) && s->out.ops->finish(&s->out, false))
		debug("%s", err_text());
	err = sink_finish(&s->sink, false);
	return file && !s->sink.temporary ? 0 : err;
}

/* What stopped the work is told. Only when there is nothing to show for it, it is an error. */
static int save_finish(struct save *s, int err, bool *complete)
{
	if (!err)
		err = s->out.ops->finish(&s->out, true);
	if (!err)
		err = sink_finish(&s->sink, true);
	*complete = !err;
	if (err) {
		snprintf(s->report.why, sizeof(s->report.why), "%s", err_text());
		/* What is in the pipe was read already; a full disk refuses it again. */
		if (err == -EINTR && pipe_flush(s->pipe))
			debug("%s", err_text());
		err = finish_incomplete(s);
	}
	s->report.complete = *complete;
	s->report.file_bytes = s->sink.size + out_split_size(&s->out);
	return err;
}

/* No file is left of what has no tables and so will never open. */
static int begin_out(struct save *s)
{
	int err = open_out(s);

	if (err) {
		if (s->out.ops)
			s->out.ops->deinit(&s->out);
		sink_discard(&s->sink);
		sink_deinit(&s->sink);
	}
	return err;
}

static int save_dump(struct save *s, bool *complete)
{
	int err = open_pipe(s, s->o->workers < 0 ? default_workers(s) : (unsigned int)s->o->workers);

	if (!err)
		err = begin_out(s);
	if (err == -ENOMEM && s->pipe && pipe_workers(s->pipe)) {
		pipe_deinit(s->pipe);
		s->pipe = NULL;
		err = open_pipe(s, 0);
		if (!err)
			err = begin_out(s);
	}
	/* Tables have a line for each page that is planned. */
	if (err == -ENOSPC && s->report.level != LEVEL_ALL && strcmp(s->target.dump_path, "-")) {
		warn("%s; trying level %d, whose tables are smaller", err_text(), LEVEL_ALL);
		s->report.level = LEVEL_ALL;
		err = begin_out(s);
	}
	if (err)
		return err;
	progress_init(&s->progress, !(s->o->show & SHOW_PROGRESS), pages_planned(s), s->cr.core.page_shift);
	s->checkpoint_ms = progress_now_ms();
	err = save_passes(s);
	s->report.workers = pipe_workers(s->pipe);
	err = save_finish(s, err, complete);
	progress_stop(&s->progress);
	return err;
}

static void note(struct save *s, const char *state)
{
	const char *path = s->sink.path, *slash = path ? strrchr(path, '/') : NULL;
	char *text = s->o->dry_run ? NULL : report_note(&s->report, state, slash ? slash + 1 : path);

	if (text)
		target_note(&s->target, text);
	free(text);
}

static int save_steps(struct save *s, bool *complete)
{
	/* Of a dry run's target no more is wanted than how much room there is. */
	const char *target = s->o->nr_targets ? s->o->targets[0] : s->o->target;
	int err = target_open(&s->target, target ? target : "-");

	for (unsigned int i = 0; !err && i < s->o->nr_targets; i++)
		if (s->target.dirfd >= 0 || !strcmp(s->o->targets[i], "-"))
			err = fail(-EINVAL, "%s: a split set needs the names of its files", s->o->targets[i]);
	/* Before the note and the log of a dump that is there are replaced. */
	if (!err && !s->o->force && !s->o->dry_run)
		err = target_is_free(&s->target, s->o->targets, s->o->nr_targets);
	if (err) {
		target_close(&s->target);
		return err;
	}
	note(s, "The dump is in progress. If this text stays, it was cut short: what is there opens all the same.");
	err = crashed_open(&s->cr, s->o->source, s->o->no_mmap ? VMCORE_NO_MMAP : 0);
	if (err)
		return err;
	s->report.page_bytes = vmcore_page_bytes(&s->cr.core);
	s->report.max_pfn = s->cr.core.max_pfn;
	snprintf(s->report.release, sizeof(s->report.release), "%s", s->cr.utsname[2]);
	/* The log first: it is small and says most. */
	if (s->cr.has_vtop && !s->o->dry_run)
		target_log(&s->target, &s->cr.vt);
	choose_memory(s);
	err = classify_all(s);
	if (err)
		return err;
	choose_level(s);
	return save_dump(s, complete);
}

int save_run(const struct save_options *o, struct save_report *report)
{
	struct save s = { .o = o, .sink = SINK_INIT, .target = { .dirfd = -1 }, .begun_ms = progress_now_ms() };
	bool done = false;
	int err;

	catch_signals();
	err = save_steps(&s, &done);
	s.report.took_ms = progress_now_ms() - s.begun_ms;
	if (err)
		snprintf(s.report.why, sizeof(s.report.why), "%s", err_text());
	if (s.target.dump_path) {
		const char *where = o->dry_run ? "a dry run" : s.sink.path ? s.sink.path : "standard output";

		note(&s, err ? "The dump could not be saved." : done ? "The dump is complete." : "The dump is not complete.");
		if (!err && o->show & SHOW_REPORT)
			report_final(&s.report, where, s.sink.standard_output ? stderr : stdout);
		if (!err && !done)
			warn("the dump is not complete: %s", s.report.why);
	}
	pipe_deinit(s.pipe);
	twins_deinit(&s.twins);
	if (s.out.ops)
		s.out.ops->deinit(&s.out);
	sink_deinit(&s.sink);
	pagemap_deinit(&s.map);
	crashed_close(&s.cr);
	target_close(&s.target);
	s.report.complete = done && !err;
	*report = s.report;
	return err;
}

int command_save(int argc, char **argv, int *status)
{
	struct save_options o;
	struct save_report report;
	int err = save_options_parse(&o, argc, argv);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	err = save_run(&o, &report);
	if (!err && !report.complete)
		*status = EXIT_INCOMPLETE;
	return err;
}
