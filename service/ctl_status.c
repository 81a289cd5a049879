// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl status: nothing is changed, and nothing is waited for but the targets, when they are asked. */
#include "service/ctl_status.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- gathering ---- */

static int copy_error(char **copy)
{
	*copy = strdup(err_text());
	err_clear();
	return *copy ? 0 : fail(-ENOMEM, "no memory");
}

static int read_image(struct status *s, const struct ctl *ctl)
{
	int err = 0;

	s->ours = s->m.loaded && !record_read(&s->loaded, ctl, CTL_LOADED);
	err_clear();
	if (s->m.loaded)
		err = image_verify(ctl, &s->image, &s->image_text);
	if (!err && s->ours)
		err = ctl_outdated(ctl, &s->loaded, &s->m, &s->outdated);
	s->events = machine_events(ctl);
	return err;
}

static int read_targets(struct status *s, const struct ctl *ctl, bool probe)
{
	if (record_read(&s->verified, ctl, CTL_VERIFIED))
		err_clear();
	if (probe) {
		s->probed_s = time(NULL);
		return probe_targets(ctl, &s->conf, &s->probes);
	}
	s->probed_s = record_u64(&s->verified, "time");
	return probes_from_record(&s->probes, &s->verified);
}

int status_read(struct status *s, const struct ctl *ctl, bool probe)
{
	int err;

	*s = (struct status){ .image = IMAGE_NONE };
	err = machine_read(&s->m, ctl);
	if (!err)
		err = read_image(s, ctl);
	if (err)
		return err;
	if (ctl_conf_read(ctl, &s->conf))
		return copy_error(&s->conf_error);
	err = read_targets(s, ctl, probe);
	if (!err && dumps_read(&s->dumps, ctl, &s->conf)) {
		warn("%s", err_text());
		err_clear();
	}
	/* The last crash is of this machine. */
	dumps_leave_out_others(&s->dumps);
	if (!err && s->dumps.nr)
		s->reason = dump_reason(&s->dumps.dump[0]);
	return err;
}

void status_deinit(struct status *s)
{
	machine_deinit(&s->m);
	record_deinit(&s->loaded);
	record_deinit(&s->verified);
	free(s->image_text);
	free(s->outdated);
	free(s->conf_error);
	conf_deinit(&s->conf);
	probes_deinit(&s->probes);
	dumps_deinit(&s->dumps);
	free(s->reason);
}

bool status_operational(const struct status *s)
{
	return s->m.loaded && s->image != IMAGE_DAMAGED;
}

/* ---- for people ---- */

static void row(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void row(const char *name, const char *fmt, ...)
{
	va_list args;

	printf("%-16s ", name);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void print_image(const struct status *s)
{
	static const char *const words[] = { "NOT LOADED", "loaded and intact", "loaded, and DAMAGED", "loaded" };
	char when[40];

	row("capture kernel", "%s", words[s->image]);
	if (s->image == IMAGE_DAMAGED || s->image == IMAGE_UNKNOWN)
		row("", "%s", s->image_text);
	if (!s->m.loaded)
		return;
	if (!s->ours) {
		row("", "another program loaded it; \"kdumpctl start\" loads ours over it");
		return;
	}
	ctl_time_text(record_u64(&s->loaded, "time"), false, when);
	row("", "%s", record_get(&s->loaded, "kernel"));
	row("", "%s", record_get(&s->loaded, "initramfs"));
	row("", "loaded %s; loads since boot: %" PRIu64, when, record_u64(&s->loaded, "loads"));
	if (*s->outdated)
		row("up to date", "NO: changed since then: %s; \"kdumpctl start\" mends it", s->outdated);
	else
		row("up to date", "yes: CPUs, memory, kernel, initramfs, configuration");
	if (record_u64(&s->loaded, "kernel-updates"))
		row("hotplug", "the kernel itself follows CPUs and memory");
	else
		row("hotplug", "%" PRIu64 " events%s", s->events, s->events > record_u64(&s->loaded, "events") ?
		    ", not all of them looked at yet" : "");
}

static void print_targets(const struct status *s)
{
	char when[40] = "";

	if (s->conf_error) {
		row("dumps go to", "NOT KNOWN: %s", s->conf_error);
		return;
	}
	ctl_time_text(s->probed_s, false, when);
	for (size_t i = 0; i < s->conf.nr_targets; i++) {
		const struct probe *p = i < s->probes.nr ? &s->probes.probe[i] : NULL;
		char *name = conf_target_name(&s->conf, &s->conf.target[i]), room[16] = "";

		/* What was found out about a target that has another name by now is of no use. */
		if (p && name && strcmp(p->name, name))
			p = NULL;
		if (p && p->room_known)
			ctl_size_text(p->room, room);
		row(i ? "" : "dumps go to", "%s: %s%s%s%s", name ? name : "?",
		    !p ? "not tried yet" : p->ok ? "" : "FAILS: ", p ? p->text : "", *room ? ", room: " : "", room);
		free(name);
	}
	if (s->probed_s)
		row("", "(tried %s)", when);
	else
		row("", "(\"kdumpctl verify\" tries, and so does a timer every day)");
}

static void print_last_crash(const struct status *s)
{
	const struct dump_folder *d = s->dumps.nr ? &s->dumps.dump[0] : NULL;
	char when[40], size[16];

	if (s->conf_error)
		return;
	if (!d) {
		row("last crash", "no dump is here");
		return;
	}
	ctl_time_text(d->time_s, false, when);
	ctl_size_text(d->bytes, size);
	row("last crash", "%s, dump %s, %s", when,
	    !d->core ? "MISSING" : d->complete ? "complete" : "INCOMPLETE", size);
	row("", "%s", d->path);
	if (s->reason)
		row("", "%s", s->reason);
}

static void status_print(const struct status *s, const struct ctl *ctl)
{
	char size[16];

	(void)ctl;
	row("status", "%s", status_operational(s) ? "operational" : "NOT OPERATIONAL");
	ctl_size_text(s->m.reserved, size);
	row("reserved", "%s", s->m.reserved ? size : "nothing; run \"kdumpctl reset-crashkernel\" and reboot");
	print_image(s);
	print_targets(s);
	print_last_crash(s);
}

int command_status(struct ctl *ctl, int argc, char **argv, int *status)
{
	bool json = false, probe = false;
	struct status s;
	int err;

	for (int i = 1; i < argc; i++) {
		if (ctl_is(argv[i], "--json"))
			json = true;
		else if (ctl_is(argv[i], "--probe"))
			probe = true;
		else
			return ctl_usage(argv[0], "no such argument", argv[i]);
	}
	err = status_read(&s, ctl, probe);
	if (!err && json)
		err = status_print_json(&s, ctl);
	else if (!err)
		status_print(&s, ctl);
	if (!err && !status_operational(&s))
		*status = EXIT_NOT_OPERATIONAL;
	status_deinit(&s);
	return err;
}
