/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "purgatory/purgatory.h"

#define BOOT_CS 0x10
#define NR_VECTORS 32
#define STUB_BYTES 16
#define VECTOR_PAGE_FAULT 14

#define CR0_EM (1u << 2)        /* there is no FPU */
#define CR0_TS (1u << 3)        /* its registers are another task's */
#define CR4_OSFXSR (1u << 9)    /* SSE may be used */
#define CR4_LA57 (1u << 12)
#define PAGE_PRESENT 0x001ull
#define PAGE_WRITE 0x002ull
#define PAGE_UNCACHED 0x018ull  /* PWT and PCD */
#define PAGE_HUGE 0x080ull
#define PAGE_ADDR 0x000ffffffffff000ull
#define LARGE_SHIFT 21
#define NR_SPARE_TABLES 4

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE 0x80000000u
#define KBD_STATUS 0x64
#define KBD_BUSY 0x02
#define KBD_RESET 0xfe
#define RESET_CONTROL 0xcf9
#define PORT_DELAY 0x80         /* reading it takes about a microsecond, and nothing minds */
#define READS_PER_SECOND 1000000u

/* Intel 8254 and the PC's port B. */
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_CHANNEL_2_ONCE 0xb0 /* both bytes, mode 0: the output goes high when the count is over */
#define PIT_HZ 1193182u
#define PIT_DELAYS_PER_SECOND 20
#define CALIBRATIONS_PER_SECOND 100
#define PIT_GATE 0x61
#define PIT_GATE_2 0x01
#define PIT_SPEAKER 0x02
#define PIT_OUTPUT_2 0x20

#pragma GCC visibility push(hidden)
extern const uint8_t trap_stubs[];
void init_idt(void);
_Noreturn void start_64(uint64_t entry, uint64_t boot_params);
_Noreturn void start_32(uint32_t entry, uint32_t boot_params);

struct trap_frame {
	uint64_t vector;
	uint64_t error;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};
_Noreturn void purg_trap(const struct trap_frame *frame);
#pragma GCC visibility pop

__attribute__((section(".params"), used, visibility("hidden")))
struct purg_params purg_params = {
	.magic = PURG_MAGIC,
	.version = PURG_VERSION,
	.size = sizeof(struct purg_params),
};

/* What every PC had; where they are not, writing to them does nothing. */
const struct purg_console arch_consoles[] = {
	{ .base = 0x3f8, .type = PURG_CONSOLE_8250_PORT },
	{ .base = 0xb8000, .type = PURG_CONSOLE_VGA },
};
const uint32_t arch_nr_consoles = sizeof(arch_consoles) / sizeof(arch_consoles[0]);

/* Interrupt gates in 64-bit mode: AMD64 manual 2, 4.8.4. */
struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static struct gate idt[NR_VECTORS];
static uint64_t spare_tables[NR_SPARE_TABLES][512] __attribute__((aligned(4096)));
static unsigned int nr_tables_used;
static uint64_t entry_cr0, entry_cr4;
static bool vectors_on, trapped;

uint8_t arch_in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void arch_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void load_idt(const void *base, uint16_t limit)
{
	struct table_register reg = { .limit = limit, .base = (uintptr_t)base };

	__asm__ volatile("lidt %0" : : "m"(reg) : "memory");
}

void init_idt(void)
{
	for (unsigned int i = 0; i < NR_VECTORS; i++) {
		uint64_t stub = (uintptr_t)trap_stubs + i * STUB_BYTES;

		idt[i] = (struct gate){
			.offset_low = stub,
			.selector = BOOT_CS,
			.type = 0x8e,           /* present, interrupt gate */
			.offset_mid = stub >> 16,
			.offset_high = stub >> 32,
		};
	}
	load_idt(idt, sizeof(idt) - 1);
}

/*
 * An exception that arch_try() did not expect. A second one means that not even this can be told: reset at
 * once.
 */
