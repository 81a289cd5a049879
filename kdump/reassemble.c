// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump reassemble, and the laying out of a stream. */
#include "kdump/reassemble.h"

#include "include/flattened_format.h"
#include "kdump/command.h"
#include "kdump/progress.h"
#include "kdump/save.h"
#include "lib/err.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a stream ---- */

static int lay_out(struct flat_stream *s, struct sink *sink, struct flat_arrived *a, struct progress *progress)
{
	struct flat_record r;
	int err = 0;

	while (!err && flat_next(s, &r)) {
		const uint8_t *bytes;
		size_t len;

		for (uint64_t off = r.off; !err && (len = flat_take(s, &bytes)); off += len) {
			err = sink_write(sink, off, bytes, len);
			if (!err || sink->partial)
				err = flat_arrived_add(a, off, err ? sink->partial : len) ?: err;
		}
		progress_step(progress, "stream", s->pos >> 12, sink->written);
	}
	return err;
}

static int settle(struct sink *sink, struct flat_arrived *a, struct reassemble_result *result)
{
	const bool whole = result->complete;
	int err = reassemble_settle(sink, a, result);

	return err && !whole ? fail_ctx(err, "%s", result->why) : err;
}

/* What stops the laying out costs what follows, as in a stream that is cut. */
int reassemble_records(int fd, struct sink *sink, struct reassemble_result *result, bool quiet)
{
	struct progress progress;
	struct flat_arrived a;
	struct flat_stream s;
	struct stat st;
	int err = flat_arrived_init(&a);

	if (err)
		return err;
	err = flat_open(&s, fd, false);
	if (err) {
		flat_arrived_deinit(&a);
		return err;
	}
	progress_init(&progress, quiet, fstat(fd, &st) ? 0 : (uint64_t)st.st_size >> 12, 12);
	err = lay_out(&s, sink, &a, &progress);
	progress_stop(&progress);
	result->complete = !err && flat_whole(&s);
	if (err)
		snprintf(result->why, sizeof(result->why), "%s", err_text());
	else if (!result->complete)
		flat_why(&s, result->why, sizeof(result->why));
	flat_close(&s);
	if (err != -ENOMEM)
		err = settle(sink, &a, result);
	flat_arrived_deinit(&a);
	return err;
}

