// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/selfcheck.h"

#include "make_kallsyms.h"
#include "test.h"

#include <errno.h>

#define VADDR(paddr) KALLSYMS_VADDR(paddr)

/* Two zones in a node; zone: 64 bytes, its first counter at 16. */
#define INFO                                                                                              \
	"NUMBER(phys_base)=0\nOFFSET(pglist_data.node_zones)=0\nOFFSET(pglist_data.nr_zones)=128\nSIZE(zone)=64\n" \
	"OFFSET(zone.vm_stat)=16\nNUMBER(NR_FREE_PAGES)=0\n"
#define NODES "SYMBOL(node_data)=ffffffff80050000\nLENGTH(node_data)=4\n"
#define ONLINE "SYMBOL(node_online_map)=ffffffff80051000\nSIZE(nodemask_t)=8\n"

struct machine {
	struct memcore m;
	struct vtop vt;
};

static void make(struct machine *t, const char *vmcoreinfo, const char *memory)
{
	memset(t, 0, sizeof(*t));
	memcore_init(&t->m, EM_X86_64, vmcoreinfo);
	memcore_text(&t->m, memory);
	t->vt = (struct vtop){ .core = &t->m.core, .vi = &t->m.vi, .arch = &kdump_x86_64 };
	vtop_add_linear(&t->vt, VADDR(0), VADDR(0x3fffffff), -VADDR(0));
}

static void check(const char *vmcoreinfo, const char *memory, int want, uint64_t want_pages)
{
	struct machine t;
	uint64_t pages = 7;

	make(&t, vmcoreinfo, memory);
	CHECK_EQ(selfcheck_free_pages(&t.vt, &pages), want);
	CHECK_EQ(pages, want ? 7 : want_pages);
	memcore_deinit(&t.m);
}

#define NODE_0 "60000: 0 0 64 0 0 0 0 0 0 0 c8 0 0 0 0 0 2\n"
#define NODE_2 "61000: 0 0 5 0 0 0 0 0 0 0 ffffffffffffffff 0 0 0 0 0 2\n"

TEST(all_zones_of_all_nodes)
{
	check(INFO NODES, "50000: ffffffff80060000 0 ffffffff80061000 0\n" NODE_0 NODE_2, 0, 305);
	check(INFO NODES ONLINE, "50000: ffffffff80060000 0 ffffffff80061000 0\n51000: 5\n" NODE_0 NODE_2, 0, 305);
	/* What is not online does not count, and need not be a node. */
	check(INFO NODES ONLINE, "50000: ffffffff80060000 1234 ffffffff80061000 0\n51000: 1\n" NODE_0 NODE_2, 0, 300);
	check(INFO "SYMBOL(contig_page_data)=ffffffff80060000\n", NODE_0, 0, 300);
}

TEST(what_cannot_be_told)
{
	check(NODES, "50000: ffffffff80060000 0 0 0\n" NODE_0, -ENODATA, 0);
	check(INFO, NODE_0, -ENODATA, 0);
	check(INFO NODES, "50000: ffffffff80060000 1234 0 0\n" NODE_0, -ENODATA, 0);
	check(INFO NODES, "50000: 0 0 0 0\n", -ENODATA, 0);
	check(INFO NODES, "50000: ffffffff80060000 0 0 0\n60000: 0 0 64 0 0 0 0 0 0 0 c8 0 0 0 0 0 63\n", -ENODATA, 0);
}

/* arm64: kallsyms tell where the table is, not how long it is; something else lies behind it. */
TEST(table_of_unknown_length)
{
	static const char symbols[] = "ffffffff81000000 T _stext\nffffffff81050000 B node_data\n";
	struct machine t;
	uint64_t pages;

	make(&t, INFO ONLINE KALLSYMS_INFO "SYMBOL(kallsyms_offsets)=ffffffff80010000\n"
	     "SYMBOL(kallsyms_relative_base)=ffffffff80001008\nSYMBOL(_stext)=ffffffff81000000\n",
	     "1050000: ffffffff80060000 ffffffff80061000 4141414141414141 4242424242424242\n51000: 3\n" NODE_0 NODE_2);
	make_kallsyms(&t.m, symbols, KALLSYMS_FROM_BASE);
	CHECK_EQ(selfcheck_free_pages(&t.vt, &pages), 0);
	CHECK_EQ(pages, 305);
	memcore_deinit(&t.m);
}

TEST(agreement)
{
	CHECK(selfcheck_agrees(1000, 1000, 1));
	CHECK(selfcheck_agrees(1000000, 1010000, 4));
	CHECK(!selfcheck_agrees(1000000, 900000, 4));
	CHECK(!selfcheck_agrees(0, 900000, 4));
	CHECK(selfcheck_agrees(0, 1000, 1));
}
