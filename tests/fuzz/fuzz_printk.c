/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's log in memory that anything may have happened to. First byte: bits 0 and 1 the format (lockless
 * ring, record ring, byte ring), bit 2 the byte order. The rest is the memory: variables and ring at its start, as
 * the VMCOREINFO below says.
 */
#include "kdump/dmesg.h"
#include "tests/fuzz/fuzz_core.h"

static const char *const infos[] = {
	"NUMBER(phys_base)=0\nSYMBOL(prb)=ffffffff80001000\nSYMBOL(printk_rb_static)=ffffffff80001008\n"
	"OFFSET(printk_ringbuffer.desc_ring)=0\nOFFSET(printk_ringbuffer.text_data_ring)=48\n"
	"OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
	"OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\n"
	"OFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\n"
	"OFFSET(prb_data_blk_lpos.begin)=0\nOFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=24\n"
	"OFFSET(printk_info.seq)=0\nOFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\n"
	"OFFSET(printk_info.caller_id)=20\nOFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n"
	"OFFSET(atomic_long_t.counter)=0\n",
	"NUMBER(phys_base)=0\nSYMBOL(log_buf)=ffffffff80001000\nSYMBOL(log_buf_len)=ffffffff80001008\n"
	"SYMBOL(log_first_idx)=ffffffff8000100c\nSYMBOL(log_next_idx)=ffffffff80001010\nSIZE(printk_log)=20\n"
	"OFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\nOFFSET(printk_log.text_len)=10\n"
	"OFFSET(printk_log.dict_len)=12\nOFFSET(printk_log.caller_id)=16\n",
	("NUMBER(phys_base)=0\nSYMBOL(log_buf)=ffffffff80001000\nSYMBOL(log_buf_len)=ffffffff80001008\n"
	 "SYMBOL(log_end)=ffffffff8000100c\nSYMBOL(logged_chars)=ffffffff80001010\n"),
	/* What a ring of records looks like to a reader that knows only its buffer. */
	"NUMBER(phys_base)=0\nSYMBOL(log_buf)=ffffffff80001000\nSYMBOL(log_buf_len)=ffffffff80001008\n",
};

struct sum {
	struct blob text;
	uint64_t nr;
};

static int emit(void *ctx, const struct dmesg_line *line)
{
	struct sum *s = ctx;

	s->nr++;
	s->text.len = 0;
	/* A record's length is a u16; a scan's or byte ring's line is as long as the buffer at most. */
	if (line->len > 64u << 20)
		abort();
	return dmesg_format(line, DMESG_CALLERS | DMESG_LEVELS, &s->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dmesg_result result;
	struct fuzz_core f;
	struct sum s = { 0 };
	int err;

	if (size < 1)
		return 0;
	fuzz_core_init(&f, infos[data[0] & 3], data + 1, size - 1, data[0] & 4);
	blob_init(&s.text);
	err = dmesg_read(&f.vt, emit, &s, &result);
	if (err && err != -ENODATA)
		abort();
	if (s.nr != result.nr_lines || (!err && (!s.nr || !result.format)))
		abort();
	/* Each line stands for bytes of the input: bounded work. */
	if (s.nr > size || f.reads > 500000 + 64 * size)
		abort();
	blob_deinit(&s.text);
	fuzz_core_deinit(&f);
	return 0;
}
