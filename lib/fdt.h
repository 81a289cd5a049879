/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checked wrappers of libfdt: flattened device trees, Devicetree Specification 0.4 chapter 5.
 * Without libfdt dtb_open() answers -ENOTSUP and nothing else is reachable.
 */
#ifndef LIB_FDT_H
#define LIB_FDT_H

#include "lib/blob.h"
#include "lib/ranges.h"

/* The arm64 boot protocol's limit (Documentation/arm64/booting.rst): 2 MiB. */
#define DTB_MAX_BYTES (2u << 20)

struct dtb {
	void *fdt;             /* heap, writable, with room to grow */
	size_t room;           /* bytes at fdt */
	const char *name;      /* for messages */
};

bool dtb_built_in(void);

/*
 * Copy and check V, leaving EXTRA bytes of room for edits; edits that need more make room themselves. Bytes
 * behind the tree are ignored. -EINVAL (says what is wrong), -ENOTSUP, -ENOMEM. *DTB is untouched on failure.
 */
int dtb_open(struct dtb *dtb, const struct view *v, size_t extra);
void dtb_close(struct dtb *dtb);    /* of a zeroed or closed one too */

/* Pack; *LEN is then the size of the blob at dtb->fdt. */
int dtb_pack(struct dtb *dtb, size_t *len);

/* Offset of node PATH, created below its (existing) parent when missing. Negative errno, recorded. */
int dtb_node(struct dtb *dtb, const char *path);
/* Offset of node PATH; -ENOENT (not recorded) when missing. */
int dtb_find(const struct dtb *dtb, const char *path);

/*
 * Edits move what lies behind them: offsets of later nodes and every view or string of the tree are stale
 * afterwards. VALUE must not point into the tree.
 */
int dtb_set(struct dtb *dtb, int node, const char *prop, const void *value, size_t len);
int dtb_set_u64(struct dtb *dtb, int node, const char *prop, uint64_t value);
int dtb_set_string(struct dtb *dtb, int node, const char *prop, const char *value);
int dtb_delete_prop(struct dtb *dtb, int node, const char *prop);   /* missing is fine */

/* The property's bytes in place, or a view with base NULL when missing. */
struct view dtb_prop(const struct dtb *dtb, int node, const char *prop);
/* Where that stands in the flattened tree, which the next edit moves. -ENOENT, recorded. */
int dtb_prop_off(const struct dtb *dtb, int node, const char *prop, uint64_t *off);
/* A property that must be a NUL-terminated string, or NULL. */
const char *dtb_string(const struct dtb *dtb, int node, const char *prop);

/*
 * Set PROP to the (address, size) pairs of RANGES in the cell widths of the root node. -ERANGE when one does
 * not fit.
 */
int dtb_set_ranges(struct dtb *dtb, int node, const char *prop, const struct ranges *ranges);
/* Append one such pair to PROP, which need not exist: for properties whose order matters. -ERANGE as above. */
int dtb_append_range(struct dtb *dtb, int node, const char *prop, const struct range *range);
/*
 * Add the (address, size) pairs of PROP to RANGES with TYPE. Cell widths of the root node. Missing is fine.
 * -EINVAL.
 */
int dtb_get_ranges(const struct dtb *dtb, int node, const char *prop, struct ranges *ranges, uint32_t type);

/* All "reg" ranges of the root's children whose device_type is "memory" (status okay or absent). */
int dtb_memory(const struct dtb *dtb, struct ranges *ranges, uint32_t type);
/*
 * The memory reservation block and the static children of /reserved-memory. A child without "reg" is dynamic:
 * passed over.
 */
int dtb_reserved(const struct dtb *dtb, struct ranges *ranges, uint32_t type);
/* Take every entry of exactly LEN bytes at START out of the memory reservation block. None is fine. */
int dtb_unreserve(struct dtb *dtb, uint64_t start, uint64_t len);

#endif
