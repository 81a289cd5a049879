// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/dtb.h"

#include "config.h"
#include "tests/unit/boot_machine.h"

#include <errno.h>

#ifdef HAVE_LIBFDT
#include <libfdt.h>

#define CRASH 0xd0000000ull

static void setup(struct machine *m, const char *cmdline)
{
	machine_init(m, &arch_arm64, CRASH, cmdline);
	m->plan.capture[0].image.memsz = 0x1e90000;
	m->plan.capture[0].image.page_shift = 12;
	m->plan.capture[0].image.flags = IMAGE_RELOCATABLE | IMAGE_ABOVE_4G | IMAGE_ENTRY_64;
}

static int run(struct machine *m)
{
	struct place place = { .memsz = 0x10000, .last = UINT64_MAX, .top_down = true };
	struct plan *plan = &m->plan;
	int err = boot_dtb.place(plan, &plan->capture[0]);

	if (!err)
		err = plan_place(plan, "elfcorehdr", NULL, 0, &place, &plan->elfcorehdr_paddr);
	plan->elfcorehdr_memsz = 0x10000;
	return err ? err : boot_dtb.describe(plan, &plan->capture[0]);
}

/* The tree of a running machine; CHOSEN adds properties to /chosen (NULL: there is no such node). */
static void *make_tree(uint32_t cells, size_t extra, void (*chosen)(void *fdt))
{
	size_t room = 65536 + extra;
	void *fdt = calloc(1, room), *ballast;
	int ret = fdt_create(fdt, room);

	ret |= fdt_add_reservemap_entry(fdt, 0x4a000000, 0x20000);          /* of the firmware */
	ret |= fdt_add_reservemap_entry(fdt, 0x48000000, 0x123456);         /* the initrd's */
	ret |= fdt_add_reservemap_entry(fdt, 0x48000000, 0x124000);         /* the same, in pages */
	ret |= fdt_finish_reservemap(fdt);
	ret |= fdt_begin_node(fdt, "");
	ret |= fdt_property_u32(fdt, "#address-cells", cells);
	ret |= fdt_property_u32(fdt, "#size-cells", cells);
	ret |= fdt_property_string(fdt, "compatible", "linux,dummy-virt");
	if (extra)
		ret |= fdt_property_placeholder(fdt, "ballast", extra, &ballast);
	if (chosen) {
		ret |= fdt_begin_node(fdt, "chosen");
		chosen(fdt);
		ret |= fdt_end_node(fdt);
	}
	ret |= fdt_begin_node(fdt, "psci");
	ret |= fdt_property_string(fdt, "method", "hvc");
	ret |= fdt_end_node(fdt);
	ret |= fdt_end_node(fdt);
	ret |= fdt_finish(fdt);
	CHECK_EQ(ret, 0);
	return fdt;
}

static void empty_chosen(void *fdt)
{
	(void)fdt;
}

static void full_chosen(void *fdt)
{
	fdt_property_string(fdt, "stdout-path", "/pl011@9000000");
	fdt_property_string(fdt, "bootargs", "crashkernel=256M root=/dev/vda1");
	fdt_property_u64(fdt, "linux,initrd-start", 0x48000000);
	fdt_property_u64(fdt, "linux,initrd-end", 0x48123456);
	fdt_property_u64(fdt, "kaslr-seed", 0);
	fdt_property_u64(fdt, "linux,ima-kexec-buffer", 1);
	fdt_property_u64(fdt, "linux,kho-fdt", 1);
	fdt_property(fdt, "linux,elfcorehdr", "0123456789abcdef", 16);
	fdt_property(fdt, "linux,usable-memory-range", "0123456789abcdef", 16);
	fdt_property_u64(fdt, "linux,uefi-system-table", 0x13bfd0018);
	fdt_property_u64(fdt, "linux,uefi-mmap-start", 0x137c5d018);
	fdt_property_u32(fdt, "linux,uefi-mmap-size", 0xae0);
}

static void give_tree(struct machine *m, uint32_t cells, void (*chosen)(void *fdt))
{
	void *fdt = make_tree(cells, 0, chosen);

	tree_bytes(&m->tree, "sys/firmware/fdt", fdt, fdt_totalsize(fdt));
	free(fdt);
}

