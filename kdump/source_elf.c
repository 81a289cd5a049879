// SPDX-License-Identifier: GPL-2.0-or-later
/* ELF cores: /proc/vmcore, /proc/kcore, what makedumpfile -E, QEMU and virsh write. */
#include "kdump/source.h"
#include "kdump/source_claims.h"

#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * Program headers are looked at in stretches, so that a header that claims billions costs nothing.
 * A core of some TB without free pages has about one for each MB; more than this is no core.
 */
#define PHDRS_MAX (16u << 20)
#define PHDRS_AT_ONCE 1024

/* makedumpfile's mark for a core that it could not finish (DUMP_ELF_INCOMPLETE). */
#define EF_INCOMPLETE 1

struct elf_core {
	struct source_map map;
	size_t last_hit;           /* index of a load */
};

/* Everything that the program headers told. */
struct headers {
	struct claims claims;
	uint64_t nr_nonsense;      /* that no machine can have */
	uint64_t note_bytes;
	bool notes_damaged;
};

static int add_load(struct headers *h, const struct elf_phdr *ph)
{
	struct claim claim = {
		.load = { .paddr = ph->paddr, .len = ph->filesz, .off = ph->off, .vaddr = ph->vaddr },
		.memsz = ph->memsz > ph->filesz ? ph->memsz : ph->filesz,
	};

	/* /proc/kcore has loads without a physical address: vmalloc. */
	if (!claim.memsz || ph->paddr == UINT64_MAX)
		return 0;
	if (ph->paddr > SOURCE_PADDR_LAST || claim.memsz - 1 > SOURCE_PADDR_LAST - ph->paddr || ph->off > INT64_MAX) {
		h->nr_nonsense++;
		return 0;
	}
	return claims_add(&h->claims, &claim);
}

static int add_note_segment(struct vmcore *v, struct headers *h, const struct elf_phdr *ph)
{
	/* Many headers that name the same notes must not cost more than one. */
	if (!ph->filesz || h->note_bytes >= SOURCE_NOTES_MAX)
		return 0;
	h->note_bytes += ph->filesz < SOURCE_NOTES_MAX ? ph->filesz : SOURCE_NOTES_MAX;
	return source_notes(v, ph->off, ph->filesz, &h->notes_damaged);
}

/* NR program headers that BYTES holds. */
static int take_phdrs(struct vmcore *v, const struct elf *elf, const struct blob *bytes, uint64_t nr,
		struct headers *h)
{
	struct elf table = *elf;
	int err = 0;

	table.view.base = bytes->data;
	table.view.len = bytes->len;
	table.phoff = 0;
	table.nr_phdrs = nr;
	for (uint64_t i = 0; !err && i < nr; i++) {
		struct elf_phdr ph;

		err = elf_phdr(&table, i, &ph);
		if (!err && ph.type == PT_LOAD)
			err = add_load(h, &ph);
		else if (!err && ph.type == PT_NOTE)
			err = add_note_segment(v, h, &ph);
	}
	return err;
}

static int read_phdrs(struct vmcore *v, const struct elf *elf, struct headers *h)
{
	struct blob bytes;
	int err = 0;

	blob_init(&bytes);
	for (uint64_t i = 0; !err && i < elf->nr_phdrs; i += PHDRS_AT_ONCE) {
		uint64_t nr = elf->nr_phdrs - i < PHDRS_AT_ONCE ? elf->nr_phdrs - i : PHDRS_AT_ONCE;
		uint64_t off = elf->phoff + i * elf->phentsize;
		uint64_t whole = off < v->file_len ? (v->file_len - off) / elf->phentsize : 0;
		bool cut = whole < nr;

		nr = cut ? whole : nr;
		bytes.len = 0;
		err = blob_zero(&bytes, nr * elf->phentsize);
		if (!err && source_pread(v, off, bytes.data, bytes.len))
			err = fail(-EIO, "its program headers cannot be read");
		if (!err)
			err = take_phdrs(v, elf, &bytes, nr, h);
		if (!err && cut) {
			warn("%s: only %" PRIu64 " of its %" PRIu64 " program headers are there", v->path,
					i + nr, elf->nr_phdrs);
			v->incomplete = true;
			break;
		}
	}
	blob_deinit(&bytes);
	return err;
}

