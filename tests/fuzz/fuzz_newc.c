/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An initramfs: archives in a row, packed or not; what is read is written again, verified, and the same when read again. */
#include "kdump/initramfs/cpio.h"
#include "kdump/initramfs/verify.h"
#include "tests/fuzz/fuzz.h"

static void same(const struct tree *a, const struct tree *b)
{
	if (a->nr != b->nr)
		abort();
	for (size_t i = 0; i < a->nr; i++) {
		const struct tree_entry *x = &a->entry[i], *y = &b->entry[i];

		if (strcmp(x->path, y->path) || x->mode != y->mode || x->content.len != y->content.len ||
		    memcmp(x->content.data, y->content.data, x->content.len))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size, "fuzz"), written;
	struct problems problems;
	struct initramfs image;
	struct tree again;
	struct cursor c;
	struct blob out;

	if (size > 1 << 20 || initramfs_open(&image, &v))
		return 0;
	blob_init(&out);
	tree_init(&again);
	if (cpio_write(&image.tree, &out))
		abort();
	written = blob_view(&out, "written");
	c = cursor_at(&written, 0);
	if (cpio_read(&c, &again))
		abort();
	same(&image.tree, &again);
	if (!initramfs_verify(&image, NULL, NULL, &problems))
		problems_deinit(&problems);
	tree_deinit(&again);
	blob_deinit(&out);
	initramfs_close(&image);
	return 0;
}
