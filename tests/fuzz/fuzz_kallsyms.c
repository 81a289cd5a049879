/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kallsyms in memory. First byte: bits 0 and 1 the form of the offsets (with a base, from their place, words), bit
 * 2 the byte order. Then: u32 number, 4 bytes unused, u64 base, 512 bytes of token index, 1520 bytes of tokens,
 * 2048 of offsets, names.
 */
#include "kdump/ksyms.h"
#include "tests/fuzz/fuzz_core.h"

#define COMMON                                                                                          \
	"NUMBER(phys_base)=0\nSYMBOL(_stext)=ffffffff81000000\nSYMBOL(prb)=ffffffff81800010\n"          \
	"SYMBOL(kallsyms_num_syms)=ffffffff80001000\nSYMBOL(kallsyms_token_index)=ffffffff80001010\n"   \
	"SYMBOL(kallsyms_token_table)=ffffffff80001210\nSYMBOL(kallsyms_names)=ffffffff80002000\n"

static const char *const infos[] = {
	COMMON "SYMBOL(kallsyms_offsets)=ffffffff80001800\nSYMBOL(kallsyms_relative_base)=ffffffff80001008\n",
	COMMON "SYMBOL(kallsyms_offsets)=ffffffff80001800\n",
	COMMON "SYMBOL(kallsyms_addresses)=ffffffff80001800\n",
	COMMON,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "_stext", "prb", "log_buf", "__start_BTF", "", "none" };
	struct ksyms *s = NULL;
	struct fuzz_core f;
	int err;

	if (size < 1)
		return 0;
	fuzz_core_init(&f, infos[data[0] & 3], data + 1, size - 1, data[0] & 4);
	err = ksyms_open(&s, &f.vt);
	if (err && err != -EINVAL && err != -ENODATA)
		abort();
	if (!err) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			uint64_t vaddr = 0x77;

			if (ksyms_find(s, names[i], &vaddr) && vaddr != 0x77)
				abort();
		}
		struct btf *b = NULL;

		if (!btf_read(&b, &f.vt, s))
			btf_close(b);
	}
	if (f.bytes > 4 * size + 65536)
		abort();
	ksyms_close(s);
	fuzz_core_deinit(&f);
	return 0;
}
