/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the purgatory can print, and how it can reset, from made-up machines. */
#include "kexec/purgatory.h"

#include "kexec/arch/arch.h"
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

/* As 6.1 prints them: fs/proc/consoles.c. */
#define LINE_TTYS0 "ttyS0                -W- (EC p a)    4:64\n"
#define LINE_TTY0 "tty0                 -WU (E  p  )    4:1\n"

static void tty(const struct tree *t, const char *name, const char *attr, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/class/tty/%s/%s", name, attr);
	tree_text(t, path, "%s\n", value);
}

static void serial(const struct tree *t, const char *name, const char *type, const char *port, const char *io_type,
		   const char *base,
		   const char *shift)
{
	tty(t, name, "type", type);
	tty(t, name, "port", port);
	tty(t, name, "io_type", io_type);
	tty(t, name, "iomem_base", base);
	tty(t, name, "iomem_reg_shift", shift);
}

static void screen(const struct tree *t, uint8_t mode, uint8_t is_vga, size_t len)
{
	uint8_t params[4096] = { 0 };

	params[6] = mode;
	params[15] = is_vga;
	tree_bytes(t, "sys/kernel/boot_params/data", params, len);
}

static struct purg_console found[PURG_MAX_CONSOLES];
static uint32_t nr_found;
static const struct console_request no_request;

static void look(const struct tree *t, const struct arch *arch)
{
	memset(found, 0xee, sizeof(found));
	nr_found = 99;
	CHECK_EQ(purgatory_consoles(&t->root, arch, &no_request, found, &nr_found), 0);
	CHECK_STR(err_text(), "");
}

static void check_console(uint32_t idx, uint32_t type, uint64_t base, uint32_t shift)
{
	CHECK(idx < nr_found);
	CHECK_EQ(found[idx].type, type);
	CHECK_EQ(found[idx].base, base);
	CHECK_EQ(found[idx].reg_shift, shift);
}

TEST(a_pc)
{
	struct tree t = tree_new();

	tree_text(&t, "proc/consoles", LINE_TTYS0 LINE_TTY0);
	serial(&t, "ttyS0", "4", "0x3F8", "0", "0x0", "0");
	screen(&t, 3, 1, 4096);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 2);
	check_console(0, PURG_CONSOLE_8250_PORT, 0x3f8, 0);
	check_console(1, PURG_CONSOLE_VGA, 0xb8000, 0);
	/* The same files on arm64: neither ports nor VGA text there. */
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	tree_free(&t);
}

