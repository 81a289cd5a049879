/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every compressed format as its own library writes it, in the variants that matter. Include config.h first. */
#ifndef TESTS_UNIT_PACKERS_H
#define TESTS_UNIT_PACKERS_H

#include "lib/blob.h"

#include <stdlib.h>

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

#endif
