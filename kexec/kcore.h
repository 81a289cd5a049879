/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of /proc/kcore: an ELF core file of the running kernel, whose program headers tell where each
 * piece of memory is mapped and whose note carries the vmcoreinfo text (Linux 4.19). Its memory contents are
 * never read.
 */
#ifndef KEXEC_KCORE_H
#define KEXEC_KCORE_H

#include "lib/elf.h"
#include "lib/ranges.h"
#include "lib/root.h"

struct kcore {
	struct blob bytes;         /* the front of the file: headers and notes */
	struct elf_phdr *loads;    /* every PT_LOAD, in the file's order */
	size_t nr_loads;
	struct view vmcoreinfo;    /* the note's text, in BYTES; len 0: there is none */
};

void kcore_init(struct kcore *k);
void kcore_deinit(struct kcore *k);

/*
 * Read it below ROOT, however many headers there are. A file that stops behind the headers and notes is as
 * good as the real one.
 * -ENOENT and other errors of the file; -EINVAL: damaged. All recorded.
 */
int kcore_read(struct kcore *k, const struct root *root);

/*
 * Bytes from the start of the file that hold the program headers, as far as FRONT (at least its first 64
 * bytes) tells.
 * -EINVAL (recorded) when FRONT is no ELF header.
 */
int kcore_headers_size(const struct view *front, uint64_t *size);

/* Bytes that hold the notes too. Needs the program headers in FRONT. */
int kcore_notes_size(const struct view *front, uint64_t *size);

/* Fill LOADS and VMCOREINFO from k->bytes. */
int kcore_parse(struct kcore *k);

/*
 * The difference vaddr - paddr (modulo 2^64) of the direct map: what most bytes of the loads that lie in RAM
 * agree on. False when the loads tell nothing or disagree.
 */
bool kcore_direct_map(const struct kcore *k, const struct ranges *ram, uint64_t *offset);

#endif
