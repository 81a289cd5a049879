/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers and notes in both widths and both byte orders: written, read back, and damaged. */
#include "lib/blob.h"
#include "lib/elf.h"
#include "tests/unit/test.h"

#include <errno.h>

/* The four kinds of ELF file, in turn. */
static unsigned int width_of(unsigned int kind)
{
	return kind & 1 ? 8 : 4;
}

static bool is_big(unsigned int kind)
{
	return kind & 2;
}

static struct elf header_of(unsigned int kind, uint64_t nr_phdrs)
{
	struct elf elf = {
		.width = width_of(kind),
		.type = ET_CORE,
		.machine = EM_AARCH64,
		.flags = 0x01020304,
		.entry = 0x80123456,
		.nr_phdrs = nr_phdrs,
	};

	elf.view.big_endian = is_big(kind);
	return elf;
}

static struct elf_phdr phdr_of(unsigned int kind, uint64_t idx)
{
	uint64_t high = width_of(kind) == 8 ? 0xffff800000000000ull : 0;

	return (struct elf_phdr){
		.type = PT_LOAD, .flags = PF_R | PF_X, .off = 0x1000 * idx, .vaddr = high + 0x10000 * idx + 1,
		.paddr = high / 2 + 0x10000 * idx + 2, .filesz = 0x30 + idx, .memsz = 0x40 + idx, .align = 4096,
	};
}

/* A file of exactly as many bytes as it has, so that reads over its edge are seen. */
static uint8_t *build(unsigned int kind, uint64_t nr_phdrs, size_t *len)
{
	struct elf elf = header_of(kind, nr_phdrs);
	unsigned int ehdr = elf_ehdr_size(elf.width), phdr = elf_phdr_size(elf.width);
	uint8_t *file = malloc(ehdr + nr_phdrs * phdr);

	CHECK_EQ(elf_ehdr_put(&elf, file), 0);
	for (uint64_t i = 0; i < nr_phdrs; i++) {
		struct elf_phdr ph = phdr_of(kind, i);

		CHECK_EQ(elf_phdr_put(&elf, &ph, file + ehdr + i * phdr), 0);
	}
	*len = ehdr + nr_phdrs * phdr;
	return file;
}

static void check_phdr(const struct elf_phdr *got, const struct elf_phdr *want)
{
	CHECK_EQ(got->type, want->type);
	CHECK_EQ(got->flags, want->flags);
	CHECK_EQ(got->off, want->off);
	CHECK_EQ(got->vaddr, want->vaddr);
	CHECK_EQ(got->paddr, want->paddr);
	CHECK_EQ(got->filesz, want->filesz);
	CHECK_EQ(got->memsz, want->memsz);
	CHECK_EQ(got->align, want->align);
}

TEST(what_is_written_is_read_back)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		size_t len;
		uint8_t *file = build(kind, 5, &len);
		struct view v = view_of(file, len, "core");
		struct elf_phdr ph = { .type = 77 };
		struct elf elf;

		/* The byte order of the view given does not matter, the file says its own. */
		v.big_endian = !is_big(kind);
		CHECK_EQ(elf_parse(&v, &elf), 0);
		CHECK_EQ(elf.width, width_of(kind));
		CHECK_EQ(elf.view.big_endian, is_big(kind));
		CHECK_EQ(elf.type, ET_CORE);
		CHECK_EQ(elf.machine, EM_AARCH64);
		CHECK_EQ(elf.flags, 0x01020304);
		CHECK_EQ(elf.entry, 0x80123456);
		CHECK_EQ(elf.phoff, elf_ehdr_size(elf.width));
		CHECK_EQ(elf.shoff, 0);
		CHECK_EQ(elf.nr_phdrs, 5);
		CHECK_FAILS(elf_phdr(&elf, 5, &ph), -EINVAL, "core: there is no program header 5, only 5");
		CHECK_FAILS(elf_phdr(&elf, UINT64_MAX, &ph), -EINVAL, "no program header");
		CHECK_EQ(ph.type, 77);
		for (unsigned int i = 0; i < 5; i++) {
			struct elf_phdr want = phdr_of(kind, i);

			CHECK_EQ(elf_phdr(&elf, i, &ph), 0);
			check_phdr(&ph, &want);
		}
		free(file);
	}
}

