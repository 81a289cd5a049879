// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/ctl.h"

#include "lib/err.h"
#include "lib/run.h"
#include "lib/sha256.h"
#include "lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONF_MAX (16u << 20)

/* ---- paths, arguments ---- */

char *ctl_path(const struct ctl *ctl, const char *path)
{
	char *whole;

	if (asprintf(&whole, "%s%s", ctl->sysroot ? ctl->sysroot : "", path) >= 0)
		return whole;
	fail(-ENOMEM, "no memory for a path");
	return NULL;
}

char *ctl_conf_path(const struct ctl *ctl)
{
	char *copy;

	if (!ctl->conf)
		return ctl_path(ctl, CONF_PATH);
	copy = strdup(ctl->conf);
	if (!copy)
		fail(-ENOMEM, "no memory for a path");
	return copy;
}

int ctl_usage(const char *command, const char *what, const char *argument)
{
	return fail(-EINVAL, "%s: %s%s%s; see \"kdumpctl %s --help\"", command, what, argument ? ": " : "",
		    argument ? argument : "", command);
}

/* ---- configuration ---- */

int ctl_conf_read(const struct ctl *ctl, struct conf *conf)
{
	struct conf_faults faults = { 0 };
	char *path = ctl_conf_path(ctl);
	int err = path ? conf_read(conf, ctl->sysroot, path, &faults) : -ENOMEM;

	/* The first one is the error that main tells. */
	for (size_t i = 1; err == -EINVAL && i < faults.nr; i++)
		fprintf(stderr, "kdumpctl: %s:%u: %s\n", faults.fault[i].file, faults.fault[i].line,
			faults.fault[i].text);
	conf_faults_deinit(&faults);
	free(path);
	return err;
}

static int digest_file(const struct ctl *ctl, const char *path, bool below, struct sha256 *sha)
{
	struct root whole = { .dirfd = -1 };
	struct blob text;
	int err;

	blob_init(&text);
	err = below ? 0 : root_init(&whole, NULL);
	if (!err)
		err = root_read(below ? &ctl->root : &whole, path, CONF_MAX, &text);
	if (!err)
		sha256_update(sha, text.data, text.len);
	/* Which file the bytes came from counts, too. */
	sha256_update(sha, err ? "-" : "+", 1);
	root_deinit(&whole);
	blob_deinit(&text);
	return err;
}

int ctl_conf_digest(const struct ctl *ctl, char digest[DIGEST_TEXT])
{
	uint8_t bytes[SHA256_BYTES];
	char *given = ctl->conf ? realpath(ctl->conf, NULL) : NULL;
	struct sha256 sha;
	int err;

	sha256_init(&sha);
	if (ctl->conf && !given)
		return fail_sys(-errno, "%s", ctl->conf);
	err = digest_file(ctl, given ? given + 1 : &CONF_PATH[1], !given, &sha);
	free(given);
	if (err)
		return err;
	/* Either may be missing. */
	digest_file(ctl, &CONF_SYSCONFIG[1], true, &sha);
	digest_file(ctl, &CONF_DEFAULT[1], true, &sha);
	err_clear();
	sha256_final(&sha, bytes);
	text_hex(bytes, sizeof(bytes), digest);
	return 0;
}

int ctl_check_reservation(const struct ctl *ctl, const struct machine *m)
{
	struct cmdline c = { 0 };
	struct blob text;
	int err;

	if (m->reserved)
		return 0;
	blob_init(&text);
	err = root_read(&ctl->root, "proc/cmdline", 65536, &text);
	if (!err)
		err = cmdline_init(&c, (const char *)text.data);
	if (!err && cmdline_find(&c, "crashkernel", NULL, NULL))
		err = fail(-ENODATA, "no memory is reserved for a capture kernel, although the kernel was asked for "
			   "some with crashkernel=: what it asks for did not fit "
			   "(\"journalctl -k -g crashkernel\" tells); "
			   "run \"kdumpctl reset-crashkernel\" and reboot");
	else if (!err)
		err = fail(-ENODATA, "no memory is reserved for a capture kernel; run \"kdumpctl reset-crashkernel\" "
			   "and reboot");
	cmdline_deinit(&c);
	blob_deinit(&text);
	return err;
}

/* ---- texts ---- */

void ctl_size_text(uint64_t bytes, char text[16])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = bytes;
	size_t u = 0;

	while (value >= 1024 && u < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1024;
		u++;
	}
	snprintf(text, 16, "%.*f %s", u && value < 10 ? 1 : 0, value, units[u]);
}

void ctl_time_text(uint64_t seconds, bool utc, char text[40])
{
	time_t t = seconds;
	struct tm tm;

	if (utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	if (!strftime(text, 40, utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M:%S %Z", &tm))
		*text = '\0';
}

bool ctl_is(const char *argument, const char *name)
{
	return !strcmp(argument, name);
}

bool ctl_value(const char *argument, const char *name, const char **value)
{
	size_t n = strlen(name);

	if (strncmp(argument, name, n) || !argument[n])
		return false;
	*value = argument + n;
	return true;
}

/* ---- other programs ---- */

static void argv_take(struct argv *a, char *word)
{
	char **more = word ? reallocarray(a->word, a->nr + 2, sizeof(*more)) : NULL;

	if (!more) {
		free(word);
		a->failed = true;
		return;
	}
	a->word = more;
	more[a->nr++] = word;
	more[a->nr] = NULL;
}

void argv_add(struct argv *a, const char *fmt, ...)
{
	va_list args;
	char *word;
	int n;

	va_start(args, fmt);
	n = vasprintf(&word, fmt, args);
	va_end(args);
	argv_take(a, n < 0 ? NULL : word);
}

void argv_add_words(struct argv *a, const char *words)
{
	for (const char *at = words; *at;) {
		size_t len = strcspn(at, " \t");

		if (len)
			argv_take(a, strndup(at, len));
		at += len + strspn(at + len, " \t");
	}
}

void argv_deinit(struct argv *a)
{
	for (size_t i = 0; i < a->nr; i++)
		free(a->word[i]);
	free(a->word);
	*a = (struct argv){ 0 };
}

int argv_run(const struct argv *a, uint64_t timeout_ms, struct blob *out, int *status)
{
	struct run r = { .argv = (const char *const *)a->word, .timeout_ms = timeout_ms, .out = out };

	if (a->failed || !a->nr)
		return fail(-ENOMEM, "no memory for a command line");
	for (size_t i = 0; i < a->nr; i++)
		debug("%s%s", i ? "  " : "run: ", a->word[i]);
	return run_program(&r, status);
}

char *ctl_last_line(const struct blob *out)
{
	struct text rest = text_of((const char *)out->data, out->len), line, last = text_of("", 0);

	while (text_line(&rest, &line)) {
		text_trim(&line);
		if (line.len)
			last = line;
	}
	return strndup(last.len ? last.at : "", last.len);
}
