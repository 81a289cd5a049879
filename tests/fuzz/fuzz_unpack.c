/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/unpack.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>

#define MAX (1u << 20)

static void no_warnings(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size, "fuzz");
	struct unpacked out = { .format = "untouched" };
	volatile uint8_t sum = 0;
	int err;

	err_set_warn_sink(no_warnings, NULL);
	err_clear();
	err = unpack(&in, MAX, &out);
	if (err) {
		/* Nothing partial, and a sentence for everything but "not compressed". */
		if (err > 0 || out.map || strcmp(out.format, "untouched") || (err == -ENOEXEC) != !*err_text())
			abort();
		return 0;
	}
	if (out.view.len > MAX || out.view.base != out.map || out.view.len > out.map_len)
		abort();
	/* All of it can be read. */
	for (size_t i = 0; i < out.map_len; i++)
		sum ^= out.view.base[i];
	(void)sum;
	unpacked_release(&out);
	return 0;
}
