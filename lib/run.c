/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/run.h"

#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between SIGTERM and SIGKILL. */
#define GRACE_MS 1000
/* How long a program that has ended is listened to: its children may hold the pipe for ever. */
#define LINGER_MS 200
/* Without pidfds in old kernels, its end is noticed this late. */
#define LOOK_MS 50
#define READ_BYTES 4096

/* A pipe's two ends as parent and child have them. */
struct channel {
	int ours, theirs;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int channel_open(struct channel *c, bool to_child)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return fail_sys(-errno, "cannot make a pipe");
	*c = (struct channel){ fds[to_child ? 1 : 0], fds[to_child ? 0 : 1] };
	return 0;
}

static void channel_close(struct channel *c)
{
	close_fd(&c->ours);
	close_fd(&c->theirs);
}

/* ---- starting ---- */

/* In the child. FD -1: leave it. The copies that are made are not close-on-exec. */
static bool put_at(int fd, int number)
{
	if (fd < 0)
		return true;
	return fd == number ? !fcntl(fd, F_SETFD, 0) : dup2(fd, number) == number;
}

static void signals_default(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn)) become(const char *const *argv, const int fds[3], int report)
{
	int err;

	setpgid(0, 0);
	signals_default();
	/* What is moved out of the way of 0, 1, 2 was opened above them: the parent keeps those open. */
	if (put_at(fds[0], 0) && put_at(fds[1], 1) && put_at(fds[2], 2))
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	err = errno;
	while (write(report, &err, sizeof(err)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* Descriptors 0 to 2 must be in use, or a pipe would get one of their numbers. */
static int occupy_standard(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (fd < 0)
			return errno == ENOENT ? 0 : fail_sys(-errno, "cannot open /dev/null");
		if (fd > 2) {
			close(fd);
			return 0;
		}
	}
}

/*
 * FDS become its standard input, output and error; -1: inherited. What exec said comes through a pipe that exec
 * closes.
 */
static int start(const char *const *argv, const int fds[3], pid_t *pid)
{
	struct channel report = { -1, -1 };
	int err = 0, n;
	pid_t child;

	n = channel_open(&report, false);
	if (n)
		return n;
	child = fork();
	if (child < 0) {
		err = errno;
	} else if (!child) {
		become(argv, fds, report.theirs);
	} else {
		/* Whoever of the two comes first. */
		setpgid(child, child);
		close_fd(&report.theirs);
		do
			n = read(report.ours, &err, sizeof(err));
		while (n < 0 && errno == EINTR);
		if (n > 0)
			waitpid(child, NULL, 0);
		else
			err = 0;
	}
	channel_close(&report);
	if (err)
		return fail_sys(-err, "cannot start %s", argv[0]);
	*pid = child;
	return 0;
}

/* ---- talking ---- */

static int as_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

struct talk {
	const struct run *r;
	pid_t pid;
	int in, out, err;          /* ours; -1: closed */
	size_t sent;
	bool ended, timed_out;
	int wait_status;
	uint64_t limit_ms;         /* on the clock; 0: none */
	int next_signal;
};

static int keep(struct blob *b, const char *bytes, size_t len)
{
	static const char more[] = "...";
	int err;

	if (b->len >= RUN_OUTPUT_MAX)
		return 0;
	if (len < RUN_OUTPUT_MAX - b->len)
		return blob_append(b, bytes, len);
	err = blob_append(b, bytes, RUN_OUTPUT_MAX - b->len);
	return err ? err : blob_append(b, more, sizeof(more) - 1);
}

/* One read; closes the descriptor when nothing will come any more. */
static int listen_to(int *fd, struct blob *b)
{
	char bytes[READ_BYTES];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	if (n > 0)
		return keep(b, bytes, n);
	if (!n || (errno != EAGAIN && errno != EINTR))
		close_fd(fd);
	return 0;
}

static void speak(struct talk *t)
{
	ssize_t n = write(t->in, (const char *)t->r->input + t->sent, t->r->input_len - t->sent);

	if (n > 0)
		t->sent += n;
	/* One that does not want to hear all may do so. */
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || t->sent == t->r->input_len)
		close_fd(&t->in);
}

/* Time is up: first the polite signal, then the other. */
static void hurry(struct talk *t)
{
	if (!t->limit_ms || clock_now_ms() < t->limit_ms || t->ended)
		return;
	t->timed_out = true;
	kill(-t->pid, t->next_signal);
	t->next_signal = SIGKILL;
	t->limit_ms = clock_now_ms() + GRACE_MS;
}

static void look(struct talk *t)
{
	if (t->ended || waitpid(t->pid, &t->wait_status, WNOHANG) != t->pid)
		return;
	t->ended = true;
	t->limit_ms = clock_now_ms() + LINGER_MS;
}

static int talk(struct talk *t)
{
	int err = 0;

	while (!err) {
		struct pollfd p[3] = { { t->in, POLLOUT, 0 }, { t->out, POLLIN, 0 }, { t->err, POLLIN, 0 } };

		look(t);
		hurry(t);
		if (t->ended && ((t->out < 0 && t->err < 0) || clock_now_ms() >= t->limit_ms))
			return 0;
		if (poll(p, 3, LOOK_MS) <= 0)
			continue;
		if (p[0].revents)
			speak(t);
		if (p[1].revents)
			err = listen_to(&t->out, t->r->out);
		if (!err && p[2].revents)
			err = listen_to(&t->err, t->r->err);
	}
	kill(-t->pid, SIGKILL);
	waitpid(t->pid, &t->wait_status, 0);
	return err;
}

static int not_blocking(int fd)
{
	return fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) ? fail_sys(-errno, "cannot set up a pipe") : 0;
}

