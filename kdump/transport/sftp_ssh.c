// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/sftp_ssh.h"

#include "kdump/transport/sftp_link.h"
#include "lib/err.h"
#include "lib/text.h"
#include "service/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEME "sftp://"
/* Of ssh's words in a message. */
#define WORDS_SHOWN 200

/* ---- places ---- */

static int bad_url(const char *url, const char *what)
{
	return fail(-EINVAL, "%s: %s; it should look like sftp://user@host/folder", url, what);
}

/* What goes to ssh as an argument: never an option, never two words. */
static bool is_name(const char *s)
{
	if (!s || !*s || *s == '-')
		return false;
	for (; *s; s++)
		if (!isgraph((unsigned char)*s) || strchr("\"'\\,@/?#", *s))
			return false;
	return true;
}

/* %XX in place. False: not two digits, or a byte that no path has. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%') {
			int high = text_hex_digit(s[1]), low = high < 0 ? -1 : text_hex_digit(s[2]);

			if (low < 0 || !(high | low))
				return false;
			*to++ = (char)(high << 4 | low);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
	return true;
}

static int parse_port(struct sftp_place *p, const char *url, const char *port)
{
	struct text t = text_of_string(port);
	uint64_t number;

	if (!text_u64(&t, 10, &number) || t.len || !number || number > 65535)
		return bad_url(url, "behind the colon there is no port");
	p->port = strdup(port);
	return p->port ? 0 : fail(-ENOMEM, "out of memory");
}

/* AUTHORITY is [USER@]HOST[:PORT] and is changed. */
static int parse_authority(struct sftp_place *p, const char *url, char *authority)
{
	char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority, *port = NULL;
	int err;

	if (at) {
		*at = 0;
		if (!is_name(authority))
			return bad_url(url, "that is no user's name");
		p->user = strdup(authority);
	}
	if (*host == '[') {
		char *bracket = strchr(++host, ']');

		if (!bracket || (bracket[1] && bracket[1] != ':'))
			return bad_url(url, "the address in brackets is not closed");
		port = bracket[1] ? bracket + 2 : NULL;
		*bracket = 0;
	} else {
		port = strchr(host, ':');
		if (port)
			*port++ = 0;
	}
	if (!is_name(host))
		return bad_url(url, "that is no host's name");
	p->host = strdup(host);
	err = port ? parse_port(p, url, port) : 0;
	return err || (p->host && (p->user || !at)) ? err : fail(-ENOMEM, "out of memory");
}

static int parse_path(struct sftp_place *p, const char *url, const char *path)
{
	size_t len;

	if (!path)
		return bad_url(url, "the folder is missing");
	p->path = strdup(path);
	if (!p->path)
		return fail(-ENOMEM, "out of memory");
	if (!unescape(p->path))
		return bad_url(url, "a % needs two hexadecimal digits behind it, not 00");
	len = strlen(p->path);
	while (len > 1 && p->path[len - 1] == '/')
		p->path[--len] = 0;
	return 0;
}

/* ssh expands what begins with % in names of files. */
static int take_file(char **to, const char *keyword, const char *path)
{
	if (strpbrk(path, "%\"\n"))
		return fail(-EINVAL, "%s %s: ssh cannot be given such a name; use one without %% and quotes", keyword,
			    path);
	*to = strdup(path);
	return *to ? 0 : fail(-ENOMEM, "out of memory");
}

int sftp_place_parse(struct sftp_place *p, const struct conf *conf, const char *url)
{
	const char *rest = url + strlen(SCHEME), *slash = strchr(rest, '/');
	char *authority = slash ? strndup(rest, slash - rest) : strdup(rest);
	int err = authority ? 0 : fail(-ENOMEM, "out of memory");

	memset(p, 0, sizeof(*p));
	if (!err)
		err = parse_authority(p, url, authority);
	if (!err)
		err = parse_path(p, url, slash);
	if (!err)
		err = take_file(&p->key, "sshkey", conf->sshkey);
	if (!err)
		err = take_file(&p->known_hosts, "ssh_known_hosts", conf->ssh_known_hosts);
	free(authority);
	if (err)
		sftp_place_deinit(p);
	return err;
}

void sftp_place_deinit(struct sftp_place *p)
{
	free(p->user);
	free(p->host);
	free(p->port);
	free(p->path);
	free(p->key);
	free(p->known_hosts);
	memset(p, 0, sizeof(*p));
}

/* ---- starting ---- */

/*
 * Nothing of the machine's or the user's configuration, no agent, no other key, no other list of host keys, and never
 * a question: in the capture kernel there is nobody to answer, and what it sends is the memory of a machine.
 */
static const char *const fixed_options[] = {
	"-F", "none", "-T",
	"-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null",
	"-o", "UpdateHostKeys=no", "-o", "CheckHostIP=no", "-o", "VerifyHostKeyDNS=no", "-o", "IdentitiesOnly=yes",
	"-o", "IdentityAgent=none", "-o", "PreferredAuthentications=publickey", "-o", "PubkeyAuthentication=yes",
	"-o", "AddKeysToAgent=no", "-o", "ForwardAgent=no", "-o", "ForwardX11=no", "-o", "ClearAllForwardings=yes",
	"-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "PermitLocalCommand=no", "-o", "EscapeChar=none",
	"-o", "Compression=no", "-o", "ConnectionAttempts=1", "-o", "ServerAliveCountMax=3", "-o", "LogLevel=INFO",
};

#define NR_FIXED (sizeof(fixed_options) / sizeof(*fixed_options))

/*
 * OpenSSH's first choice is made for CPUs without instructions for AES; where they are, AES takes a third of the time.
 */
