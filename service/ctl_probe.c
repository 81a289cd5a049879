// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Can dumps be written to the targets? A small file is, by the program that will write the dump: "kdump save
 * --probe". A target that is not mounted is mounted for the while, where nobody else sees it.
 */
#include "service/ctl.h"

#include "lib/err.h"
#include "lib/run.h"
#include "lib/text.h"
#include "service/places.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_MS (120 * 1000)
#define MOUNT_MS (60 * 1000)
#define PLACE CTL_STATE_DIR "/probe"

/* Defaults would wait for a server for minutes (nfs(5)). */
#define NFS_OPTIONS "soft,timeo=50,retrans=2,retry=0"

/* ---- one answer ---- */

static int answer(struct probe *p, bool ok, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return fail(-ENOMEM, "no memory");
	free(p->text);
	p->text = copy;
	p->ok = ok;
	return 0;
}

/* "URL: can be written to; 123 bytes are free" */
static void take_room(struct probe *p, const char *said)
{
	const char *at = strrchr(said, ';');
	struct text t = text_of_string(at ? at + 1 : "");

	text_blanks(&t);
	p->room_known = text_u64(&t, 10, &p->room) && text_is(&t, " bytes are free");
}

static int ask_kdump(const struct ctl *ctl, const char *where, struct probe *p)
{
	char *conf = ctl_conf_path(ctl), *said = NULL;
	struct argv a = { 0 };
	struct blob out;
	int status, err;

	blob_init(&out);
	argv_add(&a, "kdump");
	argv_add(&a, "save");
	argv_add(&a, "--probe");
	argv_add(&a, "--conf");
	argv_add(&a, "%s", conf ? conf : "");
	argv_add(&a, "%s", where);
	err = conf ? argv_run(&a, PROBE_MS, &out, &status) : -ENOMEM;
	if (err && err != -ENOMEM) {
		err = answer(p, false, err_text());
		err_clear();
	} else if (!err) {
		said = ctl_last_line(&out);
		if (said)
			err = answer(p, !status, *said ? said : "kdump save --probe said nothing");
		else
			err = fail(-ENOMEM, "no memory");
	}
	if (!err && p->ok) {
		take_room(p, p->text);
		err = answer(p, true, "can be written to");
	}
	free(said);
	free(conf);
	argv_deinit(&a);
	blob_deinit(&out);
	return err;
}

/* ---- kinds of targets ---- */

/* "UUID=..." as udev's link, or the path itself; from malloc. */
static char *device_path(const struct ctl *ctl, const char *where)
{
	static const struct { const char *tag, *folder; } tags[] = {
		{ "UUID=", "/dev/disk/by-uuid/" },
		{ "LABEL=", "/dev/disk/by-label/" },
		{ "PARTUUID=", "/dev/disk/by-partuuid/" },
	};
	const char *folder = "", *name = where;
	char *path;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (strncmp(where, tags[i].tag, strlen(tags[i].tag)))
			continue;
		folder = tags[i].folder;
		name = where + strlen(tags[i].tag);
	}
	if (asprintf(&path, "%s%s%s", ctl->sysroot ? ctl->sysroot : "", folder, name) < 0)
		return NULL;
	return path;
}

