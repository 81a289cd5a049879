/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encryption of what leaves the capture kernel: who has the public key can write, only who has the secret one can read.
 * The bytes are in doc/formats.md; the cryptography is libsodium's. Without libsodium every function here fails with
 * -EOPNOTSUPP and says so.
 */
#ifndef KDUMP_TRANSPORT_CRYPT_H
#define KDUMP_TRANSPORT_CRYPT_H

#include "include/encrypted_format.h"
#include "kdump/sink.h"
#include "lib/blob.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPT_KEY_LEN 32

/* What encrypted files have behind their names. */
#define CRYPT_SUFFIX ".enc"

struct crypt_pair {
	uint8_t public_key[CRYPT_KEY_LEN], secret_key[CRYPT_KEY_LEN];
};

/* ---- keys ---- */

/* The public key as kdump.conf has it, base64 of 32 bytes. -EINVAL (recorded): it is none. */
int crypt_public_parse(const char *text, uint8_t key[CRYPT_KEY_LEN]);
/* The other way round, from malloc. -ENOMEM, recorded. */
int crypt_public_text(const uint8_t key[CRYPT_KEY_LEN], char **text);
/* Make a pair and the file PATH of it, 0600, which must not exist. -EEXIST, -errno; recorded. */
int crypt_pair_make(const char *path, struct crypt_pair *pair);
/* -EINVAL: not such a file, or the keys are not of one pair; -EPERM: others may read or change it; -errno. Recorded. */
int crypt_pair_read(const char *path, struct crypt_pair *pair);
/* The text of such a file, for fuzzing. NAME is for messages. */
int crypt_pair_parse(const char *name, const char *text, size_t len, struct crypt_pair *pair);
/* Wipe it. */
void crypt_pair_deinit(struct crypt_pair *pair);

/* ---- writing ---- */

struct crypt_writer;

/* HEADER is what the file begins with. */
int crypt_writer_init(struct crypt_writer **w, const uint8_t public_key[CRYPT_KEY_LEN],
		      uint8_t header[CRYPT_HEADER_BYTES]);
/* LEN is CRYPT_PLAIN_LEN, or anything up to that in the last one. CHUNK gets LEN + CRYPT_ADDED_LEN bytes. */
int crypt_writer_chunk(struct crypt_writer *w, const void *plain, size_t len, bool last, uint8_t *chunk);
void crypt_writer_deinit(struct crypt_writer *w);

/* All of a small file at once; OUT is initialised. */
int crypt_whole(const uint8_t public_key[CRYPT_KEY_LEN], const void *plain, size_t len, struct blob *out);

/*
 * A sink that encrypts a stream and hands it to BELOW, which is moved into it and zeroed: a new file, or a transport's
 * sink of SINK_RAW. FORM is SINK_FLATTENED or SINK_RAW. Limits of size count what is written to BELOW. On failure
 * (recorded) BELOW has been discarded.
 */
int crypt_sink_open(struct sink *s, const uint8_t public_key[CRYPT_KEY_LEN], struct sink *below, enum sink_form form);
/* What it writes to, for looking at it. */
const struct sink *crypt_sink_below(const struct sink *s);

/* ---- reading ---- */

struct crypt_reader;

/* Is this how an encrypted file begins? */
bool crypt_is(const uint8_t *bytes, size_t len);
/*
 * LEN bytes, CRYPT_HEADER_BYTES or fewer when there are no more. -ENOEXEC: nothing that was encrypted by kdump;
 * -EPROTONOSUPPORT: by a version to come; -EKEYREJECTED: with another public key; -EBADMSG: damaged or cut. Recorded.
 */
int crypt_reader_init(struct crypt_reader **r, const struct crypt_pair *pair, const uint8_t *header, size_t len);
/*
 * The next LEN bytes of the file: CRYPT_CHUNK_LEN, or fewer where it stops (0 too). PLAIN gets *PLAIN_LEN bytes; *LAST:
 * that was all of it. -EBADMSG (recorded): it is cut, damaged, or not the chunk that belongs there; nothing that
 * follows can be read.
 */
int crypt_reader_chunk(struct crypt_reader *r, const uint8_t *chunk, size_t len, uint8_t *plain, size_t *plain_len,
		       bool *last);
void crypt_reader_deinit(struct crypt_reader *r);

#endif
