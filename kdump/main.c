// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump(8): find the command, run it, and turn an error chain into one sentence and an exit status. */
#include "kdump/codec.h"
#include "kdump/command.h"
#include "lib/err.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char save_options_text[] =
	"  -d, --level LEVEL[,LEVEL...]  leave out: 1 zero pages, 2 cache, 4 private cache, 8 user, 16 free; default 31;\n"
	"                                of several the first whose dump fits\n"
	"  -c, -l, -z, -p                compress with zlib, lzo, zstd, snappy\n"
	"  --codec NAME[:N]              one of zstd, zlib, lzo, snappy, none; N: level of zstd or zlib\n"
	"  -E, --elf                     write ELF, not compressed\n"
	"  -F, --flattened               write a stream, as for a pipe\n"
	"  --split                       write parts to several files: SOURCE TARGET1 TARGET2...\n"
	"  -f, --force                   replace TARGET\n"
	"  --workers N                   threads that compress; default: by CPUs and free memory\n"
	"  --max-size SIZE               write no more than SIZE (64M, 2G...)\n"
	"  --deadline SECONDS            stop in time\n"
	"  --memory-limit SIZE           use about that much memory\n"
	"  --no-mmap                     read SOURCE, do not map it\n"
	"  --conf FILE                   a kdump.conf with keys and certificates for URLs\n"
	"  --network-timeout SECONDS     a server silent for so long is gone; default 30\n"
	"  --log-name NAME               of the log in a folder; default dmesg.txt\n"
	"  --probe                       only try whether TARGET, a folder, can be written to: --probe TARGET\n"
	"  --dry-run                     do everything but write; TARGET may be left out\n"
	"  -q, --quiet                   say only what goes wrong\n"
	"  -D, --debug                   say what is done\n";

static const struct command commands[] = {
	{ "save", "[OPTION]... SOURCE TARGET",
	  "Save a dump, most important pages first. TARGET: a file, \"-\", or a directory or URL for dump, log and a note.",
	  save_options_text, command_save },
	{ "dmesg", "SOURCE", "Print the kernel's log. Also called as vmcore-dmesg.", "", command_dmesg },
	{ "info", "[OPTION] SOURCE", "Say what is in it.",
	  "  --json                        for programs\n"
	  "  --map                         the class of every page\n", command_info },
	{ "check", "[OPTION] DUMP", "Read every page of it.",
	  "  --json                        for programs\n", command_check },
	{ "reassemble", "[OPTION]... STREAM|PART... TARGET",
	  "Make one dump of a flattened stream (\"-\": standard input), or of the parts of a split set.",
	  "  -f, --force                   replace TARGET\n"
	  "  --partial                     do without parts that are missing\n"
	  "  -q, --quiet                   say only what goes wrong\n"
	  "  -D, --debug                   say what is done\n", command_reassemble },
	{ "capture", "[OPTION]...",
	  "Be the first process of a capture kernel: save the dump as kdump.conf says, and restart. Also called as init.",
	  "  --no-init                     another initramfs has mounted what is needed and loaded modules\n"
	  "  --root DIR                    where that has mounted the crashed system's root\n"
	  "  --no-action                   do not restart: exit status 0 saved, 1 failed, 2 kdump_pre declined, 3 incomplete\n"
	  "  --conf FILE, --facts FILE, --source FILE\n"
	  "                                in place of /etc/kdump.conf, /etc/kdump/facts, /proc/vmcore\n"
	  "  --words FILE                  gets messages in place of the kernel's log\n", command_capture },
	{ "fetch", "DEVICE DIRECTORY | --prepare DEVICE",
	  "Copy the dump on a raw partition into a new folder below DIRECTORY; or make the partition a place for dumps.",
	  "  --prepare                     what is on DEVICE is lost\n"
	  "  -f, --force                   prepare although it holds something; fetch once more\n", command_fetch },
	{ "decrypt", "[OPTION]... SOURCE [TARGET]",
	  "Make a dump, or a log, of a file that was encrypted (\"encrypt\" in kdump.conf). \"-\": standard input, output.",
	  "  --key FILE                    the secret key\n"
	  "  --new-key FILE                make a key pair, and print the line for kdump.conf\n"
	  "  --stream                      of a dump, the flattened stream\n"
	  "  -f, --force                   replace TARGET; without one it is SOURCE without .enc and .flat\n"
	  "  -q, --quiet                   say only what goes wrong\n"
	  "  -D, --debug                   say what is done\n", command_decrypt },
	{ "mkinitramfs", "[OPTION]... FILE",
	  "Build the initramfs for capturing: FILE, and FILE.inputs. Or look at one.",
	  "  --conf FILE                   default: /etc/kdump.conf\n"
	  "  --kernel RELEASE              that will capture; default: the running one\n"
	  "  --init PROGRAM                that becomes /init\n"
	  "  --compress zstd|xz|gzip|none  default: the best that the kernel unpacks\n"
	  "  --builder auto|own|dracut|initramfs-tools\n"
	  "                                default: as kdump.conf says, or auto\n"
	  "  --sysroot DIR                 look at the machine below DIR\n"
	  "  -f, --force                   replace a FILE that is not ours\n"
	  "  -D, --debug                   say what is done\n"
	  "  --stale                       exit status 0: FILE is up to date; 1: it is not, and why\n"
	  "  --check                       is everything in FILE? Exit status 0 yes, 1 no\n"
	  "  --sizes                       how large it is, packed and unpacked\n"
	  "  --json                        of --check and --sizes, for programs\n"
	  "  --facts                       print what the capture kernel would be told; no FILE\n", command_mkinitramfs },
	{ "inspect", "[OPTION]... FILE",
	  "Is the capture kernel in this image of a machine's memory intact? Exit status 0 yes, 1 cannot tell, 3 no.",
	  "  --json                        for programs\n"
	  "  --base=ADDRESS                of a raw image's first byte\n", command_inspect },
	{ "makedumpfile", "ARGUMENT...", "Do what makedumpfile does with these arguments. Also called as makedumpfile.",
	  NULL, command_makedumpfile },
	{ NULL, NULL, NULL, NULL, NULL },
};

