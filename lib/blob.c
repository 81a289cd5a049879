/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/blob.h"

#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Most of /sys is one line; one page holds it and what sysfs can give at most. */
#define FIRST_BYTES 4096

/* What an empty blob points at (cap is 0 then): the NUL byte is there from the start. Never written. */
static const uint8_t nothing[1];

void blob_init(struct blob *b)
{
	*b = (struct blob){ .data = (uint8_t *)nothing };
}

void blob_deinit(struct blob *b)
{
	if (b->cap)
		free(b->data);
	blob_init(b);
}

int blob_reserve(struct blob *b, size_t n)
{
	size_t need, cap;
	uint8_t *data;

	if (__builtin_add_overflow(b->len, n, &need) || __builtin_add_overflow(need, 1, &need))
		return fail(-ENOMEM, "cannot hold %zu more bytes", n);
	if (need <= b->cap)
		return 0;

	/* Doubling keeps the whole cost of many small additions linear. */
	if (__builtin_mul_overflow(b->cap, (size_t)2, &cap) || cap < need)
		cap = need;
	if (cap < FIRST_BYTES)
		cap = FIRST_BYTES;
	data = realloc(b->cap ? b->data : NULL, cap);
	if (!data)
		return fail(-ENOMEM, "out of memory for %zu bytes", cap);
	data[b->len] = 0;
	b->data = data;
	b->cap = cap;
	return 0;
}

int blob_append(struct blob *b, const void *bytes, size_t n)
{
	int err = blob_reserve(b, n);

	if (err)
		return err;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = 0;
	return 0;
}

int blob_zero(struct blob *b, size_t n)
{
	int err = blob_reserve(b, n);

	if (err)
		return err;
	memset(b->data + b->len, 0, n + 1);
	b->len += n;
	return 0;
}

struct view blob_view(const struct blob *b, const char *name)
{
	return view_of(b->data, b->len, name);
}
