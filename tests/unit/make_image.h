/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel images from text, and text from what the parser found in them.
 *
 *     make_image(&blob, "bzImage version=0x20f kernel=8192 init_size=0x100000");
 *     make_image(&blob, "Image text_offset=0x80000 flags=2 data_rawsize=100");
 *
 * The first word names the defaults, the others change fields of the header or the file itself. Every field keeps its
 * default when it is not named, whether or not that fits together: tests say what they want to be wrong.
 */
#ifndef TESTS_UNIT_MAKE_IMAGE_H
#define TESTS_UNIT_MAKE_IMAGE_H

#include "kexec/image/image.h"
#include "lib/blob.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image_field {
	const char *name;
	uint32_t off;
	uint32_t width;
	uint64_t value;
};

/* As Debian's 6.1 has them, but small. NO_OFFSET: of the file, not of the header. */
#define NO_OFFSET UINT32_MAX

static const struct image_field bzimage_fields[] = {
	{ "setup_sects", 0x1f1, 1, 4 },
	{ "syssize", 0x1f4, 4, 0 },             /* 0: as kernel= says; syssize=none: really 0 */
	{ "boot_flag", 0x1fe, 2, 0xaa55 },
	{ "jump_opcode", 0x200, 1, 0xeb },
	{ "jump", 0x201, 1, 0x6a },
	{ "magic", 0x202, 4, 0x53726448 },
	{ "version", 0x206, 2, 0x20f },
	{ "loadflags", 0x211, 1, 1 },
	{ "initrd_addr_max", 0x22c, 4, 0x7fffffff },
	{ "kernel_alignment", 0x230, 4, 0x200000 },
	{ "relocatable", 0x234, 1, 1 },
	{ "min_alignment", 0x235, 1, 21 },
	{ "xloadflags", 0x236, 2, 0x7f },
	{ "cmdline_size", 0x238, 4, 2047 },
	{ "payload_offset", 0x248, 4, 0x2cc },
	{ "payload_length", 0x24c, 4, 1000 },
	{ "pref_address", 0x258, 8, 0x1000000 },
	{ "init_size", 0x260, 4, 0x400000 },
	{ "kernel", NO_OFFSET, 0, 4096 },       /* bytes of protected-mode part */
	{ "tail", NO_OFFSET, 0, 0 },            /* bytes behind it */
	{ "cut", NO_OFFSET, 0, UINT64_MAX },    /* the file stops here */
	{ NULL, 0, 0, 0 },
};

static const struct image_field arm64_fields[] = {
	{ "code0", 0, 4, 0xfa405a4d },          /* "MZ@\xfa" */
	{ "text_offset", 8, 8, 0 },
	{ "image_size", 16, 8, 0x10000 },
	{ "flags", 24, 8, 0xa },
	{ "magic", 56, 4, 0x644d5241 },
	{ "pe", 60, 4, 0x40 },
	{ "pe_magic", 0x40, 4, 0x4550 },
	{ "sections", 0x46, 2, 2 },
	{ "optional_header", 0x54, 2, 0xa0 },
	{ "text_rawsize", 0xf8 + 16, 4, 0x1000 },
	{ "text_offset_in_file", 0xf8 + 20, 4, 0x1000 },
	{ "data_rawsize", 0x120 + 16, 4, 0x800 },
	{ "data_offset_in_file", 0x120 + 20, 4, 0x2000 },
	{ "kernel", NO_OFFSET, 0, 0x2800 },     /* bytes */
	{ "tail", NO_OFFSET, 0, 0 },
	{ "cut", NO_OFFSET, 0, UINT64_MAX },
	{ NULL, 0, 0, 0 },
};

static inline const struct image_field *image_field(const struct image_field *f, const char *name, size_t len)
{
	for (; f->name; f++) {
		if (strlen(f->name) == len && !memcmp(f->name, name, len))
			return f;
	}
	fprintf(stderr, "make_image: no field \"%.*s\"\n", (int)len, name);
	abort();
}

static inline uint64_t image_field_value(const struct image_field *f, const char *text)
{
	for (const char *word = text; (word = strchr(word, ' ')); ) {
		size_t len = strlen(f->name);

		word++;
		if (!strncmp(word, f->name, len) && word[len] == '=')
			return strncmp(word + len, "=none", 5) ? strtoull(word + len + 1, NULL, 0) : 0;
	}
	return f->value;
}

