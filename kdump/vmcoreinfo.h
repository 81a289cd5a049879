/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VMCOREINFO text as a sorted table: Documentation/admin-guide/kdump/vmcoreinfo.rst. */
#ifndef KDUMP_VMCOREINFO_H
#define KDUMP_VMCOREINFO_H

#include "lib/view.h"

struct vmcoreinfo_entry {
	const char *key;           /* "SYMBOL(prb)", "OSRELEASE"; in the text, not NUL-terminated */
	size_t key_len;
	const char *value;
	size_t value_len;
};

struct vmcoreinfo {
	struct vmcoreinfo_entry *e; /* sorted by key; of duplicates the first counts */
	size_t nr;
};

/* TEXT, up to its first NUL, must outlive VI. Lines that are no KEY=VALUE are passed over. -ENOMEM (recorded). */
int vmcoreinfo_init(struct vmcoreinfo *vi, const struct view *text);
void vmcoreinfo_deinit(struct vmcoreinfo *vi);

/*
 * All getters: false, with the output untouched, when there is no such key or its value is not
 * wholly what it should be.
 */
bool vmcoreinfo_string(const struct vmcoreinfo *vi, const char *key, const char **value, size_t *len);
/* SYMBOL(name): hexadecimal. */
bool vmcoreinfo_symbol(const struct vmcoreinfo *vi, const char *name, uint64_t *vaddr);
/* SIZE(name), LENGTH(name), NUMBER(name), OFFSET(a.b): decimal, NUMBER also negative or 0x hexadecimal. */
bool vmcoreinfo_size(const struct vmcoreinfo *vi, const char *name, uint64_t *value);
bool vmcoreinfo_length(const struct vmcoreinfo *vi, const char *name, uint64_t *value);
bool vmcoreinfo_number(const struct vmcoreinfo *vi, const char *name, int64_t *value);
bool vmcoreinfo_offset(const struct vmcoreinfo *vi, const char *name, uint64_t *value);
/* KEY=hex, with or without 0x, as KERNELOFFSET. */
bool vmcoreinfo_hex(const struct vmcoreinfo *vi, const char *key, uint64_t *value);
/* KEY=decimal, as PAGESIZE and CRASHTIME. */
bool vmcoreinfo_decimal(const struct vmcoreinfo *vi, const char *key, uint64_t *value);

#endif
