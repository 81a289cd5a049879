// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump(8): find the command, run it, and turn an error chain into one sentence and an exit status. */
#include "kdump/codec.h"
#include "kdump/command.h"
#include "lib/err.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
	{ "save", "[-d LEVEL[,LEVEL...]] [-c|-l|-z|-p|--codec NAME[:N]] [-E] [-F] [--workers N] [--max-size SIZE]\n"
		  "        [--deadline SECONDS] [--memory-limit SIZE] [--force] [--quiet] SOURCE TARGET",
	  "Save a dump, most important pages first. TARGET: a file, \"-\", or a directory for dump, log and a note.",
	  command_save },
	{ "dmesg", "SOURCE", "Print the kernel's log.", command_dmesg },
	{ "info", "[--json|--map] SOURCE", "Say what is in it; --map: the class of every page.", command_info },
	{ "check", "[--json] DUMP", "Read every page of it.", command_check },
	{ NULL, NULL, NULL, NULL },
};

static void print_help(FILE *out)
{
	fprintf(out, "Usage: kdump COMMAND ...\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  kdump %s %s\n        %s\n", c->name, c->arguments, c->summary);
	fprintf(out, "SOURCE is /proc/vmcore, an ELF core or a kdump-compressed dump.\n");
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

static int run(int argc, char **argv, int *status)
{
	/* vmcore-dmesg SOURCE, as scripts know it. */
	const struct command *command = command_find("dmesg");

	if (argc && !strcmp(base_name(argv[0]), "vmcore-dmesg"))
		return command->run(argc, argv, status);
	if (argc < 2) {
		*status = EXIT_USAGE;
		return fail(-EINVAL, "which command? \"kdump --help\" lists them");
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		print_version();
		return 0;
	}
	command = command_find(argv[1]);
	if (!command) {
		*status = EXIT_USAGE;
		return fail(-EINVAL, "%s: no such command; \"kdump --help\" lists them", argv[1]);
	}
	return command->run(argc - 1, argv + 1, status);
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
