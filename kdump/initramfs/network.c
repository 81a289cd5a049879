// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/initramfs/network.h"

#include "kdump/capture/facts.h"
#include "kdump/initramfs/devices.h"
#include "kdump/initramfs/routes.h"
#include "lib/err.h"
#include "lib/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "ADDRESS NAME [NAME]..." of hosts(5). */
static int look_in_hosts(const struct root *root, const char *server, char **address)
{
	struct text t, line, word, first;
	struct blob text;
	int err;

	*address = NULL;
	blob_init(&text);
	err = root_read(root, "etc/hosts", ROOT_READ_MAX, &text);
	if (err && err != -ENOMEM) {
		err_clear();
		err = 0;
	}
	t = text_of((const char *)text.data, text.len);
	while (!err && !*address && text_line(&t, &line)) {
		line = text_until(&line, '#');
		for (char *c = (char *)line.at; c < line.at + line.len; c++)
			if (*c == '\t')
				*c = ' ';
		text_trim(&line);
		first = text_until(&line, ' ');
		while (!*address && (text_blanks(&line), line.len)) {
			word = text_until(&line, ' ');
			if (text_is(&word, server))
				*address = strndup(first.at, first.len);
		}
	}
	blob_deinit(&text);
	return err;
}

static int ask_resolver(const char *server, char **address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *found = NULL;
	char text[INET6_ADDRSTRLEN];
	int err = getaddrinfo(server, NULL, &hints, &found);

	if (err)
		return fail(-EHOSTUNREACH, "the server %s has no address: %s", server, gai_strerror(err));
	err = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(found);
	if (err)
		return fail(-EHOSTUNREACH, "the server %s has no address: %s", server, gai_strerror(err));
	*address = strdup(text);
	return *address ? 0 : fail(-ENOMEM, "out of memory");
}

int network_resolve(const struct root *root, const char *server, char **address)
{
	uint8_t number[16];
	int err;

	if (inet_pton(AF_INET, server, number) == 1 || inet_pton(AF_INET6, server, number) == 1) {
		*address = strdup(server);
		return *address ? 0 : fail(-ENOMEM, "out of memory");
	}
	if (!strcmp(root->path, "/"))
		return ask_resolver(server, address);
	err = look_in_hosts(root, server, address);
	if (err || *address)
		return err;
	return fail(-EHOSTUNREACH, "the server %s has no address: %s/etc/hosts does not have it", server, root->path);
}

static int add_fact(struct blob *facts, const char *keyword, const char *a, const char *b, const char *c)
{
	const char *const words[] = { a, b, c, NULL };

	return facts_add(facts, keyword, words);
}

/* Is there a line for this interface yet? */
static int link_known(const struct blob *facts, const char *name, bool *known)
{
	struct facts parsed;
	int err = facts_parse(&parsed, "facts", (const char *)facts->data, facts->len);

	if (err)
		return err;
	*known = facts_find(&parsed, "link", name);
	facts_deinit(&parsed);
	return 0;
}

static int link_fact(const struct root *root, const char *name, struct blob *facts)
{
	char *folder, *file;
	struct blob mac;
	uint64_t mtu = 0;
	char number[24];
	int err;

	if (asprintf(&folder, "sys/class/net/%s", name) < 0)
		return fail(-ENOMEM, "out of memory");
	blob_init(&mac);
	file = NULL;
	err = asprintf(&file, "%s/address", folder) < 0 ? fail(-ENOMEM, "out of memory") :
	      root_read(root, file, 4096, &mac);
	free(file);
	file = NULL;
	if (!err)
		err = asprintf(&file, "%s/mtu", folder) < 0 ? fail(-ENOMEM, "out of memory") :
		      root_read_u64(root, file, 10, &mtu);
	free(file);
	free(folder);
	if (!err) {
		mac.data[strcspn((char *)mac.data, "\n")] = 0;
		snprintf(number, sizeof(number), "%llu", (unsigned long long)mtu);
		err = add_fact(facts, "link", name, *mac.data ? (char *)mac.data : "-", number);
	}
	blob_deinit(&mac);
	return err;
}

