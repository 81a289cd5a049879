// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kdump-compressed writer; doc/formats.md has the format. Data is appended in the order it comes. Descriptors
 * have fixed places in front of it, allocated at the beginning and zero ("not there") until the data that they
 * point to is on disk. So the file is right at every instant.
 */
#include "kdump/out.h"

#include "include/diskdump_format.h"
#include "kdump/out_notes.h"
#include "kdump/out_slots.h"
#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DATA_BYTES   (1u << 20)    /* data that is written at once */
#define NR_PENDING   (64u << 10)   /* descriptors that wait for a checkpoint; 256 MiB of pages */
#define CHUNK_SLOTS  2048          /* descriptors that are read, changed and written back together */
#define MAX_STRETCHES 64           /* of ascending descriptors that are written one after the other */
#define FEW_RUNS     4             /* as many runs of a chunk are written by themselves */
#define RECORD_BYTES 16            /* what a write costs in a flattened stream */
#define WHOLE_BYTES  4096          /* what a disk or the kernel's cache writes whole, where it is aligned */

struct pending {
	uint64_t slot;
	uint64_t off;
	uint32_t len;
	uint32_t flags;
};

/* Of a page that others may be twins of. */
struct place {
	uint64_t off;
	uint32_t len;              /* 0: nothing came with this mark */
	uint32_t flags;
};

struct diskdump {
	struct sink *sink;
	uint32_t block;            /* bytes */
	bool big_endian;
	uint8_t *header;           /* one block */
	struct out_slots slots;
	uint64_t desc_off;
	uint64_t zero_off;         /* of the block that all zero pages share */
	uint64_t data_off;         /* where the bytes of DATA go; everything before is written */
	uint8_t *data;
	size_t data_len;
	struct pending *pending;
	size_t nr_pending;
	uint8_t *chunk;
	struct place *places;      /* by mark; the first is not used */
	uint32_t nr_marks;
	int broken;                /* what stopped the writing of data */
};

static uint32_t clamp_u32(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : value;
}

/* ---- headers ---- */

static void put_header(struct diskdump *d, const struct out_facts *f, uint64_t sub_blocks, uint64_t bitmap_blocks)
{
	uint8_t *h = d->header;
	bool be = d->big_endian;

	memcpy(h + DD_SIGNATURE, DISKDUMP_SIGNATURE, 8);
	put_u32(h + DD_HEADER_VERSION, DISKDUMP_VERSION, be);
	for (int i = 0; i < 6; i++)
		memcpy(h + DD_UTSNAME + i * DD_UTSNAME_FIELD, f->utsname[i], DD_UTSNAME_FIELD - 1);
	put_u64(h + DD_TV_SEC, f->crash_time, be);
	put_u64(h + DD_TV_USEC, 0, be); /* libkdumpfile takes it for the block size of a 32-bit header */
	put_u32(h + DD_STATUS, DD_STATUS_INCOMPLETE | f->codec->flag, be);
	put_u32(h + DD_BLOCK_SIZE, d->block, be);
	put_u32(h + DD_SUB_HDR_BLOCKS, clamp_u32(sub_blocks), be);
	put_u32(h + DD_BITMAP_BLOCKS, clamp_u32(bitmap_blocks), be);
	put_u32(h + DD_MAX_MAPNR, clamp_u32(f->core->max_pfn), be);
	put_u32(h + DD_CURRENT_CPU, f->current_cpu, be);
	put_u32(h + DD_NR_CPUS, f->nr_cpus ? f->nr_cpus : 1, be); /* crash warns of none */
}

/* The sub header and what follows it up to the next block. */
static int make_sub_header(const struct diskdump *d, const struct out_facts *f, struct blob *sub)
{
	const struct vmcore *core = f->core;
	uint64_t notes_off = (uint64_t)d->block + DDS_BYTES, info_off, notes_len;
	bool be = d->big_endian;
	uint8_t *h;
	int err = blob_zero(sub, DDS_BYTES);

	if (!err)
		err = notes_append(core, sub, &info_off);
	if (err)
		return err;
	notes_len = sub->len - DDS_BYTES;
	if (sub->len % d->block)
		err = blob_zero(sub, d->block - sub->len % d->block);
	if (err)
		return err;
	h = sub->data;
	put_u64(h + DDS_PHYS_BASE, f->phys_base, be);
	put_u32(h + DDS_DUMP_LEVEL, f->level, be);
	if (f->split) {
		/* Readers refuse a part that reaches beyond the machine. */
		uint64_t behind = f->split_last_pfn < core->max_pfn ? f->split_last_pfn + 1 : core->max_pfn;
		uint64_t first = f->split_first_pfn < behind ? f->split_first_pfn : behind;

		put_u32(h + DDS_SPLIT, 1, be);
		put_u64(h + DDS_START_PFN, first, be);
		put_u64(h + DDS_END_PFN, behind, be);
		put_u64(h + DDS_START_PFN_64, first, be);
		put_u64(h + DDS_END_PFN_64, behind, be);
	}
	put_u64(h + DDS_OFFSET_VMCOREINFO, info_off ? notes_off + info_off : 0, be);
	put_u64(h + DDS_SIZE_VMCOREINFO, core->vmcoreinfo.len, be);
	put_u64(h + DDS_OFFSET_NOTE, notes_len ? notes_off : 0, be);
	put_u64(h + DDS_SIZE_NOTE, notes_len, be);
	put_u64(h + DDS_MAX_MAPNR_64, core->max_pfn, be);
	return 0;
}