static bool cpu_has_aes(void)
{
	char line[8192];
	bool found = false;
	FILE *in = fopen("/proc/cpuinfo", "re");

	while (in && !found && fgets(line, sizeof(line), in))
		if (!strncmp(line, "flags", 5) || !strncmp(line, "Features", 8))
			found = strstr(line, " aes ") || strstr(line, " aes\n");
	if (in)
		fclose(in);
	return found;
}

int sftp_ssh_start(const struct sftp_place *p, uint64_t timeout_ms, struct companion *c)
{
	const char *argv[NR_FIXED + 24];
	char known[4096 + 32], connect[64], alive[64];
	unsigned long long seconds = (timeout_ms + 999) / 1000;
	size_t n = 0;

	if (access(p->key, R_OK))
		return fail_sys(-errno, "the key %s (sshkey) cannot be read", p->key);
	if (access(p->known_hosts, R_OK))
		return fail_sys(-errno, "the list of host keys %s (ssh_known_hosts) cannot be read", p->known_hosts);
	if ((size_t)snprintf(known, sizeof(known), "UserKnownHostsFile=\"%s\"", p->known_hosts) >= sizeof(known))
		return fail(-ENAMETOOLONG, "the name of ssh_known_hosts is too long");
	snprintf(connect, sizeof(connect), "ConnectTimeout=%llu", seconds);
	snprintf(alive, sizeof(alive), "ServerAliveInterval=%llu", seconds / 3 ? seconds / 3 : 1);
	argv[n++] = "ssh";
	for (size_t i = 0; i < NR_FIXED; i++)
		argv[n++] = fixed_options[i];
	if (cpu_has_aes()) {
		argv[n++] = "-o";
		argv[n++] = "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com";
	}
	argv[n++] = "-o", argv[n++] = known;
	argv[n++] = "-o", argv[n++] = connect;
	argv[n++] = "-o", argv[n++] = alive;
	argv[n++] = "-i", argv[n++] = p->key;
	if (p->user)
		argv[n++] = "-l", argv[n++] = p->user;
	if (p->port)
		argv[n++] = "-p", argv[n++] = p->port;
	argv[n++] = "-s", argv[n++] = "--", argv[n++] = p->host, argv[n++] = "sftp";
	argv[n] = NULL;
	return companion_start(c, argv);
}

/* ---- words ---- */

static const struct {
	const char *words;         /* of ssh */
	int err;
	const char *meaning;
} meanings[] = {
	/* The first that fits. */
	{ "REMOTE HOST IDENTIFICATION HAS CHANGED", -EKEYREJECTED,
	  "the server's host key is another one than ssh_known_hosts has: either the server was set up anew, or this is"
	  " not it" },
	{ "host key is known for", -EKEYREJECTED,
	  "ssh_known_hosts has no host key of this server; \"kdumpctl propagate\" adds it" },
	{ "Host key verification failed", -EKEYREJECTED, "the server's host key is not the one of ssh_known_hosts" },
	{ "UNPROTECTED PRIVATE KEY FILE", -EACCES, "ssh does not take the key of sshkey: others may read it" },
	{ "Permission denied", -EACCES, "the server does not let this user in with the key of sshkey" },
	{ "Too many authentication failures", -EACCES, "the server does not let this user in with the key of sshkey" },
	{ "This account is", -EACCES, "the server does not let this user in now" },
	{ "Could not resolve hostname", -EHOSTUNREACH, "the server's name has no address" },
	{ "Connection refused", -ECONNREFUSED, "nobody listens there" },
	{ "No route to host", -EHOSTUNREACH, "the server cannot be reached" },
	{ "Network is unreachable", -EHOSTUNREACH, "the server cannot be reached" },
	{ "Operation timed out", -ETIMEDOUT, "the server does not answer" },
	{ "Connection timed out", -ETIMEDOUT, "the server does not answer" },
	{ "not responding", -ETIMEDOUT, "the server does not answer any more" },
	{ "subsystem request failed", -EPROTONOSUPPORT, "the server has no sftp" },
	{ "no matching", -EPROTONOSUPPORT, "the server and ssh have no method in common" },
	{ "No user exists for uid", -ENOENT, "ssh needs this user in /etc/passwd" },
};

static bool has_words(const struct blob *b, const char *words)
{
	return b->len && memmem(b->data, b->len, words, strlen(words));
}

/* The last line that says something, made fit to be shown. */
static void last_line(const struct blob *b, char *shown)
{
	struct text all = text_of((const char *)b->data, b->len), line, last = text_of("", 0);
	size_t n = 0;

	while (text_line(&all, &line)) {
		text_trim(&line);
		if (line.len)
			last = line;
	}
	for (size_t i = 0; i < last.len && n < WORDS_SHOWN; i++)
		shown[n++] = last.at[i] >= 0x20 && last.at[i] < 0x7f ? last.at[i] : '?';
	shown[n] = 0;
}

int sftp_ssh_explain(const char *url, const struct blob *words, bool connecting)
{
	char said[WORDS_SHOWN + 1];

	last_line(words, said);
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (has_words(words, meanings[i].words))
			return fail(meanings[i].err, "%s: %s (ssh says: %s)", url, meanings[i].meaning, said);
	return fail(-ECONNRESET, "%s: %s%s%s%s", url, connecting ? "no connection comes about" : "the connection broke",
		    *said ? " (ssh says: " : "", said, *said ? ")" : "");
}

int sftp_ssh_no_sftp(const char *url, const struct blob *bytes)
{
	char shown[WORDS_SHOWN + 1];
	size_t n = 0;

	while (n < bytes->len && n < 20) {
		unsigned char c = bytes->data[n];

		shown[n++] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	shown[n] = 0;
	return fail(-EPROTONOSUPPORT,
		    "%s: what answers is no sftp server: its first words are \"%s\" (does a start-up file of"
		    " the user's shell print something?)", url, shown);
}
