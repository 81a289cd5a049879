/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kdumpctl's commands share: where things lie, the lock, what was loaded, and what the machine is now. */
#ifndef SERVICE_CTL_H
#define SERVICE_CTL_H

#include "lib/blob.h"
#include "lib/cmdline.h"
#include "service/command.h"
#include "service/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_STATE_DIR     "/run/kdump"
#define CTL_LOADED        CTL_STATE_DIR "/loaded"          /* the record of what is loaded */
#define CTL_VERIFIED      CTL_STATE_DIR "/verified"        /* what the last verify found */
#define CTL_DIGESTS       CTL_STATE_DIR "/digests"         /* kexec's own, so that loading again is quick */
#define CTL_EVENTS        CTL_STATE_DIR "/hotplug"         /* one byte for every event of this boot */
#define CTL_PENDING       CTL_STATE_DIR "/hotplug.pending" /* there: events wait for somebody to look at them */
/* Not in /run/lock, which everybody may write to: whoever made it there first could hold it for ever. */
#define CTL_LOCK          CTL_STATE_DIR "/lock"
#define CTL_INITRAMFS_DIR "/var/lib/kdump"
#define CTL_LAST          CTL_INITRAMFS_DIR "/last-loaded" /* the record of what "start" loaded last: for the next boot */

#define CTL_WAIT_DEFAULT_S 180

/* ---- the lock: one kdumpctl at a time changes anything (ctl_lock.c) ---- */

/*
 * Wait for it, as long as --wait says, telling who holds it. *FD is the lock; closing it gives it up, and so does the
 * death of the process. -EBUSY, -errno; recorded.
 */
int ctl_lock(const struct ctl *ctl, const char *command, int *fd);
void ctl_unlock(int *fd);
/* CTL_STATE_DIR, made when it is not there. */
int ctl_state_dir(const struct ctl *ctl);
/* PATH below the sysroot with every folder on the way; MODE is the last one's when it is made. -errno recorded. */
int ctl_make_folder(const struct ctl *ctl, const char *path, unsigned int mode);

/* ---- small records: lines of a key and a value (ctl_record.c) ---- */

struct record_entry {
	char *key, *value;
};

struct record {
	struct record_entry *entry;
	size_t nr;
};

