// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/builders.h"

#include "lib/blob.h"
#include "lib/err.h"
#include "lib/file.h"
#include "lib/run.h"
#include "lib/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A slow machine with all of dracut's modules takes a minute. */
#define BUILD_MS (20 * 60 * 1000ull)

/* The words of a command line. */
struct argv {
	char **word;
	size_t nr;
	bool failed;               /* for want of memory */
};

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static void argv_add_text(struct argv *a, struct text word)
{
	char **more = a->failed ? NULL : reallocarray(a->word, a->nr + 2, sizeof(*more));

	a->failed = !more;
	if (!more)
		return;
	a->word = more;
	more[a->nr] = strndup(word.at, word.len);
	more[a->nr + 1] = NULL;
	a->failed = !more[a->nr];
	a->nr += !a->failed;
}

static void argv_add(struct argv *a, const char *word)
{
	argv_add_text(a, text_of_string(word));
}

static void argv_deinit(struct argv *a)
{
	for (size_t i = 0; i < a->nr; i++)
		free(a->word[i]);
	free(a->word);
}

/* Words between blanks; '...' and "..." hold blanks together, as in a shell, and nothing is expanded. */
static int argv_add_words(struct argv *a, const char *line)
{
	char *word = malloc(strlen(line) + 1), quote = 0;
	size_t n = 0;
	bool some = false;

	if (!word)
		return no_memory();
	for (const char *c = line; ; c++) {
		bool blank = !quote && (*c == ' ' || *c == '\t');

		if (!*c || blank) {
			if (some)
				argv_add_text(a, text_of(word, n));
			n = 0;
			some = false;
			if (!*c)
				break;
		} else if (*c == quote) {
			quote = 0;
		} else if (!quote && (*c == '\'' || *c == '"')) {
			quote = *c;
			some = true;
		} else {
			word[n++] = *c;
			some = true;
		}
	}
	free(word);
	if (quote)
		return fail(-EINVAL, "dracut_args: a quote %c that is not closed", quote);
	return a->failed ? no_memory() : 0;
}

/* What a program said that failed: its last words. */
static const char *last_words(const struct blob *out)
{
	size_t from = out->len > 600 ? out->len - 600 : 0;

	return (const char *)out->data + from;
}

static int run(struct argv *a)
{
	struct blob out;
	struct run r = { .argv = (const char *const *)a->word, .timeout_ms = BUILD_MS, .out = &out };
	int status = 0, err = a->failed ? no_memory() : 0;

	blob_init(&out);
	if (!err)
		err = run_program(&r, &status);
	if (!err && debug_enabled())
		debug("%s", (const char *)out.data);
	if (!err && status)
		err = fail(-EIO, "%s ended with status %d: %s", a->word[0], status, last_words(&out));
	blob_deinit(&out);
	return err;
}

static int build_dracut(const struct plan *p, const char *parts, const char *output)
{
	struct argv a = { 0 };
	int err = 0;

	(void)parts;
	argv_add(&a, "dracut");
	argv_add(&a, "--force");
	argv_add(&a, "--quiet");
	argv_add(&a, "--hostonly");
	argv_add(&a, "--hostonly-cmdline");
	argv_add(&a, "--add");
	argv_add(&a, "parachute");
	/* No screens, no hibernated systems, no rescue: what is not there needs no memory. */
	argv_add(&a, "--omit");
	argv_add(&a, "plymouth resume rescue");
	for (size_t i = 0; i < p->nr_devices; i++) {
		argv_add(&a, "--add-device");
		argv_add(&a, p->device[i]);
	}
	if (p->r.conf->dracut_args)
		err = argv_add_words(&a, p->r.conf->dracut_args);
	argv_add(&a, "--kver");
	argv_add(&a, p->r.release);
	argv_add(&a, output);
	if (!err)
		err = run(&a);
	argv_deinit(&a);
	return err;
}

/* LINK in FOLDER to TARGET/NAME when that is there. */
static int link_into(const char *folder, const char *target, const char *name)
{
	char *link = NULL, *to = NULL;
	int err = 0;

	if (asprintf(&link, "%s/%s", folder, name) < 0 || asprintf(&to, "%s/%s", target, name) < 0)
		err = no_memory();
	else if (!access(to, F_OK) && symlink(to, link))
		err = fail_sys(-errno, "cannot make %s", link);
	free(link);
	free(to);
	return err;
}

static int write_below(const char *folder, const char *name, const void *bytes, size_t len)
{
	char *path;
	int err;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return no_memory();
	err = file_replace(path, bytes, len, 0600);
	free(path);
	return err;
}

/*
 * The settings of the machine, but for the modules: those of this machine's devices only ("dep"), for "most" unpack
 * to more than reservations hold. Settings in conf.d count after those of initramfs.conf, in order.
 */
