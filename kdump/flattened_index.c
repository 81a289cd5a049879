// SPDX-License-Identifier: GPL-2.0-or-later
/* Which byte of the dump is where in the stream: of records that overlap, the later one counts. */
#include "kdump/flattened.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* 400 MB for the index of a dump of 1 TB as makedumpfile writes it, in pieces of 64 KiB. */
#define RECORDS_MAX (16u << 20)

/* Records that are sorted in at once. */
#define BATCH 4096u

struct records {
	struct flat_record *r;
	size_t nr, cap;
};

struct flattened {
	struct records extents;    /* sorted by off, disjoint */
	uint64_t len;
	bool whole;
};

static int records_add(struct records *s, const struct flat_record *r)
{
	if (s->nr == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		struct flat_record *more = reallocarray(s->r, cap, sizeof(*more));

		if (!more)
			return fail(-ENOMEM, "out of memory for the index of %zu records", cap);
		s->r = more;
		s->cap = cap;
	}
	s->r[s->nr++] = *r;
	return 0;
}

/* ---- a heap of records, the latest on top ---- */

static void swap(struct flat_record *a, struct flat_record *b)
{
	struct flat_record c = *a;

	*a = *b;
	*b = c;
}

static int heap_push(struct records *heap, const struct flat_record *r)
{
	int err = records_add(heap, r);

	for (size_t i = heap->nr - 1; !err && i && heap->r[i].at > heap->r[(i - 1) / 2].at; i = (i - 1) / 2)
		swap(&heap->r[i], &heap->r[(i - 1) / 2]);
	return err;
}

static void heap_pop(struct records *heap)
{
	size_t i = 0;

	heap->r[0] = heap->r[--heap->nr];
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap->nr)
			return;
		if (child + 1 < heap->nr && heap->r[child + 1].at > heap->r[child].at)
			child++;
		if (heap->r[child].at <= heap->r[i].at)
			return;
		swap(&heap->r[i], &heap->r[child]);
		i = child;
	}
}

/* ---- building ---- */

static int by_off(const void *a, const void *b)
{
	const struct flat_record *ra = a, *rb = b;

	if (ra->off != rb->off)
		return ra->off < rb->off ? -1 : 1;
	return ra->at < rb->at ? -1 : ra->at > rb->at;
}

static bool disjoint(const struct records *s)
{
	for (size_t i = 1; i < s->nr; i++)
		if (s->r[i].off < s->r[i - 1].off + s->r[i - 1].len)
			return false;
	return true;
}

/* FROM..TO of the dump are in R; a piece that goes on where the last one stopped is one with it. */
static int add_extent(struct records *out, const struct flat_record *r, uint64_t from, uint64_t to)
{
	struct flat_record *last = out->nr ? &out->r[out->nr - 1] : NULL;
	struct flat_record piece = { from, to - from, r->at + (from - r->off) };

	if (last && last->off + last->len == from && last->at + last->len == piece.at) {
		last->len += piece.len;
		return 0;
	}
	return records_add(out, &piece);
}

/* IN is sorted. */
static int flatten(const struct records *in, struct records *out)
{
	struct records heap = { 0 };
	uint64_t pos = 0;
	size_t i = 0;
	int err = 0;

	while (!err && (i < in->nr || heap.nr)) {
		uint64_t stop;

		if (!heap.nr && in->r[i].off > pos)
			pos = in->r[i].off;
		while (!err && i < in->nr && in->r[i].off <= pos)
			err = heap_push(&heap, &in->r[i++]);
		while (heap.nr && heap.r[0].off + heap.r[0].len <= pos)
			heap_pop(&heap);
		if (err || !heap.nr)
			continue;
		stop = heap.r[0].off + heap.r[0].len;
		if (i < in->nr && in->r[i].off < stop)
			stop = in->r[i].off;
		err = add_extent(out, &heap.r[0], pos, stop);
		pos = stop;
	}
	free(heap.r);
	return err;
}

static int read_records(struct flat_stream *s, uint64_t file_len, struct records *all)
{
	struct flat_record r;
	int err = 0;

	while (!err && flat_next(s, &r)) {
		/* The last one may be cut. */
		if (r.at >= file_len)
			break;
		if (r.len > file_len - r.at)
			r.len = file_len - r.at;
		if (all->nr == RECORDS_MAX)
			return fail(-EINVAL, "more than %u records are too many to be read in place; make a dump of "
				    "them with \"kdump reassemble\"", RECORDS_MAX);
		err = records_add(all, &r);
	}
	return err;
}

