// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/x86.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BELOW_4G 0xffffffffull
/* Nothing is placed in the legacy region, though no crash region is there today. */
#define LOW_MIB (1ull << 20)

#define LOADER_KEXEC 0xd0      /* type_of_loader: id D (kexec), version 0 */
#define LOADED_HIGH 0x01       /* loadflags: what of it describes the image */

#define RNG_SEED_BYTES 32
#define SETUP_NODE_BYTES 16    /* struct setup_data without its data: u64 next, u32 type, u32 len */

/* At most one of each X86_SETUP_ type. */
#define MAX_NODES 3

/*
 * Offsets in plan->boot: the zero page, and behind it whatever it points to. One segment for all: there are
 * only 16.
 */
struct layout {
	size_t cmdline_off;
	size_t runtime_map_off;        /* 0: none */
	size_t node_off[MAX_NODES];
	unsigned int nr_nodes;
};

/* Only where the image has nothing else, or was opened with -t bzImage. */
static bool enter_32(const struct image *image)
{
	return !(image->flags & IMAGE_ENTRY_64);
}

/* The highest byte that the kernel can be told about. */
static uint64_t reach(const struct image *image)
{
	return enter_32(image) || !(image->flags & IMAGE_ABOVE_4G) ? BELOW_4G : UINT64_MAX;
}

/*
 * Is WORD among the flags of the first CPU? The kernel takes la57 out of them when it does not use 5-level
 * paging, whatever the CPU can do (arch/x86/kernel/cpu/common.c). Not the whole file: it has megabytes on a
 * large machine, and costs the kernel time.
 */
static bool cpu_flag(const struct root *root, const char *word)
{
	char text[16384];
	size_t have = 0, len = strlen(word);
	ssize_t n = 1;
	char *flags;
	int fd = root_open(root, "proc/cpuinfo");

	if (fd < 0) {
		debug("paging levels unknown: %s", err_text());
		err_clear();
		return false;
	}
	while (n > 0 && have < sizeof(text) - 1) {
		n = read(fd, text + have, sizeof(text) - 1 - have);
		have += n > 0 ? n : 0;
	}
	close(fd);
	text[have] = 0;
	flags = strstr(text, "\nflags");
	if (!flags)
		return false;
	flags[1 + strcspn(flags + 1, "\n")] = 0;
	for (char *at = flags; (at = strstr(at, word)); at += len)
		if (strchr(" \t", at[-1]) && strchr(" \t", at[len]))
			return true;
	return false;
}

static int check_image(const struct plan *plan, const struct image *image)
{
	if (plan->window.start > reach(image))
		return fail(-ENOTSUP,
			    "the capture kernel cannot be started above 4 GiB, where the crashkernel reservation is; "
			    "boot with a crashkernel= below it, or load a kernel of 64 bits with CONFIG_RELOCATABLE");
	if (!enter_32(image) && !(image->flags & IMAGE_5LEVEL) && cpu_flag(plan->root, "la57"))
		return fail(-ENOTSUP,
			    "this machine runs with 5-level paging, and the capture kernel's header does not say that "
			    "it can be entered so; load a newer kernel, or boot this one with no5lvl");
	return 0;
}

/*
 * The kernel goes to the lowest place, so that the memory left to it stays in one piece above it. Not below the
 * preferred address even when it is relocatable: loaded below it, it would move itself there (startup_64 in
 * arch/x86/boot/compressed/head_64.S), out of the window, and overwrite what is to be dumped.
 */
static int place_kernel(struct plan *plan, struct capture *c)
{
	const struct image *image = &c->image;
	struct place place = { .memsz = image->memsz, .align = image->align, .min = LOW_MIB, .last = reach(image),
			       .images = FOR_IMAGE(c->idx) };
	int err;

	if (place.min < image->pref_paddr)
		place.min = image->pref_paddr;
	if (!(image->flags & IMAGE_RELOCATABLE)) {
		place.align = 1;
		if (!image->memsz || image->memsz - 1 > BELOW_4G || image->pref_paddr > BELOW_4G)
			return fail(-EINVAL, "the kernel claims %#" PRIx64 " bytes at %#" PRIx64, image->memsz,
				    image->pref_paddr);
		place.last = (image->pref_paddr + image->memsz - 1) | 0xfff;
	}
	err = plan_place(plan, plan_name(c->idx, "kernel"), image->payload.base, image->payload.len, &place,
			 &c->kernel_paddr);
	if (err && !(image->flags & IMAGE_RELOCATABLE))
		return fail_ctx(err, "the kernel is not relocatable and runs only at %#" PRIx64
				" (its crashkernel= must say so, as in crashkernel=SIZE@OFFSET)", image->pref_paddr);
	return err;
}

