// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/memmap.h"

#include "tests/unit/test.h"

#include <errno.h>

static int parse(struct memmap *m, const char *text)
{
	memmap_init(m);
	return iomem_parse(m, text, strlen(text));
}

/* Are these all the ranges of S? An array that stops at a range whose last is 0. */
static bool same(const struct ranges *s, const struct range *want)
{
	size_t nr = 0;

	while (want[nr].last)
		nr++;
	for (size_t i = 0; i < s->nr; i++) {
		if (i >= nr || s->r[i].start != want[i].start || s->r[i].last != want[i].last ||
		    s->r[i].type != want[i].type) {
			printf("range %zu is %#" PRIx64 "-%#" PRIx64 " type %u\n", i, s->r[i].start, s->r[i].last,
			       s->r[i].type);
			return false;
		}
	}
	return s->nr == nr;
}

#define SAME(set, ...) CHECK(same(&(set), (const struct range[]){ __VA_ARGS__ __VA_OPT__(,) { 1, 0, 0 } }))

TEST(x86)
{
	static const char text[] =
		"00000000-00000fff : Reserved\n"
		"00001000-0009fbff : System RAM\n"
		"0009fc00-0009ffff : Reserved\n"
		"000a0000-000bffff : PCI Bus 0000:00\n"
		"000f0000-000fffff : Reserved\n"
		"  000f0000-000fffff : System ROM\n"
		"00100000-7ffdbfff : System RAM\n"
		"  1a200000-1b202816 : Kernel code\n"
		"  1b400000-1bf1cfff : Kernel rodata\n"
		"  1c000000-1c3d9dfe : Kernel data\n"
		"  1c588000-1cb1ffff : Kernel bss\n"
		"  6f000000-7effffff : Crash kernel\n"
		"7ffdc000-7ffeffff : ACPI Tables\n"
		"7fff0000-7fffffff : ACPI Non-volatile Storage\n"
		"b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
		"  b0000000-bfffffff : Reserved\n"
		"fec00000-fec003ff : IOAPIC 0\n"
		"100000000-23fffffff : System RAM\n"
		"240000000-24fffffff : Unusable memory\n";
	struct memmap m;

	CHECK_EQ(parse(&m, text), 0);
	SAME(m.ram, { 0x1000, 0x9fbff, MEM_RAM }, { 0x100000, 0x7ffdbfff, MEM_RAM },
	     { 0x100000000, 0x23fffffff, MEM_RAM });
	SAME(m.crash, { 0x6f000000, 0x7effffff, MEM_CRASH });
	SAME(m.holes);
	SAME(m.firmware, { 0, 0xfff, MEM_RESERVED }, { 0x1000, 0x9fbff, MEM_RAM }, { 0x9fc00, 0x9ffff, MEM_RESERVED },
	     { 0xf0000, 0xfffff, MEM_RESERVED }, { 0x100000, 0x7ffdbfff, MEM_RAM },
	     { 0x7ffdc000, 0x7ffeffff, MEM_ACPI },
	     { 0x7fff0000, 0x7fffffff, MEM_ACPI_NVS }, { 0xb0000000, 0xbfffffff, MEM_RESERVED },
	     { 0x100000000, 0x23fffffff, MEM_RAM }, { 0x240000000, 0x24fffffff, MEM_UNUSABLE });
	CHECK_EQ(m.kernel_code.start, 0x1a200000);
	CHECK_EQ(m.kernel_code.last, 0x1b202816);
	CHECK_EQ(m.kernel_data.last, 0x1c3d9dfe);
	CHECK_EQ(m.kernel_bss.last, 0x1cb1ffff);
	memmap_deinit(&m);
}

/* Reserved memory below System RAM is the kernel's own and dumped; at the top it is the firmware's. */
TEST(arm64_reserved)
{
	static const char text[] =
		"09000000-09000fff : pl011@9000000\n"
		"  09000000-09000fff : 9000000.pl011 pl011@9000000\n"
		"40000000-bfffffff : System RAM\n"
		"  40000000-4000ffff : reserved\n"
		"  50210000-5134ffff : Kernel code\n"
		"  51350000-51d2ffff : reserved\n"
		"  51d30000-5243ffff : Kernel data\n"
		"    51d40000-51d4ffff : reserved\n"
		"  a0000000-bfffffff : Crash kernel\n"
		"c0000000-c01fffff : reserved\n"
		"c0200000-ffffffff : System RAM\n";
	struct memmap m;

	CHECK_EQ(parse(&m, text), 0);
	SAME(m.ram, { 0x40000000, 0xbfffffff, MEM_RAM }, { 0xc0200000, 0xffffffff, MEM_RAM });
	SAME(m.firmware, { 0x40000000, 0xbfffffff, MEM_RAM }, { 0xc0000000, 0xc01fffff, MEM_RESERVED },
	     { 0xc0200000, 0xffffffff, MEM_RAM });
	SAME(m.crash, { 0xa0000000, 0xbfffffff, MEM_CRASH });
	CHECK(m.kernel_bss.last < m.kernel_bss.start);
	memmap_deinit(&m);
}

