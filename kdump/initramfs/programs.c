// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs and the files that they read. */
#include "kdump/capture/hooks.h"
#include "kdump/initramfs/dynamic.h"
#include "kdump/initramfs/plan.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where distributions keep the certificates that everybody trusts: Debian, Fedora, SUSE, Alpine. */
static const char *const ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* What glibc opens by name at run time; those that a release has built in are not there. */
static const char *const opened[] = { "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1", NULL };

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

/* FILE of a keyword. */
static int add_named(struct plan *p, const char *keyword, const char *path, uint32_t mode, const char *hint)
{
	int err = tree_add_file(&p->tree, p->r.root, path, mode);

	if (err == -ENOENT)
		return fail(err, "%s %s: there is no such file%s", keyword, path, hint);
	return err ? fail_ctx(err, "%s", keyword) : 0;
}

/* The program that captures. */
static int add_init(struct plan *p)
{
	const char *from = p->web ? PLAN_DYNAMIC : PLAN_STATIC, *as = p->r.guest ? PLAN_STATIC : "/init";
	struct blob content;
	int err;

	if (p->r.init) {
		err = tree_add_file_as(&p->tree, p->r.init, as, 0755);
	} else {
		if (!root_exists(p->r.root, from) && !p->web)
			from = PLAN_DYNAMIC;
		blob_init(&content);
		err = root_read(p->r.root, from, TREE_FILE_MAX, &content);
		if (!err)
			err = tree_add_blob(&p->tree, as, 0755, &content, from);
		else
			err = fail_ctx(err, "the program for the initramfs");
		blob_deinit(&content);
	}
	return err ? err : linker_add_needs(&p->linker, as);
}

/* Names for scripts and for a shell. */
static int add_names(struct plan *p)
{
	static const char *const names[] = { "kdump", "makedumpfile", "vmcore-dmesg" };
	char *path;
	int err = 0;

	for (size_t i = 0; !err && !p->r.guest && i < sizeof(names) / sizeof(names[0]); i++) {
		if (asprintf(&path, "usr/sbin/%s", names[i]) < 0)
			return no_memory();
		if (!tree_find(&p->tree, path))
			err = tree_add_link(&p->tree, path, "/init");
		free(path);
	}
	return err;
}

/* What programs with libraries want to know of the machine they run on. */
static int add_accounts(struct plan *p)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{ "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n" },
		{ "etc/group", "root:x:0:\n" },
		{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n" },
	};
	int err = 0;

	for (size_t i = 0; !err && !p->r.guest && i < sizeof(files) / sizeof(files[0]); i++)
		err = tree_add_bytes(&p->tree, files[i].path, 0644, files[i].text, strlen(files[i].text), NULL);
	return err;
}

static int add_ssh(struct plan *p)
{
	const struct conf *c = p->r.conf;
	int err;

	if (!p->ssh)
		return 0;
	err = linker_add_program(&p->linker, "/usr/bin/ssh");
	if (err)
		return fail_ctx(err, "an ssh target needs OpenSSH's client");
	err = add_named(p, "sshkey", c->sshkey, 0600, "; \"kdumpctl propagate\" makes it and gives it to the server");
	if (!err)
		err = add_named(p, "ssh_known_hosts", c->ssh_known_hosts, 0600,
				"; \"kdumpctl propagate\" asks the server for its key");
	return err ? err : linker_add_opened(&p->linker, "/usr/bin/ssh", opened);
}

static int add_ca(struct plan *p)
{
	if (p->r.conf->https_ca)
		return add_named(p, "https_ca", p->r.conf->https_ca, 0644, "");
	for (size_t i = 0; i < sizeof(ca_files) / sizeof(ca_files[0]); i++)
		if (root_exists(p->r.root, ca_files[i]))
			return tree_add_file(&p->tree, p->r.root, ca_files[i], 0644);
	return fail(-ENOENT, "there are no certificates to trust (%s): install ca-certificates, or name a file with "
		    "https_ca", ca_files[0]);
}

static int add_web(struct plan *p)
{
	const struct conf *c = p->r.conf;
	int err;

	if (!p->web)
		return 0;
	err = add_ca(p);
	if (!err && c->https_credentials)
		err = add_named(p, "https_credentials", c->https_credentials, 0600, "");
	if (!err && c->s3_credentials)
		err = add_named(p, "s3_credentials", c->s3_credentials, 0600, "");
	return err ? err : linker_add_opened(&p->linker, p->r.guest ? PLAN_STATIC : "/init", opened);
}

