/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BPF Type Format, Documentation/bpf/btf.rst and include/uapi/linux/btf.h: a header, types one behind the other
 * (numbered from 1), and their names.
 */
#include "kdump/ksyms.h"

#include "lib/blob.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BTF_MAGIC 0xeb9f
#define HEADER_BYTES 24
#define TYPE_BYTES 12
/* A kernel with everything built in has some 10 MiB. */
#define BTF_BYTES_MAX (128u << 20)
#define TYPES_MAX (16u << 20)
/* Of structures in structures, and of typedefs and qualifiers on the way to a type. */
#define NESTING_MAX 16
/* Members looked at for one name, through all unions: a bound for damage. */
#define MEMBERS_MAX (1u << 16)

enum {
	KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD, KIND_TYPEDEF, KIND_VOLATILE,
	KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG,
	KIND_TYPE_TAG, KIND_ENUM64, NR_KINDS
};

/* Bytes behind the type itself: at all, and for each of vlen. */
static const struct {
	uint8_t fixed, each;
} tails[NR_KINDS] = {
	[KIND_INT] = { 4, 0 }, [KIND_ARRAY] = { 12, 0 }, [KIND_STRUCT] = { 0, 12 }, [KIND_UNION] = { 0, 12 },
	[KIND_ENUM] = { 0, 8 }, [KIND_FUNC_PROTO] = { 0, 8 }, [KIND_VAR] = { 4, 0 }, [KIND_DATASEC] = { 0, 12 },
	[KIND_DECL_TAG] = { 4, 0 }, [KIND_ENUM64] = { 0, 12 },
};

struct btf {
	struct view types, strings;
	uint32_t *off;             /* of type ID - 1 in TYPES */
	uint32_t nr;
	struct blob own;           /* the bytes, when read out of a dump */
};

struct type {
	uint32_t name, size;       /* size: or the type that this one refers to */
	unsigned int kind, vlen;
	bool flag;
	struct cursor tail;
};

static bool type_at(const struct btf *b, uint64_t off, struct type *t)
{
	struct cursor c = cursor_at(&b->types, off);
	uint32_t info;

	t->name = cursor_u32(&c);
	info = cursor_u32(&c);
	t->size = cursor_u32(&c);
	t->kind = info >> 24 & 0x1f;
	t->vlen = info & 0xffff;
	t->flag = info >> 31;
	t->tail = c;
	return !c.bad && t->kind && t->kind < NR_KINDS;
}

static bool type_of(const struct btf *b, uint32_t id, struct type *t)
{
	return id && id <= b->nr && type_at(b, b->off[id - 1], t);
}

static uint64_t type_bytes(const struct type *t)
{
	return TYPE_BYTES + tails[t->kind].fixed + (uint64_t)tails[t->kind].each * t->vlen;
}

static bool name_is(const struct btf *b, uint32_t off, const char *name, size_t len)
{
	return view_has(&b->strings, off, name, len) && view_has(&b->strings, (uint64_t)off + len, "", 1);
}

static int damaged(const char *name, const char *what)
{
	return fail(-EINVAL, "%s: damaged BTF: %s", name, what);
}

static int take_header(struct btf *b, const struct view *bytes)
{
	struct view v = *bytes;
	struct cursor c;
	uint32_t header_len, type_off, type_len, str_off, str_len;
	uint8_t version;
	uint16_t magic;

	c = cursor_at(&v, 0);
	magic = cursor_u16(&c);
	version = cursor_u8(&c);
	cursor_u8(&c);
	header_len = cursor_u32(&c);
	type_off = cursor_u32(&c);
	type_len = cursor_u32(&c);
	str_off = cursor_u32(&c);
	str_len = cursor_u32(&c);
	if (c.bad || magic != BTF_MAGIC)
		return damaged(v.name, "no header");
	if (version != 1)
		return damaged(v.name, "a version that is not known");
	/* Offsets count from the end of the header, which may have grown. */
	if (header_len < HEADER_BYTES || header_len > v.len || view_sub(&v, header_len, v.len - header_len, &v) ||
	    view_sub(&v, type_off, type_len, &b->types) || view_sub(&v, str_off, str_len, &b->strings))
		return damaged(bytes->name, "its parts do not lie inside it");
	return 0;
}

