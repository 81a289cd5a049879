/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MD5 (RFC 1321): what object stores call the ETag of a part. Only to notice damage on the way; nothing here is
 * protected by it. libcurl and libsodium have none to offer.
 */
#ifndef KDUMP_TRANSPORT_MD5_H
#define KDUMP_TRANSPORT_MD5_H

#include <stddef.h>
#include <stdint.h>

#define MD5_BYTES 16

struct md5 {
	uint32_t state[4];
	uint64_t len;
	uint8_t block[64];
};

void md5_init(struct md5 *m);
void md5_update(struct md5 *m, const void *data, size_t len);
void md5_final(struct md5 *m, uint8_t digest[MD5_BYTES]);
void md5_of(const void *data, size_t len, uint8_t digest[MD5_BYTES]);

#endif
