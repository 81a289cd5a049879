/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "kexec/image/image.h"

#include "tests/unit/make_image.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

static const struct image_format *const x86[] = { &image_bzimage64, &image_bzimage, NULL };
static const struct image_format *const arm64[] = { &image_arm64, NULL };
static const struct image_format *const all[] = { &image_bzimage64, &image_bzimage, &image_arm64, NULL };

static int parse(struct image *image, const struct blob *b, const struct image_format *const *formats, const char *type)
{
	struct view v = blob_view(b, "k.img");

	return image_parse(image, &v, formats, type);
}

/* The image that TEXT makes has these FACTS. */
static bool facts_are(const char *text, const char *type, const char *facts)
{
	struct blob b;
	struct image image = { .format = NULL };
	char *got;
	bool good;

	make_image(&b, "%s", text);
	if (parse(&image, &b, all, type)) {
		printf("%s\n", err_text());
		blob_deinit(&b);
		return false;
	}
	got = image_facts(&image);
	good = !strcmp(got, facts) && !image_insane(&image);
	if (!good)
		printf("%s (%s)\n", got, image_insane(&image) ? image_insane(&image) : "");
	free(got);
	image_close(&image);
	blob_deinit(&b);
	return good;
}

/* The image that TEXT makes is refused with ERR and a sentence that contains WHY and names the file. */
static bool refused(const char *text, int err, const char *why)
{
	struct image image = { .protocol = 0x1234 };
	struct blob b;
	int got;

	make_image(&b, "%s", text);
	err_clear();
	got = parse(&image, &b, all, NULL);
	blob_deinit(&b);
	if (got == err && strstr(err_text(), why) && !strncmp(err_text(), "k.img", 5) && image.protocol == 0x1234)
		return true;
	printf("%s: %d (%s), want %d (%s)\n", text, got, err_text(), err, why);
	if (!got)
		image_close(&image);
	return false;
}

TEST(bzimage_64)
{
	CHECK(facts_are("bzImage", NULL,
			"bzImage64 payload=4096@2560 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20f header=123 relocatable above-4g entry-64 entry-32 5level efi-kexec"));
	/* 3.8, the first with a 64-bit entry: neither 5-level paging nor EFI in its flags. */
	CHECK(facts_are("bzImage version=0x20c jump=0x66 xloadflags=3", NULL,
			"bzImage64 payload=4096@2560 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20c header=119 relocatable above-4g entry-64 entry-32"));
	/* Not above 4 GiB: the initrd has its limit. */
	CHECK(facts_are("bzImage xloadflags=1 initrd_addr_max=0x37ffffff", NULL,
			"bzImage64 payload=4096@2560 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0x37ffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20f header=123 relocatable entry-64 entry-32"));
	CHECK(facts_are("bzImage relocatable=0 kernel_alignment=0", NULL,
			"bzImage64 payload=4096@2560 memsz=0x400000 align=0x1000+0 pref=0x1000000 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20f header=123 above-4g entry-64 entry-32 5level efi-kexec"));
}

TEST(bzimage_32)
{
	/* An i386 kernel of today. */
	CHECK(facts_are("bzImage xloadflags=0 kernel_alignment=0x1000000", NULL,
			"bzImage payload=4096@2560 memsz=0x400000 align=0x1000000+0 pref=0x1000000 "
			"initrd_last=0x7fffffff cmdline=2047 entry32=0 machine=3 page=12 protocol=0x20f header=123 "
			"relocatable entry-32"));
	/* -t bzImage: the 32-bit entry of a 64-bit kernel, and with it the limits of 32 bits. */
	CHECK(facts_are("bzImage", "bzImage",
			"bzImage payload=4096@2560 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0x7fffffff cmdline=2047 entry32=0 machine=62 page=12 protocol=0x20f header=123 "
			"relocatable entry-32"));
	/* 2.6.31: the flags of later protocols are not read, whatever stands there. */
	CHECK(facts_are("bzImage version=0x20a jump=0x62 xloadflags=0xffff", NULL,
			"bzImage payload=4096@2560 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0x7fffffff cmdline=2047 entry32=0 machine=3 page=12 protocol=0x20a header=115 "
			"relocatable entry-32"));
}

