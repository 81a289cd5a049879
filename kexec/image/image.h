/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel images: bytes in, facts out. No placement, no architecture decisions, no files but the one that was named.
 */
#ifndef KEXEC_IMAGE_H
#define KEXEC_IMAGE_H

#include "lib/file.h"
#include "lib/unpack.h"

struct image_format;

enum {
	IMAGE_RELOCATABLE = 1u << 0,
	IMAGE_ABOVE_4G = 1u << 1,      /* may be loaded above 4 GiB */
	IMAGE_ENTRY_64 = 1u << 2,      /* has a 64-bit entry */
	IMAGE_ENTRY_32 = 1u << 3,      /* has a 32-bit entry */
	IMAGE_5LEVEL = 1u << 4,        /* may be entered with 5-level paging on */
	IMAGE_EFI_KEXEC = 1u << 5,     /* takes the EFI runtime map of the previous kernel */
	IMAGE_BIG_ENDIAN = 1u << 6,    /* the kernel runs big endian */
	IMAGE_LOSES_BELOW = 1u << 7,   /* cannot use memory below itself: the rest goes above (arm64 before 4.6) */
};

struct image {
	const struct image_format *format;
	struct file file;
	struct unpacked unpacked;      /* when the file was compressed as a whole */
	const char *compression;       /* "gzip", ...; NULL: none */
	struct view whole;             /* the (unpacked) image file */
	struct view payload;           /* what is copied to memory */
	uint16_t elf_machine;          /* EM_X86_64, EM_386, EM_AARCH64 */
	uint64_t memsz;                /* bytes that the kernel needs from its first byte on, >= payload.len */
	uint64_t align;                /* of the load address */
	uint64_t align_offset;         /* load address = multiple of align + this (arm64 text_offset) */
	uint64_t pref_paddr;           /* preferred or, when not relocatable, only address; 0: none */
	uint64_t max_initrd_last;      /* highest byte an initrd may occupy; UINT64_MAX: no limit */
	uint64_t entry64_off;          /* of the 64-bit entry, in bytes from the load address */
	uint64_t entry32_off;
	uint32_t cmdline_max;          /* bytes, without the NUL */
	uint32_t page_shift;           /* of the kernel's page size; 0: not told */
	uint32_t flags;                /* IMAGE_ */
	uint16_t protocol;             /* bzImage: boot protocol version, e.g. 0x020f */
	struct view setup_header;      /* bzImage: from 0x1f1 to the end of the setup header, in WHOLE */
};

/*
 * One row per format. PARSE probes and reads in one. 0: mine, and every fact from payload on is set; -ENOEXEC: not
 * mine; anything else: mine, but broken. Why is recorded, without the file's name. IMAGE untouched on failure.
 */
struct image_format {
	const char *name;              /* what -t names: "bzImage64", "Image" */
	const char *arch;              /* NULL-terminated list is in arch->formats; this is for messages */
	int (*parse)(const struct view *whole, struct image *image);
};

extern const struct image_format image_bzimage64, image_bzimage, image_arm64;

/* The largest kernel after unpacking. */
#define IMAGE_UNPACK_MAX (1ull << 30)

/*
 * Open the file PATH and find its format among FORMATS (NULL-terminated), or only TYPE when that is given; a
 * compressed file is unpacked first. *IMAGE untouched on failure. All recorded: -ENOEXEC: with every format that
 * was tried and why each refused, and what unpacking said. -EINVAL: damaged, truncated, or TYPE is unknown (with
 * the list). -ENOTSUP, and the errors of file_open() and unpack().
 */
int image_open(struct image *image, const char *path, const struct image_format *const *formats, const char *type);
void image_close(struct image *image);

/* image_open() on bytes in memory (not owned): for tests and fuzzing. */
int image_parse(struct image *image, const struct view *bytes, const struct image_format *const *formats,
		const char *type);

#endif
