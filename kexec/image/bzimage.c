/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 bzImage: Documentation/x86/boot.rst ("The Linux/x86 Boot Protocol"), field offsets and meanings as told
 * there. One file holds a real-mode part, of which we read only the setup header, and the protected-mode part that
 * is loaded.
 */
#include "kexec/image/image.h"

#include "lib/err.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#define HEADER_OFF 0x1f1
#define BOOT_FLAG_OFF 0x1fe
#define JUMP_OFF 0x200
#define MAGIC_OFF 0x202
#define SECTOR_BYTES 512

/* The jump is a signed byte, and goes forward: boot.rst, "The kernel_info", derives the largest header from it. */
#define JUMP_MAX 0x7f

#define LOADED_HIGH (1u << 0)

#define XLF_KERNEL_64 (1u << 0)
#define XLF_CAN_BE_LOADED_ABOVE_4G (1u << 1)
#define XLF_EFI_KEXEC (1u << 4)
#define XLF_5LEVEL (1u << 5)

/* Where the 64-bit entry is, from the start of the protected-mode part; the 32-bit entry is at 0. */
#define ENTRY_64_OFF 0x200

/* Without the NUL; before protocol 2.06 told it. */
#define OLD_CMDLINE_MAX 255

/*
 * Protocols before 2.10 (Linux 2.6.31) do not tell how much memory the kernel needs until it reads its memory map:
 * the unpacked kernel with its bss, and the packed one beside it. Those kernels are packed with gzip, bzip2 or
 * lzma to between a fifth and a third of their size; eight times, and room for the bss of a debugging kernel, is
 * more than any of them takes.
 */
#define OLD_UNPACK_FACTOR 8
#define OLD_BSS_BYTES (32u << 20)

struct setup {
	struct view header;
	uint64_t setup_len;    /* bytes of real-mode part, in front of what is loaded */
	uint32_t syssize;
	uint16_t version;
	uint8_t loadflags;
	uint32_t initrd_addr_max;
	uint32_t kernel_alignment;
	uint8_t relocatable;
	uint16_t xloadflags;
	uint32_t cmdline_size;
	uint32_t payload_off;
	uint32_t payload_len;
	uint64_t pref_address;
	uint32_t init_size;
};

/* Each protocol's last field that we read stops here. */
static const struct {
	uint16_t version;
	uint16_t header_len;
} header_lens[] = {
	{ 0x020a, 0x264 - HEADER_OFF },
	{ 0x0208, 0x250 - HEADER_OFF },
	{ 0x0206, 0x23c - HEADER_OFF },
	{ 0x0205, 0x235 - HEADER_OFF },
	{ 0x0203, 0x230 - HEADER_OFF },
	{ 0x0000, 0x214 - HEADER_OFF },
};

static uint64_t header_len_min(uint16_t version)
{
	size_t i = 0;

	while (version < header_lens[i].version)
		i++;
	return header_lens[i].header_len;
}

/*
 * The fields, each only where the protocol version has it; zero otherwise. The caller tested the header's length.
 */
static void read_fields(struct setup *s)
{
	struct cursor c = cursor_at(&s->header, 0);
	unsigned int sectors;

	sectors = cursor_u8(&c);
	s->setup_len = ((sectors ? sectors : 4) + 1) * SECTOR_BYTES;
	cursor_skip(&c, 2);                             /* root_flags */
	s->syssize = cursor_u32(&c);
	c = cursor_at(&s->header, 0x211 - HEADER_OFF);
	s->loadflags = cursor_u8(&c);
	c = cursor_at(&s->header, 0x22c - HEADER_OFF);
	if (s->version >= 0x0203)
		s->initrd_addr_max = cursor_u32(&c);
	if (s->version >= 0x0205) {
		s->kernel_alignment = cursor_u32(&c);
		s->relocatable = cursor_u8(&c);
	}
	c = cursor_at(&s->header, 0x236 - HEADER_OFF);
	if (s->version >= 0x020c)
		s->xloadflags = cursor_u16(&c);
	c = cursor_at(&s->header, 0x238 - HEADER_OFF);
	if (s->version >= 0x0206)
		s->cmdline_size = cursor_u32(&c);
	c = cursor_at(&s->header, 0x248 - HEADER_OFF);
	if (s->version >= 0x0208) {
		s->payload_off = cursor_u32(&c);
		s->payload_len = cursor_u32(&c);
	}
	c = cursor_at(&s->header, 0x258 - HEADER_OFF);
	if (s->version >= 0x020a) {
		s->pref_address = cursor_u64(&c);
		s->init_size = cursor_u32(&c);
	}
}

