// SPDX-License-Identifier: GPL-2.0-or-later
/* A dump laid out of a stream: it must not point to what did not come, and say so when something is missing. */
#include "kdump/reassemble.h"

#include "include/diskdump_format.h"
#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* makedumpfile's mark in e_flags for a core that it could not finish (DUMP_ELF_INCOMPLETE). */
#define EF_INCOMPLETE 1

#define DESCS_AT_ONCE 2048u
#define BITS_AT_ONCE  (64u << 10)

static int read_sink(void *ctx, uint64_t off, void *buf, size_t len)
{
	return sink_read(ctx, off, buf, len);
}

/* The stream itself was whole: what is wrong with the dump is worth telling. */
static void not_complete(struct reassemble_result *r, const char *why)
{
	if (r->complete)
		snprintf(r->why, sizeof(r->why), "%s", why);
	r->complete = false;
}

/* ---- ELF ---- */

static int settle_elf(struct sink *sink, const struct flat_arrived *a, struct reassemble_result *result)
{
	uint8_t bytes[64];
	struct view view = view_of(bytes, sizeof(bytes), sink->path);
	unsigned int flags_off;
	struct elf elf;
	int err = sink_read(sink, 0, bytes, sizeof(bytes));

	if (!err)
		err = elf_header(&view, &elf);
	if (err)
		return fail_ctx(err, "the dump in the stream");
	flags_off = elf.width == 8 ? 48 : 36;
	if (!ranges_cover(&a->ranges, 0, elf_ehdr_size(elf.width) - 1) || elf.phoff > FLAT_DUMP_MAX || !elf.nr_phdrs ||
	    !ranges_cover(&a->ranges, elf.phoff, elf.phoff + elf.nr_phdrs * elf.phentsize - 1))
		return fail(-EINVAL, "its table of segments is not in the stream: there is no dump in it");
	if (elf.flags & EF_INCOMPLETE)
		not_complete(result, "the dump was marked incomplete when the stream was written");
	if (result->complete)
		return 0;
	put_u32(bytes, elf.flags | EF_INCOMPLETE, elf.view.big_endian);
	return sink_write(sink, flags_off, bytes, 4);
}

/* ---- kdump-compressed ---- */

/* Bits of pages from FIRST to BEHIND (exclusive) in NR bytes whose first bit is page PFN. */
static uint64_t count_between(const uint8_t *bits, uint64_t nr, uint64_t pfn, uint64_t first, uint64_t behind)
{
	uint64_t from = first > pfn ? first - pfn : 0, to = behind > pfn ? behind - pfn : 0;

	from = from < nr * 8 ? from : nr * 8;
	to = to < nr * 8 ? to : nr * 8;
	return from < to ? diskdump_count(bits, to) - diskdump_count(bits, from) : 0;
}

/* How many descriptors there should be. What did not arrive of the bitmap is zeros. */
static int count_descs(struct sink *sink, const struct flat_arrived *a, const struct diskdump_head *h, uint64_t *nr)
{
	const uint64_t first = h->dumped_off, behind = h->dumped_off + h->bitmap_len;
	uint8_t *bits = malloc(BITS_AT_ONCE);
	uint64_t sum = 0;
	int err = bits ? 0 : fail(-ENOMEM, "out of memory for a piece of the bitmap");

	for (size_t i = 0; !err && i < a->ranges.nr; i++) {
		uint64_t off = a->ranges.r[i].start > first ? a->ranges.r[i].start : first;
		uint64_t stop = a->ranges.r[i].last < behind ? a->ranges.r[i].last + 1 : behind;

		for (uint64_t len; !err && off < stop; off += len) {
			len = stop - off < BITS_AT_ONCE ? stop - off : BITS_AT_ONCE;
			err = sink_read(sink, off, bits, len);
			if (!err)
				sum += count_between(bits, len, (off - first) * 8, h->start_pfn, h->limit_pfn);
		}
	}
	free(bits);
	if (!err)
		*nr = sum;
	return err;
}

struct descs {
	struct sink *sink;
	const struct flat_arrived *a;
	const struct diskdump_head *h;
	uint64_t nr, good, cleared;
	uint8_t *buf;              /* DESCS_AT_ONCE of them */
};

/* DESC stands at PLACE; the stream may have ended in the middle of it. */
static bool points_right(const struct descs *d, const uint8_t *desc, uint64_t place)
{
	uint64_t off = get_u64(desc + DDP_OFFSET, d->h->big_endian);
	uint32_t len = get_u32(desc + DDP_SIZE, d->h->big_endian), flags = get_u32(desc + DDP_FLAGS, d->h->big_endian);

	if (off < d->h->descs_off + d->nr * DDP_BYTES || off > FLAT_DUMP_MAX || !len || len > d->h->block_bytes)
		return false;
	return (flags || len == d->h->block_bytes) && ranges_cover(&d->a->ranges, off, off + (len - 1)) &&
	       ranges_cover(&d->a->ranges, place, place + DDP_PAGE_FLAGS - 1);
}

static bool is_zero(const uint8_t *desc)
{
	return !desc[0] && !memcmp(desc, desc + 1, DDP_BYTES - 1);
}

