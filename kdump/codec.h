/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page compression of the kdump-compressed format, as a table: the flag in the page descriptor is the codec's name in the file. */
#ifndef KDUMP_CODEC_H
#define KDUMP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec {
	const char *name;          /* "zstd", "zlib", "lzo", "snappy", "none" */
	uint32_t flag;             /* DISKDUMP_ page flag; 0: raw */
	bool built_in;
	const char *library;
	void *(*open)(int level);  /* per thread state for compression; NULL: no memory. LEVEL INT_MIN: the codec's default */
	void (*close)(void *state);
	/* Bytes written to OUT (room OUT_MAX), or 0 when the result would not be smaller than OUT_MAX. */
	size_t (*compress)(void *state, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_max);
	/* Must give exactly OUT_LEN bytes: 0, or -EINVAL (not recorded). Needs no state. */
	int (*expand)(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len);
};

/* Ends with a null name. zlib compresses through libdeflate where that is built in. */
extern const struct codec codecs[];
const struct codec *codec_by_name(const char *name);
const struct codec *codec_by_flag(uint32_t flag);

#endif
