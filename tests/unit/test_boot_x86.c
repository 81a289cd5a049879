// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/x86.h"

#include "tests/unit/boot_machine.h"

#include <errno.h>

#define MODERN (IMAGE_RELOCATABLE | IMAGE_ABOVE_4G | IMAGE_ENTRY_64 | IMAGE_ENTRY_32 | IMAGE_5LEVEL | IMAGE_EFI_KEXEC)
#define CRASH 0x2f000000ull
#define CRASH_HIGH 0x1f0000000ull
#define RSDP 0x7ff7e014ull
#define VERDICT PURG_VERDICT_WORD "unknown"   /* what is left for the purgatory to write over */

static void put_header(struct machine *m, uint16_t protocol)
{
	/* What a loader writes starts out as rubbish, so that a field left alone shows. */
	for (size_t i = 0; i < HEADER_BYTES; i++)
		m->header[i] = 0xee;
	m->header[0x211 - 0x1f1] = 0xff; /* loadflags */
	put_u16(m->header + 0x206 - 0x1f1, protocol, false);
	m->plan.capture[0].image.protocol = protocol;
	m->plan.capture[0].image.setup_header = view_of(m->header, HEADER_BYTES, "vmlinuz");
}

static void setup(struct machine *m, const char *cmdline)
{
	struct plan *plan = &m->plan;

	machine_init(m, &arch_x86_64, CRASH, cmdline);
	put_header(m, 0x020f);
	plan->capture[0].image.memsz = 0x2000000;
	plan->capture[0].image.pref_paddr = 0x1000000;
	plan->capture[0].image.entry64_off = 0x200;
	plan->capture[0].image.flags = MODERN;
	CHECK_EQ(ranges_add(&plan->memmap.ram, 0x1000, 0x9fbff, MEM_RAM), 0);
	CHECK_EQ(ranges_add(&plan->memmap.firmware, 0x9fc00, 0xfffff, MEM_RESERVED), 0);
}

/* What load.c does, without the files. */
static int run(struct machine *m)
{
	struct place place = { .memsz = 0x3000, .last = UINT64_MAX, .top_down = true };
	struct plan *plan = &m->plan;
	int err = boot_x86.place(plan, &plan->capture[0]);

	if (!err)
		err = plan_place(plan, "elfcorehdr", NULL, 0, &place, &plan->elfcorehdr_paddr);
	plan->elfcorehdr_memsz = 0x3000;
	place.memsz = 0x9f000;
	if (!err)
		err = plan_place(plan, "backup", NULL, 0, &place, &plan->backup.to);
	plan->backup.from = 0x1000;
	plan->backup.len = 0x9f000;
	return err ? err : boot_x86.describe(plan, &plan->capture[0]);
}

static uint32_t bp32(const struct machine *m, size_t off)
{
	return get_u32(m->plan.capture[0].boot.data + off, false);
}

static uint64_t bp64(const struct machine *m, size_t low, size_t high)
{
	return (uint64_t)bp32(m, high) << 32 | bp32(m, low);
}

/* The bytes of the boot_params segment at physical address PADDR, of which there must be LEN. */
static const uint8_t *at_paddr(const struct machine *m, uint64_t paddr, uint64_t len)
{
	uint64_t start = m->plan.capture[0].next_args[0];

	if (paddr < start || paddr - start > m->plan.capture[0].boot.len ||
	    len > m->plan.capture[0].boot.len - (paddr - start)) {
		CHECK(!"an address outside of the boot_params segment");
		return NULL;
	}
	return m->plan.capture[0].boot.data + (paddr - start);
}

static const char *final_cmdline(const struct machine *m)
{
	uint64_t paddr = bp64(m, 0x228, 0xc8);
	const uint8_t *at = at_paddr(m, paddr, m->plan.capture[0].cmdline.len + 1);

	CHECK(at && !at[m->plan.capture[0].cmdline.len]);
	return (const char *)at;
}

/* Walk the setup_data list to TYPE; *NR counts all nodes. */
static const uint8_t *find_node(const struct machine *m, uint32_t type, uint32_t *len, unsigned int *nr)
{
	const uint8_t *node, *found = NULL;
	unsigned int count = 0;

	for (uint64_t paddr = bp64(m, 0x250, 0x254); paddr && count < 10; paddr = get_u64(node, false)) {
		CHECK_EQ(paddr % 16, 0);
		node = at_paddr(m, paddr, 16);
		if (!node || !at_paddr(m, paddr + 16, get_u32(node + 12, false)))
			break;
		count++;
		if (get_u32(node + 8, false) == type) {
			found = node + 16;
			*len = get_u32(node + 12, false);
		}
	}
	if (nr)
		*nr = count;
	return found;
}

