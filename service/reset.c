// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl reset-crashkernel: shown first, then written. */
#include "lib/err.h"
#include "lib/run.h"
#include "service/bootloader.h"
#include "service/ctl.h"
#include "service/sizing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* os-prober looks at every disk. */
#define UPDATE_GRUB_MS (10 * 60 * 1000)
#define REBOOT_MS      (60 * 1000)

struct reset_options {
	const char *kernel;        /* NULL: all */
	const char *value;         /* NULL: what the estimate says */
	bool yes, dry_run, automatic, reboot;
};

static int parse_options(struct reset_options *o, int argc, char **argv)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "--yes", &o->yes }, { "--dry-run", &o->dry_run }, { "--auto", &o->automatic },
		{ "--reboot", &o->reboot },
	};
	const char *fadump = "off";

	for (int i = 1; i < argc; i++) {
		bool known = ctl_value(argv[i], "--kernel=", &o->kernel) ||
			     ctl_value(argv[i], "--value=", &o->value) ||
			     ctl_value(argv[i], "--fadump=", &fadump);

		for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++)
			if (ctl_is(argv[i], flags[f].name))
				known = *flags[f].flag = true;
		if (!known)
			return ctl_usage(argv[0], "what is this", argv[i]);
	}
	/* What Fedora has for POWER. */
	if (strcmp(fadump, "off"))
		return ctl_usage(argv[0], "firmware-assisted dumps are not supported", fadump);
	if (o->kernel && !strcmp(o->kernel, "ALL"))
		o->kernel = NULL;
	if (o->kernel && o->kernel[0] != '/')
		return ctl_usage(argv[0], "--kernel= takes ALL or a kernel's path", o->kernel);
	if (o->automatic && (o->kernel || o->value || o->dry_run || o->reboot))
		return ctl_usage(argv[0], "--auto goes with nothing else", NULL);
	return 0;
}

/* What goes into files of boot loaders, some of which are scripts. */
static int check_value(const char *value, const struct estimate *e)
{
	uint64_t size;
	int err;

	if (strlen(value) > CRASHKERNEL_MAX)
		return fail(-EINVAL, "the value of crashkernel= is longer than %d characters", CRASHKERNEL_MAX);
	err = crashkernel_size(text_of_string(value), e->ram, &size);
	if (err)
		return err;
	if (e->sizing.total && size < e->sizing.total)
		warn("crashkernel=%s reserves %lluM on this machine, %lluM are needed", value,
		     (unsigned long long)(size >> 20),
		     (unsigned long long)(e->sizing.total >> 20));
	return 0;
}

static bool confirmed(void)
{
	char answer[16];

	printf("Write this? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int update_grub(const struct ctl *ctl)
{
	struct argv argv = { 0 };
	struct blob words;
	int status = 0, err;

	if (ctl->sysroot) {
		printf("Run update-grub in %s to put it into GRUB's menu.\n", ctl->sysroot);
		return 0;
	}
	blob_init(&words);
	argv_add(&argv, "update-grub");
	err = argv_run(&argv, UPDATE_GRUB_MS, &words, &status);
	if (!err && status) {
		char *last = ctl_last_line(&words);

		err = fail(-EIO, "update-grub ended with %d: %s", status, last ? last : "");
		free(last);
	}
	argv_deinit(&argv);
	blob_deinit(&words);
	return err ? fail_ctx(err, "the setting is written, but GRUB's menu is not: run update-grub") : 0;
}

static int reboot_now(const struct ctl *ctl)
{
	struct argv argv = { 0 };
	struct blob words;
	int status = 0, err;

	if (ctl->sysroot) {
		printf("%s is not rebooted from here.\n", ctl->sysroot);
		return 0;
	}
	fflush(stdout);
	blob_init(&words);
	argv_add(&argv, "systemctl");
	argv_add(&argv, "reboot");
	err = argv_run(&argv, REBOOT_MS, &words, &status);
	if (!err && status)
		err = fail(-EIO, "systemctl reboot ended with %d", status);
	argv_deinit(&argv);
	blob_deinit(&words);
	return err ? fail_ctx(err, "the setting is written, but the machine does not reboot") : 0;
}

static int write_changes(const struct ctl *ctl, const struct boot_changes *b, bool reboot)
{
	int err = boot_changes_write(b);

	if (!err && b->grub)
		err = update_grub(ctl);
	if (!err)
		printf("Written. Reboot to have the memory reserved.\n");
	return err || !reboot ? err : reboot_now(ctl);
}

static int reset(const struct ctl *ctl, const struct reset_options *o, const struct estimate *e, int *status)
{
	const char *value = o->value ? o->value : e->value;
	struct boot_changes b;
	int err = check_value(value, e);

	if (!err)
		err = boot_changes_plan(&b, ctl, value, o->kernel);
	if (err)
		return err;
	for (size_t i = 0; i < b.nr_warnings; i++)
		warn("%s", b.warning[i]);
	boot_changes_print(&b);
	if (!b.nr) {
		printf("Nothing to change: crashkernel=%s is there already.\n", value);
	} else if (o->dry_run) {
		printf("Nothing was written.\n");
	} else if (o->yes || o->automatic || confirmed()) {
		err = write_changes(ctl, &b, o->reboot);
	} else {
		printf("Nothing was written.\n");
		*status = EXIT_FAILED;
	}
	boot_changes_deinit(&b);
	return err;
}

int command_reset_crashkernel(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct reset_options o = { 0 };
	struct conf conf = { 0 };
	struct estimate e;
	int err = parse_options(&o, argc, argv);

	if (err)
		return err;
	err = ctl_conf_read(ctl, &conf);
	/* What is reserved is enough: whoever chose it, it stays. */
	if (!err && o.automatic && !conf.auto_reset_crashkernel)
		goto out;
	if (!err)
		err = estimate_make(&e, ctl, &conf);
	if (err && o.value) {
		/* Then nobody can say whether that is enough, but it is what was asked for. */
		warn("what the capture kernel needs cannot be told: %s", err_text());
		e = (struct estimate){ 0 };
		err = 0;
	}
	if (!err && !(o.automatic && e.reserved >= e.sizing.total))
		err = reset(ctl, &o, &e, status);
out:
	conf_deinit(&conf);
	return err;
}