/* Before 2.10 init_size does not exist; nothing that stands at its place may be believed, 0 least of all. */
TEST(bzimage_without_init_size)
{
	CHECK(facts_are("bzImage version=0x209 jump=0x56 init_size=0 pref_address=0", NULL,
			"bzImage payload=4096@2560 memsz=0x2008000 align=0x200000+0 pref=0 "
			"initrd_last=0x7fffffff cmdline=2047 entry32=0 machine=3 page=12 protocol=0x209 header=103 "
			"relocatable entry-32"));
	CHECK(facts_are("bzImage version=0x209 jump=0x56 init_size=0x12345678", NULL,
			"bzImage payload=4096@2560 memsz=0x2008000 align=0x200000+0 pref=0 "
			"initrd_last=0x7fffffff cmdline=2047 entry32=0 machine=3 page=12 protocol=0x209 header=103 "
			"relocatable entry-32"));
	/* 2.6.20: the command line had no size in the header. The last paragraph need not be whole. */
	CHECK(facts_are("bzImage version=0x205 jump=0x33 kernel=4081 syssize=256", NULL,
			"bzImage payload=4081@2560 memsz=0x2007f88 align=0x200000+0 pref=0 "
			"initrd_last=0x7fffffff cmdline=255 entry32=0 machine=3 page=12 protocol=0x205 header=68 "
			"relocatable entry-32"));
	CHECK(refused("bzImage version=0x205 jump=0x33 kernel=4080 syssize=256", -EINVAL, "truncated"));
	CHECK(refused("bzImage version=0x209 jump=0x56 relocatable=0", -ENOTSUP,
		      "not relocatable, and boot protocol 2.09 does not tell where it runs"));
	CHECK(refused("bzImage version=0x204 jump=0x2e", -ENOTSUP, "boot protocol 2.04"));
	CHECK(refused("bzImage version=0x200 jump=0x22", -ENOTSUP, "boot protocol 2.00"));
}

TEST(bzimage_sizes)
{
	/* 0 setup sectors mean 4. */
	CHECK(facts_are("bzImage setup_sects=0", NULL,
			"bzImage64 payload=4096@2560 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20f header=123 relocatable above-4g entry-64 entry-32 5level efi-kexec"));
	/* A signature behind the kernel is not loaded. */
	CHECK(facts_are("bzImage setup_sects=39 kernel=8192 tail=1472", NULL,
			"bzImage64 payload=8192@20480 memsz=0x400000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20f header=123 relocatable above-4g entry-64 entry-32 5level efi-kexec"));
	CHECK(facts_are("bzImage init_size=4096", NULL,
			"bzImage64 payload=4096@2560 memsz=0x1000 align=0x200000+0 pref=0x1000000 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0x200 entry32=0 machine=62 page=12 "
			"protocol=0x20f header=123 relocatable above-4g entry-64 entry-32 5level efi-kexec"));
	CHECK(refused("bzImage init_size=4095", -EINVAL, "init_size says that it needs 4095 bytes of memory"));
	CHECK(refused("bzImage init_size=0", -EINVAL, "init_size"));
	CHECK(refused("bzImage syssize=257", -EINVAL,
		      "k.img: bzImage64: truncated: its header says 6672 bytes, the file has 6656"));
	CHECK(refused("bzImage syssize=0xffffffff", -EINVAL, "its header says 68719479280 bytes"));
	CHECK(refused("bzImage syssize=none", -EINVAL, "only 0 bytes"));
	CHECK(refused("bzImage syssize=32", -EINVAL, "only 512 bytes"));
	CHECK(refused("bzImage setup_sects=255 cut=6656", -EINVAL,
		      "truncated: its setup code alone says 131072 bytes, the file has 6656"));
	CHECK(refused("bzImage setup_sects=12 cut=6656", -EINVAL,
		      "setup code alone says 6656 bytes, the file has 6656"));
	CHECK(refused("bzImage payload_length=4000", -EINVAL, "its compressed kernel (4000 bytes at 0x2cc)"));
	CHECK(refused("bzImage payload_offset=0xffffffff payload_length=1", -EINVAL, "its compressed kernel"));
	CHECK(refused("bzImage payload_offset=1 payload_length=0xffffffff", -EINVAL, "its compressed kernel"));
}

