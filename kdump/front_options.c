// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/front.h"

#include "lib/err.h"

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Values of long options that have no letter. */
enum {
	OPT_SPLIT = 256,
	OPT_REASSEMBLE,
	OPT_DUMP_DMESG,
	OPT_PARTIAL_DMESG,
	OPT_MEM_USAGE,
	OPT_MESSAGE_LEVEL,
	OPT_NUM_THREADS,
	OPT_SPLITBLOCK_SIZE,
	OPT_CYCLIC_BUFFER,
	OPT_NON_MMAP,
	OPT_WORK_DIR,
	OPT_DRY_RUN,
	OPT_SHOW_STATS,
	OPT_CHECK_PARAMS,
	OPT_VTOP,
	OPT_XEN_SYMS,
	OPT_XEN_VMCOREINFO,
	OPT_XEN_PHYS_START,
	OPT_CONFIG,
	OPT_EPPIC,
	OPT_EXTENSION,
	OPT_DISKSET,
	OPT_CONF,
	OPT_LOG_NAME,
	OPT_NETWORK_TIMEOUT,
};

#define IN(action) (1u << (action))
#define IN_ALL UINT32_MAX
#define IN_READING (IN(FRONT_SAVE) | IN(FRONT_DMESG) | IN(FRONT_MEM_USAGE))

struct row {
	int value;                 /* a letter, or OPT_... */
	const char *name;
	int argument;              /* no_argument, required_argument */
	uint32_t actions;          /* IN(...): where it has a meaning */
	const char *refused;       /* why it is not done */
	const char *note;          /* why it changes nothing */
};

#define NO_VMLINUX "no vmlinux and no file made from one is used: what there is to know is in the dump; leave it out"
#define NO_ERASE   "nothing is erased from dumps"
#define NO_XEN     "Xen's own pages are not told apart"

static const struct row rows[] = {
	{ 'c', "-c", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'l', "-l", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'p', "-p", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'z', "-z", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'd', "-d", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'E', "-E", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'F', "-F", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'L', "-L", required_argument, IN(FRONT_SAVE) | IN(FRONT_DMESG), NULL, NULL },
	{ 'f', "-f", no_argument, IN_ALL, NULL, NULL },
	{ 'R', "-R", no_argument, IN_ALL, NULL, NULL },
	{ 'D', "-D", no_argument, IN_ALL, NULL, NULL },
	{ 'h', "--help", no_argument, IN_ALL, NULL, NULL },
	{ 'v', "--version", no_argument, IN_ALL, NULL, NULL },
	{ 'b', "-b", required_argument, IN(FRONT_SAVE), NULL, "output is always collected in large pieces" },
	{ OPT_SPLIT, "--split", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_REASSEMBLE, "--reassemble", no_argument, IN_ALL, NULL, NULL },
	{ OPT_DUMP_DMESG, "--dump-dmesg", no_argument, IN_ALL, NULL, NULL },
	{ OPT_PARTIAL_DMESG, "--partial-dmesg", no_argument, IN(FRONT_DMESG), NULL, NULL },
	{ OPT_MEM_USAGE, "--mem-usage", no_argument, IN_ALL, NULL, NULL },
	{ OPT_MESSAGE_LEVEL, "--message-level", required_argument, IN_ALL, NULL, NULL },
	{ OPT_NUM_THREADS, "--num-threads", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_SPLITBLOCK_SIZE, "--splitblock-size", required_argument, IN(FRONT_SAVE), NULL,
	  "parts get equal numbers of pages anyhow" },
	{ OPT_CYCLIC_BUFFER, "--cyclic-buffer", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_NON_MMAP, "--non-mmap", no_argument, IN_READING, NULL, NULL },
	{ OPT_WORK_DIR, "--work-dir", required_argument, IN(FRONT_SAVE), NULL, "no temporary files are needed" },
	{ OPT_DRY_RUN, "--dry-run", no_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_SHOW_STATS, "--show-stats", no_argument, IN_ALL, NULL, NULL },
	{ OPT_CHECK_PARAMS, "--check-params", no_argument, IN_ALL, NULL, NULL },
	{ OPT_VTOP, "--vtop", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ 'x', "-x", required_argument, 0, NO_VMLINUX, NULL },
	{ 'i', "-i", required_argument, 0, NO_VMLINUX, NULL },
	{ 'g', "-g", required_argument, 0, NO_VMLINUX, NULL },
	{ 'e', "-e", no_argument, IN(FRONT_SAVE), NULL, "the struct pages of excluded pages are always kept" },
	{ 'X', "-X", no_argument, 0, NO_XEN, NULL },
	{ OPT_XEN_SYMS, "--xen-syms", required_argument, 0, NO_XEN, NULL },
	{ OPT_XEN_VMCOREINFO, "--xen-vmcoreinfo", required_argument, 0, NO_XEN, NULL },
	{ OPT_XEN_PHYS_START, "--xen_phys_start", required_argument, 0, NO_XEN, NULL },
	{ OPT_CONFIG, "--config", required_argument, 0, NO_ERASE, NULL },
	{ OPT_EPPIC, "--eppic", required_argument, 0, NO_ERASE, NULL },
	{ OPT_EXTENSION, "--extension", required_argument, 0, "plug-ins are not loaded", NULL },
	/* Not makedumpfile's: what URLs need. */
	{ OPT_CONF, "--conf", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_LOG_NAME, "--log-name", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_NETWORK_TIMEOUT, "--network-timeout", required_argument, IN(FRONT_SAVE), NULL, NULL },
	{ OPT_DISKSET, "--diskset", required_argument, 0, "dumps of the sadump firmware are not read", NULL },
};

