// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a machine's memory with a description in it. The checksum is made right where the magic is, so that what
 * stands behind it is reached.
 */
#include "lib/capture_report.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>

#define BASE 0x100000ull

struct memory {
	const uint8_t *bytes;
	size_t len;
	uint64_t read;             /* bytes, in all */
};

static int read_memory(void *ctx, uint64_t paddr, void *buf, size_t len)
{
	struct memory *m = ctx;

	if (paddr < BASE || paddr - BASE > m->len || len > m->len - (paddr - BASE))
		return -ENODATA;
	m->read += len;
	memcpy(buf, m->bytes + (paddr - BASE), len);
	return 0;
}

static void sum(uint8_t *page)
{
	struct view v = view_of(page, CAPD_BYTES, "page");
	uint8_t digest[SHA256_BYTES];

	if (!capd_is(&v))
		return;
	memset(page + 32, 0, sizeof(digest));
	sha256_of(page, CAPD_BYTES, digest);
	memcpy(page + 32, digest, sizeof(digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_report report = { .source = "fuzz" };
	size_t len = (size + CAPD_BYTES - 1) / CAPD_BYTES * CAPD_BYTES;
	struct capd_finder finder = { .found = false };
	uint8_t *bytes = calloc(len ? len : 1, 1);
	struct memory m = { bytes, len, 0 };
	FILE *null = fopen("/dev/null", "w");

	if (!bytes || !null)
		abort();
	memcpy(bytes, data, size);
	for (size_t off = 0; off < len; off += CAPD_BYTES)
		sum(bytes + off);
	if (len && capd_scan(&finder, BASE, BASE + (len - 1), read_memory, &m))
		abort();
	capture_report_make(&report, &finder, "none", read_memory, &m);
	if (capture_report_print(&report, false, null))
		abort();
	/* Segments are disjoint: nobody is made to read more than there is, and the pointers of each page. */
	if (m.read > 4 * (uint64_t)len + 64)
		abort();
	fclose(null);
	free(bytes);
	return 0;
}