/* Header (not written yet) and sub header; where the bitmaps begin and how long each is. */
static int make_headers(struct diskdump *d, const struct out_facts *f, uint64_t *bitmap_off, uint64_t *bitmap_len)
{
	struct blob sub;
	int err;

	blob_init(&sub);
	err = make_sub_header(d, f, &sub);
	if (!err) {
		*bitmap_len = ((f->core->max_pfn + 7) / 8 + d->block - 1) / d->block * d->block;
		*bitmap_off = d->block + sub.len;
		put_header(d, f, sub.len / d->block, *bitmap_len / d->block * 2);
		err = sink_write(d->sink, d->block, sub.data, sub.len);
	}
	blob_deinit(&sub);
	return err;
}

/* ---- begin ---- */

/*
 * What a stream limited in size must be able to take after the next data: the waiting descriptors, the header
 * again, the closing record.
 */
static void reserve(struct diskdump *d)
{
	if (!sink_seekable(d->sink))
		d->sink->reserved = d->nr_pending * (DDP_BYTES + RECORD_BYTES) + d->block + 2 * RECORD_BYTES;
}

/*
 * The tables, the block of zeros behind them, which also gives the file the length that readers expect, and when
 * all that is on disk the header: what has a header has its tables.
 */
static int write_tables(struct diskdump *d, const struct out_facts *f)
{
	uint64_t bitmap_off, bitmap_len;
	int err = make_headers(d, f, &bitmap_off, &bitmap_len);

	if (!err)
		err = slots_init(&d->slots, f, d->sink, bitmap_off, bitmap_off + bitmap_len);
	if (err)
		return err;
	d->desc_off = bitmap_off + 2 * bitmap_len;
	d->zero_off = d->desc_off + d->slots.nr_slots * DDP_BYTES;
	d->data_off = d->zero_off + d->block;
	put_u32(d->header + DD_TOTAL_RAM_BLOCKS, clamp_u32(d->slots.nr_ram), d->big_endian);
	/* Of the whole set: makedumpfile takes parts for one set only when this header is the same in all of them. */
	put_u32(d->header + DD_WRITTEN_BLOCKS, clamp_u32(d->slots.nr_planned), d->big_endian);
	err = sink_allocate(d->sink, d->desc_off, d->slots.nr_slots * DDP_BYTES);
	if (err)
		return err;
	memset(d->data, 0, d->block);
	err = sink_write(d->sink, d->zero_off, d->data, d->block);
	if (!err)
		err = sink_sync(d->sink);
	return err ? err : sink_write(d->sink, 0, d->header, d->block);
}

static int diskdump_begin(struct dump_out *o)
{
	const struct out_facts *f = &o->facts;
	struct diskdump *d;

	if (f->core->width != 8)
		return fail(-ENOTSUP,
			    "kdump-compressed dumps are written of 64-bit kernels only; ELF can hold this one");
	if (f->core->page_shift < 12 || f->core->page_shift > 18)
		return fail(-EINVAL, "pages of 2^%u bytes do not fit the kdump-compressed format", f->core->page_shift);
	if (f->split && f->split_last_pfn < f->split_first_pfn)
		return fail(-EINVAL, "a part of a split set must have pages");
	d = calloc(1, sizeof(*d));
	if (!d)
		return fail(-ENOMEM, "out of memory for the dump's tables");
	o->priv = d;
	d->sink = o->sink;
	d->block = 1u << f->core->page_shift;
	d->big_endian = f->core->big_endian;
	d->header = calloc(1, d->block);
	d->data = malloc(DATA_BYTES);
	d->pending = malloc(NR_PENDING * sizeof(*d->pending));
	d->chunk = malloc(CHUNK_SLOTS * DDP_BYTES);
	d->nr_marks = f->nr_marks;
	if (d->nr_marks)
		d->places = calloc((size_t)d->nr_marks + 1, sizeof(*d->places));
	if (!d->header || !d->data || !d->pending || !d->chunk || (d->nr_marks && !d->places))
		return fail(-ENOMEM, "out of memory for the dump's tables");
	reserve(d);
	return write_tables(d, f);
}

