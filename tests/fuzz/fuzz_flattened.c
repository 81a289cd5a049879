/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flattened streams. Read as a stream and through the index they must say the same; what reassembling makes of one must
 * open when the stream itself does, and read as it does. So that inputs stay small, the rest of the stream's first
 * block is not in them: they begin with what follows the signature, type and version (16 bytes).
 */
#include "kdump/flattened.h"
#include "kdump/reassemble.h"
#include "tests/fuzz/fuzz_source.h"

#define MODEL_BYTES (128u << 10)

static uint8_t model[MODEL_BYTES];
static bool there[MODEL_BYTES];

/* What of the dump's first bytes the stream gives; the length of all. */
static uint64_t replay(int fd, bool *whole)
{
	struct flat_record r;
	struct flat_stream s;
	uint64_t len = 0;

	memset(there, 0, sizeof(there));
	if (flat_open(&s, fd, false))
		return 0;
	while (flat_next(&s, &r)) {
		const uint8_t *bytes;
		uint64_t off = r.off;

		if (off > FLAT_DUMP_MAX || r.len > FLAT_DUMP_MAX - off || r.len > FLAT_RECORD_MAX)
			abort();
		for (size_t n; (n = flat_take(&s, &bytes)); off += n) {
			for (size_t i = 0; i < n && off + i < MODEL_BYTES; i++) {
				model[off + i] = bytes[i];
				there[off + i] = true;
			}
			if (len < off + n)
				len = off + n;
		}
	}
	*whole = flat_whole(&s);
	flat_close(&s);
	return len;
}

static void compare(int fd, uint64_t file_len)
{
	struct flattened *f;
	bool whole = false;
	uint64_t len;

	lseek(fd, 0, SEEK_SET);
	len = replay(fd, &whole);
	if (flattened_open(&f, fd, file_len, "fuzz")) {
		if (len)
			abort();
		return;
	}
	if (flattened_len(f) != len || flattened_whole(f) != whole)
		abort();
	for (uint64_t off = 0, run; off < MODEL_BYTES; off += run) {
		uint64_t at;
		bool has = flattened_find(f, off, &at, &run);

		if (!run || flattened_has(f, off, 1) != has)
			abort();
		for (uint64_t i = 0; i < run && off + i < MODEL_BYTES; i++) {
			uint8_t byte;

			if (there[off + i] != has)
				abort();
			if (has && (i < 64 || i + 1 == run) &&
			    (pread(fd, &byte, 1, at + i) != 1 || byte != model[off + i]))
				abort();
		}
		if (run > MODEL_BYTES)
			break;
	}
	flattened_close(f);
}

/* The result opens, and says of itself what reassembling said. */
static void reassemble(int fd)
{
	struct reassemble_result result = { 0 };
	struct sink sink = SINK_INIT;
	struct vmcore v;

	sink.fd = memfd_create("result", MFD_CLOEXEC);
	sink.path = strdup("result");
	sink.temporary = strdup("result.writing");
	lseek(fd, 0, SEEK_SET);
	if (sink.fd < 0 || !sink.path || !sink.temporary)
		abort();
	if (!reassemble_records(fd, &sink, &result, true) && !vmcore_open_fd(&v, dup(sink.fd), "result")) {
		if (!result.complete && !v.incomplete)
			abort();
		fuzz_pages(&v);
		vmcore_close(&v);
	}
	free(sink.temporary);
	sink.temporary = NULL;
	sink_deinit(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signature[16] = "makedumpfile";
	static const uint8_t zeros[4096 - 32];
	uint8_t *file;
	size_t len;
	int fd;

	err_set_warn_sink(fuzz_warning, NULL);
	if (size < 16)
		return 0;
	len = 16 + size + sizeof(zeros);
	file = malloc(len);
	memcpy(file, signature, 16);
	memcpy(file + 16, data, 16);
	memcpy(file + 32, zeros, sizeof(zeros));
	memcpy(file + 4096, data + 16, size - 16);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, file, len) != (ssize_t)len)
		abort();
	compare(fd, len);
	reassemble(fd);
	close(fd);
	fuzz_source(file, len);
	free(file);
	return 0;
}
