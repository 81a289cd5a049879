/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ELF file: header, program headers, and the notes in its note segments. */
#include "lib/elf.h"
#include "tests/fuzz/fuzz.h"

/* What a program header says must be the same after it was written and read again. */
static void check_round_trip(const struct elf *elf, const struct elf_phdr *ph)
{
	uint8_t bytes[sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)];
	unsigned int ehdr = elf_ehdr_size(elf->width), phdr = elf_phdr_size(elf->width);
	struct view v = view_of(bytes, ehdr + phdr, "written");
	struct elf one = *elf, read;
	struct elf_phdr again;

	one.nr_phdrs = 1;
	if (elf_ehdr_put(&one, bytes) || elf_phdr_put(&one, ph, bytes + ehdr) || elf_parse(&v, &read) ||
	    elf_phdr(&read, 0, &again) || memcmp(&again, ph, sizeof(again)) || read.type != elf->type ||
	    read.machine != elf->machine || read.flags != elf->flags || read.entry != elf->entry)
		abort();
}

/* Touch every byte that a note hands out. */
static unsigned int walk_notes(const struct view *v)
{
	struct cursor c = cursor_at(v, 0);
	struct elf_note note;
	unsigned int sum = 0;

	while (elf_note_next(&c, &note) == 1) {
		sum += note.type + elf_note_is(&note, "CORE");
		for (uint32_t i = 0; i < note.name_len; i++)
			sum += (unsigned char)note.name[i];
		for (uint64_t i = 0; i < note.desc.len; i++)
			sum += note.desc.base[i];
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size, "fuzz"), part;
	volatile unsigned int sum = 0;
	struct elf_phdr ph;
	struct elf elf;

	if (elf_parse(&v, &elf))
		return 0;
	for (uint64_t i = 0; i < elf.nr_phdrs; i++) {
		/* The table was found to lie inside the file. */
		if (elf_phdr(&elf, i, &ph))
			abort();
		check_round_trip(&elf, &ph);
		if (elf_phdr_view(&elf, &ph, &part))
			continue;
		if (part.len)
			sum += part.base[0] + part.base[part.len - 1];
		/* Many headers that name the same notes would only cost time. */
		if (ph.type == PT_NOTE && i < 4)
			sum += walk_notes(&part);
	}
	(void)sum;
	return 0;
}
