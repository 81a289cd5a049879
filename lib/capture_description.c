// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/capture_description.h"

#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_OFF 24
#define SIZE_OFF 28
#define CHECKSUM_OFF 32
#define REGIONS_OFF 136
#define SEGMENTS_OFF (REGIONS_OFF + CAPD_MAX_CRASH_REGIONS * sizeof(struct capd_crash_region))

_Static_assert(offsetof(struct capture_description, version) == VERSION_OFF, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, size) == SIZE_OFF, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, checksum) == CHECKSUM_OFF, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, paddr) == 64, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, machine) == 80, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, elfcorehdr_paddr) == 96, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, nr_crash_regions) == 128, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, crash_regions) == REGIONS_OFF, "doc/formats.md");
_Static_assert(offsetof(struct capture_description, segments) == SEGMENTS_OFF, "doc/formats.md");
_Static_assert(offsetof(struct capd_segment, purpose) == 32 && offsetof(struct capd_segment, digest) == 56,
	       "doc/formats.md");
_Static_assert(sizeof(struct capd_crash_region) == 16, "doc/formats.md");
_Static_assert(sizeof(struct capd_pointer) == CAPD_POINTER_BYTES, "doc/formats.md");

/* How much is read at once: for digests, and when searching. */
#define CHUNK (1u << 20)
/* Flipped bits that leave a magic recognisable. */
#define RESEMBLES_BITS 8u
#define SCAN_CHUNK (16u * CAPD_BYTES)

static void put_magic(uint8_t *out)
{
	memset(out, 0, CAPD_MAGIC_BYTES);
	memcpy(out, CAPD_MAGIC, sizeof(CAPD_MAGIC));
}

static bool has_magic(const struct view *v, uint64_t off)
{
	uint8_t magic[CAPD_MAGIC_BYTES];

	put_magic(magic);
	return view_has(v, off, magic, sizeof(magic));
}

/* The checksum counts itself as zero. */
static void checksum(const uint8_t *bytes, uint8_t digest[SHA256_BYTES])
{
	static const uint8_t zero[SHA256_BYTES];
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, bytes, CHECKSUM_OFF);
	sha256_update(&s, zero, sizeof(zero));
	sha256_update(&s, bytes + CHECKSUM_OFF + sizeof(zero), CAPD_BYTES - CHECKSUM_OFF - sizeof(zero));
	sha256_final(&s, digest);
}

static void put_segment(const struct capd_segment *seg, bool be, uint8_t *out)
{
	put_u64(out + offsetof(struct capd_segment, paddr), seg->paddr, be);
	put_u64(out + offsetof(struct capd_segment, len), seg->len, be);
	put_u64(out + offsetof(struct capd_segment, memsz), seg->memsz, be);
	put_u64(out + offsetof(struct capd_segment, flags), seg->flags, be);
	memcpy(out + offsetof(struct capd_segment, purpose), seg->purpose, sizeof(seg->purpose));
	memcpy(out + offsetof(struct capd_segment, digest), seg->digest, sizeof(seg->digest));
}

#define AT(out, member) ((out) + offsetof(struct capture_description, member))

