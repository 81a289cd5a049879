/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that is being written on an sftp server, as its writer (sftp_file.c) and its sink (sftp.c) see it. */
#ifndef KDUMP_TRANSPORT_SFTP_FILE_H
#define KDUMP_TRANSPORT_SFTP_FILE_H

#include "kdump/transport/sftp.h"

/* Names tried beside the wanted one before something is wrong with the folder rather than with the names. */
#define SFTP_NAMES_MAX 1000
/* Of what was written anew, so much is read back at once. */
#define SFTP_COMPARE_BYTES (1u << 20)

/* A WRITE. */
struct sftp_piece {
	struct sftp_request r;     /* the first member */
	struct sftp_piece *next;   /* as they were written */
	struct sftp_file *f;
	uint64_t off, seq;
	uint32_t len;
	bool answered;
	bool lost;                 /* the server has refused it */
	bool rewrite;              /* in no digest: it is held until it was read back and compared */
	bool superseded;           /* or need not be, as other bytes came over it */
	uint8_t bytes[];           /* SFTP_WRITE_HEAD_MAX in front of its LEN bytes */
};

/* Of all pieces up to number UPTO. */
struct sftp_fsync {
	struct sftp_request r;     /* the first member */
	struct sftp_builder p;
	struct sftp_file *f;
	uint64_t upto;
	bool sent;
};

struct sftp_file {
	struct sftp *s;
	char *name, *path;         /* the last name, and the one that it has; heap */
	bool force;
	struct sftp_handle handle;
	unsigned int generation;   /* of connections */
	struct sftp_piece *pieces, **pieces_tail;
	uint64_t last, synced;     /* numbers of pieces: given, on disk */
	uint64_t unanswered;       /* pieces on their way */
	uint64_t held, unsynced;   /* bytes of pieces; those that no fsync was asked for */
	bool releasable;           /* there may be pieces that need not be held */
	bool comparing;            /* pieces are looked at: none goes */
	struct sftp_fsync fsync;
	bool failed;               /* REFUSAL is to be told */
	struct sftp_answer refusal;
	uint64_t size, rewritten;
	uint64_t begun_ms;
	struct sftp_digests digests;
};

/*
 * -ENOSPC, -EROFS, -EIO..., also of an earlier write, until sftp_file_sync() has told it; errors of the link. Recorded.
 */
int sftp_file_write(struct sftp_file *f, uint64_t off, const void *bytes, size_t len);
/* Zeros, to be written over. */
int sftp_file_allocate(struct sftp_file *f, uint64_t off, uint64_t len);
/* All is on disk, and what was written anew is what was sent. */
int sftp_file_sync(struct sftp_file *f);
/* Not to be opened again with a new connection. */
void sftp_file_forget(struct sftp_file *f);
/* Free it. What the server has of it stays. */
void sftp_file_close(struct sftp_file *f);

#endif
