// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ELF writer. A segment holds the pages that are saved and claims (p_memsz) those left out behind them, which
 * readers give as zeros: ELF has no other way to say "left out". So pages left out within a segment are holes of
 * the file, and zero pages too.
 */
#include "kdump/out.h"

#include "kdump/out_notes.h"
#include "lib/elf.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DATA_BYTES      (1u << 20)
#define MAX_SEGMENTS    32768u     /* readers look through them one by one; ELF allows 65534 without section headers */
#define MAX_ALIASES     1024u
#define FIRST_GAP_LOG2  6          /* pages left out in a row that split a segment, unless that makes too many */
#define ELF_INCOMPLETE  1u         /* in e_flags, as makedumpfile and crash have it */
#define NO_VADDR        UINT64_MAX

/* RAM without a hole and with one way to virtual addresses. */
struct piece {
	uint64_t first_pfn, last_pfn;
	uint64_t vaddr;            /* of the first byte; NO_VADDR: none */
};

struct segment {
	uint64_t first_pfn;
	uint64_t nr_file;          /* pages in the file */
	uint64_t file_page;        /* the first's place in the data, in pages */
	uint64_t piece;
};

/* Of an alias, what lies in one segment. */
struct alias_part {
	const struct vmcore_load *alias;
	size_t segment;
	uint64_t first_pfn, last_pfn;
};

struct elf_out {
	struct sink *sink;
	const struct out_facts *facts;
	uint32_t page;             /* bytes */
	struct piece *pieces;
	size_t nr_pieces;
	struct segment *segments;
	size_t nr_segments, cap_segments;
	uint64_t nr_file;          /* pages in the file so far */
	uint64_t data_off;
	/* finding the segments */
	uint8_t *plan;
	uint64_t plan_idx;         /* the window in PLAN; UINT64_MAX: none */
	uint64_t gaps[64];         /* how many, by log2 of their length */
	unsigned int gap_log2;
	bool counting;
	/* writing */
	uint8_t *data;
	uint64_t buffered_off;
	size_t buffered;
	size_t last;               /* segment that the last page was in */
	struct alias_part *aliases; /* program headers that show a part of a segment again */
	size_t nr_aliases;
	int broken;
};

static uint64_t limit_pfn(const struct out_facts *f)
{
	return f->split ? f->split_last_pfn : UINT64_MAX;
}

/* ---- pieces ---- */

static void add_piece(struct elf_out *e, uint64_t first_pfn, uint64_t last_pfn, uint64_t vaddr)
{
	uint64_t least = e->facts->split ? e->facts->split_first_pfn : 0, most = limit_pfn(e->facts);
	unsigned int shift = e->facts->core->page_shift;

	if (first_pfn < least) {
		vaddr = vaddr == NO_VADDR ? vaddr : vaddr + ((least - first_pfn) << shift);
		first_pfn = least;
	}
	if (last_pfn > most)
		last_pfn = most;
	if (first_pfn <= last_pfn)
		e->pieces[e->nr_pieces++] = (struct piece){ first_pfn, last_pfn, vaddr };
}

/*
 * The RAM range FIRST..LAST (pfns), cut where loads begin; LOAD_IDX is the first load that may lie in it or behind.
 */
static void cut_range(struct elf_out *e, uint64_t first, uint64_t last, size_t *load_idx)
{
	const struct vmcore *core = e->facts->core;
	unsigned int shift = core->page_shift;
	uint64_t vaddr = NO_VADDR;

	while (*load_idx < core->nr_loads && core->loads[*load_idx].paddr >> shift < first)
		++*load_idx;
	/* The one before may reach into it. */
	if (*load_idx) {
		const struct vmcore_load *l = &core->loads[*load_idx - 1];

		if (l->len && l->vaddr != NO_VADDR && (l->paddr + (l->len - 1)) >> shift >= first)
			vaddr = l->vaddr + ((first << shift) - l->paddr);
	}
	while (*load_idx < core->nr_loads) {
		const struct vmcore_load *l = &core->loads[*load_idx];
		uint64_t pfn = l->paddr >> shift;

		if (pfn > last)
			break;
		if (pfn > first)
			add_piece(e, first, pfn - 1, vaddr);
		first = pfn;
		vaddr = l->vaddr == NO_VADDR ? NO_VADDR : l->vaddr - (l->paddr - (pfn << shift));
		++*load_idx;
	}
	add_piece(e, first, last, vaddr);
}

