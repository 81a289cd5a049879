// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/source.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Page tables and single struct pages are looked at here and there: mapping much for them costs
 * more than it saves.
 */
#define WINDOW_FIRST (256u << 10)
#define WINDOW_MAX (4u << 20)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

void source_map_init(struct source_map *m, const struct vmcore *v)
{
	long page = sysconf(_SC_PAGESIZE);

	*m = (struct source_map){
		.v = v, .fd = v->fd, .file_len = v->flat ? v->stream_len : v->file_len,
		.can_map = v->file_len != UINT64_MAX && !v->no_mmap, .page = page > 0 ? page : 4096,
	};
	ranges_init(&m->poisoned);
}

static void window_unmap(struct source_window *w)
{
	if (!w->base)
		return;
	guard_remove(&w->area);
	munmap(w->base, w->len);
	w->base = NULL;
}

static void window_drop(struct source_window *w)
{
	window_unmap(w);
	*w = (struct source_window){ 0 };
}

void source_map_deinit(struct source_map *m)
{
	for (unsigned int i = 0; i < SOURCE_WINDOWS; i++)
		window_drop(&m->w[i]);
	ranges_deinit(&m->poisoned);
	if (m->mapped || m->read)
		debug("the source was read in place in %" PRIu64 " KiB of mapped windows, and %" PRIu64
		      " KiB of it by read()",
		      m->mapped >> 10, m->read >> 10);
	*m = (struct source_map){ .fd = -1 };
}