TEST(memory_of_drivers_is_ram_but_not_handed_on)
{
	static const char text[] =
		"100000000-17fffffff : System RAM\n"
		"180000000-1bfffffff : virtio0\n"
		"  180000000-187ffffff : System RAM (virtio_mem)\n"
		"  190000000-197ffffff : System RAM (virtio_mem)\n"
		"200000000-27fffffff : Persistent Memory\n"
		"  200000000-27fffffff : namespace0.0\n"
		"    204000000-27fffffff : dax0.0\n"
		"      204000000-27fffffff : System RAM (kmem)\n"
		"300000000-33fffffff : Soft Reserved\n"
		"  300000000-33fffffff : dax1.0\n"
		"    300000000-33fffffff : System RAM (kmem)\n"
		"400000000-40fffffff : System RAM (some_new_driver)\n"
		"500000000-50fffffff : Persistent Memory (legacy)\n";
	struct memmap m;

	CHECK_EQ(parse(&m, text), 0);
	SAME(m.ram, { 0x100000000, 0x17fffffff, MEM_RAM }, { 0x180000000, 0x187ffffff, MEM_RAM_HOTPLUG },
	     { 0x190000000, 0x197ffffff, MEM_RAM_HOTPLUG }, { 0x204000000, 0x27fffffff, MEM_RAM_HOTPLUG },
	     { 0x300000000, 0x33fffffff, MEM_RAM_HOTPLUG }, { 0x400000000, 0x40fffffff, MEM_RAM_HOTPLUG });
	SAME(m.firmware, { 0x100000000, 0x17fffffff, MEM_RAM }, { 0x200000000, 0x27fffffff, MEM_PMEM },
	     { 0x300000000, 0x33fffffff, MEM_SOFT_RESERVED }, { 0x500000000, 0x50fffffff, MEM_PRAM });
	memmap_deinit(&m);
}

TEST(crash_regions_low_high_and_deep)
{
	static const char text[] =
		"00100000-7fffffff : System RAM\n"
		"  70000000-77ffffff : Crash kernel\n"
		"80000000-8fffffff : System RAM\n"
		"  80000000-8fffffff : something\n"
		"    81000000-81ffffff : Crash kernel\n"
		"100000000-2ffffffff : System RAM\n"
		"  200000000-21fffffff : Crash kernel\n"
		"300000000-30fffffff : Crash kernel (boot alias)\n";
	struct memmap m;
	struct range window;

	CHECK_EQ(parse(&m, text), 0);
	SAME(m.crash, { 0x70000000, 0x77ffffff, MEM_CRASH }, { 0x81000000, 0x81ffffff, MEM_CRASH },
	     { 0x200000000, 0x21fffffff, MEM_CRASH });
	CHECK_EQ(memmap_crash_window(&m, &window), 0);
	CHECK_EQ(window.start, 0x200000000);
	CHECK_EQ(window.last, 0x21fffffff);
	memmap_deinit(&m);
}

/* The kernel loads into the upper region only, even where the two touch and look like one. */
TEST(adjoining_crash_regions_are_not_one_window)
{
	static const char text[] =
		"40000000-1ffffffff : System RAM\n"
		"  f0000000-ffffffff : Crash kernel\n"
		"  100000000-11fffffff : Crash kernel\n";
	struct memmap m;
	struct range window;

	CHECK_EQ(parse(&m, text), 0);
	CHECK_EQ(memmap_crash_window(&m, &window), 0);
	CHECK_EQ(window.start, 0x100000000);
	CHECK_EQ(window.last, 0x11fffffff);
	memmap_deinit(&m);
}

TEST(no_crash_region)
{
	struct memmap m;
	struct range window = { 5, 6, 7 };

	CHECK_EQ(parse(&m, "00100000-7fffffff : System RAM\n"), 0);
	CHECK_FAILS(memmap_crash_window(&m, &window), -ENODATA, "crashkernel=");
	CHECK_EQ(window.start, 5);
	memmap_deinit(&m);
}

