/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader's half of the purgatory: with the purgatories that are built in, and with made-up ones of every
 * width and byte order, good and broken.
 */
#include "kexec/purgatory.h"

#include "kexec/arch/arch.h"
#include "kexec/identity_map.h"
#include "lib/elf.h"
#include "lib/sha256.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#include <errno.h>

#define RELATIVE 77            /* relocation type of the made-up architectures */

static const struct load_request anywhere = { .mem_max = UINT64_MAX };

static void setup(struct plan *plan, const struct arch *arch, const struct load_request *req, uint64_t start,
		  uint64_t len)
{
	plan_init(plan);
	plan->arch = arch;
	plan->req = req;
	plan->window = (struct range){ start, start + (len - 1), 0 };
	CHECK(!ranges_add(&plan->free, plan->window.start, plan->window.last, 0));
}

/* Fields of the block as the target reads them. */
static uint64_t field64(const struct plan *plan, size_t off)
{
	return get_u64(plan->purgatory.data + off, plan->arch->big_endian);
}

static uint32_t field32(const struct plan *plan, size_t off)
{
	return get_u32(plan->purgatory.data + off, plan->arch->big_endian);
}

#define F64(plan, member) field64(plan, offsetof(struct purg_params, member))
#define F32(plan, member) field32(plan, offsetof(struct purg_params, member))

static uint64_t region64(const struct plan *plan, size_t idx, size_t off)
{
	return field64(plan, offsetof(struct purg_params, regions) + idx * sizeof(struct purg_region) + off);
}

static const char *region_name(const struct plan *plan, size_t idx)
{
	return (const char *)plan->purgatory.data + offsetof(struct purg_params,
							     regions[0].name) + idx * sizeof(struct purg_region);
}

static const uint8_t *region_digest(const struct plan *plan, size_t idx)
{
	return plan->purgatory.data + offsetof(struct purg_params,
					       regions[0].digest) + idx * sizeof(struct purg_region);
}

/*
 * A made-up purgatory: ELF header, program headers PT_LOAD and PT_DYNAMIC, and an image of IMAGE bytes in
 * the file and MEMORY in memory: the parameter block, two words to relocate, the relocations, the dynamic
 * section.
 */
#define IMAGE 2560
#define MEMORY 3600
#define IMAGE_OFF 256
#define WORDS 2000             /* offset of the two words in the image */
#define RELS 2040
#define DYNAMIC 2160
#define ENTRY 2032
#define ADDEND 0x123

struct fake {
	uint8_t file[IMAGE_OFF + IMAGE];
	struct arch arch;
	unsigned int word;
	bool be, rela;
};

static uint8_t *image_at(struct fake *f, size_t off)
{
	return f->file + IMAGE_OFF + off;
}

static void put_dynamic(struct fake *f, unsigned int idx, uint64_t tag, uint64_t value)
{
	uint8_t *at = image_at(f, DYNAMIC) + idx * 2 * f->word;

	put_word(at, tag, f->word, f->be);
	put_word(at + f->word, value, f->word, f->be);
}

static unsigned int rel_bytes(const struct fake *f)
{
	return (f->rela ? 3 : 2) * f->word;
}

static void put_rel(struct fake *f, unsigned int idx, uint64_t off, uint64_t info, uint64_t addend)
{
	uint8_t *at = image_at(f, RELS) + idx * rel_bytes(f);

	put_word(at, off, f->word, f->be);
	put_word(at + f->word, info, f->word, f->be);
	if (f->rela)
		put_word(at + 2 * f->word, addend, f->word, f->be);
	else if (off <= IMAGE - f->word)
		put_word(image_at(f, off), addend, f->word, f->be);
}

static void put_phdr(struct fake *f, const struct elf *elf, unsigned int idx, const struct elf_phdr *ph)
{
	CHECK(!elf_phdr_put(elf, ph, f->file + elf_ehdr_size(f->word) + idx * elf_phdr_size(f->word)));
}

