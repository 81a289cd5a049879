// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * raw:///dev/...: a partition without a file system. It needs no driver but the disk's, and nothing that may be damaged
 * itself.
 */
#include "kdump/transport/transport.h"

#include "kdump/transport/raw_mark.h"
#include "lib/err.h"
#include "lib/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCHEME "raw://"
#define ZEROS 65536
/* Bytes between two hints to begin writing to the disk; as for files. */
#define WRITEBACK_BYTES (8u << 20)

struct raw {
	struct raw_device dev;
	bool dumping;              /* by this transport: the note and the log of another dump were dropped */
	uint64_t high, unsent;
};

/* ---- small files ---- */

/* The first that is written of a dump is the note that one is being saved. */
static void begin_dump(struct raw *r)
{
	struct raw_mark *m = &r->dev.mark;

	if (r->dumping)
		return;
	if (m->state == RAW_COMPLETE || m->state == RAW_INCOMPLETE)
		warn("%s: the dump that is there was not fetched; it is replaced", r->dev.path);
	m->nr = 0;
	m->state = RAW_WRITING;
	m->time = time(NULL);
	r->dumping = true;
}

static int raw_put(struct transport *t, const char *name, const void *bytes, size_t len)
{
	struct raw *r = t->state;
	struct raw_file *f;
	int err;

	if (!strcmp(name, "README.txt"))
		begin_dump(r);
	err = raw_place(&r->dev.mark, name, len, &f);
	if (err)
		return err;
	sha256_of(bytes, len, f->digest);
	err = raw_device_write(&r->dev, f->off, bytes, len);
	return err ? err : raw_device_mark(&r->dev);
}

static int raw_remove_file(struct transport *t, const char *name)
{
	struct raw *r = t->state;

	raw_remove(&r->dev.mark, name);
	return raw_device_mark(&r->dev);
}

/* ---- the dump ---- */

static uint64_t raw_room(struct transport *t)
{
	struct raw *r = t->state;

	return raw_files_off(r->dev.mark.size);
}

static int no_room(const struct sink *s)
{
	return fail(-ENOSPC, "%s: the partition is full", s->path);
}

static int put_bytes(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	struct raw *r = s->remote;
	uint64_t room = raw_files_off(r->dev.mark.size);
	size_t part = off >= room ? 0 : len < room - off ? len : room - off;
	int err = raw_device_write(&r->dev, off, buf, part);

	if (err)
		return err == -ENOSPC ? no_room(s) : err;
	s->partial = part;
	r->high = off + part > r->high ? off + part : r->high;
	r->unsent += part;
	if (r->unsent >= WRITEBACK_BYTES) {
		r->unsent = 0;
		if (sync_file_range(r->dev.fd, 0, 0, SYNC_FILE_RANGE_WRITE))
			debug("%s: no early writeback", s->path);
	}
	return part < len ? no_room(s) : 0;
}

/* What is skipped must read as zeros, and holds an older dump. */
static int fill_to(struct sink *s, uint64_t off)
{
	static const uint8_t zeros[ZEROS];
	struct raw *r = s->remote;
	int err = 0;

	while (!err && r->high < off)
		err = put_bytes(s, r->high, zeros, off - r->high < ZEROS ? off - r->high : ZEROS);
	s->partial = 0;
	return err;
}

static int raw_write(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	int err = fill_to(s, off);

	return err ? err : put_bytes(s, off, buf, len);
}

static int raw_read(struct sink *s, uint64_t off, void *buf, size_t len)
{
	struct raw *r = s->remote;
	uint64_t there = off >= r->high ? 0 : len < r->high - off ? len : r->high - off;

	memset((uint8_t *)buf + there, 0, len - there);
	return raw_device_read(&r->dev, off, buf, there);
}

static void raw_shorten(struct sink *s, uint64_t len)
{
	struct raw *r = s->remote;

	r->high = len < r->high ? len : r->high;
}

/* The mark says how far it has got: that much can be fetched should the machine die now. */
static int raw_sync(struct sink *s)
{
	struct raw *r = s->remote;
	struct raw_file *f = raw_dump(&r->dev.mark);

	if (f)
		f->len = r->high;
	return raw_device_mark(&r->dev);
}

static int raw_finish(struct sink *s, bool complete)
{
	struct raw *r = s->remote;

	r->dev.mark.state = complete ? RAW_COMPLETE : RAW_INCOMPLETE;
	return raw_sync(s);
}

static void raw_discard(struct sink *s)
{
	struct raw *r = s->remote;
	struct raw_file *f = raw_dump(&r->dev.mark);

	if (f)
		raw_remove(&r->dev.mark, f->name);
	if (raw_device_mark(&r->dev))
		warn("%s", err_text());
}

/* The device belongs to the transport. */
static void raw_deinit(struct sink *s)
{
	(void)s;
}

static const struct sink_ops raw_ops = {
	.seekable = true,
	.write = raw_write,
	.read = raw_read,
	.shorten = raw_shorten,
	.sync = raw_sync,
	.finish = raw_finish,
	.discard = raw_discard,
	.deinit = raw_deinit,
};

static int raw_sink_open(struct transport *t, const char *name, enum sink_form form, bool force, struct sink *sink)
{
	struct raw *r = t->state;
	struct raw_mark *m = &r->dev.mark;
	struct raw_file *old, f = { .off = 0 };
	char *path;
	int err;

	(void)force;
	if (strlen(name) >= sizeof(f.name))
		return fail(-ENAMETOOLONG, "%s: is too long a name", name);
	begin_dump(r);
	while ((old = raw_dump(m)))
		raw_remove(m, old->name);
	if (m->nr == RAW_FILES_MAX)
		return fail(-ENOSPC, "%s: too many files beside the dump", t->url);
	strcpy(f.name, name);
	m->file[m->nr++] = f;
	m->state = RAW_WRITING;
	r->high = r->unsent = 0;
	err = raw_device_mark(&r->dev);
	if (err)
		return err;
	if (asprintf(&path, "%s/%s", t->url, name) < 0)
		return fail(-ENOMEM, "out of memory");
	err = sink_attach(sink, &raw_ops, r, path, form);
	free(path);
	return err;
}

/* ---- the place ---- */

static void raw_close(struct transport *t)
{
	struct raw *r = t->state;

	if (r)
		raw_device_close(&r->dev);
	free(r);
	t->state = NULL;
}

static int raw_open(struct transport *t)
{
	struct raw *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return fail(-ENOMEM, "out of memory");
	r->dev.fd = -1;
	t->state = r;
	err = raw_device_open(&r->dev, t->url + strlen(SCHEME), true);
	return err ? err : raw_device_is_ours(&r->dev);
}

const struct transport_ops transport_raw = {
	.scheme = SCHEME,
	.built_in = true,
	.open = raw_open,
	.put = raw_put,
	.remove = raw_remove_file,
	.sink_open = raw_sink_open,
	.room = raw_room,
	.close = raw_close,
	.random_access = true,
};
