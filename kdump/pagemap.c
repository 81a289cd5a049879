// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/pagemap.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int add_window(struct pagemap *p, size_t *room, uint64_t first_pfn, uint64_t max_pfn)
{
	uint64_t nr = max_pfn - first_pfn < p->window_pfns ? max_pfn - first_pfn : p->window_pfns;

	if (p->nr_windows == *room) {
		size_t want = *room ? *room * 2 : 16;
		struct pagemap_window *grown = realloc(p->windows, want * sizeof(*grown));

		if (!grown)
			return fail(-ENOMEM, "out of memory for %zu windows of pages", want);
		p->windows = grown;
		*room = want;
	}
	p->windows[p->nr_windows++] = (struct pagemap_window){ .first_pfn = first_pfn, .nr = (nr + 7) & ~7ull };
	return 0;
}

static int list_windows(struct pagemap *p)
{
	const struct vmcore *core = p->c->core;
	size_t room = 0;

	for (size_t i = 0; i < core->ram.nr; i++) {
		uint64_t first = (core->ram.r[i].start >> core->page_shift) / p->window_pfns;
		uint64_t last = (core->ram.r[i].last >> core->page_shift) / p->window_pfns;

		if (p->nr_windows && p->windows[p->nr_windows - 1].first_pfn / p->window_pfns >= first)
			first = p->windows[p->nr_windows - 1].first_pfn / p->window_pfns + 1;
		for (uint64_t w = first; w <= last; w++) {
			int err = add_window(p, &room, w * p->window_pfns,
					     (core->ram.r[core->ram.nr - 1].last >> core->page_shift) + 1);

			if (err)
				return err;
		}
	}
	return 0;
}

/* A filtered source lacks pages that were RAM. */
static void mark_absent(struct pagemap *p, const struct pagemap_window *w, struct class_counts *counts)
{
	uint8_t bitmap[4096];

	for (uint64_t done = 0; done < w->nr; done += sizeof(bitmap) * 8) {
		uint64_t nr = w->nr - done < sizeof(bitmap) * 8 ? w->nr - done : sizeof(bitmap) * 8;

		/* Unknown: the attempt to read them will tell. */
		if (vmcore_held(p->c->core, w->first_pfn + done, nr, bitmap))
			continue;
		for (uint64_t i = 0; i < nr; i++) {
			uint8_t *class = &p->class[done + i];

			if (*class == CLASS_NO_RAM || (bitmap[i / 8] >> i % 8 & 1))
				continue;
			if (counts) {
				counts->pages[*class]--;
				counts->pages[CLASS_ABSENT]++;
			}
			*class = CLASS_ABSENT;
		}
	}
}

static int load(struct pagemap *p, size_t idx, struct class_counts *counts)
{
	struct pagemap_window *w = &p->windows[idx];
	int err;

	p->loaded = SIZE_MAX;
	err = classify_window(p->c, w->first_pfn, w->nr, p->class, counts);
	if (err)
		return err;
	mark_absent(p, w, counts);
	p->loaded = idx;
	return 0;
}

int pagemap_init(struct pagemap *p, struct classifier *c, uint64_t budget, pagemap_visit *visit, void *ctx)
{
	uint64_t steps = (c->core->max_pfn + PAGEMAP_STEP_PFNS - 1) / PAGEMAP_STEP_PFNS;
	int err;

	*p = (struct pagemap){ .c = c, .loaded = SIZE_MAX };
	if (steps > budget / PAGEMAP_STEP_PFNS)
		steps = budget / PAGEMAP_STEP_PFNS;
	p->window_pfns = (steps ? steps : 1) * PAGEMAP_STEP_PFNS;
	err = list_windows(p);
	if (!err) {
		p->class = malloc(p->window_pfns);
		if (!p->class)
			err = fail(-ENOMEM, "out of memory for the classes of %" PRIu64 " pages", p->window_pfns);
	}
	for (size_t i = 0; !err && i < p->nr_windows; i++) {
		struct class_counts counts = { { 0 }, 0 };

		err = load(p, i, &counts);
		for (unsigned int class = 0; !err && class < NR_CLASSES; class++) {
			p->windows[i].pages[class] = counts.pages[class];
			p->total.pages[class] += counts.pages[class];
		}
		p->total.doubtful += counts.doubtful;
		if (!err && visit)
			err = visit(ctx, &p->windows[i], p->class);
	}
	if (err)
		pagemap_deinit(p);
	return err;
}

void pagemap_deinit(struct pagemap *p)
{
	free(p->windows);
	free(p->class);
	*p = (struct pagemap){ .loaded = SIZE_MAX };
}

const uint8_t *pagemap_load(struct pagemap *p, size_t idx)
{
	if (p->loaded != idx && load(p, idx, NULL))
		return NULL;
	return p->class;
}

int pagemap_planned(struct pagemap *p, int level, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	memset(bitmap, 0, nr / 8);
	for (size_t i = 0; i < p->nr_windows; i++) {
		const struct pagemap_window *w = &p->windows[i];
		const uint8_t *class;
		bool kept[NR_CLASSES];

		if (first_pfn < w->first_pfn || first_pfn - w->first_pfn >= w->nr)
			continue;
		class = pagemap_load(p, i);
		if (!class)
			return -ENOMEM;
		if (nr > w->nr - (first_pfn - w->first_pfn))
			nr = w->nr - (first_pfn - w->first_pfn);
		for (unsigned int c = 0; c < NR_CLASSES; c++)
			kept[c] = !class_excluded(c, level);
		class += first_pfn - w->first_pfn;
		for (uint64_t at = 0; at < nr; at++)
			bitmap[at / 8] |= kept[class[at]] << at % 8;
		break;
	}
	return 0;
}
