/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gzip: RFC 1952, by zlib. */
#include "config.h"

#include "lib/unpack_codec.h"

#ifdef HAVE_ZLIB

#include "lib/err.h"

#include <zlib.h>

/* zlib counts in unsigned int: input goes in, and output comes out, in pieces that fit everywhere. */
#define IN_BYTES (256u << 20)
#define OUT_BYTES (256u << 10)
#define OUT_BYTES_MAX (256u << 20)

static int inflate_some(struct unpack_job *job, z_stream *z)
{
	size_t room;
	int err, ret;

	err = unpack_room(job, OUT_BYTES);
	if (err)
		return err;
	room = job->cap - job->len;
	if (room > OUT_BYTES_MAX)
		room = OUT_BYTES_MAX;
	z->next_out = job->map + job->len;
	z->avail_out = (uInt)room;
	ret = inflate(z, Z_NO_FLUSH);
	job->len += room - z->avail_out;

	switch (ret) {
	case Z_OK:
		return 0;
	case Z_STREAM_END:
		return 1;
	case Z_BUF_ERROR:
		/* There was room for output, so it is input that is missing, and all of it was given. */
		return unpack_truncated(job);
	case Z_MEM_ERROR:
		return unpack_no_memory(job, 1u << MAX_WBITS);
	default:
		return unpack_damaged(job, z->msg ? z->msg : "not what gzip writes");
	}
}

int unpack_gzip(struct unpack_job *job, const struct view *in, uint64_t *used)
{
	struct cursor c = cursor_at(in, 0);
	z_stream z = { .next_in = NULL };
	int ret;

	/* 16: a gzip header is expected and the checksum at the end of the stream is tested. */
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return unpack_no_memory(job, 1u << MAX_WBITS);
	do {
		if (!z.avail_in) {
			z.avail_in = cursor_left(&c) < IN_BYTES ? (uInt)cursor_left(&c) : IN_BYTES;
			z.next_in = (Bytef *)cursor_bytes(&c, z.avail_in);
		}
		ret = inflate_some(job, &z);
	} while (!ret);
	if (ret > 0) {
		*used = c.pos - z.avail_in;
		job->verified = true;
		ret = 0;
	}
	inflateEnd(&z);
	return ret;
}

#endif
