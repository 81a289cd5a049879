/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot protocols: how a kernel wants to be told about its memory, initrd and command line. Facts of an image
 * become segments.
 */
#ifndef KEXEC_BOOT_H
#define KEXEC_BOOT_H

#include "kexec/plan.h"

struct boot_ops {
	const char *name;
	/*
	 * Place the kernel and the initrd. Sets kernel_paddr and initrd_paddr. -ENOTSUP (recorded) when this kernel
	 * cannot be started here.
	 */
	int (*place)(struct plan *plan);
	/*
	 * All addresses but the purgatory's are known: complete the command line, write and place boot_params or
	 * the device tree, set next_entry, next_args, next_mode.
	 */
	int (*describe)(struct plan *plan);
};

extern const struct boot_ops boot_x86;
extern const struct boot_ops boot_dtb;

/*
 * Fill BYTES with N fresh random ones for the capture kernel's generator. False, with a warning, when the
 * running kernel has none to give yet: a seed is left out then, never made up.
 */
bool boot_seed(uint8_t *bytes, size_t n);

/*
 * Take elfcorehdr= out of the capture kernel's command line, with a warning when it was there: a kernel believes
 * that word before anything else, and the headers lie where they were placed.
 */
int boot_drop_elfcorehdr(struct plan *plan);

/*
 * Set plan->next_entry to PADDR, or to what the user gave with --entry. -EINVAL (recorded) when that lies in no
 * segment or above LAST.
 */
int boot_set_entry(struct plan *plan, uint64_t paddr, uint64_t last);

#endif
