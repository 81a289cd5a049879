// SPDX-License-Identifier: GPL-2.0-or-later
/* Versions 1 to 6, of 64-bit machines, as makedumpfile, QEMU and kdump write them. */
#include "kdump/diskdump.h"

#include "include/diskdump_format.h"
#include "include/flattened_format.h"
#include "kdump/source.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BLOCK_MIN 4096u
#define BLOCK_MAX (256u << 10)     /* no kernel has larger pages */

/* Versions in which fields appeared (makedumpfile's IMPLEMENTATION). */
enum { VERSION_LEVEL = 1, VERSION_SPLIT = 2, VERSION_VMCOREINFO = 3, VERSION_NOTES = 4, VERSION_ERASEINFO = 5,
		VERSION_PFN_64 = 6, VERSION_MAX = 64 };

/* Fields of the header of a 32-bit machine, whose time stamp has two words of 4 bytes. */
enum { DD32_BLOCK_SIZE = 416 };

#define SIGNATURE_OLD "DISKDUMP"   /* of the kernel patch that was there before kdump */

static bool is_block_size(uint32_t n)
{
	return n >= BLOCK_MIN && n <= BLOCK_MAX && !(n & (n - 1));
}

/* Nothing in the header says how it is written; version and block size cannot both make sense in the wrong order. */
static int find_order(const struct view *head, bool *big_endian)
{
	for (unsigned int big = 0; big < 2; big++) {
		uint32_t version = get_u32(head->base + DD_HEADER_VERSION, big);

		if (version > VERSION_MAX)
			continue;
		if (is_block_size(get_u32(head->base + DD_BLOCK_SIZE, big))) {
			*big_endian = big;
			return 0;
		}
		if (is_block_size(get_u32(head->base + DD32_BLOCK_SIZE, big)))
			return fail(-ENOTSUP, "it is the dump of a 32-bit kernel, which is not read here");
	}
	return fail(-EINVAL, "its header is damaged: neither version nor block size make sense");
}

static void parse_main(struct diskdump_head *h, const struct view *head)
{
	struct cursor c = cursor_at(head, DD_HEADER_VERSION);

	h->version = (int32_t)cursor_u32(&c);
	c = cursor_at(head, DD_UTSNAME);
	for (unsigned int i = 0; i < 6; i++) {
		const uint8_t *field = cursor_bytes(&c, DD_UTSNAME_FIELD);

		if (field)
			memcpy(h->utsname[i], field, DD_UTSNAME_FIELD - 1);
	}
	c = cursor_at(head, DD_TV_SEC);
	h->crash_time = cursor_u64(&c);
	c = cursor_at(head, DD_STATUS);
	h->status = cursor_u32(&c);
	h->block_bytes = cursor_u32(&c);
	h->sub_blocks = cursor_u32(&c);
	h->bitmap_blocks = cursor_u32(&c);
	h->max_mapnr = cursor_u32(&c);
	h->page_shift = __builtin_ctz(h->block_bytes);
}

/* Fields that the version does not have are what the writer's memory held. */
static void parse_sub(struct diskdump_head *h, const struct view *sub)
{
	struct cursor c = cursor_at(sub, 0);
	uint64_t start, limit;

	h->phys_base = cursor_u64(&c);
	if (h->version < VERSION_LEVEL)
		return;
	h->dump_level = (int)cursor_u32(&c);
	if (h->version < VERSION_SPLIT)
		return;
	h->split = cursor_u32(&c) != 0;
	start = cursor_u64(&c);
	limit = cursor_u64(&c);
	if (h->version >= VERSION_VMCOREINFO) {
		h->vmcoreinfo_off = cursor_u64(&c);
		h->vmcoreinfo_len = cursor_u64(&c);
	}
	if (h->version >= VERSION_NOTES) {
		h->notes_off = cursor_u64(&c);
		h->notes_len = cursor_u64(&c);
	}
	if (h->version >= VERSION_ERASEINFO) {
		h->eraseinfo_off = cursor_u64(&c);
		h->eraseinfo_len = cursor_u64(&c);
	}
	if (h->version >= VERSION_PFN_64) {
		c = cursor_at(sub, DDS_START_PFN_64);
		start = cursor_u64(&c);
		limit = cursor_u64(&c);
		h->max_mapnr = cursor_u64(&c);
	}
	h->start_pfn = h->split ? start : 0;
	h->limit_pfn = h->split ? limit : 0;
}