static int read_setup(const struct view *whole, struct setup *s)
{
	struct cursor c = cursor_at(whole, JUMP_OFF);
	unsigned int opcode, jump;
	uint64_t len;

	*s = (struct setup){ .setup_len = 0 };
	if (!view_has(whole, MAGIC_OFF, "HdrS", 4))
		return fail(-ENOEXEC, "%s \"HdrS\" at 0x202", whole->len < MAGIC_OFF + 4 ? "it ends before" : "no");
	if (!view_has(whole, BOOT_FLAG_OFF, "\x55\xaa", 2))
		return fail(-ENOEXEC, "no 0xaa55 at 0x1fe");

	opcode = cursor_u8(&c);
	jump = cursor_u8(&c);
	cursor_skip(&c, 4);                             /* "HdrS" */
	s->version = cursor_u16(&c);
	if (c.bad)
		return fail(-EINVAL, "truncated inside the setup header");
	len = MAGIC_OFF + jump - HEADER_OFF;
	if (opcode != 0xeb || jump > JUMP_MAX || len < header_len_min(s->version))
		return fail(-EINVAL, "the jump at 0x200 gives its setup header %" PRIu64 " bytes, but boot protocol "
			    "%u.%02u has %" PRIu64 " or more",
			    opcode == 0xeb && jump <= JUMP_MAX ? len : 0, s->version >> 8, s->version & 0xff,
			    header_len_min(s->version));
	if (len > whole->len - HEADER_OFF)
		return fail(-EINVAL, "truncated inside the setup header");
	if (view_sub(whole, HEADER_OFF, len, &s->header))
		return -EINVAL;
	read_fields(s);
	if (!(s->loadflags & LOADED_HIGH))
		return fail(-ENOEXEC, "a zImage, loaded low: not supported");
	return 0;
}

/* The protected-mode part. What follows it in the file is a signature, which nobody needs in memory. */
static int find_payload(const struct view *whole, const struct setup *s, struct view *payload)
{
	uint64_t said = 16 * (uint64_t)s->syssize, has, slack;

	if (s->setup_len >= whole->len)
		return fail(-EINVAL, "truncated: its setup code alone says %" PRIu64 " bytes, the file has %" PRIu64,
			    s->setup_len, whole->len);
	has = whole->len - s->setup_len;
	/* Builds pad to 16 bytes since they append a checksum, protocol 2.08. */
	slack = s->version < 0x0208 ? 15 : 0;
	if (said > has + slack)
		return fail(-EINVAL, "truncated: its header says %" PRIu64 " bytes, the file has %" PRIu64,
			    s->setup_len + said, whole->len);
	if (said <= ENTRY_64_OFF)
		return fail(-EINVAL, "its header says that the kernel has only %" PRIu64 " bytes", said);
	if (s->payload_off > said || s->payload_len > said - s->payload_off)
		return fail(-EINVAL, "its compressed kernel (%" PRIu32 " bytes at %#" PRIx32 ") reaches out of the "
			    "%" PRIu64 " bytes that are loaded", s->payload_len, s->payload_off, said);
	return view_sub(whole, s->setup_len, said < has ? said : has, payload);
}

