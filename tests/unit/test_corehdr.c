// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/corehdr.h"

#include "tests/unit/test.h"

#include <elf.h>
#include <errno.h>
#include <time.h>

/* Headers decoded by hand, so that lib/elf.c does not check itself. */
struct header {
	uint32_t type, flags;
	uint64_t off, vaddr, paddr, filesz, memsz, align;
};

struct headers {
	struct header *h;
	size_t nr;
};

static uint64_t field(const uint8_t *at, unsigned int bytes, bool big_endian)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * (big_endian ? bytes - 1 - i : i));
	return value;
}

static struct headers decode(const struct core_layout *layout, const struct blob *b)
{
	const unsigned int w = layout->width, ehdr = w == 8 ? 64 : 52, phdr = w == 8 ? 56 : 32;
	const bool big = layout->big_endian;
	struct headers out = { 0 };

	CHECK(b->len >= ehdr);
	CHECK(!memcmp(b->data, "\177ELF", 4));
	CHECK_EQ(b->data[4], w == 8 ? ELFCLASS64 : ELFCLASS32);
	CHECK_EQ(b->data[5], big ? ELFDATA2MSB : ELFDATA2LSB);
	CHECK_EQ(b->data[6], EV_CURRENT);
	CHECK_EQ(field(b->data + 16, 2, big), ET_CORE);
	CHECK_EQ(field(b->data + 18, 2, big), layout->machine);
	CHECK_EQ(field(b->data + 20, 4, big), EV_CURRENT);
	CHECK_EQ(field(b->data + 24 + 3 * w + 4, 2, big), ehdr);
	CHECK_EQ(field(b->data + 24 + 3 * w + 6, 2, big), phdr);
	out.nr = field(b->data + 24 + 3 * w + 8, 2, big);
	CHECK_EQ(field(b->data + 24 + w, w, big), out.nr ? ehdr : 0);
	CHECK_EQ(b->len, ehdr + out.nr * phdr);
	out.h = calloc(out.nr + 1, sizeof(*out.h));
	for (size_t i = 0; i < out.nr; i++) {
		const uint8_t *at = b->data + ehdr + i * phdr;
		struct header *h = &out.h[i];

		h->type = field(at, 4, big);
		h->flags = field(at + (w == 8 ? 4 : 24), 4, big);
		at += w == 8 ? 8 : 4;
		h->off = field(at, w, big);
		h->vaddr = field(at + w, w, big);
		h->paddr = field(at + 2 * w, w, big);
		h->filesz = field(at + 3 * w, w, big);
		h->memsz = field(at + 4 * w, w, big);
		h->align = field(at + 5 * w + (w == 8 ? 0 : 4), w, big);
	}
	return out;
}

static bool is_none(const struct core_layout *layout, uint64_t vaddr)
{
	return vaddr == (layout->width == 8 ? UINT64_MAX : UINT32_MAX);
}

/* Where the byte at PADDR must be read from. */
static uint64_t moved(const struct core_backup *b, uint64_t paddr)
{
	return b->len && paddr >= b->from && paddr - b->from < b->len ? b->to + (paddr - b->from) : paddr;
}

/* Every promise about one PT_LOAD of RAM but its extent. */
static bool load_is_good(const struct core_layout *layout, const struct header *h, uint64_t expected_vaddr)
{
	const uint64_t last = h->paddr + (h->memsz - 1);

	return h->type == PT_LOAD && h->flags == (PF_R | PF_W | PF_X) && h->memsz && h->filesz == h->memsz &&
	       !h->align && h->off == moved(&layout->backup, h->paddr) &&
	       h->off + (h->memsz - 1) == moved(&layout->backup, last) && h->vaddr == expected_vaddr;
}

static uint64_t direct_vaddr(const struct core_layout *layout, const struct header *h)
{
	const uint64_t none = layout->width == 8 ? UINT64_MAX : UINT32_MAX;
	const uint64_t offset = layout->info->direct_map_offset;
	uint64_t vaddr = h->paddr + offset, vlast = h->paddr + (h->memsz - 1) + offset;

	if (!layout->info->direct_map_known || vlast < vaddr)
		return none;
	if (layout->width == 4)
		return vlast <= UINT32_MAX ? vaddr : none;
	return vaddr >> 63 ? vaddr : none;
}

