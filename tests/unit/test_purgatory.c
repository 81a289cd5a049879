/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generic half of the purgatory, run on the host: memory of this program stands for physical memory, and
 * the architecture's hooks below stand for the machine. What it prints goes through a 16550 in port space
 * that the hooks play.
 */
#include "tests/unit/test.h"

#include "purgatory/console.c"
#include "purgatory/purgatory.c"

#include <setjmp.h>

#define FILE_LEN 8192          /* of the image, which is a little larger, and padded further */
#define IMAGE_LEN 9000
#define SELF_MEMSZ 12288
#define NR_REGIONS 3
#define REGION_BYTES 3000
#define REGION_MEMSZ 4096

#define ALIVE_PORT 0x3f8
#define STUCK_PORT 0x2f8
#define FAULTY_PORT 0x3e8

enum outcome { NOTHING, STARTED, RESET };

static struct {
	jmp_buf done, fault;
	bool trying;
	enum outcome outcome;
	uint64_t entry;
	uint32_t psci;
	bool copied_before_start;
	unsigned int delay, nr_copied, stuck_reads;
	char text[65536];
	size_t len;
	uint8_t crtc[256], crtc_index;
} machine;

const struct purg_console arch_consoles[] = {
	{ .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT },
};
const uint32_t arch_nr_consoles = 1;

bool arch_try(void (*fn)(void *ctx), void *ctx)
{
	CHECK(!machine.trying);
	machine.trying = true;
	if (setjmp(machine.fault)) {
		machine.trying = false;
		return false;
	}
	fn(ctx);
	machine.trying = false;
	return true;
}

bool arch_map_io(uint64_t base, uint64_t len)
{
	return base && len;
}

uint8_t arch_in8(uint16_t port)
{
	if (port == FAULTY_PORT + UART_LSR)
		longjmp(machine.fault, 1);
	if (port == STUCK_PORT + UART_LSR) {
		machine.stuck_reads++;
		return 0;
	}
	if (port == VGA_CRTC + 1)
		return machine.crtc[machine.crtc_index];
	return port == ALIVE_PORT + UART_LSR ? UART_LSR_THRE : 0xff;
}

void arch_out8(uint16_t port, uint8_t value)
{
	CHECK(port != STUCK_PORT && port != FAULTY_PORT);
	if (port == VGA_CRTC)
		machine.crtc_index = value;
	if (port == ALIVE_PORT && machine.len + 1 < sizeof(machine.text))
		machine.text[machine.len++] = value;
}

void arch_copy(uint64_t to, uint64_t from, uint64_t len)
{
	memcpy((void *)(uintptr_t)to, at(from), len);
	machine.nr_copied++;
}

void arch_delay(unsigned int seconds)
{
	machine.delay += seconds;
}

_Noreturn void arch_start(const struct purg_params *params)
{
	machine.outcome = STARTED;
	machine.entry = params->entry;
	machine.copied_before_start = machine.nr_copied == params->nr_copies;
	longjmp(machine.done, 1);
}

_Noreturn void arch_reset(uint32_t psci)
{
	machine.outcome = RESET;
	machine.psci = psci;
	longjmp(machine.done, 1);
}

/* An image: the block at its start and something behind it that is verified too. */
static union {
	struct purg_params params;
	uint8_t bytes[SELF_MEMSZ];
} image;

static uint8_t memory[NR_REGIONS][REGION_MEMSZ] __attribute__((aligned(8)));
static uint8_t low[1000], saved[1000];

static void seal(void)
{
	memset(image.params.self_digest, 0, sizeof(image.params.self_digest));
	uint8_t digest[SHA256_BYTES];

	sha256_of(image.bytes, FILE_LEN, digest);
	memcpy(image.params.self_digest, digest, sizeof(digest));
}

