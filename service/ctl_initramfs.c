// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/ctl.h"

#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dracut on a slow machine takes minutes. */
#define BUILD_MS (15 * 60 * 1000)
#define LOOK_MS (60 * 1000)

/* ---- which files ---- */

static int try_kernel(const struct ctl *ctl, char **kernel, struct blob *tried, const char *folder,
		      const char *img, const char *dash, const char *release, const char *ext)
{
	char *path;
	int err;

	if (*kernel)
		return 0;
	if (asprintf(&path, "%s%s/%s%s%s%s", ctl->sysroot ? ctl->sysroot : "", folder, img, dash, release, ext) < 0)
		return fail(-ENOMEM, "no memory for a path");
	if (!access(path, R_OK)) {
		*kernel = path;
		return 0;
	}
	err = blob_append(tried, tried->len ? ", " : "", tried->len ? 2 : 0);
	if (!err)
		err = blob_append(tried, path, strlen(path));
	free(path);
	return err;
}

/* Distributions put it into /boot; some keep it beside its modules only. */
static int find_kernel(struct capture_files *f, const struct ctl *ctl, const struct conf *conf)
{
	const char *ext = conf->img_ext ? conf->img_ext : "", *img = conf->img ? conf->img : "vmlinuz";
	char *modules = NULL;
	struct blob tried;
	int err;

	blob_init(&tried);
	err = try_kernel(ctl, &f->kernel, &tried, conf->bootdir ? conf->bootdir : "/boot", img, "-", f->release, ext);
	if (!err && !conf->bootdir && !conf->img) {
		if (asprintf(&modules, "/lib/modules/%s", f->release) < 0)
			err = fail(-ENOMEM, "no memory for a path");
		if (!err)
			err = try_kernel(ctl, &f->kernel, &tried, modules, "vmlinuz", "", "", "");
		free(modules);
	}
	if (!err && !f->kernel)
		err = fail(-ENOENT, "the kernel %s is not there to be the capture kernel (%s); install its package, "
			   "or name another one with KDUMP_KERNELVER in %s", f->release,
			   (const char *)tried.data, CONF_DEFAULT);
	blob_deinit(&tried);
	return err;
}

int capture_files_find(struct capture_files *f, const struct ctl *ctl, const struct conf *conf, const struct machine *m)
{
	struct capture_files new = { 0 };
	int err;

	new.release = strdup(conf->kernelver ? conf->kernelver : m->release);
	if (!new.release || asprintf(&new.initramfs, "%s%s/initrd.img-%s", ctl->sysroot ? ctl->sysroot : "",
				     CTL_INITRAMFS_DIR, new.release) < 0) {
		new.initramfs = NULL;
		err = fail(-ENOMEM, "no memory for a path");
	} else {
		err = find_kernel(&new, ctl, conf);
	}
	if (err)
		capture_files_deinit(&new);
	else
		*f = new;
	return err;
}

void capture_files_deinit(struct capture_files *f)
{
	free(f->release);
	free(f->kernel);
	free(f->initramfs);
	*f = (struct capture_files){ 0 };
}

/* ---- kdump mkinitramfs ---- */

static int mkinitramfs(const struct ctl *ctl, const struct capture_files *f, const char *mode, uint64_t timeout_ms,
		       struct blob *out, int *status)
{
	struct argv a = { 0 };
	char *conf = ctl_conf_path(ctl);
	int err;

	argv_add(&a, "kdump");
	argv_add(&a, "mkinitramfs");
	if (ctl->sysroot) {
		argv_add(&a, "--sysroot");
		argv_add(&a, "%s", ctl->sysroot);
	}
	argv_add(&a, "--conf");
	argv_add(&a, "%s", conf ? conf : "");
	argv_add(&a, "--kernel");
	argv_add(&a, "%s", f->release);
	argv_add(&a, "%s", mode);
	argv_add(&a, "%s", f->initramfs);
	err = conf ? argv_run(&a, timeout_ms, out, status) : -ENOMEM;
	argv_deinit(&a);
	free(conf);
	return err;
}

int initramfs_is_stale(const struct ctl *ctl, const struct capture_files *f, char **why)
{
	struct blob out;
	int status, err;

	blob_init(&out);
	err = mkinitramfs(ctl, f, "--stale", LOOK_MS, &out, &status);
	if (!err && status && why)
		*why = ctl_last_line(&out);
	/* One that cannot be told to be fresh is built again. */
	if (err && why)
		*why = strdup(err_text());
	if (err)
		err_clear();
	blob_deinit(&out);
	return err || status;
}

int initramfs_build(const struct ctl *ctl, const struct capture_files *f)
{
	struct blob out;
	int status, err = ctl_make_folder(ctl, CTL_INITRAMFS_DIR, 0700);

	blob_init(&out);
	if (!err)
		err = mkinitramfs(ctl, f, "-f", BUILD_MS, &out, &status);
	if (!err && out.len)
		fwrite(out.data, 1, out.len, stderr);
	if (!err && status)
		err = fail(-EIO, "the capture initramfs %s was not built: kdump mkinitramfs ended with %d, see above",
			   f->initramfs, status);
	if (!err && access(f->initramfs, R_OK))
		err = fail(-EIO, "kdump mkinitramfs says that it is done, but there is no %s", f->initramfs);
	blob_deinit(&out);
	return err;
}

int initramfs_check(const struct ctl *ctl, const struct capture_files *f, struct blob *out, int *status)
{
	return mkinitramfs(ctl, f, "--check", LOOK_MS, out, status);
}
