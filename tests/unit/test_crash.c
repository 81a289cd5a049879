// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/crash.h"

#include "kexec/arch/arch.h"
#include "kexec/kernel_map.h"
#include "tests/unit/kcore_maker.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#define CPU_DIR "sys/devices/system/cpu/"

TEST(cpulist)
{
	static const struct {
		const char *text;
		int err;
		uint64_t nr_cpus;
		size_t nr_ranges;
	} cases[] = {
		{ "0\n", 0, 1, 1 }, { "0-3,8,10-11\n", 0, 7, 3 }, { "0-8191", 0, 8192, 1 }, { "\n", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "5,3,4", 0, 3, 1 }, { "4294967295", 0, 1, 1 }, { "4294967296", -EINVAL, 0, 0 },
		{ "3-1", -EINVAL, 0, 0 },
		{ "1,", -EINVAL, 0, 0 }, { ",1", -EINVAL, 0, 0 }, { "1-", -EINVAL, 0, 0 }, { "-1", -EINVAL, 0, 0 },
		{ "1 2", -EINVAL, 0, 0 }, { "1--2", -EINVAL, 0, 0 }, { "a", -EINVAL, 0, 0 }, { "0x1", -EINVAL, 0, 0 },
		{ "0-3:1/2", -EINVAL, 0, 0 }, { "1,,2", -EINVAL, 0, 0 }, { "99999999999999999999", -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ranges cpus;

		ranges_init(&cpus);
		CHECK_EQ(cpulist_parse(&cpus, cases[i].text), cases[i].err);
		if (!cases[i].err) {
			CHECK_EQ(ranges_bytes(&cpus), cases[i].nr_cpus);
			CHECK_EQ(cpus.nr, cases[i].nr_ranges);
		} else {
			CHECK(strstr(err_text(), "list of CPU numbers") != NULL);
		}
		ranges_deinit(&cpus);
	}
}

TEST(vmcoreinfo_of_sysfs)
{
	static const char *const bad[] = { "", "\n", "1000", "1000 ", "1000 0", "x 1000", "1000 g", "1000 10 10",
					   "-1 1000",
		"0x 1000", "ffffffffffffffff 2", "10000000000000000 10" };
	uint64_t paddr, len;

	CHECK_EQ(vmcoreinfo_sysfs_parse("0x0000000100c66000 1024\n", &paddr, &len), 0);
	CHECK_EQ(paddr, 0x100c66000);
	CHECK_EQ(len, 0x1024);
	CHECK_EQ(vmcoreinfo_sysfs_parse("1a2b3000 1000\n", &paddr, &len), 0);
	CHECK_EQ(paddr, 0x1a2b3000);
	CHECK_EQ(len, 0x1000);
	CHECK_EQ(vmcoreinfo_sysfs_parse("ffffffffffffffff 1", &paddr, &len), 0);
	paddr = len = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_FAILS(vmcoreinfo_sysfs_parse(bad[i], &paddr, &len), -EINVAL, "not an address and a size");
		CHECK(paddr == 7 && len == 7);
	}
}

TEST(vmcoreinfo_keys)
{
	static const char text[] =
		"OSRELEASE=6.1.0=x\nSYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=-41943040\nEMPTY=\n"
		"NUMBER(kimage_voffset)=0xffffc2b789a00000\nNUMBER(a)=12z\nNUMBER(b)=0x\nLAST=5";
	struct view v = view_of(text, strlen(text), "text");
	const char *value;
	uint64_t number = 7;
	size_t len;

	CHECK(vmcoreinfo_text_find(&v, "OSRELEASE", &value, &len));
	CHECK(len == 7 && !memcmp(value, "6.1.0=x", 7));
	CHECK(vmcoreinfo_text_find(&v, "EMPTY", &value, &len));
	CHECK_EQ(len, 0);
	CHECK(!vmcoreinfo_text_find(&v, "OSREL", &value, &len));
	CHECK(!vmcoreinfo_text_find(&v, "RELEASE", &value, &len));
	CHECK(!vmcoreinfo_text_find(&v, "absent", &value, &len));
	CHECK(!vmcoreinfo_text_number(&v, "EMPTY", 10, &number));
	CHECK(!vmcoreinfo_text_number(&v, "NUMBER(a)", 10, &number));
	CHECK(!vmcoreinfo_text_number(&v, "NUMBER(b)", 0, &number));
	CHECK(!vmcoreinfo_text_number(&v, "OSRELEASE", 0, &number));
	CHECK_EQ(number, 7);
	CHECK(vmcoreinfo_text_number(&v, "SYMBOL(_stext)", 16, &number));
	CHECK_EQ(number, 0xffffffff81000000);
	CHECK(vmcoreinfo_text_number(&v, "NUMBER(phys_base)", 10, &number));
	CHECK_EQ(number, -41943040ll);
	CHECK(vmcoreinfo_text_number(&v, "NUMBER(kimage_voffset)", 0, &number));
	CHECK_EQ(number, 0xffffc2b789a00000);
	CHECK(vmcoreinfo_text_number(&v, "LAST", 0, &number));
	CHECK_EQ(number, 5);
}

