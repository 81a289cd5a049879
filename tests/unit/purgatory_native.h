/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The purgatory that is built in for this machine, loaded into this program at the address that the loader chose, with
 * its functions callable: those that need no privilege, which is all that computes digests.
 */
#ifndef TESTS_UNIT_PURGATORY_NATIVE_H
#define TESTS_UNIT_PURGATORY_NATIVE_H

#include "kexec/arch/arch.h"
#include "kexec/purgatory.h"
#include "purgatory/purgatory.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#define NATIVE_BASE 0x20000000
#define NATIVE_BYTES 0x100000

struct native {
	const struct arch *arch;
	struct plan plan;
	uint8_t *image;        /* of the purgatory, where it runs */
};

/* False: this build has none for this machine. */
static inline bool native_open(struct native *n, const struct load_request *req)
{
	struct plan *plan = &n->plan;
	struct utsname machine;
	void *map;

	uname(&machine);
	n->arch = arch_find(machine.machine);
	if (!n->arch || !n->arch->purgatory)
		return false;
	map = mmap((void *)NATIVE_BASE, NATIVE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (map != (void *)NATIVE_BASE)
		return false;
	plan_init(plan);
	plan->arch = n->arch;
	plan->req = req;
	plan->window = (struct range){ NATIVE_BASE, NATIVE_BASE + NATIVE_BYTES - 1, 0 };
	if (ranges_add(&plan->free, plan->window.start, plan->window.last, 0) || purgatory_load(plan))
		return false;
	n->image = (uint8_t *)(uintptr_t)plan->purgatory_paddr;
	memcpy(n->image, plan->purgatory.data, plan->purgatory.len);
	return true;
}

static inline void native_close(struct native *n)
{
	plan_deinit(&n->plan);
	munmap((void *)NATIVE_BASE, NATIVE_BYTES);
}

/* Where SYMBOL is in this program. The file is our own, so it is believed. */
static inline void *native_symbol(const struct native *n, const char *symbol)
{
	const uint8_t *file = n->arch->purgatory;
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);

	for (unsigned int i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbols = (const Elf64_Sym *)(file + sections[i].sh_offset);
		const char *names;

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		names = (const char *)file + sections[sections[i].sh_link].sh_offset;
		for (size_t j = 0; j < sections[i].sh_size / sizeof(*symbols); j++)
			if (!strcmp(names + symbols[j].st_name, symbol))
				return n->image + symbols[j].st_value;
	}
	return NULL;
}

#endif
