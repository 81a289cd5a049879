// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/capture/klog.h"

#include "kdump/capture/names.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A record is read whole or refused; the kernel's are at most 8 KiB (CONSOLE_EXT_LOG_MAX). */
#define RECORD_BYTES 8192
/* A log that grows faster than it is read would be read for ever. */
#define RECORDS_MAX 1000000

int klog_read(struct blob *text)
{
	char record[RECORD_BYTES];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), err = 0;

	if (fd < 0)
		return fail_sys(-errno, "cannot open /dev/kmsg");
	for (unsigned int i = 0; !err && i < RECORDS_MAX; i++) {
		ssize_t n = read(fd, record, sizeof(record));

		/* EPIPE: the oldest was overwritten meanwhile; the next read goes on behind it. */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		err = klog_append(text_of(record, n), text);
	}
	close(fd);
	return err;
}
