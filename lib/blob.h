/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes that we own: read from a file, unpacked, or built. Always followed by a NUL byte that LEN does not count.
 */
#ifndef LIB_BLOB_H
#define LIB_BLOB_H

#include "lib/view.h"

struct blob {
	uint8_t *data;
	size_t len;
	size_t cap;            /* bytes allocated, the NUL among them; 0: data is not from malloc */
};

void blob_init(struct blob *b);
void blob_deinit(struct blob *b);

/* Make room for N more bytes behind LEN. -ENOMEM (recorded). */
int blob_reserve(struct blob *b, size_t n);
int blob_append(struct blob *b, const void *bytes, size_t n);
int blob_zero(struct blob *b, size_t n);
struct view blob_view(const struct blob *b, const char *name);

#endif
