// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the purgatory can print: on what the user named, else on the consoles of the running kernel. A source that is
 * missing or not understood leaves the purgatory without that console, never without a capture.
 */
#include "kexec/purgatory.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"
#include "lib/text.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536

/* Linux, include/uapi/linux/serial_core.h and serial.h: what /sys/class/tty/NAME/{type,io_type} show. */
#define PORT_UNKNOWN 0
#define PORT_AMBA 32
#define SERIAL_IO_PORT 0
#define SERIAL_IO_MEM 2
#define SERIAL_IO_MEM32 3

/* struct screen_info at the start of boot_params: Linux, include/uapi/linux/screen_info.h. */
#define SCREEN_MODE 0x06
#define SCREEN_IS_VGA 0x0f
#define SCREEN_LFB_WIDTH 0x12          /* u16 width, height, depth */
#define SCREEN_LFB_BASE 0x18           /* u32 */
#define SCREEN_LFB_LINE 0x24           /* u16 */
#define SCREEN_CAPABILITIES 0x36       /* u32 */
#define SCREEN_EXT_LFB_BASE 0x3a       /* u32, with CAPABILITY_64BIT_BASE */
#define CAPABILITY_64BIT_BASE 0x2
#define IS_VGA_TEXT 1
#define IS_VESA 0x23
#define IS_EFI 0x70
#define MODE_MONOCHROME 7
#define VGA_TEXT_PADDR 0xb8000
#define VGA_TEXT_BYTES 0x8000

#define UART_REGS 8
#define PL011_BYTES 0x1000
#define SHIFT_MAX 4

/* The port of each ttyS of a PC: Linux, arch/x86/include/asm/serial.h. */
static const uint16_t pc_ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

/* What a 16550 divides for its baud rates, with the clock of a PC. */
#define BAUD_BASE 115200u

struct search {
	const struct root *root;
	const struct arch *arch;
	struct purg_console *consoles;
	uint32_t nr;
};

static bool is_x86(const struct arch *arch)
{
	return arch->elf_machine == EM_X86_64 || arch->elf_machine == EM_386;
}

static bool is_8250(const struct purg_console *con)
{
	return con->type == PURG_CONSOLE_8250_PORT || con->type == PURG_CONSOLE_8250_MMIO ||
	       con->type == PURG_CONSOLE_8250_MMIO32;
}

uint64_t purgatory_console_bytes(const struct purg_console *con)
{
	switch (con->type) {
	case PURG_CONSOLE_8250_MMIO:
	case PURG_CONSOLE_8250_MMIO32: return (uint64_t)UART_REGS << con->reg_shift;
	case PURG_CONSOLE_PL011: return PL011_BYTES;
	case PURG_CONSOLE_VGA: return VGA_TEXT_BYTES;
	case PURG_CONSOLE_FRAMEBUFFER: return (uint64_t)con->pitch * con->height;
	default: return 0;
	}
}

/* sys/class/tty/NAME/ATTR: decimal, or hexadecimal behind 0x. Absent: 0. */
static uint64_t tty_number(const struct root *root, const struct text *name, const char *attr)
{
	char path[128];
	uint64_t value;

	if (snprintf(path, sizeof(path), "sys/class/tty/%.*s/%s", (int)name->len, name->at, attr) >= (int)sizeof(path))
		return 0;
	if (root_read_u64(root, path, 0, &value)) {
		debug("purgatory console: %s", err_text());
		err_clear();
		return 0;
	}
	return value;
}

/* ttyS: the names of the 8250 driver and its relatives. */
static bool serial_8250(const struct search *s, const struct text *name, struct purg_console *con)
{
	const struct root *root = s->root;
	uint64_t io_type = tty_number(root, name, "io_type"), port = tty_number(root, name, "port");
	uint64_t base = tty_number(root, name, "iomem_base"), shift = tty_number(root, name, "iomem_reg_shift");

	if (tty_number(root, name, "type") == PORT_UNKNOWN)
		return false;
	if (io_type == SERIAL_IO_PORT && port && port <= UINT16_MAX && is_x86(s->arch)) {
		*con = (struct purg_console){ .base = port, .type = PURG_CONSOLE_8250_PORT };
		return true;
	}
	if ((io_type != SERIAL_IO_MEM && io_type != SERIAL_IO_MEM32) || !base || shift > SHIFT_MAX)
		return false;
	*con = (struct purg_console){
		.base = base,
		.type = io_type == SERIAL_IO_MEM32 ? PURG_CONSOLE_8250_MMIO32 : PURG_CONSOLE_8250_MMIO,
		.reg_shift = shift,
	};
	return true;
}

