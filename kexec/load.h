/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The spine of `kexec -p`: from files and the running kernel's facts to a sealed plan. */
#ifndef KEXEC_LOAD_H
#define KEXEC_LOAD_H

#include "kexec/plan.h"

/*
 * Fill PLAN (plan_init'ed) for REQ, reading the machine below ROOT. After success every segment is placed, checked
 * and sealed: only the system call is left. ROOT, ARCH and REQ must live as long as the plan. Every error is
 * recorded; -ENOSPC also says how much crashkernel memory the load would need.
 */
int load_plan(struct plan *plan, const struct root *root, const struct arch *arch, const struct load_request *req);

#endif
