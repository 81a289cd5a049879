/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a crashed kernel, whatever file it comes in: /proc/vmcore, an ELF core, a
 * kdump-compressed dump, or a flattened stream of either that was written to a file. One
 * structure, two verbs; the formats never meet each other.
 */
#ifndef KDUMP_VMCORE_H
#define KDUMP_VMCORE_H

#include "lib/blob.h"
#include "lib/ranges.h"

struct flattened;
struct vmcore;

#define VMCORE_NO_VADDR UINT64_MAX

struct vmcore_load {
	uint64_t paddr;
	uint64_t len;              /* bytes that the source holds */
	uint64_t off;              /* in the file */
	uint64_t vaddr;            /* of the dying kernel; VMCORE_NO_VADDR: not told */
};

/* A source format. The bytes it hands out lie inside one page; vmcore_read() and vmcore_at() see to that. */
struct source_ops {
	const char *name;          /* "ELF", "kdump-compressed" */
	/*
	 * 0 mine; -ENOEXEC not mine (recorded why); anything else mine but broken (recorded). What
	 * was set up until then is for close().
	 */
	int (*open)(struct vmcore *v);
	/*
	 * LEN bytes inside one page at PADDR. -ENODATA: not in the source (left out, or no RAM);
	 * -EIO: there, but cannot be read or expanded. Not recorded.
	 */
	int (*read)(struct vmcore *v, uint64_t paddr, void *buf, size_t len);
	/* As vmcore_at(). */
	const uint8_t *(*at)(struct vmcore *v, uint64_t paddr, uint64_t *len);
	/* As vmcore_read_run(). May be NULL. */
	uint64_t (*read_run)(struct vmcore *v, uint64_t first_pfn, uint64_t nr, void *buf);
	/* As vmcore_held(); BITMAP is all zeros. */
	int (*held)(struct vmcore *v, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap);
	void (*close)(struct vmcore *v);
};

struct vmcore {
	const struct source_ops *ops;
	char *path;
	int fd;
	uint64_t file_len;         /* bytes; UINT64_MAX when the file does not tell; of the dump in a stream */
	struct flattened *flat;    /* the file is a flattened stream: where in it the dump's bytes are; else NULL */
	uint64_t stream_len;       /* bytes of the file itself then */
	uint16_t machine;          /* EM_...; EM_NONE: a dump whose utsname names none that we know */
	unsigned int width;        /* bytes of a word of the dumped kernel: 4, 8 */
	bool big_endian;
	unsigned int page_shift;   /* of the dumped kernel; a dump's header, else vmcoreinfo's PAGESIZE, else 12 */
	/* ELF only: sorted by paddr, disjoint. */
	struct vmcore_load *loads;
	size_t nr_loads;
	/*
	 * ELF only: the loads that say again what others say, at other virtual addresses: the
	 * kernel's image. Sorted by paddr. LEN is what the header claims. Only where a file is cut
	 * short do parts of them stand in LOADS too (without virtual address).
	 */
	struct vmcore_load *aliases;
	size_t nr_aliases;
	struct ranges ram;         /* bytes of RAM that the machine had, as the source tells; whole pages */
	uint64_t max_pfn;          /* one more than the last */
	struct blob notes;         /* all ELF notes, concatenated; damaged ones left out */
	struct blob vmcoreinfo;    /* text; len 0: none */
	/* from a dump's own header; empty for ELF */
	char utsname[6][65];       /* sysname nodename release version machine domain */
	bool has_phys_base;
	uint64_t phys_base;        /* of the kernel image, as the dump's header says */
	int dump_level;            /* what was left out already; 0 for ELF */
	bool no_mmap;              /* VMCORE_NO_MMAP was asked for */
	bool reads_well;           /* read() costs no more than a copy: any file but those of /proc */
	bool incomplete;           /* the source itself is marked so, or it is cut short */
	void *priv;                /* the format's */
};

/*
 * Open PATH, a file that can be read at any offset. -errno; -ENOEXEC: every format refused it;
 * -EINVAL: damaged; -ENOTSUP: a form of a format that is not read; all recorded. Damaged notes or
 * vmcoreinfo, and a file that is cut short, are a warn(), not an error.
 */
int vmcore_open(struct vmcore *v, const char *path);
enum { VMCORE_NO_MMAP = 1 };       /* read the file, never map it */
int vmcore_open_flags(struct vmcore *v, const char *path, unsigned int flags);
/* The same with a file that is open already; FD belongs to V then, also on failure. */
int vmcore_open_fd(struct vmcore *v, int fd, const char *path);
/* Accepts a zeroed struct; the struct is zeroed afterwards. */
void vmcore_close(struct vmcore *v);

/*
 * Read LEN bytes at physical PADDR; may cross pages and loads. All or nothing: -ENODATA, -EIO as
 * above, not recorded (callers meet thousands); BUF holds anything then. A page that is RAM in part
 * reads as zeros elsewhere. Not thread-safe: one reader.
 */
int vmcore_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len);

/*
 * The bytes at PADDR in place: a pointer valid until the next call of any vmcore_ function on V,
 * and in *LEN how many follow contiguously (at least to the last byte of the page). NULL when they
 * cannot be had so: vmcore_read() then tells why, or reads them. Large windows: sequential reading
 * costs one mmap each 16 MiB. Touching them may show that the source cannot give them: zeros are
 * there instead, and guard_hits() (kdump/guard.h) has grown; vmcore_read() then tells why.
 */
const uint8_t *vmcore_at(struct vmcore *v, uint64_t paddr, uint64_t *len);

/*
 * How many of the NR pages from FIRST_PFN on are in BUF afterwards: a stretch that lies in one piece of the file and is
 * read at once. 0: it cannot be had so, or not as cheaply as through vmcore_at(); ask for each page.
 */
uint64_t vmcore_read_run(struct vmcore *v, uint64_t first_pfn, uint64_t nr, void *buf);

/*
 * Which pages does the source hold, of NR (a multiple of 8) from FIRST_PFN (a multiple of 8) on?
 * Fills BITMAP, LSB first. A dump that was filtered lacks some of its RAM. -EIO: it cannot be told;
 * not recorded.
 */
int vmcore_held(struct vmcore *v, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap);

static inline uint64_t vmcore_page_bytes(const struct vmcore *v)
{
	return 1ull << v->page_shift;
}

extern const struct source_ops source_elf, source_diskdump;

#endif