static void set_up(void)
{
	static const char *const names[NR_REGIONS] = { "kernel", "initrd", "boot data" };
	struct purg_params *p = &image.params;

	memset(&machine, 0, sizeof(machine));
	reset_psci = PURG_PSCI_NONE;
	nr_printed = 0;
	memset(&image, 0, sizeof(image));
	memset(&image, 0x90, FILE_LEN);
	memset(p, 0, sizeof(*p));
	p->magic = PURG_MAGIC;
	p->version = PURG_VERSION;
	p->size = sizeof(*p);
	p->entry = 0x123456789000;
	p->self_memsz = SELF_MEMSZ;
	p->psci = PURG_PSCI_SMC;
	p->nr_consoles = 1;
	p->consoles[0] = (struct purg_console){ .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };
	p->nr_regions = NR_REGIONS;
	for (size_t i = 0; i < NR_REGIONS; i++) {
		memset(memory[i], 0, REGION_MEMSZ);
		for (size_t j = 0; j < REGION_BYTES; j++)
			memory[i][j] = test_random();
		p->regions[i].start = (uintptr_t)memory[i];
		p->regions[i].len = REGION_BYTES;
		p->regions[i].memsz = REGION_MEMSZ;
		strcpy(p->regions[i].name, names[i]);
		sha256_of(memory[i], REGION_BYTES, p->regions[i].digest);
	}
	for (size_t i = 0; i < sizeof(low); i++)
		low[i] = test_random();
	memset(saved, 0, sizeof(saved));
	p->nr_copies = 1;
	p->copies[0] = (struct purg_copy){ (uintptr_t)low, (uintptr_t)saved, sizeof(low) };
	seal();
}

static void run_dirty(uint64_t dirty)
{
	if (!setjmp(machine.done))
		purg_main(&image.params, FILE_LEN, IMAGE_LEN, dirty);
}

static void run(void)
{
	run_dirty(0);
}

static bool said(const char *text)
{
	return strstr(machine.text, text);
}

static void check_refused(const char *why)
{
	CHECK_EQ(machine.outcome, RESET);
	CHECK_EQ(machine.psci, PURG_PSCI_SMC);
	CHECK_EQ(machine.nr_copied, 0);
	CHECK_EQ(machine.delay, 3);
	CHECK(said(why));
	CHECK(said("purgatory: not starting a damaged capture kernel; resetting the machine in about 3 seconds\r\n"));
	CHECK(!said("ok, starting"));
	if (!said(why))
		printf("it said:\n%s\n", machine.text);
}

TEST(everything_good)
{
	set_up();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK_EQ(machine.entry, 0x123456789000);
	CHECK(machine.copied_before_start);
	CHECK(!memcmp(saved, low, sizeof(low)));
	CHECK_EQ(machine.delay, 0);
	CHECK_STR(machine.text, "purgatory: verifying 3 segments: kernel initrd boot data\r\n"
		  "purgatory: ok, starting the capture kernel at 0x123456789000\r\n");
}

TEST(one_flipped_bit_in_each_segment)
{
	for (size_t i = 0; i < NR_REGIONS; i++) {
		for (size_t off = 0; off < REGION_BYTES; off += 1 + test_random() % 400) {
			char want[200];
			int len;

			set_up();
			memory[i][off] ^= 1u << test_random() % 8;
			run();
			len = snprintf(want, sizeof(want),
				       "purgatory: segment %s at 0x%" PRIxPTR " (3000 bytes) is damaged: expected ",
				       image.params.regions[i].name, (uintptr_t)memory[i]);
			for (size_t j = 0; j < 3; j++)
				len += snprintf(want + len, sizeof(want) - len, "%02x",
						image.params.regions[i].digest[j]);
			check_refused(want);
			for (size_t other = 0; other < NR_REGIONS; other++) {
				snprintf(want, sizeof(want), "segment %s at", image.params.regions[other].name);
				CHECK_EQ(said(want), other == i);
			}
		}
	}
}

TEST(found_digest_is_shown)
{
	char want[2 * SHA256_BYTES + 20] = " found ";
	uint8_t digest[SHA256_BYTES];

	set_up();
	memory[1][0] ^= 1;
	sha256_of(memory[1], REGION_BYTES, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		sprintf(want + 7 + 2 * i, "%02x", digest[i]);
	strcat(want, "\r\n");
	run();
	check_refused(want);
}

TEST(several_damaged_segments_are_all_named)
{
	set_up();
	memory[0][5] ^= 0x80;
	memory[2][5] ^= 0x80;
	run();
	check_refused("segment kernel at");
	check_refused("segment boot data at");
	CHECK(!said("segment initrd"));
}

TEST(padding_must_be_zero)
{
	static const size_t offs[] = { REGION_BYTES, REGION_BYTES + 1, REGION_BYTES + 7, REGION_BYTES + 8,
				       REGION_BYTES + 500,
				       REGION_MEMSZ - 8, REGION_MEMSZ - 1 };

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		char want[100];

		set_up();
		memory[1][offs[i]] = 1;
		run();
		snprintf(want, sizeof(want), "its zero padding was overwritten at 0x%" PRIxPTR "\r\n",
			 (uintptr_t)&memory[1][offs[i]]);
		check_refused(want);
	}
}

