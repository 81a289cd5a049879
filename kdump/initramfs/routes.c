// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Forms of the files: net/ipv4/fib_trie.c, net/ipv6/route.c and net/ipv6/addrconf.c of Linux (fib_route_seq_show,
 * rt6_info_route, if6_seq_show).
 */
#include "kdump/initramfs/routes.h"

#include "lib/err.h"
#include "lib/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RTF_UP 0x1u
#define RTF_GATEWAY 0x2u
#define RTF_REJECT 0x200u
#define RTF_LOCAL 0x80000000u
#define RTF_ANYCAST 0x100000u

#define MAX_WORDS 12

static size_t split(struct text line, struct text word[MAX_WORDS])
{
	size_t nr = 0;

	while (nr < MAX_WORDS) {
		size_t n = 0;

		while (line.len && (*line.at == ' ' || *line.at == '\t'))
			line = text_of(line.at + 1, line.len - 1);
		while (n < line.len && line.at[n] != ' ' && line.at[n] != '\t')
			n++;
		if (!n)
			break;
		word[nr++] = text_of(line.at, n);
		line = text_of(line.at + n, line.len - n);
	}
	return nr;
}

static bool number(struct text word, unsigned int base, uint64_t *value)
{
	return text_u64(&word, base, value) && !word.len;
}

/* An IPv4 address as %08X of what is in memory, in the byte order of the machine that wrote it: ours. */
static bool bytes4(struct text word, uint8_t *bytes)
{
	uint64_t value;
	uint32_t raw;

	if (word.len != 8 || !number(word, 16, &value))
		return false;
	raw = (uint32_t)value;
	memcpy(bytes, &raw, 4);
	return true;
}

static bool bytes6(struct text word, uint8_t *bytes)
{
	if (word.len != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		uint64_t value;

		if (!number(text_of(word.at + 2 * i, 2), 16, &value))
			return false;
		bytes[i] = (uint8_t)value;
	}
	return true;
}

static bool link_of(struct text word, char *link)
{
	if (!word.len || word.len >= IFNAMSIZ)
		return false;
	memcpy(link, word.at, word.len);
	link[word.len] = 0;
	return true;
}

static unsigned int count_bits(const uint8_t *mask, size_t n)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned int)__builtin_popcount(mask[i]);
	return bits;
}

