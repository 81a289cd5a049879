/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places for dumps that are no files: an sftp server, a web server, an object store. `kdump save SOURCE URL` and
 * target.c use them; what is written goes through a struct sink whose ops are the transport's, so that writers know of
 * no network.
 *
 * A URL names a folder (a prefix of names, for an object store), made when it is not there: dump, log and note get the
 * same names in it as on a disk.
 */
#ifndef KDUMP_TRANSPORT_TRANSPORT_H
#define KDUMP_TRANSPORT_TRANSPORT_H

#include "kdump/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct transport;

struct transport_ops {
	const char *scheme;        /* "sftp://" */
	bool built_in;             /* false: the library was not there when this was built */
	const char *needs;         /* of the library, for the message */
	/*
	 * Reach the place and prove that it can be written to. Bounded in time; what is wrong is recorded: which step,
	 * which server, what it said.
	 */
	int (*open)(struct transport *t);
	/*
	 * A small file as a whole, on the other side's disk when this returns as far as the protocol can tell. Replaces
	 * one of that name.
	 */
	int (*put)(struct transport *t, const char *name, const void *bytes, size_t len);
	/* Remove it. NULL: cannot. */
	int (*remove)(struct transport *t, const char *name);
	/* -EEXIST (recorded): there is something of that name. NULL: everything is replaced. */
	int (*is_free)(struct transport *t, const char *name);
	/*
	 * The dump: ends in sink_attach(). PLAIN where random_access holds, else FLATTENED, or RAW for bytes that
	 * somebody else has framed (encryption). FORCE: what has that name is replaced. T must outlive SINK.
	 */
	int (*sink_open)(struct transport *t, const char *name, enum sink_form form, bool force, struct sink *sink);
	/*
	 * Read back what was finished under NAME, or ask for its length and digest, and compare with what was sent.
	 * -EBADMSG (recorded).
	 */
	int (*verify)(struct transport *t, const struct sink *sink);
	/* Bytes that fit there; UINT64_MAX: unknown. */
	uint64_t (*room)(struct transport *t);
	void (*close)(struct transport *t);
	bool random_access;        /* SINK_PLAIN is possible */
	/*
	 * It is for kdump-compressed dumps only: what is written before the first sink_sync() can be read, and written
	 * again, at any time; what comes behind it comes in order. -EFBIG: that is more than can be kept.
	 */
	bool tables_only;
};

struct transport {
	const struct transport_ops *ops;
	const struct conf *conf;   /* keys, certificates, credentials */
	char *url;                 /* heap, without a trailing slash */
	uint64_t timeout_ms;       /* a server that is silent for so long is gone */
	/* of clock_now_ms(): nothing is waited for or tried again after it; UINT64_MAX: none */
	uint64_t deadline_ms;
	void *state;               /* of the ops */
};

#define TRANSPORT_TIMEOUT_MS 30000

extern const struct transport_ops transport_sftp, transport_https, transport_http, transport_s3, transport_raw;

/* Is PATH a URL, of whatever scheme? */
bool transport_is_url(const char *path);
/*
 * -EPROTONOSUPPORT (no such scheme, or not built in; says which there are), what open() gave. *T is zeroed on failure.
 * CONF must outlive T.
 * TIMEOUT_MS 0: TRANSPORT_TIMEOUT_MS. DEADLINE_MS as in struct transport.
 */
int transport_open(struct transport *t, const struct conf *conf, const char *url, uint64_t timeout_ms,
		   uint64_t deadline_ms);
/* How long may be waited now: until the timeout, or until the deadline; 0: that has passed. */
uint64_t transport_wait_ms(const struct transport *t);
/* A zeroed struct is accepted. */
void transport_close(struct transport *t);

#endif