static int make_pieces(struct elf_out *e)
{
	const struct vmcore *core = e->facts->core;
	size_t load_idx = 0;

	e->pieces = calloc(core->ram.nr + core->nr_loads + 1, sizeof(*e->pieces));
	if (!e->pieces)
		return fail(-ENOMEM, "out of memory for the dump's segments");
	for (size_t i = 0; i < core->ram.nr; i++)
		cut_range(e, core->ram.r[i].start >> core->page_shift, core->ram.r[i].last >> core->page_shift,
			  &load_idx);
	return 0;
}

/* ---- segments ---- */

static int plan_window(struct elf_out *e, uint64_t idx)
{
	uint64_t first = idx * OUT_WINDOW_PFNS, nr = e->facts->core->max_pfn - first;
	int err;

	if (e->plan_idx == idx)
		return 0;
	e->plan_idx = UINT64_MAX;
	memset(e->plan, 0, OUT_WINDOW_PFNS / 8);
	if (first < e->facts->core->max_pfn) {
		if (nr > OUT_WINDOW_PFNS)
			nr = OUT_WINDOW_PFNS;
		err = e->facts->planned(e->facts->ctx, first, (nr + 7) & ~7ull, e->plan);
		if (err)
			return err;
	}
	e->plan_idx = idx;
	return 0;
}

static int add_segment(struct elf_out *e, uint64_t first_pfn, uint64_t nr_file, uint64_t piece)
{
	if (e->nr_segments == e->cap_segments) {
		size_t cap = e->cap_segments ? e->cap_segments * 2 : 64;
		struct segment *more = realloc(e->segments, cap * sizeof(*more));

		if (!more)
			return fail(-ENOMEM, "out of memory for the dump's segments");
		e->segments = more;
		e->cap_segments = cap;
	}
	e->segments[e->nr_segments++] = (struct segment){ first_pfn, nr_file, e->nr_file, piece };
	e->nr_file += nr_file;
	return 0;
}

static unsigned int log2_of(uint64_t n)
{
	return 63 - __builtin_clzll(n);
}

/* Pages FIRST..LAST are saved, those between the last run (or the beginning of the piece) and FIRST are not. */
static int add_run(struct elf_out *e, uint64_t first, uint64_t last, uint64_t piece)
{
	struct segment *s = e->nr_segments ? &e->segments[e->nr_segments - 1] : NULL;
	bool begun = s && s->piece == piece;
	uint64_t from = begun ? s->first_pfn + s->nr_file : e->pieces[piece].first_pfn;
	int err;

	if (first == from && begun) {
		s->nr_file += last - first + 1;
		e->nr_file += last - first + 1;
		return 0;
	}
	if (first > from && log2_of(first - from) >= e->gap_log2) {
		err = begun ? 0 : add_segment(e, from, 0, piece);
		return err ? err : add_segment(e, first, last - first + 1, piece);
	}
	if (!begun)
		return add_segment(e, from, last - from + 1, piece);
	s->nr_file = last - s->first_pfn + 1;
	e->nr_file += last - from + 1;
	return 0;
}

/* While counting only the lengths of the gaps matter. *FROM: behind the last run. */
static int take_run(struct elf_out *e, uint64_t first, uint64_t last, uint64_t piece, uint64_t *from)
{
	if (!e->counting)
		return add_run(e, first, last, piece);
	if (first > *from)
		e->gaps[log2_of(first - *from)]++;
	*from = last + 1;
	return 0;
}

