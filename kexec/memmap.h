/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What memory this machine has, as its kernel tells: RAM, reserved, ACPI, persistent, and the crash regions.
 */
#ifndef KEXEC_MEMMAP_H
#define KEXEC_MEMMAP_H

#include "lib/json.h"
#include "lib/ranges.h"
#include "lib/root.h"

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

struct memmap {
	struct ranges firmware;    /* the map to hand on, typed: from the firmware's own map where there is one (x86) */
	struct ranges ram;         /* the running kernel's System RAM: MEM_RAM and MEM_RAM_HOTPLUG */
	struct ranges crash;       /* every "Crash kernel" region, MEM_CRASH; ascending */
	struct ranges holes;       /* RAM that must not be read by a dump (GART aperture) */
	struct range kernel_code;  /* "Kernel code"; last < start: not listed */
	struct range kernel_data;
	struct range kernel_bss;
};

void memmap_init(struct memmap *m);
void memmap_deinit(struct memmap *m);

/*
 * Read it below ROOT from the sources that ARCH names. All numbers in bytes, physical, inclusive.
 * -EPERM: the kernel shows zeroed addresses (no CAP_SYS_ADMIN). -EINVAL: a line that cannot be understood, with its number. -ENODATA: no System RAM
 * listed. All recorded.
 */
int memmap_read(struct memmap *m, const struct root *root, const struct arch *arch);

/* Each source's parser; TEXT is the content of the file. Exposed for tests and fuzzing. */
int iomem_parse(struct memmap *m, const char *text, size_t len);
/* /sys/firmware/memmap into m->firmware. -ENOENT (recorded) when the kernel lacks it. */
int fwmap_read(struct memmap *m, const struct root *root);
/* Parse the three texts of one entry. */
int fwmap_parse_entry(struct memmap *m, const char *start, const char *end, const char *type);

/* OUT (initialised) = the RAM that a dump holds: ram - crash - holes. */
int memmap_dump_ranges(const struct memmap *m, struct ranges *out);

/*
 * OUT (one range) = where segments may go: the crash region that the kernel accepts for loading. That is the highest one
 * (a second, low region serves DMA and is only given to the capture kernel).
 * -ENODATA (recorded, says how to reserve) when there is none.
 */
int memmap_crash_window(const struct memmap *m, struct range *out);

#endif