TEST(screens_without_colour_text)
{
	static const struct { uint8_t mode, is_vga; size_t len; uint32_t nr; } cases[] = {
		{ 3, 1, 4096, 1 }, { 2, 1, 4096, 1 }, { 3, 1, 16, 1 },
		{ 7, 1, 4096, 0 },      /* monochrome */
		{ 0, 0x23, 4096, 0 },   /* VESA frame buffer */
		{ 0, 0x70, 4096, 0 },   /* EFI frame buffer */
		{ 0, 0, 4096, 0 },      /* none */
		{ 3, 1, 15, 0 }, { 3, 1, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree t = tree_new();

		tree_text(&t, "proc/consoles", LINE_TTY0);
		screen(&t, cases[i].mode, cases[i].is_vga, cases[i].len);
		look(&t, &arch_x86_64);
		CHECK_EQ(nr_found, cases[i].nr);
		tree_free(&t);
	}
}

TEST(serial_in_memory)
{
	struct tree t = tree_new();

	tree_text(&t, "proc/consoles", "ttyS0                -W- (EC   a)    4:64\n"
		  "ttyS1                -W- (E    a)    4:65\n"
		  "ttyAMA0              -W- (E    a)  204:64\n"
		  "ttyAMA12             -W- (E    a)  204:76\n");
	serial(&t, "ttyS0", "18", "0x0", "3", "0xFEDC9000", "2");
	serial(&t, "ttyS1", "4", "0x0", "2", "0x87654321000", "0");
	serial(&t, "ttyAMA0", "32", "0x0", "2", "0x9000000", "0");
	serial(&t, "ttyAMA12", "32", "0x0", "2", "0xFFFFFFFF09000000", "0");
	for (size_t i = 0; i < 2; i++) {
		look(&t, i ? &arch_arm64 : &arch_x86_64);
		CHECK_EQ(nr_found, 4);
		check_console(0, PURG_CONSOLE_8250_MMIO32, 0xfedc9000, 2);
		check_console(1, PURG_CONSOLE_8250_MMIO, 0x87654321000, 0);
		check_console(2, PURG_CONSOLE_PL011, 0x9000000, 0);
		check_console(3, PURG_CONSOLE_PL011, 0xffffffff09000000, 0);
	}
	tree_free(&t);
}

TEST(devices_it_cannot_drive)
{
	static const char *const names[] = {
		"ttyS0", "ttyS1", "ttyS2", "ttyS3", "ttyS4", "ttyS5", "ttyS6", "ttyAMA0", "ttyAMA1", "ttySAC0",
		"ttyS", "ttyS0x", "tty0", "tty", "hvc0", "netcon-1", "ttyS../../0",
	};
	struct tree t = tree_new();

	serial(&t, "ttyS0", "0", "0x3F8", "0", "0x0", "0");            /* no chip there */
	serial(&t, "ttyS1", "4", "0x0", "0", "0x0", "0");              /* no address */
	serial(&t, "ttyS2", "4", "0x10000", "0", "0x0", "0");          /* no port */
	serial(&t, "ttyS3", "4", "0x0", "6", "0x1000", "2");           /* big endian registers */
	serial(&t, "ttyS4", "4", "0x0", "2", "0x1000", "9");           /* a nonsense distance */
	serial(&t, "ttyS5", "4", "banana", "0", "0x0", "0");
	serial(&t, "ttyAMA0", "4", "0x0", "2", "0x1000", "0");         /* another chip */
	serial(&t, "ttyAMA1", "32", "0x0", "2", "0x0", "0");
	serial(&t, "ttySAC0", "55", "0x0", "2", "0x1000", "0");        /* Samsung's */
	serial(&t, "ttyS", "4", "0x3F8", "0", "0x0", "0");
	serial(&t, "ttyS0x", "4", "0x3F8", "0", "0x0", "0");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		tree_text(&t, "proc/consoles", "%-20s -W- (EC   a)    4:64\n", names[i]);
		look(&t, &arch_x86_64);
		CHECK_EQ(nr_found, 0);
		if (nr_found)
			printf("%s\n", names[i]);
	}
	tree_free(&t);
}

TEST(lines_of_consoles)
{
	static const struct { const char *text; uint32_t nr; } cases[] = {
		{ LINE_TTYS0, 1 },
		{ "ttyS0                -W- (EC p a)    4:64", 1 },
		{ "ttyS0 -W- (E)", 1 },
		{ "ttyS0                -W- ( C p a)    4:64\n", 0 },   /* not enabled */
		{ "ttyS0                -W- (ECBp a)    4:64\n", 0 },   /* a boot console */
		{ LINE_TTYS0 LINE_TTYS0, 1 },
		{ "\n\n" LINE_TTYS0, 1 },
		{ "ttyS0", 0 }, { "ttyS0 (", 0 }, { "(E)", 0 }, { " ", 0 }, { "", 0 }, { "ttyS0 -W- E\n", 0 },
	};
	struct tree t = tree_new();

	serial(&t, "ttyS0", "4", "0x3F8", "0", "0x0", "0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tree_text(&t, "proc/consoles", "%s", cases[i].text);
		look(&t, &arch_x86_64);
		CHECK_EQ(nr_found, cases[i].nr);
	}
	tree_free(&t);
}

