// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/report.h"

#include "kexec/arch/arch.h"
#include "lib/elf.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Not %#014: that writes a zero address without its 0x. */
#define ADDRESS "0x%012" PRIx64
#define SPAN "  " ADDRESS "-" ADDRESS "  "

static void ranges_table(FILE *out, const char *title, const struct ranges *ranges)
{
	fprintf(out, "%s: %zu, %" PRIu64 " KiB\n", title, ranges->nr, ranges_bytes(ranges) >> 10);
	for (size_t i = 0; i < ranges->nr; i++)
		fprintf(out, SPAN "%12" PRIu64 " KiB  %s\n", ranges->r[i].start, ranges->r[i].last,
			range_len(&ranges->r[i]) >> 10, mem_type_name(ranges->r[i].type));
}

static void ranges_json(struct json *parent, const char *key, const struct ranges *ranges)
{
	struct json *list = json_array_in(parent, key);

	for (size_t i = 0; i < ranges->nr; i++) {
		struct json *row = json_object_in(list, NULL);

		json_add_hex(row, "start", ranges->r[i].start);
		json_add_hex(row, "last", ranges->r[i].last);
		json_add_string(row, "type", mem_type_name(ranges->r[i].type));
	}
}

static void absent_table(FILE *out, const struct crash_info *crash)
{
	if (!crash->absent.nr)
		return;
	fputs("  possible CPUs without a note, never present:", out);
	for (size_t i = 0; i < crash->absent.nr; i++) {
		const struct range *r = &crash->absent.r[i];

		fprintf(out, r->start == r->last ? " %" PRIu64 : " %" PRIu64 "-%" PRIu64, r->start, r->last);
	}
	fputc('\n', out);
}

static void crash_table(FILE *out, const struct crash_info *crash)
{
	fprintf(out, "CPU notes: %zu\n", crash->nr_notes);
	for (size_t i = 0; i < crash->nr_notes; i++)
		fprintf(out, "  cpu %-6" PRIu32 " " ADDRESS "  %" PRIu64 " bytes\n", crash->notes[i].cpu,
			crash->notes[i].paddr, crash->notes[i].len);
	absent_table(out, crash);
	if (crash->vmcoreinfo_len)
		fprintf(out, "vmcoreinfo: %#" PRIx64 ", %" PRIu64 " bytes\n", crash->vmcoreinfo_paddr,
			crash->vmcoreinfo_len);
	else
		fputs("vmcoreinfo: none\n", out);
	if (crash->kernel.known)
		fprintf(out, "kernel image: virtual %#" PRIx64 ", physical %#" PRIx64 ", %" PRIu64 " KiB\n",
			crash->kernel.vaddr, crash->kernel.paddr, crash->kernel.len >> 10);
	else
		fprintf(out, "kernel image: mapping unknown: %s\n",
			crash->why_no_kernel_map ? crash->why_no_kernel_map : "?");
	if (crash->direct_map_known)
		fprintf(out, "direct map: physical + %#" PRIx64 "\n", crash->direct_map_offset);
	else
		fputs("direct map: unknown\n", out);
	if (crash->elfcorehdr_size)
		fprintf(out, "core headers for --hotplug: %" PRIu64 " bytes\n", crash->elfcorehdr_size);
}

