/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much memory a capture kernel needs: from what is loaded, and from constants that were measured
 * (tests/bench/crashkernel.py).
 */
#ifndef SERVICE_SIZING_H
#define SERVICE_SIZING_H

#include "lib/text.h"
#include "lib/view.h"
#include "service/ctl.h"

#include <stdbool.h>
#include <stdint.h>

/* What differs from machine to machine. */
struct sizing_facts {
	uint64_t kernel_bytes;     /* that the kernel takes until it has unpacked itself: text, data, bss */
	uint64_t packed_bytes;     /* initramfs as it is loaded */
	uint64_t unpacked_bytes;   /* and as files in memory */
	unsigned int cpus;         /* that the capture kernel starts */
	bool network;              /* some target is reached over one */
	bool own;                  /* our own initramfs: no systemd, no udev */
};

/* In this order; each in bytes. */
enum sizing_part {
	SIZING_KERNEL, SIZING_INITRAMFS, SIZING_RUNNING, SIZING_CPUS, SIZING_SAVING, SIZING_NETWORK, SIZING_USERLAND,
	SIZING_PAGES, SIZING_PARTS
};

struct sizing {
	uint64_t part[SIZING_PARTS];
	uint64_t total;            /* the sum, rounded up to whole 8 MiB */
};

const char *sizing_part_name(enum sizing_part part);
void sizing_compute(const struct sizing_facts *f, struct sizing *s);

/* ---- crashkernel= (crashkernel_value.c) ---- */

/* Longest value that goes into files of boot loaders. */
#define CRASHKERNEL_MAX 200

/*
 * What VALUE (of "crashkernel=VALUE") reserves on a machine with RAM bytes: SIZE[@OFFSET], SIZE,high, SIZE,low,
 * SIZE,cma, or RANGE:SIZE[,RANGE:SIZE]...[@OFFSET], with RANGE "2G-4G" or "64G-". 0 for a machine that no range covers.
 * -EINVAL (recorded).
 */
int crashkernel_size(struct text value, uint64_t ram, uint64_t *size);
/* The default of an architecture, by its uname -m; NULL: there is none. */
const char *crashkernel_default(const char *machine);

/* ---- what is there (sizing_read.c) ---- */

/* Bytes that a kernel's image takes while it starts; false when the format says nothing about that. */
bool kernel_start_bytes(const struct view *image, uint64_t *bytes);
/* What the archives in an initramfs need as files. -EINVAL, what unpack() says; recorded. */
int initramfs_unpacked_bytes(const struct view *image, uint64_t *bytes);

struct estimate {
	struct sizing_facts facts;
	struct sizing sizing;
	bool built;                /* the initramfs was there; else its sizes are those of a usual one */
	uint64_t reserved;         /* now */
	uint64_t ram;
	const char *value;         /* a crashkernel= that gives enough: the default, or SIZE in "text" */
	char text[32];
};

int estimate_make(struct estimate *e, const struct ctl *ctl, const struct conf *conf);
/* The answer alone. TEXT (from malloc): a line that says it. */
int sizing_check(const struct ctl *ctl, const struct conf *conf, bool *enough, char **text);

#endif