static bool note_is_good(const struct header *h, uint64_t paddr, uint64_t len)
{
	return h->type == PT_NOTE && h->off == paddr && h->paddr == paddr && h->filesz == len && h->memsz == len &&
	       !h->vaddr;
}

static bool has_kernel(const struct core_layout *layout)
{
	const struct kernel_map *kernel = &layout->info->kernel;

	return kernel->known && (layout->width == 8 || kernel->vaddr + kernel->len - 1 <= UINT32_MAX);
}

/* Parse what was built and compare it with the layout. */
static bool verify(const struct core_layout *layout, const struct blob *b)
{
	const struct crash_info *info = layout->info;
	struct headers got = decode(layout, b);
	struct ranges covered;
	bool good = true;
	size_t i = 0, load = 0;

	for (; i < info->nr_notes && good; i++)
		good = i < got.nr && note_is_good(&got.h[i], info->notes[i].paddr, info->notes[i].len);
	if (good && info->vmcoreinfo_len)
		good = note_is_good(&got.h[i++], info->vmcoreinfo_paddr, info->vmcoreinfo_len);
	if (good && has_kernel(layout)) {
		uint64_t at = 0;

		for (; good && at < info->kernel.len; i++) {
			good = i < got.nr && got.h[i].paddr == info->kernel.paddr + at &&
			       load_is_good(layout, &got.h[i], info->kernel.vaddr + at);
			at += got.h[i].memsz;
		}
		good = good && at == info->kernel.len;
	}

	/* The loads that are left are the dump: ascending, disjoint, exact. */
	ranges_init(&covered);
	for (load = i; load < got.nr && good; load++) {
		const struct header *h = &got.h[load];

		good = load_is_good(layout, h, direct_vaddr(layout, h)) && !ranges_find(&covered, h->paddr) &&
		       (load == i || h->paddr > got.h[load - 1].paddr);
		CHECK_EQ(ranges_add(&covered, h->paddr, h->paddr + (h->memsz - 1), 0), 0);
	}
	good = good && ranges_bytes(&covered) == ranges_bytes(layout->dump);
	for (size_t j = 0; j < layout->dump->nr && good; j++)
		good = ranges_cover(&covered, layout->dump->r[j].start, layout->dump->r[j].last);
	ranges_deinit(&covered);
	free(got.h);
	return good;
}

/* One layout with room for everything; tests change what they are about. */
struct fixture {
	struct ranges dump;
	struct crash_info info;
	struct cpu_note notes[3];
	struct core_layout layout;
	struct blob out;
};

static void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	ranges_init(&f->dump);
	ranges_add(&f->dump, 0x1000, 0x9fbff, MEM_RAM);
	ranges_add(&f->dump, 0x100000, 0x6effffff, MEM_RAM);
	crash_info_init(&f->info);
	f->notes[0] = (struct cpu_note){ 0, 0x5001ca00, 368 };
	f->notes[1] = (struct cpu_note){ 2, 0x5005ca00, 368 };
	f->notes[2] = (struct cpu_note){ 7, 0x5009ca00, 368 };
	f->info.notes = f->notes;
	f->info.nr_notes = 3;
	f->info.vmcoreinfo_paddr = 0x10c66000;
	f->info.vmcoreinfo_len = 0x1024;
	f->layout = (struct core_layout){ .width = 8, .machine = EM_X86_64, .dump = &f->dump, .info = &f->info };
	blob_init(&f->out);
}

static void fixture_deinit(struct fixture *f)
{
	f->info.notes = NULL;
	crash_info_deinit(&f->info);
	ranges_deinit(&f->dump);
	blob_deinit(&f->out);
}

static size_t built_headers(struct fixture *f)
{
	uint64_t size = 0;

	CHECK_EQ(corehdr_size(&f->layout, &size), 0);
	CHECK_EQ(corehdr_build(&f->layout, &f->out), 0);
	CHECK_EQ(f->out.len, size);
	CHECK(verify(&f->layout, &f->out));
	return (f->out.len - (f->layout.width == 8 ? 64 : 52)) / (f->layout.width == 8 ? 56 : 32);
}

TEST(plain)
{
	struct fixture f;

	fixture_init(&f);
	CHECK_EQ(built_headers(&f), 3 + 1 + 2);
	f.info.vmcoreinfo_len = 0;
	CHECK_EQ(built_headers(&f), 3 + 2);
	fixture_deinit(&f);
}

