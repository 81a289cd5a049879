/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection to an sftp server through OpenSSH's ssh: requests go out in order, many at a time, replies come back
 * and find theirs by its number. Every wait is bounded: a server that owes a reply and is silent for too long is gone.
 */
#ifndef KDUMP_TRANSPORT_SFTP_LINK_H
#define KDUMP_TRANSPORT_SFTP_LINK_H

#include "kdump/transport/sftp_proto.h"
#include "kdump/transport/transport.h"
#include "lib/run.h"

/* The largest packet data that is asked for or sent, whatever the server says that it takes. */
#define SFTP_LINK_DATA_MAX (128u << 10)

/* What the URL and the configuration name. */
struct sftp_place {
	/* heap; user and port may be NULL; path is absolute, without a slash behind it but for "/" */
	char *user, *host, *port, *path;
	char *key, *known_hosts;   /* heap */
};

struct sftp_request {
	struct sftp_request *next;
	uint32_t id;
	const uint8_t *packet;
	size_t len, sent;
	/* The reply came. A negative value, recorded, says that the server is not to be talked to any more. */
	int (*answered)(struct sftp_request *r, const struct sftp_reply *reply);
};

struct sftp_list {
	struct sftp_request *first, **tail;
};

struct sftp_link {
	struct transport *t;       /* times, URL */
	const struct sftp_place *place;
	struct companion ssh;
	struct blob in, words;     /* received and not yet taken apart; what ssh says */
	struct sftp_list queue;    /* not yet sent as a whole */
	struct sftp_list waiting;  /* for replies */
	uint32_t next_id;
	uint32_t data_bytes;       /* of one READ or WRITE */
	uint64_t heard_ms;         /* when the server last said something, or had nothing to say */
	bool up;
	bool greeting;             /* the server has not said yet which version it speaks */
	bool has_limits, has_fsync, has_posix_rename, has_statvfs;
};

/* What a request that was waited for came to. */
struct sftp_answer {
	uint8_t type;
	uint32_t status;
	char message[128];         /* printable */
	struct sftp_handle handle;
	struct sftp_attrs attrs;
	uint64_t number[11];       /* of an EXTENDED_REPLY */
	uint32_t nr_numbers;
};

void sftp_link_init(struct sftp_link *l, struct transport *t, const struct sftp_place *place);
/*
 * Start ssh and shake hands. -EACCES, -EKEYREJECTED (host key), -ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT,
 * -EPROTONOSUPPORT (no sftp there), -EPROTO, -ECONNRESET; recorded with ssh's own words.
 */
int sftp_link_open(struct sftp_link *l);
/* Requests that were not answered are forgotten: they are their owners'. */
void sftp_link_close(struct sftp_link *l);
/* Close and free. Zeroed structs are accepted. */
void sftp_link_deinit(struct sftp_link *l);

/* A number for a new request. */
uint32_t sftp_link_id(struct sftp_link *l);
/* R stays where it is until it was answered or the link is closed. */
void sftp_link_send(struct sftp_link *l, struct sftp_request *r);
/*
 * Send and receive: what can be done at once, and with WAIT until something could. After an error, recorded, the link
 * is down.
 */
int sftp_link_pump(struct sftp_link *l, bool wait);

/*
 * Send P, which was begun with sftp_link_id(), and wait for its reply. P is finished by this. 0 also when the reply
 * says no: see ANSWER->status; an error is one of the link.
 */
int sftp_link_ask(struct sftp_link *l, struct sftp_builder *p, struct sftp_answer *a);

#endif