static void fake_init(struct fake *f, unsigned int word, bool be, bool rela)
{
	struct elf elf = { .view.big_endian = be, .width = word, .type = ET_DYN, .machine = EM_ARM, .entry = ENTRY,
			   .nr_phdrs = 2 };
	const struct elf_phdr load = { .type = PT_LOAD, .off = IMAGE_OFF, .filesz = IMAGE, .memsz = MEMORY,
				       .align = 256 };
	const struct elf_phdr dynamic = { .type = PT_DYNAMIC, .off = IMAGE_OFF + DYNAMIC, .vaddr = DYNAMIC,
					  .filesz = 8 * word, .memsz = 8 * word, .align = 8 };

	memset(f, 0, sizeof(*f));
	f->word = word;
	f->be = be;
	f->rela = rela;
	f->arch = (struct arch){
		.name = "madeup", .elf_machine = EM_ARM, .word = word, .big_endian = be,
		.page_shift = 12, .reloc_relative = RELATIVE,
		.purgatory = f->file, .purgatory_last = f->file + sizeof(f->file) - 1,
	};
	elf_ehdr_put(&elf, f->file);
	put_phdr(f, &elf, 0, &load);
	put_phdr(f, &elf, 1, &dynamic);
	put_u64(image_at(f, 0), PURG_MAGIC, be);
	put_u32(image_at(f, 8), PURG_VERSION, be);
	put_u32(image_at(f, 12), sizeof(struct purg_params), be);
	put_rel(f, 0, WORDS, RELATIVE, ADDEND);
	put_rel(f, 1, WORDS + word, RELATIVE, WORDS);
	put_dynamic(f, 0, rela ? DT_RELA : DT_REL, RELS);
	put_dynamic(f, 1, rela ? DT_RELASZ : DT_RELSZ, 2 * rel_bytes(f));
	put_dynamic(f, 2, rela ? DT_RELAENT : DT_RELENT, rel_bytes(f));
	put_dynamic(f, 3, DT_NULL, 0);
}

static void fake_phdr(struct fake *f, unsigned int idx, uint32_t type, uint64_t vaddr, uint64_t filesz, uint64_t memsz)
{
	struct elf elf = { .view.big_endian = f->be, .width = f->word };
	struct elf_phdr ph = { .type = type, .off = IMAGE_OFF, .vaddr = vaddr, .filesz = filesz, .memsz = memsz };

	put_phdr(f, &elf, idx, &ph);
}

static int load_fake(const struct fake *f, struct plan *plan, uint64_t start)
{
	setup(plan, &f->arch, &anywhere, start, 0x100000);
	return purgatory_load(plan);
}

TEST(every_width_byte_order_and_kind_of_relocation)
{
	for (unsigned int kind = 0; kind < 8; kind++) {
		uint64_t start = kind & 1 ? 0x7654300000 : 0x76500000, base;
		unsigned int word = kind & 1 ? 8 : 4;
		struct plan plan;
		struct fake f;

		fake_init(&f, word, kind & 2, kind & 4);
		CHECK_EQ(load_fake(&f, &plan, start), 0);
		base = plan.purgatory_paddr;
		CHECK_EQ(base, start + 0x100000 - 0x1000);
		CHECK_EQ(plan.entry, base + ENTRY);
		CHECK_EQ(plan.purgatory.len, MEMORY);
		CHECK_EQ(plan.nr_seg, 1);
		CHECK_EQ(plan.seg[0].bufsz, MEMORY);
		CHECK_EQ(plan.seg[0].mem, base);
		CHECK(plan.seg[0].buf == plan.purgatory.data);
		CHECK_STR(plan.seg[0].no_digest, "it holds the digests");
		if (word == 8) {
			CHECK_EQ(get_u64(plan.purgatory.data + WORDS, f.be), base + ADDEND);
			CHECK_EQ(get_u64(plan.purgatory.data + WORDS + 8, f.be), base + WORDS);
		} else {
			CHECK_EQ(get_u32(plan.purgatory.data + WORDS, f.be), base + ADDEND);
			CHECK_EQ(get_u32(plan.purgatory.data + WORDS + 4, f.be), base + WORDS);
		}
		for (size_t i = IMAGE; i < MEMORY; i++)
			CHECK_EQ(plan.purgatory.data[i], 0);
		plan_deinit(&plan);
	}
}

