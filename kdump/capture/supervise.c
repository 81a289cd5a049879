// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/supervise.h"

#include "lib/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 100
#define BEAT_MS 250
/* A process that is killed goes at once, unless it waits for a device that does not answer. */
#define DEATH_MS 3000
/* Progress is looked for this often: it costs a walk through /proc. */
#define LOOK_MS 2000
/* Should a signal be missed: so late is the end of a program noticed. */
#define WAIT_MS 10000
#define LINE_MAX_BYTES 65536

/* ---- sessions ---- */

bool session_parse_stat(struct text stat, uint64_t *session, uint64_t *ticks)
{
	uint64_t utime = 0, stime = 0, value = 0;
	size_t i = stat.len;

	/* "PID (NAME) S PPID PGRP SESSION ...", and NAME may hold anything, ") " too. */
	while (i && stat.at[i - 1] != ')')
		i--;
	if (!i)
		return false;
	stat = text_of(stat.at + i, stat.len - i);
	/* proc(5): the state is field 3, session 6, utime 14, stime 15. */
	for (unsigned int field = 3; field <= 15; field++) {
		struct text word;

		text_blanks(&stat);
		word = text_until(&stat, ' ');
		if (field == 6 || field >= 14) {
			if (!text_u64(&word, 10, &value) || word.len)
				return false;
			*(field == 6 ? session : field == 14 ? &utime : &stime) = value;
		}
	}
	*ticks = utime + stime;
	return true;
}

static bool read_small(const char *pid, const char *name, char *buf, size_t size, struct text *t)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, size);
	close(fd);
	*t = text_of(buf, n > 0 ? n : 0);
	return n > 0;
}

/* The sum of /proc/PID/io: "rchar: N", "wchar: N"... */
static uint64_t io_of(const char *pid)
{
	char buf[1024];
	struct text t, line;
	uint64_t sum = 0, value;

	if (!read_small(pid, "io", buf, sizeof(buf), &t))
		return 0;
	while (text_line(&t, &line)) {
		text_until(&line, ':');
		text_blanks(&line);
		if (text_u64(&line, 10, &value))
			sum += value;
	}
	return sum;
}

static void each_of(pid_t session, void (*visit)(const char *pid, uint64_t ticks, void *ctx), void *ctx)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	char buf[1024];

	while (proc && (d = readdir(proc))) {
		uint64_t of = 0, ticks = 0;
		struct text t;

		if (d->d_name[0] < '0' || d->d_name[0] > '9' || !read_small(d->d_name, "stat", buf, sizeof(buf), &t))
			continue;
		if (session_parse_stat(t, &of, &ticks) && of == (uint64_t)session)
			visit(d->d_name, ticks, ctx);
	}
	if (proc)
		closedir(proc);
}

static void add_work(const char *pid, uint64_t ticks, void *ctx)
{
	struct session_work *w = ctx;

	w->processes++;
	w->amount += ticks + io_of(pid);
}

struct session_work session_work(pid_t session)
{
	struct session_work w = { 0 };

	each_of(session, add_work, &w);
	return w;
}

static void kill_one(const char *pid, uint64_t ticks, void *ctx)
{
	(void)ticks;
	kill(atoi(pid), *(int *)ctx);
}

void session_kill(pid_t session, int number)
{
	/* Without /proc the group of its first process is all that can be named. */
	kill(-session, number);
	each_of(session, kill_one, &number);
}

/* ---- a child and its words ---- */

struct watch {
	struct capture *c;
	const struct supervised *s;
	pid_t pid;
	int words;                 /* -1: closed */
	struct blob line;
	struct session_work work;
	uint64_t moved_ms, looked_ms, beaten_ms;
	int status;                /* of waitpid */
	bool ended;
	const char *killed;        /* why */
};

static void say_lines(struct watch *w, bool all)
{
	struct text rest = text_of((char *)w->line.data, w->line.len), line;
	size_t taken = 0;

	while (rest.len && (all || memchr(rest.at, '\n', rest.len) || rest.len >= LINE_MAX_BYTES)) {
		struct text one;

		text_line(&rest, &line);
		/* Progress for terminals overwrites itself. */
		while (line.len) {
			one = text_until(&line, '\r');
			say_line(&w->c->say, one);
		}
		taken = w->line.len - rest.len;
	}
	memmove(w->line.data, w->line.data + taken, w->line.len - taken);
	w->line.len -= taken;
}

static void hear(struct watch *w)
{
	char bytes[4096];
	ssize_t n = read(w->words, bytes, sizeof(bytes));

	if (n > 0) {
		if (blob_append(&w->line, bytes, n))
			w->line.len = 0;
		else
			say_lines(w, false);
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		close(w->words);
		w->words = -1;
	}
}

/* Is it time to end it? Says why once. */
static const char *overdue(struct watch *w)
{
	uint64_t now = capture_now_ms();
	struct session_work work;

	if (now >= w->s->limit_ms)
		return "its time is up";
	if (!w->s->stall_ms || now < w->looked_ms + LOOK_MS)
		return NULL;
	work = session_work(w->pid);
	w->looked_ms = now;
	if (work.amount != w->work.amount || work.processes != w->work.processes)
		w->moved_ms = now;
	w->work = work;
	return now >= w->moved_ms + w->s->stall_ms ? "nothing has moved for too long" : NULL;
}

