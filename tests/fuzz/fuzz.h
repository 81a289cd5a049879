/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzz target defines LLVMFuzzerTestOneInput(). Built with -DFUZZ_REPLAY it is a plain program that runs every
 * file named on its command line (and every file in the directories named there) once: the corpus in
 * tests/fuzz/corpus/NAME is replayed so in ./check.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "lib/err.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_REPLAY
static unsigned int fuzz_replay(const char *path)
{
	struct stat st;
	unsigned int nr = 0;

	if (stat(path, &st)) {
		perror(path);
		exit(1);
	}
	if (S_ISDIR(st.st_mode)) {
		DIR *dir = opendir(path);
		char below[4096];

		for (struct dirent *d; dir && (d = readdir(dir));) {
			if (d->d_name[0] == '.')
				continue;
			snprintf(below, sizeof(below), "%s/%s", path, d->d_name);
			nr += fuzz_replay(below);
		}
		if (dir)
			closedir(dir);
		return nr;
	}

	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(st.st_size ? st.st_size : 1);
	size_t len = f ? fread(data, 1, st.st_size, f) : 0;

	if (f)
		fclose(f);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned int nr = 0;

	for (int i = 1; i < argc; i++)
		nr += fuzz_replay(argv[i]);
	printf("%u inputs replayed\n", nr);
	return nr == 0;
}
#endif

#endif
