/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much time passes: for waits, limits and speeds. */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds: nobody sets it, and while the machine is suspended it stands. */
uint64_t clock_now_ms(void);

#endif
