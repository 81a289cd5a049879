// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/md5.h"

#include "lib/view.h"

#include <string.h>

/* 2^32 times the sine of 1, 2... (RFC 1321, 3.4). */
static const uint32_t sines[64] = {
	0xd76aa478u, 0xe8c7b756u, 0x242070dbu, 0xc1bdceeeu, 0xf57c0fafu, 0x4787c62au, 0xa8304613u, 0xfd469501u,
	0x698098d8u, 0x8b44f7afu, 0xffff5bb1u, 0x895cd7beu, 0x6b901122u, 0xfd987193u, 0xa679438eu, 0x49b40821u,
	0xf61e2562u, 0xc040b340u, 0x265e5a51u, 0xe9b6c7aau, 0xd62f105du, 0x02441453u, 0xd8a1e681u, 0xe7d3fbc8u,
	0x21e1cde6u, 0xc33707d6u, 0xf4d50d87u, 0x455a14edu, 0xa9e3e905u, 0xfcefa3f8u, 0x676f02d9u, 0x8d2a4c8au,
	0xfffa3942u, 0x8771f681u, 0x6d9d6122u, 0xfde5380cu, 0xa4beea44u, 0x4bdecfa9u, 0xf6bb4b60u, 0xbebfbc70u,
	0x289b7ec6u, 0xeaa127fau, 0xd4ef3085u, 0x04881d05u, 0xd9d4d039u, 0xe6db99e5u, 0x1fa27cf8u, 0xc4ac5665u,
	0xf4292244u, 0x432aff97u, 0xab9423a7u, 0xfc93a039u, 0x655b59c3u, 0x8f0ccc92u, 0xffeff47du, 0x85845dd1u,
	0x6fa87e4fu, 0xfe2ce6e0u, 0xa3014314u, 0x4e0811a1u, 0xf7537e82u, 0xbd3af235u, 0x2ad7d2bbu, 0xeb86d391u,
};

static const uint8_t shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };

static uint32_t rotate(uint32_t value, unsigned int by)
{
	return value << by | value >> (32 - by);
}

static void take_block(uint32_t state[4], const uint8_t *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], words[16];

	for (unsigned int i = 0; i < 16; i++)
		words[i] = get_u32(block + 4 * i, false);
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t mix, next;
		unsigned int word;

		if (i < 16)
			mix = (b & c) | (~b & d), word = i;
		else if (i < 32)
			mix = (d & b) | (~d & c), word = (5 * i + 1) % 16;
		else if (i < 48)
			mix = b ^ c ^ d, word = (3 * i + 5) % 16;
		else
			mix = c ^ (b | ~d), word = 7 * i % 16;
		next = b + rotate(a + mix + words[word] + sines[i], shifts[i / 16][i % 4]);
		a = d;
		d = c;
		c = b;
		b = next;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void md5_init(struct md5 *m)
{
	*m = (struct md5){ .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 } };
}

void md5_update(struct md5 *m, const void *data, size_t len)
{
	const uint8_t *at = data;
	size_t have = m->len % sizeof(m->block);

	m->len += len;
	if (have) {
		size_t part = sizeof(m->block) - have < len ? sizeof(m->block) - have : len;

		memcpy(m->block + have, at, part);
		at += part;
		len -= part;
		if (have + part < sizeof(m->block))
			return;
		take_block(m->state, m->block);
	}
	for (; len >= sizeof(m->block); at += sizeof(m->block), len -= sizeof(m->block))
		take_block(m->state, at);
	if (len)
		memcpy(m->block, at, len);
}

void md5_final(struct md5 *m, uint8_t digest[MD5_BYTES])
{
	static const uint8_t padding[64] = { 0x80 };
	uint64_t bits = m->len * 8;
	uint8_t tail[8];

	md5_update(m, padding, 1 + (sizeof(m->block) + 55 - m->len % sizeof(m->block)) % sizeof(m->block));
	put_u64(tail, bits, false);
	md5_update(m, tail, sizeof(tail));
	for (unsigned int i = 0; i < 4; i++)
		put_u32(digest + 4 * i, m->state[i], false);
}

void md5_of(const void *data, size_t len, uint8_t digest[MD5_BYTES])
{
	struct md5 m;

	md5_init(&m);
	md5_update(&m, data, len);
	md5_final(&m, digest);
}
