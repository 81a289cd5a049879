/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host keys of ssh, as ssh-keyscan and "ssh-keygen -F" print them and known_hosts has them. */
#ifndef SERVICE_HOSTKEYS_H
#define SERVICE_HOSTKEYS_H

#include "lib/text.h"

#include <stdbool.h>

/* What a list of known keys says about those that a server shows. */
enum host_keys {
	HOST_KEYS_NEW,             /* nothing is known */
	HOST_KEYS_KNOWN,           /* at least one is known, none differs */
	HOST_KEYS_DIFFER,          /* one of the same kind is another one, or all that is known is of other kinds */
};

/* One line "NAMES KIND KEY": false for comments, marked lines (@revoked...) and what is none. */
bool host_key_line(struct text line, struct text *kind, struct text *key);
enum host_keys host_keys_compare(struct text known, struct text shown);
/* How many keys are in there. */
size_t host_keys_count(struct text keys);

/* USER@SERVER[:PORT] taken apart; PORT is empty when there is none, brackets are gone. */
struct login {
	struct text user, host, port;
};
void login_parse(const char *where, struct login *l);

#endif
