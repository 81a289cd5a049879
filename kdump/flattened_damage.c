// SPDX-License-Identifier: GPL-2.0-or-later
/* Records that cannot be believed, and where those that can begin again. */
#include "kdump/flattened_damage.h"

#include "include/diskdump_format.h"
#include "include/flattened_format.h"
#include "lib/view.h"

#include <elf.h>

/*
 * A record's header has nothing to be known by, and pages with zeros and small numbers look like many. This is believed
 * behind damage: several headers in a chain that name different places in the dump, with so much data, or with the
 * closing record, and the end of the file, behind them.
 *
 */
#define CHAIN_RECORDS       3
#define CHAIN_JOINED        2      /* of them, those that go on where another one stopped */
#define CHAIN_BYTES         4096
#define CHAIN_RECORDS_ALONE 16     /* when none of them goes on where the dump's data stopped */
#define CHAIN_BYTES_ALONE   (64u << 10)
#define CHAIN_RECORDS_MAX   64
#define AHEAD_RECORDS       16
/* Data that damage may have cost, before it goes on. */
#define LOST_BYTES (16u << 20)
/* Messages of other programs that get into a stream are shorter. */
#define MESSAGE_BYTES 4096

static bool overlap(const struct flat_record *a, const struct flat_record *b)
{
	return a->off < b->off + b->len && b->off < a->off + a->len;
}

/* Where the data of the dump goes on, so that it tells a record from what only looks like one. */
struct follow {
	uint64_t exact;
	uint64_t from, last;
};

/* What is known of a chain. */
struct chain {
	struct flat_record first, before, earlier; /* its first record, its last two */
	uint64_t high;             /* where in the dump the highest stops */
	unsigned int nr;
	unsigned int nr_joined;    /* of them, those that begin in the dump where one of these stopped */
	uint64_t bytes;
	bool exact, follows;       /* one of them begins where it was said */
	/*
	 * The first one does, or one of the next two goes on from it. Else it may be what only leads to a chain by
	 * chance.
	 *
	 */
	bool first_fits;
};

/* The dump's own header, which may come anywhere, and comes last in most streams. */
static bool is_header(const struct flat_record *r)
{
	return !r->off && (r->len == DD_HEADER_BYTES || r->len == sizeof(Elf64_Ehdr) || r->len % 4096 == 0);
}

/* False: R cannot be the next of C. */
static bool chain_add(struct chain *c, const struct flat_record *r, const struct follow *f)
{
	if (c->nr && overlap(r, &c->before))
		return false;
	c->exact |= r->off == f->exact;
	c->follows |= r->off >= f->from && r->off <= f->last;
	if (!c->nr) {
		c->first = *r;
		c->first_fits = c->exact || c->follows || is_header(r);
	} else if (c->nr < 3) {
		c->first_fits |= r->off == c->first.off + c->first.len;
	}
	c->nr_joined += c->nr && (r->off == c->before.off + c->before.len ||
				  r->off == c->earlier.off + c->earlier.len || r->off == c->high);
	c->earlier = c->before;
	c->before = *r;
	if (c->high < r->off + r->len)
		c->high = r->off + r->len;
	c->bytes += r->len;
	c->nr++;
	return true;
}

static bool chain_is_long(const struct chain *c)
{
	if (!c->first_fits)
		return false;
	if (c->exact || c->follows)
		return c->nr >= CHAIN_RECORDS && c->nr_joined >= CHAIN_JOINED && c->bytes >= CHAIN_BYTES;
	return c->nr >= CHAIN_RECORDS_ALONE && c->bytes >= CHAIN_BYTES_ALONE && c->nr_joined >= c->nr / 2;
}

/* The closing record is next. A chain may be short then. */
static bool chain_is_last(const struct chain *c)
{
	if (!c->nr || !c->first_fits)
		return false;
	if (c->exact || c->follows || (c->nr == 1 && is_header(&c->before)))
		return true;
	return c->nr > CHAIN_RECORDS && c->nr_joined + 2 >= c->nr;
}

/* Does a chain of records begin at REL? *C tells about it. */
static bool chain_at(struct flat_stream *s, uint64_t rel, const struct follow *f, struct chain *c)
{
	struct flat_record r;

	*c = (struct chain){ .nr = 0 };
	while (c->nr < CHAIN_RECORDS_MAX) {
		switch (flat_look(s, rel, &r)) {
		case LOOK_CLOSING:
			return chain_is_last(c) && !flat_peek(s, rel + FLAT_RECORD_BYTES, 1);
		case LOOK_TOO_FAR:
			return c->nr + 1 >= CHAIN_RECORDS && c->nr_joined + 1 >= CHAIN_JOINED && c->first_fits &&
			       (c->exact || c->follows);
		case LOOK_NOTHING:
		case LOOK_NONSENSE:
			return false;
		case LOOK_RECORD:
			break;
		}
		if (!chain_add(c, &r, f))
			return false;
		if (chain_is_long(c))
			return true;
		rel += FLAT_RECORD_BYTES + r.len;
	}
	return false;
}

/* Could a record's header begin with this? Sizes and, by limit, offsets have zeros in front. */
static bool may_begin(const uint8_t *h)
{
	return !h[0] && !h[1] && !h[8] && !h[9] && !h[10] && !h[11];
}

/*
 * The first chain of records from FROM on and in front of TO; the dump came up to HIGH so far. Damage may have cost
 * some of it. *C tells about the chain.
 *
 */
static bool find_chain(struct flat_stream *s, uint64_t from, uint64_t to, uint64_t high, uint64_t *rel, struct chain *c)
{
	const struct follow f = { high, high, high + LOST_BYTES };

	for (uint64_t at = from; at < to; at++) {
		const uint8_t *h = flat_peek(s, at, FLAT_RECORD_BYTES);

		if (!h)
			return false;
		if (may_begin(h) && chain_at(s, at, &f, c)) {
			*rel = at;
			return true;
		}
	}
	return false;
}

