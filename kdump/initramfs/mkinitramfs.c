// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump mkinitramfs: plan what goes in, pack it or have it packed, write it and what it was made from. */
#include "kdump/command.h"

#include "kdump/initramfs/builders.h"
#include "kdump/initramfs/cpio.h"
#include "kdump/initramfs/inputs.h"
#include "kdump/initramfs/pack.h"
#include "kdump/initramfs/plan.h"
#include "kdump/initramfs/verify.h"
#include "kdump/save.h"
#include "lib/err.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/sha256.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_CONF = 256, OPT_SYSROOT, OPT_KERNEL, OPT_INIT, OPT_COMPRESS, OPT_BUILDER, OPT_JSON, OPT_STALE, OPT_CHECK,
	OPT_SIZES, OPT_FACTS };

static const struct option long_options[] = {
	{ "conf", required_argument, NULL, OPT_CONF },
	{ "sysroot", required_argument, NULL, OPT_SYSROOT },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "init", required_argument, NULL, OPT_INIT },
	{ "compress", required_argument, NULL, OPT_COMPRESS },
	{ "builder", required_argument, NULL, OPT_BUILDER },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "stale", no_argument, NULL, OPT_STALE },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "sizes", no_argument, NULL, OPT_SIZES },
	{ "facts", no_argument, NULL, OPT_FACTS },
	{ "force", no_argument, NULL, 'f' },
	{ "debug", no_argument, NULL, 'D' },
	{ NULL, 0, NULL, 0 },
};

struct options {
	const char *conf, *sysroot, *kernel, *init, *compress, *builder, *file;
	bool json, force;
	int mode;                  /* OPT_STALE, OPT_CHECK, OPT_SIZES, OPT_FACTS; 0: build */
};

/* What all modes begin with. */
struct job {
	struct options o;
	struct root root;
	struct conf conf;
	struct blob conf_text;
	char *conf_name;
	char *release;
	char *inputs_name;
	const struct packing *packing;
};

/* How an image is to come about. */
struct making {
	struct plan plan;
	const struct builder *builder; /* NULL: we do it */
};

static const char *builder_name(const struct making *m)
{
	return m->builder ? m->builder->name : "own";
}

/* How an image is packed that others pack is theirs to choose. */
static const char *packing_name(const struct job *j, const struct making *m)
{
	return m->builder ? "-" : j->packing->name;
}

static int read_release(struct job *j)
{
	struct blob text;
	int err = 0;

	if (!j->o.kernel) {
		blob_init(&text);
		err = root_read(&j->root, "proc/sys/kernel/osrelease", 4096, &text);
		if (!err)
			j->release = strndup((char *)text.data, strcspn((char *)text.data, "\n"));
		blob_deinit(&text);
	} else {
		j->release = strdup(j->o.kernel);
	}
	if (err)
		return err;
	return j->release ? 0 : fail(-ENOMEM, "out of memory");
}

static int read_conf(struct job *j)
{
	struct conf_faults faults = { 0 };
	struct file file;
	int err;

	if (j->o.conf)
		j->conf_name = strdup(j->o.conf);
	else if (asprintf(&j->conf_name, "%s%s", j->o.sysroot ? j->o.sysroot : "", CONF_PATH) < 0)
		j->conf_name = NULL;
	if (!j->conf_name)
		return fail(-ENOMEM, "out of memory");
	err = file_open(&file, j->conf_name);
	if (!err) {
		err = blob_append(&j->conf_text, file.view.base, file.view.len);
		file_close(&file);
	} else if (err == -ENODATA) { /* Of an empty one everything is as it is without a line. */
		err_clear();
		err = 0;
	}
	if (!err)
		err = conf_parse(&j->conf, j->conf_name, (const char *)j->conf_text.data, j->conf_text.len, &faults);
	/* The first one is in the chain. */
	for (size_t i = 1; i < faults.nr; i++)
		warn("%s:%u: %s", j->conf_name, faults.fault[i].line, faults.fault[i].text);
	conf_faults_deinit(&faults);
	return err;
}

