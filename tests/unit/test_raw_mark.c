// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/transport/raw_mark.h"

#include "kdump/transport/transport.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SIZE (16u << 20)

static struct raw_mark example(void)
{
	struct raw_mark m = { .state = RAW_COMPLETE, .size = SIZE, .time = 1795000000, .nr = 1 };
	struct raw_file *f;

	strcpy(m.file[0].name, "vmcore");
	m.file[0].len = 12345;
	memset(m.head, 0x5a, sizeof(m.head));
	CHECK_EQ(raw_place(&m, "README.txt", 100, &f), 0);
	memset(f->digest, 0xa5, sizeof(f->digest));
	return m;
}

TEST(what_is_written_is_read)
{
	struct raw_mark m = example(), again;
	uint8_t bytes[RAW_MARK_BYTES];

	raw_mark_encode(&m, bytes);
	CHECK(raw_mark_decode(bytes, SIZE, &again));
	CHECK_EQ(again.state, RAW_COMPLETE);
	CHECK_EQ(again.time, m.time);
	CHECK_EQ(again.nr, 2);
	CHECK_STR(again.file[1].name, "README.txt");
	CHECK_EQ(again.file[1].off, raw_files_off(SIZE));
	CHECK(!memcmp(again.head, m.head, sizeof(m.head)));
	CHECK(raw_dump(&again) == &again.file[0]);
}

TEST(every_damaged_byte_is_seen)
{
	struct raw_mark m = example(), again;
	uint8_t bytes[RAW_MARK_BYTES];

	raw_mark_encode(&m, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1 << i % 8;
		CHECK(!raw_mark_decode(bytes, SIZE, &again));
		bytes[i] ^= 1 << i % 8;
	}
	CHECK(!raw_mark_decode(bytes, SIZE * 2, &again));
}

/* With a digest that fits: what is wrong is what it says. */
TEST(sense)
{
	struct raw_mark m = example(), again;
	uint8_t bytes[RAW_MARK_BYTES];

	m.file[0].len = SIZE;
	raw_mark_encode(&m, bytes);
	CHECK(!raw_mark_decode(bytes, SIZE, &again));
	m = example();
	m.file[1].off = UINT64_MAX;
	raw_mark_encode(&m, bytes);
	CHECK(!raw_mark_decode(bytes, SIZE, &again));
	m = example();
	strcpy(m.file[1].name, "../../etc/passwd");
	raw_mark_encode(&m, bytes);
	CHECK(!raw_mark_decode(bytes, SIZE, &again));
	strcpy(m.file[1].name, ".hidden");
	raw_mark_encode(&m, bytes);
	CHECK(!raw_mark_decode(bytes, SIZE, &again));
	m = example();
	m.state = 17;
	raw_mark_encode(&m, bytes);
	CHECK(!raw_mark_decode(bytes, SIZE, &again));
}

TEST(places)
{
	struct raw_mark m = { .size = SIZE };
	struct raw_file *f;
	char name[16];

	CHECK_EQ(raw_place(&m, "a", 5000, &f), 0);
	CHECK_EQ(f->off, raw_files_off(SIZE));
	CHECK_EQ(raw_place(&m, "b", 1, &f), 0);
	CHECK_EQ(f->off, raw_files_off(SIZE) + 8192);
	/* It fits where it was; then it does not. */
	CHECK_EQ(raw_place(&m, "a", 8192, &f), 0);
	CHECK_EQ(f->off, raw_files_off(SIZE));
	CHECK_EQ(raw_place(&m, "a", 8193, &f), 0);
	CHECK_EQ(f->off, raw_files_off(SIZE) + 12288);
	CHECK_EQ(m.nr, 2);
	CHECK_EQ(raw_place(&m, "c", SIZE, &f), -ENOSPC);
	CHECK_EQ(raw_place(&m, "c", UINT64_MAX, &f), -ENOSPC);
	CHECK_EQ(raw_place(&m, "a/b", 1, &f), -ENAMETOOLONG);
	CHECK_EQ(raw_place(&m, "", 1, &f), -ENAMETOOLONG);
	for (unsigned int i = 2; i < RAW_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		CHECK_EQ(raw_place(&m, name, 0, &f), 0);
	}
	CHECK_EQ(raw_place(&m, "one-more", 0, &f), -ENOSPC);
	raw_remove(&m, "b");
	CHECK_EQ(m.nr, RAW_FILES_MAX - 1);
	CHECK(!raw_find(&m, "b") && raw_find(&m, "a"));
	raw_remove(&m, "b");
}

