/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine told about itself while it was well, for the capture kernel: /etc/kdump/facts of the capture
 * initramfs, written by `kdump mkinitramfs`, read by `kdump capture`. Lines of a keyword and words between blanks;
 * values with blanks, '%' or control characters have those as %XX.
 *
 *   hostname NAME
 *   release RELEASE                           of the kernel whose modules are there
 *   module PATH [OPTION]...                   in the order in which they are to be loaded; not compressed
 *   filesystem KEY DEVICE FSTYPE OPTIONS SUBDIR
 *                                             KEY: "target0", "target1"... by the order in kdump.conf, or "root" for
 *                                             dump_to_rootfs. DEVICE: UUID=..., PARTUUID=..., LABEL=..., /dev/..., a
 *                                             virtiofs tag, or server:/export. OPTIONS: for mount(2), "-": none.
 *                                             SUBDIR: where "path" is below that file system's root, begins with "/"
 *   raw KEY DEVICE                            the same for a raw partition
 *   link NAME MAC MTU                         an interface to bring up
 *   address NAME ADDRESS/BITS                 IPv4 or IPv6
 *   route NAME DESTINATION/BITS GATEWAY       "default" for 0/0 and ::/0; GATEWAY "-": on the link
 *   host NAME ADDRESS                         what a server's name resolved to when the initramfs was made
 *   nameserver ADDRESS
 *   watchdog MODULE|-                         "-": built in
 */
#ifndef KDUMP_CAPTURE_FACTS_H
#define KDUMP_CAPTURE_FACTS_H

#include "lib/blob.h"

#include <stddef.h>

#define FACTS_PATH "/etc/kdump/facts"

/* One line: its keyword and words, decoded. */
struct fact {
	const char *keyword;       /* of the table in facts.c */
	char **word;
	size_t nr_words;
};

struct facts {
	struct fact *fact;
	size_t nr;
};

/*
 * -EINVAL (recorded with NAME and line: unknown keyword, too few or too many words, bad escape), -ENOMEM. F is emptied
 * on failure.
 */
int facts_parse(struct facts *f, const char *name, const char *text, size_t len);
void facts_deinit(struct facts *f);
/* The next line with KEYWORD behind AFTER (NULL: the first). NULL: there is none. */
const struct fact *facts_next(const struct facts *f, const char *keyword, const struct fact *after);
/* The line whose first word is KEY. */
const struct fact *facts_find(const struct facts *f, const char *keyword, const char *key);

/*
 * Append a line to TEXT, encoded. -EINVAL: no such keyword or not so many words (a mistake of the caller); -ENOMEM.
 * WORDS ends in NULL.
 */
int facts_add(struct blob *text, const char *keyword, const char *const *words);

#endif
