// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dump on the server. What is written goes out at once, many pieces at a time, and is held until the server has
 * said that it is on its disk (fsync@openssh.com): when the connection breaks before, it is sent again over the next
 * one. So memory is bounded, and nothing that was said to be saved is lost but with the server's disk.
 *
 * The draft has requests for one file done in the order in which they were sent (4.1), so an fsync covers all writes
 * in front of it, and a read sees them.
 */
#include "kdump/transport/sftp_file.h"

#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pieces ---- */

static uint64_t piece_cost(uint32_t len)
{
	return sizeof(struct sftp_piece) + SFTP_WRITE_HEAD_MAX + len;
}

/* What need not be held goes. */
static void release(struct sftp_file *f)
{
	struct sftp_piece **at = &f->pieces;

	while (*at) {
		struct sftp_piece *p = *at;
		bool safe = p->answered && (f->s->link.has_fsync ? p->seq <= f->synced : true);

		if (p->lost || (safe && (!p->rewrite || p->superseded))) {
			*at = p->next;
			f->held -= piece_cost(p->len);
			free(p);
		} else {
			at = &p->next;
		}
	}
	f->pieces_tail = at;
}

static int on_written(struct sftp_request *r, const struct sftp_reply *reply)
{
	struct sftp_piece *p = (struct sftp_piece *)r;
	struct sftp_file *f = p->f;

	if (reply->type != SFTP_STATUS)
		return fail(-EPROTO, "it answers a write with something else than a status");
	p->answered = true;
	f->unanswered--;
	if (reply->status) {
		p->lost = true;
		sftp_digests_forget(&f->digests, p->off, p->len);
		/* The first one counts. */
		if (!f->failed) {
			f->failed = true;
			f->refusal = (struct sftp_answer){ .type = SFTP_STATUS, .status = reply->status };
		}
	}
	if (!f->s->link.has_fsync)
		f->releasable = true;
	return 0;
}

static void send_piece(struct sftp_piece *p)
{
	struct sftp_file *f = p->f;
	uint8_t *data = p->bytes + SFTP_WRITE_HEAD_MAX;

	p->r.id = sftp_link_id(&f->s->link);
	p->r.packet = sftp_write_head(data, p->len, p->r.id, &f->handle, p->off);
	p->r.len = data + p->len - p->r.packet;
	p->r.answered = on_written;
	p->answered = false;
	f->unanswered++;
	sftp_link_send(&f->s->link, &p->r);
}

/* ---- fsync ---- */

static int on_synced(struct sftp_request *r, const struct sftp_reply *reply)
{
	struct sftp_file *f = ((struct sftp_fsync *)r)->f;

	if (reply->type != SFTP_STATUS)
		return fail(-EPROTO, "it answers an fsync with something else than a status");
	f->fsync.sent = false;
	/* What it did not bring to disk, a second time would not either; who asks for it is told. */
	f->synced = f->fsync.upto;
	if (reply->status && !f->failed) {
		f->failed = true;
		f->refusal = (struct sftp_answer){ .type = SFTP_STATUS, .status = reply->status };
	}
	f->releasable = true;
	sftp_progress(f->s);
	return 0;
}

/* Ask for all that was written so far, unless an answer is awaited. */
static int send_fsync(struct sftp_file *f)
{
	struct sftp_fsync *y = &f->fsync;
	int err;

	if (y->sent || !f->s->link.has_fsync)
		return 0;
	f->unsynced = 0;
	sftp_builder_deinit(&y->p);
	sftp_begin(&y->p, SFTP_EXTENDED, sftp_link_id(&f->s->link));
	sftp_add_string(&y->p, "fsync@openssh.com");
	sftp_add_bytes(&y->p, f->handle.bytes, f->handle.len);
	err = sftp_built(&y->p);
	if (err)
		return err;
	y->f = f;
	y->upto = f->last;
	y->sent = true;
	y->r = (struct sftp_request){
		.id = get_u32(y->p.b.data + 5, true), .packet = y->p.b.data, .len = y->p.b.len, .answered = on_synced,
	};
	sftp_link_send(&f->s->link, &y->r);
	return 0;
}

/* One step forward, over a new connection when it must be. */
static int step(struct sftp_file *f, bool wait)
{
	int err = sftp_link_pump(&f->s->link, wait);

	if (err)
		err = sftp_recover(f->s);
	if (f->releasable && !f->comparing) {
		f->releasable = false;
		release(f);
	}
	return err;
}

