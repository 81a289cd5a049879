// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring. A job goes FILLING -> READY -> BUSY -> DONE -> FILLING. FILLING and DONE jobs belong to the caller's
 * thread, BUSY ones to who took them; the state and the three positions are guarded by the lock.
 *
 *     head (next to deliver) <= next (next to compress) <= tail (being filled) < head + nr_jobs
 */
#include "kdump/pipe.h"

#include "lib/err.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum job_state { JOB_FILLING, JOB_READY, JOB_BUSY, JOB_DONE };

struct job {
	enum job_state state;
	unsigned int nr;           /* of PAGE */
	unsigned int nr_in;        /* of them with bytes */
	uint8_t *in, *out;         /* pages of page_bytes each */
	struct out_page page[PIPE_JOB_ENTRIES];
};

struct pipe {
	const struct codec *codec;
	int level;
	unsigned int page_bytes, job_pages;
	pipe_result *result;
	void *ctx;
	int error;                 /* what result said first; the caller's thread only */
	void *state;               /* the codec's, of the caller's thread */

	struct job *jobs;
	unsigned int nr_jobs;
	uint64_t head, next, tail;
	bool stop;
	bool locks;                /* the three below are initialised */
	pthread_mutex_t lock;
	pthread_cond_t ready;      /* workers: there is a READY job, or stop */
	pthread_cond_t done;       /* the caller: the head is DONE */

	pthread_t *threads;
	unsigned int nr_threads;
};

static struct job *job_at(struct pipe *p, uint64_t position)
{
	return &p->jobs[position % p->nr_jobs];
}

bool page_is_zero(const uint8_t *page, size_t len)
{
	uint64_t first;

	/* Most pages say no in their first word; the rest goes through memcmp with itself, one word further. */
	memcpy(&first, page, sizeof(first));
	return !first && !memcmp(page, page + sizeof(first), len - sizeof(first));
}

static void job_compress(const struct pipe *p, struct job *j, void *state)
{
	const uint8_t *in = j->in;
	uint8_t *out = j->out;

	for (unsigned int i = 0; i < j->nr; i++, in += p->page_bytes, out += p->page_bytes) {
		struct out_page *page = &j->page[i];
		size_t got;

		while (page->zero || page->twin) {
			if (++i == j->nr)
				return;
			page = &j->page[i];
		}
		page->data = in;
		page->len = p->page_bytes;
		page->flags = 0;
		got = p->codec->compress(state, in, p->page_bytes, out, p->page_bytes);
		if (got) {
			page->data = out;
			page->len = got;
			page->flags = p->codec->flag;
		}
	}
}

/* Take the next READY job, or NULL. Under the lock. */
static struct job *take(struct pipe *p)
{
	struct job *j;

	if (p->next == p->tail)
		return NULL;
	j = job_at(p, p->next++);
	j->state = JOB_BUSY;
	return j;
}

struct worker_start {
	struct pipe *pipe;
	void *state;
};

