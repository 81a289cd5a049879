/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every format: round trips with its own library, and every way in which a file can be short, long or wrong. */
#include "config.h"

#include "lib/unpack.h"

#include "lib/blob.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <unistd.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZ4
#include <lz4.h>
#include <lz4frame.h>
#endif

#define MAX (32u << 20)

struct packer {
	const char *name;
	const char *format;
	void (*pack)(struct blob *out, const struct blob *in);
	bool checked;          /* a checksum covers the contents */
	bool skippable;        /* knows skippable frames */
};

static void *room(struct blob *out, size_t n)
{
	if (blob_reserve(out, n))
		abort();
	return out->data + out->len;
}

static void add(struct blob *out, const void *bytes, size_t n)
{
	if (blob_append(out, bytes, n))
		abort();
}

#ifdef HAVE_ZLIB
static void pack_gzip(struct blob *out, const struct blob *in)
{
	z_stream z = { .next_in = in->data, .avail_in = in->len };
	uint8_t *to;

	if (deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	to = room(out, deflateBound(&z, in->len));
	z.next_out = to;
	z.avail_out = deflateBound(&z, in->len);
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	out->len += z.total_out;
	deflateEnd(&z);
}
#endif

#ifdef HAVE_LZMA
static void run_lzma(lzma_stream *s, struct blob *out, const struct blob *in)
{
	s->next_in = in->data;
	s->avail_in = in->len;
	s->avail_out = in->len + in->len / 4 + 4096;
	s->next_out = room(out, s->avail_out);
	if (lzma_code(s, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	out->len += s->total_out;
	lzma_end(s);
}

static void pack_xz_check(struct blob *out, const struct blob *in, lzma_check check)
{
	lzma_stream s = LZMA_STREAM_INIT;

	if (lzma_easy_encoder(&s, 0, check) != LZMA_OK)
		abort();
	run_lzma(&s, out, in);
}

static void pack_xz(struct blob *out, const struct blob *in)
{
	pack_xz_check(out, in, LZMA_CHECK_CRC64);
}

static void pack_xz_crc32(struct blob *out, const struct blob *in)
{
	pack_xz_check(out, in, LZMA_CHECK_CRC32);
}

static void pack_xz_bare(struct blob *out, const struct blob *in)
{
	pack_xz_check(out, in, LZMA_CHECK_NONE);
}

static void pack_lzma(struct blob *out, const struct blob *in)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	if (lzma_lzma_preset(&options, 0) || lzma_alone_encoder(&s, &options) != LZMA_OK)
		abort();
	run_lzma(&s, out, in);
}

/* With the size in the header, as other encoders write it. */
static void pack_lzma_sized(struct blob *out, const struct blob *in)
{
	size_t at = out->len;

	pack_lzma(out, in);
	put_u64(out->data + at + 5, in->len, false);
}

#ifdef LZMA_FILTER_LZMA1EXT
/* With the size and without an end marker, as 7-Zip and the first encoders write it. */
static void pack_lzma_unmarked(struct blob *out, const struct blob *in)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ .id = LZMA_FILTER_LZMA1EXT, .options = &options }, { .id = LZMA_VLI_UNKNOWN },
	};
	uint8_t header[13] = { 0x5d };

	if (lzma_lzma_preset(&options, 0))
		abort();
	options.ext_flags = 0;
	options.ext_size_low = in->len;
	options.ext_size_high = 0;
	if (lzma_raw_encoder(&s, filters) != LZMA_OK)
		abort();
	put_u32(header + 1, options.dict_size, false);
	put_u64(header + 5, in->len, false);
	add(out, header, sizeof(header));
	run_lzma(&s, out, in);
}
#endif
#endif

