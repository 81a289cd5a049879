// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/kcore.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * The first read. fs/proc/kcore.c rounds headers and notes up to a page, so that this much never reaches into
 * memory contents.
 */
#define FIRST_BYTES 4096

/* 65,535 program headers of 56 bytes are 3.7 MB; the notes hold one task_struct and a page of vmcoreinfo. */
#define FRONT_MAX (16u << 20)

void kcore_init(struct kcore *k)
{
	*k = (struct kcore){ 0 };
	blob_init(&k->bytes);
}

void kcore_deinit(struct kcore *k)
{
	free(k->loads);
	blob_deinit(&k->bytes);
	kcore_init(k);
}

/* OFF + LEN, which must stay below FRONT_MAX. */
static int front_sum(uint64_t off, uint64_t len, const char *what, uint64_t *sum)
{
	if (off > FRONT_MAX || len > FRONT_MAX - off)
		return fail(-EINVAL, "/proc/kcore: the %s (%" PRIu64 " bytes at %#" PRIx64 ") reach beyond the "
			    "first %u "
			    "bytes of the file", what, len, off, FRONT_MAX);
	*sum = off + len;
	return 0;
}

int kcore_headers_size(const struct view *front, uint64_t *size)
{
	struct view view = *front;
	struct cursor c = cursor_at(&view, EI_CLASS);
	uint8_t class = cursor_u8(&c), order = cursor_u8(&c);
	unsigned int width = class == ELFCLASS32 ? 4 : 8;
	uint16_t entry, nr;
	uint64_t off;

	if (c.bad || !view_has(front, 0, ELFMAG, SELFMAG) || class < ELFCLASS32 || class > ELFCLASS64 ||
	    order < ELFDATA2LSB || order > ELFDATA2MSB)
		return fail(-EINVAL, "/proc/kcore does not start with an ELF header");
	view.big_endian = order == ELFDATA2MSB;
	c = cursor_at(&view, EI_NIDENT + 2 + 2 + 4 + width);
	off = cursor_word(&c, width);
	cursor_skip(&c, width + 4 + 2);
	entry = cursor_u16(&c);
	nr = cursor_u16(&c);
	if (c.bad)
		return fail(-EINVAL, "/proc/kcore stops inside its ELF header");
	return front_sum(off, (uint64_t)entry * nr, "program headers", size);
}

int kcore_notes_size(const struct view *front, uint64_t *size)
{
	uint64_t most = front->len;
	struct elf_phdr ph;
	struct elf elf;
	int err = elf_parse(front, &elf);

	for (uint64_t i = 0; !err && i < elf.nr_phdrs; i++) {
		uint64_t sum = 0;

		err = elf_phdr(&elf, i, &ph);
		if (err || ph.type != PT_NOTE)
			continue;
		err = front_sum(ph.off, ph.filesz, "notes", &sum);
		if (!err && sum > most)
			most = sum;
	}
	if (!err)
		*size = most;
	return err;
}

static int parse_notes(struct kcore *k, const struct elf *elf, const struct elf_phdr *ph)
{
	struct view notes;
	struct elf_note note;
	struct cursor c;
	int more = elf_phdr_view(elf, ph, &notes);

	if (more)
		return more;
	c = cursor_at(&notes, 0);
	while ((more = elf_note_next(&c, &note)) > 0) {
		if (elf_note_is(&note, "VMCOREINFO") && note.desc.len)
			k->vmcoreinfo = note.desc;
	}
	return more;
}

