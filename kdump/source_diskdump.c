// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kdump-compressed format, versions 1 to 6 of 64-bit machines, as makedumpfile, QEMU and kdump
 * write it: a bitmap of RAM, one of the pages that are there, a descriptor for each of these, and
 * the pages. include/diskdump_format.h has the offsets.
 */
#include "kdump/codec.h"
#include "kdump/source.h"
#include "include/diskdump_format.h"
#include "lib/err.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 4096u
#define BLOCK_MAX (256u << 10)     /* no kernel has larger pages */

/* Versions in which fields appeared (makedumpfile's IMPLEMENTATION). */
enum { VERSION_LEVEL = 1, VERSION_SPLIT = 2, VERSION_VMCOREINFO = 3, VERSION_NOTES = 4, VERSION_PFN_64 = 6,
		VERSION_MAX = 64 };

/* Fields of the header of a 32-bit machine, whose time stamp has two words of 4 bytes. */
enum { DD32_BLOCK_SIZE = 416 };

#define SIGNATURE_OLD "DISKDUMP"   /* of the kernel patch that was there before kdump */
#define SIGNATURE_FLATTENED "makedumpfile\0\0\0"

/* For every so many pages, how many are in the dump before them: 4 MiB of it for 16 TiB of RAM. */
#define RANK_PAGES 8192u
#define RANK_BYTES (RANK_PAGES / 8)

/* Damaged bitmaps look like noise; real machines have some hundred stretches of RAM. */
#define RAM_RANGES_MAX 65536u

/* Expanded pages that are kept: a struct page scan, a page table walk and a log reader come back to the same few. */
#define CACHE_PAGES 16u
#define NO_PFN UINT64_MAX

struct header {
	int32_t version;
	uint32_t status;
	uint32_t block_bytes;
	uint64_t sub_blocks;
	uint64_t bitmap_blocks;
	uint64_t max_mapnr;
	uint64_t start_pfn, limit_pfn; /* of a part of a split set; else 0 and max_mapnr */
	bool split;
	uint64_t vmcoreinfo_off, vmcoreinfo_len, notes_off, notes_len;
};

struct diskdump {
	struct source_map map;
	struct header h;
	uint64_t ram_off, dumped_off, bitmap_len; /* of the two bitmaps */
	uint64_t descs_off;
	uint64_t *rank;
	uint64_t start_rank;       /* descriptors of the parts before this one, which are not here */
	bool beyond_told;
	uint64_t cache_pfn[CACHE_PAGES];
	uint8_t *cache;
	uint8_t *packed;           /* one page, where the file cannot be mapped */
};

static const struct {
	const char *name;
	uint16_t machine;
} machines[] = {
	{ "x86_64", EM_X86_64 }, { "aarch64", EM_AARCH64 }, { "s390x", EM_S390 },
	{ "ppc64", EM_PPC64 }, { "ppc64le", EM_PPC64 }, { "riscv64", EM_RISCV },
};

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

static void parse_main(struct vmcore *v, const struct view *head, struct header *h)
{
	struct cursor c = cursor_at(head, DD_HEADER_VERSION);

	h->version = (int32_t)cursor_u32(&c);
	c = cursor_at(head, DD_UTSNAME);
	for (unsigned int i = 0; i < 6; i++) {
		const uint8_t *field = cursor_bytes(&c, DD_UTSNAME_FIELD);

		if (field)
			memcpy(v->utsname[i], field, DD_UTSNAME_FIELD - 1);
	}
	c = cursor_at(head, DD_STATUS);
	h->status = cursor_u32(&c);
	h->block_bytes = cursor_u32(&c);
	h->sub_blocks = cursor_u32(&c);
	h->bitmap_blocks = cursor_u32(&c);
	h->max_mapnr = cursor_u32(&c);
}

