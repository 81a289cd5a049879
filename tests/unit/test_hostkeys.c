// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/hostkeys.h"

#include "tests/unit/test.h"

#define SHOWN "h ssh-rsa RRR\n# h:22 SSH-2.0\nh ssh-ed25519 EEE\n"

TEST(comparison)
{
	static const struct {
		const char *known;
		enum host_keys want;
	} cases[] = {
		{ "", HOST_KEYS_NEW }, { "# Host h found: line 1\n", HOST_KEYS_NEW }, { "h ssh-rsa\n", HOST_KEYS_NEW },
		{ "h ssh-rsa RRR\n", HOST_KEYS_KNOWN }, { "|1|abc|def ssh-ed25519 EEE comment", HOST_KEYS_KNOWN },
		{ "h ssh-rsa RRR\nh ssh-ed25519 EEE\n", HOST_KEYS_KNOWN },
		{ "h ssh-ed25519 XXX\n", HOST_KEYS_DIFFER }, { "h ssh-rsa RRR\nh ssh-ed25519 XXX\n", HOST_KEYS_DIFFER },
		{ "h ecdsa-sha2-nistp256 AAA\n", HOST_KEYS_DIFFER }, { "h ssh-ed25519 EE\n", HOST_KEYS_DIFFER },
		/* One of several names in a list may be an older key of the same server. */
		{ "h ssh-ed25519 OLD\nh ssh-ed25519 EEE\n", HOST_KEYS_KNOWN },
		{ "@revoked h ssh-ed25519 EEE\nh ssh-rsa XXX\n", HOST_KEYS_DIFFER },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_EQ(host_keys_compare(text_of_string(cases[i].known), text_of_string(SHOWN)), cases[i].want);
	CHECK_EQ(host_keys_compare(text_of_string("h ssh-rsa RRR\n"), text_of_string("")), HOST_KEYS_DIFFER);
	CHECK_EQ(host_keys_count(text_of_string(SHOWN)), 2);
}

static void check_login(const char *where, const char *user, const char *host, const char *port)
{
	struct login l;

	login_parse(where, &l);
	CHECK(text_is(&l.user, user) && text_is(&l.host, host) && text_is(&l.port, port));
}

TEST(logins)
{
	check_login("a@b", "a", "b", "");
	check_login("a@b.example:2222", "a", "b.example", "2222");
	check_login("a@[fe80::1]", "a", "fe80::1", "");
	check_login("a@[fe80::1]:22", "a", "fe80::1", "22");
}