static int compare_loads(const void *a, const void *b)
{
	const struct vmcore_load *x = a, *y = b;

	return (x->paddr > y->paddr) - (x->paddr < y->paddr);
}

/* What of it the file holds: whole pages, when it is cut short. */
static uint64_t clip_to_file(const struct vmcore *v, struct vmcore_load *l)
{
	uint64_t len = l->len, last_page, have = l->off < v->file_len ? v->file_len - l->off : 0;

	if (len <= have)
		return 0;
	last_page = (l->paddr + have) & ~(vmcore_page_bytes(v) - 1);
	l->len = last_page > l->paddr ? last_page - l->paddr : 0;
	return len - l->len;
}

/*
 * The loads proper, clipped; then what the aliases can give for parts that are missing: they stand
 * first in a file, so a cut leaves them.
 */
static int fill_loads(struct vmcore *v, const struct claims *ram, const struct claims *aliases, uint64_t *missing)
{
	size_t max = ram->nr + 2 * aliases->nr + ram->nr, nr = 0, nr_ram, k = 0;
	uint64_t done = 0;

	v->loads = calloc(max ? max : 1, sizeof(*v->loads));
	if (!v->loads)
		return fail(-ENOMEM, "out of memory for %zu loads", max);
	for (size_t i = 0; i < ram->nr; i++) {
		v->loads[nr] = ram->c[i].load;
		*missing += clip_to_file(v, &v->loads[nr]);
		nr += v->loads[nr].len != 0;
	}
	nr_ram = nr;
	for (size_t i = 0; i < aliases->nr; i++) {
		struct vmcore_load a = aliases->c[i].load;
		uint64_t from, to;

		clip_to_file(v, &a);
		from = a.paddr > done ? a.paddr : done;
		to = a.paddr + a.len;
		while (from < to) {
			uint64_t gap = to;

			while (k < nr_ram && v->loads[k].paddr + v->loads[k].len <= from)
				k++;
			if (k < nr_ram && v->loads[k].paddr <= from) {
				from = v->loads[k].paddr + v->loads[k].len;
				continue;
			}
			if (k < nr_ram && v->loads[k].paddr < gap)
				gap = v->loads[k].paddr;
			v->loads[nr++] = (struct vmcore_load){
				.paddr = from, .len = gap - from, .off = a.off + (from - a.paddr),
						.vaddr = VMCORE_NO_VADDR,
			};
			*missing -= gap - from < *missing ? gap - from : *missing;
			from = gap;
		}
		done = from > done ? from : done;
	}
	v->nr_loads = nr;
	if (nr > nr_ram)
		qsort(v->loads, nr, sizeof(*v->loads), compare_loads);
	return 0;
}

static int keep_aliases(struct vmcore *v, const struct claims *aliases)
{
	if (!aliases->nr)
		return 0;
	v->aliases = calloc(aliases->nr, sizeof(*v->aliases));
	if (!v->aliases)
		return fail(-ENOMEM, "out of memory for %zu loads", aliases->nr);
	for (size_t i = 0; i < aliases->nr; i++)
		v->aliases[v->nr_aliases++] = aliases->c[i].load;
	return 0;
}

/* The core of a process has no physical addresses. */
static bool is_process(const struct claims *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		if (s->c[i].load.paddr)
			return false;
	}
	return s->nr > 1;
}

static int settle_loads(struct vmcore *v, struct headers *h)
{
	struct claims aliases = { 0 };
	uint64_t missing = 0, clipped;
	int err;

	if (is_process(&h->claims))
		return fail(-EINVAL, "it is the core of a process, not of a kernel");
	clipped = claims_clip(&h->claims, v->file_len);
	v->incomplete |= clipped != 0;
	h->nr_nonsense += clipped + claims_mend(&h->claims);
	err = claims_split_aliases(&h->claims, &aliases);
	for (size_t i = 0; !err && i < h->claims.nr; i++)
		err = ranges_add(&v->ram, h->claims.c[i].load.paddr, claim_last(&h->claims.c[i]), 0);
	/* RAM that only an alias tells of; there is none in sane cores. */
	for (size_t i = 0; !err && i < aliases.nr; i++)
		err = ranges_fill(&v->ram, aliases.c[i].load.paddr, claim_last(&aliases.c[i]), 0);
	if (!err)
		err = fill_loads(v, &h->claims, &aliases, &missing);
	if (!err)
		err = keep_aliases(v, &aliases);
	free(aliases.c);
	if (!err && missing) {
		warn("%s: it is cut short: %" PRIu64 " KiB of memory are missing", v->path, (missing + 1023) >> 10);
		v->incomplete = true;
	}
	return err;
}

