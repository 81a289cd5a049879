// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/load.h"

#include "kexec/arch/arch.h"
#include "kexec/boot/boot.h"
#include "kexec/capture.h"
#include "kexec/description.h"
#include "kexec/identity_map.h"
#include "kexec/purgatory.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int hotplug_check(const struct plan *plan)
{
	if (!plan->req->hotplug)
		return 0;
	if (!plan->arch->hotplug_flag)
		return fail(-ENOTSUP, "--hotplug: kernels of %s do not update the core headers", plan->arch->name);
	if (!plan->crash.elfcorehdr_size)
		return fail(
			-ENOTSUP,
			"--hotplug: this kernel does not update the core headers (no crash_elfcorehdr_size "
			"below /sys/kernel, which Linux 6.6 and newer have); leave the option out and load again on hotplug");
	return 0;
}

/* RAM that the capture kernel itself uses below arch->backup_last, as one span: holes in it are copied with it. */
static int place_backup(struct plan *plan)
{
	const uint64_t page = 1ull << plan->arch->page_shift;
	const struct ranges *dump = &plan->dump;
	struct place place = { .align = page, .last = UINT64_MAX, .top_down = true, .images = FOR_ALL_IMAGES };
	uint64_t start, last = 0;
	struct segment *seg;
	int err;

	if (!plan->arch->backup_last || !dump->nr || dump->r[0].start > plan->arch->backup_last)
		return 0;
	start = dump->r[0].start & ~(page - 1);
	for (size_t i = 0; i < dump->nr && dump->r[i].start <= plan->arch->backup_last; i++)
		last = dump->r[i].last < plan->arch->backup_last ? dump->r[i].last : plan->arch->backup_last;
	last |= page - 1;

	place.memsz = last - start + 1;
	err = plan_place(plan, "backup", NULL, 0, &place, &plan->backup.to);
	if (err)
		return err;
	plan->backup.from = start;
	plan->backup.len = place.memsz;
	seg = plan_find(plan, "backup");
	seg->no_digest = "the purgatory writes it";
	return 0;
}

/*
 * A kernel takes ELF32 headers of its own machine only, ELF64 headers also of the machine it is the 32-bit variant
 * of (fs/proc/vmcore.c, vmcore_elf32_check_arch and vmcore_elf64_check_arch).
 */
static uint16_t corehdr_machine(const struct plan *plan)
{
	return plan->req->core_width == 4 ? plan->capture[PRIMARY].image.elf_machine : plan->arch->elf_machine;
}

static int place_corehdr(struct plan *plan)
{
	struct core_layout layout = {
		.width = plan->req->core_width ? plan->req->core_width : plan->arch->word,
		.big_endian = plan->arch->big_endian,
		.machine = corehdr_machine(plan),
		.dump = &plan->dump,
		.info = &plan->crash,
		.backup = plan->backup,
	};
	struct place place = { .last = UINT64_MAX, .top_down = true, .images = FOR_ALL_IMAGES };
	int err = corehdr_build(&layout, &plan->corehdr);

	if (!err)
		err = description_point(plan);
	if (err)
		return err;
	place.memsz = plan->corehdr.len;
	if (plan->req->hotplug && place.memsz < plan->crash.elfcorehdr_size)
		place.memsz = plan->crash.elfcorehdr_size;
	err = plan_place(plan, "elfcorehdr", plan->corehdr.data, plan->corehdr.len, &place, &plan->elfcorehdr_paddr);
	if (err)
		return err;
	plan->elfcorehdr_memsz = plan_find(plan, "elfcorehdr")->memsz;
	if (plan->req->hotplug) {
		plan_find(plan, "elfcorehdr")->no_digest = "the kernel updates it on hotplug";
		plan->kexec_flags |= plan->arch->hotplug_flag;
	}
	return 0;
}

/*
 * The kernel builds the tables of its jump in what the segments leave of the reservation: on x86_64 one page for
 * each GiB that it maps, and on every architecture a few for its code and its copy of the vmcoreinfo. Without them
 * kexec_load fails after it has dropped the earlier image, so they are asked for here.
 */
