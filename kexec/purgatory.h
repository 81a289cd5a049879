/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader's half of the purgatory: place its image, apply its RELATIVE fixups, fill the parameter block,
 * compute the digests.
 */
#ifndef KEXEC_PURGATORY_H
#define KEXEC_PURGATORY_H

#include "kexec/plan.h"

/*
 * Unfold the purgatory of plan->arch, place it in the window, relocate it, and set plan->entry. -ENOTSUP
 * when this build has none for the architecture, -EINVAL when the built-in file is not what the loader
 * expects. Recorded.
 */
int purgatory_load(struct plan *plan);

/*
 * Fill the parameter block: entry, arguments, copies, consoles, reset, and a digest for every segment but
 * those with no_digest. Last step before the system call.
 */
int purgatory_seal(struct plan *plan);

/*
 * Consoles for the purgatory, at most PURG_MAX_CONSOLES: those that REQUEST names, else those of the running kernel
 * that it can drive (console.c). None is fine, unless one was named. -EINVAL, -ENODEV: what was named cannot be;
 * recorded.
 */
int purgatory_consoles(const struct root *root, const struct arch *arch, const struct console_request *request,
		       struct purg_console *consoles, uint32_t *nr);

/* Bytes of device registers, or of a frame buffer, from CON->base on; 0: they are in port space. */
uint64_t purgatory_console_bytes(const struct purg_console *con);

/*
 * The serial console that the firmware names: in ACPI's SPCR (HAS_PORTS: this machine has a port space), in /chosen of
 * the device tree. False: none that the purgatory can drive.
 */
bool purgatory_spcr_console(const struct root *root, bool has_ports, struct purg_console *con);
bool purgatory_stdout_console(const struct root *root, struct purg_console *con);

/* PSCI conduit from the device tree or the FADT; PURG_PSCI_NONE when unknown. */
uint32_t purgatory_psci(const struct root *root);

/* How the firmware says that the machine is reset: reset_space, reset_addr and reset_value of struct purg_params. */
struct reset_register {
	uint32_t space;            /* enum purg_reset_space */
	uint64_t addr;
	uint32_t value;
};
void purgatory_reset_register(const struct root *root, struct reset_register *reset);

#endif
