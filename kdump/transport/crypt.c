// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A random key for each file, sealed to the public key (crypto_box_seal: X25519, XSalsa20-Poly1305), then a
 * secretstream (XChaCha20-Poly1305) in chunks. The header is the additional data of the first chunk, so that no byte of
 * it can be exchanged; its checksum is there only to tell damage from a wrong key.
 */
#include "kdump/transport/crypt.h"

#include "lib/err.h"
#include "lib/view.h"

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool crypt_is(const uint8_t *bytes, size_t len)
{
	return len >= CRYPT_VERSION && !memcmp(bytes + CRYPT_MAGIC, CRYPT_SIGNATURE, CRYPT_VERSION - CRYPT_MAGIC);
}

#ifdef HAVE_SODIUM
#include <sodium.h>

#define KEY_ID_LEN (CRYPT_SEALED - CRYPT_KEY_ID)
#define CHECK_LEN (CRYPT_HEADER_BYTES - CRYPT_CHECK)

_Static_assert(CRYPT_STREAM - CRYPT_SEALED == crypto_secretstream_xchacha20poly1305_KEYBYTES + crypto_box_SEALBYTES,
	       "layout");
_Static_assert(CRYPT_CHECK - CRYPT_STREAM == crypto_secretstream_xchacha20poly1305_HEADERBYTES, "layout");
_Static_assert(CRYPT_ADDED_LEN == crypto_secretstream_xchacha20poly1305_ABYTES, "layout");
_Static_assert(CRYPT_KEY_LEN == crypto_box_PUBLICKEYBYTES && CRYPT_KEY_LEN == crypto_box_SECRETKEYBYTES, "keys");

struct crypt_writer {
	crypto_secretstream_xchacha20poly1305_state state;
	uint8_t header[CRYPT_HEADER_BYTES];
	bool begun, closed;
};

struct crypt_reader {
	crypto_secretstream_xchacha20poly1305_state state;
	uint8_t header[CRYPT_HEADER_BYTES];
	uint64_t nr_chunks; /* that were read */
};

static int need_sodium(void)
{
	/* It fails when there are no random numbers to be had. */
	return sodium_init() < 0 ? fail(-EIO, "libsodium cannot be used: there is no source of random numbers") : 0;
}

static void hash(const void *bytes, size_t len, uint8_t *out, size_t out_len)
{
	crypto_generichash(out, out_len, bytes, len, NULL, 0);
}

int crypt_writer_init(struct crypt_writer **writer, const uint8_t public_key[CRYPT_KEY_LEN],
		      uint8_t header[CRYPT_HEADER_BYTES])
{
	uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
	struct crypt_writer *w;
	uint8_t *h;
	int err = need_sodium();

	if (err)
		return err;
	w = calloc(1, sizeof(*w));
	if (!w)
		return fail(-ENOMEM, "out of memory for encryption");
	h = w->header;
	memcpy(h + CRYPT_MAGIC, CRYPT_SIGNATURE, CRYPT_VERSION - CRYPT_MAGIC);
	put_u32(h + CRYPT_VERSION, CRYPT_FORMAT, true);
	put_u32(h + CRYPT_CHUNK, CRYPT_PLAIN_LEN, true);
	hash(public_key, CRYPT_KEY_LEN, h + CRYPT_KEY_ID, KEY_ID_LEN);
	crypto_secretstream_xchacha20poly1305_keygen(key);
	/* It refuses keys of small order, with which the box would be open to everybody. */
	err = crypto_box_seal(h + CRYPT_SEALED, key, sizeof(key), public_key);
	if (!err)
		crypto_secretstream_xchacha20poly1305_init_push(&w->state, h + CRYPT_STREAM, key);
	sodium_memzero(key, sizeof(key));
	if (err) {
		crypt_writer_deinit(w);
		return fail(-EINVAL, "nothing can be encrypted to this public key: it is a weak one; use what "
			    "\"kdump decrypt --new-key\" prints");
	}
	hash(h, CRYPT_CHECK, h + CRYPT_CHECK, CHECK_LEN);
	memcpy(header, h, CRYPT_HEADER_BYTES);
	*writer = w;
	return 0;
}

