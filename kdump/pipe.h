/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * N compressors between one reader and one writer: a bounded ring of jobs; results come out in the order they went
 * in, so one worker and many give the same bytes. Threads sleep on condition variables, never spin; the caller's
 * thread compresses too whenever it would have to wait.
 */
#ifndef KDUMP_PIPE_H
#define KDUMP_PIPE_H

#include "kdump/codec.h"
#include "kdump/out.h"

#define PIPE_JOB_PAGES 64          /* pages with bytes that a job holds at most */
#define PIPE_JOB_BYTES (256u << 10) /* and bytes, unless one page is larger */
#define PIPE_JOB_ENTRIES 256       /* pages that a job holds at most, those without bytes too */

struct pipe;

/*
 * Called on the caller's thread, in order. Non-zero stops the pipe: pipe_put and pipe_flush return it then, and
 * nothing more is delivered.
 */
typedef int pipe_result(void *ctx, const struct out_page *page);

/*
 * WORKERS 0: compress on the caller's thread alone. Threads that cannot be made are done without; pipe_workers()
 * tells. Memory: (2 * WORKERS + 2) jobs of PIPE_JOB_BYTES, twice (before and after). PAGE_BYTES: a multiple of 8.
 * -ENOMEM (recorded): try again with fewer workers.
 */
int pipe_init(struct pipe **p, const struct codec *codec, int level, unsigned int workers, unsigned int page_bytes,
	      pipe_result *result, void *ctx);
unsigned int pipe_workers(const struct pipe *p);

/*
 * A buffer of one page to fill, then pipe_put() it for PFN. MARK: others may be twins of it (out_page.mark); 0: none.
 * Valid until that; the same one as long as nothing is put, so that a page which cannot be read is passed over by not
 * putting it. 0, or what stopped the pipe. pipe_room() tells how many pages may be filled at once, one behind the
 * other: what has not been put stays where it is until so many were, zero pages or not.
 */
uint8_t *pipe_buffer(struct pipe *p);
unsigned int pipe_room(struct pipe *p);
int pipe_put(struct pipe *p, uint64_t pfn, uint32_t mark);
/* The page at PFN is all zero: nothing to fill, nothing to compress. As pipe_put() else. */
int pipe_put_zero(struct pipe *p, uint64_t pfn);
/* The page at PFN is a twin: nothing to fill, nothing to compress. */
int pipe_put_twin(struct pipe *p, uint64_t pfn, uint32_t mark);
/* Deliver everything that was put. */
int pipe_flush(struct pipe *p);
/* NULL is accepted. What was not flushed is dropped. */
void pipe_deinit(struct pipe *p);

/* LEN: a multiple of 8, not 0. As fast as memory, and at once where a page begins with something. */
bool page_is_zero(const uint8_t *page, size_t len);

#endif
