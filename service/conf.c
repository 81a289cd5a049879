// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/conf.h"

#include "lib/err.h"
#include "lib/text.h"
#include "service/conf_parse.h"
#include "service/conf_values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than anybody writes, and little enough to hold with all its faults. */
#define CONF_MAX_BYTES (1u << 20)

/*
 * An hour: a dump of the usual size takes minutes, and the pages that matter are written first, so what is there after
 * an hour is worth more than a machine that stays away longer. "deadline none" is for those who want every page.
 */
#define DEFAULT_DEADLINE_S 3600
#define DEADLINE_MIN_S 30

#define DEFAULT_COLLECTOR "makedumpfile -l --message-level 7 -d 31"

/* A keyword: which of conf_set functions takes it, and what that one needs to know. */
struct keyword {
	const char *name;
	const char *form;          /* of its value, for sentences */
	int (*set)(struct conf *c, const struct keyword *k, struct text value, unsigned int line);
	size_t at;                 /* of its field in struct conf */
	conf_check *check;
	int detail;                /* enum conf_target_kind for targets; bits of actions */
	bool again;                /* may be given more than once */
	int line;                  /* enum conf_line and 1; 0: nobody asks. Two names of one keyword have the same */
};

int conf_copy(char **at, struct text value)
{
	char *copy = strndup(value.at, value.len);

	if (!copy)
		return fail(-ENOMEM, "no memory for a value of the configuration");
	free(*at);
	*at = copy;
	return 0;
}

static void *field(struct conf *c, const struct keyword *k)
{
	return (char *)c + k->at;
}

static int set_string(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	int err = k->check(value);

	(void)line;
	return err ? err : conf_copy(field(c, k), value);
}

static int set_words(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	struct conf_words *words = field(c, k);
	struct text word;

	(void)line;
	while (text_word(&value, &word)) {
		int err = k->check(word);
		char **more, *copy = NULL;

		if (!err)
			err = conf_copy(&copy, word);
		if (err)
			return err;
		more = reallocarray(words->word, words->nr + 1, sizeof(*more));
		if (!more) {
			free(copy);
			return fail(-ENOMEM, "no memory for the words of \"%s\"", k->name);
		}
		words->word = more;
		words->word[words->nr++] = copy;
	}
	return 0;
}

static int set_yes_no(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	(void)line;
	if (!text_is(&value, "yes") && !text_is(&value, "no"))
		return fail(-EINVAL, "\"%.*s\" is neither \"yes\" nor \"no\"", TEXT_ARGS(&value));
	*(bool *)field(c, k) = text_is(&value, "yes");
	return 0;
}

static int set_zero_one(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	(void)line;
	if (!text_is(&value, "0") && !text_is(&value, "1"))
		return fail(-EINVAL, "\"%.*s\" is neither \"0\" nor \"1\"", TEXT_ARGS(&value));
	*(bool *)field(c, k) = text_is(&value, "1");
	return 0;
}

static const char *const action_names[] = {
	[CONF_REBOOT] = "reboot", [CONF_HALT] = "halt", [CONF_POWEROFF] = "poweroff", [CONF_SHELL] = "shell",
	[CONF_DUMP_TO_ROOTFS] = "dump_to_rootfs",
};

/* k->detail: the last action that it knows. */
static int set_action(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	(void)line;
	for (int a = 0; a <= k->detail; a++)
		if (text_is(&value, action_names[a])) {
			*(enum conf_action *)field(c, k) = a;
			return 0;
		}
	return fail(-EINVAL, "there is no action \"%.*s\": write one of %s", TEXT_ARGS(&value), k->form);
}

static int set_default(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	int err = set_action(c, k, value, line);

	if (!err)
		warn("line %u: \"default\" is an old name: write \"failure_action %.*s\"", line, TEXT_ARGS(&value));
	return err;
}

static int set_builder(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	static const char *const names[] = {
		[CONF_BUILDER_AUTO] = "auto", [CONF_BUILDER_OWN] = "own", [CONF_BUILDER_DRACUT] = "dracut",
		[CONF_BUILDER_INITRAMFS_TOOLS] = "initramfs-tools",
	};

	(void)line;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_is(&value, names[i])) {
			c->builder = i;
			return 0;
		}
	return fail(-EINVAL, "nothing called \"%.*s\" builds an initramfs: write one of %s", TEXT_ARGS(&value),
		    k->form);
}