/* What the server has refused since this was last told. */
static int failure(struct sftp_file *f)
{
	return f->failed ? sftp_refused(f->s, "write", f->path, &f->refusal) : 0;
}

/* ---- reading ---- */

struct reading {
	struct sftp_request r;
	struct sftp_builder p;
	struct sftp_file *f;
	uint64_t off;
	uint8_t *buf;
	uint32_t len, got;
	bool sent, done;
	uint32_t status;           /* that is no success */
};

/* That are asked for at a time. */
#define READINGS_MAX 64

static int on_read(struct sftp_request *r, const struct sftp_reply *reply)
{
	struct reading *g = (struct reading *)r;

	g->sent = false;
	if (reply->type == SFTP_STATUS && reply->status == SFTP_EOF) {
		memset(g->buf + g->got, 0, g->len - g->got);
		g->done = true;
		return 0;
	}
	if (reply->type == SFTP_STATUS && reply->status) {
		g->status = reply->status;
		g->done = true;
		return 0;
	}
	if (reply->type != SFTP_DATA || !reply->len || reply->len > g->len - g->got)
		return fail(-EPROTO, "it answers a read with something else than what was asked for");
	memcpy(g->buf + g->got, reply->bytes, reply->len);
	g->got += reply->len;
	/* Fewer than asked for may come: the rest is asked for again. */
	g->done = g->got == g->len;
	return 0;
}

static int send_reading(struct sftp_file *f, struct reading *g)
{
	int err;

	sftp_builder_deinit(&g->p);
	sftp_begin(&g->p, SFTP_READ, sftp_link_id(&f->s->link));
	sftp_add_bytes(&g->p, f->handle.bytes, f->handle.len);
	sftp_add_u64(&g->p, g->off + g->got);
	sftp_add_u32(&g->p, g->len - g->got);
	err = sftp_built(&g->p);
	if (err)
		return err;
	g->r = (struct sftp_request){
		.id = get_u32(g->p.b.data + 5, true), .packet = g->p.b.data, .len = g->p.b.len, .answered = on_read,
	};
	g->sent = true;
	sftp_link_send(&f->s->link, &g->r);
	return 0;
}

/* All of them, whatever happens to the connection. */
static int read_all(struct sftp_file *f, struct reading *g, unsigned int nr)
{
	int err = 0;

	for (;;) {
		unsigned int done = 0, generation = f->generation;

		for (unsigned int i = 0; !err && i < nr; i++) {
			done += g[i].done;
			if (!g[i].done && !g[i].sent)
				err = send_reading(f, &g[i]);
		}
		if (err || done == nr)
			break;
		err = step(f, true);
		/* Requests are forgotten with their connection. */
		for (unsigned int i = 0; f->generation != generation && i < nr; i++)
			g[i].sent = false;
	}
	for (unsigned int i = 0; i < nr; i++) {
		sftp_builder_deinit(&g[i].p);
		if (!err && g[i].status) {
			struct sftp_answer a = { .type = SFTP_STATUS, .status = g[i].status };

			err = sftp_refused(f->s, "read back", f->path, &a);
		}
	}
	return err;
}

int sftp_file_read(struct sftp_file *f, uint64_t off, void *buf, size_t len)
{
	struct reading *g = calloc(READINGS_MAX, sizeof(*g));
	uint8_t *at = buf;
	int err = g ? 0 : fail(-ENOMEM, "out of memory for reading back");

	while (!err && len) {
		unsigned int nr = 0;

		memset(g, 0, READINGS_MAX * sizeof(*g));
		for (; nr < READINGS_MAX && len; nr++) {
			uint32_t part = len < f->s->link.data_bytes ? len : f->s->link.data_bytes;

			g[nr] = (struct reading){ .f = f, .off = off, .buf = at, .len = part };
			blob_init(&g[nr].p.b);
			off += part;
			at += part;
			len -= part;
		}
		err = read_all(f, g, nr);
	}
	free(g);
	return err;
}

/* ---- comparing what was written anew ---- */