static void crash_json(struct json *root, const struct crash_info *crash)
{
	struct json *notes = json_array_in(root, "cpu_notes"), *absent, *row;

	for (size_t i = 0; i < crash->nr_notes; i++) {
		row = json_object_in(notes, NULL);
		json_add_number(row, "cpu", crash->notes[i].cpu);
		json_add_hex(row, "paddr", crash->notes[i].paddr);
		json_add_hex(row, "bytes", crash->notes[i].len);
	}
	absent = json_array_in(root, "cpus_without_note");
	for (size_t i = 0; i < crash->absent.nr; i++) {
		row = json_object_in(absent, NULL);
		json_add_number(row, "first", (int64_t)crash->absent.r[i].start);
		json_add_number(row, "last", (int64_t)crash->absent.r[i].last);
	}
	row = json_object_in(root, "vmcoreinfo");
	json_add_hex(row, "paddr", crash->vmcoreinfo_paddr);
	json_add_hex(row, "bytes", crash->vmcoreinfo_len);
	row = json_object_in(root, "kernel_image");
	json_add_bool(row, "known", crash->kernel.known);
	if (crash->kernel.known) {
		json_add_hex(row, "vaddr", crash->kernel.vaddr);
		json_add_hex(row, "paddr", crash->kernel.paddr);
		json_add_hex(row, "bytes", crash->kernel.len);
	} else if (crash->why_no_kernel_map) {
		json_add_string(row, "why", crash->why_no_kernel_map);
	}
	if (crash->direct_map_known)
		json_add_hex(root, "direct_map_offset", crash->direct_map_offset);
	json_add_hex(root, "hotplug_elfcorehdr_bytes", crash->elfcorehdr_size);
}

static int print_json(struct json *root, FILE *out)
{
	int err = json_print(root, out);

	json_free(root);
	return err;
}

int report_ranges(const struct plan *plan, bool json, FILE *out)
{
	const struct memmap *m = &plan->memmap;
	struct json *root;

	if (!json) {
		ranges_table(out, "RAM", &m->ram);
		ranges_table(out, "Memory map to hand on", &m->firmware);
		ranges_table(out, "Crash kernel regions", &m->crash);
		ranges_table(out, "Not read by a dump", &m->holes);
		ranges_table(out, "Dumped", &plan->dump);
		crash_table(out, &plan->crash);
		return 0;
	}
	root = json_object();
	json_add_string(root, "arch", plan->arch->name);
	ranges_json(root, "ram", &m->ram);
	ranges_json(root, "map", &m->firmware);
	ranges_json(root, "crash", &m->crash);
	ranges_json(root, "holes", &m->holes);
	ranges_json(root, "dump", &plan->dump);
	crash_json(root, &plan->crash);
	return print_json(root, out);
}

static void segments_table(const struct plan *plan, FILE *out)
{
	char digest[2 * sizeof(plan->seg[0].digest) + 1];

	fprintf(out, "Segments: %zu, %" PRIu64 " KiB of the reservation %#" PRIx64 "-%#" PRIx64 "\n", plan->nr_seg,
		plan_bytes(plan) >> 10, plan->window.start, plan->window.last);
	for (size_t i = 0; i < plan->nr_seg; i++) {
		const struct segment *seg = &plan->seg[i];

		fprintf(out, SPAN "%-20s %10" PRIu64 " bytes  %s\n", seg->mem, seg->mem + seg->memsz - 1, seg->what,
			seg->bufsz,
			seg->no_digest ? seg->no_digest : text_hex(seg->digest, sizeof(seg->digest), digest));
	}
}

static void segments_json(const struct plan *plan, struct json *root)
{
	char digest[2 * sizeof(plan->seg[0].digest) + 1];
	struct json *list = json_array_in(root, "segments");

	for (size_t i = 0; i < plan->nr_seg; i++) {
		const struct segment *seg = &plan->seg[i];
		struct json *row = json_object_in(list, NULL);

		json_add_string(row, "what", seg->what);
		json_add_hex(row, "mem", seg->mem);
		json_add_hex(row, "memsz", seg->memsz);
		json_add_hex(row, "bufsz", seg->bufsz);
		json_add_bool(row, "primary", seg->images & FOR_IMAGE(PRIMARY));
		json_add_bool(row, "fallback", plan->nr_captures > FALLBACK && seg->images & FOR_IMAGE(FALLBACK));
		if (seg->no_digest)
			json_add_string(row, "no_digest", seg->no_digest);
		else
			json_add_string(row, "sha256", text_hex(seg->digest, sizeof(seg->digest), digest));
	}
}

static const char *phdr_name(const struct elf_phdr *ph)
{
	return ph->type == PT_NOTE ? "note" : "load";
}