TEST(bzimage_header)
{
	CHECK(refused("bzImage magic=0", -ENOEXEC,
		      "bzImage64: no \"HdrS\" at 0x202; bzImage: no \"HdrS\" at 0x202; Image: "));
	CHECK(refused("bzImage boot_flag=0", -ENOEXEC, "no 0xaa55 at 0x1fe"));
	CHECK(refused("bzImage loadflags=0", -ENOEXEC, "bzImage64: a zImage, loaded low"));
	CHECK(refused("bzImage jump_opcode=0x90", -EINVAL, "the jump at 0x200"));
	CHECK(refused("bzImage jump=0x80", -EINVAL, "the jump at 0x200"));
	CHECK(refused("bzImage jump=0xff", -EINVAL, "the jump at 0x200"));
	CHECK(refused("bzImage jump=0", -EINVAL, "its setup header 17 bytes, but boot protocol 2.15 has 115 or more"));
	CHECK(refused("bzImage jump=0x61", -EINVAL, "its setup header 114 bytes"));
	CHECK(refused("bzImage version=0x208 jump=0x4d", -EINVAL, "boot protocol 2.08 has 95 or more"));
	CHECK(refused("bzImage version=0x206 jump=0x39", -EINVAL, "boot protocol 2.06 has 75 or more"));
	CHECK(refused("bzImage kernel_alignment=0", -EINVAL, "kernel_alignment 0 is not a power of two"));
	CHECK(refused("bzImage kernel_alignment=0x300000", -EINVAL, "kernel_alignment 0x300000 is not a power of two"));
	CHECK(refused("bzImage relocatable=0 pref_address=0", -EINVAL, "its only address, pref_address, is 0"));
	CHECK(refused("bzImage cmdline_size=0", -EINVAL, "cmdline_size is 0"));
}

TEST(arm64_image)
{
	CHECK(facts_are("Image", NULL,
			"Image payload=10240@0 memsz=0x10000 align=0x200000+0 pref=0 initrd_last=0xffffffffffffffff "
			"cmdline=2047 entry64=0 machine=183 page=12 protocol=0 header=0 relocatable above-4g "
			"entry-64"));
	/* Big endian, 64 KiB pages, 4.5 or older: nothing may lie below it. */
	CHECK(facts_are("Image text_offset=0x80000 flags=7", NULL,
			"Image payload=10240@0 memsz=0x10000 align=0x200000+0x80000 pref=0 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0 machine=183 page=16 protocol=0 "
			"header=0 relocatable above-4g entry-64 big-endian loses-below"));
	CHECK(facts_are("Image flags=0xc", NULL,
			"Image payload=10240@0 memsz=0x10000 align=0x200000+0 pref=0 initrd_last=0xffffffffffffffff "
			"cmdline=2047 entry64=0 machine=183 page=14 protocol=0 header=0 relocatable above-4g "
			"entry-64"));
	CHECK(facts_are("Image flags=8", NULL,
			"Image payload=10240@0 memsz=0x10000 align=0x200000+0 pref=0 initrd_last=0xffffffffffffffff "
			"cmdline=2047 entry64=0 machine=183 page=0 protocol=0 header=0 relocatable above-4g "
			"entry-64"));
	/* Before 3.17: no size, text_offset in an unknown byte order. */
	CHECK(facts_are("Image code0=0x14000010 pe=0 image_size=0 text_offset=0x0000080000000000 flags=0xff", NULL,
			"Image payload=10240@0 memsz=0x1002800 align=0x200000+0x80000 pref=0 "
			"initrd_last=0xffffffffffffffff cmdline=2047 entry64=0 machine=183 page=0 protocol=0 header=0 "
			"relocatable above-4g entry-64 loses-below"));
	/* The signature behind the last section is not loaded. */
	CHECK(facts_are("Image tail=1472", NULL,
			"Image payload=10240@0 memsz=0x10000 align=0x200000+0 pref=0 initrd_last=0xffffffffffffffff "
			"cmdline=2047 entry64=0 machine=183 page=12 protocol=0 header=0 relocatable above-4g "
			"entry-64"));
	/* Without EFI all of the file is the kernel. */
	CHECK(facts_are("Image code0=0x14000010 pe=0 kernel=4097", NULL,
			"Image payload=4097@0 memsz=0x10000 align=0x200000+0 pref=0 initrd_last=0xffffffffffffffff "
			"cmdline=2047 entry64=0 machine=183 page=12 protocol=0 header=0 relocatable above-4g "
			"entry-64"));
}