static int set_deadline(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	uint64_t seconds;
	int err;

	(void)k;
	(void)line;
	if (text_is(&value, "none")) {
		c->deadline_s = 0;
		return 0;
	}
	err = conf_seconds(value, &seconds);
	if (err)
		return err;
	if (seconds < DEADLINE_MIN_S)
		return fail(-EINVAL, "\"%.*s\" is too short for a capture kernel to start: %d seconds at least, or "
			    "\"none\"",
			    TEXT_ARGS(&value), DEADLINE_MIN_S);
	c->deadline_s = seconds;
	return 0;
}

static int keep_limit(struct conf_keep *keep, struct text name, struct text value)
{
	const struct {
		const char *name;
		uint64_t *at;
		int (*read)(struct text value, uint64_t *n);
	} limits[] = {
		{ "count", &keep->count, conf_number },
		{ "age", &keep->age_s, conf_seconds },
		{ "free", &keep->free_bytes, conf_bytes },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t n;
		int err;

		if (!text_is(&name, limits[i].name))
			continue;
		if (*limits[i].at)
			return fail(-EINVAL, "\"%s\" is there twice", limits[i].name);
		err = limits[i].read(value, &n);
		if (!err && !n)
			err = fail(-EINVAL, "\"%s=%.*s\" is no limit: leave it out to keep every dump", limits[i].name,
				   TEXT_ARGS(&value));
		if (!err)
			*limits[i].at = n;
		return err;
	}
	return fail(-EINVAL, "there is no limit \"%.*s\": count=, age= and free= are", TEXT_ARGS(&name));
}

static int set_keep(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	struct conf_keep keep = { 0 };
	struct text word;

	(void)k;
	(void)line;
	while (text_word(&value, &word)) {
		struct text limit = word, name = text_until(&limit, '=');
		int err;

		if (name.len == word.len)
			return fail(-EINVAL, "\"%.*s\" has no \"=\": write count=5, age=30d or free=2G",
				    TEXT_ARGS(&word));
		err = keep_limit(&keep, name, limit);
		if (err)
			return err;
	}
	c->keep = keep;
	return 0;
}

static int add_target(struct conf *c, enum conf_target_kind kind, const char *fstype, struct text where,
		      unsigned int line)
{
	struct conf_target *more = reallocarray(c->target, c->nr_targets + 1, sizeof(*more)), *t;

	if (!more)
		return fail(-ENOMEM, "no memory for a target");
	c->target = more;
	t = &c->target[c->nr_targets];
	*t = (struct conf_target){ .kind = kind, .line = line };
	t->fstype = fstype ? strdup(fstype) : NULL;
	t->where = where.at ? strndup(where.at, where.len) : NULL;
	c->nr_targets++;
	if ((fstype && !t->fstype) || (where.at && !t->where))
		return fail(-ENOMEM, "no memory for a target");
	return 0;
}

static int set_target(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	int err = k->check(value);

	if (err)
		return err;
	/* "dir/" and "dir" are one place. */
	while ((k->detail == CONF_HTTPS || k->detail == CONF_S3) && text_stops(&value, "/"))
		value.len--;
	for (size_t i = 0; i < c->nr_targets; i++)
		if ((int)c->target[i].kind == k->detail && text_is(&value, c->target[i].where))
			return fail(-EINVAL, "the same target is in line %u already", c->target[i].line);
	return add_target(c, k->detail, k->detail == CONF_FS ? k->name : NULL, value, line);
}

/* "user@fe80::1" becomes "user@[fe80::1]": they are one place. */
static int set_ssh(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	struct text host = value, user = text_until(&host, '@');
	char *with = NULL;
	int err;

	if (!conf_bare_ipv6(host))
		return set_target(c, k, value, line);
	if (asprintf(&with, "%.*s@[%.*s]", TEXT_ARGS(&user), TEXT_ARGS(&host)) < 0)
		return fail(-ENOMEM, "no memory for a target");
	err = set_target(c, k, text_of_string(with), line);
	free(with);
	return err;
}

