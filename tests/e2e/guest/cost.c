// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run a command and print what it cost as the kernel counts it: cost COMMAND... -> "user_us system_us wall_us
 * peak_kib status".
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000ll + t.tv_usec;
}

int main(int argc, char **argv)
{
	struct timespec start, stop;
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &stop);
	printf("%lld %lld %lld %ld %d\n", us(usage.ru_utime), us(usage.ru_stime),
	       (stop.tv_sec - start.tv_sec) * 1000000ll + (stop.tv_nsec - start.tv_nsec) / 1000, usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return 0;
}
