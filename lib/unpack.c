/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "lib/unpack.h"

#include "lib/err.h"
#include "lib/unpack_codec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const struct unpack_support unpack_support[] = {
	{ "gzip", "zlib", ZLIB_BUILT_IN },
	{ "xz", "liblzma", LZMA_BUILT_IN },
	{ "zstd", "libzstd", ZSTD_BUILT_IN },
	{ "lzma", "liblzma", LZMA_BUILT_IN },
	{ "lz4", "liblz4", LZ4_BUILT_IN },
	{ NULL, NULL, false },
};

struct format {
	const char *name;
	const char *library;   /* NULL: no library will help, we do not know the format any further */
	bool (*is)(const struct view *in);
	unpack_codec *codec;   /* NULL: not built in */
	bool skippable;        /* streams may be led and parted by skippable frames */
};

static bool is_gzip(const struct view *in)
{
	return view_has(in, 0, "\x1f\x8b\x08", 3);
}

static bool is_xz(const struct view *in)
{
	return view_has(in, 0, "\xfd" "7zXZ\0", 6);
}

static bool is_zstd(const struct view *in)
{
	return view_has(in, 0, "\x28\xb5\x2f\xfd", 4);
}

static bool is_lz4(const struct view *in)
{
	return view_has(in, 0, "\x04\x22\x4d\x18", 4);
}

static bool is_lz4_legacy(const struct view *in)
{
	return view_has(in, 0, "\x02\x21\x4c\x18", 4);
}

/*
 * The "alone" format has no magic number. Its header is a property byte, the dictionary's size and the data's size;
 * like the xz tools we take only what an encoder writes: a dictionary of 2^n or 2^n + 2^(n-1) bytes, and less than
 * 256 GiB of data or "unknown". The first instruction of a kernel image never looks like that.
 */
static bool is_lzma(const struct view *in)
{
	struct cursor c = cursor_at(in, 0);
	unsigned int properties = cursor_u8(&c);
	uint32_t dictionary = cursor_u32(&c), high_bit;
	uint64_t len = cursor_u64(&c);

	if (c.bad || properties >= 9 * 5 * 5 || dictionary < 4096)
		return false;
	high_bit = 1u << (31 - __builtin_clz(dictionary));
	if (dictionary != high_bit && dictionary != high_bit + high_bit / 2 && dictionary != UINT32_MAX)
		return false;
	return len == UINT64_MAX || len < 1ull << 38;
}

static bool is_bzip2(const struct view *in)
{
	return view_has(in, 0, "BZh", 3) && view_has(in, 4, "1AY&SY", 6);
}

static bool is_lzop(const struct view *in)
{
	return view_has(in, 0, "\x89LZO\0\r\n\x1a\n", 9);
}

/* lzma last: its test is the weakest. */
static const struct format formats[] = {
	{ "gzip", "zlib", is_gzip, unpack_gzip, false },
	{ "xz", "liblzma", is_xz, unpack_xz, false },
	{ "zstd", "libzstd", is_zstd, unpack_zstd, true },
	{ "lz4", "liblz4", is_lz4, unpack_lz4, true },
	{ "lz4", "liblz4", is_lz4_legacy, unpack_lz4_legacy, true },
	{ "bzip2", NULL, is_bzip2, NULL, false },
	{ "lzop", NULL, is_lzop, NULL, false },
	{ "lzma", "liblzma", is_lzma, unpack_lzma, false },
};

static const struct format *find_format(const struct view *in)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].is(in))
			return &formats[i];
	}
	return NULL;
}

int unpack_damaged(const struct unpack_job *job, const char *why)
{
	return fail(-EINVAL, "%s: the %s data is damaged: %s", job->name, job->format, why);
}

int unpack_truncated(const struct unpack_job *job)
{
	return fail(-EINVAL, "%s is truncated: its %s data does not stop within its %" PRIu64 " bytes", job->name,
		    job->format, job->in_len);
}

int unpack_too_large(const struct unpack_job *job)
{
	return fail(-EFBIG, "%s: its %s data unpacks to more than the limit of %" PRIu64 " bytes", job->name,
		    job->format, job->max);
}

int unpack_no_memory(const struct unpack_job *job, uint64_t bytes)
{
	return fail(-ENOMEM, "%s: out of memory for %" PRIu64 " bytes when unpacking its %s data", job->name, bytes,
		    job->format);
}

static size_t round_to_pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return n > SIZE_MAX - (page - 1) ? 0 : (n + page - 1) & ~(page - 1);
}

/*
 * Memory that was never written costs nothing, and mremap() moves page tables, not bytes: so the output grows by
 * doubling, and yet the peak stays at what was really unpacked.
 */
int unpack_room(struct unpack_job *job, size_t want)
{
	size_t need, cap;
	void *map;

	if (job->len > job->max)
		return unpack_too_large(job);
	if (want <= job->cap - job->len)
		return 0;
	if (__builtin_add_overflow(job->len, want, &need))
		return unpack_no_memory(job, UINT64_MAX);
	if (__builtin_mul_overflow(job->cap, (size_t)2, &cap) || cap > job->max || cap < need)
		cap = need;
	cap = round_to_pages(cap);
	if (!cap)
		return unpack_no_memory(job, need);
	if (job->map)
		map = mremap(job->map, job->cap, cap, MREMAP_MAYMOVE);
	else
		map = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return unpack_no_memory(job, cap);
	job->map = map;
	job->cap = cap;
	return 0;
}

