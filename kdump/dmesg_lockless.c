/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring that Linux 5.10 brought (kernel/printk/printk_ringbuffer.h): descriptors, an info record for each, and
 * blocks of text. A descriptor's state word holds its id, whose low bits are its place in the array, so that
 * descriptors vouch for themselves. Head and tail are not needed: no damage to them can make the walk long, or lose
 * a record.
 */
#include "kdump/dmesg_ring.h"
#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bits of sizes: log_buf_len= takes at most 2 GiB, and there is a descriptor for each 32 bytes of it. */
#define COUNT_BITS_MAX 26
#define COUNT_BITS_LEAST 3
#define SIZE_BITS_MAX 31
#define SIZE_BITS_LEAST 8
/* Of the structures; they have 24 and 88 bytes. */
#define STRUCT_BYTES_MAX 4096
#define NR_SAMPLES 64
#define DESCS_AT_ONCE 64
/* Of a record: its length is a u16; blocks are padded to words. */
#define TEXT_BYTES_MAX (65536 + 8)

enum { STATE_RESERVED, STATE_COMMITTED, STATE_FINALIZED, STATE_REUSABLE };

struct ring {
	struct vtop *vt;
	unsigned int width;        /* of a word */
	uint64_t id_mask;
	/* offsets */
	uint64_t desc_bytes, state, begin, next;
	uint64_t info_bytes, seq, ns, text_len, caller;
	bool has_caller, has_level;
	/* of this ring */
	uint64_t descs, infos, data;
	uint64_t head;             /* newest id; only breaks ties */
	uint32_t count_bits, size_bits;
	bool size_sure;
};

struct desc {
	uint64_t id;
	unsigned int state;
	uint64_t begin, next;
};

struct candidates {
	uint64_t *id;
	size_t nr, cap;
};

static uint64_t ring_word(const struct ring *r, const uint8_t *at)
{
	bool big_endian = r->vt->core->big_endian;

	return r->width == 4 ? get_u32(at, big_endian) : get_u64(at, big_endian);
}

static bool layout_descs(struct ring *r, const struct vmcoreinfo *vi)
{
	uint64_t counter, block;

	return vmcoreinfo_size(vi, "prb_desc", &r->desc_bytes) &&
	       vmcoreinfo_offset(vi, "prb_desc.state_var", &r->state) &&
	       vmcoreinfo_offset(vi, "atomic_long_t.counter", &counter) &&
	       vmcoreinfo_offset(vi, "prb_desc.text_blk_lpos", &block) &&
	       vmcoreinfo_offset(vi, "prb_data_blk_lpos.begin", &r->begin) &&
	       vmcoreinfo_offset(vi, "prb_data_blk_lpos.next", &r->next) && r->desc_bytes <= STRUCT_BYTES_MAX &&
	       counter < STRUCT_BYTES_MAX && block < STRUCT_BYTES_MAX && r->state < STRUCT_BYTES_MAX &&
	       r->begin < STRUCT_BYTES_MAX && r->next < STRUCT_BYTES_MAX &&
	       (r->state += counter) + r->width <= r->desc_bytes && (r->begin += block) + r->width <= r->desc_bytes &&
	       (r->next += block) + r->width <= r->desc_bytes;
}

static bool layout_infos(struct ring *r, const struct vmcoreinfo *vi)
{
	if (!vmcoreinfo_size(vi, "printk_info", &r->info_bytes) ||
	    !vmcoreinfo_offset(vi, "printk_info.seq", &r->seq) ||
	    !vmcoreinfo_offset(vi, "printk_info.ts_nsec", &r->ns) ||
	    !vmcoreinfo_offset(vi, "printk_info.text_len", &r->text_len) || r->info_bytes > STRUCT_BYTES_MAX ||
	    r->info_bytes < 8 || r->seq > r->info_bytes - 8 || r->ns > r->info_bytes - 8 ||
	    r->text_len > r->info_bytes - 2)
		return false;
	r->has_caller = vmcoreinfo_offset(vi, "printk_info.caller_id", &r->caller) && r->caller <= r->info_bytes - 4;
	/* Facility, and flags and level in a byte, have no offsets; they stand between the length and the caller. */
	r->has_level = r->has_caller && r->caller == r->text_len + 4;
	return true;
}