static bool serial_pl011(const struct search *s, const struct text *name, struct purg_console *con)
{
	uint64_t base = tty_number(s->root, name, "iomem_base");

	if (tty_number(s->root, name, "type") != PORT_AMBA || !base)
		return false;
	*con = (struct purg_console){ .base = base, .type = PURG_CONSOLE_PL011 };
	return true;
}

static bool numbered(const struct text *name, const char *prefix, uint64_t *idx)
{
	struct text rest = *name;

	return text_take(&rest, prefix) && text_u64(&rest, 10, idx) && !rest.len;
}

static bool is_serial(const struct text *name)
{
	uint64_t idx;

	return numbered(name, "ttyS", &idx) || numbered(name, "ttyAMA", &idx);
}

static bool serial_of_tty(const struct search *s, const struct text *name, struct purg_console *con)
{
	uint64_t idx;

	if (numbered(name, "ttyS", &idx))
		return serial_8250(s, name, con);
	return numbered(name, "ttyAMA", &idx) && serial_pl011(s, name, con);
}

/*
 * Another driver than the firmware's owns the frame buffer: what is written to the old place may show, or not, or be
 * somebody else's memory by now.
 */
static bool firmware_draws(const struct root *root)
{
	struct blob name;
	bool firmware;

	blob_init(&name);
	if (root_read(root, "sys/class/graphics/fb0/name", TEXT_MAX, &name)) {
		err_clear();
		return true;
	}
	firmware = !strncmp((const char *)name.data, "EFI VGA", 7) ||
		   !strncmp((const char *)name.data, "VESA VGA", 8) || !strncmp((const char *)name.data, "simple", 6);
	blob_deinit(&name);
	return firmware;
}

static bool framebuffer(const struct root *root, const struct view *params, struct purg_console *con)
{
	struct cursor size = cursor_at(params, SCREEN_LFB_WIDTH), base = cursor_at(params, SCREEN_LFB_BASE);
	struct cursor line = cursor_at(params, SCREEN_LFB_LINE), caps = cursor_at(params, SCREEN_CAPABILITIES);
	struct cursor high = cursor_at(params, SCREEN_EXT_LFB_BASE);

	*con = (struct purg_console){ .type = PURG_CONSOLE_FRAMEBUFFER };
	con->width = cursor_u16(&size);
	con->height = cursor_u16(&size);
	con->depth = cursor_u16(&size);
	con->pitch = cursor_u16(&line);
	con->base = cursor_u32(&base);
	if (cursor_u32(&caps) & CAPABILITY_64BIT_BASE)
		con->base |= (uint64_t)cursor_u32(&high) << 32;
	return !size.bad && !line.bad && !base.bad && !caps.bad && !high.bad && con->base && con->width &&
	       con->height && (con->depth == 16 || con->depth == 24 || con->depth == 32) &&
	       con->pitch >= con->width * (con->depth / 8) && firmware_draws(root);
}

/* The screen, in the mode that the firmware or the boot loader left it in: colour text, or its frame buffer. */
static bool screen(const struct search *s, struct purg_console *con)
{
	struct blob params;
	bool found = false;

	if (!is_x86(s->arch))
		return false;
	blob_init(&params);
	if (root_read(s->root, "sys/kernel/boot_params/data", TEXT_MAX, &params)) {
		debug("purgatory console: %s", err_text());
		err_clear();
	} else {
		struct view v = blob_view(&params, "boot_params");
		struct cursor c = cursor_at(&v, SCREEN_MODE), is_vga = cursor_at(&v, SCREEN_IS_VGA);
		uint8_t mode = cursor_u8(&c), kind = cursor_u8(&is_vga);

		found = !is_vga.bad && kind == IS_VGA_TEXT && mode != MODE_MONOCHROME;
		if (found)
			*con = (struct purg_console){ .base = VGA_TEXT_PADDR, .type = PURG_CONSOLE_VGA };
		else if (!is_vga.bad && (kind == IS_VESA || kind == IS_EFI))
			found = framebuffer(s->root, &v, con);
	}
	blob_deinit(&params);
	return found;
}

