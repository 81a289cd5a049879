/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the console: console.c, uart.c, screen.c, vga_mode.c, font.c. */
#ifndef PURGATORY_CONSOLE_H
#define PURGATORY_CONSOLE_H

#include "purgatory/purgatory.h"

#pragma GCC visibility push(hidden)

struct console {
	struct purg_console dev;
	bool alive;
	unsigned int column, row;      /* screens */
};

/* How a kind of device is driven. Both run in arch_try(). False: it cannot be used, or takes no character any more. */
struct driver {
	bool (*open)(struct console *con);
	bool (*put)(struct console *con, char c);
};

extern const struct driver uart_driver, pl011_driver, vga_driver, framebuffer_driver;

#define FONT_FIRST ' '
#define FONT_GLYPHS 95
#define FONT_COLUMNS 5
#define FONT_ROWS 7
extern const uint8_t font[FONT_GLYPHS][FONT_ROWS];

#define VGA_TEXT_PADDR 0xb8000
#define VGA_CELLS (80 * 25)
#define VGA_ATTR 0x0700        /* grey on black */

#pragma GCC visibility pop

#endif