static int address_facts(const struct routes *r, const char *name, struct blob *facts)
{
	char text[INET6_ADDRSTRLEN], word[INET6_ADDRSTRLEN + 8];
	int err = 0;

	for (size_t i = 0; !err && i < r->nr_addresses; i++) {
		const struct net_address *a = &r->address[i];

		if (strcmp(a->link, name))
			continue;
		inet_ntop(a->family, a->bytes, text, sizeof(text));
		snprintf(word, sizeof(word), "%s/%u", text, a->bits);
		err = add_fact(facts, "address", name, word, NULL);
	}
	return err;
}

/* Those that come with an address by themselves are left to that. */
static int route_facts(const struct routes *r, const char *name, struct blob *facts)
{
	char text[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN], word[INET6_ADDRSTRLEN + 8];
	int err = 0;

	for (size_t i = 0; !err && i < r->nr_routes; i++) {
		const struct net_route *route = &r->route[i];

		if (strcmp(route->link, name) || routes_is_connected(r, route))
			continue;
		inet_ntop(route->family, route->bytes, text, sizeof(text));
		snprintf(word, sizeof(word), "%s/%u", text, route->bits);
		/*
		 * The default route of IPv6 keeps its form: "default" alone is that of IPv4 and IPv6 both, told apart
		 * by the gateway.
		 */
		if (!route->bits && route->has_gateway)
			snprintf(word, sizeof(word), "default");
		if (route->has_gateway)
			inet_ntop(route->family, route->gateway, gateway, sizeof(gateway));
		err = add_fact(facts, "route", name, word, route->has_gateway ? gateway : "-");
	}
	return err;
}

int network_facts(const struct root *root, struct modules *m, const char *address, struct blob *facts)
{
	const struct net_route *route;
	struct routes r;
	bool known;
	int err = routes_init(&r, root);

	if (err)
		return err;
	err = routes_find(&r, address, &route);
	if (!err)
		err = link_known(facts, route->link, &known);
	if (!err && !known) {
		err = device_want_link(root, m, route->link);
		if (!err)
			err = link_fact(root, route->link, facts);
		if (!err)
			err = address_facts(&r, route->link, facts);
		if (!err)
			err = route_facts(&r, route->link, facts);
	}
	routes_deinit(&r);
	return err;
}

/* The local stub answers nobody in the capture kernel; systemd-resolved writes the servers that it asks beside it. */
static bool is_stub(const struct text *t)
{
	return memmem(t->at, t->len, "nameserver 127.0.0.53", 21);
}

static int nameserver_facts(struct text t, struct blob *facts)
{
	char server[INET6_ADDRSTRLEN];
	struct text line;
	uint8_t bytes[16];
	int err = 0;

	while (!err && text_line(&t, &line)) {
		if (!text_take(&line, "nameserver"))
			continue;
		text_trim(&line);
		line = text_until(&line, ' ');
		if (line.len >= sizeof(server))
			continue;
		memcpy(server, line.at, line.len);
		server[line.len] = 0;
		if (!strncmp(server, "127.", 4) || !strcmp(server, "::1"))
			continue;
		if (inet_pton(AF_INET, server, bytes) == 1 || inet_pton(AF_INET6, server, bytes) == 1)
			err = add_fact(facts, "nameserver", server, NULL, NULL);
	}
	return err;
}

int network_nameservers(const struct root *root, struct blob *facts)
{
	static const char *const files[] = { "etc/resolv.conf", "run/systemd/resolve/resolv.conf" };
	struct text t = text_of("", 0);
	struct blob text;
	int err = 0;

	blob_init(&text);
	for (size_t i = 0; !err && i < sizeof(files) / sizeof(files[0]); i++) {
		if (!root_exists(root, files[i]))
			continue;
		err = root_read(root, files[i], ROOT_READ_MAX, &text);
		t = text_of((const char *)text.data, text.len);
		if (!err && !is_stub(&t))
			break;
	}
	if (!err)
		err = nameserver_facts(t, facts);
	blob_deinit(&text);
	return err;
}
