// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/options.h"

#include "kexec/arch/arch.h"
#include "tests/unit/test.h"

#include <errno.h>

/*
 * Parse a command line written as one string; words are separated by single blanks. The words stay valid until the
 * next call.
 */
static int parse(struct options *opt, const char *line)
{
	static char text[1024];
	static char *argv[64];
	int argc = 0;

	snprintf(text, sizeof(text), "kexec %s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(opt, argc, argv);
}

#define PARSES(line, ...)                                                                               \
	do {                                                                                            \
		struct options o;                                                                       \
		int err_ = parse(&o, line);                                                             \
		if (err_)                                                                               \
			printf("%s: %s\n", line, err_text());                                           \
		CHECK(!err_);                                                                           \
		__VA_ARGS__;                                                                            \
		options_deinit(&o);                                                                     \
	} while (0)

#define REFUSES(line, text)                                                                             \
	do {                                                                                            \
		struct options o;                                                                       \
		CHECK_FAILS(parse(&o, line), -EINVAL, text);                                            \
		options_deinit(&o);                                                                     \
	} while (0)

/* Tests must give the same result on every machine. */
#define X86 "--arch x86_64 --dry-run "
#define ARM "--arch arm64 --dry-run "

TEST(load_with_everything)
{
	PARSES(X86 "-p /boot/vmlinuz --initrd=/boot/initrd --append=irqpoll --reuse-cmdline -t bzImage64 -i -d",
	       CHECK_EQ(o.action, ACTION_LOAD);
	       CHECK_STR(o.req.kernel_path, "/boot/vmlinuz"); CHECK_STR(o.req.initrd_path, "/boot/initrd");
	       CHECK_STR(o.req.cmdline, "irqpoll"); CHECK(o.req.reuse_cmdline); CHECK_STR(o.req.type, "bzImage64");
	       CHECK(o.req.no_checks); CHECK(o.debug); CHECK(o.arch == &arch_x86_64));
}

TEST(spellings_of_kexec_tools)
{
	PARSES(X86 "--load-panic --ramdisk /i --command-line quiet /k", CHECK_STR(o.req.initrd_path, "/i");
	       CHECK_STR(o.req.cmdline, "quiet"); CHECK_STR(o.req.kernel_path, "/k"));
	PARSES(X86 "/k -p --initrd /i", CHECK_STR(o.req.kernel_path, "/k"));
	PARSES(X86 "-p -c /k", CHECK_EQ(o.action, ACTION_LOAD));
	PARSES(X86 "-p -a /k", CHECK_EQ(o.action, ACTION_LOAD));
	PARSES("--arch aarch64 --dry-run -p /k", CHECK(o.arch == &arch_arm64));
}

TEST(append_adds_up)
{
	PARSES(X86 "-p --append=a --append=b --command-line=c /k", CHECK_STR(o.req.cmdline, "a b c"));
	PARSES(X86 "-p --append= /k", CHECK_STR(o.req.cmdline, ""));
}

TEST(addresses)
{
	PARSES(X86 "-p --mem-min=0x1000 --mem-max=2G --entry=16m /k", CHECK_EQ(o.req.mem_min, 0x1000);
	       CHECK_EQ(o.req.mem_max, 2ull << 30); CHECK(o.req.entry_given); CHECK_EQ(o.req.entry, 16 << 20));
	PARSES(X86 "-p /k", CHECK_EQ(o.req.mem_max, UINT64_MAX); CHECK(!o.req.entry_given));
	REFUSES(X86 "-p --mem-min=abc /k", "--mem-min=abc is not an address");
	REFUSES(X86 "-p --mem-min=-1 /k", "is not an address");
	REFUSES(X86 "-p --mem-min=12x /k", "is not an address");
	REFUSES(X86 "-p --mem-min=0x10000000000000000 /k", "is not an address");
	REFUSES(X86 "-p --mem-min=99999999999G /k", "is not an address");
	REFUSES(X86 "-p --mem-min=2M --mem-max=1M /k", "lies above");
	REFUSES(X86 "-p --mem-min=2M --mem-min=3M /k", "--mem-min is given twice, as 0x200000 and as 0x300000");
	REFUSES(X86 "-p --mem-max=2M --mem-max=3M /k", "--mem-max is given twice");
	REFUSES(X86 "-p --entry=0 --entry=3M /k", "--entry is given twice");
	PARSES(X86 "-p --mem-min=2M --mem-min=0x200000 /k", CHECK_EQ(o.req.mem_min, 2 << 20));
}

TEST(actions)
{
	PARSES("-u", CHECK_EQ(o.action, ACTION_UNLOAD); CHECK(!o.panic));
	PARSES("-p -u", CHECK_EQ(o.action, ACTION_UNLOAD); CHECK(o.panic));
	PARSES("-S", CHECK_EQ(o.action, ACTION_STATUS); CHECK(!o.normal));
	PARSES("-S -l", CHECK(o.normal));
	PARSES("--print-ckr-size", CHECK_EQ(o.action, ACTION_CKR_SIZE));
	PARSES("--print-ranges --json --sysroot /x --arch arm64", CHECK_EQ(o.action, ACTION_RANGES); CHECK(o.json);
	       CHECK_STR(o.sysroot, "/x"));
	PARSES("-h", CHECK_EQ(o.action, ACTION_HELP));
	PARSES("--version", CHECK_EQ(o.action, ACTION_VERSION));
	REFUSES("", "nothing to do");
	REFUSES("/k", "nothing to do");
	REFUSES("-u -S", "cannot be combined");
	REFUSES("-p -l -u", "contradict");
	REFUSES("-p", "no kernel is named");
	REFUSES(X86 "-p /a /b", "one kernel only");
	REFUSES("-p -u /k", "does not belong to unloading");
	REFUSES("-v /k", "does not belong to --version");
	REFUSES("-h --json", "--json does not belong to --help");
}

TEST(options_that_do_not_hold_here)
{
	REFUSES("-u --initrd=/i", "--initrd does not belong to unloading");
	REFUSES("-S --append=x", "--append does not belong");
	REFUSES("--print-ranges --hotplug", "--hotplug does not belong to --print-ranges");
	REFUSES(X86 "-p --dtb=/d /k", "--dtb is not an option of x86_64, only of arm64");
	REFUSES(ARM "-p --hotplug /k", "--hotplug is not an option of arm64");
	REFUSES(ARM "-p --elf32-core-headers /k", "not an option of arm64");
	PARSES(ARM "-p --dtb=/d /k", CHECK_STR(o.req.dtb_path, "/d"));
	REFUSES(X86 "-p --elf32-core-headers --elf64-core-headers /k", "contradicts");
	REFUSES(X86 "-p --elf32-core-headers --hotplug /k", "contradicts --elf32-core-headers");
	REFUSES(X86 "-p --initrd=/a --initrd=/b /k", "given twice");
	REFUSES(X86 "-p --initrd= /k", "needs a value");
	REFUSES("-p --sysroot /x /k", "add --dry-run");
	REFUSES("-p --json /k", "add --dry-run");
	REFUSES("--arch sparc -p --dry-run /k", "--arch=sparc is unknown");
}

TEST(what_happens_on_corruption)
{
	PARSES("-p /k", CHECK_EQ(o.req.policy, 0));
	PARSES("-p --on-corruption=reboot /k", CHECK_EQ(o.req.policy, PURG_POLICY_REBOOT));
	PARSES("-p --on-corruption halt /k", CHECK_EQ(o.req.policy, PURG_POLICY_HALT));
	PARSES("-p --on-corruption=boot --on-corruption=boot /k", CHECK_EQ(o.req.policy, PURG_POLICY_BOOT));
	PARSES("-p --fallback-initrd=/f /k", CHECK_EQ(o.req.policy, PURG_POLICY_FALLBACK));
	PARSES("-p --fallback-initrd=/f /k", CHECK_STR(o.req.fallback_initrd_path, "/f"));
	PARSES("-p --fallback-kernel=/f --on-corruption=fallback /k", CHECK_STR(o.req.fallback_kernel_path, "/f"));
	PARSES("-p --fallback-initrd=/f --fallback-append=a --fallback-append=b /k",
	       CHECK_STR(o.req.fallback_cmdline, "a b"));
	REFUSES("-p --on-corruption=explode /k", "give reboot, halt, boot or fallback");
	REFUSES("-p --on-corruption=boot --on-corruption=halt /k", "given twice");
	REFUSES("-p --on-corruption=fallback /k", "needs a fallback");
	REFUSES("-p --fallback-append=x /k", "needs a fallback");
	REFUSES("-p --fallback-initrd=/f --on-corruption=boot /k", "--on-corruption=fallback only");
	REFUSES("-p --fallback-initrd=/f -i /k", "--no-checks contradicts");
	REFUSES("-p --on-corruption=reboot -i /k", "--no-checks contradicts");
	REFUSES("-u --fallback-initrd=/f", "does not belong to unloading");
	REFUSES("--fallback-initrd=/f", "nothing to do");
	REFUSES("-S --on-corruption=boot", "does not belong");
}

TEST(consoles_that_are_named)
{
	PARSES(X86 "-p --console-vga --reset-vga /k",
	       CHECK(o.req.console.vga && o.req.console.reset_vga && !o.req.console.serial));
	PARSES("-p --console-serial /k", CHECK(o.req.console.serial && !o.req.console.serial_device));
	PARSES("-p --serial=ttyS1 --serial-baud=9600 /k", CHECK_EQ(o.req.console.baud, 9600));
	PARSES("-p --serial=ttyS1 /k", CHECK(o.req.console.serial && !strcmp(o.req.console.serial_device, "ttyS1")));
	REFUSES(ARM "-p --console-vga /k", "not an option of arm64");
	REFUSES(ARM "-p --reset-vga /k", "not an option of arm64");
	REFUSES("-p --serial-baud=9601 /k", "not a rate of a 16550");
	REFUSES("-p --serial-baud=0 /k", "not a rate");
	REFUSES("-p --serial-baud=1 /k", "not a rate");
	REFUSES("-p --serial-baud=230400 /k", "not a rate");
	REFUSES("-p --serial-baud=9600 --serial-baud=19200 /k", "given twice");
	REFUSES("-p --serial=ttyS0 --serial=ttyS1 /k", "given twice");
	REFUSES("-S --serial=ttyS0", "does not belong");
}

TEST(verifying_what_is_loaded)
{
	PARSES("--verify", CHECK_EQ(o.action, ACTION_VERIFY));
	PARSES("-p --verify --json --sysroot=/x --arch arm64", CHECK(o.json));
	REFUSES("--verify -S", "cannot be combined");
	REFUSES("--verify /k", "does not belong to --verify");
	REFUSES("--verify --dry-run", "does not belong to --verify");
}

TEST(options_of_kexec_tools_that_are_not_supported)
{
	static const char *const lines[] = {
		"-e",
		"-f /k",
		"-s -p /k",
		"-l /k",
		"-x -e",
		"-y -e",
		"--reuseinitrd -p /k",
		"--noefi -p /k",
		"--module=x -p /k",
		"--real-mode -p /k",
		"--load-live-update",
		"--no-cma -p /k",
		"--pass-memmap-cmdline -p /k",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		REFUSES(lines[i], "is not supported: ");
}

TEST(unknown_options)
{
	REFUSES("--frobnicate -p /k", "unknown or ambiguous option --frobnicate");
	REFUSES("-Z", "unknown option -Z");
	REFUSES("-p /k --initrd", "--initrd needs a value");
	REFUSES("-p /k -t", "needs a value");
	REFUSES("-p --debug=1 /k", "takes no value");
}

TEST(foreign_architecture_only_as_a_plan)
{
	const struct arch *running;
	const char *foreign;

	if (arch_detect(&running))
		return;
	foreign = running == &arch_arm64 ? "--arch x86_64 -p /k" : "--arch arm64 -p /k";
	REFUSES(foreign, "is not the architecture of this machine: add --dry-run");
}

TEST(help_names_every_supported_option)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	options_help(f);
	fclose(f);
	CHECK(strstr(text, "--load-panic") && strstr(text, "--print-ranges") && strstr(text, "--dtb=FILE"));
	CHECK(strstr(text, "(arm64)"));
	CHECK(!strstr(text, "--exec"));
	free(text);
}
