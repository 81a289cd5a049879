// SPDX-License-Identifier: GPL-2.0-or-later
/* Encrypted files: whatever is done to one, it is noticed, and what is in front of it comes out. */
#include "kdump/transport/crypt.h"
#include "lib/view.h"
#include "tests/unit/test.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

__attribute__((constructor)) static void make_folder(void)
{
	strcpy(folder, "/tmp/test_crypt.XXXXXX");
	if (!mkdtemp(folder))
		abort();
}

__attribute__((destructor)) static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		perror(folder);
}

#ifdef HAVE_SODIUM
static const struct crypt_pair *pair(void)
{
	static struct crypt_pair made;
	static bool has;

	if (!has && crypt_pair_make(at("pair"), &made))
		abort();
	has = true;
	return &made;
}

static uint8_t *some_bytes(size_t len)
{
	uint8_t *bytes = malloc(len ? len : 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = i % 8 ? bytes[i - 1] + 1u : (uint8_t)test_random();
	return bytes;
}

static struct blob encrypted(const void *plain, size_t len)
{
	struct blob b;

	blob_init(&b);
	CHECK_EQ(crypt_whole(pair()->public_key, plain, len, &b), 0);
	return b;
}

/* All of FILE that comes out, into OUT; what stopped it. */
static int decrypt(const struct crypt_pair *keys, const struct blob *file, struct blob *out)
{
	size_t pos = CRYPT_HEADER_BYTES < file->len ? CRYPT_HEADER_BYTES : file->len;
	static uint8_t plain[CRYPT_PLAIN_LEN];
	struct crypt_reader *r;
	int err = crypt_reader_init(&r, keys, file->data, pos);

	blob_init(out);
	if (err)
		return err;
	for (bool last = false; !err && !last;) {
		size_t len = file->len - pos < CRYPT_CHUNK_LEN ? file->len - pos : CRYPT_CHUNK_LEN, plain_len;

		err = crypt_reader_chunk(r, file->data + pos, len, plain, &plain_len, &last);
		if (!err && blob_append(out, plain, plain_len))
			abort();
		pos += len;
	}
	crypt_reader_deinit(r);
	return err;
}

/* The file must fail so, with the first WHOLE chunks of PLAIN before. */
static void check_fails(struct blob *file, const uint8_t *plain, size_t whole, int want, const char *text)
{
	struct blob out;

	CHECK_FAILS(decrypt(pair(), file, &out), want, text);
	CHECK_EQ(out.len, whole * CRYPT_PLAIN_LEN);
	CHECK(!out.len || !memcmp(out.data, plain, out.len));
	blob_deinit(&out);
}

TEST(round_trip)
{
	static const size_t lens[] = { 0,
				       1,
				       4096,
				       CRYPT_PLAIN_LEN - 1,
				       CRYPT_PLAIN_LEN,
				       CRYPT_PLAIN_LEN + 1,
				       2 * CRYPT_PLAIN_LEN,
				       3 * CRYPT_PLAIN_LEN + 17 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		uint8_t *plain = some_bytes(lens[i]);
		struct blob file = encrypted(plain, lens[i]), out;
		size_t chunks = lens[i] ? (lens[i] + CRYPT_PLAIN_LEN - 1) / CRYPT_PLAIN_LEN : 1;

		CHECK_EQ(file.len, CRYPT_HEADER_BYTES + lens[i] + chunks * CRYPT_ADDED_LEN);
		CHECK(crypt_is(file.data, file.len));
		CHECK_EQ(decrypt(pair(), &file, &out), 0);
		CHECK_EQ(out.len, lens[i]);
		CHECK(!lens[i] || !memcmp(out.data, plain, lens[i]));
		blob_deinit(&out);
		blob_deinit(&file);
		free(plain);
	}
}

TEST(two_files_of_the_same_differ)
{
	struct blob a = encrypted("text", 4), b = encrypted("text", 4);

	CHECK_EQ(a.len, b.len);
	CHECK(memcmp(a.data + CRYPT_SEALED, b.data + CRYPT_SEALED, CRYPT_CHECK - CRYPT_SEALED));
	CHECK(memcmp(a.data + CRYPT_HEADER_BYTES, b.data + CRYPT_HEADER_BYTES, a.len - CRYPT_HEADER_BYTES));
	blob_deinit(&a);
	blob_deinit(&b);
}

TEST(wrong_key)
{
	struct blob file = encrypted("text", 4), out;
	struct crypt_pair other;

	CHECK_EQ(crypt_pair_make(at("other"), &other), 0);
	CHECK_FAILS(decrypt(&other, &file, &out), -EKEYREJECTED, "another public key");
	blob_deinit(&file);
	crypt_pair_deinit(&other);
}

/* No bit of the header can be changed: with the checksum as it was, or made anew by whom it is to be believed. */
TEST(every_bit_of_the_header)
{
	struct blob file = encrypted("text", 4), out;

	for (unsigned int bit = 0; bit < CRYPT_HEADER_BYTES * 8; bit++) {
		int err;

		file.data[bit / 8] ^= 1 << bit % 8;
		err = decrypt(pair(), &file, &out);
		CHECK(err < 0 && !out.len);
		if (bit < CRYPT_VERSION * 8)
			CHECK_EQ(err, -ENOEXEC);
		else if (bit < CRYPT_CHUNK * 8)
			CHECK_EQ(err, -EPROTONOSUPPORT);
		else
			CHECK_EQ(err, -EBADMSG);
		blob_deinit(&out);
		file.data[bit / 8] ^= 1 << bit % 8;
	}
	CHECK_EQ(decrypt(pair(), &file, &out), 0);
	blob_deinit(&out);
	blob_deinit(&file);
}

/* A header of one file before the chunks of another. */
TEST(header_of_another_file)
{
	struct blob a = encrypted("text", 4), b = encrypted("text", 4);

	memcpy(a.data, b.data, CRYPT_HEADER_BYTES);
	check_fails(&a, NULL, 0, -EBADMSG, "cut short or damaged");
	blob_deinit(&a);
	blob_deinit(&b);
}

TEST(damaged_chunks)
{
	const size_t len = 3 * CRYPT_PLAIN_LEN + 100;
	uint8_t *plain = some_bytes(len);
	struct blob file = encrypted(plain, len);

	for (unsigned int i = 0; i < 200; i++) {
		size_t pos = CRYPT_HEADER_BYTES + test_random() % (file.len - CRYPT_HEADER_BYTES);
		size_t chunk = (pos - CRYPT_HEADER_BYTES) / CRYPT_CHUNK_LEN;
		unsigned int bit = 1 << test_random() % 8;

		file.data[pos] ^= bit;
		check_fails(&file, plain, chunk, -EBADMSG,
			    chunk == 3 ? "cut short or damaged" : "another belongs there");
		file.data[pos] ^= bit;
	}
	blob_deinit(&file);
	free(plain);
}

static void swap_chunks(struct blob *file, size_t a, size_t b)
{
	uint8_t *pa = file->data + CRYPT_HEADER_BYTES + a * CRYPT_CHUNK_LEN;
	uint8_t *pb = file->data + CRYPT_HEADER_BYTES + b * CRYPT_CHUNK_LEN;

	for (size_t i = 0; i < CRYPT_CHUNK_LEN; i++) {
		uint8_t byte = pa[i];

		pa[i] = pb[i];
		pb[i] = byte;
	}
}

TEST(chunks_moved)
{
	const size_t len = 4 * CRYPT_PLAIN_LEN;
	uint8_t *plain = some_bytes(len);
	struct blob file = encrypted(plain, len);
	uint8_t *second = file.data + CRYPT_HEADER_BYTES + CRYPT_CHUNK_LEN;

	swap_chunks(&file, 1, 2);
	check_fails(&file, plain, 1, -EBADMSG, "chunk 1 at byte 65705 is damaged, or another belongs there");
	swap_chunks(&file, 1, 2);
	swap_chunks(&file, 0, 3);
	check_fails(&file, plain, 0, -EBADMSG, "chunk 0 at byte 152");
	swap_chunks(&file, 0, 3);
	/* doubled */
	memcpy(second + CRYPT_CHUNK_LEN, second, CRYPT_CHUNK_LEN);
	check_fails(&file, plain, 2, -EBADMSG, "chunk 2");
	/* dropped: what is second now is what was doubled */
	memmove(second, second + CRYPT_CHUNK_LEN, 2 * CRYPT_CHUNK_LEN);
	file.len -= CRYPT_CHUNK_LEN;
	check_fails(&file, plain, 2, -EBADMSG, "chunk 2");
	memmove(second, second + CRYPT_CHUNK_LEN, CRYPT_CHUNK_LEN);
	check_fails(&file, plain, 1, -EBADMSG, "chunk 1");
	blob_deinit(&file);
	free(plain);
}

TEST(cut_anywhere)
{
	const size_t len = 2 * CRYPT_PLAIN_LEN + 1000;
	uint8_t *plain = some_bytes(len);
	struct blob file = encrypted(plain, len);
	const size_t all = file.len;

	for (unsigned int i = 0; i < 300; i++) {
		file.len = i < 200 ? i : test_random() % all;
		if (file.len < CRYPT_VERSION)
			check_fails(&file, plain, 0, -ENOEXEC, "no file that kdump has encrypted");
		else if (file.len < CRYPT_HEADER_BYTES)
			check_fails(&file, plain, 0, -EBADMSG, "inside its header");
		else
			check_fails(&file, plain, (file.len - CRYPT_HEADER_BYTES) / CRYPT_CHUNK_LEN, -EBADMSG,
				    "cut short");
	}
	/* Between two chunks: what is missing is the last one. */
	file.len = CRYPT_HEADER_BYTES + 2 * CRYPT_CHUNK_LEN;
	check_fails(&file, plain, 2, -EBADMSG, "cut short at byte 131258, behind 2 whole chunks");
	blob_deinit(&file);
	free(plain);
}

TEST(writer_takes_whole_chunks_only)
{
	uint8_t header[CRYPT_HEADER_BYTES], chunk[CRYPT_CHUNK_LEN];
	struct crypt_writer *w;

	CHECK_EQ(crypt_writer_init(&w, pair()->public_key, header), 0);
	CHECK_FAILS(crypt_writer_chunk(w, "text", 4, false, chunk), -EINVAL, "4 bytes");
	CHECK_EQ(crypt_writer_chunk(w, "text", 4, true, chunk), 0);
	CHECK_FAILS(crypt_writer_chunk(w, "text", 4, true, chunk), -EINVAL, "4 bytes");
	crypt_writer_deinit(w);
}

/* Keys of small order give a shared secret that everybody knows (RFC 7748, 6.1). */
TEST(weak_public_keys)
{
	uint8_t header[CRYPT_HEADER_BYTES], weak[CRYPT_KEY_LEN] = { 0 };
	struct crypt_writer *w;

	CHECK_FAILS(crypt_writer_init(&w, weak, header), -EINVAL, "weak");
	weak[0] = 1;
	CHECK_FAILS(crypt_writer_init(&w, weak, header), -EINVAL, "weak");
}

TEST(keys)
{
	struct crypt_pair read;
	uint8_t key[CRYPT_KEY_LEN];
	struct stat st;
	char *text;

	CHECK_EQ(crypt_public_text(pair()->public_key, &text), 0);
	CHECK_EQ(crypt_public_parse(text, key), 0);
	CHECK(!memcmp(key, pair()->public_key, sizeof(key)));
	free(text);
	CHECK_EQ(stat(at("pair"), &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(crypt_pair_read(at("pair"), &read), 0);
	CHECK(!memcmp(&read, pair(), sizeof(read)));
	CHECK_FAILS(crypt_pair_make(at("pair"), &read), -EEXIST, "never replaced");
	CHECK_FAILS(crypt_pair_make(at("none/pair"), &read), -ENOENT, "cannot create");
	CHECK_FAILS(crypt_pair_read(at("nothing"), &read), -ENOENT, "cannot open the key");
	CHECK_EQ(chmod(at("pair"), 0640), 0);
	CHECK_FAILS(crypt_pair_read(at("pair"), &read), -EPERM, "chmod 600");
	CHECK_EQ(chmod(at("pair"), 0600), 0);
}

TEST(public_keys_that_are_none)
{
	static const char *const texts[] = {
		"",
		"key",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ",
		"!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	};
	uint8_t key[CRYPT_KEY_LEN];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK_FAILS(crypt_public_parse(texts[i], key), -EINVAL, "no public key");
}

static int parse(const char *text)
{
	struct crypt_pair read;

	return crypt_pair_parse("FILE", text, strlen(text), &read);
}

TEST(key_files)
{
#define SECRET "secret AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
	CHECK_EQ(parse("# remark\n\n " SECRET), 0);
	CHECK_FAILS(parse(""), -EINVAL, "no secret key");
	CHECK_FAILS(parse("public AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"), -EINVAL, "no secret key");
	CHECK_FAILS(parse("public AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n" SECRET), -EINVAL, "belong together");
	CHECK_FAILS(parse(SECRET SECRET), -EINVAL, "FILE:2");
	CHECK_FAILS(parse("# x\nhello\n"), -EINVAL, "FILE:2");
	CHECK_FAILS(parse("secret x\n"), -EINVAL, "FILE:1");
	/* What might be a part of the secret is not shown. */
	CHECK_FAILS(parse("secretAQEBAQEB\n"), -EINVAL, "FILE:1");
	CHECK(!strstr(err_text(), "AQEB"));
}

/* ---- the sink ---- */

static struct blob file_of(const char *path)
{
	struct blob b;
	uint8_t buf[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	blob_init(&b);
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		if (blob_append(&b, buf, n))
			abort();
	if (fd >= 0)
		close(fd);
	return b;
}

static void open_sink(struct sink *s, const char *name, enum sink_form form)
{
	struct sink below = SINK_INIT;

	CHECK_EQ(sink_open(&below, at(name), false, true), 0);
	CHECK_EQ(crypt_sink_open(s, pair()->public_key, &below, form), 0);
	CHECK(!below.path && below.fd < 0);
}

TEST(sink_of_any_pieces)
{
	for (unsigned int round = 0; round < 20; round++) {
		size_t len = test_random() % (4 * CRYPT_PLAIN_LEN);
		uint8_t *plain = some_bytes(len);
		struct sink s = SINK_INIT;
		struct blob file, out;

		open_sink(&s, "raw", SINK_RAW);
		for (size_t pos = 0, n; pos < len; pos += n) {
			n = 1 + test_random() % (2 * CRYPT_PLAIN_LEN);
			n = n < len - pos ? n : len - pos;
			CHECK_EQ(sink_write(&s, pos, plain + pos, n), 0);
		}
		CHECK_EQ(sink_sync(&s), 0);
		CHECK_EQ(sink_finish(&s, true), 0);
		CHECK_STR(s.path, at("raw"));
		sink_deinit(&s);
		file = file_of(at("raw"));
		CHECK_EQ(decrypt(pair(), &file, &out), 0);
		CHECK_EQ(out.len, len);
		CHECK(!len || !memcmp(out.data, plain, len));
		blob_deinit(&out);
		blob_deinit(&file);
		free(plain);
	}
}

/* The records are the sink's; the encrypted file keeps the limit that was set for the sink. */
TEST(sink_of_a_stream_with_a_limit)
{
	uint8_t *bytes = some_bytes(16384);
	struct sink s = SINK_INIT;
	struct blob file, out;
	uint64_t pos = 0;
	int err = 0;

	open_sink(&s, "limited", SINK_FLATTENED);
	s.max_bytes = 300000;
	s.reserved = 64;
	while (!err) {
		err = sink_write(&s, pos, bytes, 16384);
		pos += 16384;
	}
	CHECK_EQ(err, -ENOSPC);
	CHECK(pos > 250000);
	CHECK_EQ(sink_finish(&s, false), 0);
	CHECK_STR(s.path, at("limited-incomplete"));
	sink_deinit(&s);
	file = file_of(at("limited-incomplete"));
	CHECK(file.len <= 300000);
	CHECK_EQ(decrypt(pair(), &file, &out), 0);
	CHECK(out.len > 4096 && !memcmp(out.data, "makedumpfile", 12));
	blob_deinit(&out);
	blob_deinit(&file);
	free(bytes);
}

TEST(sink_that_is_given_up)
{
	struct sink s = SINK_INIT;

	open_sink(&s, "gone", SINK_FLATTENED);
	CHECK_EQ(sink_write(&s, 0, "text", 4), 0);
	sink_discard(&s);
	sink_deinit(&s);
	CHECK(access(at("gone"), F_OK) && access(at("gone.writing"), F_OK));
}

/* A disk that is full: what arrived before is there, and nothing behind it. */
TEST(sink_over_a_full_disk)
{
	uint8_t *bytes = some_bytes(CRYPT_PLAIN_LEN);
	struct sink below = SINK_INIT, s = SINK_INIT;
	struct blob file, out;
	int err = 0;

	CHECK_EQ(sink_open(&below, at("full"), false, true), 0);
	below.max_bytes = 200000;
	CHECK_EQ(crypt_sink_open(&s, pair()->public_key, &below, SINK_RAW), 0);
	for (uint64_t pos = 0; !err && pos < 1000000; pos += CRYPT_PLAIN_LEN)
		err = sink_write(&s, pos, bytes, CRYPT_PLAIN_LEN);
	CHECK_EQ(err, -ENOSPC);
	CHECK_FAILS(sink_write(&s, s.size, bytes, 1), -ENOSPC, "size limit");
	CHECK_EQ(sink_finish(&s, false), 0);
	sink_deinit(&s);
	file = file_of(at("full-incomplete"));
	CHECK_FAILS(decrypt(pair(), &file, &out), -EBADMSG, "cut short");
	CHECK_EQ(out.len, 3 * CRYPT_PLAIN_LEN);
	blob_deinit(&out);
	blob_deinit(&file);
	free(bytes);
}

#else
TEST(without_libsodium)
{
	uint8_t key[CRYPT_KEY_LEN] = { 0 }, header[CRYPT_HEADER_BYTES] = CRYPT_SIGNATURE;
	struct crypt_writer *w;
	struct crypt_reader *r;
	struct crypt_pair pair;

	CHECK_FAILS(crypt_public_parse("x", key), -EOPNOTSUPP, "without libsodium");
	CHECK_FAILS(crypt_writer_init(&w, key, header), -EOPNOTSUPP, "without libsodium");
	CHECK_FAILS(crypt_reader_init(&r, &pair, header, sizeof(header)), -EOPNOTSUPP, "without libsodium");
	CHECK_FAILS(crypt_pair_make(at("pair"), &pair), -EOPNOTSUPP, "without libsodium");
	CHECK_FAILS(crypt_pair_read(at("pair"), &pair), -EOPNOTSUPP, "without libsodium");
}
#endif
