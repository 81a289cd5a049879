// SPDX-License-Identifier: GPL-2.0-or-later
#include "kexec/syscall.h"

#include "kexec/arch/arch.h"
#include "lib/err.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* kexec_load(2): what the kernel reads; the only place where addresses are narrowed to the word of this machine. */
struct kernel_segment {
	const void *buf;
	size_t bufsz;
	unsigned long mem;
	size_t memsz;
};

/* Another loader holds the lock for the time of its copy at most; udev storms make that likely. */
#define BUSY_TRIES 20
#define BUSY_WAIT_NS (50 * 1000 * 1000)

static int narrow(const struct segment *seg, struct kernel_segment *out)
{
	struct kernel_segment k = { seg->buf, seg->bufsz, seg->mem, seg->memsz };

	if (k.bufsz != seg->bufsz || k.mem != seg->mem || k.memsz != seg->memsz)
		return fail(-ERANGE, "segment %s at %#" PRIx64 " is out of reach of a 32-bit program", seg->what,
			    seg->mem);
	*out = k;
	return 0;
}

static int sys_kexec_load(unsigned long entry, unsigned long nr, struct kernel_segment *segments, unsigned long flags)
{
	const struct timespec wait = { 0, BUSY_WAIT_NS };
	long result;

	debug("kexec_load: entry %#lx, %lu segments, flags %#lx", entry, nr, flags);
	for (int tries = 0; ; tries++) {
		result = syscall(SYS_kexec_load, entry, nr, segments, flags);
		if (!result || errno != EBUSY || tries == BUSY_TRIES)
			break;
		nanosleep(&wait, NULL);
	}
	return result ? -errno : 0;
}

/* /proc/self/status: "CapEff:\t000001ffffffffff". */
static bool lacks_sys_boot(const struct root *root)
{
	uint64_t caps = UINT64_MAX;
	struct blob status;
	const char *line;

	blob_init(&status);
	if (!root_read(root, "proc/self/status", ROOT_READ_MAX, &status) &&
	    (line = strstr((const char *)status.data, "CapEff:")))
		sscanf(line, "CapEff: %" SCNx64, &caps);
	else
		err_clear();
	blob_deinit(&status);
	return !(caps & 1ull << CAP_SYS_BOOT);
}

static bool load_disabled(const struct root *root)
{
	uint64_t value;

	if (!root_exists(root, "proc/sys/kernel/kexec_load_disabled"))
		return false;
	if (root_read_u64(root, "proc/sys/kernel/kexec_load_disabled", 10, &value)) {
		err_clear();
		return false;
	}
	return value != 0;
}

/* "none [integrity] confidentiality": the bracket tells the state. */
static bool locked_down(const struct root *root)
{
	struct blob text;
	bool locked = false;

	blob_init(&text);
	if (root_exists(root, "sys/kernel/security/lockdown") &&
	    !root_read(root, "sys/kernel/security/lockdown", 4096, &text))
		locked = strstr((const char *)text.data, "[integrity]") ||
			 strstr((const char *)text.data, "[confidentiality]");
	else
		err_clear();
	blob_deinit(&text);
	return locked;
}

static int check_permission(const struct root *root)
{
	if (lacks_sys_boot(root))
		return fail(-EPERM, "loading a kernel needs root (CAP_SYS_BOOT); run this as root");
	if (load_disabled(root))
		return fail(-EPERM,
			    "loading is disabled until the next boot: /proc/sys/kernel/kexec_load_disabled is 1");
	if (locked_down(root))
		return fail(-EPERM,
			    "the kernel is locked down (see /sys/kernel/security/lockdown; usual with Secure Boot) and "
			    "refuses kexec_load; boot without lockdown or Secure Boot to load with this program");
	return 0;
}

int kexec_precheck(const struct root *root)
{
	uint64_t size;
	int err = check_permission(root);

	if (err)
		return err;
	if (!root_exists(root, "sys/kernel/kexec_crash_size") && !root_exists(root, "sys/kernel/kexec/crash_size"))
		return 0;
	err = root_read_u64(root, root_exists(root, "sys/kernel/kexec/crash_size") ? "sys/kernel/kexec/crash_size" :
			    "sys/kernel/kexec_crash_size", 10, &size);
	if (err) {
		err_clear();
		return 0;
	}
	if (!size)
		return fail(
			-ENODATA,
			"no memory is reserved for a capture kernel: add crashkernel=256M to the kernel command line "
			"and reboot (a reservation that failed is told in the kernel's log)");
	return 0;
}

struct errno_cause {
	int err;
	const char *cause;
};