/* Fields that the version does not have are what the writer's memory held. */
static void parse_sub(struct vmcore *v, const struct view *sub, struct header *h)
{
	struct cursor c = cursor_at(sub, 0);
	uint64_t start, limit;

	v->phys_base = cursor_u64(&c);
	v->has_phys_base = true;
	if (h->version < VERSION_LEVEL)
		return;
	v->dump_level = (int)cursor_u32(&c);
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
	if (h->version >= VERSION_PFN_64) {
		c = cursor_at(sub, DDS_START_PFN_64);
		start = cursor_u64(&c);
		limit = cursor_u64(&c);
		h->max_mapnr = cursor_u64(&c);
	}
	h->start_pfn = h->split ? start : 0;
	h->limit_pfn = h->split ? limit : 0;
}

static int read_header(struct vmcore *v, struct header *h)
{
	uint8_t bytes[DD_HEADER_BYTES] = { 0 }, sub_bytes[DDS_BYTES] = { 0 };
	struct view head = view_of(bytes, sizeof(bytes), v->path);
	struct view sub = view_of(sub_bytes, sizeof(sub_bytes), v->path);
	int err;

	if (source_pread(v->fd, 0, bytes, 16))
		return fail(-ENOEXEC, "too short for a kdump-compressed dump, or unreadable");
	if (!memcmp(bytes, SIGNATURE_FLATTENED, 16))
		return fail(-ENOTSUP, "it is a flattened stream; make a dump of it with \"kdump reassemble\" first");
	if (!memcmp(bytes, SIGNATURE_OLD, 8))
		return fail(-ENOTSUP, "it was written by diskdump, before kdump was; that format is not read here");
	if (memcmp(bytes, DISKDUMP_SIGNATURE, 8))
		return fail(-ENOEXEC, "no kdump-compressed dump");
	if (source_pread(v->fd, 0, bytes, sizeof(bytes)))
		return fail(-EINVAL, "it is cut off inside its header");
	err = find_order(&head, &v->big_endian);
	if (err)
		return err;
	head.big_endian = sub.big_endian = v->big_endian;
	parse_main(v, &head, h);
	if (source_pread(v->fd, h->block_bytes, sub_bytes, sizeof(sub_bytes)))
		return fail(-EINVAL, "it is cut off inside its second header");
	parse_sub(v, &sub, h);
	if (h->version > DISKDUMP_VERSION)
		warn("%s: format version %d is newer than %d; reading what is known of it", v->path,
				h->version, DISKDUMP_VERSION);
	return 0;
}

static int check_header(struct vmcore *v, struct header *h)
{
	if (!h->max_mapnr || h->max_mapnr > (SOURCE_PADDR_LAST >> v->page_shift) + 1)
		return fail(-EINVAL, "its header is damaged: it claims %" PRIu64 " pages", h->max_mapnr);
	if (!h->split)
		h->limit_pfn = h->max_mapnr;
	if (h->start_pfn > h->limit_pfn || h->limit_pfn > h->max_mapnr)
		return fail(-EINVAL, "its header is damaged: it claims to be the part from page %" PRIu64
			    " to page %" PRIu64, h->start_pfn, h->limit_pfn);
	if (h->split)
		warn("%s: it is one part of a split dump: only pages %#" PRIx64 " to %#" PRIx64 " can be here",
		     v->path, h->start_pfn, h->limit_pfn ? h->limit_pfn - 1 : 0);
	return 0;
}

static uint16_t machine_of(const char *name)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (!strcmp(machines[i].name, name))
			return machines[i].machine;
	}
	return EM_NONE;
}

/* Where bitmaps and descriptors lie. Blocks have 32 bits and block sizes 18: nothing wraps. */
static int find_tables(struct vmcore *v, struct diskdump *d)
{
	const struct header *h = &d->h;
	const uint64_t need = (h->max_mapnr + 7) / 8, all = h->bitmap_blocks * h->block_bytes;
	const uint64_t half = h->bitmap_blocks / 2 * h->block_bytes;

	d->ram_off = (1 + h->sub_blocks) * h->block_bytes;
	d->descs_off = d->ram_off + all;
	d->bitmap_len = need;
	/* There are dumps with one bitmap for both. */
	d->dumped_off = half >= need ? d->ram_off + half : d->ram_off;
	if (all < need)
		return fail(-EINVAL, "its header is damaged: %" PRIu64 " blocks of bitmap are too few for %"
			    PRIu64 " pages", h->bitmap_blocks, h->max_mapnr);
	if (d->descs_off > v->file_len)
		return fail(-EINVAL, "it is cut off before its first page");
	return 0;
}

