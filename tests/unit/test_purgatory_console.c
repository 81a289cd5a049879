/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the purgatory prints, and on what: devices in memory of this program. */
#include "tests/unit/purgatory_machine.h"

static struct purg_console at_address(const void *base, uint32_t type, uint32_t reg_shift)
{
	return (struct purg_console){ .base = (uintptr_t)base, .type = type, .reg_shift = reg_shift };
}

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
		print_on(at_address(regs, PURG_CONSOLE_8250_MMIO, shift), "abc");
		CHECK_EQ(regs[0], 'c');
		CHECK_EQ(regs[1], 0);
		CHECK(console_alive());
	}
	memset(regs, 0, sizeof(regs));
	((uint32_t *)regs)[UART_LSR] = UART_LSR_THRE;
	print_on(at_address(regs, PURG_CONSOLE_8250_MMIO32, 2), "xy");
	CHECK_EQ(*(uint32_t *)regs, 'y');

	memset(regs, 0, sizeof(regs));
	print_on(at_address(regs, PURG_CONSOLE_8250_MMIO, 0), "never ready");
	CHECK_EQ(regs[0], 0);
	CHECK(!console_alive());
	print_on(at_address(regs, PURG_CONSOLE_8250_MMIO, 60), "nonsense");
	CHECK(!console_alive());
}

TEST(pl011)
{
	static uint32_t regs[PL011_LEN / 4];

	print_on(at_address(regs, PURG_CONSOLE_PL011, 0), "hello");
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
	const struct purg_console con = at_address(window, PURG_CONSOLE_VGA, 0);
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
