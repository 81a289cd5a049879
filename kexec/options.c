// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/options.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Modes that an option makes sense in. */
enum {
	IN_LOAD = 1u << ACTION_LOAD,
	IN_UNLOAD = 1u << ACTION_UNLOAD,
	IN_STATUS = 1u << ACTION_STATUS,
	IN_CKR = 1u << ACTION_CKR_SIZE,
	IN_RANGES = 1u << ACTION_RANGES,
	IN_VERIFY = 1u << ACTION_VERIFY,
	IN_ANY = ~0u,
};

enum { NO_VALUE, VALUE };

struct option_row {
	const char *name;
	char letter;           /* 0: none */
	int has_value;
	unsigned int modes;    /* IN_ */
	const char *arch;      /* NULL: every architecture */
	int (*set)(struct options *opt, const struct option_row *row, const char *value);
	const char *value_name;
	const char *help;      /* NULL: an alias of the row above, or not supported */
	const char *refused;   /* why an option of kexec-tools is not supported; NULL: it is */
};

static int set_action(struct options *opt, const struct option_row *row, enum action action)
{
	if (opt->action != ACTION_NONE && opt->action != action)
		return fail(-EINVAL, "--%s cannot be combined with another action; give one of -p, -u, -S, "
			    "--verify, --print-ckr-size, --print-ranges", row->name);
	opt->action = action;
	return 0;
}

#define ACTION_SETTER(name, action)                                                                     \
	static int set_##name(struct options *opt, const struct option_row *row, const char *value)     \
	{                                                                                               \
		(void)value;                                                                            \
		return set_action(opt, row, action);                                                    \
	}
ACTION_SETTER(unload, ACTION_UNLOAD)
ACTION_SETTER(status, ACTION_STATUS)
ACTION_SETTER(ckr, ACTION_CKR_SIZE)
ACTION_SETTER(ranges, ACTION_RANGES)
ACTION_SETTER(verify, ACTION_VERIFY)
ACTION_SETTER(help, ACTION_HELP)
ACTION_SETTER(version, ACTION_VERSION)

#define FLAG_SETTER(name, member)                                                                       \
	static int set_##name(struct options *opt, const struct option_row *row, const char *value)     \
	{                                                                                               \
		(void)row;                                                                              \
		(void)value;                                                                            \
		opt->member = true;                                                                     \
		return 0;                                                                               \
	}
FLAG_SETTER(panic, panic)
FLAG_SETTER(normal, normal)
FLAG_SETTER(debug, debug)
FLAG_SETTER(json, json)
FLAG_SETTER(dry_run, dry_run)
FLAG_SETTER(no_checks, req.no_checks)
FLAG_SETTER(hotplug, req.hotplug)
FLAG_SETTER(reuse_cmdline, req.reuse_cmdline)
FLAG_SETTER(console_vga, req.console.vga)
FLAG_SETTER(console_serial, req.console.serial)
FLAG_SETTER(reset_vga, req.console.reset_vga)

/* The kexec_load system call is what we use. */
static int set_nothing(struct options *opt, const struct option_row *row, const char *value)
{
	(void)opt;
	(void)row;
	(void)value;
	return 0;
}

static int set_once(const struct option_row *row, const char **where, const char *value)
{
	if (*where && strcmp(*where, value))
		return fail(-EINVAL, "--%s is given twice, as \"%s\" and as \"%s\"", row->name, *where, value);
	if (!*value)
		return fail(-EINVAL, "--%s needs a value", row->name);
	*where = value;
	return 0;
}

#define STRING_SETTER(name, member)                                                                     \
	static int set_##name(struct options *opt, const struct option_row *row, const char *value)     \
	{                                                                                               \
		return set_once(row, &opt->member, value);                                              \
	}
STRING_SETTER(type, req.type)
STRING_SETTER(initrd, req.initrd_path)
STRING_SETTER(digests, digests_path)
STRING_SETTER(dtb, req.dtb_path)
STRING_SETTER(sysroot, sysroot)
STRING_SETTER(arch, arch_name)
STRING_SETTER(fallback_kernel, req.fallback_kernel_path)
STRING_SETTER(fallback_initrd, req.fallback_initrd_path)

/* Several --append add up: no word is lost. An empty one is a common result of scripts and means nothing to add. */
static int set_append(struct options *opt, const struct option_row *row, const char *value)
{
	int err = cmdline_add(&opt->append, value);

	(void)row;
	opt->req.cmdline = opt->append.text;
	return err;
}

