// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/sftp_link.h"

#include "kdump/transport/sftp_ssh.h"
#include "lib/clock.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is read at once: a few replies of DATA. */
#define RECEIVE_BYTES (256u << 10)
/* What the pipe to ssh is to hold, so that it has work when we have other. */
#define PIPE_BYTES (1 << 20)
/* What is kept of ssh's words. */
#define WORDS_MAX 8192
/* ssh ends itself when its input is closed. */
#define STOP_MS 500

/* ---- lists ---- */

static void list_init(struct sftp_list *l)
{
	l->first = NULL;
	l->tail = &l->first;
}

static void list_add(struct sftp_list *l, struct sftp_request *r)
{
	r->next = NULL;
	*l->tail = r;
	l->tail = &r->next;
}

static struct sftp_request *list_take(struct sftp_list *l, struct sftp_request **at)
{
	struct sftp_request *r = *at;

	*at = r->next;
	if (l->tail == &r->next)
		l->tail = at;
	return r;
}

/* ---- sending and receiving ---- */

void sftp_link_init(struct sftp_link *l, struct transport *t, const struct sftp_place *place)
{
	memset(l, 0, sizeof(*l));
	l->t = t;
	l->place = place;
	l->ssh = (struct companion){ .to = -1, .from = -1, .words = -1 };
	blob_init(&l->in);
	blob_init(&l->words);
	list_init(&l->queue);
	list_init(&l->waiting);
	l->data_bytes = SFTP_DATA_BYTES;
}

uint32_t sftp_link_id(struct sftp_link *l)
{
	return ++l->next_id;
}

void sftp_link_send(struct sftp_link *l, struct sftp_request *r)
{
	/* From silence on, the time counts in which the server does not answer. */
	if (!l->queue.first && !l->waiting.first)
		l->heard_ms = clock_now_ms();
	r->sent = 0;
	list_add(&l->queue, r);
}

/* -ECONNRESET: nobody takes it. */
static int send_some(struct sftp_link *l)
{
	while (l->queue.first) {
		struct sftp_request *r = l->queue.first;
		ssize_t n = write(l->ssh.to, r->packet + r->sent, r->len - r->sent);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
		r->sent += n;
		if (r->sent < r->len)
			return 0;
		list_add(&l->waiting, list_take(&l->queue, &l->queue.first));
	}
	return 0;
}

static int dispatch(struct sftp_link *l, const struct sftp_reply *reply)
{
	struct sftp_request **at = &l->waiting.first, *r;

	l->heard_ms = clock_now_ms();
	/* VERSION has a version where others have the number of the request: it is the answer to the first of all. */
	while (*at && (reply->type == SFTP_VERSION ? !l->greeting : (*at)->id != reply->id))
		at = &(*at)->next;
	if (!*at)
		return fail(-EPROTO, "it answers a question that was not asked");
	r = list_take(&l->waiting, at);
	return r->answered(r, reply);
}

/* Hand out the whole packets among what was received. */
static int take_packets(struct sftp_link *l)
{
	size_t pos = 0;
	int err = 0;

	while (!err) {
		struct sftp_reply reply;
		struct view body;

		err = sftp_take(l->in.data + pos, l->in.len - pos, &body);
		if (!err)
			break;
		if (err == 1)
			err = sftp_parse(&body, &reply);
		if (!err)
			err = dispatch(l, &reply);
		if (!err)
			pos += 4 + body.len;
	}
	if (!err && pos) {
		memmove(l->in.data, l->in.data + pos, l->in.len - pos);
		l->in.len -= pos;
	}
	return err;
}

/* -ECONNRESET: nothing will come any more. */
static int receive_some(struct sftp_link *l)
{
	ssize_t n;
	int err = blob_reserve(&l->in, RECEIVE_BYTES);

	if (err)
		return err;
	n = read(l->ssh.from, l->in.data + l->in.len, RECEIVE_BYTES);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	if (!n)
		return -ECONNRESET;
	l->in.len += n;
	return take_packets(l);
}

/* ssh is never to wait for us to hear what it says. */
static void listen_to_ssh(struct sftp_link *l)
{
	char bytes[512];
	ssize_t n;

	while ((n = read(l->ssh.words, bytes, sizeof(bytes))) > 0) {
		/* What it said last is what counts. */
		if (l->words.len + n > WORDS_MAX) {
			memmove(l->words.data, l->words.data + n, l->words.len - n);
			l->words.len -= n;
		}
		if (blob_append(&l->words, bytes, n))
			err_clear();
	}
	if (!n) {
		close(l->ssh.words);
		l->ssh.words = -1;
	}
}