static bool all_zero(struct cursor c)
{
	while (cursor_left(&c)) {
		if (cursor_u8(&c))
			return false;
	}
	return true;
}

/*
 * Kernel builds append the unpacked size to some formats, 32 bits, little endian: scripts/Makefile.lib,
 * size_append.
 */
bool unpack_is_padding(const struct unpack_job *job, const struct view *in)
{
	struct cursor c = cursor_at(in, 0);

	if (all_zero(c))
		return true;
	return cursor_u32(&c) == (uint32_t)job->len && !c.bad && all_zero(c);
}

/*
 * Skippable frames, common to zstd and lz4: magic number 0x184d2a50..5f, a length, and that many bytes for others.
 */
static void skip_skippable(struct view *in)
{
	for (;;) {
		struct cursor c = cursor_at(in, 0);
		uint32_t magic = cursor_u32(&c);

		cursor_skip(&c, cursor_u32(&c));
		if (c.bad || (magic & ~0xfu) != 0x184d2a50 || view_sub(in, c.pos, cursor_left(&c), in))
			return;
	}
}

static void skip_zeros(struct view *in)
{
	struct cursor c = cursor_at(in, 0), next = c;

	while (cursor_left(&next) && !cursor_u8(&next))
		c = next;
	view_sub(in, c.pos, cursor_left(&c), in);
}

/*
 * Bytes behind the last stream. Signatures are appended to kernels, and a checksum says that what was unpacked is
 * whole: go on. Without a checksum these bytes may be the only trace of a damaged stream that stopped too early.
 */
static int judge_rest(const struct unpack_job *job, const struct view *rest)
{
	if (!job->verified)
		return fail(-EINVAL, "%s: %" PRIu64 " bytes that are no %s data follow the %s data, which has no "
			    "checksum: it may be damaged", job->name, rest->len, job->format, job->format);
	warn("%s: ignoring %" PRIu64 " bytes behind the %s data", job->name, rest->len, job->format);
	return 0;
}

static int unpack_streams(struct unpack_job *job, const struct format *format, struct view rest)
{
	const struct format *next;
	uint64_t used;
	int err;

	for (;;) {
		err = format->codec(job, &rest, &used);
		if (!err && job->len > job->max)
			err = unpack_too_large(job);
		if (!err)
			err = view_sub(&rest, used, rest.len - used, &rest);
		if (err || unpack_is_padding(job, &rest))
			return err;
		skip_zeros(&rest);
		if (format->skippable)
			skip_skippable(&rest);
		if (!rest.len)
			return 0;
		next = find_format(&rest);
		if (!next || strcmp(next->name, format->name))
			return judge_rest(job, &rest);
		format = next;
	}
}

/* Give back the pages that hold no output, and clear what a codec may have left behind it in the last one. */
static int trim(struct unpack_job *job)
{
	size_t keep;
	void *map;
	int err;

	/* An empty output has a page too, so that the view has a base. */
	err = unpack_room(job, 1);
	if (err)
		return err;
	keep = round_to_pages(job->len ? job->len : 1);
	if (keep < job->cap) {
		map = mremap(job->map, job->cap, keep, 0);
		if (map == MAP_FAILED)
			return unpack_no_memory(job, keep);
		job->cap = keep;
	}
	memset(job->map + job->len, 0, job->cap - job->len);
	return 0;
}

int unpack(const struct view *in, uint64_t max, struct unpacked *out)
{
	struct unpack_job job = { .name = in->name ? in->name : "input", .in_len = in->len, .max = max };
	struct view rest = *in;
	const struct format *format;
	int err;

	rest.big_endian = false;
	skip_skippable(&rest);
	format = find_format(&rest);
	if (!format || (rest.base != in->base && !format->skippable))
		return -ENOEXEC;
	job.format = format->name;
	if (!format->library)
		return fail(-ENOTSUP, "%s is compressed with %s, which cannot be unpacked here: unpack it first",
			    job.name, format->name);
	if (!format->codec)
		return fail(-ENOTSUP, "%s is compressed with %s, and this build has no %s: unpack it first", job.name,
			    format->name, format->library);

	err = unpack_streams(&job, format, rest);
	if (!err)
		err = trim(&job);
	if (err) {
		if (job.map)
			munmap(job.map, job.cap);
		return err;
	}
	*out = (struct unpacked){
		.view = view_of(job.map, job.len, in->name),
		.map = job.map,
		.map_len = job.cap,
		.format = format->name,
	};
	debug("%s: %s, %" PRIu64 " bytes unpacked to %zu", job.name, job.format, job.in_len, job.len);
	return 0;
}

void unpacked_release(struct unpacked *out)
{
	if (out->map)
		munmap(out->map, out->map_len);
	*out = (struct unpacked){ .map = NULL };
}
