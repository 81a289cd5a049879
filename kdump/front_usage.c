// SPDX-License-Identifier: GPL-2.0-or-later
/* --mem-usage: what the pages of a running system are, out of its /proc/kcore, in the layout that scripts read. */
#include "kdump/front.h"

#include "kdump/crashed.h"
#include "kdump/pagemap.h"
#include "lib/err.h"
#include "lib/root.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_BUDGET (16ull << 20)
#define KCORE "/proc/kcore"

struct usage {
	struct crashed cr;
	struct pagemap map;
	struct ranges crash_kernel; /* bytes: never in a dump */
	uint8_t *page;
	uint64_t pages[NR_CLASSES], zero, all;
};

/* Lines as "  2b000000-3affffff : Crash kernel". */
int front_crash_kernel(struct text iomem, struct ranges *ranges)
{
	struct text line;
	int err = 0;

	while (!err && text_line(&iomem, &line)) {
		uint64_t start, last;

		text_trim(&line);
		if (text_u64(&line, 16, &start) && text_take(&line, "-") && text_u64(&line, 16, &last) &&
		    text_is(&line, " : Crash kernel") && last >= start && last)
			err = ranges_add(ranges, start, last, 0);
	}
	return err;
}

static int read_iomem(struct usage *u)
{
	struct blob text;
	struct root root;
	int err = root_init(&root, NULL);

	if (err)
		return err;
	blob_init(&text);
	err = root_read(&root, "proc/iomem", ROOT_READ_MAX, &text);
	if (!err)
		err = front_crash_kernel(text_of((const char *)text.data, text.len), &u->crash_kernel);
	blob_deinit(&text);
	root_deinit(&root);
	return err;
}

/* Zero pages are looked for only among those that are worth saving otherwise. */
static int count_window(void *ctx, const struct pagemap_window *w, const uint8_t *class)
{
	struct usage *u = ctx;
	const unsigned int shift = u->cr.core.page_shift;
	const uint64_t bytes = vmcore_page_bytes(&u->cr.core);

	for (uint64_t i = 0; i < w->nr; i++) {
		const uint64_t paddr = (w->first_pfn + i) << shift;

		if (class[i] >= CLASS_NO_RAM || ranges_find(&u->crash_kernel, paddr))
			continue;
		u->all++;
		u->pages[class[i]]++;
		if (class_excluded(class[i], LEVEL_ALL) || vmcore_read(&u->cr.core, paddr, u->page, bytes))
			continue;
		u->zero += !u->page[0] && !memcmp(u->page, u->page + 1, bytes - 1);
	}
	return 0;
}

static void print_row(const char *type, uint64_t pages, bool excludable, const char *text)
{
	printf("%s%s%-16" PRIu64 "\t%s\t\t%s\n", type, strlen(type) < 8 ? "\t\t" : "\t", pages,
	       excludable ? "yes" : "no", text);
}

static void print_usage(const struct usage *u)
{
	const uint64_t bytes = vmcore_page_bytes(&u->cr.core);
	uint64_t kernel = 0;

	for (unsigned int class = 0; class < CLASS_NO_RAM; class++)
		kernel += class_excluded(class, LEVEL_ALL) ? 0 : u->pages[class];
	printf("\nTYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION\n");
	printf("----------------------------------------------------------------------\n");
	print_row("ZERO", u->zero, true, "Pages filled with zero");
	print_row("NON_PRI_CACHE", u->pages[CLASS_CACHE], true, "Cache pages without private flag");
	print_row("PRI_CACHE", u->pages[CLASS_CACHE_PRIVATE], true, "Cache pages with private flag");
	print_row("USER", u->pages[CLASS_USER], true, "User process pages");
	print_row("FREE", u->pages[CLASS_FREE], true, "Free pages");
	print_row("KERN_DATA", kernel - u->zero, false, "Dumpable kernel data");
	printf("\npage size:\t\t%-16" PRIu64 "\nTotal pages on system:\t%-16" PRIu64 "\n", bytes, u->all);
	printf("Total size on system:\t%-16" PRIu64 " Byte\n", u->all * bytes);
}

static int count_all(struct usage *u, const char *path)
{
	crashed_classify(&u->cr);
	if (!u->cr.classified)
		return fail(-ENODATA, "%s: its pages cannot be told apart", path);
	u->page = malloc(vmcore_page_bytes(&u->cr.core));
	if (!u->page)
		return fail(-ENOMEM, "out of memory for a page");
	return pagemap_init(&u->map, &u->cr.c, USAGE_BUDGET, count_window, u);
}

int front_mem_usage(const struct front *f)
{
	const char *path = f->files[0];
	struct usage u = { 0 };
	int err = crashed_open(&u.cr, path, f->save.no_mmap ? VMCORE_NO_MMAP : 0);

	if (err)
		return err;
	ranges_init(&u.crash_kernel);
	/* Only of the machine that this runs on is it known where its capture kernel lies. */
	if (!strcmp(path, KCORE))
		err = read_iomem(&u);
	if (!err)
		err = count_all(&u, path);
	if (!err)
		print_usage(&u);
	pagemap_deinit(&u.map);
	free(u.page);
	ranges_deinit(&u.crash_kernel);
	crashed_close(&u.cr);
	return err;
}
