// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/verify.h"

#include "kexec/arch/arch.h"
#include "kexec/kcore.h"
#include "kexec/memmap.h"
#include "kexec/syscall.h"
#include "lib/capture_report.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define KCORE "/proc/kcore"

#define NOT_OURS "a capture kernel is loaded, but not by this program: crash memory holds no description of it"
#define UNMAPPED                                                                                                       \
	"crash memory cannot be read: this architecture's kernel takes a loaded capture kernel out of its own map"

struct source {
	struct memmap map;
	struct kcore kcore;
	uint64_t direct_map;       /* vaddr - paddr */
	int fd;
};

static void source_init(struct source *s)
{
	memset(s, 0, sizeof(*s));
	memmap_init(&s->map);
	kcore_init(&s->kcore);
	s->fd = -1;
}

static void source_deinit(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	kcore_deinit(&s->kcore);
	memmap_deinit(&s->map);
}

static const struct elf_phdr *load_of(const struct source *s, uint64_t vaddr)
{
	for (size_t i = 0; i < s->kcore.nr_loads; i++) {
		const struct elf_phdr *ph = &s->kcore.loads[i];

		if (vaddr >= ph->vaddr && vaddr - ph->vaddr < ph->memsz)
			return ph;
	}
	return NULL;
}

/* All of it within one load of the direct map, or in several: /proc/kcore has one for each piece of RAM. */
static int read_memory(void *ctx, uint64_t paddr, void *buf, size_t len)
{
	const struct source *s = ctx;

	while (len) {
		uint64_t vaddr = paddr + s->direct_map, off;
		const struct elf_phdr *ph = load_of(s, vaddr);
		ssize_t n;

		if (!ph || vaddr - ph->vaddr > INT64_MAX - ph->off)
			return -ENODATA;
		off = vaddr - ph->vaddr;
		n = pread(s->fd, buf, len < ph->memsz - off ? len : ph->memsz - off, ph->off + off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		buf = (uint8_t *)buf + n;
		paddr += n;
		len -= n;
	}
	return 0;
}

/* What keeps memory from being read, as an answer and not as an error of ours. */
static int open_memory(struct source *s, const struct root *root, const struct arch *arch)
{
	struct range window;
	int err = kexec_is_loaded(root, true);

	if (err < 0)
		return err;
	if (!err)
		return fail(-ENODATA, "no capture kernel is loaded");
	err = memmap_read(&s->map, root, arch);
	if (!err)
		err = memmap_crash_window(&s->map, &window);
	if (err)
		return err;
	err = kcore_read(&s->kcore, root);
	if (err == -EPERM || err == -EACCES)
		return fail_ctx(err, "memory cannot be read without root, nor while the kernel is locked down "
				"(/sys/kernel/security/lockdown)");
	if (err == -ENOENT)
		return fail_ctx(err, "memory cannot be read: this kernel has no " KCORE " (CONFIG_PROC_KCORE)");
	if (err)
		return fail_ctx(err, "memory cannot be read");
	if (!kcore_direct_map(&s->kcore, &s->map.ram, &s->direct_map))
		return fail(-ENODATA, "memory cannot be read: " KCORE " does not tell where the kernel maps it");
	s->fd = root_open(root, "proc/kcore");
	return s->fd < 0 ? s->fd : 0;
}

/* From the top: that is where the loader puts it. */
static int search(struct source *s, struct capd_finder *finder)
{
	const struct ranges *crash = &s->map.crash;
	int err = 0;

	for (size_t i = crash->nr; i-- && !err;)
		err = capd_scan(finder, crash->r[i].start, crash->r[i].last, read_memory, s);
	return err;
}

/* No description: why not? A kernel shows what is not in its map as zeros (fs/proc/kcore.c). */
static const char *why_none(const struct arch *arch, const struct capd_finder *finder)
{
	if (arch->crash_unmapped)
		return UNMAPPED;
	if (!finder->nr_pages)
		return "crash memory cannot be read through " KCORE;
	if (finder->nr_pages == finder->nr_zero)
		return "all of crash memory reads as zeros through " KCORE ": this kernel does not show it";
	return NOT_OURS;
}

int verify_loaded(const struct root *root, const struct arch *arch, bool json, FILE *out, int *status)
{
	struct capture_report report = { .source = KCORE };
	struct capd_finder finder = { .found = false };
	struct source source;
	char why[512];
	int err;

	source_init(&source);
	err = open_memory(&source, root, arch);
	if (err && err != -ENOMEM) {
		snprintf(why, sizeof(why), "%s", err_text());
		err_clear();
		capture_report_make(&report, &finder, why, NULL, NULL);
		err = 0;
	} else if (!err) {
		err = search(&source, &finder);
		if (!err)
			capture_report_make(&report, &finder, why_none(arch, &finder), read_memory, &source);
	}
	if (!err)
		err = capture_report_print(&report, json, out);
	if (!err)
		*status = report.verdict;
	source_deinit(&source);
	return err;
}
