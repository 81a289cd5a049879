/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where save puts things: one file, a stream, or a directory that also gets the log and a note on what is in it. */
#ifndef KDUMP_TARGET_H
#define KDUMP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct vtop;

struct target {
	int dirfd;                 /* -1: no directory was given */
	char *dump_path;           /* heap; "-": standard output */
};

/* -errno, -ENOMEM; recorded. */
int target_open(struct target *t, const char *path);
void target_close(struct target *t);
/*
 * -EEXIST (recorded): there is a file where the dump, or one of the NR_FILES parts in FILES, is to be. To be asked before
 * anything is touched; opening it decides.
 */
int target_is_free(const struct target *t, char *const *files, unsigned int nr_files);

/*
 * Replace README.txt by TEXT, on disk when this returns. Nothing without a directory. What fails is a warning: the dump
 * matters more.
 */
void target_note(struct target *t, const char *text);
/* Save the log as dmesg.txt, on disk when this returns. As above. */
void target_log(struct target *t, struct vtop *vt);
/* Bytes that can still be written there, or to all of the NR files of a split set; UINT64_MAX: unknown. */
uint64_t target_room(const struct target *t, char *const *paths, unsigned int nr);

#endif
