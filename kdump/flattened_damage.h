/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between flattened.c, which has the bytes of a stream, and flattened_damage.c, which judges them. */
#ifndef KDUMP_FLATTENED_DAMAGE_H
#define KDUMP_FLATTENED_DAMAGE_H

#include "kdump/flattened.h"

/* The N bytes that follow REL bytes behind the next one; NULL: they are not there, or (a pipe) too far ahead. */
const uint8_t *flat_peek(struct flat_stream *s, uint64_t rel, size_t n);
/* Take the next N bytes, or all there are. */
void flat_skip(struct flat_stream *s, uint64_t n);

enum look { LOOK_RECORD, LOOK_CLOSING, LOOK_NONSENSE, LOOK_NOTHING, LOOK_TOO_FAR };

/* What stands REL bytes behind the next one; *R is its header, but at LOOK_NOTHING and LOOK_TOO_FAR. */
enum look flat_look(struct flat_stream *s, uint64_t rel, struct flat_record *r);

/*
 * A header that can be believed may be damaged all the same, or bytes of its data were lost, or came in from elsewhere:
 * then no chain of records goes on behind it. When one is found inside of what it claims, its data stops there, and is
 * only right when it does so in the dump, too. False: pass over *PAST bytes, with flat_resync().
 *
 */
bool flat_believe(struct flat_stream *s, struct flat_record *r, uint64_t *past);

/* What is next is no record: go to where there is one again, at FROM or behind. False: nowhere. */
bool flat_resync(struct flat_stream *s, uint64_t from);

#endif
