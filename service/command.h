/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of kdumpctl(8): one function each, arguments behind the command's name. */
#ifndef SERVICE_COMMAND_H
#define SERVICE_COMMAND_H

#include "lib/root.h"

#include <stdbool.h>
#include <stdint.h>

/* As Fedora's kdumpctl answers: 1 is "no" and "wrong arguments" alike, but for "status", whose "no" is the LSB's 3. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_NOT_OPERATIONAL = 3 };

/* What stands in front of the command, for all of them. */
struct ctl {
	const char *sysroot;       /* --sysroot DIR; NULL: the machine itself */
	const char *conf;          /* --conf FILE as given, not below the sysroot; NULL: CONF_PATH below it */
	uint64_t wait_s;           /* --wait SECONDS: for the lock */
	struct root root;          /* the sysroot, open */
};

struct command {
	const char *name;
	const char *arguments;     /* as usage prints them */
	const char *summary;
	const char *options;       /* a line each; "": there are none */
	/*
	 * argv[0] is the command's name. 0 or a negative errno (recorded; main prints it and answers EXIT_FAILED).
	 * *STATUS is EXIT_OK on entry; a command whose answer is "no" says so itself and sets EXIT_FAILED. -EINVAL by
	 * ctl_usage() for arguments that make no sense.
	 */
	int (*run)(struct ctl *ctl, int argc, char **argv, int *status);
};

/*
 * PATH (absolute) below the sysroot, from malloc: for programs that we start and files that we write. NULL without
 * memory (recorded).
 */
char *ctl_path(const struct ctl *ctl, const char *path);
/*
 * The configuration's file: what --conf says, or CONF_PATH below the sysroot. From malloc; NULL without memory
 * (recorded).
 */
char *ctl_conf_path(const struct ctl *ctl);

/* "COMMAND: WHAT; see ..." with what is wrong with an argument. Returns -EINVAL. */
int ctl_usage(const char *command, const char *what, const char *argument);

int command_start(struct ctl *ctl, int argc, char **argv, int *status);
int command_stop(struct ctl *ctl, int argc, char **argv, int *status);
int command_restart(struct ctl *ctl, int argc, char **argv, int *status);
int command_reload(struct ctl *ctl, int argc, char **argv, int *status);
int command_rebuild(struct ctl *ctl, int argc, char **argv, int *status);
int command_status(struct ctl *ctl, int argc, char **argv, int *status);
int command_verify(struct ctl *ctl, int argc, char **argv, int *status);
int command_test(struct ctl *ctl, int argc, char **argv, int *status);
int command_probe_mount(struct ctl *ctl, int argc, char **argv, int *status);
int command_hotplug_event(struct ctl *ctl, int argc, char **argv, int *status);
int command_hotplug_reload(struct ctl *ctl, int argc, char **argv, int *status);
int command_check_config(struct ctl *ctl, int argc, char **argv, int *status);
int command_list(struct ctl *ctl, int argc, char **argv, int *status);
int command_show(struct ctl *ctl, int argc, char **argv, int *status);
int command_prune(struct ctl *ctl, int argc, char **argv, int *status);
int command_estimate(struct ctl *ctl, int argc, char **argv, int *status);
int command_showmem(struct ctl *ctl, int argc, char **argv, int *status);
int command_get_default_crashkernel(struct ctl *ctl, int argc, char **argv, int *status);
int command_reset_crashkernel(struct ctl *ctl, int argc, char **argv, int *status);
int command_propagate(struct ctl *ctl, int argc, char **argv, int *status);

#endif
