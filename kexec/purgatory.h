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
 * Consoles of the running kernel that the purgatory can drive, at most PURG_MAX_CONSOLES: /proc/consoles and
 * /sys/class/tty. None is fine.
 */
int purgatory_consoles(const struct root *root, const struct arch *arch, struct purg_console *consoles, uint32_t *nr);

/* PSCI conduit from the device tree or the FADT; PURG_PSCI_NONE when unknown. */
uint32_t purgatory_psci(const struct root *root);

#endif