static void beat(struct watch *w)
{
	if (!w->s->beat || capture_now_ms() < w->beaten_ms + BEAT_MS)
		return;
	w->beaten_ms = capture_now_ms();
	w->s->beat(w->c, w->s->beat_ctx);
}

/* What its children hold open is heard no longer than they do something: SILENT_MS after its end. */
static void watch_until_ended(struct watch *w)
{
	uint64_t killed_ms = 0;

	while (!w->ended) {
		struct pollfd p = { w->words, POLLIN, 0 };

		if (poll(&p, 1, TICK_MS) > 0)
			hear(w);
		beat(w);
		w->ended = waitpid(w->pid, &w->status, WNOHANG) != 0;
		if (!w->ended && !w->killed) {
			w->killed = overdue(w);
			killed_ms = capture_now_ms();
			if (w->killed)
				session_kill(w->pid, SIGKILL);
		} else if (!w->ended && capture_now_ms() >= killed_ms + DEATH_MS) {
			say(&w->c->say, SAY_WARNING, "%s: a process cannot be killed; it waits for a device",
			    w->s->what);
			break;
		}
	}
	/* What it left behind has no business any more, and what it said last is still in the pipe. */
	session_kill(w->pid, SIGKILL);
	while (w->words >= 0) {
		struct pollfd p = { w->words, POLLIN, 0 };

		if (poll(&p, 1, TICK_MS) <= 0)
			break;
		hear(w);
	}
}

/*
 * The first process and the worker are never chosen when memory runs out (setup_kernel()), and children begin with
 * what their parent has. One that takes too much must be chosen: with nobody to choose the kernel panics, and no other
 * target would be tried.
 */
static void may_be_chosen(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "0", 1) != 1)
		debug("oom_score_adj: %m");
	if (fd >= 0)
		close(fd);
}

static void __attribute__((noreturn)) child_main(struct capture *c, const struct supervised *s, int words)
{
	int null = open("/dev/null", O_RDONLY);
	int status;

	may_be_chosen();

	/* Should the worker be killed, this is not to go on beside the next one. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(words, STDOUT_FILENO);
	dup2(words, STDERR_FILENO);
	say_from_child(&c->say);
	err_set_warn_sink(say_warning, &c->say);
	status = s->run(c, s->ctx);
	fflush(NULL);
	_exit(status < 0 ? CAPTURE_FAILED : status);
}

int supervise(struct capture *c, const struct supervised *s)
{
	struct watch w = { .c = c, .s = s, .words = -1 };
	int fds[2], err;

	if (pipe2(fds, O_CLOEXEC))
		return fail_sys(-errno, "%s: cannot make a pipe", s->what);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	w.pid = fork();
	if (!w.pid)
		child_main(c, s, fds[1]);
	err = w.pid < 0 ? fail_sys(-errno, "%s: cannot start", s->what) : 0;
	close(fds[1]);
	w.words = fds[0];
	blob_init(&w.line);
	w.moved_ms = w.looked_ms = capture_now_ms();
	if (!err)
		watch_until_ended(&w);
	if (w.words >= 0)
		close(w.words);
	say_lines(&w, true);
	blob_deinit(&w.line);
	if (err)
		return err;
	if (w.killed)
		return fail(-ETIMEDOUT, "%s: %s, it was ended", s->what, w.killed);
	return WIFSIGNALED(w.status) ? 128 + WTERMSIG(w.status) : WEXITSTATUS(w.status);
}

/* ---- programs ---- */

static void __attribute__((noreturn)) become(const char *const *argv, int out_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (out_fd >= 0)
		dup2(out_fd, STDOUT_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "<%d>%s: cannot start: %s\n", SAY_ERROR, argv[0], strerror(errno));
	_exit(127);
}

/*
 * Until a child's signal (which is blocked) or LIMIT_MS. Looking again and again instead would take time of the CPU,
 * and that is what session_work() counts: the session of a program that hangs would seem to move for ever.
 */
static void wait_signal(const sigset_t *signals, uint64_t now_ms, uint64_t limit_ms)
{
	uint64_t left = limit_ms > now_ms ? limit_ms - now_ms : 0;
	struct timespec t;

	if (left > WAIT_MS)
		left = WAIT_MS;
	t = (struct timespec){ .tv_sec = left / 1000, .tv_nsec = (long)(left % 1000) * 1000000 };
	sigtimedwait(signals, NULL, &t);
}

int child_run(const char *const *argv, int out_fd, uint64_t term_ms, uint64_t kill_ms)
{
	bool asked = false, killed = false;
	sigset_t signals, before;
	int status = 0;
	pid_t pid, ended;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &before);
	pid = fork();
	if (!pid)
		become(argv, out_fd);
	if (pid < 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		return fail_sys(-errno, "%s: cannot start", argv[0]);
	}
	while (!(ended = waitpid(pid, &status, WNOHANG))) {
		uint64_t now = capture_now_ms();

		if (now >= term_ms && !asked) {
			asked = true;
			kill(pid, SIGTERM);
		}
		if (now >= kill_ms && !killed) {
			killed = true;
			kill(pid, SIGKILL);
		}
		wait_signal(&signals, now, !asked && term_ms < kill_ms ? term_ms : !killed ? kill_ms : UINT64_MAX);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (ended < 0)
		return fail_sys(-errno, "%s: its end was missed", argv[0]);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