/* ERR, recorded unless it is -ECONNRESET, has ended it; what ssh said tells why. */
static int link_down(struct sftp_link *l, int err)
{
	char why[512];

	snprintf(why, sizeof(why), "%s", err_text());
	/* It says why, then it is gone. */
	if (err == -ECONNRESET && l->ssh.words >= 0)
		for (int i = 0; i < 10 && l->ssh.words >= 0; i++) {
			struct pollfd p = { l->ssh.words, POLLIN, 0 };

			if (poll(&p, 1, STOP_MS / 10) > 0)
				listen_to_ssh(l);
		}
	if (err == -ECONNRESET)
		err = sftp_ssh_explain(l->t->url, &l->words, l->greeting);
	else if (err == -EPROTO && l->greeting)
		err = sftp_ssh_no_sftp(l->t->url, &l->in);
	else
		fail(err, "%s: %s", l->t->url, why);
	sftp_link_close(l);
	return err;
}

/* How long poll() may wait; 0: there is no more time, which is recorded as -ETIMEDOUT. */
static uint64_t patience(struct sftp_link *l)
{
	/* Names, keys, a slow machine: a connection takes longer than an answer. */
	uint64_t silence = l->greeting ? 2 * l->t->timeout_ms : l->t->timeout_ms, now = clock_now_ms();

	if (now >= l->t->deadline_ms) {
		fail(-ETIMEDOUT, "the deadline has passed");
		return 0;
	}
	if (now - l->heard_ms >= silence) {
		fail(-ETIMEDOUT, "the server has not answered for %llu s", (unsigned long long)(silence + 999) / 1000);
		return 0;
	}
	silence -= now - l->heard_ms;
	return silence < l->t->deadline_ms - now ? silence : l->t->deadline_ms - now;
}

int sftp_link_pump(struct sftp_link *l, bool wait)
{
	struct pollfd p[3] = { { l->ssh.from, POLLIN, 0 }, { -1, POLLOUT, 0 }, { l->ssh.words, POLLIN, 0 } };
	uint64_t ms = 0;
	int err, nr;

	if (!l->up)
		return fail(-ECONNRESET, "%s: there is no connection", l->t->url);
	err = send_some(l);
	if (err)
		return link_down(l, err);
	if (wait && l->queue.first)
		p[1].fd = l->ssh.to;
	if (wait) {
		ms = patience(l);
		if (!ms)
			return link_down(l, -ETIMEDOUT);
	}
	nr = poll(p, 3, ms < 60000 ? (int)ms : 60000);
	if (nr <= 0)
		return 0;
	if (p[2].revents)
		listen_to_ssh(l);
	if (p[0].revents)
		err = receive_some(l);
	if (!err && p[1].revents)
		err = send_some(l);
	return err ? link_down(l, err) : 0;
}

/* ---- asking ---- */

struct question {
	struct sftp_request r;
	struct sftp_answer *answer;
	bool answered;
};

