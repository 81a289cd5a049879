// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The small texts of /sys and what surrounds them. The first byte names the parser, the rest is its text: 'f'
 * START|END|TYPE of a firmware map entry, 'c' a list of CPUs, 's' /sys/kernel/vmcoreinfo, 'v' a vmcoreinfo
 * text, 'k' kallsyms.
 */
#include "kexec/crash.h"
#include "kexec/kernel_map.h"

#include "tests/fuzz/fuzz.h"

static void check(int good)
{
	if (!good)
		abort();
}

static void firmware_entry(char *text)
{
	char *end = strchr(text, '|'), *type = end ? strchr(end + 1, '|') : NULL;
	struct memmap m;

	if (!type)
		return;
	*end = *type = 0;
	memmap_init(&m);
	if (fwmap_parse_entry(&m, text, end + 1, type + 1))
		check(err_text()[0] && !m.firmware.nr);
	else
		check(m.firmware.nr == 1 && m.firmware.r[0].start <= m.firmware.r[0].last);
	memmap_deinit(&m);
}

static void cpulist(const char *text)
{
	struct ranges cpus;

	ranges_init(&cpus);
	if (cpulist_parse(&cpus, text))
		check(err_text()[0] != 0);
	else
		for (size_t i = 0; i < cpus.nr; i++)
			check(cpus.r[i].start <= cpus.r[i].last && cpus.r[i].last <= UINT32_MAX);
	ranges_deinit(&cpus);
}

static void vmcoreinfo_file(const char *text)
{
	uint64_t paddr = 7, len = 7;

	if (vmcoreinfo_sysfs_parse(text, &paddr, &len))
		check(err_text()[0] && paddr == 7 && len == 7);
	else
		check(len && paddr + (len - 1) >= paddr);
}

static void vmcoreinfo_text(const struct view *text)
{
	static const char *const keys[] = { "NUMBER(phys_base)", "NUMBER(kimage_voffset)", "SYMBOL(_stext)", "", "=" };
	const char *value;
	uint64_t number;
	size_t len;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (vmcoreinfo_text_find(text, keys[i], &value, &len))
			check((const uint8_t *)value >= text->base &&
			      (uint64_t)((const uint8_t *)value - text->base) + len <= text->len);
		vmcoreinfo_text_number(text, keys[i], 10, &number);
		vmcoreinfo_text_number(text, keys[i], 16, &number);
		vmcoreinfo_text_number(text, keys[i], 0, &number);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t vaddr;
	char *text;

	if (!size)
		return 0;
	/* Just as large as the text, for the sanitizer; the string parsers get one with a NUL. */
	struct view view = view_of(data + 1, size - 1, "input");

	text = malloc(size);
	check(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	err_clear();
	switch (data[0]) {
	case 'f':
		firmware_entry(text);
		break;
	case 'c':
		cpulist(text);
		break;
	case 's':
		vmcoreinfo_file(text);
		break;
	case 'v':
		vmcoreinfo_text(&view);
		break;
	case 'k':
		if (kallsyms_find(&view, "_text", &vaddr))
			check(vaddr != 0);
		break;
	}
	free(text);
	return 0;
}
