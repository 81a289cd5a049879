// SPDX-License-Identifier: GPL-2.0-or-later
/* Targets: what the capture kernel needs to reach each of them, told as facts and wanted as modules. */
#include "kdump/capture/facts.h"
#include "kdump/initramfs/devices.h"
#include "kdump/initramfs/network.h"
#include "kdump/initramfs/plan.h"
#include "lib/err.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What mount(2) has to be told, or a module that nothing else leads to. */
static const struct fs_kind {
	const char *fstype;
	const char *options;       /* for the facts; NULL: none */
	const char *modules;       /* also wanted when they are there */
} fs_kinds[] = {
	/* The default subvolume may be another one than that which the path was found in. */
	{ "btrfs", "subvolid=5", NULL },
	{ "vfat", NULL, "nls_cp437 nls_iso8859-1 nls_ascii nls_utf8" },
	{ "nfs", NULL, "nfsv3 nfsv4" },
	{ "nfs4", NULL, "nfsv3 nfsv4" },
	{ NULL, NULL, NULL },
};

/* File systems that are no place for a dump, or that have no device which a capture kernel could find. */
static const struct {
	const char *fstype, *why;
} refused[] = {
	{ "tmpfs", "lies in memory, which is gone after the crash" },
	{ "ramfs", "lies in memory, which is gone after the crash" },
	{ "overlay", "is made of several others (overlay)" },
	{ "autofs", "is mounted when it is used; mount it and write its device in kdump.conf" },
	{ "zfs", "is ZFS, which needs its own tools" },
	{ "squashfs", "cannot be written to" },
	{ "iso9660", "cannot be written to" },
	{ "proc", "keeps no files" }, { "sysfs", "keeps no files" },
	{ "cifs", "is on a server that speaks SMB" }, { "ceph", "is on a Ceph cluster" },
	{ NULL, NULL },
};

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static int add_fact(struct blob *facts, const char *keyword, const char *const *words)
{
	return facts_add(facts, keyword, words);
}

static const struct fs_kind *kind_of(const char *fstype)
{
	const struct fs_kind *k = fs_kinds;

	while (k->fstype && strcmp(k->fstype, fstype))
		k++;
	return k;
}

/* The module of the file system itself, and what it needs besides. */
static int want_fs(struct plan *p, const char *fstype)
{
	char *alias, *copy, *save = NULL, *driver = strcmp(fstype, "nfs4") ? (char *)fstype : (char *)"nfs";
	size_t found = 0;
	int err;

	if (asprintf(&alias, "fs-%s", driver) < 0)
		return no_memory();
	err = modules_want_alias(&p->modules, alias, &found);
	free(alias);
	if (!err && !found && modules_have(&p->modules, driver)) {
		found = 1;
		err = modules_want(&p->modules, driver);
	}
	if (!err && !found)
		err = fail(-ENOENT, "kernel %s has no file system %s, neither below /%s nor built in",
			   p->modules.release, fstype, p->modules.folder);
	if (err || !kind_of(fstype)->modules)
		return err;
	copy = strdup(kind_of(fstype)->modules);
	if (!copy)
		return no_memory();
	for (char *m = strtok_r(copy, " ", &save); m && !err; m = strtok_r(NULL, " ", &save))
		if (modules_have(&p->modules, m))
			err = modules_want(&p->modules, m);
	free(copy);
	return err;
}

static int filesystem_fact(struct plan *p, const char *key, const char *device, const char *fstype, const char *options,
			   const char *below)
{
	const char *standard = kind_of(fstype)->options;
	const char *const words[] = { key, device, fstype, options ? options : standard ? standard : "-", below, NULL };

	return add_fact(&p->places, "filesystem", words);
}

/* The network to SERVER: its address, and the way there. */
static int want_server(struct plan *p, const char *server)
{
	char *address;
	int err = network_resolve(p->r.root, server, &address);

	p->reaches_out = true;
	if (err)
		return err;
	if (strcmp(server, address)) {
		struct facts known;

		err = facts_parse(&known, "facts", (const char *)p->network.data, p->network.len);
		if (!err && !facts_find(&known, "host", server)) {
			const char *const words[] = { server, address, NULL };

			err = add_fact(&p->network, "host", words);
		}
		facts_deinit(&known);
	}
	if (!err)
		err = network_facts(p->r.root, &p->modules, address, &p->network);
	free(address);
	if (err != -ENOTSUP || !p->r.guest)
		return err;
	warn("%s; the capture kernel reaches %s only if dracut_args make dracut set it up", err_text(), server);
	err_clear();
	return 0;
}

