// SPDX-License-Identifier: GPL-2.0-or-later
/* kexec(8): parse, dispatch, and turn an error chain into one sentence and an exit status. */
#include "kexec/arch/arch.h"
#include "kexec/digests.h"
#include "kexec/load.h"
#include "kexec/options.h"
#include "kexec/report.h"
#include "kexec/syscall.h"
#include "kexec/verify.h"
#include "lib/err.h"
#include "lib/fdt.h"
#include "lib/sha256.h"
#include "lib/unpack.h"

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_STATUS_UNKNOWN = 255 };

static void print_version(void)
{
	printf("kexec (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
	printf("unpacks:");
	for (const struct unpack_support *s = unpack_support; s->name; s++)
		printf(" %c%s", s->built_in ? '+' : '-', s->name);
	printf("\nfeatures: %cdevice-tree %cjson\n", dtb_built_in() ? '+' : '-', json_built_in() ? '+' : '-');
	printf("architectures:");
	for (const struct arch *const *arch = arch_table; *arch; arch++)
		printf(" %s%s", (*arch)->name, (*arch)->purgatory ? "" : " (no purgatory)");
	putchar('\n');
}

static int run_load(const struct options *opt, const struct root *root)
{
	struct digests digests = { 0 };
	struct load_request req = opt->req;
	struct plan plan;
	int err = 0;

	plan_init(&plan);
	if (!opt->dry_run)
		err = kexec_precheck(root);
	if (!err && opt->digests_path) {
		err = digests_read(&digests, opt->digests_path);
		req.digests = &digests;
	}
	if (!err)
		err = load_plan(&plan, root, opt->arch, &req);
	if (!err && (opt->dry_run || opt->debug))
		err = report_plan(&plan, opt->json, opt->dry_run ? stdout : stderr);
	if (!err && !opt->dry_run)
		err = kexec_load_plan(&plan);
	if (!err && !opt->dry_run && opt->digests_path)
		digests_write(&digests);
	plan_deinit(&plan);
	digests_deinit(&digests);
	return err;
}

static int run_ranges(const struct options *opt, const struct root *root)
{
	struct plan plan;
	int err;

	plan_init(&plan);
	plan.arch = opt->arch;
	plan.root = root;
	err = memmap_read(&plan.memmap, root, opt->arch);
	if (!err)
		err = memmap_dump_ranges(&plan.memmap, &plan.dump);
	if (!err)
		err = crash_info_read(&plan.crash, root, opt->arch, &plan.memmap);
	if (!err)
		err = report_ranges(&plan, opt->json, stdout);
	plan_deinit(&plan);
	return err;
}

/* The region that a capture kernel is loaded into; 0 when there is none, as scripts expect. */
static int run_ckr_size(const struct options *opt, const struct root *root)
{
	struct memmap m;
	struct range window;
	int err;

	memmap_init(&m);
	err = memmap_read(&m, root, opt->arch);
	if (!err) {
		err = memmap_crash_window(&m, &window);
		if (!err)
			debug("the capture kernel is loaded into %#" PRIx64 "-%#" PRIx64, window.start, window.last);
		if (!err)
			printf("%" PRIu64 "\n", range_len(&window));
		else if (err == -ENODATA)
			err = printf("0\n") < 0 ? -EIO : 0;
	}
	memmap_deinit(&m);
	return err;
}

/* 1 is an answer of -S, so its failures must be told by another number. */
static int failure_status(const struct options *opt)
{
	return opt->action == ACTION_STATUS ? EXIT_STATUS_UNKNOWN : EXIT_FAILED;
}

static int run(const struct options *opt, const struct root *root, int *status)
{
	int loaded;

	switch (opt->action) {
	case ACTION_LOAD:
		return run_load(opt, root);
	case ACTION_UNLOAD:
		return kexec_unload(root, opt->arch->kexec_arch, opt->panic);
	case ACTION_STATUS:
		loaded = kexec_is_loaded(root, !opt->normal);
		if (loaded < 0)
			return loaded;
		*status = loaded;
		return 0;
	case ACTION_CKR_SIZE:
		return run_ckr_size(opt, root);
	case ACTION_RANGES:
		return run_ranges(opt, root);
	case ACTION_VERIFY:
		return verify_loaded(root, opt->arch, opt->json, stdout, status);
	case ACTION_VERSION:
		print_version();
		return 0;
	default:
		options_help(stdout);
		return 0;
	}
}

int main(int argc, char **argv)
{
	struct root root = { .dirfd = -1 };
	int status = EXIT_OK, err;
	struct options opt;

	err_set_program("kexec");
	sha256_use_cpu(true);
	err = options_parse(&opt, argc, argv);
	if (err) {
		status = EXIT_USAGE;
	} else {
		if (opt.debug)
			debug_enable();
		err = root_init(&root, opt.sysroot);
		if (!err)
			err = run(&opt, &root, &status);
		if (!err && (fflush(stdout) || ferror(stdout)))
			err = fail(-EIO, "cannot write to standard output");
		if (err)
			status = failure_status(&opt);
	}
	if (err)
		fprintf(stderr, "%s: %s\n", err_program(), err_text());
	root_deinit(&root);
	options_deinit(&opt);
	return status;
}
