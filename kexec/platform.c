// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the firmware tells of a machine, in ACPI tables and the device tree: a serial console, how it is reset. All of
 * it is optional: a source that is missing or not understood is passed over.
 */
#include "kexec/purgatory.h"

#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 65536

/* Generic Address Structure: ACPI 6.4, table 5.1. */
enum { GAS_MEMORY = 0, GAS_PORT = 1, GAS_PCI = 2 };
#define GAS_ACCESS_DWORD 3

/* Fixed ACPI Description Table: ACPI 6.4, table 5.9. The PSCI flags came with ACPI 5.1. */
#define ACPI_LENGTH 4
#define FADT_FLAGS 112
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_ARM_FLAGS 129
#define FADT_ARM_PSCI 0x1
#define FADT_ARM_PSCI_HVC 0x2

/* Serial Port Console Redirection table, revision 2 and newer; the types are those of the Debug Port Table 2. */
#define SPCR_TYPE 36
#define SPCR_ADDRESS 40
enum { SPCR_16550 = 0, SPCR_16450 = 1, SPCR_PL011 = 3, SPCR_SBSA_32 = 0xd, SPCR_SBSA = 0xe, SPCR_16550_GAS = 0x12 };

struct gas {
	uint8_t space;
	uint8_t bits;              /* of a register */
	uint8_t access;
	uint64_t addr;
};

static struct gas get_gas(struct cursor *c)
{
	struct gas g;

	g.space = cursor_u8(c);
	g.bits = cursor_u8(c);
	cursor_skip(c, 1);
	g.access = cursor_u8(c);
	g.addr = cursor_u64(c);
	return g;
}

/* The table SIGNATURE, cut to the length that it says itself. False: there is none that can be read. */
static bool acpi_table(const struct root *root, const char *signature, struct blob *blob, struct view *table)
{
	struct cursor length;
	uint32_t bytes;
	char path[64];
	struct view v;

	snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", signature);
	if (root_read(root, path, TEXT_MAX, blob)) {
		err_clear();
		return false;
	}
	v = blob_view(blob, signature);
	length = cursor_at(&v, ACPI_LENGTH);
	bytes = cursor_u32(&length);
	if (!view_has(&v, 0, signature, 4) || length.bad)
		return false;
	if (bytes > v.len)
		bytes = v.len;
	return !view_sub(&v, 0, bytes, table);
}

static bool spcr_console(const struct view *table, bool has_ports, struct purg_console *con)
{
	struct cursor type = cursor_at(table, SPCR_TYPE), address = cursor_at(table, SPCR_ADDRESS);
	uint8_t kind = cursor_u8(&type);
	struct gas g = get_gas(&address);

	if (type.bad || address.bad || !g.addr)
		return false;
	*con = (struct purg_console){ .base = g.addr };
	switch (kind) {
	case SPCR_16550:
	case SPCR_16450:
	case SPCR_16550_GAS:
		con->type = g.space == GAS_PORT ? PURG_CONSOLE_8250_PORT :
			    g.access == GAS_ACCESS_DWORD ? PURG_CONSOLE_8250_MMIO32 : PURG_CONSOLE_8250_MMIO;
		con->reg_shift = con->type == PURG_CONSOLE_8250_MMIO32 ? 2 : 0;
		return g.space == GAS_MEMORY || (g.space == GAS_PORT && has_ports && g.addr <= UINT16_MAX - 7);
	case SPCR_PL011:
	case SPCR_SBSA_32:
	case SPCR_SBSA:
		con->type = PURG_CONSOLE_PL011;
		return g.space == GAS_MEMORY;
	default:
		return false;
	}
}

bool purgatory_spcr_console(const struct root *root, bool has_ports, struct purg_console *con)
{
	struct blob blob;
	struct view table;
	bool found;

	blob_init(&blob);
	found = acpi_table(root, "SPCR", &blob, &table) && spcr_console(&table, has_ports, con);
	blob_deinit(&blob);
	return found;
}

