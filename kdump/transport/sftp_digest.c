// SPDX-License-Identifier: GPL-2.0-or-later
/* What was sent is remembered as digests, so that it can be read back and compared when it is no longer at hand. */
#include "kdump/transport/sftp.h"

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first pieces; after every PIECES_OF_A_SIZE they are twice as long. 64 GiB are 6,000 pieces. */
#define PIECE_BYTES (1ull << 20)
#define PIECES_OF_A_SIZE 1024
/* What is read back at once. */
#define READ_BYTES (1u << 20)

/*
 * Against accidents, not against the server, which could lie as well: one multiplication for eight bytes costs nothing
 * beside compressing and encrypting them. The multiplier is odd and has its bits spread, so that no word is lost; the
 * shift lets the high ones come down.
 */
static uint64_t mix(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * 0xd6e8feb86659fd93ull;
	return digest ^ digest >> 32;
}

void sftp_digest_init(struct sftp_digest *d)
{
	*d = (struct sftp_digest){ .sum = 0x9e3779b97f4a7c15ull };
}

void sftp_digest_add(struct sftp_digest *d, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		if (!d->nr && len >= 8) {
			d->sum = mix(d->sum, get_u64(at, false));
			at += 8;
			len -= 8;
			continue;
		}
		d->word |= (uint64_t)*at++ << 8 * d->nr++;
		len--;
		if (d->nr == 8) {
			d->sum = mix(d->sum, d->word);
			d->word = d->nr = 0;
		}
	}
}

uint64_t sftp_digest_sum(const struct sftp_digest *d)
{
	return d->nr ? mix(mix(d->sum, d->word), d->nr) : d->sum;
}

/* ---- pieces ---- */

static uint64_t piece_bytes(const struct sftp_digests *d)
{
	size_t doublings = d->nr / PIECES_OF_A_SIZE;

	return PIECE_BYTES << (doublings < 20 ? doublings : 20);
}

void sftp_digests_settle(struct sftp_digests *d)
{
	if (!d->run_len)
		return;
	if (d->nr == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 64;
		struct sftp_extent *extent = reallocarray(d->extent, cap, sizeof(*extent));

		if (!extent) {
			d->run_len = 0; /* not checked later on: no reason to stop */
			return;
		}
		d->extent = extent;
		d->cap = cap;
	}
	d->extent[d->nr++] = (struct sftp_extent){ d->run_off, d->run_len, sftp_digest_sum(&d->run) };
	d->run_len = 0;
}

void sftp_digests_forget(struct sftp_digests *d, uint64_t off, uint64_t len)
{
	size_t nr = 0;

	if (!len)
		return;
	for (size_t i = 0; i < d->nr; i++) {
		const struct sftp_extent *e = &d->extent[i];

		if (e->off < off + len && off < e->off + e->len)
			continue;
		d->extent[nr++] = *e;
	}
	d->nr = nr;
	if (d->run_len && d->run_off < off + len && off < d->run_off + d->run_len)
		d->run_len = 0;
	if (d->size < off + len)
		d->size = off + len;
}

bool sftp_digests_add(struct sftp_digests *d, uint64_t off, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	if (off < d->size) {
		sftp_digests_forget(d, off, len);
		return false;
	}
	while (len) {
		uint64_t limit = piece_bytes(d), part;

		if (d->run_len && (d->run_off + d->run_len != off || d->run_len >= limit))
			sftp_digests_settle(d);
		if (!d->run_len) {
			sftp_digest_init(&d->run);
			d->run_off = off;
		}
		part = limit - d->run_len < len ? limit - d->run_len : len;
		sftp_digest_add(&d->run, at, part);
		d->run_len += part;
		off += part;
		at += part;
		len -= part;
	}
	d->size = off;
	return true;
}

void sftp_digests_deinit(struct sftp_digests *d)
{
	free(d->extent);
	memset(d, 0, sizeof(*d));
}

/* ---- reading back ---- */

static int verify_extent(const struct sftp_extent *e, struct sftp_file *f, uint8_t *buf)
{
	struct sftp_digest got;

	sftp_digest_init(&got);
	for (uint64_t done = 0; done < e->len;) {
		size_t part = e->len - done < READ_BYTES ? e->len - done : READ_BYTES;
		int err = sftp_file_read(f, e->off + done, buf, part);

		if (err)
			return err;
		sftp_digest_add(&got, buf, part);
		done += part;
	}
	if (sftp_digest_sum(&got) == e->sum)
		return 0;
	return fail(-EBADMSG, "what the server has from byte %llu to %llu of the dump is not what was sent",
		    (unsigned long long)e->off, (unsigned long long)(e->off + e->len - 1));
}

int sftp_digests_verify(struct sftp_digests *d, struct sftp_file *f, uint64_t limit_ms, uint64_t *checked)
{
	uint8_t *buf = malloc(READ_BYTES);
	size_t stride = 1, top;
	int err = buf ? 0 : fail(-ENOMEM, "out of memory for reading back");

	*checked = 0;
	sftp_digests_settle(d);
	while (stride < d->nr)
		stride *= 2;
	top = stride;
	/* First, middle, quarters...: whenever time is up, what was looked at lies all over the file. */
	for (; !err && stride; stride /= 2) {
		for (size_t i = 0; !err && i < d->nr; i += stride) {
			/* It came with a longer stride. */
			if (stride < top && i % (2 * stride) == 0)
				continue;
			if (clock_now_ms() >= limit_ms)
				goto out;
			err = verify_extent(&d->extent[i], f, buf);
			*checked += err ? 0 : d->extent[i].len;
		}
	}
out:
	free(buf);
	return err;
}