/* Nothing is written to it: that it is there, is nobody's file system and has a size is all that can be asked. */
static int probe_raw(const struct ctl *ctl, const struct conf_target *t, struct probe *p)
{
	char *path = device_path(ctl, t->where), *text = NULL;
	struct stat st;
	off_t size = 0;
	int fd = -1, err = path ? 0 : -ENOMEM, n = 0;

	if (path)
		fd = open(path, O_RDWR | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (path && fd < 0)
		n = asprintf(&text, "%s: %s", path,
			     errno == EBUSY ? "a file system on it is mounted" : strerror(errno));
	else if (path && (fstat(fd, &st) || (!S_ISBLK(st.st_mode) && !ctl->sysroot)))
		n = asprintf(&text, "%s: is no block device", path);
	else if (path && (size = lseek(fd, 0, SEEK_END)) <= 0)
		n = asprintf(&text, "%s: has no size", path);
	else if (path)
		n = asprintf(&text, "can be opened for writing");
	if (err || n < 0) {
		text = NULL;
		err = fail(-ENOMEM, "no memory");
	}
	if (!err) {
		p->room_known = size > 0;
		p->room = size > 0 ? (uint64_t)size : 0;
		err = answer(p, size > 0, text);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	free(path);
	return err;
}

static int probe_url(const struct ctl *ctl, const struct conf *conf, const struct conf_target *t, struct probe *p)
{
	char *url;
	int err;

	if (t->kind != CONF_SSH)
		return ask_kdump(ctl, t->where, p);
	if (asprintf(&url, "sftp://%s%s", t->where, conf->path) < 0)
		return fail(-ENOMEM, "no memory");
	err = ask_kdump(ctl, url, p);
	free(url);
	return err;
}

static int make_and_ask(const struct ctl *ctl, const char *folder, struct probe *p)
{
	size_t above = ctl->sysroot ? strlen(ctl->sysroot) : 0;
	int err = ctl_make_folder(ctl, above && !strncmp(folder, ctl->sysroot, above) ? folder + above : folder, 0700);

	if (!err)
		return ask_kdump(ctl, folder, p);
	err = answer(p, false, err_text());
	err_clear();
	return err;
}

/* In a child with mounts of its own: what it leaves mounted goes with it. */
static int probe_unmounted(const struct ctl *ctl, const struct conf_target *t, struct probe *p)
{
	struct argv a = { 0 };
	struct blob out;
	char *said = NULL, *rest;
	int status, err;

	blob_init(&out);
	argv_add(&a, "/proc/self/exe");
	if (ctl->sysroot)
		argv_add(&a, "--sysroot=%s", ctl->sysroot);
	if (ctl->conf)
		argv_add(&a, "--conf=%s", ctl->conf);
	argv_add(&a, "probe-mount");
	argv_add(&a, "%u", t->line);
	err = argv_run(&a, PROBE_MS + MOUNT_MS, &out, &status);
	if (err && err != -ENOMEM) {
		err = answer(p, false, err_text());
		err_clear();
	} else if (!err) {
		said = ctl_last_line(&out);
		err = said ? 0 : fail(-ENOMEM, "no memory");
	}
	if (said) {
		rest = said;
		if (!status) {
			p->room = strtoull(said, &rest, 10);
			p->room_known = p->room != UINT64_MAX;
		} else if (!strncmp(said, "kdumpctl: ", 10)) {
			rest += 10;
		}
		err = answer(p, !status, rest + strspn(rest, " "));
	}
	free(said);
	argv_deinit(&a);
	blob_deinit(&out);
	return err;
}

static int probe_target(const struct ctl *ctl, const struct conf *conf, const struct place *place, struct probe *p)
{
	const struct conf_target *t = place->target;

	switch (t->kind) {
	case CONF_RAW:
		return probe_raw(ctl, t, p);
	case CONF_SSH:
	case CONF_HTTPS:
	case CONF_S3:
		return probe_url(ctl, conf, t, p);
	case CONF_LOCAL:
	case CONF_FS:
	case CONF_NFS:
		break;
	}
	return place->folder ? make_and_ask(ctl, place->folder, p) : probe_unmounted(ctl, t, p);
}

int probe_targets(const struct ctl *ctl, const struct conf *conf, struct probes *p)
{
	struct probes new = { 0 };
	struct places places = { 0 };
	int err = places_read(&places, ctl, conf);

	if (!err) {
		new.probe = calloc(places.nr ? places.nr : 1, sizeof(*new.probe));
		if (!new.probe)
			err = fail(-ENOMEM, "no memory");
	}
	for (size_t i = 0; !err && i < places.nr; i++) {
		struct probe *one = &new.probe[new.nr];

		/* Where older dumps may lie is no target. */
		if (!places.place[i].target)
			continue;
		new.nr++;
		one->name = conf_target_name(conf, places.place[i].target);
		err = one->name ? probe_target(ctl, conf, &places.place[i], one) : fail(-ENOMEM, "no memory");
	}
	places_deinit(&places);
	if (err)
		probes_deinit(&new);
	else
		*p = new;
	return err;
}

void probes_deinit(struct probes *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		free(p->probe[i].name);
		free(p->probe[i].text);
	}
	free(p->probe);
	*p = (struct probes){ 0 };
}

/* ---- kdumpctl probe-mount LINE ---- */

static int mount_it(const struct ctl *ctl, const struct conf_target *t, const char *place)
{
	bool is_path = t->kind == CONF_FS && t->where[0] == '/';
	char *device = is_path ? device_path(ctl, t->where) : strdup(t->where);
	struct argv a = { 0 };
	struct blob out;
	char *said = NULL;
	int status, err;

	blob_init(&out);
	argv_add(&a, "mount");
	argv_add(&a, "-t");
	argv_add(&a, "%s", t->kind == CONF_NFS ? "nfs" : t->fstype);
	if (t->kind == CONF_NFS) {
		argv_add(&a, "-o");
		argv_add(&a, NFS_OPTIONS);
	}
	argv_add(&a, "%s", device ? device : "");
	argv_add(&a, "%s", place);
	err = device ? argv_run(&a, MOUNT_MS, &out, &status) : fail(-ENOMEM, "no memory");
	if (!err && status) {
		said = ctl_last_line(&out);
		err = fail(-EIO, "%s cannot be mounted: %s", t->where, said && *said ? said : "mount said nothing");
	}
	free(said);
	free(device);
	argv_deinit(&a);
	blob_deinit(&out);
	return err;
}

static int ask_mounted(const struct ctl *ctl, const struct conf *conf, const char *place)
{
	const char *const umount_argv[] = { "umount", place, NULL };
	struct run umount = { .argv = umount_argv, .timeout_ms = MOUNT_MS };
	struct probe p = { 0 };
	char *folder;
	int err, status;

	if (asprintf(&folder, "%s%s", place, conf->path) < 0)
		return fail(-ENOMEM, "no memory");
	err = make_and_ask(ctl, folder, &p);
	free(folder);
	if (!err && !p.ok)
		err = fail(-EIO, "%s", p.text);
	else if (!err)
		printf("%" PRIu64 " %s, mounted for the while\n", p.room_known ? p.room : UINT64_MAX, p.text);
	free(p.text);
	if (run_program(&umount, &status) && !err)
		debug("%s", err_text());
	return err;
}

static const struct conf_target *target_of_line(const struct conf *conf, const char *line)
{
	struct text t = text_of_string(line);
	uint64_t number;

	if (!text_u64(&t, 10, &number) || t.len)
		return NULL;
	for (size_t i = 0; i < conf->nr_targets; i++)
		if (conf->target[i].line == number &&
		    (conf->target[i].kind == CONF_FS || conf->target[i].kind == CONF_NFS))
			return &conf->target[i];
	return NULL;
}

int command_probe_mount(struct ctl *ctl, int argc, char **argv, int *status)
{
	const struct conf_target *t;
	struct conf conf = { 0 };
	char *place;
	int err;

	(void)status;
	if (argc != 2)
		return ctl_usage(argv[0], "needs the line of one target", NULL);
	err = ctl_conf_read(ctl, &conf);
	t = err ? NULL : target_of_line(&conf, argv[1]);
	if (!err && !t)
		err = ctl_usage(argv[0], "no file system is named in that line", argv[1]);
	place = err ? NULL : ctl_path(ctl, PLACE);
	if (!err)
		err = place ? ctl_make_folder(ctl, PLACE, 0700) : -ENOMEM;
	/* A sysroot is somebody's workplace already; there it is unmounted afterwards, that is all. */
	if (!err && !ctl->sysroot && (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)))
		err = fail_sys(-errno, "cannot get mounts of my own");
	if (!err)
		err = mount_it(ctl, t, place);
	if (!err)
		err = ask_mounted(ctl, &conf, place);
	free(place);
	conf_deinit(&conf);
	return err;
}

