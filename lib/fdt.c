// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/fdt.h"

#include "config.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBFDT
#include <libfdt.h>

/* What an edit adds beside the bytes of the value: tags, name, padding, a node. */
#define EDIT_BYTES 1024

/*
 * Of 2005. Linux reads no older ones either, and fdt_check_full() of libfdt 1.6.1 reads a null pointer when it
 * meets one.
 */
#define OLDEST_VERSION 16

bool dtb_built_in(void)
{
	return true;
}

static int dtb_fail(const struct dtb *dtb, int ret, const char *doing, const char *what)
{
	return fail(ret == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL, "device tree %s: cannot %s %s: %s", dtb->name,
		    doing, what, fdt_strerror(ret));
}

/*
 * Unpacks SRC (checked, aligned) into fresh memory of ROOM bytes, zeroed so that what is packed later is the
 * same each time.
 */
static int dtb_unfold(struct dtb *dtb, const void *src, size_t room)
{
	void *fdt;
	int ret;

	if (room > INT_MAX)
		return fail(-EINVAL, "device tree %s: %zu bytes are too large", dtb->name, room);
	fdt = calloc(1, room);
	if (!fdt)
		return fail(-ENOMEM, "device tree %s: out of memory for %zu bytes", dtb->name, room);
	ret = fdt_open_into(src, fdt, room);
	if (ret) {
		free(fdt);
		return dtb_fail(dtb, ret, "unpack", "it");
	}
	free(dtb->fdt);
	dtb->fdt = fdt;
	dtb->room = room;
	return 0;
}

static int dtb_grow(struct dtb *dtb, size_t more)
{
	size_t room;

	if (__builtin_add_overflow(dtb->room, more, &room) || __builtin_add_overflow(room, (size_t)EDIT_BYTES, &room))
		return fail(-EINVAL, "device tree %s: %zu bytes more are too many", dtb->name, more);
	return dtb_unfold(dtb, dtb->fdt, room);
}

/* libfdt wants eight byte alignment and a header that it may trust for the length: a copy has both. */
int dtb_open(struct dtb *dtb, const struct view *v, size_t extra)
{
	struct dtb new = { .name = v->name };
	struct cursor c = cursor_at(v, 0);
	uint32_t magic, total, version;
	size_t room;
	void *copy;
	int ret, err;

	c.view.big_endian = true;
	magic = cursor_u32(&c);
	total = cursor_u32(&c);
	if (c.bad || magic != FDT_MAGIC)
		return fail(-EINVAL, "%s is not a flattened device tree: it does not start with the magic number %#x",
			    v->name, FDT_MAGIC);
	if (total > v->len)
		return fail(-EINVAL, "device tree %s is cut off: it has %" PRIu64 " bytes of %" PRIu32, v->name,
			    v->len, total);
	if (total < sizeof(struct fdt_header))
		return fail(-EINVAL, "device tree %s is damaged: its size is %" PRIu32 ", less than its own header",
			    v->name, total);
	c = cursor_at(&c.view, 20);
	version = cursor_u32(&c);
	if (version < OLDEST_VERSION)
		return fail(-EINVAL, "device tree %s has the format version %" PRIu32 "; %d and newer can be read",
			    v->name, version, OLDEST_VERSION);
	if (__builtin_add_overflow((size_t)total, extra, &room) ||
	    __builtin_add_overflow(room, (size_t)EDIT_BYTES, &room))
		return fail(-EINVAL, "device tree %s: %zu bytes more are too many", v->name, extra);
	copy = malloc(total);
	if (!copy)
		return fail(-ENOMEM, "device tree %s: out of memory for %" PRIu32 " bytes", v->name, total);
	memcpy(copy, v->base, total);
	ret = fdt_check_full(copy, total);
	if (ret)
		err = fail(-EINVAL, "device tree %s is damaged: %s", v->name, fdt_strerror(ret));
	else
		err = dtb_unfold(&new, copy, room);
	free(copy);
	if (!err)
		*dtb = new;
	return err;
}

int dtb_pack(struct dtb *dtb, size_t *len)
{
	int ret = fdt_pack(dtb->fdt);

	if (ret)
		return dtb_fail(dtb, ret, "pack", "it");
	*len = fdt_totalsize(dtb->fdt);
	return 0;
}

int dtb_find(const struct dtb *dtb, const char *path)
{
	int node = fdt_path_offset(dtb->fdt, path);

	if (node == -FDT_ERR_NOTFOUND)
		return -ENOENT;
	return node < 0 ? dtb_fail(dtb, node, "find", path) : node;
}

