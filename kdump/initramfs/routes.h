/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's addresses and the main routing table, IPv4 and IPv6: what /proc/net says. */
#ifndef KDUMP_INITRAMFS_ROUTES_H
#define KDUMP_INITRAMFS_ROUTES_H

#include "lib/root.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_address {
	char link[IFNAMSIZ];
	int family;                /* AF_INET, AF_INET6 */
	uint8_t bytes[16];
	unsigned int bits;
};

struct net_route {
	char link[IFNAMSIZ];
	int family;
	uint8_t bytes[16], gateway[16];
	unsigned int bits;
	bool has_gateway;
	uint64_t metric;
};

struct routes {
	struct net_address *address;
	size_t nr_addresses;
	struct net_route *route;
	size_t nr_routes;
};

/*
 * -EINVAL (recorded, with the file): a line that is not of its form. A file that is missing stands for a family that
 * is not there.
 */
int routes_init(struct routes *r, const struct root *root);
void routes_deinit(struct routes *r);

/* The route to ADDRESS: of the longest prefixes the one with the smallest metric. -ENETUNREACH (recorded). */
int routes_find(const struct routes *r, const char *address, const struct net_route **route);
/* Does the kernel make this route by itself, with an address of that interface? */
bool routes_is_connected(const struct routes *r, const struct net_route *route);

#endif
