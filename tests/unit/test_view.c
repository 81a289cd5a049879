/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/blob.h"
#include "lib/view.h"
#include "tests/unit/test.h"

#include <errno.h>

static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x85, 0x86, 0x87, 0x88, 0x09 };

static struct view view_in(bool big_endian)
{
	struct view v = view_of(bytes, sizeof(bytes), "bytes");

	v.big_endian = big_endian;
	return v;
}

TEST(sub_views_of_every_place)
{
	struct view v = view_in(true), untouched = view_of(NULL, 77, "untouched"), sub;

	for (uint64_t off = 0; off < 12; off++) {
		for (uint64_t len = 0; len < 12; len++) {
			sub = untouched;
			if (off + len <= sizeof(bytes)) {
				CHECK_EQ(view_sub(&v, off, len, &sub), 0);
				CHECK(sub.base == bytes + off && sub.len == len && sub.big_endian);
				CHECK_STR(sub.name, "bytes");
			} else {
				CHECK_FAILS(view_sub(&v, off, len, &sub), -EINVAL, "bytes: ");
				CHECK_EQ(sub.len, 77);
			}
		}
	}
}

TEST(sub_views_never_wrap)
{
	struct view v = view_in(false), sub;

	CHECK_FAILS(view_sub(&v, 4, UINT64_MAX, &sub), -EINVAL, "at offset 0x4");
	CHECK_FAILS(view_sub(&v, 4, UINT64_MAX - 3, &sub), -EINVAL, "its 9 bytes");
	CHECK_FAILS(view_sub(&v, UINT64_MAX, 2, &sub), -EINVAL, "bytes");
	CHECK_FAILS(view_sub(&v, UINT64_MAX, 0, &sub), -EINVAL, "bytes");
	CHECK(!view_has(&v, UINT64_MAX, bytes, 1));
	v.name = NULL;
	CHECK_FAILS(view_sub(&v, 10, 0, &sub), -EINVAL, "input: ");
}

TEST(empty_views)
{
	struct view v = view_of(NULL, 0, NULL), sub;
	struct cursor c = cursor_at(&v, 0);

	CHECK_EQ(view_sub(&v, 0, 0, &sub), 0);
	CHECK(!sub.base && !sub.len);
	CHECK(view_has(&v, 0, NULL, 0));
	CHECK(!view_has(&v, 0, bytes, 1));
	cursor_skip(&c, 0);
	cursor_align(&c, 8);
	CHECK(!c.bad);
	CHECK_EQ(cursor_u8(&c), 0);
	CHECK(c.bad);
}

TEST(has)
{
	struct view v = view_in(false);

	CHECK(view_has(&v, 0, "\1\2", 2));
	CHECK(view_has(&v, 8, "\x09", 1));
	CHECK(!view_has(&v, 8, "\x09\0", 2));
	CHECK(!view_has(&v, 1, "\1\2", 2));
	CHECK(view_has(&v, 9, "", 0));
	CHECK(!view_has(&v, 10, "", 0));
}

TEST(little_endian_reads)
{
	struct view v = view_in(false);
	struct cursor c = cursor_at(&v, 0);

	CHECK_EQ(cursor_u16(&c), 0x0201);
	CHECK_EQ(cursor_u32(&c), 0x86850403);
	CHECK_EQ(cursor_u8(&c), 0x87);
	CHECK_EQ(cursor_left(&c), 2);
	c = cursor_at(&v, 1);
	CHECK_EQ(cursor_u64(&c), 0x0988878685040302ull);
	CHECK(!c.bad);
	c = cursor_at(&v, 4);
	CHECK_EQ(cursor_word(&c, 4), 0x88878685);
	c = cursor_at(&v, 0);
	CHECK_EQ(cursor_word(&c, 8), 0x8887868504030201ull);
}

TEST(big_endian_reads)
{
	struct view v = view_in(true);
	struct cursor c = cursor_at(&v, 0);

	CHECK_EQ(cursor_u16(&c), 0x0102);
	CHECK_EQ(cursor_u32(&c), 0x03048586);
	c = cursor_at(&v, 1);
	CHECK_EQ(cursor_u64(&c), 0x0203048586878809ull);
	c = cursor_at(&v, 4);
	CHECK_EQ(cursor_word(&c, 4), 0x85868788);
	c = cursor_at(&v, 0);
	CHECK_EQ(cursor_word(&c, 8), 0x0102030485868788ull);
}

