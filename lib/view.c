/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/view.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct view view_of(const void *base, uint64_t len, const char *name)
{
	return (struct view){ .base = base, .len = len, .name = name };
}

/* Even an offset of zero must not be added to a null pointer, which an empty view may have. */
static const uint8_t *at(const struct view *v, uint64_t off)
{
	return v->base ? v->base + off : NULL;
}

static bool inside(const struct view *v, uint64_t off, uint64_t len)
{
	return off <= v->len && len <= v->len - off;
}

int view_sub(const struct view *v, uint64_t off, uint64_t len, struct view *sub)
{
	const uint8_t *base;

	if (!inside(v, off, len))
		return fail(-EINVAL,
			    "%s: %" PRIu64 " bytes at offset %#" PRIx64 " do not lie inside its %" PRIu64 " bytes",
			    v->name ? v->name : "input", len, off, v->len);
	base = at(v, off);
	*sub = *v;
	sub->base = base;
	sub->len = len;
	return 0;
}

bool view_has(const struct view *v, uint64_t off, const void *bytes, size_t n)
{
	return inside(v, off, n) && (n == 0 || !memcmp(at(v, off), bytes, n));
}

struct cursor cursor_at(const struct view *v, uint64_t off)
{
	bool bad = off > v->len;

	return (struct cursor){ .view = *v, .pos = bad ? v->len : off, .bad = bad };
}

uint64_t cursor_left(const struct cursor *c)
{
	return c->bad ? 0 : c->view.len - c->pos;
}

/* The next N bytes, or NULL and a bad cursor. Does not hand out N = 0 of a bad cursor either. */
static const uint8_t *take(struct cursor *c, uint64_t n)
{
	const uint8_t *p;

	if (c->bad || n > c->view.len - c->pos) {
		c->bad = true;
		return NULL;
	}
	p = at(&c->view, c->pos);
	c->pos += n;
	return p;
}

uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = take(c, 1);

	return p ? *p : 0;
}

uint16_t cursor_u16(struct cursor *c)
{
	const uint8_t *p = take(c, 2);

	return p ? get_u16(p, c->view.big_endian) : 0;
}

uint32_t cursor_u32(struct cursor *c)
{
	const uint8_t *p = take(c, 4);

	return p ? get_u32(p, c->view.big_endian) : 0;
}

uint64_t cursor_u64(struct cursor *c)
{
	const uint8_t *p = take(c, 8);

	return p ? get_u64(p, c->view.big_endian) : 0;
}

uint64_t cursor_word(struct cursor *c, unsigned int width)
{
	return width == 8 ? cursor_u64(c) : cursor_u32(c);
}

void cursor_skip(struct cursor *c, uint64_t n)
{
	take(c, n);
}

const uint8_t *cursor_bytes(struct cursor *c, uint64_t n)
{
	return take(c, n);
}

void cursor_align(struct cursor *c, unsigned int align)
{
	take(c, -c->pos & (align - 1));
}

/* Byte by byte, because nothing is aligned; compilers make one load or store of each, swapped where needed. */

static uint16_t load_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t load_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint16_t get_u16(const void *from, bool big_endian)
{
	return big_endian ? load_be16(from) : load_le16(from);
}

uint32_t get_u32(const void *from, bool big_endian)
{
	return big_endian ? load_be32(from) : load_le32(from);
}

uint64_t get_u64(const void *from, bool big_endian)
{
	const uint8_t *p = from;

	if (big_endian)
		return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
	return (uint64_t)load_le32(p + 4) << 32 | load_le32(p);
}

static void put_bytes(uint8_t *p, uint64_t value, unsigned int n, bool big_endian)
{
	for (unsigned int i = 0; i < n; i++)
		p[big_endian ? n - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

void put_u16(void *to, uint16_t value, bool big_endian)
{
	put_bytes(to, value, 2, big_endian);
}

void put_u32(void *to, uint32_t value, bool big_endian)
{
	put_bytes(to, value, 4, big_endian);
}

void put_u64(void *to, uint64_t value, bool big_endian)
{
	put_bytes(to, value, 8, big_endian);
}

void put_word(void *to, uint64_t value, unsigned int width, bool big_endian)
{
	put_bytes(to, value, width, big_endian);
}
