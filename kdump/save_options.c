// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/save.h"

#include "kdump/classify.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

enum { OPT_CODEC = 256, OPT_WORKERS, OPT_MAX_SIZE, OPT_DEADLINE, OPT_MEMORY_LIMIT, OPT_DRY_RUN, OPT_NO_MMAP,
	OPT_SPLIT, OPT_CONF, OPT_LOG_NAME, OPT_NETWORK_TIMEOUT, OPT_PROBE };

static const struct option long_options[] = {
	{ "level", required_argument, NULL, 'd' },
	{ "codec", required_argument, NULL, OPT_CODEC },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "deadline", required_argument, NULL, OPT_DEADLINE },
	{ "memory-limit", required_argument, NULL, OPT_MEMORY_LIMIT },
	{ "elf", no_argument, NULL, 'E' },
	{ "flattened", no_argument, NULL, 'F' },
	{ "split", no_argument, NULL, OPT_SPLIT },
	{ "conf", required_argument, NULL, OPT_CONF },
	{ "log-name", required_argument, NULL, OPT_LOG_NAME },
	{ "network-timeout", required_argument, NULL, OPT_NETWORK_TIMEOUT },
	{ "probe", no_argument, NULL, OPT_PROBE },
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

int save_parse_size(const char *option, const char *value, uint64_t *bytes)
{
	static const char units[] = "KMGTkmgt";
	struct text t = text_of_string(value);
	unsigned int shift = 0;
	const char *unit;
	uint64_t number;

	if (!text_u64(&t, 10, &number))
		number = 0;
	if (number && t.len == 1 && (unit = strchr(units, *t.at))) {
		shift = 10 * ((unit - units) % 4 + 1);
		t.len = 0;
	}
	if (!number || t.len || number > UINT64_MAX >> shift)
		return fail(-EINVAL, "%s %s: it needs a size such as 64M", option, value);
	*bytes = number << shift;
	return 0;
}

int save_parse_number(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *number)
{
	struct text t = text_of_string(value);
	uint64_t n;

	if (!text_u64(&t, 10, &n) || t.len || n < min || n > max)
		return fail(-EINVAL, "%s %s: it needs a number from %" PRIu64 " to %" PRIu64, option, value, min, max);
	*number = n;
	return 0;
}

int save_parse_levels(struct save_options *o, const char *value)
{
	struct text rest = text_of_string(value);

	o->nr_levels = 0;
	while (rest.len) {
		struct text one = text_until(&rest, ',');
		uint64_t level;

		if (!text_u64(&one, 10, &level) || one.len || level > LEVEL_ALL)
			return fail(-EINVAL, "-d %s: levels are numbers from 0 to %d with commas between", value,
				    LEVEL_ALL);
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
	/* As libraries go, others have none. */
	if (colon && strcmp(name, "zstd") && strcmp(name, "zlib"))
		return fail(-EINVAL, "--codec %s: %s has no levels", value, name);
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

int save_option_error(int answer, const char *letters, char **argv)
{
	const bool short_one = optopt && optopt < 256;

	if (answer == ':' && short_one)
		return fail(-EINVAL, "-%c needs a value", optopt);
	if (answer == ':')
		return fail(-EINVAL, "%s needs a value", argv[optind - 1]);
	if (short_one && !strchr(letters, optopt))
		return fail(-EINVAL, "-%c: there is no such option", optopt);
	if (optopt)
		return fail(-EINVAL, "%s: that option takes no value", argv[optind - 1]);
	return fail(-EINVAL, "%s: there is no such option, or more than one begins so", argv[optind - 1]);
}

int save_parse_log_name(const char *value, const char **name)
{
	if (!*value || *value == '.' || strchr(value, '/'))
		return fail(-EINVAL, "--log-name %s: it needs the name of a file, without a folder", value);
	*name = value;
	return 0;
}

/* What is for other machines than this one; makedumpfile's front takes the same. 1: it is none of them. */
static int take_network_option(struct save_options *o, int option, const char *value)
{
	switch (option) {
	case OPT_CONF:
		o->conf = value;
		return 0;
	case OPT_LOG_NAME:
		return save_parse_log_name(value, &o->log_name);
	case OPT_NETWORK_TIMEOUT:
		return save_parse_number("--network-timeout", value, 1, SAVE_NETWORK_TIMEOUT_MAX,
					 &o->network_timeout_s);
	case OPT_PROBE:
		o->probe = true;
		return 0;
	default:
		return 1;
	}
}

static int take_option(struct save_options *o, int option, const char *value)
{
	uint64_t number;
	int err = take_network_option(o, option, value);

	if (err != 1)
		return err;
	switch (option) {
	case 'd':
		return save_parse_levels(o, value);
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
		err = save_parse_number("--workers", value, 0, SAVE_WORKERS_MAX, &number);
		if (!err)
			o->workers = number;
		return err;
	case OPT_MAX_SIZE:
		return save_parse_size("--max-size", value, &o->max_bytes);
	case OPT_MEMORY_LIMIT:
		return save_parse_size("--memory-limit", value, &o->memory_bytes);
	case OPT_DEADLINE:
		return save_parse_number("--deadline", value, 1, UINT32_MAX, &o->deadline_s);
	case 'E':
		o->elf = true;
		return 0;
	case 'F':
		o->flattened = true;
		return 0;
	case OPT_SPLIT: /* says what the arguments are: save_options_parse() */
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
	default: /* 'D' */
		debug_enable();
		return 0;
	}
}

/* SOURCE and the files, ARGV[0..NR-1]. */
static int take_split(struct save_options *o, char **argv, int nr)
{
	if (o->elf || o->flattened)
		return fail(-EINVAL, "--split makes kdump-compressed files; leave out -E and -F");
	if (nr < 3)
		return fail(-EINVAL, "save --split needs the source, such as /proc/vmcore, and two or more files to write");
	o->source = argv[0];
	o->targets = argv + 1;
	o->nr_targets = nr - 1;
	for (int i = 1; i < nr; i++)
		for (int j = 1; j < i; j++)
			if (!strcmp(argv[i], argv[j]))
				return fail(-EINVAL, "%s: is named twice; each part needs a file of its own", argv[i]);
	return 0;
}

int save_options_parse(struct save_options *o, int argc, char **argv)
{
	static const char letters[] = ":d:clzpEFfqD";
	bool codec_given = false, split = false;
	int option, err;

	save_options_init(o);
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return save_option_error(option, letters, argv);
		split |= option == OPT_SPLIT;
		codec_given |= option == OPT_CODEC || (option < 256 && strchr("clzp", option));
		err = take_option(o, option, optarg);
		if (err)
			return err;
	}
	if (o->elf && codec_given)
		return fail(-EINVAL, "-E: the ELF format has no compression; leave out --codec, -c, -l, -z and -p");
	if (o->probe) {
		if (argc - optind != 1 || split)
			return fail(-EINVAL, "--probe needs one argument: the folder or URL to try");
		o->target = argv[optind];
		return 0;
	}
	if (split)
		return take_split(o, argv + optind, argc - optind);
	if (o->dry_run && argc - optind == 1) {
		o->source = argv[optind];
		return 0;
	}
	if (argc - optind != 2)
		return fail(-EINVAL, "save needs two arguments: the source, such as /proc/vmcore, and the target");
	o->source = argv[optind];
	o->target = argv[optind + 1];
	return 0;
}