/* The place of each type. */
static int index_types(struct btf *b, const char *name)
{
	uint64_t at = 0;
	uint32_t cap = 0;

	while (at < b->types.len) {
		struct type t;

		if (!type_at(b, at, &t) || type_bytes(&t) > b->types.len - at)
			return damaged(name, "a type that is none");
		if (b->nr == cap) {
			uint32_t *grown;

			if (cap >= TYPES_MAX)
				return damaged(name, "too many types");
			cap = cap ? cap * 2 : 4096;
			grown = realloc(b->off, cap * sizeof(*grown));
			if (!grown)
				return fail(-ENOMEM, "no memory for %u types", cap);
			b->off = grown;
		}
		b->off[b->nr++] = at;
		at += type_bytes(&t);
	}
	return 0;
}

/* Takes over the bytes of OWN, if there are, also on failure. */
static int parse(struct btf **made, const struct view *bytes, struct blob *own)
{
	struct btf *b = calloc(1, sizeof(*b));
	int err;

	if (!b) {
		if (own)
			blob_deinit(own);
		return fail(-ENOMEM, "no memory for type information");
	}
	if (own)
		b->own = *own;
	else
		blob_init(&b->own);
	err = bytes->len > BTF_BYTES_MAX ? damaged(bytes->name, "too large") : take_header(b, bytes);
	if (!err)
		err = index_types(b, bytes->name);
	if (err) {
		btf_close(b);
		return err;
	}
	*made = b;
	return 0;
}

int btf_open(struct btf **made, const struct view *bytes)
{
	return parse(made, bytes, NULL);
}

void btf_close(struct btf *b)
{
	if (!b)
		return;
	free(b->off);
	blob_deinit(&b->own);
	free(b);
}

int btf_read(struct btf **made, struct vtop *vt, struct ksyms *s)
{
	uint64_t start, stop;
	struct blob bytes;
	struct view v;
	int err;

	if (ksyms_find(s, "__start_BTF", &start) || ksyms_find(s, "__stop_BTF", &stop))
		return fail(-ENODATA, "the dump's kernel has no BTF");
	if (stop <= start || stop - start > BTF_BYTES_MAX)
		return damaged("the dump", "its symbols are not in order");
	blob_init(&bytes);
	err = blob_reserve(&bytes, stop - start);
	if (!err && vtop_read(vt, start, bytes.data, stop - start))
		err = fail(-ENODATA, "the dump's BTF cannot be read");
	if (err) {
		blob_deinit(&bytes);
		return err;
	}
	bytes.len = stop - start;
	v = blob_view(&bytes, "the dump");
	v.big_endian = vt->core->big_endian;
	return parse(made, &v, &bytes);
}

/* Through typedefs and qualifiers. */
static bool resolve(const struct btf *b, uint32_t id, struct type *t)
{
	for (unsigned int i = 0; i < NESTING_MAX; i++) {
		if (!type_of(b, id, t))
			return false;
		switch (t->kind) {
		case KIND_TYPEDEF:
		case KIND_VOLATILE:
		case KIND_CONST:
		case KIND_RESTRICT:
		case KIND_TYPE_TAG:
			id = t->size;
			break;
		default:
			return true;
		}
	}
	return false;
}

/* Bytes of type ID; 0 when it has none. An array's are those of its members. */
static uint64_t size_of(const struct btf *b, uint32_t id)
{
	uint64_t times = 1;

	for (unsigned int i = 0; i < NESTING_MAX; i++) {
		struct type t;
		uint32_t nr;

		if (!resolve(b, id, &t))
			return 0;
		switch (t.kind) {
		case KIND_ARRAY:
			id = cursor_u32(&t.tail);
			cursor_skip(&t.tail, 4);
			nr = cursor_u32(&t.tail);
			if (t.tail.bad || (nr && times > UINT32_MAX / nr))
				return 0;
			times *= nr;
			continue;
		case KIND_PTR:
			/* BTF does not say; the types of unsigned long would. All kernels read here have 64 bits. */
			return times * 8;
		case KIND_INT:
		case KIND_STRUCT:
		case KIND_UNION:
		case KIND_ENUM:
		case KIND_ENUM64:
		case KIND_FLOAT:
			return times * t.size;
		default:
			return 0;
		}
	}
	return 0;
}