TEST(kernel_and_direct_map)
{
	struct fixture f;
	struct headers got;

	fixture_init(&f);
	f.info.kernel = (struct kernel_map){ true, 0xffffffff9ca00000, 0x1a200000, 0x291f800 };
	f.info.direct_map_known = true;
	f.info.direct_map_offset = 0xffff888000000000;
	CHECK_EQ(built_headers(&f), 3 + 1 + 1 + 2);
	got = decode(&f.layout, &f.out);
	CHECK_EQ(got.h[4].vaddr, 0xffffffff9ca00000);
	CHECK_EQ(got.h[4].memsz, 0x291f800);
	CHECK_EQ(got.h[5].vaddr, 0xffff888000001000);
	free(got.h);
	fixture_deinit(&f);
}

TEST(no_virtual_address)
{
	static const uint64_t offsets[] = {
		0x1000,                  /* the lower half */
		0xffffffff99000000,      /* wraps inside the second range; the first one fits */
		0x7fffffffffff0000,
	};
	struct fixture f;
	struct headers got;

	fixture_init(&f);
	built_headers(&f);
	got = decode(&f.layout, &f.out);
	CHECK(is_none(&f.layout, got.h[4].vaddr) && is_none(&f.layout, got.h[5].vaddr));
	free(got.h);
	f.info.direct_map_known = true;
	for (size_t i = 0; i < 3; i++) {
		f.info.direct_map_offset = offsets[i];
		built_headers(&f);
		got = decode(&f.layout, &f.out);
		CHECK_EQ(got.h[4].vaddr, i == 1 ? 0xffffffff99001000 : UINT64_MAX);
		CHECK_EQ(got.h[5].vaddr, i == 2 ? 0x80000000000f0000 : UINT64_MAX);
		free(got.h);
	}
	fixture_deinit(&f);
}

/* RAM from the first page to 640 KiB in pieces, copied as one span: each piece is found at its distance. */
TEST(backup_of_several_pieces)
{
	struct fixture f;
	struct headers got;

	fixture_init(&f);
	ranges_remove(&f.dump, 0x8000, 0xffff);
	f.layout.backup = (struct core_backup){ .from = 0x1000, .len = 0x9f000, .to = 0x7e000000 };
	CHECK_EQ(built_headers(&f), 3 + 1 + 3);
	got = decode(&f.layout, &f.out);
	CHECK_EQ(got.h[4].paddr, 0x1000);
	CHECK_EQ(got.h[4].off, 0x7e000000);
	CHECK_EQ(got.h[5].paddr, 0x10000);
	CHECK_EQ(got.h[5].off, 0x7e00f000);
	CHECK_EQ(got.h[5].memsz, 0x8fc00);
	CHECK_EQ(got.h[6].off, 0x100000);
	free(got.h);
	fixture_deinit(&f);
}

TEST(backup_splits_what_reaches_over_it)
{
	struct fixture f;

	fixture_init(&f);
	f.layout.backup = (struct core_backup){ .from = 0x200000, .len = 0x1000, .to = 0x7e000000 };
	CHECK_EQ(built_headers(&f), 3 + 1 + 1 + 3);
	f.layout.backup.from = 0x100000;
	CHECK_EQ(built_headers(&f), 3 + 1 + 1 + 2);
	f.layout.backup.len = 0x6ef00000;
	CHECK_EQ(built_headers(&f), 3 + 1 + 1 + 1);
	f.layout.backup.from = 0;
	f.layout.backup.len = 1;
	CHECK_EQ(built_headers(&f), 3 + 1 + 1 + 1);
	/* Bytes that do not start or stop with a page. */
	f.layout.backup.from = 0x1001;
	f.layout.backup.len = 0x10;
	CHECK_EQ(built_headers(&f), 3 + 1 + 3 + 1);
	/* The kernel's own load as well. */
	f.info.kernel = (struct kernel_map){ true, 0xffffffff81000000, 0x1000000, 0x2000000 };
	f.layout.backup = (struct core_backup){ .from = 0x1800000, .len = 0x1000, .to = 0x7e000000 };
	CHECK_EQ(built_headers(&f), 3 + 1 + 3 + 1 + 3);
	fixture_deinit(&f);
}

