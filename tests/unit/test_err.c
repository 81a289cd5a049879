/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define CHAIN_LIMIT 4096

TEST(fail_records_and_returns)
{
	CHECK_EQ(fail(-EINVAL, "segment %u wraps", 3), -EINVAL);
	CHECK_STR(err_text(), "segment 3 wraps");
	CHECK_EQ(fail(-ENOMEM, "second"), -ENOMEM);
	CHECK_STR(err_text(), "second");
	err_clear();
	CHECK_STR(err_text(), "");
}

TEST(context_goes_in_front)
{
	fail(-EINVAL, "segment wraps");
	CHECK_EQ(fail_ctx(-EINVAL, "%s", "vmlinuz"), -EINVAL);
	CHECK_EQ(fail_ctx(-EIO, "loading"), -EIO);
	CHECK_STR(err_text(), "loading: vmlinuz: segment wraps");
}

TEST(context_of_nothing_names_the_error)
{
	err_clear();
	CHECK_EQ(fail_ctx(-ENOENT, "initrd"), -ENOENT);
	CHECK_STR(err_text(), "initrd: No such file or directory");
}

TEST(system_errors_name_themselves)
{
	CHECK_EQ(fail_sys(-EACCES, "cannot open %s", "/x"), -EACCES);
	CHECK_STR(err_text(), "cannot open /x: Permission denied");
}

TEST(arguments_may_be_the_chain_itself)
{
	fail(-EINVAL, "first");
	fail(-EINVAL, "<%s>", err_text());
	CHECK_STR(err_text(), "<first>");
	fail_ctx(-EINVAL, "[%s]", err_text());
	CHECK_STR(err_text(), "[<first>]: <first>");
	fail_sys(-EINVAL, "{%s}", err_text());
	CHECK_STR(err_text(), "{[<first>]: <first>}: Invalid argument");
}

static void check_cut(void)
{
	size_t len = strlen(err_text());

	CHECK_EQ(len, CHAIN_LIMIT - 1);
	CHECK_STR(err_text() + len - 4, "x...");
}

TEST(long_texts_are_cut_and_say_so)
{
	char text[3 * CHAIN_LIMIT];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	fail(-EINVAL, "%s", text);
	check_cut();
	fail_sys(-EINVAL, "%s", text);
	check_cut();
	fail(-EINVAL, "short");
	fail_ctx(-EINVAL, "%s", text);
	check_cut();
	/* Prepending to a full chain keeps the front. */
	fail(-EINVAL, "%s", text);
	fail_ctx(-EINVAL, "front");
	check_cut();
	CHECK(!strncmp(err_text(), "front: xxx", 10));
}

/* The longest text that fits is not cut, one byte more is. */
TEST(the_bound_is_exact)
{
	char text[CHAIN_LIMIT + 1];

	memset(text, 'x', sizeof(text));
	text[CHAIN_LIMIT - 1] = 0;
	fail(-EINVAL, "%s", text);
	CHECK_STR(err_text(), text);
	text[CHAIN_LIMIT - 1] = 'x';
	text[CHAIN_LIMIT] = 0;
	fail(-EINVAL, "%s", text);
	check_cut();
	/* Exactly full before a clause is put behind it. */
	text[CHAIN_LIMIT - 1] = 0;
	fail_sys(-EINVAL, "%s", text);
	check_cut();
}

static void *other_thread(void *seen)
{
	*(bool *)seen = err_text()[0] != 0;
	fail(-EIO, "theirs");
	return NULL;
}

TEST(each_thread_has_its_chain)
{
	pthread_t thread;
	bool seen = true;

	fail(-EINVAL, "ours");
	CHECK_EQ(pthread_create(&thread, NULL, other_thread, &seen), 0);
	pthread_join(thread, NULL);
	CHECK(!seen);
	CHECK_STR(err_text(), "ours");
}

static void keep(void *ctx, const char *text)
{
	snprintf(ctx, 100, "%s", text);
}

TEST(warnings_go_to_the_sink)
{
	char got[100] = "";

	err_set_warn_sink(keep, got);
	fail(-EINVAL, "untouched");
	errno = ENOTTY;
	warn("%s is odd", "x");
	err_set_warn_sink(NULL, NULL);
	CHECK_EQ(errno, ENOTTY);
	CHECK_STR(got, "x is odd");
	CHECK_STR(err_text(), "untouched");
}

/* What CALL writes to standard error. */
static void capture(void (*call)(void), char *got, size_t size)
{
	FILE *tmp = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	CHECK(tmp && saved >= 0);
	if (!tmp || saved < 0)
		return;
	fflush(stderr);
	dup2(fileno(tmp), STDERR_FILENO);
	call();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(tmp);
	n = fread(got, 1, size - 1, tmp);
	got[n] = 0;
	fclose(tmp);
}

static void warn_once(void)
{
	warn("low %s", "memory");
}

static void debug_once(void)
{
	debug("step %d", 7);
}

TEST(standard_error)
{
	char got[100] = "";

	err_set_program("kexec");
	CHECK_STR(err_program(), "kexec");
	capture(warn_once, got, sizeof(got));
	CHECK_STR(got, "kexec: warning: low memory\n");
	CHECK(!debug_enabled());
	capture(debug_once, got, sizeof(got));
	CHECK_STR(got, "");
	debug_enable();
	CHECK(debug_enabled());
	capture(debug_once, got, sizeof(got));
	CHECK_STR(got, "step 7\n");
}