static int build(struct flattened *f, struct flat_stream *s, uint64_t file_len)
{
	struct records all = { 0 };
	int err = read_records(s, file_len, &all);

	if (!err && !all.nr)
		err = fail(-EINVAL, "it is a flattened stream without a record: there is no dump in it");
	if (!err)
		qsort(all.r, all.nr, sizeof(*all.r), by_off);
	if (!err && !disjoint(&all)) {
		err = flatten(&all, &f->extents);
		free(all.r);
		all = (struct records){ 0 };
	} else if (!err) {
		f->extents = all;
		all = (struct records){ 0 };
	}
	free(all.r);
	if (!err)
		f->len = f->extents.r[f->extents.nr - 1].off + f->extents.r[f->extents.nr - 1].len;
	return err;
}

int flattened_open(struct flattened **f, int fd, uint64_t file_len, const char *name)
{
	struct flattened *new = calloc(1, sizeof(*new));
	struct flat_stream s;
	char why[200];
	int err;

	if (!new)
		return fail(-ENOMEM, "out of memory");
	err = flat_open(&s, fd, true);
	if (err) {
		free(new);
		return err;
	}
	err = build(new, &s, file_len);
	new->whole = flat_whole(&s);
	flat_why(&s, why, sizeof(why));
	flat_close(&s);
	if (err) {
		flattened_close(new);
		return err;
	}
	if (!new->whole)
		warn("%s: %s", name, why);
	*f = new;
	return 0;
}

void flattened_close(struct flattened *f)
{
	if (f)
		free(f->extents.r);
	free(f);
}

/* ---- looking up ---- */

uint64_t flattened_len(const struct flattened *f)
{
	return f->len;
}

bool flattened_whole(const struct flattened *f)
{
	return f->whole;
}

bool flattened_find(const struct flattened *f, uint64_t off, uint64_t *at, uint64_t *len)
{
	const struct flat_record *e = f->extents.r;
	size_t low = 0, high = f->extents.nr;

	/* The first that begins behind OFF. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e[middle].off <= off)
			low = middle + 1;
		else
			high = middle;
	}
	if (low && off - e[low - 1].off < e[low - 1].len) {
		*at = e[low - 1].at + (off - e[low - 1].off);
		*len = e[low - 1].len - (off - e[low - 1].off);
		return true;
	}
	*len = low < f->extents.nr ? e[low].off - off : UINT64_MAX;
	return false;
}

bool flattened_has(const struct flattened *f, uint64_t off, uint64_t len)
{
	while (len) {
		uint64_t at, there;

		if (!flattened_find(f, off, &at, &there))
			return false;
		if (there >= len)
			return true;
		off += there;
		len -= there;
	}
	return true;
}

/* ---- what has arrived ---- */

int flat_arrived_init(struct flat_arrived *a)
{
	*a = (struct flat_arrived){ 0 };
	ranges_init(&a->ranges);
	a->batch = malloc(BATCH * sizeof(*a->batch));
	return a->batch ? 0 : fail(-ENOMEM, "out of memory for a list of records");
}

void flat_arrived_deinit(struct flat_arrived *a)
{
	ranges_deinit(&a->ranges);
	free(a->batch);
	*a = (struct flat_arrived){ 0 };
}

static int by_start(const void *a, const void *b)
{
	const struct flat_batch *ba = a, *bb = b;

	return ba->start < bb->start ? -1 : ba->start > bb->start;
}

int flat_arrived_settle(struct flat_arrived *a)
{
	struct ranges new;
	size_t i = 0, j = 0;
	int err = 0;

	if (!a->nr_batch)
		return 0;
	qsort(a->batch, a->nr_batch, sizeof(*a->batch), by_start);
	ranges_init(&new);
	/* Ascending, so that adding is cheap. */
	while (!err && (i < a->ranges.nr || j < a->nr_batch)) {
		if (j == a->nr_batch || (i < a->ranges.nr && a->ranges.r[i].start <= a->batch[j].start)) {
			err = ranges_add(&new, a->ranges.r[i].start, a->ranges.r[i].last, 0);
			i++;
		} else {
			err = ranges_add(&new, a->batch[j].start, a->batch[j].last, 0);
			j++;
		}
	}
	if (err) {
		ranges_deinit(&new);
		return err;
	}
	ranges_deinit(&a->ranges);
	a->ranges = new;
	a->nr_batch = 0;
	return 0;
}

int flat_arrived_add(struct flat_arrived *a, uint64_t off, uint64_t len)
{
	struct flat_batch *last = a->nr_batch ? &a->batch[a->nr_batch - 1] : NULL;

	if (!len)
		return 0;
	if (last && last->last + 1 == off) {
		last->last += len;
		return 0;
	}
	if (a->nr_batch == BATCH) {
		int err = flat_arrived_settle(a);

		if (err)
			return err;
	}
	a->batch[a->nr_batch++] = (struct flat_batch){ off, off + (len - 1) };
	return 0;
}
