// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdumpctl status --json. Members are added, never renamed: kdumpctl(8) lists them. Sizes in bytes, times in ISO
 * 8601, UTC.
 */
#include "service/ctl_status.h"

#include "lib/err.h"
#include "lib/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_time(struct json *parent, const char *key, uint64_t seconds)
{
	char text[40];

	if (!seconds)
		return;
	ctl_time_text(seconds, true, text);
	json_add_string(parent, key, text);
}

static void add_image(struct json *root, const struct status *s)
{
	struct json *image = json_object_in(root, "image"), *outdated;
	char words[256], *rest = words, *word;

	json_add_bool(image, "loaded", s->m.loaded);
	json_add_string(image, "state", image_state_name(s->image));
	json_add_string(image, "text", s->image_text ? s->image_text : "");
	json_add_bool(image, "ours", s->ours);
	if (!s->ours)
		return;
	json_add_string(image, "kernel", record_get(&s->loaded, "kernel"));
	json_add_string(image, "initramfs", record_get(&s->loaded, "initramfs"));
	json_add_string(image, "release", record_get(&s->loaded, "release"));
	json_add_string(image, "command_line", record_get(&s->loaded, "cmdline"));
	add_time(image, "loaded_at", record_u64(&s->loaded, "time"));
	json_add_number(image, "loads", record_u64(&s->loaded, "loads"));
	json_add_bool(image, "kernel_updates", record_u64(&s->loaded, "kernel-updates"));
	json_add_bool(image, "up_to_date", !*s->outdated);
	outdated = json_array_in(image, "outdated");
	snprintf(words, sizeof(words), "%s", s->outdated);
	while ((word = strsep(&rest, ",")))
		if (*word)
			json_add_string(outdated, NULL, word + strspn(word, " "));
	json_add_number(image, "events", s->events);
	json_add_number(image, "events_covered", record_u64(&s->loaded, "events"));
}

static int add_targets(struct json *root, const struct status *s)
{
	struct json *targets = json_array_in(root, "targets");

	for (size_t i = 0; i < s->conf.nr_targets; i++) {
		const struct probe *p = i < s->probes.nr ? &s->probes.probe[i] : NULL;
		char *name = conf_target_name(&s->conf, &s->conf.target[i]);
		struct json *target = json_object_in(targets, NULL);

		if (!name)
			return fail(-ENOMEM, "no memory");
		if (p && strcmp(p->name, name))
			p = NULL;
		json_add_string(target, "name", name);
		free(name);
		json_add_bool(target, "probed", p != NULL);
		if (!p)
			continue;
		json_add_bool(target, "ok", p->ok);
		json_add_string(target, "text", p->text);
		if (p->room_known)
			json_add_number(target, "room", p->room);
	}
	add_time(root, "probed_at", s->probed_s);
	return 0;
}

static void add_last_crash(struct json *root, const struct status *s)
{
	const struct dump_folder *d = s->dumps.nr ? &s->dumps.dump[0] : NULL;
	struct json *crash;

	json_add_number(root, "dumps", s->dumps.nr);
	if (!d)
		return;
	crash = json_object_in(root, "last_crash");
	json_add_string(crash, "path", d->path);
	add_time(crash, "time", d->time_s);
	json_add_bool(crash, "has_dump", d->core != NULL);
	json_add_bool(crash, "complete", d->complete);
	json_add_number(crash, "bytes", d->bytes);
	if (s->reason)
		json_add_string(crash, "reason", s->reason);
}

int status_print_json(const struct status *s, const struct ctl *ctl)
{
	struct json *root = json_object(), *conf;
	char *path = ctl_conf_path(ctl);
	int err = path ? 0 : -ENOMEM;

	json_add_bool(root, "operational", status_operational(s));
	json_add_number(root, "reserved", s->m.reserved);
	add_image(root, s);
	conf = json_object_in(root, "configuration");
	json_add_string(conf, "path", path ? path : "");
	json_add_bool(conf, "good", !s->conf_error);
	if (s->conf_error)
		json_add_string(conf, "error", s->conf_error);
	if (!err && !s->conf_error)
		err = add_targets(root, s);
	if (!s->conf_error)
		add_last_crash(root, s);
	if (!err)
		err = json_print(root, stdout);
	json_free(root);
	free(path);
	return err;
}
