// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/attempt.h"

#include "kdump/capture/device.h"
#include "kdump/capture/klog.h"
#include "kdump/capture/mounts.h"
#include "kdump/capture/names.h"
#include "kdump/capture/network.h"
#include "kdump/capture/supervise.h"
#include "kdump/transport/transport.h"
#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The log of the crashed kernel goes by Fedora's name; so do folders. */
#define LOG_NAME "vmcore-dmesg.txt"
#define UNFINISHED "vmcore-incomplete"
/* Folders of one second that are tried before something else must be wrong. */
#define MAX_NAMES 100
/* Of an attempt's time, this part and no more than so much is kept for concluding a dump that is cut short. */
#define CONCLUDE_PART 5
#define CONCLUDE_MAX_MS 20000
/* A device that is not there after so long does not come, and other targets wait. */
#define DEVICE_MS 60000
#define CARRIER_MS 30000

struct job {
	struct capture *c;
	const struct conf_target *target; /* NULL: the root file system, for dump_to_rootfs */
	const char *key;
	uint64_t term_ms, kill_ms; /* for children */
	char *folder;              /* of the dump: a path or a URL */
	const char **words;        /* of the collector */
	bool ours;
};

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

char *attempt_name(const struct capture *c, unsigned int target)
{
	if (target < c->conf.nr_targets)
		return conf_target_name(&c->conf, &c->conf.target[target]);
	return strdup("the root file system");
}

/* ---- the collector ---- */

static int choose_collector(struct job *j, bool remote)
{
	static const char fallback[] = "makedumpfile -l --message-level 7 -d 31";
	const char *line = j->c->conf.core_collector;

	/* So many words may come behind them: --conf FILE --log-name NAME SOURCE TARGET and the end. */
	j->words = collector_words(line, 8, &j->ours);
	if (j->words && !j->ours && (remote || j->c->conf.encrypt)) {
		say(&j->c->say, SAY_WARNING, "core_collector %s cannot write %s; \"%s\" is used", j->words[0],
		    j->c->conf.encrypt ? "encrypted" : "to this target", fallback);
		free(j->words);
		j->words = collector_words(fallback, 8, &j->ours);
	}
	return j->words && j->words[0] ? 0 : fail(-ENOMEM, "out of memory for the words of core_collector");
}

static void add_words(const char **words, const char *const *more)
{
	while (*words)
		words++;
	while (*more)
		*words++ = *more++;
}

/* Makedumpfile's front, which is this program: it writes log, note and dump by itself. */
static int run_ours(struct job *j)
{
	const struct capture_options *o = &j->c->o;
	const char *more[] = { "--conf", o->conf ? o->conf : CONF_PATH, "--log-name", LOG_NAME, o->source, j->folder,
			      NULL };

	add_words(j->words, more);
	return child_run(j->words, -1, j->term_ms, j->kill_ms);
}

static int open_new(const char *folder, const char *name, int *fd)
{
	char *path = name_join(folder, name);

	*fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (*fd < 0) {
		int err = path ? fail_sys(-errno, "%s: cannot be written", path) : fail(-ENOMEM, "out of memory");

		free(path);
		return err;
	}
	free(path);
	return 0;
}

/* Another program: it gets a file's name, and log and note are written here. */
static int run_other(struct job *j)
{
	static const char note[] = "A kernel crash. The dump is being saved; if this text stays, that was cut short.\n";
	const char *log[] = { "/proc/self/exe", "dmesg", j->c->o.source, NULL };
	char *file = name_join(j->folder, UNFINISHED), *readme = name_join(j->folder, "README.txt");
	size_t own = 0;
	int fd, status;

	while (j->words[own])
		own++;
	if (!file || !readme || file_replace(readme, note, strlen(note), 0600))
		say(&j->c->say, SAY_WARNING, "README.txt cannot be written");
	if (open_new(j->folder, LOG_NAME, &fd)) {
		say(&j->c->say, SAY_WARNING, "%s", err_text());
	} else {
		if (child_run(log, fd, j->term_ms, j->kill_ms) || fsync(fd))
			say(&j->c->say, SAY_WARNING, "the log of the crashed kernel could not be saved as a whole");
		close(fd);
	}
	add_words(j->words, (const char *[]){ j->c->o.source, file, NULL });
	status = file ? child_run(j->words, -1, j->term_ms, j->kill_ms) : -ENOMEM;
	/* The collector's own words are asked later whether they make a stream. */
	j->words[own] = NULL;
	free(file);
	free(readme);
	return status;
}

