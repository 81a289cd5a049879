/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The smaller parsers of kdumpctl. The first byte says which one gets the rest. */
#include "service/bootloader.h"
#include "service/dumps.h"
#include "service/hostkeys.h"
#include "service/sizing.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>

static void require(bool good)
{
	if (!good)
		abort();
}

static void fuzz_value(const char *text, size_t len)
{
	uint64_t size = 1, again = 2;

	if (crashkernel_size(text_of(text, len), 1ull << 32, &size)) {
		require(size == 1);
		return;
	}
	/* Such a value goes into scripts and command lines. */
	for (size_t i = 0; i < len; i++)
		require(text[i] && strchr("0123456789abcdefABCDEFxXkKmMgGtTpPeElowhigcma,:-@", text[i]));
	require(!crashkernel_size(text_of(text, len), 1ull << 32, &again) && size == again);
}

static void fuzz_initramfs(const char *data, size_t len)
{
	struct view v = view_of(data, len, "initramfs");
	uint64_t bytes = 77;

	require(initramfs_unpacked_bytes(&v, &bytes) == 0 || bytes == 77);
	kernel_start_bytes(&v, &bytes);
}

/* An entry that was edited has our value once, and editing it again changes nothing. */
static void fuzz_entry(const char *text, size_t len)
{
	struct blob before, once, twice;

	if (memchr(text, 0, len))
		return;
	blob_init(&before);
	blob_init(&once);
	blob_init(&twice);
	require(!blob_append(&before, text, len));
	boot_entry_is_for(&before, "/boot/vmlinuz");
	require(!boot_entry_edit(&before, "192M", &once));
	require(!boot_entry_edit(&once, "192M", &twice));
	require(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
	require(strstr((const char *)once.data, "crashkernel=192M"));
	blob_deinit(&before);
	blob_deinit(&once);
	blob_deinit(&twice);
}

static void fuzz_keys(const char *text, size_t len)
{
	size_t half = len / 2;
	struct text known = text_of(text, half), shown = text_of(text + half, len - half), all = text_of(text, len);

	host_keys_compare(known, shown);
	require(!host_keys_count(all) || host_keys_compare(all, all) == HOST_KEYS_KNOWN);
	require(host_keys_compare(text_of("", 0), all) == HOST_KEYS_NEW);
}

static void fuzz_names(const char *text, size_t len)
{
	char *copy = strndup(text, len);
	unsigned int number = 0;
	struct login l;
	uint64_t time_s;

	if (!copy)
		return;
	if (dump_name_parse(copy, &time_s, &number))
		require(number && time_s < 253402300800 && strlen(copy) > 20 && strchr(copy, ':'));
	login_parse(copy, &l);
	require(l.user.len + l.host.len + l.port.len <= strlen(copy));
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const char *text, size_t len) = {
		fuzz_value, fuzz_initramfs, fuzz_entry, fuzz_keys, fuzz_names,
	};

	if (size)
		parsers[data[0] % 5]((const char *)data + 1, size - 1);
	return 0;
}
