// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/arch/arch.h"

#include "config.h"
#include "include/kexec_abi.h"
#include "kexec/boot/boot.h"
#include "kexec/image/image.h"

#include <elf.h>
#include <stddef.h>

#ifdef HAVE_PURGATORY_arm64
extern const uint8_t purgatory_arm64[], purgatory_arm64_last[];
#else
#define purgatory_arm64 NULL
#define purgatory_arm64_last NULL
#endif

static const char *const arm64_uname[] = { "aarch64", "aarch64_be", NULL };

static const struct image_format *const arm64_formats[] = { &image_arm64, NULL };

const struct arch arch_arm64 = {
	.name = "arm64",
	.uname = arm64_uname,
	.elf_machine = EM_AARCH64,
	.word = 8,
	.kexec_arch = EM_AARCH64,
	/* Kernels are built with 4, 16 or 64 KiB pages; what suits the largest suits all. */
	.page_shift = 16,
	.memory_sources = MEM_FROM_IOMEM | MEM_FROM_DTB,
	.hotplug_flag = 0,
	.formats = arm64_formats,
	.boot = &boot_dtb,
	.reloc_relative = R_AARCH64_RELATIVE,
	.purgatory = purgatory_arm64,
	.purgatory_last = purgatory_arm64_last,
};