/* The tree as the capture kernel gets it. Opened by libfdt's own check; closed by the caller. */
static int open_result(const struct machine *m, struct dtb *dtb)
{
	struct view v = blob_view(&m->plan.capture[0].boot, "result");
	int chosen;

	*dtb = (struct dtb){ 0 };
	CHECK_EQ(dtb_open(dtb, &v, 0), 0);
	chosen = dtb_find(dtb, "/chosen");
	CHECK(chosen > 0);
	return chosen;
}

static uint64_t prop_u64(const struct dtb *dtb, int node, const char *prop)
{
	struct view v = dtb_prop(dtb, node, prop);

	CHECK_EQ(v.len, 8);
	return v.len == 8 ? get_u64(v.base, true) : 0;
}

/* PROP holds exactly these pairs, in this order. */
static void check_pairs(const struct dtb *dtb, int node, const char *prop, unsigned int cells, const struct range *want,
			size_t nr)
{
	struct view v = dtb_prop(dtb, node, prop);
	struct cursor c = cursor_at(&v, 0);

	CHECK_EQ(v.len, nr * 8 * cells);
	for (size_t i = 0; i < nr; i++) {
		CHECK_EQ(cursor_word(&c, 4 * cells), want[i].start);
		CHECK_EQ(cursor_word(&c, 4 * cells), want[i].last - want[i].start + 1);
	}
}

TEST(chosen_is_rewritten)
{
	for (uint32_t cells = 1; cells <= 2; cells++) {
		struct range window = { CRASH, CRASH + CRASH_BYTES - 1, 0 }, corehdr;
		struct ranges reserved;
		struct machine m;
		struct dtb dtb;
		int chosen;

		setup(&m, "root=/dev/vda1 nr_cpus=1");
		give_tree(&m, cells, full_chosen);
		CHECK_EQ(run(&m), 0);
		chosen = open_result(&m, &dtb);
		CHECK_STR(dtb_string(&dtb, chosen, "bootargs"),
			  "root=/dev/vda1 nr_cpus=1 " PURG_VERDICT_WORD "unknown");
		CHECK_EQ(prop_u64(&dtb, chosen, "linux,initrd-start"), m.plan.capture[0].initrd_paddr);
		CHECK_EQ(prop_u64(&dtb, chosen, "linux,initrd-end"), m.plan.capture[0].initrd_paddr + INITRD_BYTES);
		corehdr = (struct range){ m.plan.elfcorehdr_paddr, m.plan.elfcorehdr_paddr + 0xffff, 0 };
		check_pairs(&dtb, chosen, "linux,elfcorehdr", cells, &corehdr, 1);
		check_pairs(&dtb, chosen, "linux,usable-memory-range", cells, &window, 1);
		CHECK(prop_u64(&dtb, chosen, "kaslr-seed") != 0);
		CHECK_EQ(dtb_prop(&dtb, chosen, "rng-seed").len, 128);
		CHECK(dtb_prop(&dtb, chosen, "linux,booted-from-kexec").base != NULL);
		CHECK(dtb_prop(&dtb, chosen, "linux,ima-kexec-buffer").base == NULL);
		CHECK(dtb_prop(&dtb, chosen, "linux,kho-fdt").base == NULL);

		/* what is the firmware's stays */
		CHECK_STR(dtb_string(&dtb, chosen, "stdout-path"), "/pl011@9000000");
		CHECK_EQ(prop_u64(&dtb, chosen, "linux,uefi-system-table"), 0x13bfd0018);
		CHECK_EQ(prop_u64(&dtb, chosen, "linux,uefi-mmap-start"), 0x137c5d018);
		CHECK_EQ(dtb_prop(&dtb, chosen, "linux,uefi-mmap-size").len, 4);
		CHECK_STR(dtb_string(&dtb, dtb_find(&dtb, "/psci"), "method"), "hvc");
		/* the old initrd's memory does not, however it was counted */
		ranges_init(&reserved);
		CHECK_EQ(dtb_reserved(&dtb, &reserved, 0), 0);
		CHECK_EQ(reserved.nr, 1);
		CHECK_EQ(reserved.r[0].start, 0x4a000000);
		ranges_deinit(&reserved);
		dtb_close(&dtb);
		CHECK_STR(m.warnings, "");
		teardown(&m);
	}
}

