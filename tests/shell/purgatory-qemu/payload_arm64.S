/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands for the capture kernel on QEMU's virt machine: tests what the boot protocol promises, says "cmdline: " and
 * the text at its first argument, "payload: ok" or "payload: failed" and a letter on the PL011, and switches the
 * machine off by PSCI. PSCI is hvc or smc; EL is 1 or 2, E2H is defined where that is set. Behind "ok": M where paging
 * was in use before, N where not.
 */
#define RAM 0x40000000
#define COPY_FROM (RAM + 0x9400000)
#define COPY_TO (RAM + 0x9500000)
#define COPY_BYTES 4096
#define UART 0x09000000
#define MAIR 0x04ff             /* as the purgatory sets it; whoever jumped to it had another value there */

	.macro expect cond, code
	b.\cond 7f
	mov w20, #\code
	b failed
7:
	.endm

	.text
	.globl payload
payload:
	mov x21, x0
	orr x0, x1, x2
	orr x0, x0, x3
	cmp x0, #0
	expect eq, 'b'
	mrs x0, CurrentEL
	cmp x0, #(EL << 2)
	expect eq, 'c'
#if EL == 2
	mrs x0, sctlr_el2
#else
	mrs x0, sctlr_el1
#endif
	mov x1, #5              /* MMU and data cache */
	tst x0, x1
	expect eq, 'd'
	mrs x0, daif
	cmp x0, #0x3c0
	expect eq, 'e'
	/* Vector registers are as forbidden as they were. */
#if EL == 1
	mrs x0, cpacr_el1
	tst x0, #(3 << 20)
	expect eq, 'h'
#elif defined E2H
	mrs x0, cptr_el2
	tst x0, #(3 << 20)
	expect eq, 'h'
#else
	mrs x0, cptr_el2
	tst x0, #(1 << 10)
	expect ne, 'h'
#endif
	ldr x1, =COPY_FROM
	ldr x2, =COPY_TO
	mov x3, #COPY_BYTES
1:	ldrb w4, [x1], #1
	ldrb w5, [x2], #1
	cmp w4, w5
	expect eq, 'f'
	subs x3, x3, #1
	b.ne 1b
	ldr x2, =COPY_TO
	ldrb w4, [x2, #1]
	cmp w4, #7
	expect eq, 'g'
#ifdef WITH_FRAMEBUFFER
	/* White and black pixels within the lines that were written. */
	ldr x1, =(RAM + 0x9f01000)
	mov x2, #(4096 * 16 / 4)
	mov w3, #-1
	mov w4, wzr
1:	ldr w5, [x1], #4
	and w3, w3, w5
	orr w4, w4, w5
	subs x2, x2, #1
	b.ne 1b
	cbz w3, 1f
	mov w20, #'i'
	b failed
1:	cmn w4, #1
	expect eq, 'j'
#endif
	adr x1, cmdline
	bl say
	mov x1, x21
	bl say
#if EL == 2
	mrs x0, mair_el2
#else
	mrs x0, mair_el1
#endif
	ldr x1, =MAIR
	cmp x0, x1
	mov w20, #'M'
	mov w0, #'N'
	csel w20, w20, w0, eq
	adr x1, ok
	b 4f
failed:
	adr x1, bad
4:	bl say
	mov x0, #UART
	str w20, [x0]
	mov w2, #'\n'
	str w2, [x0]
	ldr x0, =0x84000008     /* SYSTEM_OFF */
	PSCI #0
5:	wfi
	b 5b

say:
	mov x0, #UART
2:	ldrb w2, [x1], #1
	cbz w2, 3f
	str w2, [x0]
	b 2b
3:	ret

cmdline:
	.asciz "cmdline: "
ok:	.asciz "\npayload: ok "
bad:	.asciz "\npayload: failed "

	.section .note.GNU-stack, "", %progbits
