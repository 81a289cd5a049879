/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands for the capture kernel on QEMU's virt machine: tests what the boot protocol promises, says
 * "payload: ok" or "payload: failed" and a letter on the PL011, and switches the machine off by PSCI. PSCI
 * is hvc or smc.
 */
#define ARGS 0x12345000
#define RAM 0x40000000
#define COPY_FROM (RAM + 0x3400000)
#define COPY_TO (RAM + 0x3500000)
#define COPY_BYTES 4096
#define UART 0x09000000

	.macro expect cond, code
	b.\cond 7f
	mov w20, #\code
	b failed
7:
	.endm

	.text
	.globl payload
payload:
	ldr x5, =ARGS
	cmp x0, x5
	expect eq, 'a'
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
	mov w20, #'.'
	adr x1, ok
	b say
failed:
	adr x1, bad
say:
	mov x0, #UART
2:	ldrb w2, [x1], #1
	cbz w2, 3f
	str w2, [x0]
	b 2b
3:	str w20, [x0]
	mov w2, #'\n'
	str w2, [x0]
	ldr x0, =0x84000008     /* SYSTEM_OFF */
	PSCI #0
4:	wfi
	b 4b

ok:	.asciz "payload: ok"
bad:	.asciz "payload: failed "

	.section .note.GNU-stack, "", %progbits
