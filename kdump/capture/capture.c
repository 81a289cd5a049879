// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump capture: what was asked for, and what the initramfs tells. */
#include "kdump/capture/capture.h"

#include "kdump/capture/guardian.h"
#include "kdump/capture/setup.h"
#include "kdump/command.h"
#include "kdump/save.h"
#include "lib/blob.h"
#include "lib/file.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VMCORE "/proc/vmcore"
/* Kept for kdump_post and the way out: the worker's limit is that much before the deadline. */
#define CONCLUDE_MS 15000

uint64_t capture_now_ms(void)
{
	struct timespec t;

	/* The boot's own clock, sleep included: the deadline counts from the start of the capture kernel. */
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t capture_later(uint64_t a_ms, uint64_t b_ms)
{
	uint64_t sum;

	return __builtin_add_overflow(a_ms, b_ms, &sum) ? UINT64_MAX : sum;
}

unsigned int capture_nr_targets(const struct capture *c)
{
	return (unsigned int)c->conf.nr_targets + (c->conf.failure_action == CONF_DUMP_TO_ROOTFS);
}

const char *capture_key(const struct capture *c, unsigned int i, char key[16])
{
	if (i < c->conf.nr_targets)
		snprintf(key, 16, "target%u", i);
	else
		snprintf(key, 16, "root");
	return key;
}

/* ---- options ---- */

enum { OPT_NO_INIT = 256, OPT_ROOT, OPT_CONF, OPT_FACTS, OPT_SOURCE, OPT_NO_ACTION, OPT_WORDS };

static int parse(struct capture_options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "no-init", no_argument, NULL, OPT_NO_INIT },
		{ "root", required_argument, NULL, OPT_ROOT },
		{ "conf", required_argument, NULL, OPT_CONF },
		{ "facts", required_argument, NULL, OPT_FACTS },
		{ "source", required_argument, NULL, OPT_SOURCE },
		{ "no-action", no_argument, NULL, OPT_NO_ACTION },
		{ "words", required_argument, NULL, OPT_WORDS },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct capture_options){ .init = true, .source = VMCORE };
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option == OPT_NO_INIT)
			o->init = false;
		else if (option == OPT_ROOT)
			o->root = optarg;
		else if (option == OPT_CONF)
			o->conf = optarg;
		else if (option == OPT_FACTS)
			o->facts = optarg;
		else if (option == OPT_SOURCE)
			o->source = optarg;
		else if (option == OPT_NO_ACTION)
			o->no_action = true;
		else if (option == OPT_WORDS)
			o->words = optarg;
		else
			return save_option_error(option, ":", argv);
	}
	if (optind < argc)
		return fail(-EINVAL, "%s: capture takes options only", argv[optind]);
	/* Started by hand, it must neither mount over a machine's /dev nor reboot it. */
	if (o->init && getpid() != 1)
		return fail(-EINVAL,
			    "\"kdump capture\" is the first process of a capture kernel; --no-init runs it in "
			    "another's initramfs");
	if (!o->no_action && !o->init && access(VMCORE, F_OK))
		return fail(-ENOENT,
			    "there is no " VMCORE ": this is no capture kernel, and would be rebooted; --no-action "
			    "does without that");
	return 0;
}

/* ---- what the initramfs tells ---- */

/* What is wrong with it is said, and what is right of it is used: a dump on a guess is better than none. */
static int read_conf(struct capture *c)
{
	struct conf_faults faults = { 0 };
	const char *path = c->o.conf ? c->o.conf : CONF_PATH;
	struct file f;
	int err = conf_init(&c->conf);

	if (err)
		return err;
	err = file_open(&f, path);
	if (err) {
		say(&c->say, SAY_ERROR, "%s; the defaults are used", err_text());
		return 0;
	}
	if (conf_parse(&c->conf, path, (const char *)f.view.base, f.view.len, &faults))
		say(&c->say, SAY_ERROR, "%s", err_text());
	for (size_t i = 1; i < faults.nr; i++)
		say(&c->say, SAY_ERROR, "%s:%u: %s", path, faults.fault[i].line, faults.fault[i].text);
	conf_faults_deinit(&faults);
	file_close(&f);
	return 0;
}

static void read_facts(struct capture *c)
{
	const char *path = c->o.facts ? c->o.facts : FACTS_PATH;
	struct file f;
	int err;

	/* Another's initramfs may know all that is needed. */
	if (!c->o.init && !c->o.facts && access(path, F_OK))
		return;
	err = file_open(&f, path);
	if (!err) {
		err = facts_parse(&c->facts, path, (const char *)f.view.base, f.view.len);
		file_close(&f);
	}
	if (err)
		say(&c->say, SAY_ERROR, "%s", err_text());
	else
		c->facts_known = true;
}

static void set_deadline(struct capture *c)
{
	uint64_t all = c->conf.deadline_s * 1000, from;

	c->deadline_ms = c->limit_ms = UINT64_MAX;
	if (!all)
		return;
	/* In a machine that goes on living it counts from now. */
	from = c->o.no_action ? capture_now_ms() : 0;
	c->deadline_ms = capture_later(from, all);
	c->limit_ms = c->deadline_ms - (all / 4 < CONCLUDE_MS ? all / 4 : CONCLUDE_MS);
}

static void ignore_signals(void)
{
	/* A parent that reads no more is an ordinary error; and nobody is to end this with a key. */
	static const int numbers[] = { SIGPIPE, SIGINT, SIGHUP };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
}

int command_capture(int argc, char **argv, int *status)
{
	struct capture c = { .say = { .fd = -1 } };
	int err = parse(&c.o, argc, argv);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	/* Whatever program writes it: a dump is its owner's alone. */
	umask(077);
	if (c.o.init)
		setup_mounts();
	say_init(&c.say, c.o.words);
	err_set_warn_sink(say_warning, &c.say);
	ignore_signals();
	read_facts(&c);
	if (c.o.init)
		setup_kernel(&c);
	err = read_conf(&c);
	if (!err) {
		set_deadline(&c);
		*status = guardian_run(&c);
	}
	conf_deinit(&c.conf);
	facts_deinit(&c.facts);
	err_set_warn_sink(NULL, NULL);
	say_deinit(&c.say);
	return err;
}
