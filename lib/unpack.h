/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole-file decompression by magic number: gzip, xz, zstd, lzma (the "alone" format) and lz4 (frame and legacy).
 */
#ifndef LIB_UNPACK_H
#define LIB_UNPACK_H

#include "lib/view.h"

/* Output, owned by the caller after success; in anonymous memory of its own, so that it can be given back. */
struct unpacked {
	struct view view;      /* named after the input */
	void *map;
	size_t map_len;
	const char *format;    /* "gzip", ... */
};

/* What this build can unpack, and what it cannot and for want of which library. The last entry has a null name. */
struct unpack_support {
	const char *name;
	const char *library;
	bool built_in;
};
extern const struct unpack_support unpack_support[];

/*
 * Decompress all of IN, one stream or several, into at most MAX bytes. Truncated or damaged input is an error:
 * nothing partial is ever returned. What may follow: zeros, the unpacked size as the kernel's build appends it,
 * and, with a warning, anything else (a signature) where a checksum vouched for the contents. -ENOEXEC: no known
 * magic (not recorded). -ENOTSUP: known, but the library was not built in. -EINVAL: damaged. -EFBIG: more than MAX
 * bytes, or a dictionary that is larger still. -ENOMEM. All but the first are recorded.
 */
int unpack(const struct view *in, uint64_t max, struct unpacked *out);
void unpacked_release(struct unpacked *out);

#endif
