// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bootloader.h"

#include "lib/cmdline.h"
#include "lib/err.h"
#include "lib/file.h"
#include "lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20)
#define GRUB_DEFAULT "/etc/default/grub"
#define GRUB_FOLDER  "/etc/default/grub.d"
#define GRUB_SNIPPET GRUB_FOLDER "/kdump.cfg"
#define KERNEL_CMDLINE "/etc/kernel/cmdline"

/* Where entries of the Boot Loader Specification lie: $BOOT is one of these. */
static const char *const entry_folders[] = {
	"/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries",
};

/* ---- texts ---- */

static int append(struct blob *b, const char *text)
{
	return blob_append(b, text, strlen(text));
}

/* WORDS with every crashkernel= replaced by ours; without one where VALUE is NULL. */
static int edit_words(struct text words, const char *value, struct blob *after)
{
	struct cmdline c = { 0 };
	char *copy = strndup(words.at, words.len), *word = NULL;
	int err = copy ? cmdline_init(&c, copy) : fail(-ENOMEM, "no memory for a command line");

	free(copy);
	if (!err)
		err = cmdline_remove(&c, "crashkernel");
	if (err >= 0 && value)
		err = asprintf(&word, "crashkernel=%s", value) < 0 ? fail(-ENOMEM, "no memory for a command line") :
		      cmdline_add(&c, word);
	if (err >= 0)
		err = append(after, c.text);
	free(word);
	cmdline_deinit(&c);
	return err < 0 ? err : 0;
}

/* "KEY VALUE" with blanks or tabs between: VALUE, when LINE begins with KEY. */
static bool entry_line(struct text line, const char *key, struct text *value)
{
	text_trim(&line);
	if (!text_take(&line, key) || !line.len || (line.at[0] != ' ' && line.at[0] != '\t'))
		return false;
	text_trim(&line);
	*value = line;
	return true;
}

int boot_entry_edit(const struct blob *before, const char *value, struct blob *after)
{
	struct text rest = text_of((const char *)before->data, before->len), line, words;
	size_t nr = 0, at = 0;
	int err = 0;

	while (text_line(&rest, &line))
		nr += entry_line(line, "options", &words);
	rest = text_of((const char *)before->data, before->len);
	while (!err && text_line(&rest, &line)) {
		if (entry_line(line, "options", &words)) {
			/* All of them together are the command line: ours goes into the last. */
			err = append(after, "options ");
			if (!err)
				err = edit_words(words, ++at == nr ? value : NULL, after);
		} else {
			err = blob_append(after, line.at, line.len);
		}
		if (!err)
			err = append(after, "\n");
	}
	if (!err && !nr) {
		err = append(after, "options crashkernel=");
		if (!err)
			err = append(after, value);
		if (!err)
			err = append(after, "\n");
	}
	return err;
}

int boot_cmdline_edit(const struct blob *before, const char *value, struct blob *after)
{
	struct text words = text_of((const char *)before->data, before->len);
	int err;

	text_trim(&words);
	/* kernel-install(8) takes the lines of this file together. */
	if (words.len && memchr(words.at, '\n', words.len))
		return fail(-EINVAL, KERNEL_CMDLINE " has several lines: write crashkernel=%s into it by hand", value);
	err = edit_words(words, value, after);
	return err ? err : append(after, "\n");
}

/* The snippet for GRUB. */
static int boot_grub_snippet(const char *value, struct blob *after)
{
	char *text;
	int err;

	if (asprintf(&text, "# Memory for the capture kernel, written by \"kdumpctl reset-crashkernel\". After a "
		     "change: update-grub, then reboot.\n"
		     "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=%s\"\n", value) < 0)
		return fail(-ENOMEM, "no memory for a file of GRUB");
	err = append(after, text);
	free(text);
	return err;
}

/* PATH ends in what the entry says, which is relative to the file system that the entry is on. */
static bool names_kernel(struct text linux_path, const char *kernel)
{
	struct text path = text_of_string(kernel);

	if (!linux_path.len || path.len < linux_path.len ||
	    memcmp(path.at + path.len - linux_path.len, linux_path.at, linux_path.len))
		return false;
	return linux_path.at[0] == '/' || path.len == linux_path.len || path.at[path.len - linux_path.len - 1] == '/';
}

bool boot_entry_is_for(const struct blob *entry, const char *kernel)
{
	struct text rest = text_of((const char *)entry->data, entry->len), line, value;

	while (text_line(&rest, &line))
		if (entry_line(line, "linux", &value))
			return !kernel || names_kernel(value, kernel);
	return false;
}

/* ---- files ---- */

/* AFTER is taken over, also on failure. BEFORE likewise. */
static int add_change(struct boot_changes *b, const struct ctl *ctl, const char *path, bool is_new, struct blob *before,
		      struct blob *after)
{
	struct boot_change *more, change = { .before = *before, .after = *after, .is_new = is_new };
	int err = 0;

