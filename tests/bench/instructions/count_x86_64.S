/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands for the capture kernel: says in hexadecimal on COM1 by how much the time stamp counter is ahead of COUNT. */
	.text
	.code64
	.globl payload
payload:
	rdtsc
	shlq $32, %rdx
	orq %rdx, %rax
	subq COUNT, %rax
	movq %rax, %rbx
	movl $16, %ecx
	movw $0x3f8, %dx
1:	rolq $4, %rbx
	movl %ebx, %eax
	andl $15, %eax
	addb $'0', %al
	cmpb $'9', %al
	jbe 2f
	addb $('a' - '0' - 10), %al
2:	outb %al, %dx
	decl %ecx
	jnz 1b
	movb $'\n', %al
	outb %al, %dx
	movw $0xf4, %dx
	outb %al, %dx
3:	hlt
	jmp 3b

	.section .note.GNU-stack, "", @progbits
