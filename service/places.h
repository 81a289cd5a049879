/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where dumps of earlier crashes lie, as far as the running system sees it: "path" on the root, and below every target
 * that is mounted.
 */
#ifndef SERVICE_PLACES_H
#define SERVICE_PLACES_H

#include "service/command.h"
#include "service/conf.h"

#include <stddef.h>

struct place {
	const struct conf_target *target;  /* NULL: the root, where no line names it */
	char *folder;              /* as programs open it; NULL: not seen from here */
	const char *why;           /* folder is NULL: why, a static string */
};

struct places {
	struct place *place;
	size_t nr;
};

/* One for every target and one for the root. -ENOMEM, what /proc/self/mountinfo gave; recorded. CONF must outlive P. */
int places_read(struct places *p, const struct ctl *ctl, const struct conf *conf);
/* May other machines write dumps to it? */
bool place_is_shared(const struct place *p);
void places_deinit(struct places *p);

#endif
