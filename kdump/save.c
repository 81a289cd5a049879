// SPDX-License-Identifier: GPL-2.0-or-later
/* The spine of `kdump save`: what is most needed is saved first, and whatever happens, what is on disk opens. */
#include "kdump/save_state.h"

#include "kdump/command.h"
#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Memory of one worker: two jobs before and after compression, and the codec's own. */
#define WORKER_BYTES (2ull << 20)
/* Pages that are remembered because others may be the same: this part of the memory budget, and so many. */
#define TWINS_PART 16
#define TWINS_MAX  (1u << 18)

static void on_signal(int number)
{
	save_stop_signal = number;
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

static unsigned int default_workers(const struct save *s)
{
	uint64_t room = s->memory_bytes / 2 / WORKER_BYTES;
	cpu_set_t cpus;
	int nr = 1;

	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		nr = CPU_COUNT(&cpus);
	/* The main thread save_compresses too when it has nothing else to do. */
	return (uint64_t)(nr - 1) < room ? (unsigned int)(nr - 1) : (unsigned int)room;
}

/* Memory that is short costs workers, not the dump. */
static int open_pipe(struct save *s, unsigned int workers)
{
	const struct codec *codec = save_compresses(s) ? s->o->codec : codec_by_name("none");
	int err;

	for (;;) {
		err = pipe_init(&s->pipe, codec, s->o->codec_level, workers, vmcore_page_bytes(&s->cr.core),
				save_on_page, s);
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

/*
 * How many pages are remembered for their twins; not more than there are. Each costs as many bytes again where the
 * writer keeps its place.
 */
static void choose_twins(struct save *s)
{
	uint64_t room = s->memory_bytes / TWINS_PART / (2 * TWINS_BYTES), pages = save_pages_planned(s);
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
		err = target_sink_open(&s->target, &s->sink, s->o->flattened, s->o->force);
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

/* What is saved is made to open. A file that has its name is a dump, whatever the disk said at last. */
static int finish_incomplete(struct save *s)
{
	bool file = s->sink.temporary || s->sink.ops;
	int err;

	if (s->out.ops->finish(&s->out, false) && s->out.ops->finish(&s->out, false))
		debug("%s", err_text());
	err = sink_finish(&s->sink, false);
	return file && (s->sink.ops ? s->sink.finished : !s->sink.temporary) ? 0 : err;
}

/* What stopped the work is told. Only when there is nothing to show for it, it is an error. */
static int save_finish(struct save *s, int err, bool *complete)
{
	if (!err)
		err = s->out.ops->finish(&s->out, true);
	if (!err)
		err = sink_finish(&s->sink, true);
	if (!err)
		err = target_verify(&s->target, &s->sink);
	*complete = !err;
	/* Nothing can be done for one that has its name. */
	if (s->sink.finished && err) {
		snprintf(s->report.why, sizeof(s->report.why), "%s", err_text());
		err = 0;
	} else if (err) {
		snprintf(s->report.why, sizeof(s->report.why), "%s", err_text());
		/* What is in the pipe was read already; a full disk refuses it again. */
		if (err == -EINTR && pipe_flush(s->pipe))
			debug("%s", err_text());
		err = finish_incomplete(s);
		/* Of what is not there any more the first thing that went wrong says most. */
		if (err && s->sink.ops)
			err = fail(err, "%s", s->report.why);
	}
	s->report.complete = *complete;
	s->report.verified_bytes = s->sink.verified;
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
	if (err == -EFBIG && target_make_stream(&s->target))
		err = begin_out(s);
	/* Tables have a line for each page that is planned. */
	if (err == -ENOSPC && s->report.level != LEVEL_ALL && strcmp(s->target.dump_path, "-")) {
		warn("%s; trying level %d, whose tables are smaller", err_text(), LEVEL_ALL);
		s->report.level = LEVEL_ALL;
		err = begin_out(s);
	}
	if (err)
		return err;
	progress_init(&s->progress, !(s->o->show & SHOW_PROGRESS), save_pages_planned(s), s->cr.core.page_shift);
	s->checkpoint_ms = clock_now_ms();
	err = save_passes(s);
	s->report.workers = pipe_workers(s->pipe);
	err = save_finish(s, err, complete);
	progress_stop(&s->progress);
	return err;
}

static void note(struct save *s, const char *state)
{
	const char *path = s->sink.path, *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;
	char *text = s->o->dry_run ? NULL : report_note(&s->report, state, name, s->target.log_name);

	if (text)
		target_note(&s->target, text);
	free(text);
}

static bool needs_conf(const struct save_options *o, const char *target)
{
	return o->conf || transport_is_url(target);
}

static int open_target(struct save *s, const char *path)
{
	const struct save_options *o = s->o;
	struct target_options to = {
		.log_name = o->log_name, .flattened = o->flattened, .elf = o->elf,
		.timeout_ms = o->network_timeout_s ? o->network_timeout_s * 1000 : TRANSPORT_TIMEOUT_MS,
		.deadline_ms = UINT64_MAX,
	};

	/* What is saved by the deadline is still to be finished and verified. */
	if (o->deadline_s)
		to.deadline_ms = s->begun_ms + o->deadline_s * 1000 + to.timeout_ms;
	if (needs_conf(o, path)) {
		int err = o->conf ? conf_read(&s->conf, NULL, o->conf, NULL) : conf_init(&s->conf);

		if (err)
			return err;
		to.conf = &s->conf;
	}
	return target_open(&s->target, path, &to);
}

static int save_steps(struct save *s, bool *complete)
{
	/* Of a dry run's target no more is wanted than how much room there is. */
	const char *target = s->o->nr_targets ? s->o->targets[0] : s->o->target;
	int err = open_target(s, target ? target : "-");

	for (unsigned int i = 0; !err && i < s->o->nr_targets; i++)
		if (target_is_folder(&s->target) || transport_is_url(s->o->targets[i]) ||
		    !strcmp(s->o->targets[i], "-"))
			err = fail(-EINVAL, "%s: a split set needs the names of its files", s->o->targets[i]);
	if (!err && s->o->nr_targets && s->target.encrypted)
		err = fail(-EINVAL, "a split set cannot be encrypted; encrypt is for one file");
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
	save_choose_memory(s);
	err = save_classify(s);
	if (err)
		return err;
	save_choose_level(s);
	return save_dump(s, complete);
}

int save_run(const struct save_options *o, struct save_report *report)
{
	struct save s = { .o = o, .sink = SINK_INIT, .target = { .dirfd = -1 }, .begun_ms = clock_now_ms() };
	bool done = false;
	int err;

	catch_signals();
	err = save_steps(&s, &done);
	s.report.took_ms = clock_now_ms() - s.begun_ms;
	if (err)
		snprintf(s.report.why, sizeof(s.report.why), "%s", err_text());
	if (s.target.dump_path) {
		const char *where = o->dry_run ? "a dry run" : s.sink.path ? s.sink.path : "standard output";

		note(&s, err ? "The dump could not be saved." :
			 done ? "The dump is complete." : "The dump is not complete.");
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
	conf_deinit(&s.conf);
	s.report.complete = done && !err;
	*report = s.report;
	return err;
}

/* Is the place for dumps there, can it be written to, and how much room has it? */
static int save_probe(const struct save_options *o)
{
	struct save s = { .o = o, .target = { .dirfd = -1 }, .begun_ms = clock_now_ms() };
	uint64_t room;
	int err;

	catch_signals();
	err = open_target(&s, o->target);
	if (!err)
		err = target_probe(&s.target);
	room = err ? 0 : target_room(&s.target, NULL, 0);
	if (!err && room == UINT64_MAX)
		printf("%s: can be written to; how much room there is it does not tell\n", o->target);
	else if (!err)
		printf("%s: can be written to; %" PRIu64 " bytes are free\n", o->target, room);
	target_close(&s.target);
	conf_deinit(&s.conf);
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
	if (o.probe)
		return save_probe(&o);
	err = save_run(&o, &report);
	if (!err && !report.complete)
		*status = EXIT_INCOMPLETE;
	return err;
}
