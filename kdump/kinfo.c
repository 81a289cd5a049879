// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/kinfo.h"

#include "kdump/ksyms.h"
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* VMCOREINFO first; the dump's own BTF is read when something is asked for that is not there, and only once. */
struct lookup {
	struct vtop *vt;
	struct ksyms *syms;
	struct btf *btf;
	bool tried;
};

static void lookup_open(struct lookup *l)
{
	if (l->tried)
		return;
	l->tried = true;
	if (!l->vt->core || ksyms_open(&l->syms, l->vt) || btf_read(&l->btf, l->vt, l->syms)) {
		debug("no BTF: %s", err_text());
		err_clear();
	}
}

static void lookup_close(struct lookup *l)
{
	btf_close(l->btf);
	ksyms_close(l->syms);
}

/* OFFSET(TYPE.MEMBER) */
static bool find_offset(struct lookup *l, struct kfield *f, const char *type, const char *member)
{
	uint64_t off;
	char key[64];

	snprintf(key, sizeof(key), "%s.%s", type, member);
	f->present = vmcoreinfo_offset(l->vt->vi, key, &off);
	if (!f->present) {
		lookup_open(l);
		f->present = l->btf && !btf_member(l->btf, type, member, &off, NULL);
	}
	/* No field that we look at lies further than this inside struct page, folio or mem_section. */
	if (f->present && off > 1024) {
		warn("%s is said to be at %llu: not believed", key, (unsigned long long)off);
		f->present = false;
	}
	if (f->present)
		f->off = off;
	return f->present;
}

/* The same, from VMCOREINFO alone: for what most kernels rightly lack. */
static bool told_offset(struct lookup *l, struct kfield *f, const char *key)
{
	uint64_t off;

	f->present = vmcoreinfo_offset(l->vt->vi, key, &off) && off <= 1024;
	if (f->present)
		f->off = off;
	return f->present;
}

static bool told_number(struct lookup *l, struct knumber *n, const char *key)
{
	n->present = vmcoreinfo_number(l->vt->vi, key, &n->value);
	return n->present;
}

/* A bit of page->flags. */
static bool find_flag(struct lookup *l, struct knumber *n, const char *name)
{
	if (!told_number(l, n, name)) {
		lookup_open(l);
		n->present = l->btf && !btf_enumerator(l->btf, "pageflags", name, &n->value);
	}
	if (n->present && (n->value < 0 || n->value > 63))
		n->present = false;
	return n->present;
}

static bool find_size(struct lookup *l, uint64_t *size, const char *type)
{
	if (vmcoreinfo_size(l->vt->vi, type, size))
		return true;
	lookup_open(l);
	return l->btf && !btf_struct_size(l->btf, type, size);
}

/* The type NAME as VMCOREINFO has it, KEY, or out of the enumeration that 6.11 introduced. */
static bool find_type(struct lookup *l, struct knumber *n, const char *key, const char *name)
{
	if (!told_number(l, n, key) && l->btf) {
		char enumerator[32];

		snprintf(enumerator, sizeof(enumerator), "PGTY_%s", name);
		n->present = !btf_enumerator(l->btf, "pagetype", enumerator, &n->value);
		n->value = (int64_t)((uint64_t)n->value << 24);
		snprintf(enumerator, sizeof(enumerator), "PG_%s", name);
		if (!n->present) {
			n->present = !btf_enumerator(l->btf, "pagetype", enumerator, &n->value);
			n->value = ~n->value;
		}
	}
	n->value = (uint32_t)n->value;
	return n->present;
}

/*
 * Both schemes use the same names. A type of 6.12 and later has nothing below its top byte; one of before has every bit
 * but its own set.
 */
static enum page_type_scheme type_scheme(const struct knumber *n)
{
	uint32_t value = n->value, cleared = ~value;

	if (!n->present || !value)
		return PAGE_TYPE_NONE;
	if (!(value & 0xffffff))
		return value >> 24 >= 0x80 ? PAGE_TYPE_TOP_BYTE : PAGE_TYPE_NONE;
	return cleared && !(cleared & (cleared - 1)) && value >> 31 ? PAGE_TYPE_BITS_CLEARED : PAGE_TYPE_NONE;
}