static void check_refused(struct fake *f, int err, const char *why)
{
	struct plan plan;

	CHECK_FAILS(load_fake(f, &plan, 0x1000000), err, why);
	plan_deinit(&plan);
}

TEST(broken_relocations)
{
	struct plan plan;
	struct fake f;

	for (unsigned int kind = 0; kind < 8; kind++) {
		unsigned int word = kind & 1 ? 8 : 4;

		fake_init(&f, word, kind & 2, kind & 4);
		put_rel(&f, 1, WORDS, RELATIVE + 1, 0);
		check_refused(&f, -EINVAL, "relocation type 78 at 0x7d0, only 77 is known");

		fake_init(&f, word, kind & 2, kind & 4);
		put_rel(&f, 1, MEMORY - word + 1, RELATIVE, 0);
		check_refused(&f, -EINVAL, "a relocation lies outside it");
		put_rel(&f, 1, word == 8 ? UINT64_MAX : UINT32_MAX, RELATIVE, 0);
		check_refused(&f, -EINVAL, "a relocation lies outside it");
		put_rel(&f, 1, MEMORY - word, RELATIVE, 0);
		CHECK_EQ(load_fake(&f, &plan, 0x1000000), 0);
		plan_deinit(&plan);

		fake_init(&f, word, kind & 2, kind & 4);
		put_dynamic(&f, 1, f.rela ? DT_RELASZ : DT_RELSZ, rel_bytes(&f) + 1);
		check_refused(&f, -EINVAL, "odd size");
		put_dynamic(&f, 1, f.rela ? DT_RELASZ : DT_RELSZ, rel_bytes(&f) * 1000);
		check_refused(&f, -EINVAL, "relocations");
		put_dynamic(&f, 1, f.rela ? DT_RELASZ : DT_RELSZ, 0);
		CHECK_EQ(load_fake(&f, &plan, 0x1000000), 0);
		plan_deinit(&plan);

		fake_init(&f, word, kind & 2, kind & 4);
		put_dynamic(&f, 2, f.rela ? DT_RELAENT : DT_RELENT, rel_bytes(&f) * 2);
		check_refused(&f, -EINVAL, "odd size");

		fake_init(&f, word, kind & 2, kind & 4);
		put_dynamic(&f, 0, f.rela ? DT_RELA : DT_REL, word == 8 ? UINT64_MAX - 8 : UINT32_MAX - 8);
		check_refused(&f, -EINVAL, "relocations");
	}

	fake_init(&f, 4, false, true);
	put_rel(&f, 0, WORDS, RELATIVE, 0xffffffff);
	check_refused(&f, -EINVAL, "does not fit its 32 bits");
}

