/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/elf.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A note header: the sizes of name and description, and the type, 4 bytes each in both widths. */
#define NOTE_HEADER_BYTES 12
#define NOTE_ALIGN 4

unsigned int elf_shdr_size(unsigned int width)
{
	return width == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

unsigned int elf_ehdr_size(unsigned int width)
{
	return width == 8 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
}

unsigned int elf_phdr_size(unsigned int width)
{
	return width == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static const char *name_of(const struct view *v)
{
	return v->name ? v->name : "ELF data";
}

/*
 * 65535 and more program headers: e_phnum is PN_XNUM and the number stands in sh_info of section header 0 (elf(5)).
 */
int elf_xnum(const struct elf *elf, const struct view *shdr, uint64_t *nr)
{
	struct cursor c = cursor_at(shdr, 0);
	uint64_t info;

	/* sh_name, sh_type; sh_flags, sh_addr, sh_offset, sh_size; sh_link; then sh_info */
	cursor_skip(&c, 2 * 4 + 4 * elf->width + 4);
	info = cursor_u32(&c);
	if (c.bad)
		return fail(-EINVAL, "%s: the section header with the number of its program headers is cut off",
			    name_of(&elf->view));
	*nr = info;
	return 0;
}

static int resolve_xnum(struct elf *elf)
{
	struct view shdr;
	int err = view_sub(&elf->view, elf->shoff, elf_shdr_size(elf->width), &shdr);

	if (err)
		return fail_ctx(err, "section header 0");
	return elf_xnum(elf, &shdr, &elf->nr_phdrs);
}

static int parse_ident(const struct view *v, struct elf *elf)
{
	const uint8_t *ident;
	struct cursor c = cursor_at(v, 0);

	if (!view_has(v, 0, ELFMAG, SELFMAG))
		return -ENOEXEC;
	ident = cursor_bytes(&c, EI_NIDENT);
	if (!ident)
		return fail(-EINVAL, "%s: cut off inside the ELF header", name_of(v));
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return fail(-EINVAL, "%s: unknown ELF class %u", name_of(v), ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB)
		return fail(-EINVAL, "%s: unknown ELF byte order %u", name_of(v), ident[EI_DATA]);
	if (ident[EI_VERSION] != EV_CURRENT)
		return fail(-EINVAL, "%s: unknown ELF version %u", name_of(v), ident[EI_VERSION]);
	elf->width = ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	elf->view = *v;
	elf->view.big_endian = ident[EI_DATA] == ELFDATA2MSB;
	return 0;
}

int elf_header(const struct view *v, struct elf *elf)
{
	struct elf e = { 0 };
	struct cursor c;
	uint16_t shentsize;
	int err = parse_ident(v, &e);

	if (err)
		return err;
	c = cursor_at(&e.view, EI_NIDENT);
	e.type = cursor_u16(&c);
	e.machine = cursor_u16(&c);
	cursor_u32(&c); /* e_version: said already by the identification */
	e.entry = cursor_word(&c, e.width);
	e.phoff = cursor_word(&c, e.width);
	e.shoff = cursor_word(&c, e.width);
	e.flags = cursor_u32(&c);
	cursor_u16(&c); /* e_ehsize */
	e.phentsize = cursor_u16(&c);
	e.nr_phdrs = cursor_u16(&c);
	shentsize = cursor_u16(&c);
	cursor_u16(&c); /* e_shnum */
	cursor_u16(&c); /* e_shstrndx */
	if (c.bad)
		return fail(-EINVAL, "%s: cut off inside the ELF header", name_of(v));

	if (e.nr_phdrs == PN_XNUM && (!e.shoff || shentsize != elf_shdr_size(e.width)))
		return fail(-EINVAL, "%s: the section header with the number of its program headers is missing",
			    name_of(v));
	if (e.nr_phdrs && e.phentsize != elf_phdr_size(e.width))
		return fail(-EINVAL, "%s: its program headers have %u bytes each, not %u", name_of(v), e.phentsize,
			    elf_phdr_size(e.width));
	*elf = e;
	return 0;
}

int elf_parse(const struct view *v, struct elf *elf)
{
	struct elf e;
	struct view table;
	int err = elf_header(v, &e);

	if (err)
		return err;
	if (e.nr_phdrs == PN_XNUM) {
		err = resolve_xnum(&e);
		if (err)
			return err;
	}
	/* At most 2^32 of at most 2^16 bytes: the product fits. */
	if (e.nr_phdrs && view_sub(&e.view, e.phoff, e.nr_phdrs * e.phentsize, &table))
		return fail_ctx(-EINVAL, "program header table");
	*elf = e;
	return 0;
}

int elf_phdr(const struct elf *elf, uint64_t idx, struct elf_phdr *ph)
{
	struct elf_phdr p = { 0 };
	struct cursor c;

	if (idx >= elf->nr_phdrs)
		return fail(-EINVAL, "%s: there is no program header %" PRIu64 ", only %" PRIu64, name_of(&elf->view),
			    idx, elf->nr_phdrs);
	c = cursor_at(&elf->view, elf->phoff + idx * elf->phentsize);
	p.type = cursor_u32(&c);
	if (elf->width == 8)
		p.flags = cursor_u32(&c);
	p.off = cursor_word(&c, elf->width);
	p.vaddr = cursor_word(&c, elf->width);
	p.paddr = cursor_word(&c, elf->width);
	p.filesz = cursor_word(&c, elf->width);
	p.memsz = cursor_word(&c, elf->width);
	if (elf->width == 4)
		p.flags = cursor_u32(&c);
	p.align = cursor_word(&c, elf->width);
	if (c.bad)
		return fail(-EINVAL, "%s: program header %" PRIu64 " is cut off", name_of(&elf->view), idx);
	*ph = p;
	return 0;
}

int elf_phdr_view(const struct elf *elf, const struct elf_phdr *ph, struct view *v)
{
	return view_sub(&elf->view, ph->off, ph->filesz, v);
}

static bool all_zero(struct cursor c)
{
	uint64_t n = cursor_left(&c);
	const uint8_t *p = cursor_bytes(&c, n);

	for (uint64_t i = 0; p && i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

/* Skip the padding behind SIZE bytes. The last note of a file may come without. */
static void skip_padding(struct cursor *c, uint32_t size)
{
	uint64_t pad = -size & (NOTE_ALIGN - 1), left = cursor_left(c);

	cursor_skip(c, pad < left ? pad : left);
}

static int bad_note(struct cursor *c, uint64_t pos, const char *why)
{
	c->bad = true;
	return fail(-EINVAL, "%s: the ELF note at offset %#" PRIx64 " %s", name_of(&c->view), pos, why);
}

int elf_note_next(struct cursor *c, struct elf_note *note)
{
	struct elf_note n = { 0 };
	uint64_t pos = c->pos;
	uint32_t desc_len;

	if (!c->bad && cursor_left(c) < NOTE_HEADER_BYTES && all_zero(*c))
		return 0;
	n.name_len = cursor_u32(c);
	desc_len = cursor_u32(c);
	n.type = cursor_u32(c);
	if (c->bad)
		return bad_note(c, pos, "is cut off");
	if (!n.name_len && !desc_len && !n.type) {
		c->pos = pos;
		return 0;
	}

	/* The sizes are compared with what is left before anything is added to them: 0xffffffff must not wrap. */
	n.name = (const char *)cursor_bytes(c, n.name_len);
	if (c->bad)
		return bad_note(c, pos, "has a name longer than the data");
	if (n.name_len && n.name[n.name_len - 1])
		return bad_note(c, pos, "has a name without a NUL at its end");
	skip_padding(c, n.name_len);
	n.desc = c->view;
	n.desc.len = desc_len;
	n.desc.base = cursor_bytes(c, desc_len);
	if (c->bad)
		return bad_note(c, pos, "has a description longer than the data");
	skip_padding(c, desc_len);
	*note = n;
	return 1;
}

bool elf_note_is(const struct elf_note *note, const char *name)
{
	return note->name_len == strlen(name) + 1 && !memcmp(note->name, name, note->name_len);
}

/* Fields written one behind the other. */
struct writer {
	uint8_t *at;
	unsigned int width;
	bool big_endian;
};

static void write_u16(struct writer *w, uint16_t value)
{
	put_u16(w->at, value, w->big_endian);
	w->at += 2;
}

static void write_u32(struct writer *w, uint32_t value)
{
	put_u32(w->at, value, w->big_endian);
	w->at += 4;
}

static void write_word(struct writer *w, uint64_t value)
{
	put_word(w->at, value, w->width, w->big_endian);
	w->at += w->width;
}

int elf_ehdr_put(const struct elf *elf, uint8_t *out)
{
	struct writer w = { .at = out + EI_NIDENT, .width = elf->width, .big_endian = elf->view.big_endian };

	if (elf->nr_phdrs >= PN_XNUM)
		return fail(-ERANGE, "%" PRIu64 " program headers are needed, an ELF header can say %u at most",
			    elf->nr_phdrs, PN_XNUM - 1);
	if (elf->width == 4 && elf->entry > UINT32_MAX)
		return fail(-ERANGE, "entry address %#" PRIx64 " does not fit ELF32", elf->entry);

	memset(out, 0, EI_NIDENT);
	memcpy(out, ELFMAG, SELFMAG);
	out[EI_CLASS] = elf->width == 8 ? ELFCLASS64 : ELFCLASS32;
	out[EI_DATA] = elf->view.big_endian ? ELFDATA2MSB : ELFDATA2LSB;
	out[EI_VERSION] = EV_CURRENT;
	write_u16(&w, elf->type);
	write_u16(&w, elf->machine);
	write_u32(&w, EV_CURRENT);
	write_word(&w, elf->entry);
	write_word(&w, elf->nr_phdrs ? elf_ehdr_size(elf->width) : 0);
	write_word(&w, 0); /* e_shoff */
	write_u32(&w, elf->flags);
	write_u16(&w, (uint16_t)elf_ehdr_size(elf->width));
	write_u16(&w, (uint16_t)elf_phdr_size(elf->width));
	write_u16(&w, (uint16_t)elf->nr_phdrs);
	write_u16(&w, 0); /* e_shentsize */
	write_u16(&w, 0); /* e_shnum */
	write_u16(&w, SHN_UNDEF);
	return 0;
}

/* Does every field fit 32 bits? */
static int check_elf32(const struct elf_phdr *ph)
{
	uint64_t all = ph->off | ph->vaddr | ph->paddr | ph->filesz | ph->memsz | ph->align;

	if (all <= UINT32_MAX)
		return 0;
	return fail(-ERANGE, "a program header (physical address %#" PRIx64 ", %#" PRIx64 " bytes, offset %#" PRIx64
		    ", virtual address %#" PRIx64 ") does not fit ELF32", ph->paddr, ph->memsz, ph->off, ph->vaddr);
}

int elf_phdr_put(const struct elf *elf, const struct elf_phdr *ph, uint8_t *out)
{
	struct writer w = { .at = out, .width = elf->width, .big_endian = elf->view.big_endian };
	int err = elf->width == 4 ? check_elf32(ph) : 0;

	if (err)
		return err;
	write_u32(&w, ph->type);
	if (elf->width == 8)
		write_u32(&w, ph->flags);
	write_word(&w, ph->off);
	write_word(&w, ph->vaddr);
	write_word(&w, ph->paddr);
	write_word(&w, ph->filesz);
	write_word(&w, ph->memsz);
	if (elf->width == 4)
		write_u32(&w, ph->flags);
	write_word(&w, ph->align);
	return 0;
}
