// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/guardian.h"

#include "kdump/capture/finish.h"
#include "kdump/capture/supervise.h"
#include "kdump/capture/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 250
/* The worker never waits for anything but its children; it beats four times a second. */
#define SILENCE_MS 120000
#define START_TRIES 10
#define START_PAUSE_MS 500

struct guard {
	struct capture *c;
	struct watchdog watchdog;
	pid_t worker;
	int news;                  /* from the worker; not blocking */
	unsigned int target;       /* that it is at */
	bool reached;              /* it has come to that target; else it died of something else */
	bool saved, over;
	uint64_t heard_ms;
	int status;                /* of the worker, from waitpid */
};

enum conf_action guardian_action(const struct conf *conf, int result)
{
	/* The dump to the root file system has been tried by now, as the last target. */
	if (result == CAPTURE_SAVED || result == CAPTURE_DECLINED || conf->failure_action == CONF_DUMP_TO_ROOTFS)
		return conf->final_action;
	return conf->failure_action;
}

static void listen_to(struct guard *g)
{
	struct worker_message m;

	while (read(g->news, &m, sizeof(m)) == sizeof(m)) {
		g->heard_ms = capture_now_ms();
		if (m.word == WORKER_TARGET) {
			g->target = m.target;
			g->reached = true;
		}
		if (m.word == WORKER_SAVED)
			g->saved = true;
	}
}

/* PID 1 gets everybody's orphans. True: the worker has ended. */
static bool reap(struct guard *g)
{
	bool ended = false;
	pid_t pid;
	int status;

	while ((pid = waitpid(g->c->o.init ? -1 : g->worker, &status, WNOHANG)) > 0) {
		if (pid != g->worker)
			continue;
		ended = true;
		g->status = status;
	}
	return ended;
}

static int start_worker(struct guard *g, unsigned int first)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return fail_sys(-errno, "cannot make a pipe");
	g->worker = fork();
	if (g->worker < 0) {
		close(fds[0]);
		close(fds[1]);
		return fail_sys(-errno, "the worker cannot be started");
	}
	if (!g->worker) {
		close(fds[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		_exit(worker_run(g->c, first, fds[1]));
	}
	close(fds[1]);
	g->news = fds[0];
	g->target = first;
	g->reached = false;
	g->heard_ms = capture_now_ms();
	return 0;
}

/* Memory that is short now may be there in a moment: what just died had some. */
static int start_worker_patiently(struct guard *g, unsigned int first)
{
	int err = start_worker(g, first);

	for (int i = 0; err && i < START_TRIES && capture_now_ms() < g->c->deadline_ms; i++) {
		poll(NULL, 0, START_PAUSE_MS);
		watchdog_feed(&g->watchdog, &g->c->say, capture_now_ms());
		err = start_worker(g, first);
	}
	return err;
}

static void kill_worker(struct guard *g)
{
	/* Its children are in sessions of their own; as PID 1 we know of nobody else who may live. */
	if (g->c->o.init)
		kill(-1, SIGKILL);
	else
		session_kill(g->worker, SIGKILL);
}

/* Until the worker has ended; true: by itself. */
static bool wait_worker(struct guard *g)
{
	const struct capture *c = g->c;

	for (;;) {
		struct pollfd p = { g->news, POLLIN, 0 };
		uint64_t now;

		poll(&p, 1, TICK_MS);
		/* Beats come all the time; what is done for one is done for all of a moment. */
		listen_to(g);
		if (reap(g))
			return true;
		now = capture_now_ms();
		watchdog_feed(&g->watchdog, &c->say, now);
		if (now >= c->deadline_ms) {
			say(&c->say, SAY_ERROR, "the deadline has passed");
			g->over = true;
		} else if (now >= g->heard_ms + SILENCE_MS) {
			say(&c->say, SAY_ERROR, "the worker does nothing any more");
		} else {
			poll(NULL, 0, p.revents & POLLHUP ? TICK_MS : 0);
			continue;
		}
		kill_worker(g);
		return false;
	}
}

/* One worker after the other, as long as they die; enum capture_result. */
static int run_workers(struct guard *g)
{
	unsigned int nr = capture_nr_targets(g->c), first = 0;
	bool again = false;

	for (;;) {
		int err = start_worker_patiently(g, first);
		bool ended;

		if (err) {
			say(&g->c->say, SAY_ERROR, "%s", err_text());
			return CAPTURE_FAILED;
		}
		ended = wait_worker(g);
		listen_to(g);
		close(g->news);
		if (ended && WIFEXITED(g->status))
			return WEXITSTATUS(g->status);
		if (g->saved)
			return CAPTURE_SAVED;
		if (ended)
			say(&g->c->say, SAY_ERROR, "the worker was ended by signal %d", WTERMSIG(g->status));
		if (ended)
			kill_worker(g);
		/* The target that it was at may be what it died of; before that, it may do better the second time. */
		if (g->reached || again)
			first = g->target + 1;
		again = !g->reached && !again;
		if (g->over || first >= nr)
			return CAPTURE_FAILED;
		say(&g->c->say, SAY_NOTICE, "another one %s", again ? "begins anew" : "goes on with the next target");
	}
}

static const char *outcome(int result)
{
	switch (result) {
	case CAPTURE_SAVED:
		return "the dump was saved";
	case CAPTURE_INCOMPLETE:
		return "no complete dump was saved";
	case CAPTURE_DECLINED:
		return "no dump was wanted";
	default:
		return "no dump was saved";
	}
}

int guardian_run(struct capture *c)
{
	struct guard g = { .c = c, .watchdog = { .fd = -1 }, .news = -1 };
	enum conf_action action;
	int result;

	g.watchdog.wanted = c->o.init || facts_next(&c->facts, "watchdog", NULL);
	result = run_workers(&g);
	action = guardian_action(&c->conf, result);
	say(&c->say, result == CAPTURE_SAVED ? SAY_NOTICE : SAY_ERROR, "%s", outcome(result));
	if (!c->o.no_action)
		finish(c, action, &g.watchdog);
	return result;
}