static int finish_other(struct job *j)
{
	static const char note[] = "A kernel crash. The dump is complete.\n";
	const char *name = collector_flattens(j->words) ? "vmcore.flat" : "vmcore";
	char *from = name_join(j->folder, UNFINISHED), *to = name_join(j->folder, name);
	char *readme = name_join(j->folder, "README.txt");
	int err = 0, fd = from ? open(from, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || fsync(fd) || !to || rename(from, to))
		err = fail_sys(-errno, "%s: is not what the collector should have made of it", from ? from : j->folder);
	if (fd >= 0)
		close(fd);
	if (!err && readme)
		file_replace(readme, note, strlen(note), 0600);
	free(from);
	free(to);
	free(readme);
	return err;
}

/* Whatever its name: what is encrypted or a stream has endings of its own. */
static bool has_incomplete(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	bool has = false;

	while (dir && !has && (d = readdir(dir)))
		has = strstr(d->d_name, "-incomplete");
	if (dir)
		closedir(dir);
	return has;
}

static bool exists(const char *folder, const char *name)
{
	char *path = name_join(folder, name);
	bool does = path && !access(path, F_OK);

	free(path);
	return does;
}

/* ---- after the dump ---- */

/* Read back from the disk, not from memory. */
static int verify(struct job *j)
{
	char *path = name_join(j->folder, exists(j->folder, "vmcore") ? "vmcore" : "vmcore.flat");
	const char *words[] = { "/proc/self/exe", "check", path, NULL };
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1, status;

	if (fd < 0) {
		free(path);
		return fail(-ENOENT, "%s: has no dump in it", j->folder);
	}
	if (fdatasync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		say(&j->c->say, SAY_WARNING, "%s: what is verified may not have been read from the disk", path);
	close(fd);
	status = child_run(words, -1, j->kill_ms, j->kill_ms);
	free(path);
	if (!status) {
		say(&j->c->say, SAY_NOTICE, "the dump was read back and is good");
		return 0;
	}
	if (status > 128) {
		say(&j->c->say, SAY_WARNING, "there was no time to read the dump back");
		return 0;
	}
	return fail(-EBADMSG, "%s: the dump was read back and is damaged", j->folder);
}

static void save_klog(struct job *j, bool remote)
{
	struct transport t = { 0 };
	struct blob text;
	char *path = NULL;
	int err;

	blob_init(&text);
	err = klog_read(&text);
	if (!err && remote) {
		err = transport_open(&t, &j->c->conf, j->folder, 0, UINT64_MAX);
		if (!err)
			err = t.ops->put(&t, KLOG_NAME, text.data, text.len);
		transport_close(&t);
	} else if (!err) {
		path = name_join(j->folder, KLOG_NAME);
		err = path ? file_replace(path, text.data, text.len, 0600) : fail(-ENOMEM, "out of memory");
	}
	if (err)
		say(&j->c->say, SAY_WARNING, "%s: %s", KLOG_NAME, err_text());
	free(path);
	blob_deinit(&text);
}

/* ---- folders ---- */

static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		int made;

		if (slash)
			*slash = 0;
		made = mkdir(path, 0700);
		if (made && errno != EEXIST)
			return fail_sys(-errno, "%s: cannot be made", path);
		if (!slash)
			return 0;
		*slash = '/';
	}
}

/* A new folder below BASE, named by time and address. */
static int make_dump_folder(struct job *j, const char *base, const char *address)
{
	time_t now = time(NULL);
	struct tm when;
	char *parent = name_join(base, "");
	int err;

	if (!parent || !localtime_r(&now, &when)) {
		free(parent);
		return fail(-ENOMEM, "out of memory");
	}
	parent[strlen(parent) - 1] = 0;
	err = *parent ? make_folders(parent) : 0;
	for (unsigned int number = 1; !err; number++) {
		char *name = name_of_dump(address, &when, number);

		j->folder = name ? name_join(parent, name) : NULL;
		free(name);
		if (!j->folder)
			err = fail(-ENOMEM, "out of memory");
		else if (!mkdir(j->folder, 0700))
			break;
		else if (errno != EEXIST || number == MAX_NAMES)
			err = fail_sys(-errno, "%s: cannot be made", j->folder);
		free(j->folder);
		j->folder = NULL;
	}
	free(parent);
	return err;
}

