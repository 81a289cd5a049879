/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 (FIPS 180-4). Freestanding: needs nothing but <stdint.h> and <stddef.h>, calls nothing, so that the
 * purgatory links the same code as the loader. The CPU's SHA instructions are used where sha256_use_cpu() found them.
 */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include <stdbool.h>
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

/*
 * From now on use (or no longer use) the CPU's instructions where it has them; false: it has none, or the build knows
 * none. Off until called. The caller has seen to it that vector registers may be used: a program under an operating
 * system always may, the purgatory enables them first. Not thread-safe.
 */
bool sha256_use_cpu(bool on);
/* "SHA-NI", "ARMv8 crypto"; NULL: portable code is in use. */
const char *sha256_cpu_name(void);

/*
 * What lib/sha256_<cpu>.S provides; lib/sha256_none.c where there is none. NR_BLOCKS of 64 bytes. Asked for only where
 * sha256_cpu_present() said so: x86: CPUID leaf 7 (SHA), leaf 1 (SSSE3, SSE4.1); arm64: ID_AA64ISAR0_EL1.SHA2.
 */
/* Hidden, also where it is only declared: the purgatory can have no global offset table that nobody fills. */
#pragma GCC visibility push(hidden)
bool sha256_cpu_present(void);
void sha256_cpu_blocks(uint32_t state[8], const uint8_t *data, size_t nr_blocks);
extern const char sha256_cpu_label[];
#pragma GCC visibility pop

#endif
