// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sinks that are no files, over a transport that lies in memory; and what the sftp client keeps in mind of what it
 * sent.
 */
#include "include/flattened_format.h"
#include "kdump/transport/sftp.h"
#include "kdump/transport/transport.h"
#include "lib/err.h"
#include "lib/view.h"
#include "service/conf.h"
#include "tests/unit/test.h"

#include <errno.h>

/* ---- a file in memory ---- */

struct memory {
	uint8_t bytes[16384];
	size_t len, room;
	unsigned int syncs, deinits, discards, finished;
	bool complete;
};

static int memory_write(struct sink *s, uint64_t off, const void *buf, size_t len)
{
	struct memory *m = s->remote;

	if (off + len > m->room) {
		s->partial = off < m->room ? m->room - off : 0;
		memcpy(m->bytes + off, buf, s->partial);
		return fail(-ENOSPC, "%s: memory is full", s->path);
	}
	memcpy(m->bytes + off, buf, len);
	m->len = m->len < off + len ? off + len : m->len;
	return 0;
}

static int memory_read(struct sink *s, uint64_t off, void *buf, size_t len)
{
	struct memory *m = s->remote;

	memcpy(buf, m->bytes + off, len);
	return 0;
}

static int memory_sync(struct sink *s)
{
	((struct memory *)s->remote)->syncs++;
	return 0;
}

static int memory_finish(struct sink *s, bool complete)
{
	struct memory *m = s->remote;

	m->finished++;
	m->complete = complete;
	return 0;
}

static void memory_discard(struct sink *s)
{
	((struct memory *)s->remote)->discards++;
}

static void memory_deinit(struct sink *s)
{
	((struct memory *)s->remote)->deinits++;
}

static const struct sink_ops file_ops = {
	.seekable = true, .write = memory_write, .read = memory_read, .sync = memory_sync, .finish = memory_finish,
	.discard = memory_discard, .deinit = memory_deinit,
};
static const struct sink_ops stream_ops = {
	.write = memory_write, .finish = memory_finish, .deinit = memory_deinit,
};

TEST(a_file_elsewhere)
{
	struct memory m = { .room = sizeof(m.bytes) };
	struct sink s;
	uint8_t buf[5];

	CHECK_EQ(sink_attach(&s, &file_ops, &m, "memory://x", SINK_PLAIN), 0);
	CHECK(sink_seekable(&s));
	CHECK_EQ(sink_write(&s, 10, "world", 5), 0);
	CHECK_EQ(sink_write(&s, 0, "hello", 5), 0);
	CHECK_EQ(s.size, 15);
	CHECK_EQ(s.written, 10);
	CHECK_EQ(sink_allocate(&s, 15, 100), 0);
	CHECK_EQ(s.size, 115);
	CHECK_EQ(sink_read(&s, 10, buf, 5), 0);
	CHECK(!memcmp(buf, "world", 5));
	CHECK_EQ(sink_sync(&s), 0);
	CHECK_EQ(m.syncs, 1);
	CHECK_EQ(sink_finish(&s, true), 0);
	CHECK_EQ(m.finished, 1);
	CHECK(m.complete);
	CHECK_FAILS(sink_finish(&s, true), -EINVAL, "finished already");
	sink_deinit(&s);
	CHECK_EQ(m.deinits, 1);
	CHECK_EQ(m.discards, 0);
	CHECK_EQ(m.len, 115);
}

TEST(full_elsewhere)
{
	struct memory m = { .room = 100 };
	struct sink s;
	uint8_t bytes[64] = { 0 };

	CHECK_EQ(sink_attach(&s, &file_ops, &m, "memory://x", SINK_PLAIN), 0);
	CHECK_EQ(sink_write(&s, 0, bytes, 64), 0);
	CHECK_FAILS(sink_write(&s, 64, bytes, 64), -ENOSPC, "memory://x: memory is full");
	CHECK_EQ(s.partial, 36);
	CHECK_EQ(s.size, 100);
	CHECK_EQ(sink_finish(&s, false), 0);
	CHECK(!m.complete);
	sink_deinit(&s);

	/* The limit holds here, too. */
	m = (struct memory){ .room = 100 };
	CHECK_EQ(sink_attach(&s, &file_ops, &m, "memory://x", SINK_PLAIN), 0);
	s.max_bytes = 70;
	CHECK_EQ(sink_write(&s, 0, bytes, 64), 0);
	CHECK_FAILS(sink_write(&s, 64, bytes, 64), -ENOSPC, "size limit");
	CHECK_EQ(s.partial, 6);
	CHECK_FAILS(sink_allocate(&s, 70, 1), -ENOSPC, "size limit");
	sink_deinit(&s);
}

