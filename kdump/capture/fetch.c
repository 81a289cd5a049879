// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump fetch: a dump on a raw partition becomes a folder, once the machine is back. */
#include "kdump/capture/device.h"
#include "kdump/capture/names.h"
#include "kdump/command.h"
#include "kdump/save.h"
#include "kdump/transport/raw_content.h"
#include "kdump/transport/raw_mark.h"
#include "lib/err.h"
#include "lib/file.h"
#include "lib/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STEP_BYTES (1u << 20)
#define LOG_NAME "vmcore-dmesg.txt"
#define MAX_NAMES 100

struct fetch {
	bool prepare, force;
	const char *device, *dir;
	struct raw_device dev;
	char *folder;
	char *dump;                /* its path; NULL: there is none */
};

enum { OPT_PREPARE = 256 };

static int parse(struct fetch *f, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "prepare", no_argument, NULL, OPT_PREPARE },
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, ":f", long_options, NULL)) != -1) {
		if (option == OPT_PREPARE)
			f->prepare = true;
		else if (option == 'f')
			f->force = true;
		else
			return save_option_error(option, ":f", argv);
	}
	if (argc - optind != (f->prepare ? 1 : 2))
		return fail(-EINVAL, f->prepare ? "--prepare needs one argument: the partition" :
			    "fetch needs two arguments: the partition and the folder for dumps");
	f->device = argv[optind];
	f->dir = f->prepare ? NULL : argv[optind + 1];
	return 0;
}

/* ---- --prepare ---- */

static int prepare(struct fetch *f)
{
	const enum raw_state state = f->dev.mark.state;
	uint8_t zeros[RAW_HEAD_BYTES] = { 0 };
	struct stat st;
	int err = f->force ? 0 : raw_device_is_ours(&f->dev);

	if (!err && !f->force && (state == RAW_COMPLETE || state == RAW_INCOMPLETE || state == RAW_WRITING))
		err = fail(-EEXIST, "%s: holds a dump that was not fetched; --force gives it up", f->dev.path);
	/* It takes the device for itself, as we have it. */
	if (!err && !fstat(f->dev.fd, &st) && S_ISBLK(st.st_mode)) {
		struct raw_mark mark = { .size = f->dev.mark.size };
		char *path = strdup(f->dev.path);

		raw_device_close(&f->dev);
		err = path ? raw_content_wipe(path) : fail(-ENOMEM, "out of memory");
		if (err == -ENOTSUP)
			err = 0;
		if (!err)
			err = raw_device_open(&f->dev, path, true);
		if (!err)
			f->dev.mark = mark;
		free(path);
	}
	if (err)
		return err;
	f->dev.mark = (struct raw_mark){ .size = f->dev.mark.size };
	err = raw_device_write(&f->dev, 0, zeros, sizeof(zeros));
	if (!err)
		err = raw_device_mark(&f->dev);
	if (!err)
		printf("%s: ready for a dump of up to %llu MiB\n", f->dev.path,
		       (unsigned long long)raw_files_off(f->dev.mark.size) >> 20);
	return err;
}

/* ---- fetching ---- */