TEST(files_that_are_no_purgatory)
{
	static const uint64_t tags[] = { DT_NEEDED, DT_JMPREL, DT_PLTRELSZ, DT_TEXTREL, 36 };
	struct fake f;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		fake_init(&f, 8, false, true);
		put_dynamic(&f, 3, tags[i], 1);
		check_refused(&f, -EINVAL, "wants to be linked with something else");
	}
	fake_init(&f, 8, false, true);
	fake_phdr(&f, 1, PT_INTERP, 0, 10, 10);
	check_refused(&f, -EINVAL, "dynamic linker");
	fake_init(&f, 8, false, true);
	fake_phdr(&f, 0, PT_LOAD, 0, IMAGE, 0x10001);
	check_refused(&f, -EINVAL, "too large");
	fake_phdr(&f, 0, PT_LOAD, 0x8000, IMAGE, 0x8001);
	check_refused(&f, -EINVAL, "too large");
	fake_phdr(&f, 0, PT_LOAD, UINT64_MAX - 100, IMAGE, IMAGE);
	check_refused(&f, -EINVAL, "too large");
	fake_phdr(&f, 0, PT_LOAD, 0, IMAGE, IMAGE - 1);
	check_refused(&f, -EINVAL, "too large");
	fake_phdr(&f, 0, PT_LOAD, 0, IMAGE + 1, MEMORY);
	check_refused(&f, -EINVAL, "");
	fake_phdr(&f, 0, PT_LOAD, 8, IMAGE, MEMORY);
	check_refused(&f, -EINVAL, "does not start with the parameter block");
	fake_phdr(&f, 0, PT_NULL, 0, IMAGE, MEMORY);
	check_refused(&f, -EINVAL, "does not start with the parameter block");

	for (size_t off = 0; off < 16; off++) {
		fake_init(&f, 8, false, true);
		*image_at(&f, off) ^= 1;
		check_refused(&f, -EINVAL,
			      "the madeup purgatory built into this program cannot be used: it does not start with");
	}
	fake_init(&f, 8, false, true);
	f.arch.elf_machine = EM_X86_64;
	check_refused(&f, -EINVAL, "not a position-independent program for this architecture");
	fake_init(&f, 8, false, true);
	f.arch.big_endian = true;
	check_refused(&f, -EINVAL, "not a position-independent program for this architecture");
	fake_init(&f, 8, false, true);
	f.arch.word = 4;
	check_refused(&f, -EINVAL, "not a position-independent program for this architecture");
	fake_init(&f, 8, false, true);
	put_u64(f.file + 24, MEMORY, false);    /* e_entry */
	check_refused(&f, -EINVAL, "entry point");
	fake_init(&f, 8, false, true);
	f.file[0] = 0;
	check_refused(&f, -EINVAL, "no ELF file");
	fake_init(&f, 8, false, true);
	f.arch.purgatory = f.arch.purgatory_last = NULL;
	check_refused(&f, -ENOTSUP, "built without a purgatory for madeup");
}

/* Whatever stands there, it must come to an end inside the image; what it answers does not matter. */
TEST(random_damage)
{
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int kind = test_random() % 8;
		struct plan plan;
		struct fake f;

		fake_init(&f, kind & 1 ? 8 : 4, kind & 2, kind & 4);
		for (unsigned int j = test_random() % 3; j < 3; j++) {
			size_t off = test_random() % IMAGE_OFF;

			if (test_random() % 2)
				off = IMAGE_OFF + RELS + test_random() % (IMAGE - RELS);
			f.file[off] = test_random() % 2 ? test_random() : 0xff;
		}
		if (test_random() % 4 == 0)
			f.arch.purgatory_last = f.file + test_random() % sizeof(f.file);
		if (!load_fake(&f, &plan, 0x1000000))
			CHECK(plan.purgatory.len <= 0x10000 && plan.entry - plan.purgatory_paddr < plan.purgatory.len);
		plan_deinit(&plan);
	}
}

/* The built-in files, read here a second time with the system's <elf.h>. */
static void check_built_in(const struct arch *arch, uint64_t start)
{
	uint64_t text = 0, nr = 0;
	struct plan plan;
	struct elf_phdr ph;
	struct elf elf;
	struct view v;

	setup(&plan, arch, &anywhere, start, 0x200000);
	CHECK_EQ(purgatory_load(&plan), 0);
	v = view_of(arch->purgatory, arch->purgatory_last - arch->purgatory + 1, "purgatory");
	CHECK(!elf_parse(&v, &elf));
	for (uint64_t i = 0; i < elf.nr_phdrs; i++) {
		CHECK(!elf_phdr(&elf, i, &ph));
		if (ph.type != PT_LOAD)
			continue;
		nr++;
		CHECK_EQ(ph.vaddr, 0);
		CHECK_EQ(ph.memsz, plan.purgatory.len);
		/* What a fixup changed is a word that now points into the image; all else is as in the file. */
		for (uint64_t off = 0; off < ph.filesz; off += 8) {
			uint64_t was = 0, is = 0;

			if (ph.filesz - off < 8)
				break;
			was = get_u64(arch->purgatory + ph.off + off, false);
			is = get_u64(plan.purgatory.data + off, false);
			if (was == is)
				continue;
			text++;
			CHECK(is >= plan.purgatory_paddr && is - plan.purgatory_paddr < plan.purgatory.len);
		}
	}
	CHECK_EQ(nr, 1);
	CHECK(text > 4);               /* the consoles' functions */
	CHECK(plan.purgatory.len < 0x10000);
	CHECK_EQ(plan.purgatory_paddr % 4096, 0);
	CHECK_EQ(plan.entry - plan.purgatory_paddr, elf.entry);
	CHECK_EQ(F64(&plan, magic), PURG_MAGIC);
	plan_deinit(&plan);
}

