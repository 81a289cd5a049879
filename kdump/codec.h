/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page compression of the kdump-compressed format, as a table: the flag in the page descriptor is the codec's name
 * in the file.
 */
#ifndef KDUMP_CODEC_H
#define KDUMP_CODEC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODEC_DEFAULT_LEVEL INT_MIN

struct codec {
	const char *name;          /* "zstd", "zlib", "lzo", "snappy", "none" */
	uint32_t flag;             /* DD_FLAG_...; 0: raw */
	bool built_in;             /* else the functions below are NULL */
	const char *library;       /* that compresses, for --version; NULL: none is needed or there */
	/*
	 * State for compression; one per thread. LEVEL is the codec's own scale, clamped to what it knows; codecs
	 * without levels ignore it. NULL: no memory.
	 */
	void *(*open)(int level);
	void (*close)(void *state);
	/*
	 * Bytes written to OUT, fewer than OUT_MAX (its room), or 0: the result would not be smaller than that.
	 * IN_LEN, OUT_MAX > 0.
	 */
	size_t (*compress)(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max);
	/*
	 * Must give exactly OUT_LEN bytes and use all of IN: 0, or -EINVAL (not recorded), -ENOMEM. Never writes
	 * more. Any thread.
	 */
	int (*expand)(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len);
};

/* Best first; ends with a null name. zlib goes through libdeflate where that is built in. */
extern const struct codec codecs[];
/* NULL: no such codec. */
const struct codec *codec_by_name(const char *name);
const struct codec *codec_by_flag(uint32_t flag);

#endif
