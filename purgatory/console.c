/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output only, polled. */
#include "purgatory/console.h"

/*
 * More than there can be to say: a line of at most 250 characters for each segment. Whoever says more runs wild,
 * because its own code is damaged, and the machine is reset.
 */
#define MAX_OUTPUT 16384u

static struct console consoles[PURG_MAX_CONSOLES];
static size_t nr_printed;

static const struct driver *const drivers[] = {
	[PURG_CONSOLE_8250_PORT] = &uart_driver,
	[PURG_CONSOLE_8250_MMIO] = &uart_driver,
	[PURG_CONSOLE_8250_MMIO32] = &uart_driver,
	[PURG_CONSOLE_PL011] = &pl011_driver,
	[PURG_CONSOLE_VGA] = &vga_driver,
	[PURG_CONSOLE_FRAMEBUFFER] = &framebuffer_driver,
};

static void open_job(void *ctx)
{
	struct console *con = ctx;

	if (con->dev.type < sizeof(drivers) / sizeof(drivers[0]) && drivers[con->dev.type])
		con->alive = drivers[con->dev.type]->open(con);
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
	bool (*put)(struct console *con, char c) = drivers[job->con->dev.type]->put;

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