static int dump_into(struct job *j, const char *base, const char *address)
{
	int err = make_dump_folder(j, base, address), status, result = CAPTURE_FAILED;

	if (!err)
		err = choose_collector(j, false);
	if (err)
		return err;
	say(&j->c->say, SAY_NOTICE, "saving to %s", j->folder);
	status = j->ours ? run_ours(j) : run_other(j);
	if (!status && !j->ours)
		status = finish_other(j);
	if (!status && !j->c->conf.encrypt && collector_checkable(j->words, j->ours))
		status = verify(j);
	if (!status) {
		result = CAPTURE_SAVED;
		say(&j->c->say, SAY_NOTICE, "the dump is complete: %s", j->folder);
	} else if (status < 0) {
		say(&j->c->say, SAY_ERROR, "%s", err_text());
	} else if (has_incomplete(j->folder)) {
		result = CAPTURE_INCOMPLETE;
		say(&j->c->say, SAY_ERROR, "the dump is not complete: %s", j->folder);
	} else {
		say(&j->c->say, SAY_ERROR, "%s: no dump could be saved (%s %d)", j->folder,
		    status > 128 ? "signal" : "exit status",
		    status > 128 ? status - 128 : status);
	}
	save_klog(j, false);
	return result;
}

/* ---- kinds of targets ---- */

static int to_mounted(struct job *j)
{
	const struct fact *fact = facts_find(&j->c->facts, "filesystem", j->key);
	bool nfs = j->target && j->target->kind == CONF_NFS, mounted;
	char *place, *base, *address = nfs ? network_own_address(&j->c->facts) : strdup("127.0.0.1");
	int result = -ENOMEM;

	if (nfs)
		network_wait(j->c, sooner(capture_later(capture_now_ms(), CARRIER_MS), j->term_ms));
	if (!fact && j->c->o.root && (!j->target || j->target->kind == CONF_LOCAL)) {
		base = name_join(j->c->o.root, j->c->conf.path);
		result = base && address ? dump_into(j, base, address) : fail(-ENOMEM, "out of memory");
	} else if (!fact) {
		base = NULL;
		result = fail(-ENOENT,
			      "the initramfs does not tell where its file system is (no \"filesystem %s\" in %s)",
			      j->key, FACTS_PATH);
	} else {
		result = mount_target(j->c, fact, sooner(capture_later(capture_now_ms(), DEVICE_MS), j->term_ms),
				      &place, &mounted);
		if (result) {
			free(address);
			return result;
		}
		base = name_join(place, fact->word[4]);
		result = base && address ? dump_into(j, base, address) : fail(-ENOMEM, "out of memory");
		if (mount_leave(place, mounted)) {
			say(&j->c->say, SAY_ERROR, "%s", err_text());
			/* What is not on the disk was not saved. */
			result = result == CAPTURE_SAVED ? CAPTURE_FAILED : result;
		}
		free(place);
	}
	free(base);
	free(address);
	return result;
}

/* The URL of the folder: BASE, which is a URL or what stands for one, and the dump's name. */
static int to_url(struct job *j, const char *base)
{
	char *address = network_own_address(&j->c->facts), *name = NULL;
	time_t now = time(NULL);
	struct tm when;
	int status, err;

	if (address && localtime_r(&now, &when))
		name = name_of_dump(address, &when, 1);
	j->folder = name ? name_join(base, name) : NULL;
	free(address);
	free(name);
	err = j->folder ? choose_collector(j, true) : fail(-ENOMEM, "out of memory");
	if (err)
		return err;
	network_wait(j->c, sooner(capture_later(capture_now_ms(), CARRIER_MS), j->term_ms));
	say(&j->c->say, SAY_NOTICE, "saving to %s", j->folder);
	status = run_ours(j);
	if (status > 0)
		say(&j->c->say, SAY_ERROR, "%s: the dump is not there, or not all of it", j->folder);
	else if (!status)
		say(&j->c->say, SAY_NOTICE, "the dump is complete: %s", j->folder);
	/* A server that failed once is not asked for as long again: others are waiting. */
	if (!status)
		save_klog(j, true);
	return status < 0 ? status : status ? CAPTURE_FAILED : CAPTURE_SAVED;
}