TEST(built_in_purgatories)
{
	for (size_t i = 0; arch_table[i]; i++) {
		struct plan plan;

		if (arch_table[i]->purgatory) {
			check_built_in(arch_table[i], 0x5000000);
			check_built_in(arch_table[i], 0x7fff00000000);
			continue;
		}
		setup(&plan, arch_table[i], &anywhere, 0x5000000, 0x200000);
		CHECK_FAILS(purgatory_load(&plan), -ENOTSUP, "built without a purgatory");
		plan_deinit(&plan);
	}
}

TEST(entry_in_32_bit_mode_wants_low_memory)
{
	struct plan plan;
	struct fake f;

	fake_init(&f, 8, false, true);
	setup(&plan, &f.arch, &anywhere, 0xfff00000, 0x200000);
	plan.capture[0].next_mode = PURG_ENTRY_X86_32;
	CHECK_EQ(purgatory_load(&plan), 0);
	CHECK_EQ(plan.purgatory_paddr, 0xfffff000);
	plan_deinit(&plan);

	setup(&plan, &f.arch, &anywhere, 0x100000000, 0x200000);
	plan.capture[0].next_mode = PURG_ENTRY_X86_32;
	CHECK_FAILS(purgatory_load(&plan), -ENOSPC, "purgatory");
	plan_deinit(&plan);

	setup(&plan, &f.arch, &anywhere, 0xfff00000, 0x200000);
	CHECK_EQ(purgatory_load(&plan), 0);
	CHECK_EQ(plan.purgatory_paddr, 0x1000ff000);
	plan_deinit(&plan);
}

/* Sealing. */

static uint8_t kernel[5000], initrd[4096], headers[100];

static void put(struct plan *plan, const char *what, const void *buf, uint64_t bufsz, uint64_t memsz,
		const char *no_digest)
{
	struct place place = { .memsz = memsz, .last = UINT64_MAX };
	uint64_t paddr;

	CHECK(!plan_place(plan, what, buf, bufsz, &place, &paddr));
	plan_find(plan, what)->no_digest = no_digest;
}

/* A plan as it is in front of purgatory_seal(). */
static void prepare(struct plan *plan, const struct arch *arch, const struct load_request *req, const struct root *root)
{
	setup(plan, arch, req, 0x20000000, 0x1000000);
	plan->root = root;
	plan->policy = PURG_POLICY_REBOOT;
	CHECK_EQ(purgatory_consoles(root, arch, &req->console, plan->consoles, &plan->nr_consoles), 0);
	for (size_t i = 0; i < sizeof(kernel); i++)
		kernel[i] = test_random();
	memset(initrd, 0x55, sizeof(initrd));
	put(plan, "backup", NULL, 0, 0xa0000, "the purgatory writes it");
	put(plan, "kernel", kernel, sizeof(kernel), 100000, NULL);
	put(plan, "initrd", initrd, sizeof(initrd), sizeof(initrd), NULL);
	put(plan, "elfcorehdr", headers, sizeof(headers), 4096, "the kernel updates it on hotplug");
	put(plan, "zeroes", NULL, 0, 4096, NULL);
	plan->backup = (struct core_backup){ .from = 0x1000, .len = 0x9e000, .to = plan_find(plan, "backup")->mem };
	plan->capture[0].next_entry = 0x20100200;
	for (size_t i = 0; i < 4; i++)
		plan->capture[0].next_args[i] = 0x1111 * (i + 1);
	CHECK_EQ(purgatory_load(plan), 0);
}

