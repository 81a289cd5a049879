// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/network.h"

#include "lib/blob.h"
#include "lib/file.h"
#include "lib/root.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Modules of network cards make their interfaces a moment after they are loaded. */
#define LINK_MS 10000
#define LOOK_MS 100
/* The kernel answers at once. */
#define ANSWER_MS 5000

/* ---- texts ---- */

int network_parse_prefix(const char *text, const char *other, struct network_prefix *p)
{
	const char *slash = strchr(text, '/');
	struct network_prefix found = { 0 };
	struct text bits = text_of_string(slash ? slash + 1 : "");
	char address[INET6_ADDRSTRLEN];
	uint64_t number;

	if (!strcmp(text, "default")) {
		found.family = other && strchr(other, ':') ? AF_INET6 : AF_INET;
		found.bytes = found.family == AF_INET6 ? 16 : 4;
		*p = found;
		return 0;
	}
	if ((slash ? (size_t)(slash - text) : strlen(text)) >= sizeof(address))
		return fail(-EINVAL, "%s: is no address", text);
	snprintf(address, sizeof(address), "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	found.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	found.bytes = found.family == AF_INET6 ? 16 : 4;
	if (inet_pton(found.family, address, found.address) != 1)
		return fail(-EINVAL, "%s: is no address", text);
	found.bits = found.bytes * 8;
	if (slash) {
		if (!text_u64(&bits, 10, &number) || bits.len || number > found.bits)
			return fail(-EINVAL, "%s: is no network", text);
		found.bits = number;
	}
	*p = found;
	return 0;
}

int network_server(const char *where, char **server)
{
	const char *stop = *where == '[' ? strchr(where, ']') : strchr(where, ':');
	size_t skip = *where == '[';

	if (!stop || stop == where + skip || stop[skip] != ':')
		return fail(-EINVAL, "%s: is no server:/export", where);
	*server = strndup(where + skip, stop - where - skip);
	return *server ? 0 : fail(-ENOMEM, "out of memory");
}

static bool is_address(const char *text)
{
	struct in6_addr any;

	return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

int network_address_of(const struct capture *c, const char *server, char **address)
{
	const struct fact *fact = is_address(server) ? NULL : facts_find(&c->facts, "host", server);

	if (!fact && !is_address(server))
		return fail(-ENOENT, "%s: its address was not known when the capture initramfs was made", server);
	*address = strdup(fact ? fact->word[1] : server);
	return *address ? 0 : fail(-ENOMEM, "out of memory");
}

char *network_own_address(const struct facts *f)
{
	const struct fact *fact = NULL;

	while ((fact = facts_next(f, "address", fact))) {
		const char *text = fact->word[1];
		size_t len = strcspn(text, "/");

		if (strncasecmp(text, "fe80:", 5) && strncmp(text, "169.254.", 8) && strncmp(text, "127.", 4) &&
		    strncmp(text, "::1/", 4))
			return strndup(text, len);
	}
	fact = facts_next(f, "hostname", NULL);
	return strdup(fact ? fact->word[0] : "127.0.0.1");
}

/* ---- netlink ---- */

struct message {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
		uint8_t bytes[256];
	};
};

static void message_init(struct message *m, unsigned int type, unsigned int flags, size_t len)
{
	memset(m, 0, sizeof(*m));
	m->head.nlmsg_len = NLMSG_LENGTH(len);
	m->head.nlmsg_type = type;
	m->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
}

/* There is room: a message has at most four attributes of 16 bytes. */
static void message_add(struct message *m, unsigned int type, const void *bytes, size_t len)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)m + NLMSG_ALIGN(m->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(a), bytes, len);
	m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_LENGTH(len);
}

/* -errno of the kernel's answer, not recorded. */
static int message_send(int fd, struct message *m)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		uint8_t rest[1024];
	} answer;
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n;

	if (send(fd, m, m->head.nlmsg_len, 0) < 0)
		return -errno;
	if (poll(&p, 1, ANSWER_MS) <= 0)
		return -ETIMEDOUT;
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(answer.head) + sizeof(answer.err) || answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.err.error;
}

static int set_link(int fd, unsigned int index, unsigned int mtu)
{
	struct message m;

	message_init(&m, RTM_NEWLINK, 0, sizeof(m.link));
	m.link.ifi_family = AF_UNSPEC;
	m.link.ifi_index = index;
	m.link.ifi_flags = m.link.ifi_change = IFF_UP;
	if (mtu)
		message_add(&m, IFLA_MTU, &mtu, sizeof(mtu));
	return message_send(fd, &m);
}