static int set_fallback_append(struct options *opt, const struct option_row *row, const char *value)
{
	int err = cmdline_add(&opt->fallback_append, value);

	(void)row;
	opt->req.fallback_cmdline = opt->fallback_append.text;
	return err;
}

static int set_policy(struct options *opt, const struct option_row *row, const char *value)
{
	static const struct { const char *name; uint32_t policy; } policies[] = {
		{ "reboot", PURG_POLICY_REBOOT },
		{ "halt", PURG_POLICY_HALT },
		{ "boot", PURG_POLICY_BOOT },
		{ "fallback", PURG_POLICY_FALLBACK },
	};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(policies[i].name, value))
			continue;
		if (opt->req.policy && opt->req.policy != policies[i].policy)
			return fail(-EINVAL, "--%s is given twice, with different values", row->name);
		opt->req.policy = policies[i].policy;
		return 0;
	}
	return fail(-EINVAL, "--%s=%s is unknown; give reboot, halt, boot or fallback", row->name, value);
}

/* A device implies that it is wanted. */
static int set_serial(struct options *opt, const struct option_row *row, const char *value)
{
	opt->req.console.serial = true;
	return set_once(row, &opt->req.console.serial_device, value);
}

/* A 16550 divides 115200 by a whole number of 16 bits. */
static int set_baud(struct options *opt, const struct option_row *row, const char *value)
{
	char *rest;
	unsigned long baud;

	errno = 0;
	baud = strtoul(value, &rest, 10);
	if (errno || rest == value || *rest || !baud || baud > 115200 || 115200 % baud || 115200 / baud > UINT16_MAX)
		return fail(
			-EINVAL,
			"--%s=%s is not a rate of a 16550: give 115200, or a whole part of it such as 57600, 38400, "
			"19200 or 9600",
			row->name, value);
	if (opt->req.console.baud && opt->req.console.baud != baud)
		return fail(-EINVAL, "--%s is given twice, as %" PRIu32 " and as %lu", row->name, opt->req.console.baud,
			    baud);
	opt->req.console.baud = baud;
	return 0;
}

/*
 * A number as C writes it, with K, M or G behind it. *GIVEN: the option was there before; it must say the same
 * now.
 */
static int set_address(const struct option_row *row, const char *value, bool *given, uint64_t *number)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	uint64_t result;
	unsigned int shift = 0;
	char *rest;

	errno = 0;
	result = strtoull(value, &rest, 0);
	if (rest != value && *rest && (suffix = strchr(suffixes, *rest & ~0x20))) {
		shift = 10 * (1 + (suffix - suffixes));
		rest++;
	}
	if (errno || rest == value || *rest || *value == '-' || (shift && result > UINT64_MAX >> shift))
		return fail(-EINVAL, "--%s=%s is not an address; give a number such as 0x10000000 or 256M", row->name,
			    value);
	result <<= shift;
	if (*given && *number != result)
		return fail(-EINVAL, "--%s is given twice, as %#" PRIx64 " and as %#" PRIx64, row->name, *number,
			    result);
	*given = true;
	*number = result;
	return 0;
}

static int set_mem_min(struct options *opt, const struct option_row *row, const char *value)
{
	return set_address(row, value, &opt->mem_min_given, &opt->req.mem_min);
}

static int set_mem_max(struct options *opt, const struct option_row *row, const char *value)
{
	return set_address(row, value, &opt->mem_max_given, &opt->req.mem_max);
}

static int set_entry(struct options *opt, const struct option_row *row, const char *value)
{
	return set_address(row, value, &opt->req.entry_given, &opt->req.entry);
}

static int set_core32(struct options *opt, const struct option_row *row, const char *value)
{
	(void)value;
	if (opt->req.core_width == 8)
		return fail(-EINVAL, "--%s contradicts --elf64-core-headers", row->name);
	opt->req.core_width = 4;
	return 0;
}

static int set_core64(struct options *opt, const struct option_row *row, const char *value)
{
	(void)value;
	if (opt->req.core_width == 4)
		return fail(-EINVAL, "--%s contradicts --elf32-core-headers", row->name);
	opt->req.core_width = 8;
	return 0;
}

