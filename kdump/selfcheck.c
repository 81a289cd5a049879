// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/selfcheck.h"

#include "kdump/ksyms.h"
#include "lib/err.h"

#include <errno.h>

/* Nodes that a machine can have (MAX_NUMNODES is at most 1 << 10), and zones in one (MAX_NR_ZONES). */
#define NODES_MAX 1024u
#define ZONES_MAX 8u

struct layout {
	uint64_t node_zones, nr_zones, zone_size, vm_stat;
	int64_t nr_free;
};

static bool read_layout(const struct vmcoreinfo *vi, struct layout *l)
{
	return vmcoreinfo_offset(vi, "pglist_data.node_zones", &l->node_zones) &&
	       vmcoreinfo_offset(vi, "pglist_data.nr_zones", &l->nr_zones) &&
	       vmcoreinfo_size(vi, "zone", &l->zone_size) && vmcoreinfo_offset(vi, "zone.vm_stat", &l->vm_stat) &&
	       vmcoreinfo_number(vi, "NR_FREE_PAGES", &l->nr_free) && l->nr_free >= 0 && l->nr_free < 256;
}

static int add_node(struct vtop *vt, const struct layout *l, uint64_t node, uint64_t *pages)
{
	uint32_t nr;

	if (vtop_read_u32(vt, node + l->nr_zones, &nr) || nr > ZONES_MAX)
		return -ENODATA;
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t zone = node + l->node_zones + i * l->zone_size, free;

		if (vtop_read_word(vt, zone + l->vm_stat + (uint64_t)l->nr_free * 8, &free))
			return -ENODATA;
		/* A counter that went below zero is taken for empty. */
		if ((int64_t)free > 0)
			*pages += free;
	}
	return 0;
}

struct nodes {
	uint64_t table, nr;
	uint64_t online;           /* bitmap of those that there are; 0: unknown */
};

/*
 * With CONFIG_NUMA an array of pointers, one for each node that there may be. Only x86_64 exports it with its length;
 * elsewhere kallsyms finds it (with CONFIG_KALLSYMS_ALL). The map of nodes then has no fewer bits than it has entries.
 */
static bool find_nodes(struct vtop *vt, struct nodes *n)
{
	struct ksyms *syms;
	uint64_t bytes;
	bool found;

	if (!vmcoreinfo_symbol(vt->vi, "node_online_map", &n->online))
		n->online = 0;
	if (vmcoreinfo_symbol(vt->vi, "node_data", &n->table))
		return vmcoreinfo_length(vt->vi, "node_data", &n->nr) && n->nr <= NODES_MAX;
	if (!n->online || !vmcoreinfo_size(vt->vi, "nodemask_t", &bytes) || bytes * 8 > NODES_MAX)
		return false;
	if (ksyms_open(&syms, vt)) {
		err_clear();
		return false;
	}
	found = !ksyms_find(syms, "node_data", &n->table);
	ksyms_close(syms);
	n->nr = bytes * 8;
	return found;
}

/* Behind the last entry of a table of unknown length lies something else. */
static bool node_is_there(struct vtop *vt, const struct nodes *n, uint64_t i)
{
	uint64_t word;

	return !n->online || vtop_read_word(vt, n->online + i / 64 * 8, &word) || (word >> i % 64 & 1);
}

int selfcheck_free_pages(struct vtop *vt, uint64_t *pages)
{
	uint64_t node, sum = 0, seen = 0;
	struct layout l;
	struct nodes n;

	if (!vt->vi || !read_layout(vt->vi, &l))
		return -ENODATA;
	if (find_nodes(vt, &n)) {
		for (uint64_t i = 0; i < n.nr; i++) {
			if (!node_is_there(vt, &n, i))
				continue;
			if (vtop_read_word(vt, n.table + i * 8, &node))
				return -ENODATA;
			if (!node)
				continue;
			if (add_node(vt, &l, node, &sum))
				return -ENODATA;
			seen++;
		}
	} else if (vmcoreinfo_symbol(vt->vi, "contig_page_data", &node)) {
		if (add_node(vt, &l, node, &sum))
			return -ENODATA;
		seen++;
	}
	if (!seen)
		return -ENODATA;
	*pages = sum;
	return 0;
}

bool selfcheck_agrees(uint64_t found, uint64_t counted, uint32_t nr_cpus)
{
	/* A CPU keeps up to 125 pages of difference to itself in each zone, and pages move while CPUs stop. */
	uint64_t slack = 1024 + 4ull * 125 * nr_cpus + counted / 50;

	return found > counted ? found - counted <= slack : counted - found <= slack;
}
