// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as the front of /proc/kcore. */
#include "kexec/kcore.h"

#include "tests/fuzz/fuzz.h"

static void check(int good)
{
	if (!good)
		abort();
}

static void look_at(const struct kcore *k)
{
	struct ranges ram;
	uint64_t offset;
	volatile uint8_t sum = 0;

	for (uint64_t i = 0; i < k->vmcoreinfo.len; i++)
		sum ^= k->vmcoreinfo.base[i];
	(void)sum;
	ranges_init(&ram);
	check(!ranges_add(&ram, 0x1000, 0x9fbff, 0));
	check(!ranges_add(&ram, 0x100000, 0x7ffdbfff, 0));
	check(!ranges_add(&ram, 0x100000000, UINT64_MAX, 1));
	if (kcore_direct_map(k, &ram, &offset))
		check(k->nr_loads && !(offset & 0xfff));
	ranges_deinit(&ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view view = view_of(data, size, "input");
	struct kcore k;
	uint64_t bytes = 0;

	kcore_init(&k);
	err_clear();
	if (kcore_headers_size(&view, &bytes))
		check(err_text()[0] != 0);
	else
		check(bytes <= 16 << 20);
	if (!kcore_notes_size(&view, &bytes))
		check(bytes >= size || bytes <= 16 << 20);
	check(!blob_append(&k.bytes, data, size));
	err_clear();
	if (kcore_parse(&k))
		check(err_text()[0] != 0);
	else
		look_at(&k);
	kcore_deinit(&k);
	return 0;
}
