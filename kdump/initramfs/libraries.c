// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/libraries.h"

#include "kdump/initramfs/dynamic.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ld.so.conf may include files that include files... */
#define MAX_DEPTH 8

/* A library's name on its way: who wants it, on behalf of which program. */
struct request {
	const char *name;
	const char *who;           /* path of the file that needs it */
	const struct dynamic *of;
	const char *program_rpath; /* of the program that is to run; NULL: none */
	const char *interpreter;   /* of that program */
};

static int add_object(struct linker *l, const char *path, const char *program_rpath, const char *interpreter,
		      unsigned int depth);

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static int add_folder(struct linker *l, struct text folder)
{
	char **more = reallocarray(l->folder, l->nr_folders + 1, sizeof(*more));

	if (!more)
		return no_memory();
	l->folder = more;
	more[l->nr_folders] = strndup(folder.at, folder.len);
	return more[l->nr_folders++] ? 0 : no_memory();
}

static int read_conf(struct linker *l, const char *path, unsigned int depth);

/* "include PATTERN": a pattern may be in the file's name, the folder's is plain. */
static int include(struct linker *l, struct text pattern, unsigned int depth)
{
	char *copy = strndup(pattern.at, pattern.len), *slash, *path;
	struct root_names names;
	const char *folder;
	int err = 0;

	if (!copy)
		return no_memory();
	slash = strrchr(copy, '/');
	/* What has no slash is beside the file, which is /etc. */
	folder = slash ? copy : "etc";
	if (slash)
		*slash = 0;
	if (root_exists(l->root, folder))
		err = root_list(l->root, folder, &names);
	else
		names = (struct root_names){ 0 };
	for (size_t i = 0; !err && i < names.nr; i++) {
		if (fnmatch(slash ? slash + 1 : copy, names.name[i], 0))
			continue;
		if (asprintf(&path, "%s/%s", folder, names.name[i]) < 0) {
			err = no_memory();
			break;
		}
		err = read_conf(l, path, depth + 1);
		free(path);
	}
	root_names_deinit(&names);
	free(copy);
	return err;
}

static int read_conf(struct linker *l, const char *path, unsigned int depth)
{
	struct text t, line;
	struct blob text;
	int err;

	if (depth > MAX_DEPTH || !root_exists(l->root, path))
		return 0;
	blob_init(&text);
	err = root_read(l->root, path, ROOT_READ_MAX, &text);
	t = text_of((const char *)text.data, text.len);
	while (!err && text_line(&t, &line)) {
		line = text_until(&line, '#');
		text_trim(&line);
		if (!line.len || text_starts(&line, "hwcap "))
			continue;
		if (text_take(&line, "include")) {
			text_trim(&line);
			err = include(l, line, depth);
		} else {
			err = add_folder(l, line);
		}
	}
	blob_deinit(&text);
	return err;
}

int linker_init(struct linker *l, const struct root *root, struct tree *tree)
{
	int err;

	*l = (struct linker){ .root = root, .tree = tree };
	err = root ? read_conf(l, "etc/ld.so.conf", 0) : 0;
	if (err)
		linker_deinit(l);
	return err;
}

static void forget(struct linker *l)
{
	for (size_t i = 0; i < l->nr_seen; i++)
		free(l->seen[i]);
	free(l->seen);
	l->seen = NULL;
	l->nr_seen = 0;
}

void linker_deinit(struct linker *l)
{
	for (size_t i = 0; i < l->nr_folders; i++)
		free(l->folder[i]);
	free(l->folder);
	forget(l);
	*l = (struct linker){ 0 };
}

/* All of PATH's bytes: in the tree, or below the root. -ENOENT..., recorded. */
static int contents(const struct linker *l, const char *path, struct blob *own, struct view *v)
{
	const struct tree_entry *e = tree_resolve(l->tree, path);
	int err;

	if (e && S_ISREG(e->mode)) {
		*v = view_of(e->content.data, e->content.len, e->path);
		return 0;
	}
	if (!l->root)
		return fail(-ENOENT, "%s is not in the image", path);
	err = root_read(l->root, path, TREE_FILE_MAX, own);
	*v = view_of(own->data, own->len, path);
	return err;
}

