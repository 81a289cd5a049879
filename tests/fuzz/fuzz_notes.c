/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF notes. First byte: bit 0 is the byte order, bits 1 to 3 say how far the notes stand from an aligned offset.
 */
#include "lib/elf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile unsigned int sum = 0;
	struct elf_note note;
	struct cursor c;
	struct view v;
	int err;

	if (size < 1)
		return 0;
	v = view_of(data + 1, size - 1, "fuzz");
	v.big_endian = data[0] & 1;
	c = cursor_at(&v, data[0] >> 1 & 7);
	for (;;) {
		uint64_t pos = c.pos;

		err = elf_note_next(&c, &note);
		if (err != 1)
			break;
		/* Each note moves forward by its header at least, and lies inside what was given. */
		if (c.pos < pos + 12 + note.name_len + note.desc.len || c.pos > v.len ||
		    note.desc.big_endian != v.big_endian)
			abort();
		if (note.name_len && strlen(note.name) >= note.name_len)
			abort();
		sum += elf_note_is(&note, "VMCOREINFO");
		for (uint64_t i = 0; i < note.desc.len; i++)
			sum += note.desc.base[i];
	}
	/* The end is the end: asked again, the answer is the same. */
	if (elf_note_next(&c, &note) != err)
		abort();
	(void)sum;
	return 0;
}
