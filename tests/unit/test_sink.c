// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where dumps go: names, permissions, limits of every kind, flattened records, and what is left when it goes wrong.
 */
#include "kdump/sink.h"
#include "lib/view.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name)
{
	static char path[4][512];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

__attribute__((constructor)) static void make_folder(void)
{
	strcpy(folder, "/tmp/test_sink.XXXXXX");
	if (!mkdtemp(folder))
		abort();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(0);
}

/* Names in the folder; removes them. */
static unsigned int sweep(void)
{
	DIR *d = opendir(folder);
	unsigned int nr = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (e->d_name[0] != '.') {
			nr++;
			if (unlink(at(e->d_name)))
				rmdir(at(e->d_name));
		}
	closedir(d);
	return nr;
}

__attribute__((destructor)) static void remove_folder(void)
{
	sweep();
	rmdir(folder);
}

static size_t slurp(const char *path, uint8_t *buf, size_t max)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, max);

	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : n;
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

TEST(a_file_appears_when_finished)
{
	struct sink s;
	struct stat st;
	uint8_t buf[64];

	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK(!exists(at("dump")));
	CHECK(exists(at("dump.writing")));
	CHECK_EQ(stat(at("dump.writing"), &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(sink_write(&s, 10, "world", 5), 0);
	CHECK_EQ(sink_write(&s, 0, "hello", 5), 0);
	CHECK_EQ(s.size, 15);
	CHECK_EQ(s.written, 10);
	CHECK_EQ(sink_sync(&s), 0);
	CHECK_EQ(sink_read(&s, 8, buf, 10), 0);
	CHECK(!memcmp(buf, "\0\0world\0\0\0", 10));
	CHECK_EQ(sink_finish(&s, true), 0);
	CHECK(!exists(at("dump.writing")));
	CHECK_STR(s.path, at("dump"));
	sink_deinit(&s);
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 15);
	CHECK(!memcmp(buf, "hello\0\0\0\0\0world", 15));
	CHECK_EQ(sweep(), 1);
}

TEST(existing_files)
{
	struct sink s;
	uint8_t buf[64];

	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK_EQ(sink_write(&s, 0, "old", 3), 0);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK_FAILS(sink_open(&s, at("dump"), false, false), -EEXIST, "--force");
	CHECK_EQ(sweep(), 1);

	/* Replaced at the last moment only. */
	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK_EQ(sink_write(&s, 0, "old", 3), 0);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK_EQ(sink_open(&s, at("dump"), false, true), 0);
	CHECK_EQ(sink_write(&s, 0, "newer", 5), 0);
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 3);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 5);
	CHECK_EQ(sweep(), 1);

	/* One that appears meanwhile is not overwritten without force, and nothing is lost. */
	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK_EQ(sink_write(&s, 0, "mine", 4), 0);
	close(open(at("dump"), O_CREAT | O_WRONLY, 0600));
	CHECK_FAILS(sink_finish(&s, true), -EEXIST, "dump.writing");
	sink_deinit(&s);
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 0);
	CHECK_EQ(slurp(at("dump.writing"), buf, sizeof(buf)), 4);
	CHECK_EQ(sweep(), 2);
}

TEST(links)
{
	struct sink s;
	uint8_t buf[64];
	struct stat st;
	char link[4096];

	snprintf(link, sizeof(link), "%s", at("link"));
	CHECK_EQ(symlink("dump", link), 0);
	CHECK_FAILS(sink_open(&s, link, false, true), -ENOENT, "leads nowhere");
	close(open(at("dump"), O_CREAT | O_WRONLY, 0600));
	CHECK_FAILS(sink_open(&s, link, false, false), -EEXIST, "--force");
	CHECK_EQ(sink_open(&s, link, false, true), 0);
	CHECK_EQ(sink_write(&s, 0, "new", 3), 0);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK(!lstat(link, &st) && S_ISLNK(st.st_mode));
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 3);
	CHECK_EQ(sweep(), 2);
}

TEST(the_same_name_for_what_is_cut_short)
{
	struct sink s;
	uint8_t buf[64];

	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	s.same_name = true;
	CHECK_EQ(sink_write(&s, 0, "some", 4), 0);
	CHECK_EQ(sink_finish(&s, false), 0);
	CHECK_STR(s.path, at("dump"));
	sink_deinit(&s);
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 4);
	CHECK_EQ(sweep(), 1);
}

