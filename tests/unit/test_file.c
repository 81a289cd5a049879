/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/file.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[2048], path[4096];

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/test_file.XXXXXX", tmp ? tmp : "/tmp");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void remove_dir(void)
{
	unlink(path);
	rmdir(dir);
}

static void write_file(const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(bytes, 1, len, f) == len);
	if (f)
		fclose(f);
}

TEST(regular_files_are_mapped)
{
	static const size_t lens[] = { 1, 2, 4095, 4096, 4097, 300000 };
	uint8_t *bytes = malloc(300000);
	struct file file;

	make_dir();
	for (size_t i = 0; i < 300000; i++)
		bytes[i] = (uint8_t)test_random();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		write_file(bytes, lens[i]);
		CHECK_EQ(file_open(&file, path), 0);
		CHECK(!file.allocated);
		CHECK_EQ(file.view.len, lens[i]);
		CHECK(view_has(&file.view, 0, bytes, lens[i]));
		CHECK_STR(file.view.name, path);
		file_close(&file);
		CHECK(!file.map && !file.path && !file.view.base);
		file_close(&file);
	}
	free(bytes);
	remove_dir();
}

/* What is unlinked or replaced by rename after file_open() stays readable. */
TEST(a_mapped_file_may_be_replaced)
{
	struct file file;

	make_dir();
	write_file("kernel", 6);
	CHECK_EQ(file_open(&file, path), 0);
	unlink(path);
	write_file("other", 5);
	CHECK(view_has(&file.view, 0, "kernel", 6));
	file_close(&file);
	remove_dir();
}

TEST(refused_files)
{
	struct file file = { .map_len = 77 };

	make_dir();
	CHECK_FAILS(file_open(&file, path), -ENOENT, path);
	CHECK_FAILS(file_open(&file, dir), -EISDIR, "it is a directory");
	CHECK_FAILS(file_open(&file, ""), -ENOENT, "No such file");
	write_file("", 0);
	CHECK_FAILS(file_open(&file, path), -ENODATA, "/file: it is empty");
	if (geteuid()) {
		chmod(path, 0);
		CHECK_FAILS(file_open(&file, path), -EACCES, "Permission denied");
	}
	CHECK_FAILS(file_open(&file, "/dev/null"), -ENODATA, "/dev/null: it is empty");
	CHECK_EQ(file.map_len, 77);
	remove_dir();
}

/* A sparse file one byte over the limit; where the file system cannot hold one, there is nothing to refuse. */
TEST(too_large)
{
	struct file file;
	int fd;

	make_dir();
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	if (!ftruncate(fd, (off_t)FILE_MAX_BYTES + 1))
		CHECK_FAILS(file_open(&file, path), -EFBIG, "more than 16384 MiB");
	close(fd);
	remove_dir();
}

/* Size 0 in stat, and contents all the same. */
TEST(proc_is_read)
{
	struct file file;

	CHECK_EQ(file_open(&file, "/proc/self/status"), 0);
	CHECK(file.allocated);
	CHECK(view_has(&file.view, 0, "Name:", 5));
	CHECK(file.view.len > 100);
	file_close(&file);
}

/* A pipe gives its bytes in pieces. */
TEST(pipes_are_read_to_their_end)
{
	size_t len = 300001;
	uint8_t *bytes = malloc(len);
	struct file file;
	pid_t pid;

	make_dir();
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 11);
	CHECK_EQ(mkfifo(path, 0600), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY);

		for (size_t at = 0; at < len;) {
			size_t n = len - at < 7777 ? len - at : 7777;
			ssize_t done = write(fd, bytes + at, n);

			if (done < 0)
				_exit(1);
			at += (size_t)done;
		}
		_exit(0);
	}
	CHECK(pid > 0);
	CHECK_EQ(file_open(&file, path), 0);
	CHECK(file.allocated);
	CHECK_EQ(file.view.len, len);
	CHECK(view_has(&file.view, 0, bytes, len));
	file_close(&file);
	waitpid(pid, NULL, 0);
	free(bytes);
	remove_dir();
}

static void check_output_name(const char *name, const char *want)
{
	char *got = NULL;

	CHECK_EQ(file_output_name(name, &got), 0);
	CHECK_STR(got, want);
	free(got);
}

TEST(names_for_output)
{
	char link[4200], real[PATH_MAX], *got = NULL;

	make_dir();
	snprintf(link, sizeof(link), "%s/link", dir);
	check_output_name(path, path);
	check_output_name("-", "-");
	write_file("x", 1);
	check_output_name(path, path);
	CHECK_EQ(symlink(path, link), 0);
	CHECK(realpath(path, real) != NULL);
	check_output_name(link, real);
	unlink(path);
	CHECK_FAILS(file_output_name(link, &got), -ENOENT, "leads nowhere");
	CHECK(!got);
	unlink(link);
	check_output_name("/dev/stdout", "-");
	CHECK_EQ(symlink("/proc/self/fd/1", link), 0);
	check_output_name(link, "-");
	unlink(link);
	remove_dir();
}

TEST(a_file_is_replaced_whole)
{
	struct stat st;
	char bytes[8] = "", other[4200];
	int fd;

	make_dir();
	CHECK_EQ(file_replace(path, "first", 5, 0600), 0);
	CHECK(!stat(path, &st) && st.st_size == 5 && (st.st_mode & 07777) == 0600);
	CHECK_EQ(file_replace(path, "second", 6, 0644), 0);
	fd = open(path, O_RDONLY);
	CHECK_EQ(read(fd, bytes, sizeof(bytes)), 6);
	CHECK(!memcmp(bytes, "second", 6) && !fstat(fd, &st) && (st.st_mode & 07777) == 0644);
	close(fd);
	/* A link is replaced, not followed; so is a trap under the temporary name. */
	snprintf(other, sizeof(other), "%s/other", dir);
	CHECK(!unlink(path) && !symlink(other, path));
	CHECK_EQ(file_replace(path, "third", 5, 0600), 0);
	CHECK(!lstat(path, &st) && S_ISREG(st.st_mode));
	CHECK(stat(other, &st));
	remove_dir();
	CHECK_EQ(file_replace(path, "x", 1, 0600), -ENOENT);
	CHECK(strstr(err_text(), dir) != NULL);
}
