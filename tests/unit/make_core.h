/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF cores and kdump-compressed dumps out of a few lines of text, one statement a line. Written
 * from the documents of the formats, without lib/elf.h and include/diskdump_format.h. Memory is
 * what core_byte() says, so every read can be checked without keeping it.
 *
 *     elf 64 little 62                     width, byte order, machine (first)
 *     flags 1                              e_flags
 *     load 0x1000 0x3000                   physical address, bytes in the file
 *     load 0x8000 0 mem 0x4000 at 0xff00   bytes of memory, virtual address
 *     note CORE 1 336                      name, type, bytes of description
 *     badnote                              a note header whose name is longer than everything
 *     vmcoreinfo PAGESIZE=4096|BUILD=x     '|' for newlines
 *     xnum                                 the number of program headers in section header 0
 *
 *     dump 6 little 4096 x86_64            version, byte order, block size, utsname's machine (first)
 *     max 64                               max_mapnr
 *     ram 0 15                             first and last page frame
 *     page 3 zstd                          a page, by codec's name; "none": raw; "zero": all zeros, raw; "lost": offset 0
 *     level 31 / status 8 / split 0 32 / physbase 0x1000000 / onebitmap / note / vmcoreinfo as above
 */
#ifndef TESTS_UNIT_MAKE_CORE_H
#define TESTS_UNIT_MAKE_CORE_H

#include "kdump/codec.h"
#include "lib/blob.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct core_load {
	uint64_t paddr, filesz, memsz, vaddr, off;
};

struct core_page {
	uint64_t pfn;
	char codec[16];
};

struct core_plan {
	bool dump, big, xnum, one_bitmap;
	unsigned int width, machine, flags, version, block, level, status, split;
	char machine_name[32];
	uint64_t max, split_first, split_limit, phys_base;
	struct core_load load[64];
	unsigned int nr_loads;
	struct core_load ram[64];  /* paddr, memsz: first and last pfn */
	unsigned int nr_ram;
	struct core_page page[256];
	unsigned int nr_pages;
	struct blob notes, vmcoreinfo;
};

static inline uint8_t core_byte(uint64_t paddr)
{
	/* Differs from page to page, and compresses. */
	return (uint8_t)((paddr >> 12) * 37 + ((paddr & 0xfff) / 64) + 1);
}

static inline void core_put(struct blob *b, uint64_t value, unsigned int bytes, bool big)
{
	for (unsigned int i = 0; i < bytes; i++) {
		uint8_t byte = (uint8_t)(value >> 8 * (big ? bytes - 1 - i : i));

		blob_append(b, &byte, 1);
	}
}

static inline void core_pad_to(struct blob *b, size_t align)
{
	blob_zero(b, (align - b->len % align) % align);
}

static inline void core_note(struct blob *b, const char *name, uint32_t type, const void *desc, size_t len, bool big)
{
	core_put(b, strlen(name) + 1, 4, big);
	core_put(b, len, 4, big);
	core_put(b, type, 4, big);
	blob_append(b, name, strlen(name) + 1);
	core_pad_to(b, 4);
	if (desc)
		blob_append(b, desc, len);
	else
		blob_zero(b, len);
	core_pad_to(b, 4);
}

