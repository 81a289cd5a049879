/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every format: round trips with its own library, and every way in which a file can be short, long or wrong. */
#include "config.h"

#include "lib/unpack.h"

#include "tests/unit/packers.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <unistd.h>

#define MAX (32u << 20)

/* A little text, a little noise, a few zeros: LEN bytes of what compresses like a kernel. */
static void make_data(struct blob *b, size_t len)
{
	uint8_t *to = room(b, len);

	for (size_t i = 0; i < len; i++) {
		uint64_t r = test_random();

		to[i] = i / 512 % 3 == 0 ? 'a' + i % 7 : i / 512 % 3 == 1 ? r : 0;
	}
	b->len += len;
}

/* Unpack exactly LEN bytes at BYTES: a copy, so that a read behind them is seen by the sanitizer. */
static int unpack_bytes(const uint8_t *bytes, size_t len, uint64_t max, struct unpacked *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct view in;
	int err;

	memcpy(copy, bytes, len);
	in = view_of(copy, len, "test.img");
	err = unpack(&in, max, out);
	free(copy);
	return err;
}

static bool same(const struct unpacked *out, const struct blob *data)
{
	return out->view.len == data->len && !memcmp(out->view.base, data->data, data->len);
}

/* PACKED must unpack to DATA. */
static bool gives(const struct blob *packed, const struct blob *data, uint64_t max)
{
	struct unpacked out = { .map = NULL };
	bool good;

	if (unpack_bytes(packed->data, packed->len, max, &out)) {
		printf("%s\n", err_text());
		return false;
	}
	good = same(&out, data);
	unpacked_release(&out);
	return good;
}

/* PACKED must fail with ERR and a sentence that contains TEXT; nothing may be returned. */
static bool refuses(const uint8_t *packed, size_t len, uint64_t max, int err, const char *text)
{
	struct unpacked out = { .format = "untouched" };
	int got;

	err_clear();
	got = unpack_bytes(packed, len, max, &out);
	if (!got)
		unpacked_release(&out);
	else if (got == err && strstr(err_text(), text) && !strcmp(out.format, "untouched") && !out.map)
		return true;
	printf("%d (%s), want %d (%s)\n", got, err_text(), err, text);
	return false;
}

struct warnings {
	unsigned int nr;
	char last[256];
};

static void note_warning(void *ctx, const char *text)
{
	struct warnings *w = ctx;

	w->nr++;
	snprintf(w->last, sizeof(w->last), "%s", text);
}

#define CHECK_P(cond)                                                                 \
	do {                                                                          \
		if (!(cond)) {                                                        \
			test_failures++;                                              \
			printf("%s:%d: %s: %s\n", __FILE__, __LINE__, p->name, #cond); \
		}                                                                     \
	} while (0)

TEST(every_format_of_this_build_is_tested)
{
	for (const struct unpack_support *s = unpack_support; s->name; s++) {
		bool found = false;

		for (const struct packer *p = packers; p->name; p++)
			found |= !strcmp(p->format, s->name);
		CHECK_EQ(found, s->built_in);
		CHECK(s->library[0]);
	}
}

TEST(round_trips)
{
	static const size_t lens[] = { 1, 2, 100, 4095, 4096, 4097, 65536, 300001 };

	for (const struct packer *p = packers; p->name; p++) {
		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			struct blob data, packed;
			struct unpacked out;
			size_t page = sysconf(_SC_PAGESIZE);

			blob_init(&data);
			blob_init(&packed);
			make_data(&data, lens[i]);
			p->pack(&packed, &data);
			CHECK_P(!unpack_bytes(packed.data, packed.len, MAX, &out));
			CHECK_P(same(&out, &data));
			CHECK_P(!strcmp(out.format, p->format));
			CHECK_P(!strcmp(out.view.name, "test.img"));
			CHECK_P(out.map == out.view.base);
			/* No page is kept that holds no output, and nothing is left behind it. */
			CHECK_P(out.map_len == (lens[i] + page - 1) / page * page);
			for (size_t at = lens[i]; at < out.map_len; at++)
				CHECK_P(!((uint8_t *)out.map)[at]);
			unpacked_release(&out);
			CHECK_P(!out.map);
			unpacked_release(&out);
			blob_deinit(&data);
			blob_deinit(&packed);
		}
	}
}

