/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: everything that will be handed to kexec_load, and why. Filled step by step by load.c; printed by
 * --dry-run; checked and sealed before the system call.
 */
#ifndef KEXEC_PLAN_H
#define KEXEC_PLAN_H

#include "kexec/corehdr.h"
#include "kexec/crash.h"
#include "kexec/image/image.h"
#include "include/kexec_abi.h"
#include "include/purgatory_params.h"
#include "lib/cmdline.h"
#include "kexec/memmap.h"

struct arch;
struct digests;

/* Consoles that the user named; nothing of it: those of the running kernel. */
struct console_request {
	bool vga;                      /* --console-vga */
	bool serial;                   /* --console-serial, or implied by --serial */
	const char *serial_device;     /* --serial; NULL: the running kernel's */
	uint32_t baud;                 /* --serial-baud; 0: as it is */
	bool reset_vga;                /* --reset-vga */
};

/* What the user asked for; strings are the command line's. */
struct load_request {
	const char *kernel_path;
	const char *initrd_path;       /* NULL: none */
	const char *dtb_path;          /* NULL: the running kernel's */
	const char *cmdline;           /* --append; NULL: none */
	bool reuse_cmdline;
	const char *type;              /* -t; NULL: probe */
	uint64_t mem_min;              /* 0 */
	uint64_t mem_max;              /* UINT64_MAX; the highest byte that may be used */
	bool entry_given;
	uint64_t entry;
	bool no_checks;                /* -i */
	bool hotplug;
	unsigned int core_width;       /* 8 or 4; 0: the architecture's */
	uint32_t policy;               /* enum purg_policy; 0: PURG_POLICY_REBOOT */
	/* The fallback: what is not given is the primary's; all three NULL: there is none. */
	const char *fallback_kernel_path;
	const char *fallback_initrd_path; /* LOAD_NO_INITRD: it has none */
	const char *fallback_cmdline;  /* --fallback-append; NULL: the primary's --append */
	struct console_request console;
	struct digests *digests;       /* --digests; NULL: none are remembered */
};

#define LOAD_NO_INITRD "none"

struct segment {
	const char *what;              /* static: "kernel", "initrd", "elfcorehdr", "backup", ... */
	const void *buf;               /* owned by whoever made it, lives as long as the plan */
	uint64_t bufsz;
	uint64_t mem;                  /* physical */
	uint64_t memsz;                /* multiple of the page size; the kernel zeroes bufsz..memsz */
	const char *no_digest;         /* NULL, or why this segment is not verified */
	uint32_t images;               /* bit I: capture[I] needs it */
	uint8_t digest[32];            /* set by purgatory_seal */
};

struct place {
	uint64_t memsz;                /* bytes; rounded up to pages by plan_place */
	uint64_t align;                /* power of two; at least a page is used */
	uint64_t align_offset;         /* address = multiple of align + align_offset */
	uint64_t min;
	uint64_t last;                 /* highest byte that may be occupied, inclusive */
	bool top_down;
	uint32_t images;               /* of the segment */
};

/* A system that the purgatory can start: a kernel and what goes with it. */
enum { PRIMARY = 0, FALLBACK = 1 };
#define FOR_IMAGE(idx) (1u << (idx))
#define FOR_ALL_IMAGES UINT32_MAX      /* also those of a plan that has only one */

struct capture {
	unsigned int idx;              /* PRIMARY, FALLBACK */
	struct image image;
	struct file initrd;            /* view.len 0: none */
	bool shares_kernel;            /* of a fallback: file and segment are the primary's */
	bool shares_initrd;            /* the file is; the segment too, where this kernel can use it */
	struct cmdline cmdline;        /* final after describe */
	uint64_t kernel_paddr;
	uint64_t initrd_paddr;
	struct blob boot;              /* backing of boot_params or of the device tree */
	/* What the purgatory will do; boot->describe fills these, purgatory_seal copies them. */
	uint64_t next_entry;
	uint64_t next_args[4];
	uint32_t next_mode;            /* enum purg_entry_mode; PURG_ENTRY_X86_32: the purgatory must lie below 4 GiB */
	uint64_t verdict_paddr;        /* as in struct purg_image */
	uint32_t verdict_len;
};

struct plan {
	const struct arch *arch;
	const struct root *root;
	const struct load_request *req;
	struct memmap memmap;
	struct crash_info crash;
	struct capture capture[PURG_MAX_IMAGES];
	unsigned int nr_captures;
	uint32_t policy;               /* enum purg_policy */
	struct purg_console consoles[PURG_MAX_CONSOLES];
	uint32_t nr_consoles;
	struct range window;           /* where segments may go */
	struct ranges free;            /* what is left of the window */
	struct ranges dump;            /* RAM in the dump */
	struct segment seg[KEXEC_ABI_SEGMENT_MAX];
	size_t nr_seg;
	uint32_t kexec_flags;          /* KEXEC_ABI_ */
	uint64_t elfcorehdr_paddr;
	uint64_t elfcorehdr_memsz;     /* bytes */
	struct core_backup backup;
	struct blob corehdr;           /* backing of the elfcorehdr segment */
	struct blob description;       /* struct capture_description; sealed last */
	uint64_t description_paddr;
	struct blob tables;            /* the identity map; len 0: none */
	uint64_t tables_paddr;
	struct blob purgatory;         /* the relocated purgatory image; starts with struct purg_params */
	uint64_t purgatory_paddr;
	uint64_t entry;                /* where the kernel jumps: the purgatory's entry */
};

void plan_init(struct plan *plan);
void plan_deinit(struct plan *plan);

/*
 * Forget all segments and their contents and place into WINDOW from now on. What was read of the machine and the
 * files stays. -ENOMEM.
 */
int plan_restart(struct plan *plan, const struct range *window);

/*
 * Find room in what is left of the window, within the user's --mem-min and --mem-max, take it, and append a
 * segment. BUF may be NULL (all zero; bufsz 0). *PADDR = where. -ENOSPC: recorded: which segment, how much it
 * needs, how much is left, the largest hole. -E2BIG: more than 16 segments. -EINVAL: bufsz > memsz.
 */
int plan_place(struct plan *plan, const char *what, const void *buf, uint64_t bufsz, const struct place *place,
	       uint64_t *paddr);

/* The name of a segment of the capture with this index: WHAT, or "fallback-WHAT". WHAT is one of a few. */
const char *plan_name(unsigned int idx, const char *what);

/* The segment named WHAT, or NULL. */
struct segment *plan_find(struct plan *plan, const char *what);

/*
 * Every promise the kernel will test, tested here, so that the sentence names the segment. -EINVAL, recorded.
 * Sorts the segments by address.
 */
int plan_check(struct plan *plan);

/* Sum of memsz. */
uint64_t plan_bytes(const struct plan *plan);

#endif
