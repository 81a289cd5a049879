/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where save puts things: one file, a stream, or a folder that also gets the log and a note on what is in it. A folder
 * may be a directory, or a URL: another machine's, which a transport reaches.
 */
#ifndef KDUMP_TARGET_H
#define KDUMP_TARGET_H

#include "kdump/transport/crypt.h"
#include "kdump/transport/transport.h"

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct vtop;

#define TARGET_LOG_NAME "dmesg.txt"

struct target_options {
	const struct conf *conf;   /* for URLs and encryption; NULL: there is neither */
	const char *log_name;      /* NULL: TARGET_LOG_NAME */
	bool flattened;            /* a folder's dump is a stream */
	bool elf;                  /* it is ELF */
	uint64_t timeout_ms;       /* of a transport; 0: its own */
	uint64_t deadline_ms;      /* as in struct transport */
};

struct target {
	int dirfd;                 /* -1: no directory was given */
	struct transport remote;   /* ops NULL: no URL was given */
	char *log_name;            /* heap */
	char *dump_path;           /* heap; "-": standard output */
	const char *dump_name;     /* in a folder: "vmcore", "vmcore.flat", "vmcore.flat.enc" */
	bool stream;               /* a folder's dump is one */
	bool encrypted;
	uint8_t public_key[CRYPT_KEY_LEN];
};

/* -errno, -ENOMEM; recorded. O must outlive T. */
int target_open(struct target *t, const char *path, const struct target_options *o);
void target_close(struct target *t);
/* Does it take more than the dump: the log and the note? */
bool target_is_folder(const struct target *t);
/* The dump's sink; as sink_open(). T must outlive it. */
int target_sink_open(struct target *t, struct sink *s, bool flattened, bool force);
/*
 * The tables of this dump are more than the place can take in the order in which they are written: make it a stream.
 * False: it is one, or no URL.
 */
bool target_make_stream(struct target *t);
/*
 * What was finished is read back, where that is not part of finishing. -EBADMSG (recorded): it is not what was sent.
 */
int target_verify(struct target *t, const struct sink *s);
/* Write a small file and remove it. Errors of what failed, recorded. */
int target_probe(struct target *t);
/*
 * -EEXIST (recorded): there is a file where the dump, or one of the NR_FILES parts in FILES, is to be. To be asked
 * before anything is touched; opening it decides.
 */
int target_is_free(struct target *t, char *const *files, unsigned int nr_files);

/*
 * Replace README.txt by TEXT, on disk when this returns. Nothing without a folder. What fails is a warning: the dump
 * matters more.
 */
void target_note(struct target *t, const char *text);
/* Save the log, on disk when this returns. As above. */
void target_log(struct target *t, struct vtop *vt);
/* Bytes that can still be written there, or to all of the NR files of a split set; UINT64_MAX: unknown. */
uint64_t target_room(struct target *t, char *const *paths, unsigned int nr);

#endif
