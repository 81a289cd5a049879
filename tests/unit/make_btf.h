/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF from text, a line per type; types are numbered from 1, "-" is no name:
 *
 *     int NAME BYTES         float NAME BYTES        fwd NAME
 *     ptr TYPE               const TYPE              volatile TYPE          restrict TYPE          tag NAME TYPE
 *     typedef NAME TYPE      array TYPE NR           func NAME TYPE         proto TYPE NR          var NAME TYPE
 *     struct NAME BYTES NAME:TYPE:BIT ...            union ...              bits NAME BYTES NAME:TYPE:BIT:WIDTH ...
 *     enum NAME NAME=VALUE ...                       enum64 NAME NAME=VALUE ...
 *     sec NAME NR            decl NAME TYPE
 */
#ifndef TESTS_UNIT_MAKE_BTF_H
#define TESTS_UNIT_MAKE_BTF_H

#include "lib/blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct btf_maker {
	struct blob types, strings;
	bool big_endian;
};

static inline void btf_u32(struct btf_maker *b, uint32_t value)
{
	uint8_t bytes[4];

	put_u32(bytes, value, b->big_endian);
	if (blob_append(&b->types, bytes, 4))
		abort();
}

static inline uint32_t btf_string(struct btf_maker *b, const char *name)
{
	uint32_t at = b->strings.len;

	if (!strcmp(name, "-"))
		return 0;
	if (blob_append(&b->strings, name, strlen(name) + 1))
		abort();
	return at;
}

static inline void btf_type(struct btf_maker *b, const char *name, unsigned int kind, unsigned int vlen, uint32_t size)
{
	btf_u32(b, btf_string(b, name));
	btf_u32(b, kind << 24 | (vlen & 0xffff) | (vlen & 1u << 31));
	btf_u32(b, size);
}

static inline unsigned int btf_words(char *line, char **word)
{
	unsigned int nr = 0;

	for (char *at = strtok(line, " "); at && nr < 64; at = strtok(NULL, " "))
		word[nr++] = at;
	return nr;
}

static inline void btf_members(struct btf_maker *b, char **word, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		char *type = strchr(word[i], ':'), *bit = strchr(type + 1, ':'), *width = strchr(bit + 1, ':');

		*type = 0;
		btf_u32(b, btf_string(b, word[i]));
		btf_u32(b, strtoul(type + 1, NULL, 0));
		btf_u32(b, strtoul(bit + 1, NULL, 0) | (width ? strtoul(width + 1, NULL, 0) << 24 : 0));
	}
}

static inline void btf_values(struct btf_maker *b, char **word, unsigned int nr, bool wide)
{
	for (unsigned int i = 0; i < nr; i++) {
		char *equals = strchr(word[i], '=');
		uint64_t value = strtoll(equals + 1, NULL, 0);

		*equals = 0;
		btf_u32(b, btf_string(b, word[i]));
		btf_u32(b, value);
		if (wide)
			btf_u32(b, value >> 32);
	}
}

static inline void btf_line(struct btf_maker *b, char *line)
{
	static const char *const refs[] = { "ptr", "volatile", "const", "restrict" };
	static const unsigned int ref_kinds[] = { 2, 9, 10, 11 };
	char *word[64] = { "" };
	unsigned int nr = btf_words(line, word);
	const char *kind = word[0], *name = nr > 1 ? word[1] : "-";
	uint32_t last = nr > 2 ? strtoul(word[2], NULL, 0) : 0;

	for (unsigned int i = 0; i < 4; i++)
		if (!strcmp(kind, refs[i]))
			btf_type(b, "-", ref_kinds[i], 0, strtoul(name, NULL, 0));
	if (!strcmp(kind, "int")) {
		btf_type(b, name, 1, 0, last);
		btf_u32(b, last * 8);
	} else if (!strcmp(kind, "array")) {
		btf_type(b, "-", 3, 0, 0);
		btf_u32(b, strtoul(name, NULL, 0));
		btf_u32(b, 1);
		btf_u32(b, last);
	} else if (!strcmp(kind, "struct") || !strcmp(kind, "union") || !strcmp(kind, "bits")) {
		btf_type(b, name, *kind == 'u' ? 5 : 4, (nr - 3) | (*kind == 'b' ? 1u << 31 : 0), last);
		btf_members(b, word + 3, nr - 3);
	} else if (!strcmp(kind, "enum") || !strcmp(kind, "enum64")) {
		/* With the flag: signed. */
		btf_type(b, name, kind[4] ? 19 : 6, (nr - 2) | 1u << 31, kind[4] ? 8 : 4);
		btf_values(b, word + 2, nr - 2, kind[4]);
	} else if (!strcmp(kind, "fwd")) {
		btf_type(b, name, 7, 0, 0);
	} else if (!strcmp(kind, "typedef")) {
		btf_type(b, name, 8, 0, last);
	} else if (!strcmp(kind, "func")) {
		btf_type(b, name, 12, 0, last);
	} else if (!strcmp(kind, "proto")) {
		btf_type(b, "-", 13, last, strtoul(name, NULL, 0));
		for (unsigned int i = 0; i < 2 * last; i++)
			btf_u32(b, 0);
	} else if (!strcmp(kind, "var") || !strcmp(kind, "decl")) {
		btf_type(b, name, *kind == 'v' ? 14 : 17, 0, last);
		btf_u32(b, 0);
	} else if (!strcmp(kind, "sec")) {
		btf_type(b, name, 15, last, 0);
		for (unsigned int i = 0; i < 3 * last; i++)
			btf_u32(b, 0);
	} else if (!strcmp(kind, "float")) {
		btf_type(b, name, 16, 0, last);
	} else if (!strcmp(kind, "tag")) {
		btf_type(b, name, 18, 0, last);
	}
}