/* A run of RAM begins or stops at PFN. */
struct runs {
	struct ranges *ram;
	unsigned int page_shift;
	uint64_t start;            /* NO_PFN: outside */
	bool noise;
};

static int run_stop(struct runs *r, uint64_t pfn)
{
	uint64_t start = r->start;

	if (start == NO_PFN)
		return 0;
	r->start = NO_PFN;
	if (r->ram->nr >= RAM_RANGES_MAX) {
		/* What lies between counts as RAM too: reading it says that it is not there. */
		r->noise = true;
		start = (r->ram->r[r->ram->nr - 1].last >> r->page_shift) + 1;
	}
	return ranges_add(r->ram, start << r->page_shift, (pfn << r->page_shift) - 1, 0);
}

static int add_ram(struct runs *r, const uint8_t *bits, uint64_t pfn, uint64_t nr)
{
	int err = 0;

	for (uint64_t i = 0; !err && i < nr; i++) {
		const uint8_t byte = bits[i / 8];
		const bool bit = byte >> (i % 8) & 1;

		/* Most of it is all or nothing. */
		if (i % 8 == 0 && nr - i >= 8 && byte == (r->start == NO_PFN ? 0 : 0xff)) {
			i += 7;
			continue;
		}
		if (bit && r->start == NO_PFN)
			r->start = pfn + i;
		else if (!bit)
			err = run_stop(r, pfn + i);
	}
	return err;
}

static uint64_t count_bits(const uint8_t *bits, uint64_t nr)
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

/* Read both bitmaps once: RAM, and how many pages stand before each stretch. */
static int read_bitmaps(struct vmcore *v, struct diskdump *d)
{
	const uint64_t nr_ranks = (d->h.max_mapnr + RANK_PAGES - 1) / RANK_PAGES;
	struct runs runs = { .ram = &v->ram, .page_shift = v->page_shift, .start = NO_PFN };
	uint8_t ram[RANK_BYTES], dumped[RANK_BYTES];
	uint64_t sum = 0;
	int err = 0;

	d->rank = calloc(nr_ranks + 1, sizeof(*d->rank));
	if (!d->rank)
		return fail(-ENOMEM, "out of memory for an index of %" PRIu64 " pages", d->h.max_mapnr);
	for (uint64_t i = 0; !err && i < nr_ranks; i++) {
		const uint64_t off = i * RANK_BYTES, pfn = i * RANK_PAGES;
		const uint64_t len = d->bitmap_len - off < RANK_BYTES ? d->bitmap_len - off : RANK_BYTES;
		const uint64_t nr = d->h.max_mapnr - pfn < RANK_PAGES ? d->h.max_mapnr - pfn : RANK_PAGES;

		if (source_map_read(&d->map, d->ram_off + off, ram, len) ||
		    source_map_read(&d->map, d->dumped_off + off, dumped, len))
			return fail(-EIO, "its bitmaps cannot be read");
		d->rank[i] = sum;
		sum += count_bits(dumped, nr);
		/* A page that is there was RAM, whatever the other bitmap says. */
		for (uint64_t j = 0; j < len; j++)
			ram[j] |= dumped[j];
		err = add_ram(&runs, ram, pfn, nr);
	}
	d->rank[nr_ranks] = sum;
	if (!err)
		err = run_stop(&runs, d->h.max_mapnr);
	if (runs.noise)
		warn("%s: its bitmap of RAM looks damaged; taking more for RAM than there was", v->path);
	return err;
}

/* Is PFN in the dump, and how many are before it? -EIO, -ENODATA. */
static int rank_of(struct diskdump *d, uint64_t pfn, uint64_t *rank)
{
	uint8_t bits[RANK_BYTES];
	const uint64_t in = pfn % RANK_PAGES;
	int err = source_map_read(&d->map, d->dumped_off + pfn / RANK_PAGES * RANK_BYTES, bits, in / 8 + 1);

	if (err)
		return -EIO;
	if (!(bits[in / 8] >> (in % 8) & 1))
		return -ENODATA;
	*rank = d->rank[pfn / RANK_PAGES] + count_bits(bits, in);
	return 0;
}