/* Against the system's own structures, in the byte order of this machine. */
TEST(layout_is_that_of_elf_h)
{
	const uint16_t probe = 1;
	unsigned int order = *(const uint8_t *)&probe ? 0 : 2;
	size_t len;
	uint8_t *file = build(order + 1, 2, &len);
	struct elf_phdr want = phdr_of(order + 1, 1);
	Elf64_Ehdr e64;
	Elf64_Phdr p64;
	Elf32_Ehdr e32;
	Elf32_Phdr p32;

	memcpy(&e64, file, sizeof(e64));
	memcpy(&p64, file + sizeof(e64) + sizeof(p64), sizeof(p64));
	CHECK(!memcmp(e64.e_ident, ELFMAG, SELFMAG));
	CHECK(e64.e_ident[EI_CLASS] == ELFCLASS64 && e64.e_ident[EI_VERSION] == EV_CURRENT);
	CHECK_EQ(e64.e_ident[EI_DATA], order ? ELFDATA2MSB : ELFDATA2LSB);
	CHECK(e64.e_type == ET_CORE && e64.e_machine == EM_AARCH64 && e64.e_version == EV_CURRENT);
	CHECK(e64.e_entry == 0x80123456 && e64.e_phoff == sizeof(e64) && e64.e_shoff == 0 && e64.e_flags == 0x01020304);
	CHECK(e64.e_ehsize == sizeof(e64) && e64.e_phentsize == sizeof(p64) && e64.e_phnum == 2 && e64.e_shnum == 0);
	check_phdr(&(struct elf_phdr){ p64.p_type, p64.p_flags, p64.p_offset, p64.p_vaddr, p64.p_paddr, p64.p_filesz,
				       p64.p_memsz, p64.p_align }, &want);
	free(file);

	file = build(order, 2, &len);
	want = phdr_of(order, 1);
	memcpy(&e32, file, sizeof(e32));
	memcpy(&p32, file + sizeof(e32) + sizeof(p32), sizeof(p32));
	CHECK_EQ(e32.e_ident[EI_CLASS], ELFCLASS32);
	CHECK(e32.e_entry == 0x80123456 && e32.e_phoff == sizeof(e32) && e32.e_flags == 0x01020304);
	CHECK(e32.e_ehsize == sizeof(e32) && e32.e_phentsize == sizeof(p32) && e32.e_phnum == 2);
	check_phdr(&(struct elf_phdr){ p32.p_type, p32.p_flags, p32.p_offset, p32.p_vaddr, p32.p_paddr, p32.p_filesz,
				       p32.p_memsz, p32.p_align }, &want);
	free(file);
}

TEST(a_file_without_program_headers)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		size_t len;
		uint8_t *file = build(kind, 0, &len);
		struct view v = view_of(file, len, "core");
		struct elf elf;

		CHECK_EQ(elf_parse(&v, &elf), 0);
		CHECK_EQ(elf.nr_phdrs, 0);
		CHECK_EQ(elf.phoff, 0);
		free(file);
	}
}

/* Cut off anywhere: refused, never read over the end, and the struct of the caller stays as it was. */
TEST(truncation_at_every_length)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		size_t len;
		uint8_t *file = build(kind, 3, &len);

		for (size_t n = 0; n < len; n++) {
			uint8_t *cut = malloc(n + !n);
			struct view v = view_of(cut, n, "core");
			struct elf elf = { .width = 99 };

			memcpy(cut, file, n);
			if (n < SELFMAG)
				CHECK_EQ(elf_parse(&v, &elf), -ENOEXEC);
			else
				CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, "core: ");
			CHECK_EQ(elf.width, 99);
			free(cut);
		}
		free(file);
	}
}