/* The struct or union called NAME; of several, the first, which is the kernel's own. */
static bool find_struct(const struct btf *b, const char *name, struct type *t)
{
	size_t len = strlen(name);

	for (uint32_t id = 1; len && id <= b->nr; id++)
		if (type_of(b, id, t) && (t->kind == KIND_STRUCT || t->kind == KIND_UNION) &&
		    name_is(b, t->name, name, len))
			return true;
	return false;
}

struct search {
	const struct btf *b;
	const char *name;          /* the component looked for */
	size_t len;
	unsigned int budget;
	/* what was found */
	uint64_t bit;
	uint32_t type;
};

/* NAME in T or in its members that have no name themselves. */
static bool find_member(struct search *s, const struct type *t, uint64_t bit, unsigned int depth)
{
	struct cursor c = t->tail;

	for (unsigned int i = 0; i < t->vlen; i++) {
		uint32_t name = cursor_u32(&c), type = cursor_u32(&c), at = cursor_u32(&c);
		struct type inner;

		if (c.bad || !s->budget)
			return false;
		s->budget--;
		/* With the flag, the upper byte is the width of a bit field. */
		at = t->flag ? at & 0xffffff : at;
		if (name_is(s->b, name, s->name, s->len)) {
			s->bit = bit + at;
			s->type = type;
			return true;
		}
		if (name_is(s->b, name, "", 0) && depth < NESTING_MAX && resolve(s->b, type, &inner) &&
		    (inner.kind == KIND_STRUCT || inner.kind == KIND_UNION) &&
		    find_member(s, &inner, bit + at, depth + 1))
			return true;
	}
	return false;
}

int btf_member(const struct btf *b, const char *type, const char *member, uint64_t *off, uint64_t *size)
{
	struct search s = { .b = b, .budget = MEMBERS_MAX };
	struct type t;

	if (!find_struct(b, type, &t))
		return -ENOENT;
	for (;;) {
		const char *dot = strchrnul(member, '.');

		s.name = member;
		s.len = dot - member;
		if (!s.len || !find_member(&s, &t, s.bit, 0))
			return -ENOENT;
		if (!*dot)
			break;
		if (!resolve(b, s.type, &t) || (t.kind != KIND_STRUCT && t.kind != KIND_UNION))
			return -ENOENT;
		member = dot + 1;
	}
	/* A bit field inside a byte has no offset. */
	if (s.bit % 8)
		return -ENOENT;
	*off = s.bit / 8;
	if (size)
		*size = size_of(b, s.type);
	return 0;
}

int btf_struct_size(const struct btf *b, const char *type, uint64_t *size)
{
	struct type t;

	if (!find_struct(b, type, &t))
		return -ENOENT;
	*size = t.size;
	return 0;
}

static bool enumerator(const struct btf *b, const struct type *t, const char *name, int64_t *value)
{
	struct cursor c = t->tail;

	for (unsigned int i = 0; i < t->vlen; i++) {
		uint32_t at = cursor_u32(&c), low = cursor_u32(&c), high = 0;

		if (t->kind == KIND_ENUM64)
			high = cursor_u32(&c);
		if (c.bad)
			return false;
		if (!name_is(b, at, name, strlen(name)))
			continue;
		/* The flag: values are signed. */
		if (t->kind == KIND_ENUM64)
			*value = (int64_t)((uint64_t)high << 32 | low);
		else
			*value = t->flag ? (int64_t)(int32_t)low : (int64_t)low;
		return true;
	}
	return false;
}

int btf_enumerator(const struct btf *b, const char *enumeration, const char *name, int64_t *value)
{
	size_t len = strlen(enumeration);

	for (uint32_t id = 1; id <= b->nr; id++) {
		struct type t;

		if (type_of(b, id, &t) && (t.kind == KIND_ENUM || t.kind == KIND_ENUM64) &&
		    name_is(b, t.name, enumeration, len) && enumerator(b, &t, name, value))
			return 0;
	}
	return -ENOENT;
}
