/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual addresses of the crashed kernel to physical ones: direct map and kernel image by arithmetic, the rest by its page tables. */
#ifndef KDUMP_VTOP_H
#define KDUMP_VTOP_H

#include "kdump/vmcore.h"
#include "kdump/vmcoreinfo.h"

/* A paging form as data: index widths from the top level down, ending with the page offset. */
struct vtop;

struct paging_form {
	unsigned int levels;
	unsigned int bits[6];      /* bits[0] of the top level ... bits[levels] = page offset */
	uint64_t paddr_mask;       /* of an entry */
	uint64_t present_mask;     /* entry & mask must be non-zero */
	uint64_t leaf_mask, leaf_value; /* entry & leaf_mask == leaf_value at an upper level: a large page */
};

/* How one architecture of crashed kernel is read. One row per architecture in kdump/arch/NAME.c. */
struct kdump_arch {
	const char *name;          /* "x86_64" */
	uint16_t machine;          /* EM_... */
	const char *utsname_machine; /* as crash compares it */
	/* Fill the form, the root and the linear maps of VT from vmcoreinfo and loads. -ENODATA (recorded): not enough is known. */
	int (*vtop_init)(struct vtop *vt);
	uint32_t prstatus_reg_off; /* of the registers in NT_PRSTATUS's description */
	unsigned int pc_reg, sp_reg; /* index among them, in words */
};

struct linear_map {
	uint64_t vaddr;            /* first */
	uint64_t last;             /* inclusive */
	uint64_t to_paddr;         /* added to vaddr, modulo 2^64 */
};

struct vtop {
	struct vmcore *core;
	const struct vmcoreinfo *vi;
	const struct kdump_arch *arch;
	struct linear_map linear[4];
	unsigned int nr_linear;
	struct paging_form form;
	uint64_t root_paddr;       /* top-level table; valid when has_tables */
	bool has_tables;
	uint64_t phys_base;        /* x86_64: of the kernel image; for the dump's header. arm64: start of RAM */
	uint64_t kernel_offset;    /* KASLR, of the kernel image */
};

extern const struct kdump_arch kdump_x86_64, kdump_arm64;
const struct kdump_arch *kdump_arch_find(uint16_t machine);

/* -ENOTSUP: no row for the machine. What cannot be found out leaves fewer ways to translate; recorded only when nothing can be. */
int vtop_init(struct vtop *vt, struct vmcore *core, const struct vmcoreinfo *vi);

/* -ENODATA: not mapped, or its tables cannot be read; not recorded. *LEN (may be NULL): contiguous bytes from there in the same mapping. Never loops: as many steps as levels. */
int vtop(struct vtop *vt, uint64_t vaddr, uint64_t *paddr, uint64_t *len);

/* Read LEN bytes at virtual VADDR; all or nothing; -ENODATA, -EIO not recorded. */
int vtop_read(struct vtop *vt, uint64_t vaddr, void *buf, size_t len);
int vtop_read_word(struct vtop *vt, uint64_t vaddr, uint64_t *value);   /* of the kernel's word size and order */
int vtop_read_u32(struct vtop *vt, uint64_t vaddr, uint32_t *value);

#endif