static bool has_word(const struct machine *m, const char *word)
{
	const char *text = m->plan.capture[0].cmdline.text, *at = strstr(text, word);
	size_t len = strlen(word);

	return at && (at == text || at[-1] == ' ') && (!at[len] || at[len] == ' ');
}

TEST(zero_page_of_a_bios_machine)
{
	struct machine m;
	char want[128];
	uint32_t len = 0;
	unsigned int nr = 0;
	const uint8_t *seed;

	setup(&m, "root=/dev/sda1 irqpoll -- init words");
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, 0x2f000000);
	CHECK_EQ(m.plan.capture[0].initrd_paddr, CRASH + CRASH_BYTES - 0x13000);
	CHECK_EQ(m.plan.capture[0].next_entry, m.plan.capture[0].kernel_paddr + 0x200);
	CHECK_EQ(m.plan.capture[0].next_mode, PURG_ENTRY_NATIVE);
	CHECK_EQ(m.plan.capture[0].next_args[0], plan_find(&m.plan, "boot_params")->mem);
	CHECK_EQ(plan_find(&m.plan, "boot_params")->bufsz, m.plan.capture[0].boot.len);
	CHECK(plan_find(&m.plan, "boot_params")->buf == m.plan.capture[0].boot.data);

	CHECK_EQ(bp32(&m, 0x1f4), 0xeeeeeeee);            /* the image's own */
	CHECK_EQ(m.plan.capture[0].boot.data[0x1ef], 0);             /* sentinel */
	CHECK_EQ(m.plan.capture[0].boot.data[0x210], 0xd0);
	CHECK_EQ(m.plan.capture[0].boot.data[0x211], 1);
	CHECK_EQ(bp32(&m, 0x214), m.plan.capture[0].kernel_paddr);
	CHECK_EQ(bp64(&m, 0x218, 0xc0), m.plan.capture[0].initrd_paddr);
	CHECK_EQ(bp64(&m, 0x21c, 0xc4), INITRD_BYTES);
	CHECK_EQ(bp32(&m, 0x224), 0);
	CHECK_EQ(bp32(&m, 0x268), 0xeeeeeeee);
	CHECK_EQ(bp32(&m, 0x26c), 0);
	CHECK_EQ(bp64(&m, 0x70, 0x74), 0);
	snprintf(want, sizeof(want), "root=/dev/sda1 irqpoll elfcorehdr=%#" PRIx64 " " VERDICT " -- init words",
		 m.plan.elfcorehdr_paddr);
	CHECK_STR(final_cmdline(&m), want);
	for (size_t i = BP_EFI_INFO; i < BP_EFI_INFO + 32; i++)
		CHECK_EQ(m.plan.capture[0].boot.data[i], 0);

	/* low RAM, reserved, crash, and two reservations at its end with RAM in between or behind */
	CHECK(m.plan.capture[0].boot.data[0x1e8] >= 5);
	CHECK_EQ(get_u64(m.plan.capture[0].boot.data + 0x2d0, false), 0x1000);
	seed = find_node(&m, X86_SETUP_RNG_SEED, &len, &nr);
	CHECK(seed != NULL);
	CHECK_EQ(len, 32);
	CHECK_EQ(nr, 1);
	CHECK_STR(m.warnings, "");
	teardown(&m);
}

TEST(every_seed_is_fresh)
{
	uint8_t seeds[2][32] = { { 0 }, { 0 } };
	static const uint8_t zeros[32];

	for (int i = 0; i < 2; i++) {
		const uint8_t *seed;
		struct machine m;
		uint32_t len = 0;

		setup(&m, NULL);
		CHECK_EQ(run(&m), 0);
		seed = find_node(&m, X86_SETUP_RNG_SEED, &len, NULL);
		if (seed && len == 32)
			memcpy(seeds[i], seed, 32);
		teardown(&m);
	}
	CHECK(memcmp(seeds[0], seeds[1], 32));
	CHECK(memcmp(seeds[0], zeros, 32));
}

TEST(no_initrd_and_no_command_line)
{
	struct machine m;
	char want[96];

	setup(&m, NULL);
	m.plan.capture[0].initrd.view.len = 0;
	CHECK_EQ(run(&m), 0);
	CHECK(!plan_find(&m.plan, "initrd"));
	CHECK_EQ(bp64(&m, 0x218, 0xc0), 0);
	CHECK_EQ(bp64(&m, 0x21c, 0xc4), 0);
	snprintf(want, sizeof(want), "elfcorehdr=%#" PRIx64 " " VERDICT, m.plan.elfcorehdr_paddr);
	CHECK_STR(final_cmdline(&m), want);
	teardown(&m);
}