TEST(dump_leaves_out_crash_regions_and_aperture)
{
	static const char text[] =
		"00001000-0009ffff : System RAM\n"
		"00100000-7fffffff : System RAM\n"
		"  20000000-23ffffff : GART\n"
		"  60000000-6fffffff : Crash kernel\n"
		"90000000-93ffffff : GART\n"
		"100000000-17fffffff : System RAM\n"
		"  100000000-10fffffff : Crash kernel\n"
		"180000000-18fffffff : System RAM (virtio_mem)\n";
	struct memmap m;
	struct ranges dump;

	ranges_init(&dump);
	CHECK_EQ(parse(&m, text), 0);
	CHECK_EQ(memmap_dump_ranges(&m, &dump), 0);
	SAME(dump, { 0x1000, 0x9ffff, MEM_RAM }, { 0x100000, 0x1fffffff, MEM_RAM }, { 0x24000000, 0x5fffffff, MEM_RAM },
	     { 0x70000000, 0x7fffffff, MEM_RAM }, { 0x110000000, 0x17fffffff, MEM_RAM },
	     { 0x180000000, 0x18fffffff, MEM_RAM_HOTPLUG });
	ranges_deinit(&dump);
	memmap_deinit(&m);
}

TEST(hidden_addresses)
{
	static const char text[] =
		"00000000-00000000 : Reserved\n"
		"00000000-00000000 : System RAM\n"
		"  00000000-00000000 : Kernel code\n";
	struct memmap m;

	CHECK_FAILS(parse(&m, text), -EPERM, "run as root (CAP_SYS_ADMIN)");
	memmap_deinit(&m);
}

/* One line of zeros is a resource like any other. */
TEST(some_zero_addresses_hide_nothing)
{
	struct memmap m;

	CHECK_EQ(parse(&m, "00000000-00000000 : PCI Bus 0000:00\n00001000-00001fff : System RAM\n"), 0);
	SAME(m.ram, { 0x1000, 0x1fff, MEM_RAM });
	memmap_deinit(&m);
}

TEST(malformed_lines)
{
	static const char *const bad[] = {
		"\n",
		"System RAM\n",
		"00001000 : System RAM\n",
		"00001000- : System RAM\n",
		"-00001000 : System RAM\n",
		"00001000-00001fff: System RAM\n",
		"00001000-00001fff :System RAM\n",
		"00001000-00001fff\n",
		"0x00001000-0x00001fff : System RAM\n",
		" 00001000-00001fff : System RAM\n",
		"   00001000-00001fff : System RAM\n",
		"\t00001000-00001fff : System RAM\n",
		"10000000000000000-10000000000000fff : System RAM\n",
		"0000g000-00001fff : System RAM\n",
	};
	char text[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct memmap m;

		snprintf(text, sizeof(text), "00000000-00000fff : Reserved\n  00000000-000000ff : a\n%s", bad[i]);
		CHECK_FAILS(parse(&m, text), -EINVAL, "line 3");
		memmap_deinit(&m);
	}
}

TEST(odd_names)
{
	struct memmap m;

	CHECK_EQ(parse(&m, "00001000-00001fff : \n00002000-00002fff : <BAD>\n"
			   "00003000-00003fff : a : b\n00004000-00004fff :  System RAM\n"), 0);
	CHECK_EQ(m.ram.nr, 0);
	CHECK_EQ(m.firmware.nr, 0);
	memmap_deinit(&m);
}

TEST(backward_ranges)
{
	struct memmap m;

	CHECK_FAILS(parse(&m, "00002000-00003fff : a\n00009000-00001fff : System RAM\n"), -EINVAL, "line 2");
	memmap_deinit(&m);
	CHECK_FAILS(parse(&m, "00009000-00001fff : Crash kernel\n"), -EINVAL, "Crash kernel");
	memmap_deinit(&m);
	/* No bytes, and devices: not our business. */
	CHECK_EQ(parse(&m, "00002000-00001fff : System RAM\n00009000-00001fff : 0000:00:1f.0\n"
			   "00010000-0001ffff : System RAM\n"), 0);
	SAME(m.ram, { 0x10000, 0x1ffff, MEM_RAM });
	memmap_deinit(&m);
}

