// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into kdump by the tests: disks that fill up or break, sources that cannot be read, memory that runs out.
 *
 *   FAULT_ERRNO        number that writing fails with
 *   FAULT_SIZE         files cannot grow beyond this many bytes; what they have can be written again
 *   FAULT_TOTAL        after this many bytes in all every write and fsync fails; blocks are taken whole
 *   FAULT_SLOW         milliseconds that each MiB written to a dump takes longer
 *   FAULT_SYNC         milliseconds that each sync takes longer
 *   FAULT_READ         FIRST-LAST[,FIRST-LAST...]: these bytes of FAULT_SOURCE give EIO; it cannot be mapped then
 *   FAULT_SOURCE       path
 *   FAULT_ALLOC        the allocation with this number (memory, mappings, threads) fails
 *   FAULT_ALLOC_ALL    and all after it
 *   FAULT_COUNT        path: the number of allocations goes there when the program ends
 *
 * Writes that meet a limit are short first, as the kernel's are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t nr, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

#define BLOCK 4096                     /* of a disk, or a page of the kernel's cache */

static atomic_ulong allocations;
static atomic_ullong total;
static unsigned long alloc_fails;      /* 0: none */
static int alloc_all;
static int ready;

static unsigned long long number(const char *name, unsigned long long other)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : other;
}

__attribute__((constructor)) static void begin(void)
{
	alloc_fails = number("FAULT_ALLOC", 0);
	alloc_all = getenv("FAULT_ALLOC_ALL") != NULL;
	atomic_store(&allocations, 0);
	ready = 1;
}

__attribute__((destructor)) static void finish(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *out;

	ready = 0;
	out = path ? fopen(path, "w") : NULL;
	if (!out)
		return;
	fprintf(out, "%lu\n", atomic_load(&allocations));
	fclose(out);
}

static void *next(const char *name)
{
	int saved = ready;
	void *at;

	ready = 0;
	at = dlsym(RTLD_NEXT, name);
	ready = saved;
	if (!at)
		_exit(99);
	return at;
}

/* ---- memory ---- */

static int refuse(void)
{
	unsigned long n;

	if (!ready)
		return 0;
	n = atomic_fetch_add(&allocations, 1) + 1;
	if (!alloc_fails || n < alloc_fails || (n > alloc_fails && !alloc_all))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return refuse() ? NULL : __libc_malloc(n);
}

void *calloc(size_t nr, size_t n)
{
	return refuse() ? NULL : __libc_calloc(nr, n);
}

void *realloc(void *p, size_t n)
{
	return refuse() ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t nr, size_t n)
{
	if (n && nr > (size_t)-1 / n) {
		errno = ENOMEM;
		return NULL;
	}
	return refuse() ? NULL : __libc_realloc(p, nr * n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
	void *got = refuse() ? NULL : __libc_memalign(align, n);

	if (!got)
		return ENOMEM;
	*p = got;
	return 0;
}

void *aligned_alloc(size_t align, size_t n)
{
	return refuse() ? NULL : __libc_memalign(align, n);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = next("pthread_create");

	return refuse() ? EAGAIN : real(thread, attr, run, arg);
}

/* ---- the source ---- */

static int is_source(int fd)
{
	const char *path = getenv("FAULT_SOURCE");
	struct stat file, source;

	return path && !fstat(fd, &file) && !stat(path, &source) && file.st_dev == source.st_dev &&
	       file.st_ino == source.st_ino;
}

/* The first bad byte from OFF on, or OFF + LEN. */
static off_t first_bad(off_t off, size_t len)
{
	const char *at = getenv("FAULT_READ");
	off_t bad = off + (off_t)len;

	while (at && *at) {
		char *rest;
		off_t first = strtoll(at, &rest, 10), last = *rest == '-' ? strtoll(rest + 1, &rest, 10) : first;

		if (first < bad && last >= off)
			bad = first > off ? first : off;
		at = *rest == ',' ? rest + 1 : NULL;
	}
	return bad;
}

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *(*real)(void *, size_t, int, int, int, off_t) = next("mmap");

	if (fd >= 0 && getenv("FAULT_READ") && is_source(fd)) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return refuse() ? MAP_FAILED : real(at, len, prot, flags, fd, off);
}

