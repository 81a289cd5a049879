/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes what the purgatory is tried with: a plan without a kernel, its segments as files, for QEMU to put
 * into memory. Uses the loader's own half, so that both are tried together.
 *
 *     image ARCH SYSROOT PAYLOAD DIR [OPTION...]
 *
 *     32             enter the payload in 32-bit mode
 *     no-verify      -i
 *     entry=ADDR     of the primary image
 *     fallback       there is one, with an initrd and a command line of its own
 *     policy=NAME    reboot, halt, boot, fallback
 *     initrd=BYTES   its size
 *     no-tables      no page tables, where the architecture has them
 *     tables-hole    they lack the last page of the initrd
 *     tables-silent  they lack the consoles
 *     framebuffer    another console: one at FRAMEBUFFER
 *     vga            another console: the screen, to be reset first
 *
 * PAYLOAD is started instead of a kernel. Prints a line "NAME ADDRESS" for each DIR/NAME.bin, then "entry
 * ADDRESS" and, of the purgatory, "image_len BYTES" and "file_len BYTES": without the zeros behind.
 */
#include "kexec/arch/arch.h"
#include "kexec/identity_map.h"
#include "kexec/purgatory.h"
#include "lib/err.h"
#include "lib/root.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INITRD_BYTES 100001
#define FALLBACK_INITRD_BYTES 5000
#define COPY_BYTES 4096
#define VERDICT_BYTES 160

/* The payloads know these: offsets from the start of memory. */
#define COPY_FROM 0x9400000
#define COPY_TO 0x9500000
/* The crash region begins and stops in the middle of a large page. */
#define WINDOW 0x2000000
#define CRASH_LAST 0x9510fff

#define FRAMEBUFFER 0x9f01000

static struct {
	uint64_t initrd_bytes;
	uint32_t policy;
	bool fallback, no_tables, tables_hole, tables_silent, framebuffer, vga;
} options = { .initrd_bytes = INITRD_BYTES, .policy = PURG_POLICY_REBOOT };

static uint8_t *pattern;
static char cmdlines[PURG_MAX_IMAGES][400];

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

static uint64_t put(struct plan *plan, const char *what, uint32_t images, const void *bytes, uint64_t len,
		    uint64_t memsz)
{
	struct place place = { .memsz = memsz, .last = UINT64_MAX, .images = images };
	uint64_t paddr;

	if (plan_place(plan, what, bytes, len, &place, &paddr))
		die(what);
	return paddr;
}

static void put_cmdline(struct plan *plan, unsigned int idx, const char *segment, const char *text)
{
	struct capture *c = &plan->capture[idx];
	size_t before = strlen(text) + 1;

	snprintf(cmdlines[idx], sizeof(cmdlines[idx]), "%s %-*s behind", text, VERDICT_BYTES, PURG_VERDICT_WORD "unknown");
	c->next_args[0] = put(plan, segment, FOR_IMAGE(idx), cmdlines[idx], strlen(cmdlines[idx]) + 1, 4096);
	c->verdict_paddr = c->next_args[0] + before;
	c->verdict_len = VERDICT_BYTES;
	c->next_entry = plan_find(plan, "kernel")->mem;
}

static void put_tables(struct plan *plan)
{
	uint32_t nr_consoles = plan->nr_consoles;
	uint64_t last = plan->window.start - plan->window.start % 0x1000000 - WINDOW + CRASH_LAST;

	if (options.no_tables)
		return;
	if (options.tables_silent)
		plan->nr_consoles = 0;
	if (options.tables_hole)
		last = plan_find(plan, "initrd")->mem + plan_find(plan, "initrd")->memsz - 4097;
	if (ranges_add(&plan->memmap.crash, plan->window.start, last, 0) || identity_map_place(plan))
		die("page tables");
	plan->nr_consoles = nr_consoles;
}

