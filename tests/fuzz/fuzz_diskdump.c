/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kdump-compressed dump as kdump's source: headers, bitmaps, descriptors, every codec. So that
 * inputs stay small, a byte in front says how many pages of zeros stand for what is not given: the
 * file is the input, its pieces of 512 bytes moved apart to blocks of 4096.
 */
#include "tests/fuzz/fuzz_source.h"

#define PIECE 512
#define BLOCK 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *file;
	size_t pieces, len;

	if (size < 1)
		return 0;
	/* Even: as it is. */
	if (!(data[0] & 1))
		return fuzz_source(data + 1, size - 1);
	/* Odd: the first data[0] / 2 pieces are blocks, the rest follows as it is. */
	pieces = data[0] / 2;
	if (pieces > (size - 1) / PIECE)
		pieces = (size - 1) / PIECE;
	len = pieces * BLOCK + (size - 1 - pieces * PIECE);
	file = calloc(1, len ? len : 1);
	for (size_t i = 0; i < pieces; i++)
		memcpy(file + i * BLOCK, data + 1 + i * PIECE, PIECE);
	if (len > pieces * BLOCK)
		memcpy(file + pieces * BLOCK, data + 1 + pieces * PIECE, len - pieces * BLOCK);
	fuzz_source(file, len);
	free(file);
	return 0;
}
