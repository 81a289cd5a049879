/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kdump capture`: what happens in the capture kernel, from its first process to the reboot.
 *
 *   guardian   PID 1 in our own initramfs. Knows the deadline, feeds the watchdog, reaps, ends the machine's stay here.
 *              Touches no target.
 *   worker     its child: the order of things. Whatever may block is done by a child of its own, in a session of that
 *              child, so that one that hangs for ever (a dead disk, a server gone) costs its time and no more.
 *   attempt    such a child: one target from the search for its device to the verified dump.
 */
#ifndef KDUMP_CAPTURE_CAPTURE_H
#define KDUMP_CAPTURE_CAPTURE_H

#include "kdump/capture/facts.h"
#include "kdump/capture/say.h"
#include "service/conf.h"

#include <stdbool.h>
#include <stdint.h>

struct capture_options {
	bool init;                 /* the first process of an initramfs that holds nothing else */
	bool no_action;            /* answer with an exit status instead of a reboot */
	const char *root;          /* where another initramfs has mounted the crashed system's root; NULL: nowhere */
	const char *conf, *facts, *source;
	const char *words;         /* a file that gets our words in place of the kernel's log; NULL */
};

struct capture {
	struct capture_options o;
	struct say say;
	struct conf conf;
	struct facts facts;
	bool facts_known;
	/* Of capture_now_ms(): then this must be over. UINT64_MAX: "deadline none". */
	uint64_t deadline_ms;
	uint64_t limit_ms;         /* when the worker must be done: some seconds before the deadline */
};

/* What came of it: exit status of worker and attempts. */
enum capture_result {
	CAPTURE_SAVED = 0,
	CAPTURE_FAILED = 1,
	CAPTURE_DECLINED = 2,      /* kdump_pre wants no dump */
	CAPTURE_INCOMPLETE = 3,    /* there is one that opens, not with all pages */
};

/* Milliseconds since the capture kernel started. */
uint64_t capture_now_ms(void);
/* A + B, UINT64_MAX when that does not fit. */
uint64_t capture_later(uint64_t a_ms, uint64_t b_ms);

/*
 * Targets in the order in which they are tried; the last one is the root file system when failure_action asks for it.
 */
unsigned int capture_nr_targets(const struct capture *c);
/* "target0"..., "root": of facts. */
const char *capture_key(const struct capture *c, unsigned int i, char key[16]);

#endif