#ifdef HAVE_ZSTD
static void pack_zstd_with(struct blob *out, const struct blob *in, int checksum, int size)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	ZSTD_inBuffer from = { in->data, in->len, 0 };
	ZSTD_outBuffer to = { room(out, ZSTD_compressBound(in->len)), ZSTD_compressBound(in->len), 0 };

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, checksum);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, size);
	/* Without this the size would not be known when the header is written, as in a pipe. */
	if (size)
		ZSTD_CCtx_setPledgedSrcSize(ctx, in->len);
	if (ZSTD_compressStream2(ctx, &to, &from, ZSTD_e_end))
		abort();
	out->len += to.pos;
	ZSTD_freeCCtx(ctx);
}

static void pack_zstd(struct blob *out, const struct blob *in)
{
	pack_zstd_with(out, in, 1, 1);
}

static void pack_zstd_pipe(struct blob *out, const struct blob *in)
{
	pack_zstd_with(out, in, 1, 0);
}

static void pack_zstd_bare(struct blob *out, const struct blob *in)
{
	pack_zstd_with(out, in, 0, 1);
}
#endif

#ifdef HAVE_LZ4
static void pack_lz4_with(struct blob *out, const struct blob *in, bool checksum, bool linked)
{
	LZ4F_preferences_t p = { .frameInfo = {
		.contentChecksumFlag = checksum ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum,
		.blockMode = linked ? LZ4F_blockLinked : LZ4F_blockIndependent,
		.blockSizeID = linked ? LZ4F_max64KB : LZ4F_max4MB,
		.contentSize = linked ? 0 : in->len,
	} };
	size_t bound = LZ4F_compressFrameBound(in->len, &p), n;

	n = LZ4F_compressFrame(room(out, bound), bound, in->data, in->len, &p);
	if (LZ4F_isError(n))
		abort();
	out->len += n;
}

static void pack_lz4(struct blob *out, const struct blob *in)
{
	pack_lz4_with(out, in, true, false);
}

static void pack_lz4_linked(struct blob *out, const struct blob *in)
{
	pack_lz4_with(out, in, true, true);
}

static void pack_lz4_bare(struct blob *out, const struct blob *in)
{
	pack_lz4_with(out, in, false, true);
}

static void pack_lz4_block(struct blob *out, const uint8_t *data, size_t len)
{
	int bound = LZ4_compressBound(len), n;
	char *to = room(out, 4 + bound);

	n = LZ4_compress_default((const char *)data, to + 4, len, bound);
	if (n <= 0)
		abort();
	put_u32(to, n, false);
	out->len += 4 + n;
}

static void pack_lz4_legacy(struct blob *out, const struct blob *in)
{
	size_t pos = 0, n;

	add(out, "\x02\x21\x4c\x18", 4);
	do {
		n = in->len - pos < 8u << 20 ? in->len - pos : 8u << 20;
		pack_lz4_block(out, in->data + pos, n);
		pos += n;
	} while (pos < in->len);
}
#endif

static const struct packer packers[] = {
#ifdef HAVE_ZLIB
	{ "gzip", "gzip", pack_gzip, true, false },
#endif
#ifdef HAVE_LZMA
	{ "xz, CRC64", "xz", pack_xz, true, false },
	{ "xz, CRC32", "xz", pack_xz_crc32, true, false },
	{ "xz, no check", "xz", pack_xz_bare, false, false },
	{ "lzma", "lzma", pack_lzma, false, false },
	{ "lzma, size known", "lzma", pack_lzma_sized, false, false },
#ifdef LZMA_FILTER_LZMA1EXT
	{ "lzma, no end marker", "lzma", pack_lzma_unmarked, false, false },
#endif
#endif
#ifdef HAVE_ZSTD
	{ "zstd", "zstd", pack_zstd, true, true },
	{ "zstd, size unknown", "zstd", pack_zstd_pipe, true, true },
	{ "zstd, no check", "zstd", pack_zstd_bare, false, true },
#endif
#ifdef HAVE_LZ4
	{ "lz4", "lz4", pack_lz4, true, true },
	{ "lz4, linked blocks", "lz4", pack_lz4_linked, true, true },
	{ "lz4, no check", "lz4", pack_lz4_bare, false, true },
	{ "lz4 legacy", "lz4", pack_lz4_legacy, false, true },
#endif
	{ NULL, NULL, NULL, false, false },
};

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
