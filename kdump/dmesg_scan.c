/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last resort: what of the log's buffer looks like text, in the order in which it lies there. No times, no
 * order of events, but what a kernel said last is usually among it.
 */
#include "kdump/dmesg_ring.h"
#include "kdump/ksyms.h"
#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Shorter runs of printable bytes are more often chance than text. */
#define RUN_LEAST 6

static bool printable(uint8_t c)
{
	return c == '\t' || c == '\n' || (c >= 0x20 && c < 0x7f);
}

/*
 * Where the buffer is: what the lockless ring says of its text, or what older kernels call log_buf. Kernels that do
 * not export that have it among their symbols.
 */
static bool find_buffer(struct vtop *vt, uint64_t *vaddr, uint64_t *len)
{
	uint64_t pointer, size_at;
	struct ksyms *s;
	uint32_t size;
	bool found;

	if (dmesg_lockless_text(vt, vaddr, len))
		return true;
	if (dmesg_word_at(vt, "log_buf", vaddr) && dmesg_u32_at(vt, "log_buf_len", &size)) {
		*len = size;
		return true;
	}
	if (ksyms_open(&s, vt))
		return false;
	found = !ksyms_find(s, "log_buf", &pointer) && !vtop_read_word(vt, pointer, vaddr) &&
		!ksyms_find(s, "log_buf_len", &size_at) && !vtop_read_u32(vt, size_at, &size);
	if (found)
		*len = size;
	ksyms_close(s);
	return found;
}

/*
 * The text a record ring's or lockless ring's header touches: ids of both begin with ones, whose last byte is a
 * question mark.
 */
static size_t id_bytes(const uint8_t *buf, size_t at)
{
	return buf[at] == '?' && at % 8 == 7 && at >= 2 && buf[at - 1] == 0xff && buf[at - 2] == 0xff;
}

int dmesg_scan(struct dmesg_walk *w)
{
	struct dmesg_line line = { .ns = DMESG_NO_TIME, .caller = DMESG_NO_CALLER, .level = DMESG_NO_LEVEL };
	uint64_t vaddr, len;
	uint8_t *buf;
	size_t there;
	int err;

	if (!find_buffer(w->vt, &vaddr, &len) || !len)
		return -ENODATA;
	err = dmesg_load(w->vt, vaddr, len < DMESG_BUFFER_MAX ? len : DMESG_BUFFER_MAX, &buf, &there);
	if (err)
		return err;
	for (size_t at = 0; !err && at < there;) {
		size_t n = 0;

		at += id_bytes(buf, at);
		while (at + n < there && printable(buf[at + n]))
			n++;
		if (n >= RUN_LEAST) {
			line.text = (const char *)buf + at;
			line.len = n;
			err = dmesg_line(w, &line);
			line.seq++;
		}
		at += n + 1;
	}
	free(buf);
	return err || w->result->nr_lines ? err : -ENODATA;
}
