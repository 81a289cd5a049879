// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/purgatory.h"

#include "kexec/arch/arch.h"
#include "kexec/boot/boot.h"
#include "kexec/digests.h"
#include "kexec/identity_map.h"
#include "lib/elf.h"
#include "lib/err.h"
#include "lib/sha256.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Ours are built to stay below this (purgatory.lds); anything larger is not one of ours. */
#define IMAGE_MAX 0x10000u

/*
 * The purgatory counts its image from the parameter block to where .bss starts, which the linker script puts
 * at such a multiple.
 */
#define SELF_ALIGN 16u

#define MODE_32BIT_LAST UINT32_MAX

/* The dynamic section as far as a program without libraries can have one. */
struct dynamic {
	uint64_t rel;              /* address of the table; addends stand in it (RELA) or at the place itself (REL) */
	uint64_t rel_bytes;
	uint64_t entry_bytes;
	bool rela;
};

static int built_wrong(const struct arch *arch, const char *what)
{
	return fail(-EINVAL, "the %s purgatory built into this program cannot be used: %s", arch->name, what);
}

static int parse_elf(const struct arch *arch, struct elf *elf)
{
	struct view file;
	int err;

	if (!arch->purgatory)
		return fail(-ENOTSUP,
			    "this program was built without a purgatory for %s: build it with a compiler for that"
			    " architecture",
			    arch->name);
	file = view_of(arch->purgatory, arch->purgatory_last - arch->purgatory + 1, "built-in purgatory");
	err = elf_parse(&file, elf);
	if (err)
		return err == -ENOEXEC ? built_wrong(arch, "it is no ELF file") : err;
	if (elf->type != ET_DYN || elf->machine != arch->elf_machine || elf->width != arch->word ||
	    elf->view.big_endian != arch->big_endian)
		return built_wrong(arch, "it is not a position-independent program for this architecture");
	return 0;
}

/*
 * Copy the PT_LOADs to their virtual addresses in IMAGE, zero elsewhere, and note where the dynamic section
 * is.
 */
static int unfold(const struct arch *arch, const struct elf *elf, struct blob *image, struct elf_phdr *dynamic)
{
	struct elf_phdr ph;
	struct view bytes;
	int err;

	for (uint64_t i = 0; i < elf->nr_phdrs; i++) {
		err = elf_phdr(elf, i, &ph);
		if (err)
			return err;
		if (ph.type == PT_INTERP)
			return built_wrong(arch, "it asks for a dynamic linker");
		if (ph.type == PT_DYNAMIC)
			*dynamic = ph;
		if (ph.type != PT_LOAD)
			continue;
		if (ph.vaddr > IMAGE_MAX || ph.memsz > IMAGE_MAX - ph.vaddr || ph.filesz > ph.memsz)
			return built_wrong(arch, "it is too large");
		err = elf_phdr_view(elf, &ph, &bytes);
		if (!err && ph.vaddr + ph.memsz > image->len)
			err = blob_zero(image, ph.vaddr + ph.memsz - image->len);
		if (err)
			return err;
		memcpy(image->data + ph.vaddr, bytes.base, ph.filesz);
	}
	return 0;
}

/*
 * The file's part of the image, which the purgatory verifies: up to the highest byte that came from the
 * file.
 */
static int self_len(const struct arch *arch, uint64_t *len)
{
	struct elf elf;
	struct elf_phdr ph;
	uint64_t highest = 0;
	int err = parse_elf(arch, &elf);

	for (uint64_t i = 0; !err && i < elf.nr_phdrs; i++) {
		err = elf_phdr(&elf, i, &ph);
		if (!err && ph.type == PT_LOAD && ph.vaddr + ph.filesz > highest)
			highest = ph.vaddr + ph.filesz;
	}
	if (!err)
		*len = (highest + SELF_ALIGN - 1) & ~(uint64_t)(SELF_ALIGN - 1);
	return err;
}

/* DT_NEEDED, DT_JMPREL, DT_RELR and the like mean that something was linked in that nobody would resolve. */
static int parse_dynamic(const struct arch *arch, const struct view *image, const struct elf_phdr *ph,
			 struct dynamic *d)
{
	struct view table;
	struct cursor c;
	int err = view_sub(image, ph->vaddr, ph->filesz, &table);

