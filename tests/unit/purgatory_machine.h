/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generic half of the purgatory, run on the host: memory of this program stands for physical memory, and
 * the architecture's hooks below stand for the machine. What it prints goes through a 16550 in port space
 * that the hooks play. What the machine did is in MACHINE.
 */
#ifndef TESTS_UNIT_PURGATORY_MACHINE_H
#define TESTS_UNIT_PURGATORY_MACHINE_H

#include "tests/unit/test.h"

#include "purgatory/console.c"
#include "purgatory/font.c"
#include "purgatory/map.c"
#include "purgatory/purgatory.c"
#include "purgatory/screen.c"
#include "purgatory/uart.c"
#include "purgatory/verdict.c"
#include "purgatory/verify.c"

#include <setjmp.h>

#define FILE_LEN 8192          /* of the image, which is a little larger, and padded further */
#define IMAGE_LEN 9000
#define SELF_MEMSZ 12288
#define REGION_BYTES 3000
#define REGION_MEMSZ 4096

/* The regions, and which images need them. */
enum { KERNEL, INITRD, BOOT_DATA, FALLBACK_INITRD, FALLBACK_BOOT_DATA, TABLES, NR_REGIONS };
static const struct {
	const char *name;
	uint64_t images;
} regions[NR_REGIONS] = {
	{ "kernel", 3 },
	{ "initrd", 1 },
	{ "boot data", 1 },
	{ "fallback-initrd", 2 },
	{ "fallback-boot data", 2 },
	{ PURG_MAP_REGION, 0 },
};

/* Where the command line of each image is in its boot data, and the word with its room in it. */
#define CMDLINE_OFF 501
#define CMDLINE_BEFORE "console=ttyS0 "
#define CMDLINE_BEHIND " quiet"
#define VERDICT_LEN 200

#define PRIMARY_ENTRY 0x123456789000
#define FALLBACK_ENTRY 0x23456789a000

#define ALIVE_PORT 0x3f8
#define STUCK_PORT 0x2f8
#define FAULTY_PORT 0x3e8

enum outcome { NOTHING, STARTED, RESET, HALTED };

static struct {
	jmp_buf done, fault;
	bool trying;
	enum outcome outcome;
	uint64_t entry;
	uint32_t psci;
	unsigned int delay, nr_copied, stuck_reads, flushed;
	bool lacks_memory, lacks_cpu;  /* the tables do; the CPU cannot use them */
	bool map_is_on, was_on;
	uint64_t ticks, ticks_per_second;
	char text[65536];
	size_t len;
	uint8_t crtc[256], crtc_index;
	uint8_t uart[8];               /* last written */
	unsigned int divisor;
	unsigned int vga_resets;
} machine;

/* vga_mode.c drives the real thing; in QEMU it does. */
void vga_reset(void)
{
	machine.vga_resets++;
}


const struct purg_console arch_consoles[] = {
	{ .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT },
};
const uint32_t arch_nr_consoles = 1;

bool arch_try(void (*fn)(void *ctx), void *ctx)
{
	CHECK(!machine.trying);
	machine.trying = true;
	if (setjmp(machine.fault)) {
		machine.trying = false;
		return false;
	}
	fn(ctx);
	machine.trying = false;
	return true;
}

bool arch_map_io(uint64_t base, uint64_t len)
{
	return base && len;
}

uint8_t arch_in8(uint16_t port)
{
	if (port == FAULTY_PORT + UART_LSR)
		longjmp(machine.fault, 1);
	if (port == STUCK_PORT + UART_LSR) {
		machine.stuck_reads++;
		return 0;
	}
	if (port == VGA_CRTC + 1)
		return machine.crtc[machine.crtc_index];
	return port == ALIVE_PORT + UART_LSR ? UART_LSR_THRE : 0xff;
}

void arch_out8(uint16_t port, uint8_t value)
{
	CHECK(port != STUCK_PORT && port != FAULTY_PORT);
	if (port == VGA_CRTC)
		machine.crtc_index = value;
	if (port >= ALIVE_PORT && port < ALIVE_PORT + 8)
		machine.uart[port - ALIVE_PORT] = value;
	if (port == ALIVE_PORT + UART_IER && machine.uart[UART_LCR] & UART_LCR_DLAB)
		machine.divisor = machine.uart[UART_DATA] | value << 8;
	if (port == ALIVE_PORT && !(machine.uart[UART_LCR] & UART_LCR_DLAB) && machine.len + 1 < sizeof(machine.text))
		machine.text[machine.len++] = value;
}

bool arch_vectors_on(void)
{
	return true;
}

bool arch_mapped(uint64_t root, uint32_t bits, uint64_t start, uint64_t len)
{
	CHECK_EQ(bits, 48);
	return root && start && len && !machine.lacks_memory;
}

bool arch_map_on(uint64_t root, uint32_t bits, uint64_t start, uint64_t len)
{
	CHECK(root && bits == 48 && start && len == SELF_MEMSZ);
	machine.map_is_on = machine.was_on = !machine.lacks_cpu;
	return machine.map_is_on;
}