/* Keywords of old that Fedora refuses, too. */
static int set_gone(struct conf *c, const struct keyword *k, struct text value, unsigned int line)
{
	(void)c;
	(void)value;
	(void)line;
	return fail(-EINVAL, "no longer known: %s", k->form);
}

#define AT(member) offsetof(struct conf, member)
#define FS(name) { name, "DEVICE, UUID=, LABEL= or PARTUUID=", set_target, 0, conf_check_device, CONF_FS, true, 0 }
#define GONE(name, instead) { name, instead, set_gone, 0, NULL, 0, true, 0 }

static const struct keyword keywords[] = {
	FS("ext2"), FS("ext3"), FS("ext4"), FS("xfs"), FS("btrfs"), FS("minix"), FS("f2fs"), FS("vfat"),
	{ "virtiofs", "TAG", set_target, 0, conf_check_tag, CONF_FS, true, 0 },
	{ "raw", "DEVICE or PARTUUID=", set_target, 0, conf_check_raw_device, CONF_RAW, true, 0 },
	{ "nfs", "SERVER:/EXPORT", set_target, 0, conf_check_nfs, CONF_NFS, true, 0 },
	{ "ssh", "USER@SERVER[:PORT]", set_ssh, 0, conf_check_login, CONF_SSH, true, 0 },
	{ "https", "https://SERVER/FOLDER", set_target, 0, conf_check_web_url, CONF_HTTPS, true, 0 },
	{ "s3", "s3://BUCKET/PREFIX", set_target, 0, conf_check_s3_url, CONF_S3, true, 0 },
	{ "path", "FOLDER", set_string, AT(path), conf_check_folder, 0, false, 0 },
	{ "core_collector", "makedumpfile OPTION...", set_string, AT(core_collector), conf_check_command, 0, false,
	  CONF_LINE_CORE_COLLECTOR + 1 },
	{ "kdump_pre", "PROGRAM", set_string, AT(kdump_pre), conf_check_file, 0, false, 0 },
	{ "kdump_post", "PROGRAM", set_string, AT(kdump_post), conf_check_file, 0, false, 0 },
	{ "extra_bins", "PROGRAM...", set_words, AT(extra_bins), conf_check_binary, 0, true, 0 },
	{ "extra_modules", "MODULE...", set_words, AT(extra_modules), conf_check_module, 0, true, 0 },
	{ "failure_action", "reboot, halt, poweroff, shell, dump_to_rootfs", set_action, AT(failure_action), NULL,
	  CONF_DUMP_TO_ROOTFS, false, CONF_LINE_FAILURE_ACTION + 1 },
	{ "default", "reboot, halt, poweroff, shell, dump_to_rootfs", set_default, AT(failure_action), NULL,
	  CONF_DUMP_TO_ROOTFS, false, CONF_LINE_FAILURE_ACTION + 1 },
	{ "final_action", "reboot, halt, poweroff", set_action, AT(final_action), NULL, CONF_POWEROFF, false, 0 },
	{ "sshkey", "FILE", set_string, AT(sshkey), conf_check_file, 0, false, 0 },
	{ "ssh_known_hosts", "FILE", set_string, AT(ssh_known_hosts), conf_check_file, 0, false, 0 },
	{ "dracut_args", "OPTION...", set_string, AT(dracut_args), conf_check_dracut, 0, false,
	  CONF_LINE_DRACUT_ARGS + 1 },
	{ "fence_kdump_args", "OPTION...", set_string, AT(fence_kdump_args), conf_check_command, 0, false,
	  CONF_LINE_FENCE_ARGS + 1 },
	{ "fence_kdump_nodes", "NODE...", set_string, AT(fence_kdump_nodes), conf_check_command, 0, false, 0 },
	{ "force_rebuild", "0 or 1", set_zero_one, AT(force_rebuild), NULL, 0, false, CONF_LINE_FORCE_REBUILD + 1 },
	{ "force_no_rebuild", "0 or 1", set_zero_one, AT(force_no_rebuild), NULL, 0, false,
	  CONF_LINE_FORCE_NO_REBUILD + 1 },
	{ "auto_reset_crashkernel", "yes or no", set_yes_no, AT(auto_reset_crashkernel), NULL, 0, false, 0 },
	{ "keep", "[count=N] [age=TIME] [free=SIZE]", set_keep, 0, NULL, 0, false, 0 },
	{ "deadline", "TIME or \"none\"", set_deadline, 0, NULL, 0, false, 0 },
	{ "encrypt", "KEY", set_string, AT(encrypt), conf_check_key, 0, false, CONF_LINE_ENCRYPT + 1 },
	{ "https_ca", "FILE", set_string, AT(https_ca), conf_check_file, 0, false, 0 },
	{ "https_credentials", "FILE", set_string, AT(https_credentials), conf_check_file, 0, false, 0 },
	{ "https_insecure", "yes or no", set_yes_no, AT(https_insecure), NULL, 0, false, 0 },
	{ "s3_endpoint", "https://SERVER", set_string, AT(s3_endpoint), conf_check_web_url, 0, false,
	  CONF_LINE_S3_ENDPOINT + 1 },
	{ "s3_region", "NAME", set_string, AT(s3_region), conf_check_name, 0, false, 0 },
	{ "s3_credentials", "FILE", set_string, AT(s3_credentials), conf_check_file, 0, false, 0 },
	{ "shell", "yes or no", set_yes_no, AT(shell), NULL, 0, false, CONF_LINE_SHELL + 1 },
	{ "initramfs", "auto, own, dracut, initramfs-tools", set_builder, 0, NULL, 0, false, CONF_LINE_BUILDER + 1 },
	GONE("net", "write \"nfs SERVER:/EXPORT\" or \"ssh USER@SERVER\""),
	GONE("options", "options of modules go into /etc/modprobe.d"),
	GONE("link_delay", "links are waited for for half a minute"),
	GONE("disk_timeout", "disks are waited for for a minute"),
	GONE("debug_mem_level", "\"kdumpctl estimate\" says what memory is needed"),
	GONE("blacklist", "add module_blacklist=MODULE to KDUMP_COMMANDLINE_APPEND"),
};