int dtb_node(struct dtb *dtb, const char *path)
{
	const char *name = strrchr(path, '/');
	int node = dtb_find(dtb, path), parent;

	if (node != -ENOENT)
		return node;
	if (!name || !name[1])
		return fail(-EINVAL, "device tree %s: \"%s\" is not the path of a node", dtb->name, path);
	do {
		parent = name == path ? 0 : fdt_path_offset_namelen(dtb->fdt, path, name - path);
		if (parent < 0)
			return dtb_fail(dtb, parent, "find the parent of", path);
		node = fdt_add_subnode(dtb->fdt, parent, name + 1);
		if (node != -FDT_ERR_NOSPACE)
			break;
		node = dtb_grow(dtb, strlen(name));
		if (node)
			return node;
	} while (true);
	return node < 0 ? dtb_fail(dtb, node, "add", path) : node;
}

int dtb_set(struct dtb *dtb, int node, const char *prop, const void *value, size_t len)
{
	int ret, err;

	if (len > INT_MAX / 2)
		return fail(-EINVAL, "device tree %s: %zu bytes are too many for %s", dtb->name, len, prop);
	while ((ret = fdt_setprop(dtb->fdt, node, prop, value, len)) == -FDT_ERR_NOSPACE) {
		err = dtb_grow(dtb, len);
		if (err)
			return err;
	}
	return ret ? dtb_fail(dtb, ret, "set", prop) : 0;
}

int dtb_set_u64(struct dtb *dtb, int node, const char *prop, uint64_t value)
{
	uint8_t bytes[8];

	put_u64(bytes, value, true);
	return dtb_set(dtb, node, prop, bytes, sizeof(bytes));
}

int dtb_set_string(struct dtb *dtb, int node, const char *prop, const char *value)
{
	return dtb_set(dtb, node, prop, value, strlen(value) + 1);
}

int dtb_delete_prop(struct dtb *dtb, int node, const char *prop)
{
	int ret = fdt_delprop(dtb->fdt, node, prop);

	return ret && ret != -FDT_ERR_NOTFOUND ? dtb_fail(dtb, ret, "delete", prop) : 0;
}

struct view dtb_prop(const struct dtb *dtb, int node, const char *prop)
{
	int len = 0;
	const void *value = fdt_getprop(dtb->fdt, node, prop, &len);
	struct view v = view_of(value, value ? len : 0, prop);

	v.big_endian = true;
	return v;
}

int dtb_prop_off(const struct dtb *dtb, int node, const char *prop, uint64_t *off)
{
	struct view v = dtb_prop(dtb, node, prop);

	if (!v.base)
		return fail(-ENOENT, "device tree %s: it has no %s", dtb->name, prop);
	*off = v.base - (const uint8_t *)dtb->fdt;
	return 0;
}

/* An address or a size has one or two cells; more have no meaning for Linux in memory nodes. */
static int cells_of(const struct dtb *dtb, int node, const char *prop, unsigned int missing, unsigned int *cells)
{
	struct view v = dtb_prop(dtb, node, prop);
	struct cursor c = cursor_at(&v, 0);
	uint32_t n = missing;

	if (v.base)
		n = cursor_u32(&c);
	if (c.bad || n < 1 || n > 2)
		return fail(-EINVAL, "device tree %s: %s is %" PRIu32 ", not 1 or 2", dtb->name, prop, n);
	*cells = n;
	return 0;
}

/*
 * A root node without the properties has one cell each, as Linux has it (include/linux/of.h); the specification
 * wants them there.
 */
static int root_cells(const struct dtb *dtb, unsigned int cells[2])
{
	int err = cells_of(dtb, 0, "#address-cells", 1, &cells[0]);

	return err ? err : cells_of(dtb, 0, "#size-cells", 1, &cells[1]);
}

static bool fits_cells(uint64_t value, unsigned int cells)
{
	return cells == 2 || value <= UINT32_MAX;
}

int dtb_append_range(struct dtb *dtb, int node, const char *prop, const struct range *range)
{
	struct view old = dtb_prop(dtb, node, prop);
	uint64_t size = range_len(range);
	unsigned int cells[2];
	uint8_t *value;
	uint64_t len;
	int err = root_cells(dtb, cells);

	if (err)
		return err;
	if (!size || !fits_cells(range->start, cells[0]) || !fits_cells(size, cells[1]))
		return fail(-ERANGE,
			    "device tree %s: %#" PRIx64 "-%#" PRIx64 " does not fit %s: its root node has %u cells of "
			    "32 bits for an address and %u for a size",
			    dtb->name, range->start, range->last, prop, cells[0], cells[1]);
	len = old.len + 4 * (cells[0] + cells[1]);
	value = malloc(len);
	if (!value)
		return fail(-ENOMEM, "out of memory for %" PRIu64 " bytes", len);
	if (old.len)
		memcpy(value, old.base, old.len);
	put_word(value + old.len, range->start, 4 * cells[0], true);
	put_word(value + old.len + 4 * cells[0], size, 4 * cells[1], true);
	err = dtb_set(dtb, node, prop, value, len);
	free(value);
	return err;
}