static bool console_of(const struct search *s, const struct text *name, struct purg_console *con)
{
	uint64_t idx;

	if (is_serial(name))
		return serial_of_tty(s, name, con);
	/* tty0 is whichever virtual terminal is in front; tty1 and so on are fixed ones. */
	return numbered(name, "tty", &idx) && screen(s, con);
}

/*
 * One line is "ttyS0                -W- (EC a   )    4:64" (Linux, fs/proc/consoles.c); E: enabled, B: gone
 * after boot.
 */
static bool console_line(struct text line, struct text *name)
{
	struct text flags;

	*name = text_until(&line, ' ');
	text_until(&line, '(');
	flags = text_until(&line, ')');
	return name->len && memchr(flags.at, 'E', flags.len) && !memchr(flags.at, 'B', flags.len);
}

static bool same_device(const struct purg_console *a, const struct purg_console *b)
{
	return a->base == b->base && (a->type == PURG_CONSOLE_8250_PORT) == (b->type == PURG_CONSOLE_8250_PORT);
}

static void add_console(struct search *s, const struct purg_console *con, const struct text *name)
{
	for (uint32_t i = 0; i < s->nr; i++)
		if (same_device(&s->consoles[i], con))
			return;
	if (s->nr == PURG_MAX_CONSOLES) {
		debug("purgatory console: %.*s is one more than the %d it can serve", TEXT_ARGS(name),
		      PURG_MAX_CONSOLES);
		return;
	}
	debug("purgatory console: %.*s, type %u at %#" PRIx64, TEXT_ARGS(name), con->type, con->base);
	s->consoles[s->nr++] = *con;
}

/* The firmware's word for a serial console that /sys does not describe. */
static void add_from_firmware(struct search *s, const struct text *name)
{
	struct purg_console con;

	if (purgatory_spcr_console(s->root, is_x86(s->arch), &con) || purgatory_stdout_console(s->root, &con))
		add_console(s, &con, name);
	else
		debug("purgatory console: %.*s is of no kind it can drive", TEXT_ARGS(name));
}

enum { WANT_SCREEN = 1, WANT_SERIAL = 2 };

/* Those of the running kernel, as far as WANTed. -ENOMEM only. */
static int find_consoles(struct search *s, unsigned int want)
{
	struct text text, line, name;
	struct purg_console con;
	struct blob blob;
	int err;

	blob_init(&blob);
	err = root_read(s->root, "proc/consoles", TEXT_MAX, &blob);
	if (err && err != -ENOMEM) {
		debug("purgatory console: %s", err_text());
		err_clear();
	}
	text = text_of((const char *)blob.data, blob.len);
	while (!err && text_line(&text, &line)) {
		if (!console_line(line, &name) || !(want & (is_serial(&name) ? WANT_SERIAL : WANT_SCREEN)))
			continue;
		if (console_of(s, &name, &con))
			add_console(s, &con, &name);
		else if (is_serial(&name))
			add_from_firmware(s, &name);
		else
			debug("purgatory console: %.*s is of no kind it can drive", TEXT_ARGS(&name));
	}
	blob_deinit(&blob);
	return err == -ENOMEM ? err : 0;
}

static bool hex_address(const char *text, uint64_t *value)
{
	struct text t = text_of_string(text);

	return (text_take(&t, "0x") || text_take(&t, "0X")) && text_u64(&t, 16, value) && !t.len && *value;
}

