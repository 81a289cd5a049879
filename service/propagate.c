// SPDX-License-Identifier: GPL-2.0-or-later
/* kdumpctl propagate: a key of our own, the server's host key noted down, and our key made known to the server. */
#include "lib/err.h"
#include "lib/file.h"
#include "lib/run.h"
#include "service/ctl.h"
#include "service/hostkeys.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCAN_SECONDS 10
#define TOOL_MS 30000
#define LOGIN_MS 60000
#define KNOWN_MAX (16u << 20)

struct propagate {
	struct ctl *ctl;
	const struct conf *conf;
	char *key, *known;         /* sshkey, ssh_known_hosts: as programs open them */
	const char *fingerprint;   /* --fingerprint: the only one to accept */
	const char *identity;      /* --identity: to log in with this time */
	bool yes;
};

/* One server. */
struct server {
	const char *where;         /* of the configuration */
	char *user, *host, *port;
	char *entry;               /* its name in known_hosts: HOST, or [HOST]:PORT */
};

/* ---- programs ---- */

/*
 * ARGV takes no input. OUT gets what it prints, or all that it says when it fails. The status has to be 0 unless STATUS
 * is asked for.
 */
static int tool(struct argv *a, const void *input, size_t input_len, struct blob *out, int *status)
{
	struct run r = { .argv = (const char *const *)a->word, .timeout_ms = TOOL_MS, .out = out, .input = input,
	.input_len = input_len };
	struct blob words;
	int result = 0, err;

	blob_init(&words);
	r.err = &words;
	err = a->failed ? fail(-ENOMEM, "no memory for a command line") : run_program(&r, &result);
	if (!err && status)
		*status = result;
	else if (!err && result) {
		char *last = ctl_last_line(words.len ? &words : out);

		err = fail(-EIO, "%s ended with %d: %s", a->word[0], result, last ? last : "");
		free(last);
	}
	blob_deinit(&words);
	argv_deinit(a);
	return err;
}

/* In the terminal's foreground, so that it can ask for a password. */
static int run_in_terminal(struct argv *a, int *status)
{
	int wait_status, err;
	pid_t pid;

	fflush(stdout);
	err = a->failed ? ENOMEM : posix_spawnp(&pid, a->word[0], NULL, NULL, a->word, environ);
	argv_deinit(a);
	if (err)
		return fail_sys(-err, "cannot start ssh");
	while (waitpid(pid, &wait_status, 0) < 0)
		if (errno != EINTR)
			return fail_sys(-errno, "cannot wait for ssh");
	*status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
	return 0;
}

/* Only the host keys that are noted down count. */
static void add_ssh(struct argv *a, const struct propagate *p, const struct server *s)
{
	argv_add(a, "ssh");
	argv_add(a, "-o");
	argv_add(a, "UserKnownHostsFile=\"%s\"", p->known);
	argv_add_words(a, "-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o "
		       "CheckHostIP=no "
		       "-o ControlPath=none -o ConnectTimeout=20 -l");
	argv_add(a, "%s", s->user);
	if (*s->port) {
		argv_add(a, "-p");
		argv_add(a, "%s", s->port);
	}
}

/* Does the server let our key in, to where dumps go? That is what the capture kernel will do. */
static bool key_works(const struct propagate *p, const struct server *s)
{
	struct argv a = { 0 };
	struct blob words;
	int status = 1, err;

	blob_init(&words);
	add_ssh(&a, p, s);
	argv_add_words(&a, "-F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -i");
	argv_add(&a, "%s", p->key);
	argv_add_words(&a, "-s --");
	argv_add(&a, "%s", s->host);
	argv_add(&a, "sftp");
	/* Without input the server's sftp ends at once. */
	err = argv_run(&a, LOGIN_MS, &words, &status);
	if (err || status)
		debug("ssh: %d, %d: %.*s", err, status, (int)words.len, (const char *)words.data);
	err_clear();
	argv_deinit(&a);
	blob_deinit(&words);
	return !err && !status;
}

/* ---- our key ---- */

