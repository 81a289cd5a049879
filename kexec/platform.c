// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the purgatory has to know about the machine: where it can print and how it can reset. All of it is
 * optional: a source that is missing or not understood leaves the purgatory without that console, never
 * without a capture.
 */
#include "kexec/purgatory.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"
#include "lib/text.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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
#define MODE_MONOCHROME 7
#define VGA_TEXT_PADDR 0xb8000

/* Fixed ACPI Description Table: ACPI 6.4, table 5.9. The flags came with ACPI 5.1. */
#define FADT_LENGTH 4
#define FADT_ARM_FLAGS 129
#define FADT_ARM_PSCI 0x1
#define FADT_ARM_PSCI_HVC 0x2

static bool is_x86(const struct arch *arch)
{
	return arch->elf_machine == EM_X86_64 || arch->elf_machine == EM_386;
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
static bool serial_8250(const struct root *root, const struct arch *arch, const struct text *name,
			struct purg_console *con)
{
	uint64_t io_type = tty_number(root, name, "io_type"), port = tty_number(root, name, "port");
	uint64_t base = tty_number(root, name, "iomem_base"), shift = tty_number(root, name, "iomem_reg_shift");

	if (tty_number(root, name, "type") == PORT_UNKNOWN)
		return false;
	if (io_type == SERIAL_IO_PORT && port && port <= UINT16_MAX && is_x86(arch)) {
		*con = (struct purg_console){ .base = port, .type = PURG_CONSOLE_8250_PORT };
		return true;
	}
	if ((io_type != SERIAL_IO_MEM && io_type != SERIAL_IO_MEM32) || !base || shift > 4)
		return false;
	*con = (struct purg_console){
		.base = base,
		.type = io_type == SERIAL_IO_MEM32 ? PURG_CONSOLE_8250_MMIO32 : PURG_CONSOLE_8250_MMIO,
		.reg_shift = shift,
	};
	return true;
}

static bool serial_pl011(const struct root *root, const struct text *name, struct purg_console *con)
{
	uint64_t base = tty_number(root, name, "iomem_base");

	if (tty_number(root, name, "type") != PORT_AMBA || !base)
		return false;
	*con = (struct purg_console){ .base = base, .type = PURG_CONSOLE_PL011 };
	return true;
}

/* The screen, when the firmware or the boot loader left it in colour text mode and not in a frame buffer's. */
static bool vga_text(const struct root *root, const struct arch *arch, struct purg_console *con)
{
	struct blob params;
	bool found = false;

	if (!is_x86(arch))
		return false;
	blob_init(&params);
	if (root_read(root, "sys/kernel/boot_params/data", TEXT_MAX, &params)) {
		debug("purgatory console: %s", err_text());
		err_clear();
	} else {
		const uint8_t text_mode = 1;
		struct view v = blob_view(&params, "boot_params");
		struct cursor c = cursor_at(&v, SCREEN_MODE);

		found = cursor_u8(&c) != MODE_MONOCHROME && !c.bad && view_has(&v, SCREEN_IS_VGA, &text_mode, 1);
	}
	blob_deinit(&params);
	if (found)
		*con = (struct purg_console){ .base = VGA_TEXT_PADDR, .type = PURG_CONSOLE_VGA };
	return found;
}

static bool console_of(const struct root *root, const struct arch *arch, const struct text *name,
		       struct purg_console *con)
{
	/* tty0 is whichever virtual terminal is in front; tty1 and so on are fixed ones. */
	struct text number = *name;
	uint64_t idx;

	if (text_take(&number, "ttyS") && text_u64(&number, 10, &idx) && !number.len)
		return serial_8250(root, arch, name, con);
	number = *name;
	if (text_take(&number, "ttyAMA") && text_u64(&number, 10, &idx) && !number.len)
		return serial_pl011(root, name, con);
	number = *name;
	if (text_take(&number, "tty") && text_u64(&number, 10, &idx) && !number.len)
		return vga_text(root, arch, con);
	return false;
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

static void add_console(struct purg_console *consoles, uint32_t *nr, const struct purg_console *con,
			const struct text *name)
{
	for (uint32_t i = 0; i < *nr; i++)
		if (same_device(&consoles[i], con))
			return;
	if (*nr == PURG_MAX_CONSOLES) {
		debug("purgatory console: %.*s is one more than the %d it can serve", TEXT_ARGS(name),
		      PURG_MAX_CONSOLES);
		return;
	}
	debug("purgatory console: %.*s, type %u at %#" PRIx64, TEXT_ARGS(name), con->type, con->base);
	consoles[(*nr)++] = *con;
}

int purgatory_consoles(const struct root *root, const struct arch *arch, struct purg_console *consoles, uint32_t *nr)
{
	struct text text, line, name;
	struct purg_console con;
	struct blob blob;
	uint32_t found = 0;
	int err;

	blob_init(&blob);
	err = root_read(root, "proc/consoles", TEXT_MAX, &blob);
	if (err == -ENOMEM) {
		blob_deinit(&blob);
		return err;
	}
	if (err) {
		debug("purgatory console: %s", err_text());
		err_clear();
	}
	text = text_of((const char *)blob.data, blob.len);
	while (!err && text_line(&text, &line)) {
		if (!console_line(line, &name))
			continue;
		if (console_of(root, arch, &name, &con))
			add_console(consoles, &found, &con, &name);
		else
			debug("purgatory console: %.*s is of no kind it can drive", TEXT_ARGS(&name));
	}
	blob_deinit(&blob);
	*nr = found;
	return 0;
}

/* The binding's "method": Linux, Documentation/devicetree/bindings/arm/psci.yaml. */
static uint32_t psci_of_tree(const struct root *root, const char *path)
{
	uint32_t psci = PURG_PSCI_NONE;
	struct blob method;
	struct view v;

	blob_init(&method);
	if (!root_read(root, path, TEXT_MAX, &method)) {
		v = blob_view(&method, path);
		if (v.len == 4 && view_has(&v, 0, "hvc", 4))
			psci = PURG_PSCI_HVC;
		else if (v.len == 4 && view_has(&v, 0, "smc", 4))
			psci = PURG_PSCI_SMC;
	}
	blob_deinit(&method);
	return psci;
}

static uint32_t psci_of_acpi(const struct root *root)
{
	uint32_t psci = PURG_PSCI_NONE;
	struct cursor length, flags;
	struct blob fadt;
	struct view v;

	blob_init(&fadt);
	if (!root_read(root, "sys/firmware/acpi/tables/FACP", TEXT_MAX, &fadt)) {
		v = blob_view(&fadt, "FACP");
		length = cursor_at(&v, FADT_LENGTH);
		flags = cursor_at(&v, FADT_ARM_FLAGS);

		uint32_t bytes = cursor_u32(&length);
		uint16_t bits = cursor_u16(&flags);

		if (view_has(&v, 0, "FACP", 4) && !flags.bad && bytes >= FADT_ARM_FLAGS + 2 && bits & FADT_ARM_PSCI)
			psci = bits & FADT_ARM_PSCI_HVC ? PURG_PSCI_HVC : PURG_PSCI_SMC;
	}
	blob_deinit(&fadt);
	return psci;
}

uint32_t purgatory_psci(const struct root *root)
{
	uint32_t psci = psci_of_tree(root, "proc/device-tree/psci/method");

	if (psci == PURG_PSCI_NONE)
		psci = psci_of_tree(root, "sys/firmware/devicetree/base/psci/method");
	if (psci == PURG_PSCI_NONE)
		psci = psci_of_acpi(root);
	err_clear();       /* absence is no error: most machines have one of these at most */
	return psci;
}
