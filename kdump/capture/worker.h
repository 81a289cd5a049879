/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of things in the capture kernel: modules, network, kdump_pre, one target after the other, kdump_post. */
#ifndef KDUMP_CAPTURE_WORKER_H
#define KDUMP_CAPTURE_WORKER_H

#include "kdump/capture/capture.h"

/* What the worker tells the guardian, so that another worker can go on where it died. */
enum worker_word { WORKER_BEAT, WORKER_TARGET, WORKER_SAVED };
struct worker_message {
	uint8_t word, target;
};

/*
 * In a child of the guardian, which reads messages from NEWS. Targets in front of FIRST were tried by a worker that
 * died. Its value, an enum capture_result, is the exit status.
 */
int worker_run(struct capture *c, unsigned int first, int news);

#endif
