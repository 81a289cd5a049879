// SPDX-License-Identifier: GPL-2.0-or-later
#include "kdump/front.h"

#include "kdump/crashed.h"
#include "kdump/dmesg.h"
#include "lib/err.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_BYTES (64u << 10)

struct log_file {
	char *path;
	char *temporary;           /* NULL: a pipe or device, written in place */
	int fd;
	struct blob out;
	uint64_t first_seq;        /* older lines are left out */
	uint64_t room;             /* bytes that the size limit leaves */
};

static int flush_log(struct log_file *log)
{
	bool full = log->out.len > log->room;
	size_t len = full ? log->room : log->out.len;
	int err = file_write_all(log->fd, log->out.data, len);

	if (err)
		return fail_sys(err, "%s: cannot write", log->path);
	log->room -= len;
	log->out.len = 0;
	return full ? fail(-ENOSPC, "%s: the size limit is reached; it has the oldest lines only", log->path) : 0;
}

static int on_line(void *ctx, const struct dmesg_line *line)
{
	struct log_file *log = ctx;
	int err;

	if (line->seq < log->first_seq)
		return 0;
	err = dmesg_format(line, 0, &log->out);
	return err || log->out.len < FLUSH_BYTES ? err : flush_log(log);
}

/*
 * The first line that "dmesg --clear" left (kernel/printk/printk.c: clear_seq). Linux 5.10 has the plain number, later
 * ones a struct latched_seq with two copies of it, which differ while one is written: either will do.
 */
static int find_cleared(struct crashed *cr, uint64_t *seq)
{
	uint64_t vaddr, off = 0;
	uint8_t bytes[8];

	vmcoreinfo_offset(&cr->vi, "latched_seq.val", &off);
	if (!vmcoreinfo_symbol(&cr->vi, "clear_seq", &vaddr) || vtop_read(&cr->vt, vaddr + off, bytes, sizeof(bytes)))
		return fail(-ENODATA, "--partial-dmesg: the dump does not tell when its log was cleared");
	*seq = get_u64(bytes, cr->core.big_endian);
	return 0;
}

static int write_log(const struct front *f, struct crashed *cr, struct log_file *log)
{
	struct dmesg_result result = { 0 };
	int err = 0, flush_err;

	if (!cr->has_vtop)
		return fail(-ENODATA, "%s: its kernel cannot be looked into", f->files[0]);
	if (f->partial_dmesg)
		err = find_cleared(cr, &log->first_seq);
	if (err)
		return err;
	err = dmesg_read(&cr->vt, on_line, log, &result);
	/* Sequence numbers are made up where a format has none. */
	if (f->partial_dmesg && result.format && strcmp(result.format, "lockless ring"))
		return fail(-ENODATA, "--partial-dmesg: lines of a %s have no numbers", result.format);
	if (result.nr_skipped)
		warn("%llu damaged records were passed over", (unsigned long long)result.nr_skipped);
	if (err == -ENOSPC)
		return err;
	flush_err = flush_log(log);
	return err ? err : flush_err;
}

/* A new file beside LOGFILE, which it replaces when it is whole: there is never half a log by its name. */
static int open_log(struct log_file *log)
{
	struct stat st;

	if (!strcmp(log->path, "-")) {
		log->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return log->fd < 0 ? fail_sys(-errno, "cannot use standard output") : 0;
	}
	if (!stat(log->path, &st) && !S_ISREG(st.st_mode)) {
		log->fd = open(log->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return log->fd < 0 ? fail_sys(-errno, "%s: cannot open", log->path) : 0;
	}
	if (asprintf(&log->temporary, "%s.writing", log->path) < 0) {
		log->temporary = NULL;
		return fail(-ENOMEM, "out of memory");
	}
	unlink(log->temporary);
	log->fd = open(log->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return log->fd < 0 ? fail_sys(-errno, "%s: cannot create", log->temporary) : 0;
}

/* What there is of a log is kept, unless it is nothing. */
static int close_log(struct log_file *log, int err)
{
	bool keep;

	if (log->fd < 0)
		return err;
	keep = log->temporary && (!err || lseek(log->fd, 0, SEEK_CUR) > 0);
	if (keep && fsync(log->fd) && !err)
		err = fail_sys(-errno, "%s: cannot write to disk", log->path);
	if (close(log->fd) && !err)
		err = fail_sys(-errno, "%s: cannot write", log->path);
	if (keep && rename(log->temporary, log->path) && !err)
		err = fail_sys(-errno, "%s: cannot rename to %s", log->temporary, log->path);
	if (log->temporary && !keep)
		unlink(log->temporary);
	return err;
}

int front_dmesg(const struct front *f)
{
	struct log_file log = { .fd = -1, .room = f->save.max_bytes };
	struct crashed cr;
	int err = crashed_open(&cr, f->files[0], f->save.no_mmap ? VMCORE_NO_MMAP : 0);

	if (err)
		return err;
	blob_init(&log.out);
	err = file_output_name(f->files[1], &log.path);
	if (!err)
		err = open_log(&log);
	if (!err)
		err = write_log(f, &cr, &log);
	err = close_log(&log, err);
	free(log.temporary);
	free(log.path);
	blob_deinit(&log.out);
	crashed_close(&cr);
	return err;
}
