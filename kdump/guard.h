/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapped files whose bytes cannot be had when they are touched: a disk that fails, a file that was cut, memory that is
 * poisoned (/proc/vmcore). The kernel answers with SIGBUS; here that becomes zeros and a count.
 */
#ifndef KDUMP_GUARD_H
#define KDUMP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_area {
	uint8_t *base;
	size_t len;
	struct guard_area *next;
	/* what the signal handler tells */
	volatile bool hit;
	volatile bool poisoned;    /* never touch it again, by no means */
	volatile size_t first, last; /* bytes of the area, whole pages, that are zeros now */
};

/*
 * Guard BASE..BASE+LEN-1 of A, which the caller filled, until guard_remove(). A must stay where it is. The first call
 * installs the handler. Areas are added and removed by one thread; any thread that does not block SIGBUS may touch
 * them.
 */
void guard_add(struct guard_area *a);
void guard_remove(struct guard_area *a);

/* How often it happened since the program began: what was copied meanwhile is not what the file holds. */
unsigned int guard_hits(void);

#endif
