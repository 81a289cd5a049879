/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/sha256.h"

/* Set before any digest is made; false: portable code. */
static bool use_cpu;

/* First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

/* Compilers make one swapped load of this; the input need not be aligned. */
static inline uint32_t load(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 24);
	p[1] = (uint8_t)(x >> 16);
	p[2] = (uint8_t)(x >> 8);
	p[3] = (uint8_t)x;
}

/* The functions of FIPS 180-4, 4.1.2; Ch and Maj in the forms that take one operation less. */
#define BIG_SIGMA_0(x) (rotate(x, 2) ^ rotate(x, 13) ^ rotate(x, 22))
#define BIG_SIGMA_1(x) (rotate(x, 6) ^ rotate(x, 11) ^ rotate(x, 25))
#define SMALL_SIGMA_0(x) (rotate(x, 7) ^ rotate(x, 18) ^ (x) >> 3)
#define SMALL_SIGMA_1(x) (rotate(x, 17) ^ rotate(x, 19) ^ (x) >> 10)
#define CH(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))

/*
 * One round. Only d and h change their values; the others change their names, which the order of the arguments in
 * the calls does without moving anything.
 */
#define ROUND(a, b, c, d, e, f, g, h, constant, word)                       \
	do {                                                                \
		h += BIG_SIGMA_1(e) + CH(e, f, g) + (constant) + (word);    \
		d += h;                                                     \
		h += BIG_SIGMA_0(a) + MAJ(a, b, c);                         \
	} while (0)

/* The message schedule holds sixteen words: word I + 16 takes the place of word I, which is not needed any more. */
#define FIRST(i) (w[i] = load(p + 4 * (i)))
#define NEXT(i)                                                                              \
	(w[i] += SMALL_SIGMA_1(w[((i) + 14) & 15]) + w[((i) + 9) & 15] +                     \
		 SMALL_SIGMA_0(w[((i) + 1) & 15]))

#define EIGHT_ROUNDS(k, i, WORD)                                    \
	do {                                                        \
		ROUND(a, b, c, d, e, f, g, h, (k)[0], WORD(i));     \
		ROUND(h, a, b, c, d, e, f, g, (k)[1], WORD(i + 1)); \
		ROUND(g, h, a, b, c, d, e, f, (k)[2], WORD(i + 2)); \
		ROUND(f, g, h, a, b, c, d, e, (k)[3], WORD(i + 3)); \
		ROUND(e, f, g, h, a, b, c, d, (k)[4], WORD(i + 4)); \
		ROUND(d, e, f, g, h, a, b, c, (k)[5], WORD(i + 5)); \
		ROUND(c, d, e, f, g, h, a, b, (k)[6], WORD(i + 6)); \
		ROUND(b, c, d, e, f, g, h, a, (k)[7], WORD(i + 7)); \
	} while (0)

static void hash_blocks_portably(uint32_t state[8], const uint8_t *p, size_t nr_blocks)
{
	for (; nr_blocks; nr_blocks--, p += 64) {
		uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
		uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
		const uint32_t *k = round_constant;
		uint32_t w[16];

		EIGHT_ROUNDS(k, 0, FIRST);
		EIGHT_ROUNDS(k + 8, 8, FIRST);
		for (unsigned int i = 0; i < 3; i++) {
			k += 16;
			EIGHT_ROUNDS(k, 0, NEXT);
			EIGHT_ROUNDS(k + 8, 8, NEXT);
		}
		state[0] += a;
		state[1] += b;
		state[2] += c;
		state[3] += d;
		state[4] += e;
		state[5] += f;
		state[6] += g;
		state[7] += h;
	}
}

static void hash_blocks(uint32_t state[8], const uint8_t *p, size_t nr_blocks)
{
	if (use_cpu)
		sha256_cpu_blocks(state, p, nr_blocks);
	else
		hash_blocks_portably(state, p, nr_blocks);
}

bool sha256_use_cpu(bool on)
{
	use_cpu = on && sha256_cpu_present();
	return use_cpu;
}

const char *sha256_cpu_name(void)
{
	return use_cpu ? sha256_cpu_label : NULL;
}

/* First 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4, 5.3.3). */
void sha256_init(struct sha256 *s)
{
	s->state[0] = 0x6a09e667;
	s->state[1] = 0xbb67ae85;
	s->state[2] = 0x3c6ef372;
	s->state[3] = 0xa54ff53a;
	s->state[4] = 0x510e527f;
	s->state[5] = 0x9b05688c;
	s->state[6] = 0x1f83d9ab;
	s->state[7] = 0x5be0cd19;
	s->len = 0;
}

void sha256_update(struct sha256 *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t used = s->len % 64;

	s->len += len;
	if (used) {
		while (len && used < 64) {
			s->block[used++] = *p++;
			len--;
		}
		if (used < 64)
			return;
		hash_blocks(s->state, s->block, 1);
	}
	hash_blocks(s->state, p, len / 64);
	/* A null pointer is welcome with a length of zero; nothing is added to it then. */
	if (len / 64)
		p += len / 64 * 64;
	for (used = 0; used < len % 64; used++)
		s->block[used] = p[used];
}

/* Padding (FIPS 180-4, 5.1.1): a bit 1, zeros, and the length in bits as the last 8 bytes of a block. */
void sha256_final(struct sha256 *s, uint8_t digest[SHA256_BYTES])
{
	uint64_t bits = s->len * 8;
	size_t used = s->len % 64;

	s->block[used++] = 0x80;
	if (used > 56) {
		while (used < 64)
			s->block[used++] = 0;
		hash_blocks(s->state, s->block, 1);
		used = 0;
	}
	while (used < 56)
		s->block[used++] = 0;
	store(s->block + 56, (uint32_t)(bits >> 32));
	store(s->block + 60, (uint32_t)bits);
	hash_blocks(s->state, s->block, 1);
	for (unsigned int i = 0; i < 8; i++)
		store(digest + 4 * i, s->state[i]);
}

void sha256_of(const void *data, size_t len, uint8_t digest[SHA256_BYTES])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, data, len);
	sha256_final(&s, digest);
}
