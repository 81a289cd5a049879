// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl check-config: all that is wrong with the configuration, and with the files that it names. */
#include "lib/err.h"
#include "lib/json.h"
#include "service/command.h"
#include "service/conf.h"
#include "service/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Faults of the files that are named. Those have no line. */
struct findings {
	struct conf_faults faults;
	const struct ctl *ctl;
	const char *file;          /* the configuration */
	int err;                   /* no memory */
};

static void PRINTF_LIKE(2, 3) find(struct findings *f, const char *fmt, ...)
{
	struct conf_fault *more = reallocarray(f->faults.fault, f->faults.nr + 1, sizeof(*more));
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (more)
		f->faults.fault = more;
	if (!more || n < 0) {
		f->err = fail(-ENOMEM, "no memory");
		return;
	}
	more[f->faults.nr] = (struct conf_fault){ .file = strdup(f->file), .text = text };
	if (!more[f->faults.nr++].file)
		f->err = fail(-ENOMEM, "no memory");
}

enum { MAY_RUN = 1, SECRET = 2 };

static void check_file(struct findings *f, const char *keyword, const char *path, int wants)
{
	struct stat st;
	int err;

	/* Bare names of extra_bins are looked for in PATH, when the initramfs is built. */
	if (!path || path[0] != '/')
		return;
	err = root_stat(&f->ctl->root, path + 1, &st);
	if (err)
		find(f, "\"%s\": %s: %s", keyword, path, strerror(-err));
	else if (!S_ISREG(st.st_mode))
		find(f, "\"%s\": %s is no file", keyword, path);
	else if ((wants & MAY_RUN) && !(st.st_mode & 0111))
		find(f, "\"%s\": %s may not be executed: \"chmod +x %s\"", keyword, path, path);
	else if ((wants & SECRET) && (st.st_mode & 077))
		find(f, "\"%s\": %s can be read by others: \"chmod 600 %s\"", keyword, path, path);
}

static bool has_kind(const struct conf *c, enum conf_target_kind kind)
{
	for (size_t i = 0; i < c->nr_targets; i++)
		if (c->target[i].kind == kind)
			return true;
	return false;
}

static void check_files(struct findings *f, const struct conf *c)
{
	bool web = has_kind(c, CONF_HTTPS), store = has_kind(c, CONF_S3);

	check_file(f, "kdump_pre", c->kdump_pre, MAY_RUN);
	check_file(f, "kdump_post", c->kdump_post, MAY_RUN);
	for (size_t i = 0; i < c->extra_bins.nr; i++)
		check_file(f, "extra_bins", c->extra_bins.word[i], MAY_RUN);
	if (has_kind(c, CONF_SSH)) {
		check_file(f, "sshkey", c->sshkey, SECRET);
		check_file(f, "ssh_known_hosts", c->ssh_known_hosts, 0);
		if (f->faults.nr)
			find(f, "\"ssh\": \"kdumpctl propagate\" makes the key and notes the server's");
	}
	if (web || store)
		check_file(f, "https_ca", c->https_ca, 0);
	if (web)
		check_file(f, "https_credentials", c->https_credentials, SECRET);
	if (store)
		check_file(f, "s3_credentials", c->s3_credentials, SECRET);
}

static int print_json(const struct conf *c, const struct conf_faults *faults)
{
	struct json *root = json_object(), *list;
	int err;

	json_add_bool(root, "valid", !faults->nr);
	list = json_array_in(root, "faults");
	for (size_t i = 0; i < faults->nr; i++) {
		struct json *fault = json_object_in(list, NULL);

		json_add_string(fault, "file", faults->fault[i].file);
		json_add_number(fault, "line", faults->fault[i].line);
		json_add_string(fault, "text", faults->fault[i].text);
	}
	list = json_array_in(root, "targets");
	for (size_t i = 0; i < c->nr_targets; i++) {
		char *name = conf_target_name(c, &c->target[i]);

		json_add_string(list, NULL, name ? name : "");
		free(name);
	}
	err = json_print(root, stdout);
	json_free(root);
	return err;
}

static int print_text(const struct conf *c, const char *path, const struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->nr; i++) {
		const struct conf_fault *f = &faults->fault[i];

		if (f->line)
			fprintf(stderr, "%s:%u: %s\n", f->file, f->line, f->text);
		else
			fprintf(stderr, "%s: %s\n", f->file, f->text);
	}
	if (faults->nr)
		return 0;
	printf("%s: no faults\n", path);
	for (size_t i = 0; i < c->nr_targets; i++) {
		char *name = conf_target_name(c, &c->target[i]);

		if (!name)
			return fail(-ENOMEM, "no memory");
		printf("%s%s\n", i ? "then:    " : "dump to: ", name);
		free(name);
	}
	return 0;
}

int command_check_config(struct ctl *ctl, int argc, char **argv, int *status)
{
	char *path = ctl_conf_path(ctl);
	struct findings f = { .ctl = ctl, .file = path };
	struct conf conf = { 0 };
	bool json = false;
	int err = path ? 0 : -ENOMEM;

	for (int i = 1; !err && i < argc; i++) {
		if (ctl_is(argv[i], "--json"))
			json = true;
		else
			err = ctl_usage(argv[0], "what is this", argv[i]);
	}
	if (!err)
		err = conf_read(&conf, ctl->sysroot, path, &f.faults);
	if (!err)
		check_files(&f, &conf);
	/* What is wrong with the text is the answer, not an error. */
	if (!err || (err == -EINVAL && f.faults.nr))
		err = f.err;
	if (!err) {
		*status = f.faults.nr ? EXIT_FAILED : EXIT_OK;
		err = json ? print_json(&conf, &f.faults) : print_text(&conf, path, &f.faults);
	}
	conf_faults_deinit(&f.faults);
	conf_deinit(&conf);
	free(path);
	return err;
}