/* Up to READINGS_MAX pieces from P on, read and compared; *NEXT are the others. */
static int compare_some(struct sftp_file *f, struct sftp_piece *p, struct sftp_piece **next)
{
	struct reading *g = calloc(READINGS_MAX, sizeof(*g));
	struct sftp_piece *piece[READINGS_MAX];
	uint8_t *buf = malloc(SFTP_COMPARE_BYTES);
	size_t used = 0;
	unsigned int nr = 0;
	int err = g && buf ? 0 : fail(-ENOMEM, "out of memory for reading back");

	for (; !err && p && nr < READINGS_MAX; p = p->next) {
		if (!p->rewrite || p->superseded || p->lost)
			continue;
		if (p->len > SFTP_COMPARE_BYTES - used)
			break;
		piece[nr] = p;
		g[nr] = (struct reading){ .f = f, .off = p->off, .buf = buf + used, .len = p->len };
		blob_init(&g[nr++].p.b);
		used += p->len;
	}
	*next = p;
	if (!err)
		err = read_all(f, g, nr);
	for (unsigned int i = 0; !err && i < nr; i++) {
		if (memcmp(g[i].buf, piece[i]->bytes + SFTP_WRITE_HEAD_MAX, piece[i]->len))
			err = fail(-EBADMSG, "%s: what the server has at byte %llu of %s is not what was sent",
				   f->s->t->url,
				   (unsigned long long)piece[i]->off, f->path);
		piece[i]->superseded = true; /* seen to be there: it need not be held */
	}
	free(g);
	free(buf);
	return err;
}

static int compare_rewrites(struct sftp_file *f)
{
	struct sftp_piece *p;
	int err = 0;

	release(f);
	f->comparing = true;
	for (p = f->pieces; !err && p;)
		err = compare_some(f, p, &p);
	f->comparing = false;
	release(f);
	return err;
}

/* ---- writing ---- */

/* What was written earlier at the same place is not there any more. */
static void supersede(struct sftp_file *f, uint64_t off, size_t len)
{
	for (struct sftp_piece *p = f->pieces; p; p = p->next)
		if (p->rewrite && p->off < off + len && off < p->off + p->len)
			p->superseded = true;
}

/* Until all is on the server's disk, or in its hands where it cannot say that. */
static int settle(struct sftp_file *f)
{
	int err = 0;

	while (!err && (f->unanswered || (f->s->link.has_fsync && f->synced < f->last))) {
		err = send_fsync(f);
		if (!err)
			err = step(f, true);
	}
	return err;
}

static int make_room(struct sftp_file *f, uint64_t cost)
{
	int err = 0;

	while (!err && f->held && f->held + cost > SFTP_HELD_BYTES) {
		if (!f->unanswered && (!f->s->link.has_fsync || f->synced == f->last)) {
			err = compare_rewrites(f);
			continue;
		}
		err = send_fsync(f);
		if (!err)
			err = step(f, true);
	}
	return err;
}

static struct sftp_piece *make_piece(struct sftp_file *f, uint64_t off, const void *bytes, uint32_t len)
{
	struct sftp_piece *p = malloc(piece_cost(len));

	/* What is held is the memory that is lacking. */
	if (!p && f->held && !settle(f)) {
		release(f);
		p = malloc(piece_cost(len));
	}
	if (!p)
		return NULL;
	*p = (struct sftp_piece){ .f = f, .off = off, .len = len, .seq = ++f->last };
	memcpy(p->bytes + SFTP_WRITE_HEAD_MAX, bytes, len);
	*f->pieces_tail = p;
	f->pieces_tail = &p->next;
	f->held += piece_cost(len);
	f->unsynced += piece_cost(len);
	return p;
}

/* PLAIN: zeros for later, in no digest. */
static int write_bytes(struct sftp_file *f, uint64_t off, const uint8_t *bytes, size_t len, bool plain)
{
	int err = failure(f);

	while (!err && len) {
		uint32_t part = len < f->s->link.data_bytes ? len : f->s->link.data_bytes;
		struct sftp_piece *p;

		err = make_room(f, piece_cost(part));
		if (err)
			break;
		p = make_piece(f, off, bytes, part);
		if (!p)
			return fail(-ENOMEM, "%s: out of memory for what is being sent", f->s->t->url);
		if (plain) {
			sftp_digests_forget(&f->digests, off, part);
		} else if (!sftp_digests_add(&f->digests, off, bytes, part)) {
			supersede(f, off, part);
			p->rewrite = true;
			f->rewritten += part;
		}
		if (f->size < off + part)
			f->size = off + part;
		send_piece(p);
		if (f->unsynced >= SFTP_HELD_BYTES / 2)
			err = send_fsync(f);
		off += part;
		bytes += part;
		len -= part;
	}
	return err ? err : step(f, false);
}

int sftp_file_write(struct sftp_file *f, uint64_t off, const void *bytes, size_t len)
{
	return write_bytes(f, off, bytes, len, false);
}