static void *worker(void *arg)
{
	struct worker_start start = *(struct worker_start *)arg;
	struct pipe *p = start.pipe;

	free(arg);
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct job *j = take(p);

		if (!j) {
			pthread_cond_wait(&p->ready, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		job_compress(p, j, start.state);
		pthread_mutex_lock(&p->lock);
		j->state = JOB_DONE;
		if (j == job_at(p, p->head))
			pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	p->codec->close(start.state);
	return NULL;
}

/* One thread; false: this machine has no more of them, or no memory. */
static bool add_worker(struct pipe *p)
{
	struct worker_start *start = malloc(sizeof(*start));

	if (!start)
		return false;
	start->pipe = p;
	start->state = p->codec->open(p->level);
	if (start->state && !pthread_create(&p->threads[p->nr_threads], NULL, worker, start)) {
		p->nr_threads++;
		return true;
	}
	if (start->state)
		p->codec->close(start->state);
	free(start);
	return false;
}

static int make_jobs(struct pipe *p)
{
	size_t bytes = (size_t)p->job_pages * p->page_bytes;

	p->jobs = calloc(p->nr_jobs, sizeof(*p->jobs));
	if (!p->jobs)
		return -ENOMEM;
	for (unsigned int i = 0; i < p->nr_jobs; i++) {
		p->jobs[i].in = malloc(bytes);
		p->jobs[i].out = malloc(bytes);
		if (!p->jobs[i].in || !p->jobs[i].out)
			return -ENOMEM;
	}
	return 0;
}

static void start_workers(struct pipe *p, unsigned int workers)
{
	sigset_t all, before;

	/* Signals are for the thread that knows what to do with them. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* comes to who touches what is not there */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (p->nr_threads < workers && add_worker(p))
		;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (p->nr_threads < workers)
		debug("%u of %u compression threads", p->nr_threads, workers);
}

int pipe_init(struct pipe **out, const struct codec *codec, int level, unsigned int workers, unsigned int page_bytes,
	      pipe_result *result, void *ctx)
{
	struct pipe *p;

	if (!page_bytes || page_bytes % 8 || page_bytes > (64u << 20))
		return fail(-EINVAL, "pages of %u bytes cannot be compressed", page_bytes);
	if (!codec->built_in)
		return fail(-ENOTSUP, "this kdump was built without %s", codec->name);
	if (workers > 4096)
		return fail(-EINVAL, "%u compression threads are more than 4096", workers);
	p = calloc(1, sizeof(*p));
	if (!p)
		goto no_memory;
	p->codec = codec;
	p->level = level;
	p->page_bytes = page_bytes;
	p->job_pages = PIPE_JOB_BYTES / page_bytes;
	if (p->job_pages > PIPE_JOB_PAGES)
		p->job_pages = PIPE_JOB_PAGES;
	if (!p->job_pages)
		p->job_pages = 1;
	p->result = result;
	p->ctx = ctx;
	p->nr_jobs = 2 * workers + 2;
	p->threads = calloc(workers + 1, sizeof(*p->threads));
	p->state = codec->open(level);
	if (!p->threads || !p->state || make_jobs(p))
		goto no_memory;
	if (pthread_mutex_init(&p->lock, NULL) || pthread_cond_init(&p->ready, NULL) ||
	    pthread_cond_init(&p->done, NULL))
		goto no_memory;
	p->locks = true;
	start_workers(p, workers);
	*out = p;
	return 0;

no_memory:
	pipe_deinit(p);
	return fail(-ENOMEM, "no memory for compression with %u threads", workers);
}

unsigned int pipe_workers(const struct pipe *p)
{
	return p->nr_threads;
}

void pipe_deinit(struct pipe *p)
{
	if (!p)
		return;
	if (p->locks) {
		pthread_mutex_lock(&p->lock);
		p->stop = true;
		pthread_cond_broadcast(&p->ready);
		pthread_mutex_unlock(&p->lock);
		for (unsigned int i = 0; i < p->nr_threads; i++)
			pthread_join(p->threads[i], NULL);
		pthread_mutex_destroy(&p->lock);
		pthread_cond_destroy(&p->ready);
		pthread_cond_destroy(&p->done);
	}
	for (unsigned int i = 0; p->jobs && i < p->nr_jobs; i++) {
		free(p->jobs[i].in);
		free(p->jobs[i].out);
	}
	free(p->jobs);
	free(p->threads);
	if (p->state)
		p->codec->close(p->state);
	free(p);
}

/* Give away what is DONE, at least until ROOM jobs are free; compress here rather than wait. */
static int deliver(struct pipe *p, unsigned int room)
{
	pthread_mutex_lock(&p->lock);
	while (p->head != p->tail) {
		struct job *j = job_at(p, p->head);

		if (j->state == JOB_DONE) {
			pthread_mutex_unlock(&p->lock);
			for (unsigned int i = 0; i < j->nr && !p->error; i++)
				p->error = p->result(p->ctx, &j->page[i]);
			j->nr = j->nr_in = 0;
			pthread_mutex_lock(&p->lock);
			j->state = JOB_FILLING;
			p->head++;
			continue;
		}
		if (p->nr_jobs - (p->tail - p->head) >= room)
			break;
		j = take(p);
		if (!j) {
			pthread_cond_wait(&p->done, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		job_compress(p, j, p->state);
		pthread_mutex_lock(&p->lock);
		j->state = JOB_DONE;
	}
	pthread_mutex_unlock(&p->lock);
	return p->error;
}

static void submit(struct pipe *p)
{
	struct job *j = job_at(p, p->tail);

	pthread_mutex_lock(&p->lock);
	j->state = JOB_READY;
	p->tail++;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
}

uint8_t *pipe_buffer(struct pipe *p)
{
	struct job *j = job_at(p, p->tail);

	return j->in + (size_t)j->nr_in * p->page_bytes;
}

unsigned int pipe_room(struct pipe *p)
{
	const struct job *j = job_at(p, p->tail);
	unsigned int pages = p->job_pages - j->nr_in, entries = PIPE_JOB_ENTRIES - j->nr;

	return pages < entries ? pages : entries;
}

static int put(struct pipe *p, const struct out_page *page)
{
	struct job *j = job_at(p, p->tail);

	if (p->error)
		return p->error;
	j->page[j->nr++] = *page;
	j->nr_in += !page->zero && !page->twin;
	if (j->nr < PIPE_JOB_ENTRIES && j->nr_in < p->job_pages)
		return 0;
	submit(p);
	return deliver(p, 1);
}

int pipe_put(struct pipe *p, uint64_t pfn, uint32_t mark)
{
	return put(p, &(struct out_page){ .pfn = pfn, .mark = mark });
}

int pipe_put_twin(struct pipe *p, uint64_t pfn, uint32_t mark)
{
	return put(p, &(struct out_page){ .pfn = pfn, .mark = mark, .twin = true });
}

int pipe_put_zero(struct pipe *p, uint64_t pfn)
{
	return put(p, &(struct out_page){ .pfn = pfn, .len = p->page_bytes, .zero = true });
}

int pipe_flush(struct pipe *p)
{
	if (!p->error && job_at(p, p->tail)->nr)
		submit(p);
	return deliver(p, p->nr_jobs);
}
