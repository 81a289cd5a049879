/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86_64 kernels: Documentation/x86/x86_64/mm.rst for the address space, Intel SDM volume 3 chapter 4 for the
 * paging forms.
 */
#include "kdump/vtop.h"

#include "lib/err.h"

#include <elf.h>

/* __START_KERNEL_map: the image is mapped from here on, wherever in physical memory it was put. */
#define IMAGE_VADDR 0xffffffff80000000ull
#define IMAGE_BYTES_DEFAULT (512ull << 20)
#define IMAGE_BYTES_MAX (1ull << 30)

#define ENTRY_PRESENT 0x1ull
#define ENTRY_LARGE 0x80ull
#define ENTRY_PADDR 0x000ffffffffff000ull

static const struct paging_form form_4 = {
	.levels = 4, .bits = { 9, 9, 9, 9, 12 }, .paddr_mask = ENTRY_PADDR, .present_mask = ENTRY_PRESENT,
	.leaf_mask = ENTRY_LARGE, .leaf_value = ENTRY_LARGE, .leaf_bits = 30,
};
static const struct paging_form form_5 = {
	.levels = 5, .bits = { 9, 9, 9, 9, 9, 12 }, .paddr_mask = ENTRY_PADDR, .present_mask = ENTRY_PRESENT,
	.leaf_mask = ENTRY_LARGE, .leaf_value = ENTRY_LARGE, .leaf_bits = 30,
};

/* SYMBOL(init_top_pgt) since Linux 4.13, init_level4_pgt before; swapper_pg_dir is the same table in all of them. */
static bool root_table(const struct vmcoreinfo *vi, uint64_t *vaddr)
{
	return vmcoreinfo_symbol(vi, "init_top_pgt", vaddr) || vmcoreinfo_symbol(vi, "init_level4_pgt", vaddr) ||
	       vmcoreinfo_symbol(vi, "swapper_pg_dir", vaddr);
}

static bool find_phys_base(const struct vtop *vt, uint64_t *phys_base)
{
	const struct vmcore *core = vt->core;
	int64_t value;

	if (vmcoreinfo_number(vt->vi, "phys_base", &value)) {
		*phys_base = value;
		return true;
	}
	if (core->has_phys_base) {
		*phys_base = core->phys_base;
		return true;
	}
	for (size_t i = 0; i < core->nr_aliases; i++) {
		if (core->aliases[i].vaddr == VMCORE_NO_VADDR || core->aliases[i].vaddr < IMAGE_VADDR)
			continue;
		*phys_base = core->aliases[i].paddr - (core->aliases[i].vaddr - IMAGE_VADDR);
		return true;
	}
	return false;
}

static int x86_64_vtop_init(struct vtop *vt)
{
	uint64_t direct, root, image_bytes = IMAGE_BYTES_DEFAULT;
	int64_t value;

	vt->form = vmcoreinfo_number(vt->vi, "pgtable_l5_enabled", &value) && value ? form_5 : form_4;
	/* The bit that says "encrypted" is no part of the address, AMD APM volume 2 section 7.10. */
	if (vmcoreinfo_number(vt->vi, "sme_mask", &value))
		vt->form.paddr_mask &= ~(uint64_t)value;
	if (vmcoreinfo_number(vt->vi, "KERNEL_IMAGE_SIZE", &value) && value > 0 && (uint64_t)value <= IMAGE_BYTES_MAX)
		image_bytes = value;
	if (find_phys_base(vt, &vt->phys_base))
		vtop_add_linear(vt, IMAGE_VADDR, IMAGE_VADDR + (image_bytes - 1), vt->phys_base - IMAGE_VADDR);
	else
		debug("nothing tells where the kernel's image lies");
	if (vtop_direct_map(vt->core, &direct))
		vtop_add_direct_map(vt, direct);
	if (root_table(vt->vi, &root))
		vtop_set_root(vt, root);
	return 0;
}

/* struct elf_prstatus of 64-bit Linux; registers in the order of struct user_regs_struct. */
const struct kdump_arch kdump_x86_64 = {
	.name = "x86_64",
	.machine = EM_X86_64,
	.utsname_machine = "x86_64",
	.vtop_init = x86_64_vtop_init,
	.prstatus_reg_off = 112,
	.pc_reg = 16,
	.sp_reg = 19,
};