static int check_range(struct diskdump_head *h)
{
	if (!h->max_mapnr || h->max_mapnr > (SOURCE_PADDR_LAST >> h->page_shift) + 1)
		return fail(-EINVAL, "its header is damaged: it claims %" PRIu64 " pages", h->max_mapnr);
	if (!h->split)
		h->limit_pfn = h->max_mapnr;
	if (h->start_pfn > h->limit_pfn || h->limit_pfn > h->max_mapnr)
		return fail(-EINVAL, "its header is damaged: it claims to be the part from page %" PRIu64
			    " to page %" PRIu64, h->start_pfn, h->limit_pfn);
	return 0;
}

/* Where bitmaps and descriptors lie. Blocks have 32 bits and block sizes 18: nothing wraps. */
static int find_tables(struct diskdump_head *h)
{
	const uint64_t need = (h->max_mapnr + 7) / 8, all = h->bitmap_blocks * h->block_bytes;
	const uint64_t half = h->bitmap_blocks / 2 * h->block_bytes;

	h->ram_off = (1 + h->sub_blocks) * h->block_bytes;
	h->descs_off = h->ram_off + all;
	h->bitmap_len = need;
	/* There are dumps with one bitmap for both. */
	h->dumped_off = half >= need ? h->ram_off + half : h->ram_off;
	if (all < need)
		return fail(-EINVAL, "its header is damaged: %" PRIu64 " blocks of bitmap are too few for %"
			    PRIu64 " pages", h->bitmap_blocks, h->max_mapnr);
	return 0;
}

int diskdump_head_read(struct diskdump_head *h, diskdump_pread *read, void *ctx, const char *name)
{
	uint8_t bytes[DD_HEADER_BYTES] = { 0 }, sub_bytes[DDS_BYTES] = { 0 };
	struct view head = view_of(bytes, sizeof(bytes), name), sub = view_of(sub_bytes, sizeof(sub_bytes), name);
	struct diskdump_head new = { 0 };
	int err;

	if (read(ctx, 0, bytes, 16))
		return fail(-ENOEXEC, "too short for a kdump-compressed dump, or unreadable");
	if (!memcmp(bytes, SIGNATURE_OLD, 8))
		return fail(-ENOTSUP, "it was written by diskdump, before kdump was; that format is not read here");
	if (memcmp(bytes, DISKDUMP_SIGNATURE, 8))
		return fail(-ENOEXEC, "no kdump-compressed dump");
	if (read(ctx, 0, bytes, sizeof(bytes)))
		return fail(-EINVAL, "it is cut off inside its header");
	err = find_order(&head, &new.big_endian);
	if (err)
		return err;
	head.big_endian = sub.big_endian = new.big_endian;
	parse_main(&new, &head);
	if (read(ctx, new.block_bytes, sub_bytes, sizeof(sub_bytes)))
		return fail(-EINVAL, "it is cut off inside its second header");
	parse_sub(&new, &sub);
	if (new.version > DISKDUMP_VERSION)
		warn("%s: format version %d is newer than %d; reading what is known of it", name, new.version,
		     DISKDUMP_VERSION);
	err = check_range(&new);
	if (!err)
		err = find_tables(&new);
	if (!err)
		*h = new;
	return err;
}

uint64_t diskdump_bound(const uint8_t *header, size_t len)
{
	struct view head = view_of(header, len, "header");
	struct diskdump_head h = { 0 };
	uint64_t map, tables;

	if (len < DD_HEADER_BYTES || memcmp(header, DISKDUMP_SIGNATURE, 8) || find_order(&head, &head.big_endian))
		return UINT64_MAX;
	parse_main(&h, &head);
	map = (h.max_mapnr + 7) / 8;
	map = (map + h.block_bytes - 1) / h.block_bytes;
	/* The number of pages is cut to 32 bits, and one that does not fit the bitmaps is not believed. */
	if (h.max_mapnr == UINT32_MAX || !map || h.bitmap_blocks != 2 * map)
		return UINT64_MAX;
	tables = (1 + h.sub_blocks + h.bitmap_blocks) * h.block_bytes;
	/* The page that all zero pages share, and the text on what was erased, which stands behind the pages. */
	return tables + (h.max_mapnr + 1) * (DDP_BYTES + h.block_bytes) + SOURCE_NOTES_MAX;
}

uint64_t diskdump_count(const uint8_t *bits, uint64_t nr)
{
	uint64_t sum = 0, i = 0, word;

	for (; nr - i >= 64; i += 64) {
		memcpy(&word, bits + i / 8, sizeof(word));
		sum += __builtin_popcountll(word);
	}
	for (; i < nr; i++)
		sum += bits[i / 8] >> (i % 8) & 1;
	return sum;
}
