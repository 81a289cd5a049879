// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/plan.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	memmap_init(&plan->memmap);
	crash_info_init(&plan->crash);
	ranges_init(&plan->free);
	ranges_init(&plan->dump);
	blob_init(&plan->corehdr);
	plan->nr_captures = 1;
	plan->capture[FALLBACK].idx = FALLBACK;
	for (size_t i = 0; i < PURG_MAX_IMAGES; i++)
		blob_init(&plan->capture[i].boot);
	blob_init(&plan->description);
	blob_init(&plan->tables);
	blob_init(&plan->purgatory);
}

static void plan_drop_blobs(struct plan *plan)
{
	blob_deinit(&plan->corehdr);
	for (size_t i = 0; i < PURG_MAX_IMAGES; i++)
		blob_deinit(&plan->capture[i].boot);
	blob_deinit(&plan->description);
	blob_deinit(&plan->tables);
	blob_deinit(&plan->purgatory);
}

static void capture_close(struct capture *c)
{
	if (!c->shares_kernel)
		image_close(&c->image);
	if (!c->shares_initrd)
		file_close(&c->initrd);
	cmdline_deinit(&c->cmdline);
}

void plan_deinit(struct plan *plan)
{
	memmap_deinit(&plan->memmap);
	crash_info_deinit(&plan->crash);
	for (size_t i = 0; i < PURG_MAX_IMAGES; i++)
		capture_close(&plan->capture[i]);
	ranges_deinit(&plan->free);
	ranges_deinit(&plan->dump);
	plan_drop_blobs(plan);
}

int plan_restart(struct plan *plan, const struct range *window)
{
	plan_drop_blobs(plan);
	memset(plan->seg, 0, sizeof(plan->seg));
	plan->nr_seg = 0;
	plan->window = *window;
	ranges_deinit(&plan->free);
	ranges_init(&plan->free);
	return ranges_add(&plan->free, window->start, window->last, MEM_CRASH);
}

static uint64_t largest_hole(const struct plan *plan)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < plan->free.nr; i++)
		if (range_len(&plan->free.r[i]) > largest)
			largest = range_len(&plan->free.r[i]);
	return largest;
}

static int no_room(const struct plan *plan, const char *what, uint64_t memsz, const struct place *place)
{
	uint64_t min = place->min > plan->window.start ? place->min : plan->window.start;
	uint64_t last = place->last < plan->window.last ? place->last : plan->window.last;
	char where[64];

	if (min <= last)
		snprintf(where, sizeof(where), "between %#" PRIx64 " and %#" PRIx64, min, last);
	else if (place->min > plan->window.last)
		snprintf(where, sizeof(where), "from %#" PRIx64 " on", place->min);
	else
		snprintf(where, sizeof(where), "up to %#" PRIx64, place->last);
	return fail(-ENOSPC,
		    "no room for the %s: %" PRIu64 " KiB at a multiple of %#" PRIx64 " %s; %" PRIu64
		    " KiB of the crashkernel reservation at %#" PRIx64 "-%#" PRIx64
		    " are left, the largest piece %" PRIu64 " KiB",
		    what, memsz >> 10, place->align, where, ranges_bytes(&plan->free) >> 10, plan->window.start,
		    plan->window.last, largest_hole(plan) >> 10);
}

/*
 * A load address is a multiple of ALIGN plus an offset (the old text_offset of arm64). The search shifts the free
 * ranges down by that offset, so that the multiple is what is looked for.
 */
static int find_shifted(const struct plan *plan, uint64_t memsz, const struct place *place, uint64_t *paddr)
{
	struct ranges shifted;
	uint64_t at, off = place->align_offset;
	int err = 0;

	if (place->last < off)
		return -ENOSPC;
	ranges_init(&shifted);
	for (size_t i = 0; i < plan->free.nr && !err; i++) {
		const struct range *r = &plan->free.r[i];

		if (r->last >= off)
			err = ranges_add(&shifted, r->start > off ? r->start - off : 0, r->last - off, r->type);
	}
	if (!err)
		err = ranges_find_hole(&shifted, memsz, place->align, place->min > off ? place->min - off : 0,
				       place->last - off, place->top_down, &at);
	if (!err)
		*paddr = at + off;
	ranges_deinit(&shifted);
	return err;
}

