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
	 * Place the kernel and the initrd of C, one of PLAN's captures, or share what is placed. Sets kernel_paddr and
	 * initrd_paddr. -ENOTSUP (recorded) when this kernel cannot be started here.
	 */
	int (*place)(struct plan *plan, struct capture *c);
	/*
	 * All addresses but the purgatory's are known: complete the command line, write and place boot_params or
	 * the device tree, set next_entry, next_args, next_mode, and where the verdict goes.
	 */
	int (*describe)(struct plan *plan, struct capture *c);
};

extern const struct boot_ops boot_x86;
extern const struct boot_ops boot_dtb;

/*
 * Fill BYTES with N fresh random ones for the capture kernel's generator. False, with a warning, when the
 * running kernel has none to give yet: a seed is left out then, never made up.
 */
bool boot_seed(uint8_t *bytes, size_t n);

/* C uses the primary's kernel segment. */
int boot_share_kernel(struct plan *plan, struct capture *c);

/*
 * Place the initrd of C, if it has one, within PLACE (where this kernel can use it); or share the primary's, where that
 * lies there already. Errors of plan_place().
 */
int boot_place_initrd(struct plan *plan, struct capture *c, struct place *place);

/*
 * Take elfcorehdr= out of the capture kernel's command line, with a warning when it was there: a kernel believes
 * that word before anything else, and the headers lie where they were placed.
 */
int boot_drop_elfcorehdr(struct capture *c);

/*
 * The last addition to C's command line: the word that the purgatory writes its verdict into, with blanks behind it for
 * the longest that the plan's policy allows. BOOT: name of the segment that is placed next, with this command line in
 * it. *OFF: of the word in the text. Sets verdict_len. -ENOMEM.
 */
int boot_add_verdict(const struct plan *plan, struct capture *c, const char *boot, size_t *off);

/* Bytes of the longest verdict: it names all segments that the primary needs, and BOOT (may be NULL). */
size_t boot_verdict_len(const struct plan *plan, const char *boot);

/*
 * Set C's next_entry to PADDR, or to what the user gave with --entry for the primary. -EINVAL (recorded) when that lies
 * in no segment or above LAST.
 */
int boot_set_entry(const struct plan *plan, struct capture *c, uint64_t paddr, uint64_t last);

#endif
