/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One row per architecture. To port: fill a row from the top; each member says what stops working without it.
 *
 * This header is data and stands at the bottom of the layers, so that every part of the loader can ask its row;
 * the rows themselves (arch/NAME.c) stand at the top, because they name the boot protocols and image formats.
 */
#ifndef KEXEC_ARCH_H
#define KEXEC_ARCH_H

#include <stdbool.h>
#include <stdint.h>

struct boot_ops;
struct map_form;
struct image_format;

/* Where the memory map comes from; a set. */
enum {
	MEM_FROM_IOMEM = 1u << 0,      /* /proc/iomem: RAM, crash regions; everywhere */
	MEM_FROM_FWMAP = 1u << 1,      /* /sys/firmware/memmap is the map to hand on */
	MEM_FROM_DTB = 1u << 2,        /* reservations from the device tree */
};

struct arch {
	const char *name;              /* "x86_64" */
	const char *const *uname;      /* machine names of uname(2), NULL-terminated */
	uint16_t elf_machine;          /* of the core headers */
	unsigned int word;             /* bytes: 8 */
	bool big_endian;
	uint32_t kexec_arch;           /* KEXEC_ARCH_: (flags >> 16) of the system call */
	unsigned int page_shift;       /* segments are multiples of this: the largest page of its kernels */
	unsigned int memory_sources;   /* MEM_FROM_ */
	/* RAM up to here is needed by the capture kernel and copied away; 0: no backup */
	uint64_t backup_last;
	uint32_t hotplug_flag;         /* KEXEC_ABI_ flag for --hotplug; 0: not supported */
	bool core32;                   /* ELF32 core headers on request */
	const struct image_format *const *formats; /* probe order, NULL-terminated */
	const struct boot_ops *boot;
	/*
	 * While a capture kernel is loaded its memory is not in the kernel's own map (arch_kexec_protect_crashkres()
	 * takes it out), so that /proc/kcore cannot show it.
	 */
	bool crash_unmapped;
	/* purgatory */
	const struct map_form *identity_map; /* it is entered with caches off and wants these tables; NULL: it is not */
	uint32_t reloc_relative;       /* R_<arch>_RELATIVE */
	const uint8_t *purgatory;      /* the linked file; NULL: this build has none for this architecture */
	const uint8_t *purgatory_last; /* its last byte */
};

extern const struct arch arch_x86_64, arch_arm64;

/* All rows, NULL-terminated. */
extern const struct arch *const arch_table[];

/* By our name or a uname(2) machine name; NULL when unknown. */
const struct arch *arch_find(const char *name);

/* The running machine's. -ENOTSUP (recorded, with the list) when there is no row. */
int arch_detect(const struct arch **arch);

#endif