static int check_kernel_tables(const struct plan *plan)
{
	const struct ranges *ram = &plan->memmap.ram;
	uint64_t gib = ram->nr ? ram->r[ram->nr - 1].last >> 30 : 0;
	uint64_t need = (1 << 20) + gib * 4096;

	if (ranges_bytes(&plan->free) >= need)
		return 0;
	return fail(-ENOSPC,
		    "the segments leave %" PRIu64 " KiB of the crashkernel reservation, and the kernel needs %" PRIu64
		    " KiB of it for tables",
		    ranges_bytes(&plan->free) >> 10, need >> 10);
}

/* STEP for each; errors say when it was the fallback's. */
static int each_capture(struct plan *plan, int (*step)(struct plan *plan, struct capture *c))
{
	for (unsigned int i = 0; i < plan->nr_captures; i++) {
		int err = step(plan, &plan->capture[i]);

		if (err)
			return i == FALLBACK ? fail_ctx(err, "the fallback image") : err;
	}
	return 0;
}

/* Place and describe are two steps because the core headers' address must be known before boot data is written. */
static int build(struct plan *plan, const struct range *window)
{
	int err = plan_restart(plan, window);

	if (!err)
		err = each_capture(plan, plan->arch->boot->place);
	if (!err)
		err = place_backup(plan);
	if (!err)
		err = description_place(plan);
	if (!err)
		err = place_corehdr(plan);
	if (!err)
		err = each_capture(plan, plan->arch->boot->describe);
	if (!err)
		err = identity_map_place(plan);
	if (!err)
		err = purgatory_load(plan);
	if (!err)
		err = check_kernel_tables(plan);
	return err ? err : plan_check(plan);
}

/* Do --mem-min and --mem-max keep some of the reservation from us? Then that is what to tell. */
static bool limited(const struct plan *plan, const struct range *window)
{
	return plan->req->mem_min > window->start || plan->req->mem_max < window->last;
}

/*
 * The reservation is too small. Plan once more into one as large as an address space allows and put into the error
 * what that came to.
 */
static int too_small(struct plan *plan, const struct range *window)
{
	const uint64_t mib = 1 << 20;
	struct range wide = { window->start, window->start + (64ull << 30) - 1, window->type };
	uint64_t need = 0;
	char *why;

	if (limited(plan, window))
		return fail_ctx(-ENOSPC,
				"--mem-min and --mem-max do not leave enough of the crashkernel reservation %#" PRIx64
				"-%#" PRIx64, window->start, window->last);
	why = strdup(err_text());
	if (!why)
		return fail(-ENOMEM, "out of memory");
	if (wide.last < wide.start || captures_read_cmdlines(plan) || build(plan, &wide))
		err_clear();
	else
		need = plan_bytes(plan);
	fail(-ENOSPC, "%s", why);
	free(why);
	if (!need)
		return -ENOSPC;
	return fail_ctx(-ENOSPC,
			"the crashkernel reservation of %" PRIu64 " MiB is too small: the files alone take %" PRIu64
			" MiB and the capture kernel needs memory to run; boot with a larger crashkernel=",
			range_len(window) / mib, (need + mib - 1) / mib);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int seal(struct plan *plan)
{
	int err = purgatory_seal(plan);

	return err ? err : description_seal(plan, now());
}

int load_plan(struct plan *plan, const struct root *root, const struct arch *arch, const struct load_request *req)
{
	struct range window;
	int err;

	plan->root = root;
	plan->arch = arch;
	plan->req = req;
	plan->kexec_flags = KEXEC_ABI_ON_CRASH | arch->kexec_arch << KEXEC_ABI_ARCH_SHIFT;
	err = memmap_read(&plan->memmap, root, arch);
	if (!err)
		err = memmap_crash_window(&plan->memmap, &window);
	if (!err)
		err = captures_read(plan);
	if (!err)
		err = purgatory_consoles(root, arch, &req->console, plan->consoles, &plan->nr_consoles);
	if (!err)
		err = crash_info_read(&plan->crash, root, arch, &plan->memmap);
	if (!err)
		err = hotplug_check(plan);
	if (!err)
		err = memmap_dump_ranges(&plan->memmap, &plan->dump);
	if (!err)
		err = build(plan, &window);
	if (err == -ENOSPC)
		return too_small(plan, &window);
	return err ? err : seal(plan);
}