#define NO_REBOOT "ordinary reboots into another kernel are not supported; only capture kernels (-p) are"
#define NO_ELF "ELF kernels are not supported; load the bzImage or Image"

static const struct option_row option_table[] = {
	{ "load-panic", 'p', NO_VALUE, IN_ANY, NULL, set_panic, NULL, "load KERNEL as the capture kernel", NULL },
	{ "unload", 'u', NO_VALUE, IN_ANY, NULL, set_unload, NULL, "unload; with -p the capture kernel", NULL },
	{ "status", 'S', NO_VALUE, IN_ANY, NULL, set_status, NULL,
	  "exit 1 when a capture kernel is loaded, 0 when not; -l asks for the other one", NULL },
	{ "print-ckr-size", 0, NO_VALUE, IN_ANY, NULL, set_ckr, NULL, "print the bytes of the crashkernel reservation",
	  NULL },
	{ "print-ranges", 0, NO_VALUE, IN_ANY, NULL, set_ranges, NULL, "print all that the loader sees of this machine",
	  NULL },
	{ "verify", 0, NO_VALUE, IN_ANY, NULL, set_verify, NULL,
	  "exit 0 when what is loaded is intact, 3 when damaged, 1 when it cannot be told", NULL },
	{ "help", 'h', NO_VALUE, IN_ANY, NULL, set_help, NULL, "print this text", NULL },
	{ "version", 'v', NO_VALUE, IN_ANY, NULL, set_version, NULL, "print the version and what is built in", NULL },
	{ "load", 'l', NO_VALUE, IN_STATUS | IN_UNLOAD, NULL, set_normal, NULL, NULL, NULL },

	{ "initrd", 0, VALUE, IN_LOAD, NULL, set_initrd, "FILE", "initial RAM disk", NULL },
	{ "ramdisk", 0, VALUE, IN_LOAD, NULL, set_initrd, NULL, NULL, NULL },
	{ "append", 0, VALUE, IN_LOAD, NULL, set_append, "TEXT", "words for the capture kernel's command line", NULL },
	{ "command-line", 0, VALUE, IN_LOAD, NULL, set_append, NULL, NULL, NULL },
	{ "reuse-cmdline", 0, NO_VALUE, IN_LOAD, NULL, set_reuse_cmdline, NULL,
	  "start from the running kernel's command line", NULL },
	{ "dtb", 0, VALUE, IN_LOAD, "arm64", set_dtb, "FILE", "device tree in place of the running kernel's", NULL },
	{ "type", 't', VALUE, IN_LOAD, NULL, set_type, "TYPE", "KERNEL is of this type", NULL },
	{ "mem-min", 0, VALUE, IN_LOAD, NULL, set_mem_min, "ADDR", "lowest address to use", NULL },
	{ "mem-max", 0, VALUE, IN_LOAD, NULL, set_mem_max, "ADDR", "highest address to use", NULL },
	{ "entry", 0, VALUE, IN_LOAD, NULL, set_entry, "ADDR", "start the capture kernel there", NULL },
	{ "no-checks", 'i', NO_VALUE, IN_LOAD, NULL, set_no_checks, NULL, "start it without verifying the digests",
	  NULL },
	{ "on-corruption", 0, VALUE, IN_LOAD, NULL, set_policy, "WHAT",
	  "when it is damaged: reboot (default), halt, boot (start it anyway), fallback", NULL },
	{ "fallback-initrd", 0, VALUE, IN_LOAD, NULL, set_fallback_initrd, "FILE",
	  "start with this initrd when what was loaded is damaged", NULL },
	{ "fallback-kernel", 0, VALUE, IN_LOAD, NULL, set_fallback_kernel, "FILE", "and this kernel", NULL },
	{ "fallback-append", 0, VALUE, IN_LOAD, NULL, set_fallback_append, "TEXT",
	  "and these words in place of --append", NULL },
	{ "console-vga", 0, NO_VALUE, IN_LOAD, "x86_64", set_console_vga, NULL,
	  "the purgatory prints on the text screen", NULL },
	{ "console-serial", 0, NO_VALUE, IN_LOAD, NULL, set_console_serial, NULL,
	  "the purgatory prints on the serial console", NULL },
	{ "serial", 0, VALUE, IN_LOAD, NULL, set_serial, "DEVICE",
	  "and on this one: ttyS0, ttyAMA0, 0x3f8, mmio32,0xADDR...", NULL },
	{ "serial-baud", 0, VALUE, IN_LOAD, NULL, set_baud, "RATE", "the purgatory sets this rate (16550)", NULL },
	{ "reset-vga", 0, NO_VALUE, IN_LOAD, "x86_64", set_reset_vga, NULL,
	  "the purgatory puts the VGA into text mode first", NULL },
	{ "digests", 0, VALUE, IN_LOAD, NULL, set_digests, "FILE",
	  "remember digests there, for loading unchanged files again", NULL },
	{ "hotplug", 0, NO_VALUE, IN_LOAD, "x86_64", set_hotplug, NULL,
	  "the kernel updates the core headers on CPU and memory hotplug", NULL },
	{ "elf32-core-headers", 0, NO_VALUE, IN_LOAD, "x86_64", set_core32, NULL, "write ELF32 core headers", NULL },
	{ "elf64-core-headers", 0, NO_VALUE, IN_LOAD, NULL, set_core64, NULL, "write ELF64 core headers (default)",
	  NULL },
	{ "kexec-syscall", 'c', NO_VALUE, IN_LOAD | IN_UNLOAD, NULL, set_nothing, NULL, "use kexec_load (always so)",
	  NULL },
	{ "kexec-syscall-auto", 'a', NO_VALUE, IN_LOAD | IN_UNLOAD, NULL, set_nothing, NULL, "the same", NULL },

	{ "dry-run", 0, NO_VALUE, IN_LOAD, NULL, set_dry_run, NULL, "print the whole plan, load nothing", NULL },
	{ "json", 0, NO_VALUE, IN_LOAD | IN_RANGES | IN_VERIFY, NULL, set_json, NULL,
	  "print JSON (--print-ranges, --dry-run, --verify)", NULL },
	{ "sysroot", 0, VALUE, IN_LOAD | IN_RANGES | IN_CKR | IN_STATUS | IN_VERIFY, NULL, set_sysroot, "DIR",
	  "take /proc and /sys from DIR", NULL },
	{ "arch", 0, VALUE, IN_LOAD | IN_RANGES | IN_CKR | IN_VERIFY, NULL, set_arch, "NAME",
	  "plan for this architecture", NULL },
	{ "debug", 'd', NO_VALUE, IN_ANY, NULL, set_debug, NULL, "say what is being done", NULL },

	/* The rest of kexec-tools' options: known, so that the answer is a reason rather than "unknown". */
	{ "exec", 'e', NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "force", 'f', NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "no-ifdown", 'x', NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "no-sync", 'y', NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "load-preserve-context", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "load-jump-back-helper", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "reuseinitrd", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_REBOOT },
	{ "kexec-file-syscall", 's', NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL,
	  "kexec_file_load is not supported; leave the option out to use kexec_load" },
	{ "no-cma", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL,
	  "it belongs to kexec_file_load, which is not supported" },
	{ "force-dtb", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL,
	  "it belongs to kexec_file_load, which is not supported" },
	{ "load-live-update", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, "Xen is not supported" },
	{ "exec-live-update", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, "Xen is not supported" },
	{ "pass-memmap-cmdline", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL,
	  "the memory map is always handed over in the boot parameters" },
	{ "noefi", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL,
	  "append \"noefi\" to the capture kernel's command line instead" },
	{ "reuse-video-type", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, "the video mode is always handed over" },
	{ "module", 0, VALUE, IN_ANY, NULL, NULL, NULL, NULL, "multiboot kernels are not supported" },
	{ "args-linux", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_ELF },
	{ "args-elf", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_ELF },
	{ "args-none", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, NO_ELF },
	{ "real-mode", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL,
	  "a kernel cannot be entered in real mode after a panic" },
	{ "entry-32bit", 0, NO_VALUE, IN_ANY, NULL, NULL, NULL, NULL, "use --type=bzImage for the 32-bit entry" },
};

