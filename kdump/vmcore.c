// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/vmcore.h"

#include "include/flattened_format.h"
#include "kdump/source.h"
#include "kdump/vmcoreinfo.h"
#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE_SHIFT_DEFAULT 12
#define PAGE_SHIFT_MAX 18          /* 256 KiB: more than any architecture's */

static const struct source_ops *const sources[] = { &source_elf, &source_diskdump };

#define NR_SOURCES (sizeof(sources) / sizeof(sources[0]))

/* struct elf_prstatus of include/linux/elfcore.h; libkdumpfile opens no dump with one of another size. */
static const struct {
	uint16_t machine;
	uint32_t bytes;
} prstatus_sizes[] = { { EM_X86_64, 336 }, { EM_AARCH64, 392 } };

static bool note_plausible(const struct vmcore *v, const struct elf_note *note)
{
	if (note->type != NT_PRSTATUS || !elf_note_is(note, "CORE"))
		return true;
	for (size_t i = 0; i < sizeof(prstatus_sizes) / sizeof(prstatus_sizes[0]); i++)
		if (prstatus_sizes[i].machine == v->machine)
			return v->width != 8 || note->desc.len == prstatus_sizes[i].bytes;
	return true;
}

static int take_vmcoreinfo(struct vmcore *v, const struct elf_note *note)
{
	uint64_t len = note->desc.len;
	const char *nul;

	if (!elf_note_is(note, "VMCOREINFO") || v->vmcoreinfo.len)
		return 0;
	if (len > SOURCE_VMCOREINFO_MAX) {
		warn("%s: its VMCOREINFO has %" PRIu64 " bytes; using the first %u", v->path, len,
				SOURCE_VMCOREINFO_MAX);
		len = SOURCE_VMCOREINFO_MAX;
	}
	nul = memchr(note->desc.base, 0, len);
	if (nul)
		len = nul - (const char *)note->desc.base;
	return blob_append(&v->vmcoreinfo, note->desc.base, len);
}

/*
 * The notes that C, a cursor of NOTES, still holds, whole ones only, padded so that they can be walked as one; what
 * VMCOREINFO there is goes to V. Stops at damage: the cursor is bad then. *GOOD: behind the last.
 */
static int take_notes(struct vmcore *v, const struct view *notes, struct cursor *c, uint64_t *good, bool *damaged)
{
	struct elf_note note;
	int err = 0;

	*good = c->pos;
	while (!err && elf_note_next(c, &note) == 1) {
		uint64_t from = *good;

		*good = c->pos;
		if (!note_plausible(v, &note)) {
			*damaged = true;
			continue;
		}
		err = blob_append(&v->notes, notes->base + from, *good - from);
		if (!err)
			err = blob_zero(&v->notes, -v->notes.len & 3);
		if (!err)
			err = take_vmcoreinfo(v, &note);
	}
	return err;
}

/* Where the next note of a name that kernels write begins, behind damage; at V->len when there is none. */
static uint64_t next_note(const struct view *v, uint64_t off)
{
	static const char *const names[] = { "CORE", "VMCOREINFO", "LINUX" };

	for (off = (off + 3) & ~3ull; v->len >= 16 && off <= v->len - 16; off += 4) {
		uint32_t name_len = get_u32(v->base + off, v->big_endian);

		for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t len = strlen(names[i]) + 1;

			if (name_len == len && view_has(v, off + 12, names[i], len))
				return off;
		}
	}
	return v->len;
}

/*
 * One damaged note, or a CPU that died before it wrote its own, must not hide those behind it: VMCOREINFO is usually
 * the last.
 */
static int add_notes(struct vmcore *v, const struct view *notes, bool *damaged)
{
	uint64_t pos = 0;
	int err = 0;

	while (!err && pos < notes->len) {
		struct cursor c = cursor_at(notes, pos);
		uint64_t good;

		err = take_notes(v, notes, &c, &good, damaged);
		if (err)
			break;
		if (c.bad) {
			debug("%s", err_text());
			*damaged = true;
		}
		/* At least past the header that was no good. */
		pos = next_note(notes, (good > pos ? good : pos) + (c.bad ? 4 : 0));
	}
	if (!err)
		err_clear();
	return err;
}

int source_notes(struct vmcore *v, uint64_t off, uint64_t len, bool *damaged)
{
	struct blob bytes;
	struct view view;
	int err;

	/* Not what a damaged header claims, what there is. */
	if (off > v->file_len || len > v->file_len - off) {
		*damaged = true;
		len = off > v->file_len ? 0 : v->file_len - off;
	}
	if (len > SOURCE_NOTES_MAX) {
		*damaged = true;
		len = SOURCE_NOTES_MAX;
	}
	blob_init(&bytes);
	err = blob_reserve(&bytes, len);
	if (err) {
		blob_deinit(&bytes);
		return err;
	}
	if (source_pread(v, off, bytes.data, len)) {
		*damaged = true;
		len = 0;
	}
	bytes.len = len;
	view = blob_view(&bytes, v->path);
	view.big_endian = v->big_endian;
	err = add_notes(v, &view, damaged);
	blob_deinit(&bytes);
	return err;
}

