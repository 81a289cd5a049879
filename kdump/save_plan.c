// SPDX-License-Identifier: GPL-2.0-or-later
/* What `kdump save` decides before it writes: how much memory it takes, what each page is, which level fits. */
#include "kdump/save_state.h"

#include "kdump/selfcheck.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One page in this many is compressed beforehand, to predict the size. */
#define SAMPLE_STRIDE 512
/* Classes of pages: this part of the memory budget. */
#define PAGEMAP_BYTES_MAX (12ull << 20)
/* Poisoned pages are not believed when they are so many, and one in so many of all. */
#define POISONED_MIN 64
#define POISONED_PART 16
#define MEMORY_BYTES_MIN  (8ull << 20)
#define MEMORY_BYTES_MAX  (256ull << 20)

bool save_compresses(const struct save *s)
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
	if (save_compresses(s))
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
void save_choose_level(struct save *s)
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
		warn("%" PRIu64 " pages are free by the kernel's counters, only %" PRIu64 " were found: the others are"
		     " kept", counted, found);
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

void save_choose_memory(struct save *s)
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

int save_classify(struct save *s)
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

uint64_t save_pages_planned(const struct save *s)
{
	uint64_t sum = 0;

	for (unsigned int class = 0; class < NR_CLASSES; class++)
		sum += class_excluded(class, s->report.level) ? 0 : s->map.total.pages[class];
	return sum;
}
