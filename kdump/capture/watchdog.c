// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Long enough for a machine that swaps its last pages, short enough for one that hangs. */
#define TIMEOUT_S 60
#define FEED_MS 5000

static void watchdog_open(struct watchdog *w, const struct say *s)
{
	int timeout = TIMEOUT_S;

	w->fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (w->fd < 0) {
		/* Not loaded yet; anything else will not get better. */
		if (errno != ENOENT && errno != ENODEV && errno != ENXIO) {
			w->wanted = false;
			say(s, SAY_WARNING, "/dev/watchdog: %s", strerror(errno));
		}
		return;
	}
	if (ioctl(w->fd, WDIOC_SETTIMEOUT, &timeout) && ioctl(w->fd, WDIOC_GETTIMEOUT, &timeout))
		timeout = 0;
	w->timeout_s = timeout > 0 ? timeout : 0;
	if (w->timeout_s)
		say(s, SAY_NOTICE, "a watchdog resets this machine if it hangs for %u s", w->timeout_s);
	else
		say(s, SAY_NOTICE, "a watchdog resets this machine if it hangs");
}

void watchdog_feed(struct watchdog *w, const struct say *s, uint64_t now_ms)
{
	/* A device that cannot be told 60 s has a time of its own, perhaps of some seconds. */
	uint64_t every_ms = w->timeout_s && w->timeout_s < 20 ? w->timeout_s * 250ull : FEED_MS;

	if (!w->wanted || (w->fd >= 0 && now_ms < w->fed_ms + every_ms))
		return;
	if (w->fd < 0)
		watchdog_open(w, s);
	if (w->fd >= 0 && write(w->fd, "", 1) != 1)
		say(s, SAY_WARNING, "the watchdog cannot be fed: %s", strerror(errno));
	w->fed_ms = now_ms;
}

void watchdog_stop(struct watchdog *w, const struct say *s)
{
	if (w->fd < 0)
		return;
	/* 'V' before closing: nobody was killed, we mean it. */
	if (write(w->fd, "V", 1) != 1)
		say(s, SAY_WARNING, "the watchdog cannot be stopped: %s", strerror(errno));
	close(w->fd);
	w->fd = -1;
	w->wanted = false;
}
