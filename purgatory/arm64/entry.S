/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entered by the kernel's kexec jump (Linux, arch/arm64/kernel/cpu-reset.S and hyp-stub.S): EL2 or EL1, MMU
 * and data cache off, interrupts masked. With the MMU off data accesses go to memory directly and must be
 * aligned.
 */
#define EL2 (2 << 2)            /* as CurrentEL shows it */

#define SCTLR_M (1 << 0)        /* MMU */
#define SCTLR_A (1 << 1)        /* alignment checks */
#define SCTLR_C (1 << 2)        /* data cache */
#define SCTLR_I (1 << 12)       /* instruction cache */
#define SCTLR_WXN (1 << 19)     /* what can be written is not executed */
#define SCTLR_EE (1 << 25)      /* big endian data */

	.macro load_address reg, symbol
	adrp \reg, \symbol
	add \reg, \reg, :lo12:\symbol
	.endm

	/*
	 * Little endian whatever the dead kernel was, and instructions cached: without that each one is
	 * fetched from memory.
	 */
	.macro sane_sctlr sctlr
	mrs x0, \sctlr
	mov x1, #(SCTLR_M | SCTLR_A | SCTLR_C)
	bic x0, x0, x1
	mov x1, #SCTLR_EE
	bic x0, x0, x1
	orr x0, x0, #SCTLR_I
	msr \sctlr, x0
	.endm

	.section .text.entry, "ax", %progbits
	.globl purg_entry
	.type purg_entry, %function
purg_entry:
	msr daifset, #15
	msr spsel, #1
	ic iallu
	dsb nsh
	isb
	load_address x2, vectors
	mrs x3, CurrentEL
	cmp x3, #EL2
	b.eq 1f
	sane_sctlr sctlr_el1
	msr vbar_el1, x2
	b 2f
1:	sane_sctlr sctlr_el2
	msr vbar_el2, x2
2:	isb
	load_address x0, purg_bss
	load_address x1, purg_limit
	mov x19, xzr
3:	cmp x0, x1
	b.hs 5f
	ldr x2, [x0]
	cbz x2, 4f
	cbnz x19, 4f
	mov x19, x0
4:	str xzr, [x0], #8
	b 3b
5:	load_address x0, stack_top
	mov sp, x0
	mov x29, xzr
	mov x30, xzr
	/* struct self */
	load_address x0, purg_params
	load_address x1, purg_bss
	sub x1, x1, x0
	load_address x2, purg_limit
	sub x2, x2, x0
	mov x3, x19
	stp x2, x3, [sp, #-16]!
	stp x0, x1, [sp, #-16]!
	mov x0, sp
	bl purg_main
6:	wfi
	b 6b
	.size purg_entry, . - purg_entry

	.text
/* _Noreturn void start(uint64_t entry, const uint64_t args[4]): Documentation/arm64/booting.rst. */
	.globl start
	.hidden start
	.type start, %function
start:
	mov x4, x0
	mov x5, x1
	ldp x0, x1, [x5]
	ldp x2, x3, [x5, #16]
	/* What was copied is in memory; nothing older of it may be in the instruction cache. */
	dsb sy
	ic iallu
	dsb nsh
	isb
	br x4
	.size start, . - start

/*
 * void mmu_on(uint64_t root, uint64_t tcr, uint64_t mair, bool own_el2): addresses stay what they are, so the next
 * instruction is the next one.
 */
	.macro set_mmu el, tlbi_all
	msr mair_\el, x2
	msr tcr_\el, x1
	msr ttbr0_\el, x0
	isb
	\tlbi_all
	dsb nsh
	isb
	mrs x4, sctlr_\el
	mov x5, #SCTLR_WXN
	bic x4, x4, x5
	mov x5, #SCTLR_A
	bic x4, x4, x5
	mov x5, #(SCTLR_M | SCTLR_C)
	orr x4, x4, x5
	msr sctlr_\el, x4
	isb
	ret
	.endm

	/* With E2H "alle1" and the like mean others; this one means the registers in use, at EL2 as at EL1. */
	.macro tlbi_own
	mrs x4, CurrentEL
	cmp x4, #EL2
	b.eq 8f
	tlbi vmalle1
	b 9f
8:	tlbi alle2
9:
	.endm

	.globl mmu_on
	.hidden mmu_on
	.type mmu_on, %function
mmu_on:
	dsb sy
	cbnz x3, 1f
	set_mmu el1, tlbi_own
1:	set_mmu el2, tlbi_own
	.size mmu_on, . - mmu_on

/*
 * void mmu_off(uint64_t start, uint64_t len, uint64_t line, bool own_el2): START and LEN, whole pages, are where the
 * stack and all variables are; from writing them back until the cache is off nothing is stored.
 */
	.globl mmu_off
	.hidden mmu_off
	.type mmu_off, %function
mmu_off:
	add x1, x1, x0
1:	dc civac, x0
	add x0, x0, x2
	cmp x0, x1
	b.lo 1b
	dsb sy
	mov x5, #(SCTLR_M | SCTLR_C)
	cbnz x3, 2f
	mrs x4, sctlr_el1
	bic x4, x4, x5
	msr sctlr_el1, x4
	b 3f
2:	mrs x4, sctlr_el2
	bic x4, x4, x5
	msr sctlr_el2, x4
3:	isb
	tlbi_own
	dsb nsh
	isb
	ret
	.size mmu_off, . - mmu_off

/*
 * bool arch_try(void (*fn)(void *), void *ctx): the stack pointer below the saved registers is the way back,
 * which trap takes when it is set.
 */
	.globl arch_try
	.hidden arch_try
	.type arch_try, %function
arch_try:
	stp x29, x30, [sp, #-96]!
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	load_address x2, try_sp
	mov x3, sp
	str x3, [x2]
	mov x2, x0
	mov x0, x1
	blr x2
	dsb sy                  /* a device may refuse a store late: it must still find the way back set */
	isb
	mov x0, #1
try_return:
	load_address x2, try_sp
	str xzr, [x2]
	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp x29, x30, [sp], #96
	ret
	.size arch_try, . - arch_try

/* x0: index of the vector. Nothing returns to where the exception came from, so registers are free. */
	.type trap, %function
trap:
	load_address x4, try_sp
	ldr x5, [x4]
	cbz x5, 1f
	mov sp, x5
	mov x0, xzr
	b try_return
1:	load_address x5, stack_top
	mov sp, x5
	mrs x1, CurrentEL
	cmp x1, #EL2
	b.eq 2f
	mrs x1, esr_el1
	mrs x2, elr_el1
	mrs x3, far_el1
	b purg_trap
2:	mrs x1, esr_el2
	mrs x2, elr_el2
	mrs x3, far_el2
	b purg_trap
	.size trap, . - trap

	.balign 2048
vectors:
	.set vector, 0
	.rept 16
	.balign 128
	mov x0, #vector
	b trap
	.set vector, vector + 1
	.endr
	.balign 128

	.bss
	.balign 16
	.skip 8192
stack_top:
try_sp:
	.skip 16

	.section .note.GNU-stack, "", %progbits
