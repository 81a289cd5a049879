/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzz targets of kdump's sources share: open the bytes as a file, read what it says it
 * holds, and compare the ways of reading.
 */
#ifndef TESTS_FUZZ_SOURCE_H
#define TESTS_FUZZ_SOURCE_H

#include "kdump/vmcore.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages that are read of each stretch, at both edges of it. */
#define FUZZ_PAGES 24

static void fuzz_warning(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static void fuzz_page(struct vmcore *v, uint64_t paddr, uint8_t *page)
{
	const uint64_t bytes = vmcore_page_bytes(v);
	uint8_t held = 0;
	const uint8_t *at;
	uint64_t len;
	int err = vmcore_read(v, paddr, page, bytes);

	if (err && err != -ENODATA && err != -EIO)
		abort();
	at = vmcore_at(v, paddr, &len);
	/* In place it is the same; a page that is RAM in part is only to be had by reading. */
	if (at && (err || len < bytes || memcmp(at, page, bytes)))
		abort();
	if (!vmcore_held(v, paddr >> v->page_shift & ~7ull, 8, &held) && !err &&
			!(held >> (paddr >> v->page_shift & 7) & 1))
		abort();
	vmcore_read(v, paddr + bytes / 2 + 1, page, bytes);
}

static void fuzz_pages(struct vmcore *v)
{
	uint8_t *page = malloc(vmcore_page_bytes(v));

	for (size_t i = 0; i < v->ram.nr && i < 64; i++) {
		const struct range *r = &v->ram.r[i];
		const uint64_t first = r->start >> v->page_shift, last = r->last >> v->page_shift;

		if (r->start & (vmcore_page_bytes(v) - 1) || (r->last + 1) & (vmcore_page_bytes(v) - 1) ||
				last >= v->max_pfn)
			abort();
		for (uint64_t pfn = first; pfn <= last && pfn < first + FUZZ_PAGES; pfn++)
			fuzz_page(v, pfn << v->page_shift, page);
		for (uint64_t pfn = last; pfn > first && pfn > last - FUZZ_PAGES; pfn--)
			fuzz_page(v, pfn << v->page_shift, page);
	}
	free(page);
}

static inline int fuzz_source(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct vmcore v;

	err_set_warn_sink(fuzz_warning, NULL);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (vmcore_open_fd(&v, fd, "fuzz"))
		return 0;
	for (size_t i = 0; i < v.nr_loads; i++) {
		const struct vmcore_load *l = &v.loads[i];

		/* Inside the file, in order, and apart. */
		if (!l->len || l->off > size || l->len > size - l->off || (i &&
				v.loads[i - 1].paddr + v.loads[i - 1].len > l->paddr))
			abort();
	}
	if (v.vmcoreinfo.len > size)
		abort();
	fuzz_pages(&v);
	vmcore_close(&v);
	return 0;
}

#endif