TEST(elf32)
{
	struct fixture f;

	fixture_init(&f);
	f.layout.width = 4;
	f.layout.machine = EM_386;
	f.info.direct_map_known = true;
	f.info.direct_map_offset = 0xc0000000;
	CHECK_EQ(built_headers(&f), 3 + 1 + 2);
	/* The addresses of a 64-bit kernel do not fit: no load of its image, and RAM without virtual addresses. */
	f.info.kernel = (struct kernel_map){ true, 0xffffffff81000000, 0x1000000, 0x2000000 };
	f.info.direct_map_offset = 0xffff888000000000;
	CHECK_EQ(built_headers(&f), 3 + 1 + 2);
	f.info.kernel.vaddr = 0xc1000000;
	CHECK_EQ(built_headers(&f), 3 + 1 + 1 + 2);
	fixture_deinit(&f);
}

TEST(elf32_has_room_for_4_gib)
{
	struct fixture f;

	fixture_init(&f);
	f.layout.width = 4;
	CHECK_EQ(ranges_add(&f.dump, 0xf0000000, 0xffffffff, MEM_RAM), 0);
	built_headers(&f);
	CHECK_EQ(ranges_add(&f.dump, 0x100000000, 0x100000fff, MEM_RAM_HOTPLUG), 0);
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -ERANGE, "RAM at 0x100000000-0x100000fff does not fit ELF32");
	CHECK(strstr(err_text(), "--elf64-core-headers") != NULL);
	CHECK_EQ(f.out.len, 0);
	ranges_remove(&f.dump, 0x100000000, 0x100000fff);
	f.notes[1].paddr = 0x100000000;
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -ERANGE, "note of a CPU at 0x100000000");
	f.notes[1].paddr = 0xffffff00;
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -ERANGE, "note of a CPU at 0xffffff00-0x10000006f");
	f.notes[1].paddr = 0x5000;
	f.info.vmcoreinfo_paddr = 0x123456789000;
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -ERANGE, "vmcoreinfo at 0x123456789000");
	f.info.vmcoreinfo_len = 0;
	f.layout.backup = (struct core_backup){ .from = 0x1000, .len = 0x9f000, .to = 0x100000000 };
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -ERANGE, "backup copy at 0x100000000");
	fixture_deinit(&f);
}

TEST(nonsense)
{
	struct fixture f;
	uint64_t size = 7;

	fixture_init(&f);
	f.layout.width = 5;
	CHECK_FAILS(corehdr_size(&f.layout, &size), -EINVAL, "words");
	f.layout.width = 8;
	f.layout.backup = (struct core_backup){ .from = UINT64_MAX - 10, .len = 12 };
	CHECK_FAILS(corehdr_size(&f.layout, &size), -EINVAL, "backup");
	f.layout.backup = (struct core_backup){ .to = UINT64_MAX - 10, .len = 12 };
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -EINVAL, "backup");
	f.layout.backup.len = 0;
	f.info.kernel = (struct kernel_map){ true, 0xffffffff81000000, UINT64_MAX, 2 };
	CHECK_FAILS(corehdr_size(&f.layout, &size), -EINVAL, "kernel image");
	f.info.kernel.known = false;
	ranges_deinit(&f.dump);
	ranges_add(&f.dump, 0, UINT64_MAX, MEM_RAM);
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -EINVAL, "2^64");
	CHECK_EQ(size, 7);
	fixture_deinit(&f);
}

/* e_phnum has 16 bits, and 0xffff means "look elsewhere". */
TEST(as_many_headers_as_fit)
{
	struct fixture f;
	uint64_t size = 7;

	fixture_init(&f);
	ranges_deinit(&f.dump);
	for (uint64_t i = 0; i < PN_XNUM - 1 - 4; i++)
		CHECK_EQ(ranges_add(&f.dump, i << 13, (i << 13) + 0xfff, MEM_RAM), 0);
	CHECK_EQ(built_headers(&f), PN_XNUM - 1);
	CHECK_EQ(ranges_add(&f.dump, 1ull << 40, (1ull << 40) + 0xfff, MEM_RAM), 0);
	CHECK_FAILS(corehdr_size(&f.layout, &size), -E2BIG, "65535 ELF headers (3 CPUs, 65531 memory ranges)");
	CHECK_FAILS(corehdr_build(&f.layout, &f.out), -E2BIG, "65534");
	for (uint64_t i = 0; i < 10000; i++)
		CHECK_EQ(ranges_add(&f.dump, (1ull << 41) + (i << 13), (1ull << 41) + (i << 13) + 0xfff, MEM_RAM), 0);
	CHECK_FAILS(corehdr_size(&f.layout, &size), -E2BIG, "75535 ELF headers");
	CHECK_EQ(size, 7);
	fixture_deinit(&f);
}

