/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published description of a loaded capture kernel: written by the loader, found and verified by anybody who can
 * read the memory. Format: include/capture_description.h, doc/formats.md. Nothing here knows where the bytes come from.
 */
#ifndef LIB_CAPTURE_DESCRIPTION_H
#define LIB_CAPTURE_DESCRIPTION_H

#include "include/capture_description.h"
#include "lib/sha256.h"
#include "lib/view.h"

/* Of struct capd_pointer in memory, and what its address behind the core headers is a multiple of. */
#define CAPD_POINTER_BYTES 32
#define CAPD_POINTER_ALIGN 8

/* Write D (counts within their limits; magic, version, size and checksum are set here) in the given byte order. */
void capd_build(const struct capture_description *d, bool big_endian, uint8_t out[CAPD_BYTES]);
void capd_pointer_build(uint64_t paddr, bool big_endian, uint8_t out[CAPD_POINTER_BYTES]);

/* Does PAGE begin with the magic? */
bool capd_is(const struct view *page);

/*
 * Read the description at the start of PAGE, of either byte order. -ENOEXEC (not recorded): no magic. -ENOTSUP
 * (recorded): another version. -EINVAL (recorded): the checksum does not match, or what it says makes no sense. *D
 * untouched on failure.
 */
int capd_parse(const struct view *page, struct capture_description *d);

/* Physical memory: all LEN bytes at PADDR, or a negative errno (-ENODATA: not there), not recorded. */
typedef int capd_read(void *ctx, uint64_t paddr, void *buf, size_t len);

/*
 * ELF core headers at PADDR, which begin with FRONT (at least 64 bytes of them): where the pointer behind them stands.
 * False: these are no core headers.
 */
bool capd_pointer_place(const struct view *front, uint64_t paddr, uint64_t *pointer_paddr);
/* The pointer there. False: there is none. */
bool capd_pointer_read(capd_read *read, void *ctx, uint64_t pointer_paddr, uint64_t *paddr);

/* What a search has found. Zeroed before it starts. */
struct capd_finder {
	bool found;
	struct capture_description d;  /* the newest that stands where it says that it stands */
	/* a page has the magic, or nearly, but the checksum does not match or it makes no sense */
	bool damaged;
	uint64_t damaged_paddr;
	bool astray;               /* core headers point to a page that can be read and is no description */
	uint64_t astray_paddr;
	/* a good one says that it stands elsewhere: by SHIFT (modulo 2^64) above, the newest */
	bool shifted;
	uint64_t shift;
	uint64_t shifted_at;       /* its loaded_at */
	uint64_t nr_pages;         /* looked at, */
	uint64_t nr_zero;          /* and of these, all zeros */
};

/*
 * Look at every page in START..LAST (whole pages) that READ can read: for descriptions, and for core headers with a
 * pointer. -ENOMEM, recorded.
 */
int capd_scan(struct capd_finder *f, uint64_t start, uint64_t last, capd_read *read, void *ctx);

enum capd_verdict {
	CAPD_INTACT = 0,
	CAPD_UNKNOWN = 1,          /* it cannot be read, or has no digest */
	CAPD_DAMAGED = 3,          /* the values are exit statuses */
};

struct capd_result {
	enum capd_verdict verdict;
	int err;                   /* CAPD_UNKNOWN: why it cannot be read; 0: it has no digest */
	bool padding;              /* CAPD_DAMAGED: the digest is right, but the byte at PADDR should be zero */
	uint64_t paddr;            /* CAPD_UNKNOWN with ERR: about what could not be read */
	uint8_t found[SHA256_BYTES];
};

/* Compare the memory of segment IDX of D with what D says. */
void capd_verify_segment(const struct capture_description *d, uint32_t idx, capd_read *read, void *ctx,
			 struct capd_result *result);

/* All of D's segments into RESULTS; the worst of them, segments without digest not counted. */
enum capd_verdict capd_verify(const struct capture_description *d, capd_read *read, void *ctx,
			      struct capd_result results[CAPD_MAX_SEGMENTS]);

#endif
