# The purgatories: one freestanding program for each of PURGATORY_ARCHES, built with its own compiler
# (PURG_CC_<arch>) and its own flags only: nothing of CFLAGS, CPPFLAGS or LDFLAGS, and nothing that a distribution
# switches on, may reach code that runs without a C library, a stack guard or a thread pointer. After changing
# PURG_CC_<arch> by hand: make clean.
PURGATORY_BLOBS = $(PURGATORY_ARCHES:%=purgatory/blob_%.o)
PURGATORY_CLEAN = purgatory/*.[od] purgatory/*/*.[od] purgatory/*/flags purgatory/*/ldflags purgatory/*/purgatory.elf

PURG_SRCS = purgatory/purgatory.c purgatory/verify.c purgatory/verdict.c purgatory/map.c purgatory/console.c \
	purgatory/uart.c purgatory/screen.c purgatory/vga_mode.c purgatory/font.c purgatory/memory.c lib/sha256.c
# Of each architecture: what purgatory/<arch>/ has, and lib/sha256_<arch>.S.
PURG_OBJS = entry.o arch.o sha256_cpu.o $(notdir $(PURG_SRCS:.c=.o))
PURG_OBJS_arm64 = mmu.o

PURG_CFLAGS = -std=gnu11 -O2 -ffreestanding -fPIE -fvisibility=hidden -fno-common -fomit-frame-pointer \
	-fno-strict-aliasing -fno-delete-null-pointer-checks -fno-stack-protector -fno-lto -fno-exceptions \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -U_FORTIFY_SOURCE \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -I$(srcdir)
PURG_CFLAGS_x86_64 = -m64 -mno-red-zone -mgeneral-regs-only -mcmodel=small
PURG_CFLAGS_arm64 = -mgeneral-regs-only -mstrict-align
PURG_LDFLAGS = -nostdlib -pie -Wl,--no-dynamic-linker -Wl,-z,text -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	-Wl,-z,norelro -Wl,--build-id=none -Wl,--no-undefined

# Used where the compiler knows them: each undoes something that some compiler or distribution does by default.
PURG_TRY_CFLAGS = -fcf-protection=none -mbranch-protection=none -mno-outline-atomics -fno-stack-clash-protection \
	-ftrivial-auto-var-init=uninitialized -fzero-call-used-regs=skip -fno-tree-loop-distribute-patterns \
	-fno-jump-tables -fno-sanitize=all -fno-profile-generate -fno-plt -mindirect-branch=keep \
	-mfunction-return=keep -mno-retpoline -Wa,-mx86-used-note=no
PURG_TRY_LDFLAGS = -Wl,--no-warn-rwx-segments -Wl,-z,nopack-relative-relocs -Wl,--hash-style=sysv

# $(1): our name of the architecture. clang warns of flags for the other half of its work unless told not to.
define PURGATORY_RULES
PURG_RUN_$(1) = $$(PURG_CC_$(1)) -Wno-unused-command-line-argument
PURG_COMPILE_$(1) = $$(PURG_RUN_$(1)) $$(PURG_CFLAGS) $$(PURG_CFLAGS_$(1)) $$$$(cat purgatory/$(1)/flags)
PURG_LINK_$(1) = $$(PURG_RUN_$(1)) $$(PURG_CFLAGS_$(1)) $$(PURG_LDFLAGS) $$$$(cat purgatory/$(1)/ldflags)

purgatory/$(1)/flags: Makefile $(srcdir)/purgatory/files.mk
	@mkdir -p $$(@D)
	@for flag in $$(PURG_TRY_CFLAGS); do \
		echo 'int probe;' | $$(PURG_RUN_$(1)) -Werror $$$$flag -x c -c -o $$(@D)/probe.o - \
			2>/dev/null || continue; \
		echo " $$$$flag"; \
	done > $$@.tmp
	@mv $$@.tmp $$@

purgatory/$(1)/ldflags: purgatory/$(1)/flags
	@mkdir -p $$(@D)
	@for flag in $$(PURG_TRY_LDFLAGS); do \
		echo 'void _start(void); void _start(void) {}' | $$(PURG_COMPILE_$(1)) $$(PURG_LDFLAGS) \
			-Wl,--fatal-warnings $$$$flag -x c -o $$(@D)/probe.o - 2>/dev/null || continue; \
		echo " $$$$flag"; \
	done > $$@.tmp
	@mv $$@.tmp $$@

purgatory/$(1)/%.o: purgatory/%.c purgatory/$(1)/flags
	$$(call QUIET,CC)$$(PURG_COMPILE_$(1)) -MMD -MP -c -o $$@ $$<
purgatory/$(1)/%.o: lib/%.c purgatory/$(1)/flags
	$$(call QUIET,CC)$$(PURG_COMPILE_$(1)) -MMD -MP -c -o $$@ $$<
purgatory/$(1)/%.o: purgatory/$(1)/%.c purgatory/$(1)/flags
	$$(call QUIET,CC)$$(PURG_COMPILE_$(1)) -MMD -MP -c -o $$@ $$<
purgatory/$(1)/%.o: purgatory/$(1)/%.S purgatory/$(1)/flags
	$$(call QUIET,CC)$$(PURG_COMPILE_$(1)) -MMD -MP -c -o $$@ $$<

purgatory/$(1)/sha256_cpu.o: lib/sha256_$(1).S purgatory/$(1)/flags
	$$(call QUIET,CC)$$(PURG_COMPILE_$(1)) -MMD -MP -c -o $$@ $$<

purgatory/$(1)/purgatory.elf: $(PURG_OBJS:%=purgatory/$(1)/%) $(PURG_OBJS_$(1):%=purgatory/$(1)/%) purgatory/purgatory.lds purgatory/$(1)/ldflags
	$$(call QUIET,LD)$$(PURG_LINK_$(1)) -Wl,-T,$$(filter %.lds,$$^) -o $$@ $$(filter %.o,$$^)

# For the loader, so with the loader's compiler.
purgatory/blob_$(1).o: purgatory/blob.S purgatory/$(1)/purgatory.elf
	$$(call QUIET,AS)$$(COMPILE) -DBLOB_NAME=purgatory_$(1) \
		-DBLOB_FILE='"purgatory/$(1)/purgatory.elf"' -c -o $$@ $$<
endef
$(foreach arch,$(PURGATORY_ARCHES),$(eval $(call PURGATORY_RULES,$(arch))))

-include $(foreach arch,$(PURGATORY_ARCHES),$(patsubst %.o,purgatory/$(arch)/%.d,$(PURG_OBJS) $(PURG_OBJS_$(arch))))