int dtb_set_ranges(struct dtb *dtb, int node, const char *prop, const struct ranges *ranges)
{
	int err = dtb_delete_prop(dtb, node, prop);

	for (size_t i = 0; i < ranges->nr && !err; i++)
		err = dtb_append_range(dtb, node, prop, &ranges->r[i]);
	return err;
}

static int add_range(const struct dtb *dtb, struct ranges *ranges, uint64_t start, uint64_t size, uint32_t type,
		     const char *what)
{
	if (!size)
		return 0;
	if (size - 1 > UINT64_MAX - start)
		return fail(-EINVAL, "device tree %s: %#" PRIx64 " bytes at %#" PRIx64 " in %s wrap around", dtb->name,
			    size, start, what);
	return ranges_add(ranges, start, start + (size - 1), type);
}

static int add_pairs(const struct dtb *dtb, const struct view *prop, const unsigned int cells[2], struct ranges *ranges,
		     uint32_t type, const char *what)
{
	struct cursor c = cursor_at(prop, 0);
	int err = 0;

	if (prop->len % (4 * (cells[0] + cells[1])))
		return fail(-EINVAL,
			    "device tree %s: %s has %" PRIu64 " bytes, which are no whole pairs of %u cells of address "
			    "and %u of size",
			    dtb->name, what, prop->len, cells[0], cells[1]);
	while (!err && cursor_left(&c)) {
		uint64_t start = cursor_word(&c, 4 * cells[0]);
		uint64_t size = cursor_word(&c, 4 * cells[1]);

		err = add_range(dtb, ranges, start, size, type, what);
	}
	return err;
}

int dtb_get_ranges(const struct dtb *dtb, int node, const char *prop, struct ranges *ranges, uint32_t type)
{
	struct view v = dtb_prop(dtb, node, prop);
	unsigned int cells[2];
	int err;

	if (!v.base)
		return 0;
	err = root_cells(dtb, cells);
	return err ? err : add_pairs(dtb, &v, cells, ranges, type, prop);
}

static bool node_enabled(const struct dtb *dtb, int node)
{
	const char *status = dtb_string(dtb, node, "status");

	if (!dtb_prop(dtb, node, "status").base)
		return true;
	return status && (!strcmp(status, "okay") || !strcmp(status, "ok"));
}

int dtb_memory(const struct dtb *dtb, struct ranges *ranges, uint32_t type)
{
	int node, err;

	fdt_for_each_subnode(node, dtb->fdt, 0) {
		const char *device_type = dtb_string(dtb, node, "device_type");

		if (!device_type || strcmp(device_type, "memory") || !node_enabled(dtb, node))
			continue;
		err = dtb_get_ranges(dtb, node, "reg", ranges, type);
		if (err)
			return fail_ctx(err, "memory node %s", fdt_get_name(dtb->fdt, node, NULL));
	}
	return 0;
}

/* The widths are the parent's own; where it lacks them the root's hold, the only ones that Linux accepts. */
static int reserved_nodes(const struct dtb *dtb, int parent, struct ranges *ranges, uint32_t type)
{
	unsigned int cells[2];
	int node, err = root_cells(dtb, cells);

	if (!err)
		err = cells_of(dtb, parent, "#address-cells", cells[0], &cells[0]);
	if (!err)
		err = cells_of(dtb, parent, "#size-cells", cells[1], &cells[1]);
	if (err)
		return fail_ctx(err, "node reserved-memory");
	fdt_for_each_subnode(node, dtb->fdt, parent) {
		struct view reg = dtb_prop(dtb, node, "reg");

		if (!reg.base || !node_enabled(dtb, node))
			continue;
		err = add_pairs(dtb, &reg, cells, ranges, type, "reg");
		if (err)
			return fail_ctx(err, "reserved memory node %s", fdt_get_name(dtb->fdt, node, NULL));
	}
	return 0;
}

