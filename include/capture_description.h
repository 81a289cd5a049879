/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published description of what is loaded for a crash: one page, in a segment of its own, that anybody who sees the
 * memory can find and verify without knowing the loader: `kexec --verify` in the running system, `kdump inspect` in an
 * image of a guest's memory. Found by its magic at a page boundary, or through the pointer behind the core headers. All
 * fields in the machine's byte order, addresses physical, lengths bytes, no implicit padding. doc/formats.md describes
 * it.
 */
#ifndef CAPTURE_DESCRIPTION_H
#define CAPTURE_DESCRIPTION_H

#include <stdint.h>

#define CAPD_MAGIC "Parachute capture"          /* with its NUL and zeros: CAPD_MAGIC_BYTES */
#define CAPD_MAGIC_BYTES 24
#define CAPD_VERSION 1
#define CAPD_BYTES 4096
#define CAPD_MAX_CRASH_REGIONS 8
#define CAPD_MAX_SEGMENTS 16                     /* KEXEC_SEGMENT_MAX */
#define CAPD_PURPOSE_BYTES 24

struct capd_crash_region {
	uint64_t start;
	uint64_t len;
};

struct capd_segment {
	uint64_t paddr;
	uint64_t len;              /* bytes that the digest covers */
	uint64_t memsz;            /* bytes that it occupies; zero from len on when it was loaded */
	uint64_t flags;            /* CAPD_SEGMENT_ */
	char purpose[CAPD_PURPOSE_BYTES]; /* "kernel", "initrd", "elfcorehdr"...; NUL-terminated */
	uint8_t digest[32];        /* SHA-256; zeros without CAPD_SEGMENT_DIGEST */
};

enum {
	CAPD_SEGMENT_DIGEST = 1,   /* the digest counts: nobody changes this memory */
	CAPD_SEGMENT_PRIMARY = 2,  /* the primary image needs it */
	CAPD_SEGMENT_FALLBACK = 4, /* the fallback image needs it */
};

enum {
	CAPD_NO_VERIFY = 1,        /* -i: the purgatory will not look at digests */
	CAPD_HOTPLUG = 2,          /* the kernel rewrites the core headers */
};

struct capture_description {
	char magic[CAPD_MAGIC_BYTES];
	uint32_t version;
	uint32_t size;             /* CAPD_BYTES: what the checksum covers */
	uint8_t checksum[32];      /* SHA-256 of all SIZE bytes, these 32 counted as zero */
	uint64_t paddr;            /* of this block: a copy of it elsewhere is no description */
	uint64_t loaded_at;        /* nanoseconds since 1970: where several are found, the newest counts */
	uint32_t machine;          /* EM_... */
	uint32_t page_bytes;       /* that segments are multiples of */
	uint32_t policy;           /* enum purg_policy of purgatory_params.h */
	uint32_t flags;            /* CAPD_NO_VERIFY ... */
	uint64_t elfcorehdr_paddr; /* 0: none */
	uint64_t elfcorehdr_len;
	uint64_t vmcoreinfo_paddr; /* of the note in the running kernel's memory; 0: unknown */
	uint64_t vmcoreinfo_len;
	uint32_t nr_crash_regions;
	uint32_t nr_segments;
	struct capd_crash_region crash_regions[CAPD_MAX_CRASH_REGIONS];
	struct capd_segment segments[CAPD_MAX_SEGMENTS];
	uint8_t zero[CAPD_BYTES - 136 - 16 * CAPD_MAX_CRASH_REGIONS - 88 * CAPD_MAX_SEGMENTS];
};

/* The last bytes of the core headers' segment, behind the last program header. */
struct capd_pointer {
	char magic[CAPD_MAGIC_BYTES];
	uint64_t paddr;            /* of the description */
};

_Static_assert(sizeof(struct capd_segment) == 88, "capd_segment is an interface");
_Static_assert(sizeof(struct capture_description) == CAPD_BYTES, "capture_description is an interface");

#endif