TEST(a_bad_cursor_stays_bad)
{
	struct view v = view_in(false);
	struct cursor c = cursor_at(&v, 6);

	CHECK_EQ(cursor_u32(&c), 0);
	CHECK(c.bad);
	CHECK_EQ(c.pos, 6);
	CHECK_EQ(cursor_u8(&c), 0);
	CHECK_EQ(cursor_u16(&c), 0);
	CHECK_EQ(cursor_u64(&c), 0);
	CHECK_EQ(cursor_left(&c), 0);
	CHECK(!cursor_bytes(&c, 0));
	cursor_skip(&c, 0);
	cursor_align(&c, 16);
	CHECK_EQ(c.pos, 6);
	CHECK(c.bad);
	c = cursor_at(&v, 9);
	CHECK(!c.bad && cursor_left(&c) == 0);
	c = cursor_at(&v, 10);
	CHECK(c.bad && c.pos <= v.len);
	c = cursor_at(&v, UINT64_MAX);
	CHECK(c.bad && c.pos <= v.len);
}

TEST(skips_and_alignment)
{
	struct view v = view_in(false);
	struct cursor c = cursor_at(&v, 0);

	cursor_align(&c, 4);
	CHECK_EQ(c.pos, 0);
	cursor_skip(&c, 1);
	cursor_align(&c, 4);
	CHECK_EQ(c.pos, 4);
	CHECK(cursor_bytes(&c, 2) == bytes + 4);
	cursor_align(&c, 1);
	CHECK_EQ(c.pos, 6);
	cursor_align(&c, 8);
	CHECK_EQ(c.pos, 8);
	CHECK(!c.bad);
	cursor_skip(&c, 1);
	cursor_align(&c, 8);
	CHECK(c.bad);
	c = cursor_at(&v, 4);
	cursor_skip(&c, UINT64_MAX - 3);
	CHECK(c.bad);
	c = cursor_at(&v, 4);
	CHECK(!cursor_bytes(&c, UINT64_MAX));
	CHECK(c.bad);
}

TEST(writes_are_read_back)
{
	for (int i = 0; i < 2000; i++) {
		uint64_t value = test_random();
		bool big_endian = value & 1;
		uint8_t buf[12];

		memset(buf, 0xa5, sizeof(buf));
		put_u64(buf + 1, value, big_endian);
		CHECK_EQ(get_u64(buf + 1, big_endian), value);
		CHECK_EQ(get_u64(buf + 1, !big_endian), __builtin_bswap64(value));
		put_u32(buf + 1, (uint32_t)value, big_endian);
		CHECK_EQ(get_u32(buf + 1, big_endian), (uint32_t)value);
		put_u16(buf + 1, (uint16_t)value, big_endian);
		CHECK_EQ(get_u16(buf + 1, big_endian), (uint16_t)value);
		put_word(buf + 1, value, 8, big_endian);
		CHECK_EQ(get_u64(buf + 1, big_endian), value);
		CHECK(buf[0] == 0xa5 && buf[9] == 0xa5);
		put_word(buf + 5, value, 4, big_endian);
		CHECK_EQ(get_u32(buf + 5, big_endian), (uint32_t)value);
		CHECK(buf[9] == 0xa5 && buf[10] == 0xa5);
	}
}

TEST(blobs_grow_and_keep_their_nul)
{
	struct blob b;
	struct view v;

	blob_init(&b);
	CHECK_STR((char *)b.data, "");
	v = blob_view(&b, "blob");
	CHECK(v.len == 0 && v.base);
	for (int i = 0; i < 20000; i++)
		CHECK_EQ(blob_append(&b, "abc", 3), 0);
	CHECK_EQ(b.len, 60000);
	CHECK_EQ(b.data[b.len], 0);
	CHECK(!memcmp(b.data + 59997, "abc", 4));
	CHECK_EQ(blob_zero(&b, 5), 0);
	CHECK_EQ(b.len, 60005);
	CHECK(!memcmp(b.data + 60000, "\0\0\0\0\0", 6));
	CHECK_EQ(blob_append(&b, NULL, 0), 0);
	CHECK_FAILS(blob_reserve(&b, SIZE_MAX), -ENOMEM, "cannot hold");
	CHECK_FAILS(blob_reserve(&b, SIZE_MAX - b.len), -ENOMEM, "cannot hold");
	CHECK_EQ(b.len, 60005);
	v = blob_view(&b, "blob");
	CHECK(v.base == b.data && v.len == b.len);
	blob_deinit(&b);
	CHECK_STR((char *)b.data, "");
	blob_deinit(&b);

	/* A zeroed struct works too. */
	b = (struct blob){ 0 };
	CHECK_EQ(blob_append(&b, "x", 1), 0);
	CHECK_STR((char *)b.data, "x");
	blob_deinit(&b);
	b = (struct blob){ 0 };
	blob_deinit(&b);
}
