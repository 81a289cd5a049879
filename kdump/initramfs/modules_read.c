// SPDX-License-Identifier: GPL-2.0-or-later
/* depmod's lists. */
#include "kdump/initramfs/modules_read.h"

#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place in a list, for messages. */
struct list {
	const char *name;
	unsigned int line;
};

static int damaged(const struct list *l, const char *what)
{
	return fail(-EINVAL, "%s:%u: %s; run depmod", l->name, l->line, what);
}

/* N + 1 elements of SIZE, for growth by one: room doubles whenever N is a power of two. */
static void *grown(void *array, size_t n, size_t size)
{
	size_t room;

	if (n & (n - 1))
		return array;
	if (__builtin_mul_overflow(n ? n : 1, (size_t)2, &room))
		return NULL;
	return reallocarray(array, room, size);
}

#define GROW(array, n) ({ \
	void *more_ = grown((array), (n), sizeof(*(array))); \
	if (more_) \
		(array) = more_; \
	more_ != NULL; })

char *module_name_of(const char *path, size_t len)
{
	size_t from = 0, n;
	char *name;

	for (size_t i = 0; i < len; i++)
		if (path[i] == '/')
			from = i + 1;
	/* NAME.ko, .ko.gz, .ko.xz, .ko.zst */
	for (n = 0; from + n < len && path[from + n] != '.'; n++)
		;
	name = strndup(path + from, n);
	for (char *c = name; c && *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

char *module_alias_of(const char *text, size_t len)
{
	char *alias = strndup(text, len);
	bool class = false;

	for (char *c = alias; c && *c; c++) {
		if (*c == '[' || *c == ']')
			class = *c == '[';
		else if (*c == '-' && !class)
			*c = '_';
	}
	return alias;
}

/* Blanks and tabs part words. */
static bool next_word(struct text *t, struct text *word)
{
	size_t n = 0;

	text_blanks(t);
	while (n < t->len && t->at[n] != ' ' && t->at[n] != '\t')
		n++;
	if (!n)
		return false;
	*word = text_of(t->at, n);
	*t = text_of(t->at + n, t->len - n);
	return true;
}

/* Only what lies below the folder, whatever the list says. */
static bool path_is_sane(const struct text *path)
{
	if (!path->len || path->at[0] == '/' || memchr(path->at, 0, path->len))
		return false;
	return !memmem(path->at, path->len, "../", 3);
}

/* "PATH: PATH PATH..." */
static int dep_line(struct modules *m, const struct list *l, struct text line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct text path, word;
	struct module *mod;

	if (!colon)
		return damaged(l, "a line without a colon");
	path = text_of(line.at, colon - line.at);
	if (!path_is_sane(&path))
		return damaged(l, "a path that leads elsewhere, or none");
	if (!GROW(m->module, m->nr_modules))
		return -ENOMEM;
	mod = &m->module[m->nr_modules++];
	*mod = (struct module){
		.name = module_name_of(path.at, path.len), .path = strndup(path.at, path.len),
	};
	if (!mod->name || !mod->path)
		return -ENOMEM;
	if (!*mod->name)
		return damaged(l, "a module without a name");
	line = text_of(colon + 1, line.len - path.len - 1);
	while (next_word(&line, &word)) {
		if (!path_is_sane(&word))
			return damaged(l, "a path that leads elsewhere");
		if (!GROW(mod->dep, mod->nr_deps))
			return -ENOMEM;
		mod->dep[mod->nr_deps] = strndup(word.at, word.len);
		if (!mod->dep[mod->nr_deps])
			return -ENOMEM;
		mod->nr_deps++;
	}
	return 0;
}

static int add_alias(struct module_alias **alias, size_t *nr, struct text pattern, struct text name)
{
	struct module_alias a;

	if (!GROW(*alias, *nr))
		return -ENOMEM;
	a = (struct module_alias){
		.pattern = module_alias_of(pattern.at, pattern.len), .name = module_name_of(name.at, name.len),
	};
	(*alias)[(*nr)++] = a;
	return a.pattern && a.name ? 0 : -ENOMEM;
}

/* "alias PATTERN NAME". Patterns of some buses have blanks in them: the name is the last word. */
static int alias_line(struct modules *m, const struct list *l, struct text line)
{
	struct text name;
	size_t n;

	if (!text_take(&line, "alias "))
		return 0;
	text_trim(&line);
	for (n = line.len; n && line.at[n - 1] != ' '; n--)
		;
	name = text_of(line.at + n, line.len - n);
	line.len = n;
	text_trim(&line);
	if (!line.len || !name.len)
		return damaged(l, "an alias without a module");
	return add_alias(&m->alias, &m->nr_aliases, line, name);
}

/* One more word of a soft dependency. */
static int add_word(char **words, struct text word)
{
	char *more;

	if (asprintf(&more, "%s%s%.*s", *words ? *words : "", *words ? " " : "", (int)word.len, word.at) < 0)
		return -ENOMEM;
	free(*words);
	*words = more;
	return 0;
}

/* "softdep NAME pre: NAME... post: NAME..." */
static int softdep_line(struct modules *m, const struct list *l, struct text line)
{
	char **words = NULL, *name;
	struct module *mod;
	struct text word;
	int err = 0;

	if (!text_take(&line, "softdep "))
		return 0;
	if (!next_word(&line, &word))
		return damaged(l, "a soft dependency of nothing");
	name = module_name_of(word.at, word.len);
	if (!name)
		return -ENOMEM;
	mod = module_find(m, name);
	free(name);
	while (!err && mod && next_word(&line, &word)) {
		if (text_is(&word, "pre:"))
			words = &mod->soft_pre;
		else if (text_is(&word, "post:"))
			words = &mod->soft_post;
		else if (words)
			err = add_word(words, word);
		/* Modules that say neither (cifs does) get nothing of it from modprobe either. */
	}
	return err;
}

static int builtin_line(struct modules *m, const struct list *l, struct text line)
{
	(void)l;
	if (!GROW(m->builtin, m->nr_builtin))
		return -ENOMEM;
	m->builtin[m->nr_builtin] = module_name_of(line.at, line.len);
	return m->builtin[m->nr_builtin++] ? 0 : -ENOMEM;
}

/* NAME.alias=PATTERN, each ended by a NUL byte, in a list that has much else. Kernel 5.2 and later. */
static int read_builtin_modinfo(struct modules *m, struct text t)
{
	int err = 0;

	while (!err && t.len) {
		struct text record = text_until(&t, 0), name = text_until(&record, '.');

		if (text_take(&record, "alias="))
			err = add_alias(&m->builtin_alias, &m->nr_builtin_aliases, record, name);
	}
	return err;
}

typedef int take_line(struct modules *m, const struct list *l, struct text line);

static int read_list(struct modules *m, const struct root *root, const char *name, bool optional, take_line *take)
{
	struct list l = { .name = name };
	struct text t, line;
	struct blob text;
	char *path;
	int err;

	if (asprintf(&path, "%s/%s", m->folder, name) < 0)
		return -ENOMEM;
	blob_init(&text);
	if (optional && !root_exists(root, path))
		err = 0;
	else
		err = root_read(root, path, ROOT_READ_MAX, &text);
	t = text_of((const char *)text.data, text.len);
	if (!err && !take)
		err = read_builtin_modinfo(m, t);
	while (take && !err && text_line(&t, &line)) {
		l.line++;
		text_trim(&line);
		if (line.len && line.at[0] != '#')
			err = take(m, &l, line);
		if (err)
			err = err == -ENOMEM ? err : fail_ctx(err, "/%s", m->folder);
	}
	blob_deinit(&text);
	free(path);
	return err;
}

static int compare_modules(const void *left, const void *right)
{
	return strcmp(((const struct module *)left)->name, ((const struct module *)right)->name);
}

static int compare_strings(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

struct module *module_find(const struct modules *m, const char *name)
{
	struct module key = { .name = (char *)name };

	return m->nr_modules ? bsearch(&key, m->module, m->nr_modules, sizeof(key), compare_modules) : NULL;
}

bool modules_is_builtin(const struct modules *m, const char *name)
{
	char *key = module_name_of(name, strlen(name));
	bool found = key && m->nr_builtin &&
		bsearch(&key, m->builtin, m->nr_builtin, sizeof(key), compare_strings);

	free(key);
	return found;
}

static int read_lists(struct modules *m, const struct root *root)
{
	int err = read_list(m, root, "modules.dep", false, dep_line);

	if (err)
		return err;
	if (m->nr_modules)
		qsort(m->module, m->nr_modules, sizeof(*m->module), compare_modules);
	err = read_list(m, root, "modules.builtin", true, builtin_line);
	if (!err && m->nr_builtin)
		qsort(m->builtin, m->nr_builtin, sizeof(*m->builtin), compare_strings);
	if (!err)
		err = read_list(m, root, "modules.builtin.modinfo", true, NULL);
	if (!err)
		err = read_list(m, root, "modules.alias", true, alias_line);
	return err ? err : read_list(m, root, "modules.softdep", true, softdep_line);
}

int modules_init(struct modules *m, const struct root *root, const char *release)
{
	struct modules read = { .release = strdup(release) };
	int err = 0;

	if (!*release || strchr(release, '/') || *release == '.')
		err = fail(-EINVAL, "\"%s\" is no release of a kernel", release);
	else if (!read.release || asprintf(&read.folder, "lib/modules/%s", release) < 0)
		err = -ENOMEM;
	if (!err)
		err = read_lists(&read, root);
	if (err) {
		modules_deinit(&read);
		*m = (struct modules){ 0 };
		return err == -ENOMEM ? fail(err, "out of memory for the lists of modules") : err;
	}
	*m = read;
	return 0;
}

static void deinit_aliases(struct module_alias *alias, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(alias[i].pattern);
		free(alias[i].name);
	}
	free(alias);
}

void modules_deinit(struct modules *m)
{
	for (size_t i = 0; i < m->nr_modules; i++) {
		struct module *mod = &m->module[i];

		for (size_t k = 0; k < mod->nr_deps; k++)
			free(mod->dep[k]);
		free(mod->dep);
		free(mod->name);
		free(mod->path);
		free(mod->soft_pre);
		free(mod->soft_post);
	}
	for (size_t i = 0; i < m->nr_builtin; i++)
		free(m->builtin[i]);
	deinit_aliases(m->alias, m->nr_aliases);
	deinit_aliases(m->builtin_alias, m->nr_builtin_aliases);
	free(m->module);
	free(m->builtin);
	free(m->list);
	free(m->release);
	free(m->folder);
	*m = (struct modules){ 0 };
}
