// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/corehdr.h"

#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>

/* One PT_LOAD to be. SKEW is the difference p_offset - p_paddr (modulo 2^64): where the backup moved the bytes. */
struct piece {
	uint64_t start;
	uint64_t last;
	uint64_t skew;
};

struct builder {
	const struct core_layout *layout;
	struct elf elf;
	struct blob *out;
};

/*
 * Split START..LAST where the backup starts and stops: at most three pieces. Every piece inside the backup
 * keeps its distance from the backup's start, so that RAM with holes may be copied as one span.
 */
static size_t split(const struct core_backup *backup, uint64_t start, uint64_t last, struct piece piece[3])
{
	uint64_t from = backup->from, to_last = backup->from + (backup->len - 1);
	size_t n = 0;

	if (!backup->len || last < from || start > to_last) {
		piece[n++] = (struct piece){ start, last, 0 };
		return n;
	}
	if (start < from) {
		piece[n++] = (struct piece){ start, from - 1, 0 };
		start = from;
	}
	piece[n++] = (struct piece){ start, last < to_last ? last : to_last, backup->to - from };
	if (last > to_last)
		piece[n++] = (struct piece){ to_last + 1, last, 0 };
	return n;
}

/*
 * The kernel's image is described a second time, under its own addresses; ELF32 headers have no room for
 * those of a 64-bit kernel.
 */
static bool has_kernel(const struct core_layout *layout)
{
	const struct kernel_map *kernel = &layout->info->kernel;

	return kernel->known && kernel->len &&
	       (layout->width == 8 || (kernel->vaddr <= UINT32_MAX && kernel->len - 1 <= UINT32_MAX - kernel->vaddr));
}

static int check_layout(const struct core_layout *layout)
{
	const struct core_backup *backup = &layout->backup;
	const struct kernel_map *kernel = &layout->info->kernel;

	if (layout->width != 4 && layout->width != 8)
		return fail(-EINVAL, "core headers have words of 4 or 8 bytes, not of %u", layout->width);
	if (backup->len && (backup->len - 1 > UINT64_MAX - backup->from || backup->len - 1 > UINT64_MAX - backup->to))
		return fail(-EINVAL, "the backup of %" PRIu64 " bytes from %#" PRIx64 " to %#" PRIx64 " wraps around",
			    backup->len, backup->from, backup->to);
	if (has_kernel(layout) && kernel->len - 1 > UINT64_MAX - kernel->paddr)
		return fail(-EINVAL, "the kernel image of %" PRIu64 " bytes at %#" PRIx64 " wraps around", kernel->len,
			    kernel->paddr);
	return 0;
}

static uint64_t count_headers(const struct core_layout *layout)
{
	const struct kernel_map *kernel = &layout->info->kernel;
	uint64_t nr = layout->info->nr_notes + (layout->info->vmcoreinfo_len ? 1 : 0);
	struct piece piece[3];

	if (has_kernel(layout))
		nr += split(&layout->backup, kernel->paddr, kernel->paddr + (kernel->len - 1), piece);
	for (size_t i = 0; i < layout->dump->nr; i++)
		nr += split(&layout->backup, layout->dump->r[i].start, layout->dump->r[i].last, piece);
	return nr;
}

/*
 * ELF stores a count of PN_XNUM and more in a section header, which /proc/vmcore does not look at:
 * fs/proc/vmcore.c of Linux reads e_phnum only. Such headers would lose most of the memory.
 */
int corehdr_size(const struct core_layout *layout, uint64_t *size)
{
	int err = check_layout(layout);
	uint64_t nr;

	if (err)
		return err;
	nr = count_headers(layout);
	if (nr >= PN_XNUM)
		return fail(-E2BIG, "the dump would need %" PRIu64 " ELF headers (%zu CPUs, %zu memory ranges); "
			    "/proc/vmcore takes at most %u", nr, layout->info->nr_notes, layout->dump->nr, PN_XNUM - 1);
	*size = elf_ehdr_size(layout->width) + nr * elf_phdr_size(layout->width);
	return 0;
}

static int put(struct builder *b, const struct elf_phdr *ph)
{
	int err;

	/* The room was reserved with corehdr_size(). */
	err = elf_phdr_put(&b->elf, ph, b->out->data + b->out->len);
	if (!err)
		b->out->len += elf_phdr_size(b->elf.width);
	return err;
}