TEST(what_was_cut_short_is_kept)
{
	struct sink s;
	uint8_t buf[64];

	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
		CHECK_EQ(sink_write(&s, 0, &"abc"[i], 1), 0);
		sink_deinit(&s); /* as when it is killed */
	}
	CHECK_EQ(slurp(at("dump.writing"), buf, sizeof(buf)), 1);
	CHECK_EQ(buf[0], 'a');
	CHECK_EQ(slurp(at("dump.writing-3"), buf, sizeof(buf)), 1);
	CHECK_EQ(buf[0], 'c');
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
		CHECK_EQ(sink_write(&s, 0, &"def"[i], 1), 0);
		CHECK_EQ(sink_finish(&s, false), 0);
		if (i == 2)
			CHECK_STR(s.path, at("dump-incomplete-3"));
		sink_deinit(&s);
	}
	CHECK_EQ(slurp(at("dump-incomplete"), buf, sizeof(buf)), 1);
	CHECK_EQ(buf[0], 'd');
	CHECK_EQ(sweep(), 6);

	/* Nothing written is nothing worth keeping. */
	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	sink_deinit(&s);
	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK_EQ(sink_write(&s, 0, "x", 1), 0);
	sink_discard(&s);
	sink_deinit(&s);
	CHECK_EQ(sweep(), 0);
	sink_deinit(&s);
	sink_deinit(&(struct sink){ 0 });
}

TEST(places_that_cannot_be_written)
{
	struct sink s;

	CHECK_FAILS(sink_open(&s, folder, false, true), -EISDIR, "directory");
	CHECK_FAILS(sink_open(&s, at("no/such/folder"), false, true), -ENOENT, "no/such/folder");
	CHECK_FAILS(sink_open(&s, "/proc/version/x", false, true), -ENOTDIR, "/proc/version/x");
	/* A link under the temporary name is not followed. */
	CHECK_EQ(symlink(at("elsewhere"), at("dump.writing")), 0);
	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK_STR(s.temporary, at("dump.writing-2"));
	sink_deinit(&s);
	CHECK(!exists(at("elsewhere")));
	CHECK_EQ(sweep(), 1);
}

TEST(largest_size)
{
	struct sink s;
	uint8_t buf[300];

	memset(buf, 7, sizeof(buf));
	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	s.max_bytes = 1000;
	CHECK_EQ(sink_write(&s, 0, buf, 300), 0);
	CHECK_EQ(sink_allocate(&s, 300, 500), 0);
	CHECK_FAILS(sink_allocate(&s, 800, 201), -ENOSPC, "size limit of 1000");
	CHECK_FAILS(sink_write(&s, 800, buf, 300), -ENOSPC, "size limit of 1000");
	CHECK_EQ(s.partial, 200);
	CHECK_EQ(s.size, 1000);
	/* What was allocated can still be written. */
	CHECK_EQ(sink_write(&s, 300, buf, 300), 0);
	CHECK_EQ(sink_write(&s, 700, buf, 300), 0);
	CHECK_FAILS(sink_write(&s, 1000, buf, 1), -ENOSPC, "size limit");
	CHECK_EQ(s.partial, 0);
	CHECK_FAILS(sink_write(&s, UINT64_MAX, buf, 1), -ENOSPC, "beyond");
	CHECK_FAILS(sink_write(&s, INT64_MAX, buf, 1), -ENOSPC, "beyond");
	CHECK_FAILS(sink_allocate(&s, 10, UINT64_MAX), -ENOSPC, "beyond");
	CHECK_EQ(sink_finish(&s, false), 0);
	sink_deinit(&s);
	CHECK_EQ(sweep(), 1);
}

/* RLIMIT_FSIZE stands for the full disk: writes stop short, then fail. */
TEST(file_size_limit_at_every_offset)
{
	struct rlimit before, limit;
	uint8_t buf[700], back[4096];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = i;
	getrlimit(RLIMIT_FSIZE, &before);
	for (unsigned int max = 0; max < 2100; max += 13) {
		struct sink s;

		limit = before;
		limit.rlim_cur = max;
		CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
		setrlimit(RLIMIT_FSIZE, &limit);
		for (unsigned int off = 0; off < 2100; off += 700) {
			int err;

			err_clear();
			err = sink_write(&s, off, buf, sizeof(buf));
			if (off + 700 <= max) {
				CHECK_EQ(err, 0);
			} else {
				CHECK_EQ(err, (uint64_t)-ENOSPC);
				CHECK(strstr(err_text(), "largest size"));
				CHECK_EQ(s.partial, off < max ? max - off : 0);
			}
		}
		setrlimit(RLIMIT_FSIZE, &before);
		CHECK_EQ(s.size, max);
		CHECK_EQ(sink_finish(&s, false), 0);
		CHECK_EQ(slurp(s.path, back, sizeof(back)), max);
		for (unsigned int i = 0; i < max; i++)
			CHECK(back[i] == buf[i % 700]);
		sink_deinit(&s);
		sweep();
	}
}

TEST(full_device)
{
	struct sink s;

	if (!exists("/dev/full"))
		return;
	CHECK_FAILS(sink_open(&s, "/dev/full", true, true), -ENOSPC, "/dev/full: the file system is full");
}

/* ---- flattened ---- */

static void check_record(const uint8_t *p, uint64_t off, const char *data)
{
	CHECK_EQ(get_u64(p, true), off);
	CHECK_EQ(get_u64(p + 8, true), strlen(data));
	CHECK(!memcmp(p + 16, data, strlen(data)));
}