static int set_address(int fd, unsigned int index, const struct network_prefix *p)
{
	struct message m;

	message_init(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(m.address));
	m.address.ifa_family = p->family;
	m.address.ifa_prefixlen = p->bits;
	m.address.ifa_index = index;
	/* It was this machine's a minute ago: nobody needs to be asked whether it is free. */
	if (p->family == AF_INET6)
		m.address.ifa_flags = IFA_F_NODAD;
	message_add(&m, IFA_LOCAL, p->address, p->bytes);
	message_add(&m, IFA_ADDRESS, p->address, p->bytes);
	return message_send(fd, &m);
}

/* VIA NULL: on the link. */
static int set_route(int fd, unsigned int index, const struct network_prefix *p, const struct network_prefix *via)
{
	struct message m;

	message_init(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(m.route));
	m.route.rtm_family = p->family;
	m.route.rtm_dst_len = p->bits;
	m.route.rtm_table = RT_TABLE_MAIN;
	m.route.rtm_protocol = RTPROT_STATIC;
	m.route.rtm_scope = via || p->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	m.route.rtm_type = RTN_UNICAST;
	if (p->bits)
		message_add(&m, RTA_DST, p->address, p->bytes);
	if (via)
		message_add(&m, RTA_GATEWAY, via->address, via->bytes);
	message_add(&m, RTA_OIF, &index, sizeof(index));
	return message_send(fd, &m);
}

/* ---- links ---- */

/* The interface whose hardware address is MAC: the kernel's names are not those that udev gave. 0: none. */
static unsigned int index_of(const char *mac, char name[IF_NAMESIZE])
{
	struct root_names names = { 0 };
	struct root root;
	unsigned int index = 0;

	if (root_init(&root, NULL))
		return 0;
	if (!root_list(&root, "sys/class/net", &names)) {
		for (size_t i = 0; !index && i < names.nr; i++) {
			char path[64 + IF_NAMESIZE];
			struct blob text;

			blob_init(&text);
			snprintf(path, sizeof(path), "sys/class/net/%.*s/address", IF_NAMESIZE, names.name[i]);
			if (!root_read(&root, path, 4096, &text) && !strncasecmp((char *)text.data, mac, strlen(mac))) {
				index = if_nametoindex(names.name[i]);
				snprintf(name, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, names.name[i]);
			}
			blob_deinit(&text);
		}
		root_names_deinit(&names);
	}
	root_deinit(&root);
	err_clear();
	return index;
}

static unsigned int index_wait(const char *mac, uint64_t limit_ms, char name[IF_NAMESIZE])
{
	unsigned int index;

	while (!(index = index_of(mac, name)) && capture_now_ms() < limit_ms)
		poll(NULL, 0, LOOK_MS);
	return index;
}

/* What the fact's first word calls NAME here. */
static unsigned int index_named(const struct capture *c, const char *name)
{
	const struct fact *link = facts_find(&c->facts, "link", name);
	char here[IF_NAMESIZE];

	if (!strcmp(name, "lo"))
		return if_nametoindex("lo");
	return link ? index_of(link->word[1], here) : 0;
}

static void failed(const struct capture *c, const struct fact *fact, int err)
{
	say(&c->say, SAY_WARNING, "network: %s %s %s: %s", fact->keyword, fact->word[0], fact->word[1],
	    err == -EINVAL && *err_text() ?
	    err_text() : strerror(-err));
	err_clear();
}

static void links_up(struct capture *c, int fd)
{
	const struct fact *fact = NULL;
	uint64_t limit_ms = capture_later(capture_now_ms(), LINK_MS);
	unsigned int lo = if_nametoindex("lo");

	if (lo && set_link(fd, lo, 0))
		say(&c->say, SAY_WARNING, "network: the loopback interface cannot be set up");
	while ((fact = facts_next(&c->facts, "link", fact))) {
		char name[IF_NAMESIZE];
		unsigned int index = index_wait(fact->word[1], limit_ms, name);
		struct text mtu = text_of_string(fact->word[2]);
		uint64_t number = 0;
		int err;

		if (!index) {
			say(&c->say, SAY_WARNING, "network: there is no interface with the address %s, which %s had",
			    fact->word[1], fact->word[0]);
			continue;
		}
		if (!text_u64(&mtu, 10, &number) || number > UINT32_MAX)
			number = 0;
		err = set_link(fd, index, (unsigned int)number);
		if (err)
			failed(c, fact, err);
		else
			say(&c->say, SAY_NOTICE, "network: %s is what was %s", name, fact->word[0]);
	}
}