#define NR_OPTIONS (sizeof(option_table) / sizeof(option_table[0]))

/* Which rows were given; looked at when the action and the architecture are known. */
struct given {
	bool row[NR_OPTIONS];
};

static const struct option_row *row_of_letter(int letter)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

static int option_unknown(int argc, char **argv, const struct option *longs)
{
	const struct option_row *row = optopt && optopt < 256 ? row_of_letter(optopt) : NULL;
	int at = optind > 0 && optind <= argc ? optind - 1 : 0;

	for (const struct option *l = longs; l->name; l++)
		if (optopt == l->val)
			return fail(-EINVAL, "--%s %s", l->name,
				    l->has_arg == required_argument ? "needs a value" : "takes no value");
	if (row)
		return fail(-EINVAL, "-%c (--%s) needs a value", row->letter, row->name);
	if (optopt > 0 && optopt < 256)
		return fail(-EINVAL, "unknown option -%c; kexec -h lists the options", optopt);
	return fail(-EINVAL, "unknown or ambiguous option %s; kexec -h lists the options", argv[at]);
}

static int option_take(struct options *opt, struct given *given, const struct option_row *row, const char *value)
{
	if (row->refused)
		return fail(-EINVAL, "--%s is not supported: %s", row->name, row->refused);
	given->row[row - option_table] = true;
	return row->set(opt, row, value);
}