void source_notes_damaged(const struct vmcore *v)
{
	warn("%s: some of its notes are damaged or cut off; using the others", v->path);
}

int source_vmcoreinfo(struct vmcore *v, uint64_t off, uint64_t len)
{
	struct blob text;
	int err;

	if (!len)
		return 0;
	if (len > SOURCE_VMCOREINFO_MAX || off > v->file_len || len > v->file_len - off) {
		warn("%s: the place its header gives for VMCOREINFO cannot be true", v->path);
		return 0;
	}
	blob_init(&text);
	err = blob_reserve(&text, len);
	if (!err && source_pread(v, off, text.data, len))
		warn("%s: its VMCOREINFO cannot be read", v->path);
	else if (!err) {
		v->vmcoreinfo.len = 0;
		err = blob_append(&v->vmcoreinfo, text.data, strnlen((const char *)text.data, len));
	}
	blob_deinit(&text);
	return err;
}

/*
 * libkdumpfile opens no dump whose VMCOREINFO tells a page size that cannot be. So that of TEXT is put right, or where
 * it has more or fewer digits its key made another, which readers pass over.
 */
static void mend_page_size(struct blob *text, uint64_t page_bytes)
{
	static const char key[] = "PAGESIZE=";
	char digits[24];
	int nr = snprintf(digits, sizeof(digits), "%" PRIu64, page_bytes);
	struct view v = blob_view(text, "notes");

	for (uint64_t at = 0; at < text->len; at++) {
		uint64_t value = at + sizeof(key) - 1, stop = value;

		if (!view_has(&v, at, key, sizeof(key) - 1) || (at && text->data[at - 1] != '\n' && text->data[at - 1]))
			continue;
		while (stop < text->len && text->data[stop] != '\n' && text->data[stop])
			stop++;
		if (stop - value == (uint64_t)nr)
			memcpy(text->data + value, digits, nr);
		else
			text->data[at] = 'X';
	}
}

static bool page_shift_of(uint64_t bytes, unsigned int *shift)
{
	if (bytes < 1u << PAGE_SHIFT_DEFAULT || bytes > 1u << PAGE_SHIFT_MAX || (bytes & (bytes - 1)))
		return false;
	*shift = __builtin_ctzll(bytes);
	return true;
}

int source_page_shift(struct vmcore *v)
{
	struct view text = blob_view(&v->vmcoreinfo, v->path);
	struct vmcoreinfo vi;
	const char *value;
	uint64_t bytes;
	size_t len;
	bool wrong;
	int err = vmcoreinfo_init(&vi, &text);

	if (err)
		return err;
	wrong = vmcoreinfo_string(&vi, "PAGESIZE", &value, &len) &&
		(!vmcoreinfo_decimal(&vi, "PAGESIZE", &bytes) || !page_shift_of(bytes, &v->page_shift));
	if (wrong) {
		warn("%s: its VMCOREINFO says pages have %.*s bytes; using %u", v->path, len < 20 ? (int)len : 20,
		     value, 1u << v->page_shift);
		mend_page_size(&v->vmcoreinfo, vmcore_page_bytes(v));
		mend_page_size(&v->notes, vmcore_page_bytes(v));
	}
	vmcoreinfo_deinit(&vi);
	return 0;
}

/* A page that is RAM in part is a page of RAM: crash and its kin ask for whole ones. */
static int widen_ram(struct vmcore *v)
{
	uint64_t mask = vmcore_page_bytes(v) - 1;
	struct ranges whole;
	int err = 0;

	ranges_init(&whole);
	for (size_t i = 0; !err && i < v->ram.nr; i++)
		err = ranges_add(&whole, v->ram.r[i].start & ~mask, v->ram.r[i].last | mask, 0);
	if (err) {
		ranges_deinit(&whole);
		return err;
	}
	ranges_deinit(&v->ram);
	v->ram = whole;
	v->max_pfn = whole.nr ? (whole.r[whole.nr - 1].last >> v->page_shift) + 1 : 0;
	return 0;
}

static int file_length(struct vmcore *v)
{
	struct statfs fs;
	struct stat st;
	off_t last;

	if (fstat(v->fd, &st))
		return fail_sys(-errno, "cannot stat it");
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "it is a directory");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(-ESPIPE, "it is no file that can be read at any offset; write it to a file first");
	last = S_ISREG(st.st_mode) ? st.st_size : lseek(v->fd, 0, SEEK_END);
	/* Files of /proc may have no size. */
	v->file_len = last > 0 ? (uint64_t)last : UINT64_MAX;
	v->reads_well = !fstatfs(v->fd, &fs) && fs.f_type != PROC_SUPER_MAGIC;
	return 0;
}