/* Does START..START+LEN-1 lie below 4 GiB, or may it lie anywhere? */
static int check_width(const struct builder *b, const char *what, uint64_t start, uint64_t len)
{
	if (b->elf.width == 8 || (start <= UINT32_MAX && len <= UINT32_MAX && len - 1 <= UINT32_MAX - start))
		return 0;
	return fail(-ERANGE, "%s at %#" PRIx64 "-%#" PRIx64 " does not fit ELF32 core headers; use "
		    "--elf64-core-headers",
		    what, start, start + (len - 1));
}

static int put_note(struct builder *b, const char *what, uint64_t paddr, uint64_t len)
{
	const struct elf_phdr ph = { .type = PT_NOTE, .off = paddr, .paddr = paddr, .filesz = len, .memsz = len };
	int err = check_width(b, what, paddr, len);

	return err ? err : put(b, &ph);
}

/*
 * All ones is "no virtual address": readers then go by the physical one. A direct map that would put this
 * piece elsewhere than into the upper half, or wrap, is not where it is mapped.
 */
static uint64_t direct_vaddr(const struct builder *b, const struct crash_info *info, const struct piece *p)
{
	const uint64_t none = b->elf.width == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t vaddr = p->start + info->direct_map_offset, vlast = p->last + info->direct_map_offset;

	if (!info->direct_map_known || vlast < vaddr)
		return none;
	if (b->elf.width == 4)
		return vlast <= UINT32_MAX ? vaddr : none;
	return vaddr >> 63 ? vaddr : none;
}

static int put_load(struct builder *b, const struct piece *p, uint64_t vaddr)
{
	const uint64_t len = p->last - p->start + 1;
	const struct elf_phdr ph = {
		.type = PT_LOAD,
		.flags = PF_R | PF_W | PF_X,
		.off = p->start + p->skew,
		.vaddr = vaddr,
		.paddr = p->start,
		.filesz = len,
		.memsz = len,
	};
	int err;

	if (!len)
		return fail(-EINVAL, "a memory range has all of 2^64 bytes, more than an ELF header can tell");
	err = check_width(b, "RAM", p->start, len);
	if (!err && p->skew)
		err = check_width(b, "the backup copy", ph.off, len);
	return err ? err : put(b, &ph);
}

static int put_kernel(struct builder *b)
{
	const struct kernel_map *kernel = &b->layout->info->kernel;
	struct piece piece[3];
	size_t n = split(&b->layout->backup, kernel->paddr, kernel->paddr + (kernel->len - 1), piece);
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = put_load(b, &piece[i], kernel->vaddr + (piece[i].start - kernel->paddr));
	return err;
}

/*
 * Ranges that are no multiples of a page are written as they are: fs/proc/vmcore.c rounds what it reads to
 * whole pages and keeps the exact bytes in the headers that it shows, so a reader sees neither more nor less
 * RAM than there is.
 */
static int put_ram(struct builder *b, const struct range *r)
{
	const struct crash_info *info = b->layout->info;
	struct piece piece[3];
	size_t n = split(&b->layout->backup, r->start, r->last, piece);
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = put_load(b, &piece[i], direct_vaddr(b, info, &piece[i]));
	return err;
}

static int put_all(struct builder *b)
{
	const struct core_layout *layout = b->layout;
	const struct crash_info *info = layout->info;
	int err = 0;

	for (size_t i = 0; !err && i < info->nr_notes; i++)
		err = put_note(b, "the note of a CPU", info->notes[i].paddr, info->notes[i].len);
	if (!err && info->vmcoreinfo_len)
		err = put_note(b, "the vmcoreinfo", info->vmcoreinfo_paddr, info->vmcoreinfo_len);
	if (!err && has_kernel(layout))
		err = put_kernel(b);
	for (size_t i = 0; !err && i < layout->dump->nr; i++)
		err = put_ram(b, &layout->dump->r[i]);
	return err;
}

int corehdr_build(const struct core_layout *layout, struct blob *out)
{
	struct builder b = { .layout = layout, .out = out };
	uint64_t size;
	int err = corehdr_size(layout, &size);

	if (err)
		return err;
	blob_deinit(out);
	err = blob_reserve(out, size);
	if (err)
		return err;
	b.elf.view.big_endian = layout->big_endian;
	b.elf.width = layout->width;
	b.elf.type = ET_CORE;
	b.elf.machine = layout->machine;
	b.elf.nr_phdrs = (size - elf_ehdr_size(layout->width)) / elf_phdr_size(layout->width);
	err = elf_ehdr_put(&b.elf, out->data);
	out->len = elf_ehdr_size(layout->width);
	if (!err)
		err = put_all(&b);
	if (err) {
		blob_deinit(out);
		return err;
	}
	out->data[out->len] = 0;
	return 0;
}