int crypt_writer_chunk(struct crypt_writer *w, const void *plain, size_t len, bool last, uint8_t *chunk)
{
	uint8_t tag = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
			   : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
	const uint8_t *ad = w->begun ? NULL : w->header;

	if (w->closed || len > CRYPT_PLAIN_LEN || (!last && len != CRYPT_PLAIN_LEN))
		return fail(-EINVAL, "a chunk of %zu bytes cannot be encrypted here", len);
	crypto_secretstream_xchacha20poly1305_push(&w->state, chunk, NULL, plain, len, ad, ad ? CRYPT_HEADER_BYTES : 0,
						   tag);
	w->begun = true;
	w->closed = last;
	return 0;
}

void crypt_writer_deinit(struct crypt_writer *w)
{
	if (w)
		sodium_memzero(w, sizeof(*w));
	free(w);
}

static int open_header(struct crypt_reader *r, const struct crypt_pair *pair)
{
	uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES], check[CHECK_LEN], id[KEY_ID_LEN];
	const uint8_t *h = r->header;
	int err;

	hash(h, CRYPT_CHECK, check, sizeof(check));
	if (memcmp(check, h + CRYPT_CHECK, sizeof(check)))
		return fail(-EBADMSG, "its header is damaged: the key that it was encrypted with cannot be found");
	if (get_u32(h + CRYPT_CHUNK, true) != CRYPT_PLAIN_LEN)
		return fail(-EPROTONOSUPPORT, "it has chunks of %u bytes; this version knows %u",
			    get_u32(h + CRYPT_CHUNK, true), CRYPT_PLAIN_LEN);
	hash(pair->public_key, CRYPT_KEY_LEN, id, sizeof(id));
	if (memcmp(id, h + CRYPT_KEY_ID, sizeof(id)))
		return fail(-EKEYREJECTED, "it was encrypted to another public key than that of this key file");
	if (crypto_box_seal_open(key, h + CRYPT_SEALED, CRYPT_STREAM - CRYPT_SEALED, pair->public_key,
				 pair->secret_key))
		return fail(-EBADMSG,
			    "its header was changed: the key that it was encrypted with does not come out of it");
	err = crypto_secretstream_xchacha20poly1305_init_pull(&r->state, h + CRYPT_STREAM, key);
	sodium_memzero(key, sizeof(key));
	return err ? fail(-EBADMSG, "its header was changed: the stream in it cannot begin so") : 0;
}

int crypt_reader_init(struct crypt_reader **reader, const struct crypt_pair *pair, const uint8_t *header, size_t len)
{
	struct crypt_reader *r;
	int err = need_sodium();

	if (err)
		return err;
	if (!crypt_is(header, len))
		return fail(-ENOEXEC, "it is no file that kdump has encrypted");
	if (len < CRYPT_HEADER_BYTES)
		return fail(-EBADMSG, "it is cut short inside its header, so nothing of it can be read");
	if (get_u32(header + CRYPT_VERSION, true) != CRYPT_FORMAT)
		return fail(-EPROTONOSUPPORT, "it has version %u of the format; this program knows version %u",
			    get_u32(header + CRYPT_VERSION, true), CRYPT_FORMAT);
	r = calloc(1, sizeof(*r));
	if (!r)
		return fail(-ENOMEM, "out of memory for decryption");
	memcpy(r->header, header, CRYPT_HEADER_BYTES);
	err = open_header(r, pair);
	if (err)
		crypt_reader_deinit(r);
	else
		*reader = r;
	return err;
}

