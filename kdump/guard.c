// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef BUS_MCEERR_AR
#define BUS_MCEERR_AR 4
#endif

/* A signal handler gets no context: this is what it knows. */
static struct {
	struct guard_area *areas;
	struct sigaction before;
	uintptr_t page;
	bool installed;
	volatile unsigned int hits;
} guard;

static struct guard_area *area_of(uintptr_t at)
{
	struct guard_area *a = guard.areas;

	while (a && (at < (uintptr_t)a->base || at - (uintptr_t)a->base >= a->len))
		a = a->next;
	return a;
}

/*
 * The page becomes zeros and the instruction is tried again: nobody is torn out of what they were doing. mmap(2) is not
 * on the list of what handlers may call, but is one system call on Linux.
 */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr & ~(guard.page - 1);
	struct guard_area *a = area_of((uintptr_t)info->si_addr);
	int saved = errno;

	(void)context;
	if (!a ||
	    mmap((void *)at, guard.page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		/* Not ours: the fault comes again, to whom it would have come without us. */
		sigaction(number, &guard.before, NULL);
		errno = saved;
		return;
	}
	at -= (uintptr_t)a->base;
	if (!a->hit || at < a->first)
		a->first = at;
	if (!a->hit || at + (guard.page - 1) > a->last)
		a->last = at + (guard.page - 1);
	if (info->si_code == BUS_MCEERR_AR)
		a->poisoned = true;
	a->hit = true;
	guard.hits++;
	errno = saved;
}

void guard_add(struct guard_area *a)
{
	struct sigaction act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	a->hit = a->poisoned = false;
	a->first = a->last = 0;
	a->next = guard.areas;
	guard.areas = a;
	if (guard.installed)
		return;
	guard.page = sysconf(_SC_PAGESIZE);
	sigemptyset(&act.sa_mask);
	guard.installed = !sigaction(SIGBUS, &act, &guard.before);
}

void guard_remove(struct guard_area *a)
{
	struct guard_area **link = &guard.areas;

	while (*link && *link != a)
		link = &(*link)->next;
	if (*link)
		*link = a->next;
}

unsigned int guard_hits(void)
{
	return guard.hits;
}
