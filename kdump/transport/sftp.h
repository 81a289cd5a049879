/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with an sftp server that outlives its connections: what is asked is asked again, and what the server has
 * not said to be on its disk is sent again, until it has been silent for too long. And the one large file that is
 * written in it, at any offset.
 */
#ifndef KDUMP_TRANSPORT_SFTP_H
#define KDUMP_TRANSPORT_SFTP_H

#include "kdump/transport/sftp_link.h"
#include "kdump/transport/sftp_ssh.h"
#include "kdump/transport/transport.h"

#include <sys/types.h>

struct sftp_file;

struct sftp {
	struct transport *t;
	struct sftp_place place;
	struct sftp_link link;
	struct sftp_file *file;    /* NULL: none is being written */
	uint64_t trouble_ms;       /* since when nothing went forward; 0: all is well */
	uint64_t pause_ms;         /* before the next try */
	bool opened;               /* it was seen to be a place for dumps */
	bool gone;                 /* given up; why: */
	char why[512];
};

/* ---- the session: sftp_session.c ---- */

int sftp_session_open(struct sftp *s);
void sftp_session_close(struct sftp *s);
/*
 * After an error of the link, recorded: connect again and let the file go on. The last error, when that lasts too
 * long; -EINTR: a signal came while waiting.
 */
int sftp_recover(struct sftp *s);
/* Something was done: the time that is spent on recovering begins anew with the next trouble. */
void sftp_progress(struct sftp *s);
/* NAME in the folder; from malloc. NULL: -ENOMEM was recorded. */
char *sftp_path(const struct sftp *s, const char *name);

/*
 * 0, or what the server answered: -ENOENT, -EACCES, -EIO...; not recorded but for errors of the link, which are
 * -ECONNRESET and such.
 */
int sftp_stat(struct sftp *s, const char *path, struct sftp_attrs *attrs, struct sftp_answer *a);
int sftp_remove(struct sftp *s, const char *path, struct sftp_answer *a);
/* REPLACE: what has the name NEW goes. -EEXIST without. */
int sftp_rename(struct sftp *s, const char *old, const char *new, bool replace, struct sftp_answer *a);
int sftp_open_file(struct sftp *s, const char *path, uint32_t flags, struct sftp_handle *h, struct sftp_answer *a);
/*
 * Record why the server has said no to doing WHAT with PATH: -ENOSPC, -EROFS, -EACCES, -ENOENT, -EIO. Asks how full it
 * is where it only says "Failure".
 */
int sftp_refused(struct sftp *s, const char *what, const char *path, const struct sftp_answer *a);
/* UINT64_MAX: it does not tell. */
uint64_t sftp_room(struct sftp *s);

/* ---- the file: sftp_file.c ---- */

/* Bytes that wait for the server's word that they are on its disk, at most; all of them can be sent again. */
#define SFTP_HELD_BYTES (8u << 20)

extern const struct sink_ops sftp_sink_ops;

/* A new file beside NAME, "NAME.writing", that gets it when finished. FORCE: what has that name is replaced. */
int sftp_file_open(struct sftp *s, const char *name, bool force, struct sftp_file **f);
/* The link is new: open again, send again. Errors of the link; -ENOENT...: recorded, final. */
int sftp_file_resume(struct sftp_file *f);
/* All that was sent is there. Holes are zeros. */
int sftp_file_read(struct sftp_file *f, uint64_t off, void *buf, size_t len);

/* ---- what the file should hold: sftp_digest.c ---- */

struct sftp_digest {
	uint64_t sum, word;        /* WORD: the bytes that do not make a whole one yet */
	unsigned int nr;           /* of those */
};

void sftp_digest_init(struct sftp_digest *d);
/* In pieces of any size: the sum is that of all bytes one behind the other. */
void sftp_digest_add(struct sftp_digest *d, const void *bytes, size_t len);
uint64_t sftp_digest_sum(const struct sftp_digest *d);

struct sftp_extent {
	uint64_t off, len, sum;
};

/* What was written one behind the other, as digests of pieces that grow with the file; so their number hardly does. */
struct sftp_digests {
	struct sftp_extent *extent;
	size_t nr, cap;
	uint64_t run_off, run_len; /* that the next write may continue; length 0: none */
	struct sftp_digest run;
	uint64_t size;             /* behind the last byte written */
};

/*
 * Bytes go to OFF. True: they are new, and in a digest from now on. False: something was there, which no digest holds
 * any more; they are to be compared as long as they are at hand. Without memory they are in no digest.
 */
bool sftp_digests_add(struct sftp_digests *d, uint64_t off, const void *bytes, size_t len);
/* LEN bytes at OFF are in no digest: they are lost, or not worth it. */
void sftp_digests_forget(struct sftp_digests *d, uint64_t off, uint64_t len);
/* The run becomes an extent. */
void sftp_digests_settle(struct sftp_digests *d);
void sftp_digests_deinit(struct sftp_digests *d);
/*
 * Read F and compare: all of it, or as many pieces as there is time for until LIMIT_MS, from all over the file.
 * *CHECKED bytes agree. -EBADMSG (recorded): some do not.
 */
int sftp_digests_verify(struct sftp_digests *d, struct sftp_file *f, uint64_t limit_ms, uint64_t *checked);

#endif
