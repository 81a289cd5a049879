/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /dev/watchdog (Documentation/watchdog/watchdog-api.rst): the hardware's, or softdog. */
#ifndef KDUMP_CAPTURE_WATCHDOG_H
#define KDUMP_CAPTURE_WATCHDOG_H

#include "kdump/capture/say.h"

#include <stdint.h>

struct watchdog {
	int fd;                    /* -1: not open */
	bool wanted;
	uint64_t fed_ms;
	unsigned int timeout_s;
};

/* Open it when it is there by now and WANTED; feed it. To be called again and again. */
void watchdog_feed(struct watchdog *w, const struct say *s, uint64_t now_ms);
/* For actions that keep the machine as it is: stop it, where that is possible. */
void watchdog_stop(struct watchdog *w, const struct say *s);

#endif