static const char *action_words(enum action action)
{
	switch (action) {
	case ACTION_LOAD: return "loading a capture kernel (-p)";
	case ACTION_UNLOAD: return "unloading (-u)";
	case ACTION_STATUS: return "asking for the status (-S)";
	case ACTION_CKR_SIZE: return "--print-ckr-size";
	case ACTION_RANGES: return "--print-ranges";
	case ACTION_VERIFY: return "--verify";
	case ACTION_HELP: return "--help";
	case ACTION_VERSION: return "--version";
	default: return "no action";
	}
}

static int options_check_given(const struct options *opt, const struct given *given)
{
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		const struct option_row *row = &option_table[i];

		if (!given->row[i])
			continue;
		if (!(row->modes & 1u << opt->action))
			return fail(-EINVAL, "--%s does not belong to %s", row->name, action_words(opt->action));
		if (row->arch && opt->action == ACTION_LOAD && strcmp(row->arch, opt->arch->name))
			return fail(-EINVAL, "--%s is not an option of %s, only of %s", row->name, opt->arch->name,
				    row->arch);
	}
	return 0;
}

static int options_find_arch(struct options *opt)
{
	const struct arch *running = NULL;

	if (!opt->arch_name)
		return arch_detect(&opt->arch);
	opt->arch = arch_find(opt->arch_name);
	if (!opt->arch)
		return fail(-EINVAL, "--arch=%s is unknown; x86_64 and arm64 are supported", opt->arch_name);
	if (arch_detect(&running))
		err_clear();
	if (opt->action == ACTION_LOAD && running != opt->arch && !opt->dry_run)
		return fail(-EINVAL, "--arch=%s is not the architecture of this machine: add --dry-run",
			    opt->arch_name);
	return 0;
}

/* The fallback, and what is to happen, must go together. */
static int options_check_policy(struct options *opt)
{
	struct load_request *req = &opt->req;
	bool files = req->fallback_kernel_path || req->fallback_initrd_path;

	if (!files && req->fallback_cmdline)
		return fail(
			-EINVAL,
			"--fallback-append needs a fallback to append to: give --fallback-initrd or --fallback-kernel");
	if (!files && req->policy == PURG_POLICY_FALLBACK)
		return fail(-EINVAL,
			    "--on-corruption=fallback needs a fallback: give --fallback-initrd or --fallback-kernel");
	if (files && req->policy && req->policy != PURG_POLICY_FALLBACK)
		return fail(-EINVAL,
			    "a fallback is started with --on-corruption=fallback only; leave out that option, or the "
			    "--fallback ones");
	if (files && req->no_checks)
		return fail(-EINVAL, "--no-checks contradicts the --fallback options: nothing would be found damaged");
	if (req->no_checks && req->policy)
		return fail(-EINVAL, "--no-checks contradicts --on-corruption: nothing would be found damaged");
	if (files)
		req->policy = PURG_POLICY_FALLBACK;
	return 0;
}

static int options_check_load(struct options *opt)
{
	if (!opt->req.kernel_path)
		return fail(-EINVAL, "no kernel is named; use kexec -p KERNEL --initrd=FILE --append=TEXT");
	if (opt->sysroot && !opt->dry_run)
		return fail(-EINVAL, "--sysroot describes another system: add --dry-run");
	if (opt->json && !opt->dry_run)
		return fail(-EINVAL, "--json prints the plan: add --dry-run");
	if (opt->req.hotplug && opt->req.core_width == 4)
		return fail(-EINVAL,
			    "--hotplug contradicts --elf32-core-headers: the kernel rewrites the headers as ELF64");
	if (opt->req.mem_min > opt->req.mem_max)
		return fail(-EINVAL, "--mem-min=%#" PRIx64 " lies above --mem-max=%#" PRIx64, opt->req.mem_min,
			    opt->req.mem_max);
	return options_check_policy(opt);
}