static void read_types(struct kinfo *k, struct lookup *l)
{
	uint64_t nr_orders;

	/* 11 unless configured otherwise; up to 14 with 64 KiB pages. */
	if (!vmcoreinfo_length(l->vt->vi, "zone.free_area", &nr_orders) || !nr_orders || nr_orders > 32)
		nr_orders = 11;
	k->max_buddy_order = nr_orders - 1;
	if (!told_number(l, &k->type_buddy, "PAGE_BUDDY_MAPCOUNT_VALUE"))
		lookup_open(l);
	find_type(l, &k->type_buddy, "PAGE_BUDDY_MAPCOUNT_VALUE", "buddy");
	find_type(l, &k->type_offline, "PAGE_OFFLINE_MAPCOUNT_VALUE", "offline");
	find_type(l, &k->type_slab, "PAGE_SLAB_MAPCOUNT_VALUE", "slab");
	find_type(l, &k->type_hugetlb, "PAGE_HUGETLB_MAPCOUNT_VALUE", "hugetlb");
	find_type(l, &k->type_unaccepted, "PAGE_UNACCEPTED_MAPCOUNT_VALUE", "unaccepted");
	find_type(l, &k->type_table, "PAGE_TABLE_MAPCOUNT_VALUE", "table");
	k->scheme = type_scheme(&k->type_buddy);
	struct knumber *types[] = { &k->type_offline, &k->type_slab, &k->type_hugetlb, &k->type_unaccepted,
				    &k->type_table };
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (type_scheme(types[i]) != k->scheme)
			types[i]->present = false;
	/*
	 * Page tables are told by no VMCOREINFO. Their type is the neighbour of "offline" in every release that has
	 * one: 0x80, 0x100, 0x200 since 4.18; 0x40000000, 0x20000000, 0x10000000 in 6.11; 0xf0, 0xf1, 0xf2 since 6.12.
	 * It only says which kernel pages are saved first.
	 */
	if (!k->type_table.present && k->type_buddy.present && k->type_offline.present && k->scheme != PAGE_TYPE_NONE) {
		uint32_t buddy = k->type_buddy.value, offline = k->type_offline.value;

		k->type_table.present = true;
		if (k->scheme == PAGE_TYPE_TOP_BYTE)
			k->type_table.value = (uint32_t)(offline + (offline - buddy));
		else
			k->type_table.value = (uint32_t)~(~offline > ~buddy ? ~offline << 1 : ~offline >> 1);
		if (type_scheme(&k->type_table) != k->scheme)
			k->type_table.present = false;
	}
}

static void read_compound(struct kinfo *k, struct lookup *l)
{
	struct kfield in_tail;

	if (told_offset(l, &k->compound_head, "page.compound_info"))
		k->compound_info = true;
	else if (!told_offset(l, &k->compound_head, "page.compound_head") &&
		 !find_offset(l, &k->compound_head, "page", "compound_head"))
		k->compound_info = find_offset(l, &k->compound_head, "page", "compound_info");

	/* OFFSET(folio...) counts from the head, OFFSET(page...) from the first tail. */
	if (told_offset(l, &k->order, "folio._folio_order")) {
		k->order_scheme = PAGE_ORDER_BYTE;
	} else if (told_offset(l, &in_tail, "page.compound_order")) {
		k->order = in_tail;
		k->order.off += k->page_size_bytes;
		k->order_scheme = PAGE_ORDER_BYTE;
	} else {
		k->order_scheme = PAGE_ORDER_FLAGS;
	}
	if (told_offset(l, &k->dtor, "folio._folio_dtor")) {
		k->hugetlb_scheme = HUGETLB_DTOR;
	} else if (told_offset(l, &in_tail, "page.compound_dtor")) {
		k->dtor = in_tail;
		k->dtor.off += k->page_size_bytes;
		k->hugetlb_scheme = HUGETLB_DTOR;
	}
	told_number(l, &k->hugetlb_dtor, "HUGETLB_PAGE_DTOR");
	told_number(l, &k->pg_hugetlb, "PG_hugetlb");
	if (k->type_hugetlb.present)
		k->hugetlb_scheme = HUGETLB_TYPE;
	else if (k->pg_hugetlb.present && k->pg_hugetlb.value >= 8 && k->pg_hugetlb.value < 64)
		k->hugetlb_scheme = HUGETLB_FLAG;
	else if (!k->hugetlb_dtor.present)
		k->hugetlb_scheme = HUGETLB_NONE;
}

static void read_flags(struct kinfo *k, struct lookup *l)
{
	int64_t mask;

	find_flag(l, &k->pg_lru, "PG_lru");
	find_flag(l, &k->pg_private, "PG_private");
	find_flag(l, &k->pg_swapcache, "PG_swapcache");
	find_flag(l, &k->pg_swapbacked, "PG_swapbacked");
	/* A kernel without CONFIG_MEMORY_FAILURE has no such flag. */
	told_number(l, &k->pg_hwpoison, "PG_hwpoison");
	if (k->pg_hwpoison.value < 0 || k->pg_hwpoison.value > 63)
		k->pg_hwpoison.present = false;
	/* Since 6.10 slab is a type. */
	if (!k->type_slab.present)
		find_flag(l, &k->pg_slab, "PG_slab");
	if (vmcoreinfo_number(l->vt->vi, "PG_head_mask", &mask) && mask && !(mask & (mask - 1))) {
		k->pg_head.present = true;
		k->pg_head.value = __builtin_ctzll(mask);
	} else {
		find_flag(l, &k->pg_head, "PG_head");
	}
	/*
	 * No VMCOREINFO has PG_reserved; it has stood in front of PG_private since 2.6.25. It only says which kernel
	 * pages are saved first.
	 */
	if (k->pg_private.present && k->pg_private.value) {
		k->pg_reserved.present = true;
		k->pg_reserved.value = k->pg_private.value - 1;
		if (l->btf)
			find_flag(l, &k->pg_reserved, "PG_reserved");
	}
}