TEST(no_more_than_the_block_holds)
{
	char text[1024] = "";
	struct tree t = tree_new();

	for (int i = 0; i < 9; i++) {
		char name[16], port[16];

		snprintf(name, sizeof(name), "ttyS%d", i);
		snprintf(port, sizeof(port), "0x%X", 0x100 + i * 8);
		serial(&t, name, "4", port, "0", "0x0", "0");
		sprintf(text + strlen(text), "%-20s -W- (E  p a)    4:%d\n", name, 64 + i);
	}
	tree_text(&t, "proc/consoles", "%s", text);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, PURG_MAX_CONSOLES);
	for (uint32_t i = 0; i < PURG_MAX_CONSOLES; i++)
		check_console(i, PURG_CONSOLE_8250_PORT, 0x100 + i * 8, 0);
	tree_free(&t);
}

TEST(a_machine_that_shows_nothing)
{
	struct tree t = tree_new();

	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	CHECK_EQ(purgatory_psci(&t.root), PURG_PSCI_NONE);
	CHECK_STR(err_text(), "");
	tree_free(&t);
}

static uint32_t psci_of(const char *path, const char *bytes, size_t len)
{
	struct tree t = tree_new();
	uint32_t psci;

	tree_bytes(&t, path, bytes, len);
	psci = purgatory_psci(&t.root);
	tree_free(&t);
	return psci;
}

TEST(psci_of_the_device_tree)
{
	static const char *const paths[] = { "proc/device-tree/psci/method",
					     "sys/firmware/devicetree/base/psci/method" };

	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(psci_of(paths[i], "hvc", 4), PURG_PSCI_HVC);
		CHECK_EQ(psci_of(paths[i], "smc", 4), PURG_PSCI_SMC);
		CHECK_EQ(psci_of(paths[i], "smc", 3), PURG_PSCI_NONE);
		CHECK_EQ(psci_of(paths[i], "smcc", 5), PURG_PSCI_NONE);
		CHECK_EQ(psci_of(paths[i], "", 0), PURG_PSCI_NONE);
	}
}

TEST(psci_through_the_link_that_proc_has)
{
	struct tree t = tree_new();
	char link[128];

	tree_bytes(&t, "sys/firmware/devicetree/base/psci/method", "smc", 4);
	tree_text(&t, "proc/version", "Linux\n");
	snprintf(link, sizeof(link), "%s/proc/device-tree", t.dir);
	CHECK_EQ(symlink("/sys/firmware/devicetree/base", link), 0);
	CHECK_EQ(purgatory_psci(&t.root), PURG_PSCI_SMC);
	tree_free(&t);
}

static uint32_t psci_of_fadt(const char *signature, uint32_t length, uint8_t flags, size_t len)
{
	char fadt[276] = { 0 };

	memcpy(fadt, signature, 4);
	put_u32(fadt + 4, length, false);
	fadt[129] = (char)flags;
	return psci_of("sys/firmware/acpi/tables/FACP", fadt, len);
}

TEST(psci_of_acpi)
{
	CHECK_EQ(psci_of_fadt("FACP", 276, 1, 276), PURG_PSCI_SMC);
	CHECK_EQ(psci_of_fadt("FACP", 276, 3, 276), PURG_PSCI_HVC);
	CHECK_EQ(psci_of_fadt("FACP", 131, 3, 131), PURG_PSCI_HVC);
	CHECK_EQ(psci_of_fadt("FACP", 276, 2, 276), PURG_PSCI_NONE);
	CHECK_EQ(psci_of_fadt("FACP", 276, 0, 276), PURG_PSCI_NONE);
	CHECK_EQ(psci_of_fadt("FACP", 129, 3, 276), PURG_PSCI_NONE);    /* older than ACPI 5.1 */
	CHECK_EQ(psci_of_fadt("FACP", 276, 3, 130), PURG_PSCI_NONE);    /* cut off */
	CHECK_EQ(psci_of_fadt("DSDT", 276, 3, 276), PURG_PSCI_NONE);
}
