// SPDX-License-Identifier: GPL-2.0-or-later
/* What makedumpfile is asked for, done by what kdump has; and its last lines, which scripts and people wait for. */
#include "kdump/front.h"

#include "kdump/command.h"
#include "kdump/crashed.h"
#include "kdump/reassemble.h"
#include "kdump/report.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool tells(const struct front *f, unsigned int messages)
{
	return f->messages & messages;
}

/* Early, so that nothing is read in vain; opening it decides. */
static int check_target(const struct front *f, const char *path)
{
	struct stat st, out;

	if (!strcmp(path, "-") || stat(path, &st))
		return 0;
	/* /dev/stdout */
	if (!fstat(STDOUT_FILENO, &out) && st.st_dev == out.st_dev && st.st_ino == out.st_ino)
		return 0;
	/* makedumpfile takes no folder; whoever names the log in it means one. */
	if (S_ISDIR(st.st_mode) && f->save.log_name)
		return 0;
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "%s: is a directory; name the file to write", path);
	if (S_ISREG(st.st_mode) && !f->save.force)
		return fail(-EEXIST, "%s: exists; -f replaces it", path);
	return 0;
}

/* makedumpfile's table: who reads it by eye or by script finds the same words. */
static void print_stats(const struct front *f, const struct save_report *r)
{
	const struct class_report *c = r->class;
	uint64_t all = 0, zero = 0, kept, excluded = 0;
	const bool leave_zero = r->level & LEVEL_ZERO;

	for (unsigned int class = 0; class < CLASS_NO_RAM; class++) {
		all += c[class].pages;
		zero += leave_zero ? c[class].zero : 0;
		excluded += class_excluded(class, r->level) ? c[class].pages : 0;
	}
	excluded += zero;
	kept = all - excluded;
#define EXCLUDED(class) (class_excluded(class, r->level) ? c[class].pages : 0)
	fprintf(f->out, "\nOriginal pages  : 0x%016" PRIx64 "\n", all);
	fprintf(f->out, "  Excluded pages   : 0x%016" PRIx64 "\n", excluded);
	fprintf(f->out, "    Pages filled with zero  : 0x%016" PRIx64 "\n", zero);
	fprintf(f->out, "    Non-private cache pages : 0x%016" PRIx64 "\n", EXCLUDED(CLASS_CACHE));
	fprintf(f->out, "    Private cache pages     : 0x%016" PRIx64 "\n", EXCLUDED(CLASS_CACHE_PRIVATE));
	fprintf(f->out, "    User process data pages : 0x%016" PRIx64 "\n", EXCLUDED(CLASS_USER));
	fprintf(f->out, "    Free pages              : 0x%016" PRIx64 "\n", EXCLUDED(CLASS_FREE));
	fprintf(f->out, "    Hwpoison pages          : 0x%016" PRIx64 "\n", EXCLUDED(CLASS_HWPOISON));
	fprintf(f->out, "    Offline pages           : 0x%016" PRIx64 "\n", EXCLUDED(CLASS_OFFLINE));
#undef EXCLUDED
	if (c[CLASS_ABSENT].pages)
		fprintf(f->out, "    Not in the source       : 0x%016" PRIx64 "\n", c[CLASS_ABSENT].pages);
	fprintf(f->out, "  Remaining pages  : 0x%016" PRIx64 "\n", kept);
	fprintf(f->out, "  (The number of pages is reduced to %" PRIu64 "%%.)\n", all ? kept * 100 / all : 0);
	fprintf(f->out, "Memory Hole     : 0x%016" PRIx64 "\n", r->max_pfn - all);
	fprintf(f->out, "--------------------------------------------------\n");
	fprintf(f->out, "Total pages     : 0x%016" PRIx64 "\n", r->max_pfn);
	fprintf(f->out, "Write bytes     : %" PRIu64 "\n\n", r->file_bytes);
}

static int print_vtop(const struct front *f)
{
	struct crashed cr;
	uint64_t paddr = UINT64_MAX;
	int err = crashed_open(&cr, f->files[0], f->save.no_mmap ? VMCORE_NO_MMAP : 0);

	if (err)
		return err;
	if (!cr.has_vtop || vtop(&cr.vt, f->vtop_vaddr, &paddr, NULL))
		warn("--vtop %" PRIx64 ": it is not mapped", f->vtop_vaddr);
	fprintf(f->out, "VIRTUAL           PHYSICAL\n%016" PRIx64 "  %" PRIx64 "\n\n", f->vtop_vaddr, paddr);
	crashed_close(&cr);
	return 0;
}

static void print_saved(const struct front *f)
{
	if (f->save.dry_run) {
		fprintf(f->out, "\nNo dumpfile is saved: this was a dry run.\n");
	} else if (f->split) {
		fprintf(f->out, "\nThe dumpfiles are saved to ");
		for (int i = 1; i < f->nr_files - 1; i++)
			fprintf(f->out, "%s, ", f->files[i]);
		fprintf(f->out, "and %s.\n", f->files[f->nr_files - 1]);
	} else {
		fprintf(f->out, "\nThe dumpfile is saved to %s.\n", strcmp(f->save.target, "-") ? f->save.target : "STDOUT");
	}
}

