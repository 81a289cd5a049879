/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screens: VGA text (text mode and its CRT controller: IBM VGA) and linear frame buffers. */
#include "purgatory/console.h"

#define VGA_COLUMNS 80
#define VGA_WINDOW 0x8000  /* bytes of text memory */
#define VGA_CRTC 0x3d4
#define VGA_START_HIGH 0x0c
#define VGA_START_LOW 0x0d

/* The screen's first cell: the dying kernel scrolls by moving it within the window. */
static volatile uint16_t *vga_screen(const struct console *con)
{
	unsigned int start;

	arch_out8(VGA_CRTC, VGA_START_HIGH);
	start = (unsigned int)arch_in8(VGA_CRTC + 1) << 8;
	arch_out8(VGA_CRTC, VGA_START_LOW);
	start |= arch_in8(VGA_CRTC + 1);
	if (start > VGA_WINDOW / 2 - VGA_CELLS)
		start = 0;
	return (volatile uint16_t *)(uintptr_t)con->dev.base + start;
}

static void vga_scroll(volatile uint16_t *screen)
{
	for (unsigned int i = 0; i < VGA_CELLS - VGA_COLUMNS; i++)
		screen[i] = screen[i + VGA_COLUMNS];
	for (unsigned int i = VGA_CELLS - VGA_COLUMNS; i < VGA_CELLS; i++)
		screen[i] = VGA_ATTR | ' ';
}

static bool vga_open(struct console *con)
{
	if (!arch_map_io(con->dev.base, VGA_WINDOW))
		return false;
	con->column = VGA_COLUMNS;      /* the first character starts a line of its own */
	return true;
}

/* Always writes the bottom line. */
static bool vga_put(struct console *con, char c)
{
	volatile uint16_t *screen = vga_screen(con);

	if (c == '\n') {
		con->column = VGA_COLUMNS;
		return true;
	}
	if (c == '\r')
		return true;
	if (con->column == VGA_COLUMNS) {
		vga_scroll(screen);
		con->column = 0;
	}
	screen[VGA_CELLS - VGA_COLUMNS + con->column++] = VGA_ATTR | (uint8_t)c;
	return true;
}

const struct driver vga_driver = { vga_open, vga_put };

/*
 * Frame buffers. White is all bits of a pixel, black none, so the layout of colours does not matter. Lines are written
 * from the top, and from the top again when the screen is full, with an empty one below: scrolling would have to read,
 * which takes seconds on such memory.
 */

#define COLUMNS_WANTED 80      /* that fit: characters grow with the screen */
#define CELL_COLUMNS (FONT_COLUMNS + 1)
#define CELL_ROWS (FONT_ROWS + 2)
#define PIXELS_MAX 16384u      /* either way; more is nonsense */

static uint32_t pixel_bytes(const struct purg_console *dev)
{
	return (dev->depth + 7) / 8;
}

static uint32_t scale(const struct purg_console *dev)
{
	uint32_t n = dev->width / (COLUMNS_WANTED * CELL_COLUMNS);

	return n ? n : 1;
}

static bool framebuffer_open(struct console *con)
{
	const struct purg_console *dev = &con->dev;
	uint32_t bytes = pixel_bytes(dev);

	if (bytes < 2 || bytes > 4 || dev->width < CELL_COLUMNS || dev->height < CELL_ROWS || dev->width > PIXELS_MAX ||
	    dev->height > PIXELS_MAX || dev->pitch < dev->width * bytes || dev->pitch > 4 * PIXELS_MAX ||
	    dev->base % 4 || dev->pitch % 4)
		return false;
	con->row = UINT32_MAX;          /* the first character starts a line of its own */
	con->column = dev->width;
	return arch_map_io(dev->base, (uint64_t)dev->pitch * dev->height);
}

/* Device memory: no access may be wider than it is aligned. */
static void put_pixel(uint64_t at, uint32_t bytes, bool white)
{
	if (bytes == 4)
		*(volatile uint32_t *)(uintptr_t)at = white ? UINT32_MAX : 0;
	else if (bytes == 2)
		*(volatile uint16_t *)(uintptr_t)at = white ? UINT16_MAX : 0;
	else
		for (uint32_t i = 0; i < bytes; i++)
			*(volatile uint8_t *)(uintptr_t)(at + i) = white ? UINT8_MAX : 0;
}

static void clear_line(const struct purg_console *dev, uint32_t row)
{
	uint32_t cell = CELL_ROWS * scale(dev);
	uint64_t line = dev->base + (uint64_t)row * cell * dev->pitch;

	for (uint32_t i = 0; i < cell; i++, line += dev->pitch)
		for (uint32_t j = 0; j < dev->pitch; j += 4)
			put_pixel(line + j, 4, false);
}

static void draw(const struct purg_console *dev, uint32_t row, uint32_t column, const uint8_t *glyph)
{
	uint32_t n = scale(dev), bytes = pixel_bytes(dev);
	uint64_t line =
		dev->base + (uint64_t)row * CELL_ROWS * n * dev->pitch + (uint64_t)column * CELL_COLUMNS * n * bytes;

	for (uint32_t y = 0; y < FONT_ROWS * n; y++, line += dev->pitch)
		for (uint32_t x = 0; x < FONT_COLUMNS * n; x++)
			put_pixel(line + x * bytes, bytes, glyph[y / n] >> (FONT_COLUMNS - 1 - x / n) & 1);
}

static void next_line(struct console *con)
{
	uint32_t rows = con->dev.height / (CELL_ROWS * scale(&con->dev));

	con->row = con->row >= rows - 1 ? 0 : con->row + 1;
	con->column = 0;
	clear_line(&con->dev, con->row);
	clear_line(&con->dev, con->row == rows - 1 ? 0 : con->row + 1);
}

static bool framebuffer_put(struct console *con, char c)
{
	uint32_t columns = con->dev.width / (CELL_COLUMNS * scale(&con->dev));

	if (c == '\n') {
		con->column = columns;
		return true;
	}
	if (c == '\r')
		return true;
	if (con->column >= columns)
		next_line(con);
	if (c >= FONT_FIRST && c < FONT_FIRST + FONT_GLYPHS)
		draw(&con->dev, con->row, con->column, font[c - FONT_FIRST]);
	con->column++;
	return true;
}

const struct driver framebuffer_driver = { framebuffer_open, framebuffer_put };