static void headers_table(const struct plan *plan, const struct elf *elf, FILE *out)
{
	struct elf_phdr ph;

	fprintf(out, "Core headers: ELF%u, %" PRIu64 " program headers, at %#" PRIx64 "\n", 8 * elf->width,
		elf->nr_phdrs, plan->elfcorehdr_paddr);
	for (uint64_t i = 0; i < elf->nr_phdrs && !elf_phdr(elf, i, &ph); i++)
		fprintf(out,
			"  %s  read " ADDRESS "  physical " ADDRESS "  virtual 0x%016" PRIx64 "  %" PRIu64 " bytes\n",
			phdr_name(&ph), ph.off, ph.paddr, ph.vaddr, ph.memsz);
}

static void headers_json(const struct plan *plan, const struct elf *elf, struct json *root)
{
	struct json *core = json_object_in(root, "core_headers"), *list;
	struct elf_phdr ph;

	json_add_number(core, "elf_bits", 8 * elf->width);
	json_add_hex(core, "paddr", plan->elfcorehdr_paddr);
	list = json_array_in(core, "headers");
	for (uint64_t i = 0; i < elf->nr_phdrs && !elf_phdr(elf, i, &ph); i++) {
		struct json *row = json_object_in(list, NULL);

		json_add_string(row, "type", phdr_name(&ph));
		json_add_hex(row, "offset", ph.off);
		json_add_hex(row, "paddr", ph.paddr);
		json_add_hex(row, "vaddr", ph.vaddr);
		json_add_hex(row, "bytes", ph.memsz);
	}
}

static const char *policy_name(const struct plan *plan)
{
	switch (plan->policy) {
	case PURG_POLICY_HALT: return "halt";
	case PURG_POLICY_BOOT: return "boot";
	case PURG_POLICY_FALLBACK: return "fallback";
	default: return "reboot";
	}
}

static const char *capture_path(const struct plan *plan, const struct capture *c)
{
	return c->idx == FALLBACK && !c->shares_kernel ? plan->req->fallback_kernel_path : plan->req->kernel_path;
}

static void capture_table(const struct plan *plan, const struct capture *c, FILE *out)
{
	const char *which = c->idx == FALLBACK ? "Fallback " : "";
	const struct image *image = &c->image;

	fprintf(out, "%s%s: %s, %s%s%s\n", which, c->idx == FALLBACK ? "kernel" : "Kernel", capture_path(plan, c),
		image->format->name, image->compression ? ", unpacked from " : "",
		image->compression ? image->compression : "");
	fprintf(out, "%s%s: %s\n", which, c->idx == FALLBACK ? "command line" : "Command line", c->cmdline.text);
}

static void consoles_table(const struct plan *plan, FILE *out)
{
	static const char *const kinds[] = {
		[PURG_CONSOLE_8250_PORT] = "16550 at port", [PURG_CONSOLE_8250_MMIO] = "16550 at",
		[PURG_CONSOLE_8250_MMIO32] = "16550 (32 bits) at", [PURG_CONSOLE_PL011] = "PL011 at",
		[PURG_CONSOLE_VGA] = "text screen at", [PURG_CONSOLE_FRAMEBUFFER] = "frame buffer at",
	};

	fputs("Consoles of the purgatory:", out);
	for (uint32_t i = 0; i < plan->nr_consoles; i++)
		fprintf(out, "%s %s %#" PRIx64, i ? "," : "", kinds[plan->consoles[i].type], plan->consoles[i].base);
	fputs(plan->nr_consoles ? "\n" : " none\n", out);
}

