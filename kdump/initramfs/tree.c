// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/tree.h"

#include "lib/err.h"
#include "lib/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What path_resolution(7) allows the kernel itself. */
#define MAX_LINKS 40

void tree_init(struct tree *t)
{
	*t = (struct tree){ 0 };
}

void tree_deinit(struct tree *t)
{
	for (size_t i = 0; i < t->nr; i++) {
		free(t->entry[i].path);
		free(t->entry[i].source);
		blob_deinit(&t->entry[i].content);
	}
	free(t->entry);
	tree_init(t);
}

static int compare_entries(const void *left, const void *right)
{
	return strcmp(((const struct tree_entry *)left)->path, ((const struct tree_entry *)right)->path);
}

const struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	struct tree_entry key = { .path = (char *)path + strspn(path, "/") };

	return t->nr ? bsearch(&key, t->entry, t->nr, sizeof(key), compare_entries) : NULL;
}

/* Where it belongs, so that the tree stays sorted: images have some thousand files at most. */
static struct tree_entry *insert(struct tree *t, const char *path)
{
	size_t at = 0, last = t->nr;
	char *copy;

	while (at < last) {
		size_t middle = at + (last - at) / 2;

		if (strcmp(t->entry[middle].path, path) < 0)
			at = middle + 1;
		else
			last = middle;
	}
	if (t->nr == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct tree_entry *entry = reallocarray(t->entry, cap, sizeof(*entry));

		if (!entry)
			return NULL;
		t->entry = entry;
		t->cap = cap;
	}
	copy = strdup(path);
	if (!copy)
		return NULL;
	memmove(t->entry + at + 1, t->entry + at, (t->nr - at) * sizeof(*t->entry));
	t->nr++;
	t->entry[at] = (struct tree_entry){ .path = copy };
	blob_init(&t->entry[at].content);
	return &t->entry[at];
}

/* The state of one walk: DONE is where we are, without links, TODO what is left. */
struct walk {
	char done[PATH_MAX], todo[PATH_MAX], name[NAME_MAX + 1];
	unsigned int nr_links;
};

/* The next name into W->name. 1: there is one; 0: none. */
static int next_name(struct walk *w)
{
	char *rest = w->todo + strspn(w->todo, "/");
	size_t n = strcspn(rest, "/");

	if (!n)
		return 0;
	if (n >= sizeof(w->name) || strlen(w->done) + n + 2 > sizeof(w->done))
		return -ENAMETOOLONG;
	memcpy(w->name, rest, n);
	w->name[n] = 0;
	memmove(w->todo, rest + n, strlen(rest + n) + 1);
	return 1;
}

static void go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = 0;
}

/* TARGET is what the link DONE says: go on there. */
static int follow(struct walk *w, const char *target)
{
	size_t len = strlen(target), rest = strlen(w->todo);

	if (++w->nr_links > MAX_LINKS)
		return -ELOOP;
	if (len + rest + 1 > sizeof(w->todo))
		return -ENAMETOOLONG;
	memmove(w->todo + len, w->todo, rest + 1);
	memcpy(w->todo, target, len);
	if (*target == '/')
		w->done[0] = 0;
	else
		go_up(w);
	return 0;
}

/*
 * What the link PATH says: of a root, or of a tree. -EINVAL: it is no link; -ENOENT: there is no such name. Nothing
 * recorded.
 */
typedef int read_link(void *from, const char *path, char **target);

static int walk(struct walk *w, const char *path, read_link *read, void *from, struct tree *links)
{
	size_t len;
	int err;

	*w = (struct walk){ .done = "" };
	if (strlen(path) >= sizeof(w->todo))
		return fail(-ENAMETOOLONG, "%.80s...: the path is too long", path);
	strcpy(w->todo, path);
	while ((err = next_name(w)) > 0) {
		char *target;

		if (!strcmp(w->name, "."))
			continue;
		if (!strcmp(w->name, "..")) {
			go_up(w);
			continue;
		}
		/* next_name() has seen to it that there is room. */
		len = strlen(w->done);
		snprintf(w->done + len, sizeof(w->done) - len, "%s%s", len ? "/" : "", w->name);
		err = read(from, w->done, &target);
		if (err == -EINVAL || err == -ENOENT)
			continue;
		if (err)
			break;
		err = links ? tree_add_link(links, w->done, target) : 0;
		if (err) {
			free(target);
			return err;
		}
		err = follow(w, target);
		free(target);
		if (err)
			break;
	}
	return err ? fail_sys(err, "%s: cannot find where it leads", path) : 0;
}

static int link_of_tree(void *from, const char *path, char **target)
{
	const struct tree_entry *e = tree_find(from, path);

	if (!e)
		return -ENOENT;
	if (!S_ISLNK(e->mode))
		return -EINVAL;
	*target = strndup((const char *)e->content.data, e->content.len);
	return *target ? 0 : -ENOMEM;
}

/* The folders that PATH, which no link leads through, is in. */
static int add_parents(struct tree *t, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *folder = strndup(path, slash - path);
		const struct tree_entry *old;
		struct tree_entry *e;
		int err = 0;

		if (!folder)
			return fail(-ENOMEM, "out of memory");
		old = tree_find(t, folder);
		if (old && !S_ISDIR(old->mode)) {
			err = fail(-ENOTDIR, "/%s cannot be packed: /%s is no folder", path, folder);
		} else if (!old) {
			e = insert(t, folder);
			if (e)
				e->mode = S_IFDIR | 0755;
			else
				err = fail(-ENOMEM, "out of memory");
		}
		free(folder);
		if (err)
			return err;
	}
	return 0;
}

