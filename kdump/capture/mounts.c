// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/mounts.h"

#include "kdump/capture/device.h"
#include "kdump/capture/network.h"
#include "lib/blob.h"
#include "lib/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- options ---- */

static const struct {
	const char *name;
	unsigned long set, clear;
} flags[] = {
	{ "noatime", MS_NOATIME, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "nodev", MS_NODEV, 0 },
	{ "nosuid", MS_NOSUID, 0 },
	{ "noexec", MS_NOEXEC, 0 },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "lazytime", MS_LAZYTIME, 0 },
};

/* What says nothing to the kernel: mount(8)'s and systemd's words, and the opposites of the flags above. */
static const char *const not_for_the_kernel[] = {
	"ro", "rw", "defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail",
	"bg", "fg", "atime", "diratime", "dev", "suid", "exec", "async", "norelatime", "nostrictatime", "nolazytime",
	"loud", "silent", "loop", "remount",
};

/* Options go by their part in front of "=". */
static bool is_named(const struct text *word, const char *name)
{
	size_t n = strlen(name);

	return text_starts(word, name) && (word->len == n || word->at[n] == '=');
}

static bool is_for_nobody(const struct text *word)
{
	if (!word->len || text_starts(word, "x-") || text_starts(word, "X-") || is_named(word, "retry"))
		return true;
	for (size_t i = 0; i < sizeof(not_for_the_kernel) / sizeof(not_for_the_kernel[0]); i++)
		if (text_is(word, not_for_the_kernel[i]))
			return true;
	return false;
}

static unsigned long flag_of(const struct text *word)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (text_is(word, flags[i].name))
			return flags[i].set;
	return 0;
}

bool mount_data_has(const char *data, const char *name)
{
	struct text rest = text_of_string(data);

	while (rest.len) {
		struct text word = text_until(&rest, ',');

		if (is_named(&word, name))
			return true;
	}
	return false;
}

static int add_word(char **data, const char *word, size_t len)
{
	char *more;

	if (asprintf(&more, "%s%s%.*s", *data ? *data : "", *data && **data ? "," : "", (int)len, word) < 0)
		return fail(-ENOMEM, "out of memory for mount options");
	free(*data);
	*data = more;
	return 0;
}

/* Append "NAME" or "NAME=VALUE" (VALUE NULL: without). -ENOMEM (recorded). */
static int mount_data_add(char **data, const char *name, const char *value)
{
	char *word;
	int err;

	if (asprintf(&word, "%s%s%s", name, value ? "=" : "", value ? value : "") < 0)
		return fail(-ENOMEM, "out of memory for mount options");
	err = add_word(data, word, strlen(word));
	free(word);
	return err;
}

int mount_options_parse(const char *options, struct mount_options *m)
{
	struct text rest = text_of_string(strcmp(options, "-") ? options : "");
	struct mount_options found = { 0 };
	int err = add_word(&found.data, "", 0);

	while (!err && rest.len) {
		struct text word = text_until(&rest, ',');

		if (is_for_nobody(&word))
			continue;
		if (flag_of(&word))
			found.flags |= flag_of(&word);
		else
			err = add_word(&found.data, word.at, word.len);
	}
	if (err)
		mount_options_deinit(&found);
	else
		*m = found;
	return err;
}

void mount_options_deinit(struct mount_options *m)
{
	free(m->data);
	m->data = NULL;
}

/*
 * nfs(5): with "hard" a server that is gone is waited for without a bound; "soft" gives up after retrans times timeo
 * tenths of a second. Locks need a daemon that is not here.
 */
static const struct {
	const char *unless[3];
	const char *name, *value;
} nfs_bounds[] = {
	{ { "soft", "softerr" }, "soft", NULL },
	{ { "timeo" }, "timeo", "100" },
	{ { "retrans" }, "retrans", "3" },
	{ { "nolock", "local_lock" }, "nolock", NULL },
	{ { "proto", "tcp", "udp" }, "proto", "tcp" },
};