int plan_server(const char *where, char **server)
{
	const char *scheme = strstr(where, "://"), *from = scheme ? scheme + 3 : where, *at, *last;
	size_t n = strcspn(from, "/");

	/* "user@" is in front of the server, and nowhere in an NFS path's first part. */
	for (at = from + n; at > from && at[-1] != '@'; at--)
		;
	if (at > from)
		from = at;
	if (*from == '[') {
		from++;
		last = strchr(from, ']');
		if (!last)
			return fail(-EINVAL, "%s: the address in brackets is not closed", where);
		n = (size_t)(last - from);
	} else {
		n = strcspn(from, ":/");
	}
	if (!n)
		return fail(-EINVAL, "%s: it names no server", where);
	*server = strndup(from, n);
	return *server ? 0 : no_memory();
}

static int want_server_of(struct plan *p, const char *where)
{
	char *server;
	int err = plan_server(where, &server);

	if (err)
		return err;
	err = want_server(p, server);
	free(server);
	return err;
}

static int nfs_place(struct plan *p, const char *key, const char *where, const char *options, const char *below)
{
	int err = want_server_of(p, where);

	if (!err)
		err = want_fs(p, "nfs");
	return err ? err : filesystem_fact(p, key, where, "nfs", options, below);
}

/* Several devices make one file system: all would have to be found first. */
static int check_btrfs(struct plan *p, const char *device)
{
	struct root_names names;
	char *folder;
	int err;

	if (strncmp(device, "UUID=", 5))
		return 0;
	if (asprintf(&folder, "sys/fs/btrfs/%s/devices", device + 5) < 0)
		return no_memory();
	if (!root_exists(p->r.root, folder)) {
		free(folder);
		return 0;
	}
	err = root_list(p->r.root, folder, &names);
	if (!err && names.nr > 1 && !p->r.guest)
		err = fail(-ENOTSUP, "the btrfs %s lies on %zu devices", device, names.nr);
	root_names_deinit(&names);
	free(folder);
	return err;
}

static int remember_device(struct plan *p, const char *name)
{
	char **more = reallocarray(p->device, p->nr_devices + 1, sizeof(*more));

	if (!more)
		return no_memory();
	p->device = more;
	if (asprintf(&more[p->nr_devices], "/dev/%s", name) < 0)
		return no_memory();
	p->nr_devices++;
	return 0;
}

static int want_block(struct plan *p, const char *name)
{
	int err = remember_device(p, name);

	return err || p->r.guest ? err : device_want_block(p->r.root, &p->modules, name);
}

/* A file system on the block device NAME. SPEC NULL: by its UUID. */
static int disk_place(struct plan *p, const char *key, const char *name, const char *spec, const char *fstype,
		      const char *below)
{
	char *lasting = NULL;
	int err = want_block(p, name);

	if (!err)
		err = want_fs(p, fstype);
	if (!err && !spec)
		err = device_lasting_name(p->r.root, name, true, &lasting);
	if (!err && lasting && lasting[0] == '/')
		warn("%s has no UUID in /dev/disk/by-uuid: the capture kernel may call another disk so", lasting);
	if (!err && !strcmp(fstype, "btrfs"))
		err = check_btrfs(p, spec ? spec : lasting);
	if (!err)
		err = filesystem_fact(p, key, spec ? spec : lasting, fstype, NULL, below);
	free(lasting);
	return err;
}

static int virtiofs_place(struct plan *p, const char *key, const char *tag, const char *below)
{
	size_t found = 0;
	int err = 0;

	if (!p->r.guest)
		err = device_want_driver(p->r.root, &p->modules, "virtio", "virtiofs", &found);
	if (!err && !found && !p->r.guest)
		err = fail(-ENODEV, "there is no virtiofs device, where %s could be", tag);
	if (!err)
		err = want_fs(p, "virtiofs");
	return err ? err : filesystem_fact(p, key, tag, "virtiofs", NULL, below);
}

