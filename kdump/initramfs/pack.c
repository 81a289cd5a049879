// SPDX-License-Identifier: GPL-2.0-or-later
#include "config.h"

#include "kdump/initramfs/pack.h"

#include "kdump/initramfs/cpio.h"
#include "lib/err.h"
#include "lib/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#ifdef HAVE_ZSTD
/*
 * The kernel keeps a window while it unpacks, in memory that a capture kernel is short of: 2 MiB
 * (lib/decompress_unzstd.c) cost 1 % of size. One thread, for output does not depend on the number of CPUs then.
 */
static int pack_zstd(const struct blob *in, struct blob *out)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(in->len), n;
	int err = c ? blob_reserve(out, room) : fail(-ENOMEM, "out of memory for zstd");

	if (!err) {
		ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 19);
		ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 21);
		ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
		n = ZSTD_compress2(c, out->data + out->len, room, in->data, in->len);
		if (ZSTD_isError(n))
			err = fail(-ENOMEM, "zstd: %s", ZSTD_getErrorName(n));
		else
			out->len += n;
	}
	ZSTD_freeCCtx(c);
	return err;
}
#else
#define pack_zstd NULL
#endif

#ifdef HAVE_LZMA
/* lib/xz of the kernel knows no other check than CRC32 (Documentation/staging/xz.rst). */
static int pack_xz(const struct blob *in, struct blob *out)
{
	size_t room = lzma_stream_buffer_bound(in->len), at = 0;
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	int err = blob_reserve(out, room);
	lzma_ret ret;

	if (err)
		return err;
	if (lzma_lzma_preset(&options, 6))
		return fail(-EINVAL, "liblzma knows no level 6");
	options.dict_size = 1u << 20;
	ret = lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in->data, in->len, out->data + out->len, &at,
					room);
	if (ret != LZMA_OK)
		return fail(-ENOMEM, "liblzma: error %d", (int)ret);
	out->len += at;
	return 0;
}
#else
#define pack_xz NULL
#endif

#ifdef HAVE_ZLIB
static int pack_gzip(const struct blob *in, struct blob *out)
{
	z_stream z = { 0 };
	int err, ret;
	size_t room;

	if (in->len > UINT32_MAX)
		return fail(-EFBIG, "%zu bytes are more than gzip takes in one piece", in->len);
	/* 15 + 16: the largest window, a gzip header, which zlib writes without a time. */
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return fail(-ENOMEM, "out of memory for zlib");
	room = deflateBound(&z, (uLong)in->len);
	err = blob_reserve(out, room);
	if (!err) {
		z.next_in = in->data;
		z.avail_in = (uInt)in->len;
		z.next_out = out->data + out->len;
		z.avail_out = (uInt)room;
		ret = deflate(&z, Z_FINISH);
		if (ret != Z_STREAM_END)
			err = fail(-ENOMEM, "zlib: error %d", ret);
		else
			out->len += z.total_out;
	}
	deflateEnd(&z);
	return err;
}
#else
#define pack_gzip NULL
#endif

static int pack_none(const struct blob *in, struct blob *out)
{
	return blob_append(out, in->data, in->len);
}

/* "none" is the last but one; the last has a null name. */
static const struct packing packings[] = {
	{ "zstd", "CONFIG_RD_ZSTD", pack_zstd },
	{ "xz", "CONFIG_RD_XZ", pack_xz },
	{ "gzip", "CONFIG_RD_GZIP", pack_gzip },
	{ "none", NULL, pack_none },
	{ NULL, NULL, NULL },
};

int packing_find(const char *name, const struct packing **p)
{
	for (size_t i = 0; packings[i].name; i++) {
		if (strcmp(packings[i].name, name))
			continue;
		if (!packings[i].pack)
			return fail(-ENOTSUP, "this build cannot pack with %s", name);
		*p = &packings[i];
		return 0;
	}
	return fail(-EINVAL, "\"%s\" is none of zstd, xz, gzip, none", name);
}

static bool has_option(const struct blob *config, const char *option)
{
	const char *at = (const char *)config->data;
	size_t n = strlen(option);

	while ((at = strstr(at, option))) {
		if ((at == (const char *)config->data || at[-1] == '\n') && !strncmp(at + n, "=y", 2))
			return true;
		at += n;
	}
	return false;
}

/* zstd is taken only where the configuration says so: kernels before 5.9 do not know it. */
int packing_choose(const struct root *root, const char *release, const struct packing **p)
{
	struct blob config;
	char *path;
	int err;
	bool known;

	if (asprintf(&path, "boot/config-%s", release) < 0)
		return fail(-ENOMEM, "out of memory");
	blob_init(&config);
	known = root_exists(root, path);
	err = known ? root_read(root, path, ROOT_READ_MAX, &config) : 0;
	free(path);
	for (size_t i = 0; !err && packings[i].name; i++) {
		*p = &packings[i];
		if (!packings[i].pack)
			continue;
		if (!packings[i].config || (known ? has_option(&config, packings[i].config) : i > 0))
			break;
	}
	blob_deinit(&config);
	return err;
}

/* More than any reservation: an image that unpacks to more is no use. */
#define UNPACKED_MAX (2ull << 30)

static int read_archives(const struct view *v, struct tree *t, uint64_t *unpacked, unsigned int depth);

static int read_packed(const struct view *rest, struct tree *t, uint64_t *unpacked, unsigned int depth)
{
	struct unpacked u;
	int err = depth ? -ENOEXEC : unpack(rest, UNPACKED_MAX, &u);

	if (err == -ENOEXEC)
		return fail(-EINVAL, "%s is no initramfs: neither a cpio archive nor a packed one", rest->name);
	if (err)
		return err;
	err = read_archives(&u.view, t, unpacked, depth + 1);
	unpacked_release(&u);
	return err;
}

/* Archives follow each other, zeros between them; a packed one takes all that is left. */
static int read_archives(const struct view *v, struct tree *t, uint64_t *unpacked, unsigned int depth)
{
	struct cursor c = cursor_at(v, 0);
	bool some = false;

	for (;;) {
		struct view rest;
		uint64_t start;
		int err;

		while (c.pos < v->len && !v->base[c.pos])
			c.pos++;
		start = c.pos;
		if (start == v->len)
			return some ? 0 : fail(-EINVAL, "%s is no initramfs: it is empty", v->name);
		if (!cpio_is(v, start)) {
			err = view_sub(v, start, v->len - start, &rest);
			return err ? err : read_packed(&rest, t, unpacked, depth);
		}
		err = cpio_read(&c, t);
		if (err)
			return err;
		*unpacked += c.pos - start;
		some = true;
	}
}

int image_read(const struct view *image, struct tree *t, uint64_t *unpacked)
{
	struct tree read;
	uint64_t bytes = 0;
	int err;

	tree_init(&read);
	err = read_archives(image, &read, &bytes, 0);
	if (err) {
		tree_deinit(&read);
		return err;
	}
	*t = read;
	*unpacked = bytes;
	return 0;
}
