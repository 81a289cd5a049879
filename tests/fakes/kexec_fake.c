// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into kexec by the tests: the kexec_load system call is recorded instead of made, and "/" is another directory, so that
 * loading can be tested whole without privilege and without touching the machine.
 *
 *   KEXEC_FAKE_ROOT   directory that stands for "/" (its proc and sys)
 *   KEXEC_FAKE_LOG    each call is appended here as text: "load ENTRY FLAGS", then a line "segment MEM MEMSZ BUFSZ" each
 *   KEXEC_FAKE_DUMP   directory: each segment's bytes are written to DIR/MEM (hexadecimal)
 *   KEXEC_FAKE_ERRNO  number to fail with
 *   KEXEC_FAKE_TIMES  fail so often only, then succeed
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fake_segment {
	const void *buf;
	size_t bufsz;
	unsigned long mem;
	size_t memsz;
};

static void dump(const struct fake_segment *s)
{
	const char *dir = getenv("KEXEC_FAKE_DUMP");
	char path[4096];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%lx", dir, s->mem);
	f = fopen(path, "wb");
	if (!f || fwrite(s->buf, 1, s->bufsz, f) != s->bufsz || fclose(f))
		_exit(99);
}

static long fake_load(unsigned long entry, unsigned long nr, const struct fake_segment *s, unsigned long flags)
{
	const char *log = getenv("KEXEC_FAKE_LOG"), *err = getenv("KEXEC_FAKE_ERRNO"), *times = getenv("KEXEC_FAKE_TIMES");
	static int calls;
	FILE *f = log ? fopen(log, "a") : NULL;

	calls++;
	if (f) {
		fprintf(f, "load %lx %lx\n", entry, flags);
		for (unsigned long i = 0; i < nr; i++)
			fprintf(f, "segment %lx %zx %zx\n", s[i].mem, s[i].memsz, s[i].bufsz);
		fclose(f);
	}
	if (err && (!times || calls <= atoi(times))) {
		errno = atoi(err);
		return -1;
	}
	for (unsigned long i = 0; i < nr; i++)
		dump(&s[i]);
	return 0;
}

long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	unsigned long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	if (number == SYS_kexec_load)
		return fake_load(a[0], a[1], (const struct fake_segment *)a[2], a[3]);
	if (number == SYS_kexec_file_load || number == SYS_reboot)
		_exit(98);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static const char *redirect(const char *path)
{
	const char *root = getenv("KEXEC_FAKE_ROOT");

	return root && !strcmp(path, "/") ? root : path;
}

#define REDIRECTED(name)                                                                                \
	int name(const char *path, int flags, ...)                                                      \
	{                                                                                               \
		int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
		va_list args;                                                                           \
		int mode;                                                                               \
                                                                                                        \
		va_start(args, flags);                                                                  \
		mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;                           \
		va_end(args);                                                                           \
		return real(redirect(path), flags, mode);                                               \
	}
REDIRECTED(open)
REDIRECTED(open64)
