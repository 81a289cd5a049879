/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kexec_load system call as kexec_load(2) and the kernel's uapi header <linux/kexec.h> define it. */
#ifndef KEXEC_ABI_H
#define KEXEC_ABI_H

#include <stdint.h>

#define KEXEC_ABI_ON_CRASH 0x00000001u
#define KEXEC_ABI_PRESERVE_CONTEXT 0x00000002u
#define KEXEC_ABI_UPDATE_ELFCOREHDR 0x00000004u  /* Linux 6.6, x86 */
#define KEXEC_ABI_CRASH_HOTPLUG_SUPPORT 0x00000008u /* Linux 6.11 */
#define KEXEC_ABI_ARCH_SHIFT 16
#define KEXEC_ABI_SEGMENT_MAX 16

#endif
