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

/* A table of LEN bytes that says it has that many. */
static void acpi(const struct tree *t, const char *signature, uint8_t *table, size_t len)
{
	char path[64];

	memcpy(table, signature, 4);
	put_u32(table + 4, len, false);
	snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", signature);
	tree_bytes(t, path, table, len);
}

static void put_gas(uint8_t *at, uint8_t space, uint8_t bits, uint8_t access, uint64_t addr)
{
	at[0] = space;
	at[1] = bits;
	at[2] = 0;
	at[3] = access;
	put_u64(at + 4, addr, false);
}

static void spcr(const struct tree *t, uint8_t type, uint8_t space, uint8_t access, uint64_t addr)
{
	uint8_t table[80] = { 0 };

	table[36] = type;
	put_gas(table + 40, space, 32, access, addr);
	acpi(t, "SPCR", table, sizeof(table));
}

TEST(serial_console_of_the_spcr)
{
	struct tree t = tree_new();

	/* /sys names a console and nothing about it. */
	tree_text(&t, "proc/consoles", "ttyAMA0              -W- (EC   a)  204:64\n");
	spcr(&t, 3, 0, 3, 0x890009000000);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_PL011, 0x890009000000, 0);
	spcr(&t, 0xe, 0, 0, 0x1000);
	look(&t, &arch_arm64);
	check_console(0, PURG_CONSOLE_PL011, 0x1000, 0);
	spcr(&t, 0, 0, 3, 0x7f000000000);
	look(&t, &arch_arm64);
	check_console(0, PURG_CONSOLE_8250_MMIO32, 0x7f000000000, 2);
	spcr(&t, 0x12, 0, 1, 0xfe000000);
	look(&t, &arch_arm64);
	check_console(0, PURG_CONSOLE_8250_MMIO, 0xfe000000, 0);
	spcr(&t, 0, 1, 1, 0x3f8);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	look(&t, &arch_x86_64);
	check_console(0, PURG_CONSOLE_8250_PORT, 0x3f8, 0);
	spcr(&t, 0, 1, 1, 0x10000);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	spcr(&t, 0x55, 0, 3, 0x1000);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	spcr(&t, 3, 0, 3, 0);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	tree_bytes(&t, "sys/firmware/acpi/tables/SPCR", "SPCR\x50\0\0\0", 8);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	/* What /sys says of the console comes first. */
	spcr(&t, 3, 0, 3, 0x890009000000);
	tree_text(&t, "sys/class/tty/ttyAMA0/type", "32\n");
	tree_text(&t, "sys/class/tty/ttyAMA0/iomem_base", "0x9000000\n");
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_PL011, 0x9000000, 0);
	/* Nobody asked for a serial console. */
	tree_text(&t, "proc/consoles", "hvc0                 -W- (EC   a)  229:0\n");
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	tree_free(&t);
}

static void cells(const struct tree *t, const char *path, const uint32_t *values, size_t nr)
{
	uint8_t bytes[64];

	for (size_t i = 0; i < nr; i++)
		put_u32(bytes + 4 * i, values[i], true);
	tree_bytes(t, path, bytes, 4 * nr);
}

#define CELLS(path, ...) cells(&t, "proc/device-tree" path, (const uint32_t[]){ __VA_ARGS__ }, \
			       sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

#define STRINGS(path, text) tree_bytes(&t, path, text, sizeof(text))

TEST(serial_console_of_the_device_tree)
{
	struct tree t = tree_new();

	tree_text(&t, "proc/consoles", "ttyS0                -W- (EC   a)    4:64\n");
	CELLS("/#address-cells", 2);
	CELLS("/#size-cells", 2);
	STRINGS("proc/device-tree/chosen/stdout-path", "serial0:115200n8");
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);                     /* no such alias */
	STRINGS("proc/device-tree/aliases/serial0", "/soc/bus@8/uart@1000");
	STRINGS("proc/device-tree/soc/bus@8/uart@1000/compatible", "maker,special\0ns16550a");
	CELLS("/soc/bus@8/uart@1000/reg", 0x1000, 0x100);
	CELLS("/soc/bus@8/uart@1000/reg-shift", 2);
	CELLS("/soc/bus@8/uart@1000/reg-io-width", 4);
	CELLS("/soc/bus@8/#address-cells", 1);
	CELLS("/soc/bus@8/#size-cells", 1);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);                     /* the bus does not say how it is reached */
	CELLS("/soc/bus@8/ranges", 0x0, 0x0, 0x8000000, 0x800, 0x1000, 0x1, 0x20000000, 0x1000);
	CELLS("/soc/#address-cells", 2);
	CELLS("/soc/#size-cells", 2);
	tree_bytes(&t, "proc/device-tree/soc/ranges", "", 0);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_8250_MMIO32, 0x120000000, 2);
	CELLS("/soc/bus@8/uart@1000/reg-shift", 5);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	STRINGS("proc/device-tree/soc/bus@8/uart@1000/compatible", "ns16550ab");
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);

	STRINGS("proc/device-tree/chosen/stdout-path", "/pl011@9000000");
	STRINGS("proc/device-tree/pl011@9000000/compatible", "arm,pl011\0arm,primecell");
	CELLS("/pl011@9000000/reg", 0x12, 0x9000000, 0, 0x1000);
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_PL011, 0x1209000000, 0);
	/* A path that leaves the tree is none. */
	STRINGS("proc/device-tree/chosen/stdout-path", "/../pl011@9000000");
	look(&t, &arch_arm64);
	CHECK_EQ(nr_found, 0);
	CHECK_STR(err_text(), "");
	tree_free(&t);
}

