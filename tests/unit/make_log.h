/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel logs in a memcore, written as the kernels write them: the lockless ring, the record ring, the byte ring.
 * The memory is an x86_64 kernel image at physical 0, so that LOG_VADDR(paddr) is where something is.
 */
#ifndef TESTS_UNIT_MAKE_LOG_H
#define TESTS_UNIT_MAKE_LOG_H

#include "tests/unit/memcore.h"

#include <inttypes.h>

#define LOG_VADDR(paddr) (0xffffffff80000000ull + (paddr))

/* VMCOREINFO of a 6.1 kernel, but for where the ring is: the pointer at 0x1000, the ring at 0x2000. */
#define LOCKLESS_INFO                                                                                   \
	"NUMBER(phys_base)=0\nSYMBOL(prb)=ffffffff80001000\nSYMBOL(printk_rb_static)=ffffffff80002000\n" \
	"OFFSET(printk_ringbuffer.desc_ring)=0\nOFFSET(printk_ringbuffer.text_data_ring)=48\n"          \
	"OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\n"                          \
	"OFFSET(prb_desc_ring.infos)=16\n"                                                             \
	"OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\n"       \
	"OFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\n"                              \
	"OFFSET(prb_data_blk_lpos.begin)=0\nOFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\n"   \
	"OFFSET(printk_info.seq)=0\nOFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\n"   \
	"OFFSET(printk_info.caller_id)=20\nOFFSET(prb_data_ring.size_bits)=0\n"                        \
	"OFFSET(prb_data_ring.data)=8\n"                                                               \
	"OFFSET(atomic_long_t.counter)=0\n"

#define LOCKLESS_PRB 0x1000
#define LOCKLESS_RING 0x2000
#define LOCKLESS_DESCS 0x100000
#define LOCKLESS_INFOS 0x200000
#define LOCKLESS_DATA 0x300000

struct lockless {
	struct memcore *m;
	unsigned int count_bits, size_bits;
	uint64_t id, seq, lpos;    /* of the newest record; of the next; of the next block */
	uint64_t tail_seq;         /* oldest record that still has its text */
	uint64_t begin[1 << 10];   /* lpos of each record by seq, modulo */
};

enum { LOG_RESERVED, LOG_COMMITTED, LOG_FINALIZED, LOG_REUSABLE };
#define LOG_STATE(id, state) (((id) & UINT64_MAX >> 2) | (uint64_t)(state) << 62)

static inline void lockless_ring(struct lockless *l)
{
	uint64_t count = 1ull << l->count_bits;

	memcore_u32(l->m, LOCKLESS_RING, l->count_bits);
	memcore_u64(l->m, LOCKLESS_RING + 8, LOG_VADDR(LOCKLESS_DESCS));
	memcore_u64(l->m, LOCKLESS_RING + 16, LOG_VADDR(LOCKLESS_INFOS));
	memcore_u64(l->m, LOCKLESS_RING + 24, l->id & UINT64_MAX >> 2);
	memcore_u64(l->m, LOCKLESS_RING + 32, (l->id - (l->seq < count ? l->seq : count - 1)) & UINT64_MAX >> 2);
	memcore_u32(l->m, LOCKLESS_RING + 48, l->size_bits);
	memcore_u64(l->m, LOCKLESS_RING + 56, LOG_VADDR(LOCKLESS_DATA));
	memcore_u64(l->m, LOCKLESS_RING + 64, l->lpos);
	memcore_u64(l->m, LOCKLESS_PRB, LOG_VADDR(LOCKLESS_RING));
}

