// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl list, show: dumps of earlier crashes. */
#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "service/ctl.h"
#include "service/dumps.h"
#include "service/places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the log, in front of and behind the line that says why. */
#define LINES_BEFORE 5
#define LINES_BEHIND 40
#define TEXT_MAX (64u << 20)

/* What the capture side says about the dump, beside it. */
#define NOTE "README.txt"

static const char *state_of(const struct dump_folder *d)
{
	return !d->core ? "log only" : d->complete ? "complete" : "incomplete";
}

static void dump_to_json(struct json *in, const struct dump_folder *d)
{
	char when[40], *reason = dump_reason(d);

	ctl_time_text(d->time_s, true, when);
	json_add_string(in, "name", d->name);
	json_add_string(in, "path", d->path);
	json_add_string(in, "time", when);
	json_add_string(in, "state", state_of(d));
	json_add_string(in, "dump", d->core ? d->core : "");
	json_add_string(in, "log", d->log ? d->log : "");
	json_add_number(in, "bytes", d->bytes);
	json_add_string(in, "reason", reason ? reason : "");
	free(reason);
}

/* Targets whose dumps cannot be seen from here, so that nobody takes "none" for an answer. */
static int print_unseen(const struct ctl *ctl, const struct conf *conf, struct json *root)
{
	struct json *list = root ? json_array_in(root, "not_seen") : NULL;
	struct places p = { 0 };
	int err = places_read(&p, ctl, conf);

	for (size_t i = 0; !err && i < p.nr; i++) {
		char *name;

		if (p.place[i].folder)
			continue;
		name = conf_target_name(conf, p.place[i].target);
		if (!name) {
			err = fail(-ENOMEM, "no memory");
		} else if (root) {
			struct json *place = json_object_in(list, NULL);

			json_add_string(place, "target", name);
			json_add_string(place, "why", p.place[i].why);
		} else {
			printf("%s: %s\n", name, p.place[i].why);
		}
		free(name);
	}
	places_deinit(&p);
	return err;
}

static int list_json(const struct ctl *ctl, const struct conf *conf, const struct dumps *d)
{
	struct json *root = json_object(), *list = json_array_in(root, "dumps");
	int err;

	for (size_t i = 0; i < d->nr; i++)
		dump_to_json(json_object_in(list, NULL), &d->dump[i]);
	err = print_unseen(ctl, conf, root);
	if (!err)
		err = json_print(root, stdout);
	json_free(root);
	return err;
}

static int list_text(const struct ctl *ctl, const struct conf *conf, const struct dumps *d)
{
	if (!d->nr)
		printf("no dumps\n");
	for (size_t i = 0; i < d->nr; i++) {
		char size[16], *reason = dump_reason(&d->dump[i]);

		ctl_size_text(d->dump[i].bytes, size);
		printf("%-11s %9s  %s%s%s\n", state_of(&d->dump[i]), size, d->dump[i].path, reason ? "  " : "",
		       reason ? reason : "");
		free(reason);
	}
	return print_unseen(ctl, conf, NULL);
}

int command_list(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct dumps d = { 0 };
	struct conf conf = { 0 };
	bool json = false;
	int err;

	(void)status;
	for (int i = 1; i < argc; i++) {
		if (!ctl_is(argv[i], "--json"))
			return ctl_usage(argv[0], "what is this", argv[i]);
		json = true;
	}
	err = ctl_conf_read(ctl, &conf);
	if (!err)
		err = dumps_read(&d, ctl, &conf);
	if (!err)
		err = json ? list_json(ctl, &conf, &d) : list_text(ctl, &conf, &d);
	dumps_deinit(&d);
	conf_deinit(&conf);
	return err;
}

/* The one that WHICH names: its name, its path, or a part of the name that no other has. */
static int find_dump(const struct dumps *d, const char *which, const struct dump_folder **found)
{
	const struct dump_folder *part = NULL;
	size_t nr = 0;

	if (!d->nr)
		return fail(-ENOENT, "there is no dump");
	if (!which) {
		*found = &d->dump[0];
		return 0;
	}
	for (size_t i = 0; i < d->nr; i++) {
		if (!strcmp(d->dump[i].name, which) || !strcmp(d->dump[i].path, which)) {
			*found = &d->dump[i];
			return 0;
		}
		if (strstr(d->dump[i].name, which)) {
			part = &d->dump[i];
			nr++;
		}
	}
	if (!nr)
		return fail(-ENOENT, "no dump is called \"%s\"; \"kdumpctl list\" shows them", which);
	if (nr > 1)
		return fail(-EINVAL, "%zu dumps have \"%s\" in their names: write more of it", nr, which);
	*found = part;
	return 0;
}