/* PATH with the links of the tree followed that lead to the folder it is in. From malloc. */
static int path_in_tree(struct tree *t, const char *path, char **real)
{
	const char *slash;
	char *folder;
	struct walk w;
	int err;

	path += strspn(path, "/");
	slash = strrchr(path, '/');
	folder = strndup(path, slash ? slash - path : 0);
	if (!folder)
		return fail(-ENOMEM, "out of memory");
	err = walk(&w, folder, link_of_tree, t, NULL);
	free(folder);
	if (err)
		return err;
	if (asprintf(real, "%s%s%s", w.done, w.done[0] ? "/" : "", slash ? slash + 1 : path) < 0)
		return fail(-ENOMEM, "out of memory");
	return 0;
}

/* 0: *E is new. 1: there is one already, and it is the same. */
static int add(struct tree *t, const char *path, uint32_t mode, const void *bytes, size_t len, struct tree_entry **e)
{
	const struct tree_entry *old;
	char *real;
	int err = path_in_tree(t, path, &real);

	if (err)
		return err;
	old = tree_find(t, real);
	if (!*real || (old && S_ISDIR(mode) && S_ISDIR(old->mode)))
		err = 1;
	else if (old && old->mode == mode && old->content.len == len &&
		 (!len || !memcmp(old->content.data, bytes, len)))
		err = 1;
	else if (old)
		err = fail(-EEXIST, "/%s would be packed twice, with different contents", real);
	else
		err = add_parents(t, real);
	*e = err ? NULL : insert(t, real);
	free(real);
	if (err)
		return err;
	if (!*e)
		return fail(-ENOMEM, "out of memory");
	(*e)->mode = mode;
	return 0;
}

int tree_add_dir(struct tree *t, const char *path, uint32_t mode)
{
	struct tree_entry *e;
	int err = add(t, path, S_IFDIR | (mode & 07777), NULL, 0, &e);

	return err < 0 ? err : 0;
}

int tree_add_blob(struct tree *t, const char *path, uint32_t mode, struct blob *c, const char *source)
{
	struct tree_entry *e;
	char *copy = source ? strdup(source) : NULL;
	int err;

	if (source && !copy)
		return fail(-ENOMEM, "out of memory");
	err = add(t, path, S_ISLNK(mode) ? mode : S_IFREG | (mode & 07777), c->data, c->len, &e);
	if (err) {
		free(copy);
		blob_deinit(c);
		return err < 0 ? err : 0;
	}
	e->content = *c;
	e->source = copy;
	blob_init(c);
	return 0;
}

int tree_add_bytes(struct tree *t, const char *path, uint32_t mode, const void *bytes, size_t len, const char *source)
{
	struct blob c;
	int err;

	blob_init(&c);
	err = blob_append(&c, bytes, len);
	if (err) {
		blob_deinit(&c);
		return err;
	}
	return tree_add_blob(t, path, mode, &c, source);
}

int tree_add_link(struct tree *t, const char *path, const char *target)
{
	return tree_add_bytes(t, path, S_IFLNK | 0777, target, strlen(target), NULL);
}

static int link_of_root(void *from, const char *path, char **target)
{
	int err = root_link(from, path, target);

	if (err)
		err_clear();
	return err == -ENOTDIR ? -ENOENT : err;
}

int tree_walk(struct tree *t, const struct root *root, const char *path, char **real)
{
	struct walk w;
	int err = walk(&w, path, link_of_root, (void *)root, t);

	if (err)
		return err;
	*real = strdup(w.done);
	return *real ? 0 : fail(-ENOMEM, "out of memory");
}

const struct tree_entry *tree_resolve(const struct tree *t, const char *path)
{
	struct walk w;

	if (walk(&w, path, link_of_tree, (void *)t, NULL)) {
		err_clear();
		return NULL;
	}
	return tree_find(t, w.done);
}

/* Nobody but root may change what runs as root in the capture kernel. */
static uint32_t permissions_of(const struct stat *st, uint32_t wanted)
{
	return wanted ? wanted : st->st_mode & 0755;
}

int tree_add_file(struct tree *t, const struct root *root, const char *path, uint32_t permissions)
{
	struct blob content;
	struct stat st;
	char *real;
	int err = tree_walk(t, root, path, &real);

	if (err)
		return err;
	blob_init(&content);
	err = root_stat(root, real, &st);
	if (!err)
		err = root_read(root, real, TREE_FILE_MAX, &content);
	if (!err)
		err = tree_add_blob(t, real, permissions_of(&st, permissions), &content, real);
	blob_deinit(&content);
	free(real);
	return err;
}

int tree_add_file_as(struct tree *t, const char *path, const char *as, uint32_t permissions)
{
	struct file file;
	struct stat st;
	int err = file_open(&file, path);

	if (err)
		return err;
	if (stat(path, &st))
		err = fail_sys(-errno, "%s: cannot stat it", path);
	else if (file.view.len > TREE_FILE_MAX)
		err = fail(-EFBIG, "%s has more than %u MiB", path, TREE_FILE_MAX >> 20);
	else
		err = tree_add_bytes(t, as, permissions_of(&st, permissions), file.view.base, file.view.len, path);
	file_close(&file);
	return err;
}