static void addresses_up(struct capture *c, int fd)
{
	const struct fact *fact = NULL;

	while ((fact = facts_next(&c->facts, "address", fact))) {
		unsigned int index = index_named(c, fact->word[0]);
		struct network_prefix p;
		int err = index ? network_parse_prefix(fact->word[1], NULL, &p) : -ENODEV;

		if (!err)
			err = set_address(fd, index, &p);
		if (err)
			failed(c, fact, err);
	}
}

static int route_up(struct capture *c, int fd, const struct fact *fact)
{
	bool on_link = !strcmp(fact->word[2], "-");
	unsigned int index = index_named(c, fact->word[0]);
	struct network_prefix to, via;
	int err = index ? network_parse_prefix(fact->word[1], fact->word[2], &to) : -ENODEV;

	if (!err && !on_link)
		err = network_parse_prefix(fact->word[2], NULL, &via);
	if (!err && !on_link && via.family != to.family)
		err = fail(-EINVAL, "gateway and destination are of different families");
	return err ? err : set_route(fd, index, &to, on_link ? NULL : &via);
}

/* Those on a link first, because gateways are reached over them. */
static void routes_up(struct capture *c, int fd)
{
	for (int on_link = 1; on_link >= 0; on_link--) {
		const struct fact *fact = NULL;

		while ((fact = facts_next(&c->facts, "route", fact))) {
			bool is_on_link = !strcmp(fact->word[2], "-");
			int err = is_on_link == !!on_link ? route_up(c, fd, fact) : 0;

			if (err)
				failed(c, fact, err);
		}
	}
}

/* ---- names ---- */

static int add_line(struct blob *text, const char *first, const char *second)
{
	char *line;
	int err, len = asprintf(&line, "%s %s\n", first, second);

	if (len < 0)
		return fail(-ENOMEM, "out of memory");
	err = blob_append(text, line, len);
	free(line);
	return err;
}

static void write_names(struct capture *c, const char *path, const char *keyword, const char *first)
{
	const struct fact *fact = NULL;
	struct blob text;
	int err = 0;

	blob_init(&text);
	if (!strcmp(keyword, "host"))
		err = add_line(&text, "127.0.0.1", "localhost");
	while (!err && (fact = facts_next(&c->facts, keyword, fact)))
		err = first ? add_line(&text, first, fact->word[0]) : add_line(&text, fact->word[1], fact->word[0]);
	mkdir("/etc", 0755);
	if (!err)
		err = file_replace(path, text.data, text.len, 0644);
	if (err) {
		say(&c->say, SAY_WARNING, "network: %s", err_text());
		err_clear();
	}
	blob_deinit(&text);
}

void network_up(struct capture *c)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0) {
		say(&c->say, SAY_WARNING, "network: this kernel has none: %s", strerror(errno));
		return;
	}
	links_up(c, fd);
	addresses_up(c, fd);
	routes_up(c, fd);
	close(fd);
	write_names(c, "/etc/hosts", "host", NULL);
	write_names(c, "/etc/resolv.conf", "nameserver", "nameserver");
}

static bool has_carrier(const struct root *root, const char *name)
{
	char path[64 + IF_NAMESIZE];
	uint64_t carrier = 0;

	snprintf(path, sizeof(path), "sys/class/net/%.*s/carrier", IF_NAMESIZE, name);
	return !root_read_u64(root, path, 10, &carrier) && carrier;
}

void network_wait(struct capture *c, uint64_t limit_ms)
{
	const struct fact *fact = NULL;
	struct root root;

	if (root_init(&root, NULL))
		return;
	while ((fact = facts_next(&c->facts, "link", fact))) {
		char name[IF_NAMESIZE];
		bool up = false;

		while (index_of(fact->word[1], name) && !(up = has_carrier(&root, name)) && capture_now_ms() < limit_ms)
			poll(NULL, 0, LOOK_MS);
		if (!up)
			say(&c->say, SAY_WARNING, "network: %s has no carrier", fact->word[0]);
	}
	root_deinit(&root);
	err_clear();
}
