/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kallsyms tables in a memcore, from text: a line "ADDRESS TYPE NAME" per symbol, as /proc/kallsyms has them. The
 * memory is an x86_64 kernel image at physical 0.
 */
#ifndef TESTS_UNIT_MAKE_KALLSYMS_H
#define TESTS_UNIT_MAKE_KALLSYMS_H

#include "tests/unit/memcore.h"

#define KALLSYMS_NUM 0x1000
#define KALLSYMS_BASE 0x1008
#define KALLSYMS_INDEX 0x2000
#define KALLSYMS_TOKENS 0x3000
#define KALLSYMS_OFFSETS 0x10000
#define KALLSYMS_NAMES 0x20f00
#define KALLSYMS_VADDR(paddr) (0xffffffff80000000ull + (paddr))

#define KALLSYMS_INFO                                                                                   \
	"NUMBER(phys_base)=0\nSYMBOL(kallsyms_names)=ffffffff80020f00\n"                                \
	"SYMBOL(kallsyms_num_syms)=ffffffff80001000\nSYMBOL(kallsyms_token_table)=ffffffff80003000\n"   \
	"SYMBOL(kallsyms_token_index)=ffffffff80002000\n"

/* How the offsets are written: see enum offsets_form in kdump/ksyms.c. */
enum kallsyms_form { KALLSYMS_FROM_BASE, KALLSYMS_SIGNED, KALLSYMS_FROM_PLACE, KALLSYMS_WORDS };

#define KALLSYMS_IMAGE_BASE 0xffffffff81000000ull

/* Tokens: 0 to 9 stand for several characters, the others for themselves. */
static const char *const kallsyms_token[10] = {
	"Tinit", "_top", "mem_", "__start", "__stop", "_BTF", "Dlog_", "buf", "_len", "T",
};

static inline void kallsyms_tokens(struct memcore *m)
{
	uint32_t at = 0;

	for (unsigned int i = 0; i < 256; i++) {
		char one[2] = { i < 10 ? 'x' : (char)i, 0 };
		const char *token = i < 10 ? kallsyms_token[i] : one;
		uint8_t index[2];

		put_u16(index, at, m->core.big_endian);
		memcore_write(m, KALLSYMS_INDEX + 2 * i, index, 2);
		memcore_write(m, KALLSYMS_TOKENS + at, token, strlen(token) + 1);
		at += strlen(token) + 1;
	}
}

static inline size_t kallsyms_compress(const char *name, uint8_t *out)
{
	size_t nr = 0;

	while (*name) {
		unsigned int best = 256;

		for (unsigned int i = 0; i < 10; i++)
			if (!strncmp(name, kallsyms_token[i], strlen(kallsyms_token[i])) &&
			    (best == 256 || strlen(kallsyms_token[i]) > strlen(kallsyms_token[best])))
				best = i;
		out[nr++] = best < 256 ? best : (uint8_t)*name;
		name += best < 256 ? strlen(kallsyms_token[best]) : 1;
	}
	return nr;
}

static inline void kallsyms_offset(struct memcore *m, enum kallsyms_form form, unsigned int idx, uint64_t vaddr)
{
	uint64_t at = KALLSYMS_OFFSETS + idx * 4;

	switch (form) {
	case KALLSYMS_FROM_BASE:
		memcore_u32(m, at, vaddr - KALLSYMS_IMAGE_BASE);
		break;
	case KALLSYMS_SIGNED:
		memcore_u32(m, at, vaddr < 1u << 31 ? vaddr : KALLSYMS_IMAGE_BASE - 1 - vaddr);
		break;
	case KALLSYMS_FROM_PLACE:
		memcore_u32(m, at, vaddr - KALLSYMS_VADDR(at));
		break;
	default:
		memcore_u64(m, KALLSYMS_OFFSETS + idx * 8, vaddr);
	}
}

static inline void make_kallsyms(struct memcore *m, const char *text, enum kallsyms_form form)
{
	uint32_t nr = 0, at = 0;

	kallsyms_tokens(m);
	while (*text) {
		char name[4096];
		uint8_t packed[4096], head[2];
		char *after;
		uint64_t vaddr = strtoull(text, &after, 16);
		size_t len = strcspn(after + 3, "\n"), packed_len;

		snprintf(name, sizeof(name), "%c%.*s", after[1], (int)len, after + 3);
		packed_len = kallsyms_compress(name, packed);
		head[0] = packed_len > 127 ? (packed_len & 0x7f) | 0x80 : packed_len;
		head[1] = packed_len >> 7;
		memcore_write(m, KALLSYMS_NAMES + at, head, packed_len > 127 ? 2 : 1);
		at += packed_len > 127 ? 2 : 1;
		memcore_write(m, KALLSYMS_NAMES + at, packed, packed_len);
		at += packed_len;
		kallsyms_offset(m, form, nr++, vaddr);
		text = after + 3 + len;
		text += *text == '\n';
	}
	memcore_u32(m, KALLSYMS_NUM, nr);
	memcore_u64(m, KALLSYMS_BASE, KALLSYMS_IMAGE_BASE);
}

#endif