TEST(all_above_4g)
{
	struct machine m;
	uint32_t len = 0;

	setup(&m, "quiet");
	move_crash(&m, CRASH_HIGH, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, CRASH_HIGH);
	CHECK_EQ(bp64(&m, 0x218, 0xc0), m.plan.capture[0].initrd_paddr);
	CHECK(m.plan.capture[0].initrd_paddr > UINT32_MAX);
	CHECK(bp64(&m, 0x228, 0xc8) > UINT32_MAX);
	CHECK(has_word(&m, "quiet") && strstr(final_cmdline(&m), "elfcorehdr=0x1"));
	CHECK(find_node(&m, X86_SETUP_RNG_SEED, &len, NULL));
	CHECK_EQ(bp32(&m, 0x214), 0xeeeeeeee);
	teardown(&m);
}

TEST(above_4g_only_for_images_that_can)
{
	struct machine m;

	setup(&m, NULL);
	m.plan.capture[0].image.flags &= ~IMAGE_ABOVE_4G;
	move_crash(&m, CRASH_HIGH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -ENOTSUP, "cannot be started above 4 GiB");
	/* A region across the border: everything the kernel is told about stays below it. */
	move_crash(&m, 0xf8000000, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK(m.plan.capture[0].initrd_paddr + INITRD_BYTES <= 0x100000000);
	CHECK(m.plan.capture[0].next_args[0] + m.plan.capture[0].boot.len <= 0x100000000);
	CHECK_EQ(bp32(&m, 0xc0), 0);
	teardown(&m);
}

TEST(kernel_not_below_its_preferred_address)
{
	struct machine m;

	setup(&m, NULL);
	move_crash(&m, 0x200000, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, 0x1000000);
	move_crash(&m, 0x1100000, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, 0x1200000);
	teardown(&m);
}

TEST(kernel_that_cannot_move)
{
	struct machine m;

	setup(&m, NULL);
	m.plan.capture[0].image.flags &= ~IMAGE_RELOCATABLE;
	CHECK_FAILS(run(&m), -ENOSPC, "runs only at 0x1000000");
	m.plan.capture[0].image.pref_paddr = CRASH + 0x100000;
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].kernel_paddr, CRASH + 0x100000);
	m.plan.capture[0].image.pref_paddr = UINT64_MAX;
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "0xffffffffffffffff");
	teardown(&m);
}

TEST(no_room)
{
	struct machine m;

	setup(&m, NULL);
	move_crash(&m, CRASH, 0x1000000);
	CHECK_FAILS(run(&m), -ENOSPC, "no room for the kernel");
	move_crash(&m, CRASH, 0x2010000);
	CHECK_FAILS(run(&m), -ENOSPC, "no room for the initrd");
	m.plan.capture[0].initrd.view.len = 0;
	move_crash(&m, CRASH, 0x2000000 + 0x3000 + 0x9f000);
	CHECK_FAILS(run(&m), -ENOSPC, "no room for the boot_params");
	teardown(&m);
}

TEST(initrd_stays_where_the_kernel_looks)
{
	struct machine m;

	setup(&m, NULL);
	m.plan.capture[0].image.max_initrd_last = 0x37ffffff;
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].initrd_paddr, 0x38000000 - 0x13000);
	m.plan.capture[0].image.max_initrd_last = CRASH;
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -ENOSPC, "no room for the initrd");
	teardown(&m);
}

TEST(entry_in_32_bit_mode)
{
	struct machine m;

	setup(&m, NULL);
	m.plan.capture[0].image.flags = IMAGE_RELOCATABLE | IMAGE_ENTRY_32;
	m.plan.capture[0].image.entry64_off = 0;
	m.plan.capture[0].image.max_initrd_last = 0x7fffffff;
	tree_text(&m.tree, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu la57 avx\n");
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].next_mode, PURG_ENTRY_X86_32);
	CHECK_EQ(m.plan.capture[0].next_entry, m.plan.capture[0].kernel_paddr);
	CHECK(m.plan.capture[0].next_args[0] <= UINT32_MAX);
	/* Even one that says that it may be above: the 32-bit entry may not. */
	m.plan.capture[0].image.flags |= IMAGE_ABOVE_4G;
	move_crash(&m, CRASH_HIGH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -ENOTSUP, "above 4 GiB");
	teardown(&m);
}

