// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/fdt.h"

#include "config.h"
#include "tests/unit/test.h"

#include <errno.h>

#ifdef HAVE_LIBFDT
#include <libfdt.h>

/* A tree in memory: root with these cells (0: the property is left out), memory, reservations, /reserved-memory. */
static struct view make_tree(uint8_t *buf, size_t room, uint32_t address_cells, uint32_t size_cells)
{
	int ret = fdt_create(buf, room);

	ret |= fdt_add_reservemap_entry(buf, 0x48000000, 0x10000);
	ret |= fdt_finish_reservemap(buf);
	ret |= fdt_begin_node(buf, "");
	if (address_cells)
		ret |= fdt_property_u32(buf, "#address-cells", address_cells);
	if (size_cells)
		ret |= fdt_property_u32(buf, "#size-cells", size_cells);
	ret |= fdt_property_string(buf, "model", "test");
	ret |= fdt_end_node(buf);
	ret |= fdt_finish(buf);
	CHECK_EQ(ret, 0);
	return view_of(buf, fdt_totalsize(buf), "tree");
}

static void open_tree(struct dtb *dtb, uint32_t address_cells, uint32_t size_cells)
{
	static _Alignas(8) uint8_t buf[4096];
	struct view v = make_tree(buf, sizeof(buf), address_cells, size_cells);

	*dtb = (struct dtb){ 0 };
	CHECK_EQ(dtb_open(dtb, &v, 0), 0);
}

static void add_reg(struct dtb *dtb, const char *path, uint64_t start, uint64_t len)
{
	const struct range r = { start, start + (len - 1), 0 };
	int node = dtb_node(dtb, path);

	CHECK(node >= 0);
	CHECK_EQ(dtb_append_range(dtb, node, "reg", &r), 0);
}

TEST(opens_and_ignores_what_follows)
{
	static _Alignas(8) uint8_t buf[8192];
	struct view v = make_tree(buf, 4096, 2, 2);
	struct dtb dtb = { 0 };
	size_t len = 0;

	v.len = sizeof(buf);
	CHECK(dtb_built_in());
	CHECK_EQ(dtb_open(&dtb, &v, 100), 0);
	CHECK_STR(dtb.name, "tree");
	CHECK_STR(dtb_string(&dtb, 0, "model"), "test");
	CHECK_EQ(dtb_pack(&dtb, &len), 0);
	CHECK(len <= fdt_totalsize(buf));
	dtb_close(&dtb);
	dtb_close(&dtb);
}

TEST(opens_at_any_alignment)
{
	static _Alignas(8) uint8_t buf[4096], odd[4097];
	struct view v = make_tree(buf, sizeof(buf), 2, 2);
	struct dtb dtb = { 0 };

	memcpy(odd + 1, buf, v.len);
	v.base = odd + 1;
	CHECK_EQ(dtb_open(&dtb, &v, 0), 0);
	dtb_close(&dtb);
}

TEST(refuses_what_is_no_tree)
{
	static _Alignas(8) uint8_t buf[4096];
	struct view v = make_tree(buf, sizeof(buf), 2, 2);
	struct view bad = view_of("not a tree, but long enough for a header, is it not?", 52, "text");
	struct dtb dtb = { .room = 7 };
	uint64_t whole = v.len;

	CHECK_FAILS(dtb_open(&dtb, &bad, 0), -EINVAL, "text is not a flattened device tree");
	for (v.len = 0; v.len < whole; v.len++)
		CHECK_FAILS(dtb_open(&dtb, &v, 0), -EINVAL, v.len < 8 ? "magic" : "cut off");
	v.len = whole;
	CHECK_FAILS(dtb_open(&dtb, &v, SIZE_MAX), -EINVAL, "too many");
	CHECK_FAILS(dtb_open(&dtb, &v, INT32_MAX), -EINVAL, "too large");
	put_u32(buf + 20, 15, true);
	CHECK_FAILS(dtb_open(&dtb, &v, 0), -EINVAL, "format version 15");
	put_u32(buf + 20, 17, true);
	put_u32(buf + 4, 12, true);
	CHECK_FAILS(dtb_open(&dtb, &v, 0), -EINVAL, "less than its own header");
	CHECK_EQ(dtb.room, 7);
}

