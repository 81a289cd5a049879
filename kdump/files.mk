# Everything of kdump but main.c; the unit tests link it too.
KDUMP_SRCS = \
	kdump/arch/arm64.c \
	kdump/arch/x86_64.c \
	kdump/btf.c \
	kdump/classify.c \
	kdump/classify_window.c \
	kdump/codec.c \
	kdump/dmesg.c \
	kdump/dmesg_bytes.c \
	kdump/dmesg_lockless.c \
	kdump/dmesg_records.c \
	kdump/dmesg_scan.c \
	kdump/kinfo.c \
	kdump/ksyms.c \
	kdump/memmodel.c \
	kdump/out_diskdump.c \
	kdump/out_elf.c \
	kdump/out_notes.c \
	kdump/out_slots.c \
	kdump/pipe.c \
	kdump/sink.c \
	kdump/source_diskdump.c \
	kdump/source_elf.c \
	kdump/source_map.c \
	kdump/vmcore.c \
	kdump/vmcoreinfo.c \
	kdump/vtop.c