static int walk_piece(struct elf_out *e, uint64_t piece)
{
	uint64_t pfn = e->pieces[piece].first_pfn, last = e->pieces[piece].last_pfn, from = pfn, run = 0;
	bool in_run = false;
	int err;

	while (pfn <= last) {
		uint64_t bit = pfn % OUT_WINDOW_PFNS;
		bool saved;

		err = plan_window(e, pfn / OUT_WINDOW_PFNS);
		if (err)
			return err;
		/* Eight alike at once. */
		if (bit % 8 == 0 && last - pfn >= 7 && e->plan[bit / 8] == (in_run ? 0xff : 0)) {
			pfn += 8;
			continue;
		}
		saved = e->plan[bit / 8] >> bit % 8 & 1;
		if (saved && !in_run)
			run = pfn;
		if (!saved && in_run) {
			err = take_run(e, run, pfn - 1, piece, &from);
			if (err)
				return err;
		}
		in_run = saved;
		pfn++;
	}
	return in_run ? take_run(e, run, last, piece, &from) : 0;
}

static int walk(struct elf_out *e)
{
	for (size_t piece = 0; piece < e->nr_pieces; piece++) {
		int err = walk_piece(e, piece);

		if (err)
			return err;
		/* A piece of which nothing is saved is still RAM. */
		if (!e->counting && (!e->nr_segments || e->segments[e->nr_segments - 1].piece != piece)) {
			err = add_segment(e, e->pieces[piece].first_pfn, 0, piece);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Split at every gap of 2^gap_log2 pages: as small as the number of segments allows. */
static int find_segments(struct elf_out *e)
{
	uint64_t nr = e->nr_pieces;
	int err;

	e->counting = true;
	e->plan_idx = UINT64_MAX;
	err = walk(e);
	if (err)
		return err;
	e->counting = false;
	for (e->gap_log2 = 63; e->gap_log2 >= FIRST_GAP_LOG2; e->gap_log2--) {
		nr += e->gaps[e->gap_log2];
		if (nr > MAX_SEGMENTS)
			break;
	}
	e->gap_log2++;
	if (e->nr_pieces > MAX_SEGMENTS)
		return fail(-ERANGE, "RAM in %zu pieces does not fit an ELF dump, but the kdump-compressed format",
			    e->nr_pieces);
	e->plan_idx = UINT64_MAX;
	return walk(e);
}

/* ---- headers ---- */

static int write_ehdr(struct elf_out *e, bool complete)
{
	const struct vmcore *core = e->facts->core;
	struct elf elf = { .width = 8, .type = ET_CORE, .machine = core->machine,
			   .flags = complete ? 0 : ELF_INCOMPLETE };
	uint8_t bytes[64];
	int err;

	elf.view.big_endian = core->big_endian;
	elf.nr_phdrs = 1 + e->nr_aliases + e->nr_segments;
	err = elf_ehdr_put(&elf, bytes);
	return err ? err : sink_write(e->sink, 0, bytes, elf_ehdr_size(8));
}

/* Of the page frames that segment I covers, in the file or not, the last. */
static uint64_t segment_last(const struct elf_out *e, size_t i)
{
	bool last = i + 1 == e->nr_segments || e->segments[i + 1].piece != e->segments[i].piece;

	return last ? e->pieces[e->segments[i].piece].last_pfn : e->segments[i + 1].first_pfn - 1;
}

static void segment_phdr(const struct elf_out *e, size_t i, struct elf_phdr *ph)
{
	const struct segment *s = &e->segments[i];
	const struct piece *p = &e->pieces[s->piece];
	unsigned int shift = e->facts->core->page_shift;

	*ph = (struct elf_phdr){
		.type = PT_LOAD,
		.flags = PF_R | PF_W | PF_X,
		.off = e->data_off + (s->file_page << shift),
		.vaddr = p->vaddr == NO_VADDR ? NO_VADDR : p->vaddr + ((s->first_pfn - p->first_pfn) << shift),
		.paddr = s->first_pfn << shift,
		.filesz = s->nr_file << shift,
		.memsz = (segment_last(e, i) - s->first_pfn + 1) << shift,
	};
}

/* The last segment that begins at or before PFN; the first when there is none. */
static size_t segment_at(const struct elf_out *e, uint64_t pfn)
{
	size_t low = 0, high = e->nr_segments;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (e->segments[middle].first_pfn <= pfn)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * An alias (the kernel's image at its own virtual address) has a header for each segment that it is in: pages that were
 * given back after boot split it, too. PARTS: NULL to count them.
 */
static size_t split_alias(const struct elf_out *e, const struct vmcore_load *alias, struct alias_part *parts)
{
	unsigned int shift = e->facts->core->page_shift;
	uint64_t first = alias->paddr >> shift, last = (alias->paddr + (alias->len - 1)) >> shift;
	size_t nr = 0;

	if (!alias->len || !e->nr_segments)
		return 0;
	for (size_t i = segment_at(e, first); i < e->nr_segments && e->segments[i].first_pfn <= last; i++) {
		uint64_t from = e->segments[i].first_pfn, to = segment_last(e, i);

		if (to < first)
			continue;
		if (parts)
			parts[nr] = (struct alias_part){ alias, i, from > first ? from : first, to < last ? to : last };
		nr++;
	}
	return nr;
}

static int split_aliases(struct elf_out *e)
{
	const struct vmcore *core = e->facts->core;
	size_t nr = 0;

	for (size_t i = 0; i < core->nr_aliases; i++)
		nr += split_alias(e, &core->aliases[i], NULL);
	if (nr > MAX_ALIASES)
		return fail(
			-ERANGE,
			"the kernel's image in %zu pieces does not fit an ELF dump, but the kdump-compressed format",
			nr);
	e->aliases = calloc(nr + 1, sizeof(*e->aliases));
	if (!e->aliases)
		return fail(-ENOMEM, "out of memory for the dump's segments");
	for (size_t i = 0; i < core->nr_aliases; i++)
		e->nr_aliases += split_alias(e, &core->aliases[i], e->aliases + e->nr_aliases);
	return 0;
}

static void alias_phdr(const struct elf_out *e, const struct alias_part *part, struct elf_phdr *ph)
{
	const struct segment *s = &e->segments[part->segment];
	const struct vmcore_load *alias = part->alias;
	unsigned int shift = e->facts->core->page_shift;
	uint64_t paddr = part->first_pfn << shift, skip = part->first_pfn - s->first_pfn;

	*ph = (struct elf_phdr){
		.type = PT_LOAD,
		.flags = PF_R | PF_W | PF_X,
		.off = e->data_off + ((s->file_page + skip) << shift),
		.vaddr = alias->vaddr + (paddr - alias->paddr),
		.paddr = paddr,
		.memsz = (part->last_pfn - part->first_pfn + 1) << shift,
	};
	if (skip < s->nr_file)
		ph->filesz = (s->nr_file - skip) << shift < ph->memsz ? (s->nr_file - skip) << shift : ph->memsz;
}

/* Notes, aliases (in front, where the kernel has them), segments. */
static void make_phdr(const struct elf_out *e, size_t i, uint64_t notes_off, size_t notes_len, struct elf_phdr *ph)
{
	if (!i)
		*ph = (struct elf_phdr){ .type = PT_NOTE, .off = notes_off, .filesz = notes_len, .memsz = notes_len };
	else if (i <= e->nr_aliases)
		alias_phdr(e, &e->aliases[i - 1], ph);
	else
		segment_phdr(e, i - 1 - e->nr_aliases, ph);
}

static int write_phdrs(struct elf_out *e, const struct blob *notes)
{
	struct elf elf = { .width = 8 };
	unsigned int each = elf_phdr_size(8);
	uint64_t off = elf_ehdr_size(8);
	size_t nr = 1 + e->nr_aliases + e->nr_segments, used = 0;
	uint64_t notes_off = off + nr * each;
	int err = sink_write(e->sink, notes_off, notes->data, notes->len);

	elf.view.big_endian = e->facts->core->big_endian;
	for (size_t i = 0; !err && i < nr; i++) {
		struct elf_phdr ph;

		make_phdr(e, i, notes_off, notes->len, &ph);
		err = elf_phdr_put(&elf, &ph, e->data + used);
		used += each;
		if (!err && (i == nr - 1 || used + each > DATA_BYTES)) {
			err = sink_write(e->sink, off, e->data, used);
			off += used;
			used = 0;
		}
	}
	return err;
}

static int write_headers(struct elf_out *e)
{
	struct blob notes;
	uint64_t info_off;
	int err;

	blob_init(&notes);
	err = notes_append(e->facts->core, &notes, &info_off);
	if (!err) {
		e->data_off = elf_ehdr_size(8) + (1 + e->nr_aliases + e->nr_segments) * elf_phdr_size(8) + notes.len;
		e->data_off = (e->data_off + e->page - 1) / e->page * e->page;
		err = write_ehdr(e, false);
	}
	if (!err)
		err = write_phdrs(e, &notes);
	blob_deinit(&notes);
	return err;
}

static int elf_begin(struct dump_out *o)
{
	struct elf_out *e;
	int err;

	if (o->facts.core->page_shift < 12 || o->facts.core->page_shift > 18)
		return fail(-EINVAL, "pages of 2^%u bytes are beyond what is known", o->facts.core->page_shift);
	e = calloc(1, sizeof(*e));
	if (!e)
		return fail(-ENOMEM, "out of memory for the dump's tables");
	o->priv = e;
	e->sink = o->sink;
	e->facts = &o->facts;
	e->page = 1u << o->facts.core->page_shift;
	e->plan = malloc(OUT_WINDOW_PFNS / 8);
	e->data = malloc(DATA_BYTES);
	if (!e->plan || !e->data)
		return fail(-ENOMEM, "out of memory for the dump's tables");
	err = make_pieces(e);
	if (!err)
		err = find_segments(e);
	if (!err)
		err = split_aliases(e);
	free(e->plan);
	e->plan = NULL;
	if (!err)
		err = write_headers(e);
	if (!err) /* holes at its tail are part of the file, too */
		sink_extend(e->sink, e->data_off + e->nr_file * e->page);
	if (!sink_seekable(e->sink))
		e->sink->reserved = 4096; /* header and closing record */
	return err;
}

static void elf_deinit(struct dump_out *o)
{
	struct elf_out *e = o->priv;

	if (!e)
		return;
	free(e->pieces);
	free(e->segments);
	free(e->aliases);
	free(e->plan);
	free(e->data);
	free(e);
	o->priv = NULL;
}

/* ---- pages ---- */

/* A page of which a part got there would look whole: zeros are this format's way to say that it is missing. */
static void take_back(struct elf_out *e, uint64_t off, uint64_t written)
{
	uint64_t part = written % e->page;

	if (!part || !sink_seekable(e->sink))
		return;
	memset(e->data, 0, part);
	if (sink_write(e->sink, off + written - part, e->data, part))
		debug("%s", err_text());
}

static int flush(struct elf_out *e)
{
	int err = sink_write(e->sink, e->buffered_off, e->data, e->buffered);

	e->buffered = 0;
	if (!err)
		return 0;
	e->broken = err;
	take_back(e, e->buffered_off, e->sink->partial);
	return err;
}

/* The offset of PFN in the file. -EINVAL: it has none. */
static int page_off(struct elf_out *e, uint64_t pfn, uint64_t *off)
{
	const struct segment *s = e->segments;
	size_t low = e->last;

	if (low >= e->nr_segments || pfn < s[low].first_pfn || pfn - s[low].first_pfn >= s[low].nr_file)
		low = segment_at(e, pfn);
	if (low >= e->nr_segments || pfn < s[low].first_pfn || pfn - s[low].first_pfn >= s[low].nr_file)
		return fail(-EINVAL, "page %#" PRIx64 " was not planned to be in this dump", pfn);
	e->last = low;
	*off = e->data_off + (s[low].file_page + (pfn - s[low].first_pfn)) * e->page;
	return 0;
}

static int elf_page(struct dump_out *o, const struct out_page *page)
{
	struct elf_out *e = o->priv;
	uint64_t off = 0;
	int err;

	if (e->broken)
		return fail(e->broken, "an earlier write to the dump has failed");
	if (!page->zero && (page->flags || page->len != e->page))
		return fail(-EINVAL, "page %#" PRIx64 " comes compressed, which ELF dumps have no place for",
			    page->pfn);
	err = page_off(e, page->pfn, &off);
	if (err || page->zero)
		return err;
	if (e->buffered && (off != e->buffered_off + e->buffered || e->buffered + e->page > DATA_BYTES)) {
		err = flush(e);
		if (err)
			return err;
	}
	if (!e->buffered)
		e->buffered_off = off;
	memcpy(e->data + e->buffered, page->data, e->page);
	e->buffered += e->page;
	return 0;
}

static int elf_checkpoint(struct dump_out *o)
{
	struct elf_out *e = o->priv;
	int err = flush(e), sync = sink_sync(e->sink);

	return err ? err : sync;
}

/* One page that was left out, but lies between others in the file. What cannot be read stays a hole. */
static int fill_page(struct dump_out *o, uint64_t pfn, uint8_t *buf)
{
	struct elf_out *e = o->priv;
	struct out_page page = { .pfn = pfn, .data = buf, .len = e->page };

	if (vmcore_read(e->facts->core, pfn << e->facts->core->page_shift, buf, e->page))
		return 0;
	page.zero = !buf[0] && !memcmp(buf, buf + 1, e->page - 1);
	return elf_page(o, &page);
}

/* BITMAP: room for a window of pages that can be read, behind it room for a page. */
static int fill_segment(struct dump_out *o, const struct segment *s, uint64_t *window, uint8_t *bitmap)
{
	struct elf_out *e = o->priv;
	uint64_t max_pfn = e->facts->core->max_pfn;
	int err = 0;

	for (uint64_t pfn = s->first_pfn; !err && pfn - s->first_pfn < s->nr_file; pfn++) {
		uint64_t idx = pfn / OUT_WINDOW_PFNS, bit = pfn % OUT_WINDOW_PFNS, first = idx * OUT_WINDOW_PFNS;
		uint64_t nr = max_pfn - first < OUT_WINDOW_PFNS ? max_pfn - first : OUT_WINDOW_PFNS;

		err = plan_window(e, idx);
		if (!err && *window != idx) {
			*window = idx;
			err = e->facts->readable(e->facts->ctx, first, (nr + 7) & ~7ull, bitmap);
		}
		if (!err && !(e->plan[bit / 8] >> bit % 8 & 1) && bitmap[bit / 8] >> bit % 8 & 1)
			err = fill_page(o, pfn, bitmap + OUT_WINDOW_PFNS / 8);
	}
	return err;
}

/*
 * To split a segment at each page that is left out would make more of them than readers can bear. What lies in the file
 * all the same is read as it was: zeros in its place would be believed.
 */
static int fill_gaps(struct dump_out *o)
{
	struct elf_out *e = o->priv;
	uint8_t *bitmap = malloc(OUT_WINDOW_PFNS / 8 + e->page);
	uint64_t window = UINT64_MAX;
	int err = 0;

	e->plan = malloc(OUT_WINDOW_PFNS / 8);
	e->plan_idx = UINT64_MAX;
	if (!bitmap || !e->plan)
		err = fail(-ENOMEM, "out of memory for the dump's tables");
	for (size_t i = 0; !err && i < e->nr_segments; i++)
		err = fill_segment(o, &e->segments[i], &window, bitmap);
	free(bitmap);
	free(e->plan);
	e->plan = NULL;
	return err;
}

static int elf_finish(struct dump_out *o, bool complete)
{
	struct elf_out *e = o->priv;
	int broken = e->broken, err = complete && !broken && e->facts->readable ? fill_gaps(o) : 0;

	if (!err)
		err = elf_checkpoint(o);

	if (err)
		return err;
	if (complete && broken)
		return fail(broken, "an earlier write to the dump has failed");
	e->sink->reserved = 0;
	return write_ehdr(e, complete);
}

const struct out_ops out_elf = {
	"ELF", false, elf_begin, elf_page, elf_checkpoint, elf_finish, elf_deinit, false,
};
