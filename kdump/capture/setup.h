/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an initramfs that holds nothing else needs first. */
#ifndef KDUMP_CAPTURE_SETUP_H
#define KDUMP_CAPTURE_SETUP_H

#include "kdump/capture/capture.h"

/* /proc, /sys, /dev, /run, /tmp and standard descriptors. There is nobody yet to tell what fails. */
void setup_mounts(void);
/* Panics reboot, words pass, names are set, and this process is the last one to be killed. What fails is said. */
void setup_kernel(struct capture *c);
/* For supervise(): the modules of the facts, in their order. A missing one is said. */
int setup_modules(struct capture *c, void *unused);
/* For supervise(): the network. */
int setup_network(struct capture *c, void *unused);

/* "/lib/modules/RELEASE/PATH" unless PATH begins with "/": malloc, NULL without memory. */
char *setup_module_path(const struct facts *f, const char *path);
/* The options as one string with blanks between: malloc, NULL without memory. */
char *setup_module_options(const struct fact *module);

#endif