static void print_help(FILE *out)
{
	fprintf(out, "Usage: kdump COMMAND ...\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  kdump %s %s\n        %s\n", c->name, c->arguments, c->summary);
	fprintf(out, "SOURCE is /proc/vmcore, an ELF core or a kdump-compressed dump.\n"
		     "\"kdump COMMAND --help\" lists options, \"kdump --version\" what is built in.\n");
}

static void print_command_help(const struct command *c, const char *program)
{
	printf("Usage: %s %s\n%s\n%s", program, c->arguments, c->summary, c->options);
}

static const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What is built in, in the words of kexec --version: a library that is missing costs a codec, nothing else. */
static void print_version(void)
{
	printf("%s (%s) %s\n", err_program(), PACKAGE_NAME, PACKAGE_VERSION);
	printf("compresses:");
	for (const struct codec *c = codecs; c->name; c++) {
		if (!c->flag)
			continue;
		printf(" %c%s", c->built_in ? '+' : '-', c->name);
		if (c->library && strcmp(c->library, c->name))
			printf(" (%s)", c->library);
	}
	printf("\n");
}

static bool is_word(const char *arg, const char *word, const char *letter)
{
	return !strcmp(arg, word) || !strcmp(arg, letter);
}

/* PROGRAM is how the user called it. */
static int run_command(const struct command *c, const char *program, int argc, char **argv, int *status)
{
	int err;

	/* One without text has help of its own. */
	if (c->options && argc > 1 && is_word(argv[1], "--help", "-h")) {
		print_command_help(c, program);
		return 0;
	}
	err = c->run(argc, argv, status);
	return err && *status == EXIT_USAGE ? fail(err, "%s; see \"%s --help\"", err_text(), program) : err;
}

static int run(int argc, char **argv, int *status)
{
	const char *name = argc ? base_name(argv[0]) : "kdump";
	const struct command *command;
	char program[32];

	if (!strcmp(name, "makedumpfile"))
		return command_makedumpfile(argc, argv, status);
	/* The kernel hands on what it does not know of its command line: not meant for us. */
	if (!strcmp(name, "init"))
		return command_capture(1, argv, status);
	if (!strcmp(name, "vmcore-dmesg"))
		err_set_program("vmcore-dmesg");
	if (argc > 1 && is_word(argv[1], "--version", "-V")) {
		print_version();
		return 0;
	}
	if (!strcmp(name, "vmcore-dmesg"))
		return run_command(command_find("dmesg"), name, argc, argv, status);
	if (argc < 2) {
		*status = EXIT_USAGE;
		return fail(-EINVAL, "which command? \"kdump --help\" lists them");
	}
	if (is_word(argv[1], "--help", "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	command = command_find(argv[1]);
	if (!command) {
		*status = EXIT_USAGE;
		return fail(-EINVAL, "%s: no such command; \"kdump --help\" lists them", argv[1]);
	}
	snprintf(program, sizeof(program), "kdump %s", command->name);
	return run_command(command, program, argc - 1, argv + 1, status);
}

int main(int argc, char **argv)
{
	int status = EXIT_OK, err;

	err_set_program("kdump");
	err = run(argc, argv, &status);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = fail(-EIO, "cannot write to standard output");
	if (err && status == EXIT_OK)
		status = EXIT_FAILED;
	if (err)
		fprintf(stderr, "%s: %s\n", err_program(), err_text());
	return status;
}
