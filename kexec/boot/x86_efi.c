// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/boot/x86.h"

#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * EFI_MEMORY_DESCRIPTOR, UEFI specification 7.2 "GetMemoryMap": u32 type, padding, u64 physical, virtual,
 * pages, attribute.
 */
#define EFI_MEMDESC_BYTES 40
/* Firmware appends fields of its own to make readers honour the size; more than this is no descriptor any more. */
#define EFI_MEMDESC_MAX 1024

void x86_firmware_init(struct x86_firmware *fw)
{
	memset(fw, 0, sizeof(*fw));
	blob_init(&fw->zero_page);
	blob_init(&fw->runtime_map);
}

void x86_firmware_deinit(struct x86_firmware *fw)
{
	blob_deinit(&fw->zero_page);
	blob_deinit(&fw->runtime_map);
}

/* -ENOMEM stays an error; any other failure means that the kernel does not have it: said with -d, and forgotten. */
static int forgive(int err, const char *consequence)
{
	if (!err || err == -ENOMEM)
		return err;
	debug("%s: %s", consequence, err_text());
	err_clear();
	return 0;
}

/* The boot_params that the running kernel was started with. */
static int read_zero_page(struct x86_firmware *fw, const struct root *root)
{
	int err = root_read(root, "sys/kernel/boot_params/data", X86_ZERO_PAGE_BYTES, &fw->zero_page);

	if (!err && fw->zero_page.len != X86_ZERO_PAGE_BYTES)
		err = fail(-EINVAL, "sys/kernel/boot_params/data has %zu bytes, not %d", fw->zero_page.len,
			   X86_ZERO_PAGE_BYTES);
	if (err)
		blob_deinit(&fw->zero_page);
	return forgive(err, "the capture kernel is not told about the screen");
}

/* Value of the line KEY=0x... of the text in /sys/firmware/efi/systab; 0 when there is none. */
static uint64_t systab_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (*text) {
		if (!strncmp(text, key, len) && text[len] == '=')
			return strtoull(text + len + 1, NULL, 16);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return 0;
}

static int read_descriptor(const struct root *root, const char *name, uint8_t *desc)
{
	static const struct {
		const char *file;
		unsigned int off, width;
	} fields[] = {
		{ "type", 0, 4 },       { "phys_addr", 8, 8 },  { "virt_addr", 16, 8 },
		{ "num_pages", 24, 8 }, { "attribute", 32, 8 },
	};
	uint64_t value;
	char *path;
	int err;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (asprintf(&path, "sys/firmware/efi/runtime-map/%s/%s", name, fields[i].file) < 0)
			return fail(-ENOMEM, "out of memory");
		err = root_read_u64(root, path, 16, &value);
		free(path);
		if (!err && fields[i].width == 4 && value > UINT32_MAX)
			err = fail(-EINVAL, "EFI runtime map entry %s: %s is %#" PRIx64, name, fields[i].file, value);
		if (err)
			return err;
		put_word(desc + fields[i].off, value, fields[i].width, false);
	}
	return 0;
}

/*
 * The kernel made the addresses in it valid by SetVirtualAddressMap(), which works once per boot: the next
 * kernel must keep them.
 */
static int read_runtime_map(struct x86_firmware *fw, const struct root *root, uint32_t memdesc_size)
{
	struct root_names names = { 0 };
	int err = root_list(root, "sys/firmware/efi/runtime-map", &names);

	if (!err && !names.nr)
		err = fail(-ENOENT, "sys/firmware/efi/runtime-map is empty");
	for (size_t i = 0; i < names.nr && !err; i++) {
		err = blob_zero(&fw->runtime_map, memdesc_size);
		if (!err)
			err = read_descriptor(root, names.name[i],
					      fw->runtime_map.data + fw->runtime_map.len - memdesc_size);
	}
	root_names_deinit(&names);
	return err;
}

static int read_runtime(struct x86_firmware *fw, const struct root *root)
{
	const uint8_t *bp = fw->zero_page.data;
	uint32_t memdesc_size;
	int err;

	if (!fw->zero_page.len)
		return fail(-ENOENT, "the running kernel's boot parameters cannot be read");
	if (memcmp(bp + BP_EFI_SIGNATURE, "EL64", 4))
		return fail(-ENOTSUP, "the firmware is not 64-bit EFI");
	memdesc_size = get_u32(bp + BP_EFI_MEMDESC_SIZE, false);
	if (memdesc_size < EFI_MEMDESC_BYTES || memdesc_size > EFI_MEMDESC_MAX)
		return fail(-EINVAL, "the size of an EFI memory descriptor is %" PRIu32, memdesc_size);
	err = root_read_u64(root, "sys/firmware/efi/fw_vendor", 16, &fw->fw_vendor);
	if (!err)
		err = root_read_u64(root, "sys/firmware/efi/config_table", 16, &fw->tables);
	/* Hidden where the kernel does not know it; Linux 6.1 no longer reads that field of SETUP_EFI. */
	if (!err && root_exists(root, "sys/firmware/efi/runtime"))
		err = root_read_u64(root, "sys/firmware/efi/runtime", 16, &fw->runtime_table);
	return err ? err : read_runtime_map(fw, root, memdesc_size);
}

static int read_efi(struct x86_firmware *fw, const struct root *root)
{
	struct blob systab;
	int err;

	blob_init(&systab);
	err = root_read(root, "sys/firmware/efi/systab", 65536, &systab);
	if (!err) {
		const char *text = (const char *)systab.data;

		if (!fw->rsdp)
			fw->rsdp = systab_value(text, "ACPI20");
		if (!fw->rsdp)
			fw->rsdp = systab_value(text, "ACPI");
		fw->smbios = systab_value(text, "SMBIOS");
		err = read_runtime(fw, root);
		fw->runtime = !err;
	}
	blob_deinit(&systab);
	return forgive(err, "the capture kernel gets no EFI runtime services");
}

int x86_firmware_read(struct x86_firmware *fw, const struct root *root)
{
	int err = read_zero_page(fw, root);

	if (err)
		return err;
	fw->efi = root_exists(root, "sys/firmware/efi");
	if (fw->zero_page.len) {
		const uint8_t *bp = fw->zero_page.data;

		/* Where its decompressor looked for the RSDP, it left here what it found. */
		fw->rsdp = get_u64(bp + BP_ACPI_RSDP, false);
		fw->efi |= !memcmp(bp + BP_EFI_SIGNATURE, "EL32", 4) || !memcmp(bp + BP_EFI_SIGNATURE, "EL64", 4);
	}
	return fw->efi ? read_efi(fw, root) : 0;
}

/* struct efi_setup_data, arch/x86/include/asm/efi.h: four u64 and eight reserved. */
void x86_efi_setup_put(const struct x86_firmware *fw, uint8_t *out)
{
	memset(out, 0, X86_EFI_SETUP_BYTES);
	put_u64(out, fw->fw_vendor, false);
	put_u64(out + 8, fw->runtime_table, false);
	put_u64(out + 16, fw->tables, false);
	put_u64(out + 24, fw->smbios, false);
}
