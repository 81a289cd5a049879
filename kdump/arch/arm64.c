/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64 kernels since Linux 5.4, where the direct map moved to the bottom of the kernel's half:
 * Documentation/arm64/memory.rst; translation tables: Arm ARM (DDI 0487) chapter D8. The bits of VMCOREINFO:
 * Documentation/admin-guide/kdump/vmcoreinfo.rst.
 */
#include "kdump/vtop.h"

#include "lib/text.h"

#include <elf.h>

#define IMAGE_BYTES_MAX (1ull << 30)
#define VA_BITS_LEAST 36
#define VA_BITS_MAX 52

/* A descriptor's address bits are 49 to the page's, or 47 to the page's; those that remain of 52 stand elsewhere. */
static uint64_t bits_between(unsigned int first, unsigned int last)
{
	return (2ull << last) - (1ull << first);
}

static unsigned int levels_for(unsigned int va_bits, unsigned int page_shift)
{
	return (va_bits - page_shift + page_shift - 4) / (page_shift - 3);
}

/*
 * VA_BITS is what the kernel was built for, ACTUAL_BITS what the machine can do. A kernel for 52 bits on a machine
 * with 48 keeps its top-level table when that costs no level (64 KiB pages: the entries in use are the last ones),
 * and drops a level else (4 and 16 KiB pages, since 6.9).
 */
static bool make_form(struct paging_form *form, unsigned int page_shift, unsigned int va_bits, unsigned int actual_bits)
{
	unsigned int width = page_shift - 3, levels, top;

	if ((page_shift != 12 && page_shift != 14 && page_shift != 16) || va_bits > VA_BITS_MAX ||
	    actual_bits < VA_BITS_LEAST || actual_bits > va_bits)
		return false;
	levels = levels_for(actual_bits, page_shift);
	if (levels_for(va_bits, page_shift) != levels)
		va_bits = actual_bits;
	top = va_bits - page_shift - (levels - 1) * width;
	*form = (struct paging_form){
		.levels = levels,
		.paddr_mask = bits_between(page_shift, 47),
		.present_mask = 1,
		.leaf_mask = 3,
		.leaf_value = 1,
		/* Blocks of 1 GiB with 4 KiB pages, 64 GiB with 16 KiB (52-bit addresses only), 4 TiB with 64 KiB. */
		.leaf_bits = page_shift + 2 * width,
	};
	form->bits[0] = top;
	for (unsigned int i = 1; i < levels; i++)
		form->bits[i] = width;
	form->bits[levels] = page_shift;
	if (page_shift == 16) {
		form->high_mask = bits_between(12, 15);
		form->high_shift = 48 - 12;
	} else if (actual_bits > 48) {
		/* FEAT_LPA2: bits 8 and 9 are those of the address, no longer the shareability. */
		form->paddr_mask = bits_between(page_shift, 49);
		form->high_mask = bits_between(8, 9);
		form->high_shift = 50 - 8;
	}
	return true;
}

/*
 * The image is found by kimage_voffset, but nothing tells how long it is. Up to the last symbol that VMCOREINFO
 * names is enough to get at the page tables, and at the log without them; the tables know the rest.
 */
static void add_image(struct vtop *vt, uint64_t voffset)
{
	uint64_t stext, last, vaddr;

	if (!vmcoreinfo_symbol(vt->vi, "_stext", &stext))
		return;
	last = stext;
	for (size_t i = 0; i < vt->vi->nr; i++) {
		struct text key = text_of(vt->vi->e[i].key, vt->vi->e[i].key_len);
		struct text value = text_of(vt->vi->e[i].value, vt->vi->e[i].value_len);

		if (text_take(&key, "SYMBOL(") && text_u64(&value, 16, &vaddr) && vaddr > last &&
		    vaddr - stext < IMAGE_BYTES_MAX)
			last = vaddr;
	}
	last |= (1ull << vt->core->page_shift) - 1;
	vtop_add_linear(vt, stext & ~((1ull << vt->core->page_shift) - 1), last, -voffset);
}

static int arm64_vtop_init(struct vtop *vt)
{
	int64_t va_bits = 0, t1sz, value;
	uint64_t direct, root;

	vt->pointer_mask = 0xffull << 56;
	/* A mask of 0: the machine has no pointer authentication. */
	if (vmcoreinfo_number(vt->vi, "KERNELPACMASK", &value))
		vt->pointer_mask |= (uint64_t)value & bits_between(36, 54);

	if (vmcoreinfo_number(vt->vi, "kimage_voffset", &value))
		add_image(vt, value);
	vtop_add_aliases(vt);
	if (!vmcoreinfo_number(vt->vi, "VA_BITS", &va_bits) || va_bits < VA_BITS_LEAST || va_bits > VA_BITS_MAX)
		va_bits = 0;
	if (va_bits) {
		/* Since Linux 5.9; a wrong one is as good as none. */
		if (!vmcoreinfo_number(vt->vi, "TCR_EL1_T1SZ", &t1sz) || t1sz < 64 - va_bits ||
		    t1sz > 64 - VA_BITS_LEAST)
			t1sz = 64 - va_bits;
		if (make_form(&vt->form, vt->core->page_shift, va_bits, 64 - t1sz) &&
		    vmcoreinfo_symbol(vt->vi, "swapper_pg_dir", &root))
			vtop_set_root(vt, root);
	}

	/*
	 * The kernel's own numbers before the loader's: PAGE_OFFSET is -2^VA_BITS whatever the machine can do, and
	 * PHYS_OFFSET is what that address means, even when no memory can be there (kernels for 52 bits on machines
	 * with 48).
	 */
	if (vmcoreinfo_number(vt->vi, "PHYS_OFFSET", &value))
		vt->phys_base = value;
	if (va_bits && vmcoreinfo_number(vt->vi, "PHYS_OFFSET", &value))
		vtop_add_direct_map(vt, -(1ull << va_bits) - (uint64_t)value);
	else if (vtop_direct_map(vt->core, &direct))
		vtop_add_direct_map(vt, direct);
	return 0;
}

/* struct elf_prstatus; registers in the order of struct user_pt_regs: x0 to x30, sp, pc. */
const struct kdump_arch kdump_arm64 = {
	.name = "arm64",
	.machine = EM_AARCH64,
	.utsname_machine = "aarch64",
	.vtop_init = arm64_vtop_init,
	.prstatus_reg_off = 112,
	.pc_reg = 32,
	.sp_reg = 31,
};
