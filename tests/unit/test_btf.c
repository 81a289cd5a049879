/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/ksyms.h"
#include "tests/unit/make_btf.h"
#include "tests/unit/test.h"

#include <errno.h>

static struct btf *open_text(const char *text, bool big_endian, struct blob *bytes)
{
	struct btf *b = NULL;
	struct view v;

	make_btf(text, big_endian, bytes);
	v = blob_view(bytes, "test");
	v.big_endian = big_endian;
	CHECK_EQ(btf_open(&b, &v), 0);
	return b;
}

TEST(members)
{
	static const struct {
		const char *type, *member;
		uint64_t off, size;
	} rows[] = {
		{ "page", "flags", 0, 8 }, { "page", "lru", 8, 16 }, { "page", "lru.next", 8, 8 },
		{ "page", "lru.prev", 16, 8 }, { "page", "mapping", 24, 8 }, { "page", "private", 40, 8 },
		{ "page", "compound_head", 8, 8 }, { "page", "compound_dtor", 16, 1 },
		{ "page", "compound_order", 17, 1 },
		{ "page", "_mapcount", 48, 4 }, { "page", "_mapcount.counter", 48, 4 }, { "page", "_refcount", 52, 4 },
		{ "page", "_refcount.counter", 52, 4 }, { "list_head", "prev", 8, 8 }, { "task_struct", "comm", 8, 16 },
		{ "task_struct", "flag", 24, 4 }, { "task_struct", "names", 32, 48 }, { "tagged", "next", 0, 16 },
	};
	static const char *const missing[][2] = {
		{ "page", "nothing" }, { "nothing", "flags" }, { "page", "" }, { "page", "flags." },
		{ "page", "flags.x" }, { "page", "flagss" }, { "pag", "flags" },
		{ "page", ".flags" }, { "page", "lru.next.next" }, { "atomic_t", "counter" }, { "", "counter" },
		{ "task_struct", "odd" }, { "pageflags", "PG_lru" }, { "page", "flag" },
	};

	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct blob bytes;
		struct btf *b = open_text(BTF_PAGE, big_endian, &bytes);
		uint64_t off, size;

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			off = size = 0x77;
			CHECK_EQ(btf_member(b, rows[i].type, rows[i].member, &off, &size), 0);
			CHECK_EQ(off, rows[i].off);
			CHECK_EQ(size, rows[i].size);
			off = 0x77;
			CHECK_EQ(btf_member(b, rows[i].type, rows[i].member, &off, NULL), 0);
			CHECK_EQ(off, rows[i].off);
		}
		for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
			off = size = 0x77;
			CHECK_EQ(btf_member(b, missing[i][0], missing[i][1], &off, &size), -ENOENT);
			CHECK_EQ(off, 0x77);
			CHECK_EQ(size, 0x77);
		}
		btf_close(b);
		blob_deinit(&bytes);
	}
}

TEST(sizes_and_enumerators)
{
	struct blob bytes;
	struct btf *b = open_text(BTF_PAGE, false, &bytes);
	uint64_t size = 0;
	int64_t value = 0;

	CHECK_EQ(btf_struct_size(b, "page", &size), 0);
	CHECK_EQ(size, 64);
	CHECK_EQ(btf_struct_size(b, "cgroup", &size), -ENOENT);
	CHECK_EQ(btf_struct_size(b, "long", &size), -ENOENT);
	CHECK_EQ(btf_enumerator(b, "pageflags", "PG_lru", &value), 0);
	CHECK_EQ(value, 4);
	CHECK_EQ(btf_enumerator(b, "pageflags", "PG_minus", &value), 0);
	CHECK_EQ(value, -2);
	CHECK_EQ(btf_enumerator(b, "wide", "W", &value), 0);
	CHECK_EQ(value, 0x123456789abcdef);
	CHECK_EQ(btf_enumerator(b, "wide", "M", &value), 0);
	CHECK_EQ(value, -1);
	CHECK_EQ(btf_enumerator(b, "pageflags", "PG_lr", &value), -ENOENT);
	CHECK_EQ(btf_enumerator(b, "page", "PG_lru", &value), -ENOENT);
	CHECK_EQ(btf_enumerator(b, "", "ANON", &value), 0);
	CHECK_EQ(value, 7);
	btf_close(b);
	blob_deinit(&bytes);
	btf_close(NULL);
}