#define NR_ROWS (sizeof(rows) / sizeof(*rows))
_Static_assert(NR_ROWS <= 64, "front.seen has a bit for each");

static const char *const action_names[] = {
	[FRONT_SAVE] = "saving a dump", [FRONT_REARRANGE] = "-R", [FRONT_REASSEMBLE] = "--reassemble",
	[FRONT_DMESG] = "--dump-dmesg", [FRONT_MEM_USAGE] = "--mem-usage", [FRONT_HELP] = "--help",
	[FRONT_VERSION] = "--version",
};

static int parse_codec(struct front *f, const char *option, const char *name)
{
	const struct codec *best = codecs;

	if (codec_by_name(name)->built_in) {
		f->save.codec = codec_by_name(name);
		return 0;
	}
	while (!best->built_in)
		best++;
	/* To find that out is what --check-params is for; in the capture kernel any dump is better than none. */
	if (f->check_params)
		return fail(-ENOTSUP, "%s: %s was not built in", option, name);
	warn("%s: %s was not built in; using %s", option, name, best->name);
	f->save.codec = best;
	return 0;
}

static int set_action(struct front *f, enum front_action action)
{
	if (f->action != FRONT_SAVE && f->action != action)
		return fail(-EINVAL, "%s and %s cannot be had at once", action_names[f->action], action_names[action]);
	f->action = action;
	return 0;
}

static int parse_vtop(struct front *f, const char *value)
{
	struct text t = text_of_string(value);

	if (!text_take(&t, "0x"))
		text_take(&t, "0X");
	if (!text_u64(&t, 16, &f->vtop_vaddr) || t.len)
		return fail(-EINVAL, "--vtop %s: it needs a virtual address in hexadecimal", value);
	f->has_vtop = true;
	return 0;
}