_Noreturn void purg_trap(const struct trap_frame *frame)
{
	uint64_t fault_addr;

	if (trapped)
		purg_reset();
	trapped = true;
	__asm__ volatile("movq %%cr2, %0" : "=r"(fault_addr));
	purg_trapped();
	print_dec(frame->vector);
	print(" at ");
	print_hex(frame->rip);
	print(" (error code ");
	print_hex(frame->error);
	if (frame->vector == VECTOR_PAGE_FAULT) {
		print(", address ");
		print_hex(fault_addr);
	}
	print(")\n");
	purg_give_up("it cannot go on");
}

/* BASE to LAST, which lie in one large page. */
static bool map_io(uint64_t base, uint64_t last)
{
	uint64_t cr3, cr4, *entry;
	unsigned int shift;

	__asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	entry = (uint64_t *)(cr3 & PAGE_ADDR);
	for (shift = cr4 & CR4_LA57 ? 48 : 39; ; shift -= 9) {
		entry += base >> shift & 511;
		if (shift == LARGE_SHIFT && !(*entry & PAGE_PRESENT)) {
			*entry = (base >> LARGE_SHIFT << LARGE_SHIFT) | PAGE_PRESENT | PAGE_WRITE | PAGE_UNCACHED |
				 PAGE_HUGE;
			return true;
		}
		if (shift == 12)
			break;
		if (!(*entry & PAGE_PRESENT)) {
			if (nr_tables_used == NR_SPARE_TABLES)
				return false;
			*entry = (uintptr_t)spare_tables[nr_tables_used++] | PAGE_PRESENT | PAGE_WRITE;
		} else if (shift <= 30 && *entry & PAGE_HUGE) {
			return true;
		}
		entry = (uint64_t *)(*entry & PAGE_ADDR);
	}
	/* Its neighbourhood is mapped in small pages. */
	for (uint64_t page = base >> 12; page <= last >> 12; page++, entry++)
		if (!(*entry & PAGE_PRESENT))
			*entry = page << 12 | PAGE_PRESENT | PAGE_WRITE | PAGE_UNCACHED;
	return true;
}

/*
 * The kernel's kexec page tables hold RAM, the segments and the low megabyte, but no devices. What is
 * missing for a console is hung into them: 2 MiB pages, uncached, and tables from a small reserve. New
 * entries need no TLB flush.
 */
bool arch_map_io(uint64_t base, uint64_t len)
{
	uint64_t last = base + (len - 1);

	if (last < base)
		return false;
	for (;;) {
		uint64_t piece_last = base | ((1ull << LARGE_SHIFT) - 1);

		if (piece_last >= last)
			return map_io(base, last);
		if (!map_io(base, piece_last))
			return false;
		base = piece_last + 1;
	}
}