/* The number of program headers where the ELF header has no room for it. */
static int count_phdrs(struct vmcore *v, struct elf *elf)
{
	uint8_t bytes[sizeof(Elf64_Shdr)];
	struct view shdr = view_of(bytes, elf_shdr_size(elf->width), v->path);

	shdr.big_endian = elf->view.big_endian;
	if (elf->nr_phdrs == PN_XNUM) {
		if (source_pread(v, elf->shoff, bytes, shdr.len))
			return fail(-EINVAL, "the section header with the number of its program headers is missing");
		elf_xnum(elf, &shdr, &elf->nr_phdrs);
	}
	if (elf->nr_phdrs > PHDRS_MAX)
		return fail(-EINVAL, "its header is damaged: it claims %" PRIu64 " program headers", elf->nr_phdrs);
	if (elf->phoff > INT64_MAX)
		return fail(-EINVAL, "its header is damaged: program headers at %#" PRIx64, elf->phoff);
	return 0;
}

static int read_header(struct vmcore *v, struct elf *elf)
{
	uint8_t bytes[sizeof(Elf64_Ehdr)] = { 0 };
	struct view head = view_of(bytes, sizeof(bytes), v->path);
	int err;

	if (source_pread(v, 0, bytes, sizeof(bytes)))
		return fail(-ENOEXEC, "too short for an ELF core, or unreadable");
	err = elf_header(&head, elf);
	if (err == -ENOEXEC)
		return fail(err, "no ELF file");
	if (err)
		return err;
	if (elf->type != ET_CORE)
		return fail(-EINVAL, "it is an ELF file, but no core");
	return count_phdrs(v, elf);
}

/* e_flags mean something else on other machines: the ABI on ppc64, extensions on riscv. */
static bool marked_incomplete(const struct elf *elf)
{
	switch (elf->machine) {
	case EM_X86_64:
	case EM_AARCH64:
	case EM_386:
	case EM_S390:
		return elf->flags & EF_INCOMPLETE;
	default:
		return false;
	}
}

static int elf_source_open(struct vmcore *v)
{
	struct headers h = { 0 };
	struct elf_core *core;
	struct elf elf;
	int err = read_header(v, &elf);

	if (err)
		return err;
	core = calloc(1, sizeof(*core));
	if (!core)
		return fail(-ENOMEM, "out of memory");
	source_map_init(&core->map, v);
	v->priv = core;
	v->machine = elf.machine;
	v->width = elf.width;
	v->big_endian = elf.view.big_endian;
	v->incomplete |= marked_incomplete(&elf);
	err = read_phdrs(v, &elf, &h);
	if (!err && h.notes_damaged)
		source_notes_damaged(v);
	if (!err)
		err = source_page_shift(v);
	if (!err)
		err = settle_loads(v, &h);
	if (!err && h.nr_nonsense)
		warn("%s: %" PRIu64 " of its program headers tell of memory that no machine has; left out or put right",
				v->path, h.nr_nonsense);
	free(h.claims.c);
	return err;
}

/* The first load that stops behind PADDR, or NULL. */
static const struct vmcore_load *load_from(struct vmcore *v, uint64_t paddr)
{
	struct elf_core *core = v->priv;
	const struct vmcore_load *l = v->loads + core->last_hit;
	size_t low = 0, high = v->nr_loads;

	if (core->last_hit < v->nr_loads && l->paddr <= paddr && paddr - l->paddr < l->len)
		return l;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		l = &v->loads[mid];
		if (l->paddr + l->len <= paddr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == v->nr_loads)
		return NULL;
	core->last_hit = low;
	return &v->loads[low];
}

