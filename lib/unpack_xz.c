/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xz and the older "alone" format of lzma, by liblzma. */
#include "config.h"

#include "lib/unpack_codec.h"

#ifdef HAVE_LZMA

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <lzma.h>

#define OUT_BYTES (256u << 10)

/*
 * The decoder reserves the dictionary that the header asks for, though it touches no more of it than there is
 * output. A dictionary larger than the largest output is of no use; the rest is for small limits, since presets
 * ask for 64 MiB whatever they compress.
 */
static uint64_t memory_limit(const struct unpack_job *job)
{
	uint64_t presets = 128u << 20, limit;

	return __builtin_add_overflow(job->max, presets, &limit) ? UINT64_MAX : limit;
}

static int lzma_error(const struct unpack_job *job, lzma_ret ret, lzma_stream *s)
{
	switch (ret) {
	case LZMA_BUF_ERROR:
		/* There was room for output, so it is input that is missing, and all of it was given. */
		return unpack_truncated(job);
	case LZMA_MEM_ERROR:
		return unpack_no_memory(job, lzma_memusage(s));
	case LZMA_MEMLIMIT_ERROR:
		return fail(-EFBIG, "%s: unpacking its %s data needs %" PRIu64 " MiB of memory, more than the limit of "
			    "%" PRIu64 " MiB: compress it with a smaller dictionary", job->name, job->format,
			    lzma_memusage(s) >> 20, memory_limit(job) >> 20);
	case LZMA_OPTIONS_ERROR:
		return unpack_damaged(job, "it asks for what this liblzma does not know");
	case LZMA_FORMAT_ERROR:
		return unpack_damaged(job, "its header is wrong");
	default:
		return unpack_damaged(job, "its contents or checksums are wrong");
	}
}

static int run(struct unpack_job *job, lzma_stream *s, const struct view *in, uint64_t *used)
{
	lzma_ret ret = LZMA_OK;
	size_t room;
	int err;

	s->next_in = in->base;
	s->avail_in = in->len;
	while (ret == LZMA_OK) {
		err = unpack_room(job, OUT_BYTES);
		if (err)
			return err;
		room = job->cap - job->len;
		s->next_out = job->map + job->len;
		s->avail_out = room;
		ret = lzma_code(s, LZMA_FINISH);
		job->len += room - s->avail_out;
	}
	if (ret != LZMA_STREAM_END)
		return lzma_error(job, ret, s);
	*used = s->total_in;
	return 0;
}

int unpack_xz(struct unpack_job *job, const struct view *in, uint64_t *used)
{
	lzma_stream s = LZMA_STREAM_INIT;
	int err;

	if (lzma_stream_decoder(&s, memory_limit(job), 0) != LZMA_OK)
		return unpack_no_memory(job, sizeof(s));
	err = run(job, &s, in, used);
	job->verified = !err && lzma_get_check(&s) != LZMA_CHECK_NONE && lzma_check_is_supported(lzma_get_check(&s));
	lzma_end(&s);
	return err;
}

int unpack_lzma(struct unpack_job *job, const struct view *in, uint64_t *used)
{
	lzma_stream s = LZMA_STREAM_INIT;
	int err;

	if (lzma_alone_decoder(&s, memory_limit(job)) != LZMA_OK)
		return unpack_no_memory(job, sizeof(s));
	err = run(job, &s, in, used);
	job->verified = false;
	lzma_end(&s);
	return err;
}

#endif