static inline void core_statement(struct core_plan *p, char *line)
{
	char *word = strtok(line, " "), *arg[6] = { 0 };
	unsigned int nr = 0;

	if (!word)
		return;
	while (nr < 6 && (arg[nr] = strtok(NULL, " ")))
		nr++;
	if (!strcmp(word, "elf")) {
		p->width = strtoul(arg[0], NULL, 0) / 8;
		p->big = !strcmp(arg[1], "big");
		p->machine = strtoul(arg[2], NULL, 0);
	} else if (!strcmp(word, "dump")) {
		p->dump = true;
		p->version = strtoul(arg[0], NULL, 0);
		p->big = !strcmp(arg[1], "big");
		p->block = strtoul(arg[2], NULL, 0);
		snprintf(p->machine_name, sizeof(p->machine_name), "%s", arg[3]);
	} else if (!strcmp(word, "flags") || !strcmp(word, "status")) {
		p->flags = p->status = strtoul(arg[0], NULL, 0);
	} else if (!strcmp(word, "load")) {
		struct core_load *l = &p->load[p->nr_loads++];

		l->paddr = strtoull(arg[0], NULL, 0);
		l->filesz = l->memsz = strtoull(arg[1], NULL, 0);
		for (unsigned int i = 2; i + 1 < nr; i += 2)
			*(strcmp(arg[i], "mem") ? &l->vaddr : &l->memsz) = strtoull(arg[i + 1], NULL, 0);
	} else if (!strcmp(word, "note")) {
		core_note(&p->notes, arg[0], strtoul(arg[1], NULL, 0), NULL, strtoul(arg[2], NULL, 0), p->big);
	} else if (!strcmp(word, "badnote")) {
		core_put(&p->notes, 0xfffffff0, 4, p->big);
		core_put(&p->notes, 0xffffffff, 4, p->big);
		core_put(&p->notes, 1, 4, p->big);
		core_put(&p->notes, 0x45524f43, 8, p->big);
	} else if (!strcmp(word, "vmcoreinfo")) {
		for (char *c = arg[0]; *c; c++)
			*c = *c == '|' ? '\n' : *c;
		blob_append(&p->vmcoreinfo, arg[0], strlen(arg[0]));
		core_note(&p->notes, "VMCOREINFO", 0, arg[0], strlen(arg[0]), p->big);
	} else if (!strcmp(word, "xnum")) {
		p->xnum = true;
	} else if (!strcmp(word, "max")) {
		p->max = strtoull(arg[0], NULL, 0);
	} else if (!strcmp(word, "ram")) {
		p->ram[p->nr_ram].paddr = strtoull(arg[0], NULL, 0);
		p->ram[p->nr_ram++].memsz = strtoull(arg[1], NULL, 0);
	} else if (!strcmp(word, "page")) {
		struct core_page *page = &p->page[p->nr_pages++];

		page->pfn = strtoull(arg[0], NULL, 0);
		snprintf(page->codec, sizeof(page->codec), "%s", arg[1]);
	} else if (!strcmp(word, "level")) {
		p->level = strtoul(arg[0], NULL, 0);
	} else if (!strcmp(word, "split")) {
		p->split = 1;
		p->split_first = strtoull(arg[0], NULL, 0);
		p->split_limit = strtoull(arg[1], NULL, 0);
	} else if (!strcmp(word, "physbase")) {
		p->phys_base = strtoull(arg[0], NULL, 0);
	} else if (!strcmp(word, "onebitmap")) {
		p->one_bitmap = true;
	} else {
		fprintf(stderr, "make_core: what is \"%s\"?\n", word);
		abort();
	}
}

static inline void core_phdr(struct blob *b, const struct core_plan *p, uint32_t type, const struct core_load *l)
{
	core_put(b, type, 4, p->big);
	if (p->width == 8)
		core_put(b, 7, 4, p->big);
	core_put(b, l->off, p->width, p->big);
	core_put(b, l->vaddr, p->width, p->big);
	core_put(b, l->paddr, p->width, p->big);
	core_put(b, l->filesz, p->width, p->big);
	core_put(b, l->memsz, p->width, p->big);
	if (p->width == 4)
		core_put(b, 7, 4, p->big);
	core_put(b, 0, p->width, p->big);
}