TEST(top_of_the_address_space)
{
	struct memmap m;

	CHECK_EQ(parse(&m, "fffffffffffff000-ffffffffffffffff : System RAM\n"), 0);
	CHECK_EQ(m.ram.nr, 1);
	CHECK_EQ(m.ram.r[0].last, UINT64_MAX);
	memmap_deinit(&m);
}

/* A file that changed while it was read repeats lines or loses a parent. */
TEST(race_while_reading)
{
	static const char text[] =
		"00100000-7fffffff : System RAM\n"
		"  60000000-6fffffff : Crash kernel\n"
		"  60000000-6fffffff : Crash kernel\n"
		"00100000-7fffffff : System RAM\n"
		"    01000000-01ffffff : Kernel code\n"
		"80000000-8fffffff : System RAM";
	struct memmap m;

	CHECK_EQ(parse(&m, text), 0);
	SAME(m.ram, { 0x100000, 0x8fffffff, MEM_RAM });
	SAME(m.crash, { 0x60000000, 0x6fffffff, MEM_CRASH });
	CHECK_EQ(m.kernel_code.start, 0x1000000);
	memmap_deinit(&m);
}

TEST(nothing)
{
	struct memmap m;

	CHECK_EQ(parse(&m, ""), 0);
	CHECK_EQ(m.ram.nr, 0);
	memmap_deinit(&m);
}

TEST(names_of_all_types)
{
	for (enum mem_type type = 0; type < NR_MEM_TYPES; type++)
		CHECK(mem_type_name(type) && mem_type_name(type)[0]);
	CHECK_STR(mem_type_name(NR_MEM_TYPES), "unknown");
}

/* Random memory lines with random children against a map of small cells. */
#define CELLS 512

TEST(random_trees)
{
	static const char *const names[] = { "System RAM", "Reserved", "PCI Bus 0000:00", "System RAM (kmem)",
					     "ACPI Tables" };
	static const char *const children[] = { "reserved", "Kernel code", "Crash kernel", "GART", "0000:00:02.0" };

	for (int round = 0; round < 300; round++) {
		bool ram[CELLS] = { 0 }, dumped[CELLS] = { 0 }, wrong = false;
		char *text;
		size_t len;
		FILE *f = open_memstream(&text, &len);
		struct memmap m;
		struct ranges dump;

		for (size_t at = 1; at < CELLS - 8;) {
			size_t cells = 1 + test_random() % 8, name = test_random() % 5;
			bool is_ram = name == 0 || name == 3;

			fprintf(f, "%08zx-%08zx : %s\n", at << 12, ((at + cells) << 12) - 1, names[name]);
			for (size_t i = 0; i < cells; i++)
				ram[at + i] = dumped[at + i] = is_ram;
			for (size_t i = 0; i < cells; i++) {
				size_t child = test_random() % 10;

				if (child >= 5)
					continue;
				fprintf(f, "  %08zx-%08zx : %s\n", (at + i) << 12, ((at + i + 1) << 12) - 1,
					children[child]);
				dumped[at + i] = is_ram && child != 2 && child != 3;
			}
			at += cells + test_random() % 3;
		}
		fclose(f);
		memmap_init(&m);
		ranges_init(&dump);
		CHECK_EQ(iomem_parse(&m, text, len), 0);
		CHECK_EQ(memmap_dump_ranges(&m, &dump), 0);
		for (size_t i = 0; i < CELLS; i++)
			wrong |= ranges_cover(&m.ram, i << 12, (i << 12) + 0xfff) != ram[i] ||
				 ranges_cover(&dump, i << 12, (i << 12) + 0xfff) != dumped[i];
		CHECK(!wrong);
		if (wrong)
			printf("%s", text);
		free(text);
		ranges_deinit(&dump);
		memmap_deinit(&m);
	}
}

TEST(sixty_thousand_lines)
{
	struct memmap m;
	struct ranges dump;
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (uint64_t i = 0; i < 60000; i++)
		fprintf(f, "%08" PRIx64 "-%08" PRIx64 " : System RAM%s\n", (2 * i) << 27, ((2 * i + 1) << 27) - 1,
			i % 3 ? "" : " (virtio_mem)");
	fclose(f);
	memmap_init(&m);
	ranges_init(&dump);
	CHECK_EQ(iomem_parse(&m, text, len), 0);
	CHECK_EQ(m.ram.nr, 60000);
	CHECK_EQ(memmap_dump_ranges(&m, &dump), 0);
	CHECK_EQ(dump.nr, 60000);
	free(text);
	ranges_deinit(&dump);
	memmap_deinit(&m);
}
