// SPDX-License-Identifier: GPL-2.0-or-later
/* The second file: KEY="VALUE" lines in the syntax of a shell, of which nothing but quotes is understood. */
#include "lib/blob.h"
#include "lib/err.h"
#include "service/conf_parse.h"
#include "service/conf_values.h"

#include <errno.h>
#include <string.h>

struct key {
	const char *name;
	size_t at;                 /* a string of struct conf */
	conf_check *check;
	const char *useless;       /* why it has no effect here; NULL: it has */
};

static int check_empty(struct text value);

#define AT(member) offsetof(struct conf, member)
#define JOURNAL "messages go to the journal and to the console"

/* Those of kdump-utils' file; what has no counterpart here is told, so that nobody waits for its effect. */
static const struct key keys[] = {
	{ "KDUMP_KERNELVER", AT(kernelver), conf_check_name, NULL },
	{ "KDUMP_COMMANDLINE", AT(cmdline), conf_check_any, NULL },
	{ "KDUMP_COMMANDLINE_REMOVE", AT(cmdline_remove), conf_check_any, NULL },
	{ "KDUMP_COMMANDLINE_APPEND", AT(cmdline_append), conf_check_any, NULL },
	{ "KEXEC_ARGS", AT(kexec_args), conf_check_command, NULL },
	{ "KDUMP_BOOTDIR", AT(bootdir), conf_check_folder, NULL },
	{ "KDUMP_IMG", AT(img), conf_check_name, NULL },
	{ "KDUMP_IMG_EXT", AT(img_ext), conf_check_name, NULL },
	{ "KDUMP_STDLOGLVL", 0, NULL, JOURNAL },
	{ "KDUMP_SYSLOGLVL", 0, NULL, JOURNAL },
	{ "KDUMP_KMSGLOGLVL", 0, NULL, JOURNAL },
	{ "VMCORE_CREATION_NOTIFICATION", 0, NULL, "\"kdumpctl status\" tells of the last crash" },
	{ "FADUMP_COMMANDLINE_APPEND", 0, check_empty, NULL },
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

static int check_empty(struct text value)
{
	return value.len ? fail(-EINVAL, "firmware-assisted dumps are not supported: leave it empty") : 0;
}

static bool is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* REST is what stands behind the "="; a comment may follow the value. */
static int take_value(struct text rest, struct text *value)
{
	char quote = rest.len ? rest.at[0] : 0;
	size_t n = 0;

	if (quote == '"' || quote == '\'') {
		struct text inner = text_of(rest.at + 1, rest.len - 1);
		size_t before = inner.len;

		*value = text_until(&inner, quote);
		if (value->len == before)
			return fail(-EINVAL, "the quote in front of the value is never closed");
		rest = inner;
	} else {
		while (n < rest.len && rest.at[n] != ' ' && rest.at[n] != '\t')
			n++;
		*value = text_of(rest.at, n);
		if (n && (memchr(rest.at, '"', n) || memchr(rest.at, '\'', n)))
			return fail(-EINVAL, "quotes stand around the whole value or not at all");
		rest = text_of(rest.at + n, rest.len - n);
	}
	if (rest.len && rest.at[0] != ' ' && rest.at[0] != '\t')
		return fail(-EINVAL, "\"%.*s\" stands right behind the closing quote", TEXT_ARGS(&rest));
	text_trim(&rest);
	if (rest.len && rest.at[0] != '#')
		return fail(-EINVAL, "\"%.*s\" stands behind the value: a value with blanks needs quotes",
			    TEXT_ARGS(&rest));
	for (size_t i = 0; i < value->len; i++)
		if (strchr("$`\\", value->at[i]))
			return fail(-EINVAL, "nothing is expanded here: \"%c\" has no meaning", value->at[i]);
	return 0;
}

/*
 * Without the option by which Fedora's file asks for kexec_file_load: kexec loads all the same, and refuses to say
 * that it had not. NULL when nothing is left.
 */
static int set_kexec_args(struct conf *c, struct text value)
{
	struct blob words;
	struct text word;
	int err = 0;

	blob_init(&words);
	while (!err && text_word(&value, &word)) {
		if (text_is(&word, "-s") || text_is(&word, "--kexec-file-syscall")) {
			warn("KEXEC_ARGS: \"%.*s\" has no effect: kexec_load is always used", TEXT_ARGS(&word));
			continue;
		}
		if (words.len)
			err = blob_append(&words, " ", 1);
		if (!err)
			err = blob_append(&words, word.at, word.len);
	}
	if (!err && words.len)
		err = conf_copy(&c->kexec_args, text_of((const char *)words.data, words.len));
	blob_deinit(&words);
	return err;
}

static int set_key(struct conf *c, const struct key *k, struct text value)
{
	int err = 0;

	if (k->useless) {
		warn("%s has no effect: %s", k->name, k->useless);
		return 0;
	}
	/* Empty is how the file says "not set". */
	if (value.len)
		err = k->check(value);
	if (!err && k->at == AT(kexec_args))
		return set_kexec_args(c, value);
	if (!err && value.len && k->check != check_empty)
		err = conf_copy((char **)((char *)c + k->at), value);
	return err;
}

static int parse_line(struct conf *c, struct text line, unsigned int number, unsigned int *seen)
{
	struct text name = line, value;
	size_t n = 0, i = 0;
	int err = conf_check_line(line);

	if (err || !line.len || line.at[0] == '#')
		return err;
	while (n < line.len && is_name_char(line.at[n]))
		n++;
	name.len = n;
	if (!n || n == line.len || line.at[n] != '=')
		return fail(-EINVAL, "\"%.*s\" is not KEY=\"VALUE\": this file is no script", TEXT_ARGS(&line));
	while (i < NR_KEYS && !text_is(&name, keys[i].name))
		i++;
	if (i == NR_KEYS)
		return fail(-EINVAL, "unknown key \"%.*s\"", TEXT_ARGS(&name));
	if (seen[i])
		return fail(-EINVAL, "%s is in line %u already", keys[i].name, seen[i]);
	seen[i] = number;
	err = take_value(text_of(line.at + n + 1, line.len - n - 1), &value);
	if (!err)
		err = set_key(c, &keys[i], value);
	return err == -EINVAL ? fail(err, "%s: %s", keys[i].name, err_text()) : err;
}

int conf_parse_sysconfig(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults)
{
	struct text rest = text_of(text, len), line;
	unsigned int seen[NR_KEYS] = { 0 }, number = 0;
	size_t nr_before = faults->nr;
	int err = 0;

	while (!err && text_line(&rest, &line)) {
		text_trim(&line);
		err = parse_line(c, line, ++number, seen);
		if (err == -EINVAL)
			err = conf_fault(faults, name, number);
	}
	return err ? err : conf_verdict(faults, nr_before);
}
