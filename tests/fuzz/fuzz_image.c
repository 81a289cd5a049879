/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kexec/image/image.h"

#include "tests/fuzz/fuzz.h"
#include "tests/unit/make_image.h"

#include <errno.h>

static void no_warnings(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static void try(const struct view *v, const char *type)
{
	static const struct image_format *const formats[] = { &image_bzimage64, &image_bzimage, &image_arm64, NULL };
	struct image image = { .protocol = 0x1234 };
	volatile uint8_t sum = 0;
	int err;

	err_clear();
	err = image_parse(&image, v, formats, type);
	if (err) {
		if (err > 0 || image.protocol != 0x1234 || strncmp(err_text(), "fuzz", 4))
			abort();
		return;
	}
	if (image_insane(&image)) {
		printf("%s\n", image_insane(&image));
		abort();
	}
	for (uint64_t i = 0; i < image.payload.len; i++)
		sum ^= image.payload.base[i];
	for (uint64_t i = 0; i < image.setup_header.len; i++)
		sum ^= image.setup_header.base[i];
	(void)sum;
	image_close(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size, "fuzz");

	err_set_warn_sink(no_warnings, NULL);
	try(&v, NULL);
	try(&v, "bzImage");
	return 0;
}
