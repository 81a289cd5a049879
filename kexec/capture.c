// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/capture.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"

#include <errno.h>
#include <string.h>

/* Words of the running kernel's command line that would be wrong for a capture kernel. */
static const char *const words_not_reused[] = { "BOOT_IMAGE", "crashkernel", "elfcorehdr" };

static int read_cmdline(const struct plan *plan, const char *append, struct cmdline *cmdline)
{
	struct blob text;
	int err = 0;

	blob_init(&text);
	if (plan->req->reuse_cmdline)
		err = root_read(plan->root, "proc/cmdline", ROOT_READ_MAX, &text);
	if (!err) {
		cmdline_deinit(cmdline);
		err = cmdline_init(cmdline, (const char *)text.data);
	}
	blob_deinit(&text);
	for (size_t i = 0; !err && i < sizeof(words_not_reused) / sizeof(words_not_reused[0]); i++) {
		int removed = cmdline_remove(cmdline, words_not_reused[i]);

		err = removed < 0 ? removed : 0;
	}
	if (!err && append)
		err = cmdline_add(cmdline, append);
	return err;
}

int captures_read_cmdlines(struct plan *plan)
{
	const struct load_request *req = plan->req;
	int err = read_cmdline(plan, req->cmdline, &plan->capture[PRIMARY].cmdline);

	if (!err && plan->nr_captures > FALLBACK)
		err = read_cmdline(plan, req->fallback_cmdline ? req->fallback_cmdline : req->cmdline,
				   &plan->capture[FALLBACK].cmdline);
	return err;
}

static int read_primary(struct plan *plan)
{
	const struct load_request *req = plan->req;
	struct capture *c = &plan->capture[PRIMARY];
	int err = image_open(&c->image, req->kernel_path, plan->arch->formats, req->type);

	if (err)
		return fail_ctx(err, "cannot load the kernel");
	if (!req->initrd_path)
		return 0;
	err = file_open(&c->initrd, req->initrd_path);
	return err ? fail_ctx(err, "cannot load the initrd") : 0;
}

/*
 * Headers of 32 bits are read by kernels of one machine only (fs/proc/vmcore.c, vmcore_elf32_check_arch), and there is
 * one set of them for both images.
 */
static int check_core_width(const struct plan *plan)
{
	const struct image *primary = &plan->capture[PRIMARY].image, *fallback = &plan->capture[FALLBACK].image;

	if (plan->req->core_width != 4 || primary->elf_machine == fallback->elf_machine)
		return 0;
	return fail(-ENOTSUP,
		    "the fallback kernel is for another machine type than the kernel, and ELF32 core headers are "
		    "for one only; use --elf64-core-headers");
}

static int read_fallback(struct plan *plan)
{
	const struct load_request *req = plan->req;
	struct capture *c = &plan->capture[FALLBACK];
	int err;

	if (!req->fallback_kernel_path) {
		c->image = plan->capture[PRIMARY].image;
		c->shares_kernel = true;
	} else {
		err = image_open(&c->image, req->fallback_kernel_path, plan->arch->formats, NULL);
		if (err)
			return fail_ctx(err, "cannot load the fallback kernel");
	}
	if (!req->fallback_initrd_path) {
		c->initrd = plan->capture[PRIMARY].initrd;
		c->shares_initrd = true;
	} else if (strcmp(req->fallback_initrd_path, LOAD_NO_INITRD)) {
		err = file_open(&c->initrd, req->fallback_initrd_path);
		if (err)
			return fail_ctx(err, "cannot load the fallback initrd");
	}
	return check_core_width(plan);
}

int captures_read(struct plan *plan)
{
	const struct load_request *req = plan->req;
	bool fallback = req->fallback_kernel_path || req->fallback_initrd_path || req->fallback_cmdline;
	int err = read_primary(plan);

	plan->policy = req->policy ? req->policy : PURG_POLICY_REBOOT;
	plan->nr_captures = fallback ? 2 : 1;
	if (!err && fallback)
		err = read_fallback(plan);
	return err ? err : captures_read_cmdlines(plan);
}