/* Is PATH a library for the machine that D's file is for? */
static bool fits(const struct linker *l, const char *path, const struct dynamic *d)
{
	struct dynamic other = { 0 };
	struct blob own;
	struct view v;
	bool good;

	blob_init(&own);
	good = !contents(l, path, &own, &v) && !dynamic_parse(&v, &other) && other.machine == d->machine &&
	       other.width == d->width;
	err_clear();
	dynamic_deinit(&other);
	blob_deinit(&own);
	return good;
}

/* FOLDER/NAME when it fits. From malloc; NULL with 0: it does not. */
static int try_folder(const struct linker *l, const struct request *r, struct text folder, char **path)
{
	*path = NULL;
	if (!folder.len)
		return 0;
	if (asprintf(path, "%.*s/%s", (int)folder.len, folder.at, r->name) < 0) {
		*path = NULL;
		return no_memory();
	}
	if (!fits(l, *path, r->of)) {
		free(*path);
		*path = NULL;
	}
	return 0;
}

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

/*
 * A word of RPATH with $ORIGIN replaced: the folder of the file that says so. Others ($LIB, $PLATFORM) are nowhere in
 * use; what has them is skipped.
 */
static int try_rpath_word(const struct linker *l, const struct request *r, struct text word, char **path)
{
	struct text rest = word;
	char *folder;
	int err;

	if (!memchr(word.at, '$', word.len))
		return try_folder(l, r, word, path);
	if (!text_take(&rest, "$ORIGIN") && !text_take(&rest, "${ORIGIN}"))
		return 0;
	if (memchr(rest.at, '$', rest.len))
		return 0;
	if (asprintf(&folder, "%.*s%.*s", (int)folder_len(r->who), r->who, (int)rest.len, rest.at) < 0)
		return no_memory();
	err = try_folder(l, r, text_of_string(folder), path);
	free(folder);
	return err;
}

static int try_rpath(const struct linker *l, const struct request *r, const char *rpath, char **path)
{
	struct text rest = text_of_string(rpath ? rpath : "");
	int err = 0;

	while (!err && !*path && rest.len)
		err = try_rpath_word(l, r, text_until(&rest, ':'), path);
	return err;
}

