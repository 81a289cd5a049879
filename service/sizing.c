// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/sizing.h"

#define MIB (1ull << 20)

/*
 * Boot loaders' files are read by people, and the kernel aligns the reservation to 16 MiB on x86 anyway
 * (arch/x86/include/asm/kexec.h, CRASH_ALIGN).
 */
#define STEP (16 * MIB)

/*
 * Measured, see doc/performance.md, "Memory of the capture kernel": the smallest reservation in which a capture
 * completed, less kernel and initramfs.
 */
#define RUNNING_BYTES  (14 * MIB) /* slabs, page tables, stacks, drivers of a virtual machine's devices */
#define CPU_BYTES      (2 * MIB)  /* for each CPU behind the first: per-CPU areas, stacks, caches of pages */
#define SAVING_BYTES   (6 * MIB)  /* kdump with one worker and the page cache of what it writes */
#define WORKER_BYTES   (2 * MIB)  /* kdump's for each further CPU */
#define NETWORK_BYTES  (16 * MIB) /* buffers of a network card, ssh or TLS with its libraries */
#define USERLAND_BYTES (48 * MIB) /* systemd and udev of an initramfs that dracut or initramfs-tools built */

/* One struct page of 64 bytes for each page of 4096. */
#define PAGE_SHARE 64

static const char *const part_names[] = {
	[SIZING_KERNEL] = "kernel",
	[SIZING_INITRAMFS] = "initramfs",
	[SIZING_RUNNING] = "kernel at work",
	[SIZING_CPUS] = "CPUs",
	[SIZING_SAVING] = "saving",
	[SIZING_NETWORK] = "network",
	[SIZING_USERLAND] = "systemd and udev",
	[SIZING_PAGES] = "struct pages",
};

const char *sizing_part_name(enum sizing_part part)
{
	return part_names[part];
}

void sizing_compute(const struct sizing_facts *f, struct sizing *s)
{
	uint64_t more_cpus = f->cpus > 1 ? f->cpus - 1 : 0, sum = 0;

	*s = (struct sizing){ 0 };
	s->part[SIZING_KERNEL] = f->kernel_bytes;
	/* Both are there until the last file is unpacked. */
	s->part[SIZING_INITRAMFS] = f->packed_bytes + f->unpacked_bytes;
	s->part[SIZING_RUNNING] = RUNNING_BYTES;
	s->part[SIZING_CPUS] = more_cpus * CPU_BYTES;
	s->part[SIZING_SAVING] = SAVING_BYTES + more_cpus * WORKER_BYTES;
	s->part[SIZING_NETWORK] = f->network ? NETWORK_BYTES : 0;
	s->part[SIZING_USERLAND] = f->own ? 0 : USERLAND_BYTES;
	for (int i = 0; i < SIZING_PAGES; i++)
		sum += s->part[i];
	s->part[SIZING_PAGES] = sum / (PAGE_SHARE - 1);
	sum += s->part[SIZING_PAGES];
	s->total = (sum + STEP - 1) / STEP * STEP;
}