static int x86_place(struct plan *plan, struct capture *c)
{
	const struct image *image = &c->image;
	struct place place = { .memsz = c->initrd.view.len, .min = LOW_MIB, .last = reach(image), .top_down = true };
	int err = check_image(plan, image);

	if (!err)
		err = c->shares_kernel ? boot_share_kernel(plan, c) : place_kernel(plan, c);
	if (err)
		return err;
	if (place.last > image->max_initrd_last)
		place.last = image->max_initrd_last;
	return boot_place_initrd(plan, c, &place);
}

/*
 * What the running kernel found out about the hardware with the firmware's help, which the next kernel cannot ask.
 */
static void copy_from_running(const struct capture *c, const struct x86_firmware *fw, uint8_t *bp)
{
	static const struct {
		uint16_t off, len;
	} fields[] = {
		/*
		 * A graphics driver may have taken the screen over since; then what is written there stays
		 * invisible. Nothing in user space tells, and the kernel's own kexec_file_load hands it on in
		 * the same way.
		 */
		{ BP_SCREEN_INFO, 0x40 },
		{ BP_EDID_INFO, 0x80 },
		{ BP_EDD_COUNTS, 2 },
		{ BP_SECURE_BOOT, 1 },
		{ BP_EDD_MBR_SIG, 0x40 },
		{ BP_EDD, 0x1ec },
	};
	const uint8_t *running = fw->zero_page.data;

	put_u64(bp + BP_ACPI_RSDP, fw->rsdp, false);
	if (!fw->zero_page.len)
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		memcpy(bp + fields[i].off, running + fields[i].off, fields[i].len);
	put_u16(bp + BP_SCREEN_INFO + 2, 0, false); /* ext_mem_k: of the dead kernel's memory */
	if (c->image.protocol >= 0x0207)
		memcpy(bp + BP_HARDWARE_SUBARCH, running + BP_HARDWARE_SUBARCH, 4);
}

/* Of the image's header everything but the fields that a boot loader writes. */
static int copy_setup_header(const struct image *image, uint8_t *bp)
{
	const struct view *header = &image->setup_header;

	if (header->len > BP_EDD_MBR_SIG - BP_SETUP_HEADER || header->len < BP_CMD_LINE_PTR + 4 - BP_SETUP_HEADER)
		return fail(-EINVAL, "%s: its setup header has %" PRIu64 " bytes", header->name, header->len);
	memcpy(bp + BP_SETUP_HEADER, header->base, header->len);
	bp[BP_TYPE_OF_LOADER] = LOADER_KEXEC;
	bp[BP_LOADFLAGS] &= LOADED_HIGH;
	put_u16(bp + BP_HEAP_LAST_PTR, 0, false);
	put_u16(bp + BP_EXT_LOADER, 0, false);
	put_u32(bp + BP_RAMDISK_IMAGE, 0, false);
	put_u32(bp + BP_RAMDISK_SIZE, 0, false);
	put_u32(bp + BP_CMD_LINE_PTR, 0, false);
	if (image->protocol >= 0x0209)
		put_u64(bp + BP_SETUP_DATA, 0, false);
	return 0;
}

static int pad_to(struct blob *b, size_t align)
{
	size_t over = b->len % align;

	return over ? blob_zero(b, align - over) : 0;
}

