/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The purgatory: what runs between the dying kernel and the capture kernel. Freestanding; of ours it uses
 * only the parameter block and SHA-256. Entered by the kernel's kexec jump with interrupts off; it verifies
 * what was loaded, copies away what the capture kernel will overwrite, and starts it, or says what is
 * damaged and does what the policy wants. It never waits without a bound, unless the policy is to halt.
 *
 *     entry.S -> purgatory.c (the order of things, the policy) -> verify.c, map.c, verdict.c -> console.c -> arch
 */
#ifndef PURGATORY_PURGATORY_H
#define PURGATORY_PURGATORY_H

#include "include/purgatory_params.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Also for declarations: without it compilers reach them through a global offset table. */
#pragma GCC visibility push(hidden)

/* Where this program lies; entry.S knows it. */
struct self {
	const struct purg_params *params; /* its first byte */
	uint64_t file_len;             /* bytes that came from the linked file */
	uint64_t image_len;            /* with .bss behind them */
	/*
	 * The loader left .bss zero: entry.S looks whether it still is, before it clears it and uses it. Address of the
	 * first word that was not; 0: all was well.
	 */
	uint64_t dirty;
};

/* The generic half. entry.S calls it on its own stack. */
_Noreturn void purg_main(const struct self *self);

/* "purgatory: WHY; resetting ...", a delay in which it can be read, and the reset. */
_Noreturn void purg_give_up(const char *why);

/* The reset, at once and without a word. */
_Noreturn void purg_reset(void);

/* An exception that nobody expected: starts the line that the architecture goes on with. */
void purg_trapped(void);

/* Bad news is worth trying a console that nobody named, when none works. */
void want_console(void);

/*
 * verify.c: digests. verify_self() first: when this image is damaged, nothing that it says about others counts.
 * Those that return bool say that all is well; findings are kept for confirmed().
 */
bool verify_self(const struct self *self);
bool verify_region(const struct purg_params *p, uint32_t idx);
/* What verify_region() found. */
bool region_good(uint32_t idx);
/* Every region that image IDX needs. */
bool image_good(const struct purg_params *p, uint32_t idx);
void report_self(const struct self *self);
void report_region(const struct purg_params *p, uint32_t idx);
/* The first line of report_self(), and whether it is worth saying: it has not been found good. */
#define SELF_DAMAGED "purgatory: segment purgatory at its own place is damaged"
bool self_good(void);

/* map.c: paging and caches for architectures that come here without; see PURG_MAP_REGION. Says why it cannot. */
void map_on(const struct self *self);
void map_off(const struct self *self);

/* verdict.c: how the image was chosen. */
enum choice {
	CHOICE_OK = 1,
	CHOICE_SKIPPED,                /* nothing was verified */
	CHOICE_DAMAGED,                /* the primary image, all the same */
	CHOICE_FALLBACK,
};

/* Into the command line of image IDX, where the loader left room. True: written. */
bool verdict_write(const struct purg_params *p, uint32_t idx, enum choice choice);

/*
 * The same decision once more, from the digests that were found and by other instructions: damage to the code that
 * compares or branches must not be enough to start anything.
 */
bool confirmed(const struct purg_params *p, uint32_t idx, enum choice choice);

/* console.c: every text goes to all consoles; one that does not take it, or faults, is not used again. */
void console_init(const struct purg_console *list, uint32_t nr);
/* vga_mode.c: the VGA shows 80x25 text, empty. */
void vga_reset(void);
/* Are there any that still work? */
bool console_alive(void);
void print(const char *text);
void print_bytes(const char *text, size_t max);  /* up to a NUL; control characters are shown as '?' */
void print_dec(uint64_t value);
void print_hex(uint64_t value);                  /* "0x1f00" */
void print_digest(const uint8_t digest[32]);

/*
 * What an architecture provides: <arch>/entry.S and <arch>/arch.c. Its exceptions end in purg_give_up(), or
 * where arch_try() says.
 */

/* FN(CTX). False when an exception ended it early. Not nested. */
bool arch_try(void (*fn)(void *ctx), void *ctx);

/* Make the LEN bytes of device registers at BASE reachable. False: they cannot be. */
bool arch_map_io(uint64_t base, uint64_t len);

/* x86 port space. Where there is none: reads give 0xff, writes go nowhere. */
uint8_t arch_in8(uint16_t port);
void arch_out8(uint16_t port, uint8_t value);

/* Consoles to try when the parameters name none that works and there is bad news. */
extern const struct purg_console arch_consoles[];
extern const uint32_t arch_nr_consoles;

/* May vector registers be used from now on? arch_start() puts back what this changed. */
bool arch_vectors_on(void);

/* Physical memory that does not overlap. */
void arch_copy(uint64_t to, uint64_t from, uint64_t len);

/*
 * For map.c. Do the tables at ROOT map this memory to itself, as normal memory? Turn paging and caches on with them, or
 * off again; START and LEN are this program's own memory, which is where the stack is. False: this CPU cannot.
 */
bool arch_mapped(uint64_t root, uint32_t bits, uint64_t start, uint64_t len);
bool arch_map_on(uint64_t root, uint32_t bits, uint64_t start, uint64_t len);
void arch_map_off(uint64_t start, uint64_t len);
/* What is in caches of this memory goes to where those who run without caches see it. */
void arch_flush(uint64_t start, uint64_t len);

/* A counter, and how often it counts in a second; 0: unknown, or not worth finding out. */
uint64_t arch_ticks(void);
uint64_t arch_ticks_per_second(void);

/* About so many seconds; comes to its end also where no clock runs. */
void arch_delay(unsigned int seconds);

/* The registers and the mode that the entry wants, then the jump. */
_Noreturn void arch_start(const struct purg_image *image);

/* Every way to a reset that there is, in turn; where nothing helps it says so and halts. PARAMS NULL: not believed. */
_Noreturn void arch_reset(const struct purg_params *params);

/* For good. */
_Noreturn void arch_halt(void);

#pragma GCC visibility pop

#endif
