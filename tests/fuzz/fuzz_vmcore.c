/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ELF core as kdump's source: headers, notes, VMCOREINFO, and reading its memory in every way. */
#include "tests/fuzz/fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_source(data, size);
}