static int job_init(struct job *j, const struct options *o)
{
	int err;

	*j = (struct job){ .o = *o };
	blob_init(&j->conf_text);
	err = root_init(&j->root, o->sysroot);
	if (!err)
		err = conf_init(&j->conf);
	if (!err)
		err = read_conf(j);
	if (!err)
		err = read_release(j);
	if (!err)
		err = o->compress ? packing_find(o->compress, &j->packing) :
		      packing_choose(&j->root, j->release, &j->packing);
	if (!err && o->file && asprintf(&j->inputs_name, "%s.inputs", o->file) < 0)
		err = fail(-ENOMEM, "out of memory");
	return err;
}

static void job_deinit(struct job *j)
{
	root_deinit(&j->root);
	conf_deinit(&j->conf);
	blob_deinit(&j->conf_text);
	free(j->conf_name);
	free(j->release);
	free(j->inputs_name);
}

static int plan_for(const struct job *j, bool guest, struct plan *p)
{
	struct plan_request r = {
		.root = &j->root, .conf = &j->conf, .conf_name = j->conf_name, .conf_text = &j->conf_text,
		.release = j->release, .init = j->o.init, .guest = guest,
	};

	return plan_init(p, &r);
}

static int plan_by(const struct job *j, const char *name, struct making *m)
{
	for (const struct builder *b = builders; b->name; b++) {
		if (strcmp(b->name, name))
			continue;
		m->builder = b;
		if (!builder_present(b, &j->root))
			return fail(-ENOENT, "initramfs %s: /%s or /%s is not there; install them", name, b->program,
				    b->hook);
		return plan_for(j, true, &m->plan);
	}
	return fail(-EINVAL, "\"%s\" is none of auto, own, dracut, initramfs-tools", name);
}

/* Ours when it can do it, else the first of the others that is there. */
static int plan_auto(const struct job *j, struct making *m)
{
	char *why;
	int err = plan_for(j, false, &m->plan);

	if (err != -ENOTSUP)
		return err;
	for (const struct builder *b = builders; b->name; b++) {
		if (!builder_present(b, &j->root))
			continue;
		debug("%s builds it: %s", b->name, err_text());
		err_clear();
		m->builder = b;
		return plan_for(j, true, &m->plan);
	}
	why = strdup(err_text());
	err = fail(err, "%s; that needs dracut or initramfs-tools, and neither is there with our part of it",
		   why ? why : "a target is out of reach");
	free(why);
	return err;
}

static int make_plan(const struct job *j, struct making *m)
{
	static const char *const names[] = {
		[CONF_BUILDER_AUTO] = "auto", [CONF_BUILDER_OWN] = "own", [CONF_BUILDER_DRACUT] = "dracut",
		[CONF_BUILDER_INITRAMFS_TOOLS] = "initramfs-tools",
	};
	const char *name = j->o.builder ? j->o.builder : names[j->conf.builder];

	*m = (struct making){ 0 };
	if (!strcmp(name, "own"))
		return plan_for(j, false, &m->plan);
	return strcmp(name, "auto") ? plan_by(j, name, m) : plan_auto(j, m);
}

static int write_inputs(const struct job *j, const struct making *m, const void *image, size_t len)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = inputs_of(&m->plan, builder_name(m), packing_name(j, m), &text);
	if (!err)
		err = inputs_add_image(&text, image, len);
	if (!err)
		err = file_replace(j->inputs_name, text.data, text.len, 0600);
	blob_deinit(&text);
	return err;
}

static int build_own(const struct job *j, struct making *m)
{
	struct blob archive, image;
	int err;

	blob_init(&archive);
	blob_init(&image);
	err = cpio_write(&m->plan.tree, &archive);
	if (!err)
		err = j->packing->pack(&archive, &image);
	if (!err)
		err = file_replace(j->o.file, image.data, image.len, 0600);
	if (!err)
		err = write_inputs(j, m, image.data, image.len);
	if (!err)
		printf("%s: %zu files, %zu KiB, unpacked %zu KiB\n", j->o.file, m->plan.tree.nr, image.len >> 10,
		       archive.len >> 10);
	blob_deinit(&archive);
	blob_deinit(&image);
	return err;
}

