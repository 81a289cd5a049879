// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/arch/arch.h"

#include "config.h"
#include "include/kexec_abi.h"
#include "kexec/boot/boot.h"
#include "kexec/image/image.h"

#include <elf.h>
#include <stddef.h>

#ifdef HAVE_PURGATORY_x86_64
extern const uint8_t purgatory_x86_64[], purgatory_x86_64_last[];
#else
#define purgatory_x86_64 NULL
#define purgatory_x86_64_last NULL
#endif

/* A machine that runs a 32-bit kernel on a 64-bit CPU says i686 but takes another system call number: not ours. */
static const char *const x86_64_uname[] = { "x86_64", "amd64", NULL };

static const struct image_format *const x86_64_formats[] = { &image_bzimage64, &image_bzimage, NULL };

const struct arch arch_x86_64 = {
	.name = "x86_64",
	.uname = x86_64_uname,
	.elf_machine = EM_X86_64,
	.word = 8,
	.kexec_arch = EM_X86_64,
	.page_shift = 12,
	.memory_sources = MEM_FROM_IOMEM | MEM_FROM_FWMAP,
	/* Conventional memory: the trampoline of the capture kernel's CPUs and its BIOS data live there. */
	.backup_last = 0x9ffff,
	.hotplug_flag = KEXEC_ABI_UPDATE_ELFCOREHDR,
	.core32 = true,
	.formats = x86_64_formats,
	.boot = &boot_x86,
	.reloc_relative = R_X86_64_RELATIVE,
	.purgatory = purgatory_x86_64,
	.purgatory_last = purgatory_x86_64_last,
};