TEST(megabytes_of_all_kinds)
{
	struct blob data;

	blob_init(&data);
	make_data(&data, 1u << 20);
	if (blob_zero(&data, 17u << 20))
		abort();
	make_data(&data, 12345);
	for (const struct packer *p = packers; p->name; p++) {
		struct blob packed;

		blob_init(&packed);
		p->pack(&packed, &data);
		CHECK_P(gives(&packed, &data, MAX));
		CHECK_P(gives(&packed, &data, data.len));
		CHECK_P(refuses(packed.data, packed.len, data.len - 1, -EFBIG, "more than the limit"));
		CHECK_P(refuses(packed.data, packed.len, 1u << 20, -EFBIG, "more than the limit of 1048576 bytes"));
		CHECK_P(refuses(packed.data, packed.len, 0, -EFBIG, "more than the limit"));
		blob_deinit(&packed);
	}
	blob_deinit(&data);
}

TEST(nothing_packed_is_nothing)
{
	for (const struct packer *p = packers; p->name; p++) {
		struct blob data, packed;

		blob_init(&data);
		blob_init(&packed);
		p->pack(&packed, &data);
		CHECK_P(gives(&packed, &data, 0));
		CHECK_P(gives(&packed, &data, MAX));
		blob_deinit(&packed);
	}
}

TEST(truncated_anywhere)
{
	for (const struct packer *p = packers; p->name; p++) {
		struct blob data, packed;

		blob_init(&data);
		blob_init(&packed);
		make_data(&data, 3000);
		p->pack(&packed, &data);
		for (size_t len = 0; len < packed.len; len++) {
			struct unpacked out;
			int err = unpack_bytes(packed.data, len, MAX, &out);

			CHECK_P(err == -EINVAL || (err == -ENOEXEC && len < 13));
			if (!err)
				unpacked_release(&out);
		}
		CHECK_P(refuses(packed.data, packed.len / 2, MAX, -EINVAL, "test.img is truncated"));
		CHECK_P(refuses(packed.data, packed.len - 1, MAX, -EINVAL, "test.img is truncated"));
		/* A file whose tail was lost and comes back as zeros, as after a crash. */
		memset(packed.data + packed.len / 2, 0, packed.len - packed.len / 2);
		CHECK_P(refuses(packed.data, packed.len, MAX, -EINVAL, "test.img"));
		blob_deinit(&data);
		blob_deinit(&packed);
	}
}

/* With a checksum every flipped bit is found, or was of no consequence; without one nothing bad happens. */
TEST(every_bit_flipped)
{
	struct warnings w = { 0 };

	err_set_warn_sink(note_warning, &w);
	for (const struct packer *p = packers; p->name; p++) {
		unsigned int silent = 0;
		struct blob data, packed;

		blob_init(&data);
		blob_init(&packed);
		make_data(&data, 700);
		p->pack(&packed, &data);
		for (size_t bit = 0; bit < 8 * packed.len; bit++) {
			struct unpacked out;

			packed.data[bit / 8] ^= 1 << bit % 8;
			if (!unpack_bytes(packed.data, packed.len, 1u << 20, &out)) {
				silent += !same(&out, &data);
				unpacked_release(&out);
			}
			packed.data[bit / 8] ^= 1 << bit % 8;
		}
		if (p->checked)
			CHECK_P(!silent);
		CHECK_P(gives(&packed, &data, MAX));
		blob_deinit(&data);
		blob_deinit(&packed);
	}
	err_set_warn_sink(NULL, NULL);
}