	if (err)
		return fail_ctx(err, "dynamic section");
	c = cursor_at(&table, 0);
	while (cursor_left(&c)) {
		uint64_t tag = cursor_word(&c, arch->word), value = cursor_word(&c, arch->word);

		if (c.bad || tag == DT_NULL)
			break;
		switch (tag) {
		case DT_RELA:
		case DT_REL:
			d->rel = value;
			d->rela = tag == DT_RELA;
			break;
		case DT_RELASZ:
		case DT_RELSZ:
			d->rel_bytes = value;
			break;
		case DT_RELAENT:
		case DT_RELENT:
			d->entry_bytes = value;
			break;
		case DT_NEEDED:
		case DT_JMPREL:
		case DT_PLTRELSZ:
		case DT_TEXTREL:
		case 36: /* DT_RELR: the packed form; older <elf.h> do not name it */
			return built_wrong(arch, "it wants to be linked with something else");
		}
	}
	if (c.bad)
		return built_wrong(arch, "its dynamic section is cut off");
	return 0;
}

/* One RELATIVE fixup: the word at OFF becomes the image's address plus an addend. */
static int fix_up(const struct arch *arch, struct blob *image, uint64_t paddr, uint64_t off, const uint64_t *addend)
{
	uint64_t value;
	uint8_t *place;

	if (off > image->len || image->len - off < arch->word)
		return built_wrong(arch, "a relocation lies outside it");
	place = image->data + off;
	if (addend)
		value = *addend;
	else
		value = arch->word == 8 ? get_u64(place, arch->big_endian) : get_u32(place, arch->big_endian);
	value += paddr;
	if (arch->word == 4 && value > UINT32_MAX)
		return built_wrong(arch, "a relocation does not fit its 32 bits");
	put_word(place, value, arch->word, arch->big_endian);
	return 0;
}

static int relocate(const struct arch *arch, struct blob *image, const struct dynamic *d, uint64_t paddr)
{
	const uint64_t entry_bytes = (d->rela ? 3 : 2) * arch->word;
	struct view whole = blob_view(image, "built-in purgatory"), table;
	struct cursor c;
	int err;

	if (!d->rel_bytes)
		return 0;
	if (d->entry_bytes != entry_bytes || d->rel_bytes % entry_bytes)
		return built_wrong(arch, "its relocations have an odd size");
	whole.big_endian = arch->big_endian;
	err = view_sub(&whole, d->rel, d->rel_bytes, &table);
	if (err)
		return fail_ctx(err, "relocations");
	c = cursor_at(&table, 0);
	while (cursor_left(&c)) {
		uint64_t off = cursor_word(&c, arch->word), info = cursor_word(&c, arch->word), addend = 0;
		uint64_t type = arch->word == 8 ? info & UINT32_MAX : info & 0xff;

		if (d->rela)
			addend = cursor_word(&c, arch->word);
		if (type != arch->reloc_relative)
			return fail(-EINVAL,
				    "the %s purgatory built into this program cannot be used: relocation type %" PRIu64
				    " at %#" PRIx64 ", only %u is known", arch->name, type, off, arch->reloc_relative);
		err = fix_up(arch, image, paddr, off, d->rela ? &addend : NULL);
		if (err)
			return err;
	}
	return 0;
}

static int check_params(const struct arch *arch, const struct blob *image)
{
	struct view v = blob_view(image, "built-in purgatory");
	struct cursor c;

	v.big_endian = arch->big_endian;
	c = cursor_at(&v, 0);
	if (image->len < sizeof(struct purg_params) || cursor_u64(&c) != PURG_MAGIC || cursor_u32(&c) != PURG_VERSION ||
	    cursor_u32(&c) != sizeof(struct purg_params))
		return built_wrong(arch, "it does not start with the parameter block of this version");
	return 0;
}

int purgatory_load(struct plan *plan)
{
	const struct arch *arch = plan->arch;
	struct elf_phdr dynamic_ph = { 0 };
	struct dynamic dynamic = { 0 };
	struct place place = { .last = UINT64_MAX, .top_down = true, .images = FOR_ALL_IMAGES };
	struct blob *image = &plan->purgatory;
	struct view whole;
	struct elf elf;
	int err = parse_elf(arch, &elf);

	if (!err)
		err = unfold(arch, &elf, image, &dynamic_ph);
	if (!err)
		err = check_params(arch, image);
	if (err)
		return err;
	if (elf.entry >= image->len)
		return built_wrong(arch, "its entry point lies outside it");
	whole = blob_view(image, "built-in purgatory");
	whole.big_endian = arch->big_endian;
	if (dynamic_ph.type == PT_DYNAMIC) {
		err = parse_dynamic(arch, &whole, &dynamic_ph, &dynamic);
		if (err)
			return err;
	}

	place.memsz = image->len;
	/* It must stand where 32-bit code can reach it, as it turns paging off under its own feet. */
	for (unsigned int i = 0; i < plan->nr_captures; i++)
		if (plan->capture[i].next_mode == PURG_ENTRY_X86_32)
			place.last = MODE_32BIT_LAST;
	err = plan_place(plan, "purgatory", image->data, image->len, &place, &plan->purgatory_paddr);
	if (err)
		return err;
	plan_find(plan, "purgatory")->no_digest = "it holds the digests";
	plan->entry = plan->purgatory_paddr + elf.entry;
	return relocate(arch, image, &dynamic, plan->purgatory_paddr);
}

