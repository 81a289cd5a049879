/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The message chain that travels beside a negative errno.
 *
 * The function that meets an error records one sentence with fail() and returns the code. A caller that knows more
 * (which file, which segment) puts a clause in front with fail_ctx(). Only main prints the chain. What this file
 * keeps is the only writable file-scope state of the project. The chain belongs to the calling thread; program
 * name, warning sink and debug level hold for all, and main sets them before it starts threads.
 *
 * Texts are bounded (4 KiB); one that is cut ends in "...". Arguments may point into the recorded chain.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/*
 * Start a new chain with this sentence, dropping any earlier one. ERR is a negative errno.
 * Returns ERR, so that "return fail(-EINVAL, ...)" records and reports in one expression.
 */
int fail(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put "CLAUSE: " in front of the recorded chain, or of strerror(-err) when nothing was recorded. Returns ERR. */
int fail_ctx(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* fail(), ending in ": strerror(-err)". For system calls whose errno speaks for itself. */
int fail_sys(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The recorded chain, "" when nothing was recorded. Valid until the next call of this file. */
const char *err_text(void);

/* Forget the recorded chain: the error was handled. */
void err_clear(void);

/*
 * Tell the user something that does not stop the work. Goes to the warning sink: standard error with the
 * program's name in front, until err_set_warn_sink() names another.
 */
#define warn parachute_warn /* the C library has one, and static libraries that use its neighbours bring it along */
void warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

typedef void warn_sink(void *ctx, const char *text);

/* Where warnings go; a null SINK restores standard error. CTX is handed through. */
void err_set_warn_sink(warn_sink *sink, void *ctx);

/* Name used in front of warnings and errors; a static string. */
void err_set_program(const char *name);
const char *err_program(void);

/* -d: debug() prints to standard error from now on. */
void debug_enable(void);
int debug_enabled(void);
void debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