TEST(addresses_and_entry)
{
	struct machine m;
	struct segment *seg;

	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, CRASH);
	CHECK_EQ(m.plan.capture[0].next_entry, CRASH);
	CHECK_EQ(m.plan.capture[0].next_mode, PURG_ENTRY_NATIVE);
	seg = plan_find(&m.plan, "dtb");
	CHECK(seg != NULL);
	CHECK_EQ(m.plan.capture[0].next_args[0], seg->mem);
	CHECK_EQ(m.plan.capture[0].next_args[1] | m.plan.capture[0].next_args[2] | m.plan.capture[0].next_args[3], 0);
	CHECK(seg->buf == m.plan.capture[0].boot.data);
	CHECK_EQ(seg->bufsz, m.plan.capture[0].boot.len);
	CHECK_EQ(get_u32(m.plan.capture[0].boot.data + 4, true), m.plan.capture[0].boot.len);
	CHECK_EQ(m.plan.nr_seg, 4);
	m.plan.entry = CRASH;
	CHECK_EQ(plan_check(&m.plan), 0);
	teardown(&m);
}

TEST(text_offset)
{
	struct machine m;

	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	m.plan.capture[0].image.align_offset = 0x80000;
	move_crash(&m, CRASH + 0x100000, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, CRASH + 0x280000);
	teardown(&m);
}

TEST(memory_below_an_old_kernel_is_not_used)
{
	struct machine m;

	/* All the room above the kernel is taken by the kernel: what is left is below it. */
	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	m.plan.capture[0].image.memsz = 0x1000000;
	move_crash(&m, CRASH + 0x100000, 0x100000 + 0x1000000);
	CHECK_EQ(run(&m), 0);
	CHECK(m.plan.capture[0].initrd_paddr < m.plan.capture[0].kernel_paddr);
	m.plan.capture[0].image.flags |= IMAGE_LOSES_BELOW;
	move_crash(&m, CRASH + 0x100000, 0x100000 + 0x1000000);
	CHECK_FAILS(run(&m), -ENOSPC, "no room for the initrd");
	m.plan.capture[0].initrd.view.len = 0;
	move_crash(&m, CRASH + 0x100000, 0x100000 + 0x1000000);
	CHECK_FAILS(run(&m), -ENOSPC, "no room for the dtb");
	teardown(&m);
}

/* The window starts at the gigabyte below the kernel and has 32 of them. */
TEST(initrd_within_32_gib_of_the_kernel)
{
	const uint64_t gib = 1ull << 30, start = 5 * gib + gib / 2;
	struct machine m;

	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	move_crash(&m, start, 100 * gib);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, start);
	CHECK_EQ(m.plan.capture[0].initrd_paddr, 37 * gib - 0x20000);
	m.plan.capture[0].image.max_initrd_last = 10 * gib - 1;
	move_crash(&m, start, 100 * gib);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].initrd_paddr, 10 * gib - 0x20000);
	teardown(&m);
}

TEST(main_region_first_whatever_its_address)
{
	static const struct range low = { 0x70000000, 0x77ffffff, 0 }, high = { 0x200000000, 0x20fffffff, 0 };
	struct machine m;
	struct dtb dtb;
	int chosen;

	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	move_crash(&m, high.start, CRASH_BYTES);
	ranges_add(&m.plan.memmap.crash, low.start, low.last, MEM_CRASH);
	CHECK_EQ(run(&m), 0);
	chosen = open_result(&m, &dtb);
	check_pairs(&dtb, chosen, "linux,usable-memory-range", 2, (const struct range[]){ high, low }, 2);
	dtb_close(&dtb);

	ranges_add(&m.plan.memmap.crash, 0x60000000, 0x60ffffff, MEM_CRASH);
	const struct range window = { high.start, high.last, MEM_CRASH };
	CHECK_EQ(plan_restart(&m.plan, &window), 0);
	CHECK_EQ(run(&m), 0);
	chosen = open_result(&m, &dtb);
	check_pairs(&dtb, chosen, "linux,usable-memory-range", 2,
		    (const struct range[]){ high, { 0x60000000, 0x60ffffff, 0 }, low }, 3);
	dtb_close(&dtb);
	teardown(&m);
}

TEST(no_initrd_no_chosen_no_words)
{
	void (*const chosens[])(void *) = { NULL, empty_chosen, full_chosen };

	for (size_t i = 0; i < 3; i++) {
		struct machine m;
		struct dtb dtb;
		int chosen;

		setup(&m, NULL);
		give_tree(&m, 2, chosens[i]);
		m.plan.capture[0].initrd.view.len = 0;
		CHECK_EQ(run(&m), 0);
		chosen = open_result(&m, &dtb);
		CHECK_STR(dtb_string(&dtb, chosen, "bootargs"), PURG_VERDICT_WORD "unknown");
		CHECK(dtb_prop(&dtb, chosen, "linux,initrd-start").base == NULL);
		CHECK(dtb_prop(&dtb, chosen, "linux,initrd-end").base == NULL);
		CHECK(dtb_prop(&dtb, chosen, "linux,elfcorehdr").len == 16);
		dtb_close(&dtb);
		teardown(&m);
	}
}

