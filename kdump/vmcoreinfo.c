// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/vmcoreinfo.h"

#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A key as the getters compose it, without putting it together: "OFFSET(" "page.flags" ")". */
struct key {
	const char *part[3];
};

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* By key, then in the order of the text: which qsort() alone does not keep. */
static int compare_entries(const void *a, const void *b)
{
	const struct vmcoreinfo_entry *x = a, *y = b;
	int order = compare_bytes(x->key, x->key_len, y->key, y->key_len);

	return order ? order : (x->key > y->key) - (x->key < y->key);
}

static int compare_key(const void *wanted, const void *entry)
{
	const struct key *key = wanted;
	const struct vmcoreinfo_entry *e = entry;
	const char *at = e->key;
	size_t left = e->key_len;

	for (unsigned int i = 0; i < 3; i++) {
		size_t len = strlen(key->part[i]), n = len < left ? len : left;
		int order = memcmp(key->part[i], at, n);

		if (order)
			return order;
		if (len > left)
			return 1;
		at += n;
		left -= n;
	}
	return left ? -1 : 0;
}

/* KEY=VALUE: the first '=' separates, a key is not empty. */
static bool split_line(struct text *line, struct vmcoreinfo_entry *e)
{
	struct text key;

	if (!line->len || !memchr(line->at, '=', line->len))
		return false;
	key = text_until(line, '=');
	*e = (struct vmcoreinfo_entry){ .key = key.at, .key_len = key.len, .value = line->at, .value_len = line->len };
	return key.len != 0;
}

static void drop_duplicates(struct vmcoreinfo *vi)
{
	size_t kept = 0;

	for (size_t i = 0; i < vi->nr; i++) {
		const struct vmcoreinfo_entry *e = &vi->e[i], *before = kept ? &vi->e[kept - 1] : NULL;

		if (!before || compare_bytes(before->key, before->key_len, e->key, e->key_len))
			vi->e[kept++] = *e;
	}
	vi->nr = kept;
}

int vmcoreinfo_init(struct vmcoreinfo *vi, const struct view *text)
{
	/* What follows a NUL is what the kernel's page held before. */
	const char *base = (const char *)text->base;
	const struct text all = text_of(base, base ? strnlen(base, text->len) : 0);
	struct text rest = all, line;
	struct vmcoreinfo_entry e;
	size_t nr = 0;

	*vi = (struct vmcoreinfo){ 0 };
	while (text_line(&rest, &line))
		nr += split_line(&line, &e);
	if (!nr)
		return 0;
	vi->e = calloc(nr, sizeof(*vi->e));
	if (!vi->e)
		return fail(-ENOMEM, "out of memory for %zu lines of VMCOREINFO", nr);
	for (rest = all; text_line(&rest, &line);) {
		if (split_line(&line, &e))
			vi->e[vi->nr++] = e;
	}
	qsort(vi->e, vi->nr, sizeof(*vi->e), compare_entries);
	drop_duplicates(vi);
	return 0;
}

void vmcoreinfo_deinit(struct vmcoreinfo *vi)
{
	free(vi->e);
	*vi = (struct vmcoreinfo){ 0 };
}

static bool find(const struct vmcoreinfo *vi, const char *front, const char *name, const char *back,
		struct text *value)
{
	const struct key key = { { front, name, back } };
	const struct vmcoreinfo_entry *e = NULL;

	if (vi->nr)
		e = bsearch(&key, vi->e, vi->nr, sizeof(*vi->e), compare_key);
	if (e)
		*value = text_of(e->value, e->value_len);
	return e != NULL;
}

/* All of TEXT must be the number; numbers in damaged text are worth nothing. */
static bool whole_number(struct text text, unsigned int base, uint64_t *value)
{
	uint64_t number;

	if (base == 16)
		text_take(&text, "0x");
	if (!text_u64(&text, base, &number) || text.len)
		return false;
	*value = number;
	return true;
}

bool vmcoreinfo_string(const struct vmcoreinfo *vi, const char *key, const char **value, size_t *len)
{
	struct text text;

	if (!find(vi, key, "", "", &text))
		return false;
	*value = text.at;
	*len = text.len;
	return true;
}

bool vmcoreinfo_symbol(const struct vmcoreinfo *vi, const char *name, uint64_t *vaddr)
{
	struct text text;

	return find(vi, "SYMBOL(", name, ")", &text) && whole_number(text, 16, vaddr);
}

bool vmcoreinfo_size(const struct vmcoreinfo *vi, const char *name, uint64_t *value)
{
	struct text text;

	return find(vi, "SIZE(", name, ")", &text) && whole_number(text, 10, value);
}

bool vmcoreinfo_length(const struct vmcoreinfo *vi, const char *name, uint64_t *value)
{
	struct text text;

	return find(vi, "LENGTH(", name, ")", &text) && whole_number(text, 10, value);
}

bool vmcoreinfo_offset(const struct vmcoreinfo *vi, const char *name, uint64_t *value)
{
	struct text text;

	return find(vi, "OFFSET(", name, ")", &text) && whole_number(text, 10, value);
}

/* Kernels print with %ld, %lu and 0x%lx: 18446744073709551615, 0xffffffffffffffff and -1 are one value. */
bool vmcoreinfo_number(const struct vmcoreinfo *vi, const char *name, int64_t *value)
{
	struct text text, hex;
	uint64_t number;
	bool negative;

	if (!find(vi, "NUMBER(", name, ")", &text))
		return false;
	hex = text;
	if (text_take(&hex, "0x")) {
		if (!whole_number(hex, 16, &number))
			return false;
		*value = (int64_t)number;
		return true;
	}
	negative = text_take(&text, "-");
	if (!whole_number(text, 10, &number) || (negative && number > 1ull << 63))
		return false;
	*value = (int64_t)(negative ? -number : number);
	return true;
}

bool vmcoreinfo_hex(const struct vmcoreinfo *vi, const char *key, uint64_t *value)
{
	struct text text;

	return find(vi, key, "", "", &text) && whole_number(text, 16, value);
}

bool vmcoreinfo_decimal(const struct vmcoreinfo *vi, const char *key, uint64_t *value)
{
	struct text text;

	return find(vi, key, "", "", &text) && whole_number(text, 10, value);
}
