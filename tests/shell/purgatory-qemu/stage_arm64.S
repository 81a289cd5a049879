/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands for the dying kernel: leaves translation registers as no one else would want them, vector registers
 * forbidden, with E2H the host extensions on (as a kernel that runs at EL2 has them), and jumps, MMU off, to the
 * address that the test has put at ENTRY_AT.
 */
#define ENTRY_AT 0x4f001000

	.text
	.globl stage
stage:
	ldr x1, =0xdeaddeaddeaddead
	mrs x0, CurrentEL
	cmp x0, #(2 << 2)
	b.eq 1f
	msr mair_el1, x1
	msr ttbr0_el1, x1
	msr ttbr1_el1, x1
	msr cpacr_el1, xzr
	mrs x0, sctlr_el1
	orr x0, x0, #(1 << 19)  /* WXN */
	msr sctlr_el1, x0
	b 3f
1:
#ifdef E2H
	mrs x0, hcr_el2
	ldr x2, =(1 << 34 | 1 << 27) /* E2H, TGE */
	orr x0, x0, x2
	msr hcr_el2, x0
	isb
	msr cptr_el2, xzr
#else
	mov x0, #0x37ff         /* TFP and what must be 1 */
	msr cptr_el2, x0
#endif
	msr mair_el2, x1
	msr ttbr0_el2, x1
	mrs x0, sctlr_el2
	orr x0, x0, #(1 << 19)
	msr sctlr_el2, x0
3:	isb
#ifdef COUNT
	/* For others than ours, which use vector registers as they find them; and for the payload to tell how far it is. */
	mov x0, #(3 << 20)
	msr cpacr_el1, x0
	ldr x0, =COUNT
	isb
	mrs x1, cntpct_el0
	str x1, [x0]
#endif
	ldr x0, =ENTRY_AT
	ldr x0, [x0]
	br x0

	.section .note.GNU-stack, "", %progbits
