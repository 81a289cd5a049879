// SPDX-License-Identifier: GPL-2.0-or-later
/* The rules: what a struct page says, and what that makes its page. classify_window.c walks memory with them. */
#include "kdump/classify.h"

/* Largest compound page: 16 GiB in pages of 4 KiB (MAX_FOLIO_ORDER, include/linux/mmzone.h of 7.1). */
#define COMPOUND_ORDER_MAX 22

/* Low bits of page->mapping (include/linux/page-flags.h): bit 0 is anonymous memory, KSM too. */
#define MAPPING_ANON 1u

static bool flag_set(uint64_t flags, const struct knumber *bit)
{
	return bit->present && (flags >> bit->value & 1);
}

/*
 * A type is told from a count of mappings by its sign. With cleared bits the whole word is compared, until 6.11 gave
 * the low 16 bits to the page's owner and moved the types above them; the value shows which of the two it is.
 */
static bool type_is(const struct kinfo *k, uint32_t mapcount, const struct knumber *type)
{
	uint32_t value = type->value;

	if (!type->present || !k->mapcount.present)
		return false;
	switch (k->scheme) {
	case PAGE_TYPE_BITS_CLEARED:
		return (value & 0xffff) == 0xffff ? (mapcount | 0xffff) == value : mapcount == value;
	case PAGE_TYPE_TOP_BYTE:
		return mapcount >> 24 == value >> 24;
	default:
		return false;
	}
}

static uint64_t field_u64(const struct kfield *f, const uint8_t *bytes, bool big_endian)
{
	return f->present ? get_u64(bytes + f->off, big_endian) : 0;
}

static uint32_t field_u32(const struct kfield *f, const uint8_t *bytes, bool big_endian)
{
	return f->present ? get_u32(bytes + f->off, big_endian) : 0;
}

/* What a compound head's first tail says; LEN has room for it. */
static void decode_second(const struct kinfo *k, const uint8_t *bytes, size_t len, bool big_endian,
			  struct page_facts *f)
{
	uint64_t second_flags = get_u64(bytes + k->page_size_bytes + k->flags.off, big_endian);

	if (k->order_scheme == PAGE_ORDER_BYTE && k->order.off < len) {
		f->order = bytes[k->order.off];
		f->order_known = true;
	} else if (k->order_scheme == PAGE_ORDER_FLAGS) {
		f->order = second_flags & 0xff;
		f->order_known = true;
	}
	if (!f->order || f->order > COMPOUND_ORDER_MAX) {
		f->order = 0;
		f->order_known = false;
	}
	if (k->hugetlb_scheme == HUGETLB_DTOR && k->dtor.off < len)
		f->hugetlb = bytes[k->dtor.off] == (uint8_t)k->hugetlb_dtor.value;
	else if (k->hugetlb_scheme == HUGETLB_FLAG)
		f->hugetlb = flag_set(second_flags, &k->pg_hugetlb);
}

void page_decode(const struct kinfo *k, const uint8_t *bytes, size_t len, bool big_endian, struct page_facts *f)
{
	*f = (struct page_facts){
		.flags = field_u64(&k->flags, bytes, big_endian),
		.mapping = field_u64(&k->mapping, bytes, big_endian),
		.private_ = field_u64(&k->private_, bytes, big_endian),
		.compound_head = field_u64(&k->compound_head, bytes, big_endian),
		.mapcount = field_u32(&k->mapcount, bytes, big_endian),
		.refcount = field_u32(&k->refcount, bytes, big_endian),
	};
	f->hwpoison = flag_set(f->flags, &k->pg_hwpoison);
	f->head = flag_set(f->flags, &k->pg_head);
	f->tail = !f->head && (f->compound_head & 1);
	f->offline = type_is(k, f->mapcount, &k->type_offline);
	f->slab = k->type_slab.present ? type_is(k, f->mapcount, &k->type_slab) : flag_set(f->flags, &k->pg_slab);
	f->table = type_is(k, f->mapcount, &k->type_table);
	f->unaccepted = type_is(k, f->mapcount, &k->type_unaccepted);
	f->buddy = type_is(k, f->mapcount, &k->type_buddy);
	if (f->buddy) {
		f->order_known = k->private_.present && f->private_ <= k->max_buddy_order;
		f->order = f->order_known ? f->private_ : 0;
	} else if (f->unaccepted) {
		/* Memory is handed to the guest in the largest blocks there are (mm/page_alloc.c, since 6.5). */
		f->order_known = true;
		f->order = k->max_buddy_order;
	} else if (f->head && len >= 2 * k->page_size_bytes) {
		decode_second(k, bytes, len, big_endian, f);
	}
	if (f->head && k->hugetlb_scheme == HUGETLB_TYPE)
		f->hugetlb = type_is(k, f->mapcount, &k->type_hugetlb);
}

/* No count of users is negative: noise, and the ones that struct pages are filled with before they are set up, are. */
static bool count_believable(const struct page_facts *f, const struct kinfo *k)
{
	return !k->refcount.present || f->refcount >> 31 == 0;
}

bool page_is_poisoned(const struct kinfo *k, const uint8_t *bytes, bool big_endian)
{
	const struct page_facts f = {
		.flags = field_u64(&k->flags, bytes, big_endian),
		.refcount = field_u32(&k->refcount, bytes, big_endian),
	};

	return flag_set(f.flags, &k->pg_hwpoison) && count_believable(&f, k);
}

