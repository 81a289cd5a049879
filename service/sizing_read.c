// SPDX-License-Identifier: GPL-2.0-or-later
/* The facts of an estimate: from the files that are loaded, the configuration, and the machine. */
#include "lib/err.h"
#include "lib/file.h"
#include "lib/unpack.h"
#include "service/sizing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No initramfs that fits a reservation has more. */
#define UNPACKED_MAX (1ull << 30)

/* An inode and a directory entry of the kernel's memory file system, in its slabs. */
#define FILE_OVERHEAD 1024
#define PAGE 4096

/* The kernel's initramfs of our own for virtio and ext4, as long as there is none to look at. */
#define USUAL_PACKED   (5ull << 20)
#define USUAL_UNPACKED (8ull << 20)

/* How much larger than its file a kernel is that says nothing about itself: those packed best take a sixth. */
#define UNPACKED_TIMES 6

/* What people write behind crashkernel=. */
#define WANT_STEP (16ull << 20)

/*
 * x86: "HdrS" at 0x202, init_size at 0x260 since 2.10 (Documentation/arch/x86/boot.rst). arm64: image_size at 16
 * (arch/arm64/booting.rst).
 */
bool kernel_start_bytes(const struct view *image, uint64_t *bytes)
{
	struct cursor c = cursor_at(image, 0);

	if (view_has(image, 0x202, "HdrS", 4)) {
		c = cursor_at(image, 0x206);
		if (cursor_u16(&c) < 0x020a)
			return false;
		c = cursor_at(image, 0x260);
		*bytes = cursor_u32(&c);
	} else if (view_has(image, 56, "ARM\x64", 4)) {
		c = cursor_at(image, 16);
		*bytes = cursor_u64(&c);
	} else {
		return false;
	}
	return !c.bad && *bytes;
}

static bool hex_field(struct cursor *c, uint64_t *value)
{
	const uint8_t *digits = cursor_bytes(c, 8);
	struct text t = text_of((const char *)digits, 8);

	return digits && text_u64(&t, 16, value) && !t.len;
}

/*
 * One archive of the form "newc" at *POS, which moves behind it
 * (Documentation/driver-api/early-userspace/buffer-format.rst): a header of 110 bytes with fields of 8 digits, of which
 * the 7th is the file's size and the 12th its name's, and padding to 4 bytes behind name and contents.
 */
static int walk_archive(const struct view *v, uint64_t *pos, uint64_t *bytes)
{
	struct cursor c = cursor_at(v, *pos);

	for (;;) {
		uint64_t field[13];
		const uint8_t *name;
		bool good;

		cursor_skip(&c, 6);
		good = !c.bad;
		for (int i = 0; good && i < 13; i++)
			good = hex_field(&c, &field[i]);
		if (!good || !field[11] || field[11] > PAGE)
			return fail(-EINVAL, "%s: the archive has a damaged header", v->name);
		name = cursor_bytes(&c, field[11]);
		cursor_align(&c, 4);
		if (c.bad || name[field[11] - 1])
			return fail(-EINVAL, "%s: the archive has a damaged name", v->name);
		if (!strcmp((const char *)name, "TRAILER!!!"))
			break;
		cursor_skip(&c, field[6]);
		cursor_align(&c, 4);
		if (c.bad || (!view_has(v, c.pos, "070701", 6) && !view_has(v, c.pos, "070702", 6)))
			return fail(-EINVAL, "%s: the archive is cut off", v->name);
		*bytes += (field[6] + PAGE - 1) / PAGE * PAGE + FILE_OVERHEAD;
	}
	*pos = c.pos;
	return 0;
}

/*
 * Several archives one behind the other, each packed or not, with zeros between (microcode in front of the rest, for
 * one).
 */
static int walk_archives(const struct view *v, bool may_unpack, uint64_t *bytes)
{
	uint64_t pos = 0;
	int err = 0;

	while (!err && pos < v->len) {
		struct unpacked inner;
		struct view rest;

		if (view_has(v, pos, "070701", 6) || view_has(v, pos, "070702", 6)) {
			err = walk_archive(v, &pos, bytes);
			continue;
		}
		if (view_has(v, pos, "\0", 1)) {
			pos++;
			continue;
		}
		err = view_sub(v, pos, v->len - pos, &rest);
		if (!err)
			err = may_unpack ? unpack(&rest, UNPACKED_MAX, &inner) : -ENOEXEC;
		if (err == -ENOEXEC)
			return fail(-EINVAL, "%s: no initramfs: neither an archive nor packed", v->name);
		if (err)
			return err;
		err = walk_archives(&inner.view, false, bytes);
		unpacked_release(&inner);
		/* unpack() takes all that follows. */
		pos = v->len;
	}
	return err;
}

int initramfs_unpacked_bytes(const struct view *image, uint64_t *bytes)
{
	uint64_t sum = 0;
	int err = walk_archives(image, true, &sum);

	if (!err)
		*bytes = sum;
	return err;
}

static int read_kernel(struct sizing_facts *f, const char *path)
{
	struct file file;
	int err = file_open(&file, path);

	if (err)
		return err;
	if (!kernel_start_bytes(&file.view, &f->kernel_bytes))
		f->kernel_bytes = file.view.len * UNPACKED_TIMES;
	file_close(&file);
	return 0;
}