static int make_folder_of(const char *path)
{
	char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
	int err = 0;

	if (!slash)
		err = fail(-ENOMEM, "no memory for a path");
	else if (slash != folder) {
		*slash = 0;
		if (mkdir(folder, 0700) && errno != EEXIST)
			err = fail_sys(-errno, "cannot make the folder %s", folder);
	}
	free(folder);
	return err;
}

static int make_key(const struct propagate *p)
{
	struct argv a = { 0 };
	struct blob out;
	char host[256];
	struct stat st;
	int err;

	if (!stat(p->key, &st)) {
		if (!(st.st_mode & 077))
			return 0;
		return fail(-EPERM, "the key %s can be read by others, so ssh will not take it: \"chmod 600 %s\"",
			    p->key, p->key);
	}
	if (gethostname(host, sizeof(host)))
		strcpy(host, "localhost");
	host[sizeof(host) - 1] = 0;
	err = make_folder_of(p->key);
	if (err)
		return err;
	blob_init(&out);
	argv_add_words(&a, "ssh-keygen -q -t ed25519 -C");
	argv_add(&a, "kdump@%s", host);
	argv_add(&a, "-N");
	argv_add(&a, "%s", "");
	argv_add(&a, "-f");
	argv_add(&a, "%s", p->key);
	err = tool(&a, NULL, 0, &out, NULL);
	blob_deinit(&out);
	if (!err)
		printf("A new key: %s\n", p->key);
	return err ? fail_ctx(err, "the key %s was not made", p->key) : 0;
}

