/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fuzzer's bytes as the memory of a crashed x86_64 kernel, from virtual FUZZ_VADDR on. There is nothing else. */
#ifndef TESTS_FUZZ_CORE_H
#define TESTS_FUZZ_CORE_H

#include "kdump/vtop.h"
#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <errno.h>

#define FUZZ_PADDR 0x1000
#define FUZZ_VADDR 0xffffffff80001000ull

struct fuzz_core {
	struct vmcore core;
	struct vmcoreinfo vi;
	struct vtop vt;
	const uint8_t *data;
	size_t size;
	uint64_t reads, bytes;
};

static int fuzz_core_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len)
{
	struct fuzz_core *f = v->priv;

	f->reads++;
	f->bytes += len;
	if (paddr < FUZZ_PADDR || paddr - FUZZ_PADDR > f->size || len > f->size - (paddr - FUZZ_PADDR))
		return -ENODATA;
	memcpy(buf, f->data + (paddr - FUZZ_PADDR), len);
	return 0;
}

static const struct source_ops fuzz_core_ops = { .name = "fuzz", .read = fuzz_core_read };

static inline void fuzz_core_init(struct fuzz_core *f, const char *vmcoreinfo, const uint8_t *data, size_t size,
				  bool big_endian)
{
	struct view v = view_of(vmcoreinfo, strlen(vmcoreinfo), "vmcoreinfo");

	*f = (struct fuzz_core){ .data = data, .size = size };
	f->core = (struct vmcore){
		.ops = &fuzz_core_ops, .width = 8, .page_shift = 12, .machine = EM_X86_64, .fd = -1, .priv = f,
		.big_endian = big_endian,
	};
	if (vmcoreinfo_init(&f->vi, &v) || vtop_init(&f->vt, &f->core, &f->vi))
		abort();
}

static inline void fuzz_core_deinit(struct fuzz_core *f)
{
	vmcoreinfo_deinit(&f->vi);
}

#endif