TEST(arm64_refused)
{
	CHECK(refused("Image magic=0", -ENOEXEC,
		      "Image: no \"ARM\\x64\" at 56; unpacking: no known compression magic"));
	CHECK(refused("Image image_size=10239", -EINVAL, "its image_size says 10239 bytes, the file has 10240"));
	CHECK(refused("Image image_size=0xffffffffffffffff", -EINVAL, "more than a kernel can have"));
	CHECK(refused("Image image_size=0x100000001", -EINVAL, "more than a kernel can have"));
	CHECK(refused("Image text_offset=0x200000", -EINVAL, "text_offset 0x200000 is not"));
	CHECK(refused("Image text_offset=0x80001", -EINVAL, "text_offset 0x80001 is not"));
	CHECK(refused("Image text_offset=0xfffffffffffff000", -EINVAL, "text_offset"));
	CHECK(refused("Image data_rawsize=0x801", -EINVAL,
		      "truncated: its sections say 10241 bytes, the file has 10240"));
	CHECK(refused("Image data_rawsize=0xffffffff data_offset_in_file=0xffffffff", -EINVAL,
		      "its sections say 8589934590 bytes"));
	CHECK(refused("Image pe_magic=0", -EINVAL, "damaged: its PE header should be at 0x40"));
	CHECK(refused("Image pe=0xffffffff", -EINVAL, "truncated: its PE header should be at 0xffffffff"));
	CHECK(refused("Image sections=0", -EINVAL, "no sections with contents"));
	CHECK(refused("Image text_rawsize=0 data_rawsize=0", -EINVAL, "no sections with contents"));
	CHECK(refused("Image sections=0xffff", -EINVAL, "truncated"));
	CHECK(refused("Image optional_header=0xffff", -EINVAL, "truncated inside its PE section table"));
}

/* No length but the whole one, and those that only lack the signature, may pass. */
static void check_truncations(const char *text, uint64_t len, uint64_t from)
{
	for (uint64_t cut = 0; cut <= len; cut++) {
		struct image image;
		struct blob b;
		int err;

		make_image(&b, "%s cut=%" PRIu64, text, cut);
		err = parse(&image, &b, all, NULL);
		if (cut >= from) {
			CHECK_EQ(err, 0);
		} else {
			CHECK(err == -EINVAL || err == -ENOEXEC);
			CHECK(err == -ENOEXEC || strstr(err_text(), "truncated"));
			CHECK(err == -EINVAL || cut < 0x206);
		}
		if (!err)
			image_close(&image);
		blob_deinit(&b);
	}
}

TEST(truncated_anywhere)
{
	check_truncations("bzImage tail=100", 2560 + 4096 + 100, 2560 + 4096);
	check_truncations("bzImage setup_sects=1 kernel=528 payload_offset=0 payload_length=528", 1024 + 528,
			  1024 + 528);
	check_truncations("bzImage version=0x20a jump=0x62", 2560 + 4096, 2560 + 4096);
	check_truncations("Image tail=100", 0x2800 + 100, 0x2800);
	/* The sections may stand in any order. */
	check_truncations("Image text_offset_in_file=0x2000 text_rawsize=0x800 data_offset_in_file=0x1000 "
			  "data_rawsize=0x1000", 0x2800, 0x2800);
}

