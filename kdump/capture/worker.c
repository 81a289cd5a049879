// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/worker.h"

#include "kdump/capture/attempt.h"
#include "kdump/capture/hooks.h"
#include "kdump/capture/names.h"
#include "kdump/capture/setup.h"
#include "kdump/capture/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A driver that finds no device gives up much earlier. */
#define MODULES_MS 120000
#define NETWORK_MS 60000
/*
 * Not a byte read or written and no time of a CPU spent for so long: it will not go on. Drivers of disks give up after
 * 30 s and try again; so does NFS.
 */
#define STALL_MS 180000
/*
 * The user's programs, where there is no deadline; else an eighth of what is left, so that they cannot take the time of
 * the dump.
 */
#define HOOK_MS 600000
#define HOOK_PART 8

struct news {
	int fd;
	unsigned int target;
};

static void tell(const struct news *n, enum worker_word word)
{
	struct worker_message m = { .word = word, .target = (uint8_t)n->target };

	/* A guardian that is gone needs no news. */
	if (write(n->fd, &m, sizeof(m)) != sizeof(m))
		debug("news were lost: %m");
}

static void beat(struct capture *c, void *news)
{
	(void)c;
	tell(news, WORKER_BEAT);
}

static uint64_t left_ms(const struct capture *c)
{
	uint64_t now = capture_now_ms();

	if (c->limit_ms == UINT64_MAX)
		return UINT64_MAX;
	return c->limit_ms > now ? c->limit_ms - now : 0;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int prepare(struct capture *c, struct news *n)
{
	struct supervised modules = { .what = "loading modules", .run = setup_modules, .beat = beat, .beat_ctx = n,
		.limit_ms = capture_later(capture_now_ms(), sooner(MODULES_MS, left_ms(c) / 4)) };
	struct supervised network = { .what = "setting up the network", .run = setup_network, .beat = beat,
				     .beat_ctx = n };
	int err = 0;

	if (facts_next(&c->facts, "module", NULL))
		err = supervise(c, &modules);
	if (err < 0)
		say(&c->say, SAY_WARNING, "%s", err_text());
	network.limit_ms = capture_later(capture_now_ms(), sooner(NETWORK_MS, left_ms(c) / 4));
	err = facts_next(&c->facts, "link", NULL) ? supervise(c, &network) : 0;
	if (err < 0)
		say(&c->say, SAY_WARNING, "%s", err_text());
	return 0;
}

static uint64_t hook_limit(const struct capture *c)
{
	uint64_t left = left_ms(c);

	return capture_later(capture_now_ms(), left == UINT64_MAX ? HOOK_MS : left / HOOK_PART);
}

/* Does kdump_pre let us go on? One that hangs does not keep anybody from the dump. */
static bool let_pre(struct capture *c, struct news *n)
{
	struct supervised pre = { .what = "kdump_pre", .run = hooks_pre, .beat = beat, .beat_ctx = n,
				 .limit_ms = hook_limit(c) };
	int status = supervise(c, &pre);

	if (status < 0)
		say(&c->say, SAY_WARNING, "%s; the dump goes on", err_text());
	if (status > 0)
		say(&c->say, SAY_ERROR, "kdump_pre wants no dump (exit status %d)", status);
	return status <= 0;
}

static void do_post(struct capture *c, struct news *n, int result)
{
	char text[16];
	struct supervised post = { .what = "kdump_post", .run = hooks_post, .ctx = text, .beat = beat, .beat_ctx = n,
		.limit_ms = hook_limit(c) };

	snprintf(text, sizeof(text), "%d", result == CAPTURE_INCOMPLETE ? CAPTURE_FAILED : result);
	if (supervise(c, &post) < 0)
		say(&c->say, SAY_WARNING, "%s", err_text());
}

static int try_target(struct capture *c, struct news *n, unsigned int i, unsigned int nr)
{
	uint64_t left = left_ms(c);
	struct attempt a = { .target = i, .limit_ms = capture_later(capture_now_ms(), share_ms(left, nr - i)) };
	char *name = attempt_name(c, i);
	struct supervised s = { .what = name ? name : "a target", .run = attempt_run, .ctx = &a, .limit_ms = a.limit_ms,
		.stall_ms = STALL_MS, .beat = beat, .beat_ctx = n };
	int result;

	n->target = i;
	tell(n, WORKER_TARGET);
	say(&c->say, SAY_NOTICE, "target %u of %u: %s", i + 1, nr, s.what);
	result = supervise(c, &s);
	if (result < 0)
		say(&c->say, SAY_ERROR, "%s", err_text());
	else if (result > 128)
		say(&c->say, SAY_ERROR, "%s: ended by signal %d", s.what, result - 128);
	free(name);
	return result;
}

int worker_run(struct capture *c, unsigned int first, int news)
{
	struct news n = { .fd = news, .target = first };
	unsigned int nr = capture_nr_targets(c);
	int result = CAPTURE_FAILED, fence = 0;

	if (!first && c->o.init)
		prepare(c, &n);
	hooks_fence(c, &fence);
	if (!first && !let_pre(c, &n))
		return CAPTURE_DECLINED;
	for (unsigned int i = first; i < nr && result != CAPTURE_SAVED && left_ms(c); i++) {
		int one = try_target(c, &n, i, nr);

		/* One that is not complete stays; a complete one elsewhere is worth more. */
		if (one == CAPTURE_SAVED || one == CAPTURE_INCOMPLETE)
			result = one;
	}
	if (result == CAPTURE_SAVED)
		tell(&n, WORKER_SAVED);
	else if (!left_ms(c))
		say(&c->say, SAY_ERROR, "the time is up (deadline)");
	do_post(c, &n, result);
	if (fence > 0)
		session_kill(fence, SIGTERM);
	return result;
}
