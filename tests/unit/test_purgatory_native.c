/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code that a crash would run, as it is linked into the loader: the built-in purgatory's verification, executed
 * here, with portable code and with this CPU's instructions for SHA-256.
 */
#include "tests/unit/purgatory_native.h"

#include "lib/sha256.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#define REGION_BYTES 70000
#define REGION_MEMSZ 73728

static struct {
	bool (*use_cpu)(bool on);
	void (*of)(const void *data, size_t len, uint8_t *digest);
	bool (*verify_region)(const struct purg_params *p, uint32_t idx);
	bool (*verify_self)(const struct self *self);
	bool (*image_good)(const struct purg_params *p, uint32_t idx);
	bool (*confirmed)(const struct purg_params *p, uint32_t idx, enum choice choice);
} blob;

static void *wanted(const struct native *n, const char *symbol)
{
	void *at = native_symbol(n, symbol);

	CHECK(at);
	return at;
}

static bool open_blob(struct native *n, const struct load_request *req)
{
	if (!native_open(n, req)) {
		printf("no purgatory is built for this machine: not tested\n");
		return false;
	}
	blob.use_cpu = wanted(n, "sha256_use_cpu");
	blob.of = wanted(n, "sha256_of");
	blob.verify_region = wanted(n, "verify_region");
	blob.verify_self = wanted(n, "verify_self");
	blob.image_good = wanted(n, "image_good");
	blob.confirmed = wanted(n, "confirmed");
	return true;
}

static const struct load_request anywhere = { .mem_max = UINT64_MAX };

TEST(digests_as_the_loaders)
{
	static uint8_t memory[REGION_BYTES + 64];
	uint8_t digest[SHA256_BYTES], want[SHA256_BYTES];
	struct native n;

	if (!open_blob(&n, &anywhere))
		return;
	sha256_use_cpu(false);
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = test_random();
	for (int cpu = 0; cpu <= 1; cpu++) {
		CHECK_EQ(blob.use_cpu(cpu), cpu && sha256_use_cpu(true));
		sha256_use_cpu(false);
		for (unsigned int round = 0; round < 300; round++) {
			size_t len = test_random() % (round % 10 ? 500 : REGION_BYTES), off = test_random() % 64;

			blob.of(memory + off, len, digest);
			sha256_of(memory + off, len, want);
			CHECK(!memcmp(digest, want, sizeof(want)));
		}
	}
	native_close(&n);
}

TEST(regions)
{
	static uint8_t memory[REGION_MEMSZ] __attribute__((aligned(4096)));
	static struct purg_params p = { .nr_regions = 1 };
	struct native n;

	if (!open_blob(&n, &anywhere))
		return;
	for (size_t i = 0; i < REGION_BYTES; i++)
		memory[i] = test_random();
	p.regions[0] = (struct purg_region){ .start = (uintptr_t)memory, .len = REGION_BYTES, .memsz = REGION_MEMSZ,
					     .images = 1 };
	sha256_of(memory, REGION_BYTES, p.regions[0].digest);
	for (int cpu = 0; cpu <= 1; cpu++) {
		blob.use_cpu(cpu);
		CHECK(blob.verify_region(&p, 0));
		CHECK(blob.image_good(&p, 0));
		for (unsigned int round = 0; round < 200; round++) {
			size_t off = test_random() % REGION_MEMSZ;
			uint8_t bit = 1u << test_random() % 8;

			memory[off] ^= bit;
			CHECK(!blob.verify_region(&p, 0));
			CHECK(!blob.image_good(&p, 0));
			CHECK(!blob.confirmed(&p, 0, CHOICE_OK));
			memory[off] ^= bit;
		}
	}
	native_close(&n);
}

/* What the loader sealed is what the purgatory finds when it looks at itself; .bss is its own to change. */
TEST(itself)
{
	struct tree tree = tree_new();
	struct native n;

	if (!open_blob(&n, &anywhere)) {
		tree_free(&tree);
		return;
	}
	n.plan.root = &tree.root;
	CHECK(!purgatory_seal(&n.plan));
	for (int cpu = 0; cpu <= 1; cpu++) {
		for (unsigned int round = 0; round < 200; round++) {
			struct self self = { .params = (const struct purg_params *)n.image };
			size_t off;

			memcpy(n.image, n.plan.purgatory.data, n.plan.purgatory.len);
			self.file_len = (uint8_t *)wanted(&n, "purg_bss") - n.image;
			self.image_len = (uint8_t *)wanted(&n, "purg_limit") - n.image;
			blob.use_cpu(cpu);
			off = test_random() % offsetof(struct purg_params, self_memsz);
			if (round) /* the block; other bits are code that runs here, and QEMU's business */
				n.image[off] ^= 1u << test_random() % 8;
			CHECK_EQ(blob.verify_self(&self), !round);
		}
	}
	native_close(&n);
	tree_free(&tree);
}