int plan_place(struct plan *plan, const char *what, const void *buf, uint64_t bufsz, const struct place *place,
	       uint64_t *paddr)
{
	const uint64_t page = 1ull << plan->arch->page_shift;
	const struct load_request *req = plan->req;
	struct place wish = *place;
	uint64_t memsz, at = 0;
	struct segment *seg;
	int err;

	if (plan->nr_seg == KEXEC_ABI_SEGMENT_MAX)
		return fail(-E2BIG, "the %s would be one segment more than the %d that the kernel accepts", what,
			    KEXEC_ABI_SEGMENT_MAX);
	if (bufsz > place->memsz)
		return fail(-EINVAL, "the %s has %" PRIu64 " bytes but claims only %" PRIu64 " of memory", what, bufsz,
			    place->memsz);
	if (!place->memsz || place->memsz > UINT64_MAX - page)
		return fail(-EINVAL, "the %s claims %" PRIu64 " bytes of memory", what, place->memsz);
	memsz = (place->memsz + page - 1) & ~(page - 1);
	if (wish.align < page)
		wish.align = page;
	if (wish.align_offset & (page - 1))
		return fail(-EINVAL, "the %s wants to start at an offset of %#" PRIx64 ", which is inside a page", what,
			    wish.align_offset);
	if (wish.min < req->mem_min)
		wish.min = req->mem_min;
	if (wish.last > req->mem_max)
		wish.last = req->mem_max;
	err = find_shifted(plan, memsz, &wish, &at);
	if (err == -ENOSPC)
		return no_room(plan, what, memsz, &wish);
	if (!err)
		err = ranges_remove(&plan->free, at, at + memsz - 1);
	if (err)
		return err;

	seg = &plan->seg[plan->nr_seg++];
	seg->what = what;
	seg->buf = buf;
	seg->bufsz = bufsz;
	seg->mem = at;
	seg->memsz = memsz;
	seg->images = place->images;
	debug("placed %s: %" PRIu64 " bytes at %#" PRIx64 ", %" PRIu64 " in memory", what, bufsz, at, memsz);
	*paddr = at;
	return 0;
}

const char *plan_name(unsigned int idx, const char *what)
{
	static const char *const names[][2] = {
		{ "kernel", "fallback-kernel" },
		{ "initrd", "fallback-initrd" },
		{ "boot_params", "fallback-boot_params" },
		{ "dtb", "fallback-dtb" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i][0], what))
			return names[i][idx != PRIMARY];
	return what;
}

struct segment *plan_find(struct plan *plan, const char *what)
{
	for (size_t i = 0; i < plan->nr_seg; i++)
		if (!strcmp(plan->seg[i].what, what))
			return &plan->seg[i];
	return NULL;
}

uint64_t plan_bytes(const struct plan *plan)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->nr_seg; i++)
		sum += plan->seg[i].memsz;
	return sum;
}

static int by_address(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->mem < y->mem ? -1 : x->mem > y->mem;
}

static int segment_check(const struct plan *plan, const struct segment *seg)
{
	const uint64_t page = 1ull << plan->arch->page_shift;

	if (!seg->memsz || seg->memsz - 1 > UINT64_MAX - seg->mem)
		return fail(-EINVAL, "segment %s: %#" PRIx64 " bytes at %#" PRIx64 " wrap around", seg->what,
			    seg->memsz, seg->mem);
	if ((seg->mem | seg->memsz) & (page - 1))
		return fail(-EINVAL, "segment %s: %#" PRIx64 " bytes at %#" PRIx64 " are not whole pages", seg->what,
			    seg->memsz, seg->mem);
	if (seg->bufsz > seg->memsz)
		return fail(-EINVAL, "segment %s: %" PRIu64 " bytes do not fit its %" PRIu64 " bytes of memory",
			    seg->what, seg->bufsz, seg->memsz);
	if (seg->mem < plan->window.start || seg->mem + (seg->memsz - 1) > plan->window.last)
		return fail(-EINVAL,
			    "segment %s at %#" PRIx64 "-%#" PRIx64 " lies outside the crashkernel reservation %#" PRIx64
			    "-%#" PRIx64,
			    seg->what, seg->mem, seg->mem + (seg->memsz - 1), plan->window.start, plan->window.last);
	return 0;
}

int plan_check(struct plan *plan)
{
	bool entry_found = false;
	int err;

	if (!plan->nr_seg || plan->nr_seg > KEXEC_ABI_SEGMENT_MAX)
		return fail(-EINVAL, "%zu segments are planned; the kernel accepts 1 to %d", plan->nr_seg,
			    KEXEC_ABI_SEGMENT_MAX);
	qsort(plan->seg, plan->nr_seg, sizeof(plan->seg[0]), by_address);
	for (size_t i = 0; i < plan->nr_seg; i++) {
		const struct segment *seg = &plan->seg[i], *next = seg + 1;

		err = segment_check(plan, seg);
		if (err)
			return err;
		if (i + 1 < plan->nr_seg && seg->mem + (seg->memsz - 1) >= next->mem)
			return fail(-EINVAL, "segments %s and %s overlap at %#" PRIx64, seg->what, next->what,
				    next->mem);
		if (plan->entry >= seg->mem && plan->entry - seg->mem < seg->bufsz)
			entry_found = true;
	}
	if (!entry_found)
		return fail(-EINVAL, "the entry point %#" PRIx64 " lies in no segment", plan->entry);
	return 0;
}
