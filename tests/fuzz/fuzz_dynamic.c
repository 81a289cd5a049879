/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an ELF file says to the dynamic linker. */
#include "kdump/initramfs/dynamic.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size, "fuzz");
	struct dynamic d;
	size_t sum = 0;

	if (dynamic_parse(&v, &d)) {
		if (d.needed || d.interpreter)
			abort();
		return 0;
	}
	for (size_t i = 0; i < d.nr_needed; i++)
		sum += strlen(d.needed[i]);
	/* Every name is one of the file's own strings, which may be named again and again. */
	if (sum > size * d.nr_needed)
		abort();
	dynamic_deinit(&d);
	return 0;
}