/* Structures that hold themselves, types that refer to each other, members without end. */
TEST(loops_end)
{
	static const char text[] =
		"struct a 8 -:1:0 -:1:0 -:1:0 -:1:0\n"
		"typedef t 3\ntypedef u 2\n"
		"struct b 8 x:2:0 y:4:0 z:5:0\n"
		"array 5 65535\n"
		"struct c 8 w:99:0 v:0:0\n";
	struct blob bytes;
	struct btf *b = open_text(text, false, &bytes);
	uint64_t off = 0, size = 1;

	CHECK_EQ(btf_member(b, "a", "none", &off, &size), -ENOENT);
	CHECK_EQ(btf_member(b, "b", "x", &off, &size), 0);
	CHECK_EQ(size, 0);
	CHECK_EQ(btf_member(b, "b", "y.y.y.y.y.x", &off, &size), 0);
	CHECK_EQ(btf_member(b, "b", "z", &off, &size), 0);
	CHECK_EQ(size, 0);
	CHECK_EQ(btf_member(b, "b", "x.y", &off, &size), -ENOENT);
	CHECK_EQ(btf_member(b, "c", "w", &off, &size), 0);
	CHECK_EQ(size, 0);
	CHECK_EQ(btf_member(b, "c", "w.x", &off, &size), -ENOENT);
	btf_close(b);
	blob_deinit(&bytes);
}

static void check_damaged(struct blob *bytes, const char *why)
{
	struct view v = blob_view(bytes, "test");
	struct btf *b = NULL;

	CHECK_FAILS(btf_open(&b, &v), -EINVAL, why);
	CHECK(!b);
}

TEST(damaged)
{
	struct blob bytes;

	make_btf(BTF_PAGE, false, &bytes);
	bytes.data[0] ^= 1;
	check_damaged(&bytes, "no header");
	bytes.data[0] ^= 1;
	bytes.data[2] = 2;
	check_damaged(&bytes, "a version");
	bytes.data[2] = 1;
	bytes.data[4] = 23;
	check_damaged(&bytes, "its parts");
	put_u32(bytes.data + 4, UINT32_MAX, false);
	check_damaged(&bytes, "its parts");
	put_u32(bytes.data + 4, 24, false);
	put_u32(bytes.data + 8, UINT32_MAX, false);
	check_damaged(&bytes, "its parts");
	put_u32(bytes.data + 8, 0, false);
	/* The first type is of no kind, and of one that nobody knows. */
	bytes.data[24 + 7] = 0;
	check_damaged(&bytes, "a type that is none");
	bytes.data[24 + 7] = 20;
	check_damaged(&bytes, "a type that is none");
	blob_deinit(&bytes);
}

/* Cut anywhere, and with every bit flipped: an error, or answers. */
TEST(cut_and_flipped)
{
	struct blob bytes;
	struct btf *b;
	uint64_t off, size;
	int64_t value;

	make_btf(BTF_PAGE, false, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		struct view v = view_of(cut, len, "cut");

		memcpy(cut, bytes.data, len);
		CHECK_EQ(btf_open(&b, &v), -EINVAL);
		free(cut);
	}
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		struct view v = blob_view(&bytes, "flipped");
		int err;

		bytes.data[bit / 8] ^= 1u << bit % 8;
		err = btf_open(&b, &v);
		CHECK(!err || err == -EINVAL);
		if (!err) {
			btf_member(b, "page", "lru.next", &off, &size);
			btf_member(b, "task_struct", "names", &off, &size);
			btf_member(b, "page", "none", &off, &size);
			btf_enumerator(b, "wide", "M", &value);
			btf_close(b);
		}
		bytes.data[bit / 8] ^= 1u << bit % 8;
	}
	blob_deinit(&bytes);
}