TEST(not_elf)
{
	struct view v = view_of("\x7f" "EMF and more than sixteen bytes", 30, "x");
	struct elf elf;

	err_clear();
	CHECK_EQ(elf_parse(&v, &elf), -ENOEXEC);
	CHECK_STR(err_text(), "");
	v = view_of(NULL, 0, NULL);
	CHECK_EQ(elf_parse(&v, &elf), -ENOEXEC);
}

/* Set the field at OFF of a fresh file, N bytes wide in its byte order, and expect this complaint. */
static void check_damage(unsigned int kind, unsigned int off, unsigned int n, uint64_t value, const char *complaint)
{
	size_t len;
	uint8_t *file = build(kind, 3, &len);
	struct view v = view_of(file, len, "core");
	struct elf elf;

	if (n == 1)
		file[off] = (uint8_t)value;
	else if (n == 2)
		put_u16(file + off, (uint16_t)value, is_big(kind));
	else
		put_word(file + off, value, n, is_big(kind));
	CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, complaint);
	free(file);
}

TEST(damaged_headers)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		unsigned int width = width_of(kind), phoff = 24 + width, phentsize = 24 + 3 * width + 4 + 2;
		uint64_t max = width == 8 ? UINT64_MAX : UINT32_MAX;

		check_damage(kind, EI_CLASS, 1, 0, "unknown ELF class 0");
		check_damage(kind, EI_CLASS, 1, 3, "unknown ELF class 3");
		check_damage(kind, EI_DATA, 1, 0, "unknown ELF byte order 0");
		check_damage(kind, EI_DATA, 1, 3, "unknown ELF byte order 3");
		check_damage(kind, EI_VERSION, 1, 0, "unknown ELF version 0");
		check_damage(kind, phentsize, 2, 0, "program headers have 0 bytes each");
		check_damage(kind, phentsize, 2, elf_phdr_size(width) - 1, "bytes each, not ");
		check_damage(kind, phentsize, 2, elf_phdr_size(width) + 1, "bytes each, not ");
		check_damage(kind, phentsize + 2, 2, 4, "program header table: core: ");
		check_damage(kind, phentsize + 2, 2, 0xfffe, "program header table: core: ");
		check_damage(kind, phoff, width, elf_ehdr_size(width) + 1, "program header table: core: ");
		check_damage(kind, phoff, width, max, "program header table: core: ");
		check_damage(kind, phoff, width, max - 3 * elf_phdr_size(width) + 1, "program header table: core: ");
	}
}

/* Every byte of the header with every value: an answer, not a crash; whatever is accepted lies inside. */
TEST(every_header_byte_damaged)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		size_t len;
		uint8_t *file = build(kind, 3, &len);

		for (unsigned int off = 0; off < elf_ehdr_size(width_of(kind)); off++) {
			uint8_t good = file[off];

			for (unsigned int value = 0; value < 256; value++) {
				struct view v = view_of(file, len, "core"), part;
				struct elf_phdr ph;
				struct elf elf;

				file[off] = (uint8_t)value;
				if (elf_parse(&v, &elf))
					continue;
				for (uint64_t i = 0; i < elf.nr_phdrs; i++) {
					CHECK_EQ(elf_phdr(&elf, i, &ph), 0);
					if (!elf_phdr_view(&elf, &ph, &part))
						CHECK(part.base >= file && part.base + part.len <= file + len);
				}
			}
			file[off] = good;
		}
		free(file);
	}
}