char *mount_nfs_data(const char *data, const char *address, const char *version)
{
	struct text rest = text_of_string(data);
	char *all = NULL;
	int err = 0;

	while (!err && rest.len) {
		struct text word = text_until(&rest, ',');

		/* Addresses are of the machine as it was; versions and being hard are decided here. */
		if (!is_named(&word, "addr") && !is_named(&word, "clientaddr") && !is_named(&word, "mountaddr") &&
		    !is_named(&word, "vers") &&
		    !is_named(&word, "nfsvers") && !text_is(&word, "hard"))
			err = add_word(&all, word.at, word.len);
	}
	if (!err)
		err = mount_data_add(&all, "vers", version);
	if (!err)
		err = mount_data_add(&all, "addr", address);
	for (size_t i = 0; !err && i < sizeof(nfs_bounds) / sizeof(nfs_bounds[0]); i++) {
		bool has = false;

		for (unsigned int j = 0; j < 3 && nfs_bounds[i].unless[j]; j++)
			has |= mount_data_has(all, nfs_bounds[i].unless[j]);
		if (!has)
			err = mount_data_add(&all, nfs_bounds[i].name, nfs_bounds[i].value);
	}
	if (err) {
		free(all);
		all = NULL;
	}
	return all;
}

bool mount_nfs_version(const char *data, char *version, size_t size)
{
	struct text rest = text_of_string(data);
	bool has = false;

	while (rest.len) {
		struct text word = text_until(&rest, ',');

		if ((text_take(&word, "vers=") || text_take(&word, "nfsvers=")) && word.len && word.len < size) {
			memcpy(version, word.at, word.len);
			version[word.len] = 0;
			has = true;
		}
	}
	return has;
}

/* ---- what is mounted ---- */

/* A mount point as mountinfo writes it: \040 for blanks and so on. */
static char *unescaped(struct text t)
{
	char *out = malloc(t.len + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < t.len; i++) {
		const char *d = t.at + i;

		if (*d == '\\' && t.len - i > 3 && d[1] >= '0' && d[1] <= '3' && d[2] >= '0' && d[2] <= '7' &&
		    d[3] >= '0' && d[3] <= '7') {
			out[n++] = (char)((d[1] - '0') << 6 | (d[2] - '0') << 3 | (d[3] - '0'));
			i += 3;
		} else {
			out[n++] = *d;
		}
	}
	out[n] = 0;
	return out;
}

char *mount_find(const char *mountinfo, size_t len, unsigned int major, unsigned int minor)
{
	struct text rest = text_of(mountinfo, len), line;
	char *found = NULL;

	while (text_line(&rest, &line)) {
		struct text root, place;
		uint64_t maj, min;

		/* proc(5): ID PARENT MAJOR:MINOR ROOT PLACE ... */
		text_until(&line, ' ');
		text_until(&line, ' ');
		if (!text_u64(&line, 10, &maj) || !text_take(&line, ":") || !text_u64(&line, 10, &min) ||
		    !text_take(&line, " "))
			continue;
		root = text_until(&line, ' ');
		place = text_until(&line, ' ');
		if (maj != major || min != minor || !text_is(&root, "/") || !place.len)
			continue;
		free(found);
		found = unescaped(place);
	}
	return found;
}

/* Where DEVICE is mounted already, from malloc; NULL. */
static char *mounted_at(const char *device)
{
	struct root root;
	struct blob info;
	struct stat st;
	char *place = NULL;

	if (stat(device, &st) || root_init(&root, NULL))
		return NULL;
	blob_init(&info);
	if (!root_read(&root, "proc/self/mountinfo", ROOT_READ_MAX, &info))
		place = mount_find((char *)info.data, info.len, major(st.st_rdev), minor(st.st_rdev));
	blob_deinit(&info);
	root_deinit(&root);
	return place;
}

/* ---- mounting ---- */

static int make_place(const char *key, char **place)
{
	char *path, *slash;

	if (asprintf(&path, CAPTURE_MOUNTS "/%s", key) < 0)
		return fail(-ENOMEM, "out of memory");
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST) {
		int err = fail_sys(-errno, "cannot make %s", path);

		free(path);
		return err;
	}
	*place = path;
	return 0;
}

static int explain(int err, const char *device, const char *fstype)
{
	if (err == -ENODEV)
		return fail(err, "%s: this kernel knows no %s; its module is not in the initramfs", device, fstype);
	if (err == -EINVAL || err == -EUCLEAN)
		return fail(err, "%s: is no %s, or a damaged one", device, fstype);
	if (err == -EROFS || err == -EACCES)
		return fail(err, "%s: is read-only", device);
	return fail_sys(err, "%s: cannot be mounted as %s", device, fstype);
}

static int mount_writable(const char *device, const char *place, const char *fstype, const char *options)
{
	struct mount_options m;
	int err = mount_options_parse(options, &m);

	if (err)
		return err;
	if (mount(device, place, fstype, m.flags, m.data))
		err = explain(-errno, device, fstype);
	mount_options_deinit(&m);
	return err;
}

