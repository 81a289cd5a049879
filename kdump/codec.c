// SPDX-License-Identifier: GPL-2.0-or-later
/* Page codecs: thin adapters over the libraries, each bounded on both sides. */
#include "config.h"

#include "kdump/codec.h"

#include "include/diskdump_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#elif defined(HAVE_ZLIB)
#include <zlib.h>
#endif
#ifdef HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef HAVE_SNAPPY
#include <snappy-c.h>
#endif

#define BUILT_IN(library, prefix) true, library, prefix##_open, prefix##_close, prefix##_compress, prefix##_expand
#define LEFT_OUT                  false, NULL, NULL, NULL, NULL, NULL

#if defined(HAVE_ZSTD) || defined(HAVE_LIBDEFLATE) || defined(HAVE_ZLIB)
static int clamp_level(int level, int standard, int lowest, int highest)
{
	if (level == CODEC_DEFAULT_LEVEL)
		return standard;
	return level < lowest ? lowest : level > highest ? highest : level;
}
#endif

#if defined(HAVE_LZO) || defined(HAVE_SNAPPY)
/* For libraries that want room for their worst case: the result is made here and copied when it is worth keeping. */
struct scratch {
	uint8_t *room;
	size_t len;
	void *work;                /* the library's own */
};

static void *scratch_open(size_t work_len)
{
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->work = malloc(work_len ? work_len : 1);
	if (!s->work) {
		free(s);
		return NULL;
	}
	return s;
}

static void scratch_close(void *state)
{
	struct scratch *s = state;

	if (s) {
		free(s->room);
		free(s->work);
		free(s);
	}
}

static bool scratch_room(struct scratch *s, size_t len)
{
	uint8_t *room;

	if (s->len >= len)
		return true;
	room = realloc(s->room, len);
	if (!room)
		return false;
	s->room = room;
	s->len = len;
	return true;
}

static size_t scratch_take(const struct scratch *s, size_t len, uint8_t *out, size_t out_max)
{
	if (len >= out_max)
		return 0;
	memcpy(out, s->room, len);
	return len;
}
#endif

#ifdef HAVE_ZSTD
/*
 * On pages of kernels and of their page cache 1 saves 7 to 9 % and takes 1.5 times as long, because it codes literals
 * too; 2 saves 1 % more. -2 is hardly faster and 5 to 10 % larger.
 */
#define ZSTD_STANDARD_LEVEL (-1)

static void *zstd_open(int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (!c)
		return NULL;
	level = clamp_level(level, ZSTD_STANDARD_LEVEL, ZSTD_minCLevel(), ZSTD_maxCLevel());
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level))) {
		ZSTD_freeCCtx(c);
		return NULL;
	}
	return c;
}

static void zstd_close(void *state)
{
	ZSTD_freeCCtx(state);
}

static size_t zstd_compress(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	size_t got = ZSTD_compress2(state, out, out_max, in, in_len);

	return ZSTD_isError(got) || got >= out_max ? 0 : got;
}

static int zstd_expand(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	size_t got = ZSTD_decompress(out, out_len, in, in_len);

	return got == out_len ? 0 : -EINVAL; /* error codes are larger than any page */
}
#endif

#ifdef HAVE_LIBDEFLATE
#define ZLIB_LIBRARY "libdeflate"

static void *zlib_open(int level)
{
	return libdeflate_alloc_compressor(clamp_level(level, 1, 0, 12));
}

static void zlib_close(void *state)
{
	libdeflate_free_compressor(state);
}

static size_t zlib_compress(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	size_t got = libdeflate_zlib_compress(state, in, in_len, out, out_max);

	return got >= out_max ? 0 : got;
}

static int zlib_expand(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	enum libdeflate_result result;
	size_t used = 0;

	if (!d)
		return -ENOMEM;
	/* Without a place for the actual length exactly out_len is demanded. */
	result = libdeflate_zlib_decompress_ex(d, in, in_len, out, out_len, &used, NULL);
	libdeflate_free_decompressor(d);
	return result == LIBDEFLATE_SUCCESS && used == in_len ? 0 : -EINVAL;
}
#elif defined(HAVE_ZLIB)
#define ZLIB_LIBRARY "zlib"

