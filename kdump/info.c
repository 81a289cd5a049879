// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump info: what is in a core or dump, and what each level would leave of it. */
#include "kdump/command.h"
#include "kdump/crashed.h"
#include "kdump/pagemap.h"
#include "kdump/save.h"
#include "kdump/selfcheck.h"
#include "lib/err.h"
#include "lib/json.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define INFO_BUDGET (16ull << 20)

static const int shown_levels[] = { 0, 2, 6, 14, 30 };
#define NR_SHOWN (sizeof(shown_levels) / sizeof(*shown_levels))

struct info {
	struct crashed cr;
	struct pagemap map;
	uint64_t counted_free;
	bool has_counted_free;
};

static uint64_t left_at(const struct info *i, int level)
{
	uint64_t sum = 0;

	for (unsigned int class = 0; class < NR_CLASSES; class++)
		sum += class_excluded(class, level) ? 0 : i->map.total.pages[class];
	return sum;
}

static void format_time(const struct info *i, char text[32])
{
	time_t when = i->cr.crash_time;
	struct tm tm;

	if (!i->cr.crash_time || !gmtime_r(&when, &tm) || !strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		strcpy(text, "unknown");
}

static void print_info(const struct info *i, const char *source)
{
	uint64_t page = vmcore_page_bytes(&i->cr.core);
	char when[32];

	format_time(i, when);
	printf("source     %s (%s%s)\n", source, i->cr.core.ops->name, i->cr.core.incomplete ? ", not complete" : "");
	printf("machine    %s, pages of %" PRIu64 " KiB, %u CPUs\n", i->cr.utsname[4], page >> 10, i->cr.nr_cpus);
	printf("kernel     %s %s\n", i->cr.utsname[2], i->cr.utsname[3]);
	printf("crashed    %s\n", when);
	printf("memory     %" PRIu64 " MiB, last page frame %#" PRIx64 "\n", ranges_bytes(&i->cr.core.ram) >> 20,
	       i->cr.core.max_pfn ? i->cr.core.max_pfn - 1 : 0);
	printf("\n%-16s %12s %12s\n", "pages", "number", "MiB");
	for (unsigned int class = 0; class < CLASS_NO_RAM; class++)
		if (i->map.total.pages[class])
			printf("%-16s %12" PRIu64 " %12" PRIu64 "\n", page_class_name(class), i->map.total.pages[class],
			       i->map.total.pages[class] * page >> 20);
	if (i->map.total.doubtful)
		printf("%" PRIu64 " of them in doubt\n", i->map.total.doubtful);
	if (i->has_counted_free)
		printf("free by the kernel's own counters: %" PRIu64 "\n", i->counted_free);
	printf("\n%-16s %12s %12s\n", "left at level", "pages", "MiB");
	for (unsigned int l = 0; l < NR_SHOWN; l++)
		printf("%-16d %12" PRIu64 " %12" PRIu64 "\n", shown_levels[l], left_at(i, shown_levels[l]),
		       left_at(i, shown_levels[l]) * page >> 20);
}

/* "kernel, other" as programs like it: kernel_other. */
static void key_of_class(unsigned int class, char key[32])
{
	size_t len = 0;

	for (const char *at = page_class_name(class); *at && len < 31; at++) {
		if (*at != ',')
			key[len++] = *at == ' ' ? '_' : *at;
	}
	key[len] = 0;
}

static void add_kernel(struct json *root, const struct info *i)
{
	struct json *kernel = json_object_in(root, "kernel");
	const char *build_id;
	size_t len;

	json_add_string(kernel, "release", i->cr.utsname[2]);
	json_add_string(kernel, "version", i->cr.utsname[3]);
	json_add_string(kernel, "machine", i->cr.utsname[4]);
	json_add_string(kernel, "node", i->cr.utsname[1]);
	if (vmcoreinfo_string(&i->cr.vi, "BUILD-ID", &build_id, &len)) {
		char text[65];

		snprintf(text, sizeof(text), "%.*s", len < 64 ? (int)len : 64, build_id);
		json_add_string(kernel, "build_id", text);
	}
	if (i->cr.has_vtop) {
		json_add_hex(kernel, "phys_base", i->cr.vt.phys_base);
		json_add_hex(kernel, "offset", i->cr.vt.kernel_offset);
	}
}

static int print_json(const struct info *i, const char *source)
{
	struct json *root = json_object(), *list;
	char key[32];
	int err;

	json_add_string(root, "source", source);
	json_add_string(root, "format", i->cr.core.ops->name);
	json_add_bool(root, "incomplete", i->cr.core.incomplete);
	json_add_number(root, "level", i->cr.core.dump_level);
	add_kernel(root, i);
	json_add_number(root, "cpus", i->cr.nr_cpus);
	json_add_number(root, "crash_time", i->cr.crash_time);
	json_add_number(root, "page_bytes", vmcore_page_bytes(&i->cr.core));
	json_add_hex(root, "memory_bytes", ranges_bytes(&i->cr.core.ram));
	json_add_hex(root, "max_pfn", i->cr.core.max_pfn);
	json_add_bool(root, "classified", i->cr.classified);
	list = json_object_in(root, "pages");
	for (unsigned int class = 0; class < CLASS_NO_RAM; class++) {
		key_of_class(class, key);
		json_add_number(list, key, i->map.total.pages[class]);
	}
	json_add_number(root, "doubtful", i->map.total.doubtful);
	if (i->has_counted_free)
		json_add_number(root, "counted_free", i->counted_free);
	/* Zero pages are told by reading them all: what bit 1 of a level leaves out is not known here. */
	list = json_object_in(root, "left_at_level");
	for (int level = 0; level <= LEVEL_ALL; level += 2) {
		snprintf(key, sizeof(key), "%d", level);
		json_add_number(list, key, left_at(i, level));
	}
	err = json_print(root, stdout);
	json_free(root);
	return err;
}

/* Runs of page frames of one class: FIRST-LAST CLASS, a line each. */
static int print_map(struct info *i)
{
	uint64_t first = 0, next = UINT64_MAX;
	uint8_t now = CLASS_NO_RAM;

	for (size_t w = 0; w < i->map.nr_windows; w++) {
		const struct pagemap_window *window = &i->map.windows[w];
		const uint8_t *class = pagemap_load(&i->map, w);

		if (!class)
			return fail(-ENOMEM, "out of memory");
		for (uint64_t at = 0; at < window->nr; at++) {
			uint64_t pfn = window->first_pfn + at;

			if (pfn == next && class[at] == now) {
				next++;
				continue;
			}
			if (now != CLASS_NO_RAM)
				printf("%#" PRIx64 "-%#" PRIx64 " %s\n", first, next - 1, page_class_name(now));
			first = pfn;
			next = pfn + 1;
			now = class[at];
		}
	}
	if (now != CLASS_NO_RAM)
		printf("%#" PRIx64 "-%#" PRIx64 " %s\n", first, next - 1, page_class_name(now));
	return 0;
}

enum { OPT_JSON = 256, OPT_MAP };

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "map", no_argument, NULL, OPT_MAP },
	{ NULL, 0, NULL, 0 },
};