static void make_partition(char url[64], uint64_t size)
{
	char path[] = "/tmp/raw-XXXXXX";
	int fd = mkstemp(path);
	uint8_t old[4096];

	/* What was there before is not zeros. */
	memset(old, 0xee, sizeof(old));
	for (uint64_t at = 0; at < size; at += sizeof(old))
		CHECK_EQ(pwrite(fd, old, sizeof(old), at), (ssize_t)sizeof(old));
	close(fd);
	snprintf(url, 64, "raw://%s", path);
}

TEST(a_dump_on_a_partition)
{
	struct transport t;
	struct sink s;
	struct raw_device d;
	uint8_t byte[3], *readme;
	char url[64];

	make_partition(url, SIZE);
	CHECK_EQ(transport_open(&t, NULL, url, 0, UINT64_MAX), 0);
	CHECK_EQ(t.ops->room(&t), raw_files_off(SIZE));
	CHECK_EQ(t.ops->put(&t, "README.txt", "soon", 4), 0);
	CHECK_EQ(t.ops->sink_open(&t, "vmcore", SINK_PLAIN, true, &s), 0);
	CHECK_EQ(sink_write(&s, 0, "head", 4), 0);
	CHECK_EQ(sink_write(&s, 100000, "tail", 4), 0);
	/* The hole reads as zeros, on the partition too. */
	CHECK_EQ(sink_read(&s, 99998, byte, 3), 0);
	CHECK(!byte[0] && !byte[1] && byte[2] == 't');
	CHECK_EQ(sink_write(&s, raw_files_off(SIZE) - 2, "full", 4), -ENOSPC);
	CHECK_EQ(s.partial, 2);
	sink_shorten(&s, 100004);
	CHECK_EQ(sink_finish(&s, true), 0);
	sink_deinit(&s);
	CHECK_EQ(t.ops->put(&t, "README.txt", "complete", 8), 0);
	transport_close(&t);
	/* Another one adds to it. */
	CHECK_EQ(transport_open(&t, NULL, url, 0, UINT64_MAX), 0);
	CHECK_EQ(t.ops->put(&t, "kexec-dmesg.log", "words", 5), 0);
	transport_close(&t);

	CHECK_EQ(raw_device_open(&d, url + 6, false), 0);
	CHECK(d.marked && d.mark.state == RAW_COMPLETE && d.mark.nr == 3);
	CHECK(raw_dump(&d.mark) && raw_dump(&d.mark)->len == 100004);
	CHECK_EQ(raw_device_file(&d, raw_find(&d.mark, "README.txt"), &readme), 0);
	CHECK(!memcmp(readme, "complete", 8));
	free(readme);
	raw_device_close(&d);
	unlink(url + 6);
}

TEST(what_is_no_place_for_a_dump)
{
	struct transport t;
	char url[64];

	make_partition(url, 65536);
	CHECK_EQ(transport_open(&t, NULL, url, 0, UINT64_MAX), -ENOSPC);
	unlink(url + 6);
	CHECK_EQ(transport_open(&t, NULL, url, 0, UINT64_MAX), -ENOENT);
	CHECK_EQ(transport_open(&t, NULL, "raw:///dev/null", 0, UINT64_MAX), -ENOTBLK);
}