static void check_self_digest(const struct plan *plan, uint64_t len)
{
	size_t off = offsetof(struct purg_params, self_digest);
	uint8_t image[0x10000], digest[SHA256_BYTES];

	CHECK(plan->purgatory.len <= sizeof(image) && len <= plan->purgatory.len);
	memcpy(image, plan->purgatory.data, plan->purgatory.len);
	memset(image + off, 0, sizeof(digest));
	sha256_of(image, len, digest);
	CHECK(!memcmp(digest, plan->purgatory.data + off, sizeof(digest)));
}

static void check_sealed(const struct plan *plan)
{
	static const struct { const char *name; const void *buf; uint64_t len, memsz; } want[] = {
		{ "kernel", kernel, sizeof(kernel), 102400 },
		{ "initrd", initrd, sizeof(initrd), 4096 },
		{ "zeroes", NULL, 0, 4096 },
	};

	CHECK_EQ(F32(plan, nr_regions), 3);
	for (size_t i = 0; i < 3; i++) {
		const struct segment *seg = NULL;
		uint8_t digest[SHA256_BYTES];

		for (size_t j = 0; j < plan->nr_seg; j++)
			if (!strcmp(plan->seg[j].what, want[i].name))
				seg = &plan->seg[j];
		sha256_of(want[i].buf, want[i].len, digest);
		CHECK_STR(region_name(plan, i), want[i].name);
		CHECK_EQ(region64(plan, i, offsetof(struct purg_region, start)), seg->mem);
		CHECK_EQ(region64(plan, i, offsetof(struct purg_region, len)), want[i].len);
		CHECK_EQ(region64(plan, i, offsetof(struct purg_region, memsz)), seg->memsz);
		CHECK(!memcmp(region_digest(plan, i), digest, sizeof(digest)));
		CHECK(!memcmp(seg->digest, digest, sizeof(digest)));
	}
	CHECK_EQ(F32(plan, nr_copies), 1);
	CHECK_EQ(F64(plan, copies[0].from), 0x1000);
	CHECK_EQ(F64(plan, copies[0].to), 0x20000000);
	CHECK_EQ(F64(plan, copies[0].len), 0x9e000);
	CHECK_EQ(F64(plan, images[0].entry), 0x20100200);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(field64(plan, offsetof(struct purg_params, images[0].args) + 8 * i), 0x1111 * (i + 1));
	CHECK_EQ(F64(plan, self_memsz), 4096);
	CHECK_EQ(F32(plan, flags), 0);
	CHECK_EQ(F32(plan, images[0].entry_mode), PURG_ENTRY_NATIVE);
}

TEST(sealed_block)
{
	struct tree t = tree_new();

	tree_text(&t, "proc/consoles", "ttyAMA0              -W- (EC   a)  204:64\n");
	tree_text(&t, "sys/class/tty/ttyAMA0/type", "32\n");
	tree_text(&t, "sys/class/tty/ttyAMA0/iomem_base", "0x12309000000\n");
	tree_bytes(&t, "sys/firmware/devicetree/base/psci/method", "hvc", 4);
	for (unsigned int kind = 0; kind < 4; kind++) {
		struct plan plan;
		struct fake f;

		fake_init(&f, kind & 1 ? 8 : 4, kind & 2, true);
		prepare(&plan, &f.arch, &anywhere, &t.root);
		CHECK_EQ(purgatory_seal(&plan), 0);
		check_sealed(&plan);
		check_self_digest(&plan, IMAGE);
		CHECK_EQ(F32(&plan, psci), PURG_PSCI_HVC);
		CHECK_EQ(F32(&plan, nr_consoles), 1);
		CHECK_EQ(F64(&plan, consoles[0].base), 0x12309000000);
		CHECK_EQ(F32(&plan, consoles[0].type), PURG_CONSOLE_PL011);
		plan_deinit(&plan);
	}
	for (size_t i = 0; arch_table[i]; i++) {
		struct plan plan;

		if (!arch_table[i]->purgatory)
			continue;
		prepare(&plan, arch_table[i], &anywhere, &t.root);
		CHECK(!plan_check(&plan));
		CHECK_EQ(purgatory_seal(&plan), 0);
		CHECK_EQ(F32(&plan, nr_regions), 3);
		CHECK_EQ(F64(&plan, images[0].entry), 0x20100200);
		plan_deinit(&plan);
	}
	tree_free(&t);
}

