// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/kernel_map.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Pages of 4 KiB are the smallest that a kernel of any architecture has. */
#define PAGE_MASK 0xfffull

/*
 * Kernel images move by multiples of this in virtual and in physical memory: CONFIG_PHYSICAL_ALIGN on x86_64,
 * MIN_KIMG_ALIGN on arm64. So a symbol and its place in memory agree in the bits below.
 */
#define IMAGE_STEP (2ull << 20)

/* __START_KERNEL_map of Documentation/x86/x86_64/mm.rst: physical address 0, plus phys_base, is mapped here. */
#define X86_64_KERNEL_MAP 0xffffffff80000000ull

bool kallsyms_find(const struct view *kallsyms, const char *name, uint64_t *vaddr)
{
	struct text rest = text_of((const char *)kallsyms->base, kallsyms->len), line;

	while (text_line(&rest, &line)) {
		uint64_t value;

		/*
		 * "ffffffff81000000 T _text", and "\t[module]" behind a module's. Of no other symbol do the
		 * first 18 bytes matter.
		 */
		if (!text_stops(&line, name) || !text_u64(&line, 16, &value))
			continue;
		if (!text_take(&line, " ") || line.len < 2)
			continue;
		text_until(&line, ' ');
		if (!text_is(&line, name) || !value)
			continue;
		*vaddr = value;
		return true;
	}
	return false;
}

/*
 * vaddr - paddr of the image as the vmcoreinfo tells. Which key is there decides; no two architectures share one.
 */
static bool offset_from_vmcoreinfo(const struct view *vmcoreinfo, uint64_t *offset)
{
	uint64_t value;

	if (vmcoreinfo_text_number(vmcoreinfo, "NUMBER(phys_base)", 10, &value)) {
		*offset = X86_64_KERNEL_MAP - value;
		return true;
	}
	if (vmcoreinfo_text_number(vmcoreinfo, "NUMBER(kimage_voffset)", 0, &value)) {
		*offset = value;
		return true;
	}
	return false;
}

/*
 * "Kernel code" starts at _text on x86_64; on arm64 at _text, or at _stext since Linux 5.11. Debian's arm64
 * kernels have no _text in kallsyms, and two symbols 64 KiB apart must not be mixed up: the bits below
 * IMAGE_STEP tell which of them it is.
 */
static int offset_from_kallsyms(const struct root *root, const struct range *code, bool *found, uint64_t *offset)
{
	static const char *const names[] = { "_text", "_stext" };
	struct blob text;
	struct view view;
	uint64_t vaddr;
	int err;

	*found = false;
	blob_init(&text);
	err = root_read(root, "proc/kallsyms", ROOT_READ_MAX, &text);
	if (err == -ENOMEM)
		return err;
	if (err) {
		debug("%s", err_text());
		err_clear();
	}
	view = blob_view(&text, "/proc/kallsyms");
	for (size_t i = 0; !*found && i < sizeof(names) / sizeof(names[0]); i++) {
		if (kallsyms_find(&view, names[i], &vaddr) && !((vaddr - code->start) % IMAGE_STEP)) {
			*offset = vaddr - code->start;
			*found = true;
		}
	}
	blob_deinit(&text);
	return 0;
}

/* First and last byte of the image, as far as iomem names its parts. The first one is rounded down to a page. */
static struct range image_span(const struct memmap *m)
{
	struct range span = m->kernel_code;

	if (m->kernel_data.last >= m->kernel_data.start && m->kernel_data.last > span.last)
		span.last = m->kernel_data.last;
	if (m->kernel_bss.last >= m->kernel_bss.start && m->kernel_bss.last > span.last)
		span.last = m->kernel_bss.last;
	span.start &= ~PAGE_MASK;
	return span;
}

static bool outside_crash(const struct memmap *m, const struct range *span)
{
	for (size_t i = 0; i < m->crash.nr; i++) {
		if (m->crash.r[i].start <= span->last && m->crash.r[i].last >= span->start)
			return false;
	}
	return true;
}

/* What is wrong with this mapping; NULL when nothing is. */
static const char *implausible(const struct range *span, uint64_t offset, const struct view *vmcoreinfo,
			       const struct arch *arch, const struct memmap *m)
{
	uint64_t vaddr = span->start + offset, vlast = span->last + offset, stext;

	if (!ranges_cover(&m->ram, span->start, span->last))
		return "the kernel image of /proc/iomem does not lie in RAM";
	if (!outside_crash(m, span))
		return "the kernel image of /proc/iomem lies in a crash region";
	if (vaddr & PAGE_MASK)
		return "its virtual address is not page aligned";
	if (vlast < vaddr)
		return "its virtual addresses would wrap around";
	if (arch->word == 8 ? !(vaddr >> 63) : vlast > UINT32_MAX)
		return "its virtual address is not one of the kernel's";
	if (vmcoreinfo_text_number(vmcoreinfo, "SYMBOL(_stext)", 16, &stext) && (stext < vaddr || stext > vlast))
		return "the symbol _stext would lie outside";
	return NULL;
}

int kernel_map_find(struct kernel_map *map, char **why, const struct view *vmcoreinfo, const struct root *root,
		    const struct arch *arch, const struct memmap *m)
{
	const struct range *code = &m->kernel_code;
	const struct range span = image_span(m);
	const char *reason = NULL;
	uint64_t offset = 0;
	bool found;
	int err;

	map->known = false;
	if (code->last < code->start) {
		reason = "/proc/iomem has no \"Kernel code\" line";
	} else if (!offset_from_vmcoreinfo(vmcoreinfo, &offset)) {
		err = offset_from_kallsyms(root, code, &found, &offset);
		if (err)
			return err;
		if (!found)
			reason = "neither the vmcoreinfo in /proc/kcore nor /proc/kallsyms tells where it is mapped";
	}
	if (!reason)
		reason = implausible(&span, offset, vmcoreinfo, arch, m);
	if (reason) {
		free(*why);
		*why = strdup(reason);
		return *why ? 0 : fail(-ENOMEM, "out of memory");
	}
	*map = (struct kernel_map){ true, span.start + offset, span.start, span.last - span.start + 1 };
	debug("kernel image: %#" PRIx64 " is mapped at %#" PRIx64, map->paddr, map->vaddr);
	return 0;
}