void capd_build(const struct capture_description *d, bool be, uint8_t out[CAPD_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	memset(out, 0, CAPD_BYTES);
	put_magic(out);
	put_u32(AT(out, version), CAPD_VERSION, be);
	put_u32(AT(out, size), CAPD_BYTES, be);
	put_u64(AT(out, paddr), d->paddr, be);
	put_u64(AT(out, loaded_at), d->loaded_at, be);
	put_u32(AT(out, machine), d->machine, be);
	put_u32(AT(out, page_bytes), d->page_bytes, be);
	put_u32(AT(out, policy), d->policy, be);
	put_u32(AT(out, flags), d->flags, be);
	put_u64(AT(out, elfcorehdr_paddr), d->elfcorehdr_paddr, be);
	put_u64(AT(out, elfcorehdr_len), d->elfcorehdr_len, be);
	put_u64(AT(out, vmcoreinfo_paddr), d->vmcoreinfo_paddr, be);
	put_u64(AT(out, vmcoreinfo_len), d->vmcoreinfo_len, be);
	put_u32(AT(out, nr_crash_regions), d->nr_crash_regions, be);
	put_u32(AT(out, nr_segments), d->nr_segments, be);
	for (uint32_t i = 0; i < d->nr_crash_regions && i < CAPD_MAX_CRASH_REGIONS; i++) {
		uint8_t *at = out + REGIONS_OFF + i * sizeof(struct capd_crash_region);

		put_u64(at, d->crash_regions[i].start, be);
		put_u64(at + 8, d->crash_regions[i].len, be);
	}
	for (uint32_t i = 0; i < d->nr_segments && i < CAPD_MAX_SEGMENTS; i++)
		put_segment(&d->segments[i], be, out + SEGMENTS_OFF + i * sizeof(struct capd_segment));
	checksum(out, digest);
	memcpy(AT(out, checksum), digest, sizeof(digest));
}

void capd_pointer_build(uint64_t paddr, bool big_endian, uint8_t out[CAPD_POINTER_BYTES])
{
	put_magic(out);
	put_u64(out + offsetof(struct capd_pointer, paddr), paddr, big_endian);
}

bool capd_is(const struct view *page)
{
	return has_magic(page, 0);
}

/*
 * The magic but for a few bits: a description whose first bytes are what is damaged. Nothing else looks so by chance.
 */
static bool resembles(const uint8_t *page)
{
	uint8_t magic[CAPD_MAGIC_BYTES];
	unsigned int differ = 0;

	put_magic(magic);
	for (size_t i = 0; i < sizeof(magic) && differ <= RESEMBLES_BITS; i++)
		differ += __builtin_popcount(page[i] ^ magic[i]);
	return differ && differ <= RESEMBLES_BITS;
}

static int no_sense(const char *what)
{
	return fail(-EINVAL, "the description of the capture kernel makes no sense: %s", what);
}

static bool wraps(uint64_t start, uint64_t len)
{
	return !len || len - 1 > UINT64_MAX - start;
}

static bool in_crash_region(const struct capture_description *d, const struct capd_segment *seg)
{
	for (uint32_t i = 0; i < d->nr_crash_regions; i++) {
		const struct capd_crash_region *r = &d->crash_regions[i];

		if (seg->paddr >= r->start && seg->memsz <= r->len && seg->paddr - r->start <= r->len - seg->memsz)
			return true;
	}
	return false;
}

static int check(const struct capture_description *d)
{
	if (d->paddr % CAPD_BYTES)
		return no_sense("its address is not a page's");
	if (d->nr_crash_regions > CAPD_MAX_CRASH_REGIONS || d->nr_segments > CAPD_MAX_SEGMENTS)
		return no_sense("a count is too large");
	for (uint32_t i = 0; i < d->nr_crash_regions; i++)
		if (wraps(d->crash_regions[i].start, d->crash_regions[i].len))
			return no_sense("a crash region is empty or wraps around");
	for (uint32_t i = 0; i < d->nr_segments; i++) {
		const struct capd_segment *seg = &d->segments[i];

		if (wraps(seg->paddr, seg->memsz) || seg->len > seg->memsz)
			return no_sense("a segment is empty, wraps around or is longer than its memory");
		if (!memchr(seg->purpose, 0, sizeof(seg->purpose)))
			return no_sense("the name of a segment does not end");
		if (!in_crash_region(d, seg))
			return no_sense("a segment lies in no crash region");
		if (i && (seg->paddr < d->segments[i - 1].paddr ||
			  seg->paddr - d->segments[i - 1].paddr < d->segments[i - 1].memsz))
			return no_sense("segments overlap or are not in the order of their addresses");
	}
	return 0;
}

static void get_bytes(struct cursor *c, void *to, size_t n)
{
	const uint8_t *from = cursor_bytes(c, n);

	if (from)
		memcpy(to, from, n);
}

static void get_fields(struct cursor *c, struct capture_description *d)
{
	get_bytes(c, d->magic, sizeof(d->magic));
	d->version = cursor_u32(c);
	d->size = cursor_u32(c);
	get_bytes(c, d->checksum, sizeof(d->checksum));
	d->paddr = cursor_u64(c);
	d->loaded_at = cursor_u64(c);
	d->machine = cursor_u32(c);
	d->page_bytes = cursor_u32(c);
	d->policy = cursor_u32(c);
	d->flags = cursor_u32(c);
	d->elfcorehdr_paddr = cursor_u64(c);
	d->elfcorehdr_len = cursor_u64(c);
	d->vmcoreinfo_paddr = cursor_u64(c);
	d->vmcoreinfo_len = cursor_u64(c);
	d->nr_crash_regions = cursor_u32(c);
	d->nr_segments = cursor_u32(c);
	for (size_t i = 0; i < CAPD_MAX_CRASH_REGIONS; i++) {
		d->crash_regions[i].start = cursor_u64(c);
		d->crash_regions[i].len = cursor_u64(c);
	}
	for (size_t i = 0; i < CAPD_MAX_SEGMENTS; i++) {
		struct capd_segment *seg = &d->segments[i];

		seg->paddr = cursor_u64(c);
		seg->len = cursor_u64(c);
		seg->memsz = cursor_u64(c);
		seg->flags = cursor_u64(c);
		get_bytes(c, seg->purpose, sizeof(seg->purpose));
		get_bytes(c, seg->digest, sizeof(seg->digest));
	}
}

int capd_parse(const struct view *page, struct capture_description *d)
{
	struct capture_description new = { .version = 0 };
	uint8_t digest[SHA256_BYTES];
	struct view v = *page;
	struct cursor c;
	int err;

	if (!capd_is(page))
		return -ENOEXEC;
	if (page->len < CAPD_BYTES)
		return fail(-EINVAL, "the description of the capture kernel is cut off");
	checksum(page->base, digest);
	if (!view_has(page, CHECKSUM_OFF, digest, sizeof(digest)))
		return fail(-EINVAL, "the description of the capture kernel is damaged: its checksum does not match");
	/* The size, the same in every version, tells the byte order. */
	v.big_endian = get_u32(page->base + SIZE_OFF, true) == CAPD_BYTES;
	c = cursor_at(&v, 0);
	get_fields(&c, &new);
	if (c.bad || new.size != CAPD_BYTES || new.version != CAPD_VERSION)
		return fail(-ENOTSUP,
			    "the description of the capture kernel has version %" PRIu32 " and %" PRIu32 " bytes; "
			    "version %d is known",
			    new.version, new.size, CAPD_VERSION);
	err = check(&new);
	if (!err)
		*d = new;
	return err;
}

bool capd_pointer_place(const struct view *front, uint64_t paddr, uint64_t *pointer_paddr)
{
	struct elf elf;
	uint64_t bytes;

	if (elf_header(front, &elf)) {
		err_clear();
		return false;
	}
	/* The headers of a vmcore follow the ELF header at once (kexec/corehdr.c). */
	if (elf.type != ET_CORE || elf.phoff != elf_ehdr_size(elf.width) || elf.nr_phdrs >= PN_XNUM)
		return false;
	bytes = elf.phoff + elf.nr_phdrs * elf_phdr_size(elf.width);
	bytes = (bytes + CAPD_POINTER_ALIGN - 1) & ~(uint64_t)(CAPD_POINTER_ALIGN - 1);
	if (bytes > UINT64_MAX - paddr)
		return false;
	*pointer_paddr = paddr + bytes;
	return true;
}

bool capd_pointer_read(capd_read *read, void *ctx, uint64_t pointer_paddr, uint64_t *paddr)
{
	uint8_t bytes[CAPD_POINTER_BYTES] = { 0 };
	struct view v = view_of(bytes, sizeof(bytes), "pointer");
	uint64_t little, big;

	if (read(ctx, pointer_paddr, bytes, sizeof(bytes)) || !has_magic(&v, 0))
		return false;
	/* It is a page's address: of the two readings, the one whose low bits are zero. */
	little = get_u64(bytes + offsetof(struct capd_pointer, paddr), false);
	big = get_u64(bytes + offsetof(struct capd_pointer, paddr), true);
	*paddr = little % CAPD_BYTES ? big : little;
	return true;
}

static void found_damage(struct capd_finder *f, uint64_t paddr)
{
	if (!f->damaged)
		f->damaged_paddr = paddr;
	f->damaged = true;
}

static void found_description(struct capd_finder *f, const struct view *page, uint64_t paddr)
{
	struct capture_description d;
	int err = capd_parse(page, &d);

	if (err) {
		found_damage(f, paddr);
		err_clear();
	} else if (d.paddr == paddr && (!f->found || d.loaded_at > f->d.loaded_at)) {
		f->found = true;
		f->d = d;
	} else if (d.paddr != paddr && (!f->shifted || d.loaded_at > f->shifted_at)) {
		f->shifted = true;
		f->shift = d.paddr - paddr;
		f->shifted_at = d.loaded_at;
	}
}

static void found_headers(struct capd_finder *f, const struct view *front, uint64_t paddr, capd_read *read, void *ctx)
{
	uint64_t pointer, target;
	uint8_t bytes[CAPD_MAGIC_BYTES] = { 0 };
	struct view v = view_of(bytes, sizeof(bytes), "description");

	if (f->astray || !capd_pointer_place(front, paddr, &pointer) ||
	    !capd_pointer_read(read, ctx, pointer, &target) || read(ctx, target, bytes, sizeof(bytes)) || capd_is(&v))
		return;
	f->astray = true;
	f->astray_paddr = target;
}

static void look_at_page(struct capd_finder *f, const uint8_t *page, uint64_t paddr, capd_read *read, void *ctx)
{
	struct view v = view_of(page, CAPD_BYTES, "memory");

	f->nr_pages++;
	if (!page[0] && !resembles(page)) {
		f->nr_zero += !memcmp(page, page + 1, CAPD_BYTES - 1);
		return;
	}
	if (capd_is(&v))
		found_description(f, &v, paddr);
	else if (resembles(page))
		found_damage(f, paddr);
	else if (view_has(&v, 0, ELFMAG, SELFMAG))
		found_headers(f, &v, paddr, read, ctx);
}

/* A chunk that cannot be read as a whole may have pages that can. */
int capd_scan(struct capd_finder *f, uint64_t start, uint64_t last, capd_read *read, void *ctx)
{
	uint8_t *chunk = malloc(SCAN_CHUNK);
	uint64_t left = last - start;      /* one less than the bytes */

	if (!chunk)
		return fail(-ENOMEM, "out of memory for %u bytes", SCAN_CHUNK);
	for (uint64_t at = start;;) {
		size_t now = left < SCAN_CHUNK - 1 ? left + 1 : SCAN_CHUNK;
		bool whole = !read(ctx, at, chunk, now);

		for (size_t off = 0; off + CAPD_BYTES <= now; off += CAPD_BYTES)
			if (whole || !read(ctx, at + off, chunk + off, CAPD_BYTES))
				look_at_page(f, chunk + off, at + off, read, ctx);
		if (left < now)
			break;
		left -= now;
		at += now;
	}
	free(chunk);
	return 0;
}

/* Hash LEN bytes at PADDR. */
static int hash(capd_read *read, void *ctx, uint64_t paddr, uint64_t len, uint8_t *chunk, struct capd_result *result)
{
	struct sha256 s;

	sha256_init(&s);
	while (len) {
		size_t now = len < CHUNK ? len : CHUNK;
		int err = read(ctx, paddr, chunk, now);

		if (err) {
			result->paddr = paddr;
			return err;
		}
		sha256_update(&s, chunk, now);
		paddr += now;
		len -= now;
	}
	sha256_final(&s, result->found);
	return 0;
}

/* Find the first byte from PADDR on that is not zero. */
static int zeros(capd_read *read, void *ctx, uint64_t paddr, uint64_t len, uint8_t *chunk, struct capd_result *result)
{
	while (len) {
		size_t now = len < CHUNK ? len : CHUNK;
		int err = read(ctx, paddr, chunk, now);

		result->paddr = paddr;
		if (err)
			return err;
		if (chunk[0] || memcmp(chunk, chunk + 1, now - 1)) {
			for (size_t i = 0; i < now && !chunk[i]; i++)
				result->paddr++;
			result->padding = true;
			return 0;
		}
		paddr += now;
		len -= now;
	}
	return 0;
}

void capd_verify_segment(const struct capture_description *d, uint32_t idx, capd_read *read, void *ctx,
			 struct capd_result *result)
{
	const struct capd_segment *seg = &d->segments[idx];
	uint8_t *chunk;

	*result = (struct capd_result){ .verdict = CAPD_UNKNOWN };
	if (!(seg->flags & CAPD_SEGMENT_DIGEST))
		return;
	chunk = malloc(CHUNK);
	result->err = chunk ? hash(read, ctx, seg->paddr, seg->len, chunk, result) : -ENOMEM;
	if (!result->err && memcmp(result->found, seg->digest, sizeof(result->found)))
		result->verdict = CAPD_DAMAGED;
	else if (!result->err)
		result->err = zeros(read, ctx, seg->paddr + seg->len, seg->memsz - seg->len, chunk, result);
	if (!result->err && result->verdict != CAPD_DAMAGED)
		result->verdict = result->padding ? CAPD_DAMAGED : CAPD_INTACT;
	free(chunk);
}

enum capd_verdict capd_verify(const struct capture_description *d, capd_read *read, void *ctx,
			      struct capd_result results[CAPD_MAX_SEGMENTS])
{
	enum capd_verdict worst = CAPD_INTACT;

	for (uint32_t i = 0; i < d->nr_segments; i++) {
		capd_verify_segment(d, i, read, ctx, &results[i]);
		if (d->segments[i].flags & CAPD_SEGMENT_DIGEST && results[i].verdict > worst)
			worst = results[i].verdict;
	}
	return worst;
}