static void plan_table(const struct plan *plan, const struct elf *elf, FILE *out)
{
	for (unsigned int i = 0; i < plan->nr_captures; i++)
		capture_table(plan, &plan->capture[i], out);
	segments_table(plan, out);
	if (plan->req->no_checks)
		fputs("Digests: not compared when the capture kernel is started (--no-checks)\n", out);
	else
		fprintf(out, "When damaged: %s\n", policy_name(plan));
	consoles_table(plan, out);
	if (plan->backup.len)
		fprintf(out, "Backup: %#" PRIx64 "-%#" PRIx64 " is copied to %#" PRIx64 "\n", plan->backup.from,
			plan->backup.from + plan->backup.len - 1, plan->backup.to);
	fprintf(out, "Entry: purgatory %#" PRIx64 ", then the capture kernel at %#" PRIx64 "\n", plan->entry,
		plan->capture[PRIMARY].next_entry);
	if (plan->nr_captures > FALLBACK)
		fprintf(out, "Entry of the fallback: %#" PRIx64 "\n", plan->capture[FALLBACK].next_entry);
	headers_table(plan, elf, out);
}

static void captures_json(const struct plan *plan, struct json *root)
{
	struct json *list = json_array_in(root, "images"), *row;

	for (unsigned int i = 0; i < plan->nr_captures; i++) {
		const struct capture *c = &plan->capture[i];

		row = json_object_in(list, NULL);
		json_add_string(row, "image", i == FALLBACK ? "fallback" : "primary");
		json_add_string(row, "kernel", capture_path(plan, c));
		json_add_string(row, "type", c->image.format->name);
		json_add_string(row, "compression", c->image.compression ? c->image.compression : "none");
		json_add_string(row, "cmdline", c->cmdline.text);
		json_add_hex(row, "entry", c->next_entry);
		json_add_hex(row, "kernel_paddr", c->kernel_paddr);
		json_add_hex(row, "initrd_paddr", c->initrd.view.len ? c->initrd_paddr : 0);
		json_add_hex(row, "verdict_paddr", c->verdict_paddr);
		json_add_number(row, "verdict_bytes", c->verdict_len);
	}
}

static void consoles_json(const struct plan *plan, struct json *root)
{
	static const char *const kinds[] = {
		[PURG_CONSOLE_8250_PORT] = "8250-port", [PURG_CONSOLE_8250_MMIO] = "8250-mmio",
		[PURG_CONSOLE_8250_MMIO32] = "8250-mmio32", [PURG_CONSOLE_PL011] = "pl011",
		[PURG_CONSOLE_VGA] = "vga", [PURG_CONSOLE_FRAMEBUFFER] = "framebuffer",
	};
	struct json *list = json_array_in(root, "consoles");

	for (uint32_t i = 0; i < plan->nr_consoles; i++) {
		struct json *row = json_object_in(list, NULL);

		json_add_string(row, "type", kinds[plan->consoles[i].type]);
		json_add_hex(row, "base", plan->consoles[i].base);
		json_add_number(row, "reg_shift", plan->consoles[i].reg_shift);
		json_add_number(row, "baud", plan->consoles[i].baud);
	}
}

static int plan_json(const struct plan *plan, const struct elf *elf, FILE *out)
{
	struct json *root = json_object(), *row;

	json_add_string(root, "arch", plan->arch->name);
	captures_json(plan, root);
	row = json_object_in(root, "window");
	json_add_hex(row, "start", plan->window.start);
	json_add_hex(row, "last", plan->window.last);
	segments_json(plan, root);
	json_add_bool(root, "digests_compared", !plan->req->no_checks);
	json_add_string(root, "on_corruption", policy_name(plan));
	consoles_json(plan, root);
	row = json_object_in(root, "backup");
	json_add_hex(row, "from", plan->backup.from);
	json_add_hex(row, "to", plan->backup.to);
	json_add_hex(row, "bytes", plan->backup.len);
	json_add_hex(root, "entry", plan->entry);
	headers_json(plan, elf, root);
	return print_json(root, out);
}

int report_plan(const struct plan *plan, bool json, FILE *out)
{
	struct view view = blob_view(&plan->corehdr, "the core headers");
	struct elf elf;
	int err = elf_parse(&view, &elf);

	if (err)
		return fail_ctx(err, "the core headers just built cannot be read");
	if (json)
		return plan_json(plan, &elf, out);
	plan_table(plan, &elf, out);
	return 0;
}
