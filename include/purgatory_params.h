/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one block that loader and purgatory share. The loader fills it; the purgatory reads it and nothing
 * else of ours. It stands at the start of the purgatory's image (section .params, virtual address 0 of the
 * linked file). All fields are in the byte order of the target; addresses are physical; lengths are bytes;
 * no implicit padding.
 */
#ifndef PURGATORY_PARAMS_H
#define PURGATORY_PARAMS_H

#include <stdint.h>

#define PURG_MAGIC 0x5041524143485554ull   /* "PARACHUT" as a big endian number */
#define PURG_VERSION 1

#define PURG_MAX_REGIONS 16                /* KEXEC_SEGMENT_MAX */
#define PURG_MAX_COPIES 4
#define PURG_MAX_CONSOLES 4
#define PURG_NAME_BYTES 24

/* A loaded segment to verify before anything is started. */
struct purg_region {
	uint64_t start;
	uint64_t len;              /* bytes that the digest covers */
	uint64_t memsz;            /* bytes from len to memsz must still be zero; equal to len: none */
	char name[PURG_NAME_BYTES]; /* "kernel", "initrd"...; NUL-terminated */
	uint8_t digest[32];        /* SHA-256 */
};

/* Memory that the capture kernel will overwrite, to be copied away once the regions are found good. */
struct purg_copy {
	uint64_t from;
	uint64_t to;
	uint64_t len;
};

enum purg_console_type {
	PURG_CONSOLE_NONE = 0,
	PURG_CONSOLE_8250_PORT = 1, /* 16550 in x86 port space; base is the port */
	PURG_CONSOLE_8250_MMIO = 2,
	PURG_CONSOLE_PL011 = 3,
	PURG_CONSOLE_VGA = 4,       /* 80x25 colour text; base is the window, 0xb8000 */
	PURG_CONSOLE_8250_MMIO32 = 5, /* PURG_CONSOLE_8250_MMIO whose registers take 32-bit accesses only */
};

struct purg_console {
	uint64_t base;
	uint32_t type;             /* enum purg_console_type */
	uint32_t reg_shift;        /* registers are 1 << reg_shift bytes apart (MMIO) */
};

/* How to start what was verified. */
enum purg_entry_mode {
	PURG_ENTRY_NATIVE = 0,     /* the mode the purgatory runs in: 64 bit on x86_64 and arm64 */
	PURG_ENTRY_X86_32 = 1,     /* 32 bit protected mode, paging off, flat segments */
};

/* How to reset the machine, tried in the order that suits the architecture. */
enum purg_psci {
	PURG_PSCI_NONE = 0,
	PURG_PSCI_HVC = 1,
	PURG_PSCI_SMC = 2,
};

/* -i: start without looking at the digests. Of many bits, so that no flipped one can switch verification off. */
#define PURG_FLAG_NO_VERIFY 0x6e6f5f69u

struct purg_params {
	uint64_t magic;
	uint32_t version;
	uint32_t size;             /* sizeof(struct purg_params) */
	uint32_t flags;            /* 0 or PURG_FLAG_NO_VERIFY */
	uint32_t entry_mode;       /* enum purg_entry_mode */
	uint64_t entry;            /* where to go */
	uint64_t args[4];          /* x86: args[0] = boot_params (rsi/esi); arm64: x0..x3 (args[0] = device tree) */
	uint32_t psci;             /* enum purg_psci */
	uint32_t nr_regions;
	uint32_t nr_copies;
	uint32_t nr_consoles;
	struct purg_console consoles[PURG_MAX_CONSOLES];
	struct purg_copy copies[PURG_MAX_COPIES];
	struct purg_region regions[PURG_MAX_REGIONS];
	/* Memory of the purgatory's own segment, from this block on; what lies behind its file's bytes is zero. */
	uint64_t self_memsz;
	/*
	 * SHA-256 of the purgatory's own image as it stands in memory: from this block to the last byte that
	 * the linked file holds (p_filesz), these 32 bytes counted as zero. So a damaged list of regions, a
	 * damaged entry address and most damage to the code are found too.
	 */
	uint8_t self_digest[32];
};

_Static_assert(sizeof(struct purg_region) == 80, "purg_region is an interface");
_Static_assert(sizeof(struct purg_copy) == 24, "purg_copy is an interface");
_Static_assert(sizeof(struct purg_console) == 16, "purg_console is an interface");
_Static_assert(sizeof(struct purg_params) == 80 + 4 * 16 + 4 * 24 + 16 * 80 + 8 + 32, "purg_params is an interface");

#endif