TEST(random_damage)
{
	struct warnings w = { 0 };

	err_set_warn_sink(note_warning, &w);
	for (const struct packer *p = packers; p->name; p++) {
		struct blob data, packed;

		blob_init(&data);
		blob_init(&packed);
		make_data(&data, 20000);
		p->pack(&packed, &data);
		for (unsigned int i = 0; i < 300; i++) {
			struct blob bad;
			struct unpacked out;

			blob_init(&bad);
			add(&bad, packed.data, packed.len - (i % 2 ? test_random() % packed.len : 0));
			for (unsigned int n = test_random() % 8; n > 0 && bad.len; n--)
				bad.data[test_random() % bad.len] = test_random();
			if (!unpack_bytes(bad.data, bad.len, 1u << 20, &out)) {
				CHECK_P(!p->checked || same(&out, &data));
				unpacked_release(&out);
			}
			blob_deinit(&bad);
		}
		blob_deinit(&data);
		blob_deinit(&packed);
	}
	err_set_warn_sink(NULL, NULL);
}

TEST(padding_is_no_matter)
{
	static const size_t pads[] = { 1, 2, 3, 4, 7, 511, 4096, 100000 };
	struct warnings w = { 0 };

	err_set_warn_sink(note_warning, &w);
	for (const struct packer *p = packers; p->name; p++) {
		for (size_t i = 0; i < sizeof(pads) / sizeof(pads[0]); i++) {
			struct blob data, packed;

			blob_init(&data);
			blob_init(&packed);
			make_data(&data, 5000);
			p->pack(&packed, &data);
			blob_zero(&packed, pads[i]);
			CHECK_P(gives(&packed, &data, MAX));

			/* As the kernel's build appends it, and the same with padding. */
			packed.len -= pads[i];
			put_u32(room(&packed, 4), data.len, false);
			packed.len += 4;
			CHECK_P(gives(&packed, &data, MAX));
			blob_zero(&packed, pads[i]);
			CHECK_P(gives(&packed, &data, MAX));
			blob_deinit(&data);
			blob_deinit(&packed);
		}
	}
	CHECK_EQ(w.nr, 0);
	err_set_warn_sink(NULL, NULL);
}

/* A signature behind the file: said and passed over when a checksum vouches for the data, refused otherwise. */
TEST(something_else_behind)
{
	static const char *const tails[] = { "~Module signature appended~\n", "x", "\0\0x", "\x1f\x8b" };

	for (const struct packer *p = packers; p->name; p++) {
		for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
			struct warnings w = { 0 };
			struct blob data, packed;

			err_set_warn_sink(note_warning, &w);
			blob_init(&data);
			blob_init(&packed);
			make_data(&data, 5000);
			p->pack(&packed, &data);
			add(&packed, tails[i], i == 2 ? 3 : strlen(tails[i]));
			if (p->checked) {
				CHECK_P(gives(&packed, &data, MAX));
				CHECK_P(w.nr == 1);
				CHECK_P(strstr(w.last, "test.img: ignoring"));
			} else {
				CHECK_P(refuses(packed.data, packed.len, MAX, -EINVAL, "test.img"));
				CHECK_P(!w.nr);
			}
			blob_deinit(&data);
			blob_deinit(&packed);
		}
	}
	err_set_warn_sink(NULL, NULL);
}