/* Header, types, strings. OUT is initialised here. */
static inline void make_btf(const char *text, bool big_endian, struct blob *out)
{
	struct btf_maker b = { .big_endian = big_endian };
	uint8_t header[24] = { 0 };
	char *copy = strdup(text), *rest = copy, *line;

	blob_init(&b.types);
	blob_init(&b.strings);
	blob_init(out);
	if (blob_zero(&b.strings, 1))
		abort();
	while ((line = strsep(&rest, "\n")))
		btf_line(&b, line);
	put_u16(header, 0xeb9f, big_endian);
	header[2] = 1;
	put_u32(header + 4, sizeof(header), big_endian);
	put_u32(header + 12, b.types.len, big_endian);
	put_u32(header + 16, b.types.len, big_endian);
	put_u32(header + 20, b.strings.len, big_endian);
	if (blob_append(out, header, sizeof(header)) || blob_append(out, b.types.data, b.types.len) ||
	    blob_append(out, b.strings.data, b.strings.len))
		abort();
	blob_deinit(&b.types);
	blob_deinit(&b.strings);
	free(copy);
}

/* A little of a 6.1 kernel: struct page as it is declared, with everything BTF can say about the way. */
#define BTF_PAGE                                                                                        \
	"int long 8\n"                                                 /* 1 */                          \
	"int int 4\n"                                                  /* 2 */                          \
	"int char 1\n"                                                 /* 3 */                          \
	"struct list_head 16 next:5:0 prev:5:64\n"                     /* 4 */                          \
	"ptr 4\n"                                                      /* 5 */                          \
	"struct - 4 counter:2:0\n"                                     /* 6 */                          \
	"typedef atomic_t 6\n"                                         /* 7 */                          \
	"union - 16 lru:4:0 -:9:0\n"                                   /* 8 */                          \
	"struct - 16 __filler:5:0 mlock_count:2:64\n"                  /* 9 */                          \
	"struct - 40 -:8:0 mapping:5:128 index:1:192 private:1:256\n"  /* 10 */                         \
	"struct - 12 compound_head:1:0 compound_dtor:3:64 compound_order:3:72\n" /* 11 */               \
	"const 12\n"                                                   /* 12, itself */                 \
	"union - 40 -:10:0 -:11:0\n"                                   /* 13 */                         \
	"union - 4 _mapcount:7:0 page_type:2:0\n"                      /* 14 */                         \
	"struct page 64 flags:1:0 -:13:64 -:14:384 _refcount:16:416\n" /* 15 */                         \
	"volatile 17\n"                                                /* 16 */                         \
	"const 7\n"                                                    /* 17 */                         \
	"array 3 16\n"                                                 /* 18 */                         \
	"array 18 3\n"                                                 /* 19 */                         \
	"bits task_struct 128 comm:18:64 flag:2:192:1 odd:2:193:1 names:19:256 pages:20:640\n"          \
	"struct page 1 flags:1:8\n"                                    /* 21: another of the name */    \
	"enum pageflags PG_locked=0 PG_lru=4 PG_minus=-2\n"            /* 22 */                         \
	"enum64 wide W=0x123456789abcdef M=-1\n"                       /* 23 */                         \
	"enum - ANON=7\n"                                              /* 24 */                         \
	"fwd cgroup\nproto 0 2\nfunc f 26\nvar v 2\nsec .data 2\nfloat double 8\ndecl d 15\ntag user 4\n"   \
	"struct tagged 8 next:32:0\n"

#endif