#define NR_KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static const struct keyword *keyword_find(struct text name)
{
	for (size_t i = 0; i < NR_KEYWORDS; i++)
		if (text_is(&name, keywords[i].name))
			return &keywords[i];
	return NULL;
}

/* As a hint: the keyword that NAME is when capital letters or what stands behind a "=" is not looked at. */
static const struct keyword *keyword_meant(struct text name)
{
	for (size_t i = 0; i < NR_KEYWORDS; i++) {
		size_t n = strlen(keywords[i].name);

		if (name.len >= n && !strncasecmp(name.at, keywords[i].name, n) &&
		    (name.len == n || name.at[n] == '=' || name.at[n] == ':'))
			return &keywords[i];
	}
	return NULL;
}

static int unknown_keyword(struct text name, struct text value)
{
	const struct keyword *meant = keyword_meant(name);
	struct text rest = name;

	if (text_take(&rest, "\xef\xbb\xbf"))
		return fail(-EINVAL, "the file begins with a byte order mark, which no line of it can have");
	if (meant)
		return fail(-EINVAL, "unknown keyword \"%.*s\": write \"%s %s\"", TEXT_ARGS(&name), meant->name,
			    meant->set == set_gone ? "" : meant->form);
	if (text_starts(&value, "/dev/") || text_starts(&value, "UUID=") || text_starts(&value, "LABEL="))
		return fail(-EINVAL, "unknown keyword \"%.*s\": file systems are ext2, ext3, ext4, xfs, btrfs, minix, "
			    "f2fs, vfat, virtiofs",
			    TEXT_ARGS(&name));
	return fail(-EINVAL, "unknown keyword \"%.*s\"", TEXT_ARGS(&name));
}

int conf_check_line(struct text line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = line.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return fail(-EINVAL, "column %zu holds a control character (0x%02x)", i + 1, c);
	}
	return 0;
}

