/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ELF notes of a dump: those of the core, and VMCOREINFO among them whatever the core had it in. */
#ifndef KDUMP_OUT_NOTES_H
#define KDUMP_OUT_NOTES_H

#include "kdump/vmcore.h"

/*
 * Append the notes of CORE to NOTES, and a VMCOREINFO note when they have none with its text. *INFO_OFF: of the
 * text, counted from the first note; 0 when there is no vmcoreinfo. -ENOMEM.
 */
int notes_append(const struct vmcore *core, struct blob *notes, uint64_t *info_off);

#endif