static int look_for(const struct tree *t, const struct arch *arch, const struct console_request *request)
{
	memset(found, 0xee, sizeof(found));
	nr_found = 99;
	return purgatory_consoles(&t->root, arch, request, found, &nr_found);
}

TEST(consoles_that_the_user_names)
{
	struct console_request vga = { .vga = true }, both = { .vga = true, .serial = true, .serial_device = "0x2f8", .baud = 9600 };
	struct console_request dev = { .serial = true, .serial_device = "/dev/ttyS1" }, any = { .serial = true };
	struct console_request mmio = { .serial = true, .serial_device = "mmio,0x80000000000" }, baud = { .baud = 19200 };
	static const char *const wrong[] = { "",
					     "0x",
					     "0",
					     "1016",
					     "0x3f8x",
					     "0x10000",
					     "0xfff9",
					     "io,3f8",
					     "pl011,",
					     "pl011,0",
					     "pl011,0xfffffffffffffff0",
					     "mmio64,0x1000",
					     "com1" };
	struct tree t = tree_new();

	tree_text(&t, "proc/consoles",
		  "tty0                 -WU (EC  p  )    4:7\nttyS0                -W- (EC   a)    4:64\n");
	serial(&t, "ttyS0", "4", "0x3f8", "0", "0", "0");
	serial(&t, "ttyS1", "4", "0", "3", "0x90000000", "2");
	CHECK_EQ(look_for(&t, &arch_x86_64, &vga), 0);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_VGA, 0xb8000, 0);
	CHECK_EQ(look_for(&t, &arch_x86_64, &both), 0);
	CHECK_EQ(nr_found, 2);
	check_console(1, PURG_CONSOLE_8250_PORT, 0x2f8, 0);
	CHECK_EQ(found[1].baud, 9600);
	CHECK_EQ(found[0].baud, 0);
	CHECK_EQ(look_for(&t, &arch_x86_64, &dev), 0);
	check_console(0, PURG_CONSOLE_8250_MMIO32, 0x90000000, 2);
	CHECK_EQ(look_for(&t, &arch_x86_64, &any), 0);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_8250_PORT, 0x3f8, 0);
	CHECK_EQ(look_for(&t, &arch_arm64, &mmio), 0);
	check_console(0, PURG_CONSOLE_8250_MMIO, 0x80000000000, 0);
	CHECK_EQ(look_for(&t, &arch_x86_64, &baud), 0);
	CHECK_EQ(nr_found, 1);
	CHECK_EQ(found[0].baud, 19200);

	/* A PC's ports are known without help; no other machine's are. */
	dev.serial_device = "ttyS3";
	CHECK_EQ(look_for(&t, &arch_x86_64, &dev), 0);
	check_console(0, PURG_CONSOLE_8250_PORT, 0x2e8, 0);
	CHECK_FAILS(look_for(&t, &arch_arm64, &dev), -ENODEV, "--serial=ttyS3");
	dev.serial_device = "ttyS4";
	CHECK_FAILS(look_for(&t, &arch_x86_64, &dev), -ENODEV, "--serial=ttyS4");
	dev.serial_device = "0x3f8";
	CHECK_FAILS(look_for(&t, &arch_arm64, &dev), -EINVAL, "mmio32");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		dev.serial_device = wrong[i];
		CHECK_FAILS(look_for(&t, &arch_x86_64, &dev), -EINVAL, "give a device as");
	}
	CHECK_EQ(nr_found, 99);

	tree_text(&t, "proc/consoles", "tty0                 -WU (EC  p  )    4:7\n");
	CHECK_EQ(look_for(&t, &arch_x86_64, &any), 0);
	check_console(0, PURG_CONSOLE_8250_PORT, 0x3f8, 0);
	CHECK_FAILS(look_for(&t, &arch_arm64, &any), -ENODEV, "no serial console");
	CHECK_FAILS(look_for(&t, &arch_arm64, &baud), -ENODEV, "16550");
	dev = (struct console_request){ .serial = true, .serial_device = "pl011,0x9000000", .baud = 9600 };
	CHECK_FAILS(look_for(&t, &arch_arm64, &dev), -ENODEV, "16550");
	tree_free(&t);
}

