/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of kernels and initrds, remembered between loads (--digests FILE), so that a reload after a CPU or memory
 * event hashes nothing but what has changed. A file is the same one while device, inode, size, mtime and ctime are:
 * nothing can be written to it without a new ctime, and what is younger than the clock can tell apart is not
 * remembered.
 *
 * FILE: "digests 1", then a line for each: device, inode, size, mtime, ctime (ns), offset, length, SHA-256.
 */
#ifndef KEXEC_DIGESTS_H
#define KEXEC_DIGESTS_H

#include "lib/file.h"
#include "lib/sha256.h"

struct digest_entry {
	struct file_identity file;
	uint64_t off, len;         /* bytes of the file */
	uint8_t digest[SHA256_BYTES];
	bool used;                 /* in this load: what is not is forgotten */
};

struct digests {
	char *path;
	struct digest_entry *entry;
	size_t nr;
};

/*
 * Read PATH. One that is not there is empty. One that others may write to, or that does not read as it should, is left
 * aside with a warning. -ENOMEM.
 */
int digests_read(struct digests *d, const char *path);
/* Zeroed structs are accepted. */
void digests_deinit(struct digests *d);

/* The digest of LEN bytes at OFF of FILE, which has them: remembered, or computed and remembered. -ENOMEM. */
int digests_get(struct digests *d, const struct file *file, uint64_t off, uint64_t len, uint8_t digest[SHA256_BYTES]);
/* Write what was used in this load. Failing is a warning: the next load takes longer, nothing else. */
void digests_write(const struct digests *d);

#endif
