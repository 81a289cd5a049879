// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/raw_mark.h"

#include "lib/err.h"
#include "lib/sha256.h"
#include "lib/view.h"

#include <errno.h>
#include <string.h>

static const uint8_t magic[16] = "PARACHUTE-RAW\n";

#define VERSION 1
/* Offsets in the mark; little endian. */
enum {
	AT_VERSION = 16, AT_STATE = 20, AT_SIZE = 24, AT_TIME = 32, AT_NR = 40, AT_HEAD = 64, AT_FILES = 96,
	AT_DIGEST = RAW_MARK_BYTES - RAW_DIGEST_BYTES,
	FILE_OFF = RAW_NAME_BYTES, FILE_LEN = FILE_OFF + 8, FILE_DIGEST = FILE_LEN + 8, FILE_BYTES = 128,
};
_Static_assert(FILE_DIGEST + RAW_DIGEST_BYTES <= FILE_BYTES, "an entry holds all its fields");
_Static_assert(AT_FILES + RAW_FILES_MAX * FILE_BYTES <= AT_DIGEST, "a mark holds all its entries");

/* Logs of 16 MiB are the largest that people set; small partitions keep an eighth. */
#define FILES_BYTES (24u << 20)
#define ALIGN 4096u

void raw_mark_encode(const struct raw_mark *m, uint8_t bytes[RAW_MARK_BYTES])
{
	memset(bytes, 0, RAW_MARK_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	put_u32(bytes + AT_VERSION, VERSION, false);
	put_u32(bytes + AT_STATE, m->state, false);
	put_u64(bytes + AT_SIZE, m->size, false);
	put_u64(bytes + AT_TIME, m->time, false);
	put_u32(bytes + AT_NR, m->nr, false);
	memcpy(bytes + AT_HEAD, m->head, RAW_DIGEST_BYTES);
	for (unsigned int i = 0; i < m->nr; i++) {
		uint8_t *at = bytes + AT_FILES + i * FILE_BYTES;

		memcpy(at, m->file[i].name, strlen(m->file[i].name));
		put_u64(at + FILE_OFF, m->file[i].off, false);
		put_u64(at + FILE_LEN, m->file[i].len, false);
		memcpy(at + FILE_DIGEST, m->file[i].digest, RAW_DIGEST_BYTES);
	}
	sha256_of(bytes, AT_DIGEST, bytes + AT_DIGEST);
}

/* Names become names of files: nothing that leads elsewhere. */
static bool name_good(const uint8_t *name)
{
	if (!memchr(name, 0, RAW_NAME_BYTES) || !name[0] || name[0] == '.')
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name == '/' || *name >= 0x7f)
			return false;
	return true;
}

static bool decode_file(const uint8_t *at, uint64_t size, struct raw_file *f)
{
	uint64_t space = size - RAW_MARK_BYTES;

	if (!name_good(at))
		return false;
	memcpy(f->name, at, RAW_NAME_BYTES);
	f->off = get_u64(at + FILE_OFF, false);
	f->len = get_u64(at + FILE_LEN, false);
	memcpy(f->digest, at + FILE_DIGEST, RAW_DIGEST_BYTES);
	return f->off <= space && f->len <= space - f->off;
}

bool raw_mark_decode(const uint8_t bytes[RAW_MARK_BYTES], uint64_t size, struct raw_mark *m)
{
	struct raw_mark found = { 0 };
	uint8_t digest[RAW_DIGEST_BYTES];
	uint32_t state = get_u32(bytes + AT_STATE, false);

	sha256_of(bytes, AT_DIGEST, digest);
	if (memcmp(bytes, magic, sizeof(magic)) || memcmp(digest, bytes + AT_DIGEST, sizeof(digest)))
		return false;
	found.nr = get_u32(bytes + AT_NR, false);
	found.size = get_u64(bytes + AT_SIZE, false);
	if (get_u32(bytes + AT_VERSION, false) != VERSION || state > RAW_FETCHED || found.nr > RAW_FILES_MAX ||
	    found.size != size ||
	    size < RAW_SIZE_MIN)
		return false;
	found.state = state;
	found.time = get_u64(bytes + AT_TIME, false);
	memcpy(found.head, bytes + AT_HEAD, RAW_DIGEST_BYTES);
	for (unsigned int i = 0; i < found.nr; i++)
		if (!decode_file(bytes + AT_FILES + i * FILE_BYTES, size, &found.file[i]))
			return false;
	*m = found;
	return true;
}

uint64_t raw_files_off(uint64_t size)
{
	uint64_t files = size / 8 < FILES_BYTES ? size / 8 : FILES_BYTES;

	return (size - RAW_MARK_BYTES - files) / ALIGN * ALIGN;
}

struct raw_file *raw_find(struct raw_mark *m, const char *name)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (!strcmp(m->file[i].name, name))
			return &m->file[i];
	return NULL;
}

struct raw_file *raw_dump(struct raw_mark *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (!m->file[i].off)
			return &m->file[i];
	return NULL;
}

static uint64_t aligned(uint64_t len)
{
	return (len + ALIGN - 1) / ALIGN * ALIGN;
}

void raw_remove(struct raw_mark *m, const char *name)
{
	struct raw_file *f = raw_find(m, name);

	if (!f)
		return;
	m->nr--;
	memmove(f, f + 1, (m->file + m->nr - f) * sizeof(*f));
}

int raw_place(struct raw_mark *m, const char *name, uint64_t len, struct raw_file **file)
{
	uint64_t off = raw_files_off(m->size), last = (m->size - RAW_MARK_BYTES) / ALIGN * ALIGN;
	struct raw_file *f = raw_find(m, name);
	struct raw_file placed = { .len = len };

	if (strlen(name) >= RAW_NAME_BYTES || !name_good((const uint8_t *)name))
		return fail(-ENAMETOOLONG, "%s: is no name for a file on a raw partition", name);
	if (len > last)
		return fail(-ENOSPC, "%s: %llu bytes are more than the partition has", name, (unsigned long long)len);
	if (f && aligned(f->len) >= aligned(len) && f->off) {
		f->len = len;
		*file = f;
		return 0;
	}
	if (f)
		raw_remove(m, name);
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->file[i].off && m->file[i].off + aligned(m->file[i].len) > off)
			off = m->file[i].off + aligned(m->file[i].len);
	if (m->nr == RAW_FILES_MAX || off > last || last - off < len)
		return fail(-ENOSPC, "%s: there is no room for it beside the dump", name);
	strcpy(placed.name, name);
	placed.off = off;
	m->file[m->nr] = placed;
	*file = &m->file[m->nr++];
	return 0;
}