/* screen_info with a frame buffer of 800 by 600, 32 bits, at BASE. */
static void framebuffer(const struct tree *t, uint8_t kind, uint64_t base, uint16_t depth, uint16_t pitch)
{
	uint8_t params[4096] = { 0 };

	params[0x0f] = kind;
	put_u16(params + 0x12, 800, false);
	put_u16(params + 0x14, 600, false);
	put_u16(params + 0x16, depth, false);
	put_u32(params + 0x18, base & UINT32_MAX, false);
	put_u16(params + 0x24, pitch, false);
	put_u32(params + 0x36, 2, false);
	put_u32(params + 0x3a, base >> 32, false);
	tree_bytes(t, "sys/kernel/boot_params/data", params, sizeof(params));
}

TEST(frame_buffer_of_the_firmware)
{
	struct tree t = tree_new();

	tree_text(&t, "proc/consoles", "tty0                 -WU (EC  p  )    4:7\n");
	framebuffer(&t, 0x70, 0x4080000000, 32, 3200);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 1);
	check_console(0, PURG_CONSOLE_FRAMEBUFFER, 0x4080000000, 0);
	CHECK(found[0].width == 800 && found[0].height == 600 && found[0].depth == 32 && found[0].pitch == 3200);
	CHECK_EQ(purgatory_console_bytes(&found[0]), 3200 * 600);
	tree_text(&t, "sys/class/graphics/fb0/name", "EFI VGA\n");
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 1);
	tree_text(&t, "sys/class/graphics/fb0/name", "i915drmfb\n");
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	tree_remove(&t, "sys/class/graphics");
	framebuffer(&t, 0x23, 0xfd000000, 16, 1600);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 1);
	framebuffer(&t, 0x70, 0xfd000000, 8, 800);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	framebuffer(&t, 0x70, 0xfd000000, 32, 3199);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	framebuffer(&t, 0x70, 0, 32, 3200);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	framebuffer(&t, 0x99, 0xfd000000, 32, 3200);
	look(&t, &arch_x86_64);
	CHECK_EQ(nr_found, 0);
	tree_free(&t);
}

static struct reset_register reset_of(uint32_t flags, uint8_t space, uint8_t bits, uint64_t addr, uint8_t value,
				      size_t len)
{
	struct tree t = tree_new();
	uint8_t table[276] = { 0 };
	struct reset_register reset;

	put_u32(table + 112, flags, false);
	put_gas(table + 116, space, bits, 1, addr);
	table[128] = value;
	acpi(&t, "FACP", table, len);
	purgatory_reset_register(&t.root, &reset);
	CHECK_STR(err_text(), "");
	tree_free(&t);
	return reset;
}

TEST(reset_register_of_acpi)
{
	struct reset_register r = reset_of(1 << 10, 1, 8, 0xcf9, 0xf, 276);

	CHECK(r.space == PURG_RESET_PORT && r.addr == 0xcf9 && r.value == 0xf);
	r = reset_of(1 << 10, 0, 8, 0x8000001000, 1, 276);
	CHECK(r.space == PURG_RESET_MEMORY && r.addr == 0x8000001000 && r.value == 1);
	r = reset_of(1 << 10, 2, 8, 0x1f00000044, 6, 129);
	CHECK(r.space == PURG_RESET_PCI && r.addr == 0x1f00000044 && r.value == 6);
	CHECK_EQ(reset_of(0, 1, 8, 0xcf9, 0xf, 276).space, PURG_RESET_NONE);
	CHECK_EQ(reset_of(1 << 10, 3, 8, 0xcf9, 0xf, 276).space, PURG_RESET_NONE);
	CHECK_EQ(reset_of(1 << 10, 1, 32, 0xcf9, 0xf, 276).space, PURG_RESET_NONE);
	CHECK_EQ(reset_of(1 << 10, 1, 8, 0x10000, 0xf, 276).space, PURG_RESET_NONE);
	CHECK_EQ(reset_of(1 << 10, 0, 8, 0, 0xf, 276).space, PURG_RESET_NONE);
	CHECK_EQ(reset_of(1 << 10, 1, 8, 0xcf9, 0xf, 128).space, PURG_RESET_NONE);
}
