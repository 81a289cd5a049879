// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules that are wanted, unpacked, with their options and their firmware. */
#include "kdump/capture/facts.h"
#include "kdump/initramfs/modules_read.h"
#include "kdump/initramfs/plan.h"
#include "lib/err.h"
#include "lib/text.h"
#include "lib/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What modprobe.d(5) reads, in its order; of files with one name the first. All options of a module count together. */
static const char *const option_folders[] = {
	"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d",
};

#define MODULE_MAX (256u << 20)
#define MAX_WORDS 256

struct words {
	char **word;
	size_t nr;
};

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static void words_deinit(struct words *w)
{
	for (size_t i = 0; i < w->nr; i++)
		free(w->word[i]);
	free(w->word);
	*w = (struct words){ 0 };
}

static int words_add(struct words *w, struct text word)
{
	char **more;

	if (w->nr == MAX_WORDS)
		return fail(-EINVAL, "a module with more than %u options", MAX_WORDS);
	more = reallocarray(w->word, w->nr + 2, sizeof(*more));
	if (!more)
		return no_memory();
	w->word = more;
	more[w->nr] = strndup(word.at, word.len);
	more[w->nr + 1] = NULL;
	return more[w->nr++] ? 0 : no_memory();
}

/* "options NAME WORD..." for this module. */
static int take_options(struct words *w, const struct module *mod, struct text t)
{
	struct text line, word;
	int err = 0;

	while (!err && text_line(&t, &line)) {
		char *name;
		bool ours;

		for (char *c = (char *)line.at; c < line.at + line.len; c++)
			if (*c == '\t')
				*c = ' ';
		text_trim(&line);
		if (!text_take(&line, "options "))
			continue;
		text_blanks(&line);
		word = text_until(&line, ' ');
		name = module_name_of(word.at, word.len);
		if (!name)
			return no_memory();
		ours = !strcmp(name, mod->name);
		free(name);
		while (!err && ours && (text_blanks(&line), line.len))
			err = words_add(w, text_until(&line, ' '));
	}
	return err;
}

/* Is a file of this name in a folder that comes first? */
static bool hidden(const struct root *root, size_t folder, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < folder && !found; i++) {
		char *path;

		if (asprintf(&path, "%s/%s", option_folders[i], name) < 0)
			continue;
		found = root_exists(root, path);
		free(path);
	}
	return found;
}

static int options_of(const struct root *root, const struct module *mod, struct words *w)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(option_folders) / sizeof(option_folders[0]); i++) {
		struct root_names names = { 0 };

		if (!root_exists(root, option_folders[i]))
			continue;
		err = root_list(root, option_folders[i], &names);
		for (size_t k = 0; !err && k < names.nr; k++) {
			struct text name = text_of_string(names.name[k]);
			struct blob text;
			char *path;

			if (!text_stops(&name, ".conf") || hidden(root, i, names.name[k]))
				continue;
			if (asprintf(&path, "%s/%s", option_folders[i], names.name[k]) < 0) {
				err = no_memory();
				break;
			}
			blob_init(&text);
			err = root_read(root, path, ROOT_READ_MAX, &text);
			free(path);
			if (!err)
				err = take_options(w, mod, text_of((const char *)text.data, text.len));
			blob_deinit(&text);
		}
		root_names_deinit(&names);
	}
	return err;
}

/*
 * The firmware NAME as it is on disk: kernels unpack .xz and .zst by themselves. One that is not there is not missed
 * by this machine either.
 */
static int add_firmware(struct plan *p, const char *name)
{
	static const char *const folders[] = { "updates/", "" }, *const suffixes[] = { "", ".xz", ".zst" };
	int err = 0;

	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 3; k++) {
			char *path;
			bool there;
			int n = asprintf(&path, "lib/firmware/%s%s%s%s%s", folders[i / 2], i & 1 ? "" : p->r.release,
					 i & 1 ? "" : "/", name, suffixes[k]);

			if (n < 0)
				return no_memory();
			there = root_exists(p->r.root, path);
			if (there)
				err = tree_add_file(&p->tree, p->r.root, path, 0644);
			free(path);
			if (there)
				return err;
		}
	}
	debug("firmware %s is not there", name);
	return 0;
}

/*
 * A module lists the files that it may ask for as "firmware=NAME" among the strings of its section .modinfo. They are
 * looked for in the whole file: a string that only looks like one costs a look.
 */
static int firmware_of(struct plan *p, const struct view *v)
{
	static const char mark[] = "\0firmware=";
	const uint8_t *at = v->base;
	uint64_t left = v->len;
	int err = 0;

	while (!err) {
		const uint8_t *hit = memmem(at, left, mark, sizeof(mark) - 1);
		const char *name;

		if (!hit)
			break;
		left -= (uint64_t)(hit - at) + sizeof(mark) - 1;
		at = hit + sizeof(mark) - 1;
		name = (const char *)at;
		if (!memchr(name, 0, left))
			break;
		/* Patterns ("*.bin") name whole families; paths stay below the folder. */
		if (*name && *name != '/' && !strstr(name, "..") && !strpbrk(name, "*?["))
			err = add_firmware(p, name);
	}
	return err;
}

/* Where it is to be in the image, without what tells how it is packed. From malloc. */
static char *place_of(const struct plan *p, const struct module *mod)
{
	const char *ko = strstr(mod->path, ".ko");
	int len = ko ? (int)(ko + 3 - mod->path) : (int)strlen(mod->path);
	char *place;

	if (p->r.guest)
		return asprintf(&place, "/usr/lib/parachute/modules/%s.ko", mod->name) < 0 ? NULL : place;
	return asprintf(&place, "/%s/%.*s", p->modules.folder, len, mod->path) < 0 ? NULL : place;
}

static int module_fact(struct plan *p, const struct module *mod, const char *place)
{
	struct words w = { 0 };
	int err = words_add(&w, text_of_string(place));

	if (!err)
		err = options_of(p->r.root, mod, &w);
	if (!err)
		err = facts_add(&p->facts, "module", (const char *const *)w.word);
	words_deinit(&w);
	return err;
}

/* CONTENT is the file as it is on disk. */
static int add_unpacked(struct plan *p, const char *path, const char *place, const struct blob *content)
{
	struct view v = blob_view(content, path);
	struct unpacked u = { 0 };
	int err = unpack(&v, MODULE_MAX, &u);

	if (!err)
		v = u.view;
	else if (err == -ENOEXEC)
		err = 0;
	if (!err && !view_has(&v, 0, "\177ELF", 4))
		err = fail(-EINVAL, "/%s is no module", path);
	if (!err)
		err = tree_add_bytes(&p->tree, place, 0644, v.base, v.len, path);
	if (!err)
		err = firmware_of(p, &v);
	unpacked_release(&u);
	return err;
}

static int add_module(struct plan *p, const struct module *mod)
{
	char *path, *place = place_of(p, mod);
	struct blob content;
	int err;

	if (!place || asprintf(&path, "%s/%s", p->modules.folder, mod->path) < 0) {
		free(place);
		return no_memory();
	}
	blob_init(&content);
	err = root_read(p->r.root, path, MODULE_MAX, &content);
	if (!err)
		err = add_unpacked(p, path, place, &content);
	if (!err)
		err = module_fact(p, mod, place);
	blob_deinit(&content);
	free(path);
	free(place);
	return err ? fail_ctx(err, "module %s", mod->name) : 0;
}

int plan_modules(struct plan *p)
{
	int err = 0;

	for (size_t i = 0; !err && i < p->modules.nr_list; i++)
		err = add_module(p, p->modules.list[i]);
	return err;
}
