// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/conf_values.h"

#include "lib/err.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

static bool has_char(struct text t, char c)
{
	return t.len && memchr(t.at, c, t.len);
}

/* The first byte of T that is one of SET; NULL. */
static const char *first_of(struct text t, const char *set)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] && strchr(set, t.at[i]))
			return t.at + i;
	return NULL;
}

/* Does T consist of letters, digits and EXTRA alone? ASCII, whatever the locale. */
static bool only(struct text t, const char *extra)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = t.at[i];

		if (c >= 0x80 || !(isalnum(c) || (c && strchr(extra, c))))
			return false;
	}
	return t.len;
}

static int one_word(struct text v)
{
	const char *blank = first_of(v, " \t");

	if (blank)
		return fail(-EINVAL, "\"%.*s\" is more than one word", TEXT_ARGS(&v));
	if (first_of(v, "\"'"))
		return fail(-EINVAL, "\"%.*s\" has quotes, which mean nothing here: leave them out", TEXT_ARGS(&v));
	return 0;
}

int conf_check_any(struct text v)
{
	(void)v;
	return 0;
}

int conf_check_folder(struct text v)
{
	struct text rest = v, part;
	int err = one_word(v);

	if (err)
		return err;
	if (v.at[0] != '/')
		return fail(-EINVAL, "\"%.*s\" does not begin with \"/\"", TEXT_ARGS(&v));
	while (rest.len) {
		part = text_until(&rest, '/');
		if (text_is(&part, "..") || text_is(&part, "."))
			return fail(-EINVAL, "\"%.*s\" has \"%.*s\" in it: write where it leads", TEXT_ARGS(&v),
				    TEXT_ARGS(&part));
	}
	return 0;
}

int conf_check_file(struct text v)
{
	int err = conf_check_folder(v);

	if (!err && text_stops(&v, "/"))
		err = fail(-EINVAL, "\"%.*s\" names a folder, not a file", TEXT_ARGS(&v));
	return err;
}

/* "UUID=..." and its like: 1 when V begins so, 0 when not. */
static int tagged(struct text v, const char *const *tags)
{
	for (; *tags; tags++) {
		struct text rest = v;

		if (!text_take(&rest, *tags))
			continue;
		if (!rest.len)
			return fail(-EINVAL, "\"%.*s\" has nothing behind the \"=\"", TEXT_ARGS(&v));
		return 1;
	}
	return 0;
}

static int device_path(struct text v, const char *forms)
{
	if (!text_starts(&v, "/dev/") || v.len == strlen("/dev/"))
		return fail(-EINVAL, "\"%.*s\" is no device: write %s", TEXT_ARGS(&v), forms);
	return conf_check_file(v);
}

int conf_check_device(struct text v)
{
	static const char *const tags[] = { "UUID=", "LABEL=", "PARTUUID=", NULL };
	int err = one_word(v);

	if (err)
		return err;
	err = tagged(v, tags);
	if (err)
		return err < 0 ? err : 0;
	return device_path(v, "/dev/NAME, UUID=, LABEL= or PARTUUID=");
}

int conf_check_raw_device(struct text v)
{
	static const char *const good[] = { "PARTUUID=", NULL }, *const bad[] = { "UUID=", "LABEL=", NULL };
	int err = one_word(v);

	if (err)
		return err;
	err = tagged(v, bad);
	if (err > 0)
		return fail(-EINVAL, "\"%.*s\" finds a file system, which a raw dump would overwrite: "
			    "write /dev/NAME or PARTUUID=", TEXT_ARGS(&v));
	if (!err)
		err = tagged(v, good);
	if (err)
		return err < 0 ? err : 0;
	return device_path(v, "/dev/NAME or PARTUUID=");
}

