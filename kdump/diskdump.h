/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The headers of a kdump-compressed dump: what they say and where that puts its tables. */
#ifndef KDUMP_DISKDUMP_H
#define KDUMP_DISKDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diskdump_head {
	bool big_endian;
	int32_t version;
	uint32_t status;
	uint32_t block_bytes;      /* a power of two, 4 KiB to 256 KiB */
	unsigned int page_shift;
	uint64_t sub_blocks, bitmap_blocks;
	uint64_t max_mapnr;        /* pages, > 0 */
	uint64_t crash_time;
	char utsname[6][65];
	uint64_t phys_base;
	int dump_level;
	bool split;
	uint64_t start_pfn, limit_pfn; /* of a part of a split set; else 0 and max_mapnr */
	/* len 0: none; where they lie has not been tested */
	uint64_t vmcoreinfo_off, vmcoreinfo_len, notes_off, notes_len, eraseinfo_off, eraseinfo_len;
	/* worked out of these; nothing wraps */
	uint64_t ram_off, dumped_off, bitmap_len; /* of the two bitmaps: bytes that hold bits */
	uint64_t descs_off;
};

/* All LEN bytes at OFF: 0 or negative; what it records is not used. */
typedef int diskdump_pread(void *ctx, uint64_t off, void *buf, size_t len);

/*
 * -ENOEXEC: no such dump. -ENOTSUP: a form that is not read. -EINVAL: damaged. All recorded, without a name in front.
 * A version that is newer than those known is a warning about NAME.
 */
int diskdump_head_read(struct diskdump_head *h, diskdump_pread *read, void *ctx, const char *name);

/*
 * One more than the last byte that a dump can have which begins with these LEN bytes of a main header, whose numbers
 * agree with each other; UINT64_MAX: it cannot be told.
 */
uint64_t diskdump_bound(const uint8_t *header, size_t len);

/* Set bits among the first NR of BITS, LSB first. */
uint64_t diskdump_count(const uint8_t *bits, uint64_t nr);

#endif