TEST(streams_in_a_row)
{
	for (const struct packer *p = packers; p->name; p++) {
		struct blob data, part, packed;
		size_t first;

		blob_init(&data);
		blob_init(&part);
		blob_init(&packed);
		make_data(&part, 5000);
		p->pack(&packed, &part);
		add(&data, part.data, part.len);
		first = packed.len;
		part.len = 0;
		make_data(&part, 7000);
		p->pack(&packed, &part);
		add(&data, part.data, part.len);
		CHECK_P(gives(&packed, &data, MAX));
		CHECK_P(gives(&packed, &data, data.len));
		CHECK_P(refuses(packed.data, packed.len, data.len - 1, -EFBIG, "limit"));
		CHECK_P(refuses(packed.data, packed.len, 5000, -EFBIG, "limit"));
		CHECK_P(refuses(packed.data, packed.len - 1, MAX, -EINVAL, "truncated"));
		CHECK_P(refuses(packed.data, first + 20, MAX, -EINVAL, "truncated"));

		/* With zeros in between. */
		part.len = 0;
		add(&part, packed.data + first, packed.len - first);
		packed.len = first;
		blob_zero(&packed, 8);
		add(&packed, part.data, part.len);
		CHECK_P(gives(&packed, &data, MAX));
		blob_deinit(&data);
		blob_deinit(&part);
		blob_deinit(&packed);
	}
}

TEST(skippable_frames)
{
	static const char skip[] = "\x53\x2a\x4d\x18\x05\0\0\0hello";

	for (const struct packer *p = packers; p->name; p++) {
		struct warnings w = { 0 };
		struct blob data, part, packed;

		blob_init(&data);
		blob_init(&part);
		blob_init(&packed);
		make_data(&part, 2000);
		add(&packed, skip, sizeof(skip) - 1);
		add(&packed, skip, sizeof(skip) - 1);
		p->pack(&packed, &part);
		add(&data, part.data, part.len);
		if (!p->skippable) {
			CHECK_P(refuses(packed.data, packed.len, MAX, -ENOEXEC, ""));
		} else {
			CHECK_P(gives(&packed, &data, MAX));
			add(&packed, skip, sizeof(skip) - 1);
			CHECK_P(gives(&packed, &data, MAX));
			p->pack(&packed, &part);
			add(&data, part.data, part.len);
			CHECK_P(gives(&packed, &data, MAX));
			/* A cut one is no frame but something else. */
			add(&packed, skip, sizeof(skip) - 2);
			err_set_warn_sink(note_warning, &w);
			if (p->checked)
				CHECK_P(gives(&packed, &data, MAX) && w.nr == 1);
			else
				CHECK_P(refuses(packed.data, packed.len, MAX, -EINVAL, "test.img"));
			err_set_warn_sink(NULL, NULL);
		}
		blob_deinit(&data);
		blob_deinit(&part);
		blob_deinit(&packed);
	}
}

TEST(not_compressed)
{
	static const char *const others[] = {
		"", "M", "MZ", "\177ELF\2\1\1", "070701", "#!/bin/sh\n", "\x1f\x8b", "\x1f\x9e\x08", "\xfd" "7zXY",
		"\x28\xb5\x2f\xfc", "MZ@\xfa" "0123456789012345", "]\1\1\1\1\1\1\1\1\1\1\1\1",
	};
	uint8_t noise[64];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct unpacked out;

		fail(-EIO, "an older message");
		CHECK_EQ(unpack_bytes((const uint8_t *)others[i], strlen(others[i]), MAX, &out), -ENOEXEC);
		CHECK_STR(err_text(), "an older message");
	}
	memset(noise, 0, sizeof(noise));
	CHECK(refuses(noise, sizeof(noise), MAX, -ENOEXEC, ""));
	memset(noise, 0xff, sizeof(noise));
	CHECK(refuses(noise, sizeof(noise), MAX, -ENOEXEC, ""));
	/* A skippable frame alone, and one that is cut. */
	CHECK(refuses((const uint8_t *)"\x50\x2a\x4d\x18\1\0\0\0x", 9, MAX, -ENOEXEC, ""));
	CHECK(refuses((const uint8_t *)"\x50\x2a\x4d\x18\xff\xff\xff\xffx", 9, MAX, -ENOEXEC, ""));
}