static void forget(struct vmcore *v)
{
	if (v->ops)
		v->ops->close(v);
	free(v->loads);
	free(v->aliases);
	ranges_deinit(&v->ram);
	blob_deinit(&v->notes);
	blob_deinit(&v->vmcoreinfo);
	*v = (struct vmcore){
		.path = v->path, .fd = v->fd, .file_len = v->file_len, .flat = v->flat, .stream_len = v->stream_len,
		.no_mmap = v->no_mmap, .reads_well = v->reads_well, .width = 8, .page_shift = PAGE_SHIFT_DEFAULT,
		.incomplete = v->flat && !flattened_whole(v->flat),
	};
	ranges_init(&v->ram);
	blob_init(&v->notes);
	blob_init(&v->vmcoreinfo);
}

/* A dump that was written through a pipe and never made a file of. */
static int unflatten(struct vmcore *v)
{
	uint8_t bytes[FLAT_SIGNATURE_BYTES];
	int err;

	if (source_pread(v, 0, bytes, sizeof(bytes)) || !flat_is(bytes, sizeof(bytes)))
		return 0;
	err = flattened_open(&v->flat, v->fd, v->file_len, v->path);
	if (err)
		return err;
	v->stream_len = v->file_len;
	v->file_len = flattened_len(v->flat);
	return 0;
}

/* One format after the other; what each says is kept for the user. */
static int probe(struct vmcore *v)
{
	struct blob why;
	int err = -ENOEXEC;

	blob_init(&why);
	for (size_t i = 0; err == -ENOEXEC && i < NR_SOURCES; i++) {
		forget(v);
		v->ops = sources[i];
		err = v->ops->open(v);
		if (err == -ENOEXEC && (blob_append(&why, i ? "; " : "", i ? 2 : 0) ||
					blob_append(&why, err_text(), strlen(err_text()))))
			err = -ENOMEM;
	}
	if (err == -ENOEXEC)
		fail(err, "no dump of a format known here: %s", (const char *)why.data);
	blob_deinit(&why);
	return err;
}

static int open_fd(struct vmcore *v, int fd, const char *path, unsigned int flags)
{
	int err;

	*v = (struct vmcore){ .fd = fd, .path = strdup(path), .no_mmap = flags & VMCORE_NO_MMAP };
	if (!v->path) {
		close(fd);
		return fail(-ENOMEM, "out of memory");
	}
	forget(v);
	err = file_length(v);
	if (!err)
		err = unflatten(v);
	if (!err)
		err = probe(v);
	if (!err)
		err = widen_ram(v);
	if (!err && !v->ram.nr)
		err = fail(-EINVAL, "it holds no memory");
	if (!err)
		return 0;
	fail_ctx(err, "%s", path);
	vmcore_close(v);
	return err;
}

int vmcore_open_fd(struct vmcore *v, int fd, const char *path)
{
	return open_fd(v, fd, path, 0);
}

int vmcore_open_flags(struct vmcore *v, const char *path, unsigned int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return fail_sys(-errno, "%s: cannot open it", path);
	return open_fd(v, fd, path, flags);
}

int vmcore_open(struct vmcore *v, const char *path)
{
	return vmcore_open_flags(v, path, 0);
}

void vmcore_close(struct vmcore *v)
{
	if (!v->path)
		return;
	forget(v);
	flattened_close(v->flat);
	close(v->fd);
	free(v->path);
	*v = (struct vmcore){ 0 };
}

int vmcore_read(struct vmcore *v, uint64_t paddr, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len) {
		uint64_t in_page = vmcore_page_bytes(v) - (paddr & (vmcore_page_bytes(v) - 1));
		size_t n = len < in_page ? len : in_page;
		int err;

		if (paddr > SOURCE_PADDR_LAST)
			return -ENODATA;
		err = v->ops->read(v, paddr, at, n);
		if (err)
			return err;
		at += n;
		paddr += n;
		len -= n;
	}
	return 0;
}

const uint8_t *vmcore_at(struct vmcore *v, uint64_t paddr, uint64_t *len)
{
	return paddr > SOURCE_PADDR_LAST ? NULL : v->ops->at(v, paddr, len);
}

uint64_t vmcore_read_run(struct vmcore *v, uint64_t first_pfn, uint64_t nr, void *buf)
{
	if (!v->ops->read_run || !v->reads_well || first_pfn > SOURCE_PADDR_LAST >> v->page_shift)
		return 0;
	return v->ops->read_run(v, first_pfn, nr, buf);
}

int vmcore_held(struct vmcore *v, uint64_t first_pfn, uint64_t nr, uint8_t *bitmap)
{
	memset(bitmap, 0, nr / 8);
	return v->ops->held(v, first_pfn, nr, bitmap);
}
