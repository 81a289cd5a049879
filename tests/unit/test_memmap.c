// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/memmap.h"

#include "kexec/arch/arch.h"
#include "lib/fdt.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

static void firmware_entry(const struct tree *t, unsigned int nr, const char *start, const char *last, const char *type)
{
	char path[64];

	snprintf(path, sizeof(path), "sys/firmware/memmap/%u/start", nr);
	tree_text(t, path, "%s\n", start);
	snprintf(path, sizeof(path), "sys/firmware/memmap/%u/end", nr);
	tree_text(t, path, "%s\n", last);
	snprintf(path, sizeof(path), "sys/firmware/memmap/%u/type", nr);
	tree_text(t, path, "%s\n", type);
}

static enum mem_type handed_on(const struct memmap *m, uint64_t addr)
{
	const struct range *r = ranges_find(&m->firmware, addr);

	return r ? r->type : NR_MEM_TYPES;
}

TEST(firmware_map_is_handed_on)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	tree_text(&t, "proc/iomem",
		  "00001000-0009ffff : System RAM\n"
		  "00100000-3fffffff : System RAM\n"
		  "40000000-4fffffff : Persistent Memory (legacy)\n"   /* memmap=256M!1G */
		  "50000000-5fffffff : System RAM\n"
		  "60000000-6fffffff : Soft Reserved\n"
		  "70000000-70ffffff : Reserved\n"                     /* of the kernel, unknown to the firmware */
		  "100000000-1ffffffff : Persistent Memory\n"
		  "200000000-20fffffff : System RAM (virtio_mem)\n");
	firmware_entry(&t, 0, "0x0", "0x9ffff", "System RAM");
	firmware_entry(&t, 1, "0x100000", "0x6fffffff", "System RAM");
	firmware_entry(&t, 2, "0xfffc0000", "0xffffffff", "Reserved");
	CHECK_EQ(memmap_read(&m, &t.root, &arch_x86_64), 0);
	CHECK_EQ(handed_on(&m, 0), MEM_RAM);
	CHECK_EQ(handed_on(&m, 0x3fffffff), MEM_RAM);
	CHECK_EQ(handed_on(&m, 0x40000000), MEM_PRAM);
	CHECK_EQ(handed_on(&m, 0x4fffffff), MEM_PRAM);
	CHECK_EQ(handed_on(&m, 0x50000000), MEM_RAM);
	CHECK_EQ(handed_on(&m, 0x60000000), MEM_SOFT_RESERVED);
	CHECK_EQ(handed_on(&m, 0x70000000), NR_MEM_TYPES);
	CHECK_EQ(handed_on(&m, 0xfffc0000), MEM_RESERVED);
	CHECK_EQ(handed_on(&m, 0x100000000), MEM_PMEM);
	CHECK_EQ(handed_on(&m, 0x200000000), NR_MEM_TYPES);
	CHECK_EQ(ranges_bytes(&m.ram), 0x9f000 + 0x3ff00000 + 0x10000000 + 0x10000000);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(iomem_stands_in_for_the_firmware_map)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	tree_text(&t, "proc/iomem", "00001000-0009ffff : System RAM\nfffc0000-ffffffff : Reserved\n");
	CHECK_EQ(memmap_read(&m, &t.root, &arch_x86_64), 0);
	CHECK_EQ(m.firmware.nr, 2);
	CHECK_EQ(handed_on(&m, 0xfffc0000), MEM_RESERVED);
	CHECK_STR(err_text(), "");
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(broken_firmware_map_is_an_error)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	tree_text(&t, "proc/iomem", "00001000-0009ffff : System RAM\n");
	firmware_entry(&t, 0, "0x9000", "0x1000", "System RAM");
	CHECK_FAILS(memmap_read(&m, &t.root, &arch_x86_64), -EINVAL, "/sys/firmware/memmap/0");
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(no_memory)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	CHECK_FAILS(memmap_read(&m, &t.root, &arch_x86_64), -ENOENT, "proc/iomem");
	tree_text(&t, "proc/iomem", "%s", "");
	CHECK_FAILS(memmap_read(&m, &t.root, &arch_x86_64), -ENODATA, "no System RAM");
	tree_text(&t, "proc/iomem", "00001000-0009ffff : Reserved\n");
	CHECK_FAILS(memmap_read(&m, &t.root, &arch_arm64), -ENODATA, "no System RAM");
	tree_text(&t, "proc/iomem", "00000000-00000000 : System RAM\n");
	CHECK_FAILS(memmap_read(&m, &t.root, &arch_arm64), -EPERM, "CAP_SYS_ADMIN");
	memmap_deinit(&m);
	tree_free(&t);
}

