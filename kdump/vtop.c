/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kdump/vtop.h"

#include "lib/err.h"
#include "lib/view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ENTRY_BYTES 8

static const struct kdump_arch *const arches[] = { &kdump_x86_64, &kdump_arm64 };

const struct kdump_arch *kdump_arch_find(uint16_t machine)
{
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
		if (arches[i]->machine == machine)
			return arches[i];
	return NULL;
}

void vtop_add_linear(struct vtop *vt, uint64_t vaddr, uint64_t last, uint64_t to_paddr)
{
	if (vt->nr_linear < VTOP_LINEAR_MAX && vaddr <= last)
		vt->linear[vt->nr_linear++] = (struct linear_map){ vaddr, last, to_paddr };
}

/* Distinct offsets among the loads that are weighed against each other; with KASLR or without there is one. */
#define DIRECT_MAP_CANDIDATES 16

/*
 * Loaders give each load the address at which the dying kernel saw it in its direct map. One that was written by
 * hand, or for hotplugged memory by an older tool, may be wrong: the offset that stands for most bytes wins. An
 * offset of 0 is a physical address in the place of the virtual one.
 */
bool vtop_direct_map(const struct vmcore *core, uint64_t *offset)
{
	struct {
		uint64_t offset, bytes;
	} seen[DIRECT_MAP_CANDIDATES] = { { 0, 0 } };
	unsigned int nr = 0, best = 0;

	for (size_t i = 0; i < core->nr_loads; i++) {
		uint64_t candidate = core->loads[i].vaddr - core->loads[i].paddr;
		unsigned int at = 0;

		if (core->loads[i].vaddr == VMCORE_NO_VADDR || !candidate)
			continue;
		while (at < nr && seen[at].offset != candidate)
			at++;
		if (at == DIRECT_MAP_CANDIDATES)
			continue;
		if (at == nr)
			seen[nr++].offset = candidate;
		seen[at].bytes += core->loads[i].len;
		if (seen[at].bytes > seen[best].bytes)
			best = at;
	}
	if (nr)
		*offset = seen[best].offset;
	return nr > 0;
}

void vtop_add_direct_map(struct vtop *vt, uint64_t offset)
{
	const struct ranges *ram = &vt->core->ram;
	const struct vmcore *core = vt->core;
	uint64_t first, last;

	if (ram->nr) {
		first = ram->r[0].start;
		last = ram->r[ram->nr - 1].last;
	} else if (core->nr_loads) {
		first = core->loads[0].paddr;
		last = core->loads[core->nr_loads - 1].paddr + (core->loads[core->nr_loads - 1].len - 1);
	} else {
		return;
	}
	vtop_add_linear(vt, first + offset, last + offset, -offset);
}

static bool by_linear(const struct vtop *vt, uint64_t vaddr, uint64_t *paddr, uint64_t *len)
{
	for (unsigned int i = 0; i < vt->nr_linear; i++) {
		const struct linear_map *map = &vt->linear[i];

		if (vaddr < map->vaddr || vaddr > map->last)
			continue;
		*paddr = vaddr + map->to_paddr;
		*len = map->last - vaddr + 1;
		return true;
	}
	return false;
}

void vtop_add_aliases(struct vtop *vt)
{
	for (size_t i = 0; i < vt->core->nr_aliases; i++) {
		const struct vmcore_load *alias = &vt->core->aliases[i];

		if (alias->vaddr != VMCORE_NO_VADDR && alias->len && alias->vaddr + (alias->len - 1) >= alias->vaddr)
			vtop_add_linear(vt, alias->vaddr, alias->vaddr + (alias->len - 1), alias->paddr - alias->vaddr);
	}
}

void vtop_set_root(struct vtop *vt, uint64_t root_vaddr)
{
	uint64_t len;

	vt->has_tables = by_linear(vt, root_vaddr, &vt->root_paddr, &len);
	if (!vt->has_tables)
		debug("the page tables at %#" PRIx64 " cannot be found", root_vaddr);
}

