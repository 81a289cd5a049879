// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/verify.h"

#include "kdump/capture/facts.h"
#include "kdump/initramfs/libraries.h"
#include "kdump/initramfs/pack.h"
#include "kdump/initramfs/plan.h"
#include "lib/err.h"
#include "lib/text.h"
#include "service/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE 4096

/* One look at an image. */
struct look {
	struct initramfs *image;
	struct conf conf;
	struct facts facts;
	struct linker linker;      /* in the image, not on the machine */
	bool guest;                /* built by dracut or initramfs-tools */
	const char *program;       /* that captures */
	struct problems *problems;
};

int initramfs_open(struct initramfs *i, const struct view *v)
{
	struct initramfs read = { 0 };
	int err;

	tree_init(&read.tree);
	err = image_read(v, &read.tree, &read.sizes.unpacked);
	if (err)
		return err;
	read.sizes.packed = v->len;
	for (size_t k = 0; k < read.tree.nr; k++) {
		const struct tree_entry *e = &read.tree.entry[k];

		read.sizes.files++;
		read.sizes.memory += S_ISREG(e->mode) ? (e->content.len + PAGE - 1) / PAGE * PAGE : 0;
	}
	*i = read;
	return 0;
}

void initramfs_close(struct initramfs *i)
{
	tree_deinit(&i->tree);
	*i = (struct initramfs){ 0 };
}

static int problem(struct problems *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int problem(struct problems *p, const char *fmt, ...)
{
	char **more = reallocarray(p->text, p->nr + 1, sizeof(*more));
	va_list args;
	int n;

	if (!more)
		return fail(-ENOMEM, "out of memory");
	p->text = more;
	va_start(args, fmt);
	n = vasprintf(&more[p->nr], fmt, args);
	va_end(args);
	if (n < 0)
		return fail(-ENOMEM, "out of memory");
	p->nr++;
	return 0;
}

void problems_deinit(struct problems *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->text[i]);
	free(p->text);
	*p = (struct problems){ 0 };
}

/* What a function recorded, as a problem. */
static int recorded(struct look *l, int err)
{
	int result = 0;

	if (err == -ENOMEM)
		return err;
	if (err)
		result = problem(l->problems, "%s", err_text());
	err_clear();
	return result;
}

static const struct tree_entry *file_in(const struct look *l, const char *path)
{
	const struct tree_entry *e = tree_resolve(&l->image->tree, path);

	return e && S_ISREG(e->mode) ? e : NULL;
}

static int need_file(struct look *l, const char *keyword, const char *path)
{
	return file_in(l, path) ? 0 : problem(l->problems, "%s: %s is not in it", keyword, path);
}

/* A program, which can be run, and what it needs. */
static int need_program(struct look *l, const char *keyword, const char *path)
{
	const struct tree_entry *e;

	if (strchr(path, '/')) {
		e = file_in(l, path);
		if (!e)
			return problem(l->problems, "%s: %s is not in it", keyword, path);
		if (!(e->mode & 0111))
			return problem(l->problems, "%s: %s cannot be run", keyword, path);
	}
	return recorded(l, linker_add_program(&l->linker, path));
}

static int need_command(struct look *l, const char *keyword, const char *line)
{
	char *path;
	int err = plan_program(line, &path);

	if (err || !path)
		return err;
	err = need_program(l, keyword, path);
	free(path);
	return err;
}

static int look_at_program(struct look *l)
{
	const struct tree_entry *e = file_in(l, PLAN_STATIC);
	struct view v;

	l->guest = e != NULL;
	l->program = e ? PLAN_STATIC : "/init";
	if (!e)
		e = file_in(l, "init");
	if (!e)
		return problem(l->problems, "there is no /init in it");
	if (!(e->mode & 0111))
		return problem(l->problems, "%s cannot be run", l->program);
	v = view_of(e->content.data, e->content.len, l->program);
	if (!view_has(&v, 0, "\177ELF", 4))
		return problem(l->problems, "%s is no program", l->program);
	return recorded(l, linker_add_needs(&l->linker, l->program));
}

static int look_at_module(struct look *l, const struct fact *f)
{
	const struct tree_entry *e = file_in(l, f->word[0]);
	struct view v;

	if (!e)
		return problem(l->problems, "the module %s is not in it", f->word[0]);
	v = view_of(e->content.data, e->content.len, e->path);
	return view_has(&v, 0, "\177ELF", 4) ? 0 : problem(l->problems, "%s is no module", f->word[0]);
}

static int look_at_facts(struct look *l, const char *release)
{
	const struct tree_entry *e = file_in(l, FACTS_PATH);
	const struct fact *f;
	int err;

	if (!e)
		return problem(l->problems, "%s is not in it", FACTS_PATH);
	err = facts_parse(&l->facts, FACTS_PATH, (const char *)e->content.data, e->content.len);
	if (err)
		return recorded(l, err);
	f = facts_next(&l->facts, "release", NULL);
	if (!f)
		err = problem(l->problems, "%s does not say for which kernel it is", FACTS_PATH);
	else if (release && strcmp(release, f->word[0]))
		err = problem(l->problems, "it is for kernel %s, not for %s", f->word[0], release);
	for (f = NULL; !err && (f = facts_next(&l->facts, "module", f));)
		err = look_at_module(l, f);
	if (!err && !facts_next(&l->facts, "watchdog", NULL))
		debug("there is no watchdog");
	return err;
}

