// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pipe: same results in the same order for any number of workers, errors in the middle, and nothing left
 * behind.
 */
#include "kdump/pipe.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096

/* ---- a codec that takes its time ---- */

static unsigned int opened, closed, fail_open_after = 1000;
static pthread_mutex_t slow_lock = PTHREAD_MUTEX_INITIALIZER;

static void *slow_open(int level)
{
	unsigned int *state = NULL;

	pthread_mutex_lock(&slow_lock);
	if (opened - closed < fail_open_after) {
		state = malloc(sizeof(*state));
		*state = level + opened++;
	}
	pthread_mutex_unlock(&slow_lock);
	return state;
}

static void slow_close(void *state)
{
	if (!state)
		return;
	pthread_mutex_lock(&slow_lock);
	closed++;
	pthread_mutex_unlock(&slow_lock);
	free(state);
}

/* Keeps every 16th byte; waits by what the page says, so that jobs overtake each other. */
static size_t slow_compress(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	(void)state;
	if (in[1] % 16 == 3)
		usleep(in[2] * 4);
	if (in[1] % 8 == 0)
		return 0;
	for (size_t i = 0; i < in_len / 16; i++)
		out[i] = in[i * 16];
	return in_len / 16 < out_max ? in_len / 16 : 0;
}

static const struct codec slow = { "slow", 0x40, true, NULL, slow_open, slow_close, slow_compress, NULL };

/* ---- what comes out ---- */

struct output {
	uint8_t *bytes;
	size_t len, cap;
	uint64_t nr, fail_at, last_pfn;
	pthread_t thread;
};

static void append(struct output *o, const void *bytes, size_t n)
{
	if (o->len + n > o->cap) {
		o->cap = (o->len + n) * 2;
		o->bytes = realloc(o->bytes, o->cap);
	}
	memcpy(o->bytes + o->len, bytes, n);
	o->len += n;
}

static int result(void *ctx, const struct out_page *page)
{
	struct output *o = ctx;

	CHECK(pthread_equal(o->thread, pthread_self()));
	if (o->nr == o->fail_at)
		return fail(-ENOSPC, "full at %u", (unsigned int)o->nr);
	CHECK(!o->nr || page->pfn > o->last_pfn);
	o->nr++;
	o->last_pfn = page->pfn;
	append(o, &page->pfn, 8);
	append(o, &page->len, 4);
	append(o, &page->flags, 4);
	append(o, &page->zero, 1);
	if (!page->zero)
		append(o, page->data, page->len);
	return 0;
}

static void fill(uint8_t *page, uint64_t pfn, unsigned int len)
{
	uint64_t x = pfn * 0x9e3779b97f4a7c15ull + 1;

	memset(page, 0, len);
	if (pfn % 5 == 0)
		return;
	for (unsigned int i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		page[i] = pfn % 3 ? x : x % 3;
	}
	if (pfn % 7 == 0) /* zero but for the last byte */
		memset(page, 0, len - 1), page[len - 1] = 1;
}

static int run(struct output *o, const struct codec *codec, unsigned int workers, unsigned int page_bytes,
	       uint64_t nr, bool find_zero)
{
	struct pipe *p;
	uint64_t keep = o->fail_at;
	int err;

	*o = (struct output){ .fail_at = keep, .thread = pthread_self() };
	err = pipe_init(&p, codec, CODEC_DEFAULT_LEVEL, workers, page_bytes, result, o);
	if (err)
		return err;
	for (uint64_t pfn = 0; pfn < nr && !err; pfn++) {
		fill(pipe_buffer(p), pfn, page_bytes);
		if (pfn % 11 == 10)
			continue; /* could not be read: not put */
		if (find_zero && page_is_zero(pipe_buffer(p), page_bytes))
			err = pipe_put_zero(p, pfn * 2);
		else
			err = pipe_put(p, pfn * 2, 0);
		if (pfn % 1000 == 999 && !err)
			err = pipe_flush(p);
	}
	if (!err)
		err = pipe_flush(p);
	else
		CHECK_EQ(pipe_flush(p), (uint64_t)err);
	pipe_deinit(p);
	return err;
}

