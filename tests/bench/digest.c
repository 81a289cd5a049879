/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Throughput of one of our SHA-256 in MB/s, and the digest, so that another program's can be compared:
 *
 *     digest portable|loader|purgatory FILE
 *
 * portable: C; loader: with the CPU's instructions, as kexec and kdump use it; purgatory: the code that is linked into
 * the built-in purgatory, with them.
 */
#include "lib/err.h"
#include "lib/file.h"
#include "lib/sha256.h"
#include "tests/unit/purgatory_native.h"

#include <stdio.h>
#include <time.h>

#define ROUNDS 3

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static const struct load_request anywhere = { .mem_max = UINT64_MAX };
	void (*of)(const void *data, size_t len, uint8_t *digest) = sha256_of;
	uint8_t digest[SHA256_BYTES];
	struct native native;
	struct file file;
	double best = 1e9;

	if (argc != 3 || file_open(&file, argv[2])) {
		fprintf(stderr, "digest: %s\n",
			argc != 3 ? "usage: digest portable|loader|purgatory FILE" : err_text());
		return 1;
	}
	if (!strcmp(argv[1], "loader"))
		sha256_use_cpu(true);
	if (!strcmp(argv[1], "purgatory")) {
		bool (*use_cpu)(bool on);

		if (!native_open(&native, &anywhere)) {
			fprintf(stderr, "digest: no purgatory is built in for this machine\n");
			return 1;
		}
		use_cpu = native_symbol(&native, "sha256_use_cpu");
		of = native_symbol(&native, "sha256_of");
		use_cpu(true);
	}
	for (int i = 0; i < ROUNDS; i++) {
		double start = now(), took;

		of(file.view.base, file.view.len, digest);
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
