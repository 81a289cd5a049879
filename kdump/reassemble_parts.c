// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parts of a split set become one dump. Headers and bitmaps are the same in all of them; descriptors and pages of
 * each are copied as they are, the places that the descriptors name moved by how far the pages have moved. So nothing
 * is compressed anew, the order of pages in the file stays, and no more than a buffer is in memory.
 */
#include "kdump/reassemble.h"

#include "include/diskdump_format.h"
#include "kdump/progress.h"
#include "kdump/source.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES    (1u << 20)
#define DESCS_AT_ONCE 2048u
/* Text about what was erased from a dump; a line for each symbol. */
#define ERASEINFO_MAX (1u << 20)

/* -ENODATA: the file is shorter; -EIO. Not recorded. */
static int part_pread(void *ctx, uint64_t off, void *buf, size_t len)
{
	const struct dump_part *p = ctx;

	if (off > p->file_len || len > p->file_len - off)
		return -ENODATA;
	while (len) {
		ssize_t n = pread(p->fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -EIO : -ENODATA;
		buf = (uint8_t *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

/* ---- reading a part's tables ---- */

static uint64_t digest(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * 0x100000001b3ull;
	return h;
}

/* Page descriptors of this part and of those in front; the bitmap goes into the digest. */
static int count_descs(struct dump_part *p, uint8_t *buf)
{
	const struct diskdump_head *h = &p->h;
	uint64_t before = 0, nr = 0, total = 0;

	for (uint64_t off = 0, len; off < h->bitmap_len; off += len) {
		const uint64_t pfn = off * 8;
		uint64_t first, behind, all;

		len = h->bitmap_len - off < COPY_BYTES ? h->bitmap_len - off : COPY_BYTES;
		if (part_pread(p, h->dumped_off + off, buf, len))
			return fail(-EIO, "%s: its table of pages is cut off or cannot be read", p->path);
		p->digest = digest(p->digest, buf, len);
		all = h->max_mapnr - pfn < len * 8 ? h->max_mapnr - pfn : len * 8;
		first = h->start_pfn > pfn ? h->start_pfn - pfn : 0;
		behind = h->limit_pfn > pfn ? h->limit_pfn - pfn : 0;
		first = first < all ? first : all;
		behind = behind < all ? behind : all;
		before += diskdump_count(buf, first);
		nr += diskdump_count(buf, behind) - diskdump_count(buf, first);
		total += diskdump_count(buf, all);
	}
	p->total = total;
	p->before = before;
	p->nr_descs = nr;
	return 0;
}

/* Pages lie behind the descriptors, one after the other: more than there are descriptors for is no data. */
static void find_data(struct dump_part *p)
{
	const uint64_t block = p->h.block_bytes, descs_len = p->nr_descs * DDP_BYTES;

	p->data_off = p->h.descs_off + descs_len;
	p->data_len = p->data_off > p->file_len ? 0 : p->file_len - p->data_off;
	if (p->data_len > (p->nr_descs + 1) * block + ERASEINFO_MAX)
		p->data_len = (p->nr_descs + 1) * block + ERASEINFO_MAX;
}

int dump_part_read(struct dump_part *p)
{
	uint8_t *buf = NULL;
	int err = diskdump_head_read(&p->h, part_pread, p, p->path);

	if (err)
		return fail_ctx(err, "%s", p->path);
	if (!p->h.split)
		return fail(-EINVAL, "%s: it is a whole dump, not a part of a split set", p->path);
	if (p->h.descs_off > p->file_len)
		return fail(-EINVAL, "%s: it is cut off before its first page", p->path);
	buf = malloc(COPY_BYTES);
	if (!buf)
		return fail(-ENOMEM, "out of memory for a buffer");
	p->digest = digest(0xcbf29ce484222325ull, p->h.utsname, sizeof(p->h.utsname));
	err = count_descs(p, buf);
	/* VMCOREINFO tells the build and the time of the crash. */
	if (!err && p->h.vmcoreinfo_len && p->h.vmcoreinfo_len <= COPY_BYTES) {
		if (part_pread(p, p->h.vmcoreinfo_off, buf, p->h.vmcoreinfo_len))
			err = fail(-EIO, "%s: its VMCOREINFO is cut off or cannot be read", p->path);
		else
			p->digest = digest(p->digest, buf, p->h.vmcoreinfo_len);
	}
	free(buf);
	if (!err)
		find_data(p);
	return err;
}

/* ---- do they belong together ---- */

static int by_start(const void *a, const void *b)
{
	const struct diskdump_head *ha = &((const struct dump_part *)a)->h, *hb = &((const struct dump_part *)b)->h;

	if (ha->start_pfn != hb->start_pfn)
		return ha->start_pfn < hb->start_pfn ? -1 : 1;
	return ha->limit_pfn < hb->limit_pfn ? -1 : ha->limit_pfn > hb->limit_pfn;
}

static int match(const struct dump_part *a, const struct dump_part *b)
{
	const struct diskdump_head *ha = &a->h, *hb = &b->h;
	const char *what = NULL;

	if (memcmp(ha->utsname, hb->utsname, sizeof(ha->utsname)))
		what = "kernel or machine";
	else if (ha->dump_level != hb->dump_level)
		what = "dump level";
	else if (ha->crash_time != hb->crash_time)
		what = "time";
	else if (ha->version != hb->version || ha->big_endian != hb->big_endian || ha->block_bytes != hb->block_bytes ||
		 ha->sub_blocks != hb->sub_blocks || ha->bitmap_blocks != hb->bitmap_blocks ||
		 ha->max_mapnr != hb->max_mapnr || ha->phys_base != hb->phys_base || a->digest != b->digest)
		what = "dump";
	if (!what)
		return 0;
	return fail(-EINVAL, "%s and %s are not parts of one set: they are of another %s", a->path, b->path, what);
}

static int missing(uint64_t first, uint64_t behind, bool partial, struct reassemble_result *result)
{
	if (!partial)
		return fail(-EINVAL, "the part with pages %#" PRIx64 " to %#" PRIx64 " is missing; --partial does "
			    "without it", first, behind - 1);
	if (result->complete)
		snprintf(result->why, sizeof(result->why), "the part with pages %#" PRIx64 " to %#" PRIx64
			 " is missing", first, behind - 1);
	result->complete = false;
	return 0;
}

int dump_parts_match(struct dump_part *p, size_t nr, bool partial, struct reassemble_result *result)
{
	uint64_t next = 0;

	for (size_t i = 1; i < nr; i++) {
		int err = match(&p[0], &p[i]);

		if (err)
			return err;
	}
	qsort(p, nr, sizeof(*p), by_start);
	for (size_t i = 0; i < nr; i++) {
		const struct diskdump_head *h = &p[i].h;
		int err = 0;

		/* A part without pages: there were fewer blocks of pages than files. */
		if (h->start_pfn == h->limit_pfn)
			continue;
		if (h->start_pfn < next)
			return fail(-EINVAL, "%s: its pages, from %#" PRIx64 " on, are in another part, too", p[i].path,
				    h->start_pfn);
		if (h->start_pfn > next)
			err = missing(next, h->start_pfn, partial, result);
		if (err)
			return err;
		next = h->limit_pfn;
	}
	return next < p[0].h.max_mapnr ? missing(next, p[0].h.max_mapnr, partial, result) : 0;
}

/* ---- writing ---- */

struct joining {
	struct sink *sink;
	struct reassemble_result *result;
	struct progress progress;
	uint8_t *buf;              /* COPY_BYTES */
	uint64_t done;
};

static void lost(struct joining *j, const char *path, const char *what)
{
	if (j->result->complete)
		snprintf(j->result->why, sizeof(j->result->why), "%s: %s", path, what);
	j->result->complete = false;
}

/* FROM..FROM+LEN of P to TO. What cannot be read stays zeros; *GOT: how much of it was copied, from the front. */
static int copy(struct joining *j, struct dump_part *p, uint64_t from, uint64_t to, uint64_t len, uint64_t *got)
{
	*got = 0;
	while (len) {
		size_t n = len < COPY_BYTES ? len : COPY_BYTES;
		int err = part_pread(p, from, j->buf, n);

		if (err)
			return 0;
		err = sink_write(j->sink, to, j->buf, n);
		if (err)
			return err;
		from += n;
		to += n;
		len -= n;
		*got += n;
		j->done += n;
		progress_step(&j->progress, "parts", j->done >> 12, j->sink->written);
	}
	return 0;
}

/* Headers and bitmaps of a part, as those of a whole dump that is not complete. */
static int write_tables(struct joining *j, struct dump_part *p, uint32_t status)
{
	const struct diskdump_head *h = &p->h;
	uint8_t sub[DDS_BYTES];
	uint8_t bytes[4];
	uint64_t got;
	int err = copy(j, p, 0, 0, h->descs_off, &got);

	if (!err && got < h->descs_off)
		err = fail(-EIO, "%s: its tables cannot be read", p->path);
	if (!err && part_pread(p, h->block_bytes, sub, sizeof(sub)))
		err = fail(-EIO, "%s: its second header cannot be read", p->path);
	if (err)
		return err;
	put_u32(sub + DDS_SPLIT, 0, h->big_endian);
	put_u64(sub + DDS_START_PFN, 0, h->big_endian);
	put_u64(sub + DDS_END_PFN, 0, h->big_endian);
	if (h->version >= 6) {
		put_u64(sub + DDS_START_PFN_64, 0, h->big_endian);
		put_u64(sub + DDS_END_PFN_64, 0, h->big_endian);
	}
	put_u32(bytes, status, h->big_endian);
	err = sink_write(j->sink, h->block_bytes, sub, h->version >= 6 ? DDS_BYTES : DDS_OFFSET_VMCOREINFO);
	return err ? err : sink_write(j->sink, DD_STATUS, bytes, sizeof(bytes));
}

/* One descriptor, whose pages were moved BY (modulo 2^64) and arrived up to BEHIND (in the part). */
static void move_desc(struct joining *j, const struct dump_part *p, uint8_t *desc, uint64_t by, uint64_t behind)
{
	uint64_t off = get_u64(desc + DDP_OFFSET, p->h.big_endian);
	uint32_t len = get_u32(desc + DDP_SIZE, p->h.big_endian);

	if (off >= p->data_off && off < behind && len && len <= p->h.block_bytes && len <= behind - off) {
		put_u64(desc + DDP_OFFSET, off + by, p->h.big_endian);
		return;
	}
	if (off)
		lost(j, p->path, "pages of it are cut off or damaged");
	memset(desc, 0, DDP_BYTES);
	j->result->lost++;
}

static int move_descs(struct joining *j, struct dump_part *p, uint64_t by, uint64_t behind)
{
	int err = 0;

	for (uint64_t idx = 0, nr; !err && idx < p->nr_descs; idx += nr) {
		const uint64_t off = p->h.descs_off + idx * DDP_BYTES;

		nr = p->nr_descs - idx < DESCS_AT_ONCE ? p->nr_descs - idx : DESCS_AT_ONCE;
		/* A file that is cut has the first ones. */
		if (off < p->file_len && p->file_len - off < nr * DDP_BYTES && p->file_len - off >= DDP_BYTES)
			nr = (p->file_len - off) / DDP_BYTES;
		if (part_pread(p, off, j->buf, nr * DDP_BYTES)) {
			lost(j, p->path, "it is cut short or cannot be read");
			j->result->lost += nr;
			continue;
		}
		for (uint64_t i = 0; i < nr; i++)
			move_desc(j, p, j->buf + i * DDP_BYTES, by, behind);
		err = sink_write(j->sink, p->h.descs_off + (p->before + idx) * DDP_BYTES, j->buf, nr * DDP_BYTES);
	}
	return err;
}

/* Pages first, then what points to them. *TO: where the pages go, then where the next part's go. */
static int add_part(struct joining *j, struct dump_part *p, uint64_t *to)
{
	uint64_t got;
	int err = copy(j, p, p->data_off, *to, p->data_len, &got);

	if (!err && got < p->data_len)
		lost(j, p->path, "it cannot be read any further");
	/* A full disk: what there is of it still counts. */
	if (!err)
		err = move_descs(j, p, *to - p->data_off, p->data_off + got);
	else if (move_descs(j, p, *to - p->data_off, p->data_off + got))
		return err;
	*to += p->data_len;
	if (p->h.status & DD_STATUS_INCOMPLETE)
		lost(j, p->path, "it is marked incomplete");
	return err;
}

/* Text on what was erased, of every part that says something else; it goes behind the pages. */
static int add_eraseinfo(struct joining *j, struct dump_part *p, size_t nr, uint64_t to)
{
	const struct diskdump_head *h = &p[0].h;
	uint64_t len = 0, last = 0;
	uint8_t bytes[8];
	int err = 0;

	for (size_t i = 0; !err && i < nr; i++) {
		const uint64_t n = p[i].h.eraseinfo_len;
		uint64_t same;

		if (!n)
			continue;
		if (n > ERASEINFO_MAX || part_pread(&p[i], p[i].h.eraseinfo_off, j->buf, n)) {
			warn("%s: the text on what was erased cannot be read", p[i].path);
			continue;
		}
		same = digest(0, j->buf, n);
		if (same == last)
			continue;
		last = same;
		err = sink_write(j->sink, to + len, j->buf, n);
		len += n;
	}
	if (err || !h->eraseinfo_len)
		return err;
	put_u64(bytes, len ? to : 0, h->big_endian);
	err = sink_write(j->sink, h->block_bytes + DDS_OFFSET_ERASEINFO, bytes, sizeof(bytes));
	put_u64(bytes, len, h->big_endian);
	return err ? err : sink_write(j->sink, h->block_bytes + DDS_SIZE_ERASEINFO, bytes, sizeof(bytes));
}

/* All parts; a full disk stops it, and what there is by then is a dump. */
static int add_parts(struct joining *j, struct dump_part *p, size_t nr)
{
	const struct diskdump_head *h = &p[0].h;
	uint64_t to = h->descs_off + p[0].total * DDP_BYTES;
	int err = sink_allocate(j->sink, h->descs_off, p[0].total * DDP_BYTES);

	/* Readers want something behind the tables. */
	if (!err)
		sink_extend(j->sink, to + h->block_bytes);
	if (err)
		return err;
	for (size_t i = 0; !err && i < nr; i++)
		err = add_part(j, &p[i], &to);
	if (!err)
		err = add_eraseinfo(j, p, nr, to);
	if (err) {
		if (j->result->complete)
			snprintf(j->result->why, sizeof(j->result->why), "%s", err_text());
		j->result->complete = false;
	}
	return sink_sync(j->sink);
}

int dump_parts_join(struct dump_part *p, size_t nr, struct sink *sink, struct reassemble_result *result, bool quiet)
{
	struct joining j = { .sink = sink, .result = result, .buf = malloc(COPY_BYTES) };
	uint32_t status = 0;
	uint64_t all = 0, found = 0;
	uint8_t bytes[4];
	int err;

	if (!j.buf)
		return fail(-ENOMEM, "out of memory for a buffer");
	for (size_t i = 0; i < nr; i++) {
		status |= p[i].h.status;
		all += p[i].data_len;
		found += p[i].nr_descs;
	}
	result->pages = p[0].total;
	result->lost = p[0].total - found;
	progress_init(&j.progress, quiet, all >> 12, 12);
	err = write_tables(&j, &p[0], status | DD_STATUS_INCOMPLETE);
	if (!err)
		err = add_parts(&j, p, nr);
	progress_stop(&j.progress);
	free(j.buf);
	if (err || !result->complete)
		return err;
	put_u32(bytes, status, p[0].h.big_endian);
	return sink_write(sink, DD_STATUS, bytes, sizeof(bytes));
}