static void same(const struct codec *codec, unsigned int page_bytes, uint64_t nr, bool find_zero)
{
	struct output one = { .fail_at = UINT64_MAX };

	CHECK_EQ(run(&one, codec, 0, page_bytes, nr, find_zero), 0);
	CHECK_EQ(one.nr, nr - nr / 11);
	for (unsigned int workers = 1; workers <= 9; workers += workers < 4 ? 1 : 5) {
		struct output many = { .fail_at = UINT64_MAX };

		CHECK_EQ(run(&many, codec, workers, page_bytes, nr, find_zero), 0);
		CHECK_EQ(many.nr, one.nr);
		CHECK_EQ(many.len, one.len);
		CHECK(many.len == one.len && !memcmp(many.bytes, one.bytes, one.len));
		free(many.bytes);
	}
	free(one.bytes);
}

TEST(zero_pages_are_found_wherever_a_bit_is)
{
	uint8_t page[PAGE];

	memset(page, 0, sizeof(page));
	CHECK(page_is_zero(page, sizeof(page)));
	CHECK(page_is_zero(page, 8));
	for (unsigned int bit = 0; bit < 8 * PAGE; bit++) {
		page[bit / 8] = 1 << bit % 8;
		if (page_is_zero(page, sizeof(page)))
			CHECK_EQ(bit, 0);
		page[bit / 8] = 0;
	}
}

/* Thousands of them fill no buffers; the order stays. */
TEST(zero_pages_cost_no_buffers)
{
	for (unsigned int workers = 0; workers < 3; workers++) {
		struct output o = { .fail_at = UINT64_MAX, .thread = pthread_self() };
		struct pipe *p;

		CHECK_EQ(pipe_init(&p, &slow, 1, workers, PAGE, result, &o), 0);
		for (uint64_t pfn = 0; pfn < 5000; pfn++) {
			uint8_t *buffer = pipe_buffer(p);

			if (pfn % 1000 < 990) {
				CHECK_EQ(pipe_put_zero(p, pfn), 0);
				continue;
			}
			memset(buffer, 1, PAGE);
			CHECK_EQ(pipe_put(p, pfn, 0), 0);
		}
		CHECK_EQ(pipe_flush(p), 0);
		CHECK_EQ(o.nr, 5000);
		pipe_deinit(p);
		free(o.bytes);
	}
}

TEST(workers_do_not_change_bytes)
{
	for (const struct codec *c = codecs; c->name; c++)
		if (c->built_in)
			same(c, PAGE, 1500, true);
	same(&slow, PAGE, 3000, true);
	same(&slow, PAGE, 3000, false);
	same(&slow, 65536, 200, true);
	same(&slow, PAGE, 1, true);
	same(&slow, PAGE, PIPE_JOB_PAGES, true);
	CHECK_EQ(opened, closed);
}

TEST(zero_pages)
{
	struct output o = { .fail_at = UINT64_MAX };
	uint8_t zero;

	CHECK_EQ(run(&o, codec_by_name("none"), 1, PAGE, 2, true), 0);
	/* Page 0 is zero, page 1 is not: pfn, len, flags, zero. */
	memcpy(&zero, o.bytes + 16, 1);
	CHECK_EQ(zero, 1);
	CHECK_EQ(o.len, 17 + 17 + PAGE);
	free(o.bytes);
	CHECK_EQ(run(&o, codec_by_name("none"), 1, PAGE, 2, false), 0);
	CHECK_EQ(o.len, 2 * (17 + PAGE));
	free(o.bytes);
}

TEST(errors_in_the_middle)
{
	for (unsigned int workers = 0; workers <= 4; workers++)
		for (uint64_t at = 0; at < 1300; at = at * 3 + 1) {
			struct output o = { .fail_at = at };

			err_clear();
			CHECK_EQ(run(&o, &slow, workers, PAGE, 1500, true), (uint64_t)-ENOSPC);
			CHECK(strstr(err_text(), "full at"));
			CHECK_EQ(o.nr, at); /* nothing more is delivered */
			free(o.bytes);
		}
	CHECK_EQ(opened, closed);
}

