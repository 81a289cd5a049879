/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entered by the kernel's kexec jump (Linux, arch/x86/kernel/relocate_kernel_64.S): 64-bit mode, all RAM and
 * all segments identity mapped with 4 or 5 levels of page tables, interrupts off, general registers zero,
 * CR4 cleared but for PAE and LA57. GDT, IDT and stack are still the dead kernel's.
 */
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define NR_VECTORS 32
#define VECTOR_NMI 2

#define CR0_PG 0x80000000
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

	.section .text.entry, "ax", @progbits
	.code64
	.globl purg_entry
	.type purg_entry, @function
purg_entry:
	cli
	cld
	leaq purg_bss(%rip), %rdi
	leaq purg_limit(%rip), %rcx
	subq %rdi, %rcx
	shrq $3, %rcx
	xorl %eax, %eax
	xorl %r15d, %r15d
	repe scasq
	je 1f
	leaq -8(%rdi), %r15
1:	leaq purg_bss(%rip), %rdi
	leaq purg_limit(%rip), %rcx
	subq %rdi, %rcx
	shrq $3, %rcx
	rep stosq
	leaq stack_top(%rip), %rsp

	leaq gdt64(%rip), %rax
	pushq %rax
	subq $8, %rsp
	movw $gdt64_size - 1, 6(%rsp)
	lgdt 6(%rsp)
	addq $16, %rsp
	pushq $BOOT_CS
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	movl $BOOT_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	/* Also resets their bases, which point at the dead kernel's per-CPU data. */
	movl %eax, %fs
	movl %eax, %gs

	xorl %ebp, %ebp
	call init_idt
	/* struct self, from its last member. */
	leaq purg_params(%rip), %rdi
	leaq purg_bss(%rip), %rsi
	subq %rdi, %rsi
	leaq purg_limit(%rip), %rdx
	subq %rdi, %rdx
	pushq %r15
	pushq %rdx
	pushq %rsi
	pushq %rdi
	movq %rsp, %rdi
	call purg_main
	ud2
	.size purg_entry, . - purg_entry

	.text
/*
 * _Noreturn void start_64(uint64_t entry, uint64_t boot_params): the 64-bit boot protocol of
 * Documentation/x86/boot.rst.
 */
	.globl start_64
	.hidden start_64
	.type start_64, @function
start_64:
	leaq stack_top(%rip), %rsp
	pushq %rdi
	xorl %eax, %eax
	xorl %ebx, %ebx
	xorl %ecx, %ecx
	xorl %edx, %edx
	xorl %edi, %edi
	xorl %ebp, %ebp
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	ret
	.size start_64, . - start_64

/*
 * _Noreturn void start_32(uint32_t entry, uint32_t boot_params): the 32-bit boot protocol. The image is
 * below 4 GiB, so that the way out of long mode (AMD64 manual 2, 14.7) can be walked here: compatibility
 * mode, paging off, LME off.
 */
	.globl start_32
	.hidden start_32
	.type start_32, @function
start_32:
	/* From here on an exception resets the machine: the 64-bit table is of no use to 32-bit code. */
	pushq $0
	pushq $0
	lidt 6(%rsp)
	leaq stack_top(%rip), %rsp
	leaq gdt32(%rip), %rax
	pushq %rax
	subq $8, %rsp
	movw $gdt32_size - 1, 6(%rsp)
	lgdt 6(%rsp)
	addq $16, %rsp
	pushq $BOOT_CS
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
	.code32
1:	movl $BOOT_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movl %cr0, %eax
	andl $~CR0_PG, %eax
	movl %eax, %cr0
	movl $MSR_EFER, %ecx
	rdmsr
	andl $~EFER_LME, %eax
	wrmsr
	xorl %eax, %eax
	movl %eax, %cr4
	movl %edi, %ecx
	xorl %edx, %edx
	xorl %ebx, %ebx
	xorl %edi, %edi
	xorl %ebp, %ebp
	jmp *%ecx
	.code64
	.size start_32, . - start_32

/*
 * bool arch_try(void (*fn)(void *), void *ctx): the stack pointer behind the saved registers is the way
 * back, which trap_common takes when it is set.
 */
	.globl arch_try
	.hidden arch_try
	.type arch_try, @function
arch_try:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $8, %rsp
	movq %rsp, try_sp(%rip)
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
	movl $1, %eax
2:	movq $0, try_sp(%rip)
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	.size arch_try, . - arch_try

	.type trap_common, @function
trap_common:
	cld
	cmpq $0, try_sp(%rip)
	je 1f
	movq try_sp(%rip), %rsp
	xorl %eax, %eax
	jmp 2b
1:	movq %rsp, %rdi
	andq $-16, %rsp
	call purg_trap
	ud2
	.size trap_common, . - trap_common

/*
 * One stub of 16 bytes for each vector: leaves vector and error code (0 where the CPU pushes none) on top of
 * the CPU's frame.
 */
	.balign 16
	.globl trap_stubs
	.hidden trap_stubs
trap_stubs:
	.set vector, 0
	.rept NR_VECTORS
	.balign 16
	.if vector == VECTOR_NMI
	/* Nothing of ours caused it, and a capture in progress is worth more than what it wants to say. */
	iretq
	.else
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
	.endif
	.set vector, vector + 1
	.endr
	.balign 16

	.section .rodata, "a", @progbits
/*
 * The selectors that the boot protocol names. The accessed bits are set beforehand: the CPU would set them
 * otherwise, and the image must stay as it was verified.
 */
	.balign 16
gdt64:
	.quad 0
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.set gdt64_size, . - gdt64
	.balign 16
gdt32:
	.quad 0
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
	.set gdt32_size, . - gdt32

	.bss
	.balign 16
	.skip 8192
stack_top:
try_sp:
	.skip 16

	.section .note.GNU-stack, "", @progbits