/* The "vers=..." of a mounted NFS, which is what the server is known to speak. From malloc; NULL without. */
static char *nfs_version(const char *options)
{
	struct text rest = text_of_string(options), word;

	while (rest.len) {
		word = text_until(&rest, ',');
		if (text_starts(&word, "vers="))
			return strndup(word.at, word.len);
	}
	return NULL;
}

/* /dev/root is what a kernel calls the device that it mounted by itself: the number says which one it is. */
static int mounted_device(struct plan *p, const struct mount *m, char **name)
{
	if (strncmp(m->number, "0:", 2))
		return device_find(p->r.root, m->number, name);
	if (m->source[0] != '/')
		return fail(-ENOTSUP, "the file system at %s (%s) has no device", m->point, m->fstype);
	return device_find(p->r.root, m->source, name);
}

static int place_on(struct plan *p, const char *key, const struct mount *m, const char *below)
{
	char *name, *version;
	int err;

	for (size_t i = 0; refused[i].fstype; i++)
		if (!strcmp(m->fstype, refused[i].fstype))
			return fail(-ENOTSUP, "the file system at %s %s", m->point, refused[i].why);
	if (!strncmp(m->fstype, "fuse", 4))
		return fail(-ENOTSUP, "the file system at %s is run by a program (%s)", m->point, m->fstype);
	if (!strcmp(m->fstype, "virtiofs"))
		return virtiofs_place(p, key, m->source, below);
	if (!strcmp(m->fstype, "nfs") || !strcmp(m->fstype, "nfs4")) {
		version = nfs_version(m->options);
		/* The folder that is mounted belongs to the source already. */
		err = nfs_place(p, key, m->source, version,
				strcmp(m->subtree, "/") ? below + strlen(m->subtree) : below);
		free(version);
		return err;
	}
	err = mounted_device(p, m, &name);
	if (err)
		return err;
	err = disk_place(p, key, name, NULL, m->fstype, below);
	free(name);
	return err;
}

/*
 * PATH of the running system, on whatever it lies; of that file system the folder PATH and BELOW it FOLDER ("" or
 * "/...").
 */
static int local_place(struct plan *p, const char *key, const char *path, const char *folder)
{
	const struct mount *m;
	char *real, *full, *below, *place;
	int err = tree_walk(NULL, p->r.root, path, &real);

	if (err)
		return err;
	if (asprintf(&full, "/%s", real) < 0)
		full = NULL;
	free(real);
	if (!full)
		return no_memory();
	err = mounts_find(&p->mounts, full, &m, &below);
	free(full);
	if (err)
		return err;
	if (asprintf(&place, "%s%s", *folder && !strcmp(below, "/") ? "" : below, folder) < 0)
		place = NULL;
	err = place ? place_on(p, key, m, place) : no_memory();
	free(place);
	free(below);
	return err ? fail_ctx(err, "%s", path) : 0;
}

static int target_local(struct plan *p, const char *key, const struct conf_target *t)
{
	(void)t;
	return local_place(p, key, p->r.conf->path, "");
}

static int target_fs(struct plan *p, const char *key, const struct conf_target *t)
{
	char *name;
	int err;

	if (!strcmp(t->fstype, "virtiofs"))
		return virtiofs_place(p, key, t->where, p->r.conf->path);
	err = device_find(p->r.root, t->where, &name);
	if (err)
		return err;
	/*
	 * A path below /dev means another disk after the next change of hardware; what the administrator named by
	 * contents stays.
	 */
	err = disk_place(p, key, name, t->where[0] == '/' ? NULL : t->where, t->fstype, p->r.conf->path);
	free(name);
	return err;
}

static int target_raw(struct plan *p, const char *key, const struct conf_target *t)
{
	char *name, *lasting = NULL;
	int err = device_find(p->r.root, t->where, &name);

	if (err)
		return err;
	err = want_block(p, name);
	/* Not by what is on it: that is overwritten. */
	if (!err)
		err = device_lasting_name(p->r.root, name, false, &lasting);
	if (!err) {
		const char *const words[] = { key, lasting, NULL };

		err = add_fact(&p->places, "raw", words);
	}
	free(lasting);
	free(name);
	return err;
}

static int target_nfs(struct plan *p, const char *key, const struct conf_target *t)
{
	return nfs_place(p, key, t->where, NULL, p->r.conf->path);
}

