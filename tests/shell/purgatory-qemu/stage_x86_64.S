/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands for the dying kernel: a Multiboot program that brings the CPU into the state of the kexec jump
 * (64-bit mode, identity map, LEVELS levels, no GDT and IDT worth using) and jumps to ENTRY. The first GiB
 * is mapped, but for the 2 MiB at HOLE, where the test has put what looks like a device.
 */
#define TABLES 0x200000
#define HOLE 0xa000000

	.text
	.balign 4
	.long 0x1badb002, 0, -0x1badb002
	.code32
	.globl stage
stage:
	cli
#ifdef GRAPHICS
	/* The VGA shows pixels, and text memory is nowhere. */
	movw $0x3ce, %dx
	movw $0x0506, %ax
	outw %ax, %dx
	movw $0x4005, %ax
	outw %ax, %dx
	movw $0x3c4, %dx
	movw $0x0e04, %ax
	outw %ax, %dx
#endif
	/* Level 2 at TABLES, level 3, level 4, level 5 behind it. */
	movl $TABLES, %edi
	movl $4096, %ecx
	xorl %eax, %eax
	rep stosl
	movl $TABLES, %edi
	movl $0x83, %eax
1:	cmpl $(HOLE | 0x83), %eax
	je 2f
	movl %eax, (%edi)
2:	addl $8, %edi
	addl $0x200000, %eax
	cmpl $0x40000083, %eax
	jne 1b
	movl $(TABLES | 3), TABLES + 0x1000
	movl $(TABLES + 0x1003), TABLES + 0x2000
	movl $(TABLES + 0x2003), TABLES + 0x3000
#if LEVELS == 5
	movl $(1 << 5 | 1 << 12), %eax
	movl %eax, %cr4
	movl $(TABLES + 0x3000), %eax
#else
	movl $(1 << 5), %eax
	movl %eax, %cr4
	movl $(TABLES + 0x2000), %eax
#endif
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	/* And without an FPU, as nothing promises one. */
	orl $0x8000000d, %eax
	movl %eax, %cr0
	lgdt gdt_register
	movl $nothing, %ebx
	ljmp $8, $3f
	.code64
3:	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	lgdt (%rbx)
	lidt (%rbx)
#ifdef COUNT
	/* For the payload to tell how far it is from here. */
	rdtsc
	movl %eax, COUNT
	movl %edx, COUNT + 4
#else
	std
#endif
	movq $ENTRY, %rax
	movq $0x1234, %rsp
	jmp *%rax

	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff
gdt_register:
	.word . - gdt - 1
	.long gdt
nothing:
	.word 0
	.quad 0

	.section .note.GNU-stack, "", @progbits
