/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between unpack.c and its codecs: the output that grows, and one function per codec. Include config.h first. */
#ifndef LIB_UNPACK_CODEC_H
#define LIB_UNPACK_CODEC_H

#include "lib/view.h"

struct unpack_job {
	const char *name;      /* of the input, for messages */
	const char *format;
	uint64_t in_len;       /* of the whole input */
	uint64_t max;          /* bytes of output, all streams together */
	uint8_t *map;          /* anonymous memory */
	size_t cap;            /* bytes at map */
	size_t len;            /* bytes of output */
	bool verified;         /* set by a codec: a checksum vouched for the stream just decoded */
};

/*
 * Decode the one stream at the start of IN, append it to JOB's output, and say in *USED how much of IN it took.
 * Anything may follow it. Errors as in unpack(), recorded.
 */
typedef int unpack_codec(struct unpack_job *job, const struct view *in, uint64_t *used);

/*
 * At least WANT (> 0) free bytes behind job->len; the output may move. -EFBIG when there are more than job->max
 * bytes already: codecs may decode past the limit by less than one request, and stop at the next. -ENOMEM. Both
 * recorded.
 */
int unpack_room(struct unpack_job *job, size_t want);

/* Is this what may follow the last stream: zeros, or the size of the output as kernel builds append it, or both? */
bool unpack_is_padding(const struct unpack_job *job, const struct view *in);

/* Record and return -EINVAL, -EFBIG, -ENOMEM. */
int unpack_damaged(const struct unpack_job *job, const char *why);
int unpack_truncated(const struct unpack_job *job);
int unpack_too_large(const struct unpack_job *job);
int unpack_no_memory(const struct unpack_job *job, uint64_t bytes);

#ifdef HAVE_ZLIB
#define ZLIB_BUILT_IN true
unpack_codec unpack_gzip;
#else
#define ZLIB_BUILT_IN false
#define unpack_gzip NULL
#endif

#ifdef HAVE_LZMA
#define LZMA_BUILT_IN true
unpack_codec unpack_xz, unpack_lzma;
#else
#define LZMA_BUILT_IN false
#define unpack_xz NULL
#define unpack_lzma NULL
#endif

#ifdef HAVE_ZSTD
#define ZSTD_BUILT_IN true
unpack_codec unpack_zstd;
#else
#define ZSTD_BUILT_IN false
#define unpack_zstd NULL
#endif

#ifdef HAVE_LZ4
#define LZ4_BUILT_IN true
unpack_codec unpack_lz4, unpack_lz4_legacy;
#else
#define LZ4_BUILT_IN false
#define unpack_lz4 NULL
#define unpack_lz4_legacy NULL
#endif

#endif
