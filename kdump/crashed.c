// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/crashed.h"

#include "lib/elf.h"
#include "lib/err.h"
#include "lib/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Pages around a stack pointer that may be the stack: 16 KiB on x86_64 and arm64, 32 KiB with KASAN. */
#define STACK_BYTES 0x8000u

/* struct new_utsname (include/uapi/linux/utsname.h): six fields of 65 characters. */
static bool utsname_plausible(char names[6][65])
{
	for (int i = 0; i < 6; i++) {
		if (!memchr(names[i], 0, sizeof(names[i])))
			return false;
		for (const char *at = names[i]; *at; at++)
			if (!isprint((unsigned char)*at))
				return false;
	}
	return !strcmp(names[0], "Linux");
}

static void read_utsname(struct crashed *cr)
{
	const char *release;
	uint64_t uts, off;
	size_t len;

	memcpy(cr->utsname, cr->core.utsname, sizeof(cr->utsname));
	if (cr->utsname[0][0])
		return;
	if (cr->has_vtop && vmcoreinfo_symbol(&cr->vi, "init_uts_ns", &uts) &&
	    vmcoreinfo_offset(&cr->vi, "uts_namespace.name", &off) &&
	    !vtop_read(&cr->vt, uts + off, cr->utsname, sizeof(cr->utsname)) && utsname_plausible(cr->utsname))
		return;
	memset(cr->utsname, 0, sizeof(cr->utsname));
	strcpy(cr->utsname[0], "Linux");
	if (vmcoreinfo_string(&cr->vi, "OSRELEASE", &release, &len) && len < sizeof(cr->utsname[2]))
		memcpy(cr->utsname[2], release, len);
	if (kdump_arch_find(cr->core.machine))
		strcpy(cr->utsname[4], kdump_arch_find(cr->core.machine)->utsname_machine);
}

typedef void on_cpu_note(struct crashed *cr, const struct elf_note *note);

static void each_cpu_note(struct crashed *cr, on_cpu_note *seen)
{
	struct view notes = blob_view(&cr->core.notes, "notes");
	struct cursor c;
	struct elf_note note;

	notes.big_endian = cr->core.big_endian;
	c = cursor_at(&notes, 0);
	while (elf_note_next(&c, &note) == 1)
		if (note.type == NT_PRSTATUS && elf_note_is(&note, "CORE"))
			seen(cr, &note);
	err_clear();
}

static void count_cpu(struct crashed *cr, const struct elf_note *note)
{
	(void)note;
	cr->nr_cpus++;
}

int crashed_open(struct crashed *cr, const char *source, unsigned int flags)
{
	struct view text;
	const char *time;
	size_t len;
	int err;

	*cr = (struct crashed){ 0 };
	err = vmcore_open_flags(&cr->core, source, flags);
	if (err)
		return err;
	classifier_init(&cr->c, &cr->core);
	text = blob_view(&cr->core.vmcoreinfo, "VMCOREINFO");
	err = vmcoreinfo_init(&cr->vi, &text);
	if (err) {
		crashed_close(cr);
		return err;
	}
	if (vtop_init(&cr->vt, &cr->core, &cr->vi)) {
		warn("%s", err_text());
		err_clear();
	} else {
		cr->has_vtop = true;
	}
	read_utsname(cr);
	if (vmcoreinfo_string(&cr->vi, "CRASHTIME", &time, &len)) {
		struct text t = text_of(time, len);

		if (!text_u64(&t, 10, &cr->crash_time))
			cr->crash_time = 0;
	}
	each_cpu_note(cr, count_cpu);
	return 0;
}

static int add_special(struct crashed *cr, uint64_t vaddr, uint64_t last, enum page_class class)
{
	unsigned int shift = cr->core.page_shift;

	while (vaddr <= last) {
		uint64_t paddr, len, rest = (1ull << shift) - (vaddr & ((1ull << shift) - 1));
		int err;

		if (vtop(&cr->vt, vaddr, &paddr, &len) || !len) {
			len = rest;
		} else {
			len = len < last - vaddr + 1 ? len : last - vaddr + 1;
			err = ranges_add(&cr->c.special, paddr >> shift, (paddr + (len - 1)) >> shift, class);
			if (err)
				return err;
		}
		if (len > last - vaddr)
			break;
		vaddr += len;
	}
	return 0;
}

/* The stacks that the CPUs were on: with CONFIG_VMAP_STACK nothing else tells them from other kernel pages. */
static void add_stack(struct crashed *cr, const struct elf_note *note)
{
	const struct kdump_arch *arch = cr->vt.arch;
	uint64_t off = arch->prstatus_reg_off + (uint64_t)arch->sp_reg * 8, sp, first;

	if (note->desc.len < 8 || off > note->desc.len - 8)
		return;
	sp = get_u64(note->desc.base + off, cr->core.big_endian);
	if (sp >> 56 != 0xff || sp > UINT64_MAX - STACK_BYTES)
		return;
	first = sp & ~(uint64_t)(STACK_BYTES / 2 - 1);
	/* Out of memory only costs the place in the order. */
	add_special(cr, first, first + STACK_BYTES / 2 - 1, CLASS_KERNEL_CRITICAL);
}

/* An image is never larger than this (KERNEL_IMAGE_SIZE of x86_64; arm64's is less). */
#define IMAGE_BYTES_MAX (1ull << 30)

static int find_special(struct crashed *cr)
{
	const struct kinfo *k = &cr->k;
	int err = memmodel_own_pfns(&cr->m, &cr->c.special, CLASS_STRUCT_PAGES);

	if (!err && k->stext_vaddr && k->kernel_last_vaddr > k->stext_vaddr &&
	    k->kernel_last_vaddr - k->stext_vaddr < IMAGE_BYTES_MAX)
		err = add_special(cr, k->stext_vaddr, k->kernel_last_vaddr, CLASS_KERNEL_CRITICAL);
	if (!err)
		each_cpu_note(cr, add_stack);
	return err;
}

void crashed_classify(struct crashed *cr)
{
	int err = -ENODATA;

	if (cr->has_vtop)
		err = kinfo_read(&cr->k, &cr->vt);
	if (!err)
		err = memmodel_init(&cr->m, &cr->vt, &cr->k);
	if (!err) {
		cr->c.k = &cr->k;
		cr->c.m = &cr->m;
		cr->classified = true;
		err = find_special(cr);
	}
	if (!err)
		return;
	warn("pages cannot be told apart: %s; all are kept",
	     cr->has_vtop ? err_text() : "the kernel cannot be looked into");
	err_clear();
	crashed_forget_classes(cr);
}

void crashed_forget_classes(struct crashed *cr)
{
	classifier_deinit(&cr->c);
	classifier_init(&cr->c, &cr->core);
	memmodel_deinit(&cr->m);
	cr->classified = false;
}

void crashed_close(struct crashed *cr)
{
	classifier_deinit(&cr->c);
	memmodel_deinit(&cr->m);
	vmcoreinfo_deinit(&cr->vi);
	vmcore_close(&cr->core);
	*cr = (struct crashed){ 0 };
}
