/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs in the first kernel: pattern SEED PAGES. Fills locked pages with a pattern, says at which physical addresses
 * they are, and stays alive in the background holding them. Output: "page INDEX PHYSICAL-ADDRESS" for each, then
 * "holding PID".
 */
#include "tests/e2e/guest/pattern.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Documentation/admin-guide/mm/pagemap.rst: bits 0-54 are the frame number, bit 63 says that the page is in memory. */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_PFN ((UINT64_C(1) << 55) - 1)

static int print_addresses(const unsigned char *memory, size_t nr_pages, size_t page_size, FILE *out)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < nr_pages; i++) {
		uint64_t entry;
		off_t offset = (off_t)((uintptr_t)(memory + i * page_size) / page_size * sizeof(entry));

		if (pread(fd, &entry, sizeof(entry), offset) != sizeof(entry))
			return -1;
		if (!(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_PFN))
			return -1;
		fprintf(out, "page %zu %#" PRIx64 "\n", i, (entry & PAGEMAP_PFN) * page_size);
	}
	close(fd);
	return 0;
}

static void hold(uint64_t seed, size_t nr_pages, FILE *out)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *memory =
		mmap(NULL, nr_pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mlock(memory, nr_pages * page_size)) {
		fprintf(out, "no memory\n");
		return;
	}
	for (size_t i = 0; i < nr_pages; i++)
		pattern_fill((uint64_t *)(void *)(memory + i * page_size), page_size, seed, i);
	if (print_addresses(memory, nr_pages, page_size, out)) {
		fprintf(out, "no physical addresses in /proc/self/pagemap\n");
		return;
	}
	fprintf(out, "holding %d\n", (int)getpid());
	fclose(out);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int ends[2];
	char line[256];
	FILE *in;

	if (argc != 3 || pipe(ends))
		return 1;
	switch (fork()) {
	case -1:
		return 1;
	case 0:
		close(0);
		close(1);
		close(2);
		close(ends[0]);
		hold(strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0), fdopen(ends[1], "w"));
		return 1;
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	while (fgets(line, sizeof(line), in))
		fputs(line, stdout);
	return 0;
}
