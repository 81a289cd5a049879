/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs: started without a shell, waited for with a bound, their words kept. */
#ifndef LIB_RUN_H
#define LIB_RUN_H

#include "lib/blob.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a program may say; more is read and dropped, with "..." at the end. */
#define RUN_OUTPUT_MAX (1u << 20)

struct run {
	const char *const *argv;   /* ends in NULL; argv[0] is looked for in PATH */
	const void *input;         /* for its standard input; NULL: /dev/null */
	size_t input_len;
	uint64_t timeout_ms;       /* 0: none. Then SIGTERM to its process group, a second later SIGKILL */
	struct blob *out;          /* initialised; standard output and, unless ERR is given, standard error. NULL: both go where ours go */
	struct blob *err;
};

/*
 * Run it to its end. 0: it ran, and *STATUS is its exit status, or 128 and the signal that ended it. -ENOENT, -EACCES...: it could not be started; -ETIMEDOUT;
 * recorded with its name. Children that it leaves behind do not keep this waiting.
 */
int run_program(const struct run *r, int *status);

/* A program that lives beside this one. */
struct companion {
	pid_t pid;
	int to, from;              /* its standard input and output */
	int words;                 /* its standard error, not blocking; -1 when closed */
};

/* -ENOENT..., recorded. The descriptors are close-on-exec. */
int companion_start(struct companion *c, const char *const *argv);
/* Close its input, wait up to TIMEOUT_MS, then kill it. Its exit status as above. Zeroed structs (pid 0) are accepted. */
int companion_stop(struct companion *c, uint64_t timeout_ms);

#endif
