/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/kdump.conf: a keyword, blanks, the rest of the line is its value; "#" begins a comment. Parsed, never sourced.
 * kdump.conf(5) describes every keyword. The capture kernel reads the same text as the running system, so what one of
 * them accepts the other does too.
 */
#ifndef SERVICE_CONF_H
#define SERVICE_CONF_H

#include "lib/blob.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_PATH       "/etc/kdump.conf"
/* Fedora's second file, in shell syntax: read as KEY="VALUE" lines when it is there. /etc/default/kdump elsewhere. */
#define CONF_SYSCONFIG  "/etc/sysconfig/kdump"
#define CONF_DEFAULT    "/etc/default/kdump"

/* What a line names as a place for dumps. They are tried in the order of their lines. */
enum conf_target_kind {
	CONF_LOCAL,                /* no line: "path" on the file system that it lies on */
	CONF_FS,                   /* ext4 DEVICE, xfs DEVICE, virtiofs TAG...: "path" below that file system's root */
	CONF_RAW,                  /* raw DEVICE */
	CONF_NFS,                  /* nfs SERVER:/EXPORT */
	CONF_SSH,                  /* ssh USER@SERVER[:PORT] */
	CONF_HTTPS,                /* https URL: the URL as a whole, with scheme; http:// only with https_insecure */
	CONF_S3,                   /* s3 s3://BUCKET[/PREFIX] */
};

struct conf_target {
	enum conf_target_kind kind;
	char *fstype;              /* CONF_FS; NULL else */
	/* as the line has it: /dev/..., UUID=, LABEL=, PARTUUID=, server...; NULL for CONF_LOCAL */
	char *where;
	unsigned int line;         /* 0: it was not in the file */
};

/* failure_action and final_action. */
enum conf_action { CONF_REBOOT, CONF_HALT, CONF_POWEROFF, CONF_SHELL, CONF_DUMP_TO_ROOTFS };

/* Who builds the capture initramfs. */
enum conf_builder { CONF_BUILDER_AUTO, CONF_BUILDER_OWN, CONF_BUILDER_DRACUT, CONF_BUILDER_INITRAMFS_TOOLS };

/* A word list of a keyword that may be given more than once: extra_bins, extra_modules. */
struct conf_words {
	char **word;
	size_t nr;
};

/*
 * keep: dumps that one of these does not allow are removed, the oldest first, never the newest. 0: no limit; that is
 * the default.
 */
struct conf_keep {
	uint64_t count, age_s, free_bytes;
};

struct conf {
	struct conf_target *target;   /* never empty after conf_read(): CONF_LOCAL stands in */
	size_t nr_targets;
	char *path;                   /* "/var/crash" */
	char *core_collector;         /* "makedumpfile -l --message-level 7 -d 31" when there is no line */
	char *kdump_pre, *kdump_post; /* programs; NULL: none */
	struct conf_words extra_bins, extra_modules;
	enum conf_action failure_action, final_action;
	char *sshkey;                 /* /root/.ssh/kdump_id_rsa, as with the peers */
	char *ssh_known_hosts;        /* /root/.ssh/known_hosts: the only host keys that are accepted */
	char *dracut_args;
	char *fence_kdump_args, *fence_kdump_nodes;
	bool force_rebuild, force_no_rebuild, auto_reset_crashkernel;
	struct conf_keep keep;
	/* from the start of the capture kernel to the reboot; an hour by default; 0: none ("deadline none") */
	uint64_t deadline_s;
	char *encrypt;                /* public key, base64 of 32 bytes; NULL: not encrypted */
	char *https_ca, *https_credentials, *s3_endpoint, *s3_region, *s3_credentials; /* files, URL, name, file */
	bool https_insecure;          /* "https_insecure yes": http:// is accepted; certificates are always verified */
	/* "shell yes" or "failure_action shell": a busybox shell in the built initramfs */
	bool shell;
	/* initramfs own|dracut|initramfs-tools|auto; dracut_args make "auto" mean dracut */
	enum conf_builder builder;
	/* sysconfig */
	char *kernelver;              /* KDUMP_KERNELVER; NULL: the running kernel's */
	char *cmdline, *cmdline_remove, *cmdline_append; /* KDUMP_COMMANDLINE...; NULL: not set */
	char *kexec_args;             /* KEXEC_ARGS */
	char *bootdir, *img, *img_ext;
};

/* One fault of a file. */
struct conf_fault {
	char *file;                   /* heap */
	unsigned int line;            /* 0: of the file as a whole */
	char *text;                   /* a sentence; heap */
};

struct conf_faults {
	struct conf_fault *fault;
	size_t nr;
};

/* The defaults. -ENOMEM (recorded). */
int conf_init(struct conf *c);
void conf_deinit(struct conf *c);

/*
 * Parse LEN bytes of TEXT (no NUL needed) of the file NAME into C (initialised). Every fault goes to FAULTS (zeroed
 * before), so that all can be told at once: an unknown or repeated keyword, a malformed value, values that contradict
 * each other. -EINVAL (recorded: the first fault as "NAME:LINE: SENTENCE"), -ENOMEM. What was parsed before the fault
 * stays in C, which conf_deinit() frees all the same.
 */
int conf_parse(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults);
/* The same for the file of KEY="VALUE" lines. A value with $, ` or a backslash is a fault: nothing is expanded. */
int conf_parse_sysconfig(struct conf *c, const char *name, const char *text, size_t len, struct conf_faults *faults);

/*
 * conf_init(), then PATH (NULL: CONF_PATH below SYSROOT) and, when there is one below SYSROOT (NULL: "/"),
 * CONF_SYSCONFIG or CONF_DEFAULT. -ENOENT when PATH is not there, -EINVAL, -errno; recorded. FAULTS may be NULL.
 */
int conf_read(struct conf *c, const char *sysroot, const char *path, struct conf_faults *faults);
void conf_faults_deinit(struct conf_faults *faults);

/*
 * "user@server:/path" of an NFS or ssh target as one line for messages, "/var/crash on /dev/vda1", "https://...": from
 * malloc, NULL without memory.
 */
char *conf_target_name(const struct conf *c, const struct conf_target *t);

#endif
