/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a split set: how many, then so many files one after the other, each with its length in front (4 bytes,
 * little endian) and in the form of fuzz_diskdump.c: how many pieces of 512 bytes stand for blocks of 4096, then these,
 * then the rest.
 */
#include "kdump/reassemble.h"
#include "tests/fuzz/fuzz_source.h"

#define PIECE 512
#define BLOCK 4096
#define PARTS_MAX 4

static int unfold(const uint8_t *data, size_t size, uint64_t *file_len)
{
	size_t pieces = size ? data[0] : 0;
	int fd = memfd_create("part", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	*file_len = 0;
	if (!size)
		return fd;
	if (pieces > (size - 1) / PIECE)
		pieces = (size - 1) / PIECE;
	*file_len = pieces * BLOCK + (size - 1 - pieces * PIECE);
	if (ftruncate(fd, *file_len))
		abort();
	for (size_t i = 0; i < pieces; i++)
		if (pwrite(fd, data + 1 + i * PIECE, PIECE, i * BLOCK) != PIECE)
			abort();
	if (pwrite(fd, data + 1 + pieces * PIECE, size - 1 - pieces * PIECE, pieces * BLOCK) < 0)
		abort();
	return fd;
}

static void join(struct dump_part *parts, size_t nr)
{
	struct reassemble_result result = { .complete = true };
	struct sink sink = SINK_INIT;
	struct vmcore v;

	for (size_t i = 0; i < nr; i++)
		if (dump_part_read(&parts[i]))
			return;
	if (dump_parts_match(parts, nr, true, &result))
		return;
	sink.fd = memfd_create("result", MFD_CLOEXEC);
	sink.path = strdup("result");
	if (sink.fd < 0 || !sink.path)
		abort();
	if (!dump_parts_join(parts, nr, &sink, &result, true) && !vmcore_open_fd(&v, dup(sink.fd), "result")) {
		if (v.incomplete != !result.complete)
			abort();
		fuzz_pages(&v);
		vmcore_close(&v);
	}
	sink_deinit(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[PARTS_MAX] = { "a", "b", "c", "d" };
	struct dump_part parts[PARTS_MAX];
	size_t nr = 0, pos = 1;

	err_set_warn_sink(fuzz_warning, NULL);
	while (size && nr < data[0] && nr < PARTS_MAX && size - pos >= 4) {
		uint32_t len = get_u32(data + pos, false);

		pos += 4;
		if (len > size - pos)
			len = size - pos;
		parts[nr] = (struct dump_part){ .path = names[nr] };
		parts[nr].fd = unfold(data + pos, len, &parts[nr].file_len);
		pos += len;
		nr++;
	}
	if (nr)
		join(parts, nr);
	for (size_t i = 0; i < nr; i++)
		close(parts[i].fd);
	return 0;
}
