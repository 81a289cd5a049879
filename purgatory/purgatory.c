/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "purgatory/purgatory.h"

#include "lib/sha256.h"

#define REFUSAL "not starting a damaged capture kernel"
#define RESET_DELAY 3      /* seconds: long enough to read, and for a slow serial line to drain */
#define MIB (1u << 20)

/*
 * File-scope, because an exception must know it too and there is nobody to hand it through. NULL until the
 * parameters are found sane.
 */
static const struct purg_params *sane_params;

/* Digests are compared: not -i. */
static bool verifying;

_Noreturn void purg_reset(void)
{
	arch_reset(sane_params);
}

void want_console(void)
{
	if (!console_alive())
		console_init(arch_consoles, arch_nr_consoles);
}

_Noreturn void purg_give_up(const char *why)
{
	want_console();
	print("purgatory: ");
	print(why);
	print("; resetting the machine in about ");
	print_dec(RESET_DELAY);
	print(" seconds\n");
	arch_delay(RESET_DELAY);
	purg_reset();
}

/* The only place where a machine stops for good, because that was asked for. */
static _Noreturn void halt(void)
{
	want_console();
	print("purgatory: " REFUSAL "; halted\n");
	arch_halt();
}

/*
 * Each segment's name is printed before the work on it starts: without caches a large one takes long, and the reader
 * should see where it is.
 */
static void verify_regions(const struct purg_params *p)
{
	print("purgatory: verifying ");
	print_dec(p->nr_regions);
	print(p->nr_regions == 1 ? " segment:" : " segments:");
	for (uint32_t i = 0; i < p->nr_regions; i++) {
		print(" ");
		print_bytes(p->regions[i].name, sizeof(p->regions[i].name));
		verify_region(p, i);
	}
	print("\n");
	for (uint32_t i = 0; i < p->nr_regions; i++)
		if (!region_good(i))
			report_region(p, i);
}

/* NULL, or what is wrong with the block. Tested before a single other byte of it is believed. */
static const char *params_fault(const struct purg_params *p, uint64_t file_len)
{
	if (p->magic != PURG_MAGIC)
		return "its parameter block is damaged (no magic number)";
	if (p->version != PURG_VERSION || p->size != sizeof(*p) || file_len < sizeof(*p))
		return "its parameter block is damaged (version or size)";
	if (p->nr_regions > PURG_MAX_REGIONS || p->nr_copies > PURG_MAX_COPIES || p->nr_consoles > PURG_MAX_CONSOLES ||
	    !p->nr_images || p->nr_images > PURG_MAX_IMAGES)
		return "its parameter block is damaged (a count cannot be)";
	return NULL;
}

/* ", 5 segments, 62 MiB in 31 ms": what was verified; without the time where no clock is known. */
static void print_effort(const struct purg_params *p, uint64_t ticks)
{
	uint64_t per_second = arch_ticks_per_second(), bytes = 0;

	for (uint32_t i = 0; i < p->nr_regions; i++)
		bytes += p->regions[i].memsz;
	print(", ");
	print_dec(p->nr_regions);
	print(p->nr_regions == 1 ? " segment, " : " segments, ");
	print_dec(bytes / MIB + (bytes % MIB != 0));
	print(" MiB");
	if (!per_second)
		return;
	print(" in ");
	print_dec(ticks / per_second * 1000 + ticks % per_second * 1000 / per_second);
	print(" ms");
}

static void announce(const struct purg_params *p, uint32_t idx, enum choice choice, uint64_t ticks)
{
	static const char *const texts[] = {
		[CHOICE_OK] = "purgatory: ok",
		[CHOICE_SKIPPED] = "purgatory: nothing verified",
		[CHOICE_DAMAGED] = "purgatory: damaged, but to be started all the same",
		[CHOICE_FALLBACK] = "purgatory: the fallback is intact",
	};

	if (!console_alive())
		return;
	print(texts[choice]);
	if (choice != CHOICE_SKIPPED)
		print_effort(p, ticks);
	print(idx ? ", starting the fallback capture kernel at " : ", starting the capture kernel at ");
	print_hex(p->images[idx].entry);
	print("\n");
}

/* A function of its own, so that no wrong turn in the decision below leads behind this one. */
static __attribute__((noinline)) _Noreturn void start(const struct self *self, uint32_t idx, enum choice choice,
						      uint64_t ticks)
{
	const struct purg_params *p = self->params;

	if (p->flags != PURG_FLAG_NO_VERIFY && !confirmed(p, idx, choice))
		purg_give_up(REFUSAL);
	for (uint32_t i = 0; i < p->nr_copies; i++)
		arch_copy(p->copies[i].to, p->copies[i].from, p->copies[i].len);
	verdict_write(p, idx, choice);
	announce(p, idx, choice, ticks);
	map_off(self);
	arch_start(&p->images[idx]);
}

static _Noreturn void verify_and_start(const struct self *self)
{
	const struct purg_params *p = self->params;
	uint64_t ticks = arch_ticks();

	if (!verify_self(self)) {
		report_self(self);
		purg_give_up(REFUSAL);
	}
	map_on(self);
	verify_regions(p);
	ticks = arch_ticks() - ticks;

	if (image_good(p, 0))
		start(self, 0, CHOICE_OK, ticks);
	if (p->policy == PURG_POLICY_BOOT)
		start(self, 0, CHOICE_DAMAGED, ticks);
	if (p->policy == PURG_POLICY_FALLBACK && p->nr_images > 1 && image_good(p, 1))
		start(self, 1, CHOICE_FALLBACK, ticks);
	if (p->policy == PURG_POLICY_HALT)
		halt();
	purg_give_up(REFUSAL);
}

void purg_trapped(void)
{
	want_console();
	print("\n");
	/* Whoever stumbles while looking at himself is the one who is damaged. */
	if (verifying && !self_good())
		print(SELF_DAMAGED "\n");
	print("purgatory: CPU exception ");
}

_Noreturn void purg_main(const struct self *self)
{
	const struct purg_params *p = self->params;
	const char *fault = params_fault(p, self->file_len);

	if (fault)
		purg_give_up(fault);
	sane_params = p;
	verifying = p->flags != PURG_FLAG_NO_VERIFY;
	if (p->vga_reset)
		vga_reset();
	console_init(p->consoles, p->nr_consoles);
	sha256_use_cpu(arch_vectors_on());
	if (!verifying)
		start(self, 0, CHOICE_SKIPPED, 0);
	verify_and_start(self);
}