void arch_map_off(uint64_t start, uint64_t len)
{
	CHECK(start && len == SELF_MEMSZ && machine.map_is_on);
	machine.map_is_on = false;
}

void arch_flush(uint64_t start, uint64_t len)
{
	CHECK(start);
	machine.flushed += len != 0;
}

void arch_copy(uint64_t to, uint64_t from, uint64_t len)
{
	memcpy((void *)(uintptr_t)to, at(from), len);
	machine.nr_copied++;
}

uint64_t arch_ticks(void)
{
	machine.ticks += 1234567;
	return machine.ticks;
}

uint64_t arch_ticks_per_second(void)
{
	return machine.ticks_per_second;
}

void arch_delay(unsigned int seconds)
{
	machine.delay += seconds;
}

_Noreturn void arch_start(const struct purg_image *started)
{
	machine.outcome = STARTED;
	machine.entry = started->entry;
	longjmp(machine.done, 1);
}

_Noreturn void arch_reset(const struct purg_params *params)
{
	machine.outcome = RESET;
	machine.psci = params ? params->psci : PURG_PSCI_NONE;
	longjmp(machine.done, 1);
}

_Noreturn void arch_halt(void)
{
	machine.outcome = HALTED;
	longjmp(machine.done, 1);
}

/* An image: the block at its start and something behind it that is verified too. */
static union {
	struct purg_params params;
	uint8_t bytes[SELF_MEMSZ];
} image;

static uint8_t memory[NR_REGIONS][REGION_MEMSZ] __attribute__((aligned(8)));
static uint8_t low[1000], saved[1000];

static inline void seal(void)
{
	uint8_t digest[SHA256_BYTES];

	memset(image.params.self_digest, 0, sizeof(image.params.self_digest));
	sha256_of(image.bytes, FILE_LEN, digest);
	memcpy(image.params.self_digest, digest, sizeof(digest));
}

static inline char *cmdline(unsigned int idx)
{
	return (char *)memory[idx ? FALLBACK_BOOT_DATA : BOOT_DATA] + CMDLINE_OFF;
}

static inline void set_up_image(unsigned int idx, uint64_t entry)
{
	struct purg_image *im = &image.params.images[idx];

	sprintf(cmdline(idx), CMDLINE_BEFORE "%-*s" CMDLINE_BEHIND, VERDICT_LEN, PURG_VERDICT_WORD "unknown");
	im->entry = entry;
	im->verdict_paddr = (uintptr_t)cmdline(idx) + strlen(CMDLINE_BEFORE);
	im->verdict_len = VERDICT_LEN;
}

/* Both images, no page tables; reboot. */
static inline void set_up(void)
{
	struct purg_params *p = &image.params;

	memset(&machine, 0, sizeof(machine));
	machine.ticks_per_second = 1000000;
	sane_params = NULL;
	memset(findings, 0, sizeof(findings));
	memset(&self_finding, 0, sizeof(self_finding));
	nr_printed = 0;
	on = false;
	memset(&image, 0, sizeof(image));
	memset(&image, 0x90, FILE_LEN);
	memset(p, 0, sizeof(*p));
	p->magic = PURG_MAGIC;
	p->version = PURG_VERSION;
	p->size = sizeof(*p);
	p->policy = PURG_POLICY_REBOOT;
	p->self_memsz = SELF_MEMSZ;
	p->psci = PURG_PSCI_SMC;
	p->nr_consoles = 1;
	p->consoles[0] = (struct purg_console){ .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };
	for (size_t i = 0; i < NR_REGIONS; i++) {
		memset(memory[i], 0, REGION_MEMSZ);
		for (size_t j = 0; j < REGION_BYTES; j++)
			memory[i][j] = test_random();
	}
	p->nr_images = 2;
	set_up_image(0, PRIMARY_ENTRY);
	set_up_image(1, FALLBACK_ENTRY);
	p->nr_regions = NR_REGIONS;
	for (size_t i = 0; i < NR_REGIONS; i++) {
		p->regions[i] = (struct purg_region){ .start = (uintptr_t)memory[i], .len = REGION_BYTES,
						      .memsz = REGION_MEMSZ, .images = regions[i].images };
		strcpy(p->regions[i].name, regions[i].name);
		sha256_of(memory[i], REGION_BYTES, p->regions[i].digest);
	}
	for (size_t i = 0; i < sizeof(low); i++)
		low[i] = test_random();
	memset(saved, 0, sizeof(saved));
	p->nr_copies = 1;
	p->copies[0] = (struct purg_copy){ (uintptr_t)low, (uintptr_t)saved, sizeof(low) };
	seal();
}

static inline void run_dirty(uint64_t dirty)
{
	const struct self self = { &image.params, FILE_LEN, IMAGE_LEN, dirty };

	if (!setjmp(machine.done))
		purg_main(&self);
}

static inline void run(void)
{
	run_dirty(0);
}

#endif