TEST(types)
{
	struct image image;
	struct blob b;

	make_image(&b, "bzImage");
	CHECK_FAILS(parse(&image, &b, x86, "bzimage"), -EINVAL,
		    "unknown image type \"bzimage\": known here: bzImage64, bzImage");
	CHECK_FAILS(parse(&image, &b, arm64, "bzImage64"), -EINVAL,
		    "unknown image type \"bzImage64\": known here: Image");
	CHECK_FAILS(parse(&image, &b, all, "Image"), -ENOEXEC,
		    "k.img is no Image: no \"ARM\\x64\" at 56; unpacking: no known compression magic; "
		    "it looks like an x86 bzImage");
	CHECK_FAILS(parse(&image, &b, arm64, NULL), -ENOEXEC,
		    "k.img is no kernel image: Image: no \"ARM\\x64\" at 56; unpacking: no known compression magic; "
		    "it looks like an x86 bzImage");
	blob_deinit(&b);
	make_image(&b, "bzImage version=0x20a jump=0x62");
	CHECK_FAILS(parse(&image, &b, all, "bzImage64"), -ENOEXEC,
		    "k.img is no bzImage64: boot protocol 2.10, a 64-bit entry needs 2.12");
	blob_deinit(&b);
	make_image(&b, "bzImage xloadflags=2");
	CHECK_FAILS(parse(&image, &b, all, "bzImage64"), -ENOEXEC, "no 64-bit entry (XLF_KERNEL_64 is not set)");
	blob_deinit(&b);
}

TEST(what_it_looks_like)
{
	static const struct {
		const char *bytes;
		const char *what;
	} files[] = {
		{ "MZ\0\0zimg\0\0\0\0", "an EFI zboot image" },
		{ "\177ELF\2\1\1\0\0\0\0\0", "an ELF file" },
		{ "MZ\0\0\0\0\0\0\0\0\0\0", "an EFI program" },
		{ "070701000000", "a cpio archive" },
		{ "\x27\x05\x19\x56\0\0\0\0\0\0\0\0", "a U-Boot uImage" },
		{ "\xd0\x0d\xfe\xed\0\0\0\0\0\0\0\0", "a device tree" },
		{ "#!/bin/sh\n\n\n", "a script" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct view v = view_of(files[i].bytes, 12, "k.img");
		struct image image;

		CHECK_FAILS(image_parse(&image, &v, all, NULL), -ENOEXEC, files[i].what);
		CHECK(strstr(err_text(), "bzImage64: it ends before \"HdrS\" at 0x202"));
		CHECK(strstr(err_text(), "Image: it ends before \"ARM\\x64\" at 56"));
	}
	/* Nothing is guessed of the rest. */
	struct view nothing = view_of("hello, world", 12, "k.img");
	struct image image;

	CHECK_FAILS(image_parse(&image, &nothing, all, NULL), -ENOEXEC, "no known compression magic");
	CHECK(!strstr(err_text(), "looks like"));
}

/* Any header, any length: refused with a sentence, or facts that hold together. */
TEST(random_headers)
{
	unsigned int accepted = 0;

	for (unsigned int i = 0; i < 20000; i++) {
		const char *base = i % 2 ? "bzImage" : "Image";
		struct image image;
		struct blob b;
		int err;

		make_image(&b, "%s", base);
		for (unsigned int n = test_random() % 4; n > 0; n--) {
			uint64_t at = i % 2 ? 0x1f1 + test_random() % 0x80 : test_random() % 0x148;

			b.data[at] = test_random() % 3 ? test_random() : test_random() % 2 ? 0xff : 0;
		}
		if (test_random() % 8 == 0)
			b.len = test_random() % b.len;
		err_clear();
		err = parse(&image, &b, all, NULL);
		if (err) {
			CHECK(err == -EINVAL || err == -ENOEXEC || err == -ENOTSUP);
			CHECK(!strncmp(err_text(), "k.img", 5));
		} else {
			accepted++;
			if (image_insane(&image))
				printf("%s\n", image_insane(&image));
			CHECK(!image_insane(&image));
			image_close(&image);
		}
		blob_deinit(&b);
	}
	/* Both ways were taken. */
	CHECK(accepted > 1000 && accepted < 19000);
}

static char dir[] = "/tmp/parachute-image-XXXXXX";
static char path[sizeof(dir) + 10];

static void remove_dir(void)
{
	unlink(path);
	rmdir(dir);
}

static void write_file(const void *bytes, size_t len)
{
	FILE *f;

	if (!path[0]) {
		if (!mkdtemp(dir))
			abort();
		snprintf(path, sizeof(path), "%s/k.img", dir);
		atexit(remove_dir);
	}
	f = fopen(path, "wb");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f))
		abort();
}

