/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's log of this boot, our words among it: kexec-dmesg.log. */
#ifndef KDUMP_CAPTURE_KLOG_H
#define KDUMP_CAPTURE_KLOG_H

#include "lib/blob.h"

#define KLOG_NAME "kexec-dmesg.log"

/* All of it so far, appended to TEXT. -errno (recorded). */
int klog_read(struct blob *text);

#endif
