// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/err.h"
#include "lib/run.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int shell(const char *script, const char *input, uint64_t timeout_ms, struct blob *out, struct blob *err,
		 int *status)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct run r = { .argv = argv, .input = input, .input_len = input ? strlen(input) : 0, .timeout_ms = timeout_ms, .out = out, .err = err };

	return run_program(&r, status);
}

TEST(a_program_runs_and_its_words_are_kept)
{
	struct blob out, err;
	int status = -1;

	blob_init(&out);
	blob_init(&err);
	CHECK_EQ(shell("echo one; echo two >&2; exit 7", NULL, 0, &out, &err, &status), 0);
	CHECK_EQ(status, 7);
	CHECK_STR((char *)out.data, "one\n");
	CHECK_STR((char *)err.data, "two\n");
	out.len = 0;
	CHECK_EQ(shell("echo one; echo two >&2", NULL, 0, &out, NULL, &status), 0);
	CHECK_EQ(status, 0);
	CHECK_STR((char *)out.data, "one\ntwo\n");
	blob_deinit(&out);
	blob_deinit(&err);
}

TEST(input_is_given_and_may_be_left_unread)
{
	static char large[1 << 20];
	struct blob out;
	int status;

	blob_init(&out);
	CHECK_EQ(shell("cat", "hello", 0, &out, NULL, &status), 0);
	CHECK_STR((char *)out.data, "hello");
	memset(large, 'x', sizeof(large) - 1);
	out.len = 0;
	CHECK_EQ(shell("wc -c | tr -d ' '", large, 0, &out, NULL, &status), 0);
	CHECK_STR((char *)out.data, "1048575\n");
	out.len = 0;
	CHECK_EQ(shell("exec <&-; echo no", large, 0, &out, NULL, &status), 0);
	CHECK_STR((char *)out.data, "no\n");
	out.len = 0;
	CHECK_EQ(shell("cat; echo nothing", NULL, 0, &out, NULL, &status), 0);
	CHECK_STR((char *)out.data, "nothing\n");
	blob_deinit(&out);
}

TEST(what_cannot_be_started_is_said)
{
	const char *missing[] = { "/nonexistent/program", NULL }, *folder[] = { "/", NULL };
	struct run r = { .argv = missing };
	int status = 77;

	CHECK_EQ(run_program(&r, &status), -ENOENT);
	CHECK(strstr(err_text(), "/nonexistent/program"));
	r.argv = folder;
	CHECK_EQ(run_program(&r, &status), -EACCES);
	CHECK_EQ(status, 77);
}

TEST(a_signal_is_128_and_its_number)
{
	int status;

	CHECK_EQ(shell("kill -9 $$", NULL, 0, NULL, NULL, &status), 0);
	CHECK_EQ(status, 128 + SIGKILL);
}

TEST(one_that_hangs_is_stopped_with_its_children)
{
	struct blob out;
	int status;

	blob_init(&out);
	CHECK_EQ(shell("echo here; sleep 1000 & echo $!; wait", NULL, 200, &out, NULL, &status), -ETIMEDOUT);
	CHECK(strstr((char *)out.data, "here\n"));
	CHECK(strstr(err_text(), "sh: did not finish"));
	/* The grandchild is gone too, or a zombie of its new parent. */
	CHECK_EQ(shell("exec 3>&-; while :; do :; done", NULL, 100, NULL, NULL, &status), -ETIMEDOUT);
	out.len = 0;
	CHECK_EQ(shell("trap '' TERM; while :; do sleep 1; done", NULL, 100, &out, NULL, &status), -ETIMEDOUT);
	blob_deinit(&out);
}

TEST(children_left_behind_do_not_hold_it)
{
	struct blob out;
	int status;
	pid_t left;

	blob_init(&out);
	CHECK_EQ(shell("sleep 1000 & echo $!", NULL, 60000, &out, NULL, &status), 0);
	CHECK_EQ(status, 0);
	left = strtol((char *)out.data, NULL, 10);
	CHECK(left > 1);
	if (left > 1)
		kill(left, SIGKILL);
	blob_deinit(&out);
}

TEST(what_is_too_much_is_cut)
{
	struct blob out;
	int status;

	blob_init(&out);
	CHECK_EQ(shell("head -c 3000000 /dev/zero; exit 3", NULL, 0, &out, NULL, &status), 0);
	CHECK_EQ(status, 3);
	CHECK_EQ(out.len, RUN_OUTPUT_MAX + 3);
	CHECK(!memcmp(out.data + out.len - 4, "\0...", 4));
	blob_deinit(&out);
}

TEST(a_companion_answers)
{
	const char *cat[] = { "cat", NULL },
		   *deaf[] = { "sh", "-c", "trap '' TERM; exec <&-; while :; do sleep 1; done", NULL };
	struct companion c, none = { 0 };
	char bytes[4];

	CHECK_EQ(companion_start(&c, cat), 0);
	CHECK_EQ(write(c.to, "ping", 4), 4);
	CHECK_EQ(read(c.from, bytes, 4), 4);
	CHECK(!memcmp(bytes, "ping", 4));
	CHECK_EQ(companion_stop(&c, 60000), 0);
	CHECK_EQ(c.pid, 0);
	CHECK_EQ(companion_start(&c, deaf), 0);
	CHECK_EQ(companion_stop(&c, 50), 128 + SIGKILL);
	CHECK_EQ(companion_stop(&none, 0), 0);
	cat[0] = "/nonexistent/cat";
	CHECK_EQ(companion_start(&c, cat), -ENOENT);
}