/* A dump needs a file: what was not written has to read as zeros, and to be changed afterwards. */
static int open_target(struct sink *sink, const char *target, const struct reassemble_options *o)
{
	struct stat st;
	int err;

	if (!strcmp(target, "-") || (!stat(target, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return fail(-EINVAL, "%s: reassembling needs a file to write to", target);
	err = sink_open(sink, target, false, o->force);
	if (!err)
		sink->same_name = o->same_name;
	return err;
}

static int open_stream(const char *stream, int *fd)
{
	if (!strcmp(stream, "-"))
		*fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		*fd = open(stream, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return *fd < 0 ? fail_sys(-errno, "cannot open it") : 0;
}

/* ERR: nothing came of it. */
static int close_target(struct sink *sink, int err, struct reassemble_result *result)
{
	if (err)
		sink_discard(sink);
	else
		err = sink_finish(sink, result->complete);
	if (!err) {
		result->path = strdup(sink->path);
		err = result->path ? 0 : fail(-ENOMEM, "out of memory for a file name");
	}
	sink_deinit(sink);
	return err;
}

int reassemble_fd(int fd, const char *name, const char *target, const struct reassemble_options *o,
		  struct reassemble_result *result)
{
	struct sink sink = SINK_INIT;
	int err;

	*result = (struct reassemble_result){ 0 };
	err = open_target(&sink, target, o);
	if (err)
		return err;
	err = reassemble_records(fd, &sink, result, o->quiet);
	return close_target(&sink, err ? fail_ctx(err, "%s", name) : 0, result);
}

int reassemble_stream(const char *stream, const char *target, const struct reassemble_options *o,
		      struct reassemble_result *result)
{
	const char *name = strcmp(stream, "-") ? stream : "standard input";
	int fd = -1, err;

	*result = (struct reassemble_result){ 0 };
	err = open_stream(stream, &fd);
	if (err)
		return fail_ctx(err, "%s", name);
	err = reassemble_fd(fd, name, target, o, result);
	close(fd);
	return err;
}

/* ---- parts ---- */

static int open_parts(struct dump_part *p, char *const *paths, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr; i++)
		p[i] = (struct dump_part){ .fd = -1, .path = paths[i] };
	for (size_t i = 0; !err && i < nr; i++) {
		struct stat st;

		p[i].fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (p[i].fd < 0 || fstat(p[i].fd, &st))
			return fail_sys(-errno, "%s: cannot open it", paths[i]);
		if (!S_ISREG(st.st_mode))
			return fail(-EINVAL, "%s: it is no file", paths[i]);
		p[i].file_len = st.st_size;
		err = dump_part_read(&p[i]);
	}
	return err;
}

int reassemble_parts(char *const *paths, size_t nr, const char *target, const struct reassemble_options *o,
		     struct reassemble_result *result)
{
	struct dump_part *parts = calloc(nr ? nr : 1, sizeof(*parts));
	struct sink sink = SINK_INIT;
	int err;

	*result = (struct reassemble_result){ .complete = true };
	if (!parts)
		return fail(-ENOMEM, "out of memory for %zu parts", nr);
	err = open_parts(parts, paths, nr);
	if (!err)
		err = dump_parts_match(parts, nr, o->partial, result);
	if (!err)
		err = open_target(&sink, target, o);
	if (!err)
		err = close_target(&sink, dump_parts_join(parts, nr, &sink, result, o->quiet), result);
	for (size_t i = 0; i < nr; i++)
		if (parts[i].path && parts[i].fd >= 0)
			close(parts[i].fd);
	free(parts);
	return err;
}

/* ---- the command ---- */

static const struct option long_options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "partial", no_argument, NULL, 'p' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "debug", no_argument, NULL, 'D' },
	{ NULL, 0, NULL, 0 },
};

static int parse(struct reassemble_options *o, int argc, char **argv)
{
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":fqD", long_options, NULL)) != -1) {
		switch (option) {
		case 'f':
			o->force = true;
			break;
		case 'p':
			o->partial = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'D':
			debug_enable();
			break;
		default:
			return save_option_error(option, "fqD", argv);
		}
	}
	if (argc - optind < 2)
		return fail(-EINVAL, "reassemble needs a stream (\"-\": standard input) or the parts of a set, and the "
			    "file to write");
	return 0;
}

static bool is_stream(const char *path)
{
	uint8_t bytes[FLAT_SIGNATURE_BYTES];
	struct stat st;
	int fd;
	bool is;

	/* What cannot be read twice cannot be a part. */
	if (!strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	is = fd >= 0 && pread(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) && flat_is(bytes, sizeof(bytes));
	if (fd >= 0)
		close(fd);
	return is;
}

static int reassemble(const struct reassemble_options *o, char **paths, size_t nr, struct reassemble_result *result)
{
	bool stream = false;

	for (size_t i = 0; i < nr; i++)
		stream |= is_stream(paths[i]);
	if (!stream)
		return reassemble_parts(paths, nr, paths[nr], o, result);
	if (nr != 1)
		return fail(-EINVAL, "a stream is a whole dump: it goes into a file alone, not with others");
	if (o->partial)
		return fail(-EINVAL, "--partial is for the parts of a set; of a stream all that arrived is taken "
			    "anyway");
	return reassemble_stream(paths[0], paths[1], o, result);
}

int command_reassemble(int argc, char **argv, int *status)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct reassemble_options o = { 0 };
	struct reassemble_result result = { 0 };
	int err = parse(&o, argc, argv);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	/* A file size limit is an ordinary error of write(2). */
	sigaction(SIGXFSZ, &ignore, NULL);
	err = reassemble(&o, argv + optind, argc - optind - 1, &result);
	if (!err && !result.complete) {
		*status = EXIT_INCOMPLETE;
		warn("%s: the dump is not complete: %s", result.path, result.why);
	} else if (!err && !o.quiet) {
		printf("%s: the dump is complete\n", result.path);
	}
	free(result.path);
	return err;
}
