// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/dtb.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* COMMAND_LINE_SIZE of arm64 (arch/arm64/include/uapi/asm/setup.h), without the NUL: the image does not tell. */
#define CMDLINE_MAX 2047

/* Documentation/arm64/booting.rst: the initrd and the kernel lie in one window of this size, aligned to 1 GiB. */
#define INITRD_WINDOW (32ull << 30)
#define INITRD_WINDOW_ALIGN (1ull << 30)

#define KASLR_SEED_BYTES 8
#define RNG_SEED_BYTES 128

/* MAX_USABLE_RANGES, drivers/of/fdt.c; one before Linux 5.19. */
#define USABLE_RANGES_READ 2

static int check_image(const struct plan *plan, const struct image *image)
{
	bool big_endian = image->flags & IMAGE_BIG_ENDIAN;

	/*
	 * vmcore.c compares the ELF header as it stands, without a look at its byte order: such a kernel would
	 * have no /proc/vmcore.
	 */
	if (big_endian != plan->arch->big_endian)
		return fail(
			-ENOTSUP,
			"the capture kernel is %s endian and the running kernel %s: it cannot read the core headers",
			big_endian ? "big" : "little", plan->arch->big_endian ? "big" : "little");
	if (image->page_shift > plan->arch->page_shift)
		return fail(-ENOTSUP, "the capture kernel has pages of %u KiB; segments are placed for at most %u KiB",
			    1u << (image->page_shift - 10), 1u << (plan->arch->page_shift - 10));
	return 0;
}

/* What is not the kernel: an image that loses the memory below it must find it above. */
static uint64_t lowest_for_others(const struct capture *c)
{
	return c->image.flags & IMAGE_LOSES_BELOW ? c->kernel_paddr : 0;
}

/* The kernel goes to the lowest place, so that the memory left to it stays in one piece above it. */
static int place_kernel(struct plan *plan, struct capture *c)
{
	const struct image *image = &c->image;
	struct place place = {
		.memsz = image->memsz,
		.align = image->align,
		.align_offset = image->align_offset,
		.last = UINT64_MAX,
		.images = FOR_IMAGE(c->idx),
	};

	return plan_place(plan, plan_name(c->idx, "kernel"), image->payload.base, image->payload.len, &place,
			  &c->kernel_paddr);
}

static int dtb_place(struct plan *plan, struct capture *c)
{
	struct place place = { .last = UINT64_MAX, .top_down = true };
	int err = check_image(plan, &c->image);

	if (!err)
		err = c->shares_kernel ? boot_share_kernel(plan, c) : place_kernel(plan, c);
	if (err)
		return err;
	place.min = c->kernel_paddr & ~(INITRD_WINDOW_ALIGN - 1);
	if (place.min <= UINT64_MAX - INITRD_WINDOW)
		place.last = place.min + (INITRD_WINDOW - 1);
	if (place.min < lowest_for_others(c))
		place.min = lowest_for_others(c);
	if (place.last > c->image.max_initrd_last)
		place.last = c->image.max_initrd_last;
	return boot_place_initrd(plan, c, &place);
}

static bool get_address(const struct dtb *dtb, int node, const char *prop, uint64_t *value)
{
	struct view v = dtb_prop(dtb, node, prop);
	struct cursor c = cursor_at(&v, 0);

	if (v.len != 4 && v.len != 8)
		return false;
	*value = cursor_word(&c, v.len);
	return true;
}

/*
 * Boot loaders reserve the initrd's memory, exactly or in whole pages of whatever size they think in. None of
 * it is in the crash regions, but a tree that goes from kexec to kexec would collect such entries.
 */
static int drop_old_initrd(const struct plan *plan, struct dtb *dtb, int chosen)
{
	uint64_t start, behind, len;
	int err = 0;

	if (get_address(dtb, chosen, "linux,initrd-start", &start) &&
	    get_address(dtb, chosen, "linux,initrd-end", &behind) && behind > start) {
		len = behind - start;
		err = dtb_unreserve(dtb, start, len);
		for (unsigned int shift = 12; !err && shift <= plan->arch->page_shift; shift += 2) {
			uint64_t mask = (1ull << shift) - 1;

			if (len & mask && len <= UINT64_MAX - mask)
				err = dtb_unreserve(dtb, start, (len + mask) & ~mask);
		}
	}
	return err;
}