static void option(struct plan *plan, struct load_request *req, const char *text)
{
	static const struct {
		const char *name;
		uint32_t policy;
	} policies[] = {
		{ "policy=reboot", PURG_POLICY_REBOOT },
		{ "policy=halt", PURG_POLICY_HALT },
		{ "policy=boot", PURG_POLICY_BOOT },
		{ "policy=fallback", PURG_POLICY_FALLBACK },
	};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (!strcmp(text, policies[i].name))
			options.policy = policies[i].policy;
	if (!strcmp(text, "32"))
		plan->capture[PRIMARY].next_mode = plan->capture[FALLBACK].next_mode = PURG_ENTRY_X86_32;
	req->no_checks |= !strcmp(text, "no-verify");
	options.fallback |= !strcmp(text, "fallback");
	options.no_tables |= !strcmp(text, "no-tables");
	options.tables_hole |= !strcmp(text, "tables-hole");
	options.tables_silent |= !strcmp(text, "tables-silent");
	options.framebuffer |= !strcmp(text, "framebuffer");
	options.vga |= req->console.reset_vga |= !strcmp(text, "vga");
	if (!strncmp(text, "initrd=", 7))
		options.initrd_bytes = strtoull(text + 7, NULL, 0);
}

static void build(struct plan *plan, const struct blob *payload, uint64_t ram)
{
	put(plan, "kernel", FOR_ALL_IMAGES, payload->data, payload->len, payload->len + 300000);
	put(plan, "elfcorehdr", FOR_ALL_IMAGES, pattern, 1000, 8192);
	put_cmdline(plan, PRIMARY, "cmdline", "primary");
	if (options.fallback) {
		plan->nr_captures = 2;
		put(plan, "fallback-initrd", FOR_IMAGE(FALLBACK), pattern, FALLBACK_INITRD_BYTES, FALLBACK_INITRD_BYTES);
		put_cmdline(plan, FALLBACK, "fallback-cmdline", "fallback");
	}
	put(plan, "initrd", FOR_IMAGE(PRIMARY), pattern, options.initrd_bytes, options.initrd_bytes);
	plan->backup = (struct core_backup){ ram + COPY_FROM, COPY_BYTES, ram + COPY_TO };
	plan->policy = options.policy;
}

int main(int argc, char **argv)
{
	static struct plan plan;
	struct load_request req = { .mem_max = UINT64_MAX };
	struct blob payload;
	struct root sysroot, here;
	uint64_t ram;
	size_t file_len;

	if (argc < 5)
		die("usage");
	plan_init(&plan);
	blob_init(&payload);
	plan.arch = arch_find(argv[1]);
	if (root_init(&sysroot, argv[2]) || root_init(&here, "/") || root_read(&here, argv[3], 1 << 20, &payload))
		die("files");
	ram = strcmp(argv[1], "arm64") ? 0 : 0x40000000;
	plan.root = &sysroot;
	plan.req = &req;
	plan.window = (struct range){ .start = ram + WINDOW, .last = ram + COPY_FROM - 1 };
	if (ranges_add(&plan.free, plan.window.start, plan.window.last, 0))
		die("ranges");
	for (int i = 5; i < argc; i++)
		option(&plan, &req, argv[i]);
	pattern = malloc(options.initrd_bytes + INITRD_BYTES);
	if (!pattern)
		die("memory");
	for (size_t i = 0; i < options.initrd_bytes + INITRD_BYTES; i++)
		pattern[i] = i * 7 + (i >> 8);
	build(&plan, &payload, ram);
	for (int i = 5; i < argc; i++)
		if (!strncmp(argv[i], "entry=", 6))
			plan.capture[PRIMARY].next_entry = strtoull(argv[i] + 6, NULL, 0);
	if (purgatory_consoles(&sysroot, plan.arch, &req.console, plan.consoles, &plan.nr_consoles))
		die("consoles");
	if (options.framebuffer)
		plan.consoles[plan.nr_consoles++] = (struct purg_console){
			.type = PURG_CONSOLE_FRAMEBUFFER, .base = ram + FRAMEBUFFER, .width = 1024, .height = 768,
			.pitch = 4096, .depth = 32,
		};
	if (options.vga)
		plan.consoles[plan.nr_consoles++] = (struct purg_console){ .type = PURG_CONSOLE_VGA, .base = 0xb8000 };
	put_tables(&plan);
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
	free(pattern);
	return 0;
}