/* One changed byte anywhere: opened or refused, never a crash; what was opened can be walked and edited. */
TEST(survives_every_changed_byte)
{
	static _Alignas(8) uint8_t buf[4096];
	struct view v = make_tree(buf, sizeof(buf), 2, 2);
	unsigned int opened = 0, refused = 0;

	for (size_t i = 0; i < v.len; i++) {
		uint8_t was = buf[i];
		struct dtb dtb = { 0 };
		struct ranges r;

		ranges_init(&r);
		buf[i] ^= 1 << test_random() % 8;
		if (dtb_open(&dtb, &v, 0)) {
			refused++;
		} else {
			int node = dtb_node(&dtb, "/chosen");

			opened++;
			if (node >= 0)
				dtb_set_string(&dtb, node, "bootargs", "quiet");
			dtb_memory(&dtb, &r, 1);
			dtb_reserved(&dtb, &r, 2);
		}
		dtb_close(&dtb);
		ranges_deinit(&r);
		buf[i] = was;
	}
	CHECK(opened > 0);
	CHECK(refused > 0);
}

TEST(nodes_and_properties)
{
	struct dtb dtb;
	int chosen, below;

	open_tree(&dtb, 2, 2);
	CHECK_EQ(dtb_find(&dtb, "/chosen"), -ENOENT);
	chosen = dtb_node(&dtb, "/chosen");
	CHECK(chosen > 0);
	CHECK_EQ(dtb_node(&dtb, "/chosen"), chosen);
	CHECK_EQ(dtb_find(&dtb, "/chosen"), chosen);
	below = dtb_node(&dtb, "/chosen/below");
	CHECK(below > chosen);
	CHECK_FAILS(dtb_node(&dtb, "/no/such"), -EINVAL, "cannot find the parent of /no/such");
	CHECK_FAILS(dtb_node(&dtb, "chosen"), -EINVAL, "chosen");
	CHECK_FAILS(dtb_node(&dtb, "/none/"), -EINVAL, "is not the path of a node");

	CHECK_EQ(dtb_set_u64(&dtb, chosen, "u64", 0x123456789abcdef0), 0);
	CHECK_EQ(get_u64(dtb_prop(&dtb, chosen, "u64").base, true), 0x123456789abcdef0);
	CHECK_EQ(dtb_set_string(&dtb, chosen, "bootargs", "a b"), 0);
	CHECK_STR(dtb_string(&dtb, chosen, "bootargs"), "a b");
	CHECK_EQ(dtb_set(&dtb, chosen, "flag", NULL, 0), 0);
	CHECK(dtb_prop(&dtb, chosen, "flag").base != NULL);
	CHECK_EQ(dtb_prop(&dtb, chosen, "flag").len, 0);
	CHECK(dtb_string(&dtb, chosen, "flag") == NULL);
	CHECK_EQ(dtb_set(&dtb, chosen, "text", "abc", 3), 0);
	CHECK(dtb_string(&dtb, chosen, "text") == NULL);
	CHECK_EQ(dtb_delete_prop(&dtb, chosen, "text"), 0);
	CHECK_EQ(dtb_delete_prop(&dtb, chosen, "text"), 0);
	CHECK(dtb_prop(&dtb, chosen, "text").base == NULL);
	CHECK_EQ(dtb_prop(&dtb, chosen, "text").len, 0);
	CHECK_FAILS(dtb_set(&dtb, chosen, "huge", "", SIZE_MAX), -EINVAL, "too many for huge");
	CHECK_FAILS(dtb_set(&dtb, 1, "p", "", 1), -EINVAL, "cannot set p");
	dtb_close(&dtb);
}