static int add_route(struct routes *r, const struct net_route *route)
{
	struct net_route *more = reallocarray(r->route, r->nr_routes + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->route = more;
	r->route[r->nr_routes++] = *route;
	return 0;
}

static int add_address(struct routes *r, const struct net_address *address)
{
	struct net_address *more = reallocarray(r->address, r->nr_addresses + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->address = more;
	r->address[r->nr_addresses++] = *address;
	return 0;
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT */
static int route4_line(struct routes *r, struct text line)
{
	struct net_route route = { .family = AF_INET };
	struct text word[MAX_WORDS];
	uint64_t flags;
	uint8_t mask[4];

	if (text_starts(&line, "Iface"))
		return 0;
	if (split(line, word) < 8 || !link_of(word[0], route.link) || !bytes4(word[1], route.bytes) ||
	    !bytes4(word[2], route.gateway) || !number(word[3], 16, &flags) || !number(word[6], 10, &route.metric) ||
	    !bytes4(word[7], mask))
		return -EINVAL;
	if (!(flags & RTF_UP) || flags & RTF_REJECT)
		return 0;
	route.bits = count_bits(mask, 4);
	route.has_gateway = flags & RTF_GATEWAY;
	return add_route(r, &route);
}

/* destination bits source bits gateway metric refcount use flags interface */
static int route6_line(struct routes *r, struct text line)
{
	struct net_route route = { .family = AF_INET6 };
	struct text word[MAX_WORDS];
	uint64_t bits, flags;

	if (split(line, word) < 10 || !bytes6(word[0], route.bytes) || !number(word[1], 16, &bits) || bits > 128 ||
	    !bytes6(word[4], route.gateway) || !number(word[5], 16, &route.metric) || !number(word[8], 16, &flags) ||
	    !link_of(word[9], route.link))
		return -EINVAL;
	/* Multicast and what the kernel keeps for its own addresses are no ways to anywhere. */
	if (!(flags & RTF_UP) || flags & (RTF_REJECT | RTF_LOCAL | RTF_ANYCAST) || route.bytes[0] == 0xff ||
	    !strcmp(route.link, "lo"))
		return 0;
	route.bits = (unsigned int)bits;
	route.has_gateway = flags & RTF_GATEWAY;
	return add_route(r, &route);
}

/* address index bits scope flags interface. Of the global ones (scope 0); the link's own come by themselves. */
static int address6_line(struct routes *r, struct text line)
{
	struct net_address a = { .family = AF_INET6 };
	struct text word[MAX_WORDS];
	uint64_t bits, scope;

	if (split(line, word) < 6 || !bytes6(word[0], a.bytes) || !number(word[2], 16, &bits) || bits > 128 ||
	    !number(word[3], 16, &scope) || !link_of(word[5], a.link))
		return -EINVAL;
	a.bits = (unsigned int)bits;
	return scope ? 0 : add_address(r, &a);
}

static bool prefix_is(const uint8_t *address, const uint8_t *prefix, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	return !memcmp(address, prefix, whole) &&
	       (!rest || !((address[whole] ^ prefix[whole]) >> (8 - rest)));
}

static bool have_address(const struct routes *r, const uint8_t *bytes)
{
	for (size_t i = 0; i < r->nr_addresses; i++)
		if (r->address[i].family == AF_INET && !memcmp(r->address[i].bytes, bytes, 4))
			return true;
	return false;
}

/*
 * A local address belongs to the interface whose network it is in. One that is in none (/32, as some clouds give
 * them) is put on the interface of the default route.
 */
static int take_local(struct routes *r, const uint8_t *bytes)
{
	struct net_address a = { .family = AF_INET, .bits = 32 };
	const struct net_route *best = NULL;

	if (bytes[0] == 127 || have_address(r, bytes))
		return 0;
	for (size_t i = 0; i < r->nr_routes; i++) {
		const struct net_route *route = &r->route[i];

		if (route->family != AF_INET || !prefix_is(bytes, route->bytes, route->bits))
			continue;
		if (route->has_gateway && route->bits)
			continue;
		if (!best || route->bits > best->bits || (route->bits == best->bits && route->metric < best->metric))
			best = route;
	}
	if (!best)
		return 0;
	memcpy(a.bytes, bytes, 4);
	memcpy(a.link, best->link, sizeof(a.link));
	if (best->bits)
		a.bits = best->bits;
	return add_address(r, &a);
}

/* "|-- ADDRESS", and below it "/32 host LOCAL" for the machine's own. */
static int local4_line(struct routes *r, struct text line, uint8_t last[4])
{
	char text[INET_ADDRSTRLEN];
	const char *mark;

	mark = memmem(line.at, line.len, "|-- ", 4);
	if (mark) {
		struct text rest = text_of(mark + 4, line.len - (mark + 4 - line.at));

		if (rest.len >= sizeof(text))
			return -EINVAL;
		memcpy(text, rest.at, rest.len);
		text[rest.len] = 0;
		return inet_pton(AF_INET, text, last) == 1 ? 0 : -EINVAL;
	}
	return memmem(line.at, line.len, "/32 host LOCAL", 14) ? take_local(r, last) : 0;
}

typedef int take_line(struct routes *r, struct text line);

static int read_file(struct routes *r, const struct root *root, const char *path, take_line *take)
{
	uint8_t last[4] = { 0 };
	unsigned int nr = 0;
	struct text t, line;
	struct blob text;
	int err;

	if (!root_exists(root, path))
		return 0;
	blob_init(&text);
	err = root_read(root, path, ROOT_READ_MAX, &text);
	t = text_of((const char *)text.data, text.len);
	while (!err && text_line(&t, &line)) {
		nr++;
		text_trim(&line);
		err = !line.len ? 0 : take ? take(r, line) : local4_line(r, line, last);
		if (err)
			err = fail(err, "/%s: line %u is not of the kernel's form", path, nr);
	}
	blob_deinit(&text);
	return err;
}

int routes_init(struct routes *r, const struct root *root)
{
	struct routes read = { 0 };
	int err = read_file(&read, root, "proc/net/route", route4_line);

	if (!err)
		err = read_file(&read, root, "proc/net/fib_trie", NULL);
	if (!err)
		err = read_file(&read, root, "proc/net/if_inet6", address6_line);
	if (!err)
		err = read_file(&read, root, "proc/net/ipv6_route", route6_line);
	if (err) {
		routes_deinit(&read);
		*r = read;
		return err;
	}
	*r = read;
	return 0;
}

void routes_deinit(struct routes *r)
{
	free(r->address);
	free(r->route);
	*r = (struct routes){ 0 };
}

int routes_find(const struct routes *r, const char *address, const struct net_route **route)
{
	const struct net_route *best = NULL;
	uint8_t bytes[16];
	int family = AF_INET;

	if (inet_pton(AF_INET, address, bytes) != 1) {
		family = AF_INET6;
		if (inet_pton(AF_INET6, address, bytes) != 1)
			return fail(-EINVAL, "%s is no address", address);
	}
	for (size_t i = 0; i < r->nr_routes; i++) {
		const struct net_route *one = &r->route[i];

		if (one->family != family || !prefix_is(bytes, one->bytes, one->bits))
			continue;
		if (!best || one->bits > best->bits || (one->bits == best->bits && one->metric < best->metric))
			best = one;
	}
	if (!best)
		return fail(-ENETUNREACH, "there is no route to %s", address);
	*route = best;
	return 0;
}

bool routes_is_connected(const struct routes *r, const struct net_route *route)
{
	if (route->has_gateway)
		return false;
	/* fe80::/64 is there as soon as the interface is up. */
	if (route->family == AF_INET6 && route->bytes[0] == 0xfe && (route->bytes[1] & 0xc0) == 0x80)
		return true;
	for (size_t i = 0; i < r->nr_addresses; i++) {
		const struct net_address *a = &r->address[i];

		if (a->family == route->family && !strcmp(a->link, route->link) && a->bits == route->bits &&
		    prefix_is(a->bytes, route->bytes, route->bits))
			return true;
	}
	return false;
}
