/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own symbol table (kernel/kallsyms.c, scripts/kallsyms.c): names as strings of tokens, in the order
 * of addresses, and an offset for each. Only what VMCOREINFO gives an address for is used, so it does not matter in
 * which order the tables stand (that changed in Linux 6.4) or which others there are.
 */
#include "kdump/ksyms.h"

#include "lib/blob.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A kernel with everything built in has some 300,000 symbols. */
#define SYMS_MAX (8u << 20)
/* Bytes of a compressed name, length included: 127 then, since Linux 6.1 two bytes for longer ones. */
#define NAME_BYTES_MAX (2 + 0x3fff)
#define NAMES_BYTES_MAX (256u << 20)
#define NR_TOKENS 256
/* The last token's, which nothing tells. */
#define TOKEN_BYTES_MAX 1024
#define READ_BYTES (64u << 10)

/* How an offset becomes an address. */
enum offsets_form {
	OFFSETS_FROM_BASE,         /* kallsyms_relative_base + u32 */
	OFFSETS_SIGNED,            /* if negative, base - 1 - offset, else absolute: per-CPU symbols (x86_64) */
	OFFSETS_FROM_PLACE,        /* without kallsyms_relative_base (since Linux 7.0): address of the offset + s32 */
	ADDRESSES,                 /* kallsyms_addresses: words */
};

struct ksyms {
	struct vtop *vt;
	uint32_t nr;
	uint64_t offsets_vaddr;
	uint64_t base;
	enum offsets_form form;
	struct blob names;         /* as long as was needed to reach the last */
	struct blob tokens;        /* followed by a NUL of ours */
	uint16_t token_idx[NR_TOKENS];
	bool big_endian;
};

static int damaged(const char *what)
{
	return fail(-EINVAL, "the dump's kallsyms are damaged: %s", what);
}

/* Bytes of the name at AT with its length, or 0 when there are not that many. */
static size_t name_at(const struct blob *names, size_t at, const uint8_t **tokens, size_t *nr_tokens)
{
	size_t left = names->len - at, head = 1, nr;

	if (at >= names->len)
		return 0;
	nr = names->data[at];
	if (nr & 0x80) {
		if (left < 2)
			return 0;
		nr = (nr & 0x7f) | (size_t)names->data[at + 1] << 7;
		head = 2;
	}
	if (!nr || left - head < nr)
		return 0;
	*tokens = names->data + at + head;
	*nr_tokens = nr;
	return head + nr;
}

/* Nothing tells how long the names are: read on until the last is there. */
static int read_names(struct ksyms *s, uint64_t vaddr)
{
	uint64_t page = vmcore_page_bytes(s->vt->core);
	size_t at = 0;

	for (uint32_t i = 0; i < s->nr; i++) {
		const uint8_t *tokens;
		size_t nr, len;

		while (!(len = name_at(&s->names, at, &tokens, &nr))) {
			/* To the next page's start, so that what lies behind the last name need not be there. */
			size_t some = page - ((vaddr + s->names.len) & (page - 1));
			int err;

			if (s->names.len - at >= NAME_BYTES_MAX || s->names.len > NAMES_BYTES_MAX)
				return damaged("names without an end");
			err = blob_reserve(&s->names, some);
			if (err)
				return err;
			if (vtop_read(s->vt, vaddr + s->names.len, s->names.data + s->names.len, some))
				return damaged("the names cannot be read");
			s->names.len += some;
		}
		at += len;
	}
	s->names.len = at;
	return 0;
}

/* As long as the last token's place says, and that token; what lies behind it need not be there. */
static int read_tokens(struct ksyms *s, uint64_t table_vaddr, uint64_t index_vaddr)
{
	uint8_t index[NR_TOKENS * 2];
	size_t most = 0;
	int err;

	if (vtop_read(s->vt, index_vaddr, index, sizeof(index)))
		return damaged("the tokens cannot be read");
	for (unsigned int i = 0; i < NR_TOKENS; i++) {
		s->token_idx[i] = get_u16(index + 2 * i, s->big_endian);
		if (s->token_idx[i] > most)
			most = s->token_idx[i];
	}
	err = blob_reserve(&s->tokens, most + TOKEN_BYTES_MAX);
	if (err)
		return err;
	if (vtop_read(s->vt, table_vaddr, s->tokens.data, most + 1))
		return damaged("the tokens cannot be read");
	s->tokens.len = most + 1;
	while (s->tokens.data[s->tokens.len - 1] && s->tokens.len < most + TOKEN_BYTES_MAX) {
		if (vtop_read(s->vt, table_vaddr + s->tokens.len, s->tokens.data + s->tokens.len, 1))
			return damaged("the last token cannot be read");
		s->tokens.len++;
	}
	if (s->tokens.data[s->tokens.len - 1])
		return damaged("a token without an end");
	return 0;
}

/* Is the name of these tokens NAME? The first character of a name is its type, as nm(1) shows it. */
static bool name_is(const struct ksyms *s, const uint8_t *tokens, size_t nr_tokens, const char *name)
{
	bool type = true;

	for (size_t i = 0; i < nr_tokens; i++) {
		const char *token = (const char *)s->tokens.data + s->token_idx[tokens[i]];

		for (; *token; token++) {
			if (type) {
				type = false;
				continue;
			}
			if (*name != *token)
				return false;
			name++;
		}
	}
	return !type && !*name;
}