TEST(edits_make_room_for_themselves)
{
	static char value[300000];
	struct dtb dtb;
	char path[32];
	size_t len = 0;
	int node;

	open_tree(&dtb, 2, 2);
	memset(value, 'x', sizeof(value) - 1);
	node = dtb_node(&dtb, "/chosen");
	CHECK_EQ(dtb_set_string(&dtb, node, "bootargs", value), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "/node-%d", i);
		CHECK(dtb_node(&dtb, path) > 0);
	}
	CHECK_EQ(dtb_pack(&dtb, &len), 0);
	CHECK(len > sizeof(value));
	node = dtb_find(&dtb, "/chosen");
	CHECK_STR(dtb_string(&dtb, node, "bootargs"), value);
	CHECK_EQ(dtb_set_string(&dtb, node, "after", value), 0);
	CHECK(dtb_find(&dtb, "/node-499") > 0);
	dtb_close(&dtb);
}

TEST(ranges_in_all_cell_widths)
{
	for (uint32_t address = 1; address <= 2; address++)
		for (uint32_t size = 1; size <= 2; size++) {
			struct ranges set, got;
			struct dtb dtb;

			ranges_init(&set);
			ranges_init(&got);
			ranges_add(&set, 0x80000000, 0x8fffffff, 7);
			ranges_add(&set, 0xfffff000, 0xffffffff, 7);
			open_tree(&dtb, address, size);
			CHECK_EQ(dtb_set_ranges(&dtb, 0, "linux,x", &set), 0);
			CHECK_EQ(dtb_prop(&dtb, 0, "linux,x").len, 2 * 4 * (address + size));
			CHECK_EQ(dtb_get_ranges(&dtb, 0, "linux,x", &got, 7), 0);
			CHECK_EQ(got.nr, 2);
			for (size_t i = 0; i < got.nr; i++) {
				CHECK_EQ(got.r[i].start, set.r[i].start);
				CHECK_EQ(got.r[i].last, set.r[i].last);
				CHECK_EQ(got.r[i].type, set.r[i].type);
			}
			CHECK_EQ(dtb_get_ranges(&dtb, 0, "missing", &got, 7), 0);
			CHECK_EQ(got.nr, 2);
			dtb_close(&dtb);
			ranges_deinit(&set);
			ranges_deinit(&got);
		}
}

TEST(order_of_appended_ranges_is_kept)
{
	const struct range high = { 0x100000000, 0x13fffffff, 0 }, low = { 0x40000000, 0x47ffffff, 0 };
	struct dtb dtb;
	struct view v;

	open_tree(&dtb, 2, 2);
	CHECK_EQ(dtb_append_range(&dtb, 0, "p", &high), 0);
	CHECK_EQ(dtb_append_range(&dtb, 0, "p", &low), 0);
	v = dtb_prop(&dtb, 0, "p");
	CHECK_EQ(v.len, 32);
	CHECK_EQ(get_u64(v.base, true), 0x100000000);
	CHECK_EQ(get_u64(v.base + 8, true), 0x40000000);
	CHECK_EQ(get_u64(v.base + 16, true), 0x40000000);
	CHECK_EQ(get_u64(v.base + 24, true), 0x8000000);
	dtb_close(&dtb);
}

TEST(ranges_that_do_not_fit)
{
	const struct range high = { 0x100000000, 0x100000fff, 0 }, large = { 0, 0x100000000, 0 };
	const struct range all = { 0, UINT64_MAX, 0 };
	struct ranges set;
	struct dtb dtb;

	ranges_init(&set);
	ranges_add(&set, 0x100000000, 0x100000fff, 0);
	open_tree(&dtb, 1, 1);
	CHECK_FAILS(dtb_append_range(&dtb, 0, "p", &high), -ERANGE, "1 cells of 32 bits");
	CHECK_FAILS(dtb_append_range(&dtb, 0, "p", &large), -ERANGE, "0x100000000 does not fit p");
	CHECK_FAILS(dtb_set_ranges(&dtb, 0, "p", &set), -ERANGE, "does not fit p");
	CHECK(dtb_prop(&dtb, 0, "p").base == NULL);
	dtb_close(&dtb);
	open_tree(&dtb, 2, 2);
	CHECK_FAILS(dtb_append_range(&dtb, 0, "p", &all), -ERANGE, "does not fit p");
	dtb_close(&dtb);
	ranges_deinit(&set);
}