/* Property NAME of node PATH ("/soc/serial@1000"), as /proc shows it. False: missing or too large. */
static bool tree_prop(const struct root *root, const char *path, const char *name, struct blob *value)
{
	char file[512];

	if (snprintf(file, sizeof(file), "proc/device-tree%s/%s", path, name) >= (int)sizeof(file))
		return false;
	if (!root_read(root, file, TEXT_MAX, value))
		return true;
	err_clear();
	return false;
}

/* A property of one cell; MISSING when it is not there. */
static uint32_t tree_cell(const struct root *root, const char *path, const char *name, uint32_t missing)
{
	struct blob value;
	uint32_t cell = missing;

	blob_init(&value);
	if (tree_prop(root, path, name, &value) && value.len == 4)
		cell = get_u32(value.data, true);
	blob_deinit(&value);
	return cell;
}

/* Is WORD one of the strings of a "compatible" property? */
static bool compatible(const struct blob *value, const char *word)
{
	size_t len = strlen(word);

	for (size_t at = 0; at < value->len; at += strnlen((const char *)value->data + at, value->len - at) + 1)
		if (value->len - at > len && !memcmp(value->data + at, word, len + 1))
			return true;
	return false;
}

static uint64_t get_cells(struct cursor *c, uint32_t nr)
{
	uint64_t value = 0;

	while (nr--)
		value = value << 32 | cursor_u32(c);
	return value;
}

/* Cut the last name off PATH. False: it was the root. */
static bool parent_of(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !path[0])
		return false;
	*slash = 0;
	return true;
}

/*
 * An address on the bus that PATH stands for, seen from the bus above: Devicetree Specification 0.4, 2.3.8. An empty
 * "ranges" says that both are the same.
 */
static bool translate(const struct root *root, const char *path, uint64_t *addr)
{
	uint32_t child = tree_cell(root, path, "#address-cells", 2), size = tree_cell(root, path, "#size-cells", 1),
		 above;
	struct blob ranges;
	bool done = false;
	char parent[512];
	struct cursor c;
	struct view v;

	snprintf(parent, sizeof(parent), "%s", path);
	parent_of(parent);
	above = tree_cell(root, parent, "#address-cells", 2);
	blob_init(&ranges);
	if (tree_prop(root, path, "ranges", &ranges) && child <= 2 && size <= 2 && above <= 2) {
		v = blob_view(&ranges, "ranges");
		v.big_endian = true;
		done = !v.len;
		for (c = cursor_at(&v, 0); !done && child && cursor_left(&c);) {
			uint64_t from = get_cells(&c, child), to = get_cells(&c, above), len = get_cells(&c, size);

			if (c.bad || *addr < from || *addr - from >= len)
				continue;
			*addr = to + (*addr - from);
			done = true;
		}
	}
	blob_deinit(&ranges);
	return done;
}

/* The first address of "reg", as the CPU sees it. */
static bool tree_address(const struct root *root, const char *node, uint64_t *addr)
{
	struct blob reg;
	bool good = false;
	char path[512];
	struct cursor c;
	uint32_t cells;
	struct view v;

	if (snprintf(path, sizeof(path), "%s", node) >= (int)sizeof(path) || !parent_of(path))
		return false;
	cells = tree_cell(root, path, "#address-cells", 2);
	blob_init(&reg);
	if (cells <= 2 && tree_prop(root, node, "reg", &reg)) {
		v = blob_view(&reg, "reg");
		v.big_endian = true;
		c = cursor_at(&v, 0);
		*addr = get_cells(&c, cells);
		good = !c.bad && *addr;
	}
	blob_deinit(&reg);
	while (good && path[0]) {
		good = translate(root, path, addr);
		parent_of(path);
	}
	return good;
}

