// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as /proc/iomem: parsed without harm, and what comes out keeps the promises of kexec/memmap.h. */
#include "kexec/memmap.h"

#include "tests/fuzz/fuzz.h"

static void check(int good)
{
	if (!good)
		abort();
}

static void check_set(const struct ranges *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		check(s->r[i].start <= s->r[i].last);
		check(!i || s->r[i - 1].last < s->r[i].start);
	}
}

static void check_map(const struct memmap *m)
{
	struct ranges dump, both;
	struct range window;

	check_set(&m->ram);
	check_set(&m->crash);
	check_set(&m->holes);
	check_set(&m->firmware);
	for (size_t i = 0; i < m->ram.nr; i++)
		check(m->ram.r[i].type == MEM_RAM || m->ram.r[i].type == MEM_RAM_HOTPLUG);
	for (size_t i = 0; i < m->firmware.nr; i++)
		check(m->firmware.r[i].type != MEM_RAM_HOTPLUG && m->firmware.r[i].type != MEM_CRASH);

	check((memmap_crash_window(m, &window) == 0) == (m->crash.nr != 0));
	if (m->crash.nr)
		check(ranges_cover(&m->crash, window.start, window.last));

	ranges_init(&dump);
	ranges_init(&both);
	check(!memmap_dump_ranges(m, &dump));
	check_set(&dump);
	check(!ranges_intersect(&both, &dump, &m->crash) && !both.nr);
	check(!ranges_intersect(&both, &dump, &m->holes) && !both.nr);
	check(!ranges_subtract(&dump, &m->ram) && !dump.nr);
	ranges_deinit(&dump);
	ranges_deinit(&both);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memmap m;

	memmap_init(&m);
	err_clear();
	if (iomem_parse(&m, (const char *)data, size))
		check(err_text()[0] != 0);
	else
		check_map(&m);
	memmap_deinit(&m);
	return 0;
}