/* The first page of this part, counted: pages of a split set's other parts have bits here but no descriptors. */
static int find_start(struct diskdump *d)
{
	uint8_t bits[RANK_BYTES];
	const uint64_t pfn = d->h.start_pfn, in = pfn % RANK_PAGES;

	d->start_rank = d->rank[pfn / RANK_PAGES];
	if (!in)
		return 0;
	if (source_map_read(&d->map, d->dumped_off + pfn / RANK_PAGES * RANK_BYTES, bits, in / 8 + (in % 8 != 0)))
		return fail(-EIO, "its bitmaps cannot be read");
	d->start_rank += count_bits(bits, in);
	return 0;
}

/* Tell it at once when even descriptors are missing; pages that are missing show when they are read. */
static int find_limit(struct vmcore *v, struct diskdump *d)
{
	const uint64_t nr_ranks = (d->h.max_mapnr + RANK_PAGES - 1) / RANK_PAGES;
	uint64_t nr = d->rank[nr_ranks] - d->start_rank;

	if (d->h.split)
		return 0;
	if (nr && nr * DDP_BYTES > v->file_len - d->descs_off) {
		warn("%s: it is cut short: %" PRIu64 " of its %" PRIu64 " page descriptors are there", v->path,
		     (v->file_len - d->descs_off) / DDP_BYTES, nr);
		v->incomplete = true;
		d->beyond_told = true;
	}
	return 0;
}

static int diskdump_open(struct vmcore *v)
{
	struct header h = { 0 };
	struct diskdump *d;
	bool damaged = false;
	int err = read_header(v, &h);

	if (err)
		return err;
	v->page_shift = __builtin_ctz(h.block_bytes);
	v->width = 8;
	v->machine = machine_of(v->utsname[4]);
	v->incomplete = h.status & DD_STATUS_INCOMPLETE;
	err = check_header(v, &h);
	if (err)
		return err;
	d = calloc(1, sizeof(*d));
	if (!d)
		return fail(-ENOMEM, "out of memory");
	d->h = h;
	memset(d->cache_pfn, 0xff, sizeof(d->cache_pfn));
	source_map_init(&d->map, v);
	v->priv = d;
	d->cache = malloc((CACHE_PAGES + 1) * (size_t)h.block_bytes);
	if (!d->cache)
		return fail(-ENOMEM, "out of memory for %u pages", CACHE_PAGES + 1);
	d->packed = d->cache + CACHE_PAGES * (size_t)h.block_bytes;
	err = find_tables(v, d);
	if (!err)
		err = read_bitmaps(v, d);
	if (!err)
		err = find_start(d);
	if (!err)
		err = find_limit(v, d);
	if (!err)
		err = source_vmcoreinfo(v, h.vmcoreinfo_off, h.vmcoreinfo_len);
	if (!err && h.notes_len)
		err = source_notes(v, h.notes_off, h.notes_len, &damaged);
	if (!err && damaged)
		source_notes_damaged(v);
	return err;
}

/* A descriptor or page that the file is too short for. */
static int beyond_file(struct vmcore *v, struct diskdump *d)
{
	if (!d->beyond_told)
		warn("%s: it is cut short: pages that it lists are not there", v->path);
	d->beyond_told = true;
	v->incomplete = true;
	return -ENODATA;
}

static int expand_bytes(const struct diskdump *d, const uint8_t *packed, uint32_t len, uint32_t flags, uint8_t *out)
{
	const uint32_t block = d->h.block_bytes;
	const struct codec *codec;

	if (!flags) {
		if (len != block)
			return -EIO;
		memcpy(out, packed, block);
		return 0;
	}
	codec = codec_by_flag(flags);
	return codec && codec->built_in && !codec->expand(packed, len, out, block) ? 0 : -EIO;
}