/* Odd addresses and lengths, so that the byte loops in front of and behind the words matter. */
TEST(first_nonzero_against_a_plain_loop)
{
	static uint8_t bytes[256] __attribute__((aligned(8)));

	for (int round = 0; round < 20000; round++) {
		size_t start = test_random() % 200, len = test_random() % (256 - start), hit = test_random() % 256;
		uint64_t base = (uintptr_t)bytes, got;

		memset(bytes, 0, sizeof(bytes));
		bytes[hit] = 0x40;
		got = first_nonzero(base + start, len);
		CHECK_EQ(got, hit >= start && hit < start + len ? base + hit : base + start + len);
	}
}

TEST(regions_without_bytes_or_padding)
{
	set_up();
	image.params.regions[0].memsz = image.params.regions[0].len;
	image.params.regions[1].len = 0;
	sha256_of(NULL, 0, image.params.regions[1].digest);
	memset(memory[1], 0, REGION_MEMSZ);
	seal();
	memory[0][REGION_BYTES] = 1;    /* nobody's business */
	run();
	CHECK_EQ(machine.outcome, STARTED);
}

TEST(a_region_that_cannot_be)
{
	set_up();
	image.params.regions[0].len = REGION_MEMSZ + 1;
	image.params.regions[1].start = UINT64_MAX - 100;
	seal();
	run();
	check_refused("segment kernel at");
	check_refused("is damaged: its description makes no sense\r\n");
	check_refused("segment initrd at 0xffffffffffffff9b");
}

/* Any byte of the image: the block itself, digests, entry address, copies, and what stands for code. */
TEST(damage_to_the_purgatory_itself)
{
	for (size_t off = offsetof(struct purg_params, flags); off < FILE_LEN; off++) {
		if (off >= offsetof(struct purg_params, psci) && off < offsetof(struct purg_params, copies))
			continue;               /* would change how it is told, see below */
		set_up();
		image.bytes[off] ^= 0x10;
		run();
		CHECK_EQ(machine.outcome, RESET);
		CHECK_EQ(machine.nr_copied, 0);
		CHECK(said("purgatory: segment purgatory at 0x") && said(" (8192 bytes) is damaged: expected "));
	}
}

TEST(damage_behind_the_purgatorys_file)
{
	static const size_t offs[] = { IMAGE_LEN, IMAGE_LEN + 1, IMAGE_LEN + 100, SELF_MEMSZ - 1 };
	char want[100];

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		set_up();
		image.bytes[offs[i]] = 4;
		run();
		snprintf(want, sizeof(want), "padding was overwritten at 0x%" PRIxPTR "\r\n",
			 (uintptr_t)&image.bytes[offs[i]]);
		check_refused("purgatory: segment purgatory at 0x");
		check_refused(want);
	}
	set_up();
	run_dirty(0x7654321);
	check_refused("purgatory: segment purgatory at 0x");
	check_refused("padding was overwritten at 0x7654321\r\n");

	/* Nothing behind it, or less than it needs: a small image ends in its last page. */
	set_up();
	image.bytes[IMAGE_LEN] = 4;
	image.params.self_memsz = IMAGE_LEN;
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);

	set_up();
	image.params.flags = PURG_FLAG_NO_VERIFY;
	image.bytes[IMAGE_LEN] = 4;
	run_dirty(1);
	CHECK_EQ(machine.outcome, STARTED);
}

TEST(damage_to_counts_and_consoles)
{
	for (size_t off = offsetof(struct purg_params, psci); off < offsetof(struct purg_params, copies); off++) {
		set_up();
		image.bytes[off] ^= 0x40;
		run();
		CHECK_EQ(machine.outcome, RESET);
		CHECK_EQ(machine.nr_copied, 0);
		/* Where the only console's own address is damaged, nobody hears it. */
		if (off < offsetof(struct purg_params, consoles) || off >= offsetof(struct purg_params, consoles[1]))
			CHECK(said("damaged"));
	}
}

TEST(block_of_another_version)
{
	for (int i = 0; i < 6; i++) {
		set_up();
		switch (i) {
		case 0: image.params.magic ^= 1; break;
		case 1: image.params.version++; break;
		case 2: image.params.size--; break;
		case 3: image.params.nr_regions = PURG_MAX_REGIONS + 1; break;
		case 4: image.params.nr_copies = PURG_MAX_COPIES + 1; break;
		case 5: image.params.nr_consoles = PURG_MAX_CONSOLES + 1; break;
		}
		seal();
		image.params.psci = PURG_PSCI_HVC;
		run();
		CHECK_EQ(machine.outcome, RESET);
		CHECK_EQ(machine.psci, PURG_PSCI_NONE);   /* nothing of the block is believed */
		CHECK_EQ(machine.nr_copied, 0);
		CHECK(said("purgatory: its parameter block is damaged ("));
	}
}

