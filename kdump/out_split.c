// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/out_split.h"

#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
	struct dump_out out;
	struct sink own;           /* of all but the first, whose sink is the caller's */
	uint64_t first_pfn, last_pfn;
	int broken;                /* what stopped the writing */
	bool finished;
};

struct split {
	struct part *p;
	unsigned int nr;
	unsigned int now;          /* the part of the last page */
	bool begun;
	int broken;                /* what stopped the first part that was stopped, and its sentence */
	char why[256];
};

/* ---- where one part stops and the next begins ---- */

struct plan {
	const struct out_facts *facts;
	uint64_t *counts;          /* planned pages of each window */
	uint64_t nr_windows, total;
	uint8_t *bitmap;           /* of one window */
};

static uint64_t window_pfns(const struct plan *p, uint64_t idx)
{
	uint64_t left = p->facts->core->max_pfn - idx * OUT_WINDOW_PFNS;

	return left < OUT_WINDOW_PFNS ? left : OUT_WINDOW_PFNS;
}

static bool is_planned(const struct plan *p, uint64_t i)
{
	return p->bitmap[i / 8] >> i % 8 & 1;
}

static int ask(struct plan *p, uint64_t idx)
{
	memset(p->bitmap, 0, OUT_WINDOW_PFNS / 8);
	return p->facts->planned(p->facts->ctx, idx * OUT_WINDOW_PFNS, (window_pfns(p, idx) + 7) & ~7ull, p->bitmap);
}

static int count_plan(struct plan *p)
{
	for (uint64_t idx = 0; idx < p->nr_windows; idx++) {
		int err = ask(p, idx);

		if (err)
			return err;
		for (uint64_t i = 0; i < window_pfns(p, idx); i++)
			p->counts[idx] += is_planned(p, i);
		p->total += p->counts[idx];
	}
	return 0;
}

/* The page frame before which RANK planned pages are. */
static int find_rank(struct plan *p, uint64_t rank, uint64_t *pfn)
{
	uint64_t idx = 0, i = 0;
	int err;

	while (idx + 1 < p->nr_windows && rank >= p->counts[idx])
		rank -= p->counts[idx++];
	err = ask(p, idx);
	if (err)
		return err;
	while (i < window_pfns(p, idx) && (rank || !is_planned(p, i)))
		rank -= is_planned(p, i++);
	*pfn = idx * OUT_WINDOW_PFNS + i;
	return 0;
}

static int divide_plan(struct split *s, struct plan *p)
{
	const uint64_t max_pfn = p->facts->core->max_pfn;
	int err = count_plan(p);

	for (unsigned int i = 1; !err && i < s->nr; i++) {
		uint64_t pfn;

		err = find_rank(p, (uint64_t)((unsigned __int128)p->total * i / s->nr), &pfn);
		if (err)
			break;
		/* Fewer pages than files: the last ones stay empty, beyond the machine's last page. */
		if (pfn <= s->p[i - 1].first_pfn)
			pfn = s->p[i - 1].first_pfn + 1;
		s->p[i].first_pfn = pfn < max_pfn ? pfn : max_pfn;
		s->p[i - 1].last_pfn = s->p[i].first_pfn > s->p[i - 1].first_pfn ? s->p[i].first_pfn - 1 : max_pfn;
	}
	s->p[s->nr - 1].last_pfn = max_pfn;
	return err;
}

static int divide(struct split *s, const struct out_facts *facts)
{
	struct plan p = { .facts = facts };
	int err;

	p.nr_windows = (facts->core->max_pfn + OUT_WINDOW_PFNS - 1) / OUT_WINDOW_PFNS;
	p.counts = calloc(p.nr_windows ? p.nr_windows : 1, sizeof(*p.counts));
	p.bitmap = malloc(OUT_WINDOW_PFNS / 8);
	err = p.counts && p.bitmap ? divide_plan(s, &p) : fail(-ENOMEM, "out of memory for the plan of the parts");
	free(p.counts);
	free(p.bitmap);
	return err;
}

/* ---- begin ---- */

static int begin_part(struct split *s, unsigned int i, struct dump_out *o)
{
	const struct out_split_files *files = o->facts.files;
	struct part *p = &s->p[i];
	int err;

	if (i) {
		err = sink_open(&p->own, files->paths[i - 1], false, files->force);
		if (err)
			return err;
		p->own.same_name = files->same_name;
		p->own.max_bytes = files->max_bytes;
	}
	p->out = (struct dump_out){ .ops = &out_diskdump, .sink = i ? &p->own : o->sink, .facts = o->facts };
	if (!sink_seekable(p->out.sink))
		return fail(-EINVAL, "%s: a part of a split set needs a file", p->out.sink->path);
	p->out.facts.split = true;
	p->out.facts.split_first_pfn = p->first_pfn;
	p->out.facts.split_last_pfn = p->last_pfn;
	return p->out.ops->begin(&p->out);
}

