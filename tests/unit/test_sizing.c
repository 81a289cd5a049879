// SPDX-License-Identifier: GPL-2.0-or-later
/* crashkernel=: its value, what is needed, and the files that it is written into. */
#include "service/bootloader.h"
#include "service/sizing.h"

#include "tests/unit/test.h"

#include <errno.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

TEST(values)
{
	static const struct {
		const char *value;
		uint64_t ram, size;
	} good[] = {
		{ "192M", GIB, 192 * MIB }, { "192m@16M", GIB, 192 * MIB }, { "0x8000000", GIB, 128 * MIB },
		{ "1G,high", GIB, GIB }, { "72M,low", GIB, 72 * MIB }, { "300M,cma", GIB, 300 * MIB },
		{ "1G-4G:160M,4G-:256M", GIB - 1, 0 }, { "1G-4G:160M,4G-:256M", GIB, 160 * MIB },
		{ "1G-4G:160M,4G-:256M", 4 * GIB - 1, 160 * MIB }, { "1G-4G:160M,4G-:256M", 4 * GIB, 256 * MIB },
		{ "1G-:160M@64M", GIB, 160 * MIB }, { "0-:8M", 0, 8 * MIB }, { "1G-8G:1M,2G-:2M", 3 * GIB, MIB },
	};
	static const char *const bad[] = {
		"", "M", "0", "x", "192M ", "192MB", "192M,", "192M,higher", "auto", "1G-4G:", "1G-4G", "1G:160M",
		"4G-1G:160M",
		"1G-4G:160M,", "1G-4G:160M,x", "1G-4G:160M@", "192M@x", "192M\" x", "192M;reboot", "$(x)",
		"99999999999999999999",
		"18446744073709551615K", "1G-4G:160M 4G-:1M",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t size = 1;

		CHECK_EQ(crashkernel_size(text_of_string(good[i].value), good[i].ram, &size), 0);
		CHECK_EQ(size, good[i].size);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t size = 77;

		CHECK_FAILS(crashkernel_size(text_of_string(bad[i]), GIB, &size), -EINVAL,
			    "is no value of crashkernel=");
		CHECK_EQ(size, 77);
	}
}

/* What is printed as the default is a value, and larger machines are not given less. */
TEST(defaults)
{
	static const char *const machines[] = { "x86_64", "aarch64" };

	for (size_t i = 0; i < 2; i++) {
		struct text value = text_of_string(crashkernel_default(machines[i]));
		uint64_t last = 0;

		for (uint64_t ram = GIB - 2 * MIB; ram < 4096 * GIB; ram *= 2) {
			uint64_t size = 0;

			CHECK_EQ(crashkernel_size(value, ram, &size), 0);
			CHECK(size >= 96 * MIB && size >= last && size < ram / 3);
			last = size;
		}
	}
	CHECK(!crashkernel_default("vax"));
}

TEST(sum)
{
	struct sizing_facts f = { .kernel_bytes = 64 * MIB, .packed_bytes = 4 * MIB, .unpacked_bytes = 8 * MIB,
	.cpus = 1, .own = true };
	struct sizing small, s;
	uint64_t sum = 0;

	sizing_compute(&f, &small);
	for (int i = 0; i < SIZING_PARTS; i++)
		sum += small.part[i];
	CHECK(small.total >= sum && small.total - sum < 16 * MIB && !(small.total % (8 * MIB)));
	CHECK_EQ(small.part[SIZING_KERNEL], 64 * MIB);
	CHECK_EQ(small.part[SIZING_INITRAMFS], 12 * MIB);
	CHECK_EQ(small.part[SIZING_CPUS] | small.part[SIZING_NETWORK] | small.part[SIZING_USERLAND], 0);
	/* Everything that can be more makes it more. */
	for (int what = 0; what < 5; what++) {
		struct sizing_facts more = f;

		more.kernel_bytes += what == 0 ? 64 * MIB : 0;
		more.unpacked_bytes += what == 1 ? 64 * MIB : 0;
		more.cpus = what == 2 ? 32 : 1;
		more.network = what == 3;
		more.own = what != 4;
		sizing_compute(&more, &s);
		CHECK(s.total > small.total);
	}
	for (int i = 0; i < SIZING_PARTS; i++)
		CHECK(sizing_part_name(i) && *sizing_part_name(i));
}

TEST(kernels)
{
	uint8_t image[0x300] = { 0 };
	struct view v = view_of(image, sizeof(image), "kernel");
	uint64_t bytes = 5;

	CHECK(!kernel_start_bytes(&v, &bytes));
	memcpy(image + 0x202, "HdrS", 4);
	put_u16(image + 0x206, 0x020f, false);
	CHECK(!kernel_start_bytes(&v, &bytes));
	put_u32(image + 0x260, 0x3f98000, false);
	CHECK(kernel_start_bytes(&v, &bytes));
	CHECK_EQ(bytes, 0x3f98000);
	put_u16(image + 0x206, 0x0209, false);
	CHECK(!kernel_start_bytes(&v, &bytes));
	v.len = 0x262;
	put_u16(image + 0x206, 0x020f, false);
	CHECK(!kernel_start_bytes(&v, &bytes));
	memset(image, 0, sizeof(image));
	memcpy(image + 56, "ARM\x64", 4);
	put_u64(image + 16, 0x2000000, false);
	v.len = 64;
	CHECK(kernel_start_bytes(&v, &bytes));
	CHECK_EQ(bytes, 0x2000000);
	v.len = 20;
	CHECK(!kernel_start_bytes(&v, &bytes));
}

