LIB_SRCS = \
	lib/blob.c \
	lib/capture_description.c \
	lib/capture_report.c \
	lib/clock.c \
	lib/cmdline.c \
	lib/elf.c \
	lib/err.c \
	lib/fdt.c \
	lib/file.c \
	lib/json.c \
	lib/ranges.c \
	lib/root.c \
	lib/run.c \
	lib/sha256.c \
	$(SHA256_CPU_SRC) \
	lib/text.c \
	lib/unpack.c \
	lib/unpack_gzip.c \
	lib/unpack_lz4.c \
	lib/unpack_xz.c \
	lib/unpack_zstd.c \
	lib/view.c
