/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kexec/image/image.h"

#include "lib/blob.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What people hand to a loader by mistake. The first that matches is told. */
static const struct {
	uint32_t off;
	uint32_t len;
	const char *magic;
	const char *what;
} look_alikes[] = {
	{ 4, 4, "zimg", "an EFI zboot image (CONFIG_EFI_ZBOOT), a compressed kernel that unpacks itself: "
			"load the Image it was made from" },
	{ 0x202, 4, "HdrS", "an x86 bzImage" },
	{ 56, 4, "ARM\x64", "an arm64 Image" },
	{ 56, 4, "RSC\x05", "a RISC-V Image" },
	{ 0, 4, "\177ELF", "an ELF file (a vmlinux, maybe)" },
	{ 0, 4, "\x27\x05\x19\x56", "a U-Boot uImage" },
	{ 0, 4, "\xd0\x0d\xfe\xed", "a device tree (or a U-Boot FIT image)" },
	{ 0, 5, "07070", "a cpio archive (an initrd, maybe)" },
	{ 0, 2, "MZ", "an EFI program (a unified kernel image, maybe)" },
	{ 0, 2, "#!", "a script" },
};

static const char *looks_like(const struct view *v)
{
	for (size_t i = 0; i < sizeof(look_alikes) / sizeof(look_alikes[0]); i++) {
		if (view_has(v, look_alikes[i].off, look_alikes[i].magic, look_alikes[i].len))
			return look_alikes[i].what;
	}
	return NULL;
}

static int add_text(struct blob *b, const char *text)
{
	return blob_append(b, text, strlen(text));
}

static int unknown_type(const struct image_format *const *formats, const char *type)
{
	struct blob names;
	int err = 0;

	blob_init(&names);
	for (; *formats && !err; formats++) {
		err = add_text(&names, names.len ? ", " : "");
		if (!err)
			err = add_text(&names, (*formats)->name);
	}
	if (!err)
		err = fail(-EINVAL, "unknown image type \"%s\": known here: %s", type, (const char *)names.data);
	blob_deinit(&names);
	return err;
}

static int check_type(const struct image_format *const *formats, const char *type)
{
	if (!type)
		return 0;
	for (size_t i = 0; formats[i]; i++) {
		if (!strcmp(formats[i]->name, type))
			return 0;
	}
	return unknown_type(formats, type);
}

/* Every format refused, each with the reason in REASONS. */
static int refused(const struct image *image, const struct blob *reasons, const char *type)
{
	const char *what = looks_like(&image->whole), *text = (const char *)reasons->data;
	const char *before = what ? "; it looks like " : "";

	what = what ? what : "";
	if (image->compression)
		return fail(-ENOEXEC, "%s (%s, unpacked to %" PRIu64 " bytes) is no %s: %s%s%s", image->whole.name,
			    image->compression, image->whole.len, type ? type : "kernel image", text, before, what);
	return fail(-ENOEXEC, "%s is no %s: %s; unpacking: no known compression magic%s%s", image->whole.name,
		    type ? type : "kernel image", text, before, what);
}

/* The recorded reason, with the format's name in front when several are asked. */
static int add_reason(struct blob *reasons, const char *format)
{
	int err = 0;

	if (reasons->len)
		err = add_text(reasons, "; ");
	if (!err && format)
		err = add_text(reasons, format);
	if (!err && format)
		err = add_text(reasons, ": ");
	return err ? err : add_text(reasons, err_text());
}

/* Ask every format, or only TYPE, about image->whole. */
static int probe(struct image *image, const struct image_format *const *formats, const char *type)
{
	struct blob reasons;
	int err = -ENOEXEC;

	blob_init(&reasons);
	for (; *formats; formats++) {
		const struct image_format *format = *formats;

		if (type && strcmp(format->name, type))
			continue;
		err = format->parse(&image->whole, image);
		if (!err)
			image->format = format;
		else if (err != -ENOEXEC)
			fail_ctx(err, "%s: %s", image->whole.name, format->name);
		if (err != -ENOEXEC)
			break;
		err = add_reason(&reasons, type ? NULL : format->name);
		if (err)
			break;
		err = -ENOEXEC;
	}
	if (err == -ENOEXEC)
		err = refused(image, &reasons, type);
	blob_deinit(&reasons);
	return err;
}

/* Fill IMAGE, which may hold the file already, from BYTES. What was set stays set on failure: image_close() it. */
static int fill(struct image *image, const struct view *bytes, const struct image_format *const *formats,
		const char *type)
{
	int err;

	image->whole = *bytes;
	if (!image->whole.name)
		image->whole.name = "the kernel";
	image->whole.big_endian = false;
	err = unpack(&image->whole, IMAGE_UNPACK_MAX, &image->unpacked);
	if (!err) {
		image->whole = image->unpacked.view;
		image->compression = image->unpacked.format;
	} else if (err != -ENOEXEC) {
		return err;
	}
	return probe(image, formats, type);
}

int image_parse(struct image *image, const struct view *bytes, const struct image_format *const *formats,
		const char *type)
{
	struct image new = { .format = NULL };
	int err;

	err = check_type(formats, type);
	if (err)
		return err;
	err = fill(&new, bytes, formats, type);
	if (err) {
		image_close(&new);
		return err;
	}
	*image = new;
	return 0;
}

/*
 * Nothing points into the compressed file any more: give its memory back, and keep the path, which names the
 * views.
 */
static void drop_file_bytes(struct file *file)
{
	struct file named = { .path = file->path };

	file->path = NULL;
	file_close(file);
	*file = named;
}

int image_open(struct image *image, const char *path, const struct image_format *const *formats, const char *type)
{
	struct image new = { .format = NULL };
	int err;

	err = check_type(formats, type);
	if (err)
		return err;
	err = file_open(&new.file, path);
	if (err)
		return err;
	err = fill(&new, &new.file.view, formats, type);
	if (err) {
		image_close(&new);
		return err;
	}
	if (new.compression)
		drop_file_bytes(&new.file);
	*image = new;
	return 0;
}

void image_close(struct image *image)
{
	unpacked_release(&image->unpacked);
	file_close(&image->file);
	*image = (struct image){ .format = NULL };
}
