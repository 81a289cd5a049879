// SPDX-License-Identifier: GPL-2.0-or-later
/* kdump decrypt: of what a capture kernel encrypted, the dump, the stream or the log; and the keys for it. */
#include "kdump/command.h"
#include "kdump/flattened.h"
#include "kdump/reassemble.h"
#include "kdump/save.h"
#include "kdump/transport/crypt.h"
#include "lib/err.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_KEY = 256, OPT_NEW_KEY, OPT_STREAM };

static const struct option long_options[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "new-key", required_argument, NULL, OPT_NEW_KEY },
	{ "stream", no_argument, NULL, OPT_STREAM },
	{ "force", no_argument, NULL, 'f' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "debug", no_argument, NULL, 'D' },
	{ NULL, 0, NULL, 0 },
};

struct decrypt_options {
	const char *key, *new_key, *source, *target;
	bool stream, force, quiet;
};

struct decrypt {
	const struct decrypt_options *o;
	const char *name; /* of the source, for messages */
	int fd, to;       /* the encrypted file; where the plain bytes go when not into a sink */
	struct sink *sink;
	struct crypt_reader *reader;
	uint8_t *chunk, *plain;
	size_t plain_len; /* of the chunk that was read last */
	uint64_t written;
	bool last;
	bool cut;      /* it is not all there, or not all can be believed */
	char why[512]; /* then */
};

/* ---- reading ---- */

/* LEN bytes, fewer where the file stops. */
static int read_full(struct decrypt *d, uint8_t *buf, size_t len, size_t *got)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(d->fd, buf + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_sys(-errno, "%s: cannot read", d->name);
		if (!n)
			break;
		have += n;
	}
	*got = have;
	return 0;
}

static void stop_here(struct decrypt *d)
{
	d->cut = true;
	d->last = true;
	d->plain_len = 0;
	snprintf(d->why, sizeof(d->why), "%s", err_text());
	err_clear();
}

/* A file that does not go on as it should is used up to there. */
static void read_chunk(struct decrypt *d)
{
	size_t len;

	if (read_full(d, d->chunk, CRYPT_CHUNK_LEN, &len) ||
	    crypt_reader_chunk(d->reader, d->chunk, len, d->plain, &d->plain_len, &d->last))
		stop_here(d);
}

/* Nobody can add to a file, but for what is not looked at. */
static void look_behind(struct decrypt *d)
{
	size_t len;

	if (!d->cut && !read_full(d, d->chunk, 1, &len) && len)
		warn("%s: there is more behind its last chunk, which was not written by kdump; it is left out",
		     d->name);
	err_clear();
}

/* ---- writing ---- */

static int pour(struct decrypt *d)
{
	int err = 0;

	for (;;) {
		if (d->sink)
			err = sink_write(d->sink, d->written, d->plain, d->plain_len);
		else
			err = file_write_all(d->to, d->plain, d->plain_len);
		if (err || d->last)
			break;
		d->written += d->plain_len;
		read_chunk(d);
	}
	if (!err)
		look_behind(d);
	return err;
}

/* What fails here is told by who reads the pipe. */
static void *pour_thread(void *ctx)
{
	struct decrypt *d = ctx;

	if (pour(d))
		debug("%s: not all of it was read", d->name);
	close(d->to);
	d->to = -1;
	return NULL;
}

static int to_dump(struct decrypt *d, const char *target, char **path)
{
	const struct reassemble_options o = { .force = d->o->force, .quiet = d->o->quiet };
	struct reassemble_result result;
	pthread_t thread;
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC))
		return fail_sys(-errno, "cannot make a pipe");
	d->to = ends[1];
	err = pthread_create(&thread, NULL, pour_thread, d);
	if (err) {
		close(ends[0]);
		close(ends[1]);
		return fail_sys(-err, "cannot start a thread");
	}
	err = reassemble_fd(ends[0], d->name, target, &o, &result);
	close(ends[0]);
	pthread_join(thread, NULL);
	if (err)
		return d->cut ? fail_ctx(err, "%s", d->why) : err;
	if (!result.complete && !d->cut) {
		d->cut = true;
		snprintf(d->why, sizeof(d->why), "%s", result.why);
	}
	*path = result.path;
	return 0;
}

static int to_file(struct decrypt *d, const char *target, char **path)
{
	struct sink sink = SINK_INIT;
	int err = sink_open(&sink, target, false, d->o->force);

	if (err)
		return err;
	d->sink = &sink;
	err = pour(d);
	if (!err)
		err = sink_finish(&sink, !d->cut);
	if (err)
		sink_discard(&sink);
	if (!err && !(*path = strdup(sink.path)))
		err = fail(-ENOMEM, "out of memory");
	sink_deinit(&sink);
	return err;
}

static int to_output(struct decrypt *d)
{
	int err;

	d->to = STDOUT_FILENO;
	err = pour(d);
	return err ? fail_sys(err, "cannot write to standard output") : 0;
}

/* ---- names ---- */

static bool drop_suffix(char *name, size_t *len, const char *suffix)
{
	size_t n = strlen(suffix);

	if (*len <= n || memcmp(name + *len - n, suffix, n) || name[*len - n - 1] == '/')
		return false;
	*len -= n;
	name[*len] = 0;
	return true;
}

