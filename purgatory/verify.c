/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "purgatory/purgatory.h"

#include "lib/sha256.h"

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

/* Of the purgatory itself, and of each region. */
static struct finding self_finding, findings[PURG_MAX_REGIONS];

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
	/* A kernel asks for tens of megabytes of zeros. */
	for (; stop - from >= 64; from += 64) {
		const volatile uint64_t *word = at(from);

		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			break;
	}
	while (stop - from >= 8 && !*(const volatile uint64_t *)at(from))
		from += 8;
	while (from != stop && !*(const volatile uint8_t *)at(from))
		from++;
	return from;
}

static void look(const struct purg_region *r, struct finding *f)
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

bool verify_region(const struct purg_params *p, uint32_t idx)
{
	look(&p->regions[idx], &findings[idx]);
	return region_good(idx);
}

bool region_good(uint32_t idx)
{
	return findings[idx].verdict == GOOD;
}

bool image_good(const struct purg_params *p, uint32_t idx)
{
	bool good = true;

	for (uint32_t i = 0; i < p->nr_regions; i++)
		if (p->regions[i].images >> idx & 1 && !region_good(i))
			good = false;
	return good;
}

/*
 * The segment that this code runs in: what came from the file, its digest counted as zero; .bss; and what pads it to
 * whole pages.
 */
bool verify_self(const struct self *self)
{
	static const uint8_t zero[SHA256_BYTES];
	const struct purg_params *p = self->params;
	const uint8_t *image = (const uint8_t *)p;
	size_t before = offsetof(struct purg_params, self_digest), behind = before + sizeof(p->self_digest);
	uint64_t start = (uintptr_t)p;
	struct finding *f = &self_finding;
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, image, before);
	sha256_update(&s, zero, sizeof(zero));
	sha256_update(&s, image + behind, self->file_len - behind);
	sha256_final(&s, f->found);
	f->verdict = DAMAGED;
	if (!same(f->found, p->self_digest, sizeof(f->found)))
		return false;
	f->paddr = self->dirty;
	if (!self->dirty && p->self_memsz > self->image_len)
		f->paddr = first_nonzero(start + self->image_len, p->self_memsz - self->image_len);
	f->verdict = f->paddr && f->paddr != start + p->self_memsz ? PADDING : GOOD;
	return self_good();
}

bool self_good(void)
{
	return self_finding.verdict == GOOD;
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

/* The first line is one constant text: the code that says more may be what is damaged. */
void report_self(const struct self *self)
{
	const struct purg_params *p = self->params;
	struct purg_region r = { .start = (uintptr_t)p, .len = self->file_len, .name = "purgatory" };

	for (size_t i = 0; i < sizeof(r.digest); i++)
		r.digest[i] = p->self_digest[i];
	want_console();
	print(SELF_DAMAGED "\n");
	report(&r, &self_finding);
}

void report_region(const struct purg_params *p, uint32_t idx)
{
	report(&p->regions[idx], &findings[idx]);
}

/* Whoever starts what is damaged must have been told to, and whoever starts image 1 too. */
bool confirmed(const struct purg_params *p, uint32_t idx, enum choice choice)
{
	unsigned int differs = self_finding.verdict ^ GOOD;

	for (size_t j = 0; j < SHA256_BYTES; j++)
		differs |= self_finding.found[j] ^ p->self_digest[j];
	if (idx)
		differs |= p->policy ^ PURG_POLICY_FALLBACK;
	if (choice == CHOICE_DAMAGED)
		return !(differs | (p->policy ^ PURG_POLICY_BOOT));
	for (uint32_t i = 0; i < p->nr_regions; i++) {
		if (!(p->regions[i].images >> idx & 1))
			continue;
		differs |= findings[i].verdict ^ GOOD;
		for (size_t j = 0; j < SHA256_BYTES; j++)
			differs |= findings[i].found[j] ^ p->regions[i].digest[j];
	}
	return !differs;
}
