/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The unit tests' harness. A test program is one file with any number of
 *
 *     TEST(name) { CHECK(...); CHECK_EQ(got, want); ... }
 *
 * Each registers itself; main() is here. A failed CHECK prints where and what and the test goes on. Exit status 0 or 1;
 * the last line counts: "N passed, N failed".
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include "lib/err.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *test_list, **test_tail = &test_list;
static unsigned int test_failures;

#define TEST(id)                                                                      \
	static void test_##id(void);                                                  \
	static struct test test_entry_##id = { #id, test_##id, NULL };                \
	__attribute__((constructor)) static void test_register_##id(void)             \
	{                                                                             \
		*test_tail = &test_entry_##id;                                        \
		test_tail = &test_entry_##id.next;                                    \
	}                                                                             \
	static void test_##id(void)

#define CHECK(cond)                                                                   \
	do {                                                                          \
		if (!(cond)) {                                                        \
			test_failures++;                                              \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond);             \
		}                                                                     \
	} while (0)

#define CHECK_EQ(got, want)                                                           \
	do {                                                                          \
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);            \
		if (got_ != want_) {                                                  \
			test_failures++;                                              \
			printf("%s:%d: %s is %#" PRIx64 ", want %#" PRIx64 "\n", __FILE__, __LINE__, #got, got_, want_); \
		}                                                                     \
	} while (0)

#define CHECK_STR(got, want)                                                          \
	do {                                                                          \
		const char *got_ = (got), *want_ = (want);                            \
		if (!got_ || strcmp(got_, want_)) {                                   \
			test_failures++;                                              \
			printf("%s:%d: %s is \"%s\", want \"%s\"\n", __FILE__, __LINE__, #got, got_ ? got_ : "(null)", want_); \
		}                                                                     \
	} while (0)

/* The call must fail with ERR and its sentence must contain TEXT. */
#define CHECK_FAILS(call, err, text)                                                  \
	do {                                                                          \
		err_clear();                                                          \
		int got_ = (call);                                                    \
		if (got_ != (err) || !strstr(err_text(), (text))) {                   \
			test_failures++;                                              \
			printf("%s:%d: %s is %d (\"%s\"), want %d (\"%s\")\n", __FILE__, __LINE__, #call, got_, err_text(), (err), (text)); \
		}                                                                     \
	} while (0)

/* Random numbers that are the same on every machine; TEST_SEED in the environment changes them. */
static inline uint64_t test_random(void)
{
	static uint64_t x;

	if (!x) {
		const char *seed = getenv("TEST_SEED");

		x = (seed ? strtoull(seed, NULL, 0) : 1) * 0x9e3779b97f4a7c15ull | 1;
	}
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dull;
}

int main(void)
{
	unsigned int passed = 0, failed = 0;

	for (struct test *t = test_list; t; t = t->next) {
		unsigned int before = test_failures;

		err_clear();
		t->run();
		if (test_failures == before) {
			passed++;
		} else {
			failed++;
			printf("FAIL %s\n", t->name);
		}
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

#endif
