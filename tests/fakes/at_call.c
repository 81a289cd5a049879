// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into kdumpctl by the tests: something else happens in front of one of its calls to the system, so that
 * every order of two processes' steps can be tried.
 *
 *   AT_CALL            the number of the call, from 1 on
 *   AT_CALL_COMMAND    run by sh then, without this library, and waited for
 *   AT_CALL_COUNT      path: the number of calls goes there when the program ends
 *   AT_CALL_PROGRAM    only in programs of this name
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long calls, wanted;
static int active;
static char *command, *count;

__attribute__((constructor)) static void begin(void)
{
	const char *program = getenv("AT_CALL_PROGRAM"), *at = getenv("AT_CALL");

	command = getenv("AT_CALL_COMMAND");
	count = getenv("AT_CALL_COUNT");
	wanted = at ? strtoul(at, NULL, 10) : 0;
	active = program && !strcmp(program, program_invocation_short_name);
	/* Other programs that this one starts are left alone. */
	unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void finish(void)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lu\n", calls), fd;

	if (!active || !count)
		return;
	active = 0;
	fd = open(count, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, n) != n)
		_exit(99);
	close(fd);
}

static void step(void)
{
	int saved = errno;

	if (!active || ++calls != wanted)
		return;
	active = 0;
	if (system(command))
		_exit(98);
	active = 1;
	errno = saved;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                                                      \
	int name(const char *path, int flags, ...)                                                      \
	{                                                                                               \
		unsigned int mode = 0;                                                                  \
		va_list args;                                                                           \
		va_start(args, flags);                                                                  \
		if (flags & O_CREAT)                                                                    \
			mode = va_arg(args, unsigned int);                                              \
		va_end(args);                                                                           \
		step();                                                                                 \
		return REAL(name)(path, flags, mode);                                                   \
	}
#define OPENAT(name)                                                                                    \
	int name(int dir, const char *path, int flags, ...)                                             \
	{                                                                                               \
		unsigned int mode = 0;                                                                  \
		va_list args;                                                                           \
		va_start(args, flags);                                                                  \
		if (flags & O_CREAT)                                                                    \
			mode = va_arg(args, unsigned int);                                              \
		va_end(args);                                                                           \
		step();                                                                                 \
		return REAL(name)(dir, path, flags, mode);                                              \
	}
#define CALL(type, name, parameters, arguments)                                                         \
	type name parameters                                                                            \
	{                                                                                               \
		step();                                                                                 \
		return REAL(name) arguments;                                                            \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
CALL(int, unlink, (const char *path), (path))
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, flock, (int fd, int operation), (fd, operation))
CALL(int, fsync, (int fd), (fd))
CALL(int, close, (int fd), (fd))
CALL(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
CALL(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n))
CALL(int, stat, (const char *restrict path, struct stat *restrict st), (path, st))
CALL(int, stat64, (const char *restrict path, struct stat64 *restrict st), (path, st))
CALL(pid_t, fork, (void), ())
CALL(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
