/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/dmesg.h"

#include "kdump/dmesg_ring.h"
#include "lib/err.h"
#include "lib/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

/*
 * In this order: what a kernel has that is newer hides what is older, and text is found in the buffers of all of
 * them.
 */
static const struct {
	const char *name;
	dmesg_reader *read;
} formats[] = {
	{ "lockless ring", dmesg_lockless },
	{ "record ring", dmesg_records },
	{ "byte ring", dmesg_bytes },
	{ "text scan", dmesg_scan },
};

int dmesg_line(struct dmesg_walk *w, const struct dmesg_line *line)
{
	w->result->nr_lines++;
	return w->emit(w->ctx, line);
}

/* Bytes from VADDR to the end of its page, LEFT at most. */
static size_t in_page(const struct vtop *vt, uint64_t vaddr, size_t left)
{
	uint64_t page = vmcore_page_bytes(vt->core), some = page - (vaddr & (page - 1));

	return some < left ? some : left;
}

void dmesg_read_holes(struct vtop *vt, uint64_t vaddr, void *buf, size_t len)
{
	for (size_t at = 0, some; at < len; at += some) {
		some = in_page(vt, vaddr + at, len - at);
		if (vtop_read(vt, vaddr + at, (uint8_t *)buf + at, some))
			memset((uint8_t *)buf + at, 0, some);
	}
}

int dmesg_load(struct vtop *vt, uint64_t vaddr, size_t len, uint8_t **buf, size_t *there)
{
	uint8_t *bytes = calloc(1, len);
	size_t last = 0;

	if (!bytes)
		return fail(-ENOMEM, "no memory for a log of %zu bytes", len);
	for (size_t at = 0, some; at < len; at += some) {
		uint64_t paddr;

		some = in_page(vt, vaddr + at, len - at);
		/* Only where something is mapped are pages of ours touched. */
		if (vtop(vt, vaddr + at, &paddr, NULL))
			continue;
		if (vmcore_read(vt->core, paddr, bytes + at, some))
			memset(bytes + at, 0, some);
		else
			last = at + some;
	}
	if (!last) {
		free(bytes);
		return -ENODATA;
	}
	*buf = bytes;
	if (there)
		*there = last;
	return 0;
}

bool dmesg_word_at(struct vtop *vt, const char *name, uint64_t *value)
{
	uint64_t vaddr;

	return vmcoreinfo_symbol(vt->vi, name, &vaddr) && !vtop_read_word(vt, vaddr, value);
}

bool dmesg_u32_at(struct vtop *vt, const char *name, uint32_t *value)
{
	uint64_t vaddr;

	return vmcoreinfo_symbol(vt->vi, name, &vaddr) && !vtop_read_u32(vt, vaddr, value);
}

int dmesg_read(struct vtop *vt, dmesg_emit *emit, void *ctx, struct dmesg_result *result)
{
	struct dmesg_walk w = { .vt = vt, .emit = emit, .ctx = ctx, .result = result };
	uint64_t skipped = 0;

	*result = (struct dmesg_result){ 0 };
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		int err;

		result->format = formats[i].name;
		result->nr_skipped = 0;
		err = formats[i].read(&w);
		/* What a reader that found nothing could not believe is still lost. */
		skipped += result->nr_skipped;
		result->nr_skipped = skipped;
		if (err != -ENODATA || result->nr_lines)
			return err;
		debug("%s: no log to be read as %s", vt->core->path ? vt->core->path : "the core", formats[i].name);
	}
	result->format = NULL;
	return fail(-ENODATA, "%s: no kernel log can be found", vt->core->path ? vt->core->path : "the core");
}

static int append_escaped(struct blob *out, const char *text, size_t len)
{
	int err = 0;

	for (size_t i = 0, plain; !err && i < len; i += plain) {
		char escaped[5];

		for (plain = 0; i + plain < len; plain++) {
			unsigned char c = text[i + plain];

			if (c != '\t' && (c < 0x20 || c >= 0x7f))
				break;
		}
		err = blob_append(out, text + i, plain);
		if (!err && i + plain < len) {
			snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned char)text[i + plain]);
			err = blob_append(out, escaped, 4);
			plain++;
		}
	}
	return err;
}

static size_t format_prefix(const struct dmesg_line *line, unsigned int flags, char *prefix, size_t room)
{
	size_t n = 0;

	if (flags & DMESG_LEVELS && line->level != DMESG_NO_LEVEL)
		n += snprintf(prefix + n, room - n, "<%u>", line->facility * 8u + line->level);
	if (line->ns != DMESG_NO_TIME)
		n += snprintf(prefix + n, room - n, "[%5" PRIu64 ".%06" PRIu64 "]", line->ns / NS_PER_S,
			      line->ns % NS_PER_S / 1000);
	if (flags & DMESG_CALLERS && line->caller != DMESG_NO_CALLER) {
		char caller[16];

		snprintf(caller, sizeof(caller), "%c%u", line->caller & DMESG_CALLER_CPU ? 'C' : 'T',
			 line->caller & ~DMESG_CALLER_CPU);
		n += snprintf(prefix + n, room - n, "[%6s]", caller);
	}
	if (n && prefix[n - 1] == ']')
		n += snprintf(prefix + n, room - n, " ");
	return n;
}

int dmesg_format(const struct dmesg_line *line, unsigned int flags, struct blob *out)
{
	char prefix[80];
	size_t prefix_len = format_prefix(line, flags, prefix, sizeof(prefix));
	const char *at = line->text, *past = line->text + line->len;
	int err = blob_append(out, prefix, prefix_len);

	memset(prefix, ' ', prefix_len);
	for (;;) {
		const char *newline = at < past ? memchr(at, '\n', past - at) : NULL;

		if (!err)
			err = append_escaped(out, at, (newline ? newline : past) - at);
		if (!err)
			err = blob_append(out, "\n", 1);
		/* A newline at the very end of a record says nothing. */
		if (err || !newline || newline + 1 == past)
			return err;
		at = newline + 1;
		err = blob_append(out, prefix, prefix_len);
	}
}

struct printer {
	int fd;
	unsigned int flags;
	struct blob out;
};

#define PRINT_BYTES (64u << 10)

static int print_flush(struct printer *p)
{
	int err = file_write_all(p->fd, p->out.data, p->out.len);

	p->out.len = 0;
	return err ? fail_sys(err, "cannot write the log") : 0;
}

static int print_line(void *ctx, const struct dmesg_line *line)
{
	struct printer *p = ctx;
	int err = dmesg_format(line, p->flags, &p->out);

	return err || p->out.len < PRINT_BYTES ? err : print_flush(p);
}

int dmesg_print(struct vtop *vt, int fd, unsigned int flags, struct dmesg_result *result)
{
	struct printer p = { .fd = fd, .flags = flags };
	int err, flush_err;

	blob_init(&p.out);
	err = dmesg_read(vt, print_line, &p, result);
	/* Also what came before something went wrong. */
	flush_err = err == -ENODATA ? 0 : print_flush(&p);
	blob_deinit(&p.out);
	return err ? err : flush_err;
}