/* Under a name of its own until it is known to hold what we gave. */
static int build_by_other(const struct job *j, struct making *m)
{
	struct problems problems = { 0 };
	struct initramfs image = { 0 };
	struct file file = { 0 };
	char *name;
	int err;

	if (asprintf(&name, "%s.new", j->o.file) < 0)
		return fail(-ENOMEM, "out of memory");
	err = builder_build(m->builder, &m->plan, name);
	if (!err)
		err = file_open(&file, name);
	if (!err)
		err = initramfs_open(&image, &file.view);
	if (!err)
		err = initramfs_verify(&image, &j->conf_text, j->release, &problems);
	/* Those are of targets that were left out, which has been said. */
	if (!err && problems.nr && !m->plan.left_out)
		err = fail(-EIO, "what %s made is no use: %s", m->builder->name, problems.text[0]);
	if (!err)
		err = file_replace(j->o.file, file.view.base, file.view.len, 0600);
	if (!err)
		err = write_inputs(j, m, file.view.base, file.view.len);
	if (!err)
		printf("%s: by %s, %" PRIu64 " files, %" PRIu64 " KiB, unpacked %" PRIu64 " KiB\n", j->o.file,
		       m->builder->name, image.sizes.files, image.sizes.packed >> 10, image.sizes.unpacked >> 10);
	unlink(name);
	problems_deinit(&problems);
	initramfs_close(&image);
	file_close(&file);
	free(name);
	return err;
}

static int run_build(const struct job *j)
{
	struct making m;
	int err;

	/* What we made is ours to replace. */
	if (!j->o.force && !access(j->o.file, F_OK) && access(j->inputs_name, F_OK))
		return fail(-EEXIST, "%s is there and was not made by kdump mkinitramfs; -f replaces it", j->o.file);
	err = make_plan(j, &m);
	if (!err)
		err = m.builder ? build_by_other(j, &m) : build_own(j, &m);
	plan_deinit(&m.plan);
	return err;
}

static int compare(const struct job *j, const struct making *m, bool *stale)
{
	struct file recorded = { 0 }, image = { 0 };
	struct blob now;
	int err;

	blob_init(&now);
	err = inputs_of(&m->plan, builder_name(m), packing_name(j, m), &now);
	if (!err)
		err = file_open(&recorded, j->inputs_name);
	if (!err)
		err = file_open(&image, j->o.file);
	if (!err)
		err = inputs_compare(&now, m->plan.left_out, &recorded.view, &image.view, stdout, stale);
	blob_deinit(&now);
	file_close(&recorded);
	file_close(&image);
	return err;
}

static int run_stale(const struct job *j, int *status)
{
	struct making m;
	bool stale = true;
	int err;

	if (access(j->o.file, F_OK) || access(j->inputs_name, F_OK)) {
		printf("%s: it is not there yet\n", access(j->o.file, F_OK) ? j->o.file : j->inputs_name);
		*status = EXIT_FAILED;
		return 0;
	}
	err = make_plan(j, &m);
	if (!err)
		err = compare(j, &m, &stale);
	plan_deinit(&m.plan);
	if (!err && stale)
		*status = EXIT_FAILED;
	return err;
}

static int print_json(const struct job *j, const struct initramfs *image, const struct problems *p)
{
	struct json *top = json_object(), *list;
	int err;

	json_add_string(top, "file", j->o.file);
	json_add_number(top, "packed", (int64_t)image->sizes.packed);
	json_add_number(top, "unpacked", (int64_t)image->sizes.unpacked);
	json_add_number(top, "memory", (int64_t)image->sizes.memory);
	json_add_number(top, "files", (int64_t)image->sizes.files);
	if (p) {
		json_add_bool(top, "complete", !p->nr);
		list = json_array_in(top, "problems");
		for (size_t i = 0; i < p->nr; i++)
			json_add_string(list, NULL, p->text[i]);
	}
	err = json_print(top, stdout);
	json_free(top);
	return err;
}

static void print_sizes(const struct job *j, const struct initramfs *image)
{
	printf("%s: %" PRIu64 " files, packed %" PRIu64 ", unpacked %" PRIu64 ", in memory %" PRIu64 " bytes\n",
	       j->o.file, image->sizes.files, image->sizes.packed, image->sizes.unpacked, image->sizes.memory);
}