/*
 * Sealing. The block is built field by field in the target's byte order: its layout is the same everywhere,
 * the host's may not be.
 */

/* Address of a member in the image. */
#define PARAM(plan, member) ((plan)->purgatory.data + offsetof(struct purg_params, member))
#define PARAM_OF(type, base, member) ((base) + offsetof(type, member))

/* A remembered digest serves for bytes as they are in a file, not for what was made or unpacked. */
static int digest(const struct plan *plan, struct segment *seg)
{
	uint64_t off;

	for (unsigned int i = 0; i < plan->nr_captures; i++) {
		const struct file *files[] = { &plan->capture[i].image.file, &plan->capture[i].initrd };

		for (size_t j = 0; j < 2; j++)
			if (plan->req->digests && file_offset(files[j], seg->buf, seg->bufsz, &off))
				return digests_get(plan->req->digests, files[j], off, seg->bufsz, seg->digest);
	}
	sha256_of(seg->buf, seg->bufsz, seg->digest);
	return 0;
}

static int put_region(struct plan *plan, uint32_t idx, struct segment *seg)
{
	const bool be = plan->arch->big_endian;
	size_t name_len = strlen(seg->what);
	uint8_t *at;
	int err;

	if (idx == PURG_MAX_REGIONS)
		return fail(-E2BIG, "more than %d segments to verify", PURG_MAX_REGIONS);
	if (name_len >= PURG_NAME_BYTES)
		return fail(-EINVAL, "the segment name %s is too long for the purgatory", seg->what);
	err = digest(plan, seg);
	if (err)
		return err;
	at = PARAM(plan, regions) + idx * sizeof(struct purg_region);
	memset(at, 0, sizeof(struct purg_region));
	put_u64(PARAM_OF(struct purg_region, at, start), seg->mem, be);
	put_u64(PARAM_OF(struct purg_region, at, len), seg->bufsz, be);
	put_u64(PARAM_OF(struct purg_region, at, memsz), seg->memsz, be);
	memcpy(PARAM_OF(struct purg_region, at, name), seg->what, name_len);
	memcpy(PARAM_OF(struct purg_region, at, digest), seg->digest, sizeof(seg->digest));
	put_u64(PARAM_OF(struct purg_region, at, images), seg->images & (FOR_IMAGE(plan->nr_captures) - 1), be);
	return 0;
}

static int put_regions(struct plan *plan)
{
	uint32_t nr = 0;

	for (size_t i = 0; i < plan->nr_seg; i++) {
		int err;

		if (plan->seg[i].no_digest)
			continue;
		err = put_region(plan, nr, &plan->seg[i]);
		if (err)
			return err;
		nr++;
	}
	put_u32(PARAM(plan, nr_regions), nr, plan->arch->big_endian);
	return 0;
}

static void put_copies(struct plan *plan)
{
	const bool be = plan->arch->big_endian;
	uint8_t *at = PARAM(plan, copies);

	put_u32(PARAM(plan, nr_copies), plan->backup.len != 0, be);
	if (!plan->backup.len)
		return;
	put_u64(PARAM_OF(struct purg_copy, at, from), plan->backup.from, be);
	put_u64(PARAM_OF(struct purg_copy, at, to), plan->backup.to, be);
	put_u64(PARAM_OF(struct purg_copy, at, len), plan->backup.len, be);
}

