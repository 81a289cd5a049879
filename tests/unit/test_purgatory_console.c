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

TEST(baud_rate_is_set_where_asked_for)
{
	struct purg_console con = { .base = ALIVE_PORT, .type = PURG_CONSOLE_8250_PORT };

	print_on(con, "as it is");
	CHECK_EQ(machine.uart[UART_LCR], 0);
	CHECK_STR(machine.text, "as it is");
	con.baud = 9600;
	print_on(con, "slow");
	CHECK_EQ(machine.divisor, 12);
	CHECK_EQ(machine.uart[UART_LCR], UART_LCR_8N1);
	CHECK_EQ(machine.uart[UART_MCR], UART_MCR_DTR_RTS);
	CHECK_STR(machine.text, "slow");
	con.baud = 50;
	print_on(con, "slower");
	CHECK_EQ(machine.divisor, 2304);
	/* Nothing is divided by nonsense. */
	machine.divisor = 0;
	con.baud = 115201;
	print_on(con, "?");
	CHECK_EQ(machine.divisor, 0);
	con.baud = 1;
	print_on(con, "?");
	CHECK_EQ(machine.divisor, 0);
	CHECK_STR(machine.text, "?");
}

/* Frame buffers. */

#define FB_BYTES (2000 * 4 * 80)
static uint8_t pixels[FB_BYTES + 64] __attribute__((aligned(4)));

static struct purg_console framebuffer(uint32_t width, uint32_t height, uint32_t depth)
{
	return (struct purg_console){ .base = (uintptr_t)pixels, .type = PURG_CONSOLE_FRAMEBUFFER, .width = width,
				      .height = height, .depth = depth, .pitch = (width * depth / 8 + 4) & ~3u };
}

/* All bits of a pixel, or none. */
static int pixel(const struct purg_console *con, uint32_t x, uint32_t y)
{
	const uint8_t *at_pixel = pixels + (size_t)y * con->pitch + x * con->depth / 8;
	int set = 0;

	for (uint32_t i = 0; i < con->depth / 8; i++)
		set += at_pixel[i] == 0xff ? 1 : at_pixel[i] ? 100 : 0;
	return set == (int)con->depth / 8 ? 1 : set ? -1 : 0;
}

/* Does the cell show C, every pixel N by N times? */
static bool shows(const struct purg_console *con, uint32_t n, uint32_t row, uint32_t column, char c)
{
	for (uint32_t y = 0; y < FONT_ROWS * n; y++)
		for (uint32_t x = 0; x < FONT_COLUMNS * n; x++)
			if (pixel(con, column * CELL_COLUMNS * n + x, row * CELL_ROWS * n + y) !=
			    (font[c - FONT_FIRST][y / n] >> (4 - x / n) & 1))
				return false;
	return true;
}

TEST(framebuffer_of_every_depth_and_size)
{
	static const struct {
		uint32_t width, height, depth, n;
	} sizes[] = { { 640, 60, 32, 1 },  { 640, 60, 16, 1 }, { 640, 60, 24, 1 }, { 960, 40, 32, 2 },
		      { 1920, 74, 32, 4 }, { 40, 9, 32, 1 },   { 1024, 79, 16, 2 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct purg_console con = framebuffer(sizes[i].width, sizes[i].height, sizes[i].depth);
		uint32_t n = sizes[i].n, rows = con.height / (CELL_ROWS * n);

		memset(pixels, 0x5a, sizeof(pixels));
		print_on(con, "aZ~ \n");
		CHECK(console_alive());
		CHECK(shows(&con, n, 0, 0, 'a') && shows(&con, n, 0, 1, 'Z') && shows(&con, n, 0, 2, '~') &&
		      shows(&con, n, 0, 3, ' '));
		print("next");
		CHECK(shows(&con, n, rows > 1, 0, 'n') && shows(&con, n, rows > 1, 3, 't'));
		/* Around, and nothing outside of it is touched. */
		for (uint32_t line = 0; line < 5 * rows; line++)
			print("line\n");
		for (size_t j = (size_t)con.pitch * con.height; j < sizeof(pixels); j++)
			CHECK_EQ(pixels[j], 0x5a);
	}
}

TEST(framebuffers_that_cannot_be)
{
	for (int i = 0; i < 9; i++) {
		struct purg_console con = framebuffer(640, 60, 32);

		switch (i) {
		case 0: con.depth = 8; break;
		case 1: con.depth = 40; break;
		case 2: con.depth = UINT32_MAX; break;
		case 3: con.width = 0; break;
		case 4: con.height = 0; break;
		case 5: con.pitch = 640; break;
		case 6: con.width = UINT32_MAX; break;
		case 7: con.base++; break;
		case 8: con.height = UINT32_MAX; break;
		}
		memset(pixels, 0x5a, sizeof(pixels));
		print_on(con, "x");
		CHECK(!console_alive());
		for (size_t j = 0; j < sizeof(pixels); j++)
			CHECK_EQ(pixels[j], 0x5a);
	}
}

/* Every character has a shape of its own. */
TEST(font)
{
	for (size_t i = 0; i < FONT_GLYPHS; i++)
		for (size_t j = 0; j < i; j++)
			CHECK(memcmp(font[i], font[j], FONT_ROWS));
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
