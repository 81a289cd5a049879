/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zstd: RFC 8878, by libzstd. */
#include "config.h"

#include "lib/unpack_codec.h"

#ifdef HAVE_ZSTD

#include "lib/err.h"

#include <zstd.h>
#include <zstd_errors.h>

static int zstd_error(const struct unpack_job *job, size_t ret)
{
	switch (ZSTD_getErrorCode(ret)) {
	case ZSTD_error_srcSize_wrong:
		return unpack_truncated(job);
	case ZSTD_error_memory_allocation:
		return unpack_no_memory(job, 128u << 10);
	default:
		return unpack_damaged(job, ZSTD_getErrorName(ret));
	}
}

/*
 * Each frame is decoded in one call, straight into the output: the streaming calls would hold a window of up to
 * 128 MiB beside it. A frame whose size is not told (zstd used in a pipe) gets generous room, since what is not
 * touched costs nothing, and twice as much when that was too little.
 */
int unpack_zstd(struct unpack_job *job, const struct view *in, uint64_t *used)
{
	size_t frame = ZSTD_findFrameCompressedSize(in->base, in->len), want, got;
	struct cursor descriptor = cursor_at(in, 4);
	unsigned long long content;
	int err;

	if (ZSTD_isError(frame))
		return zstd_error(job, frame);
	content = ZSTD_getFrameContentSize(in->base, in->len);
	if (content == ZSTD_CONTENTSIZE_ERROR)
		return unpack_damaged(job, "its header is wrong");
	if (content != ZSTD_CONTENTSIZE_UNKNOWN && content > job->max - job->len)
		return unpack_too_large(job);
	if (content != ZSTD_CONTENTSIZE_UNKNOWN)
		want = content ? content : 1;
	else
		want = frame < (1u << 20) ? 16u << 20 : frame * 16;
	for (;;) {
		if (want > job->max - job->len)
			want = job->max - job->len + 1;
		err = unpack_room(job, want);
		if (err)
			return err;
		got = ZSTD_decompress(job->map + job->len, want, in->base, frame);
		if (!ZSTD_isError(got))
			break;
		if (ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall || content != ZSTD_CONTENTSIZE_UNKNOWN)
			return zstd_error(job, got);
		if (want > job->max - job->len)
			return unpack_too_large(job);
		want = want > SIZE_MAX / 2 ? SIZE_MAX : want * 2;
	}
	job->len += got;
	*used = frame;
	/* Bit 2: a checksum of the contents follows the frame. */
	job->verified = cursor_u8(&descriptor) & 4;
	return 0;
}

#endif
