/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of the SSH file transfer protocol, version 3 (draft-ietf-secsh-filexfer-02), and OpenSSH's extensions of it
 * (PROTOCOL in its source). Requests are built, replies taken apart; nothing here knows of connections.
 */
#ifndef KDUMP_TRANSPORT_SFTP_PROTO_H
#define KDUMP_TRANSPORT_SFTP_PROTO_H

#include "lib/blob.h"
#include "lib/text.h"
#include "lib/view.h"

enum {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_FSETSTAT = 10,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201,
};

/* Status codes. */
enum {
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_PERMISSION_DENIED = 3,
	SFTP_FAILURE = 4,
	SFTP_BAD_MESSAGE = 5,
	SFTP_UNSUPPORTED = 8,
};

/* OPEN's flags. */
enum { SFTP_OPEN_READ = 1, SFTP_OPEN_WRITE = 2, SFTP_OPEN_CREATE = 8, SFTP_OPEN_TRUNCATE = 16,
	SFTP_OPEN_EXCLUSIVE = 32 };

/* The draft's limit of handles. */
#define SFTP_HANDLE_MAX 256
/* The largest reply that is believed: what OpenSSH's own limit of 256 KiB comes to. */
#define SFTP_PACKET_MAX ((256u << 10) + 1024)
/* In front of the data of a WRITE, at most: length, type, id, handle, offset, length. */
#define SFTP_WRITE_HEAD_MAX (4 + 1 + 4 + 4 + SFTP_HANDLE_MAX + 8 + 4)
/* Bytes that every server takes in one WRITE and gives in one READ. */
#define SFTP_DATA_BYTES (32u << 10)

struct sftp_handle {
	uint8_t bytes[SFTP_HANDLE_MAX];
	uint32_t len;
};

/* ---- requests ---- */

struct sftp_builder {
	struct blob b;
	int err;                   /* -ENOMEM, recorded: the rest adds nothing */
};

void sftp_begin(struct sftp_builder *p, uint8_t type, uint32_t id);
void sftp_add_u32(struct sftp_builder *p, uint32_t value);
void sftp_add_u64(struct sftp_builder *p, uint64_t value);
void sftp_add_bytes(struct sftp_builder *p, const void *bytes, size_t len);
void sftp_add_string(struct sftp_builder *p, const char *text);
/* Attributes that hold permissions only. */
void sftp_add_mode(struct sftp_builder *p, uint32_t mode);
/* Puts the length in front; as often as wanted. What is built stays the caller's to free. */
int sftp_built(struct sftp_builder *p);
void sftp_builder_deinit(struct sftp_builder *p);
/*
 * The head of a WRITE of LEN bytes, made so that it ends where DATA begins: SFTP_WRITE_HEAD_MAX bytes in front of DATA
 * are the caller's. Where the packet begins.
 */
uint8_t *sftp_write_head(uint8_t *data, uint32_t len, uint32_t id, const struct sftp_handle *h, uint64_t off);

/* ---- replies ---- */

struct sftp_attrs {
	bool has_size, has_mode;
	uint64_t size;
	uint32_t mode;
};

struct sftp_reply {
	uint8_t type;
	uint32_t id;               /* of VERSION: its number */
	uint32_t status;           /* STATUS only; SFTP_OK with every other type */
	struct text message;       /* the server's words, as they come */
	const uint8_t *bytes;      /* HANDLE, DATA; EXTENDED_REPLY and VERSION: all that follows */
	uint32_t len;
	struct sftp_attrs attrs;   /* ATTRS */
};

/* Bytes of a packet. */
struct view sftp_view(const void *bytes, size_t len);
/*
 * Is there a whole packet at the beginning of LEN bytes? 1: *BODY has it, without its length. 0: not yet. -EPROTO
 * (recorded): that is no packet.
 */
int sftp_take(const uint8_t *bytes, size_t len, struct view *body);
/* -EPROTO (recorded): cut short, or of a type that no server sends. */
int sftp_parse(const struct view *body, struct sftp_reply *r);
/* Does VERSION's reply announce the extension NAME? */
bool sftp_has_extension(const struct sftp_reply *r, const char *name);
/* The errno of a status. */
int sftp_errno(uint32_t status);

#endif
