// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/memmap.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"
#include "lib/fdt.h"

#include <errno.h>

/* Larger than any device tree; arm64 stops at DTB_MAX_BYTES, other architectures have no limit of their own. */
#define DTB_READ_MAX (16u << 20)

/*
 * The names of e820_type_to_string() in the kernel's arch/x86/kernel/e820.c, which both iomem and the
 * firmware map use.
 */
static const struct {
	const char *text;
	enum mem_type type;
} kernel_names[] = {
	{ "System RAM", MEM_RAM },
	{ "ACPI Tables", MEM_ACPI },
	{ "ACPI Non-volatile Storage", MEM_ACPI_NVS },
	{ "Unusable memory", MEM_UNUSABLE },
	{ "Persistent Memory", MEM_PMEM },
	{ "Persistent Memory (legacy)", MEM_PRAM },
	{ "Reserved", MEM_RESERVED },
	{ "reserved", MEM_RESERVED },              /* x86 before Linux 5.1, and arm64 */
	{ "Soft Reserved", MEM_SOFT_RESERVED },    /* Linux 5.5 */
	{ "Unknown E820 type", MEM_RESERVED },
};

static const char *const report_names[NR_MEM_TYPES] = {
	[MEM_RAM] = "RAM",
	[MEM_RAM_HOTPLUG] = "RAM, hotplugged",
	[MEM_RESERVED] = "reserved",
	[MEM_ACPI] = "ACPI tables",
	[MEM_ACPI_NVS] = "ACPI NVS",
	[MEM_UNUSABLE] = "unusable",
	[MEM_PMEM] = "persistent",
	[MEM_PRAM] = "persistent, legacy",
	[MEM_SOFT_RESERVED] = "soft reserved",
	[MEM_CRASH] = "crash kernel",
};

const char *mem_type_name(enum mem_type type)
{
	return type < NR_MEM_TYPES ? report_names[type] : "unknown";
}

bool mem_type_find(const struct text *name, enum mem_type *type)
{
	for (size_t i = 0; i < sizeof(kernel_names) / sizeof(kernel_names[0]); i++) {
		if (text_is(name, kernel_names[i].text)) {
			*type = kernel_names[i].type;
			return true;
		}
	}
	return false;
}

void memmap_init(struct memmap *m)
{
	const struct range none = { .start = 1, .last = 0 };

	ranges_init(&m->firmware);
	ranges_init(&m->ram);
	ranges_init(&m->crash);
	ranges_init(&m->holes);
	m->crash_high = m->kernel_code = m->kernel_data = m->kernel_bss = none;
}

void memmap_deinit(struct memmap *m)
{
	ranges_deinit(&m->firmware);
	ranges_deinit(&m->ram);
	ranges_deinit(&m->crash);
	ranges_deinit(&m->holes);
}

static int read_iomem(struct memmap *m, const struct root *root)
{
	struct blob text;
	int err;

	blob_init(&text);
	err = root_read(root, "proc/iomem", ROOT_READ_MAX, &text);
	if (!err)
		err = iomem_parse(m, (const char *)text.data, text.len);
	blob_deinit(&text);
	if (!err && !m->ram.nr)
		err = fail(-ENODATA, "/proc/iomem lists no System RAM");
	return err;
}

/*
 * The firmware's own map replaces the typed map made from iomem. What the running kernel decided to keep away
 * from its page allocator later (memmap=nn!ss, efi_fake_mem=, the EFI specific-purpose attribute) is RAM to
 * the firmware; the next kernel must not take it for that either.
 */
static int read_firmware_map(struct memmap *m, const struct root *root)
{
	struct ranges kernel = m->firmware;
	int err;

	ranges_init(&m->firmware);
	err = fwmap_read(m, root);
	if (err == -ENOENT) {
		debug("%s; taking the map of /proc/iomem", err_text());
		err_clear();
		ranges_deinit(&m->firmware);
		m->firmware = kernel;
		return 0;
	}
	for (size_t i = 0; !err && i < kernel.nr; i++) {
		const struct range *r = &kernel.r[i];

		if (r->type == MEM_PMEM || r->type == MEM_PRAM || r->type == MEM_SOFT_RESERVED)
			err = ranges_add(&m->firmware, r->start, r->last, r->type);
	}
	ranges_deinit(&kernel);
	return err;
}

static int read_device_tree(struct memmap *m, const struct root *root)
{
	struct blob file;
	struct dtb dtb;
	struct view view;
	int err;

	if (!dtb_built_in() || !root_exists(root, "sys/firmware/fdt")) {
		debug("no device tree is read for reservations");
		return 0;
	}
	blob_init(&file);
	err = root_read(root, "sys/firmware/fdt", DTB_READ_MAX, &file);
	if (!err) {
		view = blob_view(&file, "/sys/firmware/fdt");
		err = dtb_open(&dtb, &view, 0);
	}
	if (!err) {
		err = dtb_reserved(&dtb, &m->firmware, MEM_RESERVED);
		dtb_close(&dtb);
	}
	blob_deinit(&file);
	return err;
}

int memmap_read(struct memmap *m, const struct root *root, const struct arch *arch)
{
	int err = read_iomem(m, root);

	if (!err && (arch->memory_sources & MEM_FROM_FWMAP))
		err = read_firmware_map(m, root);
	if (!err && (arch->memory_sources & MEM_FROM_DTB))
		err = read_device_tree(m, root);
	return err ? fail_ctx(err, "cannot read the memory map") : 0;
}

int memmap_dump_ranges(const struct memmap *m, struct ranges *out)
{
	int err = ranges_copy(out, &m->ram);

	if (!err)
		err = ranges_subtract(out, &m->crash);
	if (!err)
		err = ranges_subtract(out, &m->holes);
	return err;
}

int memmap_crash_window(const struct memmap *m, struct range *out)
{
	if (m->crash_high.last < m->crash_high.start)
		return fail(-ENODATA, "no memory is reserved for a capture kernel; boot with crashkernel=SIZE on "
			    "the command line, for example crashkernel=256M");
	*out = m->crash_high;
	return 0;
}