int sftp_file_allocate(struct sftp_file *f, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[64 << 10];
	int err = 0;

	for (; !err && len; ) {
		size_t part = len < sizeof(zeros) ? len : sizeof(zeros);

		err = write_bytes(f, off, zeros, part, true);
		off += part;
		len -= part;
	}
	return err;
}

int sftp_file_sync(struct sftp_file *f)
{
	int err = settle(f), refused;

	if (err)
		return err;
	refused = failure(f);
	f->failed = false;
	release(f);
	return refused ? refused : compare_rewrites(f);
}

/* ---- opening, resuming, closing ---- */

int sftp_file_resume(struct sftp_file *f)
{
	struct sftp *s = f->s;
	struct sftp_builder p;
	struct sftp_answer a;
	int err;

	f->generation++;
	f->unanswered = 0;
	f->fsync.sent = false;
	/* Not through sftp_ask(), which would call this again. */
	sftp_begin(&p, SFTP_OPEN, sftp_link_id(&s->link));
	sftp_add_string(&p, f->path);
	sftp_add_u32(&p, SFTP_OPEN_READ | SFTP_OPEN_WRITE);
	sftp_add_u32(&p, 0);
	err = sftp_link_ask(&s->link, &p, &a);
	sftp_builder_deinit(&p);
	if (err)
		return err;
	if (a.type != SFTP_HANDLE)
		return fail(-ENOENT, "%s: %s cannot be opened again to go on: the server says \"%s\"", s->t->url,
			    f->path,
			    a.message);
	f->handle = a.handle;
	for (struct sftp_piece *piece = f->pieces; piece; piece = piece->next)
		if (!piece->lost)
			send_piece(piece);
	return 0;
}

/* A file that was not there. */
static int open_new(struct sftp *s, struct sftp_file *f, const char *name)
{
	for (unsigned int number = 1; number <= SFTP_NAMES_MAX; number++) {
		struct sftp_attrs attrs;
		struct sftp_answer a, other;
		char suffixed[512];
		int err;

		if (number < 2)
			snprintf(suffixed, sizeof(suffixed), "%s.writing", name);
		else
			snprintf(suffixed, sizeof(suffixed), "%s.writing-%u", name, number);
		free(f->path);
		f->path = sftp_path(s, suffixed);
		if (!f->path)
			return -ENOMEM;
		err = sftp_open_file(s, f->path,
				     SFTP_OPEN_READ | SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_EXCLUSIVE,
				     &f->handle, &a);
		if (!err || s->gone || !s->link.up)
			return err;
		/* It may be all that there is of another crash: never touched. */
		if (sftp_stat(s, f->path, &attrs, &other))
			return sftp_refused(s, "create", f->path, &a);
	}
	return fail(-EEXIST, "%s: there are %d files %s.writing already; remove old ones", s->t->url, SFTP_NAMES_MAX,
		    name);
}

int sftp_file_open(struct sftp *s, const char *name, bool force, struct sftp_file **file)
{
	struct sftp_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return fail(-ENOMEM, "out of memory");
	f->s = s;
	f->force = force;
	f->pieces_tail = &f->pieces;
	blob_init(&f->fsync.p.b);
	f->begun_ms = clock_now_ms();
	f->name = sftp_path(s, name);
	err = f->name ? open_new(s, f, name) : -ENOMEM;
	if (err) {
		sftp_file_close(f);
		return err;
	}
	s->file = f;
	*file = f;
	return 0;
}

/* Let the server close it, if it is still there to do so. */
static void close_handle(struct sftp_file *f)
{
	struct sftp_builder p;
	struct sftp_answer a;

	if (!f->s->link.up || !f->handle.len)
		return;
	sftp_begin(&p, SFTP_CLOSE, sftp_link_id(&f->s->link));
	sftp_add_bytes(&p, f->handle.bytes, f->handle.len);
	if (sftp_link_ask(&f->s->link, &p, &a))
		debug("%s", err_text());
	sftp_builder_deinit(&p);
	f->handle.len = 0;
}

void sftp_file_forget(struct sftp_file *f)
{
	close_handle(f);
	if (f->s->file == f)
		f->s->file = NULL;
}

void sftp_file_close(struct sftp_file *f)
{
	sftp_file_forget(f);
	/* Replies to what is freed here must find nobody. */
	if (f->unanswered || f->fsync.sent)
		sftp_link_close(&f->s->link);
	while (f->pieces) {
		struct sftp_piece *p = f->pieces;

		f->pieces = p->next;
		free(p);
	}
	sftp_builder_deinit(&f->fsync.p);
	sftp_digests_deinit(&f->digests);
	free(f->name);
	free(f->path);
	free(f);
}