static const struct errno_cause load_causes[] = {
	{ EBUSY, "another program is loading a kernel, or a kexec is under way; try again" },
	{ EPERM,
	  "not permitted, although CAP_SYS_BOOT is there and neither kexec_load_disabled nor lockdown is set; look "
	  "for a security module's (SELinux, IMA, AppArmor) line in the kernel's log" },
	{ EACCES, "a security module (SELinux, IMA, AppArmor) forbids it; see the kernel's log" },
	{ EADDRNOTAVAIL,
	  "the kernel does not take a segment at its address: the reservation has changed since it was read, "
	  "for example by a write to /sys/kernel/kexec_crash_size" },
	{ EINVAL, "the kernel takes the flags, the number of segments or their layout for invalid" },
	{ ENOMEM, "the kernel has no memory for its own tables beside the segments; boot with a larger crashkernel=" },
	{ ENOSYS, "this kernel was built without kexec_load (CONFIG_KEXEC)" },
	{ EFAULT, "the kernel could not read a segment from this program, perhaps because a file was cut while it was "
		  "being loaded" },
};

static const char *errno_cause(int err)
{
	for (size_t i = 0; i < sizeof(load_causes) / sizeof(load_causes[0]); i++)
		if (load_causes[i].err == -err)
			return load_causes[i].cause;
	return strerror(-err);
}

static const char *what_is_loaded(const struct root *root)
{
	int loaded = kexec_is_loaded(root, true);

	if (loaded < 0)
		return "whether a capture kernel is still loaded cannot be told";
	return loaded ? "the capture kernel that was loaded before stays loaded" : "no capture kernel is loaded now";
}

/*
 * The kernel refuses what would take more than half of the machine's pages (kernel/kexec_core.c since Linux 4.13),
 * but only after it has dropped the earlier image: test it first. What /proc/meminfo calls MemTotal is that number
 * of pages.
 */
static int check_half_of_ram(const struct plan *plan)
{
	uint64_t kib = 0, need = plan_bytes(plan) >> 10;
	struct blob text;
	const char *line;

	blob_init(&text);
	if (!root_read(plan->root, "proc/meminfo", ROOT_READ_MAX, &text) &&
	    (line = strstr((const char *)text.data, "MemTotal:")))
		sscanf(line, "MemTotal: %" SCNu64, &kib);
	else
		err_clear();
	blob_deinit(&text);
	if (kib && need > kib / 2)
		return fail(-EINVAL,
			    "the segments take %" PRIu64
			    " MiB, and the kernel allows at most half of its memory, %" PRIu64
			    " MiB; use a smaller initrd",
			    need >> 10, kib >> 11);
	return 0;
}

int kexec_load_plan(const struct plan *plan)
{
	struct kernel_segment segments[KEXEC_ABI_SEGMENT_MAX];
	int err = check_half_of_ram(plan);
	const char *now;

	for (size_t i = 0; !err && i < plan->nr_seg; i++)
		err = narrow(&plan->seg[i], &segments[i]);
	if (!err && (unsigned long)plan->entry != plan->entry)
		err = fail(-ERANGE, "the entry %#" PRIx64 " is out of reach of a 32-bit program", plan->entry);
	if (err)
		return err;
	err = sys_kexec_load(plan->entry, plan->nr_seg, segments, plan->kexec_flags);
	if (!err)
		return 0;
	if (err == -EPERM && check_permission(plan->root))
		return -EPERM;
	/* Before fail(): asking may record an error of its own. */
	now = what_is_loaded(plan->root);
	return fail(err, "kexec_load failed (%s; %s): %s", strerrorname_np(-err) ? strerrorname_np(-err) : "?", now,
		    errno_cause(err));
}

int kexec_unload(const struct root *root, uint32_t arch_id, bool panic)
{
	int err = check_permission(root);

	if (err)
		return err;
	err = sys_kexec_load(0, 0, NULL, (panic ? KEXEC_ABI_ON_CRASH : 0) | arch_id << KEXEC_ABI_ARCH_SHIFT);
	/* The permission may have gone between the question and the call. */
	if (err == -EPERM && check_permission(root))
		return -EPERM;
	return err ? fail(err, "cannot unload the %s: %s", panic ? "capture kernel" : "kernel", errno_cause(err)) : 0;
}

/* Linux 6.19 moved the files into a directory of their own; the old names go away in time. */
int kexec_is_loaded(const struct root *root, bool panic)
{
	const char *path = panic ? "sys/kernel/kexec/crash_loaded" : "sys/kernel/kexec/loaded";
	uint64_t value;
	int err;

	if (!root_exists(root, path))
		path = panic ? "sys/kernel/kexec_crash_loaded" : "sys/kernel/kexec_loaded";
	err = root_read_u64(root, path, 10, &value);
	if (err)
		return fail_ctx(err, "cannot tell whether a kernel is loaded (does this kernel have kexec?)");
	debug("/%s: %" PRIu64, path, value);
	return value != 0;
}