/* 70,000 program headers: more than e_phnum can say, so section header 0 says it. */
TEST(many_program_headers)
{
	const uint64_t nr = 70000;

	for (unsigned int kind = 0; kind < 4; kind++) {
		unsigned int width = width_of(kind), ehdr = elf_ehdr_size(width), phdr = elf_phdr_size(width);
		unsigned int shdr = width == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), info = 12 + 4 * width;
		size_t len = ehdr + nr * phdr + shdr;
		uint8_t *file = calloc(1, len);
		struct view v = view_of(file, len, "core");
		struct elf elf = header_of(kind, 1);
		struct elf_phdr ph = phdr_of(kind, 9), got;
		bool big = is_big(kind);

		CHECK_EQ(elf_ehdr_put(&elf, file), 0);
		put_u16(file + ehdr - 8, PN_XNUM, big);            /* e_phnum */
		CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, "section header with the number");
		put_word(file + 24 + 2 * width, len - shdr, width, big);  /* e_shoff */
		CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, "section header with the number");
		put_u16(file + ehdr - 6, (uint16_t)shdr, big);     /* e_shentsize */
		put_u32(file + len - shdr + info, (uint32_t)nr, big);
		elf = header_of(kind, 0);
		CHECK_EQ(elf_phdr_put(&elf, &ph, file + ehdr + (nr - 1) * phdr), 0);

		CHECK_EQ(elf_parse(&v, &elf), 0);
		CHECK_EQ(elf.nr_phdrs, nr);
		CHECK_EQ(elf_phdr(&elf, nr - 1, &got), 0);
		check_phdr(&got, &ph);

		put_u32(file + len - shdr + info, UINT32_MAX, big);
		CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, "program header table");
		put_u32(file + len - shdr + info, 0, big);
		CHECK_EQ(elf_parse(&v, &elf), 0);
		CHECK_EQ(elf.nr_phdrs, 0);
		put_word(file + 24 + 2 * width, len - shdr + 1, width, big);
		CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, "section header 0");
		put_word(file + 24 + 2 * width, UINT64_MAX, width, big);
		CHECK_FAILS(elf_parse(&v, &elf), -EINVAL, "section header 0");
		free(file);
	}
}

TEST(headers_that_cannot_be_written)
{
	struct elf elf = header_of(1, PN_XNUM);
	struct elf_phdr good = { .paddr = UINT32_MAX, .memsz = UINT32_MAX };
	uint8_t out[64];

	CHECK_FAILS(elf_ehdr_put(&elf, out), -ERANGE, "65535 program headers");
	elf.nr_phdrs = PN_XNUM - 1;
	CHECK_EQ(elf_ehdr_put(&elf, out), 0);
	elf = header_of(0, 1);
	elf.entry = 1ull << 32;
	CHECK_FAILS(elf_ehdr_put(&elf, out), -ERANGE, "0x100000000");

	CHECK_EQ(elf_phdr_put(&elf, &good, out), 0);
	for (unsigned int i = 0; i < 6; i++) {
		struct elf_phdr ph = good;
		uint64_t *field[] = { &ph.off, &ph.vaddr, &ph.paddr, &ph.filesz, &ph.memsz, &ph.align };

		*field[i] = 1ull << 32;
		memset(out, 0xa5, sizeof(out));
		CHECK_FAILS(elf_phdr_put(&elf, &ph, out), -ERANGE, "does not fit ELF32");
		CHECK_EQ(out[0], 0xa5);
	}
}

TEST(program_header_contents)
{
	size_t len;
	uint8_t *file = build(1, 1, &len);
	struct view v = view_of(file, len, "core"), part = view_of(NULL, 77, NULL);
	struct elf_phdr ph = { .off = 10, .filesz = 20 };
	struct elf elf;

	CHECK_EQ(elf_parse(&v, &elf), 0);
	CHECK_FAILS(elf_phdr_view(&elf, &(struct elf_phdr){ .off = UINT64_MAX, .filesz = 2 }, &part), -EINVAL, "core");
	CHECK_FAILS(elf_phdr_view(&elf, &(struct elf_phdr){ .off = 2, .filesz = UINT64_MAX }, &part), -EINVAL, "core");
	CHECK_FAILS(elf_phdr_view(&elf, &(struct elf_phdr){ .off = len, .filesz = 1 }, &part), -EINVAL, "core");
	CHECK_EQ(part.len, 77);
	CHECK_EQ(elf_phdr_view(&elf, &ph, &part), 0);
	CHECK(part.base == file + 10 && part.len == 20);
	ph.filesz = len - 10;
	CHECK_EQ(elf_phdr_view(&elf, &ph, &part), 0);
	free(file);
}

