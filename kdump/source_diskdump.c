// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kdump-compressed format, versions 1 to 6 of 64-bit machines, as makedumpfile, QEMU and kdump
 * write it: a bitmap of RAM, one of the pages that are there, a descriptor for each of these, and
 * the pages. include/diskdump_format.h has the offsets.
 */
#include "kdump/codec.h"
#include "kdump/diskdump.h"
#include "kdump/source.h"
#include "include/diskdump_format.h"
#include "lib/err.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* For every so many pages, how many are in the dump before them: 4 MiB of it for 16 TiB of RAM. */
#define RANK_PAGES 8192u
#define RANK_BYTES (RANK_PAGES / 8)

/* Damaged bitmaps look like noise; real machines have some hundred stretches of RAM. */
#define RAM_RANGES_MAX 65536u

/* Expanded pages that are kept: a struct page scan, a page table walk and a log reader come back to the same few. */
#define CACHE_PAGES 16u
#define NO_PFN UINT64_MAX

struct diskdump {
	struct source_map map;
	struct diskdump_head h;
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

static uint16_t machine_of(const char *name)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (!strcmp(machines[i].name, name))
			return machines[i].machine;
	}
	return EM_NONE;
}

static int read_file(void *ctx, uint64_t off, void *buf, size_t len)
{
	return source_pread(ctx, off, buf, len);
}

/* What the header says of the crashed kernel. */
static int take_head(struct vmcore *v, const struct diskdump_head *h)
{
	v->page_shift = h->page_shift;
	v->width = 8;
	v->big_endian = h->big_endian;
	v->machine = machine_of(h->utsname[4]);
	v->incomplete |= (h->status & DD_STATUS_INCOMPLETE) != 0;
	memcpy(v->utsname, h->utsname, sizeof(v->utsname));
	v->phys_base = h->phys_base;
	v->has_phys_base = true;
	v->dump_level = h->dump_level;
	if (h->descs_off > v->file_len)
		return fail(-EINVAL, "it is cut off before its first page");
	if (h->split)
		warn("%s: it is one part of a split dump: only pages %#" PRIx64 " to %#" PRIx64 " can be here",
		     v->path, h->start_pfn, h->limit_pfn ? h->limit_pfn - 1 : 0);
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
		const uint64_t len = d->h.bitmap_len - off < RANK_BYTES ? d->h.bitmap_len - off : RANK_BYTES;
		const uint64_t nr = d->h.max_mapnr - pfn < RANK_PAGES ? d->h.max_mapnr - pfn : RANK_PAGES;

		if (source_map_read(&d->map, d->h.ram_off + off, ram, len) ||
		    source_map_read(&d->map, d->h.dumped_off + off, dumped, len))
			return fail(-EIO, "its bitmaps cannot be read");
		d->rank[i] = sum;
		sum += diskdump_count(dumped, nr);
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
	int err = source_map_read(&d->map, d->h.dumped_off + pfn / RANK_PAGES * RANK_BYTES, bits, in / 8 + 1);

	if (err)
		return -EIO;
	if (!(bits[in / 8] >> (in % 8) & 1))
		return -ENODATA;
	*rank = d->rank[pfn / RANK_PAGES] + diskdump_count(bits, in);
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
	if (source_map_read(&d->map, d->h.dumped_off + pfn / RANK_PAGES * RANK_BYTES, bits, in / 8 + (in % 8 != 0)))
		return fail(-EIO, "its bitmaps cannot be read");
	d->start_rank += diskdump_count(bits, in);
	return 0;
}

/* Tell it at once when even descriptors are missing; pages that are missing show when they are read. */
static int find_limit(struct vmcore *v, struct diskdump *d)
{
	const uint64_t nr_ranks = (d->h.max_mapnr + RANK_PAGES - 1) / RANK_PAGES;
	uint64_t nr = d->rank[nr_ranks] - d->start_rank;

	if (d->h.split)
		return 0;
	if (nr && nr * DDP_BYTES > v->file_len - d->h.descs_off) {
		warn("%s: it is cut short: %" PRIu64 " of its %" PRIu64 " page descriptors are there", v->path,
		     (v->file_len - d->h.descs_off) / DDP_BYTES, nr);
		v->incomplete = true;
		d->beyond_told = true;
	}
	return 0;
}

static int diskdump_open(struct vmcore *v)
{
	struct diskdump_head h;
	struct diskdump *d;
	bool damaged = false;
	int err = diskdump_head_read(&h, read_file, v, v->path);

	if (!err)
		err = take_head(v, &h);
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
	if (off > v->file_len || len > v->file_len - off || !source_has(v, off, len))
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
	off = d->h.descs_off + (rank - d->start_rank) * DDP_BYTES;
	err = source_map_read(&d->map, off, bytes, sizeof(bytes));
	if (err)
		return err == -ENODATA ? beyond_file(v, d) : err;
	/* A stream may end in the middle of one. */
	if (get_u64(bytes + DDP_OFFSET, v->big_endian) && !source_has(v, off, DDP_PAGE_FLAGS))
		return beyond_file(v, d);
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
	if (source_map_read(&d->map, d->h.dumped_off + first_pfn / 8, bitmap, (nr + 7) / 8))
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
