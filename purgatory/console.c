/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output only, polled. The devices were set up by the kernel that died; nothing is programmed here.
 * Registers: 16550: National Semiconductor PC16550D data sheet; PL011: ARM DDI 0183; text mode and its CRT
 * controller: IBM VGA.
 */
#include "purgatory/purgatory.h"

/*
 * How often a status register is read before a device counts as stuck: about a second where a read takes a
 * microsecond (port space), and never less than a full FIFO needs at 9600 baud. A stuck console is dropped,
 * so this is waited once.
 */
#define WAIT_READS 1000000u

#define UART_DATA 0        /* 16550: transmit holding register */
#define UART_LSR 5         /* line status */
#define UART_LSR_THRE 0x20 /* transmit holding register empty */
#define UART_REGS 8

#define PL011_DR 0x00
#define PL011_FR 0x18
#define PL011_FR_TXFF 0x20 /* transmit FIFO full */
#define PL011_LEN 0x1000

#define VGA_COLUMNS 80
#define VGA_ROWS 25
#define VGA_CELLS (VGA_COLUMNS * VGA_ROWS)
#define VGA_WINDOW 0x8000  /* bytes of text memory */
#define VGA_ATTR 0x0700    /* grey on black */
#define VGA_CRTC 0x3d4
#define VGA_START_HIGH 0x0c
#define VGA_START_LOW 0x0d

struct console {
	struct purg_console dev;
	bool alive;
	unsigned int column;   /* VGA */
};

/*
 * More than there can be to say: a line of at most 250 characters for each segment. Whoever says more runs wild,
 * because its own code is damaged, and the machine is reset.
 */
#define MAX_OUTPUT 16384u

static struct console consoles[PURG_MAX_CONSOLES];
static size_t nr_printed;

static uintptr_t uart_at(const struct purg_console *dev, unsigned int reg)
{
	return dev->base + ((uint64_t)reg << dev->reg_shift);
}

static uint8_t uart_read(const struct purg_console *dev, unsigned int reg)
{
	switch (dev->type) {
	case PURG_CONSOLE_8250_PORT:
		return arch_in8(dev->base + reg);
	case PURG_CONSOLE_8250_MMIO32:
		return *(volatile uint32_t *)uart_at(dev, reg);
	default:
		return *(volatile uint8_t *)uart_at(dev, reg);
	}
}

static void uart_write(const struct purg_console *dev, unsigned int reg, uint8_t value)
{
	switch (dev->type) {
	case PURG_CONSOLE_8250_PORT:
		arch_out8(dev->base + reg, value);
		break;
	case PURG_CONSOLE_8250_MMIO32:
		*(volatile uint32_t *)uart_at(dev, reg) = value;
		break;
	default:
		*(volatile uint8_t *)uart_at(dev, reg) = value;
		break;
	}
}

static bool uart_open(struct console *con)
{
	if (con->dev.type == PURG_CONSOLE_8250_PORT)
		return con->dev.base <= UINT16_MAX - UART_REGS;
	return con->dev.reg_shift <= 4 && arch_map_io(con->dev.base, (uint64_t)UART_REGS << con->dev.reg_shift);
}

static bool uart_put(struct console *con, char c)
{
	for (unsigned int i = 0; i < WAIT_READS; i++) {
		if (uart_read(&con->dev, UART_LSR) & UART_LSR_THRE) {
			uart_write(&con->dev, UART_DATA, c);
			return true;
		}
	}
	return false;
}

static bool pl011_open(struct console *con)
{
	return arch_map_io(con->dev.base, PL011_LEN);
}

/* 32-bit accesses: the only width that the SBSA subset of the device promises. */
static bool pl011_put(struct console *con, char c)
{
	volatile uint32_t *fr = (volatile uint32_t *)(uintptr_t)(con->dev.base + PL011_FR);
	volatile uint32_t *dr = (volatile uint32_t *)(uintptr_t)(con->dev.base + PL011_DR);

	for (unsigned int i = 0; i < WAIT_READS; i++) {
		if (!(*fr & PL011_FR_TXFF)) {
			*dr = (uint8_t)c;
			return true;
		}
	}
	return false;
}

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

static const struct {
	bool (*open)(struct console *con);
	bool (*put)(struct console *con, char c);  /* false: it does not take it */
} drivers[] = {
	[PURG_CONSOLE_8250_PORT] = { uart_open, uart_put },
	[PURG_CONSOLE_8250_MMIO] = { uart_open, uart_put },
	[PURG_CONSOLE_8250_MMIO32] = { uart_open, uart_put },
	[PURG_CONSOLE_PL011] = { pl011_open, pl011_put },
	[PURG_CONSOLE_VGA] = { vga_open, vga_put },
};

static void open_job(void *ctx)
{
	struct console *con = ctx;

	if (con->dev.type < sizeof(drivers) / sizeof(drivers[0]) && drivers[con->dev.type].open)
		con->alive = drivers[con->dev.type].open(con);
}

void console_init(const struct purg_console *list, uint32_t nr)
{
	for (uint32_t i = 0; i < PURG_MAX_CONSOLES; i++) {
		consoles[i] = (struct console){ .alive = false };
		if (i >= nr)
			continue;
		consoles[i].dev = list[i];
		if (!arch_try(open_job, &consoles[i]))
			consoles[i].alive = false;
	}
}

bool console_alive(void)
{
	for (uint32_t i = 0; i < PURG_MAX_CONSOLES; i++)
		if (consoles[i].alive)
			return true;
	return false;
}

struct write_job {
	struct console *con;
	const char *text;
	size_t len;
};

static void write_job(void *ctx)
{
	const struct write_job *job = ctx;
	bool (*put)(struct console *con, char c) = drivers[job->con->dev.type].put;

	for (size_t i = 0; i < job->len && job->con->alive; i++) {
		if (job->text[i] == '\n')
			job->con->alive = put(job->con, '\r');
		if (job->con->alive)
			job->con->alive = put(job->con, job->text[i]);
	}
}

static void print_len(const char *text, size_t len)
{
	if (len > MAX_OUTPUT - nr_printed)
		purg_reset();
	nr_printed += len;
	for (uint32_t i = 0; i < PURG_MAX_CONSOLES; i++) {
		struct write_job job = { &consoles[i], text, len };

		if (consoles[i].alive && !arch_try(write_job, &job))
			consoles[i].alive = false;
	}
}

void print(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	print_len(text, len);
}

void print_bytes(const char *text, size_t max)
{
	for (size_t i = 0; i < max && text[i]; i++) {
		char c = text[i] < ' ' || text[i] > '~' ? '?' : text[i];

		print_len(&c, 1);
	}
}

void print_dec(uint64_t value)
{
	char text[20];             /* digits of 2^64-1 */
	size_t at = sizeof(text);

	do {
		text[--at] = '0' + value % 10;
		value /= 10;
	} while (value);
	print_len(text + at, sizeof(text) - at);
}

void print_hex(uint64_t value)
{
	char text[2 + 16];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	text[--at] = 'x';
	text[--at] = '0';
	print_len(text + at, sizeof(text) - at);
}

void print_digest(const uint8_t digest[32])
{
	char text[64];

	for (size_t i = 0; i < 32; i++) {
		text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	print_len(text, sizeof(text));
}
