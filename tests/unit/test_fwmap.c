// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/memmap.h"

#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#define DIR_ "sys/firmware/memmap/"

static void entry(const struct tree *t, unsigned int nr, uint64_t start, uint64_t last, const char *type)
{
	char path[64];

	snprintf(path, sizeof(path), DIR_ "%u/start", nr);
	tree_text(t, path, "0x%" PRIx64 "\n", start);
	snprintf(path, sizeof(path), DIR_ "%u/end", nr);
	tree_text(t, path, "0x%" PRIx64 "\n", last);
	snprintf(path, sizeof(path), DIR_ "%u/type", nr);
	tree_text(t, path, "%s\n", type);
}

TEST(all_types)
{
	static const struct {
		const char *text;
		enum mem_type type;
	} cases[] = {
		{ "System RAM", MEM_RAM }, { "Reserved", MEM_RESERVED }, { "reserved", MEM_RESERVED },
		{ "ACPI Tables", MEM_ACPI },
		{ "ACPI Non-volatile Storage", MEM_ACPI_NVS }, { "Unusable memory", MEM_UNUSABLE },
		{ "Persistent Memory", MEM_PMEM },
		{ "Persistent Memory (legacy)", MEM_PRAM }, { "Soft Reserved", MEM_SOFT_RESERVED },
		{ "Unknown E820 type", MEM_RESERVED }, { "a type of the future", MEM_RESERVED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct memmap m;

		memmap_init(&m);
		CHECK_EQ(fwmap_parse_entry(&m, "0x1000", "0x1fff\n", cases[i].text), 0);
		CHECK_EQ(m.firmware.nr, 1);
		CHECK_EQ(m.firmware.r[0].type, cases[i].type);
		CHECK_EQ(m.firmware.r[0].start, 0x1000);
		CHECK_EQ(m.firmware.r[0].last, 0x1fff);
		CHECK_EQ(m.ram.nr, 0);
		memmap_deinit(&m);
	}
}

TEST(bad_entries)
{
	static const struct {
		const char *start, *last, *message;
	} cases[] = {
		{ "", "0x1fff\n", "start holds \"\"" },
		{ "\n", "0x1fff\n", "start" },
		{ "1000", "0x1fff\n", "start holds \"1000\"" },
		{ "0x", "0x1fff\n", "start" },
		{ "0x1000g", "0x1fff\n", "start" },
		{ "0x1000 0x2000", "0x1fff\n", "start" },
		{ "-0x1000", "0x1fff\n", "start" },
		{ "0x10000000000000000", "0x1fff\n", "start" },
		{ "0x1000", "end\n", "end holds \"end\"" },
		{ "0x1000", "0xfff", "stops before that" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct memmap m;

		memmap_init(&m);
		CHECK_FAILS(fwmap_parse_entry(&m, cases[i].start, cases[i].last, "System RAM"), -EINVAL,
			    cases[i].message);
		CHECK_EQ(m.firmware.nr, 0);
		memmap_deinit(&m);
	}
}

TEST(directory)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	entry(&t, 10, 0x100000000, 0x23fffffff, "System RAM");
	entry(&t, 0, 0, 0x9fbff, "System RAM");
	entry(&t, 2, 0x100000, 0x7fffffff, "System RAM");
	entry(&t, 1, 0x9fc00, 0x9ffff, "Reserved");
	CHECK_EQ(fwmap_read(&m, &t.root), 0);
	CHECK_EQ(m.firmware.nr, 4);
	CHECK_EQ(m.firmware.r[3].last, 0x23fffffff);
	memmap_deinit(&m);
	tree_free(&t);
}

TEST(missing_and_incomplete)
{
	struct tree t = tree_new();
	struct memmap m;

	memmap_init(&m);
	CHECK_FAILS(fwmap_read(&m, &t.root), -ENOENT, "sys/firmware/memmap");
	tree_text(&t, DIR_ "0/start", "0x0\n");
	CHECK_FAILS(fwmap_read(&m, &t.root), -EINVAL, "incomplete");
	CHECK(strstr(err_text(), "memmap/0/end") != NULL);
	tree_text(&t, DIR_ "0/end", "what\n");
	tree_text(&t, DIR_ "0/type", "System RAM\n");
	CHECK_FAILS(fwmap_read(&m, &t.root), -EINVAL, "/sys/firmware/memmap/0: end holds \"what\"");
	memmap_deinit(&m);
	tree_free(&t);
}
