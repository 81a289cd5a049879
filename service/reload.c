// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUs and memory come and go: kdumpctl hotplug-event and hotplug-reload.
 *
 * An event (udev rule 98-kexec.rules) adds one byte to CTL_EVENTS and then makes sure that CTL_PENDING is there. It
 * looks at nothing and waits for nothing: a thousand of them cost a thousand short processes. kdump-hotplug.path
 * starts kdump-reload.service for as long as CTL_PENDING is there; systemd looks again when the service has ended, so
 * a file that came meanwhile starts it again.
 *
 * The worker removes CTL_PENDING first, counts the events next, and looks at the machine last. An event that it did
 * not count was written after it had counted, so that event's CTL_PENDING comes after the removal and starts the next
 * worker. Whatever the order, what is loaded in the end was made after the last event.
 *
 * Many events may mean no change (a machine's first "udevadm trigger" sends one for every CPU), so the machine is
 * compared with the record before loading.
 */
#include "service/ctl.h"

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * So long without an event: the burst is over. And no longer than that in all: what has come is loaded in the middle
 * of one.
 */
#define QUIET_MS 1000
#define AT_MOST_MS 5000
/* Should events never cease, the next worker goes on. */
#define ROUNDS 20
/* The kernel is busy with its own hotplug work for moments: kexec_load answers EBUSY then. */
#define TRIES 4
/* The first pause, as a part of what is waited for events at most; each next one is four times longer. */
#define PAUSE_PART 5

struct pace {
	uint64_t quiet_ms, at_most_ms;
};

static int touch(const struct ctl *ctl, const char *file, int flags, const char *byte)
{
	char *path = ctl_path(ctl, file);
	int fd, err = 0;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (fd < 0 || (byte && write(fd, byte, 1) != 1))
		err = fail_sys(errno ? -errno : -EIO, "%s: cannot write", path);
	if (fd >= 0)
		close(fd);
	free(path);
	return err;
}

int command_hotplug_event(struct ctl *ctl, int argc, char **argv, int *status)
{
	int err;

	(void)status;
	if (argc > 1)
		return ctl_usage(argv[0], "no such argument", argv[1]);
	err = ctl_state_dir(ctl);
	if (!err)
		err = touch(ctl, CTL_EVENTS, O_APPEND, ".");
	/* Also when it could not be counted: one reload too many does no harm. */
	if (!err || err == -ENOSPC)
		err = touch(ctl, CTL_PENDING, 0, NULL);
	return err;
}

/* ---- the worker ---- */

static void settle(const struct ctl *ctl, const struct pace *pace)
{
	uint64_t began = clock_now_ms(), seen = machine_events(ctl), since = began;

	for (;;) {
		uint64_t now = clock_now_ms(), events = machine_events(ctl), left;

		if (events != seen) {
			seen = events;
			since = now;
		}
		if (now - since >= pace->quiet_ms || now - began >= pace->at_most_ms)
			return;
		left = pace->quiet_ms - (now - since);
		if (left > pace->at_most_ms - (now - began))
			left = pace->at_most_ms - (now - began);
		/* New events are noticed late by this much, at most. */
		usleep((left < 100 ? left : 100) * 1000);
	}
}

static int take_pending(const struct ctl *ctl)
{
	char *path = ctl_path(ctl, CTL_PENDING);
	int err = path ? 0 : -ENOMEM;

	if (path && unlink(path) && errno != ENOENT)
		err = fail_sys(-errno, "%s: cannot remove", path);
	free(path);
	return err;
}

/* Nothing to load: the record learns that these events were looked at. */
static int note_events(const struct ctl *ctl, struct record *loaded, uint64_t events)
{
	int err = record_set(loaded, "events", "%" PRIu64, events);

	return err ? err : record_write(loaded, ctl, CTL_LOADED);
}

static int load_with_patience(const struct ctl *ctl, const struct pace *pace)
{
	uint64_t pause_ms = pace->at_most_ms / PAUSE_PART;
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		if (i) {
			warn("%s; trying again", err_text());
			usleep(pause_ms * 1000);
			pause_ms *= 4;
		}
		err = ctl_load_again(ctl);
		if (!err)
			break;
	}
	return err;
}

/* One look at the machine. *COVERED: events that what is loaded holds for. */
static int look(const struct ctl *ctl, const struct pace *pace, uint64_t *covered)
{
	uint64_t events = machine_events(ctl);
	struct machine m = { 0 };
	struct record loaded;
	int err;

	record_init(&loaded);
	err = record_read(&loaded, ctl, CTL_LOADED);
	if (err)
		return fail(err, "what is loaded has no record (%s), so it was loaded by another program; "
			    "run \"kdumpctl start\"", CTL_LOADED);
	err = machine_read(&m, ctl);
	if (!err && ctl_covers(&loaded, &m)) {
		err = note_events(ctl, &loaded, events);
		if (!err)
			printf("%" PRIu64 " events: nothing has changed\n", events);
	} else if (!err) {
		err = load_with_patience(ctl, pace);
		if (!err)
			printf("loaded again for CPUs %s and %" PRIu64 " MiB of memory\n", m.cpus, m.ram >> 20);
	}
	if (!err)
		*covered = events;
	machine_deinit(&m);
	record_deinit(&loaded);
	return err;
}

static int work(const struct ctl *ctl, const struct pace *pace)
{
	uint64_t covered = 0;
	int err = 0;

	for (int round = 0; !err && round < ROUNDS; round++) {
		err = take_pending(ctl);
		if (err)
			break;
		if (!machine_is_loaded(ctl)) {
			printf("no capture kernel is loaded: nothing to do\n");
			return 0;
		}
		settle(ctl, pace);
		err = look(ctl, pace, &covered);
		if (!err && machine_events(ctl) == covered)
			return 0;
	}
	return err;
}

static int parse_ms(const char *command, const char *argument, const char *name, uint64_t *ms)
{
	struct text t = text_of_string(argument);
	uint64_t value;

	if (!text_take(&t, name))
		return 0;
	if (!text_u64(&t, 10, &value) || t.len || value > 3600000)
		return ctl_usage(command, "takes milliseconds, at most 3600000", argument);
	*ms = value;
	return 1;
}

int command_hotplug_reload(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct pace pace = { QUIET_MS, AT_MOST_MS };
	int lock = -1, err;

	(void)status;
	for (int i = 1; i < argc; i++) {
		err = parse_ms(argv[0], argv[i], "--quiet=", &pace.quiet_ms);
		if (!err)
			err = parse_ms(argv[0], argv[i], "--at-most=", &pace.at_most_ms);
		if (!err)
			return ctl_usage(argv[0], "no such argument", argv[i]);
		if (err < 0)
			return err;
	}
	err = ctl_state_dir(ctl);
	if (!err)
		err = ctl_lock(ctl, argv[0], &lock);
	if (!err)
		err = work(ctl, &pace);
	ctl_unlock(&lock);
	return err;
}