static int target_ssh(struct plan *p, const char *key, const struct conf_target *t)
{
	(void)key;
	p->ssh = true;
	return want_server_of(p, t->where);
}

static int target_https(struct plan *p, const char *key, const struct conf_target *t)
{
	(void)key;
	p->web = true;
	return want_server_of(p, t->where);
}

/* Without an endpoint it is Amazon's, whose servers are many: the name is asked for again in the capture kernel. */
static int target_s3(struct plan *p, const char *key, const struct conf_target *t)
{
	const char *region = p->r.conf->s3_region;
	char *server;
	int err;

	(void)key;
	(void)t;
	p->web = true;
	if (p->r.conf->s3_endpoint)
		return want_server_of(p, p->r.conf->s3_endpoint);
	if (asprintf(&server, "s3.%s.amazonaws.com", region ? region : "us-east-1") < 0)
		return no_memory();
	err = want_server(p, server);
	free(server);
	return err;
}

static int (*const handlers[])(struct plan *p, const char *key, const struct conf_target *t) = {
	[CONF_LOCAL] = target_local, [CONF_FS] = target_fs, [CONF_RAW] = target_raw, [CONF_NFS] = target_nfs,
	[CONF_SSH] = target_ssh, [CONF_HTTPS] = target_https, [CONF_S3] = target_s3,
};

static int one_target(struct plan *p, size_t i)
{
	const struct conf_target *t = &p->r.conf->target[i];
	char key[32];
	int err;

	snprintf(key, sizeof(key), "target%zu", i);
	err = handlers[t->kind](p, key, t);
	if (!err || err == -ENOMEM)
		return err;
	if (!t->line)
		return fail_ctx(err, "target");
	return fail_ctx(err, "%s:%u: target %s", p->r.conf_name, t->line, t->where ? t->where : p->r.conf->path);
}

/* Nodes of a cluster that are told about the dump. One that has no address now is no reason to have no dump. */
static int want_nodes(struct plan *p)
{
	char *copy = strdup(p->r.conf->fence_kdump_nodes ? p->r.conf->fence_kdump_nodes : ""), *save = NULL;
	int err = copy ? 0 : no_memory();

	for (char *node = copy ? strtok_r(copy, " \t", &save) : NULL; node && !err;
	     node = strtok_r(NULL, " \t", &save)) {
		err = want_server(p, node);
		if (err && err != -ENOMEM) {
			warn("fence_kdump_nodes: %s", err_text());
			err_clear();
			err = 0;
		}
	}
	free(copy);
	return err;
}

/* What may be otherwise in a minute: a name server that is silent, a cable, a disk that is away. */
static bool is_passing(int err)
{
	return err == -EHOSTUNREACH || err == -ENETUNREACH || err == -ENODEV;
}

/*
 * With one target that can be reached there is a dump. To have no capture kernel because a second one is away today
 * would be a bad trade, so that one is left out, and said.
 */
static int all_targets(struct plan *p)
{
	const size_t nr = p->r.conf->nr_targets;
	char **why = calloc(nr ? nr : 1, sizeof(*why));
	int err = why ? 0 : no_memory(), first = 0;

	for (size_t i = 0; !err && i < nr; i++) {
		err = one_target(p, i);
		if (!is_passing(err))
			continue;
		first = first ? first : err;
		why[p->left_out] = strdup(err_text());
		err = why[p->left_out++] ? 0 : no_memory();
		err_clear();
	}
	if (!err && nr && p->left_out == nr)
		err = fail(first, "%s", why[0]);
	for (size_t i = 0; !err && i < p->left_out; i++)
		warn("%s; it is left out until the initramfs is built again", why[i]);
	for (size_t i = 0; why && i < p->left_out; i++)
		free(why[i]);
	free(why);
	return err;
}

int plan_targets(struct plan *p)
{
	int err = all_targets(p);

	if (!err && p->r.conf->failure_action == CONF_DUMP_TO_ROOTFS) {
		err = local_place(p, "root", "/", p->r.conf->path);
		if (err)
			err = fail_ctx(err, "failure_action dump_to_rootfs");
	}
	if (!err)
		err = want_nodes(p);
	if (!err && p->reaches_out)
		err = network_nameservers(p->r.root, &p->network);
	return err;
}
