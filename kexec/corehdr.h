/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ELF core headers that describe the dying kernel to the capture kernel (elfcorehdr=). Built from a
 * layout; no I/O. Document: Documentation/admin-guide/kdump/kdump.rst; ELF: elf(5). Order: PT_NOTE per CPU,
 * PT_NOTE of the vmcoreinfo, PT_LOAD of the kernel image when its mapping is known, PT_LOAD per dumped range.
 * p_offset of every entry is the physical address to read.
 */
#ifndef KEXEC_COREHDR_H
#define KEXEC_COREHDR_H

#include "kexec/crash.h"
#include "lib/blob.h"

/* RAM that will have been copied elsewhere by the time it is read. */
struct core_backup {
	uint64_t from;
	uint64_t len;              /* 0: none */
	uint64_t to;
};

struct core_layout {
	unsigned int width;        /* 8: ELF64, 4: ELF32 */
	bool big_endian;
	uint16_t machine;          /* EM_... */
	const struct ranges *dump; /* RAM to describe; split where the backup starts and stops */
	const struct crash_info *info;
	struct core_backup backup;
};

/*
 * Bytes that corehdr_build() will write for this layout. -E2BIG (recorded, with the count) when there are
 * more headers than e_phnum can hold.
 */
int corehdr_size(const struct core_layout *layout, uint64_t *size);

/*
 * Write the headers at the end of OUT (initialised, emptied first). -E2BIG as above; -ERANGE (recorded): an
 * address does not fit ELF32 (says which, and to use ELF64). -ENOMEM.
 */
int corehdr_build(const struct core_layout *layout, struct blob *out);

#endif
