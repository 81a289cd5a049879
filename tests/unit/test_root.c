/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/root.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[4096];     /* everything below is made here */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static const char *below(const char *name)
{
	static char path[8192];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void make_file(const char *name, const void *text, size_t len)
{
	FILE *f = fopen(below(name), "w");

	CHECK(f && fwrite(text, 1, len, f) == len);
	if (f)
		fclose(f);
}

/*
 * top/outside, and top/sys as the root with files and links: what a link names must be looked for below top/sys,
 * wherever it points.
 */
static void make_tree(void)
{
	const char *dir = getenv("TMPDIR");

	snprintf(top, sizeof(top), "%s/test_root.XXXXXX", dir ? dir : "/tmp");
	CHECK(mkdtemp(top) != NULL);
	make_file("outside", "outside", 7);
	CHECK_EQ(mkdir(below("sys"), 0755), 0);
	CHECK_EQ(mkdir(below("sys/a"), 0755), 0);
	CHECK_EQ(mkdir(below("sys/a/b"), 0755), 0);
	make_file("sys/outside", "inside", 6);
	make_file("sys/a/b/file", "deep", 4);
	CHECK_EQ(symlink("/a/b/file", below("sys/absolute")), 0);
	CHECK_EQ(symlink("b/../b/./file", below("sys/a/relative")), 0);
	CHECK_EQ(symlink("../../../../outside", below("sys/a/b/up")), 0);
	CHECK_EQ(symlink("/", below("sys/a/root")), 0);
	CHECK_EQ(symlink("b", below("sys/a/dir")), 0);
	CHECK_EQ(symlink("a/dir", below("sys/chain")), 0);
	CHECK_EQ(symlink("loop2", below("sys/loop1")), 0);
	CHECK_EQ(symlink("loop1", below("sys/loop2")), 0);
	CHECK_EQ(symlink("/nowhere", below("sys/dangling")), 0);
}

static void remove_tree(void)
{
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void check_text(const struct root *root, const char *path, const char *want)
{
	struct blob blob;

	blob_init(&blob);
	CHECK_EQ(root_read(root, path, 4096, &blob), 0);
	CHECK_STR((char *)blob.data, want);
	CHECK(root_exists(root, path));
	blob_deinit(&blob);
}

static void check_links(void)
{
	struct root root;
	struct blob blob;
	struct stat st;
	char *target = NULL;

	blob_init(&blob);
	CHECK_EQ(root_init(&root, below("sys")), 0);
	check_text(&root, "outside", "inside");
	check_text(&root, "/outside", "inside");
	check_text(&root, "../outside", "inside");
	check_text(&root, "a/../../outside", "inside");
	check_text(&root, "a/b/file", "deep");
	check_text(&root, "./a//b/./file", "deep");
	check_text(&root, "absolute", "deep");
	check_text(&root, "a/relative", "deep");
	check_text(&root, "a/b/up", "inside");
	check_text(&root, "a/root/a/b/file", "deep");
	check_text(&root, "a/root/a/root/absolute", "deep");
	check_text(&root, "a/dir/file", "deep");
	check_text(&root, "chain/file", "deep");
	check_text(&root, "chain/../relative", "deep");
	CHECK(root_exists(&root, "a/root"));
	CHECK(root_exists(&root, "."));
	CHECK(root_exists(&root, ""));
	CHECK(!root_exists(&root, "dangling"));
	CHECK(!root_exists(&root, "loop1"));
	CHECK(!root_exists(&root, "a/c"));
	CHECK_EQ(root_link(&root, "a/no_such", &target), -ENOENT);
	CHECK_EQ(root_link(&root, "a", &target), -EINVAL);
	CHECK_EQ(root_link(&root, "dangling", &target), 0);
	free(target);
	CHECK_EQ(root_stat(&root, "a", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(root_stat(&root, "dangling", &st), -ENOENT);
	CHECK_FAILS(root_read(&root, "loop1", 4096, &blob), -ELOOP, "/sys/loop1");
	CHECK_FAILS(root_read(&root, "dangling", 4096, &blob), -ENOENT, "/sys/dangling");
	CHECK_FAILS(root_read(&root, "a/c/d", 4096, &blob), -ENOENT, "/sys/a/c/d");
	CHECK_FAILS(root_read(&root, "outside/x", 4096, &blob), -ENOTDIR, "/sys/outside/x");
	CHECK_FAILS(root_read(&root, "a/b", 4096, &blob), -EISDIR, "/sys/a/b");
	blob_deinit(&blob);
	root_deinit(&root);
}

TEST(links_stay_below_the_root)
{
	make_tree();
	check_links();
	remove_tree();
}

/* What a kernel before 5.6 answers. False where filters are not to be had (an emulated user space). */
static bool take_openat2_away(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) &&
	       syscall(SYS_openat2, -1, NULL, NULL, 0) == -1 && errno == error;
}

static void check_walk(int error)
{
	int status = -1;
	pid_t pid;

	make_tree();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		test_failures = 0;
		if (take_openat2_away(error))
			check_links();
		fflush(stdout);
		_exit(test_failures != 0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	remove_tree();
}

TEST(the_walk_for_old_kernels_does_the_same)
{
	check_walk(ENOSYS);
	check_walk(EPERM);
}

TEST(long_and_deep_paths)
{
	struct root root;
	char path[8000];

	make_tree();
	CHECK_EQ(root_init(&root, below("sys")), 0);
	memset(path, 'x', sizeof(path));
	path[300] = 0;
	CHECK_FAILS(root_open(&root, path), -ENAMETOOLONG, "xxx");
	path[300] = 'x';
	path[sizeof(path) - 1] = 0;
	CHECK_FAILS(root_open(&root, path), -ENAMETOOLONG, "");
	root_deinit(&root);
	remove_tree();
}

TEST(roots)
{
	struct root root = { .dirfd = 77, .path = NULL };

	make_tree();
	CHECK_FAILS(root_init(&root, below("nix")), -ENOENT, "/nix: No such file");
	CHECK_FAILS(root_init(&root, below("outside")), -ENOTDIR, "/outside: Not a dir");
	CHECK(root.dirfd == 77 && !root.path);
	CHECK_EQ(root_init(&root, NULL), 0);
	CHECK_STR(root.path, "/");
	CHECK(root_exists(&root, "proc/self/status"));
	CHECK(!root_exists(&root, "proc/nix"));
	CHECK_FAILS(root_open(&root, "proc/nix"), -ENOENT, "cannot open /proc/nix: No such file");
	root_deinit(&root);
	root_deinit(&root);
	root = (struct root){ 0 };
	root_deinit(&root);
	CHECK(fcntl(0, F_GETFD) >= 0 || errno == EBADF);
	remove_tree();
}

/* Deinit of a zeroed struct must not close descriptor 0, which a fresh pipe may well have. */
TEST(descriptor_0_is_not_closed)
{
	int saved = dup(0), fd;
	struct root root = { 0 };

	close(0);
	fd = open("/dev/null", O_RDONLY);
	CHECK_EQ(fd, 0);
	root_deinit(&root);
	CHECK(fcntl(0, F_GETFD) >= 0);
	close(0);
	if (saved >= 0) {
		dup2(saved, 0);
		close(saved);
	}
}

/* Files of /proc report a size of 0. */
TEST(proc_is_read_to_its_end)
{
	struct root root;
	struct blob blob;

	blob_init(&blob);
	CHECK_EQ(root_init(&root, "/"), 0);
	CHECK_EQ(root_read(&root, "proc/self/status", ROOT_READ_MAX, &blob), 0);
	CHECK(blob.len > 100 && strstr((char *)blob.data, "\nVmRSS:"));
	/* Read again into the same blob: emptied first. */
	CHECK_EQ(root_read(&root, "proc/self/comm", ROOT_READ_MAX, &blob), 0);
	CHECK(blob.len > 1 && blob.len <= 16 && strlen((char *)blob.data) == blob.len);
	blob_deinit(&blob);
	root_deinit(&root);
}

TEST(limits)
{
	static char text[100000];
	struct root root;
	struct blob blob;

	make_tree();
	blob_init(&blob);
	memset(text, 'q', sizeof(text));
	CHECK_EQ(root_init(&root, top), 0);
	for (size_t len = 4090; len < sizeof(text); len = len < 4100 ? len + 1 : len * 2 - 1) {
		make_file("text", text, len);
		CHECK_EQ(root_read(&root, "text", len, &blob), 0);
		CHECK_EQ(blob.len, len);
		CHECK(!memcmp(blob.data, text, len) && !blob.data[len]);
		CHECK_FAILS(root_read(&root, "text", len - 1, &blob), -EFBIG, "/text: it has more than");
		CHECK_EQ(blob.len, 0);
	}
	make_file("text", "", 0);
	CHECK_EQ(root_read(&root, "text", 0, &blob), 0);
	CHECK_EQ(blob.len, 0);
	CHECK_STR((char *)blob.data, "");
	blob_deinit(&blob);
	root_deinit(&root);
	remove_tree();
}

/* A kallsyms of 12 MB comes back byte for byte. */
TEST(large_files)
{
	size_t len = 12u << 20;
	uint8_t *text = malloc(len);
	struct root root;
	struct blob blob;

	make_tree();
	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)(i * 2654435761u >> 13);
	make_file("large", text, len);
	blob_init(&blob);
	CHECK_EQ(root_init(&root, top), 0);
	CHECK_EQ(root_read(&root, "large", ROOT_READ_MAX, &blob), 0);
	CHECK_EQ(blob.len, len);
	CHECK(blob.len == len && !memcmp(blob.data, text, len));
	blob_deinit(&blob);
	root_deinit(&root);
	free(text);
	remove_tree();
}

static const struct {
	const char *text;
	size_t len;            /* 0: strlen */
	int base;
	int err;
	uint64_t value;
} numbers[] = {
	{ "0\n", 0, 0, 0, 0 },
	{ "  42 \n", 0, 0, 0, 42 },
	{ "42", 0, 10, 0, 42 },
	{ "0x1f\n", 0, 0, 0, 0x1f },
	{ "0x1f\n", 0, 16, 0, 0x1f },
	{ "1f\n", 0, 16, 0, 0x1f },
	{ "ffff\n", 0, 16, 0, 0xffff },
	{ "18446744073709551615\n", 0, 10, 0, UINT64_MAX },
	{ "0xffffffffffffffff\n", 0, 0, 0, UINT64_MAX },
	{ "18446744073709551616\n", 0, 10, -EINVAL, 0 },
	{ "0x10000000000000000\n", 0, 0, -EINVAL, 0 },
	{ "-1\n", 0, 0, -EINVAL, 0 },
	{ "+1\n", 0, 0, -EINVAL, 0 },
	{ "1f\n", 0, 10, -EINVAL, 0 },
	{ "1f\n", 0, 0, -EINVAL, 0 },
	{ "\n", 0, 0, -EINVAL, 0 },
	{ "", 0, 0, -EINVAL, 0 },
	{ "x\n", 0, 16, -EINVAL, 0 },
	{ "0x\n", 0, 0, -EINVAL, 0 },
	{ "1 2\n", 0, 0, -EINVAL, 0 },
	{ "12 K\n", 0, 0, -EINVAL, 0 },
	{ "1\0002\n", 4, 0, -EINVAL, 0 },
};

TEST(numbers_and_what_is_none)
{
	struct root root;

	make_tree();
	CHECK_EQ(root_init(&root, top), 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t len = numbers[i].len ? numbers[i].len : strlen(numbers[i].text);
		uint64_t value = 0xdead;

		make_file("number", numbers[i].text, len);
		if (numbers[i].err) {
			CHECK_FAILS(root_read_u64(&root, "number", numbers[i].base, &value), numbers[i].err,
				    "/number holds");
			CHECK_EQ(value, 0xdead);
		} else {
			CHECK_EQ(root_read_u64(&root, "number", numbers[i].base, &value), 0);
			CHECK_EQ(value, numbers[i].value);
		}
	}
	root_deinit(&root);
	remove_tree();
}

TEST(names_sort_by_number)
{
	static const char *const want[] = {
		"0", "2", "10", "cpu", "cpu0", "cpu01", "cpu1", "cpu2", "cpu10", "cpu10a2", "cpu10a10", "cpu11",
		"cpu18446744073709551616", "cpu184467440737095516150", "cpufreq", "memory", "\xff",
	};
	size_t nr = sizeof(want) / sizeof(want[0]);
	struct root_names names = { 0 };
	struct root root;
	char path[100];

	make_tree();
	CHECK_EQ(mkdir(below("list"), 0755), 0);
	CHECK_EQ(root_init(&root, top), 0);
	CHECK_EQ(root_list(&root, "list", &names), 0);
	CHECK_EQ(names.nr, 0);
	root_names_deinit(&names);
	for (size_t i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "list/%s", want[i * 7 % nr]);
		make_file(path, "", 0);
	}
	CHECK_EQ(root_list(&root, "list", &names), 0);
	CHECK_EQ(names.nr, nr);
	for (size_t i = 0; i < names.nr && i < nr; i++)
		CHECK_STR(names.name[i], want[i]);
	root_names_deinit(&names);
	CHECK_EQ(names.nr, 0);
	CHECK_FAILS(root_list(&root, "nix", &names), -ENOENT, "/nix");
	CHECK_FAILS(root_list(&root, "outside", &names), -ENOTDIR, "/outside");
	root_deinit(&root);
	remove_tree();
}

TEST(many_names)
{
	struct root_names names = { 0 };
	struct root root;
	char path[100];

	make_tree();
	CHECK_EQ(mkdir(below("list"), 0755), 0);
	for (unsigned int i = 0; i < 4096; i++) {
		snprintf(path, sizeof(path), "list/cpu%u", i * 1237 % 4096 * 3);
		make_file(path, "", 0);
	}
	CHECK_EQ(root_init(&root, top), 0);
	CHECK_EQ(root_list(&root, "list", &names), 0);
	CHECK_EQ(names.nr, 4096);
	for (unsigned int i = 0; i < names.nr; i++) {
		snprintf(path, sizeof(path), "cpu%u", i * 3);
		CHECK_STR(names.name[i], path);
	}
	root_names_deinit(&names);
	root_deinit(&root);
	remove_tree();
}
