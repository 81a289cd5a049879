/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * N compressors between one reader and one writer: a bounded ring of jobs; results come out in the order they went in, so one worker and many give the same bytes. Threads sleep
 * on condition variables, never spin.
 */
#ifndef KDUMP_PIPE_H
#define KDUMP_PIPE_H

#include "kdump/codec.h"
#include "kdump/out.h"

#define PIPE_JOB_PAGES 64      /* pages a job holds */

struct pipe;

/* Called on the caller's thread, in order. Non-zero stops the pipe; pipe_put and pipe_flush return it. */
typedef int pipe_result(void *ctx, const struct out_page *page);

/*
 * WORKERS 0: compress on the caller's thread. Memory: about (2 * WORKERS + 2) * PIPE_JOB_PAGES * 2 pages. DROP_ZERO: an all-zero page is delivered with zero = true. -ENOMEM (recorded): try again with fewer workers.
 */
int pipe_init(struct pipe **p, const struct codec *codec, int level, unsigned int workers, unsigned int page_bytes, bool find_zero,
	      pipe_result *result, void *ctx);
/* A buffer of one page to fill for PFN, then pipe_put(). Valid until that. */
uint8_t *pipe_buffer(struct pipe *p);
int pipe_put(struct pipe *p, uint64_t pfn);
/* Deliver everything that was put. */
int pipe_flush(struct pipe *p);
void pipe_deinit(struct pipe *p);

#endif