TEST(streams_elsewhere)
{
	struct memory m = { .room = sizeof(m.bytes) };
	struct sink s;
	uint8_t byte;

	CHECK_FAILS(sink_attach(&s, &stream_ops, &m, "memory://x", SINK_PLAIN), -EINVAL, "is a stream");
	CHECK_EQ(m.deinits, 1);
	CHECK_EQ(sink_attach(&s, &stream_ops, &m, "memory://x", SINK_FLATTENED), 0);
	CHECK(!sink_seekable(&s));
	CHECK_EQ(m.len, FLAT_HEADER_BYTES);
	CHECK_EQ(sink_write(&s, 1000, "hello", 5), 0);
	CHECK_EQ(m.len, FLAT_HEADER_BYTES + FLAT_RECORD_BYTES + 5);
	CHECK_EQ(get_u64(m.bytes + FLAT_HEADER_BYTES + FLAT_RECORD_OFFSET, true), 1000);
	CHECK_EQ(get_u64(m.bytes + FLAT_HEADER_BYTES + FLAT_RECORD_SIZE, true), 5);
	CHECK_FAILS(sink_read(&s, 0, &byte, 1), -EIO, "read back");
	CHECK_EQ(sink_sync(&s), 0);
	CHECK_EQ(sink_finish(&s, true), 0);
	CHECK_EQ(m.len, FLAT_HEADER_BYTES + 2 * FLAT_RECORD_BYTES + 5);
	CHECK_EQ(m.bytes[m.len - 1], 0xff);
	sink_deinit(&s);

	/* As it comes. */
	m = (struct memory){ .room = sizeof(m.bytes) };
	CHECK_EQ(sink_attach(&s, &stream_ops, &m, "memory://x", SINK_RAW), 0);
	CHECK_EQ(m.len, 0);
	CHECK_EQ(sink_write(&s, 0, "hello", 5), 0);
	CHECK_EQ(sink_write(&s, 5, "world", 5), 0);
	CHECK(!memcmp(m.bytes, "helloworld", 10));
	CHECK_EQ(sink_finish(&s, true), 0);
	CHECK_EQ(m.len, 10);
	sink_deinit(&s);
}

TEST(nothing_is_left_of_nothing)
{
	struct memory m = { .room = sizeof(m.bytes) };
	struct sink s;

	CHECK_EQ(sink_attach(&s, &file_ops, &m, "memory://x", SINK_PLAIN), 0);
	sink_deinit(&s);
	CHECK_EQ(m.discards, 1);
	CHECK_EQ(sink_attach(&s, &file_ops, &m, "memory://x", SINK_PLAIN), 0);
	CHECK_EQ(sink_write(&s, 0, "x", 1), 0);
	sink_deinit(&s);
	CHECK_EQ(m.discards, 1);
	CHECK_EQ(m.deinits, 2);
}

/* ---- URLs ---- */

TEST(urls)
{
	struct transport t;

	CHECK(transport_is_url("sftp://host/x"));
	CHECK(transport_is_url("S3+x.y-1://bucket"));
	CHECK(!transport_is_url("/var/crash"));
	CHECK(!transport_is_url("./sftp://x"));
	CHECK(!transport_is_url("://x"));
	CHECK(!transport_is_url("a b://x"));
	CHECK(!transport_is_url("1a://x"));
	CHECK_FAILS(transport_open(&t, NULL, "gopher://x/y", 0, UINT64_MAX), -EPROTONOSUPPORT, "sftp://");
	CHECK(!t.ops);
}

TEST(time_that_is_left)
{
	struct transport t = { .timeout_ms = 1000, .deadline_ms = UINT64_MAX };

	CHECK_EQ(transport_wait_ms(&t), 1000);
	t.deadline_ms = 0;
	CHECK_EQ(transport_wait_ms(&t), 0);
}

static void check_place(const char *url, const char *user, const char *host, const char *port, const char *path)
{
	struct conf conf;
	struct sftp_place p;

	CHECK_EQ(conf_init(&conf), 0);
	CHECK_EQ(sftp_place_parse(&p, &conf, url), 0);
	CHECK(user ? p.user && !strcmp(p.user, user) : !p.user);
	CHECK(port ? p.port && !strcmp(p.port, port) : !p.port);
	CHECK_STR(p.host, host);
	CHECK_STR(p.path, path);
	CHECK_STR(p.key, conf.sshkey);
	sftp_place_deinit(&p);
	conf_deinit(&conf);
}