static inline void core_make_elf(struct core_plan *p, struct blob *out)
{
	const unsigned int w = p->width, ehdr = w == 8 ? 64 : 52, phdr = w == 8 ? 56 : 32, shdr = w == 8 ? 64 : 40;
	const unsigned int nr = p->nr_loads + 1;
	uint64_t shoff = p->xnum ? ehdr + nr * phdr : 0, off = ehdr + nr * phdr + (p->xnum ? shdr : 0);
	struct core_load note = { .off = off, .filesz = p->notes.len };

	off = (off + p->notes.len + 0xfff) & ~0xfffull;
	blob_append(out, "\177ELF", 4);
	core_put(out, w == 8 ? 2 : 1, 1, false);
	core_put(out, p->big ? 2 : 1, 1, false);
	core_put(out, 1, 1, false);
	blob_zero(out, 9);
	core_put(out, 4, 2, p->big);
	core_put(out, p->machine, 2, p->big);
	core_put(out, 1, 4, p->big);
	core_put(out, 0, w, p->big);
	core_put(out, ehdr, w, p->big);
	core_put(out, shoff, w, p->big);
	core_put(out, p->flags, 4, p->big);
	core_put(out, ehdr, 2, p->big);
	core_put(out, phdr, 2, p->big);
	core_put(out, p->xnum ? 0xffff : nr, 2, p->big);
	core_put(out, p->xnum ? shdr : 0, 2, p->big);
	core_put(out, 0, 4, p->big);
	core_phdr(out, p, 4, &note);
	for (unsigned int i = 0; i < p->nr_loads; i++) {
		p->load[i].off = off;
		off += (p->load[i].filesz + 0xfff) & ~0xfffull;
		core_phdr(out, p, 1, &p->load[i]);
	}
	if (p->xnum) {
		blob_zero(out, 2 * 4 + 4 * w + 4);
		core_put(out, nr, 4, p->big);
		blob_zero(out, 2 * w);
	}
	blob_append(out, p->notes.data, p->notes.len);
	for (unsigned int i = 0; i < p->nr_loads; i++) {
		core_pad_to(out, 4096);
		for (uint64_t j = 0; j < p->load[i].filesz; j++) {
			uint8_t byte = core_byte(p->load[i].paddr + j);

			blob_append(out, &byte, 1);
		}
	}
	core_pad_to(out, 4096);
}

static inline void core_bit(struct blob *b, uint64_t bit)
{
	b->data[bit / 8] |= 1 << bit % 8;
}

