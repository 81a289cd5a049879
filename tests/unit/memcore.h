/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crashed kernel's memory made from text, as a source of struct vmcore that lies in memory. Pages are there where
 * something was written.
 *
 *     memcore_text(&m, "1000: 2003 0 3003\n"        64-bit words from physical 0x1000 on
 *                      "2000: \"hello\"\n");        bytes
 */
#ifndef TESTS_UNIT_MEMCORE_H
#define TESTS_UNIT_MEMCORE_H

#include "kdump/vmcore.h"
#include "kdump/vmcoreinfo.h"
#include "lib/view.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMCORE_PAGE 4096

struct memcore_page {
	uint64_t paddr;
	uint8_t bytes[MEMCORE_PAGE];
};

struct memcore {
	struct vmcore core;
	struct memcore_page **page;
	size_t nr;
	struct vmcoreinfo vi;
	char *vi_text;
	uint64_t reads;
};

static inline struct memcore_page *memcore_page(struct memcore *m, uint64_t paddr, bool make)
{
	for (size_t i = m->nr; i--;)
		if (m->page[i]->paddr == (paddr & -MEMCORE_PAGE))
			return m->page[i];
	if (!make)
		return NULL;
	m->page = realloc(m->page, (m->nr + 1) * sizeof(*m->page));
	m->page[m->nr] = calloc(1, sizeof(**m->page));
	m->page[m->nr]->paddr = paddr & -MEMCORE_PAGE;
	return m->page[m->nr++];
}

static inline int memcore_source_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len)
{
	struct memcore *m = v->priv;

	m->reads++;
	while (len) {
		struct memcore_page *page = memcore_page(m, paddr, false);
		size_t some = MEMCORE_PAGE - paddr % MEMCORE_PAGE;

		if (!page)
			return -ENODATA;
		if (some > len)
			some = len;
		memcpy(buf, page->bytes + paddr % MEMCORE_PAGE, some);
		buf = (uint8_t *)buf + some;
		paddr += some;
		len -= some;
	}
	return 0;
}

static inline const uint8_t *memcore_source_at(struct vmcore *v, uint64_t paddr, uint64_t *len)
{
	(void)v;
	(void)paddr;
	(void)len;
	return NULL;
}

/* As the loads say, whatever was written. */
static inline int memcore_source_held(struct vmcore *v, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t paddr = (first_pfn + i) << v->page_shift;

		for (size_t j = 0; j < v->nr_loads; j++)
			if (paddr >= v->loads[j].paddr && paddr - v->loads[j].paddr < v->loads[j].len)
				bitmap[i / 8] |= 1 << i % 8;
	}
	return 0;
}

static const struct source_ops memcore_ops = {
	.name = "memory", .read = memcore_source_read, .at = memcore_source_at, .held = memcore_source_held,
};

static inline void memcore_init(struct memcore *m, uint16_t machine, const char *vmcoreinfo)
{
	struct view v;

	memset(m, 0, sizeof(*m));
	m->core = (struct vmcore){
		.ops = &memcore_ops, .width = 8, .page_shift = 12, .machine = machine, .fd = -1, .priv = m,
	};
	m->vi_text = strdup(vmcoreinfo);
	v = view_of(m->vi_text, strlen(m->vi_text), "vmcoreinfo");
	if (vmcoreinfo_init(&m->vi, &v))
		abort();
}

static inline void memcore_deinit(struct memcore *m)
{
	for (size_t i = 0; i < m->nr; i++)
		free(m->page[i]);
	free(m->page);
	free(m->core.loads);
	free(m->core.aliases);
	ranges_deinit(&m->core.ram);
	vmcoreinfo_deinit(&m->vi);
	free(m->vi_text);
}

static inline void memcore_write(struct memcore *m, uint64_t paddr, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		memcore_page(m, paddr + i, true)->bytes[(paddr + i) % MEMCORE_PAGE] = ((const uint8_t *)bytes)[i];
}

static inline void memcore_u64(struct memcore *m, uint64_t paddr, uint64_t value)
{
	uint8_t bytes[8];

	put_u64(bytes, value, m->core.big_endian);
	memcore_write(m, paddr, bytes, sizeof(bytes));
}

static inline void memcore_u32(struct memcore *m, uint64_t paddr, uint32_t value)
{
	uint8_t bytes[4];

	put_u32(bytes, value, m->core.big_endian);
	memcore_write(m, paddr, bytes, sizeof(bytes));
}

static inline void memcore_text(struct memcore *m, const char *text)
{
	while (*text) {
		char *next;
		uint64_t paddr = strtoull(text, &next, 16);

		text = next + 1;
		for (;;) {
			text += strspn(text, " \t");
			if (*text == '"') {
				const char *close = strchr(text + 1, '"');

				memcore_write(m, paddr, text + 1, close - text - 1);
				paddr += close - text - 1;
				text = close + 1;
			} else if (*text && *text != '\n') {
				memcore_u64(m, paddr, strtoull(text, &next, 16));
				paddr += 8;
				text = next;
			} else {
				break;
			}
		}
		text += *text == '\n';
	}
}

static inline void memcore_flip(struct memcore *m, uint64_t paddr, unsigned int bit)
{
	memcore_page(m, paddr + bit / 8, true)->bytes[(paddr + bit / 8) % MEMCORE_PAGE] ^= 1u << bit % 8;
}

static inline void memcore_load(struct memcore *m, uint64_t paddr, uint64_t len, uint64_t vaddr)
{
	m->core.loads = realloc(m->core.loads, (m->core.nr_loads + 1) * sizeof(*m->core.loads));
	m->core.loads[m->core.nr_loads++] = (struct vmcore_load){ .paddr = paddr, .len = len, .vaddr = vaddr };
	if (ranges_add(&m->core.ram, paddr, paddr + len - 1, 0))
		abort();
}

#endif
