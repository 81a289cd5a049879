// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/report.h"

#include <inttypes.h>
#include <stdlib.h>

/* BYTES for people: three or four digits and a unit. */
static const char *human(uint64_t bytes, char text[16])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;
	uint64_t tenths = bytes < UINT64_MAX / 10 ? bytes * 10 : UINT64_MAX;

	while (tenths >= 10240) {
		tenths /= 1024;
		unit++;
	}
	if (unit && tenths < 1000)
		snprintf(text, 16, "%u.%u %s", (unsigned int)tenths / 10, (unsigned int)tenths % 10, units[unit]);
	else
		snprintf(text, 16, "%u %s", (unsigned int)tenths / 10, units[unit]);
	return text;
}

void report_prediction(const struct save_report *r, bool fits)
{
	char size[16], room[16];

	fprintf(stderr, "About %s will be written at level %d", human(r->predicted_bytes, size), r->level);
	if (r->room_bytes != UINT64_MAX)
		fprintf(stderr, "; there is room for %s%s", human(r->room_bytes, room),
			fits ? "" : ": the least important pages may be left out");
	fprintf(stderr, ".\n");
}

static void print_row(FILE *out, const char *name, const struct class_report *c, uint64_t left_out)
{
	char size[16];

	fprintf(out, "%-16s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %8" PRIu64 " %12s\n", name,
		c->pages, c->saved, c->zero, left_out, c->lost, human(c->bytes, size));
}

static void print_table(const struct save_report *r, FILE *out)
{
	struct class_report sum = { 0 };
	uint64_t left_out = 0;

	fprintf(out, "%-16s %12s %12s %12s %12s %8s %12s\n", "pages", "found", "saved", "of them zero", "left out",
		"lost", "in the dump");
	for (unsigned int class = 0; class < CLASS_NO_RAM; class++) {
		const struct class_report *c = &r->class[class];
		bool excluded = class_excluded(class, r->level);

		if (!c->pages)
			continue;
		print_row(out, page_class_name(class), c, excluded ? c->pages : 0);
		sum.pages += c->pages;
		sum.saved += c->saved;
		sum.zero += c->zero;
		sum.twins += c->twins;
		left_out += excluded ? c->pages : 0;
		sum.lost += c->lost;
		sum.bytes += c->bytes;
	}
	print_row(out, "all", &sum, left_out);
	if (sum.twins)
		fprintf(out, "%" PRIu64 " pages are the same as others and share their bytes.\n", sum.twins);
	if (r->doubtful)
		fprintf(out,
			"%" PRIu64 " pages were kept in doubt: what describes them could not be read or believed.\n",
			r->doubtful);
	if (r->verified_bytes)
		fprintf(out, "%" PRIu64 " bytes were read back from there and are what was sent.\n", r->verified_bytes);
	if (r->has_counted_free)
		fprintf(out, "Free pages by the kernel's own counters: %" PRIu64 ".\n", r->counted_free);
}

void report_final(const struct save_report *r, const char *path, FILE *out)
{
	char size[16], rate[16];
	uint64_t saved = 0;

	for (unsigned int class = 0; class < NR_CLASSES; class++)
		saved += r->class[class].saved;
	print_table(r, out);
	fprintf(out, "%s: %s in %" PRIu64 ".%03" PRIu64 " s (%s/s), ", path, human(r->file_bytes, size),
		r->took_ms / 1000, r->took_ms % 1000,
		human(saved * r->page_bytes / (r->took_ms ? r->took_ms : 1) * 1000, rate));
	fprintf(out, "level %d, %u worker%s beside the main thread%s\n", r->level, r->workers,
		r->workers == 1 ? "" : "s", r->complete ? "" : "; NOT complete");
}

char *report_note(const struct save_report *r, const char *state, const char *name, const char *log)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "%s\n", state);
	if (r->why[0])
		fprintf(out, "Why: %s.\n", r->why);
	if (r->release[0])
		fprintf(out, "Kernel: %s\n", r->release);
	fprintf(out, "\n%-9s  the kernel's log, saved first\n", log);
	if (name) {
		fprintf(out, "%-9s  the dump, dump level %d%s\n\n", name, r->level,
			r->complete ? "" : ", the most important pages first");
		print_table(r, out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
