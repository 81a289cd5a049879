LIB_SRCS = \
	lib/blob.c \
	lib/cmdline.c \
	lib/elf.c \
	lib/err.c \
	lib/fdt.c \
	lib/file.c \
	lib/json.c \
	lib/ranges.c \
	lib/root.c \
	lib/sha256.c \
	lib/unpack.c \
	lib/view.c
