/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring of Linux before 3.5: text, with "<6>" in front of a line and, where it was configured, the time in
 * brackets. log_end counts all characters ever written, logged_chars how many of them are there.
 */
#include "kdump/dmesg_ring.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "[   12.345678] ": seconds and microseconds. */
static bool take_time(struct text *t, uint64_t *ns)
{
	struct text at = *t;
	uint64_t seconds, micros;
	size_t before;

	if (!text_take(&at, "["))
		return false;
	text_blanks(&at);
	if (!text_u64(&at, 10, &seconds) || !text_take(&at, "."))
		return false;
	before = at.len;
	if (!text_u64(&at, 10, &micros) || before - at.len != 6 || !text_take(&at, "]") ||
	    seconds > UINT64_MAX / 1000000000 - 1)
		return false;
	text_take(&at, " ");
	*ns = seconds * 1000000000 + micros * 1000;
	*t = at;
	return true;
}

static void take_level(struct text *t, struct dmesg_line *line)
{
	struct text at = *t;
	uint64_t value;

	if (!text_take(&at, "<") || !text_u64(&at, 10, &value) || !text_take(&at, ">") || value > 255 * 8 + 7)
		return;
	line->facility = value >> 3;
	line->level = value & 7;
	*t = at;
}

int dmesg_bytes(struct dmesg_walk *w)
{
	uint32_t len, log_end, chars, from, straight;
	uint64_t vaddr, seq = 0;
	struct text rest, one;
	uint8_t *ring;
	char *text;
	int err;

	if (!dmesg_word_at(w->vt, "log_buf", &vaddr) || !dmesg_u32_at(w->vt, "log_buf_len", &len) ||
	    !dmesg_u32_at(w->vt, "log_end", &log_end) || !dmesg_u32_at(w->vt, "logged_chars", &chars))
		return -ENODATA;
	/* The kernel masks positions with the length. */
	if (!len || len > DMESG_BUFFER_MAX || len & (len - 1))
		return -ENODATA;
	if (chars > len)
		chars = len;
	err = dmesg_load(w->vt, vaddr, len, &ring, NULL);
	if (err)
		return err;
	text = malloc(chars ? chars : 1);
	if (!text) {
		free(ring);
		return fail(-ENOMEM, "no memory for a log of %u bytes", len);
	}
	from = (log_end - chars) & (len - 1);
	straight = chars < len - from ? chars : len - from;
	memcpy(text, ring + from, straight);
	memcpy(text + straight, ring, chars - straight);
	free(ring);
	rest = text_of(text, chars);
	while (!err && text_line(&rest, &one)) {
		struct dmesg_line line = {
			.seq = seq++, .ns = DMESG_NO_TIME, .caller = DMESG_NO_CALLER, .level = DMESG_NO_LEVEL,
		};

		/* What could not be read, or was never written. */
		while (one.len && !*one.at) {
			one.at++;
			one.len--;
		}
		take_level(&one, &line);
		take_time(&one, &line.ns);
		line.text = one.at;
		line.len = one.len;
		if (line.len || line.level != DMESG_NO_LEVEL)
			err = dmesg_line(w, &line);
	}
	free(text);
	return err || w->result->nr_lines ? err : -ENODATA;
}