int crypt_reader_chunk(struct crypt_reader *r, const uint8_t *chunk, size_t len, uint8_t *plain, size_t *plain_len,
		       bool *last)
{
	const uint8_t *ad = r->nr_chunks ? NULL : r->header;
	unsigned long long got = 0, at = CRYPT_HEADER_BYTES + r->nr_chunks * CRYPT_CHUNK_LEN;
	unsigned char tag;

	if (!len)
		return fail(-EBADMSG, "it is cut short at byte %llu, behind %" PRIu64 " whole chunks", at,
			    r->nr_chunks);
	if (len > CRYPT_CHUNK_LEN)
		return fail(-EINVAL, "a chunk of %zu bytes cannot be decrypted here", len);
	if (len < CRYPT_ADDED_LEN || crypto_secretstream_xchacha20poly1305_pull(&r->state, plain, &got, &tag, chunk,
										len, ad, ad ? CRYPT_HEADER_BYTES : 0)) {
		if (len < CRYPT_CHUNK_LEN)
			return fail(-EBADMSG, "it is cut short or damaged behind byte %llu, in chunk %" PRIu64, at,
				    r->nr_chunks);
		return fail(-EBADMSG, "chunk %" PRIu64 " at byte %llu is damaged, or another belongs there",
			    r->nr_chunks, at);
	}
	*last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
	/* Nobody but a holder of the stream's key can have made such a chunk; kdump makes none. */
	if (!*last && (got != CRYPT_PLAIN_LEN || tag != crypto_secretstream_xchacha20poly1305_TAG_MESSAGE))
		return fail(-EBADMSG, "chunk %" PRIu64 " at byte %llu is of a kind that kdump does not write",
			    r->nr_chunks, at);
	*plain_len = got;
	r->nr_chunks++;
	return 0;
}

void crypt_reader_deinit(struct crypt_reader *r)
{
	if (r)
		sodium_memzero(r, sizeof(*r));
	free(r);
}

#else

int crypt_writer_init(struct crypt_writer **w, const uint8_t public_key[CRYPT_KEY_LEN],
		      uint8_t header[CRYPT_HEADER_BYTES])
{
	(void)w, (void)public_key, (void)header;
	return fail(-EOPNOTSUPP, "this kdump was built without libsodium: it cannot encrypt");
}

int crypt_writer_chunk(struct crypt_writer *w, const void *plain, size_t len, bool last, uint8_t *chunk)
{
	(void)w, (void)plain, (void)len, (void)last, (void)chunk;
	return -EOPNOTSUPP;
}

void crypt_writer_deinit(struct crypt_writer *w)
{
	(void)w;
}

int crypt_reader_init(struct crypt_reader **r, const struct crypt_pair *pair, const uint8_t *header, size_t len)
{
	(void)r, (void)pair, (void)header, (void)len;
	return fail(-EOPNOTSUPP, "this kdump was built without libsodium: it cannot decrypt");
}

int crypt_reader_chunk(struct crypt_reader *r, const uint8_t *chunk, size_t len, uint8_t *plain, size_t *plain_len,
		       bool *last)
{
	(void)r, (void)chunk, (void)len, (void)plain, (void)plain_len, (void)last;
	return -EOPNOTSUPP;
}

void crypt_reader_deinit(struct crypt_reader *r)
{
	(void)r;
}
#endif

int crypt_whole(const uint8_t public_key[CRYPT_KEY_LEN], const void *plain, size_t len, struct blob *out)
{
	const uint8_t *at = plain;
	struct crypt_writer *w;
	int err = blob_reserve(out, CRYPT_HEADER_BYTES);

	if (!err)
		err = crypt_writer_init(&w, public_key, out->data + out->len);
	if (err)
		return err;
	out->len += CRYPT_HEADER_BYTES;
	for (bool last = false; !err && !last;) {
		size_t part = len < CRYPT_PLAIN_LEN ? len : CRYPT_PLAIN_LEN;

		last = part == len;
		err = blob_reserve(out, part + CRYPT_ADDED_LEN);
		if (!err)
			err = crypt_writer_chunk(w, at, part, last, out->data + out->len);
		if (!err)
			out->len += part + CRYPT_ADDED_LEN;
		at += part;
		len -= part;
	}
	crypt_writer_deinit(w);
	return err;
}
