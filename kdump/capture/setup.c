// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/setup.h"

#include "kdump/capture/network.h"
#include "lib/blob.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* syslog(2): what the console prints. */
#define SYSLOG_ACTION_CONSOLE_LEVEL 8
/* Notices and what is worse. */
#define CONSOLE_LEVEL 6

static const struct {
	const char *fstype, *place, *data;
	unsigned long flags;
} basics[] = {
	{ "proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV },
};

void setup_mounts(void)
{
	int fd;

	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
		mkdir(basics[i].place, 0755);
		/* EBUSY: it is there (CONFIG_DEVTMPFS_MOUNT). */
		if (mount(basics[i].fstype, basics[i].place, basics[i].fstype, basics[i].flags, basics[i].data) &&
		    errno != EBUSY)
			dprintf(STDERR_FILENO, "kdump: %s cannot be mounted: %m\n", basics[i].place);
	}
	/* Without an initial console the kernel gives none of the standard descriptors. */
	fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int i = 0; fd >= 0 && i < 3; i++)
		if (fd != i && fcntl(i, F_GETFD) < 0)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void set(const struct say *s, const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || file_write_all(fd, value, strlen(value)))
		say(s, SAY_WARNING, "%s cannot be set to %s: %s", path, value, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* 0: a panic would leave the machine where it is. A value that somebody chose stays. */
static void reboot_on_panic(const struct say *s)
{
	char value[16] = "";
	int fd = open("/proc/sys/kernel/panic", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, value, sizeof(value) - 1) > 0 && atoi(value) != 0) {
		close(fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	set(s, "/proc/sys/kernel/panic", "10");
}

void setup_kernel(struct capture *c)
{
	const struct fact *name = facts_next(&c->facts, "hostname", NULL);

	reboot_on_panic(&c->say);
	/*
	 * Ten lines in five seconds are what the kernel takes of us otherwise. It wants the newline
	 * (kernel/printk/printk.c, 6.1).
	 */
	set(&c->say, "/proc/sys/kernel/printk_devkmsg", "on\n");
	if (klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, CONSOLE_LEVEL))
		say(&c->say, SAY_WARNING, "the console's level cannot be set: %s", strerror(errno));
	set(&c->say, "/proc/self/oom_score_adj", "-1000");
	/* Ctrl-Alt-Del is a signal to us then, which is ignored: no dump is lost to it. */
	reboot(RB_DISABLE_CAD);
	if (name && sethostname(name->word[0], strlen(name->word[0])))
		say(&c->say, SAY_WARNING, "the machine's name cannot be set: %s", strerror(errno));
}

/* ---- modules ---- */

char *setup_module_path(const struct facts *f, const char *path)
{
	const struct fact *release = facts_next(f, "release", NULL);
	char *whole;

	if (*path == '/' || !release)
		return strdup(path);
	return asprintf(&whole, "/lib/modules/%s/%s", release->word[0], path) < 0 ? NULL : whole;
}

char *setup_module_options(const struct fact *module)
{
	struct blob text;
	char *options = NULL;
	int err = 0;

	blob_init(&text);
	for (size_t i = 1; !err && i < module->nr_words; i++) {
		err = i > 1 ? blob_append(&text, " ", 1) : 0;
		if (!err)
			err = blob_append(&text, module->word[i], strlen(module->word[i]));
	}
	if (!err)
		options = strndup((char *)text.data, text.len);
	blob_deinit(&text);
	return options;
}

static int load(const char *path, const char *options)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, options, 0))
		err = -errno;
	close(fd);
	/* Built in, or loaded for another one. */
	return err == -EEXIST ? 0 : err;
}

int setup_modules(struct capture *c, void *unused)
{
	const struct fact *module = NULL;

	(void)unused;
	while ((module = facts_next(&c->facts, "module", module))) {
		char *path = setup_module_path(&c->facts, module->word[0]), *options = setup_module_options(module);
		int err = path && options ? load(path, options) : -ENOMEM;

		if (err)
			say(&c->say, SAY_WARNING, "module %s: %s", module->word[0], strerror(-err));
		free(path);
		free(options);
	}
	return 0;
}

int setup_network(struct capture *c, void *unused)
{
	(void)unused;
	network_up(c);
	return 0;
}