/* Any one bit of the flags: none may switch verification off. */
TEST(no_single_bit_skips_verification)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		set_up();
		image.params.flags ^= 1u << bit;
		run();
		check_refused("purgatory: segment purgatory at 0x");
	}
}

/* What confirmed() is for: the first decision was lost, the findings were not, or were never made. */
TEST(who_prints_without_limit_is_reset)
{
	const struct purg_console con = { .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };

	set_up();
	console_init(&con, 1);
	if (!setjmp(machine.done))
		for (unsigned int i = 0; i < 1000000; i++)
			print("again and again ");
	CHECK_EQ(machine.outcome, RESET);
	CHECK_EQ(machine.len, MAX_OUTPUT);
}

/* The longest that it can have to say fits: every segment damaged, with long names and addresses. */
TEST(the_worst_news_fits)
{
	set_up();
	image.params.nr_regions = PURG_MAX_REGIONS;
	for (size_t i = 0; i < PURG_MAX_REGIONS; i++) {
		image.params.regions[i] = image.params.regions[0];
		memset(image.params.regions[i].name, 'n', PURG_NAME_BYTES);
		image.params.regions[i].digest[0] ^= 1;
	}
	seal();
	run();
	check_refused("segment nnnnnnnnnnnnnnnnnnnnnnnn at 0x");
	CHECK(nr_printed < MAX_OUTPUT / 2);
}

TEST(second_look)
{
	set_up();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK(confirmed(&image.params));
	for (size_t i = 0; i < NR_REGIONS; i++) {
		struct finding kept = findings[i];

		findings[i].found[test_random() % SHA256_BYTES] ^= 0x20;
		CHECK(!confirmed(&image.params));
		findings[i] = (struct finding){ .verdict = GOOD };
		CHECK(!confirmed(&image.params));
		findings[i] = kept;
		findings[i].verdict = PADDING;
		CHECK(!confirmed(&image.params));
		findings[i] = kept;
	}
	self_finding.found[31] ^= 1;
	CHECK(!confirmed(&image.params));
	self_finding.found[31] ^= 1;
	self_finding.verdict = PADDING;
	CHECK(!confirmed(&image.params));
	self_finding.verdict = GOOD;
	CHECK(confirmed(&image.params));
}

TEST(no_verify_starts_damaged_segments_but_copies)
{
	set_up();
	image.params.flags = PURG_FLAG_NO_VERIFY;
	memory[0][0] ^= 1;
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK(machine.copied_before_start);
	CHECK(!memcmp(saved, low, sizeof(low)));
	CHECK_STR(machine.text, "purgatory: nothing verified, starting the capture kernel at 0x123456789000\r\n");
}