static int mount_nfs(struct capture *c, const char *where, const char *place, const char *options)
{
	/* Newest first, as mount.nfs(8) does; a version in the options is the only one. */
	static const char *const versions[] = { "4.2", "4.1", "4.0", "3", NULL };
	struct mount_options m;
	char *server = NULL, *address = NULL, only[8] = "";
	const char *const *version = versions, *one[2] = { only, NULL };
	int err = mount_options_parse(options, &m);

	if (err)
		return err;
	err = network_server(where, &server);
	if (!err)
		err = network_address_of(c, server, &address);
	if (!err && mount_nfs_version(m.data, only, sizeof(only)))
		version = one;
	for (bool done = false; !err && !done; version++) {
		char *data = mount_nfs_data(m.data, address, *version);

		if (!data)
			err = fail(-ENOMEM, "out of memory for mount options");
		else if (!mount(where, place, "nfs", m.flags, data))
			done = true;
		else if (!version[1] || (errno != EPROTONOSUPPORT && errno != EINVAL && errno != EPROTO &&
					 errno != EOPNOTSUPP))
			err = fail_sys(-errno, "%s: cannot be mounted from %s as NFS %s", where, address, *version);
		free(data);
	}
	free(server);
	free(address);
	mount_options_deinit(&m);
	return err;
}

static int check_writable(const char *place)
{
	struct statvfs fs;

	if (statvfs(place, &fs))
		return fail_sys(-errno, "%s: cannot be looked at", place);
	if (!(fs.f_flag & ST_RDONLY))
		return 0;
	if (!mount(NULL, place, NULL, MS_REMOUNT, NULL))
		return 0;
	return fail_sys(-errno, "%s: is read-only", place);
}

/* A disk: on its own, or where another part of the initramfs has mounted it. */
static int mount_disk(const struct fact *fact, uint64_t limit_ms, char **place, bool *mounted)
{
	char *device, *at;
	int err = device_wait(fact->word[1], limit_ms, &device);

	if (err)
		return err;
	at = mounted_at(device);
	*mounted = !at;
	if (at)
		*place = at;
	else
		err = make_place(fact->word[0], place);
	if (!at && !err) {
		err = mount_writable(device, *place, fact->word[2], fact->word[3]);
		if (err)
			free(*place);
	}
	free(device);
	return err;
}

int mount_target(struct capture *c, const struct fact *fact, uint64_t limit_ms, char **place, bool *mounted)
{
	const char *where = fact->word[1], *fstype = fact->word[2];
	char *at = NULL;
	bool own = true;
	int err;

	if (!strcmp(fstype, "nfs") || !strcmp(fstype, "nfs4")) {
		err = make_place(fact->word[0], &at);
		if (!err) {
			err = mount_nfs(c, where, at, fact->word[3]);
			if (err)
				free(at);
		}
	} else if (!strcmp(fstype, "virtiofs") || !strcmp(fstype, "9p")) {
		err = make_place(fact->word[0], &at);
		if (!err) {
			err = mount_writable(where, at, fstype, fact->word[3]);
			if (err)
				free(at);
		}
	} else {
		err = mount_disk(fact, limit_ms, &at, &own);
	}
	if (err)
		return err;
	err = check_writable(at);
	if (err) {
		if (own)
			umount(at);
		free(at);
		return err;
	}
	*place = at;
	*mounted = own;
	return 0;
}

int mount_leave(const char *place, bool mounted)
{
	int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0 || syncfs(fd))
		err = fail_sys(-errno, "%s: cannot be synced", place);
	if (fd >= 0)
		close(fd);
	if (mounted && umount(place) && !err)
		err = fail_sys(-errno, "%s: cannot be unmounted", place);
	return err;
}

void mount_leave_all(void)
{
	struct root_names names = { 0 };
	struct root root;

	if (root_init(&root, NULL))
		return;
	if (!root_list(&root, &CAPTURE_MOUNTS[1], &names)) {
		for (size_t i = 0; i < names.nr; i++) {
			char *place;

			if (asprintf(&place, CAPTURE_MOUNTS "/%s", names.name[i]) < 0)
				continue;
			if (umount(place) && errno == EBUSY) {
				mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL);
				umount2(place, MNT_DETACH);
			}
			free(place);
		}
		root_names_deinit(&names);
	}
	err_clear();
	root_deinit(&root);
}