TEST(five_level_paging)
{
	static const struct {
		const char *cpuinfo;
		int err;
	} cases[] = {
		{ "processor\t: 0\nmodel name\t: la57\nflags\t\t: fpu vme avx2\nbugs\t\t: la57\n", 0 },
		{ "processor\t: 0\nflags\t\t: fpu xla57 la57x la570\n", 0 },
		{ "processor\t: 0\nflags\t\t: fpu la57 avx2\n", -ENOTSUP },
		{ "processor\t: 0\nflags\t\t: fpu xla57 la57\nbugs\t\t:\n", -ENOTSUP },
		{ "processor\t: 0\nflags\t\t: la57", -ENOTSUP },
		{ "", 0 },
		{ NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct machine m;

		setup(&m, NULL);
		if (cases[i].cpuinfo)
			tree_text(&m.tree, "proc/cpuinfo", "%s", cases[i].cpuinfo);
		CHECK_EQ(run(&m), 0);
		m.plan.capture[0].image.flags &= ~IMAGE_5LEVEL;
		move_crash(&m, CRASH, CRASH_BYTES);
		if (cases[i].err)
			CHECK_FAILS(run(&m), cases[i].err, "5-level paging");
		else
			CHECK_EQ(run(&m), 0);
		teardown(&m);
	}
}

TEST(command_line_limit)
{
	struct machine m;
	char text[300], want[96];

	snprintf(want, sizeof(want), "elfcorehdr=%#" PRIx64 " %s", (uint64_t)(CRASH + 0xffea000), VERDICT);
	memset(text, 'x', sizeof(text));
	text[255 - strlen(want) - 1] = 0;
	setup(&m, text);
	m.plan.capture[0].image.cmdline_max = 255;
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].cmdline.len, 255);
	CHECK_EQ(strlen(final_cmdline(&m)), 255);
	teardown(&m);

	text[strlen(text)] = 'y';
	text[255 - strlen(want)] = 0;
	setup(&m, text);
	m.plan.capture[0].image.cmdline_max = 255;
	CHECK_FAILS(run(&m), -E2BIG, "255");
	CHECK(strstr(err_text(), "256"));
	CHECK(!plan_find(&m.plan, "boot_params"));
	teardown(&m);
}

TEST(elfcorehdr_of_the_user_is_replaced)
{
	struct machine m;
	char want[96];

	setup(&m, "a elfcorehdr=5M xelfcorehdr=1 elfcorehdr=0x1234 b");
	CHECK_EQ(run(&m), 0);
	snprintf(want, sizeof(want), "a xelfcorehdr=1 b elfcorehdr=%#" PRIx64 " " VERDICT, m.plan.elfcorehdr_paddr);
	CHECK_STR(final_cmdline(&m), want);
	CHECK(strstr(m.warnings, "elfcorehdr="));
	teardown(&m);
}

TEST(entry_of_the_user)
{
	struct machine m;

	setup(&m, NULL);
	m.req.entry_given = true;
	m.req.entry = CRASH + 0x2fff;
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].next_entry, CRASH + 0x2fff);
	m.req.entry = CRASH + 0x3000; /* behind the payload */
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "lies in no segment");
	m.plan.capture[0].image.flags &= ~IMAGE_ABOVE_4G;
	m.req.entry = 0x100000000;
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "above 0xffffffff");
	teardown(&m);
}

TEST(setup_headers_of_wrong_size)
{
	static uint8_t large[0x100];
	struct machine m;

	setup(&m, NULL);
	m.plan.capture[0].image.setup_header = view_of(large, 0x290 - 0x1f1 + 1, "vmlinuz");
	CHECK_FAILS(run(&m), -EINVAL, "setup header has 160 bytes");
	m.plan.capture[0].image.setup_header = view_of(large, 0x22c - 0x1f1 - 1, "vmlinuz");
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_FAILS(run(&m), -EINVAL, "setup header has 58 bytes");
	m.plan.capture[0].image.setup_header = view_of(large, 0x290 - 0x1f1, "vmlinuz");
	move_crash(&m, CRASH, CRASH_BYTES);
	CHECK_EQ(run(&m), 0);
	teardown(&m);
}

/* All that describe() takes from the running kernel, and nothing else. */
TEST(what_the_running_kernel_knows)
{
	static const struct {
		size_t off, len;
	} taken[] = {
		{ 0x000, 2 }, { 0x004, 0x3c }, { 0x070, 8 }, { 0x140, 0x80 }, { 0x1e9, 2 }, { 0x1ec, 1 }, { 0x23c, 4 },
		{ 0x290, 0x40 }, { 0xd00, 0x1ec },
	};
	static const struct {
		size_t off, len;
	} not_taken[] = {
		{ 0x002, 2 }, { 0x040, 0x30 }, { 0x080, 0x40 }, { 0x1c0, 0x28 }, { 0x1eb, 1 }, { 0x1ed, 4 },
		{ 0xcd0, 0x30 },
	};
	uint8_t running[X86_ZERO_PAGE_BYTES];
	struct machine m;

	setup(&m, NULL);
	memset(running, 0x5a, sizeof(running));
	tree_bytes(&m.tree, "sys/kernel/boot_params/data", running, sizeof(running));
	CHECK_EQ(run(&m), 0);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		for (size_t j = 0; j < taken[i].len; j++)
			CHECK_EQ(m.plan.capture[0].boot.data[taken[i].off + j], 0x5a);
	for (size_t i = 0; i < sizeof(not_taken) / sizeof(not_taken[0]); i++)
		for (size_t j = 0; j < not_taken[i].len; j++)
			CHECK_EQ(m.plan.capture[0].boot.data[not_taken[i].off + j], 0);
	/* No EFI machine: the kernel finds ACPI as it always did. */
	CHECK(!strstr(m.plan.capture[0].cmdline.text, "acpi_rsdp"));

	/* Half a page is none. */
	tree_bytes(&m.tree, "sys/kernel/boot_params/data", running, sizeof(running) / 2);
	move_crash(&m, CRASH, CRASH_BYTES);
	cmdline_remove(&m.plan.capture[0].cmdline, "elfcorehdr");
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.capture[0].boot.data[0x10], 0);
	CHECK_EQ(bp32(&m, 0x70), 0);
	teardown(&m);
}

