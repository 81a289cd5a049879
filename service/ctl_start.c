// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl start, stop, restart, rebuild. */
#include "service/ctl.h"

#include "lib/err.h"
#include "lib/run.h"
#include "service/dumps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS 10000

/* All that a start needs to know before anything is touched. */
struct job {
	const struct ctl *ctl;
	struct conf conf;
	struct machine m;
	struct capture_files files;
	int lock;
};

static void job_finish(struct job *j)
{
	ctl_unlock(&j->lock);
	capture_files_deinit(&j->files);
	machine_deinit(&j->m);
	conf_deinit(&j->conf);
}

/* Configuration, then reservation, then the lock: whoever waits for it should not wait for nothing. */
static int job_prepare(struct job *j, const struct ctl *ctl, const char *command)
{
	int err;

	*j = (struct job){ .ctl = ctl, .lock = -1 };
	err = ctl_conf_read(ctl, &j->conf);
	if (err)
		return err;
	err = machine_read(&j->m, ctl);
	if (!err)
		err = ctl_check_reservation(ctl, &j->m);
	if (!err)
		err = ctl_state_dir(ctl);
	if (!err)
		err = ctl_lock(ctl, command, &j->lock);
	if (!err)
		err = capture_files_find(&j->files, ctl, &j->conf, &j->m);
	return err;
}

/* Build it, or find that the one that is there will do. */
static int have_initramfs(const struct job *j)
{
	bool there = !access(j->files.initramfs, R_OK);
	char *why = NULL;
	int err = 0;

	if (there && j->conf.force_no_rebuild)
		return 0;
	if (there && !j->conf.force_rebuild && !initramfs_is_stale(j->ctl, &j->files, &why))
		return 0;
	if (j->conf.force_rebuild)
		fprintf(stderr, "kdumpctl: building %s, as force_rebuild says\n", j->files.initramfs);
	else
		fprintf(stderr, "kdumpctl: building %s%s%s\n", j->files.initramfs, there && why && *why ? ": " : "",
			there && why ? why : "");
	free(why);
	err = initramfs_build(j->ctl, &j->files);
	if (err)
		err = fail(err, "%s; %s", err_text(), machine_is_loaded(j->ctl) ?
			   "the capture kernel that is loaded stays" : "no capture kernel is loaded");
	return err;
}

/* Is what is loaded just what would be loaded now? */
static bool is_current(const struct job *j)
{
	struct record loaded;
	struct cmdline c = { 0 };
	char *what = NULL;
	bool current = false;

	record_init(&loaded);
	if (j->m.loaded && !record_read(&loaded, j->ctl, CTL_LOADED) && !ctl_outdated(j->ctl, &loaded, &j->m, &what) &&
	    !machine_cmdline(&j->m, j->ctl, &j->conf, &c))
		current = !*what && !strcmp(c.text, record_get(&loaded, "cmdline")) &&
			  !strcmp(j->files.kernel, record_get(&loaded, "kernel")) &&
			  !strcmp(j->files.initramfs, record_get(&loaded, "initramfs"));
	err_clear();
	cmdline_deinit(&c);
	free(what);
	record_deinit(&loaded);
	return current;
}

static int load(const struct job *j)
{
	int err = ctl_load(j->ctl, &j->conf, &j->m, &j->files);

	if (!err)
		printf("loaded: %s with %s\n", j->files.kernel, j->files.initramfs);
	return err;
}

static int start(struct ctl *ctl, const char *command, bool early, bool even_if_current)
{
	struct job j;
	int err = job_prepare(&j, ctl, command);

	if (!err && early && access(j.files.initramfs, R_OK)) {
		printf("there is no %s yet: kdump.service builds and loads it\n", j.files.initramfs);
		job_finish(&j);
		return 0;
	}
	if (!err && !early)
		err = have_initramfs(&j);
	if (!err && !even_if_current && is_current(&j))
		printf("already loaded and up to date\n");
	else if (!err)
		err = load(&j);
	if (!err && !early && ctl_keep_last(ctl)) {
		warn("%s", err_text());
		err_clear();
	}
	/* Fetching takes hours, and CPUs and memory come and go meanwhile. One partition is fetched by one process. */
	ctl_unlock(&j.lock);
	if (!err && !early)
		ctl_fetch_dumps(ctl, &j.conf);
	/* Old dumps are no reason to be without the next one. */
	if (!err && !early && prune_now(ctl, &j.conf, false)) {
		warn("%s", err_text());
		err_clear();
	}
	job_finish(&j);
	return err;
}

/* A configuration that was damaged since the last start is no reason to be without what that one has loaded. */
static int start_last(struct ctl *ctl, const char *command)
{
	struct machine m = { 0 };
	int err = machine_read(&m, ctl), lock = -1;

	if (!err)
		err = ctl_check_reservation(ctl, &m);
	if (!err)
		err = ctl_state_dir(ctl);
	if (!err)
		err = ctl_lock(ctl, command, &lock);
	if (!err && machine_is_loaded(ctl))
		printf("the capture kernel that is loaded stays\n");
	else if (!err)
		err = ctl_load_last(ctl);
	ctl_unlock(&lock);
	machine_deinit(&m);
	return err;
}

