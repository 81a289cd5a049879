/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the source formats share: windows onto the file, notes, vmcoreinfo. For vmcore.c and source_*.c only. */
#ifndef KDUMP_SOURCE_H
#define KDUMP_SOURCE_H

#include "kdump/flattened.h"
#include "kdump/guard.h"
#include "kdump/vmcore.h"

/* The notes of a machine with 8,192 CPUs have some 10 MB. */
#define SOURCE_NOTES_MAX (64u << 20)
/* The kernel has one page for its VMCOREINFO (VMCOREINFO_BYTES). */
#define SOURCE_VMCOREINFO_MAX (1u << 20)
/* No processor that Linux runs on addresses more: a header that claims memory above is damaged. */
#define SOURCE_PADDR_LAST ((1ull << 52) - 1)

#define SOURCE_WINDOWS 4

struct source_window {
	uint8_t *base;             /* NULL: this stretch cannot be mapped, it is read */
	uint64_t off, len;         /* of the file itself; len 0: unused */
	uint64_t used;             /* when last */
	struct guard_area area;    /* of BASE */
};

/*
 * The file through a few mapped windows, which grow while it is read sequentially. /proc/vmcore is
 * read many times faster so: read() maps and unmaps every page in the kernel.
 */
struct source_map {
	const struct vmcore *v;
	int fd;
	uint64_t file_len;         /* of the file itself, which may be a stream that holds the dump */
	bool can_map;
	uint64_t page;             /* of the machine this runs on */
	uint64_t clock;
	uint64_t mapped, read;     /* bytes so far, for the trace */
	struct ranges poisoned;    /* bytes of the file that the hardware has lost: not to be touched again */
	struct source_window w[SOURCE_WINDOWS];
};

/* M and V must stay where they are until source_map_deinit(). */
void source_map_init(struct source_map *m, const struct vmcore *v);
void source_map_deinit(struct source_map *m);
/*
 * LEN (> 0, at most a few pages) bytes at OFF in place, valid until the next call; *AVAIL (>= LEN)
 * bytes follow. NULL: use source_map_read(). Who has used them asks guard_hits() whether it has grown meanwhile: then
 * they were not the file's.
 */
const uint8_t *source_map_at(struct source_map *m, uint64_t off, uint64_t len, uint64_t *avail);
/* -ENODATA: beyond the end of the file; -EIO: unreadable or poisoned. Not recorded. */
int source_map_read(struct source_map *m, uint64_t off, void *buf, size_t len);

/* All LEN bytes at OFF of FD. Errors as source_map_read(). */
int source_pread_fd(int fd, uint64_t off, void *buf, size_t len);
/* All LEN bytes at OFF of V's file, or of the dump in its stream, without windows. Errors as source_map_read(). */
int source_pread(const struct vmcore *v, uint64_t off, void *buf, size_t len);
/*
 * Of a stream that is not whole some stretches are missing; they read as zeros. Do the LEN bytes at OFF come from
 * it?
 */
bool source_has(const struct vmcore *v, uint64_t off, uint64_t len);

/*
 * Append the good ones of the LEN bytes of notes at OFF of V's file to V->notes, and take
 * VMCOREINFO from them if V has none yet. What is damaged, cut off or too much is passed over:
 * *DAMAGED is set then (there may be thousands of segments, one warning is enough). -ENOMEM only.
 */
int source_notes(struct vmcore *v, uint64_t off, uint64_t len, bool *damaged);
/* The warning. */
void source_notes_damaged(const struct vmcore *v);
/* The text of VMCOREINFO: the LEN bytes at OFF; too much, or cut off, is a warning. -ENOMEM only. */
int source_vmcoreinfo(struct vmcore *v, uint64_t off, uint64_t len);
/* Set V->page_shift from VMCOREINFO if that tells it. -ENOMEM only. */
int source_page_shift(struct vmcore *v);

#endif