/* Notes */

static void add_note(struct blob *b, bool big, const char *name, uint32_t name_len, const char *desc, uint32_t desc_len,
		     uint32_t type)
{
	uint8_t header[12];

	put_u32(header, name_len, big);
	put_u32(header + 4, desc_len, big);
	put_u32(header + 8, type, big);
	CHECK_EQ(blob_append(b, header, sizeof(header)), 0);
	CHECK_EQ(blob_append(b, name, name_len), 0);
	CHECK_EQ(blob_zero(b, -name_len & 3), 0);
	CHECK_EQ(blob_append(b, desc, desc_len), 0);
	CHECK_EQ(blob_zero(b, -desc_len & 3), 0);
}

static struct cursor notes_at(const struct blob *b, bool big)
{
	struct view v = blob_view(b, "notes");

	v.big_endian = big;
	return cursor_at(&v, 0);
}

TEST(notes_of_every_padding)
{
	static const char text[] = "ABCDEFG";

	for (unsigned int big = 0; big < 2; big++) {
		struct elf_note note;
		struct blob b;
		struct cursor c;

		blob_init(&b);
		/* Names and descriptions of 0 to 7 bytes. */
		for (uint32_t i = 1; i < 64; i++)
			add_note(&b, big, text + 8 - i / 8, i / 8, "desc567", i % 8, 100 + i);
		c = notes_at(&b, big);
		for (uint32_t i = 1; i < 64; i++) {
			CHECK_EQ(elf_note_next(&c, &note), 1);
			CHECK_EQ(note.type, 100 + i);
			CHECK_EQ(note.name_len, i / 8);
			CHECK(i < 8 ? !elf_note_is(&note, "") : elf_note_is(&note, text + 8 - i / 8));
			CHECK(!elf_note_is(&note, "BCDEFGH"));
			CHECK_EQ(note.desc.len, i % 8);
			CHECK_EQ(note.desc.big_endian, big);
			CHECK(view_has(&note.desc, 0, "desc567", i % 8));
		}
		CHECK_EQ(elf_note_next(&c, &note), 0);
		CHECK_EQ(elf_note_next(&c, &note), 0);
		blob_deinit(&b);
	}
}

TEST(notes_stop_at_a_zero_header)
{
	struct elf_note note;
	struct blob b;
	struct cursor c;

	blob_init(&b);
	add_note(&b, false, "CORE", 5, "x", 1, NT_PRSTATUS);
	CHECK_EQ(blob_zero(&b, 12), 0);
	CHECK_EQ(blob_append(&b, "\xff\xff\xff\xffgarbage behind", 18), 0);
	c = notes_at(&b, false);
	CHECK_EQ(elf_note_next(&c, &note), 1);
	CHECK(elf_note_is(&note, "CORE"));
	CHECK_EQ(elf_note_next(&c, &note), 0);
	CHECK_EQ(elf_note_next(&c, &note), 0);
	CHECK(!c.bad);
	blob_deinit(&b);

	/* Zeros that are too few for a header are padding as well. */
	for (unsigned int n = 0; n < 12; n++) {
		blob_init(&b);
		add_note(&b, false, "CORE", 5, "x", 1, NT_PRSTATUS);
		CHECK_EQ(blob_zero(&b, n), 0);
		c = notes_at(&b, false);
		CHECK_EQ(elf_note_next(&c, &note), 1);
		CHECK_EQ(elf_note_next(&c, &note), 0);
		blob_deinit(&b);
	}
}