static void diskdump_deinit(struct dump_out *o)
{
	struct diskdump *d = o->priv;

	if (!d)
		return;
	slots_deinit(&d->slots);
	free(d->header);
	free(d->data);
	free(d->pending);
	free(d->chunk);
	free(d->places);
	free(d);
	o->priv = NULL;
}

/* ---- descriptors ---- */

static void put_descriptor(const struct diskdump *d, uint8_t *at, const struct pending *p)
{
	put_u64(at + DDP_OFFSET, p->off, d->big_endian);
	put_u32(at + DDP_SIZE, p->len, d->big_endian);
	put_u32(at + DDP_FLAGS, p->flags, d->big_endian);
	put_u64(at + DDP_PAGE_FLAGS, 0, d->big_endian);
}

static int by_slot(const void *a, const void *b)
{
	const struct pending *pa = a, *pb = b;

	return pa->slot < pb->slot ? -1 : pa->slot > pb->slot;
}

/* P[0..NR-1], of adjoining slots. */
static int write_run(struct diskdump *d, const struct pending *p, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		put_descriptor(d, d->chunk + i * DDP_BYTES, &p[i]);
	return sink_write(d->sink, d->desc_off + p->slot * DDP_BYTES, d->chunk, nr * DDP_BYTES);
}

/* P[0..NR-1], of one chunk: in runs, or by changing what is there when that would be many small writes. */
static int write_chunk(struct diskdump *d, const struct pending *p, size_t nr)
{
	uint64_t off = d->desc_off + p->slot * DDP_BYTES;
	size_t len = (p[nr - 1].slot - p->slot + 1) * DDP_BYTES, runs = 1;
	int err;

	for (size_t i = 1; i < nr; i++)
		runs += p[i].slot != p[i - 1].slot + 1;
	if (runs <= FEW_RUNS || !sink_seekable(d->sink)) {
		for (size_t first = 0, i = 1; i <= nr; i++) {
			if (i < nr && p[i].slot == p[i - 1].slot + 1)
				continue;
			err = write_run(d, p + first, i - first);
			if (err)
				return err;
			first = i;
		}
		return 0;
	}
	err = sink_read(d->sink, off, d->chunk, len);
	if (err)
		return err;
	for (size_t i = 0; i < nr; i++)
		put_descriptor(d, d->chunk + (p[i].slot - p->slot) * DDP_BYTES, &p[i]);
	return sink_write(d->sink, off, d->chunk, len);
}

/* P[0..NR-1], ascending. */
static int write_stretch(struct diskdump *d, const struct pending *p, size_t nr)
{
	int err = 0;

	for (size_t first = 0, i; first < nr && !err; first = i) {
		for (i = first + 1; i < nr && p[i].slot / CHUNK_SLOTS == p[first].slot / CHUNK_SLOTS; i++)
			;
		err = write_chunk(d, p + first, i - first);
	}
	return err;
}

/*
 * A power cut may leave the first half of a descriptor that lies across two blocks: an offset without a length, which
 * readers take for a page. Of those the second half is written in front of the sync, where no offset makes it count.
 */
static int write_tails(struct diskdump *d)
{
	uint8_t bytes[DDP_BYTES];
	int err = 0;

	for (size_t i = 0; i < d->nr_pending && !err; i++) {
		const struct pending *p = &d->pending[i];
		uint64_t tail = d->desc_off + p->slot * DDP_BYTES + DDP_SIZE;

		if (tail % WHOLE_BYTES || p->off + p->len > d->data_off)
			continue;
		put_descriptor(d, bytes, p);
		err = sink_write(d->sink, tail, bytes + DDP_SIZE, DDP_BYTES - DDP_SIZE);
	}
	return err;
}

/*
 * Those of the waiting descriptors whose data is in the file; none waits afterwards. They come in a few ascending
 * stretches, the more important first, and are written so: whoever stops this half way loses the least important.
 */
static int publish(struct diskdump *d)
{
	struct pending *p = d->pending;
	size_t nr = 0, stretches = 1;
	int err = 0;

	for (size_t i = 0; i < d->nr_pending; i++)
		if (p[i].off + p[i].len <= d->data_off)
			p[nr++] = p[i];
	d->nr_pending = 0;
	reserve(d);
	for (size_t i = 1; i < nr; i++)
		stretches += p[i].slot < p[i - 1].slot;
	/* Not the order of a save: few writes matter more. */
	if (stretches > MAX_STRETCHES)
		qsort(p, nr, sizeof(*p), by_slot);
	for (size_t first = 0, i; first < nr && !err; first = i) {
		for (i = first + 1; i < nr && p[i].slot > p[i - 1].slot; i++)
			;
		err = write_stretch(d, p + first, i - first);
	}
	return err;
}

