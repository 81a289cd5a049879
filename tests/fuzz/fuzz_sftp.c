/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is what an sftp server sends, whatever it was asked, while a dump is written to it; its first byte says
 * which extensions it has. No server may harm us, and none can say that what it did not take is there.
 */
#include "kdump/transport/sftp.h"
#include "kdump/transport/sftp_file.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

static void no_warnings(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static void write_dump(struct sftp *s)
{
	static uint8_t bytes[200000];
	struct sftp_file *f;
	struct sink sink;

	if (sftp_file_open(s, "vmcore", false, &f))
		return;
	if (sink_attach(&sink, &sftp_sink_ops, f, "sftp://h/d/vmcore", SINK_PLAIN))
		return;
	memset(bytes, 0x5a, sizeof(bytes));
	/* Tables, header, data, tables again. */
	if (!sink_allocate(&sink, 4096, 10000) && !sink_write(&sink, 0, bytes, 4096) && !sink_sync(&sink) &&
	    !sink_write(&sink, 20000, bytes, sizeof(bytes)) && !sink_read(&sink, 4096, bytes, 100) &&
	    !sink_write(&sink, 5000, bytes, 500))
		sink_sync(&sink);
	if (sink_finish(&sink, true))
		sink_finish(&sink, false);
	sink_deinit(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct transport_ops *ops = &transport_sftp;
	struct transport t = { .ops = ops, .url = (char *)"sftp://h/d", .timeout_ms = 1000000,
		.deadline_ms = UINT64_MAX };
	struct sftp s = { .t = &t, .place = { .path = (char *)"/d" }, .gone = true };
	struct sftp_attrs attrs;
	struct sftp_answer a;
	int fds[2];

	if (!size || size > 60000 || pipe(fds))
		return 0;
	err_set_warn_sink(no_warnings, NULL);
	t.state = &s;
	sftp_link_init(&s.link, &t, &s.place);
	s.link.ssh.to = open("/dev/null", O_WRONLY);
	s.link.ssh.from = fds[0];
	s.link.has_fsync = data[0] & 1;
	s.link.has_posix_rename = data[0] & 2;
	s.link.has_statvfs = data[0] & 4;
	s.link.data_bytes = data[0] & 8 ? SFTP_LINK_DATA_MAX : SFTP_DATA_BYTES;
	s.link.up = true;
	if (write(fds[1], data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	if (data[0] & 16)
		ops->put(&t, "README.txt", "text", 4);
	if (data[0] & 32)
		sftp_stat(&s, "/d", &attrs, &a);
	if (data[0] & 64)
		sftp_room(&s);
	write_dump(&s);
	close(s.link.ssh.to);
	close(fds[0]);
	sftp_link_deinit(&s.link);
	return 0;
}
