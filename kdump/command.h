/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of kdump(8): one function each, arguments behind the command's name. */
#ifndef KDUMP_COMMAND_H
#define KDUMP_COMMAND_H

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INCOMPLETE = 3 };

struct command {
	const char *name;
	const char *arguments;     /* as usage prints them */
	const char *summary;
	const char *options;       /* a line each; "": there are none */
	/*
	 * argv[0] is the command's name. 0 or a negative errno (recorded). *STATUS is EXIT_OK on entry; an error leaves EXIT_FAILED to main unless the
	 * command says more: EXIT_USAGE when the arguments were wrong, EXIT_INCOMPLETE when there is a dump, but not all of it.
	 */
	int (*run)(int argc, char **argv, int *status);
};

int command_save(int argc, char **argv, int *status);
int command_dmesg(int argc, char **argv, int *status);
int command_info(int argc, char **argv, int *status);
int command_inspect(int argc, char **argv, int *status);
int command_check(int argc, char **argv, int *status);
int command_mkinitramfs(int argc, char **argv, int *status);
int command_reassemble(int argc, char **argv, int *status);
/* Answers with an exit status only where it does not restart the machine. */
int command_capture(int argc, char **argv, int *status);
int command_fetch(int argc, char **argv, int *status);
int command_decrypt(int argc, char **argv, int *status);
/* A command line of makedumpfile's. It says itself what went wrong: 0 always, *STATUS tells. */
int command_makedumpfile(int argc, char **argv, int *status);

#endif
