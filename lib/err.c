/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * A chain is a few file names and a few clauses. The bound keeps fail() free of allocation, so that running out of
 * memory can itself be reported; a chain that is cut says so with "...".
 */
#define CHAIN_BYTES 4096

static _Thread_local char chain[CHAIN_BYTES];

/* Set by main() before it starts threads. */
static const char *program = "parachute";
static warn_sink *sink_call;
static void *sink_ctx;
static bool debug_on;

static void mark_cut(char *text)
{
	memcpy(text + CHAIN_BYTES - 4, "...", 4);
}

/* Add to TEXT (CHAIN_BYTES large, LEN used). Returns the new length. */
static size_t add_v(char *text, size_t len, const char *fmt, va_list args)
{
	int n = vsnprintf(text + len, CHAIN_BYTES - len, fmt, args);

	if (n < 0)
		n = 0;
	if ((size_t)n >= CHAIN_BYTES - len) {
		mark_cut(text);
		return CHAIN_BYTES - 1;
	}
	return len + n;
}

static size_t PRINTF_LIKE(3, 4) add(char *text, size_t len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	len = add_v(text, len, fmt, args);
	va_end(args);
	return len;
}

/* The arguments may point into the chain: format beside it, then copy. */

static int record(int err, const char *tail, const char *fmt, va_list args)
{
	char text[CHAIN_BYTES];
	size_t len = add_v(text, 0, fmt, args);

	if (tail)
		len = add(text, len, ": %s", tail);
	memcpy(chain, text, len + 1);
	return err;
}

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err = record(err, NULL, fmt, args);
	va_end(args);
	return err;
}

int fail_ctx(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	/* A callee that recorded nothing must not make the message lose the cause. */
	err = record(err, chain[0] ? chain : strerror(-err), fmt, args);
	va_end(args);
	return err;
}

int fail_sys(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err = record(err, strerror(-err), fmt, args);
	va_end(args);
	return err;
}

const char *err_text(void)
{
	return chain;
}

void err_clear(void)
{
	chain[0] = 0;
}

void warn(const char *fmt, ...)
{
	int saved_errno = errno;
	char text[CHAIN_BYTES];
	va_list args;

	va_start(args, fmt);
	add_v(text, 0, fmt, args);
	va_end(args);
	if (sink_call)
		sink_call(sink_ctx, text);
	else
		fprintf(stderr, "%s: warning: %s\n", program, text);
	errno = saved_errno;
}

void err_set_warn_sink(warn_sink *sink, void *ctx)
{
	sink_call = sink;
	sink_ctx = sink ? ctx : NULL;
}

void err_set_program(const char *name)
{
	program = name;
}

const char *err_program(void)
{
	return program;
}

void debug_enable(void)
{
	debug_on = true;
}

int debug_enabled(void)
{
	return debug_on;
}

void debug(const char *fmt, ...)
{
	int saved_errno = errno;
	va_list args;

	if (!debug_on)
		return;
	va_start(args, fmt);
	flockfile(stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
	errno = saved_errno;
}