int conf_check_tag(struct text v)
{
	int err = one_word(v);

	if (!err && v.at[0] == '/')
		err = fail(-EINVAL, "\"%.*s\" is a path: virtiofs has tags, which have no \"/\" in front",
			   TEXT_ARGS(&v));
	return err;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static int check_host(struct text host)
{
	struct text inner = host;

	if (text_take(&inner, "[")) {
		if (!text_stops(&inner, "]"))
			return fail(-EINVAL, "\"%.*s\" lacks a \"]\"", TEXT_ARGS(&host));
		inner.len--;
		if (!only(inner, ":.%") || !has_char(inner, ':'))
			return fail(-EINVAL, "\"%.*s\" is no IPv6 address", TEXT_ARGS(&host));
		return 0;
	}
	if (!host.len)
		return fail(-EINVAL, "the server's name is missing");
	if (has_char(host, ':'))
		return fail(-EINVAL, "\"%.*s\" needs brackets around the IPv6 address: [ADDRESS]", TEXT_ARGS(&host));
	/* What begins with "-" would be an option of ssh. */
	if (!only(host, ".-_") || host.at[0] == '-' || host.at[0] == '.')
		return fail(-EINVAL, "\"%.*s\" is no name of a server", TEXT_ARGS(&host));
	return 0;
}

int conf_check_nfs(struct text v)
{
	struct text host = v;
	size_t n = 0;
	int err = one_word(v);

	if (err)
		return err;
	while (n + 1 < v.len && !(v.at[n] == ':' && v.at[n + 1] == '/'))
		n++;
	if (n + 1 >= v.len)
		return fail(-EINVAL, "\"%.*s\" is not SERVER:/EXPORT", TEXT_ARGS(&v));
	host.len = n;
	err = check_host(host);
	return err ? err : conf_check_folder(text_of(v.at + n + 1, v.len - n - 1));
}

/* Take ":PORT" off the tail of HOST, where there is one. More than one colon without brackets is an IPv6 address. */
static int take_port(struct text whole, struct text *host)
{
	const char *last = host->len ? memrchr(host->at, ':', host->len) : NULL;
	struct text port;
	uint64_t number;

	if (!last || (host->at[0] == '[' && text_stops(host, "]")) || (host->at[0] != '[' && memchr(host->at, ':',
												    host->len) != last))
		return 0;
	port = text_of(last + 1, host->at + host->len - (last + 1));
	if (!text_u64(&port, 10, &number) || port.len || !number || number > 65535)
		return fail(-EINVAL, "\"%.*s\" has no valid port behind the \":\"", TEXT_ARGS(&whole));
	host->len = last - host->at;
	return 0;
}

bool conf_bare_ipv6(struct text host)
{
	struct text address = text_until(&host, '%');
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (!has_char(address, ':') || address.len >= sizeof(copy))
		return false;
	memcpy(copy, address.at, address.len);
	copy[address.len] = 0;
	return inet_pton(AF_INET6, copy, &in6) == 1 && (!host.len || only(host, ".-_"));
}

int conf_check_login(struct text v)
{
	struct text host = v, user;
	int err = one_word(v);

	if (err)
		return err;
	if (!has_char(v, '@'))
		return fail(-EINVAL, "\"%.*s\" names no user: write USER@SERVER", TEXT_ARGS(&v));
	user = text_until(&host, '@');
	if (!only(user, ".-_") || user.at[0] == '-')
		return fail(-EINVAL, "\"%.*s\" is no name of a user: write USER@SERVER", TEXT_ARGS(&user));
	if (has_char(host, '/'))
		return fail(-EINVAL, "\"%.*s\" has a folder in it: that goes into the line \"path\"", TEXT_ARGS(&v));
	err = take_port(v, &host);
	return err ? err : check_host(host);
}

/* Host and port of REST, which begins behind "://"; REST becomes the path, with its slash, or empty. */
static int check_authority(struct text whole, struct text *rest)
{
	struct text host = *rest;
	const char *slash = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
	int err;

	if (slash)
		host.len = slash - rest->at;
	rest->at += host.len;
	rest->len -= host.len;
	if (has_char(host, '@'))
		return fail(-EINVAL, "a URL with user or password in it is readable for everybody: "
			    "a credentials file takes them");
	err = take_port(whole, &host);
	return err ? err : check_host(host);
}

static int check_url_path(struct text whole, struct text path)
{
	const char *bad = first_of(path, "?#\\<>{}|^`");

	if (bad)
		return fail(-EINVAL, "\"%.*s\" has a \"%c\" in it, behind which no name of a dump can go",
			    TEXT_ARGS(&whole), *bad);
	return path.len ? conf_check_folder(path) : 0;
}

int conf_check_web_url(struct text v)
{
	struct text rest = v;
	int err = one_word(v);

	if (err)
		return err;
	if (!text_take(&rest, "https://") && !text_take(&rest, "http://"))
		return fail(-EINVAL, "\"%.*s\" does not begin with https://", TEXT_ARGS(&v));
	err = check_authority(v, &rest);
	return err ? err : check_url_path(v, rest);
}

/* Bucket names: 3 to 63 of a-z, 0-9, "." and "-" (Amazon S3 User Guide, "Bucket naming rules"). */
int conf_check_s3_url(struct text v)
{
	struct text rest = v, bucket;
	int err = one_word(v);
	bool lower = true;

	if (err)
		return err;
	if (!text_take(&rest, "s3://"))
		return fail(-EINVAL, "\"%.*s\" does not begin with s3://", TEXT_ARGS(&v));
	bucket = text_until(&rest, '/');
	for (size_t i = 0; i < bucket.len; i++)
		lower = lower && !(bucket.at[i] >= 'A' && bucket.at[i] <= 'Z');
	if (bucket.len < 3 || bucket.len > 63 || !only(bucket, ".-") || !lower)
		return fail(-EINVAL, "\"%.*s\" is no name of a bucket: 3 to 63 small letters, digits, \".\" and \"-\"",
			    TEXT_ARGS(&bucket));
	if (!rest.len)
		return 0;
	/* With the slash in front again, for the check of a path. */
	return check_url_path(v, text_of(rest.at - 1, rest.len + 1));
}

int conf_check_name(struct text v)
{
	return only(v, ".-_") ? 0 : fail(-EINVAL, "\"%.*s\" is no name: letters, digits, \".\", \"-\" and \"_\" alone",
					 TEXT_ARGS(&v));
}

int conf_check_command(struct text v)
{
	const char *bad = first_of(v, "|&;<>$`\"'()*?\\~");

	if (bad)
		return fail(-EINVAL, "a \"%c\" means nothing here: no shell runs this line, its words go to the "
			    "program as they are",
			    *bad);
	return 0;
}

int conf_check_binary(struct text v)
{
	int err = one_word(v);

	if (err)
		return err;
	if (v.at[0] == '/')
		return conf_check_file(v);
	if (has_char(v, '/'))
		return fail(-EINVAL, "\"%.*s\" is neither a path from \"/\" on nor a bare name", TEXT_ARGS(&v));
	if (v.at[0] == '-')
		return fail(-EINVAL, "\"%.*s\" looks like an option: names of programs are meant", TEXT_ARGS(&v));
	return 0;
}

int conf_check_module(struct text v)
{
	if (has_char(v, '/') || text_stops(&v, ".ko") || text_stops(&v, ".ko.xz") || text_stops(&v, ".ko.zst"))
		return fail(-EINVAL, "\"%.*s\" is a file: write the module's name as lsmod has it", TEXT_ARGS(&v));
	if (has_char(v, '='))
		return fail(-EINVAL, "\"%.*s\" is an option: those go into /etc/modprobe.d", TEXT_ARGS(&v));
	return only(v, "-_") && v.at[0] != '-' ? 0 : fail(-EINVAL, "\"%.*s\" is no name of a module", TEXT_ARGS(&v));
}

/*
 * dracut's own --mount describes a target in a second language (as Fedora's configuration allows); here targets have
 * lines.
 */
int conf_check_dracut(struct text v)
{
	struct text rest = v, word;
	size_t quotes = 0;

	while (text_word(&rest, &word))
		if (text_starts(&word, "--mount") && (word.len == 7 || word.at[7] == '='))
			return fail(-EINVAL, "--mount is not understood: write the target as a line of its own, "
				    "\"ext4 DEVICE\" or \"nfs SERVER:/EXPORT\"");
	for (size_t i = 0; i < v.len; i++)
		quotes += v.at[i] == '"';
	if (quotes % 2)
		return fail(-EINVAL, "a quote is never closed");
	if (first_of(v, "$`\\"))
		return fail(-EINVAL, "nothing is expanded: \"$\", \"`\" and \"\\\" have no meaning here");
	return 0;
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? at - digits : -1;
}

int conf_check_key(struct text v)
{
	int all = 0;

	/* 32 bytes are 42 digits of 6 bits, one of 4, and "=". */
	if (v.len != 44 || v.at[43] != '=')
		return fail(-EINVAL, "\"%.*s\" is no public key: 44 characters of base64 with \"=\" as the last one "
			    "are, as \"kdump decrypt --new-key FILE\" prints them", TEXT_ARGS(&v));
	for (size_t i = 0; i < 43; i++) {
		int digit = base64_digit(v.at[i]);

		if (digit < 0)
			return fail(-EINVAL, "character %zu of the public key is not of base64", i + 1);
		all |= digit;
	}
	if (base64_digit(v.at[42]) & 3)
		return fail(-EINVAL, "the public key was cut or changed: its last digit has bits behind the 32 bytes");
	return all ? 0 : fail(-EINVAL, "the public key is all zero: nobody could open the dump");
}

int conf_number(struct text v, uint64_t *number)
{
	struct text rest = v;
	uint64_t n;

	if (!text_u64(&rest, 10, &n) || rest.len)
		return fail(-EINVAL, "\"%.*s\" is no number", TEXT_ARGS(&v));
	*number = n;
	return 0;
}

struct unit {
	const char *letter;
	uint64_t times;
};

static int with_unit(struct text v, const struct unit *units, const char *what, const char *examples, uint64_t max,
		     uint64_t *result)
{
	struct text rest = v;
	uint64_t n;

	if (!text_u64(&rest, 10, &n))
		return fail(-EINVAL, "\"%.*s\" is no %s: %s are", TEXT_ARGS(&v), what, examples);
	while (units->letter && !text_is(&rest, units->letter))
		units++;
	if (!units->letter)
		return fail(-EINVAL, "\"%.*s\" is no unit of a %s: %s are right", TEXT_ARGS(&rest), what, examples);
	if (__builtin_mul_overflow(n, units->times, &n) || n > max)
		return fail(-EINVAL, "\"%.*s\" is more than any %s may be", TEXT_ARGS(&v), what);
	*result = n;
	return 0;
}

int conf_seconds(struct text v, uint64_t *seconds)
{
	static const struct unit units[] = {
		{ "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 },
	};

	return with_unit(v, units, "time", "\"90\", \"90s\", \"15m\", \"2h\", \"30d\"", CONF_SECONDS_MAX, seconds);
}

int conf_bytes(struct text v, uint64_t *bytes)
{
	static const struct unit units[] = { { "", 1 }, { "K", 1ull << 10 }, { "M", 1ull << 20 }, { "G", 1ull << 30 },
					     { "T", 1ull << 40 }, { NULL, 0 } };

	return with_unit(v, units, "size", "\"512M\", \"20G\", \"1T\"", INT64_MAX, bytes);
}
