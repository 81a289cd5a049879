// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl(8): find the command, run it, and turn an error chain into one sentence and an exit status. */
#include "lib/err.h"
#include "lib/sha256.h"
#include "lib/text.h"
#include "service/command.h"
#include "service/conf.h"
#include "service/ctl.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command commands[] = {
	{ "start", "[--early]", "Load the capture kernel; build its initramfs first when that is out of date.",
	  "  --early            load what was built before, and build nothing\n", command_start },
	{ "stop", "[--service]", "Unload it.",
	  "  --service          for systemd: not when the machine goes down or the service restarts\n", command_stop },
	{ "restart", "", "As start, also when what is loaded is up to date. It is replaced; there is no time without "
	  "one.", "",
	  command_restart },
	{ "reload", "", "Load again what was built, over what is loaded.", "", command_reload },
	{ "rebuild", "", "Build the capture initramfs, whether or not it is up to date.", "", command_rebuild },
	{ "status", "[--json] [--probe]", "Would a crash be captured? Exit status 0 yes, 3 no.",
	  "  --json             for programs\n"
	  "  --probe            try the targets now; else as the last \"kdumpctl verify\" found them\n",
	  command_status },
	{ "verify", "", "Verify the loaded image, load it again when it is damaged, try the targets, prune. For the "
	  "daily timer.", "",
	  command_verify },
	{ "test", "[--crash [--yes]]", "Try everything that a crash needs.",
	  "  --crash            then crash the machine, after a confirmation\n"
	  "  --yes              which is hereby given\n", command_test },
	{ "probe-mount", "LINE", "For verify and test: try the file system that this line of the configuration names.",
	  "",
	  command_probe_mount },
	{ "hotplug-event", "", "For the udev rule: CPUs or memory came or went.", "", command_hotplug_event },
	{ "hotplug-reload", "[OPTION]...", "For kdump-reload.service: when events have ceased, load over what is "
	  "loaded.",
	  "  --quiet=MS         without an event for so long (1000)\n"
	  "  --at-most=MS       but wait no longer than this in all (5000)\n", command_hotplug_reload },
	{ "check-config", "[--json]", "Say all that is wrong with the configuration.",
	  "  --json             for programs\n",
	  command_check_config },
	{ "list", "[--json]", "List the dumps of earlier crashes, the newest first.",
	  "  --json             for programs\n", command_list },
	{ "show", "[--json] [DUMP]", "Show a dump's note and the end of the log. DUMP: its name or a part of it; the "
	  "newest without one.",
	  "  --json             for programs\n", command_show },
	{ "prune", "[--dry-run]", "Remove the dumps that \"keep\" does not allow.",
	  "  --dry-run          only say which\n", command_prune },
	{ "estimate", "[--json]", "Say how much memory the capture kernel needs, and whether so much is reserved.",
	  "  --json             for programs\n", command_estimate },
	{ "showmem", "", "Say how much memory is reserved for the capture kernel.", "", command_showmem },
	{ "get-default-crashkernel", "", "Print the value of crashkernel= that fits most machines.", "",
	  command_get_default_crashkernel },
	{ "reset-crashkernel", "[OPTION]...", "Write crashkernel= into the boot loader's settings, after showing what "
	  "changes.",
	  "  --kernel=ALL|PATH  for which kernel; all of them without it\n"
	  "  --value=VALUE      instead of what \"kdumpctl estimate\" finds\n"
	  "  --dry-run          only show it\n"
	  "  --yes              do not ask\n"
	  "  --reboot           reboot when something was written\n"
	  "  --auto             for packages: only with auto_reset_crashkernel, and when too little is reserved\n",
	  command_reset_crashkernel },
	{ "propagate", "[OPTION]...", "Make a key for ssh targets, note the servers' host keys, and have the servers "
	  "let the key in.",
	  "  --yes              take the host key that is shown\n"
	  "  --fingerprint=F    take the host key with this fingerprint (SHA256:...) and no other\n"
	  "  --identity=FILE    log in with this key this time\n", command_propagate },
	{ NULL, NULL, NULL, NULL, NULL },
};