TEST(seeds)
{
	static const char *const words[] = { "a nokaslr b", "a xnokaslr nokaslrx" };
	uint8_t rng[2][128];

	for (size_t i = 0; i < 2; i++) {
		struct machine m;
		struct view seed;
		struct dtb dtb;
		int chosen;

		setup(&m, words[i]);
		give_tree(&m, 2, full_chosen);
		CHECK_EQ(run(&m), 0);
		chosen = open_result(&m, &dtb);
		CHECK_EQ(dtb_prop(&dtb, chosen, "kaslr-seed").len, i ? 8 : 0);
		seed = dtb_prop(&dtb, chosen, "rng-seed");
		CHECK_EQ(seed.len, 128);
		memset(rng[i], 0, 128);
		if (seed.len == 128)
			memcpy(rng[i], seed.base, 128);
		dtb_close(&dtb);
		teardown(&m);
	}
	CHECK(memcmp(rng[0], rng[1], 128));
}

/* UEFI machines with ACPI have a tree of nothing but /chosen. */
TEST(stub_of_an_acpi_machine)
{
	_Alignas(8) uint8_t stub[1024];
	struct machine m;
	struct dtb dtb;
	int chosen, ret = fdt_create(stub, sizeof(stub));

	ret |= fdt_finish_reservemap(stub);
	ret |= fdt_begin_node(stub, "");
	ret |= fdt_property_u32(stub, "#address-cells", 2);
	ret |= fdt_property_u32(stub, "#size-cells", 2);
	ret |= fdt_begin_node(stub, "chosen");
	full_chosen(stub);
	ret |= fdt_end_node(stub);
	ret |= fdt_end_node(stub);
	ret |= fdt_finish(stub);
	CHECK_EQ(ret, 0);
	setup(&m, "acpi=force");
	tree_bytes(&m.tree, "sys/firmware/fdt", stub, fdt_totalsize(stub));
	CHECK_EQ(run(&m), 0);
	chosen = open_result(&m, &dtb);
	CHECK_EQ(prop_u64(&dtb, chosen, "linux,uefi-system-table"), 0x13bfd0018);
	CHECK_STR(dtb_string(&dtb, chosen, "bootargs"), "acpi=force " PURG_VERDICT_WORD "unknown");
	dtb_close(&dtb);
	teardown(&m);
}

TEST(tree_of_the_user)
{
	void *fdt = make_tree(2, 0, full_chosen);
	struct machine m;
	struct dtb dtb;
	char path[128];

	setup(&m, "quiet");
	tree_bytes(&m.tree, "mine.dtb", fdt, fdt_totalsize(fdt));
	free(fdt);
	snprintf(path, sizeof(path), "%s/mine.dtb", m.tree.dir);
	m.req.dtb_path = path;
	CHECK_EQ(run(&m), 0);
	CHECK_STR(dtb_string(&dtb, open_result(&m, &dtb), "bootargs"), "quiet " PURG_VERDICT_WORD "unknown");
	dtb_close(&dtb);

	tree_text(&m.tree, "mine.dtb", "/dts-v1/; / { };\n");
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "mine.dtb is not a flattened device tree");
	tree_remove(&m.tree, "mine.dtb");
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -ENOENT, "mine.dtb");
	teardown(&m);
}

TEST(no_tree)
{
	struct machine m;

	setup(&m, NULL);
	CHECK_FAILS(run(&m), -ENOENT, "there is no device tree to hand on; give one with --dtb");
	tree_text(&m.tree, "proc/device-tree/compatible", "x");
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -ENOENT, "only in pieces; give the whole one with --dtb");
	tree_text(&m.tree, "sys/firmware/fdt", "rubbish, not a tree");
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "sys/firmware/fdt");
	teardown(&m);
}

TEST(one_cell_and_high_addresses)
{
	struct machine m;

	setup(&m, NULL);
	give_tree(&m, 1, empty_chosen);
	move_crash(&m, 0x200000000, CRASH_BYTES);
	CHECK_FAILS(run(&m), -ERANGE, "does not fit linux,elfcorehdr: its root node has 1 cells");
	teardown(&m);
}