static int tools_settings(const struct plan *p, const char *folder)
{
	static const char dep[] = "MODULES=dep\nRESUME=none\n";
	static const char *const same[] = { "modules", "hooks", "scripts", "update-initramfs.conf" };
	const char *etc = "/etc/initramfs-tools";
	struct root_names names = { 0 };
	char *conf_d = NULL;
	struct blob text;
	int err = 0;

	blob_init(&text);
	if (asprintf(&conf_d, "%s/conf.d", folder) < 0)
		return no_memory();
	if (mkdir(folder, 0700) || mkdir(conf_d, 0700))
		err = fail_sys(-errno, "cannot make %s", conf_d);
	if (!err)
		err = root_read(p->r.root, "etc/initramfs-tools/initramfs.conf", ROOT_READ_MAX, &text);
	if (!err)
		err = write_below(folder, "initramfs.conf", text.data, text.len);
	for (size_t i = 0; !err && i < sizeof(same) / sizeof(same[0]); i++)
		err = link_into(folder, etc, same[i]);
	if (!err && root_exists(p->r.root, "etc/initramfs-tools/conf.d"))
		err = root_list(p->r.root, "etc/initramfs-tools/conf.d", &names);
	for (size_t i = 0; !err && i < names.nr; i++)
		err = link_into(conf_d, "/etc/initramfs-tools/conf.d", names.name[i]);
	if (!err)
		err = write_below(conf_d, "zz-parachute", dep, sizeof(dep) - 1);
	root_names_deinit(&names);
	blob_deinit(&text);
	free(conf_d);
	return err;
}

static int build_tools(const struct plan *p, const char *parts, const char *output)
{
	struct argv a = { 0 };
	char *settings;
	int err;

	if (asprintf(&settings, "%s.settings", parts) < 0)
		return no_memory();
	err = tools_settings(p, settings);
	argv_add(&a, "mkinitramfs");
	argv_add(&a, "-d");
	argv_add(&a, settings);
	argv_add(&a, "-o");
	argv_add(&a, output);
	argv_add(&a, p->r.release);
	if (!err)
		err = run(&a);
	argv_deinit(&a);
	free(settings);
	return err;
}

const struct builder builders[] = {
	{ "dracut", "usr/bin/dracut", "usr/lib/dracut/modules.d/99parachute/module-setup.sh", build_dracut },
	{ "initramfs-tools", "usr/sbin/mkinitramfs", "usr/share/initramfs-tools/hooks/parachute", build_tools },
	{ NULL, NULL, NULL, NULL },
};

bool builder_present(const struct builder *b, const struct root *root)
{
	return root_exists(root, b->program) && root_exists(root, b->hook);
}

/* One entry of the tree below the folder FD. Folders come in front of what is in them. */
static int write_entry(int fd, const struct tree_entry *e)
{
	int file, err;

	if (S_ISDIR(e->mode))
		return mkdirat(fd, e->path, e->mode & 07777) ? -errno : 0;
	if (S_ISLNK(e->mode))
		return symlinkat((const char *)e->content.data, fd, e->path) ? -errno : 0;
	file = openat(fd, e->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	err = file_write_all(file, e->content.data, e->content.len);
	if (!err && fchmod(file, e->mode & 07777))
		err = -errno;
	if (close(file) && !err)
		err = -errno;
	return err;
}

static int write_tree(const struct tree *t, const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return fail_sys(-errno, "cannot open %s", folder);
	for (size_t i = 0; !err && i < t->nr; i++) {
		err = write_entry(fd, &t->entry[i]);
		if (err)
			err = fail_sys(err, "cannot write %s/%s", folder, t->entry[i].path);
	}
	close(fd);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

static void remove_folder(const char *path)
{
	if (!access(path, F_OK) && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
		warn("cannot remove %s, which holds copies of what is in the initramfs", path);
}

int builder_build(const struct builder *b, const struct plan *p, const char *output)
{
	char *parts, *settings = NULL;
	int err = 0;

	if (strcmp(p->r.root->path, "/"))
		return fail(-ENOTSUP, "%s builds only for the running system, not with --sysroot", b->name);
	if (asprintf(&parts, "%s.parts.XXXXXX", output) < 0)
		return no_memory();
	if (!mkdtemp(parts)) {
		err = fail_sys(-errno, "cannot make the folder %s", parts);
		free(parts);
		return err;
	}
	if (asprintf(&settings, "%s.settings", parts) < 0)
		err = no_memory();
	if (!err)
		err = write_tree(&p->tree, parts);
	if (!err && setenv(BUILDERS_PARTS, parts, 1))
		err = no_memory();
	if (!err)
		err = b->build(p, parts, output);
	unsetenv(BUILDERS_PARTS);
	remove_folder(parts);
	if (settings)
		remove_folder(settings);
	free(settings);
	free(parts);
	return err;
}