static int to_ssh(struct job *j)
{
	char *base;
	int result;

	if (asprintf(&base, "sftp://%s%s", j->target->where, j->c->conf.path) < 0)
		return fail(-ENOMEM, "out of memory");
	result = to_url(j, base);
	free(base);
	return result;
}

/* The dump begins at the partition's first byte: it is read back from there. */
static int verify_raw(struct job *j, const char *device)
{
	const char *words[] = { "/proc/self/exe", "check", device, NULL };
	int fd = open(device, O_RDONLY | O_CLOEXEC), status;

	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		say(&j->c->say, SAY_WARNING, "%s: what is verified may not have been read from the disk", device);
	if (fd >= 0)
		close(fd);
	status = child_run(words, -1, j->kill_ms, j->kill_ms);
	if (status > 128)
		say(&j->c->say, SAY_WARNING, "there was no time to read the dump back");
	else if (status)
		return fail(-EBADMSG, "%s: the dump was read back and is damaged", device);
	return 0;
}

static int to_raw(struct job *j)
{
	const struct fact *fact = facts_find(&j->c->facts, "raw", j->key);
	const char *spec = fact ? fact->word[1] : j->target->where;
	char *device = NULL;
	int result = device_wait(spec, sooner(capture_later(capture_now_ms(), DEVICE_MS), j->term_ms), &device);

	if (result)
		return result;
	result = asprintf(&j->folder, "raw://%s", device) < 0 ? -ENOMEM : choose_collector(j, true);
	if (result)
		j->folder = result == -ENOMEM ? NULL : j->folder;
	else
		result = run_ours(j);
	if (result > 0) {
		say(&j->c->say, SAY_ERROR, "%s: the dump is not there, or not all of it", device);
		result = CAPTURE_FAILED;
	} else if (!result && !j->c->conf.encrypt && !collector_flattens(j->words)) {
		result = verify_raw(j, device);
	}
	if (!result)
		say(&j->c->say, SAY_NOTICE, "the dump is complete: %s; \"kdump fetch\" makes a folder of it", device);
	if (!result)
		save_klog(j, true);
	free(device);
	return result;
}

static int to_where(struct job *j)
{
	return to_url(j, j->target->where);
}

static int (*const ways[])(struct job *j) = {
	[CONF_LOCAL] = to_mounted, [CONF_FS] = to_mounted, [CONF_RAW] = to_raw, [CONF_NFS] = to_mounted,
	[CONF_SSH] = to_ssh, [CONF_HTTPS] = to_where, [CONF_S3] = to_where,
};

int attempt_run(struct capture *c, void *ctx)
{
	const struct attempt *a = ctx;
	uint64_t now = capture_now_ms(), left = a->limit_ms == UINT64_MAX ? UINT64_MAX :
		a->limit_ms - sooner(now, a->limit_ms);
	uint64_t conclude = sooner(left / CONCLUDE_PART, CONCLUDE_MAX_MS);
	char key[16];
	struct job j = { .c = c, .key = capture_key(c, a->target, key), .term_ms = UINT64_MAX, .kill_ms = UINT64_MAX };
	int result;

	if (a->target < c->conf.nr_targets)
		j.target = &c->conf.target[a->target];
	if (a->limit_ms != UINT64_MAX) {
		j.term_ms = a->limit_ms - conclude;
		j.kill_ms = a->limit_ms - conclude / 4;
	}
	result = (j.target ? ways[j.target->kind] : to_mounted)(&j);
	if (result < 0)
		say(&c->say, SAY_ERROR, "%s", err_text());
	free(j.folder);
	free(j.words);
	return result < 0 ? CAPTURE_FAILED : result;
}
