/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture's words. They go to the kernel's log, which prints them on every console and becomes kexec-dmesg.log;
 * those of children go to a pipe, with "<LEVEL>" in front, and their parent says them.
 */
#ifndef KDUMP_CAPTURE_SAY_H
#define KDUMP_CAPTURE_SAY_H

#include "lib/err.h"
#include "lib/text.h"

#include <stdbool.h>

/* The kernel's levels (include/linux/kern_levels.h). */
enum { SAY_ERROR = 3, SAY_WARNING = 4, SAY_NOTICE = 5 };

struct say {
	int fd;                    /* -1: standard error */
	bool records;              /* a write is a record: /dev/kmsg */
	bool child;                /* standard error is the parent's pipe */
};

/* PATH NULL: /dev/kmsg. What cannot be opened leaves standard error. */
void say_init(struct say *s, const char *path);
void say_deinit(struct say *s);
/* From now on this process is a child whose standard error is read by say_relay(). */
void say_from_child(struct say *s);

void say(const struct say *s, int level, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A child's line: the level that it begins with, or SAY_NOTICE. */
void say_line(const struct say *s, struct text line);
/* For err_set_warn_sink(); CTX is the struct say. */
void say_warning(void *ctx, const char *text);
/* Take "<LEVEL>" off LINE; SAY_NOTICE without it. */
int say_take_level(struct text *line);

#endif