static int look_at_conf(struct look *l, const struct blob *text)
{
	const struct tree_entry *e = file_in(l, CONF_PATH);
	struct conf_faults faults = { 0 };
	int err;

	if (!e)
		return problem(l->problems, "%s is not in it", CONF_PATH);
	err = conf_parse(&l->conf, CONF_PATH, (const char *)e->content.data, e->content.len, &faults);
	conf_faults_deinit(&faults);
	if (err)
		return recorded(l, err);
	if (text && (text->len != e->content.len || memcmp(text->data, e->content.data, text->len)))
		return problem(l->problems, "it was made for another %s", CONF_PATH);
	return 0;
}

/* Can SERVER be reached as far as the facts tell? */
static int need_server(struct look *l, const char *where)
{
	uint8_t bytes[16];
	char *server;
	int err = plan_server(where, &server);

	if (err)
		return recorded(l, err);
	if (inet_pton(AF_INET, server, bytes) != 1 && inet_pton(AF_INET6, server, bytes) != 1 &&
	    !facts_find(&l->facts, "host", server))
		err = problem(l->problems, "%s does not say what the address of %s is", FACTS_PATH, server);
	/* Others set up the network in theirs. */
	if (!err && !l->guest && !facts_next(&l->facts, "link", NULL))
		err = problem(l->problems, "%s names no network interface by which to reach %s", FACTS_PATH, server);
	free(server);
	return err;
}

static int need_ssh(struct look *l)
{
	int err = need_program(l, "ssh", "/usr/bin/ssh");

	if (!err)
		err = need_file(l, "sshkey", l->conf.sshkey);
	return err ? err : need_file(l, "ssh_known_hosts", l->conf.ssh_known_hosts);
}

static int need_web(struct look *l)
{
	int err = 0;

	if (l->conf.https_ca)
		err = need_file(l, "https_ca", l->conf.https_ca);
	if (!err && l->conf.https_credentials)
		err = need_file(l, "https_credentials", l->conf.https_credentials);
	if (!err && l->conf.s3_credentials)
		err = need_file(l, "s3_credentials", l->conf.s3_credentials);
	return err;
}

static int look_at_target(struct look *l, size_t i)
{
	const struct conf_target *t = &l->conf.target[i];
	char key[32];
	int err = 0;

	snprintf(key, sizeof(key), "target%zu", i);
	if (t->kind == CONF_RAW)
		return facts_find(&l->facts, "raw", key) ? 0 :
		       problem(l->problems, "%s does not say where the raw target is", FACTS_PATH);
	if ((t->kind == CONF_LOCAL || t->kind == CONF_FS || t->kind == CONF_NFS) &&
	    !facts_find(&l->facts, "filesystem", key))
		return problem(l->problems, "%s does not say where target %zu is", FACTS_PATH, i + 1);
	if (t->kind == CONF_NFS || t->kind == CONF_SSH || t->kind == CONF_HTTPS)
		err = need_server(l, t->where);
	if (!err && t->kind == CONF_S3 && l->conf.s3_endpoint)
		err = need_server(l, l->conf.s3_endpoint);
	if (!err && t->kind == CONF_SSH)
		err = need_ssh(l);
	if (!err && (t->kind == CONF_HTTPS || t->kind == CONF_S3))
		err = need_web(l);
	return err;
}

static int look_at_needs(struct look *l)
{
	int err = 0;

	for (size_t i = 0; !err && i < l->conf.nr_targets; i++)
		err = look_at_target(l, i);
	if (!err && l->conf.failure_action == CONF_DUMP_TO_ROOTFS && !facts_find(&l->facts, "filesystem", "root"))
		err = problem(l->problems, "%s does not say where the root file system is", FACTS_PATH);
	if (!err)
		err = need_command(l, "kdump_pre", l->conf.kdump_pre);
	if (!err)
		err = need_command(l, "kdump_post", l->conf.kdump_post);
	for (size_t i = 0; !err && i < l->conf.extra_bins.nr; i++)
		err = need_command(l, "extra_bins", l->conf.extra_bins.word[i]);
	if (!err && l->conf.shell && !l->guest)
		err = need_program(l, "shell yes", "/bin/sh");
	return err;
}

int initramfs_verify(struct initramfs *i, const struct blob *conf_text, const char *release, struct problems *p)
{
	struct look l = { .image = i, .problems = p };
	int err = conf_init(&l.conf);

	*p = (struct problems){ 0 };
	if (!err)
		err = linker_init(&l.linker, NULL, &i->tree);
	if (!err)
		err = look_at_program(&l);
	if (!err)
		err = look_at_facts(&l, release);
	if (!err)
		err = look_at_conf(&l, conf_text);
	/* Without either there is nothing to hold it against. */
	if (!err && l.facts.nr && file_in(&l, CONF_PATH))
		err = look_at_needs(&l);
	linker_deinit(&l.linker);
	facts_deinit(&l.facts);
	conf_deinit(&l.conf);
	if (err)
		problems_deinit(p);
	return err;
}