static int make_folder(struct fetch *f)
{
	time_t when = (time_t)f->dev.mark.time;
	struct tm tm;

	if (mkdir(f->dir, 0700) && errno != EEXIST)
		return fail_sys(-errno, "%s: cannot be made", f->dir);
	if (!localtime_r(&when, &tm))
		return fail(-EINVAL, "%s: the time of the dump is none", f->dev.path);
	for (unsigned int number = 1; number <= MAX_NAMES; number++) {
		char *name = name_of_dump("127.0.0.1", &tm, number);

		free(f->folder);
		f->folder = name ? name_join(f->dir, name) : NULL;
		free(name);
		if (!f->folder)
			return fail(-ENOMEM, "out of memory");
		if (!mkdir(f->folder, 0700))
			return 0;
		if (errno != EEXIST)
			break;
	}
	return fail_sys(-errno, "%s: cannot be made", f->folder);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

/* LEN bytes from the start of the partition. What is zeros stays a hole. */
static int copy(struct fetch *f, int fd, uint64_t len)
{
	uint8_t *buf = malloc(STEP_BYTES);
	int err = buf ? 0 : fail(-ENOMEM, "out of memory");

	for (uint64_t at = 0; !err && at < len;) {
		size_t part = len - at < STEP_BYTES ? len - at : STEP_BYTES;

		err = raw_device_read(&f->dev, at, buf, part);
		if (!err && !is_zero(buf, part) && lseek(fd, at, SEEK_SET) < 0)
			err = -errno;
		else if (!err && !is_zero(buf, part))
			err = file_write_all(fd, buf, part);
		at += part;
		if (err)
			err = *err_text() ? err : fail_sys(err, "%s: cannot be written", f->dump);
	}
	free(buf);
	if (!err && (ftruncate(fd, len) || fsync(fd)))
		err = fail_sys(-errno, "%s: cannot be written", f->dump);
	return err;
}

/* LEN bytes as f->dump, on the disk. */
static int fetch_to(struct fetch *f, uint64_t len)
{
	int fd = open(f->dump, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return fail_sys(-errno, "%s: cannot be made", f->dump);
	err_clear();
	err = copy(f, fd, len);
	if (close(fd) && !err)
		err = fail_sys(-errno, "%s: cannot be written", f->dump);
	return err;
}

/* It is called incomplete until all of it is there: who fetches may be killed in the middle of gigabytes. */
static int fetch_dump(struct fetch *f, const struct raw_file *file)
{
	bool complete = f->dev.mark.state == RAW_COMPLETE || f->dev.mark.state == RAW_FETCHED;
	char *path = name_join(f->folder, file->name);
	int err;

	if (!path || asprintf(&f->dump, "%s-incomplete", path) < 0) {
		f->dump = NULL;
		free(path);
		return fail(-ENOMEM, "out of memory");
	}
	err = fetch_to(f, file->len);
	if (!err && complete && rename(f->dump, path))
		err = fail_sys(-errno, "%s: cannot be renamed", f->dump);
	if (!err && complete) {
		free(f->dump);
		f->dump = path;
		path = NULL;
	}
	free(path);
	return err;
}

/* What is damaged of the small ones costs them, not the dump. */
static void fetch_small(struct fetch *f, const struct raw_file *file)
{
	char *path = name_join(f->folder, file->name);
	uint8_t *bytes = NULL;
	int err = path ? raw_device_file(&f->dev, file, &bytes) : fail(-ENOMEM, "out of memory");

	if (!err)
		err = file_replace(path, bytes, file->len, 0600);
	if (err)
		warn("%s", err_text());
	err_clear();
	free(bytes);
	free(path);
}

/* The log out of the dump, when it was not saved beside it. */
static void log_from_dump(struct fetch *f)
{
	const char *argv[] = { "/proc/self/exe", "dmesg", f->dump, NULL };
	char *path = name_join(f->folder, LOG_NAME);
	struct blob text;
	struct run r = { .argv = argv, .out = &text };
	int status = 1;

	blob_init(&text);
	if (path && access(path, F_OK) && !run_program(&r, &status) && !status &&
	    file_replace(path, text.data, text.len, 0600))
		warn("%s", err_text());
	err_clear();
	blob_deinit(&text);
	free(path);
}

/* Exit status of kdump check. */
static int check_dump(struct fetch *f, int *status)
{
	const char *argv[] = { "/proc/self/exe", "check", f->dump, NULL };
	struct run r = { .argv = argv };
	size_t len = strlen(f->dump);

	fflush(stdout);
	*status = 0;
	/* Who has the key can look. */
	if (len > 4 && strstr(f->dump, ".enc"))
		return 0;
	return run_program(&r, status);
}

static void remove_folder(struct fetch *f)
{
	struct raw_mark *m = &f->dev.mark;

	if (f->dump)
		unlink(f->dump);
	for (unsigned int i = 0; i < m->nr; i++) {
		char *path = name_join(f->folder, m->file[i].name);

		if (path)
			unlink(path);
		free(path);
	}
	rmdir(f->folder);
}

static int fetch_files(struct fetch *f, int *status)
{
	struct raw_file *dump = raw_dump(&f->dev.mark);
	int err = make_folder(f), good = 0;

	if (!err && dump)
		err = fetch_dump(f, dump);
	if (err) {
		if (f->folder)
			remove_folder(f);
		return err;
	}
	for (unsigned int i = 0; i < f->dev.mark.nr; i++)
		if (&f->dev.mark.file[i] != dump)
			fetch_small(f, &f->dev.mark.file[i]);
	if (dump) {
		log_from_dump(f);
		err = check_dump(f, &good);
	}
	printf("%s: fetched to %s\n", f->dev.path, f->folder);
	if (!dump || good == EXIT_INCOMPLETE || f->dev.mark.state != RAW_COMPLETE)
		*status = EXIT_INCOMPLETE;
	if (!err && good && good != EXIT_INCOMPLETE)
		warn("%s: the dump cannot be read as a whole", f->dump);
	if (good && good != EXIT_INCOMPLETE)
		*status = EXIT_INCOMPLETE;
	return err;
}

static int fetch(struct fetch *f, int *status)
{
	int fd, err;

	if (!f->dev.marked)
		return fail(-ENOMEDIUM, "%s: is no place for dumps; \"kdump fetch --prepare\" makes it one",
			    f->dev.path);
	if (f->dev.mark.state == RAW_EMPTY || !f->dev.mark.nr || (f->dev.mark.state == RAW_FETCHED && !f->force)) {
		printf("%s: there is nothing to fetch\n", f->dev.path);
		return 0;
	}
	err = raw_device_is_ours(&f->dev);
	if (err)
		return err;
	err = fetch_files(f, status);
	if (err)
		return err;
	/* The names of the files, before the mark says that they are there. */
	fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd))
		err = fail_sys(-errno, "%s: cannot be synced", f->folder);
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	f->dev.mark.state = RAW_FETCHED;
	return raw_device_mark(&f->dev);
}

int command_fetch(int argc, char **argv, int *status)
{
	struct fetch f = { .dev = { .fd = -1 } };
	char *device = NULL;
	int err = parse(&f, argc, argv);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	umask(077);
	/* A regular file is as good, for whoever copies a partition. */
	if (access(f.device, F_OK))
		err = device_wait(f.device, 0, &device);
	if (!err)
		err = raw_device_open(&f.dev, device ? device : f.device, true);
	if (!err)
		err = f.prepare ? prepare(&f) : fetch(&f, status);
	raw_device_close(&f.dev);
	free(device);
	free(f.folder);
	free(f.dump);
	return err;
}