void *mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	return mmap(at, len, prot, flags, fd, off);
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, void *, size_t, off_t) = next("pread64");

	if (getenv("FAULT_READ") && is_source(fd)) {
		len = first_bad(off, len) - off;
		if (!len) {
			errno = EIO;
			return -1;
		}
	}
	return real(fd, buf, len, off);
}

ssize_t pread64(int fd, void *buf, size_t len, off_t off)
{
	return pread(fd, buf, len, off);
}

/* ---- the disk ---- */

static int broken(void)
{
	return getenv("FAULT_TOTAL") && atomic_load(&total) >= number("FAULT_TOTAL", 0);
}

static void sleep_ns(unsigned long long ns)
{
	struct timespec pause = { ns / 1000000000, ns % 1000000000 };

	if (ns)
		nanosleep(&pause, NULL);
}

/* Of LEN bytes at OFF, those in front of the last edge of blocks. */
static size_t whole_blocks(size_t len, off_t off)
{
	off_t edge = (off + (off_t)len) / BLOCK * BLOCK;

	return edge > off ? edge - off : 0;
}

/* How many of LEN bytes at OFF are taken; -1: none, errno is set. */
static ssize_t room(int fd, size_t len, off_t off)
{
	unsigned long long size = number("FAULT_SIZE", -1ull), all = number("FAULT_TOTAL", -1ull), left = len;
	unsigned long long done = atomic_load(&total);
	struct stat file;

	if (fd <= STDERR_FILENO || !len || fstat(fd, &file) || !S_ISREG(file.st_mode))
		return len;
	if (off >= 0)
		sleep_ns(number("FAULT_SLOW", 0) * len); /* a MiB is a million bytes here */
	if (off >= 0 && (unsigned long long)file.st_size > size)
		size = file.st_size;
	if (off >= 0 && off + left > size)
		left = (unsigned long long)off < size ? size - off : 0;
	if (left > (done < all ? all - done : 0)) {
		left = done < all ? all - done : 0;
		if (off >= 0)
			left = whole_blocks(left, off);
		atomic_store(&total, all);
	}
	atomic_fetch_add(&total, left);
	if (left)
		return left;
	errno = number("FAULT_ERRNO", ENOSPC);
	return -1;
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = next("pwrite64");
	ssize_t part = room(fd, len, off);

	return part < 0 ? -1 : real(fd, buf, part, off);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	return pwrite(fd, buf, len, off);
}

/* What kdump gives to these lies in one or two pieces: the first is enough to be short. */
ssize_t pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	return nr > 0 ? pwrite(fd, iov->iov_base, iov->iov_len, off) : 0;
}

ssize_t pwritev64(int fd, const struct iovec *iov, int nr, off_t off)
{
	return pwritev(fd, iov, nr, off);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = next("write");
	ssize_t part = room(fd, len, -1);

	return part < 0 ? -1 : real(fd, buf, part);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	int (*real)(int, int, off_t, off_t) = next("fallocate64");
	unsigned long long size = number("FAULT_SIZE", -1ull);

	if (broken() || (unsigned long long)(off + len) > size) {
		errno = number("FAULT_ERRNO", ENOSPC);
		return -1;
	}
	return real(fd, mode, off, len);
}

int fallocate64(int fd, int mode, off_t off, off_t len)
{
	return fallocate(fd, mode, off, len);
}

static int sync_as(const char *name, int fd)
{
	int (*real)(int) = next(name);

	sleep_ns(number("FAULT_SYNC", 0) * 1000000);
	if (broken()) {
		errno = number("FAULT_ERRNO", EIO);
		return -1;
	}
	return real(fd);
}

int fsync(int fd)
{
	return sync_as("fsync", fd);
}

int fdatasync(int fd)
{
	return sync_as("fdatasync", fd);
}