static int memory_need(const struct setup *s, uint64_t payload_len, uint64_t *memsz)
{
	if (s->version < 0x020a) {
		*memsz = payload_len * OLD_UNPACK_FACTOR + OLD_BSS_BYTES;
		return 0;
	}
	if (s->init_size < payload_len)
		return fail(-EINVAL, "init_size says that it needs %" PRIu32 " bytes of memory, but it has %" PRIu64
			    " itself", s->init_size, payload_len);
	*memsz = s->init_size;
	return 0;
}

static int check_address(const struct setup *s)
{
	if (!s->relocatable && s->version < 0x020a)
		return fail(-ENOTSUP, "it is not relocatable, and boot protocol %u.%02u does not tell where it runs: "
			    "use a kernel with CONFIG_RELOCATABLE", s->version >> 8, s->version & 0xff);
	if (!s->relocatable && !s->pref_address)
		return fail(-EINVAL, "it is not relocatable, but its only address, pref_address, is 0");
	if (s->relocatable && (!s->kernel_alignment || (s->kernel_alignment & (s->kernel_alignment - 1))))
		return fail(-EINVAL, "its kernel_alignment %#" PRIx32 " is not a power of two", s->kernel_alignment);
	if (s->version >= 0x0206 && !s->cmdline_size)
		return fail(-EINVAL, "its cmdline_size is 0");
	return 0;
}

/* The facts that do not depend on the entry. */
static int describe(const struct view *whole, const struct setup *s, struct image *image)
{
	uint64_t memsz = 0;
	struct view payload;
	int err;

	err = check_address(s);
	if (!err)
		err = find_payload(whole, s, &payload);
	if (!err)
		err = memory_need(s, payload.len, &memsz);
	if (err)
		return err;

	image->payload = payload;
	image->elf_machine = s->xloadflags & XLF_KERNEL_64 ? EM_X86_64 : EM_386;
	image->memsz = memsz;
	/* Where a kernel that cannot be moved goes is pref_address alone; pages are all the alignment that is left. */
	image->align = s->relocatable ? s->kernel_alignment : 4096;
	image->align_offset = 0;
	image->pref_paddr = s->pref_address;
	image->max_initrd_last = s->initrd_addr_max;
	image->entry64_off = 0;
	image->entry32_off = 0;
	image->cmdline_max = s->version >= 0x0206 ? s->cmdline_size : OLD_CMDLINE_MAX;
	image->page_shift = 12;
	image->flags = IMAGE_ENTRY_32;
	if (s->relocatable)
		image->flags |= IMAGE_RELOCATABLE;
	image->protocol = s->version;
	image->setup_header = s->header;
	return 0;
}

static int parse_64(const struct view *whole, struct image *image)
{
	struct setup s;
	int err;

	err = read_setup(whole, &s);
	if (err)
		return err;
	if (s.version < 0x020c)
		return fail(-ENOEXEC, "boot protocol %u.%02u, a 64-bit entry needs 2.12", s.version >> 8,
			    s.version & 0xff);
	if (!(s.xloadflags & XLF_KERNEL_64))
		return fail(-ENOEXEC, "no 64-bit entry (XLF_KERNEL_64 is not set)");
	err = describe(whole, &s, image);
	if (err)
		return err;

	image->entry64_off = ENTRY_64_OFF;
	image->flags |= IMAGE_ENTRY_64;
	if (s.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) {
		image->flags |= IMAGE_ABOVE_4G;
		image->max_initrd_last = UINT64_MAX;
	}
	if (s.xloadflags & XLF_EFI_KEXEC)
		image->flags |= IMAGE_EFI_KEXEC;
	if (s.xloadflags & XLF_5LEVEL)
		image->flags |= IMAGE_5LEVEL;
	return 0;
}

static int parse_32(const struct view *whole, struct image *image)
{
	struct setup s;
	int err;

	err = read_setup(whole, &s);
	if (err)
		return err;
	return describe(whole, &s, image);
}

const struct image_format image_bzimage64 = {
	.name = "bzImage64",
	.arch = "x86_64",
	.parse = parse_64,
};

const struct image_format image_bzimage = {
	.name = "bzImage",
	.arch = "x86_64, i386",
	.parse = parse_32,
};
