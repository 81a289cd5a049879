/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the x86 boot protocol share. Documents: Documentation/x86/boot.rst and zero-page.rst;
 * offsets are those of struct boot_params in the uapi header <asm/bootparam.h>. Everything is little endian.
 */
#ifndef KEXEC_BOOT_X86_H
#define KEXEC_BOOT_X86_H

#include "kexec/boot/boot.h"

#define X86_ZERO_PAGE_BYTES 4096

/* Fields of the zero page. */
enum {
	BP_SCREEN_INFO = 0x000,        /* 0x40 bytes; u16 at 2: ext_mem_k */
	BP_ACPI_RSDP = 0x070,          /* u64 */
	BP_EXT_RAMDISK_IMAGE = 0x0c0,  /* u32: upper halves */
	BP_EXT_RAMDISK_SIZE = 0x0c4,
	BP_EXT_CMD_LINE_PTR = 0x0c8,
	BP_EDID_INFO = 0x140,          /* 0x80 bytes */
	BP_EFI_INFO = 0x1c0,           /* eight u32, see BP_EFI_ */
	BP_E820_ENTRIES = 0x1e8,       /* u8 */
	BP_EDD_COUNTS = 0x1e9,         /* u8 eddbuf_entries, u8 edd_mbr_sig_buf_entries */
	BP_SECURE_BOOT = 0x1ec,        /* u8 */
	BP_SETUP_HEADER = 0x1f1,
	BP_EDD_MBR_SIG = 0x290,        /* 0x40 bytes; the setup header must not reach so far */
	BP_E820_TABLE = 0x2d0,
	BP_EDD = 0xd00,                /* 0x1ec bytes */
};

/* Fields of the setup header, as offsets in the zero page. */
enum {
	BP_TYPE_OF_LOADER = 0x210,     /* u8 */
	BP_LOADFLAGS = 0x211,          /* u8 */
	BP_CODE32_START = 0x214,       /* u32 */
	BP_RAMDISK_IMAGE = 0x218,      /* u32 */
	BP_RAMDISK_SIZE = 0x21c,       /* u32 */
	BP_HEAP_LAST_PTR = 0x224,      /* u16 */
	BP_EXT_LOADER = 0x226,         /* u8 version, u8 type */
	BP_CMD_LINE_PTR = 0x228,       /* u32 */
	BP_HARDWARE_SUBARCH = 0x23c,   /* u32, protocol 2.07 */
	BP_SETUP_DATA = 0x250,         /* u64, protocol 2.09 */
};

/* struct efi_info */
enum {
	BP_EFI_SIGNATURE = BP_EFI_INFO,
	BP_EFI_SYSTAB = BP_EFI_INFO + 4,
	BP_EFI_MEMDESC_SIZE = BP_EFI_INFO + 8,
	BP_EFI_MEMDESC_VERSION = BP_EFI_INFO + 12,
	BP_EFI_MEMMAP = BP_EFI_INFO + 16,
	BP_EFI_MEMMAP_SIZE = BP_EFI_INFO + 20,
	BP_EFI_SYSTAB_HI = BP_EFI_INFO + 24,
	BP_EFI_MEMMAP_HI = BP_EFI_INFO + 28,
};

/* Types of struct setup_data. */
enum {
	X86_SETUP_E820_EXT = 1,
	X86_SETUP_EFI = 4,
	X86_SETUP_RNG_SEED = 9,        /* Linux 6.0; older kernels pass over types that they do not know */
};

/* Types of e820 entries. */
enum {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,
	E820_NVS = 4,
	E820_UNUSABLE = 5,
	E820_PMEM = 7,
	E820_PRAM = 12,
};
#define E820_SOFT_RESERVED 0xefffffffu

#define E820_ENTRY_BYTES 20            /* u64 address, u64 size, u32 type */
#define E820_ZERO_PAGE_ENTRIES 128

/*
 * OUT (initialised, emptied first; types E820_) = the memory map of the capture kernel. RAM: what the backup
 * saves of low memory, and every crash region but the core headers and the backup, which are reserved. The
 * firmware's other ranges keep their types; the dead kernel's RAM is not listed. -ENOMEM.
 */
int x86_e820_build(const struct plan *plan, struct ranges *out);

/*
 * Write MAP as entries: into ZERO_PAGE as many as it holds, all RAM among them, the others into EXT
 * (initialised, emptied first). Both are ascending. -EINVAL: an entry's size does not fit, -ENOMEM.
 */
int x86_e820_put(const struct ranges *map, uint8_t *zero_page, struct blob *ext);

/* What the running kernel knows of its firmware. */
struct x86_firmware {
	struct blob zero_page;         /* the running kernel's; len 0: not to be had */
	bool efi;                      /* the machine was started by EFI */
	uint64_t rsdp;                 /* of ACPI; 0: unknown */
	/* What a kernel that was not started by EFI itself needs to call its services; only when runtime is true. */
	bool runtime;
	struct blob runtime_map;       /* descriptors, efi_memdesc_size bytes each */
	uint64_t fw_vendor;
	uint64_t runtime_table;        /* 0: newer kernels neither tell nor ask */
	uint64_t tables;
	uint64_t smbios;               /* 0: none */
};

void x86_firmware_init(struct x86_firmware *fw);
void x86_firmware_deinit(struct x86_firmware *fw);

/* Gather it below ROOT. Whatever is missing stays unset, with a debug line. -ENOMEM. */
int x86_firmware_read(struct x86_firmware *fw, const struct root *root);

/* The bytes of struct efi_setup_data, the content of SETUP_EFI. */
#define X86_EFI_SETUP_BYTES 96
void x86_efi_setup_put(const struct x86_firmware *fw, uint8_t *out);

#endif