static int take_number(struct front *f, int option, const char *value)
{
	uint64_t number;
	int err;

	switch (option) {
	case 'b':
		return save_parse_number("-b", value, 0, 30, &number);
	case OPT_SPLITBLOCK_SIZE:
		return save_parse_number("--splitblock-size", value, 1, UINT64_MAX >> 10, &number);
	case OPT_MESSAGE_LEVEL:
		err = save_parse_number("--message-level", value, 0, MESSAGE_ALL, &number);
		f->messages = err ? f->messages : number;
		return err;
	case OPT_NUM_THREADS:
		err = save_parse_number("--num-threads", value, 0, SAVE_WORKERS_MAX, &number);
		f->save.workers = err ? f->save.workers : (int)number;
		return err;
	default: /* OPT_CYCLIC_BUFFER */
		err = save_parse_number("--cyclic-buffer", value, 1, UINT64_MAX >> 10, &number);
		f->save.memory_bytes = err ? f->save.memory_bytes : number << 10;
		return err;
	}
}

static int take_action(struct front *f, int option)
{
	switch (option) {
	case 'R':
		return set_action(f, FRONT_REARRANGE);
	case OPT_REASSEMBLE:
		return set_action(f, FRONT_REASSEMBLE);
	case OPT_DUMP_DMESG:
		return set_action(f, FRONT_DMESG);
	case OPT_MEM_USAGE:
		return set_action(f, FRONT_MEM_USAGE);
	case 'h':
		return set_action(f, FRONT_HELP);
	default: /* 'v' */
		return set_action(f, FRONT_VERSION);
	}
}

static int take_option(struct front *f, int option, const char *value)
{
	switch (option) {
	case 'c':
		return parse_codec(f, "-c", "zlib");
	case 'l':
		return parse_codec(f, "-l", "lzo");
	case 'p':
		return parse_codec(f, "-p", "snappy");
	case 'z':
		return parse_codec(f, "-z", "zstd");
	case 'd':
		return save_parse_levels(&f->save, value);
	case 'L':
		return save_parse_size("-L", value, &f->save.max_bytes);
	case 'E':
		f->save.elf = true;
		return 0;
	case 'F':
		f->save.flattened = true;
		return 0;
	case 'f':
		f->save.force = true;
		return 0;
	case 'D':
		f->messages |= MESSAGE_DEBUG;
		return 0;
	case OPT_SPLIT:
		f->split = true;
		return 0;
	case OPT_PARTIAL_DMESG:
		f->partial_dmesg = true;
		return 0;
	case OPT_NON_MMAP:
		f->save.no_mmap = true;
		return 0;
	case OPT_WORK_DIR:
	case 'e':
		return 0;
	case OPT_DRY_RUN:
		f->save.dry_run = true;
		return 0;
	case OPT_SHOW_STATS:
		f->messages |= MESSAGE_REPORT;
		return 0;
	case OPT_CHECK_PARAMS:
		f->check_params = true;
		return 0;
	case OPT_VTOP:
		return parse_vtop(f, value);
	case OPT_CONF:
		f->save.conf = value;
		return 0;
	case OPT_LOG_NAME:
		return save_parse_log_name(value, &f->save.log_name);
	case OPT_NETWORK_TIMEOUT:
		return save_parse_number("--network-timeout", value, 1, SAVE_NETWORK_TIMEOUT_MAX, &f->save.network_timeout_s);
	case 'b':
	case OPT_SPLITBLOCK_SIZE:
	case OPT_MESSAGE_LEVEL:
	case OPT_NUM_THREADS:
	case OPT_CYCLIC_BUFFER:
		return take_number(f, option, value);
	default:
		return take_action(f, option);
	}
}

static bool has_seen(const struct front *f, int value)
{
	for (size_t i = 0; i < NR_ROWS; i++)
		if (rows[i].value == value)
			return f->seen >> i & 1;
	return false;
}

