/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel tells about itself for the day it dies: where each CPU leaves its registers, where
 * the vmcoreinfo is, where its own image and its direct map lie.
 */
#ifndef KEXEC_CRASH_H
#define KEXEC_CRASH_H

#include "kexec/memmap.h"

struct cpu_note {
	uint32_t cpu;              /* the kernel's logical number */
	uint64_t paddr;
	uint64_t len;              /* bytes */
};

struct kernel_map {
	bool known;
	uint64_t vaddr;            /* of the first byte of the kernel image */
	uint64_t paddr;
	uint64_t len;              /* bytes */
};

struct crash_info {
	struct cpu_note *notes;    /* ascending by cpu */
	size_t nr_notes;
	struct ranges absent;      /* CPU numbers that are possible but have no note (never been present) */
	uint64_t vmcoreinfo_paddr;
	uint64_t vmcoreinfo_len;   /* 0: the kernel has none */
	struct kernel_map kernel;
	bool direct_map_known;
	uint64_t direct_map_offset; /* vaddr - paddr of RAM in the kernel's direct map, modulo 2^64 */
	uint64_t elfcorehdr_size;  /* what the kernel wants for --hotplug; 0: it does not say */
	char *why_no_kernel_map;   /* sentence for reports when kernel.known is false; heap or NULL */
};

void crash_info_init(struct crash_info *c);
void crash_info_deinit(struct crash_info *c);

/*
 * Gather all of it below ROOT. Notes come from sys/devices/system/cpu/cpuN/crash_notes for every N of
 * "possible"; vmcoreinfo from sys/kernel/vmcoreinfo; the mappings from /proc/kcore (its VMCOREINFO note and
 * its PT_LOADs), from kallsyms only where kcore has nothing. Missing kcore, kallsyms or vmcoreinfo are not
 * errors: the fields stay unknown. No CPU note at all is -ENODATA; a zero note address without privilege is
 * -EPERM.
 */
int crash_info_read(struct crash_info *c, const struct root *root, const struct arch *arch, const struct memmap *m);

/* Parsers, exposed for tests and fuzzing. */
int cpulist_parse(struct ranges *cpus, const char *text);                 /* "0-3,8,10-11" */
int vmcoreinfo_sysfs_parse(const char *text, uint64_t *paddr, uint64_t *len); /* "1a2b3000 1024", hexadecimal */
/* Value of KEY= in a vmcoreinfo text. False when absent. */
bool vmcoreinfo_text_find(const struct view *text, const char *key, const char **value, size_t *value_len);
bool vmcoreinfo_text_number(const struct view *text, const char *key, int base, uint64_t *value);

#endif
