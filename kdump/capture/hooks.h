/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's own programs around the dump: kdump_pre, kdump_post, the folders of both, fence_kdump. */
#ifndef KDUMP_CAPTURE_HOOKS_H
#define KDUMP_CAPTURE_HOOKS_H

#include "kdump/capture/capture.h"

/* Also run, in the order of their names: behind kdump_pre, and in front of kdump_post. */
#define HOOKS_PRE  "/etc/kdump/pre.d"
#define HOOKS_POST "/etc/kdump/post.d"

/* For supervise(). Exit status of kdump_pre; that of a program in the folder is told, no more. */
int hooks_pre(struct capture *c, void *unused);
/*
 * For supervise(). Exit status of the first program that did not answer 0, else 0. RESULT: a string with the exit
 * status of the dump, which every program gets as its argument.
 */
int hooks_post(struct capture *c, void *result);
/*
 * Tell the other nodes of a cluster, again and again until the reboot, that this machine is not dead but dumping. *PID:
 * of the sender, in a session of its own; 0: none.
 */
void hooks_fence(struct capture *c, int *pid);

#endif