static inline void lockless_start(struct lockless *l, struct memcore *m, unsigned int count_bits,
				  unsigned int size_bits)
{
	uint64_t count = 1ull << count_bits;

	*l = (struct lockless){ .m = m, .count_bits = count_bits, .size_bits = size_bits };
	l->id = -(count + 1);
	l->lpos = -(1ull << size_bits);
	for (uint64_t at = 0; at < count * 24; at += 8)
		memcore_u64(m, LOCKLESS_DESCS + at, 0);
	for (uint64_t at = 0; at < count * 88; at += 8)
		memcore_u64(m, LOCKLESS_INFOS + at, 0);
	for (uint64_t at = 0; at < 1ull << size_bits; at += 8)
		memcore_u64(m, LOCKLESS_DATA + at, 0);
	memcore_u64(m, LOCKLESS_DESCS + (count - 1) * 24, LOG_STATE(l->id, LOG_REUSABLE));
	memcore_u64(m, LOCKLESS_DESCS + (count - 1) * 24 + 8, 1);
	memcore_u64(m, LOCKLESS_DESCS + (count - 1) * 24 + 16, 1);
	lockless_ring(l);
}

/* A record in STATE; the oldest ones whose text it needs, or whose descriptor, become reusable. */
static inline void lockless_put(struct lockless *l, uint64_t ns, unsigned int level, uint32_t caller, const char *text,
				unsigned int state)
{
	uint64_t size = 1ull << l->size_bits, count = 1ull << l->count_bits, len = strlen(text);
	uint64_t idx, begin = 3, next = 3;
	uint8_t info[24] = { 0 };

	l->id++;
	idx = l->id & (count - 1);
	if (len) {
		uint64_t bytes = (len + 8 + 7) & ~7ull, at;

		begin = l->lpos;
		next = begin + bytes;
		at = begin & (size - 1);
		if (begin >> l->size_bits != next >> l->size_bits) {
			next = (next & ~(size - 1)) + bytes;
			at = 0;
			memcore_u64(l->m, LOCKLESS_DATA + (begin & (size - 1)), l->id & UINT64_MAX >> 2);
		}
		l->lpos = next;
		memcore_u64(l->m, LOCKLESS_DATA + at, l->id & UINT64_MAX >> 2);
		memcore_write(l->m, LOCKLESS_DATA + at + 8, text, len);
	}
	l->begin[l->seq % 1024] = begin & 1 ? l->lpos : begin;
	while (l->tail_seq < l->seq &&
	       (l->seq - l->tail_seq >= count || l->lpos - l->begin[l->tail_seq % 1024] > size)) {
		uint64_t old = l->id - (l->seq - l->tail_seq);

		memcore_u64(l->m, LOCKLESS_DESCS + (old & (count - 1)) * 24, LOG_STATE(old, LOG_REUSABLE));
		l->tail_seq++;
	}
	memcore_u64(l->m, LOCKLESS_DESCS + idx * 24, LOG_STATE(l->id, state));
	memcore_u64(l->m, LOCKLESS_DESCS + idx * 24 + 8, begin);
	memcore_u64(l->m, LOCKLESS_DESCS + idx * 24 + 16, next);
	put_u64(info, l->seq, false);
	put_u64(info + 8, ns, false);
	put_u16(info + 16, len, false);
	info[18] = level >> 3;
	info[19] = (level & 7) << 5 | 9;
	put_u32(info + 20, caller, false);
	memcore_write(l->m, LOCKLESS_INFOS + idx * 88, info, sizeof(info));
	l->seq++;
	lockless_ring(l);
}

/* Linux 3.5 to 5.9: variables at 0x1000, the buffer at 0x100000. */
#define RECORDS_INFO                                                                                    \
	"NUMBER(phys_base)=0\nSYMBOL(log_buf)=ffffffff80001000\nSYMBOL(log_buf_len)=ffffffff80001008\n" \
	"SYMBOL(log_first_idx)=ffffffff8000100c\nSYMBOL(log_next_idx)=ffffffff80001010\n"              \
	"SIZE(printk_log)=16\n"                                                                        \
	"OFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\nOFFSET(printk_log.text_len)=10\n"      \
	"OFFSET(printk_log.dict_len)=12\n"
#define RECORDS_VARS 0x1000
#define RECORDS_BUF 0x100000

