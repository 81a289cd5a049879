/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 (FIPS 180-4). Freestanding: needs nothing but <stdint.h> and <stddef.h>, calls nothing, so that the
 * purgatory links the same code as the loader.
 */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256 {
	uint32_t state[8];
	uint64_t len;          /* bytes hashed so far */
	uint8_t block[64];     /* the unfinished block */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
void sha256_final(struct sha256 *s, uint8_t digest[SHA256_BYTES]);

/* All three at once. */
void sha256_of(const void *data, size_t len, uint8_t digest[SHA256_BYTES]);

#endif
