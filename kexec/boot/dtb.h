/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device tree boot protocol, in the part that needs no files: exposed for tests and fuzzing. */
#ifndef KEXEC_BOOT_DTB_H
#define KEXEC_BOOT_DTB_H

#include "kexec/boot/boot.h"
#include "lib/fdt.h"

/*
 * Turn the running kernel's device tree into the capture kernel's: command line, initrd, core headers, usable
 * memory and seeds in /chosen, by the addresses in PLAN and C. What the tree says about an earlier initrd or kexec
 * goes; all else stays, EFI and ACPI too. -ERANGE: an address does not fit the cells of the root node; -EINVAL:
 * the tree cannot be edited. Recorded.
 */
int dtb_edit(const struct plan *plan, const struct capture *c, struct dtb *dtb);

#endif
