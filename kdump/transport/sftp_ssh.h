/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenSSH's client as our way to a server: how it is called, and what its words mean. */
#ifndef KDUMP_TRANSPORT_SFTP_SSH_H
#define KDUMP_TRANSPORT_SFTP_SSH_H

#include "lib/blob.h"
#include "lib/run.h"

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct sftp_place;

/*
 * sftp://[USER@]HOST[:PORT]/PATH, with %XX for any byte of the path; HOST may be [ADDRESS]. -EINVAL (recorded: what is
 * wrong), -ENOMEM; *P is zeroed then.
 */
int sftp_place_parse(struct sftp_place *p, const struct conf *conf, const char *url);
void sftp_place_deinit(struct sftp_place *p);

/* -ENOENT: there is no ssh, or no key; recorded. */
int sftp_ssh_start(const struct sftp_place *p, uint64_t timeout_ms, struct companion *c);
/*
 * ssh has ended: record why, with its own last words. CONNECTING: before the server could answer. Returns -EACCES,
 * -EKEYREJECTED, -ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT, -EPROTONOSUPPORT, -ECONNRESET.
 */
int sftp_ssh_explain(const char *url, const struct blob *words, bool connecting);
/* What answers is no sftp server: its first bytes are BYTES. -EPROTONOSUPPORT. */
int sftp_ssh_no_sftp(const char *url, const struct blob *bytes);

#endif
