/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What memory this machine has, as its kernel tells: RAM, reserved, ACPI, persistent, and the crash regions.
 */
#ifndef KEXEC_MEMMAP_H
#define KEXEC_MEMMAP_H

#include "lib/json.h"
#include "lib/ranges.h"
#include "lib/root.h"
#include "lib/text.h"

struct arch;

enum mem_type {
	MEM_RAM,               /* ordinary memory */
	MEM_RAM_HOTPLUG,       /* virtio-mem and kmem: dumped, but nothing is ever placed there */
	MEM_RESERVED,
	MEM_ACPI,              /* ACPI tables, reclaimable */
	MEM_ACPI_NVS,
	MEM_UNUSABLE,
	MEM_PMEM,              /* persistent memory */
	MEM_PRAM,              /* persistent memory, legacy (e820 type 12) */
	MEM_SOFT_RESERVED,
	MEM_CRASH,             /* "Crash kernel": only in memmap.crash */
	NR_MEM_TYPES
};

/* "RAM", "reserved", ... for reports. */
const char *mem_type_name(enum mem_type type);

/*
 * The type that a name in /proc/iomem or /sys/firmware/memmap stands for; false when it is none of ours.
 * Exact match.
 */
bool mem_type_find(const struct text *name, enum mem_type *type);

struct memmap {
	struct ranges firmware;    /* the map to hand on, typed (memmap_read). Never MEM_RAM_HOTPLUG: drivers add it */
	struct ranges ram;         /* the running kernel's System RAM: MEM_RAM and MEM_RAM_HOTPLUG */
	struct ranges crash;       /* every "Crash kernel" region, MEM_CRASH; ascending, neighbours merged */
	struct range crash_high;   /* the "Crash kernel" line with the highest address; last < start: none */
	struct ranges holes;       /* RAM that must not be read by a dump (GART aperture) */
	struct range kernel_code;  /* "Kernel code"; last < start: not listed */
	struct range kernel_data;
	struct range kernel_bss;
};

void memmap_init(struct memmap *m);
void memmap_deinit(struct memmap *m);

/*
 * Read it below ROOT from the sources that ARCH names. All numbers in bytes, physical, inclusive. The map to
 * hand on is: with MEM_FROM_FWMAP the firmware's, and over it what the running kernel calls persistent or
 * soft reserved; without (or when the kernel has no CONFIG_FIRMWARE_MEMMAP) the memory lines of iomem; with
 * MEM_FROM_DTB also the device tree's reservations, if there is a tree.
 * -EPERM: the kernel shows zeroed addresses (no CAP_SYS_ADMIN). -EINVAL: a line that cannot be understood,
 * with its number. -ENODATA: no System RAM listed. All recorded.
 */
int memmap_read(struct memmap *m, const struct root *root, const struct arch *arch);

/*
 * Each source's parser; TEXT is the content of the file. M is initialised; on failure it may be half filled.
 * For tests and fuzzing.
 */
int iomem_parse(struct memmap *m, const char *text, size_t len);
/* /sys/firmware/memmap into m->firmware. -ENOENT (recorded) when the kernel lacks it. */
int fwmap_read(struct memmap *m, const struct root *root);
/* Parse the three texts of one entry. */
int fwmap_parse_entry(struct memmap *m, const char *start, const char *end, const char *type);

/* OUT (initialised) = the RAM that a dump holds: ram - crash - holes. */
int memmap_dump_ranges(const struct memmap *m, struct ranges *out);

/*
 * OUT (one range) = where segments may go: the crash region that the kernel accepts for loading. That is the
 * highest one (a second, low region serves DMA and is only given to the capture kernel).
 * -ENODATA (recorded, says how to reserve) when there is none.
 */
int memmap_crash_window(const struct memmap *m, struct range *out);

#endif
