/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the running kernel's image is mapped. Physical addresses come from /proc/iomem ("Kernel code" up to
 * the last of data and bss), the difference to virtual ones from the vmcoreinfo text, or from kallsyms where
 * that is silent.
 */
#ifndef KEXEC_KERNEL_MAP_H
#define KEXEC_KERNEL_MAP_H

#include "kexec/crash.h"

/*
 * Fill MAP, or leave map->known false and set *WHY (heap) to a sentence. Nothing that fails to be plausible
 * is ever called known: in RAM and outside the crash regions, page aligned, without a wrap, in the kernel's
 * half of the address space, and the symbol _stext inside. VMCOREINFO may have length 0. Only -ENOMEM is an
 * error.
 */
int kernel_map_find(struct kernel_map *map, char **why, const struct view *vmcoreinfo, const struct root *root,
		    const struct arch *arch, const struct memmap *m);

/*
 * Address of the kernel's own symbol NAME (not a module's) in a kallsyms text; false when missing or shown as
 * zero.
 */
bool kallsyms_find(const struct view *kallsyms, const char *name, uint64_t *vaddr);

#endif
