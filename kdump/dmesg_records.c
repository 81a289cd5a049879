/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring of Linux 3.5 to 5.9 (struct printk_log in kernel/printk/printk.c, struct log before 3.11): records of a
 * header, a text and a dictionary, one behind the other; a header of length 0 says that the next is at the start of
 * the buffer.
 */
#include "kdump/dmesg_ring.h"
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_ALIGN 4
#define HEADER_BYTES_MAX 256

struct records {
	const uint8_t *buf;
	uint32_t len;
	bool big_endian;
	/* offsets */
	uint64_t header, ns, rec_len, text_len, dict_len, caller;
	bool has_dict, has_caller;
};

struct record {
	uint64_t ns;
	uint16_t len, text_len, dict_len;
};

/* Offset of a member of BYTES that lies inside the header. */
static bool field(const struct vmcoreinfo *vi, const char *type, const char *name, uint64_t header, uint64_t bytes,
		  uint64_t *off)
{
	char key[64];

	snprintf(key, sizeof(key), "%s.%s", type, name);
	return vmcoreinfo_offset(vi, key, off) && *off <= header && header - *off >= bytes;
}

static bool layout(struct records *r, const struct vmcoreinfo *vi)
{
	static const char *const types[] = { "printk_log", "log" };

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!vmcoreinfo_size(vi, types[i], &r->header) || r->header > HEADER_BYTES_MAX ||
		    !field(vi, types[i], "ts_nsec", r->header, 8, &r->ns) ||
		    !field(vi, types[i], "len", r->header, 2, &r->rec_len) ||
		    !field(vi, types[i], "text_len", r->header, 2, &r->text_len))
			continue;
		r->has_dict = field(vi, types[i], "dict_len", r->header, 4, &r->dict_len);
		r->has_caller = field(vi, types[i], "caller_id", r->header, 4, &r->caller);
		return true;
	}
	return false;
}

/* The header at AT, if a record can be there. */
static bool record_at(const struct records *r, uint32_t at, struct record *rec)
{
	uint64_t used;

	if (at > r->len || r->len - at < r->header)
		return false;
	rec->ns = get_u64(r->buf + at + r->ns, r->big_endian);
	rec->len = get_u16(r->buf + at + r->rec_len, r->big_endian);
	rec->text_len = get_u16(r->buf + at + r->text_len, r->big_endian);
	rec->dict_len = r->has_dict ? get_u16(r->buf + at + r->dict_len, r->big_endian) : 0;
	used = r->header + rec->text_len + rec->dict_len;
	return !(rec->len % RECORD_ALIGN) && rec->len <= r->len - at && rec->len >= used &&
	       (!r->has_dict || rec->len - used < 2 * sizeof(uint64_t));
}

/* Is this where the kernel started over? A header of zeros, or no room for one. */
static bool wraps_at(const struct records *r, uint32_t at)
{
	if (at > r->len || r->len - at < r->header)
		return true;
	for (uint32_t i = 0; i < r->header; i++)
		if (r->buf[at + i])
			return false;
	return true;
}

static int emit_record(struct dmesg_walk *w, const struct records *r, uint32_t at, const struct record *rec,
		       uint64_t seq)
{
	struct dmesg_line line = {
		.seq = seq, .ns = rec->ns, .caller = DMESG_NO_CALLER, .level = DMESG_NO_LEVEL,
		.text = (const char *)r->buf + at + r->header, .len = rec->text_len,
	};

	/* Facility, and flags and level in a byte, follow the three lengths. */
	if (r->has_dict && r->dict_len == r->text_len + 2 && r->dict_len + 4 <= r->header) {
		uint8_t bits = r->buf[at + r->dict_len + 3];

		line.facility = r->buf[at + r->dict_len + 2];
		line.level = r->big_endian ? bits & 7 : bits >> 5;
	}
	if (r->has_caller)
		line.caller = get_u32(r->buf + at + r->caller, r->big_endian);
	return dmesg_line(w, &line);
}

/*
 * From FIRST until NEXT, or once around when NEXT is never met. Where no record can be, on in steps of the
 * alignment to where one can: so damage costs the record it hit. Every step goes forward, and the way is as long as
 * the buffer.
 */
static int walk(struct dmesg_walk *w, const struct records *r, uint32_t first, uint32_t next)
{
	uint64_t way = 0, seq = 0;
	uint32_t at = first;
	bool lost = false;
	int err = 0;

	while (!err && way < r->len && (at != next || !way)) {
		struct record rec;
		uint32_t step = RECORD_ALIGN;

		if (wraps_at(r, at)) {
			way += at < r->len ? r->len - at : 1;
			at = 0;
			continue;
		}
		if (record_at(r, at, &rec)) {
			err = emit_record(w, r, at, &rec, seq++);
			step = rec.len;
			lost = false;
		} else {
			w->result->nr_skipped += !lost;
			lost = true;
		}
		at += step;
		way += step;
	}
	return err;
}

int dmesg_records(struct dmesg_walk *w)
{
	struct records r = { .big_endian = w->vt->core->big_endian };
	uint32_t first = 0, next = 0;
	struct record rec;
	uint64_t vaddr;
	uint8_t *buf;
	int err;

	if (!layout(&r, w->vt->vi) || !dmesg_word_at(w->vt, "log_buf", &vaddr) ||
	    !dmesg_u32_at(w->vt, "log_buf_len", &r.len) ||
	    !dmesg_u32_at(w->vt, "log_first_idx", &first) || !dmesg_u32_at(w->vt, "log_next_idx", &next))
		return -ENODATA;
	if (r.len < r.header || r.len > DMESG_BUFFER_MAX)
		return -ENODATA;
	err = dmesg_load(w->vt, vaddr, r.len, &buf, NULL);
	if (err)
		return err;
	r.buf = buf;
	/* A first index that cannot be: the oldest record is somewhere behind the newest. */
	if (first % RECORD_ALIGN || !record_at(&r, first, &rec)) {
		w->result->nr_skipped++;
		first = next % RECORD_ALIGN || next > r.len ? 0 : next;
	}
	err = walk(w, &r, first, next);
	free(buf);
	return err || w->result->nr_lines ? err : -ENODATA;
}