/*
 * What an earlier load, or the kernel of an earlier kexec, left in the tree; the memory that it points to is
 * gone or in the dump.
 */
static int drop_stale(const struct plan *plan, struct dtb *dtb, int chosen)
{
	static const char *const props[] = {
		"linux,initrd-start", "linux,initrd-end", "linux,elfcorehdr", "linux,usable-memory-range",
		"kaslr-seed", "rng-seed", "linux,ima-kexec-buffer", "linux,kho-fdt", "linux,kho-scratch",
	};
	int err = drop_old_initrd(plan, dtb, chosen);

	for (size_t i = 0; i < sizeof(props) / sizeof(props[0]) && !err; i++)
		err = dtb_delete_prop(dtb, chosen, props[i]);
	return err;
}

/*
 * The region with the kernel in it comes first: before Linux 5.19 that is all that is read, and later kernels
 * keep the order "main region, then the low one" for them (drivers/of/fdt.c).
 */
static int set_usable_memory(const struct plan *plan, const struct capture *c, struct dtb *dtb, int chosen)
{
	const struct ranges *crash = &plan->memmap.crash;
	const struct range *home = ranges_find(crash, c->kernel_paddr);
	int err = 0;

	if (crash->nr > USABLE_RANGES_READ)
		debug("%zu crash regions; kernels of today use %d", crash->nr, USABLE_RANGES_READ);
	if (home)
		err = dtb_append_range(dtb, chosen, "linux,usable-memory-range", home);
	for (size_t i = 0; i < crash->nr && !err; i++)
		if (&crash->r[i] != home)
			err = dtb_append_range(dtb, chosen, "linux,usable-memory-range", &crash->r[i]);
	return err;
}

static int set_initrd(const struct capture *c, struct dtb *dtb, int chosen)
{
	uint64_t len = c->initrd.view.len;
	int err;

	if (!len)
		return 0;
	err = dtb_set_u64(dtb, chosen, "linux,initrd-start", c->initrd_paddr);
	return err ? err : dtb_set_u64(dtb, chosen, "linux,initrd-end", c->initrd_paddr + len);
}

/*
 * A seed that was used once is no secret any more; the kernel wipes its own. With nokaslr there is nothing to
 * seed.
 */
static int set_seeds(const struct capture *c, struct dtb *dtb, int chosen)
{
	uint8_t seed[RNG_SEED_BYTES];
	int err = 0;

	if (!cmdline_find(&c->cmdline, "nokaslr", NULL, NULL) && boot_seed(seed, KASLR_SEED_BYTES))
		err = dtb_set(dtb, chosen, "kaslr-seed", seed, KASLR_SEED_BYTES);
	if (!err && boot_seed(seed, RNG_SEED_BYTES))
		err = dtb_set(dtb, chosen, "rng-seed", seed, RNG_SEED_BYTES);
	return err;
}

int dtb_edit(const struct plan *plan, const struct capture *c, struct dtb *dtb)
{
	const struct range corehdr = {
		.start = plan->elfcorehdr_paddr,
		.last = plan->elfcorehdr_paddr + (plan->elfcorehdr_memsz - 1),
	};
	int chosen = dtb_node(dtb, "/chosen"), err;

	if (chosen < 0)
		return chosen;
	err = drop_stale(plan, dtb, chosen);
	if (!err)
		err = set_initrd(c, dtb, chosen);
	if (!err && plan->elfcorehdr_memsz) {
		err = dtb_append_range(dtb, chosen, "linux,elfcorehdr", &corehdr);
		if (!err)
			err = set_usable_memory(plan, c, dtb, chosen);
	}
	/*
	 * Even an empty one: the running kernel's words, crashkernel= among them, must not come back through
	 * the tree.
	 */
	if (!err)
		err = dtb_set_string(dtb, chosen, "bootargs", c->cmdline.text);
	if (!err)
		err = set_seeds(c, dtb, chosen);
	return err ? err : dtb_set(dtb, chosen, "linux,booted-from-kexec", NULL, 0);
}

