/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of a /proc/kcore as fs/proc/kcore.c lays them out: ELF header, program headers (the PT_NOTE first),
 * notes, and nothing behind. Written from the ELF documents alone, without lib/elf.h.
 */
#ifndef TESTS_UNIT_KCORE_MAKER_H
#define TESTS_UNIT_KCORE_MAKER_H

#include "lib/blob.h"

#include <elf.h>
#include <string.h>

struct kcore_load {
	uint64_t vaddr, paddr, size;
};

struct kcore_maker {
	unsigned int width;            /* 4 or 8 */
	bool big_endian;
	uint16_t machine;
	const char *vmcoreinfo;        /* NULL: no such note (Linux before 4.19) */
	const struct kcore_load *loads;
	size_t nr_loads;
};

static inline void maker_put(struct blob *b, uint64_t value, unsigned int bytes, bool big_endian)
{
	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int shift = 8 * (big_endian ? bytes - 1 - i : i);
		uint8_t byte = value >> shift;

		blob_append(b, &byte, 1);
	}
}

static inline void maker_note(struct blob *b, const char *name, uint32_t type, const char *desc, size_t len,
			      bool big_endian)
{
	static const char zeros[4];

	maker_put(b, strlen(name) + 1, 4, big_endian);
	maker_put(b, len, 4, big_endian);
	maker_put(b, type, 4, big_endian);
	blob_append(b, name, strlen(name) + 1);
	blob_append(b, zeros, -(strlen(name) + 1) & 3);
	blob_append(b, desc, len);
	blob_append(b, zeros, -len & 3);
}

static inline void maker_phdr(struct blob *b, const struct kcore_maker *k, uint32_t type, uint64_t off,
			      const struct kcore_load *load)
{
	const unsigned int w = k->width;

	maker_put(b, type, 4, k->big_endian);
	if (w == 8)
		maker_put(b, 7, 4, k->big_endian);
	maker_put(b, off, w, k->big_endian);
	maker_put(b, load->vaddr, w, k->big_endian);
	maker_put(b, load->paddr, w, k->big_endian);
	maker_put(b, load->size, w, k->big_endian);
	maker_put(b, type == PT_NOTE ? 0 : load->size, w, k->big_endian);
	if (w == 4)
		maker_put(b, 7, 4, k->big_endian);
	maker_put(b, 4096, w, k->big_endian);
}

static inline void kcore_make(const struct kcore_maker *k, struct blob *out)
{
	const unsigned int w = k->width, ehdr = w == 8 ? 64 : 52, phdr = w == 8 ? 56 : 32;
	const uint64_t headers = ehdr + phdr * (k->nr_loads + 1);
	static const char regs[336];
	struct kcore_load note = { 0 };
	struct blob notes;

	blob_init(&notes);
	maker_note(&notes, "CORE", 1, regs, sizeof(regs), k->big_endian);
	maker_note(&notes, "CORE", 3, regs, 136, k->big_endian);
	if (k->vmcoreinfo)
		maker_note(&notes, "VMCOREINFO", 0, k->vmcoreinfo, strlen(k->vmcoreinfo), k->big_endian);
	note.size = notes.len;

	blob_deinit(out);
	blob_append(out, "\177ELF", 4);
	maker_put(out, w == 8 ? 2 : 1, 1, false);
	maker_put(out, k->big_endian ? 2 : 1, 1, false);
	maker_put(out, 1, 1, false);
	blob_zero(out, 9);
	maker_put(out, ET_CORE, 2, k->big_endian);
	maker_put(out, k->machine, 2, k->big_endian);
	maker_put(out, 1, 4, k->big_endian);
	maker_put(out, 0, w, k->big_endian);
	maker_put(out, ehdr, w, k->big_endian);
	maker_put(out, 0, w, k->big_endian);
	maker_put(out, 0, 4, k->big_endian);
	maker_put(out, ehdr, 2, k->big_endian);
	maker_put(out, phdr, 2, k->big_endian);
	maker_put(out, k->nr_loads + 1, 2, k->big_endian);
	blob_zero(out, 6);
	maker_phdr(out, k, PT_NOTE, headers, &note);
	for (size_t i = 0; i < k->nr_loads; i++)
		maker_phdr(out, k, PT_LOAD, headers + notes.len, &k->loads[i]);
	blob_append(out, notes.data, notes.len);
	blob_deinit(&notes);
}

#endif
