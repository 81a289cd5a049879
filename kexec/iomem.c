// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/iomem: the resource tree as the kernel prints it in kernel/resource.c, one line each, parents in
 * front of their children: two blanks per level, "start-last : name", hexadecimal without 0x. Levels stop at
 * five: what lies deeper is shown at level five.
 */
#include "kexec/memmap.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>

#define NOT_IN_RAM SIZE_MAX

struct line {
	size_t nr;             /* for messages, from 1 */
	size_t indent;
	struct range range;
	struct text name;
};

static int line_parse(struct line *line, struct text text)
{
	const struct text whole = text;

	line->indent = text_blanks(&text);
	if (line->indent % 2 || !text_u64(&text, 16, &line->range.start) || !text_take(&text, "-") ||
	    !text_u64(&text, 16, &line->range.last) || !text_take(&text, " : "))
		return fail(-EINVAL, "/proc/iomem line %zu is not \"start-last : name\": \"%.*s\"", line->nr,
			    TEXT_ARGS(&whole));
	line->name = text;
	return 0;
}

/*
 * What kind of memory the line tells of; false: none of our business (devices, PCI windows, parts of the
 * kernel). memory_hotplug.c calls memory that a driver manages "System RAM (driver)" (Linux 5.8): virtio_mem
 * and kmem so far. On arm "(boot alias)" is the same memory at a second address.
 */
static bool line_type(const struct line *line, enum mem_type *type)
{
	if (text_stops(&line->name, "(boot alias)"))
		return false;
	if (text_is(&line->name, "Crash kernel"))
		*type = MEM_CRASH;
	else if (text_starts(&line->name, "System RAM ("))
		*type = MEM_RAM_HOTPLUG;
	else
		return mem_type_find(&line->name, type);
	return true;
}

static void note_kernel(struct memmap *m, const struct line *line)
{
	if (text_is(&line->name, "Kernel code"))
		m->kernel_code = line->range;
	else if (text_is(&line->name, "Kernel data"))
		m->kernel_data = line->range;
	else if (text_is(&line->name, "Kernel bss"))
		m->kernel_bss = line->range;
}

static int add_crash(struct memmap *m, const struct range *r)
{
	if (m->crash_high.last < m->crash_high.start || r->start > m->crash_high.start)
		m->crash_high = (struct range){ r->start, r->last, MEM_CRASH };
	return ranges_add(&m->crash, r->start, r->last, MEM_CRASH);
}

/*
 * IN_RAM: the line lies below a RAM line. Reserved memory there (arm64 lists what memblock reserved so)
 * belongs to the kernel and is part of its dump. Memory that a driver manages is not handed on: the next
 * kernel's driver adds it again.
 */
static int line_apply(struct memmap *m, const struct line *line, bool in_ram)
{
	const struct range *r = &line->range;
	enum mem_type type;
	int err = 0;

	if (text_is(&line->name, "GART"))
		return ranges_add(&m->holes, r->start, r->last, 0);
	if (!line_type(line, &type))
		return 0;
	if (type == MEM_CRASH)
		return add_crash(m, r);
	if (type == MEM_RAM || type == MEM_RAM_HOTPLUG)
		err = ranges_add(&m->ram, r->start, r->last, type);
	if (!err && type != MEM_RAM_HOTPLUG && !in_ram)
		err = ranges_add(&m->firmware, r->start, r->last, type);
	return err;
}

/*
 * A resource of no bytes is printed with its last byte in front of its first. Only for memory is anything
 * else worth an error.
 */
static int check_order(const struct line *line)
{
	enum mem_type type;

	if (line->range.last == line->range.start - 1 || !line_type(line, &type))
		return 0;
	return fail(-EINVAL, "/proc/iomem line %zu: \"%.*s\" starts at %#" PRIx64 " and stops before that, at "
		    "%#" PRIx64,
		    line->nr, TEXT_ARGS(&line->name), line->range.start, line->range.last);
}

int iomem_parse(struct memmap *m, const char *text, size_t len)
{
	struct text rest = text_of(text, len), one;
	struct line line = { 0 };
	size_t ram_indent = NOT_IN_RAM;
	bool any_address = false;
	int err;

	while (text_line(&rest, &one)) {
		line.nr++;
		err = line_parse(&line, one);
		if (err)
			return err;
		any_address |= line.range.start || line.range.last;
		if (ram_indent != NOT_IN_RAM && line.indent <= ram_indent)
			ram_indent = NOT_IN_RAM;
		if (line.range.last < line.range.start) {
			err = check_order(&line);
			if (err)
				return err;
			continue;
		}
		note_kernel(m, &line);
		err = line_apply(m, &line, ram_indent != NOT_IN_RAM);
		if (err)
			return fail_ctx(err, "/proc/iomem line %zu", line.nr);
		if (ram_indent == NOT_IN_RAM && text_starts(&line.name, "System RAM"))
			ram_indent = line.indent;
	}
	if (line.nr && !any_address)
		return fail(-EPERM, "the kernel hides the addresses in /proc/iomem; run as root (CAP_SYS_ADMIN)");
	return 0;
}