void arch_copy(uint64_t to, uint64_t from, uint64_t len)
{
	uint64_t words = len / 8, bytes = len % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void port_delay(unsigned int reads)
{
	while (reads--)
		arch_in8(PORT_DELAY);
}

/*
 * 1/PER_SECOND of a second on the PIT's second channel, which the speaker had; at most MAX_READS times, about a
 * microsecond each, is looked whether it is over. False: it does not count.
 */
static bool pit_delay(unsigned int per_second, unsigned int max_reads)
{
	unsigned int ticks = PIT_HZ / per_second;

	arch_out8(PIT_GATE, (arch_in8(PIT_GATE) & ~PIT_SPEAKER) | PIT_GATE_2);
	arch_out8(PIT_COMMAND, PIT_CHANNEL_2_ONCE);
	arch_out8(PIT_CHANNEL_2, ticks & 0xff);
	arch_out8(PIT_CHANNEL_2, ticks >> 8);
	while (max_reads--)
		if (arch_in8(PIT_GATE) & PIT_OUTPUT_2)
			return true;
	return false;
}

/*
 * The time stamp counter's frequency is not known beforehand, and the PIT may be switched off: then reads are
 * counted.
 */
void arch_delay(unsigned int seconds)
{
	for (unsigned int i = 0; i < PIT_DELAYS_PER_SECOND * seconds; i++) {
		if (!pit_delay(PIT_DELAYS_PER_SECOND, 2 * READS_PER_SECOND)) {
			while (seconds--)
				port_delay(READS_PER_SECOND);
			return;
		}
	}
}

uint64_t arch_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/*
 * A PIT that is over at once has never counted: its output was high and stays so. Emulators read ports much faster than
 * hardware does, so that the bound allows for far more reads than 10 ms have there.
 */
uint64_t arch_ticks_per_second(void)
{
	uint64_t begin = arch_ticks();

	if (!pit_delay(CALIBRATIONS_PER_SECOND, READS_PER_SECOND / 2) || arch_in8(PIT_GATE) == 0xff)
		return 0;
	return (arch_ticks() - begin) * CALIBRATIONS_PER_SECOND;
}

/* Intel SDM 3, 9.6: what SSE needs of the control registers. FXSAVE is as old as 64-bit mode. */
bool arch_vectors_on(void)
{
	__asm__ volatile("movq %%cr0, %0" : "=r"(entry_cr0));
	__asm__ volatile("movq %%cr4, %0" : "=r"(entry_cr4));
	vectors_on = true;
	__asm__ volatile("movq %0, %%cr0" : : "r"(entry_cr0 & ~(uint64_t)(CR0_EM | CR0_TS)) : "memory");
	__asm__ volatile("movq %0, %%cr4" : : "r"(entry_cr4 | CR4_OSFXSR) : "memory");
	return true;
}

/* The dead kernel's page tables are in use, and its caches are on. */
bool arch_mapped(uint64_t root, uint32_t bits, uint64_t start, uint64_t len)
{
	(void)root;
	(void)bits;
	(void)start;
	(void)len;
	return false;
}

bool arch_map_on(uint64_t root, uint32_t bits, uint64_t start, uint64_t len)
{
	(void)root;
	(void)bits;
	(void)start;
	(void)len;
	return false;
}

void arch_map_off(uint64_t start, uint64_t len)
{
	(void)start;
	(void)len;
}

void arch_flush(uint64_t start, uint64_t len)
{
	(void)start;
	(void)len;
}

_Noreturn void arch_start(const struct purg_image *image)
{
	if (vectors_on) {
		__asm__ volatile("movq %0, %%cr4" : : "r"(entry_cr4) : "memory");
		__asm__ volatile("movq %0, %%cr0" : : "r"(entry_cr0) : "memory");
	}
	if (image->entry_mode == PURG_ENTRY_X86_32)
		start_32(image->entry, image->args[0]);
	start_64(image->entry, image->args[0]);
}

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* What the firmware says that resets this machine. */
static void acpi_reset(void *ctx)
{
	const struct purg_params *p = ctx;
	uint32_t device = p->reset_addr >> 32 & 31, function = p->reset_addr >> 16 & 7, off = p->reset_addr & 0xff;

	switch (p->reset_space) {
	case PURG_RESET_PORT:
		arch_out8(p->reset_addr, p->reset_value);
		break;
	case PURG_RESET_MEMORY:
		if (arch_map_io(p->reset_addr, 1))
			*(volatile uint8_t *)p->reset_addr = p->reset_value;
		break;
	case PURG_RESET_PCI:
		out32(PCI_ADDRESS, PCI_ENABLE | device << 11 | function << 8 | (off & ~3u));
		arch_out8(PCI_DATA + (off & 3), p->reset_value);
		break;
	}
}

_Noreturn void arch_reset(const struct purg_params *params)
{
	if (params && params->reset_space != PURG_RESET_NONE) {
		arch_try(acpi_reset, (void *)(uintptr_t)params);
		port_delay(READS_PER_SECOND / 10);
	}
	/*
	 * The keyboard controller's pulse on the reset line; 65536 reads are what a slow controller may
	 * need.
	 */
	for (unsigned int i = 0; i < 65536 && arch_in8(KBD_STATUS) & KBD_BUSY; i++)
		;
	arch_out8(KBD_STATUS, KBD_RESET);
	port_delay(READS_PER_SECOND / 10);

	/* The chipset's reset control register: ask for a system reset, then trigger it. */
	arch_out8(RESET_CONTROL, 0x02);
	port_delay(50);
	arch_out8(RESET_CONTROL, 0x06);
	port_delay(READS_PER_SECOND / 10);

	/* An exception without an IDT: three faults in a row, on which the CPU shuts down and boards reset. */
	load_idt(NULL, 0);
	for (;;)
		__asm__ volatile("ud2");
}

_Noreturn void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}