static int address_of(const struct ksyms *s, uint32_t idx, enum offsets_form form, uint64_t *vaddr)
{
	uint64_t at = s->offsets_vaddr + (uint64_t)idx * (form == ADDRESSES ? s->vt->core->width : 4);
	uint32_t offset;

	if (form == ADDRESSES)
		return vtop_read_word(s->vt, at, vaddr);
	if (vtop_read_u32(s->vt, at, &offset))
		return -ENODATA;
	switch (form) {
	case OFFSETS_FROM_BASE:
		*vaddr = s->base + offset;
		break;
	case OFFSETS_SIGNED:
		*vaddr = (int32_t)offset >= 0 ? offset : s->base - 1 - (int64_t)(int32_t)offset;
		break;
	default:
		*vaddr = at + (uint64_t)(int64_t)(int32_t)offset;
		break;
	}
	return 0;
}

static bool find_idx(const struct ksyms *s, const char *name, uint32_t *idx)
{
	size_t at = 0;

	for (uint32_t i = 0; i < s->nr; i++) {
		const uint8_t *tokens;
		size_t nr, len = name_at(&s->names, at, &tokens, &nr);

		if (!len)
			return false;
		if (name_is(s, tokens, nr, name)) {
			*idx = i;
			return true;
		}
		at += len;
	}
	return false;
}

/*
 * Whether per-CPU symbols are absolute is not exported; that decides how all offsets are meant. What VMCOREINFO
 * tells of some symbols tells which it is, and that the tables can be believed.
 */
static int find_form(struct ksyms *s)
{
	static const char *const known[] = {
		"_stext", "init_uts_ns", "swapper_pg_dir", "init_top_pgt", "prb", "clear_seq",
	};
	static const enum offsets_form forms[] = { OFFSETS_SIGNED, OFFSETS_FROM_BASE };
	unsigned int nr_known = 0;

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint64_t want, vaddr;
		uint32_t idx;

		if (!vmcoreinfo_symbol(s->vt->vi, known[i], &want) || !find_idx(s, known[i], &idx))
			continue;
		nr_known++;
		if (s->form != OFFSETS_FROM_BASE) {
			if (!address_of(s, idx, s->form, &vaddr) && vaddr == want)
				return 0;
			continue;
		}
		for (unsigned int f = 0; f < 2; f++) {
			if (address_of(s, idx, forms[f], &vaddr) || vaddr != want)
				continue;
			s->form = forms[f];
			return 0;
		}
	}
	if (nr_known)
		return damaged("their addresses are not those of VMCOREINFO");
	return damaged("they have none of the names that VMCOREINFO has");
}

static int find_offsets(struct ksyms *s)
{
	const struct vmcoreinfo *vi = s->vt->vi;
	uint64_t base_vaddr;

	if (vmcoreinfo_symbol(vi, "kallsyms_addresses", &s->offsets_vaddr)) {
		s->form = ADDRESSES;
		return 0;
	}
	if (!vmcoreinfo_symbol(vi, "kallsyms_offsets", &s->offsets_vaddr))
		return fail(-ENODATA, "VMCOREINFO does not tell where the kernel's kallsyms are");
	s->form = OFFSETS_FROM_PLACE;
	if (!vmcoreinfo_symbol(vi, "kallsyms_relative_base", &base_vaddr))
		return 0;
	s->form = OFFSETS_FROM_BASE;
	return vtop_read_word(s->vt, base_vaddr, &s->base) ? damaged("their base cannot be read") : 0;
}

static int read_tables(struct ksyms *s)
{
	const struct vmcoreinfo *vi = s->vt->vi;
	uint64_t names, nr, table, index;
	int err;

	if (!vmcoreinfo_symbol(vi, "kallsyms_names", &names) || !vmcoreinfo_symbol(vi, "kallsyms_num_syms", &nr) ||
	    !vmcoreinfo_symbol(vi, "kallsyms_token_table", &table) ||
	    !vmcoreinfo_symbol(vi, "kallsyms_token_index", &index))
		return fail(-ENODATA, "VMCOREINFO does not tell where the kernel's kallsyms are");
	err = find_offsets(s);
	if (err)
		return err;
	if (vtop_read_u32(s->vt, nr, &s->nr))
		return damaged("their number cannot be read");
	if (!s->nr || s->nr > SYMS_MAX)
		return damaged("their number cannot be");
	err = read_tokens(s, table, index);
	if (!err)
		err = read_names(s, names);
	return err ? err : find_form(s);
}

int ksyms_open(struct ksyms **made, struct vtop *vt)
{
	struct ksyms *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return fail(-ENOMEM, "no memory for the kernel's symbols");
	s->vt = vt;
	s->big_endian = vt->core->big_endian;
	blob_init(&s->names);
	blob_init(&s->tokens);
	err = read_tables(s);
	if (err) {
		ksyms_close(s);
		return err;
	}
	*made = s;
	return 0;
}

void ksyms_close(struct ksyms *s)
{
	if (!s)
		return;
	blob_deinit(&s->names);
	blob_deinit(&s->tokens);
	free(s);
}

int ksyms_find(struct ksyms *s, const char *name, uint64_t *vaddr)
{
	uint32_t idx;

	if (!find_idx(s, name, &idx) || address_of(s, idx, s->form, vaddr))
		return -ENOENT;
	return 0;
}
