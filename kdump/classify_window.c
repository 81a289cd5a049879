// SPDX-License-Identifier: GPL-2.0-or-later
/* Walks the struct pages of a window of memory. A block (buddy, compound page) is judged by its first page. */
#include "kdump/classify.h"
#include "lib/err.h"

#include <errno.h>
#include <string.h>

/* Struct pages read at once; where that fails, in pieces of a page of them, so that one bad page costs no more. */
#define STRETCH_PAGES 4096
#define PIECE_PAGES   64

/* No block has more than 2^22 pages. */
#define LOOK_BACK_ORDERS 22

/* A block that the walk is inside of. */
struct block {
	uint64_t stop_pfn;         /* one behind the last; 0: none */
	uint64_t head_vaddr;       /* compound, order not known: it lasts as long as tails point here; 0: order known */
	uint8_t class;
	bool doubtful;
};

struct window {
	struct classifier *c;
	uint64_t first_pfn, stop_pfn;
	uint8_t *class;
	struct class_counts *counts;
	struct block block;
};

void classifier_init(struct classifier *c, struct vmcore *core)
{
	*c = (struct classifier){ .core = core };
	ranges_init(&c->special);
	blob_init(&c->pages);
}

void classifier_deinit(struct classifier *c)
{
	ranges_deinit(&c->special);
	blob_deinit(&c->pages);
}

/*
 * Is the last page of a compound page that starts at PFN really its tail? A damaged order shows so. BYTES: the struct
 * pages from PFN on, LEN bytes of them.
 */
static bool last_tail_agrees(struct classifier *c, uint64_t pfn, uint32_t order, const uint8_t *bytes, size_t len)
{
	const struct kinfo *k = c->k;
	uint64_t last = pfn + (1ull << order) - 1, head_vaddr = memmodel_vaddr(c->m, pfn);
	uint64_t last_vaddr = memmodel_vaddr(c->m, last);
	const uint8_t *tail;
	uint8_t page[512];

	if (!k->compound_head.present)
		return true;
	if (!head_vaddr || !last_vaddr)
		return false;
	if (last - pfn < len / k->page_size_bytes) {
		tail = bytes + (last - pfn) * k->page_size_bytes;
	} else {
		tail = page;
		if (k->page_size_bytes > sizeof(page) || memmodel_read(c->m, last, 1, page))
			return false;
	}
	return page_is_tail_of(k, get_u64(tail + k->compound_head.off, c->core->big_endian), last_vaddr, head_vaddr);
}

static enum page_class judge(const struct classifier *c, const struct page_facts *f, bool *doubtful)
{
	*doubtful = false;
	for (const struct class_rule *rule = class_rules; rule->name; rule++) {
		if (!rule->claims(f, c->k))
			continue;
		*doubtful = rule->believable && !rule->believable(f, c->k);
		if (*doubtful || (rule->class == CLASS_FREE && c->keep_free) ||
		    (rule->class == CLASS_HWPOISON && c->keep_poisoned))
			return CLASS_KERNEL;
		return rule->class;
	}
	return CLASS_KERNEL;
}

/*
 * The class of PFN, whose facts are F, and of the block that it starts. BYTES and LEN as above. That a page is broken
 * says nothing of those behind it, but in a hugetlb page: there the first has the flag for whichever it is.
 */
static void begin_block(struct classifier *c, uint64_t pfn, const struct page_facts *f, const uint8_t *bytes,
			size_t len, struct block *block)
{
	bool aligned = !(pfn & ((1ull << f->order) - 1));
	struct page_facts whole = *f;

	whole.hwpoison = f->hwpoison && f->hugetlb;
	*block = (struct block){ .stop_pfn = pfn + 1 };
	block->class = judge(c, &whole, &block->doubtful);
	if (f->buddy || f->unaccepted) {
		if (!aligned) {
			block->class = CLASS_KERNEL;
			block->doubtful = true;
		} else if (!block->doubtful) {
			block->stop_pfn = pfn + (1ull << f->order);
		}
	} else if (f->head) {
		block->stop_pfn = pfn + (1ull << f->order);
		if (!f->order_known || !aligned || !last_tail_agrees(c, pfn, f->order, bytes, len)) {
			block->stop_pfn = pfn + (1ull << LOOK_BACK_ORDERS);
			block->head_vaddr = memmodel_vaddr(c->m, pfn);
			if (!block->head_vaddr)
				block->stop_pfn = pfn + 1;
		}
	}
}

/* Does a block from before the window reach into it? Blocks are aligned to their size, so there are few places. */
static void look_back(struct window *w)
{
	struct classifier *c = w->c;
	uint64_t pfn = w->first_pfn, before = pfn;
	uint8_t two[1024];

	for (unsigned int order = 1; order <= LOOK_BACK_ORDERS; order++) {
		uint64_t head = pfn & ~((1ull << order) - 1);
		struct page_facts f;
		struct block block;

		if (head == before || 2 * c->k->page_size_bytes > sizeof(two))
			continue;
		before = head;
		if (memmodel_read(c->m, head, 2, two))
			continue;
		page_decode(c->k, two, 2 * c->k->page_size_bytes, c->core->big_endian, &f);
		if (!f.buddy && !f.unaccepted && !f.head)
			continue;
		begin_block(c, head, &f, two, 2 * c->k->page_size_bytes, &block);
		if (block.stop_pfn > pfn) {
			w->block = block;
			return;
		}
	}
}

static void set_class(struct window *w, uint64_t pfn, uint8_t class, bool doubtful)
{
	w->class[pfn - w->first_pfn] = class;
	if (w->counts && doubtful)
		w->counts->doubtful++;
}

