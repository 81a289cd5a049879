/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes into the initramfs: everything that the configuration and the machine, as they are now, ask for. */
#ifndef KDUMP_INITRAMFS_PLAN_H
#define KDUMP_INITRAMFS_PLAN_H

#include "kdump/initramfs/libraries.h"
#include "kdump/initramfs/modules.h"
#include "kdump/initramfs/mounts.h"
#include "kdump/initramfs/tree.h"

#include "lib/root.h"
#include "service/conf.h"

#include <stdbool.h>

/* Where the package puts the program that becomes /init, and the one that knows web servers too. */
#define PLAN_STATIC "/usr/lib/parachute/kdump"
#define PLAN_DYNAMIC "/usr/sbin/kdump"
/* In the image, for who builds it: names of the modules that the targets' devices need, see the hooks. */
#define DEVICE_MODULES_PATH "/etc/kdump/device-modules"

struct plan_request {
	const struct root *root;
	const struct conf *conf;
	const char *conf_name;     /* of the file that CONF was read from, and its text */
	const struct blob *conf_text;
	const char *release;
	const char *init;          /* NULL: chosen by the targets */
	/*
	 * Somebody else brings what the devices need: modules of devices are left out, and so are links that are set
	 * up, and nothing is -ENOTSUP. The program is at PLAN_STATIC instead of /init.
	 */
	bool guest;
};

struct plan {
	struct plan_request r;
	struct modules modules;
	struct mounts mounts;
	struct tree tree;
	struct linker linker;
	struct blob places, network; /* facts */
	struct blob facts;         /* all of them, in order, once it is made */
	char *watchdog;            /* NULL: none */
	char **device;             /* /dev/NAME of every target on a disk, for those who build for us */
	size_t nr_devices;
	size_t left_out;           /* targets that are out of reach at the moment, when there are others */
	bool web, ssh, reaches_out; /* targets: https and s3; ssh; any server */
};

/*
 * -ENOTSUP: our own initramfs cannot reach a target, and the sentence says why; else what went wrong. Recorded. *P is
 * zeroed on failure.
 */
int plan_init(struct plan *p, const struct plan_request *r);
void plan_deinit(struct plan *p);

/* targets.c: facts and modules of every target. */
int plan_targets(struct plan *p);
/* programs.c: programs, their files, the modules that are wanted. */
int plan_programs(struct plan *p);
int plan_modules(struct plan *p);

/*
 * The server of "user@server", "server:/export", "https://server:443/x", "[fe80::1]:/x": from malloc. -EINVAL
 * (recorded).
 */
int plan_server(const char *where, char **server);
/* The program of a command line, its first word: from malloc; NULL where LINE is NULL or blank. -ENOMEM (recorded). */
int plan_program(const char *line, char **program);

#endif
