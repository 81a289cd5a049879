/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/root.h"

#include "lib/err.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What path_resolution(7) allows the kernel itself. */
#define MAX_LINKS 40

/* openat2(2) gives up with EAGAIN when a rename elsewhere raced with ".."; so often it is asked again. */
#define MAX_RACES 16

int root_init(struct root *root, const char *dir)
{
	char *path = strdup(dir ? dir : "/");
	int fd;

	if (!path)
		return fail(-ENOMEM, "out of memory");
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int err = fail_sys(-errno, "cannot open the directory %s", path);

		free(path);
		return err;
	}
	root->dirfd = fd;
	root->path = path;
	return 0;
}

void root_deinit(struct root *root)
{
	/* A descriptor is ours only together with a path: a zeroed struct must not close descriptor 0. */
	if (root->path)
		close(root->dirfd);
	free(root->path);
	root->path = NULL;
	root->dirfd = -1;
}

/* "PREFIX/NAME" in messages, without a double slash for the root "/". */
static const char *shown_root(const struct root *root)
{
	return strcmp(root->path, "/") ? root->path : "";
}

/* The three below return a descriptor or a negative errno and record nothing. */

static int open_in_root(const struct root *root, const char *path, int flags)
{
	struct open_how how = { .flags = flags, .resolve = RESOLVE_IN_ROOT };
	long fd;

	/* open(2) of a 32 bit libc adds it for us; a raw call must, or a /proc/kcore above 2 GiB is refused. */
	if (!(flags & O_PATH))
		how.flags |= O_LARGEFILE;
	for (unsigned int i = 0; i < MAX_RACES; i++) {
		fd = syscall(SYS_openat2, root->dirfd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

/*
 * The same in user space, for kernels before 5.6. DONE holds the part without links, TODO what is left to walk. A
 * root that somebody changes while we walk it can mislead this one; it is a directory of captured files, not a
 * prison.
 */
static int walk_in_root(const struct root *root, const char *path, int flags)
{
	char done[PATH_MAX] = "", todo[PATH_MAX], link[PATH_MAX], comp[NAME_MAX + 1];
	unsigned int nr_links = 0;
	size_t len = strlen(path);

	if (len >= sizeof(todo))
		return -ENAMETOOLONG;
	memcpy(todo, path, len + 1);
	for (;;) {
		char *rest = todo + strspn(todo, "/");
		size_t n = strcspn(rest, "/"), done_len = strlen(done);
		ssize_t link_len;

		if (!n)
			break;
		if (n >= sizeof(comp) || done_len + 1 + n >= sizeof(done))
			return -ENAMETOOLONG;
		memcpy(comp, rest, n);
		comp[n] = 0;
		memmove(todo, rest + n, strlen(rest + n) + 1);
		if (!strcmp(comp, "."))
			continue;
		if (!strcmp(comp, "..")) {
			char *slash = strrchr(done, '/');

			*(slash ? slash : done) = 0;
			continue;
		}
		if (done_len)
			done[done_len++] = '/';
		memcpy(done + done_len, comp, n + 1);

		link_len = readlinkat(root->dirfd, done, link, sizeof(link));
		if (link_len < 0 && errno != EINVAL)
			return -errno;
		if (link_len < 0)
			continue;
		if (++nr_links > MAX_LINKS)
			return -ELOOP;
		len = strlen(todo);
		if ((size_t)link_len + len >= sizeof(todo))
			return -ENAMETOOLONG;
		memmove(todo + link_len, todo, len + 1);
		memcpy(todo, link, link_len);
		done[link[0] == '/' || !done_len ? 0 : done_len - 1] = 0;
	}
	int fd = openat(root->dirfd, done[0] ? done : ".", flags | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

static int open_below(const struct root *root, const char *path, int flags)
{
	int fd;

	flags |= O_CLOEXEC;
	path += strspn(path, "/");
	if (!*path)
		path = ".";
	if (!strcmp(root->path, "/")) {
		do
			fd = openat(root->dirfd, path, flags);
		while (fd < 0 && errno == EINTR);
		return fd < 0 ? -errno : fd;
	}
	fd = open_in_root(root, path, flags);
	/* Sandboxes whose filter does not know the call answer EPERM. */
	if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN)
		fd = walk_in_root(root, path, flags);
	return fd;
}

int root_open(const struct root *root, const char *path)
{
	int fd = open_below(root, path, O_RDONLY | O_NOCTTY);

	if (fd < 0)
		return fail_sys(fd, "cannot open %s/%s", shown_root(root), path + strspn(path, "/"));
	return fd;
}

bool root_exists(const struct root *root, const char *path)
{
	int fd = open_below(root, path, O_PATH);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* The folder that PATH's last name is in, and that name. A descriptor or a negative errno, not recorded. */
static int open_parent(const struct root *root, const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, slash - path) : strdup(".");
	int fd;

	if (!parent)
		return -ENOMEM;
	fd = open_below(root, parent, O_PATH | O_DIRECTORY);
	free(parent);
	*last = slash ? slash + 1 : path;
	return fd;
}

int root_link(const struct root *root, const char *path, char **target)
{
	char link[PATH_MAX];
	const char *last;
	int fd = open_parent(root, path, &last), err;
	ssize_t n;

	if (fd < 0)
		return fail_sys(fd, "cannot read the link %s/%s", shown_root(root), path + strspn(path, "/"));
	n = readlinkat(fd, last, link, sizeof(link) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err == -EINVAL)
		return err;
	if (err)
		return fail_sys(err, "cannot read the link %s/%s", shown_root(root), path + strspn(path, "/"));
	link[n] = 0;
	*target = strdup(link);
	return *target ? 0 : fail(-ENOMEM, "out of memory");
}

int root_stat(const struct root *root, const char *path, struct stat *st)
{
	int fd = open_below(root, path, O_PATH), err = 0;

	if (fd < 0 || fstat(fd, st))
		err = fail_sys(fd < 0 ? fd : -errno, "cannot find %s/%s", shown_root(root), path + strspn(path, "/"));
	if (fd >= 0)
		close(fd);
	return err;
}

/*
 * Read FD until nothing comes any more: files of /proc have size 0 and those of /sys one page, whatever they hold.
 */
static int read_all(int fd, size_t max, struct blob *blob)
{
	for (;;) {
		ssize_t n;
		int err = blob_reserve(blob, 1);

		if (err)
			return err;
		n = read(fd, blob->data + blob->len, blob->cap - 1 - blob->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_sys(-errno, "cannot read it");
		blob->len += n;
		blob->data[blob->len] = 0;
		if (!n)
			return 0;
		if (blob->len > max)
			return fail(-EFBIG, "it has more than %zu bytes", max);
	}
}

int root_read(const struct root *root, const char *path, size_t max, struct blob *blob)
{
	int fd, err;

	blob_deinit(blob);
	fd = root_open(root, path);
	if (fd < 0)
		return fd;
	err = read_all(fd, max, blob);
	close(fd);
	if (err) {
		blob_deinit(blob);
		return fail_ctx(err, "%s/%s", shown_root(root), path + strspn(path, "/"));
	}
	return 0;
}

int root_read_u64(const struct root *root, const char *path, int base, uint64_t *value)
{
	struct blob text;
	unsigned long long number;
	char *p, *behind;
	int err;

	blob_init(&text);
	err = root_read(root, path, 4096, &text);
	if (err)
		return err;

	/* strtoull would take a sign, and make a huge number of "-1". */
	p = (char *)text.data;
	p += strspn(p, " \t\n");
	errno = 0;
	number = strtoull(p, &behind, base);
	if (errno || behind == p || !isxdigit((unsigned char)*p) ||
	    behind + strspn(behind, " \t\n") != (char *)text.data + text.len)
		err = fail(-EINVAL, "%s/%s holds \"%.*s\", not a number of 64 bits", shown_root(root),
			   path + strspn(path, "/"), (int)strcspn(p, "\n"), p);
	else
		*value = number;
	blob_deinit(&text);
	return err;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Runs of digits compare as numbers of any length, all else as bytes; what is equal then ("cpu1", "cpu01") as
 * text.
 */
static int compare_names(const void *left, const void *right)
{
	const char *a = *(char *const *)left, *b = *(char *const *)right;

	while (*a && *b) {
		size_t len_a, len_b;
		int order;

		if (!is_digit(*a) || !is_digit(*b)) {
			if (*a != *b)
				return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
			a++;
			b++;
			continue;
		}
		a += strspn(a, "0");
		b += strspn(b, "0");
		len_a = strspn(a, "0123456789");
		len_b = strspn(b, "0123456789");
		if (len_a != len_b)
			return len_a < len_b ? -1 : 1;
		order = strncmp(a, b, len_a);
		if (order)
			return order;
		a += len_a;
		b += len_b;
	}
	if (*a || *b)
		return *a ? 1 : -1;
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int read_names(DIR *dir, struct root_names *names)
{
	size_t cap = 0;
	struct dirent *d;

	while (errno = 0, (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (names->nr == cap) {
			char **name = reallocarray(names->name, cap = cap ? cap * 2 : 64, sizeof(*name));

			if (!name)
				return fail(-ENOMEM, "out of memory for %zu names", cap);
			names->name = name;
		}
		names->name[names->nr] = strdup(d->d_name);
		if (!names->name[names->nr])
			return fail(-ENOMEM, "out of memory");
		names->nr++;
	}
	return errno ? fail_sys(-errno, "cannot list it") : 0;
}

int root_list(const struct root *root, const char *path, struct root_names *names)
{
	struct root_names found = { 0 };
	int fd = root_open(root, path), err;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		err = fail_sys(-errno, "cannot list it");
		close(fd);
	} else {
		err = read_names(dir, &found);
		closedir(dir);
	}
	if (err) {
		root_names_deinit(&found);
		return fail_ctx(err, "%s/%s", shown_root(root), path + strspn(path, "/"));
	}
	if (found.nr)
		qsort(found.name, found.nr, sizeof(*found.name), compare_names);
	*names = found;
	return 0;
}

void root_names_deinit(struct root_names *names)
{
	for (size_t i = 0; i < names->nr; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct root_names){ 0 };
}
