// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump check: can every page that a dump claims to hold be read? */
#include "kdump/command.h"
#include "kdump/crashed.h"
#include "kdump/save.h"
#include "lib/err.h"
#include "lib/json.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEP_PFNS 32768u
/* Pages that cannot be read are told one by one up to here. */
#define TOLD_MAX 10u

struct tally {
	uint64_t ram, held, absent, good, zero, lost, bad;
};

static void check_page(struct vmcore *core, uint64_t pfn, uint8_t *buf, struct tally *t)
{
	uint64_t bytes = vmcore_page_bytes(core);
	int err = vmcore_read(core, pfn << core->page_shift, buf, bytes);

	t->held++;
	/* A dump that says itself that it is not complete lacks what comes last; no need to tell page by page. */
	if (err == -ENODATA && t->lost++ < TOLD_MAX && !core->incomplete)
		warn("page %#" PRIx64 ": it was lost when the dump was written", pfn);
	else if (err && err != -ENODATA && t->bad++ < TOLD_MAX)
		warn("page %#" PRIx64 ": damaged", pfn);
	if (err)
		return;
	t->good++;
	t->zero += !buf[0] && !memcmp(buf, buf + 1, bytes - 1);
}

static int check_range(struct vmcore *core, uint64_t pfn, uint64_t last, uint8_t *buf, struct tally *t)
{
	uint8_t held[STEP_PFNS / 8];

	t->ram += last - pfn + 1;
	for (uint64_t at = pfn & ~7ull; at <= last; at += STEP_PFNS) {
		if (vmcore_held(core, at, STEP_PFNS, held))
			return fail(-EIO, "the table of pages from %#" PRIx64 " on cannot be read", at);
		for (uint64_t i = 0; i < STEP_PFNS && at + i <= last; i++) {
			if (at + i < pfn)
				continue;
			if (held[i / 8] >> i % 8 & 1)
				check_page(core, at + i, buf, t);
			else
				t->absent++;
		}
	}
	return 0;
}

static int print_tally(const struct crashed *cr, const struct tally *t, const char *path, bool json)
{
	if (json) {
		struct json *root = json_object();
		int err;

		json_add_string(root, "dump", path);
		json_add_string(root, "format", cr->core.ops->name);
		json_add_bool(root, "incomplete", cr->core.incomplete);
		json_add_number(root, "level", cr->core.dump_level);
		json_add_number(root, "ram", t->ram);
		json_add_number(root, "absent", t->absent);
		json_add_number(root, "good", t->good);
		json_add_number(root, "zero", t->zero);
		json_add_number(root, "lost", t->lost);
		json_add_number(root, "bad", t->bad);
		json_add_bool(root, "vmcoreinfo", cr->core.vmcoreinfo.len != 0);
		err = json_print(root, stdout);
		json_free(root);
		return err;
	}
	printf("%s: %s, %s, level %d\n", path, cr->core.ops->name, cr->core.incomplete ? "NOT complete" : "complete",
	       cr->core.dump_level);
	printf("%" PRIu64 " pages of RAM: %" PRIu64 " are there (%" PRIu64 " of them zero), ", t->ram, t->good,
	       t->zero);
	printf("%" PRIu64 " were left out, %" PRIu64 " cannot be read\n", t->absent, t->lost + t->bad);
	if (t->lost || t->bad)
		printf("%" PRIu64 " of them were not saved when the dump was written, %" PRIu64 " are damaged.\n",
		       t->lost, t->bad);
	if (!cr->core.vmcoreinfo.len)
		printf("It has no VMCOREINFO.\n");
	return 0;
}

static int check_all(struct crashed *cr, struct tally *t)
{
	uint8_t *buf = malloc(vmcore_page_bytes(&cr->core));
	int err = buf ? 0 : fail(-ENOMEM, "out of memory for a page");

	for (size_t i = 0; !err && i < cr->core.ram.nr; i++)
		err = check_range(&cr->core, cr->core.ram.r[i].start >> cr->core.page_shift,
				  cr->core.ram.r[i].last >> cr->core.page_shift, buf, t);
	free(buf);
	return err;
}

enum { OPT_JSON = 256 };

static int parse(int argc, char **argv, bool *json)
{
	static const struct option long_options[] = { { "json", no_argument, NULL, OPT_JSON }, { NULL, 0, NULL, 0 } };
	int option;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option != OPT_JSON)
			return save_option_error(option, ":", argv);
		*json = true;
	}
	return argc - optind == 1 ? 0 : fail(-EINVAL, "needed is one argument: the dump");
}

int command_check(int argc, char **argv, int *status)
{
	struct tally t = { 0 };
	struct crashed cr;
	bool json = false;
	const char *path;
	int err = parse(argc, argv, &json);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	if (json && !json_built_in())
		return fail(-ENOTSUP, "--json: json-c was not built in");
	path = argv[optind];
	err = crashed_open(&cr, path, 0);
	if (err)
		return err;
	err = check_all(&cr, &t);
	if (!err)
		err = print_tally(&cr, &t, path, json);
	if (!err && t.bad)
		err = fail(-EIO, "%s: %" PRIu64 " pages are damaged", path, t.bad);
	else if (!err && (cr.core.incomplete || t.lost))
		*status = EXIT_INCOMPLETE;
	crashed_close(&cr);
	return err;
}