TEST(open_a_file)
{
	struct image image;
	struct blob b;
	char *facts;

	make_image(&b, "bzImage");
	write_file(b.data, b.len);
	CHECK_EQ(image_open(&image, path, x86, NULL), 0);
	facts = image_facts(&image);
	CHECK(!strncmp(facts, "bzImage64 payload=4096@2560", 27));
	free(facts);
	CHECK(!image.compression);
	CHECK_STR(image.whole.name, path);
	CHECK_EQ(image.whole.len, b.len);
	image_close(&image);
	image_close(&image);

	image.protocol = 0x1234;
	CHECK_FAILS(image_open(&image, path, arm64, NULL), -ENOEXEC, path);
	CHECK_FAILS(image_open(&image, path, arm64, "zImage"), -EINVAL, "unknown image type \"zImage\"");
	unlink(path);
	CHECK_FAILS(image_open(&image, path, x86, NULL), -ENOENT, path);
	CHECK_FAILS(image_open(&image, dir, x86, NULL), -EISDIR, dir);
	write_file("", 0);
	CHECK_FAILS(image_open(&image, path, x86, NULL), -ENODATA, path);
	CHECK_EQ(image.protocol, 0x1234);
	blob_deinit(&b);
}

#ifdef HAVE_ZLIB
static void gzip_file(const void *bytes, size_t len, size_t cut)
{
	uint8_t *packed = malloc(2 * len + 1000);
	z_stream z = { .next_in = (void *)bytes, .avail_in = len, .next_out = packed, .avail_out = 2 * len + 1000 };

	deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	write_file(packed, z.total_out - cut);
	deflateEnd(&z);
	free(packed);
}

TEST(open_a_compressed_file)
{
	struct image image;
	struct blob b;

	make_image(&b, "Image");
	gzip_file(b.data, b.len, 0);
	CHECK_EQ(image_open(&image, path, arm64, NULL), 0);
	CHECK_STR(image.compression, "gzip");
	CHECK_STR(image.whole.name, path);
	CHECK_EQ(image.whole.len, b.len);
	CHECK(!memcmp(image.payload.base, b.data, b.len));
	/* The packed bytes are given back. */
	CHECK(!image.file.map && !image.file.view.base);
	CHECK(!image_insane(&image));
	image_close(&image);

	gzip_file(b.data, b.len, 1);
	CHECK_FAILS(image_open(&image, path, arm64, NULL), -EINVAL, "is truncated: its gzip data");
	/* Truncated before it was packed. */
	gzip_file(b.data, b.len - 1, 0);
	CHECK_FAILS(image_open(&image, path, arm64, NULL), -EINVAL,
		    "Image: truncated: its sections say 10240 bytes, the file has 10239");
	gzip_file("hello, world", 12, 0);
	CHECK_FAILS(image_open(&image, path, arm64, NULL), -ENOEXEC,
		    "(gzip, unpacked to 12 bytes) is no kernel image: Image: it ends before \"ARM\\x64\" at 56");
	gzip_file("", 0, 0);
	CHECK_FAILS(image_open(&image, path, arm64, NULL), -ENOEXEC, "unpacked to 0 bytes");
	blob_deinit(&b);
}
#endif

TEST(bytes_in_memory_are_not_owned)
{
	struct image image;
	struct blob b;
	struct view unnamed;

	make_image(&b, "bzImage");
	unnamed = view_of(b.data, b.len, NULL);
	unnamed.big_endian = true;
	CHECK_EQ(image_parse(&image, &unnamed, x86, NULL), 0);
	CHECK(image.payload.base == b.data + 2560);
	image_close(&image);
	b.data[0x202] = 0;
	CHECK_FAILS(image_parse(&image, &unnamed, x86, NULL), -ENOEXEC, "the kernel is no kernel image");
	blob_deinit(&b);
}
