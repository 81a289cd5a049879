// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl verify: what the daily timer does. What it finds is kept for "kdumpctl status". */
#include "service/ctl.h"

#include "lib/err.h"
#include "service/dumps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a reload mends: an image that was overwritten, and one made for other CPUs or other memory. */
static bool needs_loading(const struct ctl *ctl, enum image_state state)
{
	struct machine m = { 0 };
	struct record loaded;
	bool needs = state == IMAGE_DAMAGED;

	record_init(&loaded);
	if (!needs && !record_read(&loaded, ctl, CTL_LOADED) && !record_u64(&loaded, "kernel-updates") &&
	    !machine_read(&m, ctl))
		needs = !ctl_covers(&loaded, &m);
	err_clear();
	machine_deinit(&m);
	record_deinit(&loaded);
	return needs;
}

static int load_again(const struct ctl *ctl, const char *command)
{
	int lock = -1, err = ctl_lock(ctl, command, &lock);

	if (!err)
		err = ctl_load_again(ctl);
	ctl_unlock(&lock);
	return err;
}

/* The image, mended when it has to be. *GOOD: it is loaded and not known to be damaged. */
static int verify_image(const struct ctl *ctl, const char *command, struct record *r, bool *good)
{
	enum image_state state = IMAGE_NONE;
	char *text = NULL;
	int err = 0;

	if (machine_is_loaded(ctl))
		err = image_verify(ctl, &state, &text);
	if (!err && state != IMAGE_NONE && needs_loading(ctl, state)) {
		warn("the capture kernel is %s: loading it again",
		     state == IMAGE_DAMAGED ? "damaged" : "not up to date");
		if (load_again(ctl, command)) {
			warn("%s", err_text());
			err_clear();
		} else {
			free(text);
			text = NULL;
			err = image_verify(ctl, &state, &text);
		}
	}
	if (!err)
		err = record_set(r, "image", "%s", image_state_name(state));
	if (!err)
		err = record_set(r, "image-text", "%s", text ? text : "no capture kernel is loaded");
	if (!err) {
		*good = state == IMAGE_INTACT || state == IMAGE_UNKNOWN;
		printf("%s capture kernel: %s%s%s\n", *good ? "ok      " : "NOT OK  ", image_state_name(state),
		       text && *text ? ": " : "", text ? text : "");
	}
	free(text);
	return err;
}

static int verify_targets(const struct ctl *ctl, const struct conf *conf, struct record *r, bool *good)
{
	struct probes p = { 0 };
	int err = probe_targets(ctl, conf, &p);

	if (err)
		return err;
	for (size_t i = 0; i < p.nr; i++) {
		char room[16] = "";

		if (p.probe[i].room_known)
			ctl_size_text(p.probe[i].room, room);
		printf("%s %s: %s%s%s\n", p.probe[i].ok ? "ok      " : "NOT OK  ", p.probe[i].name, p.probe[i].text,
		       *room ? ", room: " : "", room);
		*good &= p.probe[i].ok;
	}
	err = probes_to_record(&p, r);
	probes_deinit(&p);
	return err;
}

int command_verify(struct ctl *ctl, int argc, char **argv, int *status)
{
	bool image_good = false, targets_good = true;
	struct conf conf = { 0 };
	struct record r;
	int err, conf_err;

	if (argc > 1)
		return ctl_usage(argv[0], "no such argument", argv[1]);
	record_init(&r);
	conf_err = ctl_conf_read(ctl, &conf);
	err = record_set(&r, "configuration-error", "%s", conf_err ? err_text() : "");
	if (conf_err)
		printf("NOT OK   configuration: %s\n", err_text());
	if (!err)
		err = record_set(&r, "time", "%" PRIu64, (uint64_t)time(NULL));
	if (!err)
		err = verify_image(ctl, argv[0], &r, &image_good);
	if (!err && !conf_err)
		err = verify_targets(ctl, &conf, &r, &targets_good);
	if (!err)
		err = record_write(&r, ctl, CTL_VERIFIED);
	if (!err && !conf_err)
		err = prune_now(ctl, &conf, false);
	if (conf_err || !image_good || !targets_good)
		*status = EXIT_FAILED;
	conf_deinit(&conf);
	record_deinit(&r);
	return err;
}
