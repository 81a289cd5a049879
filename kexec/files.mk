# Everything of the loader but main.c; the unit tests link it too.
KEXEC_SRCS = \
	kexec/arch/arch.c \
	kexec/arch/arm64.c \
	kexec/arch/x86_64.c \
	kexec/boot/boot.c \
	kexec/boot/dtb.c \
	kexec/boot/x86.c \
	kexec/boot/x86_e820.c \
	kexec/boot/x86_efi.c \
	kexec/capture.c \
	kexec/console.c \
	kexec/corehdr.c \
	kexec/crash.c \
	kexec/description.c \
	kexec/digests.c \
	kexec/fwmap.c \
	kexec/identity_map.c \
	kexec/image/arm64_image.c \
	kexec/image/bzimage.c \
	kexec/image/image.c \
	kexec/iomem.c \
	kexec/kcore.c \
	kexec/kernel_map.c \
	kexec/load.c \
	kexec/memmap.c \
	kexec/options.c \
	kexec/plan.c \
	kexec/platform.c \
	kexec/purgatory.c \
	kexec/report.c \
	kexec/syscall.c \
	kexec/verify.c