int source_pread_fd(int fd, uint64_t off, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len) {
		ssize_t n;

		if (off > INT64_MAX)
			return -ENODATA;
		n = pread(fd, at, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (!n)
			return -ENODATA;
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* What did not arrive is zeros, as in a file that was made of the stream. */
static int read_flattened(const struct vmcore *v, uint64_t off, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (off > v->file_len || len > v->file_len - off)
		return -ENODATA;
	while (len) {
		uint64_t at, there;
		bool arrived = flattened_find(v->flat, off, &at, &there);
		size_t n = len < there ? len : there;
		int err = arrived ? source_pread_fd(v->fd, at, to, n) : 0;

		if (err)
			return err;
		if (!arrived)
			memset(to, 0, n);
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

int source_pread(const struct vmcore *v, uint64_t off, void *buf, size_t len)
{
	return v->flat ? read_flattened(v, off, buf, len) : source_pread_fd(v->fd, off, buf, len);
}

bool source_has(const struct vmcore *v, uint64_t off, uint64_t len)
{
	return !v->flat || flattened_has(v->flat, off, len);
}

static bool window_holds(const struct source_window *w, uint64_t off, uint64_t len)
{
	return w->len && off >= w->off && off - w->off < w->len && len <= w->len - (off - w->off);
}

/*
 * The window to be replaced by one at OFF: the one that stops there, whose reader goes on; else the
 * one not used for longest.
 */
static struct source_window *window_to_replace(struct source_map *m, uint64_t off, uint64_t *len)
{
	struct source_window *oldest = &m->w[0];

	*len = WINDOW_FIRST;
	for (unsigned int i = 0; i < SOURCE_WINDOWS; i++) {
		struct source_window *w = &m->w[i];
		uint64_t next = w->off + w->len;

		/* A reader that leaves pages out jumps a little. */
		if (w->len && off + m->page >= next && off < next + w->len) {
			*len = w->len * 2 < WINDOW_MAX ? w->len * 2 : WINDOW_MAX;
			return w;
		}
		if (w->used < oldest->used)
			oldest = w;
	}
	return oldest;
}

/*
 * Touching a mapped page that the disk cannot deliver kills the process. So the pages are asked for
 * here, where that is an error: then the window is read instead of mapped, and only the bad pages
 * are lost. Kernels before 5.14, and /proc/vmcore whose pages are there anyway, say EINVAL. What goes wrong later is
 * for the guard.
 */
static void window_map(struct source_map *m, struct source_window *w)
{
	void *base = mmap(NULL, w->len, PROT_READ, MAP_PRIVATE, m->fd, (off_t)w->off);

	if (base == MAP_FAILED) {
		/* No memory now may be memory later; a file that has no mmap will not get it. */
		if (errno != ENOMEM && errno != EAGAIN)
			m->can_map = false;
		debug("%" PRIu64 " KiB at %#" PRIx64 " of the source cannot be mapped: %m", w->len >> 10, w->off);
		return;
	}
	if (madvise(base, w->len, MADV_POPULATE_READ) && errno != EINVAL) {
		debug("%" PRIu64 " KiB at %#" PRIx64 " of the source are not there: %m", w->len >> 10, w->off);
		munmap(base, w->len);
		return;
	}
	w->base = base;
	w->area.base = base;
	w->area.len = w->len;
	guard_add(&w->area);
	m->mapped += w->len;
}

/*
 * Windows that were touched where the file has nothing to give are read from now on: that tells page by page what is
 * lost. Not so poisoned memory, which would be met again, this time inside the kernel.
 */
static void settle(struct source_map *m)
{
	for (unsigned int i = 0; i < SOURCE_WINDOWS; i++) {
		struct source_window *w = &m->w[i];

		if (!w->base || !w->area.hit)
			continue;
		if (w->area.poisoned && !ranges_add(&m->poisoned, w->off + w->area.first, w->off + w->area.last, 0))
			w->area.hit = w->area.poisoned = false;
		else
			window_unmap(w);
	}
}

static bool is_poisoned(const struct source_map *m, uint64_t off, uint64_t len)
{
	for (size_t i = 0; i < m->poisoned.nr; i++)
		if (m->poisoned.r[i].start < off + len && m->poisoned.r[i].last >= off)
			return true;
	return false;
}

static struct source_window *window_find(struct source_map *m, uint64_t off, uint64_t len)
{
	struct source_window *w;
	uint64_t start, want;

	for (unsigned int i = 0; i < SOURCE_WINDOWS; i++) {
		if (window_holds(&m->w[i], off, len))
			return &m->w[i];
	}
	w = window_to_replace(m, off, &want);
	start = off - off % m->page;
	if (want < off - start + len)
		want = off - start + len;
	if (want > m->file_len - start)
		want = m->file_len - start;
	window_drop(w);
	w->off = start;
	w->len = want;
	window_map(m, w);
	return w;
}

/* At OFF of the file itself, be it a dump or a stream. */
static const uint8_t *map_at(struct source_map *m, uint64_t off, uint64_t len, uint64_t *avail)
{
	struct source_window *w;

	if (!m->can_map || off > m->file_len || len > m->file_len - off || len > WINDOW_MAX)
		return NULL;
	settle(m);
	if (is_poisoned(m, off, len))
		return NULL;
	w = window_find(m, off, len);
	w->used = ++m->clock;
	if (!w->base)
		return NULL;
	*avail = w->len - (off - w->off);
	return w->base + (off - w->off);
}

const uint8_t *source_map_at(struct source_map *m, uint64_t off, uint64_t len, uint64_t *avail)
{
	uint64_t at, there;
	const uint8_t *bytes;

	if (!m->v->flat)
		return map_at(m, off, len, avail);
	/* What is in two records is not in one place. */
	if (!flattened_find(m->v->flat, off, &at, &there) || there < len)
		return NULL;
	bytes = map_at(m, at, len, avail);
	if (bytes && *avail > there)
		*avail = there;
	return bytes;
}

int source_map_read(struct source_map *m, uint64_t off, void *buf, size_t len)
{
	const unsigned int hits = guard_hits();
	uint64_t avail;
	const uint8_t *at;

	if (!len)
		return 0;
	if (off > m->v->file_len || len > m->v->file_len - off)
		return -ENODATA;
	at = source_map_at(m, off, len, &avail);
	if (at) {
		memcpy(buf, at, len);
		if (guard_hits() == hits)
			return 0;
		settle(m);
	}
	if (!m->v->flat && is_poisoned(m, off, len))
		return -EIO;
	m->read += len;
	return source_pread(m->v, off, buf, len);
}
