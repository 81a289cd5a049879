/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The purgatory: what runs between the dying kernel and the capture kernel. Freestanding; of ours it uses
 * only the parameter block and SHA-256. Entered by the kernel's kexec jump with interrupts off; it verifies
 * what was loaded, copies away what the capture kernel will overwrite, and starts it, or says what is
 * damaged and resets the machine. It never waits without a bound.
 */
#ifndef PURGATORY_PURGATORY_H
#define PURGATORY_PURGATORY_H

#include "include/purgatory_params.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Also for declarations: without it compilers reach them through a global offset table. */
#pragma GCC visibility push(hidden)

/*
 * The generic half. entry.S calls it on its own stack. Bytes from PARAMS on: FILE_LEN came from the linked file,
 * IMAGE_LEN with .bss behind them. The loader left .bss zero: entry.S looks whether it still is, before it clears it
 * and uses it. DIRTY: address of the first word that was not; 0: all was well.
 */
_Noreturn void purg_main(const struct purg_params *params, uint64_t file_len, uint64_t image_len, uint64_t dirty);

/* "purgatory: WHY; resetting ...", a delay in which it can be read, and the reset. */
_Noreturn void purg_give_up(const char *why);

/* The reset, at once and without a word. */
_Noreturn void purg_reset(void);

/* An exception that nobody expected: starts the line that the architecture goes on with. */
void purg_trapped(void);

/* console.c: every text goes to all consoles; one that does not take it, or faults, is not used again. */
void console_init(const struct purg_console *list, uint32_t nr);
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

/* Physical memory that does not overlap. */
void arch_copy(uint64_t to, uint64_t from, uint64_t len);

/* About so many seconds; comes to its end also where no clock runs. */
void arch_delay(unsigned int seconds);

/* The registers and the mode that the entry wants, then the jump. */
_Noreturn void arch_start(const struct purg_params *params);

/* PSCI: enum purg_psci, for those who have it. Where nothing helps it says so and halts. */
_Noreturn void arch_reset(uint32_t psci);

#pragma GCC visibility pop

#endif
