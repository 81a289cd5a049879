/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "purgatory/purgatory.h"

#include "lib/sha256.h"

#define REFUSAL "not starting a damaged capture kernel"
#define RESET_DELAY 3      /* seconds: long enough to read, and for a slow serial line to drain */

enum verdict {
	UNKNOWN = 0,           /* not looked at yet */
	GOOD,
	DAMAGED,               /* the digest differs */
	PADDING,               /* bytes behind the digest are no longer zero */
	NONSENSE,              /* the region itself cannot be */
};

struct finding {
	enum verdict verdict;
	uint64_t paddr;        /* PADDING: the first byte that is not zero */
	uint8_t found[SHA256_BYTES];
};

/*
 * File-scope, because an exception must know it too and there is nobody to hand it through. Zero until the
 * parameters are found sane.
 */
static uint32_t reset_psci;

/* Digests are compared: not -i. */
static bool verifying;

/* Of the purgatory itself, and of each region; kept so that confirmed() can look again. */
static struct finding self_finding, findings[PURG_MAX_REGIONS];

/* One constant text: the code that says so may be what is damaged. */
#define SELF_DAMAGED "purgatory: segment purgatory at its own place is damaged"

_Noreturn void purg_reset(void)
{
	arch_reset(reset_psci);
}

/* Bad news is worth trying a console that nobody named: the machine is about to be reset anyway. */
static void want_console(void)
{
	if (!console_alive())
		console_init(arch_consoles, arch_nr_consoles);
}

_Noreturn void purg_give_up(const char *why)
{
	want_console();
	print("purgatory: ");
	print(why);
	print("; resetting the machine in about ");
	print_dec(RESET_DELAY);
	print(" seconds\n");
	arch_delay(RESET_DELAY);
	purg_reset();
}

static const void *at(uint64_t paddr)
{
	return (const void *)(uintptr_t)paddr;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
	while (n && *a == *b) {
		a++;
		b++;
		n--;
	}
	return n == 0;
}

/* Address of the first byte in FROM..FROM+LEN that is not zero; FROM+LEN when all are. */
static uint64_t first_nonzero(uint64_t from, uint64_t len)
{
	uint64_t stop = from + len;

	while (from != stop && from % 8) {
		if (*(const volatile uint8_t *)at(from))
			return from;
		from++;
	}
	while (stop - from >= 8 && !*(const volatile uint64_t *)at(from))
		from += 8;
	while (from != stop && !*(const volatile uint8_t *)at(from))
		from++;
	return from;
}

static void verify(const struct purg_region *r, struct finding *f)
{
	if (r->len > r->memsz || r->memsz > UINT64_MAX - r->start) {
		f->verdict = NONSENSE;
		return;
	}
	sha256_of(at(r->start), r->len, f->found);
	if (!same(f->found, r->digest, sizeof(f->found))) {
		f->verdict = DAMAGED;
		return;
	}
	f->paddr = first_nonzero(r->start + r->len, r->memsz - r->len);
	f->verdict = f->paddr == r->start + r->memsz ? GOOD : PADDING;
}

/*
 * The segment that this code runs in: what came from the file, its digest counted as zero; .bss; and what pads it to
 * whole pages.
 */
static void verify_self(const struct purg_params *p, uint64_t file_len, uint64_t image_len, uint64_t dirty,
			struct finding *f)
{
	static const uint8_t zero[SHA256_BYTES];
	const uint8_t *image = (const uint8_t *)p;
	size_t before = offsetof(struct purg_params, self_digest), behind = before + sizeof(p->self_digest);
	uint64_t start = (uintptr_t)p;
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, image, before);
	sha256_update(&s, zero, sizeof(zero));
	sha256_update(&s, image + behind, file_len - behind);
	sha256_final(&s, f->found);
	f->verdict = DAMAGED;
	if (!same(f->found, p->self_digest, sizeof(f->found)))
		return;
	f->paddr = dirty;
	if (!dirty && p->self_memsz > image_len)
		f->paddr = first_nonzero(start + image_len, p->self_memsz - image_len);
	f->verdict = f->paddr && f->paddr != start + p->self_memsz ? PADDING : GOOD;
}

static void report(const struct purg_region *r, const struct finding *f)
{
	want_console();
	print("purgatory: segment ");
	print_bytes(r->name, sizeof(r->name));
	print(" at ");
	print_hex(r->start);
	print(" (");
	print_dec(r->len);
	print(" bytes) is damaged: ");
	switch (f->verdict) {
	case DAMAGED:
		print("expected ");
		print_digest(r->digest);
		print(" found ");
		print_digest(f->found);
		print("\n");
		break;
	case PADDING:
		print("its zero padding was overwritten at ");
		print_hex(f->paddr);
		print("\n");
		break;
	default:
		print("its description makes no sense\n");
		break;
	}
}