TEST(subarch_only_where_the_header_has_it)
{
	uint8_t running[X86_ZERO_PAGE_BYTES];
	struct machine m;

	setup(&m, NULL);
	memset(running, 0x5a, sizeof(running));
	tree_bytes(&m.tree, "sys/kernel/boot_params/data", running, sizeof(running));
	put_header(&m, 0x0206);
	m.plan.capture[0].image.setup_header.len = 0x23c - 0x1f1;
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(bp32(&m, 0x23c), 0);
	CHECK_EQ(bp64(&m, 0x250, 0x254), 0);
	teardown(&m);
}

static void add_reserved(struct machine *m, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		CHECK_EQ(ranges_add(&m->plan.memmap.firmware, 0x80000000 + ((uint64_t)i << 20),
				    0x80000fff + ((uint64_t)i << 20), MEM_RESERVED), 0);
}

TEST(memory_maps_of_all_sizes)
{
	/* the map has these many entries beside: low RAM, 0x9fc00, crash RAM, the two reserved and RAM around them */
	for (unsigned int nr = 110; nr <= 600; nr += nr == 135 ? 465 : 1) {
		const uint8_t *ext;
		struct machine m;
		struct ranges map;
		uint32_t len = 0;

		setup(&m, NULL);
		add_reserved(&m, nr);
		CHECK_EQ(run(&m), 0);
		ranges_init(&map);
		CHECK_EQ(x86_e820_build(&m.plan, &map), 0);
		ext = find_node(&m, X86_SETUP_E820_EXT, &len, NULL);
		CHECK_EQ(m.plan.capture[0].boot.data[0x1e8], map.nr < 128 ? map.nr : 128);
		CHECK_EQ(ext != NULL, map.nr > 128);
		CHECK_EQ(len, map.nr > 128 ? (map.nr - 128) * 20 : 0);
		if (ext)
			CHECK_EQ(get_u64(ext + len - 20, false), 0x80000000 + ((uint64_t)(nr - 1) << 20));

		put_header(&m, 0x0208);
		move_crash(&m, CRASH, CRASH_BYTES);
		cmdline_remove(&m.plan.capture[0].cmdline, "elfcorehdr");
		if (map.nr > 128)
			CHECK_FAILS(run(&m), -E2BIG, "boot protocol 2.08 and takes 128");
		else
			CHECK_EQ(run(&m), 0);
		ranges_deinit(&map);
		teardown(&m);
	}
}

/* An EFI machine as OVMF makes it, with three runtime regions. */
static void make_efi(struct machine *m, const char *signature, uint32_t memdesc_size)
{
	static const char *const map[][6] = {
		/* entry, type, phys_addr, virt_addr, num_pages, attribute; the tenth sorts behind the second */
		{ "0", "0x5\n", "0x7f5ed000\n", "0xfffffffeffe6d000\n", "0x100\n", "0x800000000000000f\n" },
		{ "2", "0x6\n", "0x7f6ed000\n", "0xfffffffeffd6d000\n", "0x100\n", "0x800000000000000f\n" },
		{ "10", "0xb\n", "0xfee00000\n", "0xfffffffeffc00000\n", "0x1\n", "0x8000000000000001\n" },
	};
	static const char *const fields[] = { "type", "phys_addr", "virt_addr", "num_pages", "attribute" };
	uint8_t running[X86_ZERO_PAGE_BYTES] = { 0 };
	char path[128];

	memcpy(running + 0x1c0, signature, 4);
	put_u32(running + 0x1c4, 0x7fe00018, false);   /* systab */
	put_u32(running + 0x1c8, memdesc_size, false);
	put_u32(running + 0x1cc, 1, false);
	put_u32(running + 0x1d0, 0x12345678, false);   /* the old memory map */
	put_u32(running + 0x1d4, 0x1111, false);
	put_u32(running + 0x1d8, 0x9, false);          /* systab_hi */
	put_u32(running + 0x1dc, 0x3, false);
	tree_bytes(&m->tree, "sys/kernel/boot_params/data", running, sizeof(running));
	tree_text(&m->tree, "sys/firmware/efi/systab",
		  "ACPI20=0x7ff7e014\nACPI=0x7ff7e000\nSMBIOS3=0x7fd88000\nSMBIOS=0x7fd8a000\n");
	tree_text(&m->tree, "sys/firmware/efi/fw_vendor", "0x7fe7bd98\n");
	tree_text(&m->tree, "sys/firmware/efi/runtime", "0x7ff2eb98\n");
	tree_text(&m->tree, "sys/firmware/efi/config_table", "0x7fe7b018\n");
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 5; j++) {
			snprintf(path, sizeof(path), "sys/firmware/efi/runtime-map/%s/%s", map[i][0], fields[j]);
			tree_text(&m->tree, path, "%s", map[i][j + 1]);
		}
}

