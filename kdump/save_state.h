/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the steps of `kdump save` share: save.c is the spine, save_plan.c decides, save_pages.c moves the pages. */
#ifndef KDUMP_SAVE_STATE_H
#define KDUMP_SAVE_STATE_H

#include "kdump/crashed.h"
#include "kdump/out_split.h"
#include "kdump/pagemap.h"
#include "kdump/pipe.h"
#include "kdump/progress.h"
#include "kdump/report.h"
#include "kdump/save.h"
#include "kdump/target.h"
#include "kdump/twins.h"
#include "service/conf.h"

#include <signal.h>

struct save {
	const struct save_options *o;
	struct crashed cr;
	struct pagemap map;
	struct conf conf;          /* zeroed: not needed */
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

/* The signal that asked to stop; 0: none did. */
extern volatile sig_atomic_t save_stop_signal;

/* Does the dump's format compress pages? */
bool save_compresses(const struct save *s);
/* Set memory_bytes: what was asked for, or half of what is free, within bounds. */
void save_choose_memory(struct save *s);
/*
 * The class of every page, tested against what the kernel itself counted, with samples of what compression makes of
 * each class. -ENOMEM (recorded).
 */
int save_classify(struct save *s);
/* The first level whose dump is expected to fit, else the one with the smallest; announces it. */
void save_choose_level(struct save *s);
/* Pages that the level keeps. */
uint64_t save_pages_planned(const struct save *s);

/*
 * Read, compress and write every page that the level keeps, the most needed class first. -EINTR (recorded): it is
 * time to stop; else what reading from the pipe or writing gave.
 */
int save_passes(struct save *s);
/* For pipe_init(): hands a page to the writer and counts it. */
int save_on_page(void *ctx, const struct out_page *page);

#endif
