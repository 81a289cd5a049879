/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program headers of a core claim to hold, before it is believed. For source_elf.c. */
#ifndef KDUMP_SOURCE_CLAIMS_H
#define KDUMP_SOURCE_CLAIMS_H

#include "kdump/vmcore.h"

struct claim {
	struct vmcore_load load;   /* len: bytes in the file, as the header says */
	uint64_t memsz;            /* > 0, >= load.len; the last byte does not wrap */
};

struct claims {
	struct claim *c;
	size_t nr, cap;
};

static inline uint64_t claim_last(const struct claim *c)
{
	return c->load.paddr + (c->memsz - 1);
}

/* -ENOMEM (recorded). */
int claims_add(struct claims *s, const struct claim *claim);

/* Clip claims of memory that a file of FILE_LEN bytes cannot stand for. How many were. */
uint64_t claims_clip(struct claims *s, uint64_t file_len);

/* Put right, or take out, claims of memory far beyond all other. How many were. */
uint64_t claims_mend(struct claims *s);

/*
 * Sort S by physical address; what overlaps another goes to ALIASES (sorted too), the rest stays. -ENOMEM
 * (recorded).
 */
int claims_split_aliases(struct claims *s, struct claims *aliases);

#endif
