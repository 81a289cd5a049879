/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 with the SHA extensions: Intel SDM 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2. Two rounds take the state as two
 * registers, from the highest dword down A B E F and C D G H, and leave the new A B E F where C D G H was; the old
 * A B E F is the new C D G H, so that four rounds, done by two instructions, bring both back to their places.
 */
#define CPUID_1_ECX_SSSE3_SSE41 (1 << 9 | 1 << 19)
#define CPUID_7_EBX_SHA (1 << 29)

#define STATE %rdi
#define DATA %rsi
#define BLOCKS %rdx
#define CONSTANTS %rax

#define WK %xmm0                /* SHA256RNDS2 has it there */
#define ABEF %xmm1
#define CDGH %xmm2
#define TMP %xmm7
#define SWAP %xmm8
#define OLD_ABEF %xmm9
#define OLD_CDGH %xmm10

	.text
/* bool sha256_cpu_present(void): SHA, SSSE3 and SSE4.1. */
	.globl sha256_cpu_present
	.hidden sha256_cpu_present
	.type sha256_cpu_present, @function
sha256_cpu_present:
	pushq %rbx
	xorl %eax, %eax
	cpuid
	cmpl $7, %eax
	jb 1f
	movl $1, %eax
	cpuid
	andl $CPUID_1_ECX_SSSE3_SSE41, %ecx
	cmpl $CPUID_1_ECX_SSSE3_SSE41, %ecx
	jne 1f
	movl $7, %eax
	xorl %ecx, %ecx
	cpuid
	testl $CPUID_7_EBX_SHA, %ebx
	jz 1f
	movl $1, %eax
	popq %rbx
	ret
1:	xorl %eax, %eax
	popq %rbx
	ret
	.size sha256_cpu_present, . - sha256_cpu_present

/*
 * Four rounds with the words of register \m0, which hold W[4 * \group] and on. The schedule: the register of the oldest
 * words, \m1, becomes the next: SHA256MSG1 has added sigma0 of its neighbour to it two groups ago, here W[t - 7] and,
 * with SHA256MSG2, sigma1 are added. \m3 are the words before \m0.
 */
	.macro four_rounds group, m0, m1, m3
	movdqa \group * 16(CONSTANTS), WK
	paddd \m0, WK
	sha256rnds2 WK, ABEF, CDGH
	.if \group >= 3 && \group <= 14
	movdqa \m0, TMP
	palignr $4, \m3, TMP
	paddd TMP, \m1
	sha256msg2 \m0, \m1
	.endif
	pshufd $0x0e, WK, WK
	sha256rnds2 WK, CDGH, ABEF
	.if \group >= 1 && \group <= 12
	sha256msg1 \m0, \m3
	.endif
	.endm

	.macro load_words group, m
	movdqu \group * 16(DATA), \m
	pshufb SWAP, \m
	.endm

/* void sha256_cpu_blocks(uint32_t state[8], const uint8_t *data, size_t nr_blocks) */
	.globl sha256_cpu_blocks
	.hidden sha256_cpu_blocks
	.type sha256_cpu_blocks, @function
sha256_cpu_blocks:
	testq BLOCKS, BLOCKS
	jz 2f
	leaq constants(%rip), CONSTANTS
	movdqa swap_bytes(%rip), SWAP
	/* D C B A and H G F E into the order of the instructions. */
	movdqu (STATE), ABEF
	movdqu 16(STATE), CDGH
	pshufd $0xb1, ABEF, ABEF
	pshufd $0x1b, CDGH, CDGH
	movdqa ABEF, TMP
	palignr $8, CDGH, ABEF
	pblendw $0xf0, TMP, CDGH

	.balign 32
1:	movdqa ABEF, OLD_ABEF
	movdqa CDGH, OLD_CDGH
	load_words 0, %xmm3
	four_rounds 0, %xmm3, %xmm4, %xmm6
	load_words 1, %xmm4
	four_rounds 1, %xmm4, %xmm5, %xmm3
	load_words 2, %xmm5
	four_rounds 2, %xmm5, %xmm6, %xmm4
	load_words 3, %xmm6
	four_rounds 3, %xmm6, %xmm3, %xmm5
	four_rounds 4, %xmm3, %xmm4, %xmm6
	four_rounds 5, %xmm4, %xmm5, %xmm3
	four_rounds 6, %xmm5, %xmm6, %xmm4
	four_rounds 7, %xmm6, %xmm3, %xmm5
	four_rounds 8, %xmm3, %xmm4, %xmm6
	four_rounds 9, %xmm4, %xmm5, %xmm3
	four_rounds 10, %xmm5, %xmm6, %xmm4
	four_rounds 11, %xmm6, %xmm3, %xmm5
	four_rounds 12, %xmm3, %xmm4, %xmm6
	four_rounds 13, %xmm4, %xmm5, %xmm3
	four_rounds 14, %xmm5, %xmm6, %xmm4
	four_rounds 15, %xmm6, %xmm3, %xmm5
	paddd OLD_ABEF, ABEF
	paddd OLD_CDGH, CDGH
	addq $64, DATA
	decq BLOCKS
	jnz 1b

	/* And back: F E B A to B A F E, H G D C to the lower and upper half that it lacks. */
	pshufd $0x1b, ABEF, ABEF
	pshufd $0xb1, CDGH, CDGH
	movdqa ABEF, TMP
	pblendw $0xf0, CDGH, ABEF
	palignr $8, TMP, CDGH
	movdqu ABEF, (STATE)
	movdqu CDGH, 16(STATE)
2:	ret
	.size sha256_cpu_blocks, . - sha256_cpu_blocks

	.section .rodata, "a", @progbits
	.balign 16
swap_bytes:
	.byte 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12
/* First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
constants:
	.long 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
	.long 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
	.long 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
	.long 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
	.long 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
	.long 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
	.long 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
	.long 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

	.globl sha256_cpu_label
	.hidden sha256_cpu_label
	.type sha256_cpu_label, @object
sha256_cpu_label:
	.asciz "SHA-NI"
	.size sha256_cpu_label, . - sha256_cpu_label

	.section .note.GNU-stack, "", @progbits