TEST(dropped_without_flush)
{
	for (unsigned int workers = 0; workers <= 3; workers++) {
		struct output o = { .fail_at = UINT64_MAX, .thread = pthread_self() };
		struct pipe *p;

		CHECK_EQ(pipe_init(&p, &slow, 1, workers, PAGE, result, &o), 0);
		for (uint64_t pfn = 0; pfn < 100 * workers + 3; pfn++) {
			fill(pipe_buffer(p), pfn, PAGE);
			CHECK_EQ(pipe_put(p, pfn, 0), 0);
		}
		pipe_deinit(p);
		free(o.bytes);
	}
	pipe_deinit(NULL);
	CHECK_EQ(opened, closed);
}

TEST(buffer_stays_until_put)
{
	struct output o = { .fail_at = UINT64_MAX, .thread = pthread_self() };
	struct pipe *p;

	CHECK_EQ(pipe_init(&p, &slow, 1, 1, PAGE, result, &o), 0);
	CHECK(pipe_buffer(p) == pipe_buffer(p));
	CHECK_EQ(pipe_flush(p), 0);
	CHECK_EQ(pipe_flush(p), 0);
	CHECK_EQ(o.nr, 0);
	pipe_deinit(p);
	free(o.bytes);
}

/* Fewer threads than asked for do the same work. */
TEST(threads_that_cannot_be_had)
{
	struct output o = { .fail_at = UINT64_MAX, .thread = pthread_self() };
	struct pipe *p;

	fail_open_after = 2; /* the caller's and one worker's */
	CHECK_EQ(pipe_init(&p, &slow, 1, 5, PAGE, result, &o), 0);
	CHECK_EQ(pipe_workers(p), 1);
	pipe_deinit(p);
	CHECK_EQ(run(&o, &slow, 5, PAGE, 700, true), 0);
	CHECK_EQ(o.nr, 700 - 700 / 11);
	free(o.bytes);
	fail_open_after = 0;
	CHECK_FAILS(pipe_init(&p, &slow, 1, 5, PAGE, result, &o), -ENOMEM, "5 threads");
	fail_open_after = 1000;
	CHECK_EQ(opened, closed);
}

TEST(refusals)
{
	static const struct codec absent = { .name = "absent" };
	struct pipe *p = NULL;

	CHECK_FAILS(pipe_init(&p, &absent, 1, 1, PAGE, result, NULL), -ENOTSUP, "without absent");
	CHECK_FAILS(pipe_init(&p, &slow, 1, 1, 0, result, NULL), -EINVAL, "0 bytes");
	CHECK_FAILS(pipe_init(&p, &slow, 1, 1, 4097, result, NULL), -EINVAL, "4097 bytes");
	CHECK_FAILS(pipe_init(&p, &slow, 1, 100000, PAGE, result, NULL), -EINVAL, "100000");
	CHECK(!p);
}

/* Waiting costs nothing: with a writer that sleeps the processors are idle. */
static int sleepy(void *ctx, const struct out_page *page)
{
	(void)page;
	usleep(*(unsigned int *)ctx);
	return 0;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

TEST(nobody_spins)
{
	unsigned int pause = 500;
	struct pipe *p;
	double before;

	CHECK_EQ(pipe_init(&p, codec_by_name("none"), 1, 4, PAGE, sleepy, &pause), 0);
	before = cpu_seconds();
	for (uint64_t pfn = 0; pfn < 1000; pfn++) {
		memset(pipe_buffer(p), 1, PAGE);
		CHECK_EQ(pipe_put(p, pfn, 0), 0);
	}
	CHECK_EQ(pipe_flush(p), 0);
	pipe_deinit(p);
	/* Half a second and more went by; one spinning thread would have used all of it. */
	CHECK(cpu_seconds() - before < 0.35);
}