/* Where ld.so looks when nothing else is said. Debian's has the folders of the architecture, which are its own too. */
static int try_defaults(const struct linker *l, const struct request *r, char **path)
{
	static const char *const folders[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib" };
	char *real = NULL;
	int err = 0;

	if (r->interpreter && l->root)
		err = tree_walk(NULL, l->root, r->interpreter, &real);
	else if (r->interpreter && tree_resolve(l->tree, r->interpreter))
		real = strdup(tree_resolve(l->tree, r->interpreter)->path);
	if (!err && real)
		err = try_folder(l, r, text_of(real, folder_len(real)), path);
	free(real);
	for (size_t i = 0; !err && !*path && i < sizeof(folders) / sizeof(folders[0]); i++)
		err = try_folder(l, r, text_of_string(folders[i]), path);
	return err;
}

/* One that the program has by then under this name is not looked for again. From malloc; NULL with 0: there is none. */
static int find_seen(const struct linker *l, const char *name, char **path)
{
	for (size_t i = 0; i < l->nr_seen; i++) {
		const char *slash = strrchr(l->seen[i], '/');

		if (strcmp(slash ? slash + 1 : l->seen[i], name))
			continue;
		*path = strdup(l->seen[i]);
		return *path ? 0 : no_memory();
	}
	return 0;
}

/* Where the library is. *BY_CONF: a folder of ld.so.conf, which the dynamic linker will not look at in the image. */
static int find(const struct linker *l, const struct request *r, char **path, bool *by_conf)
{
	int err = 0;

	*path = NULL;
	*by_conf = false;
	if (strchr(r->name, '/')) {
		*path = strdup(r->name);
		return *path ? 0 : no_memory();
	}
	err = find_seen(l, r->name, path);
	if (!err && !*path && !r->of->runpath) {
		err = try_rpath(l, r, r->of->rpath, path);
		if (!err && !*path)
			err = try_rpath(l, r, r->program_rpath, path);
	}
	if (!err && !*path)
		err = try_rpath(l, r, r->of->runpath, path);
	if (!err && !*path)
		err = try_defaults(l, r, path);
	for (size_t i = 0; !err && !*path && i < l->nr_folders; i++) {
		err = try_folder(l, r, text_of_string(l->folder[i]), path);
		*by_conf = *path;
	}
	if (!err && !*path)
		err = fail(-ENOENT, "/%s needs the library %s, which is in no folder of ld.so",
			   r->who + strspn(r->who, "/"), r->name);
	return err;
}

/* Beside the dynamic linker, where it looks without being told. */
static int add_link_for(struct linker *l, const struct request *r, const char *path)
{
	char *real = NULL, *link = NULL, *target = NULL;
	int err = r->interpreter ? tree_walk(NULL, l->root, r->interpreter, &real) : 0;

	if (err || !real)
		return err;
	if (asprintf(&link, "%.*s/%s", (int)folder_len(real), real, r->name) < 0)
		link = NULL;
	if (asprintf(&target, "/%s", path + strspn(path, "/")) < 0)
		target = NULL;
	err = link && target ? tree_add_link(l->tree, link, target) : no_memory();
	free(target);
	free(link);
	free(real);
	return err;
}

static int add_library(struct linker *l, const struct request *r, unsigned int depth)
{
	char *path;
	bool by_conf;
	int err = find(l, r, &path, &by_conf);

	if (err)
		return err;
	if (l->root)
		err = tree_add_file(l->tree, l->root, path, 0);
	if (!err && by_conf)
		err = add_link_for(l, r, path);
	if (!err)
		err = add_object(l, path, r->program_rpath, r->interpreter, depth + 1);
	free(path);
	return err;
}

/* What the ELF file PATH of the tree needs. */
static int add_needed(struct linker *l, const char *path, const struct dynamic *d, const char *program_rpath,
		      const char *interpreter, unsigned int depth)
{
	const struct tree_entry *e = tree_resolve(l->tree, path);
	const char *real = e ? e->path : path;
	int err = 0;

	for (size_t i = 0; !err && i < d->nr_needed; i++) {
		struct request r = {
			.name = d->needed[i], .who = real, .of = d, .program_rpath = program_rpath,
			.interpreter = interpreter,
		};

		/* The vDSO's and the linker's own name, which comes as the interpreter. */
		if (!strncmp(r.name, "linux-vdso", 10))
			continue;
		err = add_library(l, &r, depth);
	}
	return err;
}

/* Libraries may need each other: each is looked at once. 1: PATH was. */
static int remember(struct linker *l, const char *path)
{
	char **more;

	for (size_t i = 0; i < l->nr_seen; i++)
		if (!strcmp(l->seen[i], path))
			return 1;
	more = reallocarray(l->seen, l->nr_seen + 1, sizeof(*more));
	if (!more)
		return no_memory();
	l->seen = more;
	more[l->nr_seen] = strdup(path);
	return more[l->nr_seen++] ? 0 : no_memory();
}

static int add_object(struct linker *l, const char *path, const char *program_rpath, const char *interpreter,
		      unsigned int depth)
{
	struct dynamic d;
	struct blob own;
	struct view v;
	int err = remember(l, path);

	if (err)
		return err < 0 ? err : 0;
	/* Far more than there are libraries in a chain. */
	if (depth > 200)
		return fail(-EINVAL, "%s: libraries need each other without an end", path);
	blob_init(&own);
	err = contents(l, path, &own, &v);
	if (!err)
		err = dynamic_parse(&v, &d);
	blob_deinit(&own);
	if (err)
		return err == -ENOEXEC ? fail(-EINVAL, "%s is no library", path) : err;
	err = add_needed(l, path, &d, program_rpath, interpreter, depth);
	dynamic_deinit(&d);
	return err;
}

static int add_elf(struct linker *l, const char *path, const struct dynamic *d)
{
	int err = 0;

	if (d->interpreter && l->root)
		err = tree_add_file(l->tree, l->root, d->interpreter, 0);
	else if (d->interpreter && !tree_resolve(l->tree, d->interpreter))
		err = fail(-ENOENT, "%s needs %s, which is not in the image", path, d->interpreter);
	return err ? fail_ctx(err, "%s", path) :
	       add_needed(l, path, d, d->runpath ? NULL : d->rpath, d->interpreter, 0);
}

/* "#!/bin/sh -e", "#!/usr/bin/env NAME". */
static int add_script(struct linker *l, const char *path, struct text line)
{
	char *interpreter = NULL, *name = NULL;
	struct text word, argument;
	int err;

	text_trim(&line);
	word = text_until(&line, ' ');
	text_trim(&line);
	argument = text_until(&line, ' ');
	if (!word.len)
		return fail(-EINVAL, "%s: \"#!\" without an interpreter", path);
	interpreter = strndup(word.at, word.len);
	if (!interpreter)
		return no_memory();
	err = linker_add_program(l, interpreter);
	if (!err && text_stops(&word, "/env") && argument.len && argument.at[0] != '-') {
		name = strndup(argument.at, argument.len);
		err = name ? linker_add_program(l, name) : no_memory();
	}
	free(name);
	free(interpreter);
	return err ? fail_ctx(err, "%s", path) : 0;
}

int linker_add_needs(struct linker *l, const char *as)
{
	const struct tree_entry *e = tree_resolve(l->tree, as);
	struct text line;
	struct dynamic d;
	struct view v;
	int err;

	forget(l);
	if (!e || !S_ISREG(e->mode))
		return fail(-ENOENT, "%s is not in the image", as);
	v = view_of(e->content.data, e->content.len, e->path);
	if (view_has(&v, 0, "#!", 2)) {
		struct text t = text_of((const char *)v.base + 2, v.len - 2);
		char *copy;

		/* Adding to the tree moves its entries, not what they hold; the copy makes that nobody's concern. */
		line = text_until(&t, '\n');
		copy = strndup(line.at, line.len);
		if (!copy)
			return no_memory();
		err = add_script(l, as, text_of_string(copy));
		free(copy);
		return err;
	}
	err = dynamic_parse(&v, &d);
	if (err)
		return err == -ENOEXEC ? 0 : err;
	err = add_elf(l, as, &d);
	dynamic_deinit(&d);
	return err;
}

/* A name without a slash, as a shell would look for it. */
static int search_path(const struct linker *l, const char *name, char **path)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/libexec",
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *tried;

		if (asprintf(&tried, "%s/%s", folders[i], name) < 0)
			return no_memory();
		if (l->root ? root_exists(l->root, tried) : tree_resolve(l->tree, tried) != NULL) {
			*path = tried;
			return 0;
		}
		free(tried);
	}
	return fail(-ENOENT, "there is no program %s", name);
}

int linker_add_program(struct linker *l, const char *path)
{
	char *found = NULL;
	int err = strchr(path, '/') ? 0 : search_path(l, path, &found);

	if (!err && l->root)
		err = tree_add_file(l->tree, l->root, found ? found : path, 0);
	if (!err)
		err = linker_add_needs(l, found ? found : path);
	free(found);
	return err;
}

int linker_add_opened(struct linker *l, const char *alike, const char *const *names)
{
	struct dynamic d = { 0 };
	struct blob own;
	struct view v;
	int err;

	blob_init(&own);
	err = contents(l, alike, &own, &v);
	if (!err)
		err = dynamic_parse(&v, &d);
	blob_deinit(&own);
	for (size_t i = 0; !err && names[i] && d.interpreter; i++) {
		struct request r = { .name = names[i], .who = alike, .of = &d, .interpreter = d.interpreter };

		err = add_library(l, &r, 0);
		if (err == -ENOENT) {
			err_clear();
			err = 0;
		}
	}
	dynamic_deinit(&d);
	return err;
}