TEST(sealed_as_the_user_asked)
{
	struct load_request req = { .mem_max = UINT64_MAX, .no_checks = true };
	struct tree t = tree_new();
	struct plan plan;
	struct fake f;

	fake_init(&f, 8, false, true);
	prepare(&plan, &f.arch, &req, &t.root);
	plan.backup.len = 0;
	CHECK_EQ(purgatory_seal(&plan), 0);
	CHECK_EQ(F32(&plan, flags), PURG_FLAG_NO_VERIFY);
	CHECK_EQ(F32(&plan, nr_copies), 0);
	CHECK_EQ(F32(&plan, nr_consoles), 0);
	CHECK_EQ(F32(&plan, psci), PURG_PSCI_NONE);
	/* -i does not spare the report its digests. */
	CHECK_EQ(F32(&plan, nr_regions), 3);
	plan_deinit(&plan);
	tree_free(&t);
}

TEST(what_cannot_be_sealed)
{
	struct tree t = tree_new();
	struct plan plan;
	struct fake f;

	fake_init(&f, 8, false, true);
	prepare(&plan, &f.arch, &anywhere, &t.root);
	plan.seg[1].what = "a name of twenty-four by";
	CHECK_FAILS(purgatory_seal(&plan), -EINVAL, "too long");
	plan.seg[1].what = "a name of 23 bytes fits";
	CHECK_EQ(purgatory_seal(&plan), 0);
	plan.capture[0].next_mode = PURG_ENTRY_X86_32;
	CHECK_EQ(purgatory_seal(&plan), 0);
	plan.capture[0].next_entry = 0x100000000;
	CHECK_FAILS(purgatory_seal(&plan), -EINVAL, "32-bit mode");
	plan.capture[0].next_entry = 0x1000;
	plan.capture[0].next_args[0] = 0x100000000;
	CHECK_FAILS(purgatory_seal(&plan), -EINVAL, "32-bit mode");
	plan_deinit(&plan);

	setup(&plan, &f.arch, &anywhere, 0x1000000, 0x1000000);
	plan.root = &t.root;
	CHECK_FAILS(purgatory_seal(&plan), -EINVAL, "parameter block");     /* nothing loaded */
	plan_deinit(&plan);
	tree_free(&t);
}

static uint64_t image64(const struct plan *plan, size_t idx, size_t off)
{
	return field64(plan, offsetof(struct purg_params, images) + idx * sizeof(struct purg_image) + off);
}

