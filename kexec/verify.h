/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kexec --verify`: is the capture kernel that is loaded still what was loaded? Through /proc/kcore. */
#ifndef KEXEC_VERIFY_H
#define KEXEC_VERIFY_H

#include "lib/root.h"

#include <stdio.h>

struct arch;

/*
 * Find the published description in the crash regions of the machine below ROOT, verify what it lists, print the
 * report. *STATUS: 0 intact, 1 cannot tell (the report says why), 3 damaged. Errors (recorded) are of this program's
 * own work only.
 */
int verify_loaded(const struct root *root, const struct arch *arch, bool json, FILE *out, int *status);

#endif