TEST(strange_cells)
{
	struct ranges got;
	struct dtb dtb;

	ranges_init(&got);
	open_tree(&dtb, 3, 2);
	dtb_set_u64(&dtb, 0, "p", 1);
	CHECK_FAILS(dtb_get_ranges(&dtb, 0, "p", &got, 0), -EINVAL, "#address-cells is 3");
	dtb_close(&dtb);
	open_tree(&dtb, 2, 2);
	dtb_set(&dtb, 0, "#size-cells", "\0\0\0", 4);
	dtb_set_u64(&dtb, 0, "p", 1);
	CHECK_FAILS(dtb_get_ranges(&dtb, 0, "p", &got, 0), -EINVAL, "#size-cells is 0");
	dtb_set(&dtb, 0, "#size-cells", "\1", 2);
	CHECK_FAILS(dtb_get_ranges(&dtb, 0, "p", &got, 0), -EINVAL, "#size-cells");
	dtb_close(&dtb);
	/* Linux counts one cell of each when the root does not say. */
	open_tree(&dtb, 0, 0);
	dtb_set_u64(&dtb, 0, "p", 0x4000000000001000);
	CHECK_EQ(dtb_get_ranges(&dtb, 0, "p", &got, 0), 0);
	CHECK_EQ(got.nr, 1);
	CHECK_EQ(got.r[0].start, 0x40000000);
	CHECK_EQ(got.r[0].last, 0x40000fff);
	dtb_close(&dtb);
	ranges_deinit(&got);
}

TEST(memory_nodes)
{
	struct ranges got;
	struct dtb dtb;

	ranges_init(&got);
	open_tree(&dtb, 2, 2);
	add_reg(&dtb, "/memory@40000000", 0x40000000, 0x40000000);
	add_reg(&dtb, "/memory@40000000", 0x880000000, 0x80000000);
	CHECK_EQ(dtb_memory(&dtb, &got, 3), 0);
	CHECK_EQ(got.nr, 0);
	dtb_set_string(&dtb, dtb_find(&dtb, "/memory@40000000"), "device_type", "memory");
	add_reg(&dtb, "/memory@2", 0x1000000000, 0x1000);
	dtb_set_string(&dtb, dtb_find(&dtb, "/memory@2"), "device_type", "memory");
	dtb_set_string(&dtb, dtb_find(&dtb, "/memory@2"), "status", "disabled");
	CHECK_EQ(dtb_memory(&dtb, &got, 3), 0);
	CHECK_EQ(got.nr, 2);
	CHECK_EQ(got.r[1].start, 0x880000000);
	CHECK_EQ(got.r[1].last, 0x8ffffffff);
	CHECK_EQ(got.r[1].type, 3);
	dtb_set_string(&dtb, dtb_find(&dtb, "/memory@2"), "status", "ok");
	CHECK_EQ(dtb_memory(&dtb, &got, 3), 0);
	CHECK_EQ(got.nr, 3);
	/* half a pair */
	dtb_set_u64(&dtb, dtb_find(&dtb, "/memory@2"), "reg", 0);
	CHECK_FAILS(dtb_memory(&dtb, &got, 3), -EINVAL, "memory node memory@2: ");
	CHECK(strstr(err_text(), "no whole pairs"));
	dtb_close(&dtb);
	ranges_deinit(&got);
}