TEST(flattened_file)
{
	struct sink s;
	uint8_t buf[8192];

	CHECK_EQ(sink_open(&s, at("dump"), true, false), 0);
	CHECK(!sink_seekable(&s));
	CHECK_EQ(sink_write(&s, 100, "world", 5), 0);
	CHECK_EQ(sink_allocate(&s, 0, 1 << 20), 0);
	sink_extend(&s, 1 << 20);
	CHECK_EQ(sink_write(&s, 50, "", 0), 0);
	CHECK_EQ(sink_write(&s, 0, "hello!", 6), 0);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK_EQ(slurp(at("dump"), buf, sizeof(buf)), 4096 + 21 + 22 + 16);
	CHECK(!memcmp(buf, "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 32));
	for (int i = 32; i < 4096; i++)
		CHECK(!buf[i]);
	check_record(buf + 4096, 100, "world");
	check_record(buf + 4096 + 21, 0, "hello!");
	for (int i = 0; i < 16; i++)
		CHECK_EQ(buf[4096 + 43 + i], 0xff);
	CHECK_EQ(sweep(), 1);
}

TEST(flattened_size_limit)
{
	struct sink s;
	uint8_t buf[8192], data[100] = { 1 };

	CHECK_EQ(sink_open(&s, at("dump"), true, false), 0);
	s.max_bytes = 4096 + 116 + 50;
	s.reserved = 32;
	CHECK_EQ(sink_write(&s, 0, data, 100), 0);
	CHECK_FAILS(sink_write(&s, 100, data, 100), -ENOSPC, "size limit");
	CHECK_EQ(s.partial, 0);
	/* Nothing broke: smaller ones fit, from the reserve too. */
	CHECK_EQ(sink_write(&s, 100, data, 2), 0);
	CHECK_FAILS(sink_write(&s, 100, data, 1), -ENOSPC, "size limit");
	s.reserved = 0;
	CHECK_EQ(sink_write(&s, 100, data, 16), 0);
	CHECK_EQ(sink_finish(&s, false), 0);
	CHECK_EQ(slurp(s.path, buf, sizeof(buf)), 4096 + 116 + 18 + 32 + 16);
	sink_deinit(&s);
	CHECK_EQ(sweep(), 1);
}

TEST(pipe_without_reader)
{
	int ends[2], keep = dup(STDOUT_FILENO);
	struct sink s;
	uint8_t buf[4096];
	int err = 0;

	fflush(stdout);
	CHECK_EQ(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	err = sink_open(&s, "-", false, false);
	dup2(keep, STDOUT_FILENO);
	close(keep);
	CHECK_EQ(err, 0);
	CHECK(s.flattened);
	CHECK_EQ(sink_write(&s, 7, "x", 1), 0);
	CHECK_EQ(sink_sync(&s), 0);
	CHECK_EQ(read(ends[0], buf, sizeof(buf)), 4096);
	CHECK_EQ(read(ends[0], buf, sizeof(buf)), 17);
	close(ends[0]);
	CHECK_FAILS(sink_write(&s, 8, "x", 1), -EPIPE, "standard output: nobody reads");
	CHECK_FAILS(sink_write(&s, 9, "x", 1), -EPIPE, "nobody reads");
	CHECK_FAILS(sink_finish(&s, true), -EPIPE, "nobody reads");
	sink_deinit(&s);
}

/* A limit inside a record breaks the stream for good; what is in front of it stays. */
TEST(flattened_broken_record)
{
	struct rlimit before, limit;
	struct sink s;
	uint8_t data[100] = { 0 };

	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 4096 + 150;
	CHECK_EQ(sink_open(&s, at("dump"), true, false), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	CHECK_EQ(sink_write(&s, 0, data, 100), 0);
	CHECK_FAILS(sink_write(&s, 100, data, 100), -ENOSPC, "largest size");
	CHECK_EQ(s.partial, 0);
	CHECK_FAILS(sink_write(&s, 100, data, 1), -ENOSPC, "largest size");
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_EQ(sink_finish(&s, false), (uint64_t)-ENOSPC);
	CHECK_STR(s.path, at("dump-incomplete"));
	sink_deinit(&s);
	CHECK_EQ(sweep(), 1);
}

TEST(extend)
{
	struct sink s;
	struct stat st;

	CHECK_EQ(sink_open(&s, at("dump"), false, false), 0);
	CHECK_EQ(sink_write(&s, 0, "x", 1), 0);
	sink_extend(&s, 1 << 20);
	CHECK_EQ(fstat(s.fd, &st), 0);
	CHECK_EQ(st.st_size, 1 << 20);
	sink_extend(&s, 10); /* never shorter */
	CHECK_EQ(fstat(s.fd, &st), 0);
	CHECK_EQ(st.st_size, 1 << 20);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK_EQ(sweep(), 1);
}