static int run_check(const struct job *j, int *status)
{
	struct problems problems = { 0 };
	struct initramfs image = { 0 };
	struct file file;
	int err = file_open(&file, j->o.file);

	if (err)
		return err;
	err = initramfs_open(&image, &file.view);
	if (!err)
		err = initramfs_verify(&image, &j->conf_text, j->release, &problems);
	if (!err && j->o.json) {
		err = print_json(j, &image, &problems);
	} else if (!err) {
		print_sizes(j, &image);
		/* Last, as the last line is what kdumpctl shows. */
		for (size_t i = 0; i < problems.nr; i++)
			printf("%s: %s\n", j->o.file, problems.text[i]);
		if (!problems.nr)
			printf("%s: all is in it\n", j->o.file);
	}
	if (problems.nr)
		*status = EXIT_FAILED;
	problems_deinit(&problems);
	initramfs_close(&image);
	file_close(&file);
	return err;
}

/* Needs no configuration: any initramfs can be asked. */
static int run_sizes(const struct options *o)
{
	struct job j = { .o = *o };
	struct initramfs image = { 0 };
	struct file file;
	int err = file_open(&file, o->file);

	if (err)
		return err;
	err = initramfs_open(&image, &file.view);
	if (!err && o->json)
		err = print_json(&j, &image, NULL);
	else if (!err)
		print_sizes(&j, &image);
	initramfs_close(&image);
	file_close(&file);
	return err;
}

static int run_facts(const struct job *j)
{
	struct making m;
	int err = make_plan(j, &m);

	if (!err && m.plan.facts.len)
		fwrite(m.plan.facts.data, 1, m.plan.facts.len, stdout);
	plan_deinit(&m.plan);
	return err;
}

static int take_mode(struct options *o, int mode)
{
	if (o->mode && o->mode != mode)
		return fail(-EINVAL, "--stale, --check, --sizes and --facts exclude each other");
	o->mode = mode;
	return 0;
}

static int take_option(struct options *o, int option, char **argv)
{
	switch (option) {
	case OPT_CONF:
		o->conf = optarg;
		return 0;
	case OPT_SYSROOT:
		o->sysroot = optarg;
		return 0;
	case OPT_KERNEL:
		o->kernel = optarg;
		return 0;
	case OPT_INIT:
		o->init = optarg;
		return 0;
	case OPT_COMPRESS:
		o->compress = optarg;
		return 0;
	case OPT_BUILDER:
		o->builder = optarg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case 'f':
		o->force = true;
		return 0;
	case 'D':
		debug_enable();
		return 0;
	case ':':
	case '?':
		return save_option_error(option, "fD", argv);
	default:
		return take_mode(o, option);
	}
}

static int parse(struct options *o, int argc, char **argv)
{
	int option, err = 0;

	*o = (struct options){ 0 };
	optind = 0;
	opterr = 0;
	while (!err && (option = getopt_long(argc, argv, ":fD", long_options, NULL)) != -1)
		err = take_option(o, option, argv);
	if (err)
		return err;
	if (o->mode == OPT_FACTS ? argc != optind : argc - optind != 1)
		return fail(-EINVAL, o->mode == OPT_FACTS ? "--facts takes no file" : "one file is needed");
	if (o->json && o->mode != OPT_CHECK && o->mode != OPT_SIZES)
		return fail(-EINVAL, "--json is for --check and --sizes");
	if (o->mode != OPT_FACTS)
		o->file = argv[optind];
	return 0;
}

int command_mkinitramfs(int argc, char **argv, int *status)
{
	struct options o;
	struct job j;
	int err = parse(&o, argc, argv);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	/* Also of those who build for us: there are keys in it. */
	umask(077);
	sha256_use_cpu(true);
	if (o.mode == OPT_SIZES)
		return run_sizes(&o);
	err = job_init(&j, &o);
	if (!err && o.mode == OPT_STALE)
		err = run_stale(&j, status);
	else if (!err && o.mode == OPT_CHECK)
		err = run_check(&j, status);
	else if (!err && o.mode == OPT_FACTS)
		err = run_facts(&j);
	else if (!err)
		err = run_build(&j);
	job_deinit(&j);
	return err;
}