TEST(size_limit)
{
	struct machine m;
	void *fdt;

	for (size_t over = 0; over < 2; over++) {
		fdt = make_tree(2, DTB_MAX_BYTES - 8192 + over * 8192, full_chosen);
		setup(&m, NULL);
		tree_bytes(&m.tree, "sys/firmware/fdt", fdt, fdt_totalsize(fdt));
		free(fdt);
		if (over) {
			CHECK_FAILS(run(&m), -EFBIG, "the kernel takes 2097152");
		} else {
			CHECK_EQ(run(&m), 0);
			CHECK_EQ(m.plan.capture[0].next_args[0] % DTB_MAX_BYTES, 0);
		}
		teardown(&m);
	}
}

TEST(never_across_2_mib)
{
	for (unsigned int i = 0; i < 40; i++) {
		size_t size = test_random() % DTB_MAX_BYTES / 2;
		void *fdt = make_tree(2, size, full_chosen);
		struct machine m;

		setup(&m, NULL);
		tree_bytes(&m.tree, "sys/firmware/fdt", fdt, fdt_totalsize(fdt));
		free(fdt);
		move_crash(&m, CRASH, CRASH_BYTES - (test_random() % 64 << 16));
		CHECK_EQ(run(&m), 0);
		CHECK_EQ(m.plan.capture[0].next_args[0] / DTB_MAX_BYTES,
			 (m.plan.capture[0].next_args[0] + m.plan.capture[0].boot.len - 1) / DTB_MAX_BYTES);
		teardown(&m);
	}
}

/* The kernel would believe the word, and not the property. */
TEST(elfcorehdr_of_the_user_is_left_out)
{
	struct machine m;
	struct dtb dtb;
	int chosen;

	setup(&m, "a elfcorehdr=5M xelfcorehdr=1 b");
	give_tree(&m, 2, full_chosen);
	CHECK_EQ(run(&m), 0);
	chosen = open_result(&m, &dtb);
	CHECK_STR(dtb_string(&dtb, chosen, "bootargs"), "a xelfcorehdr=1 b " PURG_VERDICT_WORD "unknown");
	CHECK(strstr(m.warnings, "elfcorehdr="));
	dtb_close(&dtb);
	teardown(&m);
}

TEST(command_line_limit)
{
	static char text[2049];
	struct machine m;

	/* A blank and the word for the verdict are added. */
	memset(text, 'x', 2047 - 21);
	setup(&m, text);
	give_tree(&m, 2, full_chosen);
	CHECK_EQ(run(&m), 0);
	teardown(&m);
	text[2047 - 21] = 'x';
	setup(&m, text);
	give_tree(&m, 2, full_chosen);
	CHECK_FAILS(run(&m), -E2BIG, "2047");
	m.plan.capture[0].image.cmdline_max = 0; /* not told: the architecture's constant */
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -E2BIG, "2047");
	teardown(&m);
}

TEST(images_that_cannot_be_captured_with)
{
	struct machine m;

	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	m.plan.capture[0].image.flags |= IMAGE_BIG_ENDIAN;
	CHECK_FAILS(run(&m), -ENOTSUP, "capture kernel is big endian");
	m.plan.capture[0].image.flags &= ~IMAGE_BIG_ENDIAN;
	m.plan.capture[0].image.page_shift = 18;
	CHECK_FAILS(run(&m), -ENOTSUP, "pages of 256 KiB");
	m.plan.capture[0].image.page_shift = 16;
	CHECK_EQ(run(&m), 0);
	teardown(&m);
}

TEST(entry_of_the_user)
{
	struct machine m;

	setup(&m, NULL);
	give_tree(&m, 2, empty_chosen);
	m.req.entry_given = true;
	m.req.entry = CRASH + 0x1000;
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].next_entry, CRASH + 0x1000);
	m.req.entry = CRASH - 1;
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "lies in no segment");
	teardown(&m);
}