static void take_message(struct sftp_answer *a, const struct text *message)
{
	size_t n = 0;

	while (n < message->len && n + 1 < sizeof(a->message)) {
		unsigned char c = message->at[n];

		a->message[n++] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	a->message[n] = 0;
}

static int on_answer(struct sftp_request *r, const struct sftp_reply *reply)
{
	struct question *q = (struct question *)r;
	struct sftp_answer *a = q->answer;

	memset(a, 0, sizeof(*a));
	a->type = reply->type;
	a->status = reply->status;
	a->attrs = reply->attrs;
	take_message(a, &reply->message);
	if (reply->type == SFTP_HANDLE) {
		memcpy(a->handle.bytes, reply->bytes, reply->len);
		a->handle.len = reply->len;
	}
	if (reply->type == SFTP_EXTENDED_REPLY) {
		struct view v = sftp_view(reply->bytes, reply->len);
		struct cursor c = cursor_at(&v, 0);

		while (cursor_left(&c) >= 8 && a->nr_numbers < sizeof(a->number) / sizeof(*a->number))
			a->number[a->nr_numbers++] = cursor_u64(&c);
	}
	q->answered = true;
	return 0;
}

int sftp_link_ask(struct sftp_link *l, struct sftp_builder *p, struct sftp_answer *a)
{
	struct question *q = calloc(1, sizeof(*q));
	int err = sftp_built(p);

	if (!err && !q)
		err = fail(-ENOMEM, "out of memory");
	if (!err && !l->up)
		err = fail(-ECONNRESET, "%s: there is no connection", l->t->url);
	if (!err) {
		q->r = (struct sftp_request){
			.id = get_u32(p->b.data + 5, true), .packet = p->b.data, .len = p->b.len, .answered = on_answer,
		};
		q->answer = a;
		sftp_link_send(l, &q->r);
	}
	/* An error of the link has it forget all requests. */
	while (!err && !q->answered)
		err = sftp_link_pump(l, true);
	free(q);
	return err;
}

/* ---- opening and closing ---- */

struct greeting {
	struct sftp_request r;
	struct sftp_link *l;
};

static int on_version(struct sftp_request *r, const struct sftp_reply *reply)
{
	struct sftp_link *l = ((struct greeting *)r)->l;

	if (reply->type != SFTP_VERSION)
		return fail(-EPROTO, "it does not say which version it speaks");
	if (reply->id != 3)
		return fail(-EPROTONOSUPPORT, "the server speaks version %u of sftp; needed is 3", reply->id);
	l->has_fsync = sftp_has_extension(reply, "fsync@openssh.com");
	l->has_posix_rename = sftp_has_extension(reply, "posix-rename@openssh.com");
	l->has_statvfs = sftp_has_extension(reply, "statvfs@openssh.com");
	l->has_limits = sftp_has_extension(reply, "limits@openssh.com");
	l->greeting = false;
	return 0;
}

static int greet(struct sftp_link *l)
{
	struct greeting *g = calloc(1, sizeof(*g));
	struct sftp_builder p;
	int err;

	/* INIT has the version where others have a number. */
	sftp_begin(&p, SFTP_INIT, 3);
	err = g ? sftp_built(&p) : fail(-ENOMEM, "out of memory");
	if (!err) {
		g->l = l;
		g->r = (struct sftp_request){ .packet = p.b.data, .len = p.b.len, .answered = on_version };
		sftp_link_send(l, &g->r);
	}
	while (!err && l->greeting)
		err = sftp_link_pump(l, true);
	sftp_builder_deinit(&p);
	free(g);
	return err;
}

/* Larger pieces than the draft's, where the server says that it takes them. */
static int ask_limits(struct sftp_link *l)
{
	struct sftp_builder p;
	struct sftp_answer a;
	int err;

	l->data_bytes = SFTP_DATA_BYTES;
	if (!l->has_limits)
		return 0;
	sftp_begin(&p, SFTP_EXTENDED, sftp_link_id(l));
	sftp_add_string(&p, "limits@openssh.com");
	err = sftp_link_ask(l, &p, &a);
	sftp_builder_deinit(&p);
	if (err || a.nr_numbers < 3)
		return err;
	/* Packet, read, write; 0: not told. */
	for (int i = 1; i < 3; i++)
		if (a.number[i] > l->data_bytes && (i == 1 || a.number[i] < a.number[1]))
			l->data_bytes = a.number[i] < SFTP_LINK_DATA_MAX ? a.number[i] : SFTP_LINK_DATA_MAX;
	return 0;
}

static int set_up_pipes(struct sftp_link *l)
{
	/* Where the kernel allows less, the pipe stays as it is. */
	if (fcntl(l->ssh.to, F_SETPIPE_SZ, PIPE_BYTES) < 0)
		debug("the pipe to ssh stays as small as it is: %m");
	if (fcntl(l->ssh.to, F_SETFL, O_NONBLOCK) || fcntl(l->ssh.from, F_SETFL, O_NONBLOCK))
		return fail_sys(-errno, "cannot set up the pipes to ssh");
	return 0;
}

int sftp_link_open(struct sftp_link *l)
{
	int err;

	sftp_link_close(l);
	l->words.len = 0;
	err = sftp_ssh_start(l->place, l->t->timeout_ms, &l->ssh);
	if (err)
		return err;
	l->up = l->greeting = true;
	err = set_up_pipes(l);
	if (!err)
		err = greet(l);
	if (!err)
		err = ask_limits(l);
	if (err)
		sftp_link_close(l);
	return err;
}

void sftp_link_close(struct sftp_link *l)
{
	/* One that does not end by itself is killed. */
	companion_stop(&l->ssh, STOP_MS);
	l->up = l->greeting = false;
	l->in.len = 0;
	list_init(&l->queue);
	list_init(&l->waiting);
}

void sftp_link_deinit(struct sftp_link *l)
{
	if (!l->t)
		return;
	sftp_link_close(l);
	blob_deinit(&l->in);
	blob_deinit(&l->words);
	memset(l, 0, sizeof(*l));
}