static void put_consoles(struct plan *plan)
{
	const bool be = plan->arch->big_endian;

	for (uint32_t i = 0; i < plan->nr_consoles; i++) {
		uint8_t *at = PARAM(plan, consoles) + i * sizeof(struct purg_console);
		const struct purg_console *con = &plan->consoles[i];

		put_u64(PARAM_OF(struct purg_console, at, base), con->base, be);
		put_u32(PARAM_OF(struct purg_console, at, type), con->type, be);
		put_u32(PARAM_OF(struct purg_console, at, reg_shift), con->reg_shift, be);
		put_u32(PARAM_OF(struct purg_console, at, baud), con->baud, be);
		put_u32(PARAM_OF(struct purg_console, at, width), con->width, be);
		put_u32(PARAM_OF(struct purg_console, at, height), con->height, be);
		put_u32(PARAM_OF(struct purg_console, at, pitch), con->pitch, be);
		put_u32(PARAM_OF(struct purg_console, at, depth), con->depth, be);
	}
	put_u32(PARAM(plan, nr_consoles), plan->nr_consoles, be);
	put_u32(PARAM(plan, vga_reset), plan->req->console.reset_vga, be);
}

static int put_image(struct plan *plan, const struct capture *c)
{
	const bool be = plan->arch->big_endian;
	uint8_t *at = PARAM(plan, images) + c->idx * sizeof(struct purg_image);

	if (c->next_mode == PURG_ENTRY_X86_32 && (c->next_entry > UINT32_MAX || c->next_args[0] > UINT32_MAX))
		return fail(-EINVAL, "the kernel is entered in 32-bit mode, which reaches neither the entry %#" PRIx64
			    " nor the boot parameters at %#" PRIx64 " when one is above 4 GiB",
			    c->next_entry, c->next_args[0]);
	if (c->verdict_len && c->verdict_len < boot_verdict_len(plan, NULL))
		return fail(-EINVAL,
			    "a command line has room for a verdict of %" PRIu32 " bytes, and the longest has %zu",
			    c->verdict_len, boot_verdict_len(plan, NULL));
	put_u64(PARAM_OF(struct purg_image, at, entry), c->next_entry, be);
	for (size_t i = 0; i < 4; i++)
		put_u64(PARAM_OF(struct purg_image, at, args) + 8 * i, c->next_args[i], be);
	put_u64(PARAM_OF(struct purg_image, at, verdict_paddr), c->verdict_paddr, be);
	put_u32(PARAM_OF(struct purg_image, at, verdict_len), c->verdict_len, be);
	put_u32(PARAM_OF(struct purg_image, at, entry_mode), c->next_mode, be);
	return 0;
}

static int put_images(struct plan *plan)
{
	int err = 0;

	put_u32(PARAM(plan, nr_images), plan->nr_captures, plan->arch->big_endian);
	for (unsigned int i = 0; i < plan->nr_captures && !err; i++)
		err = put_image(plan, &plan->capture[i]);
	return err;
}

static int put_start(struct plan *plan)
{
	const bool be = plan->arch->big_endian;
	const struct segment *self = plan_find(plan, "purgatory");
	struct reset_register reset;

	if (!self)
		return fail(-EINVAL, "the plan has no purgatory segment");
	purgatory_reset_register(plan->root, &reset);
	put_u32(PARAM(plan, flags), plan->req->no_checks ? PURG_FLAG_NO_VERIFY : 0, be);
	put_u32(PARAM(plan, policy), plan->policy, be);
	put_u32(PARAM(plan, psci), purgatory_psci(plan->root), be);
	put_u32(PARAM(plan, reset_space), reset.space, be);
	put_u64(PARAM(plan, reset_addr), reset.addr, be);
	put_u32(PARAM(plan, reset_value), reset.value, be);
	if (plan->tables.len) {
		put_u32(PARAM(plan, map_bits), plan->arch->identity_map->address_bits, be);
		put_u64(PARAM(plan, map_root_paddr), plan->tables_paddr, be);
	}
	put_u64(PARAM(plan, self_memsz), self->memsz, be);
	return put_images(plan);
}

int purgatory_seal(struct plan *plan)
{
	uint8_t digest[SHA256_BYTES];
	uint64_t len = 0;
	int err = check_params(plan->arch, &plan->purgatory);

	if (!err)
		err = put_start(plan);
	if (!err)
		err = put_regions(plan);
	if (!err)
		err = self_len(plan->arch, &len);
	if (err)
		return err;
	put_copies(plan);
	put_consoles(plan);
	/* Last, over everything above. */
	memset(PARAM(plan, self_digest), 0, SHA256_BYTES);
	sha256_of(plan->purgatory.data, len, digest);
	memcpy(PARAM(plan, self_digest), digest, sizeof(digest));
	return 0;
}