TEST(efi_runtime_services)
{
	for (uint32_t size = 40; size <= 48; size += 8) {
		const uint8_t *setup_efi, *map;
		struct machine m;
		uint32_t len = 0;
		unsigned int nr = 0;

		setup(&m, "quiet");
		make_efi(&m, "EL64", size);
		add_reserved(&m, 200);
		CHECK_EQ(run(&m), 0);
		CHECK(!memcmp(m.plan.capture[0].boot.data + 0x1c0, "EL64", 4));
		CHECK_EQ(bp64(&m, 0x1c4, 0x1d8), 0x97fe00018);
		CHECK_EQ(bp32(&m, 0x1c8), size);
		CHECK_EQ(bp32(&m, 0x1cc), 1);
		CHECK_EQ(bp32(&m, 0x1d4), 3 * size);
		map = at_paddr(&m, bp64(&m, 0x1d0, 0x1dc), 3 * size);
		CHECK(map && get_u32(map, false) == 5);
		CHECK(map && get_u64(map + 8, false) == 0x7f5ed000);
		CHECK(map && get_u64(map + 16, false) == 0xfffffffeffe6d000);
		CHECK(map && get_u64(map + 24, false) == 0x100);
		CHECK(map && get_u64(map + 32, false) == 0x800000000000000f);
		CHECK(map && get_u32(map + size, false) == 6);
		CHECK(map && get_u32(map + 2 * size, false) == 11);
		CHECK(map && get_u64(map + 2 * size + 8, false) == 0xfee00000);

		setup_efi = find_node(&m, X86_SETUP_EFI, &len, &nr);
		CHECK_EQ(nr, 3);
		CHECK_EQ(len, 96);
		CHECK(setup_efi && get_u64(setup_efi, false) == 0x7fe7bd98);
		CHECK(setup_efi && get_u64(setup_efi + 8, false) == 0x7ff2eb98);
		CHECK(setup_efi && get_u64(setup_efi + 16, false) == 0x7fe7b018);
		CHECK(setup_efi && get_u64(setup_efi + 24, false) == 0x7fd8a000);
		for (size_t i = 32; setup_efi && i < 96; i++)
			CHECK_EQ(setup_efi[i], 0);
		CHECK_EQ(bp64(&m, 0x70, 0x74), RSDP);
		CHECK(!strstr(final_cmdline(&m), "acpi_rsdp"));
		CHECK_STR(m.warnings, "");
		teardown(&m);
	}
}

/* What must not be there is not, and ACPI is still found. */
static void check_no_efi(struct machine *m)
{
	uint32_t len = 0;

	CHECK_EQ(run(m), 0);
	for (size_t i = 0x1c0; i < 0x1e0; i++)
		CHECK_EQ(m->plan.capture[0].boot.data[i], 0);
	CHECK(!find_node(m, X86_SETUP_EFI, &len, NULL));
	CHECK(has_word(m, "acpi_rsdp=0x7ff7e014"));
	CHECK_EQ(bp64(m, 0x70, 0x74), RSDP);
	CHECK_STR(m->warnings, "");
	CHECK_STR(err_text(), "");
}

TEST(efi_with_a_piece_missing)
{
	static const char *const pieces[] = {
		"sys/firmware/efi/fw_vendor", "sys/firmware/efi/config_table", "sys/firmware/efi/runtime-map",
		"sys/firmware/efi/runtime-map/2/num_pages", "sys/kernel/boot_params/data",
	};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct machine m;

		setup(&m, "quiet");
		make_efi(&m, "EL64", 48);
		tree_remove(&m.tree, pieces[i]);
		check_no_efi(&m);
		teardown(&m);
	}
}