static inline int core_compare_pages(const void *a, const void *b)
{
	const struct core_page *x = a, *y = b;

	return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

static inline void core_dump_headers(const struct core_plan *p, uint64_t sub_blocks, uint64_t bitmap_blocks,
		struct blob *out)
{
	const char *names[6] = { "Linux", "host", "6.1.0-test", "#1", p->machine_name, "(none)" };
	const uint64_t notes = p->block + 104, info = notes + p->notes.len;

	blob_append(out, "KDUMP   ", 8);
	core_put(out, p->version, 4, p->big);
	for (unsigned int i = 0; i < 6; i++) {
		blob_append(out, names[i], strlen(names[i]));
		blob_zero(out, 65 - strlen(names[i]));
	}
	core_pad_to(out, 8);
	core_put(out, 1700000000, 8, p->big);
	core_put(out, 0, 8, p->big);
	core_put(out, p->status, 4, p->big);
	core_put(out, p->block, 4, p->big);
	core_put(out, sub_blocks, 4, p->big);
	core_put(out, bitmap_blocks, 4, p->big);
	core_put(out, p->max, 4, p->big);
	blob_zero(out, 16);
	core_put(out, 1, 4, p->big);
	core_pad_to(out, p->block);
	core_put(out, p->phys_base, 8, p->big);
	core_put(out, p->level, 4, p->big);
	core_put(out, p->split, 4, p->big);
	core_put(out, p->split_first, 8, p->big);
	core_put(out, p->split_limit, 8, p->big);
	core_put(out, p->vmcoreinfo.len ? info : 0, 8, p->big);
	core_put(out, p->vmcoreinfo.len, 8, p->big);
	core_put(out, notes, 8, p->big);
	core_put(out, p->notes.len, 8, p->big);
	blob_zero(out, 16);
	core_put(out, p->split_first, 8, p->big);
	core_put(out, p->split_limit, 8, p->big);
	core_put(out, p->max, 8, p->big);
	blob_append(out, p->notes.data, p->notes.len);
	blob_append(out, p->vmcoreinfo.data, p->vmcoreinfo.len);
	core_pad_to(out, p->block);
}

static inline void core_pack(const struct core_plan *p, const struct core_page *page, uint64_t data_off,
		struct blob *descs, struct blob *data)
{
	const struct codec *codec = codec_by_name(strcmp(page->codec, "zero") && strcmp(page->codec,
			"lost") ? page->codec : "none");
	uint8_t *raw = calloc(2, p->block), *packed = raw + p->block;
	bool lost = !strcmp(page->codec, "lost");
	size_t len = p->block;
	uint32_t flags = 0;
	void *state;

	if (!codec) {
		fprintf(stderr, "make_core: no codec \"%s\"\n", page->codec);
		abort();
	}
	if (strcmp(page->codec, "zero"))
		for (unsigned int i = 0; i < p->block; i++)
			raw[i] = core_byte(page->pfn * p->block + i);
	if (codec->flag) {
		state = codec->open(INT_MIN);
		len = codec->compress(state, raw, p->block, packed, p->block);
		codec->close(state);
		flags = codec->flag;
		memcpy(raw, packed, len);
	}
	core_put(descs, lost ? 0 : data_off + data->len, 8, p->big);
	core_put(descs, lost ? 0 : len, 4, p->big);
	core_put(descs, lost ? 0 : flags, 4, p->big);
	core_put(descs, 0, 8, p->big);
	if (!lost)
		blob_append(data, raw, len);
	free(raw);
}

static inline void core_make_dump(struct core_plan *p, struct blob *out)
{
	const uint64_t bytes = ((p->max + 7) / 8 + p->block - 1) / p->block * p->block;
	const uint64_t sub_blocks = (104 + p->notes.len + p->vmcoreinfo.len + p->block - 1) / p->block;
	const uint64_t blocks = bytes / p->block * (p->one_bitmap ? 1 : 2);
	unsigned int here = 0;
	struct blob ram, dumped, descs, data;

	blob_init(&ram);
	blob_init(&dumped);
	blob_init(&descs);
	blob_init(&data);
	blob_zero(&ram, bytes);
	blob_zero(&dumped, bytes);
	for (unsigned int i = 0; i < p->nr_ram; i++)
		for (uint64_t pfn = p->ram[i].paddr; pfn <= p->ram[i].memsz; pfn++)
			core_bit(&ram, pfn);
	qsort(p->page, p->nr_pages, sizeof(p->page[0]), core_compare_pages);
	for (unsigned int i = 0; i < p->nr_pages; i++) {
		core_bit(&dumped, p->page[i].pfn);
		here += !p->split || (p->page[i].pfn >= p->split_first && p->page[i].pfn < p->split_limit);
	}
	core_dump_headers(p, sub_blocks, blocks, out);
	if (!p->one_bitmap)
		blob_append(out, ram.data, ram.len);
	blob_append(out, dumped.data, dumped.len);
	for (unsigned int i = 0; i < p->nr_pages; i++) {
		if (!p->split || (p->page[i].pfn >= p->split_first && p->page[i].pfn < p->split_limit))
			core_pack(p, &p->page[i], out->len + here * 24, &descs, &data);
	}
	blob_append(out, descs.data, descs.len);
	blob_append(out, data.data, data.len);
	blob_deinit(&ram);
	blob_deinit(&dumped);
	blob_deinit(&descs);
	blob_deinit(&data);
}

/* OUT is emptied first. */
static inline void core_make(const char *text, struct blob *out)
{
	struct core_plan *plan = calloc(1, sizeof(*plan));
	char *copy = strdup(text), *save = NULL;

	blob_init(&plan->notes);
	blob_init(&plan->vmcoreinfo);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		core_statement(plan, line);
	blob_deinit(out);
	if (plan->dump)
		core_make_dump(plan, out);
	else
		core_make_elf(plan, out);
	blob_deinit(&plan->notes);
	blob_deinit(&plan->vmcoreinfo);
	free(copy);
	free(plan);
}

/* A file of these bytes that has no name. */
static inline int core_file(const void *bytes, size_t len)
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < len;) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n <= 0)
			abort();
		done += n;
	}
	return fd;
}

#endif
