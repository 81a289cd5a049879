// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/capture_report.h"

#include "include/purgatory_params.h"
#include "lib/json.h"
#include "lib/text.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define DESCRIPTION_DAMAGED "the description of the capture kernel is damaged"
#define DESCRIPTION_ASTRAY "the core headers point to a description that is not there: one of the two is damaged"

void capture_report_make(struct capture_report *report, const struct capd_finder *finder, const char *none,
			 capd_read *read, void *ctx)
{
	report->finder = finder;
	report->why = NULL;
	report->verdict = CAPD_DAMAGED;
	if (finder->found)
		report->verdict = capd_verify(&finder->d, read, ctx, report->results);
	if (finder->damaged)
		report->why = DESCRIPTION_DAMAGED;
	else if (!finder->found && finder->astray)
		report->why = DESCRIPTION_ASTRAY;
	else if (!finder->found)
		report->why = none;
	if (!finder->found && report->why == none)
		report->verdict = CAPD_UNKNOWN;
	if (finder->damaged)
		report->verdict = CAPD_DAMAGED;
}

static const char *verdict_name(enum capd_verdict verdict)
{
	switch (verdict) {
	case CAPD_INTACT: return "intact";
	case CAPD_DAMAGED: return "damaged";
	default: return "cannot tell";
	}
}

static const char *policy_name(uint32_t policy)
{
	switch (policy) {
	case PURG_POLICY_REBOOT: return "reboot";
	case PURG_POLICY_HALT: return "halt";
	case PURG_POLICY_BOOT: return "boot";
	case PURG_POLICY_FALLBACK: return "fallback";
	default: return "unknown";
	}
}

static const char *machine_name(uint32_t machine)
{
	switch (machine) {
	case EM_X86_64: return "x86_64";
	case EM_AARCH64: return "arm64";
	default: return "unknown";
	}
}

/* What stands in memory may be anything. */
static const char *printable(const char *from, char to[CAPD_PURPOSE_BYTES])
{
	size_t i = 0;

	for (; from[i] && i < CAPD_PURPOSE_BYTES - 1; i++)
		to[i] = from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	to[i] = 0;
	return to;
}

static void time_text(uint64_t loaded_at, char text[32])
{
	time_t when = loaded_at / 1000000000;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		strcpy(text, "at an unknown time");
}

/* The worst of what the image with this flag needs. */
static enum capd_verdict image_verdict(const struct capture_report *report, uint64_t flag)
{
	const struct capture_description *d = &report->finder->d;
	enum capd_verdict worst = CAPD_INTACT;

	for (uint32_t i = 0; i < d->nr_segments; i++)
		if (d->segments[i].flags & flag && d->segments[i].flags & CAPD_SEGMENT_DIGEST &&
		    report->results[i].verdict > worst)
			worst = report->results[i].verdict;
	return worst;
}

static bool has_fallback(const struct capture_description *d)
{
	for (uint32_t i = 0; i < d->nr_segments; i++)
		if (d->segments[i].flags & CAPD_SEGMENT_FALLBACK)
			return true;
	return false;
}

static void result_print(const struct capd_segment *seg, const struct capd_result *result, FILE *out)
{
	char expected[2 * SHA256_BYTES + 1], found[2 * SHA256_BYTES + 1];

	if (result->verdict == CAPD_INTACT) {
		fputs("intact\n", out);
	} else if (result->verdict == CAPD_DAMAGED && result->padding) {
		fprintf(out, "damaged: not zero at %#" PRIx64 "\n", result->paddr);
	} else if (result->verdict == CAPD_DAMAGED) {
		fprintf(out, "damaged: expected %s found %s\n", text_hex(seg->digest, SHA256_BYTES, expected),
			text_hex(result->found, SHA256_BYTES, found));
	} else if (result->err) {
		fprintf(out, "cannot be read at %#" PRIx64 ": %s\n", result->paddr, strerror(-result->err));
	} else {
		fputs("not verified: it has no digest\n", out);
	}
}

static void description_print(const struct capture_report *report, FILE *out)
{
	const struct capture_description *d = &report->finder->d;
	char when[32], name[CAPD_PURPOSE_BYTES];

	time_text(d->loaded_at, when);
	fprintf(out, "Capture kernel for %s, loaded %s; description at %#" PRIx64 "\n", machine_name(d->machine), when,
		d->paddr);
	fprintf(out, "When damaged: %s%s%s\n", policy_name(d->policy),
		d->flags & CAPD_NO_VERIFY ? "; it is not verified" : "",
		d->flags & CAPD_HOTPLUG ? "; the kernel rewrites the core headers" : "");
	for (uint32_t i = 0; i < d->nr_crash_regions; i++)
		fprintf(out, "Crash region: %#" PRIx64 "-%#" PRIx64 "\n", d->crash_regions[i].start,
			d->crash_regions[i].start + (d->crash_regions[i].len - 1));
	fprintf(out, "Core headers: %#" PRIx64 ", %" PRIu64 " bytes\n", d->elfcorehdr_paddr, d->elfcorehdr_len);
	if (d->vmcoreinfo_paddr)
		fprintf(out, "Vmcoreinfo: %#" PRIx64 ", %" PRIu64 " bytes\n", d->vmcoreinfo_paddr, d->vmcoreinfo_len);
	fputs("Segments:\n", out);
	for (uint32_t i = 0; i < d->nr_segments; i++) {
		const struct capd_segment *seg = &d->segments[i];

		fprintf(out, "  0x%012" PRIx64 "-0x%012" PRIx64 "  %-20s  ", seg->paddr, seg->paddr + (seg->memsz - 1),
			printable(seg->purpose, name));
		result_print(seg, &report->results[i], out);
	}
	fprintf(out, "Primary image: %s\n", verdict_name(image_verdict(report, CAPD_SEGMENT_PRIMARY)));
	if (has_fallback(d))
		fprintf(out, "Fallback image: %s\n", verdict_name(image_verdict(report, CAPD_SEGMENT_FALLBACK)));
}