/* "-incomplete", or with a number behind it. */
static void drop_incomplete(char *name)
{
	char *last = NULL;

	for (char *at = name; (at = strstr(at, CRYPT_SUFFIX "-incomplete")); at++)
		last = at;
	if (last && !strchr(last, '/'))
		last[strlen(CRYPT_SUFFIX)] = 0;
}

/* TARGET, or SOURCE without what encryption and streams have behind their names. */
static int target_name(const struct decrypt_options *o, bool dump, char **name)
{
	char *made = strdup(o->target ? o->target : o->source);
	size_t len;

	if (!made)
		return fail(-ENOMEM, "out of memory");
	if (!o->target) {
		drop_incomplete(made);
		len = strlen(made);
		if (!drop_suffix(made, &len, CRYPT_SUFFIX)) {
			free(made);
			return fail(-EINVAL,
				    "%s: its name does not stop in %s, so what is in it needs a name behind it",
				    o->source, CRYPT_SUFFIX);
		}
		if (dump)
			drop_suffix(made, &len, ".flat");
	}
	*name = made;
	return 0;
}

/* ---- the command ---- */

static int begin(struct decrypt *d)
{
	uint8_t header[CRYPT_HEADER_BYTES];
	struct crypt_pair pair;
	size_t len;
	int err = crypt_pair_read(d->o->key, &pair);

	if (err)
		return err;
	err = read_full(d, header, sizeof(header), &len);
	if (!err) {
		err = crypt_reader_init(&d->reader, &pair, header, len);
		err = err ? fail_ctx(err, "%s", d->name) : 0;
	}
	crypt_pair_deinit(&pair);
	if (err)
		return err;
	read_chunk(d);
	return d->cut ? fail(-EBADMSG, "%s: nothing of it can be read: %s", d->name, d->why) : 0;
}

static int convert(struct decrypt *d, char **path)
{
	bool dump = !d->o->stream && flat_is(d->plain, d->plain_len);
	char *target = NULL;
	int err;

	if (d->o->target && !strcmp(d->o->target, "-"))
		return to_output(d);
	err = target_name(d->o, dump, &target);
	if (!err)
		err = dump ? to_dump(d, target, path) : to_file(d, target, path);
	free(target);
	return err;
}

static int decrypt(const struct decrypt_options *o, int *status)
{
	struct decrypt d = { .o = o, .name = strcmp(o->source, "-") ? o->source : "standard input", .to = -1 };
	char *path = NULL;
	int err = 0;

	d.fd = strcmp(o->source, "-") ? open(o->source, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
	d.chunk = malloc(CRYPT_CHUNK_LEN);
	d.plain = malloc(CRYPT_PLAIN_LEN);
	if (d.fd < 0)
		err = fail_sys(-errno, "%s: cannot open", o->source);
	else if (!d.chunk || !d.plain)
		err = fail(-ENOMEM, "out of memory for decryption");
	if (!err)
		err = begin(&d);
	if (!err)
		err = convert(&d, &path);
	if (!err && d.cut) {
		*status = EXIT_INCOMPLETE;
		warn("%s: not complete: %s", path ? path : d.name, d.why);
	} else if (!err && path && !o->quiet) {
		printf("%s: decrypted, all of it\n", path);
	}
	crypt_reader_deinit(d.reader);
	if (d.fd > STDIN_FILENO)
		close(d.fd);
	free(d.chunk);
	free(d.plain);
	free(path);
	return err;
}

static int new_key(const struct decrypt_options *o)
{
	struct crypt_pair pair;
	char *text;
	int err = crypt_pair_make(o->new_key, &pair);

	if (err)
		return err;
	err = crypt_public_text(pair.public_key, &text);
	crypt_pair_deinit(&pair);
	if (err)
		return err;
	if (!o->quiet)
		fprintf(stderr, "%s: the secret key; keep it, and not where machines crash. For kdump.conf:\n",
			o->new_key);
	printf("encrypt %s\n", text);
	free(text);
	return 0;
}

static int take_option(struct decrypt_options *o, int option)
{
	switch (option) {
	case OPT_KEY:
		o->key = optarg;
		return 0;
	case OPT_NEW_KEY:
		o->new_key = optarg;
		return 0;
	case OPT_STREAM:
		o->stream = true;
		return 0;
	case 'f':
		o->force = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'D':
		debug_enable();
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse(struct decrypt_options *o, int argc, char **argv)
{
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":fqD", long_options, NULL)) != -1)
		if (take_option(o, option))
			return save_option_error(option, "fqD", argv);
	if (o->new_key && (o->key || o->stream || o->force || optind < argc))
		return fail(-EINVAL, "--new-key makes a key and nothing else: nothing may stand beside it");
	if (o->new_key)
		return 0;
	if (!o->key)
		return fail(-EINVAL, "decrypting needs --key FILE: the file that --new-key has made");
	if (argc - optind < 1 || argc - optind > 2)
		return fail(-EINVAL,
			    "decrypt needs one file to read (\"-\": standard input), and may be given one to write");
	o->source = argv[optind];
	o->target = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (!strcmp(o->source, "-") && !o->target)
		return fail(-EINVAL, "what comes from standard input needs a name to be written to");
	return 0;
}

int command_decrypt(int argc, char **argv, int *status)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct decrypt_options o = { 0 };
	int err = parse(&o, argc, argv);

	if (err) {
		*status = EXIT_USAGE;
		return err;
	}
	/* Of a pipe that nobody reads, and of a file size limit, write(2) tells. */
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	return o.new_key ? new_key(&o) : decrypt(&o, status);
}
