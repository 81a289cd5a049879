// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/crash.h"

#include "kexec/arch/arch.h"
#include "kexec/kcore.h"
#include "kexec/kernel_map.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define CPU_DIR "sys/devices/system/cpu"

/* Sysfs gives at most a page for one of these. */
#define SYSFS_TEXT_MAX 65536

/*
 * Size of a CPU's notes where the kernel does not tell: crash_notes_size came with Linux 3.9, and until then
 * a CPU had 1024 bytes for them (MAX_NOTE_BYTES in the kernel's linux/kexec.h) or fewer, closed by an empty
 * note.
 */
#define OLD_NOTE_BYTES 1024

void crash_info_init(struct crash_info *c)
{
	*c = (struct crash_info){ 0 };
	ranges_init(&c->absent);
}

void crash_info_deinit(struct crash_info *c)
{
	free(c->notes);
	free(c->why_no_kernel_map);
	ranges_deinit(&c->absent);
	crash_info_init(c);
}

int cpulist_parse(struct ranges *cpus, const char *text)
{
	struct text rest = text_of_string(text);
	int err = 0;

	text_trim(&rest);
	const struct text whole = rest;

	while (!err && rest.len) {
		uint64_t first, last;
		bool good = text_u64(&rest, 10, &first);

		last = first;
		if (good && text_take(&rest, "-"))
			good = text_u64(&rest, 10, &last);
		/* A comma must have something behind it. */
		if (!good || last < first || last > UINT32_MAX || (rest.len && (!text_take(&rest, ",") || !rest.len)))
			return fail(-EINVAL, "\"%.*s\" is not a list of CPU numbers such as \"0-3,8\"",
				    TEXT_ARGS(&whole));
		err = ranges_add(cpus, first, last, 0);
	}
	return err;
}

/*
 * "%pa" writes 0x in front of the first number, "%x" nothing in front of the second; older kernels nothing at all.
 */
int vmcoreinfo_sysfs_parse(const char *string, uint64_t *paddr, uint64_t *len)
{
	struct text text = text_of_string(string);
	uint64_t first, second;

	text_trim(&text);
	const struct text whole = text;

	text_take(&text, "0x");
	if (!text_u64(&text, 16, &first) || !text_blanks(&text))
		goto bad;
	text_take(&text, "0x");
	if (!text_u64(&text, 16, &second) || text.len || !second || first > UINT64_MAX - (second - 1))
		goto bad;
	*paddr = first;
	*len = second;
	return 0;
bad:
	return fail(-EINVAL, "\"%.*s\" is not an address and a size", TEXT_ARGS(&whole));
}

bool vmcoreinfo_text_find(const struct view *text, const char *key, const char **value, size_t *value_len)
{
	struct text rest = text_of((const char *)text->base, text->len), line;

	while (text_line(&rest, &line)) {
		if (!text_take(&line, key) || !text_take(&line, "="))
			continue;
		*value = line.at;
		*value_len = line.len;
		return true;
	}
	return false;
}

/* BASE 0 takes "0x" for 16 and all else for 10. Kernels write some 64-bit values as signed ones: "-5" is 2^64 - 5. */
bool vmcoreinfo_text_number(const struct view *text, const char *key, int base, uint64_t *value)
{
	struct text number = { 0 };
	bool negative, prefix;
	uint64_t parsed;

	if (!vmcoreinfo_text_find(text, key, &number.at, &number.len))
		return false;
	negative = text_take(&number, "-");
	prefix = base != 10 && text_take(&number, "0x");
	if (!text_u64(&number, base == 16 || prefix ? 16 : 10, &parsed) || number.len)
		return false;
	*value = negative ? -parsed : parsed;
	return true;
}

/* Is there a directory cpuN by this name, and which N? */
static bool cpu_of_name(const char *name, uint32_t *cpu)
{
	struct text text = text_of_string(name);
	uint64_t n;

	if (!text_take(&text, "cpu") || !text_u64(&text, 10, &n) || text.len || n > UINT32_MAX)
		return false;
	*cpu = n;
	return true;
}

/*
 * The address of one CPU's notes. -ENOENT: it has none. The file is readable by root only, and no kernel
 * keeps notes at address 0, so both are a matter of privilege.
 */
static int read_note(const struct root *root, const char *name, uint64_t *paddr)
{
	char path[sizeof(CPU_DIR) + NAME_MAX + sizeof("/crash_notes")];
	uint64_t value;
	int err;

	snprintf(path, sizeof(path), CPU_DIR "/%s/crash_notes", name);
	err = root_read_u64(root, path, 16, &value);
	if (err == -EACCES || (!err && !value))
		return fail(-EPERM, "the kernel hides the addresses of the CPU notes (/%s); run as root", path);
	if (!err)
		*paddr = value;
	return err;
}

/*
 * All CPUs have the same: the file shows sizeof(note_buf_t) (drivers/base/cpu.c). Asking the first one spares
 * thousands of files on large machines.
 */
