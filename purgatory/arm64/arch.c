/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "purgatory/arm64/arm64.h"

#define PSCI_SYSTEM_RESET 0x84000009u   /* Arm DEN 0022 */
#define EL2 2
#define HCR_E2H 34
/* The bound where the counter stands still or has no frequency: reading it takes some 20 to 100 ns. */
#define MAX_READS_PER_SECOND 50000000u

/* Arm ARM D19: what may use vector registers without a trap. */
#define CPACR_FPEN (3u << 20)            /* also CPTR_EL2 of those whose HCR_EL2.E2H is set */
#define CPTR_TFP (1u << 10)

#pragma GCC visibility push(hidden)
_Noreturn void start(uint64_t entry, const uint64_t args[4]);
_Noreturn void purg_trap(uint64_t vector, uint64_t esr, uint64_t elr, uint64_t far);
#pragma GCC visibility pop

__attribute__((section(".params"), used, visibility("hidden")))
struct purg_params purg_params = {
	.magic = PURG_MAGIC,
	.version = PURG_VERSION,
	.size = sizeof(struct purg_params),
};

/* Devices stand elsewhere on every machine. */
const struct purg_console arch_consoles[1];
const uint32_t arch_nr_consoles = 0;

static uint64_t entry_cpacr;
static bool vectors_on, trapped;

/* With the MMU off everything is reachable, and the loader's page tables hold the consoles. */
bool arch_map_io(uint64_t base, uint64_t len)
{
	return len <= UINT64_MAX - base;
}

uint8_t arch_in8(uint16_t port)
{
	(void)port;
	return 0xff;
}

void arch_out8(uint16_t port, uint8_t value)
{
	(void)port;
	(void)value;
}

/* Aligned: memory behaves like a device while the MMU is off. */
void arch_copy(uint64_t to, uint64_t from, uint64_t len)
{
	if (!((to | from) % 16)) {
		for (; len >= 64; len -= 64, to += 64, from += 64) {
			uint64_t a, b, c, d, e, f, g, h;

			__asm__ volatile("ldp %0, %1, [%8]\n\tldp %2, %3, [%8, #16]\n\t"
					 "ldp %4, %5, [%8, #32]\n\tldp %6, %7, [%8, #48]\n\t"
					 "stp %0, %1, [%9]\n\tstp %2, %3, [%9, #16]\n\t"
					 "stp %4, %5, [%9, #32]\n\tstp %6, %7, [%9, #48]"
					 : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d), "=&r"(e), "=&r"(f), "=&r"(g),
					   "=&r"(h)
					 : "r"(from), "r"(to) : "memory");
		}
	}
	for (; len; len--, to++, from++)
		*(volatile uint8_t *)to = *(const volatile uint8_t *)from;
}

static uint64_t counter(void)
{
	uint64_t value;

	__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(value) : : "memory");
	return value;
}

void arch_delay(unsigned int seconds)
{
	uint64_t ticks, begin, reads = (uint64_t)seconds * MAX_READS_PER_SECOND;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(ticks));
	ticks = (ticks & UINT32_MAX) * seconds;
	begin = counter();
	while (reads-- && (!ticks || counter() - begin < ticks))
		;
}

uint64_t arch_ticks(void)
{
	return counter();
}

uint64_t arch_ticks_per_second(void)
{
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz & UINT32_MAX;
}

static unsigned int exception_level(void)
{
	uint64_t el;

	__asm__ volatile("mrs %0, CurrentEL" : "=r"(el));
	return el >> 2 & 3;
}

bool arch_own_el2(void)
{
	uint64_t hcr;

	if (exception_level() < EL2)
		return false;
	__asm__ volatile("mrs %0, hcr_el2" : "=r"(hcr));
	return !(hcr >> HCR_E2H & 1);
}

bool arch_vectors_on(void)
{
	if (arch_own_el2()) {
		__asm__ volatile("mrs %0, cptr_el2" : "=r"(entry_cpacr));
		__asm__ volatile("msr cptr_el2, %0\n\tisb" : : "r"(entry_cpacr & ~(uint64_t)CPTR_TFP));
	} else {
		__asm__ volatile("mrs %0, cpacr_el1" : "=r"(entry_cpacr));
		__asm__ volatile("msr cpacr_el1, %0\n\tisb" : : "r"(entry_cpacr | CPACR_FPEN));
	}
	vectors_on = true;
	return true;
}

_Noreturn void arch_start(const struct purg_image *image)
{
	if (vectors_on && arch_own_el2())
		__asm__ volatile("msr cptr_el2, %0\n\tisb" : : "r"(entry_cpacr));
	else if (vectors_on)
		__asm__ volatile("msr cpacr_el1, %0\n\tisb" : : "r"(entry_cpacr));
	start(image->entry, image->args);
}

/* Arm DEN 0028: x0 to x17 are the callee's. */
#define PSCI_CALL(instruction, function)                                                       \
	do {                                                                                   \
		register uint64_t x0 __asm__("x0") = (function);                               \
		__asm__ volatile(instruction " #0" : "+r"(x0) : :                              \
				 "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",  \
				 "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");   \
	} while (0)

static void reset_hvc(void *ctx)
{
	(void)ctx;
	PSCI_CALL("hvc", PSCI_SYSTEM_RESET);
}

static void reset_smc(void *ctx)
{
	(void)ctx;
	PSCI_CALL("smc", PSCI_SYSTEM_RESET);
}

/*
 * An HVC from EL2 comes back to ourselves. Where a call does not exist the instruction is undefined, hence
 * arch_try().
 */
static void reset_calls(uint32_t psci)
{
	bool hvc = exception_level() < EL2;

	if (hvc && psci != PURG_PSCI_SMC)
		arch_try(reset_hvc, NULL);
	arch_try(reset_smc, NULL);
	if (hvc && psci == PURG_PSCI_SMC)
		arch_try(reset_hvc, NULL);
}

/* A register for it, on machines whose firmware has ACPI. */
static void acpi_reset(void *ctx)
{
	const struct purg_params *p = ctx;

	if (p->reset_space == PURG_RESET_MEMORY)
		*(volatile uint8_t *)p->reset_addr = p->reset_value;
}

_Noreturn void arch_reset(const struct purg_params *params)
{
	reset_calls(params ? params->psci : PURG_PSCI_NONE);
	if (params)
		arch_try(acpi_reset, (void *)(uintptr_t)params);
	print("purgatory: could not reset this machine: PSCI does not answer; it is halted\n");
	arch_halt();
}

_Noreturn void arch_halt(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

/*
 * ESR_ELx, ELR_ELx and FAR_ELx as the architecture's manual names them. A second exception means that not
 * even this can be told.
 */
_Noreturn void purg_trap(uint64_t vector, uint64_t esr, uint64_t elr, uint64_t far)
{
	if (trapped)
		purg_reset();
	trapped = true;
	purg_trapped();
	print("at vector ");
	print_dec(vector);
	print(", instruction at ");
	print_hex(elr);
	print(" (ESR ");
	print_hex(esr);
	print(", FAR ");
	print_hex(far);
	print(")\n");
	purg_give_up("it cannot go on");
}