/* ACPI machines have a stub of a tree or none. */
TEST(no_device_tree)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	tree_text(&t, "proc/iomem", "40000000-7fffffff : System RAM\n");
	CHECK_EQ(memmap_read(&m, &t.root, &arch_arm64), 0);
	CHECK_EQ(m.firmware.nr, 1);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(device_tree_reservations)
{
	struct tree t = tree_synthetic("--arch arm64 --crash 256M --crash-low 64M");
	struct memmap m;
	struct range window;

	memmap_init(&m);
	CHECK_EQ(memmap_read(&m, &t.root, &arch_arm64), 0);
	CHECK_EQ(handed_on(&m, 0x47ffffff), MEM_RAM);
	CHECK_EQ(handed_on(&m, 0x48000000), dtb_built_in() ? MEM_RESERVED : MEM_RAM);
	CHECK_EQ(handed_on(&m, 0x49ffffff), dtb_built_in() ? MEM_RESERVED : MEM_RAM);
	CHECK_EQ(handed_on(&m, 0x4a000000), MEM_RAM);
	CHECK_EQ(handed_on(&m, 0xc0000000), MEM_RESERVED);
	CHECK(ranges_cover(&m.ram, 0x40000000, 0xbfffffff));
	CHECK_EQ(m.crash.nr, 2);
	CHECK_EQ(memmap_crash_window(&m, &window), 0);
	CHECK_EQ(range_len(&window), 256 << 20);
	memmap_deinit(&m);
	if (dtb_built_in()) {
		memmap_init(&m);
		tree_text(&t, "sys/firmware/fdt", "this is no device tree, whatever its name says");
		CHECK_FAILS(memmap_read(&m, &t.root, &arch_arm64), -EINVAL, "fdt");
		memmap_deinit(&m);
	}
	tree_free(&t);
}

TEST(virtio_mem_machine)
{
	struct tree t = tree_synthetic("--arch x86_64 --ranges 6 --crash 256M --virtio-mem");
	struct memmap m;
	struct ranges dump;
	uint64_t plugged = 0;

	memmap_init(&m);
	ranges_init(&dump);
	CHECK_EQ(memmap_read(&m, &t.root, &arch_x86_64), 0);
	for (size_t i = 0; i < m.ram.nr; i++)
		plugged += m.ram.r[i].type == MEM_RAM_HOTPLUG ? range_len(&m.ram.r[i]) : 0;
	CHECK_EQ(plugged, (768ull + 256 + (2048 - 64) + 1024) << 20);
	for (size_t i = 0; i < m.firmware.nr; i++)
		CHECK(m.firmware.r[i].type != MEM_RAM_HOTPLUG);
	CHECK_EQ(memmap_dump_ranges(&m, &dump), 0);
	CHECK_EQ(ranges_bytes(&dump), ranges_bytes(&m.ram) - (256 << 20));
	ranges_deinit(&dump);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(many_ranges)
{
	struct tree t = tree_synthetic("--arch x86_64 --ranges 20000 --crash 512M");
	struct memmap m;
	struct ranges dump;

	memmap_init(&m);
	ranges_init(&dump);
	CHECK_EQ(memmap_read(&m, &t.root, &arch_x86_64), 0);
	CHECK_EQ(m.ram.nr, 20000);
	CHECK_EQ(m.crash.nr, 1);
	CHECK_EQ(memmap_dump_ranges(&m, &dump), 0);
	CHECK_EQ(dump.nr, 20001);
	ranges_deinit(&dump);
	memmap_deinit(&m);
	tree_free(&t);
}
