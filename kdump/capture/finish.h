/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way back: everything to disk, then the reboot, none of it waited for without a bound. */
#ifndef KDUMP_CAPTURE_FINISH_H
#define KDUMP_CAPTURE_FINISH_H

#include "kdump/capture/capture.h"
#include "kdump/capture/watchdog.h"

/*
 * Do ACTION. As PID 1 it does not return; else it returns when a reboot was asked for and did not come.
 * CONF_DUMP_TO_ROOTFS reboots: the dump there was tried as a target. A shell that ends is followed by final_action.
 */
void finish(struct capture *c, enum conf_action action, struct watchdog *w);

#endif