static int split_begin(struct dump_out *o)
{
	struct split *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return fail(-ENOMEM, "out of memory for the parts");
	o->priv = s;
	s->p = calloc(o->facts.files->nr + 1, sizeof(*s->p));
	if (!s->p)
		return fail(-ENOMEM, "out of memory for the parts");
	s->nr = o->facts.files->nr + 1;
	for (unsigned int i = 0; i < s->nr; i++)
		s->p[i].own = (struct sink)SINK_INIT;
	err = divide(s, &o->facts);
	for (unsigned int i = 0; !err && i < s->nr; i++)
		err = begin_part(s, i, o);
	s->begun = !err;
	return err;
}

static void split_deinit(struct dump_out *o)
{
	struct split *s = o->priv;

	if (!s)
		return;
	for (unsigned int i = 0; i < s->nr; i++) {
		struct part *p = &s->p[i];

		if (p->out.ops)
			p->out.ops->deinit(&p->out);
		/* Without tables it will never open. */
		if (!s->begun)
			sink_discard(&p->own);
		sink_deinit(&p->own);
	}
	free(s->p);
	free(s);
	o->priv = NULL;
}

/* ---- pages ---- */

static void broke(struct split *s, struct part *p, int err)
{
	p->broken = err;
	if (s->broken)
		return;
	s->broken = err;
	snprintf(s->why, sizeof(s->why), "%s", err_text());
}

/* Is there any part left to be written? */
static int any_left(struct split *s)
{
	for (unsigned int i = 0; i < s->nr; i++)
		if (!s->p[i].broken)
			return 0;
	return fail(s->broken, "%s", s->why);
}

static struct part *part_of(struct split *s, uint64_t pfn)
{
	if (pfn < s->p[s->now].first_pfn)
		s->now = 0;
	while (s->now + 1 < s->nr && pfn > s->p[s->now].last_pfn)
		s->now++;
	return &s->p[s->now];
}

static int split_page(struct dump_out *o, const struct out_page *page)
{
	struct split *s = o->priv;
	struct part *p = part_of(s, page->pfn);
	int err;

	if (p->broken)
		return 1;
	err = p->out.ops->page(&p->out, page);
	if (!err)
		return 0;
	broke(s, p, err);
	warn("the pages that belong there are lost: %s", s->why);
	err = any_left(s);
	return err ? err : 1;
}

static int split_checkpoint(struct dump_out *o)
{
	struct split *s = o->priv;

	for (unsigned int i = 0; i < s->nr; i++) {
		struct part *p = &s->p[i];
		int err = p->broken ? 0 : p->out.ops->checkpoint(&p->out);

		if (err)
			broke(s, p, err);
	}
	return any_left(s);
}

/* The first part gets its name from the caller. */
static int finish_part(struct part *p, bool first, bool complete)
{
	int err = p->out.ops->finish(&p->out, complete);

	if (err && !complete)
		err = p->out.ops->finish(&p->out, false);
	if (!err || !complete)
		err = first ? err : sink_finish(&p->own, complete);
	p->finished = !err && !first;
	return err;
}

static int split_finish(struct dump_out *o, bool complete)
{
	struct split *s = o->priv;
	int err = 0;

	if (complete && s->broken)
		return fail(s->broken, "%s", s->why);
	for (unsigned int i = 0; i < s->nr; i++) {
		int failed = s->p[i].finished ? 0 : finish_part(&s->p[i], !i, complete);

		if (failed && complete)
			return failed;
		err = failed ? failed : err;
	}
	return err;
}

uint64_t out_split_written(const struct dump_out *o)
{
	const struct split *s = o->ops == &out_split ? o->priv : NULL;
	uint64_t sum = 0;

	for (unsigned int i = 1; s && i < s->nr; i++)
		sum += s->p[i].own.written;
	return sum;
}

uint64_t out_split_size(const struct dump_out *o)
{
	const struct split *s = o->ops == &out_split ? o->priv : NULL;
	uint64_t sum = 0;

	for (unsigned int i = 1; s && i < s->nr; i++)
		sum += s->p[i].own.size;
	return sum;
}

const struct out_ops out_split = {
	"split set", true, split_begin, split_page, split_checkpoint, split_finish, split_deinit, false,
};