/*
 * The first chain of records, or the closing one, inside of what R claims. *EXACT: R's data stops in the dump where it
 * does in the stream then.
 *
 */
static bool find_inside(struct flat_stream *s, const struct flat_record *r, uint64_t *rel, bool *exact)
{
	const uint64_t stop = r->off + r->len, high = stop > s->high ? stop : s->high;
	struct follow f = { .from = high, .last = high };
	struct flat_record last;
	struct chain c;

	for (uint64_t at = FLAT_RECORD_BYTES + 1; at < FLAT_RECORD_BYTES + r->len; at++) {
		const uint8_t *h = flat_peek(s, at, FLAT_RECORD_BYTES);

		if (!h && flat_look(s, at - 1, &last) == LOOK_CLOSING) {
			*exact = false;
			*rel = at - 1;
			return true;
		}
		if (!h)
			return false;
		f.exact = r->off + (at - FLAT_RECORD_BYTES);
		if (may_begin(h) && chain_at(s, at, &f, &c)) {
			*exact = c.exact;
			*rel = at;
			return true;
		}
	}
	return false;
}

static void note_damage(struct flat_stream *s, uint64_t pos, uint64_t len)
{
	if (!s->skipped)
		s->first_damage = pos;
	s->skipped += len;
}

bool flat_resync(struct flat_stream *s, uint64_t from)
{
	struct chain c;
	uint64_t rel;

	s->nr_ahead = 0;
	note_damage(s, s->pos, from);
	flat_skip(s, from);
	while (flat_peek(s, 0, 1)) {
		uint64_t step = s->cap / 2;

		if (find_chain(s, 0, step, s->high, &rel, &c)) {
			note_damage(s, s->pos, rel);
			flat_skip(s, rel);
			return true;
		}
		note_damage(s, s->pos, step);
		flat_skip(s, step);
	}
	return false;
}

/* At REL, behind R, begins nothing that goes on. Is it a header with a damaged field? */
static bool is_half_right(struct flat_stream *s, uint64_t rel, const struct flat_record *r)
{
	const uint8_t *h = flat_peek(s, rel, FLAT_RECORD_BYTES);
	uint64_t off = h ? get_u64(h + FLAT_RECORD_OFFSET, true) : 0, len = h ? get_u64(h + FLAT_RECORD_SIZE, true) : 0;
	const struct follow f = { r->off + r->len, s->high, s->high };
	struct chain c;

	if (off && (off == f.exact || off == s->high))
		return true;
	return len && len <= FLAT_RECORD_MAX && chain_at(s, rel + FLAT_RECORD_BYTES + len, &f, &c);
}

static bool is_text(struct flat_stream *s, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at++) {
		const uint8_t *c = flat_peek(s, at, 1);

		if (!c || (*c != '\t' && *c != '\n' && *c != '\r' && *c != '\033' && (*c < 32 || *c > 126)))
			return false;
	}
	return true;
}

/*
 * No chain goes on behind R, and none was found inside. Does its data stop where it should? When a chain begins a
 * little behind, only if a message of another program is between; or what is between is the damaged one.
 *
 */
static bool stops_right(struct flat_stream *s, const struct flat_record *r)
{
	const uint64_t behind = FLAT_RECORD_BYTES + r->len, stop = r->off + r->len;
	struct flat_record next;
	enum look what = flat_look(s, behind, &next);
	uint64_t rel;
	struct chain c;
	bool found;

	if (what != LOOK_NONSENSE && what != LOOK_RECORD)
		return true;
	found = find_chain(s, behind + 1, behind + MESSAGE_BYTES, stop > s->high ? stop : s->high, &rel, &c);
	if (found && is_text(s, behind, rel))
		return true;
	if (what == LOOK_NONSENSE)
		return is_half_right(s, behind, r);
	/* A chain inside of what looks like a record: that is none, unless it goes on from R. */
	return !found || rel >= behind + FLAT_RECORD_BYTES + next.len ||
	       (next.off && (next.off == stop || next.off == s->high));
}

/*
 * Do many headers that can be believed follow behind R? That is how a stream without damage looks. Those that were
 * looked at are remembered, so that each is once.
 *
 */
static bool walks_on(struct flat_stream *s, const struct flat_record *r)
{
	struct flat_record next;

	if (!s->nr_ahead)
		s->ahead_pos = s->pos + FLAT_RECORD_BYTES + r->len;
	while (s->nr_ahead < AHEAD_RECORDS) {
		if (!s->in_place && s->ahead_pos - s->pos > s->cap / 2)
			return s->nr_ahead + 1 >= CHAIN_RECORDS;
		switch (flat_look(s, s->ahead_pos - s->pos, &next)) {
		case LOOK_CLOSING:
			return true;
		case LOOK_RECORD:
			s->ahead_pos += FLAT_RECORD_BYTES + next.len;
			s->nr_ahead++;
			break;
		default:
			return false;
		}
	}
	return true;
}

bool flat_believe(struct flat_stream *s, struct flat_record *r, uint64_t *past)
{
	const struct follow f = { r->off + r->len, s->high, s->high };
	struct chain c;
	bool exact;

	*past = FLAT_RECORD_BYTES + r->len;
	if (walks_on(s, r) || chain_at(s, *past, &f, &c))
		return true;
	if (!find_inside(s, r, past, &exact))
		return stops_right(s, r);
	if (exact) {
		note_damage(s, s->pos, FLAT_RECORD_BYTES);
		r->len = *past - FLAT_RECORD_BYTES;
		s->nr_ahead = 0;
	}
	return exact;
}