static int check_save(const struct front *f)
{
	const bool codec = has_seen(f, 'c') || has_seen(f, 'l') || has_seen(f, 'p') || has_seen(f, 'z');

	if (f->save.elf && codec)
		return fail(-EINVAL, "-E: the ELF format has no compression; leave out -c, -l, -p and -z");
	if (f->split && (f->save.elf || f->save.flattened))
		return fail(-EINVAL, "--split makes kdump-compressed files; leave out -E and -F");
	if (f->split && f->nr_files < 3)
		return fail(-EINVAL, "--split needs VMCORE and at least two files to write");
	for (int i = 1; f->split && i < f->nr_files; i++)
		for (int j = 1; j < i; j++)
			if (!strcmp(f->files[i], f->files[j]))
				return fail(-EINVAL, "--split: %s is named twice", f->files[i]);
	if (f->split)
		return 0;
	if (has_seen(f, OPT_SPLITBLOCK_SIZE))
		return fail(-EINVAL, "--splitblock-size goes with --split");
	if (f->nr_files == 1 && !f->save.flattened && !f->save.dry_run)
		return fail(-EINVAL, "the file to write is missing behind %s; -F alone writes to standard output", f->files[0]);
	return f->nr_files == 1 || f->nr_files == 2 ? 0 : fail(-EINVAL, "needed are VMCORE and the file to write");
}

/* Do the options fit together, and is the number of files right? */
static int check_all(const struct front *f)
{
	if (f->partial_dmesg && f->action != FRONT_DMESG)
		return fail(-EINVAL, "--partial-dmesg goes with --dump-dmesg");
	switch (f->action) {
	case FRONT_SAVE:
		return check_save(f);
	case FRONT_REARRANGE:
		return f->nr_files == 1 ? 0 : fail(-EINVAL, "-R needs the file to write, and the stream on standard input");
	case FRONT_REASSEMBLE:
		return f->nr_files >= 3 ? 0 : fail(-EINVAL, "--reassemble needs two parts or more and the file to write");
	case FRONT_DMESG:
		return f->nr_files == 2 ? 0 : fail(-EINVAL, "--dump-dmesg needs VMCORE and the file to write");
	case FRONT_MEM_USAGE:
		return f->nr_files == 1 ? 0 : fail(-EINVAL, "--mem-usage needs one file, usually /proc/kcore");
	default:
		return 0;
	}
}

/* getopt's two descriptions of the table. */
static void describe(char *letters, struct option *longs)
{
	*letters++ = ':';
	for (size_t i = 0; i < NR_ROWS; i++) {
		if (rows[i].value < 256) {
			*letters++ = rows[i].value;
			if (rows[i].argument == required_argument)
				*letters++ = ':';
		}
		if (rows[i].name[1] == '-')
			*longs++ = (struct option){ rows[i].name + 2, rows[i].argument, NULL, rows[i].value };
	}
	*letters = 0;
	*longs = (struct option){ 0 };
}

static int take(struct front *f, int option, const char *value)
{
	size_t i = 0;

	while (rows[i].value != option)
		i++;
	f->seen |= 1ull << i;
	return rows[i].refused ? fail(-ENOTSUP, "%s: %s", rows[i].name, rows[i].refused) : take_option(f, option, value);
}

/* Is standard output what the dump goes to? */
static bool writes_to_stdout(const struct front *f)
{
	struct stat target, out;

	if (f->action != FRONT_SAVE && f->action != FRONT_DMESG)
		return false;
	if (f->nr_files == 1)
		return f->save.flattened && !f->save.dry_run;
	return f->nr_files > 1 && (!strcmp(f->files[1], "-") || (!stat(f->files[1], &target) && !fstat(STDOUT_FILENO, &out) &&
		target.st_dev == out.st_dev && target.st_ino == out.st_ino));
}

