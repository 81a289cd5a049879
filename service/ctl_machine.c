// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/ctl.h"

#include "lib/err.h"
#include "lib/sha256.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define SYSFS_MAX 65536

/*
 * What a capture kernel of the distributions gets: one CPU, no devices woken up twice, nothing that takes memory, and
 * a reboot when it panics itself. Words that a kernel does not know do no harm. Admin guide, kernel-parameters.txt
 * and kdump/kdump.rst.
 *
 * Taken away: what asks for memory or for output that the capture kernel has no room for.
 */
#define REMOVE_COMMON "quiet splash hugepages hugepagesz default_hugepagesz slub_debug slab_debug page_owner " \
	"log_buf_len swiotlb cma hugetlb_cma kfence.sample_interval ignition.firstboot panic " \
	"panic_on_warn panic_on_oops softlockup_panic hung_task_panic"
#define APPEND_COMMON "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory udev.children-max=2 panic=10 novmcoredd " \
	"transparent_hugepage=never cma=0 hugetlb_cma=0 kfence.sample_interval=0"

#define APPEND_X86 APPEND_COMMON " nokaslr mce=off numa=off acpi_no_memhotplug hest_disable pcie_ports=compat"

static const struct ctl_arch arches[] = {
	{ "x86_64", REMOVE_COMMON, APPEND_X86, true, "initial apicid" },
	{ "aarch64", REMOVE_COMMON, APPEND_COMMON, false, NULL },
};

/* Set by the boot loader or by kexec itself for the kernel that runs, and wrong for another. */
static const char *const never_handed_on[] = { "BOOT_IMAGE", "initrd", "crashkernel", "elfcorehdr", "kdump.verify" };

/* ---- reading ---- */

/* A file of one line, without its newline; from malloc. */
static int read_line(const struct ctl *ctl, const char *path, char **line)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = root_read(&ctl->root, path, SYSFS_MAX, &text);
	if (!err) {
		struct text t = text_of((const char *)text.data, text.len);
		char *copy;

		text_trim(&t);
		copy = strndup(t.len ? t.at : "", t.len);
		if (copy)
			*line = copy;
		else
			err = fail(-ENOMEM, "no memory for what /%s says", path);
	}
	blob_deinit(&text);
	return err;
}

static int find_arch(const struct ctl *ctl, const struct ctl_arch **arch)
{
	struct utsname uts;
	char *name = NULL;

	/* Linux 6.1 and newer tell it here, also for a system that lies below a folder. */
	if (read_line(ctl, "proc/sys/kernel/arch", &name)) {
		err_clear();
		uname(&uts);
		name = strdup(uts.machine);
	}
	*arch = NULL;
	for (size_t i = 0; name && i < sizeof(arches) / sizeof(arches[0]); i++)
		if (!strcmp(name, arches[i].name))
			*arch = &arches[i];
	if (!name)
		return fail(-ENOMEM, "no memory");
	if (!*arch)
		fail(-ENOTSUP, "%s: no capture kernels are known for this architecture", name);
	free(name);
	return *arch ? 0 : -ENOTSUP;
}

void view_digest(const struct view *v, char digest[DIGEST_TEXT])
{
	uint8_t bytes[SHA256_BYTES];

	sha256_of(v->base, v->len, bytes);
	text_hex(bytes, sizeof(bytes), digest);
}

/*
 * The ranges of RAM, as the core headers have them: lines that are not indented and begin so in /proc/iomem. What a
 * driver manages is "System RAM (driver)" (Linux 5.8).
 */
static int read_memory(const struct ctl *ctl, struct machine *m)
{
	struct text rest, line, at;
	uint8_t digest[SHA256_BYTES];
	struct sha256 sha;
	struct blob text;
	int err;

	blob_init(&text);
	sha256_init(&sha);
	err = root_read(&ctl->root, "proc/iomem", ROOT_READ_MAX, &text);
	rest = text_of((const char *)text.data, text.len);
	while (!err && text_line(&rest, &line)) {
		uint64_t first, last;

		at = line;
		if (!text_u64(&at, 16, &first) || !text_take(&at, "-") || !text_u64(&at, 16, &last) ||
		    !text_take(&at, " : ") || !text_starts(&at, "System RAM"))
			continue;
		sha256_update(&sha, line.at, line.len);
		m->ram += last - first + 1;
	}
	if (!err) {
		sha256_final(&sha, digest);
		text_hex(digest, sizeof(digest), m->memory);
	}
	blob_deinit(&text);
	return err;
}

/* Files that moved in Linux 6.19: the new place first. */
static uint64_t read_number(const struct ctl *ctl, const char *path, const char *old_path)
{
	uint64_t value = 0;

	if (root_read_u64(&ctl->root, root_exists(&ctl->root, path) ? path : old_path, 10, &value))
		err_clear();
	return value;
}

bool machine_is_loaded(const struct ctl *ctl)
{
	return read_number(ctl, "sys/kernel/kexec/crash_loaded", "sys/kernel/kexec_crash_loaded") == 1;
}

uint64_t machine_events(const struct ctl *ctl)
{
	char *path = ctl_path(ctl, CTL_EVENTS);
	struct stat st;
	uint64_t nr = path && !stat(path, &st) ? (uint64_t)st.st_size : 0;

	free(path);
	return nr;
}