/* The node of /chosen/stdout-path: a path or an alias, and behind a colon how the line is set. */
static bool stdout_node(const struct root *root, char node[512])
{
	struct blob value;
	bool found;

	blob_init(&value);
	found = tree_prop(root, "/chosen", "stdout-path", &value) && value.len;
	if (found)
		snprintf(node, 512, "%.*s", (int)strcspn((const char *)value.data, ":"), (const char *)value.data);
	if (found && node[0] != '/') {
		char alias[512];

		snprintf(alias, sizeof(alias), "%s", node);
		found = alias[0] && !strchr(alias, '/') && tree_prop(root, "/aliases", alias, &value) && value.len;
		if (found)
			snprintf(node, 512, "%s", (const char *)value.data);
	}
	blob_deinit(&value);
	return found && node[0] == '/' && !strstr(node, "..");
}

bool purgatory_stdout_console(const struct root *root, struct purg_console *con)
{
	static const char *const uarts[] = { "ns16550a", "ns16550", "snps,dw-apb-uart" };
	struct blob kinds;
	char node[512];

	if (!stdout_node(root, node))
		return false;
	blob_init(&kinds);
	*con = (struct purg_console){ .type = PURG_CONSOLE_NONE };
	if (tree_prop(root, node, "compatible", &kinds)) {
		if (compatible(&kinds, "arm,pl011") || compatible(&kinds, "arm,sbsa-uart"))
			con->type = PURG_CONSOLE_PL011;
		for (size_t i = 0; i < sizeof(uarts) / sizeof(uarts[0]) && con->type == PURG_CONSOLE_NONE; i++)
			if (compatible(&kinds, uarts[i]))
				con->type = tree_cell(root, node, "reg-io-width", 1) == 4 ? PURG_CONSOLE_8250_MMIO32 :
					    PURG_CONSOLE_8250_MMIO;
	}
	blob_deinit(&kinds);
	if (con->type != PURG_CONSOLE_PL011)
		con->reg_shift = tree_cell(root, node, "reg-shift", 0);
	return con->type != PURG_CONSOLE_NONE && con->reg_shift <= 4 && tree_address(root, node, &con->base);
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
	struct blob blob;
	struct view fadt;

	blob_init(&blob);
	if (acpi_table(root, "FACP", &blob, &fadt)) {
		struct cursor flags = cursor_at(&fadt, FADT_ARM_FLAGS);
		uint16_t bits = cursor_u16(&flags);

		if (!flags.bad && bits & FADT_ARM_PSCI)
			psci = bits & FADT_ARM_PSCI_HVC ? PURG_PSCI_HVC : PURG_PSCI_SMC;
	}
	blob_deinit(&blob);
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

/* Only a register of 8 bits is defined: ACPI 6.4, 4.8.3.6. */
void purgatory_reset_register(const struct root *root, struct reset_register *reset)
{
	static const uint32_t spaces[] = {
		[GAS_MEMORY] = PURG_RESET_MEMORY, [GAS_PORT] = PURG_RESET_PORT, [GAS_PCI] = PURG_RESET_PCI,
	};
	struct blob blob;
	struct view fadt;

	*reset = (struct reset_register){ .space = PURG_RESET_NONE };
	blob_init(&blob);
	if (acpi_table(root, "FACP", &blob, &fadt)) {
		struct cursor flags = cursor_at(&fadt, FADT_FLAGS), reg = cursor_at(&fadt, FADT_RESET_REG);
		struct cursor value = cursor_at(&fadt, FADT_RESET_VALUE);
		struct gas g = get_gas(&reg);
		uint8_t byte = cursor_u8(&value);

		if (cursor_u32(&flags) & FADT_RESET_REG_SUP && !value.bad && g.space <= GAS_PCI && g.bits == 8 &&
		    (g.addr || g.space == GAS_PCI) && (g.space != GAS_PORT || g.addr <= UINT16_MAX))
			*reset = (struct reset_register){ spaces[g.space], g.addr, byte };
	}
	blob_deinit(&blob);
}
