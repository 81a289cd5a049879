/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot protocols: how a kernel wants to be told about its memory, initrd and command line. Facts of an image become segments.
 */
#ifndef KEXEC_BOOT_H
#define KEXEC_BOOT_H

#include "kexec/plan.h"

struct boot_ops {
	const char *name;
	/* Give addresses to the kernel, the initrd and room for what describe() will write. Sets kernel_paddr, initrd_paddr. */
	int (*place)(struct plan *plan);
	/* All addresses are known: write boot_params or the device tree, complete the command line, set next_entry, next_args, next_mode. */
	int (*describe)(struct plan *plan);
};

extern const struct boot_ops boot_x86;
extern const struct boot_ops boot_dtb;

#endif