TEST(known_but_not_ours)
{
	static const char bzip2[] = "BZh91AY&SY\0\0\0\0", lzop[] = "\x89LZO\0\r\n\x1a\n\x10";

	CHECK(refuses((const uint8_t *)bzip2, sizeof(bzip2), MAX, -ENOTSUP, "test.img is compressed with bzip2"));
	CHECK(refuses((const uint8_t *)lzop, sizeof(lzop), MAX, -ENOTSUP, "compressed with lzop"));
}

TEST(without_the_library)
{
	static const struct {
		const char *format, *library, *start;
		size_t len;
	} files[] = {
		{ "gzip", "zlib", "\x1f\x8b\x08\0\0\0\0\0\0\3", 10 },
		{ "xz", "liblzma", "\xfd" "7zXZ\0\0\1", 8 },
		{ "zstd", "libzstd", "\x28\xb5\x2f\xfd\x24\1", 6 },
		{ "lz4", "liblz4", "\x04\x22\x4d\x18\x64\x40", 6 },
		{ "lzma", "liblzma", "]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", 13 },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const struct unpack_support *s = unpack_support;
		char text[100];

		while (strcmp(s->name, files[i].format))
			s++;
		CHECK_STR(s->library, files[i].library);
		snprintf(text, sizeof(text), "test.img is compressed with %s, and this build has no %s", s->name,
			 s->library);
		CHECK(refuses((const uint8_t *)files[i].start, files[i].len, MAX, s->built_in ? -EINVAL : -ENOTSUP,
			      s->built_in ? "truncated" : text));
	}
}

#ifdef HAVE_LZMA
/* A dictionary of 1.5 GiB is what xz calls valid, and more than any kernel needs. */
TEST(lzma_memory_limit)
{
	uint8_t bytes[64] = { 0x5d, 0, 0, 0, 0x60, 255, 255, 255, 255, 255, 255, 255, 255 };

	CHECK(refuses(bytes, sizeof(bytes), MAX, -EFBIG, "MiB of memory, more than the limit of 160 MiB"));
}
#endif

#ifdef HAVE_LZ4
TEST(lz4_legacy_blocks)
{
	struct blob data, packed;
	size_t full;

	blob_init(&data);
	blob_init(&packed);
	make_data(&data, (8u << 20) + 100);
	pack_lz4_legacy(&packed, &data);
	CHECK(gives(&packed, &data, MAX));

	/* At the edge of a block nothing can tell that more should come. */
	full = 4 + 4 + get_u32(packed.data + 4, false);
	packed.len = full;
	data.len = 8u << 20;
	CHECK(gives(&packed, &data, MAX));
	CHECK(refuses(packed.data, full - 1, MAX, -EINVAL, "truncated"));

	/* A short block in the middle. */
	packed.len = 4;
	pack_lz4_block(&packed, data.data, 100);
	pack_lz4_block(&packed, data.data, 100);
	CHECK(refuses(packed.data, packed.len, MAX, -EINVAL, "short"));

	/* Lengths that cannot be. */
	put_u32(packed.data + 4, 0, false);
	CHECK(refuses(packed.data, packed.len, MAX, -EINVAL, "impossible length"));
	put_u32(packed.data + 4, 0x7fffffff, false);
	CHECK(refuses(packed.data, packed.len, MAX, -EINVAL, "truncated"));
	blob_deinit(&data);
	blob_deinit(&packed);
}

/* lz4 -dc reads both kinds in one file. */
TEST(lz4_frame_behind_legacy)
{
	struct blob data, part, packed;

	blob_init(&data);
	blob_init(&part);
	blob_init(&packed);
	make_data(&part, 500);
	pack_lz4_legacy(&packed, &part);
	pack_lz4(&packed, &part);
	pack_lz4_legacy(&packed, &part);
	for (unsigned int i = 0; i < 3; i++)
		add(&data, part.data, part.len);
	CHECK(gives(&packed, &data, MAX));
	blob_deinit(&data);
	blob_deinit(&part);
	blob_deinit(&packed);
}
#endif
