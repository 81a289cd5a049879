/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of boot protocols: a machine with one crash region, an image and an initrd, and nothing in /proc and
 * /sys but what a test puts there.
 */
#ifndef TESTS_BOOT_MACHINE_H
#define TESTS_BOOT_MACHINE_H

#include "kexec/arch/arch.h"
#include "kexec/plan.h"
#include "lib/err.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#define CRASH_BYTES 0x10000000ull
#define INITRD_BYTES 0x12345u
#define HEADER_BYTES (0x26c - 0x1f1)   /* of a bzImage's setup header */

struct machine {
	struct tree tree;
	struct plan plan;
	struct load_request req;
	uint8_t header[HEADER_BYTES];
	char warnings[1024];
};

static const uint8_t payload[0x3000], initrd[INITRD_BYTES];

static inline void catch_warning(void *ctx, const char *text)
{
	struct machine *m = ctx;

	strncat(m->warnings, text, sizeof(m->warnings) - strlen(m->warnings) - 1);
}

/* The crash region is at START now; whatever was placed is forgotten. */
static inline void move_crash(struct machine *m, uint64_t start, uint64_t len)
{
	const struct range window = { start, start + len - 1, MEM_CRASH };

	ranges_deinit(&m->plan.memmap.crash);
	CHECK_EQ(ranges_add(&m->plan.memmap.crash, window.start, window.last, MEM_CRASH), 0);
	CHECK_EQ(plan_restart(&m->plan, &window), 0);
}

static inline void machine_init(struct machine *m, const struct arch *arch, uint64_t crash, const char *cmdline)
{
	struct plan *plan = &m->plan;

	memset(m, 0, sizeof(*m));
	m->tree = tree_new();
	plan_init(plan);
	m->req.mem_max = UINT64_MAX;
	plan->req = &m->req;
	plan->arch = arch;
	plan->root = &m->tree.root;
	plan->capture[0].image.payload = view_of(payload, sizeof(payload), "vmlinuz");
	plan->capture[0].image.align = 0x200000;
	plan->capture[0].image.max_initrd_last = UINT64_MAX;
	plan->capture[0].image.cmdline_max = 2047;
	plan->capture[0].initrd.view = view_of(initrd, sizeof(initrd), "initrd");
	CHECK_EQ(cmdline_init(&plan->capture[0].cmdline, cmdline), 0);
	move_crash(m, crash, CRASH_BYTES);
	err_set_warn_sink(catch_warning, m);
}

static inline void teardown(struct machine *m)
{
	err_set_warn_sink(NULL, NULL);
	memset(&m->plan.capture[0].initrd, 0, sizeof(m->plan.capture[0].initrd));
	plan_deinit(&m->plan);
	tree_free(&m->tree);
}

#endif
