/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded windows onto bytes somebody else wrote, and the only endian reads and writes of the project.
 *
 * A view is a window; it owns nothing. A cursor walks a view and turns bad at the first read that does not
 * fit: every later read gives zero and moves nothing, so a whole header is read field by field and cursor.bad
 * is tested once at the end.
 */
#ifndef LIB_VIEW_H
#define LIB_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const uint8_t *base;
	uint64_t len;      /* bytes */
	bool big_endian;   /* byte order of multi-byte fields */
	const char *name;  /* for messages: usually the file's path */
};

struct cursor {
	struct view view;
	uint64_t pos;      /* next byte to read, <= view.len */
	bool bad;          /* a read did not fit */
};

struct view view_of(const void *base, uint64_t len, const char *name);

/*
 * The LEN bytes at OFF of V as a view of their own. Bounds are tested by subtraction: no sum can wrap.
 * -EINVAL (recorded, naming V) when they do not lie inside V; *SUB is untouched then.
 */
int view_sub(const struct view *v, uint64_t off, uint64_t len, struct view *sub);

/* Does V hold these N bytes at OFF? False, never an error, when it is too short. */
bool view_has(const struct view *v, uint64_t off, const void *bytes, size_t n);

struct cursor cursor_at(const struct view *v, uint64_t off);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
/* A word of 4 or 8 bytes, widened: the natural word of a 32 or 64 bit format. */
uint64_t cursor_word(struct cursor *c, unsigned int width);
void cursor_skip(struct cursor *c, uint64_t n);
/* N bytes in place, or NULL (and bad) when fewer are left. */
const uint8_t *cursor_bytes(struct cursor *c, uint64_t n);
/* Move forward to the next multiple of ALIGN (a power of two), counted from the start of the view. */
void cursor_align(struct cursor *c, unsigned int align);
uint64_t cursor_left(const struct cursor *c);

/* Stores into a buffer of ours; the caller knows that it is large enough. */
void put_u16(void *at, uint16_t value, bool big_endian);
void put_u32(void *at, uint32_t value, bool big_endian);
void put_u64(void *at, uint64_t value, bool big_endian);
void put_word(void *at, uint64_t value, unsigned int width, bool big_endian);

uint16_t get_u16(const void *at, bool big_endian);
uint32_t get_u32(const void *at, bool big_endian);
uint64_t get_u64(const void *at, bool big_endian);

#endif