/* Descriptors IDX..IDX+NR-1: those that point to what is not there become what a page that was lost has. */
static int settle_some(struct descs *d, uint64_t idx, uint64_t nr)
{
	const uint64_t off = d->h->descs_off + idx * DDP_BYTES;
	bool changed = false;
	int err = sink_read(d->sink, off, d->buf, nr * DDP_BYTES);

	for (uint64_t i = 0; !err && i < nr; i++) {
		uint8_t *desc = d->buf + i * DDP_BYTES;

		if (is_zero(desc))
			continue;
		if (points_right(d, desc, off + i * DDP_BYTES)) {
			d->good++;
			continue;
		}
		memset(desc, 0, DDP_BYTES);
		d->cleared++;
		changed = true;
	}
	return err || !changed ? err : sink_write(d->sink, off, d->buf, nr * DDP_BYTES);
}

static int settle_descs(struct descs *d)
{
	const uint64_t first = d->h->descs_off;
	uint64_t next = 0;
	int err = 0;

	/* What did not arrive is zeros already. */
	for (size_t i = 0; !err && i < d->a->ranges.nr; i++) {
		const struct range *r = &d->a->ranges.r[i];
		uint64_t idx, behind;

		if (r->last < first)
			continue;
		idx = r->start > first ? (r->start - first) / DDP_BYTES : 0;
		behind = (r->last - first) / DDP_BYTES + 1;
		idx = idx > next ? idx : next;
		behind = behind < d->nr ? behind : d->nr;
		for (; !err && idx < behind; idx = next) {
			next = behind - idx < DESCS_AT_ONCE ? behind : idx + DESCS_AT_ONCE;
			err = settle_some(d, idx, next - idx);
		}
	}
	return err;
}

static int mark(struct sink *sink, const struct diskdump_head *h)
{
	uint8_t bytes[4];

	put_u32(bytes, h->status | DD_STATUS_INCOMPLETE, h->big_endian);
	return sink_write(sink, DD_STATUS, bytes, sizeof(bytes));
}

/* A record with a damaged place in it may have been laid out anywhere, before the header told what is too far. */
static int cut_excess(struct sink *sink, struct reassemble_result *result)
{
	uint8_t header[DD_HEADER_BYTES];
	int err = sink_read(sink, 0, header, sizeof(header));
	uint64_t bound = err ? UINT64_MAX : diskdump_bound(header, sizeof(header));

	if (sink->size > bound) {
		not_complete(result, "a part of the stream belongs to no place in the dump");
		sink_shorten(sink, bound);
	}
	return err;
}

static int settle_diskdump(struct sink *sink, const struct flat_arrived *a, struct reassemble_result *result)
{
	struct diskdump_head h;
	struct descs d = { .sink = sink, .a = a, .h = &h };
	int err = diskdump_head_read(&h, read_sink, sink, sink->path);
	char why[sizeof(result->why)];

	if (err)
		return fail_ctx(err, "the dump in the stream");
	if (!ranges_cover(&a->ranges, 0, DD_HEADER_BYTES - 1) ||
	    !ranges_cover(&a->ranges, h.block_bytes, h.block_bytes + DDS_BYTES - 1) ||
	    a->ranges.r[a->ranges.nr - 1].last < h.dumped_off)
		return fail(-EINVAL, "its headers and tables are not in the stream: there is no dump in it");
	err = cut_excess(sink, result);
	if (!err)
		err = count_descs(sink, a, &h, &d.nr);
	if (err)
		return err;
	d.buf = malloc(DESCS_AT_ONCE * DDP_BYTES);
	if (!d.buf)
		return fail(-ENOMEM, "out of memory for page descriptors");
	/* Readers want the tables to be there, if only as zeros, and something behind them. */
	sink_extend(sink, h.descs_off + d.nr * DDP_BYTES + h.block_bytes);
	err = settle_descs(&d);
	free(d.buf);
	if (err)
		return err;
	result->pages = d.nr;
	result->lost = d.nr - d.good;
	if (h.status & DD_STATUS_INCOMPLETE)
		not_complete(result, "the dump was marked incomplete when the stream was written");
	snprintf(why, sizeof(why), "%" PRIu64 " pages that it names are not in the stream", d.cleared);
	/* Those that could not be read when it was written are another matter. */
	if (d.cleared)
		not_complete(result, why);
	return result->complete ? 0 : mark(sink, &h);
}

int reassemble_settle(struct sink *sink, struct flat_arrived *a, struct reassemble_result *result)
{
	uint8_t magic[8];
	int err = flat_arrived_settle(a);

	if (!err)
		err = sink_read(sink, 0, magic, sizeof(magic));
	if (err)
		return err;
	if (!memcmp(magic, ELFMAG, SELFMAG))
		return settle_elf(sink, a, result);
	if (!memcmp(magic, DISKDUMP_SIGNATURE, sizeof(magic)))
		return settle_diskdump(sink, a, result);
	if (!result->complete || !ranges_cover(&a->ranges, 0, sizeof(magic) - 1))
		return fail(-EINVAL, "the header of a dump is not in the stream: there is no dump in it");
	warn("what is in the stream is no dump of a kind known here; it is laid out as it came");
	return 0;
}