/* One entry of an archive; for LEN bytes of contents. */
static size_t entry(char *at, const char *name, size_t len)
{
	size_t n = sprintf(at, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1, 0100644, 0, 0, 1, 0,
			   len, 0, 0, 0, 0,
			   strlen(name) + 1, 0);

	n += sprintf(at + n, "%s", name) + 1;
	while (n % 4)
		at[n++] = 0;
	memset(at + n, 'x', len);
	n += len;
	while (n % 4)
		at[n++] = 0;
	return n;
}

TEST(archives)
{
	char image[20000];
	size_t n = entry(image, "a", 5000), cut;
	uint64_t bytes = 0;
	struct view v;

	n += entry(image + n, "folder", 0);
	n += entry(image + n, "TRAILER!!!", 0);
	cut = n;
	memset(image + n, 0, 100);
	n += 100;
	n += entry(image + n, "b", 1);
	n += entry(image + n, "TRAILER!!!", 0);
	v = view_of(image, n, "initramfs");
	CHECK_EQ(initramfs_unpacked_bytes(&v, &bytes), 0);
	CHECK_EQ(bytes, 8192 + 4096 + 3 * 1024);
	/* Every place at which the first archive can be cut off. */
	for (size_t len = 1; len < cut; len++) {
		char *copy = malloc(len);

		memcpy(copy, image, len);
		bytes = 99;
		v = view_of(copy, len, "initramfs");
		CHECK_EQ(initramfs_unpacked_bytes(&v, &bytes), -EINVAL);
		CHECK_EQ(bytes, 99);
		free(copy);
	}
	image[60] = 'z';
	v = view_of(image, n, "initramfs");
	CHECK_FAILS(initramfs_unpacked_bytes(&v, &bytes), -EINVAL, "damaged header");
	v = view_of("nonsense", 8, "initramfs");
	CHECK_FAILS(initramfs_unpacked_bytes(&v, &bytes), -EINVAL, "neither an archive nor packed");
}

typedef int editor(const struct blob *before, const char *value, struct blob *after);

static void check_edit(editor *edit, const char *before, const char *want)
{
	struct blob old, new;

	blob_init(&old);
	blob_init(&new);
	CHECK_EQ(blob_append(&old, before, strlen(before)), 0);
	CHECK_EQ(edit(&old, "192M", &new), 0);
	CHECK_STR((const char *)new.data, want);
	blob_deinit(&old);
	blob_deinit(&new);
}

TEST(boot_entries)
{
	check_edit(boot_entry_edit, "title x\nlinux /v\noptions root=/dev/a quiet\n",
		   "title x\nlinux /v\noptions root=/dev/a quiet crashkernel=192M\n");
	check_edit(boot_entry_edit, "linux /v\noptions\ta crashkernel=1M,high b crashkernel=2M,low\n",
		   "linux /v\noptions a b crashkernel=192M\n");
	check_edit(boot_entry_edit, "linux /v\noptions $kernelopts\n# options x\n",
		   "linux /v\noptions $kernelopts crashkernel=192M\n# options x\n");
	check_edit(boot_entry_edit, "options a crashkernel=1M\nlinux /v\noptions b crashkernel=2M -- c",
		   "options a\nlinux /v\noptions b crashkernel=192M -- c\n");
	check_edit(boot_entry_edit, "linux /v\n", "linux /v\noptions crashkernel=192M\n");
	/* Again changes nothing. */
	check_edit(boot_entry_edit, "linux /v\noptions a crashkernel=192M\n", "linux /v\noptions a crashkernel=192M\n");
	check_edit(boot_cmdline_edit, "root=/dev/a crashkernel=1M quiet\n", "root=/dev/a quiet crashkernel=192M\n");
	check_edit(boot_cmdline_edit, "", "crashkernel=192M\n");
}

TEST(kernel_command_line_of_several_lines)
{
	struct blob old, new;

	blob_init(&old);
	blob_init(&new);
	CHECK_EQ(blob_append(&old, "a\nb\n", 4), 0);
	CHECK_FAILS(boot_cmdline_edit(&old, "192M", &new), -EINVAL, "several lines");
	blob_deinit(&old);
	blob_deinit(&new);
}

TEST(whose_entry)
{
	static const struct {
		const char *entry, *kernel;
		bool is;
	} cases[] = {
		{ "linux /vmlinuz-6.1\n", NULL, true }, { "linux /vmlinuz-6.1\n", "/boot/vmlinuz-6.1", true },
		{ "linux /vmlinuz-6.1\n", "/boot/vmlinuz-6.12", false }, { "linux\t/vmlinuz-6.1\n",
		"/boot/vmlinuz-6.10", false },
		{ "linux /0123/6.1/linux\n", "/boot/efi/0123/6.1/linux", true }, { "linux vmlinuz\n", "/boot/xvmlinuz",
		false },
		{ "linux vmlinuz\n", "/boot/vmlinuz", true }, { "efi /memtest.efi\n", NULL, false }, { "", NULL,
		false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct blob b;

		blob_init(&b);
		CHECK_EQ(blob_append(&b, cases[i].entry, strlen(cases[i].entry)), 0);
		CHECK(boot_entry_is_for(&b, cases[i].kernel) == cases[i].is);
		blob_deinit(&b);
	}
}
