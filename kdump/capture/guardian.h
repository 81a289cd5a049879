/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first process: it waits for the worker, with a bound, and then ends the machine's stay here. */
#ifndef KDUMP_CAPTURE_GUARDIAN_H
#define KDUMP_CAPTURE_GUARDIAN_H

#include "kdump/capture/capture.h"

/* To its end. With no_action, or where the reboot does not come: an enum capture_result. */
int guardian_run(struct capture *c);

/* What there is to do when the worker has ended so. */
enum conf_action guardian_action(const struct conf *conf, int result);

#endif
