// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/ctl.h"

#include "lib/err.h"
#include "lib/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A machine with terabytes and a slow console. */
#define LOAD_MS (120 * 1000)

/* ---- kexec -p ---- */

/*
 * Everything comes from the record, so that loading for the first time and loading again are the same. What is loaded
 * is replaced by the one system call: there is no time without a capture kernel.
 */
static int run_kexec(const struct ctl *ctl, const struct record *r)
{
	struct argv a = { 0 };
	struct blob out;
	char *digests = ctl_path(ctl, CTL_DIGESTS), *said = NULL;
	int status = 0, err;

	blob_init(&out);
	argv_add(&a, "kexec");
	if (ctl->sysroot)
		argv_add(&a, "--sysroot=%s", ctl->sysroot);
	argv_add(&a, "-p");
	argv_add(&a, "--initrd=%s", record_get(r, "initramfs"));
	argv_add(&a, "--append=%s", record_get(r, "cmdline"));
	argv_add(&a, "--digests=%s", digests ? digests : "");
	if (record_u64(r, "kernel-updates"))
		argv_add(&a, "--hotplug");
	argv_add_words(&a, record_get(r, "kexec-args"));
	argv_add(&a, "%s", record_get(r, "kernel"));
	err = digests ? argv_run(&a, LOAD_MS, &out, &status) : -ENOMEM;
	if (!err && status) {
		said = ctl_last_line(&out);
		err = fail(-EIO, "%s", said && *said ? said : "kexec failed and said nothing");
	} else if (!err && out.len) {
		fwrite(out.data, 1, out.len, stderr);
	}
	free(said);
	free(digests);
	argv_deinit(&a);
	blob_deinit(&out);
	if (err)
		return fail(err, "the capture kernel was not loaded: %s; %s", err_text(), machine_is_loaded(ctl) ?
			    "the one that was loaded before stays loaded" : "no capture kernel is loaded");
	return 0;
}

/* What the machine is, in the record. */
static int set_machine(struct record *r, const struct machine *m, uint64_t events)
{
	int err = record_set(r, "cpus", "%s", m->cpus);

	if (!err)
		err = record_set(r, "memory", "%s", m->memory);
	if (!err)
		err = record_set(r, "ram", "%" PRIu64, m->ram);
	if (!err)
		err = record_set(r, "events", "%" PRIu64, events);
	if (!err)
		err = record_set(r, "time", "%" PRIu64, (uint64_t)time(NULL));
	if (!err)
		err = record_set(r, "loads", "%" PRIu64, record_u64(r, "loads") + 1);
	return err;
}

/* "": not known. */
static int identity_text(const struct file_identity *id, char **text)
{
	int n;

	if (id->known)
		n = asprintf(text, "%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64, id->dev,
			     id->ino, id->size, id->mtime_ns, id->ctime_ns);
	else
		n = asprintf(text, "%s", "");
	if (n >= 0)
		return 0;
	*text = NULL;
	return fail(-ENOMEM, "no memory for a record");
}

/* KEY, KEY-digest, KEY-identity. A file that nothing was written to since the record was made is not read again. */
static int set_file(struct record *r, const char *key, const char *path)
{
	char digest[DIGEST_TEXT], digest_key[64], identity_key[64];
	char *identity = NULL;
	struct file file = { 0 };
	int err;

	snprintf(digest_key, sizeof(digest_key), "%s-digest", key);
	snprintf(identity_key, sizeof(identity_key), "%s-identity", key);
	err = file_open(&file, path);
	if (err)
		return err;
	err = identity_text(&file.identity, &identity);
	if (!err && (!*identity || strcmp(identity, record_get(r, identity_key)) || strcmp(path, record_get(r, key)))) {
		view_digest(&file.view, digest);
		err = record_set(r, digest_key, "%s", digest);
	}
	if (!err)
		err = record_set(r, key, "%s", path);
	if (!err)
		err = record_set(r, identity_key, "%s", identity);
	free(identity);
	file_close(&file);
	return err;
}

static int set_files(struct record *r, const struct ctl *ctl, const struct conf *conf, const struct machine *m,
		     const struct capture_files *f)
{
	char digest[DIGEST_TEXT];
	struct cmdline c = { 0 };
	int err = machine_cmdline(m, ctl, conf, &c);

	if (!err)
		err = record_set(r, "cmdline", "%s", c.text);
	cmdline_deinit(&c);
	if (!err)
		err = ctl_conf_digest(ctl, digest);
	if (!err)
		err = record_set(r, "configuration-digest", "%s", digest);
	if (!err)
		err = record_set(r, "kexec-args", "%s", conf->kexec_args ? conf->kexec_args : "");
	if (!err)
		err = record_set(r, "kernel-updates", "%d", m->can_update);
	if (!err)
		err = record_set(r, "release", "%s", f->release);
	if (!err)
		err = record_set(r, "running", "%s", m->release);
	if (!err)
		err = set_file(r, "kernel", f->kernel);
	return err ? err : set_file(r, "initramfs", f->initramfs);
}

int ctl_load(const struct ctl *ctl, const struct conf *conf, const struct machine *m, const struct capture_files *f)
{
	/* First: an event that comes from now on may not be covered. */
	uint64_t events = machine_events(ctl);
	struct machine now = { 0 };
	struct record r;
	int err;

	record_init(&r);
	err = ctl_state_dir(ctl);
	/* For the number of loads; the rest is written anew. */
	if (!err && record_read(&r, ctl, CTL_LOADED))
		err_clear();
	if (!err)
		err = machine_read(&now, ctl);
	if (!err)
		err = set_files(&r, ctl, conf, m, f);
	if (!err)
		err = set_machine(&r, &now, events);
	if (!err)
		err = run_kexec(ctl, &r);
	if (!err)
		err = record_write(&r, ctl, CTL_LOADED);
	machine_deinit(&now);
	record_deinit(&r);
	return err;
}