static int add_node(struct blob *boot, struct layout *l, uint32_t type, const void *data, size_t len)
{
	uint8_t node[SETUP_NODE_BYTES] = { 0 };
	int err = pad_to(boot, 16);

	if (err)
		return err;
	if (len > UINT32_MAX)
		return fail(-EINVAL, "setup_data of type %" PRIu32 " has %zu bytes, more than its header can say", type,
			    len);
	put_u32(node + 8, type, false);
	put_u32(node + 12, len, false);
	l->node_off[l->nr_nodes++] = boot->len;
	err = blob_append(boot, node, sizeof(node));
	return err ? err : blob_append(boot, data, len);
}

static int add_e820(const struct plan *plan, struct capture *c, struct layout *l)
{
	struct ranges map;
	struct blob ext;
	int err;

	ranges_init(&map);
	blob_init(&ext);
	err = x86_e820_build(plan, &map);
	if (!err)
		err = x86_e820_put(&map, c->boot.data, &ext);
	if (!err && ext.len && c->image.protocol < 0x0209)
		err = fail(-E2BIG,
			   "the memory map has %zu entries; the capture kernel speaks boot protocol %u.%02u and "
			   "takes %d",
			   map.nr, c->image.protocol >> 8, c->image.protocol & 0xff, E820_ZERO_PAGE_ENTRIES);
	if (!err && ext.len)
		err = add_node(&c->boot, l, X86_SETUP_E820_EXT, ext.data, ext.len);
	ranges_deinit(&map);
	blob_deinit(&ext);
	return err;
}

static int add_seed(struct capture *c, struct layout *l)
{
	uint8_t seed[RNG_SEED_BYTES];

	if (c->image.protocol < 0x0209 || !boot_seed(seed, sizeof(seed)))
		return 0;
	return add_node(&c->boot, l, X86_SETUP_RNG_SEED, seed, sizeof(seed));
}

static bool hand_on_efi(const struct capture *c, const struct x86_firmware *fw)
{
	return fw->runtime && (c->image.flags & IMAGE_EFI_KEXEC) && c->image.protocol >= 0x0209;
}

static int add_efi(struct capture *c, const struct x86_firmware *fw, struct layout *l)
{
	uint8_t setup[X86_EFI_SETUP_BYTES];
	int err;

	x86_efi_setup_put(fw, setup);
	err = add_node(&c->boot, l, X86_SETUP_EFI, setup, sizeof(setup));
	if (!err)
		err = pad_to(&c->boot, 16);
	l->runtime_map_off = c->boot.len;
	if (!err)
		err = blob_append(&c->boot, fw->runtime_map.data, fw->runtime_map.len);
	if (err)
		return err;
	memcpy(c->boot.data + BP_EFI_INFO, fw->zero_page.data + BP_EFI_INFO, 32);
	put_u32(c->boot.data + BP_EFI_MEMMAP_SIZE, fw->runtime_map.len, false);
	return 0;
}

/*
 * A kernel that gets the EFI state finds ACPI by it. Otherwise, on an EFI machine, nothing but us can tell:
 * newer kernels read it from the zero page, all from the command line.
 */
static int complete_cmdline(const struct plan *plan, struct capture *c, size_t *verdict_off,
			    const struct x86_firmware *fw)
{
	char word[64];
	int err = 0;

	if (plan->elfcorehdr_memsz) {
		err = boot_drop_elfcorehdr(c);
		snprintf(word, sizeof(word), "elfcorehdr=%#" PRIx64, plan->elfcorehdr_paddr);
		if (!err)
			err = cmdline_add(&c->cmdline, word);
	}
	if (!err && fw->efi && !hand_on_efi(c, fw) && !cmdline_find(&c->cmdline, "acpi_rsdp", NULL, NULL)) {
		snprintf(word, sizeof(word), "acpi_rsdp=%#" PRIx64, fw->rsdp);
		if (fw->rsdp)
			err = cmdline_add(&c->cmdline, word);
		else
			warn("the capture kernel may not find the ACPI tables: the address of their root (RSDP) cannot "
			     "be found out; it can be given as acpi_rsdp= on the command line");
	}
	if (!err)
		err = boot_add_verdict(plan, c, "boot_params", verdict_off);
	return err ? err : cmdline_check_len(&c->cmdline, c->image.cmdline_max, "the capture kernel");
}