/* Words that no field has are mistakes of the test. */
static inline void check_image_words(const struct image_field *fields, const char *text)
{
	for (const char *word = text; (word = strchr(word, ' ')); ) {
		word++;
		image_field(fields, word, strcspn(word, "="));
	}
}

/* BLOB is initialised here. */
static inline __attribute__((format(printf, 2, 3))) void make_image(struct blob *blob, const char *fmt, ...)
{
	bool x86;
	const struct image_field *fields;
	uint64_t kernel, tail, cut, before;
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	x86 = !strncmp(text, "bzImage", 7);
	fields = x86 ? bzimage_fields : arm64_fields;
	check_image_words(fields, text);
	kernel = image_field_value(image_field(fields, "kernel", 6), text);
	tail = image_field_value(image_field(fields, "tail", 4), text);
	cut = image_field_value(image_field(fields, "cut", 3), text);
	before = x86 ? (image_field_value(fields, text) ? image_field_value(fields, text) + 1 : 5) * 512 : 0;

	blob_init(blob);
	if (blob_zero(blob, before + kernel + tail + 4096))
		abort();
	for (uint64_t i = 0; i < kernel; i++)
		blob->data[before + i] = x86 || i >= 0x148 ? (uint8_t)(i * 7 + 1) : 0;
	memset(blob->data + before + kernel, 0x99, tail);
	for (const struct image_field *f = fields; f->name; f++) {
		uint64_t value = image_field_value(f, text);

		if (!strcmp(f->name, "syssize") && !value && !strstr(text, "syssize=none"))
			value = kernel / 16;
		for (unsigned int i = 0; f->off != NO_OFFSET && i < f->width; i++)
			blob->data[f->off + i] = (uint8_t)(value >> (8 * i));
	}
	blob->len = before + kernel + tail < cut ? before + kernel + tail : cut;
	/* Exact, so that a read behind it is seen. */
	blob->data = realloc(blob->data, blob->len + 1);
	blob->cap = blob->len + 1;
	blob->data[blob->len] = 0;
}

/* What the parser found, as text; the caller frees it. */
static inline char *image_facts(const struct image *im)
{
	static const char *const flags[] = {
		"relocatable", "above-4g", "entry-64", "entry-32", "5level", "efi-kexec", "big-endian", "loses-below",
	};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "%s payload=%" PRIu64 "@%" PRIu64 " memsz=%#" PRIx64 " align=%#" PRIx64 "+%#" PRIx64,
		im->format->name, im->payload.len, (uint64_t)(im->payload.base - im->whole.base), im->memsz, im->align,
		im->align_offset);
	fprintf(f, " pref=%#" PRIx64 " initrd_last=%#" PRIx64 " cmdline=%u", im->pref_paddr, im->max_initrd_last,
		im->cmdline_max);
	if (im->flags & IMAGE_ENTRY_64)
		fprintf(f, " entry64=%#" PRIx64, im->entry64_off);
	if (im->flags & IMAGE_ENTRY_32)
		fprintf(f, " entry32=%#" PRIx64, im->entry32_off);
	fprintf(f, " machine=%u page=%u protocol=%#x header=%" PRIu64, im->elf_machine, im->page_shift, im->protocol,
		im->setup_header.len);
	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (im->flags & 1u << i)
			fprintf(f, " %s", flags[i]);
	}
	fclose(f);
	return text;
}

/* What everybody behind the parser relies on, whatever the file was. NULL, or what is broken. */
static inline const char *image_insane(const struct image *im)
{
	const struct view *w = &im->whole, *p = &im->payload, *h = &im->setup_header;

	if (p->base < w->base || p->len > w->len || (uint64_t)(p->base - w->base) > w->len - p->len)
		return "payload outside the file";
	if (!p->len || im->memsz < p->len || im->memsz > 1ull << 40)
		return "memsz";
	if (!im->align || (im->align & (im->align - 1)) || im->align_offset >= im->align || im->align_offset % 4096)
		return "alignment";
	if (!(im->flags & (IMAGE_ENTRY_64 | IMAGE_ENTRY_32)))
		return "no entry";
	if (im->entry64_off >= p->len || im->entry32_off >= p->len)
		return "entry outside the payload";
	if (!(im->flags & IMAGE_RELOCATABLE) && !im->pref_paddr)
		return "not relocatable and no address";
	if (!im->cmdline_max || !im->format || !im->elf_machine)
		return "a fact is missing";
	if (im->protocol && (h->base != w->base + 0x1f1 || h->len < 0x40 || h->len > 0x90))
		return "setup header";
	return NULL;
}

#endif