/* The page that LEN bytes at OFF and FLAGS make, into OUT. */
static int expand(struct vmcore *v, struct diskdump *d, uint64_t off, uint32_t len, uint32_t flags, uint8_t *out)
{
	const unsigned int hits = guard_hits();
	const uint8_t *packed;
	uint64_t avail;
	int err;

	/* 0 is what a dump that could not be finished says of pages it has not. */
	if (!off)
		return -ENODATA;
	if (!len || len > d->h.block_bytes)
		return -EIO;
	if (off > v->file_len || len > v->file_len - off)
		return beyond_file(v, d);
	packed = source_map_at(&d->map, off, len, &avail);
	if (packed) {
		err = expand_bytes(d, packed, len, flags, out);
		if (guard_hits() == hits)
			return err;
	}
	err = source_map_read(&d->map, off, d->packed, len);
	return err ? err : expand_bytes(d, d->packed, len, flags, out);
}

static int load_page(struct vmcore *v, struct diskdump *d, uint64_t pfn, uint8_t *out)
{
	uint8_t bytes[DDP_BYTES];
	uint64_t rank, off;
	int err;

	if (pfn >= d->h.limit_pfn || pfn < d->h.start_pfn)
		return -ENODATA;
	err = rank_of(d, pfn, &rank);
	if (err)
		return err;
	off = d->descs_off + (rank - d->start_rank) * DDP_BYTES;
	err = source_map_read(&d->map, off, bytes, sizeof(bytes));
	if (err)
		return err == -ENODATA ? beyond_file(v, d) : err;
	return expand(v, d, get_u64(bytes + DDP_OFFSET, v->big_endian), get_u32(bytes + DDP_SIZE, v->big_endian),
		      get_u32(bytes + DDP_FLAGS, v->big_endian), out);
}

/* The page with PADDR, expanded. */
static int cached_page(struct vmcore *v, uint64_t paddr, const uint8_t **page)
{
	struct diskdump *d = v->priv;
	const uint64_t pfn = paddr >> v->page_shift;
	uint8_t *slot = d->cache + pfn % CACHE_PAGES * (size_t)d->h.block_bytes;
	uint64_t *slot_pfn = &d->cache_pfn[pfn % CACHE_PAGES];

	if (*slot_pfn != pfn) {
		int err;

		*slot_pfn = NO_PFN;
		err = load_page(v, d, pfn, slot);
		if (err)
			return err;
		*slot_pfn = pfn;
	}
	*page = slot;
	return 0;
}

static int diskdump_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len)
{
	const uint8_t *page;
	int err = cached_page(v, paddr, &page);

	if (!err)
		memcpy(buf, page + (paddr & (vmcore_page_bytes(v) - 1)), len);
	return err;
}

static const uint8_t *diskdump_at(struct vmcore *v, uint64_t paddr, uint64_t *len)
{
	const uint64_t in = paddr & (vmcore_page_bytes(v) - 1);
	const uint8_t *page;

	if (cached_page(v, paddr, &page))
		return NULL;
	*len = vmcore_page_bytes(v) - in;
	return page + in;
}

static void diskdump_close(struct vmcore *v)
{
	struct diskdump *d = v->priv;

	if (d) {
		source_map_deinit(&d->map);
		free(d->rank);
		free(d->cache);
	}
	free(d);
	v->priv = NULL;
}

static int diskdump_held(struct vmcore *v, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	struct diskdump *d = v->priv;
	uint64_t pfn, max = d->h.max_mapnr;

	if (first_pfn >= max)
		return 0;
	if (nr > max - first_pfn)
		nr = max - first_pfn;
	if (source_map_read(&d->map, d->dumped_off + first_pfn / 8, bitmap, (nr + 7) / 8))
		return -EIO;
	for (pfn = nr; pfn % 8; pfn++)
		bitmap[pfn / 8] &= ~(1 << pfn % 8);
	for (pfn = 0; d->h.split && pfn < nr; pfn++)
		if (first_pfn + pfn < d->h.start_pfn || first_pfn + pfn >= d->h.limit_pfn)
			bitmap[pfn / 8] &= ~(1 << pfn % 8);
	return 0;
}

const struct source_ops source_diskdump = {
	.name = "kdump-compressed",
	.open = diskdump_open,
	.read = diskdump_read,
	.at = diskdump_at,
	.held = diskdump_held,
	.close = diskdump_close,
};