	b->nr_seen++;
	if (before->len == after->len && !memcmp(before->data, after->data, after->len)) {
		blob_deinit(before);
		blob_deinit(after);
		return 0;
	}
	change.path = ctl_path(ctl, path);
	more = change.path ? reallocarray(b->change, b->nr + 1, sizeof(*more)) : NULL;
	if (more) {
		b->change = more;
		b->change[b->nr++] = change;
	} else {
		free(change.path);
		blob_deinit(before);
		blob_deinit(after);
		err = fail(-ENOMEM, "no memory for a file of the boot loader");
	}
	return err;
}

static int PRINTF_LIKE(2, 3) add_warning(struct boot_changes *b, const char *fmt, ...)
{
	char **more = reallocarray(b->warning, b->nr_warnings + 1, sizeof(*more)), *text;
	va_list args;
	int n;

	if (!more)
		return fail(-ENOMEM, "no memory for a warning");
	b->warning = more;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return fail(-ENOMEM, "no memory for a warning");
	more[b->nr_warnings++] = text;
	return 0;
}

typedef int editor(const struct blob *before, const char *value, struct blob *after);

/* An existing file. KERNEL: only when it is an entry for this one; entries of other systems never. */
static int plan_file(struct boot_changes *b, const struct ctl *ctl, const char *path, const char *value, bool is_entry,
		     const char *kernel)
{
	struct blob before, after;
	int err;

	blob_init(&before);
	blob_init(&after);
	err = root_read(&ctl->root, path + 1, FILE_MAX, &before);
	if (!err && (!is_entry || boot_entry_is_for(&before, kernel))) {
		err = is_entry ? boot_entry_edit(&before, value, &after) : boot_cmdline_edit(&before, value, &after);
		if (!err)
			return add_change(b, ctl, path, false, &before, &after);
	}
	blob_deinit(&before);
	blob_deinit(&after);
	return err;
}

static int plan_entries(struct boot_changes *b, const struct ctl *ctl, const char *folder, const char *value,
			const char *kernel)
{
	struct root_names names;
	int err;

	if (!root_exists(&ctl->root, folder + 1))
		return 0;
	err = root_list(&ctl->root, folder + 1, &names);
	if (err)
		return err;
	for (size_t i = 0; !err && i < names.nr; i++) {
		struct text name = text_of_string(names.name[i]);
		char *path;

		if (!text_stops(&name, ".conf"))
			continue;
		if (asprintf(&path, "%s/%s", folder, names.name[i]) < 0) {
			err = fail(-ENOMEM, "no memory for a path");
			break;
		}
		err = plan_file(b, ctl, path, value, true, kernel);
		free(path);
	}
	root_names_deinit(&names);
	return err;
}

/* crashkernel= in settings of GRUB that are not ours. They are scripts: people edit them, we do not. */
static int warn_of_others(struct boot_changes *b, const struct ctl *ctl, const char *path)
{
	struct text rest, line;
	struct blob text;
	unsigned int number = 0;
	int err;

	blob_init(&text);
	err = root_read(&ctl->root, path + 1, FILE_MAX, &text);
	rest = text_of((const char *)text.data, text.len);
	while (!err && text_line(&rest, &line)) {
		number++;
		text_trim(&line);
		if (line.len && line.at[0] != '#' && memmem(line.at, line.len, "crashkernel=", strlen("crashkernel=")))
			err = add_warning(b, "%s:%u has a crashkernel= too: take it out, as the kernel obeys the last "
					  "one that it is given", path, number);
	}
	blob_deinit(&text);
	return err;
}

static int warn_of_snippets(struct boot_changes *b, const struct ctl *ctl)
{
	struct root_names names;
	int err;

	if (!root_exists(&ctl->root, &GRUB_FOLDER[1]))
		return 0;
	err = root_list(&ctl->root, &GRUB_FOLDER[1], &names);
	if (err)
		return err;
	for (size_t i = 0; !err && i < names.nr; i++) {
		struct text name = text_of_string(names.name[i]);
		char *path;

		if (!text_stops(&name, ".cfg") || text_is(&name, "kdump.cfg"))
			continue;
		if (asprintf(&path, GRUB_FOLDER "/%s", names.name[i]) < 0)
			err = fail(-ENOMEM, "no memory for a path");
		else
			err = warn_of_others(b, ctl, path);
		if (!err)
			free(path);
	}
	root_names_deinit(&names);
	return err;
}

/*
 * Debian's GRUB reads snippets; one whose menu is made of entries of the specification (Fedora's) has no need of them.
 */