/* A program that stops listening is no reason for us to die. */
static int talk_without_sigpipe(struct talk *t)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int err;

	sigaction(SIGPIPE, &ignore, &before);
	err = talk(t);
	sigaction(SIGPIPE, &before, NULL);
	return err;
}

static int open_channels(const struct run *r, struct channel c[3])
{
	int err = 0;

	if (r->input) {
		err = channel_open(&c[0], true);
	} else {
		c[0].theirs = open("/dev/null", O_RDONLY | O_CLOEXEC);
		/* An initramfs may have no /dev yet: the program's input is closed then. */
		if (c[0].theirs < 0 && errno != ENOENT)
			err = fail_sys(-errno, "cannot open /dev/null");
	}
	if (!err && r->out)
		err = channel_open(&c[1], false);
	if (!err && r->err)
		err = channel_open(&c[2], false);
	for (int i = 0; !err && i < 3; i++)
		err = not_blocking(c[i].ours);
	return err;
}

int run_program(const struct run *r, int *status)
{
	struct channel c[3] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct talk t = { .r = r, .next_signal = SIGTERM };
	int err = occupy_standard();

	if (!err)
		err = open_channels(r, c);
	if (!err) {
		int fds[3] = { c[0].theirs, c[1].theirs, r->err ? c[2].theirs : c[1].theirs };

		err = start(r->argv, fds, &t.pid);
	}
	for (int i = 0; i < 3; i++)
		close_fd(&c[i].theirs);
	if (!err) {
		t.in = c[0].ours, t.out = c[1].ours, t.err = c[2].ours;
		t.limit_ms = r->timeout_ms ? clock_now_ms() + r->timeout_ms : 0;
		err = talk_without_sigpipe(&t);
		c[0].ours = t.in, c[1].ours = t.out, c[2].ours = t.err;
	}
	for (int i = 0; i < 3; i++)
		channel_close(&c[i]);
	if (!err && t.timed_out)
		err = fail(-ETIMEDOUT, "%s: did not finish in %llu s and was stopped", r->argv[0],
			   (unsigned long long)(r->timeout_ms + 999) / 1000);
	if (!err)
		*status = as_status(t.wait_status);
	return err;
}

/* ---- companions ---- */

int companion_start(struct companion *c, const char *const *argv)
{
	struct channel in = { -1, -1 }, out = { -1, -1 }, words = { -1, -1 };
	pid_t pid = 0;
	int err = occupy_standard();

	if (!err)
		err = channel_open(&in, true);
	if (!err)
		err = channel_open(&out, false);
	if (!err)
		err = channel_open(&words, false);
	if (!err)
		err = not_blocking(words.ours);
	if (!err)
		err = start(argv, (int[]){ in.theirs, out.theirs, words.theirs }, &pid);
	close_fd(&in.theirs);
	close_fd(&out.theirs);
	close_fd(&words.theirs);
	if (err) {
		channel_close(&in);
		channel_close(&out);
		channel_close(&words);
		return err;
	}
	*c = (struct companion){ .pid = pid, .to = in.ours, .from = out.ours, .words = words.ours };
	return 0;
}

int companion_stop(struct companion *c, uint64_t timeout_ms)
{
	uint64_t limit = clock_now_ms() + timeout_ms;
	int status = 0;
	pid_t ended;

	if (!c->pid)
		return 0;
	close_fd(&c->to);
	while (!(ended = waitpid(c->pid, &status, WNOHANG)) && clock_now_ms() < limit)
		poll(NULL, 0, LOOK_MS / 5);
	if (!ended) {
		kill(-c->pid, SIGKILL);
		waitpid(c->pid, &status, 0);
	}
	close_fd(&c->from);
	close_fd(&c->words);
	*c = (struct companion){ .to = -1, .from = -1, .words = -1 };
	return as_status(status);
}
