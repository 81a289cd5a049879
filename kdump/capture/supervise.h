/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children of the worker: all that may block, each in a session of its own, heard, watched and ended in time. */
#ifndef KDUMP_CAPTURE_SUPERVISE_H
#define KDUMP_CAPTURE_SUPERVISE_H

#include "kdump/capture/capture.h"

#include <sys/types.h>

struct supervised {
	const char *what;          /* for messages */
	/* In the child; its value is the exit status. Standard output and error are heard by the parent. */
	int (*run)(struct capture *c, void *ctx);
	void *ctx;
	uint64_t limit_ms;         /* of capture_now_ms(): then it is killed; UINT64_MAX: never */
	uint64_t stall_ms;         /* so long without progress of it or its children, and it is killed; 0: never */
	/* Called about four times a second while it runs. */
	void (*beat)(struct capture *c, void *ctx);
	void *beat_ctx;
};

/*
 * Run it to its end: its exit status, 128 and the signal that ended it; -ETIMEDOUT (recorded) when it was killed for
 * taking too long, whether or not it has died of that; -errno (recorded).
 */
int supervise(struct capture *c, const struct supervised *s);

/*
 * What moves as long as the processes of a session do anything: their CPU time and the bytes that they read and write.
 */
struct session_work {
	unsigned int processes;
	uint64_t amount;
};
struct session_work session_work(pid_t session);
/* SIGNAL to every process of SESSION. */
void session_kill(pid_t session, int signal);
/* Of /proc/PID/stat: session and CPU time. False when it is no such text. */
bool session_parse_stat(struct text stat, uint64_t *session, uint64_t *ticks);

/*
 * For children: run a program in this session. SIGTERM at TERM_MS, SIGKILL at KILL_MS (of capture_now_ms()). OUT_FD
 * becomes its standard output unless it is -1. Its exit status, 128 and the signal that ended it, or -errno (recorded).
 */
int child_run(const char *const *argv, int out_fd, uint64_t term_ms, uint64_t kill_ms);

#endif
