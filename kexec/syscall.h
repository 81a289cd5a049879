/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that enters the kernel, and the sentences for what the kernel answers. */
#ifndef KEXEC_SYSCALL_H
#define KEXEC_SYSCALL_H

#include "kexec/plan.h"

/*
 * Find out, before anything else is done, why loading cannot work: no CAP_SYS_BOOT, kexec_load_disabled, lockdown,
 * no crashkernel reservation. -EPERM, -ENODATA, recorded. What cannot be found out is left to the system call.
 */
int kexec_precheck(const struct root *root);

/*
 * Hand PLAN to kexec_load. The kernel drops an earlier capture kernel before it copies the new one, so the plan
 * must have passed plan_check(). Negative errno, recorded with the cause where the system tells it and with what
 * is loaded now.
 */
int kexec_load_plan(const struct plan *plan);

/* Unload the capture kernel (PANIC) or the ordinary one. ARCH_ID: struct arch's kexec_arch. */
int kexec_unload(const struct root *root, uint32_t arch_id, bool panic);

/* 1: loaded, 0: not, negative errno recorded. */
int kexec_is_loaded(const struct root *root, bool panic);

#endif
