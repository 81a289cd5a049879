/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands for the capture kernel: tests what the boot protocol promises, says "payload: ok" or "payload:
 * failed N" (the line of the test, in letters) on COM1, and ends QEMU through its debug exit device. BITS is
 * 64 or 32.
 */
#define ARGS 0x12345000
#define COPY_FROM 0x3400000
#define COPY_TO 0x3500000
#define COPY_BYTES 4096
#define DEVICE 0x3000000

	.text
	.globl payload

	.macro expect cond, code
	j\cond 7f
	movb $\code, %bl
	jmp failed
7:
	.endm

#if BITS == 64
	.code64
payload:
	cmpq $ARGS, %rsi
	expect e, 'a'
	orq %rbx, %rax
	orq %rcx, %rax
	orq %rdx, %rax
	orq %rdi, %rax
	orq %rbp, %rax
	orq %r8, %rax
	orq %r9, %rax
	orq %r10, %rax
	orq %r11, %rax
	orq %r12, %rax
	orq %r13, %rax
	orq %r14, %rax
	orq %r15, %rax
	testq %rax, %rax
	expect z, 'b'
	movq %cr0, %rax
	btl $31, %eax
	expect c, 'c'
	movq %rsp, %rax
	leaq scratch_top(%rip), %rsp
	pushq %rax
	pushfq
	popq %rax
	testl $0x600, %eax
	expect z, 'd'
#else
	.code32
payload:
	cmpl $ARGS, %esi
	expect e, 'a'
	orl %ebp, %edi
	orl %ebx, %edi
	testl %edi, %edi
	expect z, 'b'
	movl %cr0, %eax
	btl $31, %eax
	expect nc, 'c'
	movl %cr4, %eax
	testl %eax, %eax
	expect z, 'd'
	movl $0xc0000080, %ecx
	rdmsr
	testl $0x500, %eax
	expect z, 'e'
#endif
	movl %cs, %eax
	cmpl $0x10, %eax
	expect e, 'f'
	movl %ds, %eax
	cmpl $0x18, %eax
	expect e, 'g'
	movl %es, %eax
	cmpl $0x18, %eax
	expect e, 'h'
	movl %ss, %eax
	cmpl $0x18, %eax
	expect e, 'i'
	/* The descriptors are there to be loaded again. */
	movl %eax, %ds
	movl %eax, %ss
	cld
	movl $COPY_FROM, %esi
	movl $COPY_TO, %edi
	movl $COPY_BYTES, %ecx
	repe cmpsb
	expect e, 'j'
	movl $COPY_TO, %esi
	cmpb $7, 1(%esi)
	expect e, 'k'
#ifdef WITH_DEVICE
	/* The last character of the purgatory's last line went into the data register of the made-up 16550. */
	movl $DEVICE, %esi
	cmpl $'\n', (%esi)
	expect e, 'l'
#endif
	movl $(ok - payload), %esi
	jmp say
failed:
	movl $(bad - payload), %esi
say:
	addl $ORIGIN, %esi
	movw $0x3f8, %dx
1:	movb (%esi), %al
	testb %al, %al
	jz 2f
	outb %al, %dx
	incl %esi
	jmp 1b
2:	movb %bl, %al
	outb %al, %dx
	movb $'\n', %al
	outb %al, %dx
	movw $0xf4, %dx
	outb %al, %dx
3:	hlt
	jmp 3b

ok:	.asciz "payload: ok"
bad:	.asciz "payload: failed "
	.balign 8
	.skip 64
scratch_top:

	.section .note.GNU-stack, "", @progbits
