// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/progress.h"

#include "lib/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TERMINAL_MS 250
#define LINE_MS     5000

/*
 * Can a line be written over and over? A serial line, and /dev/console, behind which one may be, are slow and logged:
 * they get lines, seldom. Numbers of devices: Documentation/admin-guide/devices.txt.
 */
static bool is_screen(int fd)
{
	struct stat st;

	if (!isatty(fd) || fstat(fd, &st))
		return false;
	switch (major(st.st_rdev)) {
	case 4:
		return minor(st.st_rdev) > 0 && minor(st.st_rdev) < 64; /* virtual consoles; serial lines follow */
	case 136 ... 143:
		return true; /* pseudo terminals */
	default:
		return false;
	}
}

void progress_init(struct progress *p, bool quiet, uint64_t total, unsigned int page_shift)
{
	*p = (struct progress){
		.quiet = quiet, .terminal = is_screen(STDERR_FILENO), .total = total, .page_shift = page_shift
	};
	p->begun_ms = p->last_ms = clock_now_ms();
}

void progress_step(struct progress *p, const char *what, uint64_t done, uint64_t written)
{
	uint64_t now = clock_now_ms(), past = now - p->begun_ms;

	if (p->quiet || now - p->last_ms < (p->terminal ? TERMINAL_MS : LINE_MS) || !past || !p->total)
		return;
	p->last_ms = now;
	if (done > p->total)
		done = p->total;
	fprintf(stderr, "%s%3" PRIu64 "%%  %-14s %8" PRIu64 " MiB read, %8" PRIu64 " MiB written, ",
		p->terminal ? "\r" : "", done * 100 / p->total, what, (done << p->page_shift) >> 20, written >> 20);
	fprintf(stderr, "%5" PRIu64 " MiB/s, %4" PRIu64 " s left%s", ((done << p->page_shift) >> 20) * 1000 / past,
		done ? (p->total - done) * past / done / 1000 : 0, p->terminal ? "\033[K" : "\n");
	p->shown = true;
}

void progress_stop(struct progress *p)
{
	if (p->shown && p->terminal)
		fputc('\n', stderr);
	p->shown = false;
}
