// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Encrypted files and key files. An input is a secret key (32 bytes) and a file that was encrypted to it; what is
 * changed must never come out. As the key is known, an input may also hold chunks that only the holder of the key can
 * make. Key files: the same bytes as text.
 */
#include "kdump/transport/crypt.h"
#include "tests/fuzz/fuzz.h"

#include "config.h"

#ifdef HAVE_SODIUM
#include <sodium.h>

static void read_file(const struct crypt_pair *pair, const uint8_t *data, size_t size)
{
	static uint8_t plain[CRYPT_PLAIN_LEN];
	size_t pos = size < CRYPT_HEADER_BYTES ? size : CRYPT_HEADER_BYTES;
	struct crypt_reader *r;
	bool last = false;

	if (crypt_reader_init(&r, pair, data, pos))
		return;
	if (!crypt_is(data, size) || size < CRYPT_HEADER_BYTES)
		abort();
	while (!last) {
		size_t len = size - pos < CRYPT_CHUNK_LEN ? size - pos : CRYPT_CHUNK_LEN, plain_len;

		if (crypt_reader_chunk(r, data + pos, len, plain, &plain_len, &last))
			break;
		if (plain_len + CRYPT_ADDED_LEN != len || (!last && len != CRYPT_CHUNK_LEN))
			abort();
		pos += len;
	}
	crypt_reader_deinit(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crypt_pair pair;

	if (sodium_init() < 0)
		abort();
	if (!crypt_pair_parse("fuzz", (const char *)data, size, &pair)) {
		uint8_t public_key[CRYPT_KEY_LEN];

		if (crypto_scalarmult_base(public_key, pair.secret_key) ||
		    memcmp(public_key, pair.public_key, CRYPT_KEY_LEN))
			abort();
	}
	if (size < CRYPT_KEY_LEN)
		return 0;
	memcpy(pair.secret_key, data, CRYPT_KEY_LEN);
	if (!crypto_scalarmult_base(pair.public_key, pair.secret_key))
		read_file(&pair, data + CRYPT_KEY_LEN, size - CRYPT_KEY_LEN);
	return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)data, (void)size;
	return 0;
}
#endif
