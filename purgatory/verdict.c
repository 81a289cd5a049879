/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The word that tells the capture kernel how it came to be started. It replaces bytes of a segment that was just
 * verified, and only where the word is that the loader put there.
 */
#include "purgatory/purgatory.h"

#define MAX_BYTES 1024         /* more than all names: the room of any word */
_Static_assert(MAX_BYTES > 64 + PURG_MAX_REGIONS * (PURG_NAME_BYTES + 1), "every name has room");

struct word {
	char text[MAX_BYTES];
	size_t len;
};

static void add(struct word *w, const char *text)
{
	while (*text && w->len < MAX_BYTES)
		w->text[w->len++] = *text++;
}

/* Blanks, quotes and the like have a meaning in a command line, and commas in this word. */
static char harmless(char c)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

	return letter || c == '-' || c == '_' || c == '.' ? c : '-';
}

/* The primary's damaged segments, as many as have room. */
static void add_names(struct word *w, const struct purg_params *p, size_t max)
{
	const char *before = ":";

	for (uint32_t i = 0; i < p->nr_regions; i++) {
		const char *name = p->regions[i].name;
		size_t name_len = 0;

		if (!(p->regions[i].images & 1) || region_good(i))
			continue;
		while (name_len < PURG_NAME_BYTES && name[name_len])
			name_len++;
		if (w->len + 1 + name_len > max)
			break;
		add(w, before);
		for (size_t j = 0; j < name_len; j++)
			w->text[w->len++] = harmless(name[j]);
		before = ",";
	}
}

bool verdict_write(const struct purg_params *p, uint32_t idx, enum choice choice)
{
	static const char *const texts[] = {
		[CHOICE_OK] = PURG_VERDICT_WORD "ok",
		[CHOICE_SKIPPED] = PURG_VERDICT_WORD "skipped",
		[CHOICE_DAMAGED] = PURG_VERDICT_WORD "damaged",
		[CHOICE_FALLBACK] = PURG_VERDICT_WORD "fallback",
	};
	static const char expected[] = PURG_VERDICT_WORD;
	const struct purg_image *image = &p->images[idx];
	volatile char *place = (volatile char *)(uintptr_t)image->verdict_paddr;
	size_t max = image->verdict_len < MAX_BYTES ? image->verdict_len : MAX_BYTES;
	struct word w = { .len = 0 };

	add(&w, texts[choice]);
	if (!image->verdict_paddr || w.len > max || image->verdict_len > UINT64_MAX - image->verdict_paddr)
		return false;
	for (size_t i = 0; i < sizeof(expected) - 1; i++)
		if (place[i] != expected[i])
			return false;
	if (choice == CHOICE_DAMAGED || choice == CHOICE_FALLBACK)
		add_names(&w, p, max);
	for (size_t i = 0; i < image->verdict_len; i++)
		place[i] = i < w.len ? w.text[i] : ' ';
	return true;
}