static int read_sections(struct kinfo *k, struct lookup *l)
{
	const struct vmcoreinfo *vi = l->vt->vi;
	int64_t size_bits, physmem_bits;

	if (!vmcoreinfo_symbol(vi, "vmemmap", &k->vmemmap_vaddr))
		k->vmemmap_vaddr = 0;
	if (!vmcoreinfo_number(vi, "SECTION_SIZE_BITS", &size_bits) ||
	    !vmcoreinfo_number(vi, "MAX_PHYSMEM_BITS", &physmem_bits) ||
	    !vmcoreinfo_symbol(vi, "mem_section", &k->mem_section_vaddr) ||
	    !vmcoreinfo_length(vi, "mem_section", &k->mem_section_length))
		return fail(-ENODATA, "its VMCOREINFO does not tell where the struct pages are (mem_section)");
	if (!find_size(l, &k->mem_section_size, "mem_section") ||
	    !find_offset(l, &k->section_mem_map, "mem_section", "section_mem_map"))
		return fail(-ENODATA, "its VMCOREINFO does not describe struct mem_section");
	/*
	 * Sections are 16 MiB to 1 GiB (arch/Kconfig and sparsemem.h of 5.10 to 7.2), the largest machine has 52
	 * bits.
	 */
	if (size_bits < 20 || size_bits > 36 || physmem_bits <= size_bits || physmem_bits > 56 ||
	    k->mem_section_size < 8 || k->mem_section_size > 4096 ||
	    k->section_mem_map.off > k->mem_section_size - 8 || !k->mem_section_length)
		return fail(-ENODATA, "its VMCOREINFO describes memory sections that cannot be");
	k->section_size_bits = size_bits;
	k->max_physmem_bits = physmem_bits;
	return 0;
}

static void read_image(struct kinfo *k, struct lookup *l)
{
	if (!vmcoreinfo_symbol(l->vt->vi, "_stext", &k->stext_vaddr))
		k->stext_vaddr = 0;
	if (!l->syms || ksyms_find(l->syms, "_end", &k->kernel_last_vaddr) || k->kernel_last_vaddr <= k->stext_vaddr)
		k->kernel_last_vaddr = 0;
	else
		k->kernel_last_vaddr--;
}

/* Say once which levels have no effect. */
static void tell_unknown(const struct kinfo *k)
{
	if (k->scheme == PAGE_TYPE_NONE || !k->mapcount.present || !k->private_.present)
		warn("free pages cannot be told from others: they are kept");
	if (!k->pg_lru.present || !k->mapping.present)
		warn("page cache cannot be told from other pages: it is kept");
	if (!k->mapping.present || (!k->type_slab.present && !k->pg_slab.present))
		warn("user pages cannot be told from others: they are kept");
	if (!k->pg_head.present || !k->compound_head.present)
		warn("compound pages cannot be recognised: of these only the first page is left out");
}

static int check_fields(struct kinfo *k)
{
	struct kfield *words[] = { &k->flags, &k->mapping, &k->private_, &k->compound_head };
	struct kfield *halves[] = { &k->refcount, &k->mapcount };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		words[i]->present = words[i]->present && words[i]->off <= k->page_size_bytes - 8;
	for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++)
		halves[i]->present = halves[i]->present && halves[i]->off <= k->page_size_bytes - 4;
	return k->flags.present ? 0 : fail(-ENODATA, "its VMCOREINFO describes a struct page that cannot be");
}

int kinfo_read(struct kinfo *k, struct vtop *vt)
{
	struct lookup l = { .vt = vt };
	struct kinfo new = { 0 };
	const char *release;
	size_t len;
	int err;

	if (!vt->vi)
		return fail(-ENODATA, "it has no VMCOREINFO");
	if (vmcoreinfo_string(vt->vi, "OSRELEASE", &release, &len) && len < sizeof(new.release))
		memcpy(new.release, release, len);
	/* struct page: 32 bytes on small machines, 64, with debugging more; words must not straddle. */
	if (!find_size(&l, &new.page_size_bytes, "page") || new.page_size_bytes < 32 || new.page_size_bytes > 512 ||
	    new.page_size_bytes % 8)
		err = fail(-ENODATA, "its VMCOREINFO does not tell the size of struct page");
	else if (!find_offset(&l, &new.flags, "page", "flags"))
		err = fail(-ENODATA, "its VMCOREINFO does not tell the layout of struct page");
	else
		err = read_sections(&new, &l);
	if (!err) {
		find_offset(&l, &new.refcount, "page", "_refcount");
		find_offset(&l, &new.mapping, "page", "mapping");
		find_offset(&l, &new.mapcount, "page", "_mapcount");
		find_offset(&l, &new.private_, "page", "private");
		read_types(&new, &l);
		read_compound(&new, &l);
		read_flags(&new, &l);
		read_image(&new, &l);
		err = check_fields(&new);
	}
	lookup_close(&l);
	if (err)
		return err;
	tell_unknown(&new);
	*k = new;
	return 0;
}
