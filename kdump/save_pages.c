// SPDX-License-Identifier: GPL-2.0-or-later
/* How `kdump save` moves pages: by class, by window, in stretches into the pipe, from the pipe to the writer. */
#include "kdump/save_state.h"

#include "kdump/guard.h"
#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Readable on disk at least this often. */
#define CHECKPOINT_MS 1000

volatile sig_atomic_t save_stop_signal;

int save_on_page(void *ctx, const struct out_page *page)
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

/* -EINTR (recorded): it is time to stop. */
static int time_to_stop(struct save *s)
{
	if (save_stop_signal)
		return fail(-EINTR, "a signal (%s) asked to stop", strsignal(save_stop_signal));
	if (s->o->deadline_s && clock_now_ms() - s->begun_ms >= s->o->deadline_s * 1000)
		return fail(-EINTR, "the deadline of %" PRIu64 " seconds has passed", s->o->deadline_s);
	return 0;
}

static int now_and_then(struct save *s)
{
	int err = time_to_stop(s);

	progress_step(&s->progress, page_class_name(s->now), s->done, s->sink.written + out_split_written(&s->out));
	if (!err && clock_now_ms() - s->checkpoint_ms >= CHECKPOINT_MS) {
		err = pipe_flush(s->pipe);
		if (!err)
			err = s->out.ops->checkpoint(&s->out);
		s->checkpoint_ms = clock_now_ms();
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
	return pipe_put(s->pipe, pfn, mark);
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
int save_passes(struct save *s)
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