int kcore_parse(struct kcore *k)
{
	const struct view view = blob_view(&k->bytes, "/proc/kcore");
	struct elf_phdr ph;
	struct elf elf;
	int err = elf_parse(&view, &elf);

	if (err == -ENOEXEC)
		return fail(-EINVAL, "/proc/kcore does not start with an ELF header");
	if (err)
		return err;
	if (elf.type != ET_CORE)
		return fail(-EINVAL, "/proc/kcore is an ELF file of type %u, not a core file", elf.type);
	k->loads = calloc(elf.nr_phdrs ? elf.nr_phdrs : 1, sizeof(*k->loads));
	if (!k->loads)
		return fail(-ENOMEM, "out of memory for the %" PRIu64 " headers of /proc/kcore", elf.nr_phdrs);
	for (uint64_t i = 0; !err && i < elf.nr_phdrs; i++) {
		err = elf_phdr(&elf, i, &ph);
		if (!err && ph.type == PT_LOAD)
			k->loads[k->nr_loads++] = ph;
		else if (!err && ph.type == PT_NOTE)
			err = parse_notes(k, &elf, &ph);
	}
	return err;
}

/* Have the first WANT bytes of FD in BYTES, or as many as the file has. */
static int read_front(int fd, struct blob *bytes, uint64_t want)
{
	int err;

	if (bytes->len >= want)
		return 0;
	err = blob_reserve(bytes, want - bytes->len);
	while (!err && bytes->len < want) {
		ssize_t n = pread(fd, bytes->data + bytes->len, want - bytes->len, bytes->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_sys(-errno, "cannot read /proc/kcore");
		if (!n)
			break;
		bytes->len += n;
	}
	return err;
}

static int read_all(struct kcore *k, int fd)
{
	uint64_t size;
	struct view view;
	int err = read_front(fd, &k->bytes, FIRST_BYTES);

	if (err)
		return err;
	view = blob_view(&k->bytes, "/proc/kcore");
	err = kcore_headers_size(&view, &size);
	if (!err)
		err = read_front(fd, &k->bytes, size);
	if (err)
		return err;
	view = blob_view(&k->bytes, "/proc/kcore");
	err = kcore_notes_size(&view, &size);
	if (!err)
		err = read_front(fd, &k->bytes, size);
	return err ? err : kcore_parse(k);
}

int kcore_read(struct kcore *k, const struct root *root)
{
	int fd = root_open(root, "proc/kcore"), err;

	if (fd < 0)
		return fd;
	err = read_all(k, fd);
	close(fd);
	return err;
}

/*
 * May this load belong to the direct map? Kernels before 4.11 gave every load the physical address 0: one
 * such load can be right, two cannot. vmalloc, modules and vmemmap have no physical address; -1 stands there
 * since.
 */
static bool maps_ram(const struct elf_phdr *ph, const struct ranges *ram, bool zero_is_known)
{
	const struct range *r = ranges_find(ram, ph->paddr);

	return ph->memsz && (ph->paddr || zero_is_known) && r && ph->memsz - 1 <= r->last - ph->paddr &&
	       !((ph->vaddr - ph->paddr) & 0xfff);
}

/*
 * The kernel's image is in RAM as well and has a load of its own with another difference; it is small. So the
 * majority counts, in bytes: the candidate that is left when unlike bytes cancel each other out, if it has
 * more than half of them.
 */
bool kcore_direct_map(const struct kcore *k, const struct ranges *ram, uint64_t *offset)
{
	uint64_t candidate = 0, lead = 0, votes = 0, all = 0;
	size_t nr_zero = 0;

	for (size_t i = 0; i < k->nr_loads; i++)
		nr_zero += !k->loads[i].paddr;
	for (size_t i = 0; i < k->nr_loads; i++) {
		const struct elf_phdr *ph = &k->loads[i];
		uint64_t difference = ph->vaddr - ph->paddr;

		if (!maps_ram(ph, ram, nr_zero == 1))
			continue;
		if (difference == candidate && lead) {
			lead += ph->memsz;
		} else if (lead >= ph->memsz) {
			lead -= ph->memsz;
		} else {
			candidate = difference;
			lead = ph->memsz - lead;
		}
	}
	for (size_t i = 0; i < k->nr_loads; i++) {
		const struct elf_phdr *ph = &k->loads[i];

		if (!maps_ram(ph, ram, nr_zero == 1))
			continue;
		all += ph->memsz;
		if (ph->vaddr - ph->paddr == candidate)
			votes += ph->memsz;
	}
	if (votes <= all / 2)
		return false;
	*offset = candidate;
	return true;
}
