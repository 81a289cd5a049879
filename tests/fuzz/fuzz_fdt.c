// SPDX-License-Identifier: GPL-2.0-or-later
/* A device tree from a file: what is accepted can be read, edited for a capture kernel, packed, and read again. */
#include "kexec/boot/dtb.h"

#include "kexec/arch/arch.h"
#include "tests/fuzz/fuzz.h"

static void silent(void *ctx, const char *text)
{
	(void)ctx, (void)text;
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, err_text());
	abort();
}

static void edit(const struct plan *plan, struct dtb *dtb)
{
	struct dtb again = { 0 };
	const char *bootargs;
	size_t len = 0;
	struct view v;

	if (dtb_edit(plan, &plan->capture[0], dtb))
		return;
	check(!dtb_pack(dtb, &len), "an edited tree cannot be packed");
	v = view_of(dtb->fdt, len, "again");
	check(!dtb_open(&again, &v, 0), "an edited tree cannot be opened");
	bootargs = dtb_string(&again, dtb_find(&again, "/chosen"), "bootargs");
	check(bootargs && !strcmp(bootargs, plan->capture[0].cmdline.text), "the command line is lost");
	dtb_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size, "fuzz");
	struct dtb dtb = { 0 };
	struct ranges ranges;
	struct plan plan;

	err_set_warn_sink(silent, NULL);
	plan_init(&plan);
	plan.arch = &arch_arm64;
	plan.capture[0].kernel_paddr = 0x88000000;
	plan.capture[0].initrd_paddr = 0x8f000000;
	plan.capture[0].initrd.view.len = 12345;
	plan.elfcorehdr_paddr = 0x8fff0000;
	plan.elfcorehdr_memsz = 0x10000;
	ranges_init(&ranges);
	if (!ranges_add(&plan.memmap.crash, 0x78000000, 0x7fffffff, MEM_CRASH) &&
	    !ranges_add(&plan.memmap.crash, 0x88000000, 0x8fffffff, MEM_CRASH) &&
	    !cmdline_init(&plan.capture[0].cmdline, "root=/dev/vda1 maxcpus=1") && !dtb_open(&dtb, &v, 16)) {
		dtb_memory(&dtb, &ranges, MEM_RAM);
		dtb_reserved(&dtb, &ranges, MEM_RESERVED);
		edit(&plan, &dtb);
	}
	dtb_close(&dtb);
	ranges_deinit(&ranges);
	plan_deinit(&plan);
	err_clear();
	return 0;
}