static void *zlib_open(int level)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	if (deflateInit(z, clamp_level(level, 1, 0, 9)) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static void zlib_close(void *state)
{
	if (state)
		deflateEnd(state);
	free(state);
}

static size_t zlib_compress(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	z_stream *z = state;

	if (in_len > UINT_MAX || out_max > UINT_MAX || deflateReset(z) != Z_OK)
		return 0;
	z->next_in = (uint8_t *)in;
	z->avail_in = in_len;
	z->next_out = out;
	z->avail_out = out_max;
	if (deflate(z, Z_FINISH) != Z_STREAM_END || !z->avail_out)
		return 0;
	return out_max - z->avail_out;
}

static int zlib_expand(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	uLongf got = out_len;
	uLong used = in_len;
	int ret = uncompress2(out, &got, in, &used);

	if (ret == Z_MEM_ERROR)
		return -ENOMEM;
	return ret == Z_OK && got == out_len && used == in_len ? 0 : -EINVAL;
}
#endif

#ifdef HAVE_LZO
static void *lzo_open(int level)
{
	(void)level;
	return lzo_init() == LZO_E_OK ? scratch_open(LZO1X_1_MEM_COMPRESS) : NULL;
}

#define lzo_close scratch_close

static size_t lzo_compress(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	struct scratch *s = state;
	lzo_uint got;

	/* The library's documentation names this as the most that incompressible input grows to. */
	if (!scratch_room(s, in_len + in_len / 16 + 64 + 3) ||
	    lzo1x_1_compress(in, in_len, s->room, &got, s->work) != LZO_E_OK)
		return 0;
	return scratch_take(s, got, out, out_max);
}

static int lzo_expand(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	lzo_uint got = out_len;

	/* It says "not consumed" when bytes are left over. */
	return lzo1x_decompress_safe(in, in_len, out, &got, NULL) == LZO_E_OK && got == out_len ? 0 : -EINVAL;
}
#endif

#ifdef HAVE_SNAPPY
static void *snappy_open(int level)
{
	(void)level;
	return scratch_open(0);
}

#define snappy_close scratch_close

static size_t snappy_pack(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	struct scratch *s = state;
	size_t got = snappy_max_compressed_length(in_len);

	if (!scratch_room(s, got) || snappy_compress((const char *)in, in_len, (char *)s->room, &got) != SNAPPY_OK)
		return 0;
	return scratch_take(s, got, out, out_max);
}

static int snappy_expand(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	const char *packed = (const char *)in;
	size_t got;

	if (snappy_uncompressed_length(packed, in_len, &got) != SNAPPY_OK || got != out_len)
		return -EINVAL;
	return snappy_uncompress(packed, in_len, (char *)out, &got) == SNAPPY_OK && got == out_len ? 0 : -EINVAL;
}
#endif

static void *none_open(int level)
{
	static const char nothing;

	(void)level;
	return (void *)&nothing;
}

static void none_close(void *state)
{
	(void)state;
}

static size_t none_compress(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max)
{
	(void)state, (void)in, (void)in_len, (void)out, (void)out_max;
	return 0;
}

static int none_expand(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	if (in_len != out_len)
		return -EINVAL;
	memcpy(out, in, in_len);
	return 0;
}

const struct codec codecs[] = {
#ifdef HAVE_ZSTD
	{ "zstd", DD_FLAG_ZSTD, BUILT_IN("libzstd", zstd) },
#else
	{ "zstd", DD_FLAG_ZSTD, LEFT_OUT },
#endif
#ifdef ZLIB_LIBRARY
	{ "zlib", DD_FLAG_ZLIB, BUILT_IN(ZLIB_LIBRARY, zlib) },
#else
	{ "zlib", DD_FLAG_ZLIB, LEFT_OUT },
#endif
#ifdef HAVE_LZO
	{ "lzo", DD_FLAG_LZO, BUILT_IN("lzo2", lzo) },
#else
	{ "lzo", DD_FLAG_LZO, LEFT_OUT },
#endif
#ifdef HAVE_SNAPPY
	{ "snappy", DD_FLAG_SNAPPY, true, "snappy", snappy_open, snappy_close, snappy_pack, snappy_expand },
#else
	{ "snappy", DD_FLAG_SNAPPY, LEFT_OUT },
#endif
	{ "none", 0, BUILT_IN(NULL, none) },
	{ NULL, 0, LEFT_OUT },
};

const struct codec *codec_by_name(const char *name)
{
	for (const struct codec *c = codecs; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

const struct codec *codec_by_flag(uint32_t flag)
{
	for (const struct codec *c = codecs; c->name; c++)
		if (c->flag == flag)
			return c;
	return NULL;
}
