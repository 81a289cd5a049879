/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a mark whose digest is made to fit: what is accepted lies inside the partition, and is the same when
 * written and read again.
 */
#include "kdump/transport/raw_mark.h"
#include "lib/sha256.h"
#include "tests/fuzz/fuzz.h"

#define SIZE (16u << 20)

static void require(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[RAW_MARK_BYTES] = { 0 };
	struct raw_mark m, again;
	struct raw_file *f;

	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	memcpy(bytes, "PARACHUTE-RAW\n", 15);
	bytes[15] = 0;
	sha256_of(bytes, RAW_MARK_BYTES - RAW_DIGEST_BYTES, bytes + RAW_MARK_BYTES - RAW_DIGEST_BYTES);
	if (!raw_mark_decode(bytes, SIZE, &m))
		return 0;
	for (unsigned int i = 0; i < m.nr; i++) {
		require(m.file[i].off <= SIZE && m.file[i].len <= SIZE - m.file[i].off);
		require(!strchr(m.file[i].name, '/') && m.file[i].name[0]);
	}
	raw_dump(&m);
	if (!raw_place(&m, "README.txt", 5000, &f))
		require(f->off >= raw_files_off(SIZE) && f->len <= SIZE - RAW_MARK_BYTES - f->off);
	raw_mark_encode(&m, bytes);
	require(raw_mark_decode(bytes, SIZE, &again) && again.nr == m.nr && again.state == m.state);
	return 0;
}
