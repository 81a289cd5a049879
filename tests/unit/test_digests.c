// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/digests.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[1024], store[2048], kernel[2048];
static uint8_t bytes[10000];

static void begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_digests.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(store, sizeof(store), "%s/store", dir);
	snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 7;
}

/* Times in the past, so that the file has settled; ctime cannot be set, so that the identity is changed instead. */
static void open_kernel(struct file *f, bool settled)
{
	CHECK_EQ(file_replace(kernel, bytes, sizeof(bytes), 0600), 0);
	CHECK_EQ(file_open(f, kernel), 0);
	CHECK(f->identity.known && f->identity.size == sizeof(bytes));
	if (settled)
		f->identity.ctime_ns = f->identity.mtime_ns = 1000;
}

static void done(void)
{
	unlink(kernel);
	unlink(store);
	CHECK(!rmdir(dir));
}

static bool right(const struct file *f, uint64_t off, uint64_t len, const uint8_t *digest)
{
	uint8_t want[SHA256_BYTES];

	sha256_of((const uint8_t *)f->map + off, len, want);
	return !memcmp(want, digest, sizeof(want));
}

TEST(what_is_remembered_is_not_hashed_again)
{
	uint8_t digest[SHA256_BYTES];
	struct digests d;
	struct file f;

	begin();
	open_kernel(&f, true);
	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(d.nr, 0);
	CHECK_EQ(digests_get(&d, &f, 512, 9000, digest), 0);
	CHECK(right(&f, 512, 9000, digest));
	CHECK_EQ(digests_get(&d, &f, 0, sizeof(bytes), digest), 0);
	CHECK_EQ(d.nr, 2);
	digests_write(&d);
	digests_deinit(&d);

	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(d.nr, 2);
	/* A mark, by which it shows that nothing was computed. */
	d.entry[0].digest[0] ^= 1;
	CHECK_EQ(digests_get(&d, &f, 512, 9000, digest), 0);
	CHECK(!right(&f, 512, 9000, digest));
	digest[0] ^= 1;
	CHECK(right(&f, 512, 9000, digest));
	CHECK_EQ(digests_get(&d, &f, 513, 9000, digest), 0);
	CHECK(right(&f, 513, 9000, digest));
	/* What was not asked for goes. */
	digests_write(&d);
	digests_deinit(&d);
	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(d.nr, 2);
	CHECK(d.entry[0].off == 512 && d.entry[1].off == 513);
	digests_deinit(&d);
	file_close(&f);
	done();
}

TEST(a_file_that_changed_is_another_one)
{
	uint8_t digest[SHA256_BYTES];
	struct digests d;
	struct file f;

	begin();
	open_kernel(&f, true);
	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(digests_get(&d, &f, 0, 100, digest), 0);
	d.entry[0].digest[0] ^= 1;
	for (int i = 0; i < 5; i++) {
		uint64_t *member[] = { &f.identity.dev, &f.identity.ino, &f.identity.size, &f.identity.mtime_ns,
				       &f.identity.ctime_ns };
		struct file_identity before = f.identity;

		*member[i] += 1;
		CHECK(!file_same(&f.identity, &before));
		CHECK_EQ(digests_get(&d, &f, 0, 100, digest), 0);
		CHECK(right(&f, 0, 100, digest));
		f.identity = before;
	}
	file_close(&f);
	digests_deinit(&d);
	done();
}

/* Its times may stay the same when it is written to within the same tick of the clock. */
TEST(a_file_that_is_too_young_is_not_remembered)
{
	uint8_t digest[SHA256_BYTES];
	struct digests d;
	struct file f;

	begin();
	open_kernel(&f, false);
	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(digests_get(&d, &f, 0, 100, digest), 0);
	CHECK(right(&f, 0, 100, digest));
	CHECK_EQ(d.nr, 0);
	file_close(&f);
	digests_deinit(&d);
	done();
}

static unsigned int nr_warnings;

static void count_warning(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
	nr_warnings++;
}

TEST(a_damaged_store_is_made_anew)
{
	static const char *const damaged[] = {
		"digests 2\n",
		"",
		"digests 1\n1 2 3 4 5 6\n",
		/* The last digit is missing; a letter; beyond the file; a number too large; two blanks. */
		"digests 1\n1 2 9000 4 5 0 100 000000000000000000000000000000000000000000000000000000000000000\n",
		"digests 1\n1 2 9000 4 5 0 100 000000000000000000000000000000000000000000000000000000000000000g\n",
		"digests 1\n1 2 9000 4 5 8950 100 0000000000000000000000000000000000000000000000000000000000000000\n",
		"digests 1\n1 2 9000 4 5 18446744073709551616 1 0000000000000000000000000000000000000000000000000000000000000000\n",
		"digests 1\n1 2  9000 4 5 0 100 0000000000000000000000000000000000000000000000000000000000000000\n",
	};
	static const char good[] =
		"digests 1\n1 2 9000 4 5 0 100 0000000000000000000000000000000000000000000000000000000000000000\n";
	struct digests d;

	begin();
	err_set_warn_sink(count_warning, NULL);
	CHECK_EQ(file_replace(store, good, strlen(good), 0600), 0);
	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(d.nr, 1);
	CHECK_EQ(nr_warnings, 0);
	digests_deinit(&d);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		CHECK_EQ(file_replace(store, damaged[i], strlen(damaged[i]), 0600), 0);
		CHECK_EQ(digests_read(&d, store), 0);
		CHECK_EQ(d.nr, 0);
		CHECK_EQ(nr_warnings, i + 1);
		digests_deinit(&d);
	}
	/* Others may write to it. */
	nr_warnings = 0;
	CHECK_EQ(file_replace(store, good, strlen(good), 0622), 0);
	CHECK_EQ(digests_read(&d, store), 0);
	CHECK_EQ(d.nr, 0);
	CHECK_EQ(nr_warnings, 1);
	digests_deinit(&d);
	/* Nor can it be written: a warning, nothing more. */
	CHECK_EQ(digests_read(&d, "/nonexistent/store"), 0);
	digests_write(&d);
	CHECK_EQ(nr_warnings, 2);
	digests_deinit(&d);
	err_set_warn_sink(NULL, NULL);
	done();
}