/* One line without its comment and the blanks at its ends. SEEN: in which line each keyword was. */
static int parse_line(struct conf *c, struct text line, unsigned int number, unsigned int *seen)
{
	const struct keyword *k;
	struct text name;
	size_t i;
	int err = conf_check_line(line);

	if (err || !text_word(&line, &name))
		return err;
	text_trim(&line);
	k = keyword_find(name);
	if (!k)
		return unknown_keyword(name, line);
	i = k - keywords;
	if (!line.len && k->set != set_gone)
		return fail(-EINVAL, "\"%s\" has no value: write \"%s %s\"", k->name, k->name, k->form);
	if (line.len && line.at[line.len - 1] == '\\')
		return fail(-EINVAL, "\"%s\": a line is not continued by \"\\\": write it in one", k->name);
	for (size_t j = 0; j < NR_KEYWORDS && !k->again; j++)
		if (seen[j] && (j == i || (k->line && keywords[j].line == k->line)))
			return fail(-EINVAL, "\"%s\" is in line %u already", keywords[j].name, seen[j]);
	seen[i] = number;
	err = k->set(c, k, line, number);
	return err == -EINVAL ? fail(err, "\"%s\": %s", k->name, err_text()) : err;
}

int conf_fault(struct conf_faults *faults, const char *file, unsigned int line)
{
	struct conf_fault *more = reallocarray(faults->fault, faults->nr + 1, sizeof(*more)), *f;

	if (!more)
		return fail(-ENOMEM, "no memory for a fault of the configuration");
	faults->fault = more;
	f = &faults->fault[faults->nr++];
	*f = (struct conf_fault){ .file = strdup(file), .line = line, .text = strdup(err_text()) };
	return f->file && f->text ? 0 : fail(-ENOMEM, "no memory for a fault of the configuration");
}

void conf_faults_deinit(struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->nr; i++) {
		free(faults->fault[i].file);
		free(faults->fault[i].text);
	}
	free(faults->fault);
	*faults = (struct conf_faults){ 0 };
}