/* Control characters of other lines' colours do not reach the terminal. */
static void print_line(struct text line)
{
	printf("  ");
	for (size_t i = 0; i < line.len; i++)
		putchar((unsigned char)line.at[i] < ' ' && line.at[i] != '\t' ? '?' : line.at[i]);
	putchar('\n');
}

static void line_to_json(struct json *list, struct text line)
{
	char *text = strndup(line.at, line.len);

	json_add_string(list, NULL, text ? text : "");
	free(text);
}

/* Is that the line whose text dump_reason() gave, with "?" in place of what terminals may take for commands? */
static bool is_of(struct text line, const char *reason)
{
	size_t len = strlen(reason), same;

	for (size_t i = 0; i + len <= line.len; i++) {
		for (same = 0; same < len; same++) {
			unsigned char c = line.at[i + same];

			if (c != (unsigned char)reason[same] && (reason[same] != '?' || (c >= ' ' && c != 0x7f)))
				break;
		}
		if (same == len)
			return true;
	}
	return false;
}

/* NAME in the dump's folder, with REASON only what stands around it: onto LIST, or printed where that is NULL. */
static void show_file(const struct root *folder, const char *name, const char *reason, struct json *list)
{
	struct text rest, line;
	struct blob text;
	size_t at = 0, number = 0;

	blob_init(&text);
	if (root_read(folder, name, TEXT_MAX, &text)) {
		if (list)
			warn("%s", err_text());
		else
			printf("  %s\n", err_text());
		err_clear();
	}
	rest = text_of((const char *)text.data, text.len);
	for (size_t n = 1; reason && text_line(&rest, &line); n++)
		if (is_of(line, reason))
			at = n;
	rest = text_of((const char *)text.data, text.len);
	while (text_line(&rest, &line)) {
		number++;
		if (reason && (number + LINES_BEFORE < at || number > at + LINES_BEHIND))
			continue;
		if (list)
			line_to_json(list, line);
		else
			print_line(line);
	}
	blob_deinit(&text);
}

static int show_text(const struct dump_folder *d)
{
	char size[16], when[40], *reason = dump_reason(d);
	struct root folder;
	int err = root_init(&folder, d->path);

	if (err) {
		free(reason);
		return err;
	}
	ctl_size_text(d->bytes, size);
	ctl_time_text(d->time_s, false, when);
	printf("Dump:     %s/%s\nState:    %s\nCrashed:  %s\n", d->path, d->core ? d->core : "", state_of(d), when);
	printf("Size:     %s\nReason:   %s\n", size, reason ? reason : "unknown");
	if (root_exists(&folder, NOTE)) {
		printf(NOTE ":\n");
		show_file(&folder, NOTE, NULL, NULL);
	}
	if (d->log && reason) {
		printf("%s, around the crash:\n", d->log);
		show_file(&folder, d->log, reason, NULL);
	} else if (d->log) {
		printf("Log:      %s/%s\n", d->path, d->log);
	}
	root_deinit(&folder);
	free(reason);
	return 0;
}

/* The lists are empty where the text shows nothing. */
static int show_json(const struct dump_folder *d)
{
	struct json *root, *note, *lines;
	char *reason;
	struct root folder;
	int err = root_init(&folder, d->path);

	if (err)
		return err;
	root = json_object();
	reason = dump_reason(d);
	dump_to_json(root, d);
	note = json_array_in(root, "note");
	if (note && root_exists(&folder, NOTE))
		show_file(&folder, NOTE, NULL, note);
	lines = json_array_in(root, "log_lines");
	if (lines && d->log && reason)
		show_file(&folder, d->log, reason, lines);
	err = json_print(root, stdout);
	json_free(root);
	free(reason);
	root_deinit(&folder);
	return err;
}

int command_show(struct ctl *ctl, int argc, char **argv, int *status)
{
	const struct dump_folder *dump = NULL;
	const char *which = NULL;
	struct dumps d = { 0 };
	struct conf conf = { 0 };
	bool json = false;
	int err;

	(void)status;
	for (int i = 1; i < argc; i++) {
		if (ctl_is(argv[i], "--json"))
			json = true;
		else if (which || argv[i][0] == '-')
			return ctl_usage(argv[0], "what is this", argv[i]);
		else
			which = argv[i];
	}
	err = ctl_conf_read(ctl, &conf);
	if (!err)
		err = dumps_read(&d, ctl, &conf);
	if (!err)
		err = find_dump(&d, which, &dump);
	if (!err)
		err = json ? show_json(dump) : show_text(dump);
	dumps_deinit(&d);
	conf_deinit(&conf);
	return err;
}