TEST(sftp_places)
{
	static const char *const bad[] = {
		"sftp://h", "sftp:///p", "sftp://@h/p", "sftp://u@/p", "sftp://-o@h/p", "sftp://u@-h/p",
		"sftp://u@h:/p", "sftp://u@h:65536/p", "sftp://u@h:1x/p", "sftp://u@[::1/p", "sftp://u@[::1]x/p",
		"sftp://u@h/%", "sftp://u@h/%0",
		"sftp://u@h/%zz", "sftp://u@h/%00", "sftp://u\tx@h/p", "sftp://u,v@h/p",
	};
	struct conf conf;
	struct sftp_place p;

	check_place("sftp://u@h/p", "u", "h", NULL, "/p");
	check_place("sftp://h.example:2222/a/b", NULL, "h.example", "2222", "/a/b");
	check_place("sftp://u@[fe80::1%eth0]:22/", "u", "fe80::1%eth0", "22", "/");
	check_place("sftp://u@h/a%20b%2f%25c//", "u", "h", NULL, "/a b/%c");
	CHECK_EQ(conf_init(&conf), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_FAILS(sftp_place_parse(&p, &conf, bad[i]), -EINVAL, "sftp://user@host/folder");
	free(conf.sshkey);
	conf.sshkey = strdup("/key%d");
	CHECK_FAILS(sftp_place_parse(&p, &conf, "sftp://u@h/p"), -EINVAL, "sshkey /key%d");
	conf_deinit(&conf);
}

/* ---- what was sent ---- */

static uint64_t sum_in_parts(const uint8_t *bytes, size_t len, size_t part)
{
	struct sftp_digest d;

	sftp_digest_init(&d);
	for (size_t off = 0; off < len; off += part)
		sftp_digest_add(&d, bytes + off, len - off < part ? len - off : part);
	return sftp_digest_sum(&d);
}

TEST(digests_do_not_depend_on_pieces)
{
	uint8_t bytes[1000];
	uint64_t whole;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = test_random();
	for (size_t len = 0; len < sizeof(bytes); len += 37) {
		whole = sum_in_parts(bytes, len, len + 1);
		for (size_t part = 1; part < 20; part++)
			CHECK_EQ(sum_in_parts(bytes, len, part), whole);
		/* Every bit counts, and so does every zero. */
		for (size_t i = 0; i < len; i += 13) {
			bytes[i] ^= 1 << i % 8;
			CHECK(sum_in_parts(bytes, len, 7) != whole);
			bytes[i] ^= 1 << i % 8;
		}
		bytes[len] = 0;
		CHECK(sum_in_parts(bytes, len + 1, 8) != whole);
	}
}

TEST(extents)
{
	static uint8_t bytes[3 << 20];
	struct sftp_digests d = { 0 };

	CHECK(sftp_digests_add(&d, 4096, bytes, 1000));
	CHECK(sftp_digests_add(&d, 5096, bytes, 1000));
	/* In front of it: something else may have been there. */
	CHECK(!sftp_digests_add(&d, 0, bytes, 4096));
	CHECK_EQ(d.nr, 0);
	CHECK_EQ(d.run_len, 2000);
	/* Behind a gap: a new one. */
	CHECK(sftp_digests_add(&d, 10000, bytes, sizeof(bytes)));
	CHECK_EQ(d.nr, 3);
	CHECK_EQ(d.extent[0].off, 4096);
	CHECK_EQ(d.extent[0].len, 2000);
	CHECK_EQ(d.extent[1].off, 10000);
	CHECK_EQ(d.extent[1].len, 1 << 20);
	CHECK_EQ(d.run_len, 1 << 20);
	/* Over it. */
	CHECK(!sftp_digests_add(&d, 10000 + (1 << 20) - 1, bytes, 2));
	CHECK_EQ(d.nr, 1);
	CHECK_EQ(d.run_len, 1 << 20);
	sftp_digests_forget(&d, 0, 5000);
	CHECK_EQ(d.nr, 0);
	sftp_digests_settle(&d);
	CHECK_EQ(d.nr, 1);
	CHECK_EQ(d.size, 10000 + sizeof(bytes));
	sftp_digests_deinit(&d);
}

/* Few of them, whatever the size. */
TEST(extents_of_a_large_dump)
{
	static uint8_t bytes[1 << 20];
	struct sftp_digests d = { 0 };

	for (uint64_t i = 0; i < 4096; i++)
		CHECK(sftp_digests_add(&d, i << 20, bytes, sizeof(bytes)));
	sftp_digests_settle(&d);
	CHECK(d.nr < 2600 && d.nr > 1024);
	sftp_digests_deinit(&d);
}

/* ---- packets ---- */

TEST(packets)
{
	static const uint8_t status[] = "\0\0\0\x15\x65\0\0\0\7\0\0\0\4\0\0\0\4Full\0\0\0\0";
	struct sftp_handle h = { "hand", 4 };
	uint8_t room[SFTP_WRITE_HEAD_MAX + 3];
	struct sftp_reply r;
	struct view body;
	const uint8_t *at;

	for (size_t len = 0; len < sizeof(status) - 1; len++)
		CHECK_EQ(sftp_take(status, len, &body), 0);
	CHECK_EQ(sftp_take(status, sizeof(status) - 1, &body), 1);
	CHECK_EQ(sftp_parse(&body, &r), 0);
	CHECK_EQ(r.type, SFTP_STATUS);
	CHECK_EQ(r.id, 7);
	CHECK_EQ(r.status, SFTP_FAILURE);
	CHECK(text_is(&r.message, "Full"));
	CHECK_EQ(sftp_errno(r.status), -EIO);
	body.len = 8;
	CHECK_FAILS(sftp_parse(&body, &r), -EPROTO, "cut short");
	CHECK_FAILS(sftp_take((const uint8_t *)"HTTP/1.1", 8, &body), -EPROTO, "packet of");
	memcpy(room + SFTP_WRITE_HEAD_MAX, "abc", 3);
	at = sftp_write_head(room + SFTP_WRITE_HEAD_MAX, 3, 9, &h, 0x1122334455667788);
	CHECK(!memcmp(at, "\0\0\0\x1c\6\0\0\0\x09\0\0\0\4hand\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\3abc", 32));
}
