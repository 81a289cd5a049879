/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a crashed kernel, whatever file it comes in: /proc/vmcore, an ELF core, a kdump-compressed dump. One structure, two
 * verbs; the formats never meet each other.
 */
#ifndef KDUMP_VMCORE_H
#define KDUMP_VMCORE_H

#include "lib/blob.h"
#include "lib/ranges.h"

struct vmcore;

struct vmcore_load {
	uint64_t paddr;
	uint64_t len;              /* bytes that the source holds */
	uint64_t off;              /* ELF: in the file */
	uint64_t vaddr;            /* of the dying kernel; all ones: none */
};

/* A source format. open: 0 mine, -ENOEXEC not mine (recorded why), anything else mine but broken. */
struct source_ops {
	const char *name;          /* "ELF", "kdump-compressed" */
	int (*open)(struct vmcore *v);
	/* LEN bytes inside one page at PADDR. -ENODATA: not in the source (left out, or no RAM); -EIO: there, but cannot be read or decompressed. Not recorded. */
	int (*read)(struct vmcore *v, uint64_t paddr, void *buf, size_t len);
	void (*close)(struct vmcore *v);
};

struct vmcore {
	const struct source_ops *ops;
	char *path;
	int fd;
	uint64_t file_len;         /* bytes; of /proc/vmcore as its headers say */
	uint16_t machine;          /* EM_... */
	unsigned int width;        /* bytes of a word of the dumped kernel: 4, 8 */
	bool big_endian;
	unsigned int page_shift;   /* of the dumped kernel; from vmcoreinfo PAGESIZE, else the format's, else 12 */
	struct vmcore_load *loads; /* sorted by paddr, disjoint; the kernel-text alias load is not among them */
	size_t nr_loads;
	struct ranges ram;         /* bytes of RAM that the machine had, as the source tells; whole pages */
	uint64_t max_pfn;          /* one more than the last */
	struct blob notes;         /* all ELF notes, concatenated */
	struct blob vmcoreinfo;    /* text; len 0: none */
	/* from a dump's own header; empty for ELF */
	char utsname[6][65];
	int dump_level;            /* what was left out already; 0 for ELF */
	bool incomplete;           /* the source itself is marked so */
	void *priv;                /* the format's */
};

/*
 * Open PATH (also from SOURCE "-"? no: a file that can be read at any offset). -errno, -ENOEXEC (recorded: every format and why it refused), -EINVAL damaged.
 * Damaged notes or vmcoreinfo are a warn(), not an error.
 */
int vmcore_open(struct vmcore *v, const char *path);
void vmcore_close(struct vmcore *v);

/*
 * Read LEN bytes at physical PADDR; may cross pages and loads. All or nothing: -ENODATA, -EIO as above, not recorded (callers meet thousands).
 * Not thread-safe: one reader.
 */
int vmcore_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len);

/*
 * The bytes at PADDR in place: a pointer valid until the next call of any vmcore_ function on V, and in *LEN how many follow contiguously (at least to the end of
 * the page). NULL when the source cannot map (use vmcore_read). Large windows: sequential reading costs one mmap each 16 MiB or so.
 */
const uint8_t *vmcore_at(struct vmcore *v, uint64_t paddr, uint64_t *len);

extern const struct source_ops source_elf, source_diskdump;

#endif