/* Contradictions are found last, but are about lines too. */
static int by_line(const void *a, const void *b)
{
	const struct conf_fault *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

int conf_verdict(struct conf_faults *faults, size_t nr_before)
{
	struct conf_fault *first;

	if (faults->nr == nr_before)
		return 0;
	first = &faults->fault[nr_before];
	qsort(first, faults->nr - nr_before, sizeof(*first), by_line);
	return fail(-EINVAL, "%s:%u: %s", first->file, first->line, first->text);
}

int conf_parse(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults)
{
	unsigned int seen[NR_KEYWORDS] = { 0 }, line_of[CONF_LINES] = { 0 }, number = 0;
	struct text rest = text_of(text, len), line;
	size_t nr_before = faults->nr;
	int err = 0;

	while (!err && text_line(&rest, &line)) {
		/* As with Fedora, wherever the "#" stands. */
		line = text_until(&line, '#');
		text_trim(&line);
		err = parse_line(c, line, ++number, seen);
		if (err == -EINVAL)
			err = conf_fault(faults, name, number);
	}
	for (size_t i = 0; i < NR_KEYWORDS; i++)
		if (seen[i] && keywords[i].line)
			line_of[keywords[i].line - 1] = seen[i];
	if (!err)
		err = conf_check_whole(c, name, line_of, faults);
	if (!err && !c->nr_targets)
		err = add_target(c, CONF_LOCAL, NULL, text_of(NULL, 0), 0);
	return err ? err : conf_verdict(faults, nr_before);
}

int conf_init(struct conf *c)
{
	*c = (struct conf){ .deadline_s = DEFAULT_DEADLINE_S };
	c->path = strdup("/var/crash");
	c->core_collector = strdup(DEFAULT_COLLECTOR);
	c->sshkey = strdup("/root/.ssh/kdump_id_rsa");
	c->ssh_known_hosts = strdup("/root/.ssh/known_hosts");
	if (c->path && c->core_collector && c->sshkey && c->ssh_known_hosts)
		return 0;
	conf_deinit(c);
	return fail(-ENOMEM, "no memory for a configuration");
}

static void words_deinit(struct conf_words *words)
{
	for (size_t i = 0; i < words->nr; i++)
		free(words->word[i]);
	free(words->word);
}

void conf_deinit(struct conf *c)
{
	char **const strings[] = {
		&c->path, &c->core_collector, &c->kdump_pre, &c->kdump_post, &c->sshkey, &c->ssh_known_hosts,
		&c->dracut_args, &c->fence_kdump_args, &c->fence_kdump_nodes, &c->encrypt, &c->https_ca,
		&c->https_credentials, &c->s3_endpoint, &c->s3_region, &c->s3_credentials, &c->kernelver, &c->cmdline,
		&c->cmdline_remove, &c->cmdline_append, &c->kexec_args, &c->bootdir, &c->img, &c->img_ext,
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free(*strings[i]);
	for (size_t i = 0; i < c->nr_targets; i++) {
		free(c->target[i].fstype);
		free(c->target[i].where);
	}
	free(c->target);
	words_deinit(&c->extra_bins);
	words_deinit(&c->extra_modules);
	*c = (struct conf){ 0 };
}

/* All of PATH. Not mapped: it may be changed while it is read. -errno, not recorded. */
static int read_whole(const char *path, struct blob *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	while (!err && got && text->len <= CONF_MAX_BYTES) {
		err = blob_reserve(text, 65536);
		if (err)
			break;
		got = read(fd, text->data + text->len, 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = -errno;
		else
			text->len += got;
	}
	close(fd);
	if (!err && text->len > CONF_MAX_BYTES)
		err = -EFBIG;
	text->data[text->len] = 0;
	return err;
}

typedef int parser(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults);

static int read_file(struct conf *c, const char *sysroot, const char *path, parser *parse, struct conf_faults *faults)
{
	struct blob text;
	char *whole;
	int err;

	if (asprintf(&whole, "%s%s", sysroot ? sysroot : "", path) < 0)
		return fail(-ENOMEM, "no memory for a path");
	blob_init(&text);
	err = blob_reserve(&text, 1);
	if (!err) {
		err = read_whole(whole, &text);
		if (err == -EFBIG)
			fail(err, "%s has more than %u bytes, which no configuration has", whole, CONF_MAX_BYTES);
		else if (err)
			fail_sys(err, "%s", whole);
	}
	if (!err)
		err = parse(c, whole, (const char *)text.data, text.len, faults);
	blob_deinit(&text);
	free(whole);
	return err;
}

int conf_read(struct conf *c, const char *sysroot, const char *path, struct conf_faults *faults)
{
	static const char *const second[] = { CONF_SYSCONFIG, CONF_DEFAULT };
	struct conf_faults own = { 0 }, *into = faults ? faults : &own;
	int err, err2 = -ENOENT;
	char *first = NULL;

	if (faults)
		*faults = own;
	err = conf_init(c);
	if (!err)
		err = read_file(c, path ? NULL : sysroot, path ? path : CONF_PATH, conf_parse, into);
	/* The faults of both files are told, the first file's first. */
	if (err == -EINVAL)
		first = strdup(err_text());
	for (size_t i = 0; (!err || first) && err2 == -ENOENT && i < sizeof(second) / sizeof(second[0]); i++)
		err2 = read_file(c, sysroot, second[i], conf_parse_sysconfig, into);
	if (first)
		fail(err, "%s", first);
	else if (!err && err2 != -ENOENT)
		err = err2;
	free(first);
	conf_faults_deinit(&own);
	return err;
}

char *conf_target_name(const struct conf *c, const struct conf_target *t)
{
	const char *slash = strcmp(c->path, "/") ? c->path : "";
	char *name = NULL;
	int n = -1;

	switch (t->kind) {
	case CONF_LOCAL: n = asprintf(&name, "%s", c->path); break;
	case CONF_FS: n = asprintf(&name, "%s on %s (%s)", c->path, t->where, t->fstype); break;
	case CONF_RAW: n = asprintf(&name, "raw partition %s", t->where); break;
	case CONF_NFS: n = asprintf(&name, "%s%s (nfs)", t->where, slash); break;
	case CONF_SSH: n = asprintf(&name, "%s:%s", t->where, c->path); break;
	case CONF_HTTPS:
	case CONF_S3: n = asprintf(&name, "%s", t->where); break;
	}
	return n < 0 ? NULL : name;
}