static int read_note_len(const struct root *root, const char *name, uint64_t *len)
{
	char path[sizeof(CPU_DIR) + NAME_MAX + sizeof("/crash_notes_size")];
	uint64_t value;
	int err;

	snprintf(path, sizeof(path), CPU_DIR "/%s/crash_notes_size", name);
	err = root_read_u64(root, path, 10, &value);
	if (err == -ENOENT) {
		debug("%s; taking %u bytes", err_text(), OLD_NOTE_BYTES);
		err_clear();
		value = OLD_NOTE_BYTES;
		err = 0;
	}
	if (!err && !value)
		err = fail(-EINVAL, "/%s says that a CPU has no room for its registers", path);
	if (!err)
		*len = value;
	return err;
}

static int read_possible(const struct root *root, struct ranges *cpus)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = root_read(root, CPU_DIR "/possible", SYSFS_TEXT_MAX, &text);
	if (!err) {
		err = cpulist_parse(cpus, (const char *)text.data);
		if (err)
			err = fail_ctx(err, "/" CPU_DIR "/possible");
	} else if (err == -ENOENT) {
		debug("%s; taking the CPUs that have a directory", err_text());
		err_clear();
		err = 0;
	}
	blob_deinit(&text);
	return err;
}

static int add_note(struct crash_info *c, const struct root *root, const char *name, uint32_t cpu, uint64_t *len)
{
	struct cpu_note *note = &c->notes[c->nr_notes];
	int err = read_note(root, name, &note->paddr);

	if (err == -ENOENT) {
		err_clear();
		return ranges_add(&c->absent, cpu, cpu, 0);
	}
	if (!err && !*len)
		err = read_note_len(root, name, len);
	if (err)
		return err;
	if (note->paddr > UINT64_MAX - (*len - 1))
		return fail(-EINVAL, "the notes of CPU %" PRIu32 ", %" PRIu64 " bytes at %#" PRIx64 ", wrap around",
			    cpu, *len, note->paddr);
	note->cpu = cpu;
	note->len = *len;
	c->nr_notes++;
	return ranges_remove(&c->absent, cpu, cpu);
}

/* The names come sorted by number, so the notes do as well, and c->absent is eaten from below. */
static int read_notes(struct crash_info *c, const struct root *root)
{
	struct root_names names;
	uint64_t len = 0;
	int err = root_list(root, CPU_DIR, &names);

	if (err)
		return err;
	err = read_possible(root, &c->absent);
	if (!err) {
		c->notes = calloc(names.nr ? names.nr : 1, sizeof(*c->notes));
		if (!c->notes)
			err = fail(-ENOMEM, "out of memory for the notes of %zu CPUs", names.nr);
	}
	for (size_t i = 0; !err && i < names.nr; i++) {
		uint32_t cpu;

		if (cpu_of_name(names.name[i], &cpu))
			err = add_note(c, root, names.name[i], cpu, &len);
	}
	root_names_deinit(&names);
	if (!err && !c->nr_notes)
		err = fail(-ENODATA, "no CPU has crash_notes below /" CPU_DIR "; the kernel was built without support "
			   "for crash dumps (CONFIG_CRASH_DUMP)");
	return err;
}

static int read_vmcoreinfo(struct crash_info *c, const struct root *root)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = root_read(root, "sys/kernel/vmcoreinfo", SYSFS_TEXT_MAX, &text);
	if (!err) {
		err = vmcoreinfo_sysfs_parse((const char *)text.data, &c->vmcoreinfo_paddr, &c->vmcoreinfo_len);
		if (err)
			err = fail_ctx(err, "/sys/kernel/vmcoreinfo");
	} else if (err == -ENOENT) {
		debug("%s; the dump will have no vmcoreinfo note", err_text());
		err_clear();
		err = 0;
	}
	blob_deinit(&text);
	return err;
}

/*
 * sys/kernel/kexec/ since Linux 6.19, where the old name is a symbolic link while it lives; sys/kernel/ since 6.6.
 */
static int read_elfcorehdr_size(struct crash_info *c, const struct root *root)
{
	static const char *const paths[] = {
		"sys/kernel/kexec/crash_elfcorehdr_size",
		"sys/kernel/crash_elfcorehdr_size",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int err = root_read_u64(root, paths[i], 10, &c->elfcorehdr_size);

		if (err != -ENOENT)
			return err;
		err_clear();
	}
	return 0;
}

/* A kcore that is missing, locked down or damaged costs the virtual addresses in the headers, not the dump. */
static int read_mappings(struct crash_info *c, const struct root *root, const struct arch *arch,
			 const struct memmap *m)
{
	struct kcore kcore;
	int err;

	kcore_init(&kcore);
	err = kcore_read(&kcore, root);
	if (err == -ENOMEM)
		goto out;
	if (err) {
		debug("%s", err_text());
		err_clear();
		kcore_deinit(&kcore);
	}
	c->direct_map_known = kcore_direct_map(&kcore, &m->ram, &c->direct_map_offset);
	err = kernel_map_find(&c->kernel, &c->why_no_kernel_map, &kcore.vmcoreinfo, root, arch, m);
out:
	kcore_deinit(&kcore);
	return err;
}

int crash_info_read(struct crash_info *c, const struct root *root, const struct arch *arch, const struct memmap *m)
{
	int err = read_notes(c, root);

	if (!err)
		err = read_vmcoreinfo(c, root);
	if (!err)
		err = read_elfcorehdr_size(c, root);
	if (!err)
		err = read_mappings(c, root, arch, m);
	return err ? fail_ctx(err, "cannot find out where the kernel will leave its registers and symbols") : 0;
}
