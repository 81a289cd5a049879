/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BTF. First byte: bit 0 is the byte order. */
#include "kdump/ksyms.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const members[] = {
		"flags", "lru.next", "_refcount.counter", "compound_order", "names", "a.b.c", "none",
	};
	static const char *const types[] = { "page", "task_struct", "list_head", "a", "" };
	struct btf *b;
	struct view v;

	if (size < 1)
		return 0;
	v = view_of(data + 1, size - 1, "fuzz");
	v.big_endian = data[0] & 1;
	if (btf_open(&b, &v))
		return 0;
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		uint64_t off = 0, bytes = 0, again = 1;

		btf_struct_size(b, types[t], &bytes);
		for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
			if (btf_member(b, types[t], members[m], &off, &bytes))
				continue;
			/* The same answer with and without a size. */
			if (btf_member(b, types[t], members[m], &again, NULL) || again != off)
				abort();
		}
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const enums[][2] = { { "pageflags", "PG_lru" }, { "wide", "M" }, { "", "ANON" } };
		int64_t value;

		btf_enumerator(b, enums[i][0], enums[i][1], &value);
	}
	btf_close(b);
	return 0;
}
