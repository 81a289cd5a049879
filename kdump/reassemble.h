/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One dump out of what was not written as one file: a flattened stream, or the parts of a split set. */
#ifndef KDUMP_REASSEMBLE_H
#define KDUMP_REASSEMBLE_H

#include "kdump/diskdump.h"
#include "kdump/flattened.h"
#include "kdump/sink.h"

struct reassemble_options {
	bool force;                /* replace TARGET */
	bool partial;              /* parts may be missing: their pages are lost */
	bool same_name;            /* a dump that is not complete gets the name TARGET too */
	bool quiet;                /* no progress */
};

struct reassemble_result {
	bool complete;
	char why[256];             /* it is not: a sentence */
	char *path;                /* what the dump is called; heap, the caller's; NULL: there is none */
	uint64_t pages, lost;      /* that the dump should have, and that it has not; 0 for ELF */
};

/*
 * STREAM "-" is standard input. 0 also for a dump that is not complete, which lies as "TARGET-incomplete" then: RESULT
 * tells. -EINVAL, -ENOEXEC: there is no dump in it, nothing was written. Errors of sink_open() and sink_write().
 */
int reassemble_stream(const char *stream, const char *target, const struct reassemble_options *o,
		      struct reassemble_result *result);
/* The same for a stream that comes from FD, which stays the caller's; NAME is for messages. */
int reassemble_fd(int fd, const char *name, const char *target, const struct reassemble_options *o,
		  struct reassemble_result *result);
/* The same for the parts, in any order. -EINVAL: not of one set, doubled, or missing; says which. */
int reassemble_parts(char *const *paths, size_t nr, const char *target, const struct reassemble_options *o,
		     struct reassemble_result *result);

/* ---- the steps, for tests ---- */

/* Lay the records of FD out in SINK, a file. Everything but opening, finishing and renaming. */
int reassemble_records(int fd, struct sink *sink, struct reassemble_result *result, bool quiet);

/*
 * What was laid out in SINK, of which A arrived: page descriptors whose page did not are cleared, and unless all is
 * well (RESULT says so so far) the dump is marked. -EINVAL: no dump.
 *
 */
int reassemble_settle(struct sink *sink, struct flat_arrived *a, struct reassemble_result *result);

struct dump_part {
	int fd;
	const char *path;
	uint64_t file_len;
	struct diskdump_head h;
	uint64_t digest;           /* of what all parts of a set have alike */
	uint64_t before, nr_descs, total; /* page descriptors of the parts in front, of this one, of the whole set */
	uint64_t data_off, data_len; /* of its pages */
};

/* Read the headers and tables of P, whose fd, path and file_len are set. Errors name the path. */
int dump_part_read(struct dump_part *p);
/* Sort P[0..NR-1] and test that they are one set. */
int dump_parts_match(struct dump_part *p, size_t nr, bool partial, struct reassemble_result *result);
/* Write the whole dump; SINK is a file. */
int dump_parts_join(struct dump_part *p, size_t nr, struct sink *sink, struct reassemble_result *result, bool quiet);

#endif
