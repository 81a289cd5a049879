// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/dynamic.h"

#include "lib/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Real programs have some dozens. */
#define MAX_NEEDED 4096

static int damaged(const struct elf *elf, const char *what)
{
	return fail(-EINVAL, "%s is a damaged program: %s", elf->view.name, what);
}

/* Where VADDR is in the file. */
static int file_offset(const struct elf *elf, uint64_t vaddr, uint64_t *off)
{
	for (uint64_t i = 0; i < elf->nr_phdrs; i++) {
		struct elf_phdr ph;
		int err = elf_phdr(elf, i, &ph);

		if (err)
			return err;
		if (ph.type == PT_LOAD && vaddr >= ph.vaddr && vaddr - ph.vaddr < ph.filesz) {
			if (__builtin_add_overflow(ph.off, vaddr - ph.vaddr, off))
				break;
			return 0;
		}
	}
	return damaged(elf, "its dynamic section points to nowhere");
}

/* The string at STRTAB + OFF, from malloc. */
static int string_at(const struct elf *elf, uint64_t strtab, uint64_t off, char **string)
{
	const char *at;
	uint64_t left;

	if (strtab > elf->view.len || off >= elf->view.len - strtab)
		return damaged(elf, "a name lies outside of it");
	at = (const char *)elf->view.base + strtab + off;
	left = elf->view.len - strtab - off;
	if (!memchr(at, 0, left))
		return damaged(elf, "a name that does not stop");
	*string = strdup(at);
	return *string ? 0 : fail(-ENOMEM, "out of memory");
}

static int take_string(const struct elf *elf, uint64_t strtab, uint64_t off, char **string)
{
	char *value;
	int err = string_at(elf, strtab, off, &value);

	if (err)
		return err;
	free(*string);
	*string = value;
	return 0;
}

static int take_needed(const struct elf *elf, uint64_t strtab, uint64_t off, struct dynamic *d)
{
	char **needed;

	if (d->nr_needed == MAX_NEEDED)
		return damaged(elf, "it needs thousands of libraries");
	needed = reallocarray(d->needed, d->nr_needed + 1, sizeof(*needed));
	if (!needed)
		return fail(-ENOMEM, "out of memory");
	d->needed = needed;
	needed[d->nr_needed] = NULL;
	return take_string(elf, strtab, off, &needed[d->nr_needed++]);
}

/*
 * One pass over the section: for the names' table first (STRTAB is UINT64_MAX then), for what points into it
 * afterwards.
 */
static int walk(const struct elf *elf, const struct view *section, uint64_t *strtab, struct dynamic *d)
{
	bool names = *strtab != UINT64_MAX;
	struct cursor c = cursor_at(section, 0);
	int err = 0;

	while (!err) {
		uint64_t tag = cursor_word(&c, elf->width), value = cursor_word(&c, elf->width);

		if (c.bad || tag == DT_NULL)
			break;
		if (tag == DT_STRTAB && !names)
			err = file_offset(elf, value, strtab);
		else if (tag == DT_NEEDED && names)
			err = take_needed(elf, *strtab, value, d);
		else if (tag == DT_RPATH && names)
			err = take_string(elf, *strtab, value, &d->rpath);
		else if (tag == DT_RUNPATH && names)
			err = take_string(elf, *strtab, value, &d->runpath);
	}
	return err;
}

static int take_section(const struct elf *elf, const struct elf_phdr *ph, struct dynamic *d)
{
	uint64_t strtab = UINT64_MAX;
	struct view section;
	int err = elf_phdr_view(elf, ph, &section);

	section.big_endian = elf->view.big_endian;
	if (!err)
		err = walk(elf, &section, &strtab, d);
	if (!err && strtab != UINT64_MAX)
		err = walk(elf, &section, &strtab, d);
	return err;
}

static int take_interpreter(const struct elf *elf, const struct elf_phdr *ph, struct dynamic *d)
{
	struct view v;
	int err = elf_phdr_view(elf, ph, &v);

	if (err)
		return err;
	if (!v.len || v.base[v.len - 1])
		return damaged(elf, "its interpreter's name does not stop");
	free(d->interpreter);
	d->interpreter = strdup((const char *)v.base);
	return d->interpreter ? 0 : fail(-ENOMEM, "out of memory");
}

int dynamic_parse(const struct view *v, struct dynamic *d)
{
	struct dynamic found = { 0 };
	struct elf elf;
	int err = elf_parse(v, &elf);

	*d = found;
	if (err)
		return err;
	found.machine = elf.machine;
	found.width = elf.width;
	for (uint64_t i = 0; !err && i < elf.nr_phdrs; i++) {
		struct elf_phdr ph;

		err = elf_phdr(&elf, i, &ph);
		if (!err && ph.type == PT_DYNAMIC)
			err = take_section(&elf, &ph, &found);
		else if (!err && ph.type == PT_INTERP)
			err = take_interpreter(&elf, &ph, &found);
	}
	if (err)
		dynamic_deinit(&found);
	else
		*d = found;
	return err;
}

void dynamic_deinit(struct dynamic *d)
{
	for (size_t i = 0; i < d->nr_needed; i++)
		free(d->needed[i]);
	free(d->needed);
	free(d->interpreter);
	free(d->rpath);
	free(d->runpath);
	*d = (struct dynamic){ 0 };
}