TEST(reservations)
{
	static const uint8_t wraps[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0 };
	static const uint8_t empty[16] = { 0, 0, 0, 0, 0x70 };
	struct ranges got;
	struct dtb dtb;

	ranges_init(&got);
	open_tree(&dtb, 2, 2);
	CHECK(dtb_node(&dtb, "/reserved-memory") > 0);
	add_reg(&dtb, "/reserved-memory/fixed", 0x50000000, 0x100000);
	add_reg(&dtb, "/reserved-memory/off", 0x60000000, 0x100000);
	dtb_set_string(&dtb, dtb_find(&dtb, "/reserved-memory/off"), "status", "disabled");
	/* dynamic: a size and no place */
	dtb_set_u64(&dtb, dtb_node(&dtb, "/reserved-memory/dynamic"), "size", 0x400000);
	/* empty, which is no error */
	dtb_set(&dtb, dtb_node(&dtb, "/reserved-memory/empty"), "reg", empty, sizeof(empty));
	CHECK_EQ(dtb_reserved(&dtb, &got, 9), 0);
	CHECK_EQ(got.nr, 2);
	CHECK_EQ(got.r[0].start, 0x48000000);
	CHECK_EQ(got.r[0].last, 0x4800ffff);
	CHECK_EQ(got.r[1].start, 0x50000000);
	CHECK_EQ(got.r[1].type, 9);
	dtb_set(&dtb, dtb_find(&dtb, "/reserved-memory/fixed"), "reg", wraps, sizeof(wraps));
	CHECK_FAILS(dtb_reserved(&dtb, &got, 9), -EINVAL, "reserved memory node fixed: ");
	CHECK(strstr(err_text(), "wrap around"));
	dtb_close(&dtb);
	ranges_deinit(&got);
}

TEST(reserved_memory_has_its_own_cells)
{
	struct ranges got;
	struct dtb dtb;
	uint8_t one[4] = { 0, 0, 0, 1 };
	int node;

	ranges_init(&got);
	open_tree(&dtb, 2, 2);
	node = dtb_node(&dtb, "/reserved-memory");
	dtb_set(&dtb, node, "#address-cells", one, 4);
	dtb_set(&dtb, node, "#size-cells", one, 4);
	dtb_set_u64(&dtb, dtb_node(&dtb, "/reserved-memory/x"), "reg", 0x5000000000002000);
	CHECK_EQ(dtb_reserved(&dtb, &got, 9), 0);
	CHECK_EQ(got.nr, 2);
	CHECK_EQ(got.r[1].start, 0x50000000);
	CHECK_EQ(got.r[1].last, 0x50001fff);
	one[3] = 4;
	dtb_set(&dtb, dtb_find(&dtb, "/reserved-memory"), "#size-cells", one, 4);
	CHECK_FAILS(dtb_reserved(&dtb, &got, 9), -EINVAL, "node reserved-memory: ");
	dtb_close(&dtb);
	ranges_deinit(&got);
}

TEST(unreserve_takes_exact_matches)
{
	struct ranges got;
	struct dtb dtb;

	ranges_init(&got);
	open_tree(&dtb, 2, 2);
	CHECK_EQ(dtb_unreserve(&dtb, 0x48000000, 0x1000), 0);
	CHECK_EQ(dtb_unreserve(&dtb, 0x48001000, 0x10000), 0);
	CHECK_EQ(dtb_reserved(&dtb, &got, 9), 0);
	CHECK_EQ(got.nr, 1);
	CHECK_EQ(fdt_add_mem_rsv(dtb.fdt, 0x48000000, 0x10000), 0);
	CHECK_EQ(dtb_unreserve(&dtb, 0x48000000, 0x10000), 0);
	ranges_deinit(&got);
	CHECK_EQ(dtb_reserved(&dtb, &got, 9), 0);
	CHECK_EQ(got.nr, 0);
	dtb_close(&dtb);
	ranges_deinit(&got);
}

#else

TEST(says_what_is_missing)
{
	struct view v = view_of("", 0, "tree");
	struct dtb dtb = { 0 };

	CHECK(!dtb_built_in());
	CHECK_FAILS(dtb_open(&dtb, &v, 0), -ENOTSUP, "no libfdt");
}

#endif