/* Of the private key itself: what lies beside it may be another's. */
static int public_key(const struct propagate *p, struct blob *key)
{
	struct argv a = { 0 };
	struct text rest, kind, base64;
	int err;

	argv_add_words(&a, "ssh-keygen -y -P");
	argv_add(&a, "%s", "");
	argv_add(&a, "-f");
	argv_add(&a, "%s", p->key);
	err = tool(&a, NULL, 0, key, NULL);
	if (err)
		return fail_ctx(err, "the key %s cannot be used; one with a passphrase is of no use, as nobody types "
				"it in", p->key);
	/* It goes into a command of the other side's shell. */
	rest = text_of((const char *)key->data, key->len);
	kind = text_until(&rest, ' ');
	base64 = text_until(&rest, ' ');
	for (size_t i = 0; i < key->len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-@._ \n", key->data[i]))
			return fail(-EINVAL, "%s: the public key has characters that none has", p->key);
	if (!kind.len || !base64.len)
		return fail(-EINVAL, "%s: ssh-keygen prints no public key", p->key);
	while (key->len && key->data[key->len - 1] == '\n')
		key->data[--key->len] = 0;
	return 0;
}

/* ---- the server's key ---- */

/* What the list has for this server; hashed names too. Empty when there is no list. */
static int known_keys(const struct propagate *p, const struct server *s, struct blob *known)
{
	struct argv a = { 0 };
	int status = 0;

	if (access(p->known, F_OK))
		return 0;
	argv_add_words(&a, "ssh-keygen -F");
	argv_add(&a, "%s", s->entry);
	argv_add(&a, "-f");
	argv_add(&a, "%s", p->known);
	/* 1: nothing was found. */
	return tool(&a, NULL, 0, known, &status);
}

static int shown_keys(const struct server *s, struct blob *shown)
{
	struct argv a = { 0 };
	int status = 0, err;

	argv_add(&a, "ssh-keyscan");
	argv_add(&a, "-T");
	argv_add(&a, "%d", SCAN_SECONDS);
	if (*s->port) {
		argv_add(&a, "-p");
		argv_add(&a, "%s", s->port);
	}
	argv_add(&a, "--");
	argv_add(&a, "%s", s->host);
	err = tool(&a, NULL, 0, shown, &status);
	if (!err && !host_keys_count(text_of((const char *)shown->data, shown->len)))
		err = fail(-EHOSTUNREACH, "%s shows no host key: is there an ssh server, and can it be reached?",
			   s->entry);
	return err;
}

static bool confirmed(void)
{
	char answer[16];

	printf("Compare with what the server's owner says. Is this the server? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Show the fingerprints; has somebody said that one of them is right? */
static int accept_keys(const struct propagate *p, const struct server *s, const struct blob *shown)
{
	struct argv a = { 0 };
	struct text rest, line;
	struct blob prints;
	bool found = false;
	int err;

	blob_init(&prints);
	argv_add_words(&a, "ssh-keygen -l -f -");
	err = tool(&a, shown->data, shown->len, &prints, NULL);
	if (!err)
		printf("%s is not known yet. It shows these host keys:\n", s->entry);
	rest = text_of((const char *)prints.data, prints.len);
	while (!err && text_line(&rest, &line)) {
		struct text words = line, print;

		printf("  %.*s\n", (int)line.len, line.at);
		text_until(&words, ' ');
		print = text_until(&words, ' ');
		found |= p->fingerprint && text_is(&print, p->fingerprint);
	}
	if (!err && p->fingerprint && !found)
		err = fail(-EKEYREJECTED, "none of them has the fingerprint %s: this is not the server that was meant",
			   p->fingerprint);
	else if (!err && !p->fingerprint && !p->yes && !confirmed())
		err = fail(-ECANCELED, "the host key of %s was not accepted; nothing was written", s->entry);
	blob_deinit(&prints);
	return err;
}

/* Add what the server shows to the list. */
static int note_keys(const struct propagate *p, const struct blob *shown)
{
	struct text rest = text_of((const char *)shown->data, shown->len), line, kind, key;
	struct blob list;
	struct file file;
	int err;

	blob_init(&list);
	err = make_folder_of(p->known);
	if (!err)
		err = file_open(&file, p->known);
	if (err == -ENOENT || err == -ENODATA) {
		err_clear();
		err = 0;
	} else if (!err) {
		err = blob_append(&list, file.view.base, file.view.len);
		file_close(&file);
		if (!err && list.len && list.data[list.len - 1] != '\n')
			err = blob_append(&list, "\n", 1);
	}
	while (!err && text_line(&rest, &line)) {
		if (!host_key_line(line, &kind, &key))
			continue;
		err = blob_append(&list, line.at, line.len);
		if (!err)
			err = blob_append(&list, "\n", 1);
	}
	if (!err)
		err = file_replace(p->known, list.data, list.len, 0600);
	blob_deinit(&list);
	return err;
}

static int pin_server(const struct propagate *p, const struct server *s)
{
	struct blob known, shown;
	int err;

	blob_init(&known);
	blob_init(&shown);
	err = known_keys(p, s, &known);
	if (!err)
		err = shown_keys(s, &shown);
	if (err)
		goto out;
	switch (host_keys_compare(text_of((const char *)known.data, known.len), text_of((const char *)shown.data,
											shown.len))) {
	case HOST_KEYS_KNOWN:
		printf("The host key of %s is the one in %s.\n", s->entry, p->known);
		break;
	case HOST_KEYS_DIFFER:
		err = fail(-EKEYREJECTED, "the host key of %s is NOT the one in %s: either the server was set up anew "
			   "(then \"ssh-keygen -R '%s' "
			   "-f %s\" forgets the old one), or this is not it. Nothing was sent", s->entry, p->known,
			s->entry, p->known);
		break;
	case HOST_KEYS_NEW:
		err = accept_keys(p, s, &shown);
		if (!err)
			err = note_keys(p, &shown);
		if (!err)
			printf("Noted in %s.\n", p->known);
		break;
	}
out:
	blob_deinit(&known);
	blob_deinit(&shown);
	return err;
}

/* ---- our key, over there ---- */

/*
 * The other side's login shell may be any: it is only asked to start sh. A file without a newline at its tail gets one.
 */
static const char install_script[] =
	"exec sh -c 'cd && umask 077 && mkdir -p .ssh && f=.ssh/authorized_keys && "
	"{ [ ! -s $f ] || [ -z \"$(tail -c 1 $f)\" ] || echo >>$f; } && "
	"{ grep -qxF \"%s\" $f 2>/dev/null || echo \"%s\" >>$f; }'";

static int install_key(const struct propagate *p, const struct server *s)
{
	struct argv a = { 0 };
	struct blob key;
	int status = 1, err;

	blob_init(&key);
	err = public_key(p, &key);
	if (err) {
		blob_deinit(&key);
		return err;
	}
	printf("Logging in to %s to add the key to its .ssh/authorized_keys...\n", s->where);
	add_ssh(&a, p, s);
	if (p->identity) {
		argv_add(&a, "-i");
		argv_add(&a, "%s", p->identity);
	}
	argv_add(&a, "--");
	argv_add(&a, "%s", s->host);
	argv_add(&a, install_script, (const char *)key.data, (const char *)key.data);
	err = run_in_terminal(&a, &status);
	blob_deinit(&key);
	if (!err && status)
		err = fail(-EACCES, "the key could not be added to %s: ssh ended with %d, see above; put the line in "
			   "%s.pub into the user's "
			   ".ssh/authorized_keys by hand", s->where, status, p->key);
	return err;
}

static void server_deinit(struct server *s)
{
	free(s->user);
	free(s->host);
	free(s->port);
	free(s->entry);
}

static int server_init(struct server *s, const char *where)
{
	struct login l;

	login_parse(where, &l);
	*s = (struct server){ .where = where };
	s->user = strndup(l.user.at, l.user.len);
	s->host = strndup(l.host.at, l.host.len);
	s->port = strndup(l.port.at, l.port.len);
	if (s->host && s->port && *s->port && strcmp(s->port, "22")) {
		if (asprintf(&s->entry, "[%s]:%s", s->host, s->port) < 0)
			s->entry = NULL;
	} else if (s->host) {
		s->entry = strdup(s->host);
	}
	if (s->user && s->host && s->port && s->entry)
		return 0;
	server_deinit(s);
	return fail(-ENOMEM, "no memory for a server's name");
}

static int propagate_to(const struct propagate *p, const char *where)
{
	struct server s;
	int err = server_init(&s, where);

	if (err)
		return err;
	err = pin_server(p, &s);
	if (!err && key_works(p, &s)) {
		printf("%s lets the key in.\n", where);
	} else if (!err) {
		err = install_key(p, &s);
		if (!err && !key_works(p, &s))
			err = fail(-EACCES, "the key was added to %s, but the server does not let it in to sftp; its "
				   "log tells why", where);
		else if (!err)
			printf("%s lets the key in now.\n", where);
	}
	server_deinit(&s);
	return err;
}

static int parse_options(struct propagate *p, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (ctl_is(argv[i], "--yes"))
			p->yes = true;
		else if (!ctl_value(argv[i], "--fingerprint=", &p->fingerprint) &&
			 !ctl_value(argv[i], "--identity=", &p->identity))
			return ctl_usage(argv[0], "what is this", argv[i]);
	}
	return 0;
}

int command_propagate(struct ctl *ctl, int argc, char **argv, int *status)
{
	struct propagate p = { .ctl = ctl };
	struct conf conf = { 0 };
	size_t nr = 0;
	int err = parse_options(&p, argc, argv);

	(void)status;
	if (err)
		return err;
	err = ctl_conf_read(ctl, &conf);
	if (!err) {
		p.conf = &conf;
		p.key = ctl_path(ctl, conf.sshkey);
		p.known = ctl_path(ctl, conf.ssh_known_hosts);
		if (!p.key || !p.known)
			err = -ENOMEM;
	}
	for (size_t i = 0; !err && i < conf.nr_targets; i++) {
		if (conf.target[i].kind != CONF_SSH)
			continue;
		if (!nr++)
			err = make_key(&p);
		if (!err)
			err = propagate_to(&p, conf.target[i].where);
	}
	if (!err && !nr)
		err = fail(-ENOENT, "no line \"ssh USER@SERVER\" is in the configuration");
	if (!err)
		printf("\"kdumpctl restart\" puts key and host key into the capture initramfs.\n");
	free(p.key);
	free(p.known);
	conf_deinit(&conf);
	return err;
}
