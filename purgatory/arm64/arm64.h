/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PURGATORY_ARM64_ARM64_H
#define PURGATORY_ARM64_ARM64_H

#include "purgatory/purgatory.h"

#pragma GCC visibility push(hidden)

/*
 * EL2 with registers of its own. False: EL1, or EL2 with HCR_EL2.E2H, where the names that end in _EL1 mean EL2's
 * registers, and these look like EL1's (Arm ARM D8.1.3: a kernel with virtualization host extensions leaves it so).
 */
bool arch_own_el2(void);

#pragma GCC visibility pop

#endif