/* Room for what dtb_edit() adds beside the command line. */
#define EDIT_ROOM 4096

static int open_user_tree(const struct plan *plan, const struct capture *c, struct dtb *dtb)
{
	struct file file = { 0 };
	int err = file_open(&file, plan->req->dtb_path);

	if (err)
		return err;
	err = dtb_open(dtb, &file.view, c->cmdline.len + EDIT_ROOM);
	file_close(&file);
	dtb->name = plan->req->dtb_path;
	return err;
}

static int open_running_tree(const struct plan *plan, const struct capture *c, struct dtb *dtb)
{
	struct blob bytes;
	struct view v;
	int err;

	blob_init(&bytes);
	err = root_read(plan->root, "sys/firmware/fdt", ROOT_READ_MAX, &bytes);
	if (err == -ENOENT && root_exists(plan->root, "proc/device-tree"))
		err = fail_ctx(err, "this kernel shows its device tree only in pieces; give the whole one with --dtb");
	else if (err == -ENOENT)
		err = fail_ctx(err, "there is no device tree to hand on; give one with --dtb");
	if (!err) {
		v = blob_view(&bytes, "/sys/firmware/fdt");
		err = dtb_open(dtb, &v, c->cmdline.len + EDIT_ROOM);
	}
	blob_deinit(&bytes);
	return err;
}

/* Copy the edited tree to c->boot and place it. */
static int place_tree(struct plan *plan, struct capture *c, size_t verdict_off, struct dtb *dtb)
{
	struct place place = { .align = 8, .min = lowest_for_others(c), .last = UINT64_MAX, .top_down = true,
			       .images = FOR_IMAGE(c->idx) };
	uint64_t paddr = 0, bootargs_off = 0;
	size_t len = 0;
	int err = dtb_pack(dtb, &len);

	if (!err)
		err = dtb_prop_off(dtb, dtb_find(dtb, "/chosen"), "bootargs", &bootargs_off);
	if (err)
		return err;
	if (len > DTB_MAX_BYTES)
		return fail(-EFBIG, "device tree %s: it has %zu bytes with its additions; the kernel takes %u",
			    dtb->name, len, DTB_MAX_BYTES);
	blob_deinit(&c->boot);
	err = blob_append(&c->boot, dtb->fdt, len);
	if (err)
		return err;
	place.memsz = len;
	/*
	 * A power of two not less than its size: so it never crosses a 2 MiB boundary, as kernels before 4.2
	 * want it.
	 */
	while (place.align < len)
		place.align *= 2;
	err = plan_place(plan, plan_name(c->idx, "dtb"), c->boot.data, c->boot.len, &place, &paddr);
	if (err)
		return err;
	memset(c->next_args, 0, sizeof(c->next_args));
	c->next_args[0] = paddr;
	c->verdict_paddr = paddr + bootargs_off + verdict_off;
	return 0;
}

static int dtb_describe(struct plan *plan, struct capture *c)
{
	const struct image *image = &c->image;
	size_t cmdline_max = image->cmdline_max ? image->cmdline_max : CMDLINE_MAX;
	struct dtb dtb = { 0 };
	size_t verdict_off = 0;
	int err = plan->elfcorehdr_memsz ? boot_drop_elfcorehdr(c) : 0;

	if (!err)
		err = boot_add_verdict(plan, c, "dtb", &verdict_off);
	if (!err)
		err = cmdline_check_len(&c->cmdline, cmdline_max, "the capture kernel");
	if (!err)
		err = plan->req->dtb_path ? open_user_tree(plan, c, &dtb) : open_running_tree(plan, c, &dtb);
	if (!err)
		err = dtb_edit(plan, c, &dtb);
	if (!err)
		err = place_tree(plan, c, verdict_off, &dtb);
	dtb_close(&dtb);
	if (!err)
		err = boot_set_entry(plan, c, c->kernel_paddr + image->entry64_off, UINT64_MAX);
	c->next_mode = PURG_ENTRY_NATIVE;
	return err;
}

const struct boot_ops boot_dtb = {
	.name = "device tree",
	.place = dtb_place,
	.describe = dtb_describe,
};
