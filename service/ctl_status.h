/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What "kdumpctl status" knows, gathered once and printed in one of two forms. */
#ifndef SERVICE_CTL_STATUS_H
#define SERVICE_CTL_STATUS_H

#include "service/ctl.h"
#include "service/dumps.h"

struct status {
	struct machine m;
	struct record loaded, verified;    /* empty: there is none */
	bool ours;                         /* what is loaded has our record */
	enum image_state image;
	char *image_text;
	char *outdated;                    /* words; "" when up to date or not ours */
	uint64_t events;
	char *conf_error;                  /* NULL: it is good */
	struct conf conf;
	struct probes probes;              /* of now, or of the last verify */
	uint64_t probed_s;                 /* 0: never */
	struct dumps dumps;
	char *reason;                      /* of the last crash; NULL: not known */
};

/* PROBE: ask the targets now. -errno recorded. */
int status_read(struct status *s, const struct ctl *ctl, bool probe);
void status_deinit(struct status *s);
/* Would a crash be captured? */
bool status_operational(const struct status *s);

int status_print_json(const struct status *s, const struct ctl *ctl);

#endif