/* From the ring at VADDR: the three arrays and what it says about their sizes. */
static bool ring_find(struct ring *r, const struct vmcoreinfo *vi, uint64_t vaddr)
{
	uint64_t desc_ring, data_ring, count_bits, descs, infos, head, size_bits, data;

	return vmcoreinfo_offset(vi, "printk_ringbuffer.desc_ring", &desc_ring) &&
	       vmcoreinfo_offset(vi, "printk_ringbuffer.text_data_ring", &data_ring) &&
	       vmcoreinfo_offset(vi, "prb_desc_ring.count_bits", &count_bits) &&
	       vmcoreinfo_offset(vi, "prb_desc_ring.descs", &descs) &&
	       vmcoreinfo_offset(vi, "prb_desc_ring.infos", &infos) &&
	       vmcoreinfo_offset(vi, "prb_desc_ring.head_id", &head) &&
	       vmcoreinfo_offset(vi, "prb_data_ring.size_bits", &size_bits) &&
	       vmcoreinfo_offset(vi, "prb_data_ring.data", &data) &&
	       !vtop_read_u32(r->vt, vaddr + desc_ring + count_bits, &r->count_bits) &&
	       !vtop_read_word(r->vt, vaddr + desc_ring + descs, &r->descs) &&
	       !vtop_read_word(r->vt, vaddr + desc_ring + infos, &r->infos) &&
	       !vtop_read_word(r->vt, vaddr + desc_ring + head, &r->head) &&
	       !vtop_read_u32(r->vt, vaddr + data_ring + size_bits, &r->size_bits) &&
	       !vtop_read_word(r->vt, vaddr + data_ring + data, &r->data);
}

static bool ring_layout(struct ring *r, struct vtop *vt)
{
	*r = (struct ring){ .vt = vt, .width = vt->core->width };
	if (r->width != 4 && r->width != 8)
		return false;
	r->id_mask = r->width == 4 ? UINT32_MAX >> 2 : UINT64_MAX >> 2;
	return layout_descs(r, vt->vi) && layout_infos(r, vt->vi);
}

static void take_desc(const struct ring *r, const uint8_t *bytes, struct desc *d)
{
	uint64_t word = ring_word(r, bytes + r->state);

	d->id = word & r->id_mask;
	d->state = word >> (r->width * 8 - 2) & 3;
	d->begin = ring_word(r, bytes + r->begin);
	d->next = ring_word(r, bytes + r->next);
}

static bool read_desc(const struct ring *r, uint64_t idx, struct desc *d)
{
	uint8_t bytes[STRUCT_BYTES_MAX];

	if (vtop_read(r->vt, r->descs + idx * r->desc_bytes, bytes, r->desc_bytes))
		return false;
	take_desc(r, bytes, d);
	return true;
}

/*
 * Do the descriptors agree that there are 2^BITS? Each that was used at all has an id whose low bits are its place;
 * the very last one has from the start. Damage to a few does not matter.
 */
static bool count_fits(const struct ring *r, unsigned int bits)
{
	uint64_t count = 1ull << bits, step = count > NR_SAMPLES ? count / NR_SAMPLES : 1;
	unsigned int agree = 0, agree_above = 0, disagree = 0;

	for (uint64_t idx = 0; idx < count; idx += step) {
		/* The first ones, which are in use when the log is short, and some of all. */
		uint64_t places[] = { idx / step, idx + step - 1 };

		for (unsigned int i = 0; i < 2; i++) {
			struct desc d;

			if (!read_desc(r, places[i], &d))
				disagree++;
			else if (!d.id && !d.state)
				continue;
			else if ((d.id & (count - 1)) != places[i])
				disagree++;
			else if (places[i] < count / 2)
				agree++;
			else
				agree_above++;
		}
	}
	return agree_above && agree + agree_above > disagree * 15;
}

/* What the ring says, unless the array goes on behind it; else the most there can be. */
static bool find_count(struct ring *r)
{
	if (r->count_bits >= COUNT_BITS_LEAST && r->count_bits <= COUNT_BITS_MAX && count_fits(r, r->count_bits) &&
	    !(r->count_bits < COUNT_BITS_MAX && count_fits(r, r->count_bits + 1)))
		return true;
	for (unsigned int bits = COUNT_BITS_MAX; bits >= COUNT_BITS_LEAST; bits--) {
		if (!count_fits(r, bits))
			continue;
		debug("the log's ring says it has 2^%u descriptors; it has 2^%u", r->count_bits, bits);
		r->count_bits = bits;
		return true;
	}
	return false;
}

static int add_candidate(struct candidates *c, uint64_t id)
{
	if (c->nr == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 1024;
		uint64_t *grown = realloc(c->id, cap * sizeof(*grown));

		if (!grown)
			return fail(-ENOMEM, "no memory for a log of %zu records", cap);
		c->id = grown;
		c->cap = cap;
	}
	c->id[c->nr++] = id;
	return 0;
}