static void print_help(FILE *out)
{
	fprintf(out, "Usage: kdumpctl [OPTION]... COMMAND ...\n"
		"  --conf FILE      instead of " CONF_PATH "\n"
		"  --sysroot DIR    work on the system below DIR\n"
		"  --wait SECONDS   for another kdumpctl that is at work (180)\n"
		"  -d, --debug      say what is done\n"
		"  --version        say which version this is\n"
		"Commands:\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  kdumpctl %s%s%s\n        %s\n", c->name, *c->arguments ? " " : "", c->arguments,
			c->summary);
	fprintf(out, "\"kdumpctl COMMAND --help\" lists a command's options.\n");
}

static const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static bool is_word(const char *arg, const char *word, const char *letter)
{
	return !strcmp(arg, word) || !strcmp(arg, letter);
}

static int parse_wait(const char *value, uint64_t *seconds)
{
	struct text t = text_of_string(value);

	if (!text_u64(&t, 10, seconds) || t.len || *seconds > 86400)
		return fail(-EINVAL, "--wait takes seconds, at most 86400; it has \"%s\"", value);
	return 0;
}

/* Options in front of the command. Sets *NEXT to the first argument that is none. */
static int parse_common(struct ctl *ctl, int argc, char **argv, int *next)
{
	const char *wait = NULL;
	const struct {
		const char *name;
		const char **value;
	} options[] = { { "--conf", &ctl->conf }, { "--sysroot", &ctl->sysroot }, { "--wait", &wait } };
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && !is_word(argv[i], "--help", "-h") && !is_word(argv[i], "--version",
											      "-V"); i++) {
		const char **into = NULL, *value = NULL;

		if (is_word(argv[i], "--debug", "-d")) {
			debug_enable();
			continue;
		}
		for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++) {
			size_t len = strlen(options[o].name);

			if (strncmp(argv[i], options[o].name, len) || (argv[i][len] && argv[i][len] != '='))
				continue;
			into = options[o].value;
			value = argv[i][len] ? argv[i] + len + 1 : i + 1 < argc ? argv[++i] : NULL;
		}
		if (!into)
			return fail(-EINVAL, "%s: no such option; \"kdumpctl --help\" lists them", argv[i]);
		if (!value || !*value)
			return fail(-EINVAL, "%s needs a value; see \"kdumpctl --help\"", argv[i]);
		*into = value;
	}
	*next = i;
	return wait ? parse_wait(wait, &ctl->wait_s) : 0;
}

static int run_command(struct ctl *ctl, int argc, char **argv, int *status)
{
	const struct command *c = command_find(argv[0]);
	int err;

	if (!c)
		return fail(-EINVAL, "%s: no such command; \"kdumpctl --help\" lists them", argv[0]);
	if (argc > 1 && is_word(argv[1], "--help", "-h")) {
		printf("Usage: kdumpctl %s%s%s\n%s\n%s", c->name, *c->arguments ? " " : "", c->arguments, c->summary,
		       c->options);
		return 0;
	}
	err = root_init(&ctl->root, ctl->sysroot);
	if (!err)
		err = c->run(ctl, argc, argv, status);
	root_deinit(&ctl->root);
	return err;
}

static int run(int argc, char **argv, int *status)
{
	struct ctl ctl = { .root.dirfd = -1, .wait_s = CTL_WAIT_DEFAULT_S };
	int next = 0, err = parse_common(&ctl, argc, argv, &next);

	if (err)
		return err;
	if (next >= argc)
		return fail(-EINVAL, "which command? \"kdumpctl --help\" lists them");
	if (is_word(argv[next], "--version", "-V")) {
		printf("kdumpctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
		return 0;
	}
	if (is_word(argv[next], "--help", "-h") || !strcmp(argv[next], "help")) {
		print_help(stdout);
		return 0;
	}
	return run_command(&ctl, argc - next, argv + next, status);
}

int main(int argc, char **argv)
{
	int status = EXIT_OK, err;

	err_set_program("kdumpctl");
	sha256_use_cpu(true);
	err = run(argc, argv, &status);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = fail(-EIO, "cannot write to standard output");
	if (err) {
		fprintf(stderr, "kdumpctl: %s\n", err_text());
		status = EXIT_FAILED;
	}
	return status;
}
