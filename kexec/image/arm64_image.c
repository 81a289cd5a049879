/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64 Image: Documentation/arm64/booting.rst, section 4. The header is little endian whatever the kernel is.
 * Since Linux 3.16 the Image may also be an EFI program, whose section table tells how long the file is.
 */
#include "kexec/image/image.h"

#include "lib/err.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#define MAGIC_OFF 56
#define HEADER_BYTES 64

#define FLAG_BIG_ENDIAN (1u << 0)
#define FLAG_PAGE_SIZE(flags) ((flags) >> 1 & 3)
#define FLAG_ANYWHERE (1u << 3)

/* The load address is this, plus text_offset. */
#define BASE_ALIGN (2u << 20)

/* Kernels before 3.17 do not tell their size; their text_offset is fixed. */
#define OLD_TEXT_OFFSET 0x80000
/* Room for the bss and the first page tables of such a kernel: far more than any of them has. */
#define OLD_BSS_BYTES (16u << 20)

/* An arm64 kernel reaches its own symbols with ADRP, which has a range of 4 GiB. */
#define IMAGE_SIZE_MAX (4ull << 30)

/* COMMAND_LINE_SIZE (arch/arm64/include/uapi/asm/setup.h) without the NUL. */
#define CMDLINE_MAX 2047

#define PE_SECTION_BYTES 40

struct header {
	uint64_t text_offset;
	uint64_t image_size;
	uint64_t flags;
	uint32_t pe_off;
	bool efi;              /* starts with "MZ" */
};

static int read_header(const struct view *whole, struct header *h)
{
	struct cursor c = cursor_at(whole, 8);

	if (whole->len < HEADER_BYTES)
		return fail(-ENOEXEC, "it ends before \"ARM\\x64\" at 56");
	if (!view_has(whole, MAGIC_OFF, "ARM\x64", 4))
		return fail(-ENOEXEC, "no \"ARM\\x64\" at 56");
	h->text_offset = cursor_u64(&c);
	h->image_size = cursor_u64(&c);
	h->flags = cursor_u64(&c);
	c = cursor_at(whole, MAGIC_OFF + 4);
	h->pe_off = cursor_u32(&c);
	h->efi = view_has(whole, 0, "MZ", 2);
	if (!h->image_size) {
		/* The byte order of text_offset is not told, and flags are not there yet. */
		h->text_offset = OLD_TEXT_OFFSET;
		h->flags = 0;
	}
	return 0;
}

/*
 * Bytes of the file that are the kernel: the highest that a PE section takes (PE Format, "COFF File Header" and
 * "Section Table"). What follows is the signature of Secure Boot.
 */
static int file_extent(const struct view *whole, const struct header *h, uint64_t *extent)
{
	struct cursor c = cursor_at(whole, h->pe_off);
	unsigned int nr_sections, optional_len;
	uint64_t most = 0;

	if (!view_has(whole, h->pe_off, "PE\0\0", 4))
		return fail(-EINVAL, "%s: its PE header should be at %#" PRIx32 ", the file has %" PRIu64 " bytes",
			    whole->len >= h->pe_off + 4ull ? "damaged" : "truncated", h->pe_off, whole->len);
	cursor_skip(&c, 4 + 2);                         /* signature, machine */
	nr_sections = cursor_u16(&c);
	cursor_skip(&c, 3 * 4);                         /* time, symbols */
	optional_len = cursor_u16(&c);
	cursor_skip(&c, 2 + optional_len);              /* characteristics */
	for (unsigned int i = 0; i < nr_sections && !c.bad; i++) {
		uint64_t len, off;

		cursor_skip(&c, 8 + 4 + 4);             /* name, size and address in memory */
		len = cursor_u32(&c);
		off = cursor_u32(&c);
		cursor_skip(&c, PE_SECTION_BYTES - 24);
		if (len && off + len > most)
			most = off + len;
	}
	if (c.bad)
		return fail(-EINVAL, "truncated inside its PE section table, the file has %" PRIu64 " bytes",
			    whole->len);
	if (most > whole->len)
		return fail(-EINVAL, "truncated: its sections say %" PRIu64 " bytes, the file has %" PRIu64, most,
			    whole->len);
	if (most <= HEADER_BYTES)
		return fail(-EINVAL, "its PE header has no sections with contents");
	*extent = most;
	return 0;
}

static int check_sizes(const struct header *h, uint64_t payload_len)
{
	if (h->text_offset >= BASE_ALIGN || h->text_offset % 4096)
		return fail(-EINVAL, "its text_offset %#" PRIx64 " is not a multiple of 4 KiB below 2 MiB",
			    h->text_offset);
	if (h->image_size > IMAGE_SIZE_MAX)
		return fail(-EINVAL, "its image_size says %" PRIu64 " bytes, more than a kernel can have",
			    h->image_size);
	if (h->image_size && h->image_size < payload_len)
		return fail(-EINVAL, "its image_size says %" PRIu64 " bytes, the file has %" PRIu64, h->image_size,
			    payload_len);
	return 0;
}

static int parse(const struct view *whole, struct image *image)
{
	static const uint32_t page_shifts[] = { 0, 12, 14, 16 };
	uint64_t len = whole->len;
	struct header h = { .text_offset = 0 };
	struct view payload;
	int err;

	err = read_header(whole, &h);
	if (!err && h.efi)
		err = file_extent(whole, &h, &len);
	if (!err)
		err = check_sizes(&h, len);
	if (!err)
		err = view_sub(whole, 0, len, &payload);
	if (err)
		return err;

	image->payload = payload;
	image->elf_machine = EM_AARCH64;
	image->memsz = h.image_size ? h.image_size : len + OLD_BSS_BYTES;
	image->align = BASE_ALIGN;
	image->align_offset = h.text_offset;
	image->pref_paddr = 0;
	image->max_initrd_last = UINT64_MAX;
	image->entry64_off = 0;
	image->entry32_off = 0;
	image->cmdline_max = CMDLINE_MAX;
	image->page_shift = page_shifts[FLAG_PAGE_SIZE(h.flags)];
	image->flags = IMAGE_RELOCATABLE | IMAGE_ABOVE_4G | IMAGE_ENTRY_64;
	if (h.flags & FLAG_BIG_ENDIAN)
		image->flags |= IMAGE_BIG_ENDIAN;
	if (!(h.flags & FLAG_ANYWHERE))
		image->flags |= IMAGE_LOSES_BELOW;
	image->protocol = 0;
	image->setup_header = (struct view){ .base = NULL };
	return 0;
}

const struct image_format image_arm64 = {
	.name = "Image",
	.arch = "arm64",
	.parse = parse,
};
