/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * makedumpfile's flattened format, for pipes: a block, then records {offset, size, data} that say where in the dump the
 * data belongs, then a record of two times -1. All numbers big endian. doc/formats.md describes it.
 */
#ifndef FLATTENED_FORMAT_H
#define FLATTENED_FORMAT_H

#define FLAT_SIGNATURE "makedumpfile"

enum {
	FLAT_SIGNATURE_BYTES = 16, FLAT_TYPE = 16, FLAT_VERSION = 24, FLAT_HEADER_BYTES = 4096,
	FLAT_RECORD_OFFSET = 0, FLAT_RECORD_SIZE = 8, FLAT_RECORD_BYTES = 16,
};

#endif