static int load_record(const struct ctl *ctl, struct record *r)
{
	uint64_t events = machine_events(ctl);
	struct machine now = { 0 };
	int err = machine_read(&now, ctl);

	if (!err)
		err = set_machine(r, &now, events);
	/* They may have been built anew since. */
	if (!err)
		err = set_file(r, "kernel", record_get(r, "kernel"));
	if (!err)
		err = set_file(r, "initramfs", record_get(r, "initramfs"));
	if (!err)
		err = run_kexec(ctl, r);
	if (!err)
		err = record_write(r, ctl, CTL_LOADED);
	machine_deinit(&now);
	return err;
}

int ctl_load_again(const struct ctl *ctl)
{
	struct record r;
	int err;

	record_init(&r);
	err = record_read(&r, ctl, CTL_LOADED);
	if (!err)
		err = load_record(ctl, &r);
	record_deinit(&r);
	return err;
}

int ctl_load_last(const struct ctl *ctl)
{
	struct record r;
	int err;

	record_init(&r);
	err = record_read(&r, ctl, CTL_LAST);
	/* Loads are counted for each boot. */
	if (!err)
		err = record_set(&r, "loads", "0");
	if (!err)
		err = load_record(ctl, &r);
	record_deinit(&r);
	return err;
}

int ctl_keep_last(const struct ctl *ctl)
{
	struct record r;
	int err;

	record_init(&r);
	err = record_read(&r, ctl, CTL_LOADED);
	if (!err)
		err = record_write(&r, ctl, CTL_LAST);
	record_deinit(&r);
	return err;
}

/* ---- does it still hold? ---- */

bool ctl_covers(const struct record *loaded, const struct machine *m)
{
	return !strcmp(record_get(loaded, "cpus"), m->cpus) && !strcmp(record_get(loaded, "memory"), m->memory);
}

static int add_word(char **words, const char *word)
{
	char *more;

	if (asprintf(&more, "%s%s%s", *words, **words ? ", " : "", word) < 0)
		return fail(-ENOMEM, "no memory");
	free(*words);
	*words = more;
	return 0;
}

/* The lines of set_file(). */
static int record_copy_file(struct record *to, const struct record *from, const char *key)
{
	static const char *const suffixes[] = { "", "-digest", "-identity" };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char whole[64];

		snprintf(whole, sizeof(whole), "%s%s", key, suffixes[i]);
		err = record_set(to, whole, "%s", record_get(from, whole));
	}
	return err;
}

static bool file_differs(const struct record *loaded, const char *key)
{
	struct record now;
	char digest_key[64];
	bool differs;

	snprintf(digest_key, sizeof(digest_key), "%s-digest", key);
	record_init(&now);
	differs = record_copy_file(&now, loaded, key) || set_file(&now, key, record_get(loaded, key)) ||
		  strcmp(record_get(loaded, digest_key), record_get(&now, digest_key));
	err_clear();
	record_deinit(&now);
	return differs;
}

static bool conf_differs(const struct ctl *ctl, const struct record *loaded)
{
	char digest[DIGEST_TEXT];

	if (ctl_conf_digest(ctl, digest)) {
		err_clear();
		return true;
	}
	return strcmp(record_get(loaded, "configuration-digest"), digest) != 0;
}

int ctl_outdated(const struct ctl *ctl, const struct record *loaded, const struct machine *m, char **what)
{
	/* With its own help the kernel keeps these two right. */
	bool kernel_updates = record_u64(loaded, "kernel-updates");
	const struct {
		const char *word;
		bool differs;
	} facts[] = {
		{ "CPUs", !kernel_updates && strcmp(record_get(loaded, "cpus"), m->cpus) },
		{ "memory", !kernel_updates && strcmp(record_get(loaded, "memory"), m->memory) },
		{ "kernel", file_differs(loaded, "kernel") },
		{ "initramfs", file_differs(loaded, "initramfs") },
		{ "configuration", conf_differs(ctl, loaded) },
	};
	char *words = strdup("");
	int err = words ? 0 : fail(-ENOMEM, "no memory");

	for (size_t i = 0; !err && i < sizeof(facts) / sizeof(facts[0]); i++)
		if (facts[i].differs)
			err = add_word(&words, facts[i].word);
	if (err)
		free(words);
	else
		*what = words;
	return err;
}

/* ---- kexec --verify ---- */

const char *image_state_name(enum image_state state)
{
	static const char *const names[] = { "none", "intact", "damaged", "unknown" };

	return names[state];
}

int image_verify(const struct ctl *ctl, enum image_state *state, char **text)
{
	struct argv a = { 0 };
	struct blob out;
	char *said = NULL;
	int status, err;

	blob_init(&out);
	argv_add(&a, "kexec");
	if (ctl->sysroot)
		argv_add(&a, "--sysroot=%s", ctl->sysroot);
	argv_add(&a, "--verify");
	err = argv_run(&a, LOAD_MS, &out, &status);
	if (!err)
		said = ctl_last_line(&out);
	else if (err != -ENOMEM)
		said = strdup(err_text());
	if (!said)
		err = fail(-ENOMEM, "no memory");
	if (said) {
		*state = err ? IMAGE_UNKNOWN : status == 0 ? IMAGE_INTACT : status == 3 ? IMAGE_DAMAGED : IMAGE_UNKNOWN;
		*text = said;
		err_clear();
		err = 0;
	}
	argv_deinit(&a);
	blob_deinit(&out);
	return err;
}