static void report_self(const struct purg_params *p, uint64_t file_len, const struct finding *f)
{
	struct purg_region self = { .start = (uintptr_t)p, .len = file_len, .name = "purgatory" };

	for (size_t i = 0; i < sizeof(self.digest); i++)
		self.digest[i] = p->self_digest[i];
	want_console();
	print(SELF_DAMAGED "\n");
	report(&self, f);
}

/*
 * Each segment's name is printed before the work on it starts: without caches (arm64) a large one takes
 * long, and the reader should see where it is.
 */
static bool verify_regions(const struct purg_params *p)
{
	bool good = true;

	print("purgatory: verifying ");
	print_dec(p->nr_regions);
	print(p->nr_regions == 1 ? " segment:" : " segments:");
	for (uint32_t i = 0; i < p->nr_regions; i++) {
		print(" ");
		print_bytes(p->regions[i].name, sizeof(p->regions[i].name));
		verify(&p->regions[i], &findings[i]);
	}
	print("\n");
	for (uint32_t i = 0; i < p->nr_regions; i++) {
		if (findings[i].verdict == GOOD)
			continue;
		report(&p->regions[i], &findings[i]);
		good = false;
	}
	return good;
}

/*
 * The same decision once more, from the digests that were found and by other instructions: damage to the code that
 * compares or branches must not be enough to start anything.
 */
static bool confirmed(const struct purg_params *p)
{
	unsigned int differs = self_finding.verdict ^ GOOD;

	for (size_t j = 0; j < SHA256_BYTES; j++)
		differs |= self_finding.found[j] ^ p->self_digest[j];
	for (uint32_t i = 0; i < p->nr_regions; i++) {
		differs |= findings[i].verdict ^ GOOD;
		for (size_t j = 0; j < SHA256_BYTES; j++)
			differs |= findings[i].found[j] ^ p->regions[i].digest[j];
	}
	return !differs;
}

/* Itself first: when this image is damaged, nothing that it says about others counts. */
static bool verify_all(const struct purg_params *p, uint64_t file_len, uint64_t image_len, uint64_t dirty)
{
	console_init(p->consoles, p->nr_consoles);
	verify_self(p, file_len, image_len, dirty, &self_finding);
	if (self_finding.verdict != GOOD) {
		report_self(p, file_len, &self_finding);
		return false;
	}
	return verify_regions(p);
}

/* NULL, or what is wrong with the block. Tested before a single other byte of it is believed. */
static const char *params_fault(const struct purg_params *p, uint64_t file_len)
{
	if (p->magic != PURG_MAGIC)
		return "its parameter block is damaged (no magic number)";
	if (p->version != PURG_VERSION || p->size != sizeof(*p) || file_len < sizeof(*p))
		return "its parameter block is damaged (version or size)";
	if (p->nr_regions > PURG_MAX_REGIONS || p->nr_copies > PURG_MAX_COPIES || p->nr_consoles > PURG_MAX_CONSOLES)
		return "its parameter block is damaged (a count is too large)";
	return NULL;
}

/* A function of its own, so that no wrong turn in the decision above leads behind this one. */
static __attribute__((noinline)) _Noreturn void copy_and_start(const struct purg_params *p)
{
	bool check = p->flags != PURG_FLAG_NO_VERIFY;

	if (check && !confirmed(p))
		purg_give_up(REFUSAL);
	for (uint32_t i = 0; i < p->nr_copies; i++)
		arch_copy(p->copies[i].to, p->copies[i].from, p->copies[i].len);
	print(check ? "purgatory: ok" : "purgatory: nothing verified");
	print(", starting the capture kernel at ");
	print_hex(p->entry);
	print("\n");
	arch_start(p);
}

void purg_trapped(void)
{
	want_console();
	print("\n");
	/* Whoever stumbles while looking at himself is the one who is damaged. */
	if (verifying && self_finding.verdict != GOOD)
		print(SELF_DAMAGED "\n");
	print("purgatory: CPU exception ");
}

_Noreturn void purg_main(const struct purg_params *params, uint64_t file_len, uint64_t image_len, uint64_t dirty)
{
	const char *fault = params_fault(params, file_len);

	if (fault)
		purg_give_up(fault);
	reset_psci = params->psci;
	verifying = params->flags != PURG_FLAG_NO_VERIFY;
	if (!verifying)
		console_init(params->consoles, params->nr_consoles);
	else if (!verify_all(params, file_len, image_len, dirty))
		purg_give_up(REFUSAL);
	copy_and_start(params);
}
