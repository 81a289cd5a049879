/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands for the capture kernel: tests what the boot protocol promises, says "cmdline: " and the text at its
 * argument, "payload: ok" or "payload: failed" and a letter on COM1, and ends QEMU through its debug exit device.
 * BITS is 64 or 32.
 */
#define COPY_FROM 0x9400000
#define COPY_TO 0x9500000
#define CR0_AS_IT_WAS 0x8000000d /* paging, no FPU, another task's FPU state, protected: what the stage left */
#define COPY_BYTES 4096
#define DEVICE 0xa000000
#define FRAMEBUFFER 0x9f01000

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
	movl %esi, cmdline_at(%rip)
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
	andl $0x8000000d, %eax
	cmpl $CR0_AS_IT_WAS, %eax
	expect e, 'c'
	movq %cr4, %rax
	testl $0x600, %eax      /* SSE */
	expect z, 'm'
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
	movl %esi, cmdline_at - payload + ORIGIN
	orl %ebp, %edi
	orl %ebx, %edi
	testl %edi, %edi
	expect z, 'b'
	movl %cr0, %eax
	andl $0x8000000d, %eax
	cmpl $(CR0_AS_IT_WAS & ~0x80000000), %eax
	expect e, 'c'
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
#ifdef WITH_FRAMEBUFFER
	/* White and black pixels within the lines that were written, nothing in the middle of the screen. */
	movl $FRAMEBUFFER, %edi
	movl $-1, %eax
	movl $(4096 * 16 / 4), %ecx
	repne scasl
	expect e, 'n'
	movl $FRAMEBUFFER, %edi
	xorl %eax, %eax
	movl $(4096 * 16 / 4), %ecx
	repne scasl
	expect e, 'o'
	movl $(FRAMEBUFFER + 4096 * 384), %edi
	movl $(4096 * 384 / 4), %ecx
	xorl %eax, %eax
	repe scasl
	expect e, 'p'
#endif
#ifdef WITH_VGA
	/* Text mode: the window, no graphics, the planes in turn; and a line of text, which may have been wrapped. */
	movw $0x3ce, %dx
	movb $6, %al
	outb %al, %dx
	incw %dx
	inb %dx, %al
	cmpb $0x0e, %al
	expect e, 'q'
	movl $0xb8000, %esi
6:	cmpl $(0xb8000 + 160 * 25), %esi
	expect b, 'r'
	addl $160, %esi
	cmpl $0x07750770, -160(%esi) /* "pu" */
	jne 6b
	cmpl $0x07670772, -156(%esi) /* "rg" */
	jne 6b
#endif
#if BITS == 32
	movl $(scratch_top - payload + ORIGIN), %esp
#endif
	movl $(cmdline - payload + ORIGIN), %esi
	call say
	movl $(cmdline_at - payload + ORIGIN), %esi
	movl (%esi), %esi
	call say
	movl $(ok - payload + ORIGIN), %esi
	movb $'.', %bl
	jmp 2f
failed:
	movl $(bad - payload + ORIGIN), %esi
2:
#if BITS == 64
	leaq scratch_top(%rip), %rsp
#else
	movl $(scratch_top - payload + ORIGIN), %esp
#endif
	call say
	movb %bl, %al
	outb %al, %dx
	movb $'\n', %al
	outb %al, %dx
	movw $0xf4, %dx
	outb %al, %dx
3:	hlt
	jmp 3b

say:
	movw $0x3f8, %dx
4:	movb (%esi), %al
	testb %al, %al
	jz 5f
	outb %al, %dx
	incl %esi
	jmp 4b
5:	ret

cmdline:
	.asciz "cmdline: "
ok:	.asciz "\npayload: ok"
bad:	.asciz "\npayload: failed "
	.balign 8
cmdline_at:
	.long 0
	.balign 8
	.skip 64
scratch_top:

	.section .note.GNU-stack, "", @progbits