int front_parse(struct front *f, int argc, char **argv)
{
	char letters[2 * NR_ROWS + 2];
	struct option longs[NR_ROWS + 1];
	int option, err = 0;

	*f = (struct front){ .messages = MESSAGE_DEFAULT, .out = stdout };
	save_options_init(&f->save);
	f->save.levels[0] = 0;
	f->save.codec = codec_by_name("none");
	f->save.same_name = true;
	describe(letters, longs);
	opterr = 0;
	optind = 0;
	while (!err && (option = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		err = option == '?' || option == ':' ? save_option_error(option, letters, argv) : take(f, option, optarg);
	f->files = argv + optind;
	f->nr_files = argc - optind;
	if (!err)
		err = check_all(f);
	/* Then nothing else may. */
	if (!err && writes_to_stdout(f))
		f->out = stderr;
	return err;
}

void front_print_notes(const struct front *f)
{
	for (size_t i = 0; i < NR_ROWS; i++) {
		if (!(f->seen >> i & 1))
			continue;
		if (!(rows[i].actions & IN(f->action)))
			fprintf(f->out, "%s changes nothing: it has no meaning for %s.\n", rows[i].name, action_names[f->action]);
		else if (rows[i].note)
			fprintf(f->out, "%s changes nothing: %s.\n", rows[i].name, rows[i].note);
	}
}

void front_print_version(FILE *out)
{
	static const char *const shown[] = { "lzo", "snappy", "zstd" };

	/* The number is what scripts look for: the release whose options and kernels are matched. */
	fprintf(out, "makedumpfile: version 1.7.9 (as kdump of %s %s does it)\n", PACKAGE_NAME, PACKAGE_VERSION);
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
		fprintf(out, "%s\t%s\n", shown[i], codec_by_name(shown[i])->built_in ? "enabled" : "disabled");
	fprintf(out, "\n");
}

void front_print_help(FILE *out)
{
	fprintf(out, "Usage:\n"
		     "  makedumpfile [OPTION]... VMCORE DUMPFILE        save a dump\n"
		     "  makedumpfile -F [OPTION]... VMCORE [DUMPFILE]   the same as a stream, for a pipe\n"
		     "  makedumpfile -R DUMPFILE                        make a dump of a stream on standard input\n"
		     "  makedumpfile --split [OPTION]... VMCORE DUMPFILE1 DUMPFILE2...\n"
		     "  makedumpfile --reassemble DUMPFILE1 DUMPFILE2... DUMPFILE\n"
		     "  makedumpfile --dump-dmesg [--partial-dmesg] VMCORE LOGFILE\n"
		     "  makedumpfile --mem-usage /proc/kcore\n");
	fprintf(out, "Options:\n"
		     "  -c -l -p -z           compress with zlib, lzo, snappy, zstd; none without them\n"
		     "  -d LEVEL[,LEVEL...]   leave out: 1 zero pages, 2 cache, 4 private cache, 8 user, 16 free; default 0;\n"
		     "                        of several the first that fits\n"
		     "  -E                    ELF instead of kdump-compressed\n"
		     "  -f                    replace files that exist\n"
		     "  -L SIZE               write no more than that\n"
		     "  --num-threads N       compress with that many threads\n"
		     "  --cyclic-buffer KB    use about that much memory\n"
		     "  --non-mmap            read VMCORE, do not map it\n"
		     "  --vtop ADDRESS        translate this address too\n"
		     "  --dry-run             do everything but write\n"
		     "  --show-stats          count pages at the end\n"
		     "  --check-params        only say whether the command line is good\n"
		     "  --conf FILE, --log-name NAME, --network-timeout SECONDS\n"
		     "                        for a DUMPFILE that is a URL: as for \"kdump save\"\n"
		     "  --message-level BITS  1 progress, 2 messages, 4 errors, 8 debugging, 16 counts; default 7\n"
		     "  -D                    say what is done\n"
		     "  -b ORDER, -e, --splitblock-size KB, --work-dir DIR  change nothing here\n"
		     "  -h, -v                this text; the version\n");
	fprintf(out, "lzo is %s, snappy is %s, zstd is %s. makedumpfile(8) has more.\n",
		codec_by_name("lzo")->built_in ? "enabled" : "disabled",
		codec_by_name("snappy")->built_in ? "enabled" : "disabled",
		codec_by_name("zstd")->built_in ? "enabled" : "disabled");
}