/* A split pushes the count over the edge. */
TEST(splitting_counts)
{
	struct fixture f;
	uint64_t size;

	fixture_init(&f);
	ranges_deinit(&f.dump);
	for (uint64_t i = 0; i < PN_XNUM - 1 - 4; i++)
		CHECK_EQ(ranges_add(&f.dump, i << 13, (i << 13) + 0xfff, MEM_RAM), 0);
	f.layout.backup = (struct core_backup){ .from = 0x2100, .len = 0x100, .to = 0x7e000000 };
	CHECK_FAILS(corehdr_size(&f.layout, &size), -E2BIG, "65536 ELF headers");
	fixture_deinit(&f);
}

static uint64_t below(uint64_t n)
{
	return test_random() % n;
}

static void random_layout(struct fixture *f)
{
	const uint64_t unit = below(4) ? 0x1000 : 0x31;
	const uint64_t space = f->layout.width == 4 ? 0xf0000000 : below(2) ? 1ull << 46 : 1ull << 33;
	uint64_t at = below(8) * unit, limit = 1 + below(space / 64);

	ranges_deinit(&f->dump);
	for (size_t n = below(40); n && at < space; n--) {
		uint64_t len = (1 + below(limit) / unit) * unit;

		if (at + len > space)
			break;
		ranges_add(&f->dump, at, at + len - 1, below(2));
		at += len + below(3) * (1 + below(limit)) / unit * unit;
	}
	f->layout.backup = (struct core_backup){ 0 };
	if (below(4)) {
		f->layout.backup.from =
			below(3) && f->dump.nr ? f->dump.r[below(f->dump.nr)].start + below(3) * unit : below(space);
		f->layout.backup.len = 1 + below(below(2) ? 0x100000 : space / 4);
		f->layout.backup.to = below(space - f->layout.backup.len);
	}
	f->info.nr_notes = below(4);
	f->info.vmcoreinfo_len = below(2) ? 0x1024 : 0;
	f->info.kernel.known = below(2);
	f->info.kernel.paddr = below(space - 0x4000000);
	f->info.kernel.len = 1 + below(0x4000000);
	f->info.kernel.vaddr = f->layout.width == 4 && below(2) ? 0xc1000000 : 0xffffffff80000000 + below(0x3c000000);
	f->info.direct_map_known = below(3);
	f->info.direct_map_offset = below(2) ? 0xffff888000000000 : test_random();
	if (f->layout.width == 4 && below(2))
		f->info.direct_map_offset = 0xc0000000;
}

TEST(random_layouts)
{
	for (int round = 0; round < 4000; round++) {
		struct fixture f;
		unsigned int before = test_failures;

		fixture_init(&f);
		f.layout.width = below(2) ? 8 : 4;
		f.layout.big_endian = below(2);
		f.layout.machine = below(UINT16_MAX);
		random_layout(&f);
		built_headers(&f);
		if (test_failures != before)
			printf("round %d\n", round);
		fixture_deinit(&f);
		if (test_failures != before)
			return;
	}
}

/* The cost must be linear: ten times the ranges and CPUs may take thirty times as long, not a hundred. */
static double seconds_for(size_t nr_ranges, size_t nr_cpus)
{
	struct fixture f;
	struct timespec a, b;
	double best = 1e9;

	fixture_init(&f);
	for (uint64_t i = 0; i < nr_ranges; i++)
		ranges_add(&f.dump, (1ull << 32) + (i << 28), (1ull << 32) + (i << 28) + (1 << 27) - 1, MEM_RAM);
	f.info.notes = calloc(nr_cpus, sizeof(*f.info.notes));
	f.info.nr_notes = nr_cpus;
	for (size_t i = 0; i < nr_cpus; i++)
		f.info.notes[i] = (struct cpu_note){ i, 0x1000 * i, 368 };
	for (int i = 0; i < 3; i++) {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		CHECK_EQ(corehdr_build(&f.layout, &f.out), 0);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		double s = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9;

		best = s < best ? s : best;
	}
	free(f.info.notes);
	fixture_deinit(&f);
	return best;
}

TEST(linear)
{
	double small = seconds_for(5600, 800), large = seconds_for(56000, 8000);

	if (large > 30 * small && large > 0.05)
		printf("%g s and %g s\n", small, large);
	CHECK(large <= 30 * small || large <= 0.05);
}