/* Cut after every byte, in memory of exactly that size. Only the padding of the last note may be missing. */
TEST(notes_cut_at_every_length)
{
	for (unsigned int big = 0; big < 2; big++) {
		struct blob b;

		blob_init(&b);
		add_note(&b, big, "LINUX", 6, "12345", 5, 0x0badf00d);
		CHECK_EQ(b.len, 12 + 8 + 8);
		for (size_t n = 0; n <= b.len; n++) {
			uint8_t *cut = malloc(n + !n);
			struct elf_note note = { .type = 77 };
			struct view v = view_of(cut, n, "notes");
			struct cursor c;
			/* The leading zero bytes of a big endian number alone look like padding. */
			int want = n < (big ? 4 : 1) ? 0 : n < 12 + 8 + 5 ? -EINVAL : 1;

			memcpy(cut, b.data, n);
			v.big_endian = big;
			c = cursor_at(&v, 0);
			if (want == -EINVAL)
				CHECK_FAILS(elf_note_next(&c, &note), want, "notes: the ELF note at offset 0 ");
			else
				CHECK_EQ(elf_note_next(&c, &note), want);
			CHECK_EQ(note.type, want == 1 ? 0x0badf00d : 77);
			/* A caller that goes on gets no further and no note. */
			CHECK_EQ(elf_note_next(&c, &note), want == 1 ? 0 : want);
			free(cut);
		}
		blob_deinit(&b);
	}
}

static void check_bad_note(uint32_t name_len, uint32_t desc_len, const char *complaint)
{
	uint8_t bytes[32] = { 0 };
	struct view v = view_of(bytes, sizeof(bytes), "notes");
	struct cursor c = cursor_at(&v, 0);
	struct elf_note note;

	put_u32(bytes, name_len, false);
	put_u32(bytes + 4, desc_len, false);
	put_u32(bytes + 8, 1, false);
	CHECK_FAILS(elf_note_next(&c, &note), -EINVAL, complaint);
	CHECK(c.bad);
}

TEST(notes_with_absurd_sizes)
{
	static const uint32_t absurd[] = { 0xffffffff, 0xfffffffe, 0xfffffffd, 0xfffffffc, 0x80000000, 0x7fffffff, 21 };

	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++) {
		check_bad_note(absurd[i], 0, "a name longer than the data");
		check_bad_note(absurd[i], absurd[i], "a name longer than the data");
		check_bad_note(0, absurd[i], "a description longer than the data");
		check_bad_note(4, absurd[i], "a description longer than the data");
	}
	check_bad_note(17, 1, "a description longer than the data");
}

TEST(names_end_in_a_nul)
{
	struct elf_note note;
	struct blob b;
	struct cursor c;

	blob_init(&b);
	add_note(&b, false, "CORE", 4, "x", 1, 1);
	c = notes_at(&b, false);
	CHECK_FAILS(elf_note_next(&c, &note), -EINVAL, "a name without a NUL");
	blob_deinit(&b);

	/* A NUL in the middle is not the same name. */
	blob_init(&b);
	add_note(&b, false, "CORE\0X", 7, "x", 1, 1);
	add_note(&b, false, "", 0, "x", 1, 1);
	add_note(&b, false, "", 1, "x", 1, 1);
	c = notes_at(&b, false);
	CHECK_EQ(elf_note_next(&c, &note), 1);
	CHECK(!elf_note_is(&note, "CORE"));
	CHECK_EQ(elf_note_next(&c, &note), 1);
	CHECK(!elf_note_is(&note, ""));
	CHECK_EQ(elf_note_next(&c, &note), 1);
	CHECK(elf_note_is(&note, ""));
	blob_deinit(&b);
}
