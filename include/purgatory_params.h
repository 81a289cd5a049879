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
#define PURG_VERSION 2

#define PURG_MAX_REGIONS 16                /* KEXEC_SEGMENT_MAX */
#define PURG_MAX_COPIES 4
#define PURG_MAX_CONSOLES 4
#define PURG_NAME_BYTES 24
#define PURG_MAX_IMAGES 2                  /* the primary, and the fallback */

/* A loaded segment to verify before anything is started. */
struct purg_region {
	uint64_t start;
	uint64_t len;              /* bytes that the digest covers */
	uint64_t memsz;            /* bytes from len to memsz must still be zero; equal to len: none */
	char name[PURG_NAME_BYTES]; /* "kernel", "initrd"...; NUL-terminated */
	uint8_t digest[32];        /* SHA-256 */
	uint64_t images;           /* bit I: image I needs it; 0: damage is told, but stops nothing */
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
	PURG_CONSOLE_FRAMEBUFFER = 6, /* packed pixels of 16, 24 or 32 bits; base is the first one */
};

struct purg_console {
	uint64_t base;
	uint32_t type;             /* enum purg_console_type */
	uint32_t reg_shift;        /* 8250: registers are 1 << reg_shift bytes apart (MMIO) */
	uint32_t baud;             /* 8250 with the usual 1.8432 MHz clock: set this rate, 8N1; 0: as it is */
	uint32_t width;            /* framebuffer: pixels, */
	uint32_t height;
	uint32_t pitch;            /* bytes from line to line, */
	uint32_t depth;            /* bits of a pixel */
	uint32_t reserved;         /* 0 */
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

/* The register whose writing resets the machine: RESET_REG of the FADT (ACPI 6.4, 4.8.3.6), 8 bits wide. */
enum purg_reset_space {
	PURG_RESET_NONE = 0,
	PURG_RESET_MEMORY = 1,     /* reset_addr is physical */
	PURG_RESET_PORT = 2,       /* x86 port */
	/* configuration space of bus 0: device << 32 | function << 16 | offset, as in the FADT */
	PURG_RESET_PCI = 3,
};

/* What to do when the primary image is damaged. Of many bits, so that no flipped one makes another policy of it. */
enum purg_policy {
	PURG_POLICY_REBOOT = 0x7265626f,
	PURG_POLICY_HALT = 0x68616c74,
	PURG_POLICY_BOOT = 0x626f6f74,     /* start it anyway */
	PURG_POLICY_FALLBACK = 0x66616c6c, /* start image 1 if that is intact, else as PURG_POLICY_REBOOT */
};

/* Something that can be started. */
struct purg_image {
	uint64_t entry;            /* where to go */
	uint64_t args[4];          /* x86: args[0] = boot_params (rsi/esi); arm64: x0..x3 (args[0] = device tree) */
	/*
	 * Where the image's command line keeps room for the verdict, in a segment of the image: VERDICT_LEN bytes that
	 * begin with PURG_VERDICT_WORD and are blanks behind what the loader wrote. 0: none.
	 */
	uint64_t verdict_paddr;
	uint32_t verdict_len;
	uint32_t entry_mode;       /* enum purg_entry_mode */
};

/*
 * The word that carries the verdict: "kdump.verify=" and one of
 *   ok                   everything was verified
 *   skipped              -i: nothing was
 *   damaged:NAME,...     the primary image, started although these segments are damaged (PURG_POLICY_BOOT)
 *   fallback:NAME,...    the fallback image, because these segments of the primary are damaged
 *   unknown              what the loader leaves there: no purgatory of ours ran
 */
#define PURG_VERDICT_WORD "kdump.verify="

/* -i: start without looking at the digests. Of many bits, so that no flipped one can switch verification off. */
#define PURG_FLAG_NO_VERIFY 0x6e6f5f69u

struct purg_params {
	uint64_t magic;
	uint32_t version;
	uint32_t size;             /* sizeof(struct purg_params) */
	uint32_t flags;            /* 0 or PURG_FLAG_NO_VERIFY */
	uint32_t policy;           /* enum purg_policy */
	uint32_t psci;             /* enum purg_psci */
	uint32_t nr_images;        /* 1 or 2 */
	uint32_t nr_regions;
	uint32_t nr_copies;
	uint32_t nr_consoles;
	/*
	 * For machines that come here with paging, and so caches, off: log2 of the bytes that the page tables at
	 * map_root_paddr translate. map_root_paddr 0: none, everything is done without. See PURG_MAP_REGION.
	 */
	uint32_t map_bits;
	uint64_t map_root_paddr;
	uint64_t reset_addr;
	uint32_t reset_space;      /* enum purg_reset_space */
	uint32_t reset_value;
	uint32_t vga_reset;        /* 1: put the VGA into 80x25 text mode first (--reset-vga) */
	uint32_t reserved;         /* 0 */
	struct purg_image images[PURG_MAX_IMAGES];
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

/*
 * The region that the page tables are. They are verified, with paging off, before they are used; where they are damaged
 * that is told and all is done without, so no image needs this region: its IMAGES are 0.
 *
 * Identity. They map this program's segment (with its zeros), every region to its memsz, both sides of every copy as
 * PURG_MAP_NORMAL; the consoles' registers (8250, PL011: the pages they lie in; framebuffer: all of it) as
 * PURG_MAP_DEVICE. Where one is missing the purgatory does all without, or without that console.
 *
 * arm64 (Arm ARM D8.2, D8.3): 4 KiB granule, map_bits = 64 - T0SZ = 48; normal memory: AttrIndx 0, inner shareable;
 * device memory: AttrIndx 1, UXN and PXN set; AF set; AP, nG and all else 0, because the same tables serve EL1 and both
 * kinds of EL2.
 */
#define PURG_MAP_REGION "page-tables"
#define PURG_MAP_NORMAL 0                  /* write-back, read and write allocating */
#define PURG_MAP_DEVICE 1                  /* device-nGnRE */

_Static_assert(sizeof(struct purg_region) == 88, "purg_region is an interface");
_Static_assert(sizeof(struct purg_image) == 56, "purg_image is an interface");
_Static_assert(sizeof(struct purg_copy) == 24, "purg_copy is an interface");
_Static_assert(sizeof(struct purg_console) == 40, "purg_console is an interface");
_Static_assert(sizeof(struct purg_params) == 80 + 2 * 56 + 4 * 40 + 4 * 24 + 16 * 88 + 8 + 32,
	       "purg_params is an interface");

#endif