uint64_t machine_kernel_bytes(const struct ctl *ctl)
{
	static const char *const others[] = { "MemFree", "Buffers", "Cached", "AnonPages" };
	uint64_t total = 0, other = 0;
	struct text rest, line;
	struct blob text;

	blob_init(&text);
	if (root_read(&ctl->root, "proc/meminfo", SYSFS_MAX, &text))
		err_clear();
	rest = text_of((const char *)text.data, text.len);
	while (text_line(&rest, &line)) {
		struct text name = text_until(&line, ':');
		uint64_t kib;

		text_trim(&line);
		if (!text_u64(&line, 10, &kib))
			continue;
		if (text_is(&name, "MemTotal"))
			total = kib;
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (text_is(&name, others[i]))
				other += kib;
	}
	blob_deinit(&text);
	return total > other ? (total - other) << 10 : 0;
}

int machine_read(struct machine *m, const struct ctl *ctl)
{
	struct machine new = { 0 };
	int err = find_arch(ctl, &new.arch);

	if (!err)
		err = read_line(ctl, "proc/sys/kernel/osrelease", &new.release);
	if (!err)
		err = read_line(ctl, "sys/devices/system/cpu/present", &new.cpus);
	if (!err)
		err = read_memory(ctl, &new);
	if (err) {
		machine_deinit(&new);
		return err;
	}
	new.reserved = read_number(ctl, "sys/kernel/kexec/crash_size", "sys/kernel/kexec_crash_size");
	new.loaded = machine_is_loaded(ctl);
	/* Linux 6.6 and newer, where it was built in. */
	new.can_update = root_exists(&ctl->root, "sys/devices/system/memory/crash_hotplug") ||
			 root_exists(&ctl->root, "sys/devices/system/cpu/crash_hotplug");
	new.can_update = new.can_update && new.arch->kernel_updates;
	*m = new;
	return 0;
}

void machine_deinit(struct machine *m)
{
	free(m->release);
	free(m->cpus);
	*m = (struct machine){ 0 };
}

/* ---- the capture kernel's command line ---- */

static int remove_words(struct cmdline *c, const char *names)
{
	struct text rest = text_of_string(names), word;
	int err = 0;

	while (err >= 0 && rest.len) {
		char *name;

		word = text_until(&rest, ' ');
		text_trim(&word);
		if (!word.len)
			continue;
		if (memchr(word.at, '=', word.len))
			return fail(-EINVAL, "KDUMP_COMMANDLINE_REMOVE has \"%.*s\": it takes names of parameters, "
				    "without \"=\" and value",
				    TEXT_ARGS(&word));
		name = strndup(word.at, word.len);
		err = name ? cmdline_remove(c, name) : fail(-ENOMEM, "no memory for a command line");
		free(name);
	}
	return err < 0 ? err : 0;
}

/* Of the first CPU in /proc/cpuinfo, which is the one that the firmware booted. */
static bool boot_cpu(const struct ctl *ctl, const char *key, uint64_t *id)
{
	struct text rest, line;
	struct blob text;
	bool found = false;

	blob_init(&text);
	if (root_read(&ctl->root, "proc/cpuinfo", ROOT_READ_MAX, &text))
		err_clear();
	rest = text_of((const char *)text.data, text.len);
	while (!found && text_line(&rest, &line)) {
		struct text name = text_until(&line, ':');

		text_trim(&name);
		text_trim(&line);
		found = text_is(&name, key) && text_u64(&line, 10, id);
	}
	blob_deinit(&text);
	return found;
}

/*
 * A capture kernel that starts further CPUs must leave out the one that the firmware booted: waking it sends it
 * through the firmware again, which resets the machine (kernel-parameters.txt, disable_cpu_apicid). Newer kernels
 * find it out by themselves.
 */
static int spare_boot_cpu(const struct machine *m, const struct ctl *ctl, struct cmdline *c)
{
	const char *value = NULL;
	size_t len = 0;
	char word[64];
	uint64_t id;

	if (!m->arch->boot_cpu_key ||
	    (cmdline_find(c, "nr_cpus", &value, &len) && value && len == 1 && *value == '1') ||
	    cmdline_find(c, "disable_cpu_apicid", NULL, NULL) || !boot_cpu(ctl, m->arch->boot_cpu_key, &id))
		return 0;
	snprintf(word, sizeof(word), "disable_cpu_apicid=%" PRIu64, id);
	return cmdline_add(c, word);
}

int machine_cmdline(const struct machine *m, const struct ctl *ctl, const struct conf *conf, struct cmdline *out)
{
	struct cmdline c = { 0 };
	char *running = NULL;
	int err = conf->cmdline ? 0 : read_line(ctl, "proc/cmdline", &running);

	if (!err)
		err = cmdline_init(&c, conf->cmdline ? conf->cmdline : running);
	for (size_t i = 0; err >= 0 && i < sizeof(never_handed_on) / sizeof(never_handed_on[0]); i++)
		err = cmdline_remove(&c, never_handed_on[i]);
	if (err >= 0)
		err = remove_words(&c, conf->cmdline_remove ? conf->cmdline_remove : m->arch->remove);
	if (!err)
		err = cmdline_add(&c, conf->cmdline_append ? conf->cmdline_append : m->arch->append);
	if (!err)
		err = spare_boot_cpu(m, ctl, &c);
	free(running);
	if (err < 0) {
		cmdline_deinit(&c);
		return err;
	}
	*out = c;
	return 0;
}
