// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every codec that is built in: round trips of all kinds of pages, and damaged input that must neither pass nor
 * overrun.
 */
#include "include/diskdump_format.h"
#include "kdump/codec.h"
#include "tests/unit/test.h"

#include <errno.h>

enum { NR_KINDS = 6 };

/* Exactly as long as asked, so that the sanitizer sees a read or write behind it. */
static uint8_t *page_of(int kind, size_t len)
{
	uint8_t *page = malloc(len);

	for (size_t i = 0; i < len; i++)
		switch (kind) {
		case 0: page[i] = 0; break;
		case 1: page[i] = test_random(); break;
		case 2: page[i] = "struct page "[i % 12]; break;
		case 3: page[i] = test_random() % 4; break;
		case 4: page[i] = i % 64 < 8 ? test_random() : 0; break;
		default: page[i] = i < len / 2 ? test_random() : i / 256; break;
		}
	return page;
}

static void round_trip(const struct codec *c, int level, int kind, size_t len)
{
	void *state = c->open(level);
	uint8_t *in = page_of(kind, len), *out = malloc(len), *back = malloc(len);

	CHECK(state);
	/* Twice with one state: nothing is left over from the first. */
	for (int round = 0; round < 2 && state; round++) {
		size_t got = c->compress(state, in, len, out, len);

		CHECK(got < len);
		if (!got)
			continue;
		uint8_t *exact = malloc(got);

		memcpy(exact, out, got);
		memset(back, 0x55, len);
		CHECK_EQ(c->expand(exact, got, back, len), 0);
		CHECK(!memcmp(back, in, len));
		free(exact);
	}
	if (state)
		c->close(state);
	free(in);
	free(out);
	free(back);
}

TEST(round_trips)
{
	static const int levels[] = { CODEC_DEFAULT_LEVEL, -5, -1, 0, 1, 3, 9, 1000, -1000000000 };
	static const size_t sizes[] = { 4096, 16384, 65536 };

	for (const struct codec *c = codecs; c->name; c++)
		for (size_t l = 0; c->built_in && l < sizeof(levels) / sizeof(*levels); l++)
			for (size_t s = 0; s < (levels[l] == 1000 ? 1 : 3); s++)
				for (int kind = 0; kind < NR_KINDS; kind++)
					round_trip(c, levels[l], kind, sizes[s]);
}

TEST(what_compresses_is_compressed)
{
	for (const struct codec *c = codecs; c->name; c++) {
		if (!c->built_in || !c->flag)
			continue;
		void *state = c->open(CODEC_DEFAULT_LEVEL);
		uint8_t *text = page_of(2, 4096), *noise = page_of(1, 4096), out[4096];
		size_t got = c->compress(state, text, 4096, out, sizeof(out));

		CHECK(got > 0 && got < 1024);
		CHECK_EQ(c->compress(state, noise, 4096, out, sizeof(out)), 0);
		/* No room is no result, and nothing is written behind the room there is. */
		for (size_t room = 1; room <= got; room++) {
			uint8_t *small = malloc(room);

			CHECK_EQ(c->compress(state, text, 4096, small, room), 0);
			free(small);
		}
		CHECK_EQ(c->compress(state, text, 4096, out, got + 64) > 0, 1);
		c->close(state);
		free(text);
		free(noise);
	}
}

/*
 * Flips, cuts and additions: an error, or (where the format has no check sum) some page of the right length. Never
 * more.
 */
static void damage(const struct codec *c, const uint8_t *good, size_t len)
{
	for (int i = 0; i < 3000; i++) {
		size_t n = len;
		uint8_t *bad, *out = malloc(4096);
		int err;

		switch (i % 3) {
		case 0: n = test_random() % len; break;
		case 1: n = len + 1 + test_random() % 20; break;
		}
		bad = malloc(n ? n : 1);
		for (size_t k = 0; k < n; k++)
			bad[k] = k < len ? good[k] : test_random();
		if (i % 3 == 2)
			for (unsigned int flips = 1 + test_random() % 4; flips; flips--)
				bad[test_random() % n] ^= 1u << test_random() % 8;
		err = c->expand(bad, n, out, 4096);
		CHECK(err == -EINVAL || (err == 0 && i % 3 == 2));
		free(bad);
		free(out);
	}
}

TEST(damaged_input)
{
	for (const struct codec *c = codecs; c->name; c++) {
		if (!c->built_in || !c->flag)
			continue;
		for (int kind = 2; kind < 5; kind++) {
			void *state = c->open(CODEC_DEFAULT_LEVEL);
			uint8_t *in = page_of(kind, 4096), out[4096], *back = malloc(8192);
			size_t got = c->compress(state, in, 4096, out, sizeof(out));

			CHECK(got > 0);
			/* The wrong length of page, both ways. */
			CHECK_EQ(c->expand(out, got, back, 4095), (uint64_t)-EINVAL);
			CHECK_EQ(c->expand(out, got, back, 4097), (uint64_t)-EINVAL);
			CHECK_EQ(c->expand(out, got, back, 8192), (uint64_t)-EINVAL);
			CHECK_EQ(c->expand(out, 0, back, 4096), (uint64_t)-EINVAL);
			damage(c, out, got);
			c->close(state);
			free(in);
			free(back);
		}
	}
}

TEST(noise_is_not_expanded)
{
	for (const struct codec *c = codecs; c->name; c++)
		for (int i = 0; c->built_in && c->flag && i < 2000; i++) {
			size_t len = test_random() % 300;
			uint8_t *in = page_of(1, len + 1), *out = malloc(4096);
			int err = c->expand(in, len, out, 4096);

			CHECK(err == 0 || err == -EINVAL);
			free(in);
			free(out);
		}
}

TEST(raw_pages)
{
	const struct codec *none = codec_by_flag(0);
	uint8_t in[64] = "raw", out[64];

	CHECK_STR(none->name, "none");
	CHECK_EQ(none->expand(in, 64, out, 64), 0);
	CHECK(!memcmp(in, out, 64));
	CHECK_EQ(none->expand(in, 63, out, 64), (uint64_t)-EINVAL);
	CHECK_EQ(none->expand(in, 64, out, 63), (uint64_t)-EINVAL);
}

TEST(table)
{
	unsigned int nr = 0;

	for (const struct codec *c = codecs; c->name; c++, nr++) {
		CHECK(codec_by_name(c->name) == c);
		CHECK(codec_by_flag(c->flag) == c);
		CHECK_EQ(!c->open, !c->built_in);
		CHECK_EQ(!c->close, !c->built_in);
		CHECK_EQ(!c->compress, !c->built_in);
		CHECK_EQ(!c->expand, !c->built_in);
		if (c->built_in)
			c->close(NULL);
	}
	CHECK_EQ(nr, 5);
	CHECK_EQ(codec_by_name("zstd")->flag, DD_FLAG_ZSTD);
	CHECK_EQ(codec_by_name("zlib")->flag, DD_FLAG_ZLIB);
	CHECK_EQ(codec_by_name("lzo")->flag, DD_FLAG_LZO);
	CHECK_EQ(codec_by_name("snappy")->flag, DD_FLAG_SNAPPY);
	CHECK(!codec_by_name("lz4"));
	CHECK(!codec_by_name(""));
	CHECK(!codec_by_flag(DD_STATUS_INCOMPLETE));
	CHECK(!codec_by_flag(DD_FLAG_ZLIB | DD_FLAG_LZO));
}