TEST(strange_initrd_properties)
{
	static const struct {
		uint64_t start, behind;
		size_t len;
	} cases[] = {
		{ 0x48123456, 0x48000000, 8 }, { 0, UINT64_MAX, 8 }, { 1, 0, 8 }, { 0x4800000048123456, 0, 3 },
		{ 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *fdt = make_tree(2, 0, full_chosen);
		struct view v = view_of(fdt, fdt_totalsize(fdt), "tree");
		struct ranges reserved;
		uint8_t value[8];
		struct machine m;
		struct dtb dtb;
		int chosen;

		CHECK_EQ(dtb_open(&dtb, &v, 0), 0);
		free(fdt);
		chosen = dtb_find(&dtb, "/chosen");
		put_u64(value, cases[i].start, true);
		CHECK_EQ(dtb_set(&dtb, chosen, "linux,initrd-start", value, cases[i].len), 0);
		put_u64(value, cases[i].behind, true);
		CHECK_EQ(dtb_set(&dtb, chosen, "linux,initrd-end", value, cases[i].len), 0);
		setup(&m, NULL);
		m.plan.elfcorehdr_paddr = CRASH;
		m.plan.elfcorehdr_memsz = 0x10000;
		CHECK_EQ(dtb_edit(&m.plan, &m.plan.capture[0], &dtb), 0);
		ranges_init(&reserved);
		CHECK_EQ(dtb_reserved(&dtb, &reserved, 0), 0);
		CHECK_EQ(reserved.nr, 2);
		ranges_deinit(&reserved);
		dtb_close(&dtb);
		teardown(&m);
	}
}

/* A tree that the capture kernel's own kexec would read again: nothing piles up. */
TEST(editing_twice_changes_nothing_more)
{
	struct machine m;
	size_t first;

	setup(&m, "quiet nokaslr");
	give_tree(&m, 2, full_chosen);
	CHECK_EQ(run(&m), 0);
	first = m.plan.capture[0].boot.len;
	tree_bytes(&m.tree, "sys/firmware/fdt", m.plan.capture[0].boot.data, m.plan.capture[0].boot.len);
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].boot.len, first);
	teardown(&m);
}

#else

TEST(says_what_is_missing)
{
	struct dtb dtb = { 0 };
	struct plan plan;

	plan_init(&plan);
	CHECK_FAILS(dtb_edit(&plan, &dtb), -ENOTSUP, "no libfdt");
	plan_deinit(&plan);
}

#endif

TEST(two_systems_with_room_for_the_verdict)
{
	struct machine m;
	struct capture *c = &m.plan.capture[FALLBACK];

	setup(&m, "quiet -- init words");
	give_tree(&m, 2, full_chosen);
	m.plan.nr_captures = 2;
	m.plan.policy = PURG_POLICY_FALLBACK;
	c->image = m.plan.capture[PRIMARY].image;
	CHECK_EQ(cmdline_init(&c->cmdline, "single"), 0);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(boot_dtb.place(&m.plan, c), 0);
	CHECK_EQ(boot_dtb.describe(&m.plan, c), 0);
	CHECK_EQ(plan_find(&m.plan, "fallback-kernel")->images, 2);
	CHECK(!plan_find(&m.plan, "fallback-initrd"));
	for (unsigned int i = 0; i < 2; i++) {
		const struct segment *seg = plan_find(&m.plan, plan_name(i, "dtb"));
		uint64_t off;
		const char *at;

		c = &m.plan.capture[i];
		off = c->verdict_paddr - seg->mem;
		at = (const char *)seg->buf + off;
		CHECK_EQ(seg->images, FOR_IMAGE(i));
		CHECK_EQ(c->next_args[0], seg->mem);
		CHECK(off < seg->bufsz && c->verdict_len < seg->bufsz - off);
		CHECK(!strncmp(at, PURG_VERDICT_WORD "unknown", strlen(PURG_VERDICT_WORD "unknown")));
		for (size_t j = strlen(PURG_VERDICT_WORD "unknown"); j < c->verdict_len; j++)
			CHECK_EQ(at[j], ' ');
		CHECK_STR(i ? "" : strstr(at, " -- "), i ? "" : " -- init words");
	}
	/* What the purgatory writes leaves a tree that can be read. */
	struct dtb dtb;
	const struct segment *seg = plan_find(&m.plan, "dtb");
	int chosen;

	c = &m.plan.capture[PRIMARY];
	memset((char *)seg->buf + (c->verdict_paddr - seg->mem), 'v', c->verdict_len);
	chosen = open_result(&m, &dtb);
	CHECK(strstr(dtb_string(&dtb, chosen, "bootargs"), "quiet vvvv"));
	CHECK_EQ(strlen(dtb_string(&dtb, chosen, "bootargs")), c->cmdline.len);
	dtb_close(&dtb);
	teardown(&m);
}
