/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `encrypt` in kdump.conf makes of a stream or a log: a header, then chunks of a secretstream of libsodium. All
 * numbers big endian. doc/formats.md describes it.
 */
#ifndef ENCRYPTED_FORMAT_H
#define ENCRYPTED_FORMAT_H

#define CRYPT_SIGNATURE "KDUMPENC"
/* Of every chunk but the last, which may be shorter. */
#define CRYPT_PLAIN_LEN (64u << 10)
/* What encryption adds to a chunk: tag and authenticator. */
#define CRYPT_ADDED_LEN 17u
#define CRYPT_CHUNK_LEN (CRYPT_PLAIN_LEN + CRYPT_ADDED_LEN)
#define CRYPT_FORMAT 1

enum {
	CRYPT_MAGIC = 0,
	CRYPT_VERSION = 8,
	CRYPT_CHUNK = 12,
	CRYPT_KEY_ID = 16,
	CRYPT_SEALED = 32,
	CRYPT_STREAM = 112,
	CRYPT_CHECK = 136,
	CRYPT_HEADER_BYTES = 152,
};

#endif
