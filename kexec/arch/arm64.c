// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/arch/arch.h"

#include "config.h"
#include "include/kexec_abi.h"
#include "kexec/boot/boot.h"
#include "kexec/identity_map.h"
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

/*
 * Arm ARM (DDI 0487) D8.3, VMSAv8-64 with 4 KiB granule. Bits 1..0: 3 table or page, 1 block; bits 4..2:
 * AttrIndx; 9..8: shareability, 3 inner; 10: access flag; 53 and 54: not executable.
 */
#define NORMAL (PURG_MAP_NORMAL << 2 | 3ull << 8 | 1ull << 10)
#define DEVICE (PURG_MAP_DEVICE << 2 | 1ull << 10 | 1ull << 53 | 1ull << 54)

static const struct map_form arm64_map = {
	.address_bits = 48,
	.page_shift = 12,
	.block_levels = 1,
	.table = 3,
	.page = { NORMAL | 3, DEVICE | 3 },
	.block = { NORMAL | 1, DEVICE | 1 },
};

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
	.crash_unmapped = true,
	.identity_map = &arm64_map,
	.purgatory = purgatory_arm64,
	.purgatory_last = purgatory_arm64_last,
};