int vtop_init(struct vtop *vt, struct vmcore *core, const struct vmcoreinfo *vi)
{
	struct vtop made = { .core = core, .vi = vi, .arch = kdump_arch_find(core->machine) };
	int err;

	if (!made.arch)
		return fail(-ENOTSUP, "%s is of machine %u, whose kernels cannot be looked into",
			    core->path ? core->path : "the core", core->machine);
	vmcoreinfo_hex(vi, "KERNELOFFSET", &made.kernel_offset);
	err = made.arch->vtop_init(&made);
	if (err)
		return err;
	if (!made.nr_linear && !made.has_tables)
		return fail(
			-ENODATA,
			"%s does not tell where its kernel lies: no VMCOREINFO, and no virtual addresses in its headers",
			core->path ? core->path : "the core");
	*vt = made;
	return 0;
}

static uint64_t entry_paddr(const struct paging_form *form, uint64_t entry)
{
	return (entry & form->paddr_mask) | (entry & form->high_mask) << form->high_shift;
}

/* A step down per level, so that no damage can make it long. */
static int walk(struct vtop *vt, uint64_t vaddr, uint64_t *paddr, uint64_t *len)
{
	const struct paging_form *form = &vt->form;
	unsigned int shift = 0;
	uint64_t table = vt->root_paddr;
	uint8_t bytes[ENTRY_BYTES];

	for (unsigned int i = 0; i <= form->levels; i++)
		shift += form->bits[i];
	if (shift < 64 && vaddr >> shift != UINT64_MAX >> shift)
		return -ENODATA;
	for (unsigned int level = 0; level < form->levels; level++) {
		uint64_t entry, idx;
		int err;

		shift -= form->bits[level];
		idx = vaddr >> shift & ((1ull << form->bits[level]) - 1);
		err = vmcore_read(vt->core, table + idx * ENTRY_BYTES, bytes, sizeof(bytes));
		if (err)
			return -ENODATA;
		entry = get_u64(bytes, vt->core->big_endian);
		if (!(entry & form->present_mask))
			return -ENODATA;
		table = entry_paddr(form, entry);
		if (level + 1 < form->levels && (entry & form->leaf_mask) == form->leaf_value) {
			if (shift > form->leaf_bits)
				return -ENODATA;
			break;
		}
	}

	/* Of a large page's entry the low address bits mean something else. */
	uint64_t offset_mask = (1ull << shift) - 1;

	*paddr = (table & ~offset_mask) | (vaddr & offset_mask);
	*len = offset_mask - (vaddr & offset_mask) + 1;
	return 0;
}

int vtop(struct vtop *vt, uint64_t vaddr, uint64_t *paddr, uint64_t *len)
{
	uint64_t found_paddr, found_len;

	/* Bit 55 tells the two halves of arm64's address space apart, whatever the byte above it holds. */
	if (vaddr >> 55 & 1)
		vaddr |= vt->pointer_mask;
	if (!by_linear(vt, vaddr, &found_paddr, &found_len)) {
		int err = vt->has_tables ? walk(vt, vaddr, &found_paddr, &found_len) : -ENODATA;

		if (err)
			return err;
	}
	*paddr = found_paddr;
	if (len)
		*len = found_len;
	return 0;
}

int vtop_read(struct vtop *vt, uint64_t vaddr, void *buf, size_t len)
{
	uint8_t *at = buf;

	if (len && vaddr + (len - 1) < vaddr)
		return -ENODATA;
	while (len) {
		uint64_t paddr, some;
		int err = vtop(vt, vaddr, &paddr, &some);

		if (err)
			return err;
		if (some > len)
			some = len;
		err = vmcore_read(vt->core, paddr, at, some);
		if (err)
			return err;
		at += some;
		vaddr += some;
		len -= some;
	}
	return 0;
}

int vtop_read_word(struct vtop *vt, uint64_t vaddr, uint64_t *value)
{
	bool big_endian = vt->core->big_endian;
	uint8_t bytes[8];
	int err;

	if (vt->core->width != 4 && vt->core->width != 8)
		return -ENODATA;
	err = vtop_read(vt, vaddr, bytes, vt->core->width);
	if (err)
		return err;
	*value = vt->core->width == 4 ? get_u32(bytes, big_endian) : get_u64(bytes, big_endian);
	return 0;
}

int vtop_read_u32(struct vtop *vt, uint64_t vaddr, uint32_t *value)
{
	uint8_t bytes[4];
	int err = vtop_read(vt, vaddr, bytes, sizeof(bytes));

	if (!err)
		*value = get_u32(bytes, vt->core->big_endian);
	return err;
}
