// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/finish.h"

#include "kdump/capture/mounts.h"
#include "kdump/capture/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

/* Disks that answer take a moment; those that do not would take for ever. */
#define SYNC_MS 20000
/* device_shutdown() may wait for a driver. */
#define REBOOT_MS 20000
#define TICK_MS 50

static const struct {
	int command;
	const char *sysrq;         /* what does it without asking any driver, should that hang */
} ways[] = {
	[CONF_REBOOT] = { RB_AUTOBOOT, "b" },
	[CONF_HALT] = { RB_HALT_SYSTEM, NULL },
	[CONF_POWEROFF] = { RB_POWER_OFF, "o" },
	[CONF_DUMP_TO_ROOTFS] = { RB_AUTOBOOT, "b" },
};

/* Run F in a child; whether it ended in time. Without memory for a child, here. */
static bool bounded(void (*f)(const struct capture *c, int argument), const struct capture *c, int argument,
		    uint64_t wait_ms)
{
	uint64_t limit = capture_later(capture_now_ms(), wait_ms);
	pid_t pid = fork();

	if (pid < 0)
		f(c, argument);
	if (!pid) {
		setsid();
		f(c, argument);
		_exit(0);
	}
	while (pid > 0 && !waitpid(pid, NULL, WNOHANG)) {
		if (capture_now_ms() >= limit) {
			kill(pid, SIGKILL);
			return false;
		}
		poll(NULL, 0, TICK_MS);
	}
	return true;
}

static void leave_disks(const struct capture *c, int unused)
{
	(void)c;
	(void)unused;
	sync();
	mount_leave_all();
	sync();
}

static void ask_kernel(const struct capture *c, int command)
{
	if (reboot(command))
		say(&c->say, SAY_ERROR, "reboot: %s", strerror(errno));
}

static void sysrq(const struct capture *c, const char *key)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, key, 1) != 1)
		say(&c->say, SAY_ERROR, "/proc/sysrq-trigger: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* ---- the shell ---- */

static void __attribute__((noreturn)) become_shell(void)
{
	static const char *const argv[] = { "/bin/sh", "-i", NULL };
	/* What is ignored here stays so in programs, and their user wants Ctrl-C to end them. */
	static const int usual[] = { SIGPIPE, SIGINT, SIGHUP };
	int fd = open("/dev/console", O_RDWR);
	sigset_t none;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		signal(usual[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (fd >= 0) {
		ioctl(fd, TIOCSCTTY, 1);
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
	}
	if (chdir("/"))
		debug("%m");
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Asked for by whoever owns the machine: as long as it is used, there is no deadline. */
static void run_shell(struct capture *c, struct watchdog *w)
{
	pid_t pid;

	if (access("/bin/sh", X_OK)) {
		say(&c->say, SAY_ERROR,
		    "there is no shell in this initramfs (\"shell yes\" in kdump.conf); final_action follows");
		return;
	}
	say(&c->say, SAY_NOTICE, "a shell on the console; final_action follows when it ends");
	pid = fork();
	if (!pid)
		become_shell();
	while (pid > 0 && waitpid(pid, NULL, WNOHANG) != pid) {
		watchdog_feed(w, &c->say, capture_now_ms());
		while (c->o.init && waitpid(-1, NULL, WNOHANG) > 0 && !kill(pid, 0))
			;
		if (kill(pid, 0))
			break;
		poll(NULL, 0, 4 * TICK_MS);
	}
}

void finish(struct capture *c, enum conf_action action, struct watchdog *w)
{
	if (action == CONF_SHELL) {
		run_shell(c, w);
		action = c->conf.final_action;
	}
	/* Nothing is to change the disks from now on. */
	if (c->o.init)
		kill(-1, SIGKILL);
	watchdog_feed(w, &c->say, capture_now_ms());
	if (!bounded(leave_disks, c, 0, SYNC_MS))
		say(&c->say, SAY_WARNING, "a disk does not answer; it is left as it is");
	/* A halted machine stays halted. For the others it is one more guard, against a reboot that hangs. */
	if (action == CONF_HALT)
		watchdog_stop(w, &c->say);
	else
		watchdog_feed(w, &c->say, capture_now_ms());
	say(&c->say, SAY_NOTICE, "%s", action == CONF_HALT ? "halt" : action == CONF_POWEROFF ? "power off" : "reboot");
	bounded(ask_kernel, c, ways[action].command, action == CONF_HALT ? UINT64_MAX : REBOOT_MS);
	poll(NULL, 0, action == CONF_HALT ? -1 : 1000);
	say(&c->say, SAY_ERROR, "the kernel does not do it; without its drivers then");
	if (ways[action].sysrq)
		sysrq(c, ways[action].sysrq);
	poll(NULL, 0, REBOOT_MS);
	sysrq(c, "b");
	/* The watchdog is not fed any more; and a panic reboots. */
	while (c->o.init) {
		poll(NULL, 0, REBOOT_MS);
		sysrq(c, "c");
	}
}
