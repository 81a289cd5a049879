/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that lose their bytes while they are mapped: cut short, and poisoned memory as the kernel tells of it. */
#include "kdump/guard.h"
#include "kdump/source.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 64u

static uint64_t page_bytes;

static uint8_t byte_at(uint64_t off)
{
	return (uint8_t)(off / page_bytes + off + 1);
}

/* A file of PAGES pages, and a map of it. */
static int open_map(struct source_map *m)
{
	int fd = memfd_create("guard", MFD_CLOEXEC);
	static struct vmcore v; /* the map looks at it as long as it lives */
	uint8_t *bytes;

	page_bytes = sysconf(_SC_PAGESIZE);
	bytes = malloc(PAGES * page_bytes);
	for (uint64_t i = 0; i < PAGES * page_bytes; i++)
		bytes[i] = byte_at(i);
	if (fd < 0 || pwrite(fd, bytes, PAGES * page_bytes, 0) != (ssize_t)(PAGES * page_bytes))
		abort();
	free(bytes);
	v.fd = fd;
	v.file_len = PAGES * page_bytes;
	source_map_init(m, &v);
	return fd;
}

static int page_read(struct source_map *m, uint64_t page)
{
	uint8_t *buf = malloc(page_bytes);
	int err = source_map_read(m, page * page_bytes, buf, page_bytes);

	for (uint64_t i = 0; !err && i < page_bytes; i++)
		if (buf[i] != byte_at(page * page_bytes + i))
			err = -EBADMSG;
	free(buf);
	return err;
}

/* Pages from CUT on are gone after the window was mapped. */
TEST(cut_short_under_the_window)
{
	struct source_map m;
	int fd = open_map(&m);
	uint64_t cut = 5;

	CHECK_EQ(page_read(&m, 0), 0);
	CHECK_EQ(page_read(&m, 20), 0);
	CHECK(!ftruncate(fd, cut * page_bytes));
	for (uint64_t page = 0; page < PAGES; page++)
		CHECK_EQ(page_read(&m, page), page < cut ? 0 : -ENODATA);
	source_map_deinit(&m);
	close(fd);
}

/* Who has a pointer into the window sees zeros, and that they are none of the file's. */
TEST(cut_short_under_a_pointer)
{
	struct source_map m;
	int fd = open_map(&m);
	const volatile uint8_t *at;
	unsigned int hits;
	uint64_t avail;

	at = source_map_at(&m, 9 * page_bytes, page_bytes, &avail);
	CHECK(at);
	hits = guard_hits();
	CHECK_EQ(at[7], byte_at(9 * page_bytes + 7));
	CHECK_EQ(guard_hits(), hits);
	CHECK(!ftruncate(fd, 0));
	CHECK_EQ(at[7], 0);
	CHECK_EQ(guard_hits(), hits + 1);
	CHECK_EQ(at[8], 0);
	CHECK_EQ(guard_hits(), hits + 1);
	CHECK_EQ(page_read(&m, 9), -ENODATA);
	source_map_deinit(&m);
	close(fd);
}

/* What the kernel sends for memory that the hardware has lost. */
static void poison(const uint8_t *at)
{
	siginfo_t info = { .si_signo = SIGBUS, .si_code = BUS_MCEERR_AR };

	info.si_addr = (void *)at;
	CHECK(!syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info));
}

/* Only the poisoned page is lost, and it is not asked for again: the file would have given it. */
TEST(poisoned_page)
{
	struct source_map m;
	int fd = open_map(&m);
	uint64_t avail;

	for (uint64_t page = 3; page < 9; page += 4) {
		const uint8_t *at = source_map_at(&m, page * page_bytes, page_bytes, &avail);

		CHECK(at);
		poison(at + 100);
	}
	for (uint64_t page = 0; page < PAGES; page++)
		CHECK_EQ(page_read(&m, page), page == 3 || page == 7 ? -EIO : 0);
	CHECK(!source_map_at(&m, 3 * page_bytes, page_bytes, &avail));
	CHECK(source_map_at(&m, 4 * page_bytes, page_bytes, &avail));
	source_map_deinit(&m);
	close(fd);
}

/* A bus error that is none of ours ends the program as ever. */
TEST(not_ours)
{
	struct source_map m;
	int fd = open_map(&m), status = 0;
	pid_t child;

	CHECK_EQ(page_read(&m, 0), 0);
	fflush(stdout);
	child = fork();
	if (!child) {
		volatile uint8_t *at = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE, fd, 0);

		close(STDERR_FILENO); /* a sanitizer tells of it at length */
		if (ftruncate(fd, 0) || at == MAP_FAILED)
			_exit(0);
		_exit(at[0] & 0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) || WEXITSTATUS(status));
	source_map_deinit(&m);
	close(fd);
}