static int save(struct front *f)
{
	struct save_options *o = &f->save;
	struct save_report report;
	int err = 0;

	o->source = f->files[0];
	if (f->split) {
		o->targets = f->files + 1;
		o->nr_targets = f->nr_files - 1;
	} else {
		o->target = f->nr_files > 1 ? f->files[1] : o->dry_run ? NULL : "-";
	}
	/* In a folder of its own, nobody expects what is not complete under the name that he gave. */
	if (o->log_name)
		o->same_name = false;
	o->show = (tells(f, MESSAGE_PROGRESS) ? SHOW_PROGRESS : 0) | (tells(f, MESSAGE_COMMON) ? SHOW_PREDICTION : 0);
	for (int i = 1; !err && i < f->nr_files && !o->dry_run; i++)
		err = check_target(f, f->files[i]);
	if (!err && f->has_vtop)
		err = print_vtop(f);
	if (!err)
		err = save_run(o, &report);
	if (err)
		return err;
	if (tells(f, MESSAGE_REPORT))
		print_stats(f, &report);
	/* The warning of save_run() has said why. */
	if (!report.complete)
		return fail(-ENOSPC, "%s: is not complete; it opens, and what is most important is in it",
			    f->split ? "the split set" : f->nr_files > 1 ? o->target : "the stream");
	if (tells(f, MESSAGE_COMMON))
		print_saved(f);
	return 0;
}

/* -R and --reassemble: the dump is the last file. */
static int join(struct front *f)
{
	const char *target = f->files[f->nr_files - 1];
	struct reassemble_options o = { .force = f->save.force, .same_name = true, .quiet = !tells(f, MESSAGE_PROGRESS) };
	struct reassemble_result result = { 0 };
	int err = check_target(f, target);

	if (!err && f->action == FRONT_REARRANGE)
		err = reassemble_stream("-", target, &o, &result);
	else if (!err)
		err = reassemble_parts(f->files, f->nr_files - 1, target, &o, &result);
	if (!err && !result.complete)
		err = fail(-ENODATA, "%s: is not complete, but opens: %s", result.path ? result.path : target, result.why);
	free(result.path);
	if (!err && tells(f, MESSAGE_COMMON))
		fprintf(f->out, "\nThe dumpfile is saved to %s.\n", target);
	return err;
}

static int dump_dmesg(struct front *f)
{
	int err = check_target(f, f->files[1]);

	if (!err)
		err = front_dmesg(f);
	if (!err && tells(f, MESSAGE_COMMON))
		fprintf(f->out, "\nThe dmesg log is saved to %s.\n", f->files[1]);
	return err;
}

static int act(struct front *f)
{
	switch (f->action) {
	case FRONT_DMESG:
		return dump_dmesg(f);
	case FRONT_MEM_USAGE:
		return front_mem_usage(f);
	case FRONT_HELP:
		front_print_help(f->out);
		return 0;
	case FRONT_VERSION:
		front_print_version(f->out);
		return 0;
	case FRONT_SAVE:
		return save(f);
	default:
		return join(f);
	}
}

/* Is this a run that ends in "Completed" or "Failed"? */
static bool concludes(const struct front *f, int err)
{
	if (f->check_params || !tells(f, MESSAGE_COMMON) || f->action == FRONT_HELP || f->action == FRONT_VERSION)
		return false;
	return err || f->action != FRONT_MEM_USAGE;
}

static void no_warnings(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

int command_makedumpfile(int argc, char **argv, int *status)
{
	struct front f;
	int err;

	err_set_program("makedumpfile");
	/* A file size limit and a reader that went away are ordinary errors of write(2). */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	err = front_parse(&f, argc, argv);
	if (err)
		fail(err, "%s; see \"makedumpfile --help\"", err_text());
	if (tells(&f, MESSAGE_DEBUG))
		debug_enable();
	if (!tells(&f, MESSAGE_ERROR))
		err_set_warn_sink(no_warnings, NULL);
	if (!err && !f.check_params) {
		if (tells(&f, MESSAGE_COMMON))
			front_print_notes(&f);
		err = act(&f);
	}
	if (!err && (fflush(f.out) || ferror(f.out)))
		err = fail(-EIO, "cannot write messages");
	if (err) {
		*status = EXIT_FAILED;
		if (tells(&f, MESSAGE_ERROR))
			fprintf(stderr, "%s: %s\n", err_program(), err_text());
	}
	if (concludes(&f, err))
		fprintf(f.out, "\nmakedumpfile %s.\n", err ? "Failed" : "Completed");
	fflush(f.out);
	return 0;
}