/* A page that no load holds alone: what is RAM of it, and zeros. */
static int read_pieces(struct vmcore *v, uint64_t paddr, uint8_t *buf, size_t len)
{
	const uint64_t page = paddr & ~(vmcore_page_bytes(v) - 1), page_last = page | (vmcore_page_bytes(v) - 1);
	const struct vmcore_load *l = load_from(v, page);
	struct elf_core *core = v->priv;

	if (!l || l->paddr > page_last)
		return -ENODATA;
	memset(buf, 0, len);
	for (; l < v->loads + v->nr_loads && l->paddr < paddr + len; l++) {
		uint64_t from = l->paddr > paddr ? l->paddr : paddr;
		uint64_t to = l->paddr + l->len < paddr + len ? l->paddr + l->len : paddr + len;
		int err = from < to ? source_map_read(&core->map, l->off + (from - l->paddr),
				buf + (from - paddr), to - from) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* A hole in a whole stream is zeros, which kdump does not write; in one that is cut or damaged nobody knows. */
static bool is_lost(const struct vmcore *v, uint64_t off, uint64_t len)
{
	return v->flat && !flattened_whole(v->flat) && !source_has(v, off, len);
}

static int elf_source_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len)
{
	const struct vmcore_load *l = load_from(v, paddr);
	struct elf_core *core = v->priv;

	if (l && l->paddr <= paddr && is_lost(v, l->off + (paddr - l->paddr), len))
		return -ENODATA;
	if (l && l->paddr <= paddr && len <= l->len - (paddr - l->paddr))
		return source_map_read(&core->map, l->off + (paddr - l->paddr), buf, len);
	return read_pieces(v, paddr, buf, len);
}

static const uint8_t *elf_source_at(struct vmcore *v, uint64_t paddr, uint64_t *len)
{
	const uint64_t in_page = vmcore_page_bytes(v) - (paddr & (vmcore_page_bytes(v) - 1));
	const struct vmcore_load *l = load_from(v, paddr);
	struct elf_core *core = v->priv;
	uint64_t left, avail;
	const uint8_t *at;

	if (!l || l->paddr > paddr)
		return NULL;
	left = l->len - (paddr - l->paddr);
	if (left < in_page)
		return NULL;
	at = source_map_at(&core->map, l->off + (paddr - l->paddr), in_page, &avail);
	if (at)
		*len = avail < left ? avail : left;
	return at;
}

static uint64_t elf_source_read_run(struct vmcore *v, uint64_t first_pfn, uint64_t nr, void *buf)
{
	const uint64_t paddr = first_pfn << v->page_shift;
	const struct vmcore_load *l = load_from(v, paddr);
	uint64_t whole;

	if (v->flat || !l || l->paddr > paddr)
		return 0;
	whole = (l->len - (paddr - l->paddr)) >> v->page_shift;
	nr = nr < whole ? nr : whole;
	return nr && !source_pread(v, l->off + (paddr - l->paddr), buf, nr << v->page_shift) ? nr : 0;
}

static void set_bits(uint8_t *bitmap, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		if (i % 8 == 0 && to - i >= 8) {
			bitmap[i / 8] = 0xff;
			i += 7;
		} else {
			bitmap[i / 8] |= 1 << i % 8;
		}
	}
}

/* Pages that are RAM in part are read like others. */
static int elf_source_held(struct vmcore *v, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	const unsigned int shift = v->page_shift;
	const uint64_t pfns = (SOURCE_PADDR_LAST >> shift) + 1;
	const struct vmcore_load *l = first_pfn < pfns ? load_from(v, first_pfn << shift) : NULL;

	for (; l && l < v->loads + v->nr_loads && l->paddr >> shift < first_pfn + nr; l++) {
		uint64_t from = l->paddr >> shift, to = ((l->paddr + l->len - 1) >> shift) + 1;

		from = from > first_pfn ? from - first_pfn : 0;
		to = to - first_pfn < nr ? to - first_pfn : nr;
		set_bits(bitmap, from, to);
	}
	return 0;
}

static void elf_source_close(struct vmcore *v)
{
	struct elf_core *core = v->priv;

	if (core)
		source_map_deinit(&core->map);
	free(core);
	v->priv = NULL;
}

const struct source_ops source_elf = {
	.name = "ELF",
	.open = elf_source_open,
	.read = elf_source_read,
	.at = elf_source_at,
	.read_run = elf_source_read_run,
	.held = elf_source_held,
	.close = elf_source_close,
};
