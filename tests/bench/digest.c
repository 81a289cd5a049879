// SPDX-License-Identifier: GPL-2.0-or-later
/* Throughput of the loader's SHA-256 in MB/s, and the digest, so that another program's can be compared: digest FILE [ROUNDS] */
#include "lib/err.h"
#include "lib/file.h"
#include "lib/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	uint8_t digest[SHA256_BYTES];
	struct file file;
	double best = 1e9;

	if (argc < 2 || file_open(&file, argv[1])) {
		fprintf(stderr, "digest: %s\n", argc < 2 ? "usage: digest FILE [ROUNDS]" : err_text());
		return 1;
	}
	for (int i = 0; i < rounds; i++) {
		double start = now(), took;

		sha256_of(file.view.base, file.view.len, digest);
		took = now() - start;
		if (took < best)
			best = took;
	}
	printf("%.0f MB/s ", file.view.len / best / 1e6);
	for (size_t i = 0; i < sizeof(digest); i++)
		printf("%02x", digest[i]);
	putchar('\n');
	file_close(&file);
	return 0;
}