/* *BUILT: there is one. */
static int read_initramfs(struct sizing_facts *f, const char *path, bool *built)
{
	struct file file;
	int err = file_open(&file, path);

	*built = !err;
	if (err == -ENOENT) {
		err_clear();
		f->packed_bytes = USUAL_PACKED;
		f->unpacked_bytes = USUAL_UNPACKED;
		return 0;
	}
	if (err)
		return err;
	f->packed_bytes = file.view.len;
	err = initramfs_unpacked_bytes(&file.view, &f->unpacked_bytes);
	file_close(&file);
	return err;
}

/* "auto" is ours only where the image's FILE.inputs does not say that dracut or initramfs-tools was needed for it. */
static int is_own(enum conf_builder builder, const char *initramfs, bool *own)
{
	struct text rest, line;
	struct file file;
	char *name;
	int err;

	*own = builder == CONF_BUILDER_AUTO || builder == CONF_BUILDER_OWN;
	if (builder != CONF_BUILDER_AUTO)
		return 0;
	if (asprintf(&name, "%s.inputs", initramfs) < 0)
		return fail(-ENOMEM, "no memory for a path");
	err = file_open(&file, name);
	free(name);
	if (err) {
		/* Not built yet, or not by us: it says nothing. */
		err_clear();
		return 0;
	}
	rest = text_of((const char *)file.view.base, file.view.len);
	while (text_line(&rest, &line))
		if (text_take(&line, "builder "))
			*own = text_is(&line, "own");
	file_close(&file);
	return 0;
}

/* Which the command line allows; as many as there are without a word about it. */
static unsigned int capture_cpus(const struct cmdline *c, const struct machine *m)
{
	static const char *const names[] = { "nr_cpus", "maxcpus" };
	struct text list = text_of_string(m->cpus), range;
	uint64_t there = 0, n;
	const char *value;
	size_t len;

	while (list.len) {
		uint64_t first, last;

		range = text_until(&list, ',');
		if (!text_u64(&range, 10, &first))
			break;
		last = first;
		if (text_take(&range, "-"))
			text_u64(&range, 10, &last);
		there += last >= first ? last - first + 1 : 0;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!cmdline_find(c, names[i], &value, &len) || !value)
			continue;
		range = text_of(value, len);
		if (text_u64(&range, 10, &n) && n < there)
			there = n;
	}
	return there > 4096 ? 4096 : there ? there : 1;
}

static bool over_network(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nr_targets; i++)
		switch (conf->target[i].kind) {
		case CONF_NFS:
		case CONF_SSH:
		case CONF_HTTPS:
		case CONF_S3:
			return true;
		default:
			break;
		}
	return false;
}

/*
 * The default where it is enough for this machine, so that one line fits many machines. What is needed was seen to be
 * just enough: a quarter more is for the next kernel and for devices that were not there.
 */
static int choose_value(struct estimate *e, const struct machine *m)
{
	uint64_t size = 0, want;

	e->value = crashkernel_default(m->arch->name);
	if (e->value && crashkernel_size(text_of_string(e->value), m->ram, &size))
		return -EINVAL;
	want = (e->sizing.total + e->sizing.total / 4 + WANT_STEP - 1) / WANT_STEP * WANT_STEP;
	if (size >= want)
		return 0;
	snprintf(e->text, sizeof(e->text), "%lluM", (unsigned long long)(want >> 20));
	e->value = e->text;
	return 0;
}

int estimate_make(struct estimate *e, const struct ctl *ctl, const struct conf *conf)
{
	struct capture_files files = { 0 };
	struct cmdline cmdline = { 0 };
	struct machine m = { 0 };
	int err;

	*e = (struct estimate){ 0 };
	err = machine_read(&m, ctl);
	if (!err)
		err = capture_files_find(&files, ctl, conf, &m);
	if (!err)
		err = machine_cmdline(&m, ctl, conf, &cmdline);
	if (!err)
		err = read_kernel(&e->facts, files.kernel);
	if (!err)
		err = read_initramfs(&e->facts, files.initramfs, &e->built);
	if (!err)
		err = is_own(conf->builder, files.initramfs, &e->facts.own);
	if (!err) {
		e->facts.cpus = capture_cpus(&cmdline, &m);
		e->facts.network = over_network(conf);
		e->reserved = m.reserved;
		e->ram = m.ram;
		sizing_compute(&e->facts, &e->sizing);
		err = choose_value(e, &m);
	}
	cmdline_deinit(&cmdline);
	capture_files_deinit(&files);
	machine_deinit(&m);
	return err;
}

int sizing_check(const struct ctl *ctl, const struct conf *conf, bool *enough, char **text)
{
	struct estimate e;
	char *line;
	int err = estimate_make(&e, ctl, conf);

	if (err)
		return err;
	if (asprintf(&line, "%lluM reserved, %lluM needed", (unsigned long long)(e.reserved >> 20),
		     (unsigned long long)(e.sizing.total >> 20)) < 0)
		return fail(-ENOMEM, "no memory");
	*text = line;
	*enough = e.reserved >= e.sizing.total;
	return 0;
}