static bool has_grub(const struct ctl *ctl)
{
	return root_exists(&ctl->root, &GRUB_DEFAULT[1]) &&
	       (root_exists(&ctl->root, "usr/sbin/update-grub") || root_exists(&ctl->root, "sbin/update-grub"));
}

static int plan_grub(struct boot_changes *b, const struct ctl *ctl, const char *value)
{
	struct blob before, after;
	bool is_new = !root_exists(&ctl->root, &GRUB_SNIPPET[1]);
	int err = warn_of_others(b, ctl, GRUB_DEFAULT);

	if (!err)
		err = warn_of_snippets(b, ctl);
	if (err)
		return err;
	blob_init(&before);
	blob_init(&after);
	if (!is_new)
		err = root_read(&ctl->root, &GRUB_SNIPPET[1], FILE_MAX, &before);
	if (!err)
		err = boot_grub_snippet(value, &after);
	if (err) {
		blob_deinit(&before);
		blob_deinit(&after);
		return err;
	}
	b->grub = true;
	return add_change(b, ctl, GRUB_SNIPPET, is_new, &before, &after);
}

static int plan_all(struct boot_changes *b, const struct ctl *ctl, const char *value, const char *kernel)
{
	bool grub = has_grub(ctl);
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(entry_folders) / sizeof(entry_folders[0]); i++)
		err = plan_entries(b, ctl, entry_folders[i], value, kernel);
	if (err)
		return err;
	if (kernel) {
		if (b->nr_seen)
			return 0;
		return grub ? fail(-ENOTSUP, "the settings of GRUB are for all kernels: leave out --kernel") :
		       fail(-ENOENT, "no entry of the boot loader is for %s", kernel);
	}
	if (root_exists(&ctl->root, &KERNEL_CMDLINE[1]))
		err = plan_file(b, ctl, KERNEL_CMDLINE, value, false, NULL);
	if (!err && grub)
		err = plan_grub(b, ctl, value);
	if (!err && !b->nr_seen)
		err = fail(-ENOENT, "no boot loader is known here: there is neither update-grub nor "
			   "/boot/loader/entries; add crashkernel=%s to the kernel's command line by hand", value);
	return err;
}

int boot_changes_plan(struct boot_changes *b, const struct ctl *ctl, const char *value, const char *kernel)
{
	int err;

	*b = (struct boot_changes){ 0 };
	err = plan_all(b, ctl, value, kernel);
	if (err)
		boot_changes_deinit(b);
	return err;
}

void boot_changes_print(const struct boot_changes *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		const struct boot_change *c = &b->change[i];
		struct text old = text_of((const char *)c->before.data, c->before.len), x;
		struct text new = text_of((const char *)c->after.data, c->after.len), y;
		unsigned int number = 0;
		bool more = true;

		printf("--- %s\n+++ %s\n", c->is_new ? "/dev/null" : c->path, c->path);
		/* Lines are changed or added behind the last, never taken away from between. */
		while (more) {
			bool has_x = text_line(&old, &x), has_y = text_line(&new, &y);

			number++;
			more = has_x || has_y;
			if (has_x && has_y && x.len == y.len && !memcmp(x.at, y.at, x.len))
				continue;
			if (more)
				printf("@@ line %u @@\n", number);
			if (has_x)
				printf("-%.*s\n", (int)x.len, x.at);
			if (has_y)
				printf("+%.*s\n", (int)y.len, y.at);
		}
	}
}

static int make_folder_of(const char *path)
{
	char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
	int err = 0;

	if (!slash) {
		free(folder);
		return fail(-ENOMEM, "no memory for a path");
	}
	*slash = 0;
	if (*folder && mkdir(folder, 0755) && errno != EEXIST)
		err = fail_sys(-errno, "cannot make the folder %s", folder);
	free(folder);
	return err;
}

int boot_changes_write(const struct boot_changes *b)
{
	int err = 0;

	for (size_t i = 0; !err && i < b->nr; i++) {
		const struct boot_change *c = &b->change[i];
		char *path = NULL;
		struct stat st;
		mode_t mode = 0644;

		if (c->is_new) {
			err = make_folder_of(c->path);
			path = strdup(c->path);
			if (!err && !path)
				err = fail(-ENOMEM, "no memory for a path");
		} else {
			if (!stat(c->path, &st))
				mode = st.st_mode & 07777;
			/* The file that a link leads to, not the link. */
			err = file_output_name(c->path, &path);
		}
		if (!err)
			err = file_replace(path, c->after.data, c->after.len, mode);
		free(path);
	}
	return err;
}

void boot_changes_deinit(struct boot_changes *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		free(b->change[i].path);
		blob_deinit(&b->change[i].before);
		blob_deinit(&b->change[i].after);
	}
	for (size_t i = 0; i < b->nr_warnings; i++)
		free(b->warning[i]);
	free(b->change);
	free(b->warning);
	*b = (struct boot_changes){ 0 };
}