TEST(efi_with_a_piece_damaged)
{
	static const char *const damage[][2] = {
		{ "sys/firmware/efi/fw_vendor", "nonsense\n" },
		{ "sys/firmware/efi/runtime", "" },
		{ "sys/firmware/efi/runtime-map/2/num_pages", "0x100000000000000000\n" },
		{ "sys/firmware/efi/runtime-map/10/type", "0x100000000\n" },
	};
	static const uint32_t sizes[] = { 0, 39, 1025, UINT32_MAX };
	struct machine m;

	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		setup(&m, "quiet");
		make_efi(&m, "EL64", 48);
		tree_text(&m.tree, damage[i][0], "%s", damage[i][1]);
		check_no_efi(&m);
		teardown(&m);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		setup(&m, "quiet");
		make_efi(&m, "EL64", sizes[i]);
		check_no_efi(&m);
		teardown(&m);
	}
	setup(&m, "quiet");
	make_efi(&m, "EL64", 48);
	tree_remove(&m.tree, "sys/firmware/efi/runtime-map/0");
	tree_remove(&m.tree, "sys/firmware/efi/runtime-map/2");
	tree_remove(&m.tree, "sys/firmware/efi/runtime-map/10");
	check_no_efi(&m);
	teardown(&m);
}

TEST(efi_that_is_not_handed_on)
{
	struct machine m;

	/* 32-bit firmware */
	setup(&m, "quiet");
	make_efi(&m, "EL32", 48);
	check_no_efi(&m);
	teardown(&m);
	/* an image that does not want it */
	setup(&m, "quiet");
	make_efi(&m, "EL64", 48);
	m.plan.capture[0].image.flags &= ~IMAGE_EFI_KEXEC;
	check_no_efi(&m);
	teardown(&m);
	/* SMBIOS is optional, the old field too */
	setup(&m, "quiet");
	make_efi(&m, "EL64", 48);
	tree_remove(&m.tree, "sys/firmware/efi/runtime");
	tree_text(&m.tree, "sys/firmware/efi/systab", "ACPI=0x7ff7e000\nSMBIOS3=0x7fd88000");
	CHECK_EQ(run(&m), 0);
	CHECK(!memcmp(m.plan.capture[0].boot.data + 0x1c0, "EL64", 4));
	CHECK_EQ(bp64(&m, 0x70, 0x74), 0x7ff7e000);
	teardown(&m);
}

TEST(rsdp_given_or_unknown)
{
	uint8_t running[X86_ZERO_PAGE_BYTES] = { 0 };
	struct machine m;

	setup(&m, "acpi_rsdp=0x1234 quiet");
	make_efi(&m, "EL64", 48);
	m.plan.capture[0].image.flags &= ~IMAGE_EFI_KEXEC;
	CHECK_EQ(run(&m), 0);
	CHECK(has_word(&m, "acpi_rsdp=0x1234"));
	CHECK(!has_word(&m, "acpi_rsdp=0x7ff7e014"));
	teardown(&m);

	setup(&m, "quiet");
	tree_text(&m.tree, "sys/firmware/efi/systab", "SMBIOS=0x7fd8a000\n");
	CHECK_EQ(run(&m), 0);
	CHECK(!strstr(m.plan.capture[0].cmdline.text, "acpi_rsdp"));
	CHECK(strstr(m.warnings, "RSDP"));
	teardown(&m);

	/* The running kernel's own finding comes first. */
	setup(&m, "quiet");
	make_efi(&m, "EL64", 48);
	memcpy(running + 0x1c0, "EL64", 4);
	put_u64(running + 0x70, 0x123456789000, false);
	tree_bytes(&m.tree, "sys/kernel/boot_params/data", running, sizeof(running));
	CHECK_EQ(run(&m), 0);
	CHECK(has_word(&m, "acpi_rsdp=0x123456789000"));
	CHECK_EQ(bp64(&m, 0x70, 0x74), 0x123456789000);
	teardown(&m);
}

/* The purgatory is still to come, and a hotplug or console segment may: the boot data takes one. */
TEST(segments_used)
{
	struct machine m;

	setup(&m, NULL);
	make_efi(&m, "EL64", 48);
	add_reserved(&m, 500);
	CHECK_EQ(run(&m), 0);
	CHECK_EQ(m.plan.nr_seg, 5);
	CHECK(plan_find(&m.plan, "kernel") && plan_find(&m.plan, "initrd") && plan_find(&m.plan, "boot_params"));
	m.plan.entry = m.plan.capture[0].kernel_paddr;
	CHECK_EQ(plan_check(&m.plan), 0);
	teardown(&m);
}

/* A second system beside the one that setup() makes, with the same kernel and initrd. */
static void add_fallback(struct machine *m, const char *cmdline)
{
	struct capture *c = &m->plan.capture[FALLBACK];

	m->plan.nr_captures = 2;
	m->plan.policy = PURG_POLICY_FALLBACK;
	c->image = m->plan.capture[PRIMARY].image;
	c->initrd = m->plan.capture[PRIMARY].initrd;
	c->shares_kernel = c->shares_initrd = true;
	cmdline_deinit(&c->cmdline);
	CHECK_EQ(cmdline_init(&c->cmdline, cmdline), 0);
}