TEST(bad_consoles_are_dropped_and_the_kernel_starts)
{
	set_up();
	image.params.nr_consoles = 4;
	image.params.consoles[0] = (struct purg_console){ .base = STUCK_PORT, .type = PURG_CONSOLE_8250_PORT };
	image.params.consoles[1] = (struct purg_console){ .base = FAULTY_PORT, .type = PURG_CONSOLE_8250_PORT };
	image.params.consoles[2] = (struct purg_console){ .base = 1, .type = 4711 };
	image.params.consoles[3] = (struct purg_console){ .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK(said("ok, starting"));
	CHECK_EQ(machine.stuck_reads, WAIT_READS);       /* waited for once */
}

TEST(silent_without_consoles_unless_there_is_bad_news)
{
	set_up();
	image.params.nr_consoles = 0;
	seal();
	run();
	CHECK_EQ(machine.outcome, STARTED);
	CHECK_EQ(machine.len, 0);

	set_up();
	image.params.nr_consoles = 0;
	seal();
	memory[0][1] ^= 2;
	run();
	check_refused("segment kernel at");
}

/* Devices in memory. */

static void print_on(struct purg_console con, const char *text)
{
	memset(&machine, 0, sizeof(machine));
	console_init(&con, 1);
	print(text);
}

TEST(uart_in_memory)
{
	static uint8_t regs[UART_REGS * 4] __attribute__((aligned(4)));

	for (uint32_t shift = 0; shift <= 2; shift++) {
		memset(regs, 0, sizeof(regs));
		regs[UART_LSR << shift] = UART_LSR_THRE;
		print_on((struct purg_console){ (uintptr_t)regs, PURG_CONSOLE_8250_MMIO, shift }, "abc");
		CHECK_EQ(regs[0], 'c');
		CHECK_EQ(regs[1], 0);
		CHECK(console_alive());
	}
	memset(regs, 0, sizeof(regs));
	((uint32_t *)regs)[UART_LSR] = UART_LSR_THRE;
	print_on((struct purg_console){ (uintptr_t)regs, PURG_CONSOLE_8250_MMIO32, 2 }, "xy");
	CHECK_EQ(*(uint32_t *)regs, 'y');

	memset(regs, 0, sizeof(regs));
	print_on((struct purg_console){ (uintptr_t)regs, PURG_CONSOLE_8250_MMIO, 0 }, "never ready");
	CHECK_EQ(regs[0], 0);
	CHECK(!console_alive());
	print_on((struct purg_console){ (uintptr_t)regs, PURG_CONSOLE_8250_MMIO, 60 }, "nonsense");
	CHECK(!console_alive());
}

TEST(pl011)
{
	static uint32_t regs[PL011_LEN / 4];

	print_on((struct purg_console){ (uintptr_t)regs, PURG_CONSOLE_PL011, 0 }, "hello");
	CHECK_EQ(regs[0], 'o');
	CHECK(console_alive());
	regs[PL011_FR / 4] = PL011_FR_TXFF;
	print("!");
	CHECK_EQ(regs[0], 'o');
	CHECK(!console_alive());
}

static uint16_t window[VGA_WINDOW / 2];

static void vga_row(unsigned int start, unsigned int row, char text[VGA_COLUMNS + 1])
{
	for (unsigned int i = 0; i < VGA_COLUMNS; i++)
		text[i] = window[start + row * VGA_COLUMNS + i];
	text[VGA_COLUMNS] = 0;
	for (unsigned int i = VGA_COLUMNS; i-- && text[i] == ' ';)
		text[i] = 0;
}

TEST(vga_scrolls_and_respects_the_origin)
{
	static const unsigned int origins[] = { 0, 160, VGA_WINDOW / 2 - VGA_CELLS, VGA_WINDOW / 2 - VGA_CELLS + 1,
						0xffff };
	const struct purg_console con = { (uintptr_t)window, PURG_CONSOLE_VGA, 0 };
	char row[VGA_COLUMNS + 1], wide[VGA_COLUMNS + 11];

	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = 0;
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		unsigned int start = origins[i] > VGA_WINDOW / 2 - VGA_CELLS ? 0 : origins[i];

		memset(&machine, 0, sizeof(machine));
		for (size_t j = 0; j < VGA_WINDOW / 2; j++)
			window[j] = VGA_ATTR | 'k';
		machine.crtc[VGA_START_HIGH] = origins[i] >> 8;
		machine.crtc[VGA_START_LOW] = origins[i];
		console_init(&con, 1);
		print("first\nsecond\n");
		print("third\n");
		print(wide);
		vga_row(start, 24, row);
		CHECK_STR(row, "wwwwwwwwww");
		vga_row(start, 22, row);
		CHECK_STR(row, "third");
		vga_row(start, 20, row);
		CHECK_STR(row, "first");
		vga_row(start, 19, row);
		CHECK_EQ(row[0], 'k');
		for (size_t j = 0; j < VGA_WINDOW / 2; j++)
			if (j < start || j >= start + VGA_CELLS)
				CHECK_EQ(window[j], VGA_ATTR | 'k');
	}
}

TEST(numbers)
{
	static const uint64_t values[] = { 0, 1, 9, 10, 15, 16, 4095, 1ull << 32, UINT64_MAX };
	const struct purg_console con = { .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char want[64];

		memset(&machine, 0, sizeof(machine));
		console_init(&con, 1);
		print_dec(values[i]);
		print(" ");
		print_hex(values[i]);
		snprintf(want, sizeof(want), "%" PRIu64 " 0x%" PRIx64, values[i], values[i]);
		CHECK_STR(machine.text, want);
	}
}

TEST(names_are_bounded_and_harmless)
{
	const struct purg_console con = { .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };
	const char name[4] = { 'a', '\033', '\n', 'z' };

	memset(&machine, 0, sizeof(machine));
	console_init(&con, 1);
	print_bytes(name, sizeof(name));
	CHECK_STR(machine.text, "a??z");
}
