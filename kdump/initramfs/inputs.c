// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/inputs.h"

#include "kdump/capture/facts.h"
#include "lib/err.h"
#include "lib/sha256.h"
#include "lib/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST_LINE "parachute-inputs 1"

/*
 * What those read who build for us, besides what we give them. One that is not there counts as such: its coming is a
 * change.
 */
static const char *const read_by_builders[] = {
	"etc/fstab", "etc/crypttab", "etc/mdadm/mdadm.conf", "etc/mdadm.conf", "etc/lvm/lvm.conf", "etc/multipath.conf",
	"etc/multipath/bindings", "etc/multipath/wwids", "etc/iscsi/initiatorname.iscsi", "etc/dracut.conf",
	"etc/cryptsetup-initramfs/conf-hook",
	"etc/initramfs-tools/initramfs.conf", "etc/initramfs-tools/modules", "etc/modules",
	"usr/share/initramfs-tools/hooks/parachute", "usr/share/initramfs-tools/scripts/local-premount/parachute",
	"usr/lib/dracut/modules.d/99parachute/module-setup.sh", "usr/lib/dracut/modules.d/99parachute/capture.sh",
};

static const char *const read_folders[] = {
	"etc/dracut.conf.d", "etc/initramfs-tools/conf.d", "etc/initramfs-tools/hooks",
};

static int put(struct blob *text, const char *s)
{
	return blob_append(text, s, strlen(s));
}

static int put_path(struct blob *text, const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	int err = put(text, " ");

	for (const char *c = path; !err && *c; c++) {
		unsigned char u = (unsigned char)*c;
		char escape[3] = { '%', digits[u >> 4], digits[u & 15] };

		err = u <= ' ' || u == '%' || u == 0x7f ? blob_append(text, escape, 3) : blob_append(text, c, 1);
	}
	return err;
}

static int put_digest(struct blob *text, const void *bytes, size_t len)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	sha256_of(bytes, len, digest);
	return put(text, text_hex(digest, sizeof(digest), hex));
}

static int put_file(struct blob *text, const struct tree_entry *e)
{
	char mode[16], *slashed;
	int err = put(text, "file ");

	if (!err)
		err = put_digest(text, e->content.data, e->content.len);
	snprintf(mode, sizeof(mode), " %04o", e->mode & 07777);
	if (!err)
		err = put(text, mode);
	if (!err)
		err = put_path(text, e->path);
	if (!err && e->source) {
		if (asprintf(&slashed, "/%s", e->source + strspn(e->source, "/")) < 0)
			return fail(-ENOMEM, "out of memory");
		err = put_path(text, slashed);
		free(slashed);
	} else if (!err) {
		err = put(text, " -");
	}
	return err ? err : put(text, "\n");
}

static int put_link(struct blob *text, const struct tree_entry *e)
{
	int err = put(text, "link - -");

	if (!err)
		err = put_path(text, e->path);
	if (!err)
		err = put_path(text, (const char *)e->content.data);
	return err ? err : put(text, "\n");
}

static int put_read(struct blob *text, const struct root *root, const char *path)
{
	struct blob content;
	int err;

	if (!root_exists(root, path))
		return 0;
	blob_init(&content);
	err = root_read(root, path, TREE_FILE_MAX, &content);
	if (err == -EISDIR) {
		err_clear();
		blob_deinit(&content);
		return 0;
	}
	if (!err)
		err = put(text, "read ");
	if (!err)
		err = put_digest(text, content.data, content.len);
	if (!err)
		err = put(text, " -");
	if (!err)
		err = put_path(text, path);
	if (!err)
		err = put(text, " -\n");
	blob_deinit(&content);
	return err;
}

static int put_folder(struct blob *text, const struct root *root, const char *folder)
{
	struct root_names names = { 0 };
	int err = root_exists(root, folder) ? root_list(root, folder, &names) : 0;

	for (size_t i = 0; !err && i < names.nr; i++) {
		char *path;

		if (asprintf(&path, "%s/%s", folder, names.name[i]) < 0) {
			err = fail(-ENOMEM, "out of memory");
			break;
		}
		err = put_read(text, root, path);
		free(path);
	}
	root_names_deinit(&names);
	return err;
}

static int put_builders_files(struct blob *text, const struct plan *p)
{
	char *path;
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(read_by_builders) / sizeof(read_by_builders[0]); i++)
		err = put_read(text, p->r.root, read_by_builders[i]);
	for (size_t i = 0; !err && i < sizeof(read_folders) / sizeof(read_folders[0]); i++)
		err = put_folder(text, p->r.root, read_folders[i]);
	/* They pack modules of their own choice. */
	if (err)
		return err;
	if (asprintf(&path, "%s/modules.dep", p->modules.folder) < 0)
		return fail(-ENOMEM, "out of memory");
	err = put_read(text, p->r.root, path);
	free(path);
	return err;
}

static int put_facts(struct blob *text, const struct plan *p)
{
	struct text t = text_of((const char *)p->facts.data, p->facts.len), line;
	int err = 0;

	while (!err && text_line(&t, &line)) {
		err = put(text, "fact ");
		if (!err)
			err = blob_append(text, line.at, line.len);
		if (!err)
			err = put(text, "\n");
	}
	return err;
}

int inputs_of(const struct plan *p, const char *builder, const char *pack, struct blob *text)
{
	int err = put(text, FIRST_LINE "\nbuilder ");

	if (!err)
		err = put(text, builder);
	if (!err)
		err = put(text, "\npack ");
	if (!err)
		err = put(text, pack);
	if (!err)
		err = put(text, "\n");
	for (size_t i = 0; !err && i < p->tree.nr; i++) {
		const struct tree_entry *e = &p->tree.entry[i];

		if (S_ISREG(e->mode))
			err = put_file(text, e);
		else if (S_ISLNK(e->mode))
			err = put_link(text, e);
	}
	if (!err && p->r.guest)
		err = put_builders_files(text, p);
	return err ? err : put_facts(text, p);
}