/* All descriptors that hold a record and stand where their id says. */
static int collect(struct dmesg_walk *w, const struct ring *r, struct candidates *c)
{
	uint64_t count = 1ull << r->count_bits;
	uint8_t *bytes = malloc(DESCS_AT_ONCE * r->desc_bytes);
	int err = 0;

	if (!bytes)
		return fail(-ENOMEM, "no memory to read the log");
	for (uint64_t first = 0; !err && first < count; first += DESCS_AT_ONCE) {
		uint64_t nr = count - first < DESCS_AT_ONCE ? count - first : DESCS_AT_ONCE;

		dmesg_read_holes(r->vt, r->descs + first * r->desc_bytes, bytes, nr * r->desc_bytes);
		for (uint64_t i = 0; !err && i < nr; i++) {
			struct desc d;

			take_desc(r, bytes + i * r->desc_bytes, &d);
			if ((d.id & (count - 1)) != first + i)
				w->result->nr_skipped += d.id || d.state;
			else if (d.state == STATE_COMMITTED || d.state == STATE_FINALIZED)
				err = add_candidate(c, d.id);
		}
	}
	free(bytes);
	return err;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Ids of one moment lie within COUNT of each other, around the top of their range too. Find the place from which
 * most do: one with a flipped bit stands apart. Of two such places
 * that one counts from which the head can be reached. *BASE is the first id.
 */
static void find_base(const struct ring *r, struct candidates *c, uint64_t *base)
{
	uint64_t count = 1ull << r->count_bits;
	size_t last = 0, most = 0, score;

	qsort(c->id, c->nr, sizeof(*c->id), by_value);
	for (size_t first = 0; first < c->nr; first++) {
		if (last < first)
			last = first;
		while (last + 1 < first + c->nr && ((c->id[(last + 1) % c->nr] - c->id[first]) & r->id_mask) < count)
			last++;
		score = 2 * (last - first + 1) + (((r->head - c->id[first]) & r->id_mask) < count);
		if (score > most) {
			most = score;
			*base = c->id[first];
		}
	}
}

/* Where D's text begins in the ring and how many bytes its block has for it. False: it has none, or cannot be. */
static bool block_of(const struct ring *r, unsigned int size_bits, const struct desc *d, uint64_t *at, uint64_t *len)
{
	uint64_t word_mask = r->width == 4 ? UINT32_MAX : UINT64_MAX, size = 1ull << size_bits, bytes;

	if ((d->begin | d->next) & (r->width - 1))
		return false;
	if (d->begin >> size_bits == d->next >> size_bits && d->begin < d->next) {
		*at = d->begin & (size - 1);
		bytes = d->next - d->begin;
	} else if (((d->begin + size) & word_mask) >> size_bits == d->next >> size_bits) {
		/* It would not have fitted before the ring's last byte: all of it is at the start. */
		*at = 0;
		bytes = d->next & (size - 1);
	} else {
		return false;
	}
	/* The id stands in front. */
	if (bytes < r->width)
		return false;
	*at += r->width;
	*len = bytes - r->width;
	return true;
}

static bool block_is_of(const struct ring *r, uint64_t text_at, uint64_t id)
{
	uint64_t word;

	return !vtop_read_word(r->vt, r->data + text_at - r->width, &word) && word == id;
}

/* Blocks begin with their descriptor's id, which tells whether SIZE_BITS can be. */
static bool size_fits(const struct ring *r, const struct candidates *c, unsigned int size_bits)
{
	size_t step = c->nr > NR_SAMPLES ? c->nr / NR_SAMPLES : 1;
	unsigned int agree = 0, disagree = 0;

	for (size_t i = 0; i < c->nr; i += step) {
		struct desc d;
		uint64_t at, len, id;

		if (!read_desc(r, c->id[i] & ((1ull << r->count_bits) - 1), &d) || (d.begin & d.next & 1))
			continue;
		if (!block_of(r, size_bits, &d, &at, &len))
			disagree++;
		else if (!vtop_read_word(r->vt, r->data + at - r->width, &id))
			*(id == d.id ? &agree : &disagree) += 1;
	}
	return agree > disagree;
}

static bool find_size(struct ring *r, const struct candidates *c)
{
	bool possible = r->size_bits >= SIZE_BITS_LEAST && r->size_bits <= SIZE_BITS_MAX;

	r->size_sure = true;
	if (possible && size_fits(r, c, r->size_bits))
		return true;
	for (unsigned int bits = SIZE_BITS_MAX; bits >= SIZE_BITS_LEAST; bits--) {
		if (!size_fits(r, c, bits))
			continue;
		debug("the log's ring says it has 2^%u bytes of text; it has 2^%u", r->size_bits, bits);
		r->size_bits = bits;
		return true;
	}
	r->size_sure = false;
	return possible;
}

static void take_info(const struct ring *r, const uint8_t *bytes, struct dmesg_line *line, uint64_t *text_len)
{
	bool big_endian = r->vt->core->big_endian;

	line->seq = get_u64(bytes + r->seq, big_endian);
	line->ns = get_u64(bytes + r->ns, big_endian);
	*text_len = get_u16(bytes + r->text_len, big_endian);
	if (r->has_caller)
		line->caller = get_u32(bytes + r->caller, big_endian);
	if (r->has_level) {
		line->facility = bytes[r->text_len + 2];
		line->level = big_endian ? bytes[r->text_len + 3] & 7 : bytes[r->text_len + 3] >> 5;
	}
}

static int skip(struct dmesg_walk *w)
{
	w->result->nr_skipped++;
	return 0;
}

/* One record. Without a believable text it is passed over; without an info record the text is still worth having. */
static int emit_record(struct dmesg_walk *w, const struct ring *r, uint64_t id, struct blob *text)
{
	struct dmesg_line line = { .ns = DMESG_NO_TIME, .caller = DMESG_NO_CALLER, .level = DMESG_NO_LEVEL };
	uint64_t idx = id & ((1ull << r->count_bits) - 1), at = 0, room = 0, text_len = UINT64_MAX;
	uint8_t info[STRUCT_BYTES_MAX];
	struct desc d;
	int err;

	if (!read_desc(r, idx, &d))
		return skip(w);
	if (!vtop_read(r->vt, r->infos + idx * r->info_bytes, info, r->info_bytes))
		take_info(r, info, &line, &text_len);
	else
		w->result->nr_skipped++;
	/* Two odd positions: no block. 3 is an empty line; 1, a text that found no room. */
	if (d.begin & d.next & 1) {
		if (d.begin != 3 || d.next != 3)
			return 0;
	} else if (!block_of(r, r->size_bits, &d, &at, &room) || room > TEXT_BYTES_MAX) {
		return skip(w);
	}
	text->len = 0;
	err = blob_reserve(text, room);
	if (err)
		return err;
	if (room && (vtop_read(r->vt, r->data + at, text->data, room) || (!r->size_sure && !block_is_of(r, at, d.id))))
		return skip(w);
	/* Only a damaged info record says more than the block holds, or nothing of a block that is there. */
	if (text_len > room || (room && !text_len))
		text_len = room ? strnlen((const char *)text->data, room) : 0;
	line.text = room ? (const char *)text->data : "";
	line.len = text_len;
	return dmesg_line(w, &line);
}

static int walk(struct dmesg_walk *w, struct ring *r, struct candidates *c)
{
	uint64_t base = 0, count;
	struct blob text;
	size_t start = 0;
	int err = find_count(r) ? collect(w, r, c) : -ENODATA;

	if (err)
		return err;
	if (!c->nr)
		return -ENODATA;
	find_base(r, c, &base);
	if (!find_size(r, c))
		return -ENODATA;
	count = 1ull << r->count_bits;
	while (c->id[start] != base)
		start++;
	blob_init(&text);
	for (size_t i = 0; !err && i < c->nr; i++) {
		uint64_t id = c->id[(start + i) % c->nr];

		if (((id - base) & r->id_mask) < count)
			err = emit_record(w, r, id, &text);
		else
			w->result->nr_skipped++;
	}
	blob_deinit(&text);
	return err || w->result->nr_lines ? err : -ENODATA;
}

/* The pointer in use, and where the ring is that the kernel starts with, should the pointer be damaged. */
static unsigned int ring_addresses(struct vtop *vt, uint64_t addresses[2])
{
	unsigned int nr = 0;

	nr += dmesg_word_at(vt, "prb", &addresses[nr]);
	nr += vmcoreinfo_symbol(vt->vi, "printk_rb_static", &addresses[nr]);
	return nr;
}

int dmesg_lockless(struct dmesg_walk *w)
{
	uint64_t addresses[2];
	unsigned int nr = ring_addresses(w->vt, addresses);
	int err = -ENODATA;

	for (unsigned int i = 0; err == -ENODATA && !w->result->nr_lines && i < nr; i++) {
		struct candidates c = { 0 };
		struct ring r;

		if (!ring_layout(&r, w->vt))
			return -ENODATA;
		if (ring_find(&r, w->vt->vi, addresses[i]))
			err = walk(w, &r, &c);
		free(c.id);
	}
	return err;
}

bool dmesg_lockless_text(struct vtop *vt, uint64_t *vaddr, uint64_t *len)
{
	uint64_t addresses[2];
	unsigned int nr = ring_addresses(vt, addresses);

	for (unsigned int i = 0; i < nr; i++) {
		struct ring r;
		uint8_t byte;

		if (!ring_layout(&r, vt))
			return false;
		if (!ring_find(&r, vt->vi, addresses[i]) || vtop_read(vt, r.data, &byte, 1))
			continue;
		*vaddr = r.data;
		/* A size that cannot be: as much as most kernels have. */
		if (r.size_bits < SIZE_BITS_LEAST || r.size_bits > SIZE_BITS_MAX)
			r.size_bits = 20;
		*len = 1ull << r.size_bits;
		return true;
	}
	return false;
}
