/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lz4: frames (lz4 Frame Format 1.6) and the legacy format that kernels are compressed with, by liblz4. */
#include "config.h"

#include "lib/unpack_codec.h"

#ifdef HAVE_LZ4

#include "lib/err.h"

#include <lz4.h>
#include <lz4frame.h>

/* The largest block of a frame; with that much room blocks are decoded straight into the output. */
#define FRAME_BLOCK_BYTES (4u << 20)

/* Every block of the legacy format but the last holds this much. */
#define LEGACY_BLOCK_BYTES (8u << 20)

static int run(struct unpack_job *job, LZ4F_dctx *ctx, const struct view *in, uint64_t *used)
{
	struct cursor c = cursor_at(in, 0);
	size_t hint, nr_in, nr_out;
	int err;

	do {
		struct cursor ahead = c;

		err = unpack_room(job, FRAME_BLOCK_BYTES);
		if (err)
			return err;
		nr_in = cursor_left(&c);
		nr_out = job->cap - job->len;
		hint = LZ4F_decompress(ctx, job->map + job->len, &nr_out, cursor_bytes(&ahead, nr_in), &nr_in, NULL);
		if (LZ4F_isError(hint))
			return unpack_damaged(job, LZ4F_getErrorName(hint));
		job->len += nr_out;
		cursor_skip(&c, nr_in);
		if (hint && !nr_in && !nr_out)
			return cursor_left(&c) ? unpack_damaged(job, "its blocks make no sense") :
						 unpack_truncated(job);
	} while (hint);
	*used = c.pos;
	return 0;
}

int unpack_lz4(struct unpack_job *job, const struct view *in, uint64_t *used)
{
	struct cursor flg = cursor_at(in, 4);
	LZ4F_dctx *ctx;
	int err;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return unpack_no_memory(job, FRAME_BLOCK_BYTES);
	err = run(job, ctx, in, used);
	LZ4F_freeDecompressionContext(ctx);
	if (err)
		return err;
	/* Bit 2: a checksum of the contents follows the frame. */
	job->verified = cursor_u8(&flg) & 4;
	return 0;
}

/*
 * Behind the magic number: blocks, each led by the length of its compressed form, up to the end of the file. There
 * is no checksum and no end mark. What can be told: every block but the last must be full.
 */
int unpack_lz4_legacy(struct unpack_job *job, const struct view *in, uint64_t *used)
{
	struct cursor c = cursor_at(in, 4);
	bool first = true, full = true;
	int err, got;

	job->verified = false;
	for (;;) {
		struct view rest;
		const uint8_t *block;
		uint32_t len;

		err = view_sub(in, c.pos, cursor_left(&c), &rest);
		if (err)
			return err;
		*used = c.pos;
		if (!first && unpack_is_padding(job, &rest))
			return 0;
		len = cursor_u32(&c);
		/* No block is that long: zeros, the next stream's magic number or a stranger are for the caller. */
		if (!first && !c.bad && (!len || len > LZ4_COMPRESSBOUND(LEGACY_BLOCK_BYTES)))
			return 0;
		if (!first && !full)
			return unpack_damaged(job, "a block in its middle is short");
		block = cursor_bytes(&c, len);
		if (!block)
			return unpack_truncated(job);
		if (!len || len > LZ4_COMPRESSBOUND(LEGACY_BLOCK_BYTES))
			return unpack_damaged(job, "a block has an impossible length");
		err = unpack_room(job, LEGACY_BLOCK_BYTES);
		if (err)
			return err;
		got = LZ4_decompress_safe((const char *)block, (char *)job->map + job->len, (int)len,
					  LEGACY_BLOCK_BYTES);
		if (got < 0)
			return unpack_damaged(job, "a block cannot be decoded");
		job->len += (size_t)got;
		full = got == LEGACY_BLOCK_BYTES;
		first = false;
	}
}

#endif
