/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMCOREINFO text, and every way to ask for its values. */
#include "kdump/vmcoreinfo.h"
#include "tests/fuzz/fuzz.h"

static bool same_key(const struct vmcoreinfo_entry *e, const char *value, size_t len)
{
	return e->value == value && e->value_len == len;
}

static bool inside(const uint8_t *data, size_t size, const char *at, size_t len)
{
	size_t off = (const uint8_t *)at - data;

	return off <= size && len <= size - off;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "page", "page.flags", "prb", "phys_base", "", "mem_section", "PG_lru" };
	struct view v = view_of(data, size, "fuzz");
	struct vmcoreinfo vi;
	uint64_t u, sum = 0;
	int64_t i;

	if (vmcoreinfo_init(&vi, &v))
		return 0;
	for (size_t n = 0; n < vi.nr; n++) {
		const struct vmcoreinfo_entry *e = &vi.e[n];
		const char *value;
		char *key;
		size_t len;

		if (!e->key_len || !inside(data, size, e->key, e->key_len) ||
		    !inside(data, size, e->value, e->value_len))
			abort();
		/* Every entry is found by its key: sorted, and no two alike. */
		key = strndup(e->key, e->key_len);
		if (!vmcoreinfo_string(&vi, key, &value, &len) || !same_key(e, value, len))
			abort();
		sum += vmcoreinfo_hex(&vi, key, &u) + vmcoreinfo_decimal(&vi, key, &u);
		free(key);
	}
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		sum += vmcoreinfo_symbol(&vi, names[n], &u) + vmcoreinfo_size(&vi, names[n], &u);
		sum += vmcoreinfo_length(&vi, names[n], &u) + vmcoreinfo_offset(&vi, names[n], &u);
		sum += vmcoreinfo_number(&vi, names[n], &i);
	}
	if (sum > 7 * 5 + 2 * size)
		abort();
	vmcoreinfo_deinit(&vi);
	return 0;
}
