/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 with the cryptographic extension: Arm ARM C7.2, SHA256H, SHA256H2, SHA256SU0, SHA256SU1. Data is loaded by
 * bytes, so that it may lie anywhere also where memory counts as a device (MMU off). Little endian.
 */
#define ISAR0_SHA2 12           /* ID_AA64ISAR0_EL1.SHA2; not 0: SHA-256 is there */

	.arch armv8-a+crypto

	.text
/*
 * bool sha256_cpu_present(void). Programs may read the register too: Linux answers for it
 * (Documentation/arm64/cpu-feature-registers.rst).
 */
	.globl sha256_cpu_present
	.hidden sha256_cpu_present
	.type sha256_cpu_present, %function
sha256_cpu_present:
	mrs x0, id_aa64isar0_el1
	ubfx x0, x0, #ISAR0_SHA2, #4
	cmp x0, #0
	cset w0, ne
	ret
	.size sha256_cpu_present, . - sha256_cpu_present

/*
 * Four rounds with the words of v\m0 and the constants of v\k. The state is a b c d in v4, e f g h in v5. As long as
 * there are words to come, the register becomes the one of the words sixteen later; v\m1 to v\m3 follow it.
 */
	.macro four_rounds k, m0, m1, m2, m3, more
	add v8.4s, v\m0\().4s, v\k\().4s
	mov v9.16b, v4.16b
	.if \more
	sha256su0 v\m0\().4s, v\m1\().4s
	.endif
	sha256h q4, q5, v8.4s
	sha256h2 q5, q9, v8.4s
	.if \more
	sha256su1 v\m0\().4s, v\m2\().4s, v\m3\().4s
	.endif
	.endm

/* void sha256_cpu_blocks(uint32_t state[8], const uint8_t *data, size_t nr_blocks) */
	.globl sha256_cpu_blocks
	.hidden sha256_cpu_blocks
	.type sha256_cpu_blocks, %function
sha256_cpu_blocks:
	cbz x2, 2f
	/* The lower halves of these are the caller's. */
	stp d8, d9, [sp, #-16]!
	adrp x3, constants
	add x3, x3, :lo12:constants
	ld1 {v16.4s-v19.4s}, [x3], #64
	ld1 {v20.4s-v23.4s}, [x3], #64
	ld1 {v24.4s-v27.4s}, [x3], #64
	ld1 {v28.4s-v31.4s}, [x3]
	ld1 {v4.4s-v5.4s}, [x0]
1:	ld1 {v0.16b-v3.16b}, [x1], #64
	mov v6.16b, v4.16b
	mov v7.16b, v5.16b
	rev32 v0.16b, v0.16b
	rev32 v1.16b, v1.16b
	rev32 v2.16b, v2.16b
	rev32 v3.16b, v3.16b
	four_rounds 16, 0, 1, 2, 3, 1
	four_rounds 17, 1, 2, 3, 0, 1
	four_rounds 18, 2, 3, 0, 1, 1
	four_rounds 19, 3, 0, 1, 2, 1
	four_rounds 20, 0, 1, 2, 3, 1
	four_rounds 21, 1, 2, 3, 0, 1
	four_rounds 22, 2, 3, 0, 1, 1
	four_rounds 23, 3, 0, 1, 2, 1
	four_rounds 24, 0, 1, 2, 3, 1
	four_rounds 25, 1, 2, 3, 0, 1
	four_rounds 26, 2, 3, 0, 1, 1
	four_rounds 27, 3, 0, 1, 2, 1
	four_rounds 28, 0, 1, 2, 3, 0
	four_rounds 29, 1, 2, 3, 0, 0
	four_rounds 30, 2, 3, 0, 1, 0
	four_rounds 31, 3, 0, 1, 2, 0
	add v4.4s, v4.4s, v6.4s
	add v5.4s, v5.4s, v7.4s
	subs x2, x2, #1
	b.ne 1b
	st1 {v4.4s-v5.4s}, [x0]
	ldp d8, d9, [sp], #16
2:	ret
	.size sha256_cpu_blocks, . - sha256_cpu_blocks

	.section .rodata, "a", %progbits
	.balign 16
/* First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
constants:
	.word 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
	.word 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
	.word 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
	.word 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
	.word 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
	.word 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
	.word 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
	.word 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

	.globl sha256_cpu_label
	.hidden sha256_cpu_label
	.type sha256_cpu_label, %object
sha256_cpu_label:
	.asciz "ARMv8 crypto"
	.size sha256_cpu_label, . - sha256_cpu_label

	.section .note.GNU-stack, "", %progbits
