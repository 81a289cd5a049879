// SPDX-License-Identifier: GPL-2.0-or-later
/* Notes as the kernel lays them out: a header of three words, then name and description, both padded to 4 bytes. */
#include "kdump/out_notes.h"

#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <string.h>

#define NOTE_HEADER_BYTES 12
static const char vmcoreinfo_name[] = "VMCOREINFO";

static bool find_text(const struct vmcore *core, uint64_t *off)
{
	struct view view = blob_view(&core->notes, core->path);
	struct cursor c;
	struct elf_note note;
	int got;

	view.big_endian = core->big_endian;
	c = cursor_at(&view, 0);
	while ((got = elf_note_next(&c, &note)) > 0) {
		if (!elf_note_is(&note, vmcoreinfo_name) || note.desc.len < core->vmcoreinfo.len ||
		    memcmp(note.desc.base, core->vmcoreinfo.data, core->vmcoreinfo.len))
			continue;
		*off = note.desc.base - core->notes.data;
		return true;
	}
	if (got)
		err_clear(); /* damaged notes are kept as they are */
	return false;
}

static int append_text(const struct vmcore *core, struct blob *notes)
{
	uint8_t header[NOTE_HEADER_BYTES];
	size_t len = core->vmcoreinfo.len;
	int err;

	if (len > UINT32_MAX - 3)
		return fail(-EINVAL, "%s: vmcoreinfo of %zu bytes", core->path, len);
	put_u32(header, sizeof(vmcoreinfo_name), core->big_endian);
	put_u32(header + 4, len, core->big_endian);
	put_u32(header + 8, 0, core->big_endian);
	err = blob_append(notes, header, sizeof(header));
	if (!err)
		err = blob_append(notes, vmcoreinfo_name, sizeof(vmcoreinfo_name));
	if (!err)
		err = blob_zero(notes, -sizeof(vmcoreinfo_name) & 3);
	if (!err)
		err = blob_append(notes, core->vmcoreinfo.data, len);
	if (!err)
		err = blob_zero(notes, -len & 3);
	return err;
}

int notes_append(const struct vmcore *core, struct blob *notes, uint64_t *info_off)
{
	size_t start = notes->len;
	uint64_t off = 0;
	int err = blob_append(notes, core->notes.data, core->notes.len);

	if (!err && core->vmcoreinfo.len && !find_text(core, &off)) {
		err = blob_zero(notes, -core->notes.len & 3);
		off = notes->len - start + NOTE_HEADER_BYTES + ((sizeof(vmcoreinfo_name) + 3) & ~3u);
		if (!err)
			err = append_text(core, notes);
	}
	if (err)
		return err;
	*info_off = off;
	return 0;
}