/*
 * Until 7.0 a tail points to its head. Since 7.1 it may instead hold the mask that makes its own struct page's address
 * the head's: ones down to the size of the whole array of struct pages. No pointer of a kernel looks like that.
 */
bool page_is_tail_of(const struct kinfo *k, uint64_t info, uint64_t vaddr, uint64_t head_vaddr)
{
	uint64_t value = info & ~1ull, low = ~value;

	if (!(info & 1))
		return false;
	if (k->compound_info && low >= k->page_size_bytes && !(low & (low + 1)))
		return (vaddr & value) == head_vaddr && vaddr != head_vaddr;
	return value == head_vaddr;
}

static bool is_hwpoison(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->hwpoison;
}

static bool is_offline(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->offline;
}

static bool is_buddy(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->buddy;
}

/* Nobody holds a free page. */
static bool buddy_believable(const struct page_facts *f, const struct kinfo *k)
{
	return f->order_known && (!k->refcount.present || !f->refcount);
}

static bool is_unaccepted(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->unaccepted;
}

static bool is_slab(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->slab;
}

static bool is_table(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->table;
}

static bool is_hugetlb(const struct page_facts *f, const struct kinfo *k)
{
	(void)k;
	return f->hugetlb;
}

/* Slab uses the word for other things; where it cannot be told, neither can this. */
static bool is_anon(const struct page_facts *f, const struct kinfo *k)
{
	return (f->mapping & MAPPING_ANON) && (k->type_slab.present || k->pg_slab.present);
}

static bool is_cache(const struct page_facts *f, const struct kinfo *k)
{
	if (!k->mapping.present)
		return false;
	/* PG_swapcache is another flag's bit for pages that swap does not back (since 4.8). */
	return flag_set(f->flags, &k->pg_lru) ||
	       (flag_set(f->flags, &k->pg_swapcache) && flag_set(f->flags, &k->pg_swapbacked));
}

static bool is_cache_private(const struct page_facts *f, const struct kinfo *k)
{
	return is_cache(f, k) && (!k->pg_private.present || flag_set(f->flags, &k->pg_private));
}

/* A mapping is a pointer into the kernel, or none (a page that was truncated). */
static bool mapped_believable(const struct page_facts *f, const struct kinfo *k)
{
	return (!f->mapping || f->mapping >> 56 == 0xff) && count_believable(f, k);
}

static bool hugetlb_believable(const struct page_facts *f, const struct kinfo *k)
{
	return f->order_known && mapped_believable(f, k);
}

static bool is_reserved(const struct page_facts *f, const struct kinfo *k)
{
	return flag_set(f->flags, &k->pg_reserved);
}

/*
 * What must not be read comes first: the flag says so whatever else the page is. Slab and page tables stand before the
 * rules that look at mapping, which means something else in them.
 */
const struct class_rule class_rules[] = {
	{ "hardware poison", CLASS_HWPOISON, is_hwpoison, count_believable },
	{ "offline", CLASS_OFFLINE, is_offline, count_believable },
	{ "buddy", CLASS_FREE, is_buddy, buddy_believable },
	{ "unaccepted", CLASS_FREE, is_unaccepted, count_believable },
	{ "slab", CLASS_SLAB, is_slab, NULL },
	{ "page table", CLASS_KERNEL_CRITICAL, is_table, NULL },
	{ "hugetlb", CLASS_USER, is_hugetlb, hugetlb_believable },
	{ "anonymous", CLASS_USER, is_anon, mapped_believable },
	{ "cache with private data", CLASS_CACHE_PRIVATE, is_cache_private, mapped_believable },
	{ "cache", CLASS_CACHE, is_cache, mapped_believable },
	{ "reserved", CLASS_KERNEL_CRITICAL, is_reserved, NULL },
	{ NULL, CLASS_KERNEL, NULL, NULL },
};

const char *page_class_name(enum page_class class)
{
	static const char *const names[NR_CLASSES] = {
		[CLASS_KERNEL_CRITICAL] = "kernel, first",
		[CLASS_SLAB] = "slab",
		[CLASS_STRUCT_PAGES] = "struct pages",
		[CLASS_KERNEL] = "kernel, other",
		[CLASS_USER] = "user",
		[CLASS_CACHE_PRIVATE] = "cache, private",
		[CLASS_CACHE] = "cache",
		[CLASS_FREE] = "free",
		[CLASS_HWPOISON] = "poisoned",
		[CLASS_OFFLINE] = "offline",
		[CLASS_ABSENT] = "not in source",
		[CLASS_NO_RAM] = "no RAM",
	};

	return (unsigned int)class < NR_CLASSES ? names[class] : "?";
}

bool class_excluded(enum page_class class, int level)
{
	switch (class) {
	case CLASS_USER:
		return level & LEVEL_USER;
	case CLASS_CACHE_PRIVATE:
		return level & LEVEL_CACHE_PRIVATE;
	case CLASS_CACHE:
		return level & (LEVEL_CACHE | LEVEL_CACHE_PRIVATE);
	case CLASS_FREE:
		return level & LEVEL_FREE;
	case CLASS_HWPOISON:
	case CLASS_OFFLINE:
	case CLASS_ABSENT:
	case CLASS_NO_RAM:
		return true;
	default:
		return false;
	}
}
