/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Throughput of the SHA-256 in the purgatory of Debian's kexec-tools, as built: digest.py takes it out of their program
 * and links it with this. Prints as digest.c does.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 3
#define PIECE (1u << 20)
#define CONTEXT_BYTES 1024     /* more than their context can have */

void sha256_starts(void *context);
void sha256_update(void *context, uint8_t *data, unsigned int len);
void sha256_finish(void *context, uint8_t *digest);

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static uint64_t context[CONTEXT_BYTES / 8];
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	uint8_t digest[32], *data;
	double best = 1e9;
	long len;

	if (!f || fseek(f, 0, SEEK_END) || (len = ftell(f)) <= 0 || len % PIECE)
		return 1;
	rewind(f);
	data = malloc(len);
	if (!data || fread(data, len, 1, f) != 1)
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		double start = now(), took;

		sha256_starts(context);
		for (long off = 0; off < len; off += PIECE)
			sha256_update(context, data + off, PIECE);
		sha256_finish(context, digest);
		took = now() - start;
		if (took < best)
			best = took;
	}
	printf("%.0f MB/s ", len / best / 1e6);
	for (int i = 0; i < 32; i++)
		printf("%02x", digest[i]);
	putchar('\n');
	return 0;
}