/* Everything but the addresses of the segment itself. */
static int build_boot(const struct plan *plan, struct capture *c, const struct x86_firmware *fw, struct layout *l)
{
	struct blob *boot = &c->boot;
	int err;

	blob_deinit(boot);
	err = blob_zero(boot, X86_ZERO_PAGE_BYTES);
	if (!err)
		err = copy_setup_header(&c->image, boot->data);
	if (err)
		return err;
	copy_from_running(c, fw, boot->data);
	l->cmdline_off = boot->len;
	err = blob_append(boot, c->cmdline.text, c->cmdline.len + 1);
	if (!err)
		err = add_e820(plan, c, l);
	if (!err && hand_on_efi(c, fw))
		err = add_efi(c, fw, l);
	return err ? err : add_seed(c, l);
}

static void put_split(uint8_t *bp, size_t low_off, size_t high_off, uint64_t value)
{
	put_u32(bp + low_off, value & 0xffffffff, false);
	put_u32(bp + high_off, value >> 32, false);
}

/* Now that the segment has its place, PADDR. */
static void put_addresses(struct capture *c, const struct layout *l, uint64_t paddr)
{
	uint8_t *bp = c->boot.data;
	size_t next_off = BP_SETUP_DATA;

	put_split(bp, BP_CMD_LINE_PTR, BP_EXT_CMD_LINE_PTR, paddr + l->cmdline_off);
	if (c->initrd.view.len) {
		put_split(bp, BP_RAMDISK_IMAGE, BP_EXT_RAMDISK_IMAGE, c->initrd_paddr);
		put_split(bp, BP_RAMDISK_SIZE, BP_EXT_RAMDISK_SIZE, c->initrd.view.len);
	}
	/* Only 32 bits wide, and of no use to the 64-bit entry, which finds out by itself where it is. */
	if (c->kernel_paddr <= BELOW_4G)
		put_u32(bp + BP_CODE32_START, c->kernel_paddr, false);
	if (l->runtime_map_off)
		put_split(bp, BP_EFI_MEMMAP, BP_EFI_MEMMAP_HI, paddr + l->runtime_map_off);
	for (unsigned int i = 0; i < l->nr_nodes; i++) {
		put_u64(bp + next_off, paddr + l->node_off[i], false);
		next_off = l->node_off[i];
	}
}

static int describe(struct plan *plan, struct capture *c, const struct x86_firmware *fw)
{
	const struct image *image = &c->image;
	struct place place = { .last = reach(image), .min = LOW_MIB, .top_down = true, .images = FOR_IMAGE(c->idx) };
	uint64_t paddr = 0, entry_off = enter_32(image) ? image->entry32_off : image->entry64_off;
	struct layout l = { 0 };
	size_t verdict_off = 0;
	int err = complete_cmdline(plan, c, &verdict_off, fw);

	if (!err)
		err = build_boot(plan, c, fw, &l);
	place.memsz = c->boot.len;
	if (!err)
		err = plan_place(plan, plan_name(c->idx, "boot_params"), c->boot.data, c->boot.len, &place, &paddr);
	if (!err)
		err = boot_set_entry(plan, c, c->kernel_paddr + entry_off, reach(image));
	if (err)
		return err;
	put_addresses(c, &l, paddr);
	c->verdict_paddr = paddr + l.cmdline_off + verdict_off;
	memset(c->next_args, 0, sizeof(c->next_args));
	c->next_args[0] = paddr;
	c->next_mode = enter_32(image) ? PURG_ENTRY_X86_32 : PURG_ENTRY_NATIVE;
	return 0;
}

static int x86_describe(struct plan *plan, struct capture *c)
{
	struct x86_firmware fw;
	int err;

	x86_firmware_init(&fw);
	err = x86_firmware_read(&fw, plan->root);
	if (!err)
		err = describe(plan, c, &fw);
	x86_firmware_deinit(&fw);
	return err;
}

const struct boot_ops boot_x86 = {
	.name = "x86 boot protocol",
	.place = x86_place,
	.describe = x86_describe,
};
