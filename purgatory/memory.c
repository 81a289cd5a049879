/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four functions that GCC and clang may call even in freestanding code. Bytewise: nothing large goes
 * through them. Built so that the compiler does not turn these loops into calls of themselves.
 */
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#pragma GCC visibility pop

/* Keeps a loop a loop: the compiler cannot recognise what surrounds it as a copy or a fill. */
#define KEEP_LOOP __asm__ volatile("" ::: "memory")

void *memcpy(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (size_t i = 0; i < n; i++) {
		t[i] = f[i];
		KEEP_LOOP;
	}
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, n);
	while (n--) {
		t[n] = f[n];
		KEEP_LOOP;
	}
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	uint8_t *t = to;

	for (size_t i = 0; i < n; i++) {
		t[i] = byte;
		KEEP_LOOP;
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}