struct record_ring {
	struct memcore *m;
	uint32_t len, first, next;
	uint32_t header;
	bool wrapped;
};

static inline void records_vars(struct record_ring *r)
{
	memcore_u64(r->m, RECORDS_VARS, LOG_VADDR(RECORDS_BUF));
	memcore_u32(r->m, RECORDS_VARS + 8, r->len);
	memcore_u32(r->m, RECORDS_VARS + 12, r->first);
	memcore_u32(r->m, RECORDS_VARS + 16, r->next);
}

static inline void records_start(struct record_ring *r, struct memcore *m, uint32_t len, uint32_t header)
{
	*r = (struct record_ring){ .m = m, .len = len, .header = header };
	for (uint32_t at = 0; at < len; at += 8)
		memcore_u64(m, RECORDS_BUF + at, 0);
	records_vars(r);
}

static inline uint16_t records_u16(struct record_ring *r, uint32_t at)
{
	return get_u16(&memcore_page(r->m, RECORDS_BUF + at, true)->bytes[(RECORDS_BUF + at) % MEMCORE_PAGE], false);
}

static inline void records_put(struct record_ring *r, uint64_t ns, unsigned int level, const char *text,
			       const char *dict)
{
	uint32_t bytes = (r->header + strlen(text) + strlen(dict) + 3) & ~3u;
	uint8_t header[32] = { 0 };

	/* Make room: drop the oldest until the record and a header of zeros fit. */
	for (;;) {
		uint32_t room;

		if (r->next > r->first || (r->next == r->first && !r->wrapped))
			room = r->len - r->next > r->first ? r->len - r->next : r->first;
		else
			room = r->first - r->next;
		if (room >= bytes + r->header)
			break;
		if (!records_u16(r, r->first + 8))
			r->first = 0;
		else
			r->first += records_u16(r, r->first + 8);
		if (r->len - r->first < r->header || !records_u16(r, r->first + 8))
			r->first = 0;
		r->wrapped = r->next <= r->first;
	}
	if (r->next + bytes + r->header > r->len) {
		memcore_write(r->m, RECORDS_BUF + r->next, header, r->header);
		r->next = 0;
		r->wrapped = true;
	}
	put_u64(header, ns, false);
	put_u16(header + 8, bytes, false);
	put_u16(header + 10, strlen(text), false);
	put_u16(header + 12, strlen(dict), false);
	header[14] = level >> 3;
	header[15] = (level & 7) << 5 | 6;
	if (r->header >= 20)
		put_u32(header + 16, 0x80000001, false);
	memcore_write(r->m, RECORDS_BUF + r->next, header, r->header);
	memcore_write(r->m, RECORDS_BUF + r->next + r->header, text, strlen(text));
	memcore_write(r->m, RECORDS_BUF + r->next + r->header + strlen(text), dict, strlen(dict));
	r->next += bytes;
	records_vars(r);
}

/* Before Linux 3.5. */
#define BYTES_INFO                                                                                      \
	"NUMBER(phys_base)=0\nSYMBOL(log_buf)=ffffffff80001000\nSYMBOL(log_buf_len)=ffffffff80001008\n" \
	"SYMBOL(log_end)=ffffffff8000100c\nSYMBOL(logged_chars)=ffffffff80001010\n"

static inline void bytes_put(struct memcore *m, uint32_t len, const char *text)
{
	uint32_t chars = strlen(text);

	memcore_u64(m, RECORDS_VARS, LOG_VADDR(RECORDS_BUF));
	memcore_u32(m, RECORDS_VARS + 8, len);
	memcore_u32(m, RECORDS_VARS + 12, chars);
	memcore_u32(m, RECORDS_VARS + 16, chars < len ? chars : len);
	for (uint32_t i = 0; i < len; i++)
		memcore_write(m, RECORDS_BUF + i, "", 1);
	for (uint32_t i = 0; i < chars; i++)
		memcore_write(m, RECORDS_BUF + (i & (len - 1)), text + i, 1);
}

#endif