int plan_program(const char *line, char **program)
{
	struct text rest = text_of_string(line ? line : ""), word;

	*program = NULL;
	if (!text_word(&rest, &word))
		return 0;
	*program = strndup(word.at, word.len);
	return *program ? 0 : no_memory();
}

static int add_command(struct plan *p, const char *keyword, const char *line)
{
	char *path;
	int err = plan_program(line, &path);

	if (err || !path)
		return err;
	err = linker_add_program(&p->linker, path);
	free(path);
	return err ? fail_ctx(err, "%s: %s", p->r.conf_name, keyword) : 0;
}

/* Programs in FOLDER, which the capture runs by name; what is not executable is none. */
static int add_hooks(struct plan *p, const char *folder)
{
	struct root_names names = { 0 };
	int err = root_exists(p->r.root, folder + 1) ? root_list(p->r.root, folder + 1, &names) : 0;

	for (size_t i = 0; !err && i < names.nr; i++) {
		struct stat st;
		char *path;

		if (asprintf(&path, "%s/%s", folder, names.name[i]) < 0) {
			err = no_memory();
			break;
		}
		err = root_stat(p->r.root, path + 1, &st);
		if (!err && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			err = linker_add_program(&p->linker, path);
		free(path);
	}
	root_names_deinit(&names);
	return err ? fail_ctx(err, "%s", folder) : 0;
}

/* makedumpfile and kdump are in /init; what else collects a core is a program of its own. */
static int add_collector(struct plan *p)
{
	struct text rest = text_of_string(p->r.conf->core_collector), word;

	if (!text_word(&rest, &word) || text_is(&word, "kdump") || text_stops(&word, "/kdump") ||
	    text_is(&word, "makedumpfile") || text_stops(&word, "/makedumpfile"))
		return 0;
	return add_command(p, "core_collector", p->r.conf->core_collector);
}

static int add_fence(struct plan *p)
{
	static const char *const places[] = {
		"/usr/libexec/fence_kdump_send", "/usr/sbin/fence_kdump_send", "/usr/lib/fence_kdump_send",
	};

	if (!p->r.conf->fence_kdump_nodes)
		return 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (root_exists(p->r.root, places[i]))
			return linker_add_program(&p->linker, places[i]);
	return fail(-ENOENT, "%s: fence_kdump_nodes needs %s, which is not installed", p->r.conf_name, places[0]);
}

static int add_shell(struct plan *p)
{
	static const char *const places[] = {
		"/bin/busybox", "/usr/bin/busybox", "/sbin/busybox", "/usr/sbin/busybox",
	};
	const struct tree_entry *e;
	char *target;
	int err;

	if (!p->r.conf->shell || p->r.guest)
		return 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!root_exists(p->r.root, places[i]))
			continue;
		err = linker_add_program(&p->linker, places[i]);
		if (err || tree_resolve(&p->tree, "/bin/sh"))
			return err;
		e = tree_resolve(&p->tree, places[i]);
		if (!e || asprintf(&target, "/%s", e->path) < 0)
			return no_memory();
		err = tree_add_link(&p->tree, "bin/sh", target);
		free(target);
		return err;
	}
	return fail(-ENOENT, "%s: \"shell yes\" needs busybox, which is not installed", p->r.conf_name);
}

int plan_programs(struct plan *p)
{
	const struct conf *c = p->r.conf;
	int err = add_init(p);

	if (!err)
		err = add_accounts(p);
	if (!err)
		err = add_ssh(p);
	if (!err)
		err = add_web(p);
	if (!err)
		err = add_command(p, "kdump_pre", c->kdump_pre);
	if (!err)
		err = add_command(p, "kdump_post", c->kdump_post);
	if (!err)
		err = add_hooks(p, HOOKS_PRE);
	if (!err)
		err = add_hooks(p, HOOKS_POST);
	if (!err)
		err = add_collector(p);
	for (size_t i = 0; !err && i < c->extra_bins.nr; i++)
		err = add_command(p, "extra_bins", c->extra_bins.word[i]);
	if (!err)
		err = add_fence(p);
	if (!err)
		err = add_shell(p);
	return err ? err : add_names(p);
}