/* Everything that depends on more than one option. */
static int options_settle(struct options *opt, const struct given *given)
{
	int err;

	if (opt->panic && opt->normal)
		return fail(-EINVAL, "-p and -l contradict each other");
	if (opt->action == ACTION_NONE && opt->normal)
		return fail(-EINVAL, "--load is not supported: " NO_REBOOT);
	if (opt->action == ACTION_NONE && !opt->panic)
		return fail(-EINVAL, "nothing to do: use kexec -p KERNEL to load a capture kernel, or kexec -h");
	if (opt->action == ACTION_NONE)
		opt->action = ACTION_LOAD;
	err = opt->action == ACTION_HELP || opt->action == ACTION_VERSION ? 0 : options_find_arch(opt);
	if (!err)
		err = options_check_given(opt, given);
	if (!err && opt->action == ACTION_LOAD)
		err = options_check_load(opt);
	if (!err && opt->action != ACTION_LOAD && opt->req.kernel_path)
		err = fail(-EINVAL, "\"%s\" does not belong to %s", opt->req.kernel_path, action_words(opt->action));
	return err;
}

static int options_kernel(struct options *opt, int argc, char **argv)
{
	if (optind < argc)
		opt->req.kernel_path = argv[optind++];
	if (optind < argc)
		return fail(-EINVAL, "one kernel only: \"%s\" was given and \"%s\"", opt->req.kernel_path,
			    argv[optind]);
	return 0;
}

/* Values of long options for getopt_long: the row's number, above every letter. */
#define LONG_BASE 0x1000

int options_parse(struct options *opt, int argc, char **argv)
{
	struct option longs[NR_OPTIONS + 1] = { 0 };
	char letters[2 + 2 * NR_OPTIONS] = ":";
	struct given given = { 0 };
	size_t nr_letters = 1;
	int c, err;

	memset(opt, 0, sizeof(*opt));
	opt->req.mem_max = UINT64_MAX;
	err = cmdline_init(&opt->append, NULL);
	if (!err)
		err = cmdline_init(&opt->fallback_append, NULL);
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		const struct option_row *row = &option_table[i];

		longs[i] = (struct option){ row->name, row->has_value ? required_argument : no_argument, NULL,
					    LONG_BASE + (int)i };
		if (row->letter) {
			letters[nr_letters++] = row->letter;
			if (row->has_value)
				letters[nr_letters++] = ':';
		}
	}
	opterr = 0;
	optind = 0;
	while (!err && (c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct option_row *row = c >= LONG_BASE ? &option_table[c - LONG_BASE] : row_of_letter(c);

		if (c == '?' || c == ':')
			err = option_unknown(argc, argv, longs);
		else
			err = option_take(opt, &given, row, optarg);
	}
	if (!err)
		err = options_kernel(opt, argc, argv);
	if (!err)
		err = options_settle(opt, &given);
	return err;
}

void options_deinit(struct options *opt)
{
	cmdline_deinit(&opt->append);
	cmdline_deinit(&opt->fallback_append);
}

void options_help(FILE *out)
{
	fputs("Usage: kexec -p [OPTION]... KERNEL\n"
	      "       kexec -p -u | -S | --verify [--json] | --print-ckr-size | --print-ranges [--json]\n"
	      "Load a capture kernel that saves what is left when this one panics.\n\n", out);
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		const struct option_row *row = &option_table[i];
		char text[64];

		if (!row->help)
			continue;
		snprintf(text, sizeof(text), "%s%s%s", row->name, row->value_name ? "=" : "",
			 row->value_name ? row->value_name : "");
		fprintf(out, "  %c%c%c --%-20s %s%s%s%s\n", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
			row->letter ? ',' : ' ', text, row->help, row->arch ? " (" : "", row->arch ? row->arch : "",
			row->arch ? ")" : "");
	}
	fputs("\n--ramdisk is --initrd, --command-line is --append; see kexec(8).\n", out);
}