/* One page: BYTES and LEN as page_decode() takes them. */
static void classify_page(struct window *w, uint64_t pfn, const uint8_t *bytes, size_t len)
{
	const struct kinfo *k = w->c->k;
	bool big_endian = w->c->core->big_endian;
	struct page_facts f;

	if (pfn < w->block.stop_pfn && w->block.head_vaddr &&
	    !page_is_tail_of(k, get_u64(bytes + k->compound_head.off, big_endian), memmodel_vaddr(w->c->m, pfn),
			     w->block.head_vaddr))
		w->block.stop_pfn = pfn;
	if (pfn < w->block.stop_pfn) {
		/* A page of a block can be broken by itself (since 5.13 the flag is the page's own, not the head's). */
		bool poisoned = page_is_poisoned(k, bytes, big_endian) && !w->c->keep_poisoned;

		set_class(w, pfn, poisoned ? CLASS_HWPOISON : w->block.class, w->block.doubtful && !poisoned);
		return;
	}
	page_decode(k, bytes, len, big_endian, &f);
	begin_block(w->c, pfn, &f, bytes, len, &w->block);
	if (f.hwpoison) {
		bool doubtful;
		uint8_t class = judge(w->c, &f, &doubtful);

		set_class(w, pfn, class, doubtful);
		return;
	}
	/* A tail outside of any block: its head could not be read or believed. */
	if (f.tail && w->block.class != CLASS_HWPOISON && w->block.class != CLASS_OFFLINE) {
		w->block.class = CLASS_KERNEL;
		w->block.doubtful = true;
	}
	set_class(w, pfn, w->block.class, w->block.doubtful);
}

/* No struct pages: nothing is known of these pages but that they are RAM. */
static void classify_unknown(struct window *w, uint64_t pfn, uint64_t nr, bool doubtful)
{
	for (uint64_t i = 0; i < nr; i++)
		set_class(w, pfn + i, CLASS_KERNEL, doubtful);
}

/* NR pages of RAM inside one section. */
static void classify_stretch(struct window *w, uint64_t pfn, uint64_t nr)
{
	uint64_t size = w->c->k->page_size_bytes;
	uint8_t *buf = w->c->pages.data;
	bool whole = !memmodel_read(w->c->m, pfn, nr, buf);

	for (uint64_t done = 0; done < nr;) {
		uint64_t piece = whole ? nr : PIECE_PAGES - (pfn + done) % PIECE_PAGES;

		if (piece > nr - done)
			piece = nr - done;
		if (!whole && memmodel_read(w->c->m, pfn + done, piece, buf)) {
			classify_unknown(w, pfn + done, piece, true);
		} else {
			for (uint64_t i = 0; i < piece; i++)
				classify_page(w, pfn + done + i, buf + i * size, (piece - i) * size);
		}
		done += piece;
	}
}

/* A compound head must not be the last of its stretch: its order stands in the page behind it. Heads are even. */
static uint64_t stretch_len(const struct memmodel *m, uint64_t pfn, uint64_t nr)
{
	const struct section *s = memmodel_section(m, pfn);
	uint64_t len = STRETCH_PAGES - pfn % 2;

	if (s && len > s->nr_pfn - (pfn - s->first_pfn))
		len = s->nr_pfn - (pfn - s->first_pfn);
	return len < nr ? len : nr;
}

static void classify_range(struct window *w, uint64_t pfn, uint64_t last)
{
	while (pfn <= last) {
		uint64_t nr = last - pfn + 1;

		if (w->c->k)
			nr = stretch_len(w->c->m, pfn, nr);
		if (w->c->k)
			classify_stretch(w, pfn, nr);
		else
			classify_unknown(w, pfn, nr, false);
		pfn += nr;
	}
}

/* What is known from elsewhere says more than "kernel". Freed memory of the image is like any other. */
static void apply_special(struct window *w)
{
	const struct ranges *special = &w->c->special;

	for (size_t i = 0; i < special->nr; i++) {
		const struct range *r = &special->r[i];
		uint64_t pfn = r->start > w->first_pfn ? r->start : w->first_pfn;

		for (; pfn <= r->last && pfn < w->stop_pfn; pfn++) {
			uint8_t *class = &w->class[pfn - w->first_pfn];

			if (*class <= CLASS_KERNEL)
				*class = r->type;
		}
	}
}

int classify_window(struct classifier *c, uint64_t first_pfn, uint64_t nr, uint8_t *class, struct class_counts *counts)
{
	struct window w = { c, first_pfn, first_pfn + nr, class, counts, { 0 } };
	unsigned int shift = c->core->page_shift;
	const struct ranges *ram = &c->core->ram;

	memset(class, CLASS_NO_RAM, nr);
	if (c->k && c->pages.cap < STRETCH_PAGES * c->k->page_size_bytes) {
		int err = blob_reserve(&c->pages, STRETCH_PAGES * c->k->page_size_bytes);

		if (err)
			return err;
	}
	if (c->k && nr)
		look_back(&w);
	for (size_t i = 0; i < ram->nr; i++) {
		uint64_t start = ram->r[i].start >> shift, last = ram->r[i].last >> shift;

		if (last < first_pfn || start >= w.stop_pfn)
			continue;
		classify_range(&w, start > first_pfn ? start : first_pfn, last < w.stop_pfn ? last : w.stop_pfn - 1);
	}
	apply_special(&w);
	for (uint64_t i = 0; counts && i < nr; i++)
		counts->pages[class[i]]++;
	return 0;
}