void record_init(struct record *r);
void record_deinit(struct record *r);
/* Lines that are none are passed over: a record tells, it does not decide. -ENOMEM. */
int record_parse(struct record *r, const char *text, size_t len);
/* PATH below the sysroot. -ENOENT, -errno; recorded. R is emptied first. */
int record_read(struct record *r, const struct ctl *ctl, const char *path);
int record_write(const struct record *r, const struct ctl *ctl, const char *path);
/* Replaces KEY's value. Line breaks become blanks. -ENOMEM. */
int record_set(struct record *r, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "" when there is none. */
const char *record_get(const struct record *r, const char *key);
/* 0 when there is none or it is no number. */
uint64_t record_u64(const struct record *r, const char *key);

/* ---- the machine as it is now (ctl_machine.c) ---- */

#define DIGEST_TEXT 65             /* SHA-256 in hexadecimal, with NUL */

struct ctl_arch {
	const char *name;          /* as uname -m has it */
	const char *remove;        /* KDUMP_COMMANDLINE_REMOVE when it is not set */
	const char *append;        /* KDUMP_COMMANDLINE_APPEND when it is not set */
	bool kernel_updates;       /* kexec --hotplug is understood */
	const char *boot_cpu_key;  /* in /proc/cpuinfo: the CPU that no other one may start; NULL: any may */
};

struct machine {
	const struct ctl_arch *arch;
	char *release;             /* of the running kernel */
	char *cpus;                /* those that are there, "0-3" */
	char memory[DIGEST_TEXT];  /* of the ranges of RAM */
	uint64_t ram;              /* bytes */
	uint64_t reserved;         /* bytes for the capture kernel */
	bool loaded;               /* there is a capture kernel */
	bool can_update;           /* the kernel keeps core headers up to date by itself when it is asked to */
};

/* -ENOTSUP (an architecture that has no row), -errno; recorded. */
int machine_read(struct machine *m, const struct ctl *ctl);
void machine_deinit(struct machine *m);
/* Is a capture kernel loaded? What cannot be read is "no". */
bool machine_is_loaded(const struct ctl *ctl);
/* How many events there were in this boot. */
uint64_t machine_events(const struct ctl *ctl);
/* Memory that is neither free, nor a cache of files, nor of programs: about what a small dump holds. 0: not known. */
uint64_t machine_kernel_bytes(const struct ctl *ctl);
/* OUT (not initialised) becomes the capture kernel's command line. -EINVAL, -errno; recorded. */
int machine_cmdline(const struct machine *m, const struct ctl *ctl, const struct conf *conf, struct cmdline *out);
void view_digest(const struct view *v, char digest[DIGEST_TEXT]);

/* ---- configuration (ctl_common.c) ---- */

/* Read it; every fault is told on standard error first. -errno recorded. */
int ctl_conf_read(const struct ctl *ctl, struct conf *conf);
/* Of the files that were read, in one digest. */
int ctl_conf_digest(const struct ctl *ctl, char digest[DIGEST_TEXT]);
/* -ENODATA (recorded, with the next step) when no memory is reserved. */
int ctl_check_reservation(const struct ctl *ctl, const struct machine *m);
/* "5.0 GiB"; TEXT has room for 16 bytes. */
void ctl_size_text(uint64_t bytes, char text[16]);
/* Seconds since the epoch as local time with zone, and as ISO 8601 in UTC. */
void ctl_time_text(uint64_t seconds, bool utc, char text[40]);
/* Is ARGV[I] the flag NAME? */
bool ctl_is(const char *argument, const char *name);
/* Is ARGUMENT an option with a value, NAME "--kernel="? *VALUE is what stands behind that; an empty one is none. */
bool ctl_value(const char *argument, const char *name, const char **value);

/* ---- other programs ---- */

/*
 * Run it; OUT (initialised) gets all that it says. 0 with *STATUS, -errno recorded. ARGV is built by argv_add().
 */
struct argv {
	char **word;               /* ends in NULL */
	size_t nr;
	bool failed;               /* no memory */
};
void argv_add(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Words between blanks. */
void argv_add_words(struct argv *a, const char *words);
void argv_deinit(struct argv *a);
int argv_run(const struct argv *a, uint64_t timeout_ms, struct blob *out, int *status);
/* The last line that is not empty, without its newline; from malloc, NULL without memory. */
char *ctl_last_line(const struct blob *out);

/* ---- raw partitions (ctl_fetch.c) ---- */

/*
 * Make dump folders in "path" of what raw targets hold, and give those that hold nothing their mark. What goes wrong
 * is a warning: the capture kernel is loaded, and the dump stays where it is.
 */
void ctl_fetch_dumps(const struct ctl *ctl, const struct conf *conf);

/* ---- initramfs (ctl_initramfs.c) ---- */

struct capture_files {
	char *release;             /* of the capture kernel */
	char *kernel, *initramfs;  /* paths as programs open them */
};
/* -ENOENT (recorded) when there is no such kernel. The initramfs may not be there yet. */
int capture_files_find(struct capture_files *f, const struct ctl *ctl, const struct conf *conf,
		       const struct machine *m);
void capture_files_deinit(struct capture_files *f);
/* Is it what its inputs say? 0 yes, 1 no (WHY gets a sentence from malloc; may be NULL). */
int initramfs_is_stale(const struct ctl *ctl, const struct capture_files *f, char **why);
/* Build it in place of the one that is there, which stays when this fails. */
int initramfs_build(const struct ctl *ctl, const struct capture_files *f);
/* Has it all that the configuration needs? *STATUS 0: yes; else the last line of OUT says what is missing. */
int initramfs_check(const struct ctl *ctl, const struct capture_files *f, struct blob *out, int *status);

/* ---- loading (ctl_load.c) ---- */

/*
 * Load over what is loaded, and record it. The events that it covers were counted before the machine was looked at.
 * On failure what was loaded before is untouched, and the message says whether there is something.
 */
int ctl_load(const struct ctl *ctl, const struct conf *conf, const struct machine *m, const struct capture_files *f);
/* The same from the record: files, command line and options as they were. -ENOENT without a record. */
int ctl_load_again(const struct ctl *ctl);
/* The same from CTL_LAST, which outlives a boot. -ENOENT when there is none. */
int ctl_load_last(const struct ctl *ctl);
/* What is loaded is what the next boot may fall back to. -errno, recorded. */
int ctl_keep_last(const struct ctl *ctl);
/*
 * What of the record does not hold any more, as words ("CPUs", "memory", "kernel"...), from malloc; "" when all does.
 * CONF NULL: not asked.
 */
int ctl_outdated(const struct ctl *ctl, const struct record *loaded, const struct machine *m, char **what);
/* CPUs and memory only: what a reload mends. */
bool ctl_covers(const struct record *loaded, const struct machine *m);

/* ---- targets (ctl_probe.c) ---- */

struct probe {
	bool ok;
	bool room_known;
	uint64_t room;             /* bytes */
	char *name;                /* the target's */
	char *text;                /* what is wrong, or what was found */
};

struct probes {
	struct probe *probe;
	size_t nr;
};

/* Ask every target. What a target answers is in its probe; errors are of memory only. */
int probe_targets(const struct ctl *ctl, const struct conf *conf, struct probes *p);
void probes_deinit(struct probes *p);
/* As lines of the record CTL_VERIFIED, and back. */
int probes_to_record(const struct probes *p, struct record *r);
int probes_from_record(struct probes *p, const struct record *r);

/* ---- kexec --verify (ctl_load.c) ---- */

enum image_state { IMAGE_NONE, IMAGE_INTACT, IMAGE_DAMAGED, IMAGE_UNKNOWN };
/* TEXT (from malloc): what kexec says. */
int image_verify(const struct ctl *ctl, enum image_state *state, char **text);
const char *image_state_name(enum image_state state);

#endif