/* run() goes through the first only. */
static int run_both(struct machine *m)
{
	int err = run(m);

	if (!err)
		err = boot_x86.place(&m->plan, &m->plan.capture[FALLBACK]);
	return err ? err : boot_x86.describe(&m->plan, &m->plan.capture[FALLBACK]);
}

/* The bytes that the purgatory will write over are the word and blanks, and the longest verdict fits. */
static void check_verdict(const struct machine *m, unsigned int idx, const char *segment)
{
	const struct capture *c = &m->plan.capture[idx];
	struct segment *seg = plan_find((struct plan *)&m->plan, segment);
	const char *at;

	CHECK(seg && c->verdict_paddr >= seg->mem && c->verdict_paddr - seg->mem + c->verdict_len < seg->bufsz);
	at = (const char *)seg->buf + (c->verdict_paddr - seg->mem);
	CHECK(!strncmp(at, VERDICT, strlen(VERDICT)));
	for (size_t i = strlen(VERDICT); i < c->verdict_len; i++)
		CHECK_EQ(at[i], ' ');
	CHECK_EQ(c->verdict_len, boot_verdict_len(&m->plan, NULL));
	CHECK(at[c->verdict_len] == 0 || at[c->verdict_len] == ' ');
}

TEST(two_systems)
{
	struct machine m;

	setup(&m, "quiet -- init words");
	add_fallback(&m, "single");
	CHECK_EQ(run_both(&m), 0);
	CHECK_EQ(plan_find(&m.plan, "kernel")->images, 3);
	CHECK_EQ(plan_find(&m.plan, "initrd")->images, 3);
	CHECK_EQ(plan_find(&m.plan, "boot_params")->images, 1);
	CHECK_EQ(plan_find(&m.plan, "fallback-boot_params")->images, 2);
	CHECK(!plan_find(&m.plan, "fallback-kernel") && !plan_find(&m.plan, "fallback-initrd"));
	CHECK_EQ(m.plan.capture[FALLBACK].next_args[0], plan_find(&m.plan, "fallback-boot_params")->mem);
	CHECK_EQ(m.plan.capture[FALLBACK].next_entry, m.plan.capture[PRIMARY].next_entry);
	CHECK_STR(strstr(final_cmdline(&m), " -- "), " -- init words");
	/* "fallback:" and kernel, initrd, boot_params, elfcorehdr: everything that the primary needs. */
	plan_find(&m.plan, "elfcorehdr")->images = FOR_ALL_IMAGES;
	plan_find(&m.plan, "backup")->no_digest = "it is written";
	CHECK_EQ(boot_verdict_len(&m.plan, NULL), strlen("kdump.verify=fallback:kernel,initrd,boot_params,elfcorehdr"));
	teardown(&m);
}

TEST(room_for_the_verdict_by_policy)
{
	static const uint32_t policies[] = { PURG_POLICY_REBOOT, PURG_POLICY_HALT, PURG_POLICY_BOOT,
					     PURG_POLICY_FALLBACK };

	for (size_t i = 0; i < 4; i++) {
		struct machine m;

		setup(&m, "quiet -- init words");
		add_fallback(&m, "");
		m.plan.policy = policies[i];
		CHECK_EQ(run_both(&m), 0);
		check_verdict(&m, PRIMARY, "boot_params");
		check_verdict(&m, FALLBACK, "fallback-boot_params");
		CHECK_EQ(m.plan.capture[0].verdict_len > strlen(VERDICT), i > 1);
		teardown(&m);
	}
}

TEST(initrd_that_the_fallback_cannot_reach)
{
	struct machine m;

	setup(&m, NULL);
	add_fallback(&m, NULL);
	m.plan.capture[FALLBACK].shares_kernel = false;
	m.plan.capture[FALLBACK].image.flags &= ~IMAGE_ABOVE_4G;
	move_crash(&m, 0xf0000000, 2 * CRASH_BYTES);
	CHECK_EQ(run_both(&m), 0);
	CHECK(m.plan.capture[PRIMARY].initrd_paddr > UINT32_MAX);
	CHECK_EQ(plan_find(&m.plan, "initrd")->images, 1);
	CHECK_EQ(plan_find(&m.plan, "fallback-initrd")->images, 2);
	CHECK(m.plan.capture[FALLBACK].initrd_paddr + INITRD_BYTES <= 0x100000000);
	CHECK(m.plan.capture[FALLBACK].kernel_paddr != m.plan.capture[PRIMARY].kernel_paddr);
	teardown(&m);
}
