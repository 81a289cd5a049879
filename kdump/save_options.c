// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/save.h"

#include "kdump/classify.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

enum { OPT_CODEC = 256, OPT_WORKERS, OPT_MAX_SIZE, OPT_DEADLINE, OPT_MEMORY_LIMIT, OPT_DRY_RUN, OPT_NO_MMAP };

static const struct option long_options[] = {
	{ "level", required_argument, NULL, 'd' },
	{ "codec", required_argument, NULL, OPT_CODEC },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "deadline", required_argument, NULL, OPT_DEADLINE },
	{ "memory-limit", required_argument, NULL, OPT_MEMORY_LIMIT },
	{ "elf", no_argument, NULL, 'E' },
	{ "flattened", no_argument, NULL, 'F' },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "no-mmap", no_argument, NULL, OPT_NO_MMAP },
	{ "force", no_argument, NULL, 'f' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "debug", no_argument, NULL, 'D' },
	{ NULL, 0, NULL, 0 },
};

void save_options_init(struct save_options *o)
{
	*o = (struct save_options){
		.levels = { LEVEL_ALL },
		.nr_levels = 1,
		.codec_level = CODEC_DEFAULT_LEVEL,
		.workers = -1,
		.max_bytes = UINT64_MAX,
		.show = SHOW_ALL,
	};
	o->codec = codecs;
	while (o->codec->name && !o->codec->built_in)
		o->codec++;
}

bool save_parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	struct text t = text_of_string(text);
	unsigned int shift = 0;
	const char *unit;
	uint64_t value;

	if (!text_u64(&t, 10, &value))
		return false;
	if (t.len == 1 && (unit = strchr(units, *t.at)) && *unit)
		shift = 10 * (unit - units + 1);
	else if (t.len)
		return false;
	if (value > UINT64_MAX >> shift)
		return false;
	*bytes = value << shift;
	return true;
}

static int parse_levels(struct save_options *o, const char *value)
{
	struct text rest = text_of_string(value);

	o->nr_levels = 0;
	while (rest.len) {
		struct text one = text_until(&rest, ',');
		uint64_t level;

		if (!text_u64(&one, 10, &level) || one.len || level > LEVEL_ALL)
			return fail(-EINVAL, "-d %s: levels are numbers from 0 to %d with commas between", value, LEVEL_ALL);
		if (o->nr_levels == SAVE_LEVELS_MAX)
			return fail(-EINVAL, "-d %s: at most %d levels", value, SAVE_LEVELS_MAX);
		o->levels[o->nr_levels++] = level;
	}
	return o->nr_levels ? 0 : fail(-EINVAL, "-d needs a level from 0 to %d", LEVEL_ALL);
}

/* NAME or NAME:LEVEL */
static int parse_codec(struct save_options *o, const char *value)
{
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : strlen(value);
	char name[16];

	if (len >= sizeof(name))
		return fail(-EINVAL, "%s: no such codec", value);
	memcpy(name, value, len);
	name[len] = 0;
	o->codec = codec_by_name(name);
	if (!o->codec)
		return fail(-EINVAL, "%s: no such codec; zstd, zlib, lzo, snappy and none are known", name);
	if (!o->codec->built_in)
		return fail(-ENOTSUP, "%s was not built in", name);
	if (colon) {
		bool negative = colon[1] == '-';
		struct text t = text_of_string(colon + 1 + negative);
		uint64_t level;

		if (!text_u64(&t, 10, &level) || t.len || level > 1000)
			return fail(-EINVAL, "--codec %s: the level behind the colon is no number", value);
		o->codec_level = negative ? -(int)level : (int)level;
	}
	return 0;
}

static int parse_number(const char *option, const char *value, uint64_t max, uint64_t *number)
{
	struct text t = text_of_string(value);

	if (!text_u64(&t, 10, number) || t.len || *number > max)
		return fail(-EINVAL, "%s %s: it needs a number", option, value);
	return 0;
}

static int parse_size(const char *option, const char *value, uint64_t *bytes)
{
	if (!save_parse_size(value, bytes) || !*bytes)
		return fail(-EINVAL, "%s %s: it needs a size such as 64M", option, value);
	return 0;
}

static int take_option(struct save_options *o, int option, const char *value)
{
	uint64_t number;
	int err;

	switch (option) {
	case 'd':
		return parse_levels(o, value);
	case 'c':
		return parse_codec(o, "zlib");
	case 'l':
		return parse_codec(o, "lzo");
	case 'z':
		return parse_codec(o, "zstd");
	case 'p':
		return parse_codec(o, "snappy");
	case OPT_CODEC:
		return parse_codec(o, value);
	case OPT_WORKERS:
		err = parse_number("--workers", value, 1024, &number);
		if (!err)
			o->workers = number;
		return err;
	case OPT_MAX_SIZE:
		return parse_size("--max-size", value, &o->max_bytes);
	case OPT_MEMORY_LIMIT:
		return parse_size("--memory-limit", value, &o->memory_bytes);
	case OPT_DEADLINE:
		return parse_number("--deadline", value, UINT32_MAX, &o->deadline_s);
	case 'E':
		o->elf = true;
		return 0;
	case 'F':
		o->flattened = true;
		return 0;
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_NO_MMAP:
		o->no_mmap = true;
		return 0;
	case 'f':
		o->force = true;
		return 0;
	case 'q':
		o->show = 0;
		return 0;
	case 'D':
		debug_enable();
		return 0;
	default:
		return fail(-EINVAL, "unknown option, or one without its value; \"kdump --help\" lists them");
	}
}

int save_options_parse(struct save_options *o, int argc, char **argv)
{
	int option, err;

	save_options_init(o);
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, "d:clzpEFfqD", long_options, NULL)) != -1) {
		err = take_option(o, option, optarg);
		if (err)
			return err;
	}
	if (argc - optind != 2)
		return fail(-EINVAL, "save needs two arguments: the source, such as /proc/vmcore, and the target");
	o->source = argv[optind];
	o->target = argv[optind + 1];
	return 0;
}
