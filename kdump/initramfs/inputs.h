/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IMAGE.inputs: what an image was made from, by content. Lines:
 *
 *   parachute-inputs 1
 *   builder own|dracut|initramfs-tools
 *   pack NAME
 *   image SHA256 BYTES                        of the image itself
 *   file SHA256 MODE PATH SOURCE              a file of the image; SOURCE "-": made by us
 *   link - - PATH TARGET
 *   read SHA256 - PATH -                      a file that a builder read
 *   fact WORD...                              a line of /etc/kdump/facts
 *
 * In paths, blanks, '%' and control characters are %XX.
 */
#ifndef KDUMP_INITRAMFS_INPUTS_H
#define KDUMP_INITRAMFS_INPUTS_H

#include "kdump/initramfs/plan.h"

#include "lib/blob.h"
#include "lib/view.h"

#include <stdbool.h>
#include <stdio.h>

/* BUILDER and PACK: names. Without the line "image". -ENOMEM (recorded). */
int inputs_of(const struct plan *p, const char *builder, const char *pack, struct blob *text);
/* The line "image". */
int inputs_add_image(struct blob *text, const void *image, size_t len);

/*
 * Say on OUT what differs, a line each: between NOW (of inputs_of()) and what RECORDED says, and between the image's
 * bytes and RECORDED. *STALE: something does. PARTIAL: NOW lacks what belongs to targets that are out of reach, and
 * what only one of the two has is no difference. -EINVAL (recorded): RECORDED is no such file.
 */
int inputs_compare(const struct blob *now, bool partial, const struct view *recorded, const struct view *image,
		   FILE *out, bool *stale);

#endif
