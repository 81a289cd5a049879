/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be loaded: the primary system and, when asked for, the fallback, read from files. */
#ifndef KEXEC_CAPTURE_H
#define KEXEC_CAPTURE_H

#include "kexec/plan.h"

/*
 * Open the files of plan->req into plan->capture, make the command lines, set plan->policy. The fallback shares what it
 * has no file of its own for. Errors of image_open() and file_open(), with "fallback" in front where it is that one's.
 */
int captures_read(struct plan *plan);

/* The command lines anew, as captures_read() makes them. */
int captures_read_cmdlines(struct plan *plan);

#endif