/* KIND,ADDRESS: the words of the kernel's earlycon=, without "uart8250,". */
static bool console_by_address(const struct arch *arch, const char *text, struct purg_console *con)
{
	static const struct { const char *word; uint32_t type, shift; } kinds[] = {
		{ "io,", PURG_CONSOLE_8250_PORT, 0 },
		{ "mmio,", PURG_CONSOLE_8250_MMIO, 0 },
		{ "mmio32,", PURG_CONSOLE_8250_MMIO32, 2 },
		{ "pl011,", PURG_CONSOLE_PL011, 0 },
	};
	bool port_only = true;

	*con = (struct purg_console){ .type = PURG_CONSOLE_8250_PORT };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(text, kinds[i].word, strlen(kinds[i].word)))
			continue;
		*con = (struct purg_console){ .type = kinds[i].type, .reg_shift = kinds[i].shift };
		text += strlen(kinds[i].word);
		port_only = false;
		break;
	}
	if (!hex_address(text, &con->base))
		return false;
	if (con->type == PURG_CONSOLE_8250_PORT)
		return is_x86(arch) && con->base <= UINT16_MAX - (UART_REGS - 1);
	return !port_only && purgatory_console_bytes(con) - 1 <= UINT64_MAX - con->base;
}

static int named_serial(struct search *s, const char *device)
{
	struct text name = text_of_string(device);
	struct purg_console con;
	uint64_t idx;

	text_take(&name, "/dev/");
	if (is_serial(&name) && serial_of_tty(s, &name, &con)) {
		add_console(s, &con, &name);
		return 0;
	}
	if (is_x86(s->arch) && numbered(&name, "ttyS", &idx) && idx < sizeof(pc_ports) / sizeof(pc_ports[0])) {
		con = (struct purg_console){ .base = pc_ports[idx], .type = PURG_CONSOLE_8250_PORT };
		add_console(s, &con, &name);
		return 0;
	}
	if (is_serial(&name))
		return fail(-ENODEV,
			    "--serial=%s: this kernel does not say what device that is (/sys/class/tty/%.*s); give its "
			    "address, as in mmio32,0x9000000 or pl011,0x9000000",
			    device, TEXT_ARGS(&name));
	if (!console_by_address(s->arch, device, &con))
		return fail(-EINVAL,
			    "--serial=%s: give a device as ttyS0 or ttyAMA0, %smmio,0xADDRESS, mmio32,0xADDRESS or "
			    "pl011,0xADDRESS",
			    device, is_x86(s->arch) ? "a port as 0x3f8, or " : "or ");
	add_console(s, &con, &name);
	return 0;
}

static int wanted_serial(struct search *s, const struct console_request *request)
{
	uint32_t before = s->nr;
	int err;

	if (request->serial_device)
		return named_serial(s, request->serial_device);
	err = find_consoles(s, WANT_SERIAL);
	if (!err && s->nr == before && is_x86(s->arch))
		err = named_serial(s, "ttyS0");
	if (!err && s->nr == before)
		err = fail(-ENODEV,
			   "--console-serial: the running kernel has no serial console; name one with --serial");
	return err;
}

static int set_baud(struct search *s, uint32_t baud)
{
	bool set = false;

	if (!baud)
		return 0;
	for (uint32_t i = 0; i < s->nr; i++) {
		if (!is_8250(&s->consoles[i]))
			continue;
		s->consoles[i].baud = baud;
		set = true;
	}
	if (set)
		return 0;
	return fail(-ENODEV,
		    "--serial-baud=%" PRIu32
		    ": none of the purgatory's consoles is a 16550; the others keep the rate that "
		    "they have",
		    baud);
}

int purgatory_consoles(const struct root *root, const struct arch *arch, const struct console_request *request,
		       struct purg_console *consoles, uint32_t *nr)
{
	struct search s = { .root = root, .arch = arch, .consoles = consoles };
	int err = 0;

	if (!request->vga && !request->serial)
		err = find_consoles(&s, WANT_SCREEN | WANT_SERIAL);
	if (request->vga) {
		const struct purg_console vga = { .base = VGA_TEXT_PADDR, .type = PURG_CONSOLE_VGA };
		const struct text name = text_of_string("--console-vga");

		add_console(&s, &vga, &name);
	}
	if (!err && request->serial)
		err = wanted_serial(&s, request);
	if (!err)
		err = set_baud(&s, request->baud);
	if (!err)
		*nr = s.nr;
	return err;
}