int dtb_reserved(const struct dtb *dtb, struct ranges *ranges, uint32_t type)
{
	int nr = fdt_num_mem_rsv(dtb->fdt), parent, err = 0;
	uint64_t start, size;

	if (nr < 0)
		return dtb_fail(dtb, nr, "count", "memory reservations");
	for (int i = 0; i < nr && !err; i++) {
		int ret = fdt_get_mem_rsv(dtb->fdt, i, &start, &size);

		err = ret ? dtb_fail(dtb, ret, "read", "a memory reservation")
			  : add_range(dtb, ranges, start, size, type, "the memory reservations");
	}
	if (err)
		return err;
	parent = dtb_find(dtb, "/reserved-memory");
	if (parent == -ENOENT)
		return 0;
	return parent < 0 ? parent : reserved_nodes(dtb, parent, ranges, type);
}

int dtb_unreserve(struct dtb *dtb, uint64_t start, uint64_t len)
{
	uint64_t at, size;

	for (int i = fdt_num_mem_rsv(dtb->fdt) - 1; i >= 0; i--) {
		int ret = fdt_get_mem_rsv(dtb->fdt, i, &at, &size);

		if (!ret && at == start && size == len)
			ret = fdt_del_mem_rsv(dtb->fdt, i);
		if (ret)
			return dtb_fail(dtb, ret, "delete", "a memory reservation");
	}
	return 0;
}

#else /* !HAVE_LIBFDT */

bool dtb_built_in(void)
{
	return false;
}

static int not_built_in(void)
{
	return fail(-ENOTSUP, "this build has no libfdt and cannot read or write device trees");
}

int dtb_open(struct dtb *dtb, const struct view *v, size_t extra)
{
	(void)dtb, (void)v, (void)extra;
	return not_built_in();
}

int dtb_pack(struct dtb *dtb, size_t *len)
{
	(void)dtb, (void)len;
	return not_built_in();
}

int dtb_find(const struct dtb *dtb, const char *path)
{
	(void)dtb, (void)path;
	return not_built_in();
}

int dtb_node(struct dtb *dtb, const char *path)
{
	return dtb_find(dtb, path);
}

int dtb_set(struct dtb *dtb, int node, const char *prop, const void *value, size_t len)
{
	(void)dtb, (void)node, (void)prop, (void)value, (void)len;
	return not_built_in();
}

int dtb_set_u64(struct dtb *dtb, int node, const char *prop, uint64_t value)
{
	return dtb_set(dtb, node, prop, &value, sizeof(value));
}

int dtb_set_string(struct dtb *dtb, int node, const char *prop, const char *value)
{
	return dtb_set(dtb, node, prop, value, strlen(value));
}

int dtb_delete_prop(struct dtb *dtb, int node, const char *prop)
{
	return dtb_set(dtb, node, prop, NULL, 0);
}

struct view dtb_prop(const struct dtb *dtb, int node, const char *prop)
{
	(void)dtb, (void)node;
	return view_of(NULL, 0, prop);
}

int dtb_prop_off(const struct dtb *dtb, int node, const char *prop, uint64_t *off)
{
	(void)dtb, (void)node, (void)prop, (void)off;
	return not_built_in();
}

int dtb_append_range(struct dtb *dtb, int node, const char *prop, const struct range *range)
{
	(void)range;
	return dtb_set(dtb, node, prop, NULL, 0);
}

int dtb_set_ranges(struct dtb *dtb, int node, const char *prop, const struct ranges *ranges)
{
	(void)ranges;
	return dtb_set(dtb, node, prop, NULL, 0);
}

int dtb_get_ranges(const struct dtb *dtb, int node, const char *prop, struct ranges *ranges, uint32_t type)
{
	(void)dtb, (void)node, (void)prop, (void)ranges, (void)type;
	return not_built_in();
}

int dtb_memory(const struct dtb *dtb, struct ranges *ranges, uint32_t type)
{
	return dtb_get_ranges(dtb, 0, "reg", ranges, type);
}

int dtb_reserved(const struct dtb *dtb, struct ranges *ranges, uint32_t type)
{
	return dtb_get_ranges(dtb, 0, "reg", ranges, type);
}

int dtb_unreserve(struct dtb *dtb, uint64_t start, uint64_t len)
{
	(void)dtb, (void)start, (void)len;
	return not_built_in();
}

#endif

void dtb_close(struct dtb *dtb)
{
	free(dtb->fdt);
	*dtb = (struct dtb){ 0 };
}

const char *dtb_string(const struct dtb *dtb, int node, const char *prop)
{
	struct view v = dtb_prop(dtb, node, prop);

	if (!v.base || !v.len || v.base[v.len - 1])
		return NULL;
	return (const char *)v.base;
}