TEST(kallsyms_symbols)
{
	static const char text[] =
		"0000000000000000 A fixed_percpu_data\nffffffff81000000 T not_text\nffffffffc0000000 t _text\t[evil]\n"
		"0000000000000000 T _zero\nffffffff81000000 T _text\nffffffff81000040 T _stext\nffffffff81000041 T";
	struct view v = view_of(text, strlen(text), "kallsyms");
	uint64_t vaddr = 7;

	CHECK(!kallsyms_find(&v, "_zero", &vaddr));
	CHECK(!kallsyms_find(&v, "text", &vaddr));
	CHECK(!kallsyms_find(&v, "T", &vaddr));
	CHECK(!kallsyms_find(&v, "_etext", &vaddr));
	CHECK_EQ(vaddr, 7);
	CHECK(kallsyms_find(&v, "_text", &vaddr));
	CHECK_EQ(vaddr, 0xffffffff81000000);
	CHECK(kallsyms_find(&v, "_stext", &vaddr));
	CHECK_EQ(vaddr, 0xffffffff81000040);
}

/* A machine with RAM, as memmap_read leaves it. */
static struct memmap machine(const char *iomem)
{
	struct memmap m;

	memmap_init(&m);
	CHECK_EQ(iomem_parse(&m, iomem, strlen(iomem)), 0);
	return m;
}

static void note_file(const struct tree *t, unsigned int cpu, uint64_t paddr)
{
	char path[80];

	snprintf(path, sizeof(path), CPU_DIR "cpu%u/crash_notes", cpu);
	tree_text(t, path, "%" PRIx64 "\n", paddr);
	snprintf(path, sizeof(path), CPU_DIR "cpu%u/crash_notes_size", cpu);
	tree_text(t, path, "368\n");
}

#define PLAIN_RAM "00100000-7fffffff : System RAM\n"