static void segment_json(struct json *list, const struct capd_segment *seg, const struct capd_result *result)
{
	struct json *row = json_object_in(list, NULL);
	char text[2 * SHA256_BYTES + 1], name[CAPD_PURPOSE_BYTES];

	json_add_string(row, "purpose", printable(seg->purpose, name));
	json_add_hex(row, "paddr", seg->paddr);
	json_add_hex(row, "bytes", seg->len);
	json_add_hex(row, "memory_bytes", seg->memsz);
	json_add_bool(row, "primary", seg->flags & CAPD_SEGMENT_PRIMARY);
	json_add_bool(row, "fallback", seg->flags & CAPD_SEGMENT_FALLBACK);
	if (!(seg->flags & CAPD_SEGMENT_DIGEST)) {
		json_add_string(row, "verdict", "no digest");
		return;
	}
	json_add_string(row, "verdict", verdict_name(result->verdict));
	json_add_string(row, "expected", text_hex(seg->digest, SHA256_BYTES, text));
	if (result->padding) {
		json_add_hex(row, "not_zero_at", result->paddr);
	} else if (result->verdict == CAPD_DAMAGED) {
		json_add_string(row, "found", text_hex(result->found, SHA256_BYTES, text));
	} else if (result->err) {
		json_add_string(row, "why", strerror(-result->err));
	}
}

static void description_json(const struct capture_report *report, struct json *root)
{
	const struct capture_description *d = &report->finder->d;
	struct json *row = json_object_in(root, "description"), *list;
	char when[32];

	time_text(d->loaded_at, when);
	json_add_hex(row, "paddr", d->paddr);
	json_add_string(row, "machine", machine_name(d->machine));
	json_add_number(row, "elf_machine", d->machine);
	json_add_number(row, "page_bytes", d->page_bytes);
	json_add_string(row, "loaded", when);
	json_add_string(row, "policy", policy_name(d->policy));
	json_add_bool(row, "verified_at_start", !(d->flags & CAPD_NO_VERIFY));
	json_add_bool(row, "hotplug", d->flags & CAPD_HOTPLUG);
	row = json_object_in(root, "core_headers");
	json_add_hex(row, "paddr", d->elfcorehdr_paddr);
	json_add_hex(row, "bytes", d->elfcorehdr_len);
	row = json_object_in(root, "vmcoreinfo");
	json_add_hex(row, "paddr", d->vmcoreinfo_paddr);
	json_add_hex(row, "bytes", d->vmcoreinfo_len);
	list = json_array_in(root, "crash_regions");
	for (uint32_t i = 0; i < d->nr_crash_regions; i++) {
		row = json_object_in(list, NULL);
		json_add_hex(row, "start", d->crash_regions[i].start);
		json_add_hex(row, "bytes", d->crash_regions[i].len);
	}
	row = json_object_in(root, "images");
	json_add_string(row, "primary", verdict_name(image_verdict(report, CAPD_SEGMENT_PRIMARY)));
	if (has_fallback(d))
		json_add_string(row, "fallback", verdict_name(image_verdict(report, CAPD_SEGMENT_FALLBACK)));
	list = json_array_in(root, "segments");
	for (uint32_t i = 0; i < d->nr_segments; i++)
		segment_json(list, &d->segments[i], &report->results[i]);
}

static int print_json(const struct capture_report *report, FILE *out)
{
	struct json *root = json_object();
	int err;

	json_add_string(root, "source", report->source);
	json_add_string(root, "verdict", verdict_name(report->verdict));
	if (report->why)
		json_add_string(root, "why", report->why);
	if (report->finder->found)
		description_json(report, root);
	err = json_print(root, out);
	json_free(root);
	return err;
}

int capture_report_print(const struct capture_report *report, bool json, FILE *out)
{
	if (json)
		return print_json(report, out);
	if (report->finder->found)
		description_print(report, out);
	fprintf(out, "%s: %s%s%s\n", report->source, verdict_name(report->verdict), report->why ? ": " : "",
		report->why ? report->why : "");
	return 0;
}
