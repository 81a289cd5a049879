/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network as the facts tell it: links, addresses, routes, names. No DHCP: what the machine had before it crashed is
 * what it has now.
 */
#ifndef KDUMP_CAPTURE_NETWORK_H
#define KDUMP_CAPTURE_NETWORK_H

#include "kdump/capture/capture.h"

#include <net/if.h>
#include <netinet/in.h>

/*
 * "10.0.2.15/24" or "fe80::1/64", as the kernel wants it. "default" (OTHER tells of which family, may be NULL: IPv4) is
 * no bits of zeros.
 */
struct network_prefix {
	int family;                /* AF_INET, AF_INET6 */
	unsigned int bytes, bits;
	uint8_t address[16];
};
/* -EINVAL (recorded). */
int network_parse_prefix(const char *text, const char *other, struct network_prefix *p);

/* Of "server:/export", "[fe80::1]:/export": the server, from malloc. -EINVAL, -ENOMEM (recorded). */
int network_server(const char *where, char **server);
/*
 * The address of a server: it is one, or a fact "host" has it. From malloc. -ENOENT (recorded: no name server is
 * asked), -ENOMEM.
 */
int network_address_of(const struct capture *c, const char *server, char **address);
/*
 * The address by which folders on servers are named: the first that others can reach, else the name of the machine; for
 * malloc. NULL without memory.
 */
char *network_own_address(const struct facts *f);

/* Set links, addresses and routes up; /etc/hosts, /etc/resolv.conf. What fails is said, and the rest done. */
void network_up(struct capture *c);
/* Wait until every link has a carrier, LIMIT_MS at the latest. What has none is said. */
void network_wait(struct capture *c, uint64_t limit_ms);

#endif