/* ---- pages ---- */

static int flush(struct diskdump *d)
{
	int err;

	if (!d->data_len)
		return 0;
	err = sink_write(d->sink, d->data_off, d->data, d->data_len);
	d->data_off += err ? d->sink->partial : d->data_len;
	d->data_len = 0;
	if (err)
		d->broken = err;
	return err;
}

/*
 * Data, halves of descriptors, fdatasync, descriptors. The descriptors themselves go to disk with the next one's
 * fdatasync: until then a power cut loses them, never the order. A full disk costs the data that did not get there,
 * and the descriptors of that.
 */
static int commit(struct diskdump *d)
{
	int err = flush(d), sync = sink_seekable(d->sink) ? write_tails(d) : 0, published;

	if (!sync)
		sync = sink_sync(d->sink);
	if (sync) {
		d->nr_pending = 0; /* nobody knows which data is there */
		d->broken = sync;
		return sync;
	}
	published = publish(d);
	if (published) {
		d->broken = published;
		return err ? err : published;
	}
	return err;
}

/* Put the bytes of PAGE where they will be written; P tells where that is. */
static int add_data(struct diskdump *d, const struct out_page *page, struct pending *p)
{
	if (!page->len || page->len > d->block || (!page->flags && page->len != d->block))
		return fail(-EINVAL, "page %#llx comes in %u bytes", (unsigned long long)page->pfn, page->len);
	if (d->data_len + page->len > DATA_BYTES) {
		int err = flush(d);

		/* In a stream that breaks, pages count whose descriptors came, too: they follow at once. */
		if (!err && !sink_seekable(d->sink))
			err = d->broken = publish(d);
		if (err)
			return err;
	}
	p->off = d->data_off + d->data_len;
	p->len = page->len;
	p->flags = page->flags;
	memcpy(d->data + d->data_len, page->data, page->len);
	d->data_len += page->len;
	if (page->mark)
		d->places[page->mark] = (struct place){ p->off, p->len, p->flags };
	return 0;
}

static int use_place(const struct diskdump *d, const struct out_page *page, struct pending *p)
{
	const struct place *place = &d->places[page->mark];

	if (!page->mark || !place->len)
		return fail(-EINVAL, "page %#llx is the twin of none", (unsigned long long)page->pfn);
	p->off = place->off;
	p->len = place->len;
	p->flags = place->flags;
	return 0;
}

static int diskdump_page(struct dump_out *o, const struct out_page *page)
{
	struct diskdump *d = o->priv;
	struct pending p = { .off = d->zero_off, .len = d->block };
	int err;

	if (d->broken)
		return fail(d->broken, "an earlier write to the dump has failed");
	if (page->mark > d->nr_marks)
		return fail(-EINVAL, "page %#llx has mark %u of %u", (unsigned long long)page->pfn, page->mark,
			    d->nr_marks);
	err = slots_find(&d->slots, page->pfn, &p.slot);
	if (err)
		return err;
	if (d->nr_pending == NR_PENDING) {
		err = commit(d);
		if (err)
			return err;
	}
	if (!page->zero)
		err = page->twin ? use_place(d, page, &p) : add_data(d, page, &p);
	if (err)
		return err;
	d->pending[d->nr_pending++] = p;
	reserve(d);
	return 0;
}

static int diskdump_checkpoint(struct dump_out *o)
{
	struct diskdump *d = o->priv;
	int err = commit(d);

	return err ? err : sink_sync(d->sink);
}

static int diskdump_finish(struct dump_out *o, bool complete)
{
	struct diskdump *d = o->priv;
	int broken = d->broken, err = commit(d), sync = sink_sync(d->sink);

	if (err || sync)
		return err ? err : sync;
	if (complete && broken)
		return fail(broken, "an earlier write to the dump has failed");
	d->sink->reserved = 0;
	put_u32(d->header + DD_STATUS, (complete ? 0 : DD_STATUS_INCOMPLETE) | o->facts.codec->flag, d->big_endian);
	return sink_write(d->sink, 0, d->header, d->block);
}

const struct out_ops out_diskdump = {
	"kdump-compressed", true, diskdump_begin, diskdump_page, diskdump_checkpoint, diskdump_finish, diskdump_deinit,
	true,
};
