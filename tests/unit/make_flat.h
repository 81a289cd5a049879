/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flattened streams out of a few lines of text, one statement a line, written from the description of the format,
 * without include/flattened_format.h. DUMP may be what core_make() made.
 *
 *     of 0x1000 0x68        a record with these bytes of the dump, to where they belong
 *     fill 0x2000 64 0xee   a record of 64 times this byte
 *     header 0x5 -3         a record's header alone, whatever it says
 *     text oops             bytes that are no record
 *     zeros 4096            the same, all zero
 *     close                 the closing record
 *
 * Or of a whole dump, as the writers do it: flat_of_dump().
 *
 */
#ifndef TESTS_UNIT_MAKE_FLAT_H
#define TESTS_UNIT_MAKE_FLAT_H

#include "tests/unit/make_core.h"

struct flat_made {
	uint64_t off, len;         /* of the dump */
	uint64_t header;           /* where the record's header is in the stream */
};

struct flat_stream_made {
	struct blob bytes;
	struct flat_made record[512];
	unsigned int nr;
};

static inline void flat_put(struct flat_stream_made *s, const void *bytes, size_t len)
{
	if (blob_append(&s->bytes, bytes, len))
		abort();
}

static inline void flat_begin(struct flat_stream_made *s)
{
	uint8_t header[4096] = "makedumpfile";

	*s = (struct flat_stream_made){ .nr = 0 };
	blob_init(&s->bytes);
	header[23] = header[31] = 1;
	flat_put(s, header, sizeof(header));
}

static inline void flat_header(struct flat_stream_made *s, uint64_t off, uint64_t len)
{
	uint8_t header[16];

	for (unsigned int i = 0; i < 8; i++) {
		header[i] = off >> (56 - 8 * i);
		header[8 + i] = len >> (56 - 8 * i);
	}
	flat_put(s, header, sizeof(header));
}

static inline void flat_add(struct flat_stream_made *s, uint64_t off, const void *bytes, uint64_t len)
{
	if (s->nr == 512)
		abort();
	s->record[s->nr++] = (struct flat_made){ off, len, s->bytes.len };
	flat_header(s, off, len);
	flat_put(s, bytes, len);
}

static inline void flat_close_made(struct flat_stream_made *s)
{
	flat_header(s, UINT64_MAX, UINT64_MAX);
}

static inline void flat_statement(struct flat_stream_made *s, const struct blob *dump, const char *line)
{
	char word[16] = "", a[32] = "", b[32] = "", c[32] = "";
	uint64_t off, len;

	sscanf(line, "%15s %31s %31s %31s", word, a, b, c);
	off = strtoull(a, NULL, 0);
	len = strtoull(b, NULL, 0);
	if (!strcmp(word, "of")) {
		if (off > dump->len || len > dump->len - off)
			abort();
		flat_add(s, off, dump->data + off, len);
	} else if (!strcmp(word, "fill")) {
		uint8_t *bytes = malloc(len + 1);

		memset(bytes, (int)strtoull(c, NULL, 0), len);
		flat_add(s, off, bytes, len);
		free(bytes);
	} else if (!strcmp(word, "header")) {
		flat_header(s, off, len);
	} else if (!strcmp(word, "text")) {
		flat_put(s, line + 5, strlen(line) - 5);
	} else if (!strcmp(word, "zeros")) {
		if (blob_zero(&s->bytes, off))
			abort();
	} else if (!strcmp(word, "close")) {
		flat_close_made(s);
	} else {
		abort();
	}
}

static inline void flat_make(const char *text, const struct blob *dump, struct flat_stream_made *s)
{
	flat_begin(s);
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[200];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		flat_statement(s, dump, line);
		text += len + (text[len] == '\n');
	}
}

/*
 * Like kdump: tables, main header, then pages and behind them what points to them. Like makedumpfile: header first, and
 * what points to pages in front of them. DESCS_OFF and NR_DESCS are DUMP's; AT_ONCE pages are between.
 */
static inline void flat_of_dump(const struct blob *dump, bool ours, uint64_t descs_off, uint64_t nr_descs,
				uint64_t at_once, struct flat_stream_made *s)
{
	uint64_t data = descs_off + 24 * nr_descs, each = nr_descs ? (dump->len - data) / nr_descs + 1 : 1;

	flat_begin(s);
	if (!ours)
		flat_add(s, 0, dump->data, 464);
	for (uint64_t off = 4096; off < descs_off; off += 4096)
		flat_add(s, off, dump->data + off, descs_off - off < 4096 ? descs_off - off : 4096);
	if (ours)
		flat_add(s, 0, dump->data, 4096);
	for (uint64_t i = 0; i < nr_descs; i += at_once) {
		uint64_t nr = nr_descs - i < at_once ? nr_descs - i : at_once;
		uint64_t from = data + i * each, to = i + nr == nr_descs ? dump->len : data + (i + nr) * each;

		if (to > dump->len)
			to = dump->len;
		if (from > to)
			from = to;
		if (!ours)
			flat_add(s, descs_off + 24 * i, dump->data + descs_off + 24 * i, 24 * nr);
		if (to > from)
			flat_add(s, from, dump->data + from, to - from);
		if (ours)
			flat_add(s, descs_off + 24 * i, dump->data + descs_off + 24 * i, 24 * nr);
	}
	if (ours)
		flat_add(s, 0, dump->data, 4096);
	flat_close_made(s);
}

#endif