TEST(notes_of_sparse_cpus)
{
	struct tree t = tree_new();
	struct memmap m = machine(PLAIN_RAM);
	struct crash_info c;

	crash_info_init(&c);
	tree_text(&t, CPU_DIR "possible", "0-15\n");
	note_file(&t, 10, 0x10a000);
	note_file(&t, 2, 0x102000);
	note_file(&t, 0, 0x100000);
	tree_text(&t, CPU_DIR "cpu11/online", "0\n");
	tree_text(&t, CPU_DIR "cpufreq/boost", "1\n");
	tree_text(&t, CPU_DIR "cpuidle/current_driver", "none\n");
	CHECK_EQ(crash_info_read(&c, &t.root, &arch_x86_64, &m), 0);
	CHECK_EQ(c.nr_notes, 3);
	CHECK_EQ(c.notes[0].cpu, 0);
	CHECK_EQ(c.notes[1].cpu, 2);
	CHECK_EQ(c.notes[1].paddr, 0x102000);
	CHECK_EQ(c.notes[2].cpu, 10);
	CHECK_EQ(c.notes[2].paddr, 0x10a000);
	CHECK_EQ(c.notes[2].len, 368);
	CHECK_EQ(ranges_bytes(&c.absent), 13);
	CHECK(ranges_cover(&c.absent, 3, 9));
	CHECK(ranges_cover(&c.absent, 11, 15));
	CHECK_EQ(c.vmcoreinfo_len, 0);
	CHECK_EQ(c.elfcorehdr_size, 0);
	CHECK(!c.kernel.known && !c.direct_map_known);
	CHECK(c.why_no_kernel_map != NULL);
	crash_info_deinit(&c);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(old_kernels)
{
	struct tree t = tree_new();
	struct memmap m = machine(PLAIN_RAM);
	struct crash_info c;

	crash_info_init(&c);
	/* No list of possible CPUs, no sizes. */
	tree_text(&t, CPU_DIR "cpu0/crash_notes", "1f0a000\n");
	tree_text(&t, CPU_DIR "cpu1/crash_notes", "1f0b000\n");
	tree_text(&t, "sys/kernel/vmcoreinfo", "1f0c000 1000\n");
	CHECK_EQ(crash_info_read(&c, &t.root, &arch_arm64, &m), 0);
	CHECK_EQ(c.nr_notes, 2);
	CHECK_EQ(c.notes[1].len, 1024);
	CHECK_EQ(c.absent.nr, 0);
	CHECK_EQ(c.vmcoreinfo_paddr, 0x1f0c000);
	CHECK_EQ(c.vmcoreinfo_len, 0x1000);
	crash_info_deinit(&c);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(hotplug_size_by_its_new_and_old_name)
{
	struct tree t = tree_new();
	struct memmap m = machine(PLAIN_RAM);
	struct crash_info c;

	note_file(&t, 0, 0x100000);
	tree_text(&t, "sys/kernel/crash_elfcorehdr_size", "917680\n");
	crash_info_init(&c);
	CHECK_EQ(crash_info_read(&c, &t.root, &arch_x86_64, &m), 0);
	CHECK_EQ(c.elfcorehdr_size, 917680);
	crash_info_deinit(&c);
	tree_text(&t, "sys/kernel/kexec/crash_elfcorehdr_size", "12345678\n");
	crash_info_init(&c);
	CHECK_EQ(crash_info_read(&c, &t.root, &arch_x86_64, &m), 0);
	CHECK_EQ(c.elfcorehdr_size, 12345678);
	crash_info_deinit(&c);
	tree_text(&t, "sys/kernel/kexec/crash_elfcorehdr_size", "lots\n");
	crash_info_init(&c);
	CHECK_FAILS(crash_info_read(&c, &t.root, &arch_x86_64, &m), -EINVAL, "crash_elfcorehdr_size");
	crash_info_deinit(&c);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(unusable_sources)
{
	static const struct {
		const char *path, *text;
		int err;
		const char *message;
	} cases[] = {
		{ CPU_DIR "cpu0/crash_notes", "0\n", -EPERM, "run as root" },
		{ CPU_DIR "cpu0/crash_notes", "zz\n", -EINVAL, "cpu0/crash_notes" },
		{ CPU_DIR "cpu0/crash_notes", "fffffffffffffff0\n", -EINVAL, "notes of CPU 0" },
		{ CPU_DIR "cpu0/crash_notes_size", "0\n", -EINVAL, "no room" },
		{ CPU_DIR "cpu0/crash_notes_size", "-1\n", -EINVAL, "crash_notes_size" },
		{ CPU_DIR "possible", "all\n", -EINVAL, "cpu/possible: \"all\"" },
		{ "sys/kernel/vmcoreinfo", "0\n", -EINVAL, "/sys/kernel/vmcoreinfo" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree t = tree_new();
		struct memmap m = machine(PLAIN_RAM);
		struct crash_info c;

		crash_info_init(&c);
		note_file(&t, 0, 0x100000);
		tree_text(&t, cases[i].path, "%s", cases[i].text);
		CHECK_FAILS(crash_info_read(&c, &t.root, &arch_x86_64, &m), cases[i].err, cases[i].message);
		crash_info_deinit(&c);
		memmap_deinit(&m);
		tree_free(&t);
	}
}

TEST(no_notes_at_all)
{
	struct tree t = tree_new();
	struct memmap m = machine(PLAIN_RAM);
	struct crash_info c;

	crash_info_init(&c);
	CHECK_FAILS(crash_info_read(&c, &t.root, &arch_x86_64, &m), -ENOENT, "sys/devices/system/cpu");
	crash_info_deinit(&c);
	crash_info_init(&c);
	tree_text(&t, CPU_DIR "possible", "0-3\n");
	tree_text(&t, CPU_DIR "cpu0/online", "1\n");
	CHECK_FAILS(crash_info_read(&c, &t.root, &arch_x86_64, &m), -ENODATA, "CONFIG_CRASH_DUMP");
	crash_info_deinit(&c);
	memmap_deinit(&m);
	tree_free(&t);
}

/* Where is the kernel? A machine in one row: its iomem, vmcoreinfo (NULL: no kcore) and kallsyms (NULL: none). */
struct map_case {
	const struct arch *arch;
	const char *iomem, *vmcoreinfo, *kallsyms;
	bool known;
	uint64_t vaddr, paddr, len;
	const char *why;
};

#define X86_IOMEM                                                                       \
	"00100000-7ffdbfff : System RAM\n"                                              \
	"  1a200000-1b202816 : Kernel code\n  1b400000-1bf1cfff : Kernel rodata\n"      \
	"  1c000000-1c3d9dfe : Kernel data\n  1c588000-1cb1ffff : Kernel bss\n"
#define ARM64_IOMEM                                                                     \
	"40000000-bfffffff : System RAM\n"                                              \
	"  50210000-5134ffff : Kernel code\n  51350000-51d2ffff : reserved\n"           \
	"  51d30000-5243ffff : Kernel data\n"

#define X86_LEN (0x1cb20000 - 0x1a200000)
#define ARM64_LEN (0x52440000 - 0x50210000)

static const struct map_case map_cases[] = {
	/* KASLR moved the image further in virtual than in physical memory: phys_base is negative. */
	{ &arch_x86_64, X86_IOMEM, "SYMBOL(_stext)=ffffffff9ca00000\nNUMBER(phys_base)=-41943040\n", NULL, true,
	  0xffffffff9ca00000, 0x1a200000, X86_LEN, NULL },
	{ &arch_x86_64, X86_IOMEM, "SYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=421527552\n", NULL, true,
	  0xffffffff81000000, 0x1a200000, X86_LEN, NULL },
	/* The vmcoreinfo counts, not kallsyms: Debian 12's arm64 lists no _text. */
	{ &arch_arm64, ARM64_IOMEM, "SYMBOL(_stext)=ffffc2b7d9c10000\nNUMBER(kimage_voffset)=0xffffc2b789a00000\n",
	  "ffffc2b7d9c10000 T _stext\n", true, 0xffffc2b7d9c10000, 0x50210000, ARM64_LEN, NULL },
	/* No vmcoreinfo: kallsyms, by the symbol that iomem's line starts with. */
	{ &arch_arm64, ARM64_IOMEM, NULL, "ffffc2b7d9c10000 T _stext\n", true, 0xffffc2b7d9c10000, 0x50210000,
	  ARM64_LEN, NULL },
	{ &arch_arm64, ARM64_IOMEM, NULL, "ffffc2b7d9c00000 T _text\nffffc2b7d9c10000 T _stext\n", true,
	  0xffffc2b7d9c10000, 0x50210000, ARM64_LEN, NULL },
	{ &arch_arm64, "40000000-bfffffff : System RAM\n  50200000-5134ffff : Kernel code\n", NULL,
	  "ffffc2b7d9c00000 T _text\nffffc2b7d9c10000 T _stext\n", true, 0xffffc2b7d9c00000, 0x50200000, 0x1150000,
	  NULL },
	{ &arch_x86_64, X86_IOMEM, "OSRELEASE=4.9\n", "ffffffff9ca00000 T _stext\nffffffff9ca00000 T _text\n", true,
	  0xffffffff9ca00000, 0x1a200000, X86_LEN, NULL },
	/* Nothing to go by. */
	{ &arch_arm64, ARM64_IOMEM, NULL, NULL, false, 0, 0, 0, "neither" },
	{ &arch_arm64, ARM64_IOMEM, NULL, "0000000000000000 T _text\n0000000000000000 T _stext\n", false, 0, 0, 0,
	  "neither" },
	{ &arch_arm64, ARM64_IOMEM, NULL, "ffffc2b7d9c20000 T _text\nffffc2b7d9c20040 T _stext\n", false, 0, 0, 0,
	  "neither" },
	{ &arch_arm64, ARM64_IOMEM, NULL, "ffffc2b7d9c10000 t _stext\t[module]\n", false, 0, 0, 0, "neither" },
	{ &arch_x86_64, PLAIN_RAM, "NUMBER(phys_base)=0\n", NULL, false, 0, 0, 0, "Kernel code" },
	/* Implausible. */
	{ &arch_x86_64, X86_IOMEM, "SYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=0\n", NULL, false, 0, 0, 0,
	  "_stext" },
	{ &arch_x86_64, X86_IOMEM, "NUMBER(phys_base)=5\n", NULL, false, 0, 0, 0, "page aligned" },
	{ &arch_x86_64, X86_IOMEM, "NUMBER(phys_base)=-1704984576\n", NULL, false, 0, 0, 0, "wrap" },
	{ &arch_arm64, ARM64_IOMEM, "NUMBER(kimage_voffset)=0x0\n", NULL, false, 0, 0, 0, "not one of the kernel's" },
	{ &arch_arm64, "40000000-4fffffff : System RAM\n50210000-5134ffff : Kernel code\n",
	  "NUMBER(kimage_voffset)=0xffffc2b789a00000\n", NULL, false, 0, 0, 0, "does not lie in RAM" },
	{ &arch_arm64, ARM64_IOMEM "  52000000-5fffffff : Crash kernel\n",
	  "NUMBER(kimage_voffset)=0xffffc2b789a00000\n", NULL, false, 0, 0, 0, "crash region" },
	/* A first line that is no page's start, as kernels that were not page aligned had. */
	{ &arch_x86_64, "00100000-7ffdbfff : System RAM\n  1a200040-1b202816 : Kernel code\n",
	  "NUMBER(phys_base)=421527552\n", NULL, true, 0xffffffff81000000, 0x1a200000, 0x1002817, NULL },
};

TEST(kernel_maps)
{
	for (size_t i = 0; i < sizeof(map_cases) / sizeof(map_cases[0]); i++) {
		const struct map_case *want = &map_cases[i];
		struct tree t = tree_new();
		struct memmap m = machine(want->iomem);
		struct crash_info c;

		crash_info_init(&c);
		note_file(&t, 0, 0x100000);
		if (want->vmcoreinfo) {
			struct kcore_maker maker = { .width = 8, .machine = EM_X86_64, .vmcoreinfo = want->vmcoreinfo };
			struct blob bytes;

			blob_init(&bytes);
			kcore_make(&maker, &bytes);
			tree_bytes(&t, "proc/kcore", bytes.data, bytes.len);
			blob_deinit(&bytes);
		}
		if (want->kallsyms)
			tree_text(&t, "proc/kallsyms", "%s", want->kallsyms);
		CHECK_EQ(crash_info_read(&c, &t.root, want->arch, &m), 0);
		CHECK_EQ(c.kernel.known, want->known);
		CHECK_EQ(c.kernel.vaddr, want->vaddr);
		CHECK_EQ(c.kernel.paddr, want->paddr);
		CHECK_EQ(c.kernel.len, want->len);
		if (want->why)
			CHECK(c.why_no_kernel_map && strstr(c.why_no_kernel_map, want->why));
		else
			CHECK(!c.why_no_kernel_map);
		if (c.kernel.known != want->known)
			printf("case %zu: %s\n", i, c.why_no_kernel_map);
		crash_info_deinit(&c);
		memmap_deinit(&m);
		tree_free(&t);
	}
}

/* Virtual addresses are worth less than a dump. */
TEST(damaged_kcore_is_no_error)
{
	struct tree t = tree_new();
	struct memmap m = machine(X86_IOMEM);
	struct crash_info c;

	crash_info_init(&c);
	note_file(&t, 0, 0x100000);
	tree_text(&t, "proc/kcore", "\177ELF is all there is");
	CHECK_EQ(crash_info_read(&c, &t.root, &arch_x86_64, &m), 0);
	CHECK(!c.kernel.known && !c.direct_map_known);
	CHECK_EQ(c.nr_notes, 1);
	crash_info_deinit(&c);
	memmap_deinit(&m);
	tree_free(&t);
}

static void synthetic(const char *arguments, const struct arch *arch, struct memmap *m, struct crash_info *c)
{
	struct tree t = tree_synthetic(arguments);

	memmap_init(m);
	crash_info_init(c);
	CHECK_EQ(memmap_read(m, &t.root, arch), 0);
	CHECK_EQ(crash_info_read(c, &t.root, arch, m), 0);
	tree_free(&t);
}

TEST(large_machine_with_sparse_cpus)
{
	struct crash_info c;
	struct memmap m;

	synthetic("--arch x86_64 --cpus 4096 --sparse --ranges 20000 --crash 512M", &arch_x86_64, &m, &c);
	CHECK_EQ(c.nr_notes, 4096);
	CHECK_EQ(c.notes[23].cpu, 23);
	CHECK_EQ(c.notes[24].cpu, 32);
	CHECK_EQ(c.notes[4095].cpu, 4095 / 24 * 32 + 4095 % 24);
	CHECK_EQ(ranges_bytes(&c.absent), c.notes[4095].cpu + 1 - 4096);
	CHECK(c.kernel.known && c.direct_map_known);
	CHECK_EQ(c.direct_map_offset, 0xffff95c680000000);
	crash_info_deinit(&c);
	memmap_deinit(&m);
}

TEST(synthetic_arm64)
{
	struct crash_info c;
	struct memmap m;

	synthetic("--arch arm64 --cpus 6 --crash 256M", &arch_arm64, &m, &c);
	CHECK_EQ(c.nr_notes, 6);
	CHECK_EQ(c.notes[0].len, 424);
	CHECK(c.kernel.known);
	CHECK_EQ(c.kernel.vaddr, 0xffffc2b7d9c10000);
	CHECK_EQ(c.kernel.paddr, 0x50210000);
	CHECK(c.direct_map_known);
	CHECK_EQ(c.direct_map_offset, 0xffff000000000000 - 0x40000000);
	crash_info_deinit(&c);
	memmap_deinit(&m);
}
