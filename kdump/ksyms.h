/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols and types out of the dump itself, where VMCOREINFO lacks something: the compressed kallsyms tables
 * (VMCOREINFO exports their addresses since Linux 6.0) and the BTF that __start_BTF..__stop_BTF hold
 * (Documentation/bpf/btf.rst). Everything is bounded; damaged tables are an error, never a hang.
 */
#ifndef KDUMP_KSYMS_H
#define KDUMP_KSYMS_H

#include "kdump/vtop.h"

struct ksyms;

/* -ENODATA (recorded): VMCOREINFO does not tell where the tables are. -EINVAL: damaged. */
int ksyms_open(struct ksyms **s, struct vtop *vt);
void ksyms_close(struct ksyms *s);
/* Address of NAME. -ENOENT (not recorded). */
int ksyms_find(struct ksyms *s, const char *name, uint64_t *vaddr);

struct btf;
/* Parse BYTES (kept by the caller). -EINVAL recorded. */
int btf_open(struct btf **b, const struct view *bytes);
/* Read it out of the dump. -ENODATA, -EINVAL, -ENOMEM recorded. */
int btf_read(struct btf **b, struct vtop *vt, struct ksyms *s);
void btf_close(struct btf *b);
/*
 * Offset in bytes of MEMBER ("a.b" through nested and anonymous members) of struct or union TYPE; *SIZE (may be
 * NULL): bytes of the member. -ENOENT not recorded.
 */
int btf_member(const struct btf *b, const char *type, const char *member, uint64_t *off, uint64_t *size);
int btf_struct_size(const struct btf *b, const char *type, uint64_t *size);
/* Value of an enumerator, such as PG_lru of enum pageflags; "" is any enum without a name. -ENOENT. */
int btf_enumerator(const struct btf *b, const char *enumeration, const char *name, int64_t *value);

#endif
