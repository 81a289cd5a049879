// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/sizing.h"

#define MIB (1ull << 20)

/* The step in which it was measured. */
#define STEP (8 * MIB)

/*
 * With Linux 6.1 of Debian on x86_64, one disk and our own initramfs a capture completes in 96M and not in 88M, with 1
 * and with 4 GiB of memory (tests/bench/crashkernel.py, doc/performance.md). The first two together are what that leaves
 * beside kernel, initramfs and struct pages.
 */
#define RUNNING_BYTES (13 * MIB) /* slabs, page tables, stacks, drivers of a virtual machine's devices */
#define SAVING_BYTES  (5 * MIB)  /* kdump with one worker and the page cache of what it writes */

/* kdump's own bound for a worker is 2 MiB, which tests/e2e/save_case.py holds it to; the kernel's per-CPU areas beside. */
#define CPU_BYTES    (2 * MIB)
#define WORKER_BYTES (2 * MIB)

/* Not measured, but allowed for: a network card's buffers and ssh or TLS at work; systemd and udev of other initramfs. */
#define NETWORK_BYTES  (16 * MIB)
#define USERLAND_BYTES (48 * MIB)

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
