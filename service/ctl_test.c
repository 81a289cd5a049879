// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl test: all that a crash needs, tried without one; and with --crash, the crash itself. */
#include "service/ctl_status.h"

#include "lib/err.h"
#include "service/sizing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test {
	struct ctl *ctl;
	struct status s;
	struct capture_files files;
	bool files_known;
	bool failed;
};

static void say(struct test *t, bool good, const char *name, const char *text)
{
	printf("%-8s %-18s %s\n", good ? "ok" : "FAILED", name, text);
	t->failed |= !good;
}

/* ---- the steps, in the order in which a crash needs them ---- */

static int test_configuration(struct test *t)
{
	char *path = ctl_conf_path(t->ctl);

	if (path)
		say(t, !t->s.conf_error, "configuration", t->s.conf_error ? t->s.conf_error : path);
	free(path);
	return path ? 0 : -ENOMEM;
}

static int test_reservation(struct test *t)
{
	int err = ctl_check_reservation(t->ctl, &t->s.m);
	char size[16];

	ctl_size_text(t->s.m.reserved, size);
	say(t, !err, "reservation", err ? err_text() : size);
	err_clear();
	return 0;
}

static int test_files(struct test *t)
{
	int err = t->s.conf_error ? 0 : capture_files_find(&t->files, t->ctl, &t->s.conf, &t->s.m);

	if (t->s.conf_error)
		return 0;
	t->files_known = !err;
	say(t, !err, "kernel", err ? err_text() : t->files.kernel);
	err_clear();
	return 0;
}

static int test_initramfs(struct test *t)
{
	struct blob out;
	char *why = NULL, *said = NULL;
	int status = 0, err;

	if (!t->files_known)
		return 0;
	if (initramfs_is_stale(t->ctl, &t->files, &why)) {
		say(t, false, "initramfs fresh", why && *why ? why : "its inputs have changed");
		free(why);
	} else {
		say(t, true, "initramfs fresh", t->files.initramfs);
	}
	blob_init(&out);
	err = initramfs_check(t->ctl, &t->files, &out, &status);
	if (!err) {
		said = ctl_last_line(&out);
		if (!said)
			err = fail(-ENOMEM, "no memory");
	}
	if (!err || err != -ENOMEM) {
		if (said && !*said) {
			free(said);
			said = strdup(status ? "it is not" : "it is");
		}
		say(t, !err && !status, "initramfs complete", err ? err_text() : said ? said : "no memory");
		err = 0;
		err_clear();
	}
	free(said);
	blob_deinit(&out);
	return err;
}

static int test_sizing(struct test *t)
{
	bool enough = false;
	char *text = NULL;
	int err;

	if (!t->files_known || !t->s.m.reserved)
		return 0;
	err = sizing_check(t->ctl, &t->s.conf, &enough, &text);
	if (err == -ENOMEM)
		return err;
	say(t, !err && enough, "size", err ? err_text() : text);
	err_clear();
	free(text);
	return 0;
}

static int test_image(struct test *t)
{
	static const char *const words[] = {
		"no capture kernel is loaded; run \"kdumpctl start\"", "intact", "DAMAGED", NULL,
	};
	const struct status *s = &t->s;
	char *text;

	say(t, s->m.loaded && s->image != IMAGE_DAMAGED, "capture kernel",
	    words[s->image] ? words[s->image] : s->image_text);
	if (!s->m.loaded)
		return 0;
	if (!s->ours) {
		say(t, false, "up to date", "another program loaded it; run \"kdumpctl start\"");
		return 0;
	}
	if (asprintf(&text, "changed since it was loaded: %s; run \"kdumpctl start\"", s->outdated) < 0)
		return fail(-ENOMEM, "no memory");
	say(t, !*s->outdated, "up to date", *s->outdated ? text : "CPUs, memory, kernel, initramfs, configuration");
	free(text);
	return 0;
}

/* Whether a dump fits only the crash tells: it may be packed to a third of that. A remark, not a failure. */
static int test_targets(struct test *t)
{
	uint64_t kernel = machine_kernel_bytes(t->ctl);

	for (size_t i = 0; i < t->s.probes.nr; i++) {
		const struct probe *p = &t->s.probes.probe[i];
		bool small = p->room_known && p->room < kernel;
		char room[16] = "", used[16] = "", *text;

		if (p->room_known)
			ctl_size_text(p->room, room);
		ctl_size_text(kernel, used);
		if (asprintf(&text, "%s: %s%s%s%s%s%s", p->name, p->text, *room ? ", room: " : "", room,
			     small ? "; the kernel uses " : "", small ? used : "",
			     small ? ", a dump of that may not fit" : "") < 0)
			return fail(-ENOMEM, "no memory");
		say(t, p->ok, "target", text);
		free(text);
	}
	return 0;
}

static int rehearse(struct test *t)
{
	static int (*const steps[])(struct test *) = {
		test_configuration, test_reservation, test_files, test_initramfs, test_sizing, test_image, test_targets,
	};
	int err = status_read(&t->s, t->ctl, true);

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](t);
		fflush(stdout);
	}
	return err;
}

/* ---- the crash ---- */

static bool confirmed(void)
{
	char line[64];

	fprintf(stderr, "This crashes the machine now: every program ends, and what is not on disk is lost.\n"
		"Type \"crash\" to do it: ");
	fflush(stderr);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return !strcmp(line, "crash");
}

static int crash(const struct ctl *ctl)
{
	int fd, err = 0;

	sync();
	/* Below the sysroot's own folder, and through no link: the file must be the one that was meant. */
	fd = openat(ctl->root.dirfd, "proc/sysrq-trigger", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_sys(-errno, "/proc/sysrq-trigger");
	if (write(fd, "c", 1) != 1)
		err = fail_sys(-errno, "/proc/sysrq-trigger");
	close(fd);
	return err;
}

int command_test(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct test t = { .ctl = ctl };
	bool want_crash = false, yes = false;
	int err;

	for (int i = 1; i < argc; i++) {
		if (ctl_is(argv[i], "--crash"))
			want_crash = true;
		else if (ctl_is(argv[i], "--yes"))
			yes = true;
		else
			return ctl_usage(argv[0], "no such argument", argv[i]);
	}
	if (yes && !want_crash)
		return ctl_usage(argv[0], "--yes confirms --crash, which is not there", NULL);
	err = rehearse(&t);
	if (!err && t.failed)
		*status = EXIT_FAILED;
	if (!err && want_crash && !status_operational(&t.s))
		err = fail(-ENODATA, "no crash: what is loaded would not capture it");
	else if (!err && want_crash && t.failed)
		err = fail(-ENODATA, "no crash: not all is well, see above");
	else if (!err && want_crash && !yes && !confirmed())
		err = fail(-ECANCELED, "no crash: it was not confirmed");
	else if (!err && want_crash)
		err = crash(ctl);
	capture_files_deinit(&t.files);
	status_deinit(&t.s);
	return err;
}