int inputs_add_image(struct blob *text, const void *image, size_t len)
{
	char size[32];
	int err = put(text, "image ");

	if (!err)
		err = put_digest(text, image, len);
	snprintf(size, sizeof(size), " %zu\n", len);
	return err ? err : put(text, size);
}

/* Lines of a text, sorted by what they are about, so that two can be walked side by side. */
struct lines {
	struct text *line;
	size_t nr;
};

/* The line without its words in front that say how the thing is: "file /init ...", the whole line for others. */
static struct text key_of(const struct text *line)
{
	struct text rest = *line, kind = text_until(&rest, ' ');

	if (text_is(&kind, "builder") || text_is(&kind, "pack") || text_is(&kind, "image"))
		return kind;
	if (!text_is(&kind, "file") && !text_is(&kind, "read") && !text_is(&kind, "link"))
		return *line;
	text_until(&rest, ' ');
	text_until(&rest, ' ');
	return text_until(&rest, ' ');
}

static int compare_text(struct text a, struct text b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.at, b.at, n) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_lines(const void *left, const void *right)
{
	int order = compare_text(key_of(left), key_of(right));

	return order ? order : compare_text(*(const struct text *)left, *(const struct text *)right);
}

static int lines_init(struct lines *l, struct text t)
{
	struct text line;

	*l = (struct lines){ 0 };
	while (text_line(&t, &line)) {
		struct text *more = reallocarray(l->line, l->nr + 1, sizeof(*more));

		if (!more) {
			free(l->line);
			return fail(-ENOMEM, "out of memory");
		}
		l->line = more;
		more[l->nr++] = line;
	}
	if (l->nr)
		qsort(l->line, l->nr, sizeof(*l->line), compare_lines);
	return 0;
}

/* Two lines about one thing, or one that the other side does not have. */
static void say_difference(FILE *out, const struct text *old, const struct text *new)
{
	struct text rest = old ? *old : *new, kind = text_until(&rest, ' '), key = key_of(old ? old : new);
	const char *slash = key.len && key.at[0] == '/' ? "" : "/";

	if (text_is(&kind, "fact"))
		fprintf(out, "%s: %.*s\n", old ? "no longer so" : "new", (int)rest.len, rest.at);
	else if (text_is(&kind, "builder") || text_is(&kind, "pack"))
		fprintf(out, "%.*s: was %.*s\n", (int)kind.len, kind.at, (int)rest.len, rest.at);
	else if (old && new)
		fprintf(out, "%s%.*s: changed\n", slash, (int)key.len, key.at);
	else
		fprintf(out, "%s%.*s: %s\n", slash, (int)key.len, key.at, old ? "no longer needed" : "not in it yet");
}

/* PARTIAL: only what both sides have; and what is told about the machine is told in facts, which one side lacks. */
static bool differs(const struct text *a, const struct text *b, int order, bool partial)
{
	struct text key;

	if (!partial || order)
		return !partial && (order || compare_text(*a, *b));
	key = key_of(a);
	return !text_is(&key, &FACTS_PATH[1]) && compare_text(*a, *b);
}

static bool compare_all(const struct lines *old, const struct lines *new, bool partial, FILE *out)
{
	size_t i = 0, k = 0;
	bool stale = false;

	while (i < old->nr || k < new->nr) {
		const struct text *a = i < old->nr ? &old->line[i] : NULL, *b = k < new->nr ? &new->line[k] : NULL;
		int order = !a ? 1 : !b ? -1 : compare_text(key_of(a), key_of(b));

		if (differs(a, b, order, partial)) {
			stale = true;
			say_difference(out, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		}
		i += order <= 0;
		k += order >= 0;
	}
	return stale;
}

/* Take the line "image" out of RECORDED, whose other lines go to REST. */
static int split_image(const struct view *recorded, struct blob *rest, struct blob *image)
{
	struct text t = text_of((const char *)recorded->base, recorded->len), line;
	bool first = true;
	int err = 0;

	while (!err && text_line(&t, &line)) {
		struct blob *to = text_starts(&line, "image ") ? image : rest;

		if (first && !text_is(&line, FIRST_LINE))
			break;
		first = false;
		err = blob_append(to, line.at, line.len);
		if (!err)
			err = blob_append(to, "\n", 1);
	}
	if (!err && (first || !image->len))
		err = fail(-EINVAL, "%s is not of kdump mkinitramfs", recorded->name);
	return err;
}

int inputs_compare(const struct blob *now, bool partial, const struct view *recorded, const struct view *image,
		   FILE *out, bool *stale)
{
	struct blob rest, line, actual;
	struct lines old = { 0 }, new = { 0 };
	int err;

	blob_init(&rest);
	blob_init(&line);
	blob_init(&actual);
	err = split_image(recorded, &rest, &line);
	if (!err)
		err = inputs_add_image(&actual, image->base, image->len);
	if (!err)
		err = lines_init(&old, text_of((const char *)rest.data, rest.len));
	if (!err)
		err = lines_init(&new, text_of((const char *)now->data, now->len));
	if (!err) {
		*stale = compare_all(&old, &new, partial, out);
		if (line.len != actual.len || memcmp(line.data, actual.data, line.len)) {
			fprintf(out, "%s: it is not the file that was made\n", image->name);
			*stale = true;
		}
	}
	free(old.line);
	free(new.line);
	blob_deinit(&rest);
	blob_deinit(&line);
	blob_deinit(&actual);
	return err;
}
