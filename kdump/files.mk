# Everything of kdump but main.c; the unit tests link it too.
KDUMP_SRCS = \
	kdump/source_diskdump.c \
	kdump/source_elf.c \
	kdump/source_map.c \
	kdump/vmcore.c \
	kdump/vmcoreinfo.c