/* ---- records ---- */

int probes_to_record(const struct probes *p, struct record *r)
{
	int err = record_set(r, "targets", "%zu", p->nr);

	for (size_t i = 0; !err && i < p->nr; i++) {
		const struct probe *one = &p->probe[i];
		char key[48];

		snprintf(key, sizeof(key), "target%zu-name", i);
		err = record_set(r, key, "%s", one->name);
		snprintf(key, sizeof(key), "target%zu", i);
		if (!err && one->room_known)
			err = record_set(r, key, "%d %" PRIu64 " %s", one->ok, one->room, one->text);
		else if (!err)
			err = record_set(r, key, "%d - %s", one->ok, one->text);
	}
	return err;
}

static int probe_from_text(struct probe *p, const char *name, const char *value)
{
	struct text t = text_of_string(value), room;

	p->name = strdup(name);
	p->ok = text_take(&t, "1 ");
	if (!p->ok)
		text_take(&t, "0 ");
	room = text_until(&t, ' ');
	p->room_known = text_u64(&room, 10, &p->room) && !room.len;
	p->text = strndup(t.len ? t.at : "", t.len);
	return p->name && p->text ? 0 : fail(-ENOMEM, "no memory");
}

int probes_from_record(struct probes *p, const struct record *r)
{
	uint64_t nr = record_u64(r, "targets");
	struct probes new = { 0 };
	int err = 0;

	/* Each has lines of its own in the record. */
	if (nr > r->nr)
		nr = r->nr;
	new.probe = calloc(nr ? nr : 1, sizeof(*new.probe));
	if (!new.probe)
		return fail(-ENOMEM, "no memory");
	for (; !err && new.nr < nr; new.nr++) {
		char key[48], name_key[48];

		snprintf(key, sizeof(key), "target%zu", new.nr);
		snprintf(name_key, sizeof(name_key), "target%zu-name", new.nr);
		err = probe_from_text(&new.probe[new.nr], record_get(r, name_key), record_get(r, key));
	}
	if (err)
		probes_deinit(&new);
	else
		*p = new;
	return err;
}