TEST(sealed_with_two_images)
{
	const struct load_request req = { .mem_max = UINT64_MAX, .console.reset_vga = true };
	uint8_t fadt[276] = "FACP";
	struct tree t = tree_new();

	put_u32(fadt + 4, sizeof(fadt), false);
	put_u32(fadt + 112, 1 << 10, false);
	memcpy(fadt + 116, "\1\10\0\1\xf9\x0c\0\0\0\0\0", 12);
	fadt[128] = 6;
	tree_bytes(&t, "sys/firmware/acpi/tables/FACP", fadt, sizeof(fadt));
	for (unsigned int be = 0; be < 2; be++) {
		struct capture *fallback;
		struct plan plan;
		struct fake f;

		fake_init(&f, 8, be, true);
		prepare(&plan, &f.arch, &req, &t.root);
		plan.policy = PURG_POLICY_FALLBACK;
		plan.nr_captures = 2;
		plan_find(&plan, "kernel")->images = FOR_ALL_IMAGES;
		plan_find(&plan, "initrd")->images = FOR_IMAGE(PRIMARY);
		plan_find(&plan, "zeroes")->images = 0;
		plan.consoles[0] = (struct purg_console){ .base = 0x3f8, .type = PURG_CONSOLE_8250_PORT, .baud = 9600 };
		plan.consoles[1] = (struct purg_console){ .base = 0x8000000000, .type = PURG_CONSOLE_FRAMEBUFFER, .width = 800,
							  .height = 600, .pitch = 3200, .depth = 32 };
		plan.nr_consoles = 2;
		fallback = &plan.capture[FALLBACK];
		fallback->next_entry = 0x20200000;
		fallback->next_args[0] = 0x5555;
		fallback->verdict_paddr = 0x777777777777;
		fallback->verdict_len = 100;
		CHECK_EQ(purgatory_seal(&plan), 0);
		check_self_digest(&plan, IMAGE);
		CHECK_EQ(F32(&plan, policy), PURG_POLICY_FALLBACK);
		CHECK_EQ(F32(&plan, nr_images), 2);
		CHECK_EQ(image64(&plan, 0, offsetof(struct purg_image, entry)), 0x20100200);
		CHECK_EQ(image64(&plan, 1, offsetof(struct purg_image, entry)), 0x20200000);
		CHECK_EQ(image64(&plan, 1, offsetof(struct purg_image, args)), 0x5555);
		CHECK_EQ(image64(&plan, 1, offsetof(struct purg_image, verdict_paddr)), 0x777777777777);
		CHECK_EQ(F32(&plan, images[1].verdict_len), 100);
		CHECK_EQ(F32(&plan, images[0].verdict_len), 0);
		CHECK_STR(region_name(&plan, 0), "kernel");
		CHECK_EQ(region64(&plan, 0, offsetof(struct purg_region, images)), 3);
		CHECK_EQ(region64(&plan, 1, offsetof(struct purg_region, images)), 1);
		CHECK_EQ(region64(&plan, 2, offsetof(struct purg_region, images)), 0);
		CHECK_EQ(F32(&plan, consoles[0].baud), 9600);
		CHECK_EQ(F32(&plan, consoles[1].pitch), 3200);
		CHECK_EQ(F32(&plan, consoles[1].depth), 32);
		CHECK_EQ(F32(&plan, vga_reset), 1);
		CHECK_EQ(F32(&plan, reset_space), PURG_RESET_PORT);
		CHECK_EQ(F64(&plan, reset_addr), 0xcf9);
		CHECK_EQ(F32(&plan, reset_value), 6);
		CHECK_EQ(F64(&plan, map_root_paddr), 0);
		/* "kdump.verify=fallback:kernel,initrd" has 35 bytes. */
		fallback->verdict_len = 34;
		CHECK_FAILS(purgatory_seal(&plan), -EINVAL, "room for a verdict");
		fallback->verdict_len = 35;
		CHECK_EQ(purgatory_seal(&plan), 0);
		plan_deinit(&plan);
	}
	tree_free(&t);
}

TEST(sealed_with_page_tables)
{
	struct tree t = tree_new();
	struct plan plan;
	struct fake f;

	fake_init(&f, 8, false, true);
	f.arch.identity_map = arch_arm64.identity_map;
	setup(&plan, &f.arch, &anywhere, 0x20000000, 0x1000000);
	plan.root = &t.root;
	CHECK(!ranges_add(&plan.memmap.crash, plan.window.start, plan.window.last, 0));
	CHECK_EQ(identity_map_place(&plan), 0);
	CHECK_EQ(purgatory_load(&plan), 0);
	CHECK_EQ(purgatory_seal(&plan), 0);
	CHECK_EQ(F64(&plan, map_root_paddr), plan_find(&plan, PURG_MAP_REGION)->mem);
	CHECK_EQ(F32(&plan, map_bits), 48);
	CHECK_STR(region_name(&plan, 0), PURG_MAP_REGION);
	CHECK_EQ(region64(&plan, 0, offsetof(struct purg_region, images)), 0);
	plan_deinit(&plan);
	tree_free(&t);
}
