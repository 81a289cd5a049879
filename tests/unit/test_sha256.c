/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/sha256.h"
#include "tests/unit/test.h"

#include <sys/mman.h>
#include <unistd.h>

/* Each test runs with portable code and, where this CPU has them, with its own instructions. */
#define BOTH_WAYS for (int cpu = 0; cpu <= 1; cpu++) if (sha256_use_cpu(cpu) == cpu)

static void check_hex(const uint8_t digest[SHA256_BYTES], const char *want)
{
	char hex[2 * SHA256_BYTES + 1];

	for (unsigned int i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	CHECK_STR(hex, want);
}

/* The examples of FIPS 180, one and two blocks, and the empty message. */
static const char *const vectors[][2] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
	  "nopqrstu", "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

TEST(published_examples)
{
	uint8_t digest[SHA256_BYTES];

	BOTH_WAYS {
		for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
			sha256_of(vectors[i][0], strlen(vectors[i][0]), digest);
			check_hex(digest, vectors[i][1]);
		}
		sha256_of(NULL, 0, digest);
		check_hex(digest, vectors[0][1]);
	}
}

/*
 * SHA256_CPU in the environment: "yes": the CPU's instructions must be found, "no": they must not. Without it
 * /proc/cpuinfo tells.
 */
TEST(instructions_are_found)
{
	const char *wanted = getenv("SHA256_CPU");
	char line[16384];
	bool told = false;
	FILE *f = wanted ? NULL : fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		told |= strstr(line, " sha_ni") || strstr(line, " sha2");
	if (f)
		fclose(f);
	if (wanted)
		told = !strcmp(wanted, "yes");
	if (!strcmp(sha256_cpu_label, "none"))
		told = false;
	CHECK_EQ(sha256_use_cpu(true), told);
	CHECK_STR(sha256_cpu_name() ? sha256_cpu_name() : "none", told ? sha256_cpu_label : "none");
	if (!told)
		printf("this CPU has no SHA-256 instructions that are known here: portable code is tested only\n");
	CHECK(!sha256_use_cpu(false));
	CHECK(!sha256_cpu_name());
}

/* Bit for bit what portable code finds, for any length at any address, without a byte read in front or behind. */
TEST(instructions_against_portable_code)
{
	const size_t room = 16384, page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t portable[SHA256_BYTES], digest[SHA256_BYTES];
	uint8_t *map = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *memory = map + page;

	CHECK(map != MAP_FAILED && !mprotect(memory, room, PROT_READ | PROT_WRITE));
	for (unsigned int round = 0; round < 2000; round++) {
		size_t len = test_random() % (round % 8 ? 700 : room), off = test_random() % (room - len + 1);

		if (round % 3 == 0)
			off = room - len;
		if (round % 3 == 1)
			off = 0;
		for (size_t i = 0; i < len; i++)
			memory[off + i] = (uint8_t)test_random();
		sha256_use_cpu(false);
		sha256_of(memory + off, len, portable);
		sha256_use_cpu(true);
		sha256_of(memory + off, len, digest);
		CHECK(!memcmp(digest, portable, sizeof(digest)));
	}
	munmap(map, room + 2 * page);
}

TEST(a_million_times_a)
{
	uint8_t chunk[1000], digest[SHA256_BYTES];
	struct sha256 s;

	BOTH_WAYS {
		memset(chunk, 'a', sizeof(chunk));
		sha256_init(&s);
		for (unsigned int i = 0; i < 1000; i++)
			sha256_update(&s, chunk, sizeof(chunk));
		sha256_final(&s, digest);
		check_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}

/*
 * The digest of the digests of the messages of 0 to 300 bytes, byte I of message N being 7 I + N. The value was
 * computed with another implementation (Python's hashlib).
 */
TEST(every_length_to_300)
{
	uint8_t message[300], digest[SHA256_BYTES];
	struct sha256 all;

	BOTH_WAYS {
		sha256_init(&all);
		for (unsigned int n = 0; n <= 300; n++) {
			for (unsigned int i = 0; i < n; i++)
				message[i] = (uint8_t)(7 * i + n);
			sha256_of(message, n, digest);
			sha256_update(&all, digest, sizeof(digest));
		}
		sha256_final(&all, digest);
		check_hex(digest, "60d63ff40b5558727a9b786ac0be9300f7ca58fd9ddd3b2f3681b369018a87dc");
	}
}

/* However a message is cut into pieces, and wherever they lie in memory. */
TEST(pieces_and_alignment)
{
	uint8_t message[1000], shifted[1008], whole[SHA256_BYTES], digest[SHA256_BYTES];

	BOTH_WAYS {
		for (unsigned int round = 0; round < 500; round++) {
			size_t len = test_random() % sizeof(message), shift = round % 8, at = 0;
			struct sha256 s;

			for (size_t i = 0; i < len; i++)
				message[i] = (uint8_t)test_random();
			memcpy(shifted + shift, message, len);
			sha256_of(message, len, whole);
			sha256_of(shifted + shift, len, digest);
			CHECK(!memcmp(digest, whole, sizeof(whole)));

			sha256_init(&s);
			while (at < len) {
				size_t n = test_random() % (round % 2 ? 20 : 200);

				if (n > len - at)
					n = len - at;
				sha256_update(&s, shifted + shift + at, n);
				at += n;
			}
			sha256_update(&s, NULL, 0);
			sha256_final(&s, digest);
			CHECK(!memcmp(digest, whole, sizeof(whole)));
		}
	}
}

/*
 * The length in bits has 64 bits. Instead of hashing 32 GiB: a fresh start that believes to have seen them.
 * value: one compression of the padding block, computed by a straightforward program from the standard's text.
 */
TEST(lengths_above_32_bits)
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 s;

	BOTH_WAYS {
		sha256_init(&s);
		s.len = 1ull << 35;
		sha256_final(&s, digest);
		check_hex(digest, "a9d545ebefe4fbd46576cb96286b72e0f9e24f70fe32a839c8bd1e9e12c67e85");
	}
}
