/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual addresses of the crashed kernel to physical ones: direct map and kernel image by arithmetic, the rest by
 * its page tables.
 */
#ifndef KDUMP_VTOP_H
#define KDUMP_VTOP_H

#include "kdump/vmcore.h"
#include "kdump/vmcoreinfo.h"

struct vtop;

/*
 * A paging form as data: index widths from the top level down, ending with the page offset. Entries have eight
 * bytes.
 */
struct paging_form {
	unsigned int levels;       /* 1 to 5 */
	unsigned int bits[6];      /* bits[0] of the top level ... bits[levels] = page offset */
	uint64_t paddr_mask;       /* of an entry */
	uint64_t high_mask;        /* further address bits of an entry (arm64 with 52 bits), to be shifted left... */
	unsigned int high_shift;   /* ...by this */
	uint64_t present_mask;     /* entry & mask must be non-zero */
	uint64_t leaf_mask, leaf_value; /* entry & leaf_mask == leaf_value at an upper level: a large page */
	unsigned int leaf_bits;    /* of offset in the largest page there is; a leaf further up is damage */
};

/* How one architecture of crashed kernel is read. One row per architecture in kdump/arch/NAME.c. */
struct kdump_arch {
	const char *name;          /* "x86_64" */
	uint16_t machine;          /* EM_... */
	const char *utsname_machine; /* as crash compares it */
	/*
	 * Fill the form, the root and the linear maps of VT from vmcoreinfo and loads. -ENODATA (recorded): not
	 * enough is known.
	 */
	int (*vtop_init)(struct vtop *vt);
	uint32_t prstatus_reg_off; /* of the registers in NT_PRSTATUS's description */
	unsigned int pc_reg, sp_reg; /* index among them, in words */
};

struct linear_map {
	uint64_t vaddr;            /* first */
	uint64_t last;             /* inclusive */
	uint64_t to_paddr;         /* added to vaddr, modulo 2^64 */
};

#define VTOP_LINEAR_MAX 4

struct vtop {
	struct vmcore *core;
	const struct vmcoreinfo *vi;
	const struct kdump_arch *arch;
	struct linear_map linear[VTOP_LINEAR_MAX];
	unsigned int nr_linear;
	struct paging_form form;
	uint64_t root_paddr;       /* top-level table; valid when has_tables */
	bool has_tables;
	uint64_t phys_base;        /* x86_64: of the kernel image; for the dump's header. arm64: start of RAM */
	uint64_t kernel_offset;    /* KASLR, of the kernel image */
	/* set in kernel pointers before translation: arm64 keeps tags and signatures there */
	uint64_t pointer_mask;
};

extern const struct kdump_arch kdump_x86_64, kdump_arm64;
const struct kdump_arch *kdump_arch_find(uint16_t machine);

/*
 * -ENOTSUP: no row for the machine. -ENODATA: nothing can be translated. Both recorded. What cannot be found out
 * otherwise leaves fewer ways to translate, with a debug(). CORE and VI must outlive VT, which owns nothing.
 */
int vtop_init(struct vtop *vt, struct vmcore *core, const struct vmcoreinfo *vi);

/*
 * For the architectures' rows. Of linear maps the first that holds an address counts; there is room for a few only.
 */
void vtop_add_linear(struct vtop *vt, uint64_t vaddr, uint64_t last, uint64_t to_paddr);
/* What most bytes of the loads agree on as vaddr - paddr. False when no load tells an address. */
bool vtop_direct_map(const struct vmcore *core, uint64_t *offset);
/* Make all of RAM reachable at paddr + OFFSET. */
void vtop_add_direct_map(struct vtop *vt, uint64_t offset);
/* The kernel's image, as the loader saw it. */
void vtop_add_aliases(struct vtop *vt);
/* The top-level table is at virtual ROOT_VADDR, in one of the linear maps. */
void vtop_set_root(struct vtop *vt, uint64_t root_vaddr);

/*
 * -ENODATA: not mapped, or its tables cannot be read; not recorded. *LEN (may be NULL): contiguous bytes from there
 * in the same mapping. Never loops: as many steps as levels.
 */
int vtop(struct vtop *vt, uint64_t vaddr, uint64_t *paddr, uint64_t *len);

/* Read LEN bytes at virtual VADDR; all or nothing, though BUF may be written to; -ENODATA, -EIO not recorded. */
int vtop_read(struct vtop *vt, uint64_t vaddr, void *buf, size_t len);
int vtop_read_word(struct vtop *vt, uint64_t vaddr, uint64_t *value);   /* of the kernel's word size and order */
int vtop_read_u32(struct vtop *vt, uint64_t vaddr, uint32_t *value);

#endif
