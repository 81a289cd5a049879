/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes what the purgatory is tried with: a plan without a kernel, its segments as files, for QEMU to put
 * into memory. Uses the loader's own half, so that both are tried together.
 *
 *     image ARCH SYSROOT PAYLOAD DIR [32] [no-verify] [entry=ADDR]
 *
 * PAYLOAD is started instead of a kernel. Prints a line "NAME ADDRESS" for each DIR/NAME.bin, then "entry
 * ADDRESS" and, of the purgatory, "image_len BYTES" and "file_len BYTES": without the zeros behind.
 */
#include "kexec/arch/arch.h"
#include "kexec/purgatory.h"
#include "lib/err.h"
#include "lib/root.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INITRD_BYTES 100001
#define COPY_BYTES 4096

/* The payloads know these: offsets from the start of memory. */
#define COPY_FROM 0x3400000
#define COPY_TO 0x3500000
#define ARGS 0x12345000

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, err_text());
	exit(1);
}

static void save(const char *dir, const char *name, const void *bytes, uint64_t len, uint64_t memsz, uint64_t paddr)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.bin", dir, name);
	f = fopen(path, "wb");
	if (!f || (len && fwrite(bytes, len, 1, f) != 1))
		die(path);
	for (; len < memsz; len++)
		fputc(0, f);
	if (fclose(f))
		die(path);
	printf("%s %#" PRIx64 "\n", name, paddr);
}

static void put(struct plan *plan, const char *what, const void *bytes, uint64_t len, uint64_t memsz)
{
	struct place place = { .memsz = memsz, .last = UINT64_MAX };
	uint64_t paddr;

	if (plan_place(plan, what, bytes, len, &place, &paddr))
		die(what);
}

int main(int argc, char **argv)
{
	static uint8_t pattern[INITRD_BYTES];
	static struct plan plan;
	struct load_request req = { .mem_max = UINT64_MAX };
	struct blob payload;
	struct root sysroot, here;
	uint64_t ram;
	size_t file_len;

	if (argc < 5)
		die("usage");
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i * 7 + (i >> 8);
	plan_init(&plan);
	blob_init(&payload);
	plan.arch = arch_find(argv[1]);
	if (root_init(&sysroot, argv[2]) || root_init(&here, "/") || root_read(&here, argv[3], 1 << 20, &payload))
		die("files");
	ram = strcmp(argv[1], "arm64") ? 0 : 0x40000000;
	plan.root = &sysroot;
	plan.req = &req;
	plan.window = (struct range){ .start = ram + 0x2000000, .last = ram + 0x2ffffff };
	if (ranges_add(&plan.free, plan.window.start, plan.window.last, 0))
		die("ranges");

	put(&plan, "kernel", payload.data, payload.len, payload.len + 300000);
	put(&plan, "initrd", pattern, INITRD_BYTES, INITRD_BYTES);
	put(&plan, "elfcorehdr", pattern, 1000, 8192);
	plan.backup = (struct core_backup){ ram + COPY_FROM, COPY_BYTES, ram + COPY_TO };
	plan.next_entry = plan.seg[0].mem;
	plan.next_args[0] = ARGS;
	for (int i = 5; i < argc; i++) {
		if (!strcmp(argv[i], "32"))
			plan.next_mode = PURG_ENTRY_X86_32;
		if (!strcmp(argv[i], "no-verify"))
			req.no_checks = true;
		if (!strncmp(argv[i], "entry=", 6)) {
			req.entry_given = true;
			req.entry = strtoull(argv[i] + 6, NULL, 0);
		}
	}
	if (purgatory_load(&plan) || plan_check(&plan) || purgatory_seal(&plan))
		die("purgatory");

	for (size_t i = 0; i < plan.nr_seg; i++)
		save(argv[4], plan.seg[i].what, plan.seg[i].buf, plan.seg[i].bufsz, plan.seg[i].memsz, plan.seg[i].mem);
	save(argv[4], "copy-from", pattern, COPY_BYTES, COPY_BYTES, plan.backup.from);
	file_len = plan.purgatory.len;
	while (!plan.purgatory.data[file_len - 1])
		file_len--;
	printf("entry %#" PRIx64 "\nimage_len %zu\nfile_len %zu\n", plan.entry, plan.purgatory.len, file_len);
	plan_deinit(&plan);
	blob_deinit(&payload);
	root_deinit(&sysroot);
	root_deinit(&here);
	return 0;
}