static int start_early(struct ctl *ctl, const char *command)
{
	struct conf conf = { 0 };
	int err = ctl_conf_read(ctl, &conf);

	conf_deinit(&conf);
	if (!err)
		return start(ctl, command, true, false);
	if (!root_exists(&ctl->root, &CTL_LAST[1]))
		return err;
	warn("%s; what was loaded in the last boot is loaded", err_text());
	err_clear();
	return start_last(ctl, command);
}

int command_start(struct ctl *ctl, int argc, char **argv, int *status)
{
	bool early = false;

	(void)status;
	for (int i = 1; i < argc; i++) {
		if (!ctl_is(argv[i], "--early"))
			return ctl_usage(argv[0], "no such argument", argv[i]);
		early = true;
	}
	return early ? start_early(ctl, argv[0]) : start(ctl, argv[0], false, false);
}

int command_restart(struct ctl *ctl, int argc, char **argv, int *status)
{
	(void)status;
	if (argc > 1)
		return ctl_usage(argv[0], "no such argument", argv[1]);
	return start(ctl, argv[0], false, true);
}

/* With what is built already, and with the configuration as it is now. */
int command_reload(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct job j;
	int err;

	(void)status;
	if (argc > 1)
		return ctl_usage(argv[0], "no such argument", argv[1]);
	err = job_prepare(&j, ctl, argv[0]);
	if (!err && access(j.files.initramfs, R_OK))
		err = fail(-ENOENT, "there is no %s to load; run \"kdumpctl start\", which builds it",
			   j.files.initramfs);
	if (!err)
		err = load(&j);
	job_finish(&j);
	return err;
}

int command_rebuild(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct job j = { .ctl = ctl, .lock = -1 };
	int err;

	(void)status;
	if (argc > 1)
		return ctl_usage(argv[0], "no such argument", argv[1]);
	/* Building needs no reservation: it is done before the reboot that brings one. */
	err = ctl_conf_read(ctl, &j.conf);
	if (!err)
		err = machine_read(&j.m, ctl);
	if (!err)
		err = ctl_lock(ctl, argv[0], &j.lock);
	if (!err)
		err = capture_files_find(&j.files, ctl, &j.conf, &j.m);
	if (!err)
		err = initramfs_build(ctl, &j.files);
	if (!err)
		printf("built: %s%s\n", j.files.initramfs, j.m.loaded ? "; \"kdumpctl reload\" loads it" : "");
	job_finish(&j);
	return err;
}

/* ---- stop ---- */

static int ask_systemctl(const char *const *argv, struct blob *out)
{
	struct run r = { .argv = argv, .timeout_ms = ASK_MS, .out = out };
	int status, err = run_program(&r, &status);

	if (err)
		err_clear();
	return err;
}

/*
 * systemd stops the unit also when the machine goes down, where a panic is as likely as ever, and in front of a
 * restart, which loads over what is loaded. Both are no reason to be without a capture kernel.
 */
static bool keep_for_systemd(void)
{
	static const char *const state[] = { "systemctl", "is-system-running", NULL };
	static const char *const jobs[] = { "systemctl", "list-jobs", "--no-legend", "--plain", "kdump.service", NULL };
	struct blob out;
	bool keep;

	blob_init(&out);
	keep = !ask_systemctl(state, &out) && out.len && !strncmp((const char *)out.data, "stopping", 8);
	out.len = 0;
	if (!keep && !ask_systemctl(jobs, &out) && out.len)
		keep = strstr((const char *)out.data, " restart ") != NULL;
	blob_deinit(&out);
	return keep;
}

static int unload(const struct ctl *ctl)
{
	struct argv a = { 0 };
	struct blob out;
	char *said = NULL, *path;
	int status, err;

	blob_init(&out);
	argv_add(&a, "kexec");
	if (ctl->sysroot)
		argv_add(&a, "--sysroot=%s", ctl->sysroot);
	argv_add(&a, "-p");
	argv_add(&a, "-u");
	err = argv_run(&a, ASK_MS * 3, &out, &status);
	if (!err && status) {
		said = ctl_last_line(&out);
		err = fail(-EIO, "the capture kernel was not unloaded: %s",
			   said && *said ? said : "kexec failed and said nothing");
	}
	path = err ? NULL : ctl_path(ctl, CTL_LOADED);
	if (path && unlink(path) && errno != ENOENT)
		err = fail_sys(-errno, "%s: cannot remove", path);
	free(path);
	free(said);
	argv_deinit(&a);
	blob_deinit(&out);
	return err;
}

int command_stop(struct ctl *ctl, int argc, char **argv, int *status)
{
	bool service = false;
	int lock = -1, err;

	(void)status;
	for (int i = 1; i < argc; i++) {
		if (!ctl_is(argv[i], "--service"))
			return ctl_usage(argv[0], "no such argument", argv[i]);
		service = true;
	}
	if (service && keep_for_systemd()) {
		printf("the capture kernel stays loaded\n");
		return 0;
	}
	err = ctl_lock(ctl, argv[0], &lock);
	if (!err && !machine_is_loaded(ctl))
		printf("no capture kernel is loaded\n");
	else if (!err)
		err = unload(ctl);
	if (!err)
		printf("stopped\n");
	ctl_unlock(&lock);
	return err;
}
