/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the machine reaches a server, told to the capture kernel as it is now: the interface, its addresses and its
 * routes. From the text files of /proc/net: the main routing table; rules for others are not looked at.
 */
#ifndef KDUMP_INITRAMFS_NETWORK_H
#define KDUMP_INITRAMFS_NETWORK_H

#include "kdump/initramfs/modules.h"

#include "lib/blob.h"
#include "lib/root.h"

/*
 * The address of SERVER, a name or a number (IPv6 ones without brackets), as text: what the resolver says; with a root
 * other than "/" what its /etc/hosts says. From malloc. -ENOENT (recorded).
 */
int network_resolve(const struct root *root, const char *server, char **address);

/*
 * Append the facts of reaching ADDRESS to FACTS, the interface's once however many servers are behind it, and want
 * the modules of its driver. -ENETUNREACH: no route; -ENOTSUP as device_want_link(); recorded.
 */
int network_facts(const struct root *root, struct modules *m, const char *address, struct blob *facts);
/* "nameserver" facts of /etc/resolv.conf; those of systemd-resolved's stub are looked up behind it. */
int network_nameservers(const struct root *root, struct blob *facts);

#endif
