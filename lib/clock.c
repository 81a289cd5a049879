/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/clock.h"

#include <time.h>

uint64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
