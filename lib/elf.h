/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF headers, program headers and notes: both widths, both byte orders, read and written.
 * Format: System V ABI, "Object files" and "Program loading" (elf(5)); notes as the Linux core dump uses them.
 * The constants are those of the system's <elf.h>.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include "lib/view.h"

#include <elf.h>

struct elf {
	struct view view;      /* the whole file, byte order set */
	unsigned int width;    /* bytes in a word: 4 (ELF32) or 8 (ELF64) */
	uint16_t type;         /* ET_... */
	uint16_t machine;      /* EM_... */
	uint32_t flags;
	uint64_t entry;
	uint64_t phoff;
	uint64_t shoff;
	uint16_t phentsize;
	uint64_t nr_phdrs;     /* PN_XNUM already resolved through section header 0 */
};

struct elf_phdr {
	uint32_t type;
	uint32_t flags;
	uint64_t off;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
};

struct elf_note {
	uint32_t type;
	const char *name;      /* name_len bytes, NUL-terminated when name_len > 0; in place */
	uint32_t name_len;     /* including the NUL */
	struct view desc;
};

/*
 * Read the ELF header of V and check that the program header table lies inside it.
 * -ENOEXEC: no ELF magic (not recorded). -EINVAL: ELF, but damaged or of an unknown class; recorded.
 * *ELF untouched on failure.
 */
int elf_parse(const struct view *v, struct elf *elf);

/*
 * The ELF header alone, for files that are not in memory: V need not hold more than the first elf_ehdr_size(8) bytes.
 * Nothing is said about where the tables lie. NR_PHDRS is PN_XNUM when the number stands in section header 0, which is
 * at SHOFF: elf_xnum() takes it from the elf_shdr_size() bytes there. Errors as elf_parse().
 */
int elf_header(const struct view *v, struct elf *elf);
int elf_xnum(const struct elf *elf, const struct view *shdr, uint64_t *nr);

/* Program header IDX (< nr_phdrs). Does not check that its contents lie in the file: see elf_phdr_view. */
int elf_phdr(const struct elf *elf, uint64_t idx, struct elf_phdr *ph);

/* The bytes in the file of PH. -EINVAL when they do not lie inside it. */
int elf_phdr_view(const struct elf *elf, const struct elf_phdr *ph, struct view *v);

/*
 * Take the next note at C (alignment of name and description is 4 bytes).
 * 1: *NOTE is filled. 0: no further note (the end, or an all-zero note header: kernels pad so).
 * -EINVAL: damaged, recorded; the cursor is bad then.
 */
int elf_note_next(struct cursor *c, struct elf_note *note);

/* Is this a note named NAME? */
bool elf_note_is(const struct elf_note *note, const char *name);

/* Sizes of the headers in a file of this width (4 or 8). */
unsigned int elf_ehdr_size(unsigned int width);
unsigned int elf_phdr_size(unsigned int width);
unsigned int elf_shdr_size(unsigned int width);

/*
 * Write an ELF header (no sections; nr_phdrs < PN_XNUM, program headers follow it at once) of ELF->width, byte
 * order ELF->view.big_endian, type, machine, flags and entry, into OUT of elf_ehdr_size() bytes. -ERANGE
 * (recorded, with the number) when there are PN_XNUM headers or more, or the entry does not fit ELF32.
 */
int elf_ehdr_put(const struct elf *elf, uint8_t *out);

/* Write PH into OUT of elf_phdr_size() bytes. -ERANGE (recorded) when a field does not fit ELF32. */
int elf_phdr_put(const struct elf *elf, const struct elf_phdr *ph, uint8_t *out);

#endif