static int parse(int argc, char **argv, bool *json, bool *map)
{
	int option;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return save_option_error(option, ":", argv);
		*(option == OPT_JSON ? json : map) = true;
	}
	if (*json && *map)
		return fail(-EINVAL, "--json and --map cannot be had at once");
	return argc - optind == 1 ? 0 : fail(-EINVAL, "needed is one argument: the source, such as /proc/vmcore");
}

static int show(struct info *i, const char *source, bool json, bool map)
{
	int err;

	crashed_classify(&i->cr);
	err = pagemap_init(&i->map, &i->cr.c, INFO_BUDGET, NULL, NULL);
	if (err)
		return err;
	if (i->cr.classified)
		i->has_counted_free = !selfcheck_free_pages(&i->cr.vt, &i->counted_free);
	if (json)
		return print_json(i, source);
	if (map)
		return print_map(i);
	print_info(i, source);
	return 0;
}

int command_info(int argc, char **argv, int *status)
{
	bool json = false, map = false;
	struct info i = { 0 };
	int err = parse(argc, argv, &json, &map);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	if (json && !json_built_in())
		return fail(-ENOTSUP, "--json: json-c was not built in");
	err = crashed_open(&i.cr, argv[optind], 0);
	if (err)
		return err;
	err = show(&i, argv[optind], json, map);
	pagemap_deinit(&i.map);
	crashed_close(&i.cr);
	return err;
}
